//! What Cordon's own reads were answered a moment ago serves a preview or a denial, and nothing else: what
//! must never happen is that a call is let go, or put before people, by it.

use crate::agent::Wire;
use crate::holds::{PEOPLE, people_are};
use crate::stage::{Set, Stage};
use crate::upstream::{Act, Manner, answer};
use cordon_core::task::Mode;
use cordon_proxy::Deadlines;
use http::Method;

/// That nothing had the name of a table.
const NOTHING: &str = r#"{"BackupSummaries":[]}"#;
/// That something had it, and is no more since this moment: the list, and the backup that is in it.
const VANISHED: &str = r#"{"BackupSummaries":[{"BackupArn":"arn:aws:dynamodb:eu-central-1:111122223333:table/new/backup/1"}],
    "BackupDescription":{"SourceTableDetails":{"TableCreationDateTime":1600000000},
    "BackupDetails":{"BackupCreationDateTime":4000000000}}}"#;

/// A task that is only previewed so far, and whose agent is answered at once.
async fn stage(approvals: &'static [&'static str]) -> Stage {
    let stage = Stage::set(Set {
        approvals,
        deadlines: Deadlines {
            park: std::time::Duration::ZERO,
            ..Deadlines::default()
        },
        ..Set::default()
    })
    .await;
    stage.mode_is(Mode::Preview);
    stage
        .upstream
        .behave(Manner::answers(answer(200, "", NOTHING)));
    stage
}

/// The creation of a table, which is looked into: has one of its name just vanished?
fn create(stage: &Stage, table: &str) -> Wire {
    let body = format!(
        r#"{{"TableName":"{table}","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{{"AttributeName":"id","AttributeType":"S"}}],
        "KeySchema":[{{"AttributeName":"id","KeyType":"HASH"}}]}}"#
    );
    stage.agent.dynamodb("CreateTable", &body)
}

