//! Sessions of roles that agents assumed: minted from the configured role, step by step, each under
//! a policy for the next step alone.

use crate::desk::{ACCOUNT, credentials, request, signed};
use crate::{Stage, key_id, live, parameter};
use cordon_aws::request::Request;
use cordon_aws::sigv4::SigningCredentials;
use cordon_broker::MintError;
use cordon_core::decide::Permit;
use cordon_core::session::{Placeholder, PlaceholderKind, Session, SessionState};
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use std::sync::Arc;

/// A call of STS by which a role is assumed.
fn assume(credentials: &SigningCredentials, role: &str, more: &str, now: Timestamp) -> Request {
    let body = format!(
        "Action=AssumeRole&Version=2011-06-15&RoleSessionName=cdk-mei\
         &RoleArn=arn%3Aaws%3Aiam%3A%3A{ACCOUNT}%3Arole%2F{role}{more}"
    );
    let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, form)]);
    request(credentials, "sts", headers, body, now)
}

/// The session and all that descend from it.
struct Family(Vec<Arc<Session>>);

impl Family {
    fn of(stage: &Stage) -> Self {
        Self(vec![Arc::clone(&stage.session)])
    }

    fn last(&self) -> &Arc<Session> {
        self.0.last().unwrap()
    }

    /// The permit by which the youngest assumes a role.
    fn assumes(&self, stage: &Stage, role: &str, more: &str) -> Permit {
        let request = assume(&credentials(self.last()), role, more, stage.now());
        stage.desk.decided(&self.0, request, stage.now())
    }

    /// The youngest begins another one by `permit`.
    fn begins(&mut self, stage: &Stage, permit: &Permit) {
        let seed = u8::try_from(self.0.len()).unwrap();
        let keys = Placeholder::of(PlaceholderKind::Lent, &[seed; Placeholder::RANDOM]);
        let terms = permit.loan().unwrap().terms(self.last(), stage.now());
        let state = SessionState::Live;
        let child = Session::child(self.last(), keys, terms, stage.now(), state).unwrap();
        self.0.push(Arc::new(child));
    }

    /// Mints for a call of the youngest, and gives the key id that it got.
    async fn mint(&self, stage: &Stage, operation: &str) -> String {
        let request = signed(&credentials(self.last()), operation, "orders", stage.now());
        let permit = stage.desk.decided(&self.0, request, stage.now());
        key_id(&stage.broker.mint(&permit, stage.now(), live).await.unwrap())
    }
}

const EXTERNAL: &str = "&ExternalId=1234";

/// The policies under which sessions were asked for, and by whom, since `from`.
fn asked(stage: &Stage, from: usize) -> Vec<(String, String)> {
    let log = stage.asked();
    let told = log.iter().skip(from).map(|entry| {
        assert!(entry.is_done(), "{:?}", entry.verdict);
        let signer = entry.signer.as_ref().unwrap();
        let policy = parameter(entry, "Policy").unwrap();
        (signer.arn.clone(), policy)
    });
    told.collect()
}

fn session_of(role: &str, name: &str) -> String {
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{name}")
}

fn only(action: &str, resource: &str) -> String {
    format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":{{\"Effect\":\"Allow\",\
         \"Action\":\"{action}\",\"Resource\":\"{resource}\"}}}}"
    )
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

