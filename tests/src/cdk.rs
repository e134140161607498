//! CDK before moto: an account as `cdk bootstrap` leaves it, Cordon under the policies that `docs/cdk.md`
//! shows, and the real CLI, started by `cordon run` with nothing but what that gives it.
//!
//! The CLI needs no library: it is given the cloud assembly that an app would have written.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::approvals::copy;
use crate::client::{Environment, command};
use crate::cloud::{Cloud, Kind};
use crate::lab::ADMIN_ROLE;
use crate::process::{self, Ran};
use crate::program::Cordon;
use crate::signer::{Call, target};
use crate::wire::Message;
use crate::{ACCOUNT, REGION, file, tool};

/// The one stack of the app.
pub const STACK: &str = "orders-app";
/// Its table.
pub const TABLE: &str = "orders-app";
/// The queue that the first template has.
pub const QUEUE: &str = "orders-app-jobs";

/// The file of its template, by the ending that the CLI knows templates by.
const TEMPLATE: &str = "orders-app.template.json";

const DOCUMENTED: &str = include_str!("../../docs/cdk.md");

/// The account, Cordon before it, and the folder of an app.
#[derive(Debug)]
pub struct App {
    /// The account.
    pub cloud: Cloud,
    /// Who serves the agents.
    pub cordon: Cordon,
    home: TempDir,
}

/// A role of bootstrap, by its ARN.
#[must_use]
pub fn role(of: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-{of}-role-{ACCOUNT}-{REGION}")
}

/// The piece of the documentation that is the block of this number in a language.
fn documented(language: &str, number: usize) -> &'static str {
    let begin = format!("```{language}\n");
    let piece = DOCUMENTED.split(&begin).nth(number);
    let piece = piece.and_then(|rest| rest.split("```").next());
    piece.expect("the documentation has it")
}

impl App {
    /// Bootstraps an account, past Cordon, and starts Cordon before it.
    ///
    /// # Panics
    /// When either cannot be done.
    #[must_use]
    pub fn open() -> Self {
        let cloud = Cloud::start(Kind::Moto);
        let home = tempfile::tempdir().expect("a temporary folder");
        let keys = cloud.keys_of(ADMIN_ROLE);
        let mut environment = quiet();
        environment.extend(
            [
                ("AWS_ACCESS_KEY_ID", keys.id),
                ("AWS_SECRET_ACCESS_KEY", keys.secret),
                ("AWS_SESSION_TOKEN", keys.token.unwrap_or_default()),
                ("AWS_REGION", REGION.to_owned()),
                ("AWS_ENDPOINT_URL", format!("http://{}", cloud.address())),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let [node, cli] = cdk();
        let mut bootstrap: Command = command(Path::new(&node), &environment, home.path());
        bootstrap.args([&cli, "bootstrap", &place()]);
        let _ = process::run(&mut bootstrap).succeeded("cdk bootstrap");

        let bundle = home.path().join("policies");
        copy(&file("../policies"), &bundle);
        let written = |name: &str, text: &str| {
            std::fs::write(bundle.join(name), text).expect("the folder is ours");
        };
        written("21-ceiling-cdk.cedar", documented("cedar", 1));
        written("12-hold.cedar", &naming_is_enough(&bundle));
        let cordon = Cordon::start_under(&cloud, &bundle);
        Self {
            cloud,
            cordon,
            home,
        }
    }

    /// The task of the documentation, with more lines before its budget and this mode.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn task(&self, mode: &str, more: &str) -> String {
        let text = documented("toml", 1)
            .replace("\"live\"", &format!("\"{mode}\""))
            .replace("[budget]", &format!("{more}\n[budget]"));
        let path = self.home.path().join("task.toml");
        std::fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    }

    /// `cordon run -- cdk` on a task, given as its file or its id.
    #[must_use]
    pub fn cdk(&self, task: &str, arguments: &[&str]) -> Ran {
        self.under(&["run", "--task", task], arguments)
    }

    /// The CLI under a command of Cordon that starts others.
    #[must_use]
    pub fn under(&self, command: &[&str], arguments: &[&str]) -> Ran {
        let cdk = cdk();
        let line = [
            command,
            &["--"],
            &cdk.each_ref().map(String::as_str),
            arguments,
        ]
        .concat();
        self.cordon.run_at_in(self.home.path(), &quiet(), &line)
    }

    /// `cdk deploy` of the assembly in a folder.
    #[must_use]
    pub fn deploy(&self, task: &str, app: &str) -> Ran {
        self.cdk(task, &["deploy", STACK, "--app", app])
    }

    /// Writes the cloud assembly of the app, with the queue or without, and says where.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn assembly(&self, queue: bool) -> String {
        let name = if queue { "with" } else { "without" };
        let folder = self.home.path().join(name);
        std::fs::create_dir_all(&folder).expect("the folder is ours");
        assemble(&folder, &template(queue)).display().to_string()
    }

