//! Stacks: a change set is looked at before it is executed, and a stack before it is deleted. What
//! would be replaced or removed behind the one call is weighed as if it were called for.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{Cloud, Kind};
use cordon_tests::lab::ADMIN_ROLE;
use cordon_tests::program::{Cordon, task};
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, REGION};

const VERSION: &str = "Version=2010-05-15";

/// A stack with a table and a queue, and whoever runs the cloud.
struct Shop {
    cloud: Cloud,
    cordon: Cordon,
}

/// The template of the stack: the key of its table, its billing, and whether it has a queue.
fn template(key: &str, billing: &str, queue: bool) -> String {
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
    fn open() -> Self {
        let cloud = Cloud::start(Kind::Lab);
        let cordon = Cordon::start(&cloud);
        let shop = Self { cloud, cordon };
        let role = format!("&RoleARN=arn%3Aaws%3Aiam%3A%3A{ACCOUNT}%3Arole%2F{ADMIN_ROLE}");
        shop.admin(&format!(
            "Action=CreateStack&{VERSION}&StackName=shop{role}&TemplateBody={}",
            encoded(&template("id", "PROVISIONED", true))
        ));
        shop
    }

    /// What whoever runs the cloud does, past Cordon.
    fn admin(&self, body: &str) -> String {
        let keys = self.cloud.keys_of(ADMIN_ROLE);
        let answer = Call::query("cloudformation", body).send(self.cloud.address(), &keys);
        assert_eq!(answer.target, "200", "{body}: {}", answer.text());
        answer.text()
    }

    /// A change set to this template.
    fn change_set(&self, name: &str, template: &str) {
        self.admin(&format!(
            "Action=CreateChangeSet&{VERSION}&StackName=shop&ChangeSetName={name}&TemplateBody={}",
            encoded(template)
        ));
    }

    /// Whether the call reached the cloud for an agent.
    fn reached(&self, operation: &str) -> bool {
        let calls = self.cloud.agent_calls();
        calls.iter().any(|call| call.names(operation))
    }
}

