//! Deciding about a list: an agent previews what it would do, who launched it proposes that, a second person
//! approves it as one, and once live its calls go in their order, each once, and nothing else does.

use std::path::Path;

use serde_json::{Value, json};

use crate::approvals::{Desk, ask, text};
use crate::client::Client;
use crate::cloud::Kind;
use crate::program::Way;

/// The whole way of a list, with a published client.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn a_list_goes_in_the_order_in_which_it_was_approved(client: Client, way: Way) {
    let desk = Desk::open(Kind::Moto);
    let task = desk.previewing();
    let (tester, ola) = (desk.person("tester"), desk.person("ola"));
    let environment = desk.cordon.env(&task, way);
    let previews = |environment: &_, all: &[u32]| {
        for seconds in all {
            let told = ask(client, &desk, environment, *seconds);
            assert!(told.contains("CordonPreview"), "{told}");
        }
        let last = &desk.cordon.calls(&["verdict:preview"])[0];
        (text(last, "session"), text(last, "task"))
    };
    let propose = |session: &str| -> Value {
        let arguments = ["holds", "propose", session, "--message", "more time"];
        tester.json(&desk.cordon, &arguments).remove(0)
    };
    let approve = |person: &crate::approvals::Person, batch: &Value| {
        let (id, digest) = (text(batch, "id"), text(batch, "digest"));
        person.run(
            &desk.cordon,
            &["holds", "approve", &id, "--digest", &digest],
        )
    };

    // A first plan, proposed and approved; the same one again is the same batch.
    let (session, id) = previews(&environment, &[30, 31]);
    let first = propose(&session);
    assert_eq!(
        (&first["new"], &first["left_out"], &first["differs"]),
        (&json!(true), &json!([]), &json!([])),
        "{first:#}"
    );
    let first = &first["batch"];
    assert_eq!(
        (&first["length"], &first["state"]),
        (&json!(2), &json!("waiting"))
    );
    assert!(
        text(&first["calls"][1], "parameters").contains("31"),
        "{first:#}"
    );
    let own = approve(&tester, first);
    assert!(own.text().contains("never-your-own-task"), "{}", own.text());
    let said = approve(&ola, first).succeeded("an approval");
    assert!(said.contains("approved"), "{said}");
    let (session, _) = previews(&desk.cordon.env(Path::new(&id), way), &[30, 31]);
    let same = propose(&session);
    assert_eq!(
        (&same["new"], &same["batch"]["id"]),
        (&json!(false), &first["id"])
    );
    assert_eq!(same["batch"]["state"], "approved", "{same:#}");

    // One call more is another list, which says so, and of which nothing was said yet.
    let (session, _) = previews(&desk.cordon.env(Path::new(&id), way), &[30, 31, 32]);
    let second = propose(&session);
    let added = json!({
        "what": "added", "from": null, "to": 3,
        "effect": "Change 1 lambda:function in prod: ce-export",
    });
    assert_eq!(
        (&second["new"], &second["differs"]),
        (&json!(true), &json!([added]))
    );
    let second = &second["batch"];
    let old = ola.hold(&desk.cordon, &text(first, "id"));
    assert_eq!(
        (&old["state"], &old["why"]),
        (&json!("broken"), &json!("call 1: withdrawn"))
    );
    let mixed = json!({ "id": second["id"], "digest": first["digest"] });
    let refused = approve(&ola, &mixed).text();
    for part in ["digest-differs", &text(first, "id"), "added 3: Change 1"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let listed = ola.json(&desk.cordon, &["holds", "list"]);
    assert_eq!(
        listed.len(),
        1,
        "a list is one thing to look at: {listed:#?}"
    );

    // Live, and not approved.
    let _ = desk.cordon.run(&["task", "go", &id]).succeeded("a start");
    let ask = |seconds| ask(client, &desk, &environment, seconds);
    let told = ask(30);
    let waits = format!("It is number 1 of batch {}", text(second, "id"));
    assert!(
        told.contains("CordonApprovalRequired") && told.contains(&waits),
        "{told}"
    );
    let _ = approve(&ola, second).succeeded("an approval");

    // Out of turn.
    for (seconds, number) in [(31, 2), (32, 3)] {
        let told = ask(seconds);
        let first = format!(
            "approved as number {number} of batch {}, whose calls go in the order in which people saw \
             them, and number 1 (lambda UpdateFunctionConfiguration, previewed as ",
            text(second, "id")
        );
        assert!(
            told.contains(&first) && told.contains("comes first"),
            "{told}"
        );
    }
    assert_eq!(desk.reached(), 0);

    // In turn, each once, and nothing else.
    assert_eq!(ask(30), "", "{}", desk.cordon.log());
    assert!(ask(30).contains("each lets one call go"), "once is once");
    assert!(ask(32).contains("number 2"), "it is the turn of another");
    assert!(
        ask(33).contains("CordonApprovalRequired"),
        "it is not in the list"
    );
    assert_eq!(desk.reached(), 1);
    assert_eq!(ask(31), "", "{}", desk.cordon.log());
    assert_eq!(ask(32), "", "{}", desk.cordon.log());
    assert_eq!(desk.reached(), 3);
    let done = ola.hold(&desk.cordon, &text(second, "id"));
    assert_eq!((&done["state"], &done["went"]), (&json!("done"), &json!(3)));
    desk.cordon.stop();
}

