//! The main job, as every client plays it: an agent works on its task, then goes too far.

use std::path::Path;

use serde_json::json;

use crate::client::{Client, Environment, Outcome, Step};
use crate::cloud::{BUCKET, Cloud, FUNCTION, Kind, OTHER_TABLE, QUEUE, TABLE};
use crate::program::{Cordon, Way, task};
use crate::wire::Message;
use crate::{ACCOUNT, REGION};

/// A step with how a cloud would know it.
struct Known {
    step: Step,
    mark: Mark,
}

/// How a request shows which call it is.
enum Mark {
    /// The JSON and query protocols name the operation.
    Named,
    /// The REST protocols have a method and a place.
    Place(&'static str, &'static str),
}

/// Which text refuses a step.
#[derive(Clone, Copy)]
enum Text {
    /// The task does not allow it.
    OutOfScope,
    /// A guardrail keeps it from being destroyed.
    Destroy,
    /// So many were that the task is paused.
    Paused,
    /// A HEAD request: its answer has no body, so the client can only say the status.
    Status,
}

/// Plays the main job with one client, one cloud and one way, from start to end.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn main_job(client: Client, cloud: Kind, way: Way) {
    let cloud = Cloud::start(cloud);
    let cordon = Cordon::start(&cloud);
    let environment = cordon.env(&task("main-job"), way);
    let folder = tempfile::tempdir().expect("a temporary folder");
    allowed_steps_reach_the_cloud(client, &cloud, &cordon, &environment, folder.path());
    refused_steps_are_told_why_and_sent_nowhere(
        client,
        &cloud,
        &cordon,
        &environment,
        folder.path(),
    );
    cloud.check_log();
    cordon.stop();
}

fn allowed_steps_reach_the_cloud(
    client: Client,
    cloud: &Cloud,
    cordon: &Cordon,
    environment: &Environment,
    folder: &Path,
) {
    let known = allowed();
    let outcomes = client.run(&steps(&known), environment, folder);
    let requests = cloud.agent_calls();
    for (known, outcome) in known.iter().zip(&outcomes) {
        let operation = known.step.operation;
        assert!(
            outcome.ok,
            "{operation}: {}\n{}",
            outcome.text,
            cordon.log()
        );
        let sent = count(&requests, known);
        assert_eq!(sent, 1, "{operation} reached the cloud {sent} times");
    }
    // Whether the function belongs to a stack is asked before it is changed.
    let asked = requests.iter().filter(|it| it.names("GetResources"));
    assert_eq!(
        (asked.count(), requests.len()),
        (1, known.len() + 1),
        "nothing else was sent: {}",
        listing(&requests)
    );
}

fn refused_steps_are_told_why_and_sent_nowhere(
    client: Client,
    cloud: &Cloud,
    cordon: &Cordon,
    environment: &Environment,
    folder: &Path,
) {
    let before = cloud.exchanges().len();
    let refused = refused(client);
    let steps: Vec<Step> = refused.iter().map(|(step, _)| step.clone()).collect();
    let outcomes = client.run(&steps, environment, folder);
    for ((step, text), outcome) in refused.iter().zip(&outcomes) {
        check_refusal(cordon, step, *text, outcome);
    }
    let after = cloud.exchanges();
    let sent: Vec<_> = after
        .iter()
        .skip(before)
        .map(|exchange| exchange.request.clone())
        .collect();
    assert!(
        sent.is_empty(),
        "refused calls reached the cloud: {}",
        listing(&sent)
    );
    let recorded = cordon.calls(&["verdict:deny"]);
    assert_eq!(
        recorded.len(),
        refused.len(),
        "each is asked once: {recorded:#?}"
    );
}

/// A refusal is read verbatim, and leads to its record.
fn check_refusal(cordon: &Cordon, step: &Step, text: Text, outcome: &Outcome) {
    let operation = step.operation;
    assert!(!outcome.ok, "{operation} was not refused");
    let said = &outcome.text;
    let expected = match text {
        Text::Status => return assert!(said.contains("403"), "{operation}: {said}"),
        Text::OutOfScope => OUT_OF_SCOPE,
        Text::Destroy => DESTROY,
        Text::Paused => PAUSED,
    };
    let reference =
        reference(said).unwrap_or_else(|| panic!("{operation} has no reference: {said}"));
    let calls = cordon.calls(&[&format!("operation:{operation}"), "verdict:deny"]);
    let record = calls.iter().find(|call| call["ref"] == reference);
    let record = record.unwrap_or_else(|| panic!("{reference} is not recorded: {calls:#?}"));
    let task = record["task"].as_str().unwrap_or_default();
    let expected = expected
        .replace("{task}", task)
        .replace("{ref}", &reference);
    assert!(
        said.contains(&expected),
        "{operation} said:\n{said}\nand not:\n{expected}"
    );
}

/// The text for what the task does not allow.
pub(crate) const OUT_OF_SCOPE: &str = "This action on this resource is not part of task {task}, so the \
    request was not sent to AWS. This is a policy decision that worked as intended; it is not an \
    outage, a permissions bug or a wrongly formed request. Read what the task allows before \
    planning further. If the task needs it, ask your sponsor to add it, with one sentence of \
    reason. Do not retry. Ref {ref}.";