/// A task that may delete the stack, and names these resources as well.
fn removal(stack: &str, named: &str) -> tempfile::NamedTempFile {
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

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn execute(agent: &Agent, name: &str) -> Message {
    let body = format!("Action=ExecuteChangeSet&{VERSION}&StackName=shop&ChangeSetName={name}");
    agent.call(&Call::query("cloudformation", &body))
}

#[test]
fn a_change_set_that_replaces_a_table_is_not_executed() {
    let shop = Shop::open();
    shop.change_set("rekey", &template("order", "PROVISIONED", true));
    let agent = Agent::on(&shop.cordon, &task("stack"));
    let refused = execute(&agent, "rekey");
    assert_eq!(refused.target, "403", "{}", refused.text());
    assert!(
        refused.text().contains("Recreating a resource to fix it")
            || refused.text().contains("Deleting this resource"),
        "{}",
        refused.text()
    );
    assert!(shop.reached("DescribeChangeSet"), "it was looked at");
    assert!(!shop.reached("ExecuteChangeSet"), "it stayed here");

    // The record names what would have been lost, and the look that told.
    let calls = shop.cordon.calls(&["operation:ExecuteChangeSet"]);
    let call = calls.first().expect("a record").to_string();
    for told in [
        "dynamodb:DeleteTable",
        &format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/lanes"),
        "replaces-resource",
        "no-delete-and-recreate",
    ] {
        assert!(call.contains(told), "{told} is not in {call}");
    }
    let looks = shop.cordon.calls(&["operation:DescribeChangeSet"]);
    assert!(
        looks
            .first()
            .expect("a look")
            .to_string()
            .contains(r#""ingress":"own""#)
    );
}

#[test]
fn a_change_set_that_removes_a_queue_is_not_executed() {
    let shop = Shop::open();
    shop.change_set("tidy", &template("id", "PROVISIONED", false));
    let agent = Agent::on(&shop.cordon, &task("stack"));
    let refused = execute(&agent, "tidy");
    assert_eq!(refused.target, "403", "{}", refused.text());
    assert!(
        refused.text().contains("Deleting this resource"),
        "{}",
        refused.text()
    );
    assert!(!shop.reached("ExecuteChangeSet"));
}

#[test]
fn a_change_set_that_changes_in_place_is_executed() {
    let shop = Shop::open();
    shop.change_set("bill", &template("id", "PAY_PER_REQUEST", true));
    let agent = Agent::on(&shop.cordon, &task("stack"));
    let done = execute(&agent, "bill");
    assert_eq!(done.target, "200", "{}", done.text());
    // By the id of what was looked at: the name could be another's by then.
    let calls = shop.cloud.agent_calls();
    let executed = calls.iter().find(|call| call.names("ExecuteChangeSet"));
    let executed = executed.expect("it left").text();
    assert!(
        executed.contains("ChangeSetName=arn%3Aaws%3Acloudformation"),
        "{executed}"
    );
    shop.cloud.check_log();
}

#[test]
fn what_the_task_names_under_replace_is_replaced() {
    let shop = Shop::open();
    shop.change_set("rekey", &template("order", "PROVISIONED", true));
    let agent = Agent::on(&shop.cordon, &task("stack-replace"));
    let done = execute(&agent, "rekey");
    assert_eq!(done.target, "200", "{}", done.text());
}

#[test]
fn a_change_set_that_is_not_there_is_not_executed() {
    let shop = Shop::open();
    let agent = Agent::on(&shop.cordon, &task("stack"));
    let refused = execute(&agent, "nothing");
    assert_eq!(refused.target, "403", "{}", refused.text());
    assert!(!shop.reached("ExecuteChangeSet"));
    let calls = shop.cordon.calls(&["operation:ExecuteChangeSet"]);
    let call = calls.first().expect("a record").to_string();
    assert!(call.contains("unverified"), "{call}");
}

#[test]
fn a_stack_is_not_changed_unseen() {
    let shop = Shop::open();
    let agent = Agent::on(&shop.cordon, &task("stack-replace"));
    let body = format!(
        "Action=UpdateStack&{VERSION}&StackName=shop&TemplateBody={}",
        encoded(&template("id", "PAY_PER_REQUEST", true))
    );
    let refused = agent.call(&Call::query("cloudformation", &body));
    assert_eq!(refused.target, "403", "{}", refused.text());
    assert!(
        refused.text().contains("Make a change set"),
        "{}",
        refused.text()
    );
    assert!(!shop.reached("UpdateStack"));
}

#[test]
fn a_stack_is_deleted_only_with_all_that_is_in_it() {
    let shop = Shop::open();
    let told = shop.admin(&format!("Action=DescribeStacks&{VERSION}&StackName=shop"));
    let (_, stack) = told.split_once("<StackId>").expect("a stack");
    let (stack, _) = stack.split_once('<').expect("its id");
    let body = format!("Action=DeleteStack&{VERSION}&StackName={}", encoded(stack));
    let delete = |task: &tempfile::NamedTempFile| {
        Agent::on(&shop.cordon, task.path()).call(&Call::query("cloudformation", &body))
    };

    let table =
        format!("\"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/lanes\" = [\"dynamodb:DeleteTable\"]");
    let refused = delete(&removal(stack, &table));
    assert_eq!(
        refused.target,
        "403",
        "the queue was not named: {}",
        refused.text()
    );
    assert!(shop.reached("ListStackResources") && !shop.reached("DeleteStack"));

    let queue = format!("\"arn:aws:sqs:{REGION}:{ACCOUNT}:shop-jobs\" = [\"sqs:DeleteQueue\"]");
    let done = delete(&removal(stack, &format!("{table}\n{queue}")));
    assert_eq!(done.target, "200", "{}", done.text());
    assert!(shop.reached("DeleteStack"));
}