fn query(stage: &Stage, service: &str, body: &str) -> Wire {
    let form = [(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    stage
        .agent
        .signed(service, Method::POST, "/", None, &form, body.as_bytes())
}

/// Sends it; gives what was decided and the reference.
async fn decided(stage: &Stage, call: &Wire) -> (String, String) {
    let answer = stage.agent.send(call).await;
    let verdict = answer.header("x-cordon-verdict").unwrap_or("allow");
    let reference = answer.header("x-cordon-ref").unwrap_or_default();
    (verdict.to_owned(), reference.to_owned())
}

async fn check(stage: &Stage, call: &Wire, expected: &str) {
    assert_eq!(decided(stage, call).await.0, expected);
}

/// How often the upstream was asked for an operation.
fn asked(stage: &Stage, operation: &str) -> usize {
    let (json, form) = (format!(".{operation}\r\n"), format!("Action={operation}&"));
    let seen = stage.upstream.seen();
    let names = |text: &str| text.contains(&json) || text.contains(&form);
    let is_it = |body: &[u8], head: &str| names(head) || names(&String::from_utf8_lossy(body));
    seen.iter().filter(|it| is_it(&it.body, &it.head)).count()
}

#[tokio::test]
async fn nothing_goes_by_what_was_known_before_it_came() {
    let stage = stage(&[]).await;
    check(&stage, &create(&stage, "new"), "preview").await;
    assert_eq!(asked(&stage, "ListBackups"), 1);

    // Somebody takes the table away where Cordon does not see it, and the task goes live.
    stage
        .upstream
        .behave(Manner::answers(answer(200, "", VANISHED)));
    stage.mode_is(Mode::Live);
    let (verdict, reference) = decided(&stage, &create(&stage, "new")).await;
    assert_ne!(verdict, "allow");
    assert_eq!(asked(&stage, "CreateTable"), 0);
    let record = stage.written(&reference).await.record;
    assert!(record.facts.contains(&"recreates-deleted"), "{record:?}");
}

#[tokio::test]
async fn what_may_go_is_asked_for_again_and_goes() {
    let stage = stage(&[]).await;
    check(&stage, &create(&stage, "new"), "preview").await;
    stage.mode_is(Mode::Live);
    check(&stage, &create(&stage, "new"), "allow").await;
    assert_eq!(asked(&stage, "ListBackups"), 2);
    assert_eq!(asked(&stage, "CreateTable"), 1);
}

#[tokio::test]
async fn what_people_approve_is_asked_for_at_that_moment() {
    let stage = stage(&["senior"]).await;
    people_are(&stage, PEOPLE);
    for reads in [1, 2] {
        let (verdict, reference) = decided(&stage, &create(&stage, "new")).await;
        assert_eq!(verdict, "preview");
        let record = stage.written(&reference).await.record;
        assert!(
            record.held_as.is_some(),
            "it can be approved before it is made"
        );
        assert_eq!(asked(&stage, "ListBackups"), reads);
    }
    stage.mode_is(Mode::Live);
    check(&stage, &create(&stage, "new"), "hold").await;
    assert_eq!(asked(&stage, "ListBackups"), 3);
}

#[tokio::test]
async fn after_a_change_it_is_asked_again() {
    let stage = stage(&[]).await;
    check(&stage, &create(&stage, "new"), "preview").await;
    stage.mode_is(Mode::Live);
    check(&stage, &stage.agent.put_item("1"), "allow").await;
    stage.mode_is(Mode::Preview);
    for _ in 0..2 {
        check(&stage, &create(&stage, "new"), "preview").await;
    }
    assert_eq!(asked(&stage, "ListBackups"), 2);
}

#[tokio::test]
async fn two_calls_within_seconds_ask_once_and_another_one_for_itself() {
    let stage = stage(&[]).await;
    for _ in 0..2 {
        check(&stage, &create(&stage, "new"), "preview").await;
    }
    assert_eq!(asked(&stage, "ListBackups"), 1);
    check(&stage, &create(&stage, "newer"), "preview").await;
    assert_eq!(asked(&stage, "ListBackups"), 2);
    check(&stage, &stage.agent.get_item(), "allow").await;
}

#[tokio::test]
async fn what_failed_or_broke_off_is_not_known() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"BackupSummaries\":[]".to_vec();
    for manner in [
        Manner::answers(answer(400, "", r#"{"__type":"AccessDeniedException"}"#)),
        Manner::answers(answer(200, "", "<html>busy</html>")),
        Manner::acts([Act::Say(cut), Act::Reset]),
    ] {
        let stage = stage(&[]).await;
        stage.upstream.behave(manner.clone());
        let first = decided(&stage, &create(&stage, "new")).await;
        let asked_before = asked(&stage, "ListBackups");
        assert_ne!(asked_before, 0);
        let second = decided(&stage, &create(&stage, "new")).await;
        assert_eq!(first.0, second.0, "{manner:?}");
        assert_eq!(asked(&stage, "ListBackups"), 2 * asked_before, "{manner:?}");
    }
}

#[tokio::test]
async fn a_change_set_is_looked_at_as_it_is_now() {
    let stage = stage(&[]).await;
    let body = "<DescribeChangeSetResponse><DescribeChangeSetResult>\
        <ChangeSetId>arn:aws:cloudformation:eu-central-1:111122223333:changeSet/c/1</ChangeSetId>\
        <StackId>arn:aws:cloudformation:eu-central-1:111122223333:stack/web/1</StackId>\
        <ExecutionStatus>AVAILABLE</ExecutionStatus><Changes/>\
        </DescribeChangeSetResult></DescribeChangeSetResponse>";
    stage
        .upstream
        .behave(Manner::answers(answer(200, "", body)));
    let execute = "Action=ExecuteChangeSet&Version=2010-05-15&ChangeSetName=c&StackName=web";
    for count in [1, 2] {
        check(&stage, &query(&stage, "cloudformation", execute), "preview").await;
        assert_eq!(asked(&stage, "DescribeChangeSet"), count);
    }
}

#[tokio::test]
async fn what_goes_with_a_call_is_no_part_of_the_reads_beside_it() {
    let stage = stage(&[]).await;
    let body = "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>\
        <DBClusterIdentifier>web</DBClusterIdentifier><Engine>aurora-mysql</Engine>\
        <DBClusterMembers><DBClusterMember><DBInstanceIdentifier>web-1</DBInstanceIdentifier>\
        </DBClusterMember></DBClusterMembers>\
        </DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>";
    stage
        .upstream
        .behave(Manner::answers(answer(200, "", body)));
    let delete = "Action=DeleteDBCluster&Version=2014-10-31&DBClusterIdentifier=web&FinalDBSnapshotIdentifier=last";
    let refused = stage.agent.send(&query(&stage, "rds", delete)).await;
    let verdict = refused.header("x-cordon-verdict");
    assert_eq!(verdict, Some("preview"), "{}", refused.text());
    let reference = refused.header("x-cordon-ref").unwrap();
    // Its instance is weighed with it, and how it stands is told all the same.
    let record = stage.written(reference).await.record;
    let prediction = record.prediction.unwrap();
    assert_eq!(prediction.dependents, [Box::from("web-1")]);
    let mut properties = prediction.properties.iter();
    assert!(properties.any(|it| &*it.name == "Engine"), "{prediction:?}");
}