/// The text for what may not be destroyed.
pub(crate) const DESTROY: &str = "Denied by policy destroy-needs-named-target for task {task}: Deleting this \
    resource is not part of the task. Prefer an in-place update, or ask for the task to name it. \
    The request was not sent to AWS. This is a policy decision that worked as intended; it is not \
    an outage, a permissions bug or a wrongly formed request. Other ways to the same result get \
    the same answer, so do not look for one. Next: find a change that keeps within the task, or \
    ask your sponsor to change the task. If neither fits, stop and report this. Ref {ref}.";

/// The text for a change of a task that was paused, as the third denied deletion does.
pub(crate) const PAUSED: &str = "Task {task} is paused: changes are not sent to AWS, reads still work. This is \
    not about your request. Stop making changes, and report to your sponsor, who can resume the \
    task. Ref {ref}.";

/// The reference at the end of a refusal's text.
#[must_use]
pub fn reference(said: &str) -> Option<String> {
    let (_, rest) = said.rsplit_once("Ref ")?;
    rest.split_once('.')
        .map(|(reference, _)| reference.to_owned())
}

/// What the task allows, over every protocol that both clouds speak.
fn allowed() -> Vec<Known> {
    let step = |service, operation, parameters, mark| Known {
        step: Step {
            service,
            operation,
            parameters,
        },
        mark,
    };
    let queue = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{QUEUE}");
    let key = json!({"id": {"S": "a-1"}});
    let old = "reports/old.txt";
    let new = json!({"Bucket": BUCKET, "Key": "reports/new.txt", "Body": "this month"});
    let memory = json!({"FunctionName": FUNCTION, "MemorySize": 1024});
    vec![
        step(
            "s3",
            "ListObjectsV2",
            json!({"Bucket": BUCKET}),
            Mark::Place("GET", "list-type=2"),
        ),
        step(
            "s3",
            "GetObject",
            json!({"Bucket": BUCKET, "Key": old}),
            Mark::Place("GET", old),
        ),
        step(
            "s3",
            "PutObject",
            new,
            Mark::Place("PUT", "reports/new.txt"),
        ),
        step(
            "dynamodb",
            "DescribeTable",
            json!({"TableName": TABLE}),
            Mark::Named,
        ),
        step(
            "dynamodb",
            "PutItem",
            json!({"TableName": TABLE, "Item": key}),
            Mark::Named,
        ),
        step(
            "dynamodb",
            "GetItem",
            json!({"TableName": TABLE, "Key": key}),
            Mark::Named,
        ),
        step(
            "sqs",
            "SendMessage",
            json!({"QueueUrl": queue, "MessageBody": "go"}),
            Mark::Named,
        ),
        step(
            "lambda",
            "UpdateFunctionConfiguration",
            memory,
            Mark::Place("PUT", "functions/ce-export/configuration"),
        ),
    ]
}

/// What it does not, over every protocol. These never reach a cloud, so no cloud has to know them.
fn refused(client: Client) -> Vec<(Step, Text)> {
    let step = |service, operation, parameters, text| {
        (
            Step {
                service,
                operation,
                parameters,
            },
            text,
        )
    };
    let queue = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{QUEUE}");
    let item = json!({"TableName": OTHER_TABLE, "Item": {"id": {"S": "a-1"}}});
    let elsewhere = json!({"Bucket": BUCKET, "Key": "secrets/a.txt", "Body": "no"});
    let mut all = vec![
        step("dynamodb", "PutItem", item, Text::OutOfScope),
        step("s3", "PutObject", elsewhere, Text::OutOfScope),
        step(
            "s3",
            "HeadObject",
            json!({"Bucket": BUCKET, "Key": "secrets/a.txt"}),
            Text::Status,
        ),
        step(
            "dynamodb",
            "DeleteTable",
            json!({"TableName": TABLE}),
            Text::Destroy,
        ),
        step(
            "s3",
            "DeleteBucket",
            json!({"Bucket": BUCKET}),
            Text::Destroy,
        ),
        step(
            "lambda",
            "DeleteFunction",
            json!({"FunctionName": FUNCTION}),
            Text::Destroy,
        ),
        step(
            "sqs",
            "DeleteQueue",
            json!({"QueueUrl": queue}),
            Text::Paused,
        ),
    ];
    // Its package holds one client a service; these two are not among them.
    if client != Client::Javascript {
        let environment = json!({"EnvironmentName": "ce-web-prod"});
        let instances = json!({"InstanceIds": ["i-0123456789abcdef0"]});
        all.push(step(
            "elasticbeanstalk",
            "TerminateEnvironment",
            environment,
            Text::Paused,
        ));
        all.push(step("ec2", "TerminateInstances", instances, Text::Paused));
    }
    all
}

fn steps(known: &[Known]) -> Vec<Step> {
    known.iter().map(|known| known.step.clone()).collect()
}

/// How many of the requests are this call.
fn count(requests: &[Message], known: &Known) -> usize {
    let is_it = |request: &&Message| match known.mark {
        Mark::Named => request.names(known.step.operation),
        Mark::Place(method, place) => request.method == method && request.target.contains(place),
    };
    requests.iter().filter(is_it).count()
}

/// The requests in lines, for messages.
pub(crate) fn listing(requests: &[Message]) -> String {
    requests
        .iter()
        .map(|request| format!("\n  {}", request.summary()))
        .collect()
}