#[tokio::test]
async fn a_role_is_seen_to_trust_with_credentials_that_are_good_for_nothing() {
    let stage = Stage::set().await;
    let mut family = Family::of(&stage);
    let permit = family.assumes(&stage, "deploy", EXTERNAL);
    family.begins(&stage, &permit);
    let child = &family.last().id;
    let lent = stage.broker.lend(&permit, child, stage.now(), live).await;
    let user = lent.unwrap().unwrap();
    assert_eq!(user.arn, session_of("deploy", &format!("T-1.{child}")));

    let asked = asked(&stage, 0);
    let (base, step) = &asked[0];
    assert!(base.ends_with(":user/cordon"), "{base}");
    assert_eq!(*step, only("sts:AssumeRole", &role("deploy")));
    let (agent, nothing) = &asked[1];
    assert_eq!(*agent, session_of("cordon-agent", "T-1.S-1"));
    assert!(nothing.contains("\"Deny\"") && !nothing.contains("Allow"));
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn the_calls_of_a_child_are_minted_as_its_role_for_exactly_themselves() {
    let stage = Stage::set().await;
    let mut family = Family::of(&stage);
    let permit = family.assumes(&stage, "deploy", EXTERNAL);
    family.begins(&stage, &permit);
    let own = stage.mint("PutItem", "orders").await;
    let childs = family.mint(&stage, "PutItem").await;
    assert_ne!(own, childs);
    let table = format!("arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/orders");
    let asked = asked(&stage, 1);
    let child = &family.last().id;
    assert_eq!(asked[0].1, only("sts:AssumeRole", &role("deploy")));
    assert_eq!(
        asked[1].0,
        session_of("cordon-agent", &format!("T-1.{child}"))
    );
    assert_eq!(asked[1].1, only("dynamodb:PutItem", &table));
    // The next one goes on from where the first came to.
    family.mint(&stage, "UpdateItem").await;
    assert_eq!(self::asked(&stage, 3).len(), 1);
    // And the same again asks for nothing.
    assert_eq!(family.mint(&stage, "PutItem").await, childs);
    assert_eq!(self::asked(&stage, 4).len(), 0);
}

#[tokio::test]
async fn a_chain_is_walked_in_full_and_carries_no_source_identity() {
    let stage = Stage::set().await;
    let mut family = Family::of(&stage);
    let permit = family.assumes(&stage, "deploy", EXTERNAL);
    family.begins(&stage, &permit);
    let permit = family.assumes(&stage, "next", "");
    family.begins(&stage, &permit);
    family.mint(&stage, "DescribeTable").await;
    let name = format!("T-1.{}", family.last().id);
    let asked = asked(&stage, 0);
    let signers: Vec<&str> = asked.iter().map(|(signer, _)| signer.as_str()).collect();
    assert_eq!(signers[1], session_of("cordon-agent", &name));
    assert_eq!(signers[2], session_of("deploy", &name));
    assert_eq!(asked[0].1, only("sts:AssumeRole", &role("deploy")));
    assert_eq!(asked[1].1, only("sts:AssumeRole", &role("next")));
    assert_eq!(asked.len(), 3);
    let log = stage.asked();
    assert!(
        log.iter()
            .all(|entry| parameter(entry, "SourceIdentity").is_none())
    );
    // Launched sessions do carry one.
    stage.mint("DescribeTable", "orders").await;
    let log = stage.asked();
    let last = parameter(log.last().unwrap(), "SourceIdentity");
    assert_eq!(last.as_deref(), Some("cordon.T-1"));
}

#[tokio::test]
async fn two_children_of_one_role_share_nothing() {
    let stage = Stage::set().await;
    let mut first = Family::of(&stage);
    let permit = first.assumes(&stage, "deploy", EXTERNAL);
    first.begins(&stage, &permit);
    let mut second = Family::of(&stage);
    second.begins(&stage, &permit);
    let keys = Placeholder::of(PlaceholderKind::Lent, &[9; Placeholder::RANDOM]);
    let terms = permit.loan().unwrap().terms(&stage.session, stage.now());
    let other = Session::child(&stage.session, keys, terms, stage.now(), SessionState::Live);
    *second.0.last_mut().unwrap() = Arc::new(other.unwrap());
    let one = first.mint(&stage, "PutItem").await;
    assert_ne!(second.mint(&stage, "PutItem").await, one);
}

#[tokio::test]
async fn a_role_that_does_not_trust_is_told_from_a_set_up_that_does_not_work() {
    let stage = Stage::set().await;
    let mut family = Family::of(&stage);
    // Without the external id that it wants, and from the wrong role.
    for (name, more) in [("deploy", ""), ("deploy", "&ExternalId=4321"), ("next", "")] {
        let permit = family.assumes(&stage, name, more);
        family.begins(&stage, &permit);
        let child = family.0.pop().unwrap();
        let lent = stage
            .broker
            .lend(&permit, &child.id, stage.now(), live)
            .await;
        let Err(MintError::RoleNotTrusted { role, .. }) = lent else {
            panic!("{lent:?}");
        };
        assert_eq!(role, self::role(name));
    }
}

#[tokio::test]
async fn nothing_is_lent_to_a_session_that_was_stopped_meanwhile() {
    let stage = Stage::set().await;
    let family = Family::of(&stage);
    let permit = family.assumes(&stage, "deploy", EXTERNAL);
    let child = "S-2".parse().unwrap();
    let lent = stage
        .broker
        .lend(&permit, &child, stage.now(), || false)
        .await;
    assert_eq!(lent.unwrap_err(), MintError::Stopped);
}
