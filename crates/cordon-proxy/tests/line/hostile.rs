//! Upstreams that no honest cloud is. Each has an outcome of its own, no change is ever sent
//! twice, and the next good call works.

use crate::stage::{MINTED_KEY_ID, Set, Stage};
use crate::upstream::{Act, Manner, Reads, answer};
use cordon_core::record::{AnswerFault, CallResult};
use cordon_proxy::{Deadlines, Limits};
use std::time::Duration;

async fn impatient() -> Stage {
    Stage::set(Set {
        deadlines: Deadlines {
            connect: Duration::from_millis(300),
            answer: Duration::from_millis(300),
            answer_idle: Duration::from_millis(300),
            ..Deadlines::default()
        },
        // Each keeps connections of its own.
        limits: Limits {
            workers: 1,
            ..Limits::default()
        },
        ..Set::default()
    })
    .await
}

/// A change to an upstream of this manner is sent once and answered with `code`; gives what is
/// recorded of it.
async fn change(stage: &Stage, manner: Manner, code: &str) -> CallResult {
    stage.upstream.behave(manner);
    let before = stage.upstream.seen().len();
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains(code), "{}", answer.text());
    assert!(
        stage.upstream.seen().len() <= before + 1,
        "it was sent again"
    );
    stage.closed(answer.header("x-cordon-ref").unwrap()).await
}

fn indeterminate(result: &CallResult, said: &str) {
    let CallResult::Indeterminate { why } = result else {
        panic!("{result:?}");
    };
    assert!(why.contains(said), "{why}");
}

