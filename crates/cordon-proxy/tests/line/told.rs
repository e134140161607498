//! Answers of 200 that tell in their body that it did not work, or not all of it.

use crate::agent::Wire;
use crate::stage::Stage;
use crate::upstream::{Act, Manner, answer};
use cordon_aws::sigv4::ChecksumAlgorithm;
use cordon_core::record::{AnswerFault, CallResult};
use http::Method;

fn copy(stage: &Stage) -> Wire {
    let source = [("x-amz-copy-source", "reports/old.csv")];
    stage
        .agent
        .s3(Method::PUT, "/reports/new.csv", None, &source, b"")
}

fn complete(stage: &Stage) -> Wire {
    let body = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>\
                 </CompleteMultipartUpload>";
    let query = Some("uploadId=u1");
    stage
        .agent
        .s3(Method::POST, "/reports/new.csv", query, &[], body)
}

fn delete(stage: &Stage) -> Wire {
    let body =
        b"<Delete><Object><Key>old-1</Key></Object><Object><Key>old-2</Key></Object></Delete>";
    let checksum = ChecksumAlgorithm::Crc32.of(body);
    let headers = [("x-amz-checksum-crc32", checksum.as_str())];
    stage
        .agent
        .s3(Method::POST, "/reports", Some("delete="), &headers, body)
}

fn batch(stage: &Stage) -> Wire {
    let body = r#"{"RequestItems":{"orders":[{"PutRequest":{"Item":{"id":{"S":"1"}}}}]}}"#;
    stage.agent.dynamodb("BatchWriteItem", body)
}

const ERROR: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InternalError</Code>\
                     <Message>again</Message></Error>";
const PARTLY: &str = "<DeleteResult><Deleted><Key>old-1</Key></Deleted><Error><Key>old-2</Key>\
                      <Code>InternalError</Code></Error></DeleteResult>";
const UNPROCESSED: &str =
    r#"{"UnprocessedItems":{"orders":[{"PutRequest":{"Item":{"id":{"S":"1"}}}}]}}"#;

async fn result(stage: &Stage, wire: Wire, body: &str) -> CallResult {
    stage.upstream.behave(Manner::answers(answer(
        200,
        "x-amz-request-id: R1\r\n",
        body,
    )));
    let answer = stage.agent.send(&wire).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, body),
        "it is passed on as it is"
    );
    // It was kept before the agent had read it.
    let calls = stage.store.tail_all().await;
    calls.last().unwrap().closed.clone().unwrap().result
}

/// The last call is recorded as one whose answer told that it failed.
async fn check_failed(stage: &Stage) {
    let result = stage.last().await;
    let failed = matches!(
        result,
        CallResult::Faulted {
            fault: AnswerFault::Failed,
            ..
        }
    );
    assert!(failed, "{result:?}");
}

#[tokio::test]
async fn what_failed_or_was_done_in_part_under_a_good_status_is_recorded_so() {
    let stage = Stage::new().await;
    for (wire, body, fault, why) in [
        (copy(&stage), ERROR, AnswerFault::Failed, "InternalError"),
        (
            complete(&stage),
            ERROR,
            AnswerFault::Failed,
            "InternalError",
        ),
        (
            delete(&stage),
            PARTLY,
            AnswerFault::Partial,
            "1 part was not done",
        ),
        (
            batch(&stage),
            UNPROCESSED,
            AnswerFault::Partial,
            "1 part was not done",
        ),
    ] {
        let expected = CallResult::Faulted {
            fault,
            status: 200,
            request_id: "R1".into(),
            why: why.into(),
        };
        assert_eq!(result(&stage, wire, body).await, expected);
    }
}

#[tokio::test]
async fn what_was_done_is_recorded_as_answered() {
    let stage = Stage::new().await;
    let done = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
    for (wire, body) in [
        (copy(&stage), done),
        (delete(&stage), "<DeleteResult/>"),
        (batch(&stage), r#"{"UnprocessedItems":{}}"#),
    ] {
        let result = result(&stage, wire, body).await;
        assert!(
            matches!(result, CallResult::Answered { status: 200, .. }),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn blanks_that_keep_a_client_waiting_come_down_before_the_copy_is_done() {
    let stage = Stage::new().await;
    let (switch, on) = tokio::sync::watch::channel(false);
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len()).into_bytes();
    let slow = [
        Act::Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()),
        Act::Say(chunk("    ")),
        Act::Until(on),
        Act::Say(chunk(ERROR)),
        Act::Say(b"0\r\n\r\n".to_vec()),
    ];
    stage.upstream.behave(Manner::acts(slow));
    let mut stream = stage.agent.begin(&copy(&stage)).await;
    let begun = crate::agent::read_until(&mut stream, b"    \r\n").await;
    assert!(
        begun.starts_with(b"HTTP/1.1 200"),
        "the head and the blanks are here"
    );
    switch.send_replace(true);
    let rest = crate::agent::read_until(&mut stream, b"0\r\n\r\n").await;
    assert!(!rest.is_empty());
    check_failed(&stage).await;
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_what_the_body_tells_along() {
    let stage = Stage::new().await;
    let (switch, on) = tokio::sync::watch::channel(false);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", ERROR.len());
    let slow = [
        Act::Say(head.into_bytes()),
        Act::Say(ERROR.as_bytes()[..20].to_vec()),
        Act::Until(on),
        Act::Say(ERROR.as_bytes()[20..].to_vec()),
    ];
    stage.upstream.behave(Manner::acts(slow));
    let mut stream = stage.agent.begin(&copy(&stage)).await;
    crate::agent::read_some(&mut stream, 1).await;
    drop(stream);
    switch.send_replace(true);
    check_failed(&stage).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_before_it_told_leaves_the_outcome_unknown() {
    let stage = Stage::new().await;
    for body in ["<CopyObjectResult><ETag>", "", "what?"] {
        stage
            .upstream
            .behave(Manner::answers(answer(200, "", body)));
        let answer = stage.agent.send(&copy(&stage)).await;
        assert_eq!(answer.status, 200);
        let result = stage.last().await;
        assert!(
            matches!(result, CallResult::Indeterminate { .. }),
            "{body}: {result:?}"
        );
    }
}
