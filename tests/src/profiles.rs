//! Roles as people configure them: profiles with `role_arn` in an AWS configuration, which a client
//! assumes by itself, and the chain of roles by which `cdk deploy` works.
//!
//! On the lab, which holds a session to its role and to the policy that it was minted under.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Client, Environment, Outcome, Step};
use crate::cloud::{BUCKET, Cloud, Kind, OTHER_TABLE, TABLE};
use crate::lab::{ADMIN_ROLE, CDK_ROLE, NEXT_ROLE, PUBLISH_ROLE, READER_ROLE};
use crate::program::{Cordon, Way, task};
use crate::signer::session_keys;
use crate::{ACCOUNT, REGION};

/// The profiles: name, role, and the profile whose keys assume it, or nothing for the environment.
const PROFILES: [(&str, &str, &str); 5] = [
    ("reader", READER_ROLE, ""),
    ("deploy", CDK_ROLE, ""),
    ("publish", PUBLISH_ROLE, ""),
    ("next", NEXT_ROLE, "deploy"),
    ("admin", ADMIN_ROLE, ""),
];

/// The stack that the task may deploy.
const TEMPLATE: &str = r#"{"Resources":{"Orders":{"Type":"AWS::DynamoDB::Table","Properties":{
    "TableName":"orders-app","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}}}}"#;

/// A client with these profiles, at home in a folder, on the task that names most of their roles.
struct Home {
    client: Client,
    cloud: Cloud,
    cordon: Cordon,
    environment: Environment,
    folder: tempfile::TempDir,
    said: String,
}

impl Home {
    fn of(client: Client) -> Self {
        let cloud = Cloud::start(Kind::Lab);
        let cordon = Cordon::start(&cloud);
        let mut environment = cordon.env(&task("roles"), Way::Connect);
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The environment hides the configuration of whoever launched the agent. This one is the
        // project's, which the agent itself points its tools to.
        let path = configure(folder.path());
        environment.insert("AWS_CONFIG_FILE".to_owned(), path);
        Self {
            client,
            cloud,
            cordon,
            environment,
            folder,
            said: String::new(),
        }
    }

    /// One call under a profile; none is the environment's own keys.
    fn call(
        &mut self,
        profile: &str,
        service: &'static str,
        operation: &'static str,
        parameters: Value,
    ) -> Outcome {
        let step = Step {
            service,
            operation,
            parameters,
        };
        let folder = self.folder.path();
        let mut outcomes = self
            .client
            .run_as(profile, &[step], &self.environment, folder);
        let outcome = outcomes.remove(0);
        self.said.push_str(&outcome.text);
        outcome
    }

    fn done(
        &mut self,
        profile: &str,
        service: &'static str,
        operation: &'static str,
        parameters: Value,
    ) {
        let outcome = self.call(profile, service, operation, parameters);
        assert!(
            outcome.ok,
            "{profile} {operation}: {}\n{}",
            outcome.text,
            self.cordon.log()
        );
    }

    fn refused(&mut self, profile: &str, operation: &'static str, parameters: Value, words: &str) {
        let service = match operation {
            "PutObject" => "s3",
            "CreateChangeSet" | "DeleteStack" => "cloudformation",
            _ => "dynamodb",
        };
        let outcome = self.call(profile, service, operation, parameters);
        assert!(
            !outcome.ok && outcome.text.contains(words),
            "{profile} {operation}: {}",
            outcome.text
        );
    }

    /// The roles that signed the calls of this operation at the cloud, the fill of it aside.
    fn signers(&self, operation: &str) -> Vec<String> {
        let log = self.cloud.lab().log();
        let calls = log.iter().filter(|entry| entry.operation == operation);
        let arns = calls.filter_map(|entry| Some(entry.signer.as_ref()?.arn.clone()));
        arns.filter(|arn| !arn.contains(ADMIN_ROLE)).collect()
    }

    /// No byte of a key that AWS gave out is in what the client said, keeps or has cached.
    fn holds_no_real_key(&self) {
        let exchanges = self.cloud.exchanges();
        let answers = exchanges.iter().filter_map(|it| it.answer.as_ref());
        let minted: Vec<_> = answers.filter_map(|it| session_keys(&it.text())).collect();
        assert!(!minted.is_empty());
        let mut kept = self.said.clone();
        read_all(self.folder.path(), &mut kept);
        assert!(kept.contains("ASIACRDN"), "it keeps its keys: {kept}");
        for keys in minted {
            let token = keys.token.expect("a token");
            for real in [keys.id, keys.secret, token] {
                assert!(!kept.contains(&real), "a real key: {kept}");
            }
        }
    }
}

