//! `cordon-lab` as a cloud of the stories: its identities, and what its log says.

use std::net::SocketAddr;

use cordon_aws::arn::{AccountId, Partition, Region};
use cordon_lab::{
    BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, Entry, Estate, Lab, LabConfig, RoleSeed, UserSeed,
};
use tokio::runtime::Runtime;

use crate::signer::Keys;
use crate::{ACCOUNT, AGENT_ROLE, REGION};

/// The role that fills a cloud.
pub const ADMIN_ROLE: &str = "cordon-story-admin";

/// The role that the function of the stories runs as.
pub const FUNCTION_ROLE: &str = "cordon-story-function";

/// All that there is. The agent's role has it too: what a story finds refused was refused by
/// Cordon, or by the session policy, and never by the role.
const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// What Cordon's own keys may do.
const ONLY_ASSUME: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"],"Resource":"*"}]}"#;

/// The deploy role that `cdk bootstrap` makes, by its usual name.
pub const CDK_ROLE: &str = "cdk-hnb659fds-deploy-role-111122223333-eu-central-1";

/// The role by which `cdk deploy` uploads, by its usual name.
pub const PUBLISH_ROLE: &str = "cdk-hnb659fds-file-publishing-role-111122223333-eu-central-1";

/// A role that may read one table and nothing else.
pub const READER_ROLE: &str = "orders-reader";

/// A role that only [`CDK_ROLE`] may assume.
pub const NEXT_ROLE: &str = "orders-next";

/// Another account, with a role of the same name as [`READER_ROLE`] that asks for an external id.
pub const OTHER_ACCOUNT: &str = "444455556666";

/// The external id that it asks for.
pub const EXTERNAL_ID: &str = "orders-1234";

const ONLY_READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":["dynamodb:GetItem","dynamodb:DescribeTable","dynamodb:ListTables"],"Resource":"*"}]}"#;

const ONLY_UPLOAD: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":"*"}]}"#;

/// A trust policy as `cdk bootstrap` writes it: sts:AssumeRole alone, and no source identity.
fn trust_of(principal: &str, external_id: &str) -> String {
    let condition = match external_id {
        "" => String::new(),
        id => format!(r#","Condition":{{"StringEquals":{{"sts:ExternalId":"{id}"}}}}"#),
    };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",
        "Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:{principal}"}},"Action":"sts:AssumeRole"{condition}}}]}}"#
    )
}

const FOR_LAMBDA: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// A lab that runs, until its value is dropped.
#[derive(Debug)]
pub struct Running {
    lab: Lab,
    // The lab serves on its threads.
    _runtime: Runtime,
}

impl Running {
    /// Starts a lab with nothing but its identities.
    pub fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let lab = runtime.block_on(Lab::start(LabConfig::new(estate())));
        Self {
            lab: lab.expect("a free port"),
            _runtime: runtime,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.lab.address()
    }

    /// Its own log.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.lab.log()
    }

    /// Its log has no refusal: whatever reached it was signed right and within its session.
    ///
    /// # Panics
    /// When it refused something, with what.
    pub fn check_all_done(&self) {
        let log = self.log();
        let refused: Vec<_> = log.iter().filter(|entry| !entry.is_done()).collect();
        assert!(
            !log.is_empty() && refused.is_empty(),
            "the lab refused: {refused:#?}"
        );
    }
}

/// The keys that Cordon starts from.
#[must_use]
pub fn base_keys() -> Keys {
    Keys {
        id: BASE_ACCESS_KEY_ID.to_owned(),
        secret: BASE_SECRET_ACCESS_KEY.to_owned(),
        token: None,
    }
}

fn estate() -> Estate {
    let region: Region = REGION.parse().expect("a region");
    let account: AccountId = ACCOUNT.parse().expect("an account");
    let partition = Partition::of_region(&region);
    let trust = Estate::trust_of_account(&partition, &account);
    let role = |name, trust, policies| RoleSeed {
        name,
        trust,
        policies,
        max_session_seconds: 3_600,
    };
    let user = UserSeed {
        name: "cordon",
        access_key_id: BASE_ACCESS_KEY_ID,
        secret_access_key: BASE_SECRET_ACCESS_KEY,
        policies: &[ONLY_ASSUME],
    };
    let bootstrapped = trust_of("root", "");
    let of_agent = trust_of(&format!("role/{AGENT_ROLE}"), "");
    let of_cdk = trust_of(&format!("role/{CDK_ROLE}"), "");
    let with_id = trust_of(&format!("role/{AGENT_ROLE}"), EXTERNAL_ID);
    let other: AccountId = OTHER_ACCOUNT.parse().expect("an account");
    Estate::empty(&partition, &region, &account)
        .with_user(&user)
        .and_then(|estate| estate.with_role(&role(ADMIN_ROLE, &trust, &[EVERYTHING])))
        .and_then(|estate| estate.with_role(&role(AGENT_ROLE, &trust, &[EVERYTHING])))
        .and_then(|estate| estate.with_role(&role(FUNCTION_ROLE, FOR_LAMBDA, &[])))
        .and_then(|estate| estate.with_role(&role(CDK_ROLE, &bootstrapped, &[EVERYTHING])))
        .and_then(|estate| estate.with_role(&role(PUBLISH_ROLE, &bootstrapped, &[ONLY_UPLOAD])))
        .and_then(|estate| estate.with_role(&role(READER_ROLE, &of_agent, &[ONLY_READ])))
        .and_then(|estate| estate.with_role(&role(NEXT_ROLE, &of_cdk, &[EVERYTHING])))
        .and_then(|estate| estate.with_role_in(&other, &role(READER_ROLE, &with_id, &[ONLY_READ])))
        .expect("policies that follow the grammar")
}
