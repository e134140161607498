//! A shop whose table and queue are one stack of the lab: what the stories of CloudFormation play
//! with.

use crate::ACCOUNT;
use crate::cloud::{Cloud, Kind};
use crate::lab::ADMIN_ROLE;
use crate::program::{Cordon, task};
use crate::signer::Call;

/// The version of its API that CloudFormation is called with.
pub const VERSION: &str = "Version=2010-05-15";

/// A stack with a table and a queue, and Cordon before it.
#[derive(Debug)]
pub struct Shop {
    /// The lab that it is in.
    pub cloud: Cloud,
    /// Who serves its agents.
    pub cordon: Cordon,
}

/// The template of the stack: the key of its table, its billing, and whether it has a queue.
#[must_use]
pub fn template(key: &str, billing: &str, queue: bool) -> String {
    let queue = match queue {
        true => r#","Jobs":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"shop-jobs"}}"#,
        false => "",
    };
    format!(
        r#"{{"Resources":{{"Lanes":{{"Type":"AWS::DynamoDB::Table","Properties":{{
        "TableName":"lanes","BillingMode":"{billing}",
        "AttributeDefinitions":[{{"AttributeName":"{key}","AttributeType":"S"}}],
        "KeySchema":[{{"AttributeName":"{key}","KeyType":"HASH"}}],
        "ProvisionedThroughput":{{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}}}}}{queue}}}}}"#
    )
}

impl Shop {
    /// Opens it.
    pub fn open() -> Self {
        let cloud = Cloud::start(Kind::Lab);
        // A held call is answered at once.
        let lines = "\n[limits]\npark_seconds = 0\n";
        let cordon = Cordon::start_with(&cloud.recorder().url(), cloud.base(), lines);
        let shop = Self { cloud, cordon };
        let role = format!("&RoleARN=arn%3Aaws%3Aiam%3A%3A{ACCOUNT}%3Arole%2F{ADMIN_ROLE}");
        shop.admin(&format!(
            "Action=CreateStack&{VERSION}&StackName=shop{role}&TemplateBody={}",
            encoded(&template("id", "PROVISIONED", true))
        ));
        shop
    }

    /// What whoever runs the cloud does, past Cordon.
    ///
    /// # Panics
    /// When it cannot be done.
    pub fn admin(&self, body: &str) -> String {
        let keys = self.cloud.keys_of(ADMIN_ROLE);
        let answer = Call::query("cloudformation", body).send(self.cloud.address(), &keys);
        assert_eq!(answer.target, "200", "{body}: {}", answer.text());
        answer.text()
    }

    /// A change set to this template.
    pub fn change_set(&self, name: &str, template: &str) {
        self.admin(&format!(
            "Action=CreateChangeSet&{VERSION}&StackName=shop&ChangeSetName={name}&TemplateBody={}",
            encoded(template)
        ));
    }

    /// Whether the call reached the cloud for an agent.
    #[must_use]
    pub fn reached(&self, operation: &str) -> bool {
        let calls = self.cloud.agent_calls();
        calls.iter().any(|call| call.names(operation))
    }
}

/// A task that may delete the stack, and names these resources as well.
///
/// # Panics
/// When it cannot be written.
#[must_use]
pub fn removal(stack: &str, named: &str) -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(task("stack")).expect("a task of the stories");
    let destroy =
        format!("[destroy]\n\"{stack}\" = [\"cloudformation:DeleteStack\"]\n{named}\n[budget]");
    let file = tempfile::Builder::new()
        .suffix(".toml")
        .tempfile()
        .expect("a file");
    std::fs::write(file.path(), text.replace("[budget]", &destroy)).expect("it is ours");
    file
}

/// Text as a form has it.
#[must_use]
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
