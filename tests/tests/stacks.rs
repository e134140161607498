//! Stacks: a change set is looked at before it is executed, and a stack before it is deleted. What
//! would be replaced or removed behind the one call is weighed as if it were called for.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::agent::Agent;
use cordon_tests::program::task;
use cordon_tests::shop::{Shop, VERSION, encoded, removal, template};
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, REGION};

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
    let body = format!("Action=DeleteStack&{VERSION}&StackName=shop");
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

#[test]
fn a_stack_that_vanished_beside_the_task_is_not_made_anew() {
    let shop = Shop::open();
    let agent = Agent::on(&shop.cordon, making().path());
    shop.admin(&format!("Action=DeleteStack&{VERSION}&StackName=shop"));
    let make = |name: &str| {
        let body = format!(
            "Action=CreateStack&{VERSION}&StackName={name}&TemplateBody={}",
            encoded(QUEUE)
        );
        agent.call(&Call::query("cloudformation", &body))
    };
    let refused = make("shop");
    assert_eq!(refused.target, "403", "{}", refused.text());
    assert!(
        refused.text().contains("Recreating a resource"),
        "{}",
        refused.text()
    );
    let calls = shop.cordon.calls(&["operation:CreateStack"]);
    assert!(
        calls
            .first()
            .expect("a record")
            .to_string()
            .contains("recreates-deleted")
    );
    assert!(!shop.reached("CreateStack"));
    let made = make("shop-try");
    assert_eq!(made.target, "200", "{}", made.text());
    shop.cloud.check_log();
}

#[test]
fn a_stack_that_a_change_set_of_the_task_makes_is_its_own() {
    let shop = Shop::open();
    let agent = Agent::on(&shop.cordon, making().path());
    let done = |form: &str| {
        let body = format!("Action={form}&{VERSION}&StackName=shop-try");
        let answer = agent.call(&Call::query("cloudformation", &body));
        assert_eq!(
            answer.target,
            "200",
            "{form}: {}\n{}",
            answer.text(),
            shop.cordon.log()
        );
    };
    let template = encoded(QUEUE);
    done(&format!(
        "CreateChangeSet&ChangeSetName=first&ChangeSetType=CREATE&TemplateBody={template}"
    ));
    done("ExecuteChangeSet&ChangeSetName=first");
    done("DeleteStack");
    // What somebody else made stays, by the same task.
    let body = format!("Action=DeleteStack&{VERSION}&StackName=shop");
    let refused = agent.call(&Call::query("cloudformation", &body));
    assert_eq!(refused.target, "403", "{}", refused.text());
    shop.cloud.check_log();
}

const QUEUE: &str =
    r#"{"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"try"}}}}"#;

/// A task that may make stacks of the shop, and take its own away.
fn making() -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(task("stack")).expect("a task of the stories");
    let more = format!(
        "[[allow]]\ndo = [\"cloudformation:CreateStack\", \"cloudformation:CreateChangeSet\", \
         \"cloudformation:ExecuteChangeSet\"]\n\
         on = [\"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop*\"]\n\n\
         [[allow]]\ndo = [\"cloudformation:DeleteStack\", \"sqs:DeleteQueue\"]\non = [\"own\"]\n\n[budget]"
    );
    let file = tempfile::Builder::new()
        .suffix(".toml")
        .tempfile()
        .expect("a file");
    std::fs::write(file.path(), text.replace("[budget]", &more)).expect("it is ours");
    file
}
