//! Minting against a real STS over loopback: `cordon-lab`, which checks signatures, limits, trust
//! and durations, and a hostile one for what a good STS never says. The clock is turned by hand.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a story stops at once, and reads the bundle from the disk"
)]

mod children;
mod desk;
mod faults;
mod hostile;
mod narrowing;
mod sharing;
mod stopping;

use cordon_aws::arn::{AccountId, Partition, Region};
use cordon_aws::sigv4::SecretKey;
use cordon_broker::{BaseIdentity, Broker, BrokerConfig, Role, Roles, StsDeadlines};
use cordon_core::decide::Permit;
use cordon_core::session::Session;
use cordon_core::sign::Minted;
use cordon_lab::{
    BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, Clock, Entry, Estate, Lab, LabConfig, RoleSeed,
    UserSeed,
};
use desk::{ACCOUNT, Desk, REGION};
use jiff::{SignedDuration, Timestamp};
use std::num::NonZeroUsize;
use std::sync::Arc;

const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// A session that nobody stopped.
fn live() -> bool {
    true
}

/// The lab with a broker before it, a desk that decides, and the hands of the clock.
struct Stage {
    lab: Lab,
    clock: Clock,
    broker: Broker,
    desk: Desk,
    session: Arc<Session>,
}

impl Stage {
    async fn set() -> Self {
        Self::with(|estate| estate).await
    }

    /// With less room for session policies.
    async fn cramped(bytes: usize) -> Self {
        Self::with(|estate| estate.with_packed_limit(NonZeroUsize::new(bytes).unwrap())).await
    }

    async fn with(change: impl FnOnce(Estate) -> Estate) -> Self {
        let clock = Clock::manual("2026-11-25T09:00:00Z".parse().unwrap());
        let lab = Lab::start(LabConfig {
            clock: clock.clone(),
            ..LabConfig::new(change(estate()))
        });
        let lab = lab.await.unwrap();
        let broker = Broker::new(config(lab.endpoint())).await;
        let desk = Desk::new();
        Self {
            session: desk.session("T-1", clock.now()),
            lab,
            clock,
            broker,
            desk,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn turn(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    fn permit(&self, operation: &str, table: &str) -> Permit {
        let now = self.now();
        self.desk.permit(&self.session, operation, table, now)
    }

    /// Mints for a call, and gives the key id that it got.
    async fn mint(&self, operation: &str, table: &str) -> String {
        let permit = self.permit(operation, table);
        key_id(&self.broker.mint(&permit, self.now(), live).await.unwrap())
    }

    /// The requests for a session that STS got.
    fn asked(&self) -> Vec<Entry> {
        let log = self.lab.log();
        assert!(log.iter().all(|entry| entry.operation == "AssumeRole"));
        log
    }
}

fn key_id(minted: &Minted) -> String {
    minted.credentials.key_id().as_str().to_owned()
}

/// A broker before `endpoint`, with two roles: one for this account, one for none of it.
fn config(endpoint: String) -> BrokerConfig {
    BrokerConfig {
        roles: roles("cordon-agent"),
        base: base(BASE_ACCESS_KEY_ID),
        endpoint: Some(endpoint),
        authorities: None,
        deadlines: StsDeadlines::default(),
    }
}

fn roles(name: &str) -> Roles {
    Roles::new([Role {
        account: ACCOUNT.parse().unwrap(),
        environment: None,
        arn: format!("arn:aws:iam::{ACCOUNT}:role/{name}")
            .parse()
            .unwrap(),
    }])
}

fn base(key_id: &str) -> BaseIdentity {
    BaseIdentity::Keys {
        id: key_id.to_owned(),
        secret: SecretKey::new(BASE_SECRET_ACCESS_KEY.to_owned()),
    }
}

fn estate() -> Estate {
    let region: Region = REGION.parse().unwrap();
    let account: AccountId = ACCOUNT.parse().unwrap();
    let partition = Partition::of_region(&region);
    let trust = Estate::trust_of_account(&partition, &account);
    let stranger = trust.replace(ACCOUNT, "999988887777");
    let deploy = trust_of("cordon-agent", "1234");
    let next = trust_of("deploy", "");
    let role = |name, trust| RoleSeed {
        name,
        trust,
        policies: &[EVERYTHING],
        max_session_seconds: 3_600,
    };
    Estate::empty(&partition, &region, &account)
        .with_user(&UserSeed {
            name: "cordon",
            access_key_id: BASE_ACCESS_KEY_ID,
            secret_access_key: BASE_SECRET_ACCESS_KEY,
            policies: &[EVERYTHING],
        })
        .and_then(|estate| estate.with_role(&role("cordon-agent", &trust)))
        .and_then(|estate| estate.with_role(&role("cordon-other", &trust)))
        .and_then(|estate| estate.with_role(&role("cordon-stranger", &stranger)))
        .and_then(|estate| estate.with_role(&role("deploy", &deploy)))
        .and_then(|estate| estate.with_role(&role("next", &next)))
        .unwrap()
}

/// A trust policy for one role and sts:AssumeRole alone, as those of CDK are; with an external id,
/// if one is given.
fn trust_of(role: &str, external_id: &str) -> String {
    let condition = match external_id {
        "" => String::new(),
        id => format!(r#","Condition":{{"StringEquals":{{"sts:ExternalId":"{id}"}}}}"#),
    };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
        "Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:role/{role}"}},
        "Action":"sts:AssumeRole"{condition}}}]}}"#
    )
}

/// A parameter of a form, as it was before its encoding.
fn parameter(entry: &Entry, name: &str) -> Option<String> {
    let text = entry.body.text();
    let pair = text
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut bytes = Vec::new();
    let mut rest = pair.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap()
            }
            other => other,
        });
    }
    Some(String::from_utf8(bytes).unwrap())
}
