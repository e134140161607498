//! Deployments by the CLI of CDK, as its users make them: `cordon run -- cdk deploy`, by the roles of
//! bootstrap and through change sets, under the task and the policies of `docs/cdk.md`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story stops at once"
)]

use cordon_tests::cdk::{App, QUEUE, STACK, TABLE, role, task_of};
use cordon_tests::process::Ran;
use cordon_tests::signer::session_keys;
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, REGION};

/// It did what it was started for.
fn done(app: &App, ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.text(), app.cordon.log());
}

/// It ended with these words of Cordon's.
fn stopped(ran: &Ran, words: &str) {
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(ran.text().contains(words), "{}", ran.text());
}

/// The queue of the stack.
fn queue() -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}")
}

/// Whether one of these keys signed a request.
fn is_signed_by(request: &Message, keys: &[String]) -> bool {
    let signed = request.header("authorization").unwrap_or_default();
    keys.iter().any(|id| signed.contains(id.as_str()))
}

#[test]
#[ignore = "drives the CLI of CDK: cargo xtask test --lane cdk"]
fn an_agent_does_not_bootstrap() {
    let app = App::open();
    let task = app.task("live", "");
    let place = format!("aws://{ACCOUNT}/{REGION}");
    let more = ["--toolkit-stack-name", STACK, "--qualifier", "agents"];
    let ran = app.cdk(&task, &[&["bootstrap", &place], &more[..]].concat());
    stopped(&ran, "above what the team");
    assert!(app.changes().is_empty());
    app.cordon.stop();
}

#[test]
#[ignore = "drives the CLI of CDK: cargo xtask test --lane cdk"]
fn a_stack_is_deployed_by_the_roles_of_bootstrap() {
    let app = App::open();
    let deployed = app.deploy(&app.task("live", ""), &app.assembly(true));
    done(&app, &deployed);
    assert_eq!(app.there(), (true, true), "{}", deployed.text());

    // No call of the agent's own for a role left: those that did are Cordon's, by names of its own.
    let exchanges = app.cloud.exchanges();
    let left = |request: &Message| format!("{:?}{}", request.headers, request.text());
    for exchange in &exchanges {
        let sent = left(&exchange.request);
        let is_the_agents = sent.contains("CRDN") || sent.contains("aws-cdk-tester");
        assert!(!is_the_agents, "{sent}");
    }
    // Each role did what it is for, and nothing else did it.
    let keys_of = |of: &str| -> Vec<String> {
        let asked = format!(
            "role%2F{}&",
            role(of).rsplit('/').next().unwrap_or_default()
        );
        let minted = exchanges.iter().filter(|exchange| {
            let sent = exchange.request.text() + "&";
            exchange.request.names("AssumeRole") && sent.contains(&asked)
        });
        let answers = minted.filter_map(|exchange| exchange.answer.as_ref());
        answers
            .filter_map(|answer| Some(session_keys(&answer.text())?.id))
            .collect()
    };
    let (deploy, publish) = (keys_of("deploy"), keys_of("file-publishing"));
    let changes = app.changes();
    assert_eq!(changes.len(), 3, "{changes:#?}");
    for change in &changes {
        let by = if change.method == "PUT" {
            &publish
        } else {
            &deploy
        };
        assert!(is_signed_by(change, by), "{change:#?}");
    }
    // What was executed is the change set that was looked at, by its id.
    let executed = changes.iter().find(|it| it.names("ExecuteChangeSet"));
    let executed = executed.expect("it left").text();
    assert!(
        executed.contains("ChangeSetName=arn%3Aaws%3Acloudformation"),
        "{executed}"
    );

    // Whoever ran it sees what its roles did.
    for told in ["ExecuteChangeSet", "3 changes, 0 refused"] {
        assert!(deployed.err.contains(told), "{}", deployed.err);
    }
    app.cordon.stop();
}