    /// Whether the table and the queue of the stack are there.
    #[must_use]
    pub fn there(&self) -> (bool, bool) {
        let keys = self.cloud.keys_of(ADMIN_ROLE);
        let is_there = |service, operation: &str, body: String| {
            let headers = target(operation);
            let call = Call::json(service, &headers, &body);
            call.send(self.cloud.address(), &keys).target == "200"
        };
        (
            is_there(
                "dynamodb",
                "DynamoDB_20120810.DescribeTable",
                json!({"TableName": TABLE}).to_string(),
            ),
            is_there(
                "sqs",
                "AmazonSQS.GetQueueUrl",
                json!({"QueueName": QUEUE}).to_string(),
            ),
        )
    }

    /// What reached the account for an agent and changed something, or asked for it.
    #[must_use]
    pub fn changes(&self) -> Vec<Message> {
        let is_change = |call: &Message| {
            matches!(&*call.method, "PUT" | "DELETE")
                || [
                    "CreateChangeSet",
                    "ExecuteChangeSet",
                    "DeleteChangeSet",
                    "DeleteStack",
                ]
                .iter()
                .any(|operation| call.names(operation))
        };
        let mut calls = self.cloud.agent_calls();
        calls.retain(is_change);
        calls
    }

    /// How often an operation of CloudFormation reached the account for an agent.
    #[must_use]
    pub fn reached(&self, operation: &str) -> usize {
        let calls = self.cloud.agent_calls();
        calls.iter().filter(|call| call.names(operation)).count()
    }
}

/// The id of the task that `cordon run` announced.
///
/// # Panics
/// When it announced none.
#[must_use]
pub fn task_of(ran: &Ran) -> String {
    let mut words = ran.err.split_whitespace();
    let id = words.find(|word| word.starts_with("T-"));
    id.unwrap_or_else(|| panic!("no task: {}", ran.text()))
        .to_owned()
}

/// Where the account's stacks are, as CDK writes it.
fn place() -> String {
    format!("aws://{ACCOUNT}/{REGION}")
}

/// The CLI, as it is started: Node, and its script.
fn cdk() -> [String; 2] {
    let script = file("clients/node/node_modules/aws-cdk/bin/cdk");
    [tool("CORDON_TEST_NODE"), script].map(|path| path.display().to_string())
}

/// What keeps the CLI from asking people, and from trying hosts that are not AWS.
fn quiet() -> Environment {
    [
        ("CI", "true"),
        ("CDK_DISABLE_CLI_TELEMETRY", "true"),
        ("CDK_DISABLE_VERSION_CHECK", "true"),
        ("CDK_NOTICES", "false"),
        ("CDK_REQUIRE_APPROVAL", "never"),
        ("USER", "tester"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The holds of the bundle, with what the documentation adds to one.
fn naming_is_enough(bundle: &Path) -> String {
    let text = std::fs::read_to_string(bundle.join("12-hold.cedar")).expect("the bundle has it");
    let at = text.find("@id(\"identity-needs-security\")");
    let (before, policy) = text.split_at(at.expect("the bundle has it"));
    let lifted = "context.approvals.contains(Cordon::ApproverGroup::\"security\")";
    let more = format!("{lifted}\n{}", documented("cedar", 2));
    format!("{before}{}", policy.replacen(lifted, &more, 1))
}

/// The template of the stack.
#[must_use]
pub fn template(queue: bool) -> Value {
    let mut resources = json!({"Orders": {"Type": "AWS::DynamoDB::Table", "Properties": {
        "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }}});
    if queue {
        resources["Jobs"] = json!({"Type": "AWS::SQS::Queue", "Properties": {"QueueName": QUEUE}});
    }
    json!({"Resources": resources})
}

/// Writes a cloud assembly as an app does whose stacks go by the roles of bootstrap.
fn assemble(folder: &Path, template: &Value) -> PathBuf {
    let text = template.to_string();
    let hash = hex::encode(Sha256::digest(text.as_bytes()));
    let bucket = format!("cdk-hnb659fds-assets-{ACCOUNT}-{REGION}");
    let key = format!("{hash}.json");
    let version = "/cdk-bootstrap/hnb659fds/version";
    let assets = json!({"version": "36.0.0", "dockerImages": {}, "files": {&hash: {
        "source": {"path": TEMPLATE, "packaging": "file"},
        "destinations": {"there": {
            "bucketName": bucket, "objectKey": key, "region": REGION,
            "assumeRoleArn": role("file-publishing"),
        }},
    }}});
    let manifest = json!({"version": "36.0.0", "artifacts": {
        "assets": {"type": "cdk:asset-manifest", "properties": {
            "file": "assets.json",
            "requiresBootstrapStackVersion": 6, "bootstrapStackVersionSsmParameter": version,
        }},
        STACK: {"type": "aws:cloudformation:stack", "environment": place(), "dependencies": ["assets"],
            "properties": {
                "templateFile": TEMPLATE,
                "stackTemplateAssetObjectUrl": format!("s3://{bucket}/{key}"),
                "assumeRoleArn": role("deploy"),
                "cloudFormationExecutionRoleArn": role("cfn-exec"),
                "lookupRole": {"arn": role("lookup")},
                "requiresBootstrapStackVersion": 6, "bootstrapStackVersionSsmParameter": version,
            },
        },
    }});
    for (name, text) in [
        (TEMPLATE, text),
        ("assets.json", assets.to_string()),
        ("manifest.json", manifest.to_string()),
    ] {
        std::fs::write(folder.join(name), text).expect("the folder is ours");
    }
    folder.to_owned()
}