/// Writes a configuration with the profiles, and says where.
fn configure(home: &Path) -> String {
    let profile = |(name, role, source): (&str, &str, &str)| {
        let source = match source {
            "" => "credential_source = Environment".to_owned(),
            name => format!("source_profile = {name}"),
        };
        format!(
            "[profile {name}]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/{role}\n{source}\nregion = {REGION}\n\n"
        )
    };
    let text: String = PROFILES.into_iter().map(profile).collect();
    let path = home.join("aws.ini");
    std::fs::write(&path, text).expect("the folder is ours");
    path.display().to_string()
}

/// The text of every file below a folder.
fn read_all(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("the folder is ours") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => read_all(&path, into),
            false => into.push_str(&String::from_utf8_lossy(
                &std::fs::read(&path).expect("a file of ours"),
            )),
        }
    }
}

fn item(table: &str) -> Value {
    json!({"TableName": table, "Item": {"id": {"S": "p-1"}}})
}

fn key(table: &str) -> Value {
    json!({"TableName": table, "Key": {"id": {"S": "p-1"}}})
}

/// Plays a profile with a role: it acts as the role, within the task, and a role that the task does not
/// name is not to be had.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn acts_as_its_roles_and_no_wider(client: Client) {
    let mut home = Home::of(client);
    home.refused("admin", "GetItem", key(TABLE), "AccessDenied");
    assert!(
        home.signers("GetItem").is_empty(),
        "it got no keys of that role"
    );

    home.done("reader", "dynamodb", "GetItem", key(TABLE));
    let signer = home.signers("GetItem").pop().expect("it left");
    assert!(signer.contains(&format!("/{READER_ROLE}/")), "{signer}");
    // The task allows it and the role does not.
    let not_the_role = "no identity-based policy allows";
    home.refused("reader", "PutItem", item(TABLE), not_the_role);
    // The role allows it and the task does not.
    let before = home.signers("PutItem").len();
    home.refused("deploy", "PutItem", item(OTHER_TABLE), "not part of task");
    assert_eq!(home.signers("PutItem").len(), before);
    home.done("deploy", "dynamodb", "PutItem", item(TABLE));

    home.done("next", "dynamodb", "GetItem", key(TABLE));
    let signer = home.signers("GetItem").pop().expect("it left");
    assert!(signer.contains(&format!("/{NEXT_ROLE}/")), "{signer}");
    home.holds_no_real_key();
    home.cordon.stop();
}

/// Plays the roles of `cdk deploy`: one uploads the assets, another makes and executes the change set,
/// and neither does what the other is for or what the task does not say.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn deploys_by_the_roles_of_cdk(client: Client) {
    let mut home = Home::of(client);
    let asset = json!({"Bucket": BUCKET, "Key": "reports/asset.json", "Body": TEMPLATE});
    home.done("publish", "s3", "PutObject", asset.clone());
    let elsewhere = json!({"Bucket": BUCKET, "Key": "secrets/asset.json", "Body": TEMPLATE});
    home.refused("publish", "PutObject", elsewhere, "not part of task");
    let not_the_role = "no identity-based policy allows";
    home.refused("publish", "PutItem", item(TABLE), not_the_role);

    let change_set = json!({"StackName": "orders-app", "ChangeSetName": "cdk-deploy-change-set"});
    let mut made = change_set.clone();
    made["ChangeSetType"] = "CREATE".into();
    made["TemplateBody"] = TEMPLATE.into();
    let mut other = made.clone();
    other["StackName"] = "billing".into();
    home.refused("deploy", "CreateChangeSet", other, "not part of task");
    home.done("deploy", "cloudformation", "CreateChangeSet", made);
    for operation in ["DescribeChangeSet", "ExecuteChangeSet"] {
        home.done("deploy", "cloudformation", operation, change_set.clone());
    }
    let stack = json!({"StackName": "orders-app"});
    home.done("deploy", "cloudformation", "DescribeStacks", stack.clone());
    let signers = home.signers("ExecuteChangeSet");
    assert!(
        signers.len() == 1 && signers[0].contains(&format!("/{CDK_ROLE}/")),
        "{signers:?}"
    );

    home.refused("deploy", "DeleteStack", stack, "AccessDenied");
    assert!(home.signers("DeleteStack").is_empty());
    home.holds_no_real_key();
    home.cordon.stop();
}
