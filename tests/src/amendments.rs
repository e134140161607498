//! Adding to a task that is under way, as people do it: an agent is denied, its sponsor is asked for what
//! it lacks, and says yes or no by `cordon task amendments`.

use serde_json::{Value, json};

use crate::approvals::{Desk, Person, text};
use crate::client::{Client, Environment, Step};
use crate::cloud::Kind;
use crate::process::Ran;
use crate::program::Way;

const REASON: &str = "the weekly run needs a queue of its own";

/// The task of the desk that is under way.
#[must_use]
pub fn task(desk: &Desk) -> String {
    let ran = desk.cordon.run(&["task", "list", "--format", "json"]);
    let said = ran.succeeded("cordon task list");
    let first: Value =
        serde_json::from_str(said.lines().next().expect("a line of JSON")).expect("a line of JSON");
    text(&first, "task")
}

/// Asks for what the denied call of `reference` needs.
#[must_use]
pub fn amend(desk: &Desk, who: &Person, reference: &str) -> Value {
    let task = task(desk);
    let words = [
        "task", "amend", &task, "--ref", reference, "--reason", REASON,
    ];
    who.json(&desk.cordon, &words).remove(0)
}

/// Says yes to what was seen.
#[must_use]
pub fn accept(desk: &Desk, who: &Person, amendment: &Value) -> Ran {
    let (id, digest) = (text(amendment, "id"), text(amendment, "digest"));
    let words = ["task", "amendments", "accept", &id, "--digest", &digest];
    who.run(&desk.cordon, &words)
}

/// Makes a queue by the AWS CLI; gives what it said where that failed.
fn make(client: Client, desk: &Desk, environment: &Environment, queue: &str) -> Option<String> {
    let step = Step {
        service: "sqs",
        operation: "CreateQueue",
        parameters: json!({ "QueueName": queue }),
    };
    let done = client.run(&[step], environment, desk.folder()).remove(0);
    (!done.ok).then_some(done.text)
}

/// How often the making of a queue reached the cloud.
#[must_use]
pub fn made(desk: &Desk, queue: &str) -> usize {
    let calls = desk.cloud.agent_calls();
    let makes = calls.iter().filter(|request| {
        // The AWS CLI names it in the body, what is newer in a header.
        let target = request.header("x-amz-target").unwrap_or_default();
        let body = request.text();
        format!("{target}{body}").contains("CreateQueue") && body.contains(queue)
    });
    makes.count()
}

/// An agent is denied twice by a published client; the sponsor adds the one to the task and not the other.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn what_was_denied_goes_once_it_was_added(client: Client, kind: Kind) {
    let desk = Desk::open(kind);
    let environment = desk.cordon.env(&desk.task(), Way::Connect);
    let (tester, ola) = (desk.person("tester"), desk.person("ola"));
    let denied = |queue: &str| -> (String, String) {
        let said = make(client, &desk, &environment, queue).expect("a denial");
        assert!(said.contains("is not part of task"), "{said}");
        let reference = crate::story::reference(&said).expect("a reference");
        (said, reference)
    };
    let (_, weekly) = denied("weekly");
    let (_, monthly) = denied("monthly");

    let why = desk.cordon.run(&["why", &weekly]).succeeded("cordon why");
    assert!(why.contains("do = [\"sqs:CreateQueue\"]"), "{why}");
    let asked = amend(&desk, &tester, &weekly);
    let arn = "arn:aws:sqs:eu-central-1:111122223333:weekly";
    assert_eq!(
        asked["adds"],
        json!([format!("+ allow sqs:CreateQueue on {arn}")])
    );
    let _ = denied("weekly");
    let shown = tester.run(
        &desk.cordon,
        &["task", "amendments", "show", &text(&asked, "id")],
    );
    for part in [REASON, arn, "may now", "may then"] {
        assert!(shown.out.contains(part), "{}", shown.text());
    }
    let said = accept(&desk, &tester, &asked).succeeded("a yes");
    assert!(said.contains("accepted"), "{said}");
    // The task allows it now. That it is production is a matter of others, as before.
    let held = make(client, &desk, &environment, "weekly").expect("a hold");
    assert!(held.contains("CordonApprovalRequired"), "{held}");
    assert_eq!(made(&desk, "weekly"), 0);
    let hold = desk.waiting(&ola);
    let _ = ola.approve(&desk.cordon, &hold).succeeded("an approval");
    assert_eq!(make(client, &desk, &environment, "weekly"), None);
    assert_eq!(made(&desk, "weekly"), 1);

    let asked = amend(&desk, &tester, &monthly);
    let id = text(&asked, "id");
    let words = [
        "task",
        "amendments",
        "decline",
        &id,
        "--reason",
        "not-needed",
    ];
    let _ = tester.run(&desk.cordon, &words).succeeded("a no");
    let (said, _) = denied("monthly");
    assert!(said.contains("declined: not-needed"), "{said}");
    assert_eq!(made(&desk, "monthly"), 0);
    desk.cordon.stop();
}