#[test]
#[ignore = "drives the CLI of CDK: cargo xtask test --lane cdk"]
fn what_the_task_does_not_name_is_not_removed_by_a_deployment() {
    let app = App::open();
    let task = app.task("live", "");
    done(&app, &app.deploy(&task, &app.assembly(true)));

    let refused = app.deploy(&task, &app.assembly(false));
    stopped(&refused, "Deleting this resource is not part of the task");
    assert_eq!(app.there(), (true, true));
    assert_eq!(app.reached("ExecuteChangeSet"), 1, "the first one's alone");
    let calls = app
        .cordon
        .calls(&["operation:ExecuteChangeSet", "verdict:deny"]);
    let call = calls.first().expect("a record").to_string();
    let queue = queue();
    for told in ["sqs:DeleteQueue", &queue, "destroy-needs-named-target"] {
        assert!(call.contains(told), "{told} is not in {call}");
    }
    let summary = "  DENY     cloudformation ExecuteChangeSet  cordon why";
    assert!(refused.err.contains(summary), "{}", refused.err);

    let named = app.task(
        "live",
        &format!("[destroy]\n\"{queue}\" = [\"sqs:DeleteQueue\"]\n"),
    );
    done(&app, &app.deploy(&named, &app.assembly(false)));
    assert_eq!(app.there(), (true, false));
    app.cordon.stop();
}

#[test]
#[ignore = "drives the CLI of CDK: cargo xtask test --lane cdk"]
fn a_difference_is_looked_at_by_a_change_set_that_goes_again() {
    let app = App::open();
    let task = app.task("live", "");
    done(&app, &app.deploy(&task, &app.assembly(true)));
    let before = app.reached("ExecuteChangeSet");
    let shown = app.cdk(&task, &["diff", STACK, "--app", &app.assembly(false)]);
    done(&app, &shown);
    assert!(
        shown.text().contains("[-] AWS::SQS::Queue Jobs")
            && !shown.text().contains("Could not create a change set"),
        "{}",
        shown.text()
    );
    assert_eq!(app.reached("CreateChangeSet"), 2);
    assert!(app.reached("DeleteChangeSet") > 0);
    assert_eq!(app.reached("ExecuteChangeSet"), before);
    assert_eq!(app.there(), (true, true));
    app.cordon.stop();
}

#[test]
#[ignore = "drives the CLI of CDK: cargo xtask test --lane cdk"]
fn a_stack_is_destroyed_with_what_the_task_names_alone() {
    let app = App::open();
    let (task, with) = (app.task("live", ""), app.assembly(true));
    let deployed = app.deploy(&task, &with);
    done(&app, &deployed);
    let destroy = ["destroy", STACK, "--app", &with, "--force"];

    let said = deployed.text();
    let (_, stack) = said.split_once("Stack ARN:\n").expect("it says which");
    let stack = stack.lines().next().unwrap_or_default();
    let table = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}");
    let queue = queue();

    let refused = app.cdk(&task, &destroy);
    stopped(&refused, "Deleting this resource is not part of the task");
    assert_eq!(app.reached("DeleteStack"), 0);
    assert_eq!(app.there(), (true, true));

    // moto tells no events of the resources in a stack. Where AWS does not say that they were made there, they
    // are nobody's own either, and are named.
    let named = format!(
        "[destroy]\n\"{stack}\" = [\"cloudformation:DeleteStack\"]\n\"{table}\" = [\"dynamodb:DeleteTable\"]\n\
         \"{queue}\" = [\"sqs:DeleteQueue\"]\n"
    );
    done(&app, &app.cdk(&app.task("live", &named), &destroy));
    assert_eq!(app.there(), (false, false));
    app.cordon.stop();
}

#[test]
#[ignore = "drives the CLI of CDK: cargo xtask test --lane cdk"]
fn a_previewed_deployment_changes_nothing_and_shows_its_plan() {
    let app = App::open();
    let (task, with) = (app.task("preview", ""), app.assembly(true));
    let deploy = ["deploy", STACK, "--app", &with];
    let ran = app.cdk(&task, &deploy);
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    let told = "is in preview mode. The change was recorded, not made";
    assert!(ran.text().contains(told), "{}", ran.text());
    let held = app.cordon.calls(&["verdict:preview"]);
    assert_eq!(held[0]["code"], "CordonPreview", "{held:#?}");
    let plan = app.cordon.run(&["preview", &task_of(&ran)]);
    assert_eq!(plan.code, Some(2), "{}", plan.text());
    assert!(plan.out.contains("s3 PutObject"), "{}", plan.out);

    // In one step, where what its roles did counts as well.
    let plan = app.under(&["preview", &task], &deploy);
    assert_eq!(plan.code, Some(2), "{}", plan.text());
    assert!(plan.out.contains("s3 PutObject"), "{}", plan.out);
    assert!(app.changes().is_empty());
    assert_eq!(app.there(), (false, false));
    app.cordon.stop();
}