#[tokio::test]
async fn a_change_whose_answer_never_comes_is_not_sent_again_and_not_known() {
    let stage = impatient().await;
    let result = change(&stage, Manner::acts([Act::Stall]), "CordonIndeterminate").await;
    indeterminate(&result, "no answer came within");
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn a_change_that_is_reset_is_not_sent_again_and_not_known() {
    let stage = impatient().await;
    let result = change(&stage, Manner::acts([Act::Reset]), "CordonIndeterminate").await;
    indeterminate(&result, "the connection broke after the request left");
    stage.next_good_call_works().await;
    // And on a connection that was kept from the good call before.
    let result = change(&stage, Manner::acts([Act::Reset]), "CordonIndeterminate").await;
    indeterminate(&result, "the connection broke after the request left");
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_not_known() {
    let stage = impatient().await;
    let endless_headers = [
        Act::Say(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Act::Repeat(format!("x-more: {}\r\n", "x".repeat(1_000)).into_bytes()),
    ];
    let endless_header = [
        Act::Say(b"HTTP/1.1 200 OK\r\nx-more: ".to_vec()),
        Act::Repeat(vec![b'x'; 10_000]),
    ];
    for manner in [
        Manner::answers("SSH-2.0-hello\r\n"),
        Manner::answers("HTTP/1.1 OK 200\r\n\r\n"),
        Manner::answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} "),
        Manner::answers("HTTP/1.1 200 OK\r\nx-bad\0: 1\r\n\r\n"),
        Manner::acts(endless_headers),
        Manner::acts(endless_header),
    ] {
        let said = format!("{manner:?}");
        let result = change(&stage, manner, "CordonIndeterminate").await;
        assert!(
            matches!(result, CallResult::Indeterminate { .. }),
            "{said:.200} {result:?}"
        );
    }
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn interim_answers_without_end_are_not_waited_for() {
    let stage = impatient().await;
    let flood = [Act::Repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec())];
    let result = change(&stage, Manner::acts(flood), "CordonIndeterminate").await;
    indeterminate(&result, "no answer came within");
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_interim_answer_before_the_answer_is_passed_over() {
    let stage = impatient().await;
    let two = [
        Act::Say(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n".to_vec()),
        Act::Say(answer(200, "", "{}")),
    ];
    stage.upstream.behave(Manner::acts(two));
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
}

#[tokio::test]
async fn a_switch_of_protocols_is_no_answer() {
    let stage = impatient().await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    let result = change(&stage, Manner::answers(switch), "CordonIndeterminate").await;
    assert!(
        matches!(result, CallResult::Indeterminate { .. }),
        "{result:?}"
    );
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_upstream_that_takes_connections_and_never_speaks_tls_is_not_reached() {
    let silent = crate::upstream::Upstream::start(Manner {
        reads: Reads::Nothing,
        acts: vec![Act::Stall],
    })
    .await;
    let stage = Stage::set(Set {
        elsewhere: Some(
            silent
                .url()
                .replace("http://127.0.0.1", "https://localhost"),
        ),
        ..Set::default()
    })
    .await;
    not_reached(&stage, "did not take the connection in time").await;
}

#[tokio::test]
async fn a_certificate_of_another_name_is_no_upstream() {
    let (address, _serving) = crate::tls::serve_as("other.example").await;
    let stage = Stage::set(Set {
        elsewhere: Some(format!("https://localhost:{}", address.port())),
        ..Set::default()
    })
    .await;
    not_reached(&stage, "certificate").await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_not_reached() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let stage = Stage::set(Set {
        elsewhere: Some(url),
        ..Set::default()
    })
    .await;
    not_reached(&stage, "cannot be reached").await;
}

async fn not_reached(stage: &Stage, said: &str) {
    for call in [stage.agent.put_item("1"), stage.agent.get_item()] {
        let answer = stage.agent.send(&call).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(
            answer.text().contains("CordonUnreachable"),
            "{}",
            answer.text()
        );
        let result = stage.closed(answer.header("x-cordon-ref").unwrap()).await;
        let CallResult::NotSent { why } = &result else {
            panic!("{result:?}");
        };
        assert!(why.contains(said), "{why}");
    }
}

#[tokio::test]
async fn a_read_on_a_kept_connection_that_died_is_sent_once_more_and_a_change_is_not() {
    let stage = impatient().await;
    stage.next_good_call_works().await;
    let before = stage.upstream.seen().len();
    // Every request is read and then reset: the kept connection dies under the read, and so does
    // the fresh one.
    stage.upstream.behave(Manner::acts([Act::Reset]));
    let answer = stage.agent.send(&stage.agent.get_item()).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(
        stage.upstream.seen().len(),
        before + 2,
        "once more, and no more"
    );
    stage.next_good_call_works().await;
}

/// A change whose answer is not whole is known by its status, and recorded as cut.
async fn cut(stage: &Stage, manner: Manner, said: &str) {
    stage.upstream.behave(manner);
    let before = stage.upstream.seen().len();
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.whole, "the client is told that it is not whole");
    assert_eq!(stage.upstream.seen().len(), before + 1, "it was sent again");
    let result = stage.last().await;
    let CallResult::Faulted {
        fault: AnswerFault::Cut,
        status: 200,
        why,
        ..
    } = &result
    else {
        panic!("{result:?}");
    };
    assert!(why.contains(said), "{why}");
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_answer_that_stalls_or_ends_early_is_cut() {
    let stage = impatient().await;
    let half = || Act::Say(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec());
    let chunk =
        Act::Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n".to_vec());
    cut(&stage, Manner::acts([half(), Act::Stall]), "stalled").await;
    cut(
        &stage,
        Manner::acts([half(), Act::Reset]),
        "ended its answer early",
    )
    .await;
    cut(
        &stage,
        Manner::acts([chunk.clone(), Act::Reset]),
        "ended its answer early",
    )
    .await;
    let lie = Act::Say(b"zz\r\n".to_vec());
    cut(&stage, Manner::acts([chunk, lie]), "ended its answer early").await;
}

#[tokio::test]
async fn what_follows_the_told_length_belongs_to_nobody() {
    let stage = impatient().await;
    let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\
                    content-length: 9\r\n\r\n\"smuggled";
    stage.upstream.behave(Manner::answers(smuggled));
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    stage
        .upstream
        .behave(Manner::answers(crate::upstream::answer(200, "", "{}")));
    for _ in 0..3 {
        let answer = stage.agent.send(&stage.agent.get_item()).await;
        assert!(!answer.text().contains("smuggled"), "{}", answer.text());
    }
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_answer_without_end_ends_with_its_reader() {
    let stage = impatient().await;
    let endless = [
        Act::Say(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec()),
        Act::Repeat(vec![b'x'; 100_000]),
    ];
    stage.upstream.behave(Manner::acts(endless));
    let read = stage
        .agent
        .s3(http::Method::GET, "/reports/old.csv", None, &[], b"");
    let mut stream = stage.agent.begin(&read).await;
    crate::agent::read_some(&mut stream, 2_000_000).await;
    drop(stream);
    let result = stage.last().await;
    let is_cut = matches!(&result, CallResult::Faulted { why, .. } if why.contains("client left"));
    assert!(is_cut, "{result:?}");
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn a_redirect_is_passed_on_within_aws_and_never_followed() {
    let stage = Stage::new().await;
    let inside = "location: https://s3.eu-west-1.amazonaws.com/reports/old.csv\r\n";
    let outside = "location: https://evil.example/reports/old.csv\r\n";
    let read = || {
        stage
            .agent
            .s3(http::Method::GET, "/reports/old.csv", None, &[], b"")
    };
    stage
        .upstream
        .behave(Manner::answers(answer(307, inside, "")));
    let answered = stage.agent.send(&read()).await;
    assert_eq!(answered.status, 307);
    assert_eq!(
        answered.header("location"),
        Some("https://s3.eu-west-1.amazonaws.com/reports/old.csv")
    );
    stage
        .upstream
        .behave(Manner::answers(answer(301, outside, "")));
    let answered = stage.agent.send(&read()).await;
    assert_eq!(answered.status, 301);
    assert_eq!(answered.header("location"), None);
    assert_eq!(stage.upstream.seen().len(), 2, "nobody followed");
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn headers_of_the_connection_stay_on_it() {
    let stage = Stage::new().await;
    let headers = "connection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n\
                   upgrade: h2c\r\nalt-svc: h3=\":443\"\r\nset-cookie: a=b\r\nx-amzn-requestid: R\r\n";
    stage
        .upstream
        .behave(Manner::answers(answer(200, headers, "{}")));
    let answer = stage.agent.send(&stage.agent.put_item("1")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    for name in ["x-hop", "keep-alive", "upgrade", "alt-svc", "set-cookie"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.header("connection"), Some("close"), "its own");
    assert_eq!(answer.header("x-amzn-requestid"), Some("R"));
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_answer_is_passed_on_as_it_is_encoded() {
    let stage = Stage::new().await;
    // Whatever it would inflate to, it is never inflated.
    let bomb = "\u{1f}\u{8b}".repeat(4_096);
    let read = stage
        .agent
        .s3(http::Method::GET, "/reports/old.csv", None, &[], b"");
    let encoded = answer(200, "content-encoding: gzip\r\n", &bomb);
    stage.upstream.behave(Manner::answers(encoded));
    let answer = stage.agent.send(&read).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.text(), bomb);
}

#[tokio::test]
async fn a_minted_credential_in_a_head_or_a_body_is_cut() {
    let stage = Stage::new().await;
    stage.next_good_call_works().await;
    let head = answer(200, &format!("x-debug: {MINTED_KEY_ID}\r\n"), "{}");
    let result = change(&stage, Manner::answers(head), "CordonIndeterminate").await;
    indeterminate(&result, "held a minted credential");

    let body = answer(200, "", &format!("{{\"debug\":\"{MINTED_KEY_ID}\"}}"));
    stage.upstream.behave(Manner::answers(body));
    let answer = stage.agent.send(&stage.agent.get_item()).await;
    assert!(!answer.whole, "it was cut");
    assert!(!answer.text().contains(MINTED_KEY_ID), "{}", answer.text());
    stage.next_good_call_works().await;
}