/// What is declined, tagged anew or altered by somebody is gone from the list, and the rest goes no more by it.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn what_changes_one_call_of_a_list_ends_the_list(client: Client) {
    let desk = Desk::open(Kind::Moto);
    let task = desk.previewing();
    let (tester, ola) = (desk.person("tester"), desk.person("ola"));
    let environment = desk.cordon.env(&task, Way::Connect);
    desk.tag(client, "env", "dev");
    for seconds in [30, 31] {
        let told = ask(client, &desk, &environment, seconds);
        assert!(told.contains("CordonPreview"), "{told}");
    }
    let last = &desk.cordon.calls(&["verdict:preview"])[0];
    let (session, id) = (text(last, "session"), text(last, "task"));
    let propose = || {
        tester
            .json(&desk.cordon, &["holds", "propose", &session])
            .remove(0)
    };
    let batch = propose()["batch"].clone();
    let (name, digest) = (text(&batch, "id"), text(&batch, "digest"));

    // An agent proposes nothing, and neither does who answers for other tasks.
    let agents = tester.run_in(&desk.cordon, &environment, &["holds", "propose", &session]);
    assert!(
        agents.text().contains("the shell of an agent"),
        "{}",
        agents.text()
    );
    let other = ola.run(&desk.cordon, &["holds", "propose", &session]);
    assert_eq!(other.code, Some(1), "{}", other.text());

    let one = text(&batch["calls"][0]["hold"], "id");
    let alone = ola.run(
        &desk.cordon,
        &["holds", "approve", &one, "--digest", &digest],
    );
    assert_eq!(alone.code, Some(1), "{}", alone.text());
    let approve = ["holds", "approve", &name, "--digest", &digest];
    let _ = ola.run(&desk.cordon, &approve).succeeded("an approval");
    let _ = desk.cordon.run(&["task", "go", &id]).succeeded("a start");

    desk.tag(client, "env", "prod");
    let told = ask(client, &desk, &environment, 30);
    assert!(
        told.contains("what it was judged on changed since"),
        "{told}"
    );
    let told = ask(client, &desk, &environment, 31);
    let broken = "It was one of a batch, another call of which did not go as it was approved";
    assert!(told.contains(broken), "{told}");
    let shown = ola.hold(&desk.cordon, &name);
    assert_eq!(
        (&shown["state"], &shown["why"]),
        (&json!("broken"), &json!("call 1: changed"))
    );
    assert_eq!(desk.reached(), 0);

    // One of both is declined; the list that has it is not proposed again.
    let waiting = ola.json(&desk.cordon, &["holds", "list"]);
    assert_eq!(waiting.len(), 2, "{waiting:#?}");
    let no = [
        "holds",
        "reject",
        &text(&waiting[0], "id"),
        "--reason",
        "too-risky",
    ];
    let _ = ola.run(&desk.cordon, &no).succeeded("a no");
    let refused = tester.run(&desk.cordon, &["holds", "propose", &session]);
    assert!(
        refused.text().contains("declined-before"),
        "{}",
        refused.text()
    );
    desk.cordon.stop();
}
