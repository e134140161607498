//! A session that ends while its call is under way: nothing more goes up, nothing more comes down,
//! and what is recorded says so.

use crate::agent::{answer as read_answer, read_some};
use crate::stage::{Set, Stage, soon};
use crate::upstream::{Act, Manner, Reads, answer};
use cordon_aws::sigv4::PayloadMode;
use cordon_core::decide::Posture;
use cordon_core::record::{AnswerFault, CallResult};
use cordon_core::session::SessionState;
use http::Method;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

const SIZE: usize = 300_000;
const OVER: &str = "CordonSessionOver";

/// What ends a session, or what it needs one for.
type Ending = fn(&Stage);

async fn check_upload_is_cut(stage: &Stage, end: Ending, [code, said]: [&str; 2]) {
    let content = vec![b'x'; SIZE];
    let wire = stage
        .agent
        .upload("/reports/2026.csv", PayloadMode::Unsigned, &content, None);
    let before = stage.upstream.begun();
    let mut stream = stage.agent.begin(&wire).await;
    stream.write_all(&wire.body[..SIZE / 2]).await.unwrap();
    stage.upstream.has_begun(before + 1).await;
    end(stage);
    let answer = read_answer(stream).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains(code), "{}", answer.text());
    stage.upstream.has_seen(before + 1).await;
    assert!(stage.upstream.whole().is_empty(), "AWS has a whole request");
    let result = stage.closed(answer.header("x-cordon-ref").unwrap()).await;
    let CallResult::NotSent { why } = &result else {
        panic!("{result:?}");
    };
    assert!(why.contains(said), "{why}");
}

#[tokio::test]
async fn an_upload_of_a_session_that_is_stopped_is_cut() {
    let stage = Stage::new().await;
    let stop: Ending = |stage| stage.session_is(SessionState::Stopped);
    check_upload_is_cut(&stage, stop, [OVER, "the session was stopped"]).await;
}

#[tokio::test]
async fn a_large_call_that_was_read_whole_is_cut_while_it_is_written() {
    let stage = Stage::new().await;
    let (switch, on) = watch::channel(false);
    stage.upstream.behave(Manner {
        reads: Reads::Heads(on),
        acts: vec![Act::Say(answer(200, "", "{}"))],
    });
    // More than the buffers of two sockets take, with an upstream that reads nothing of it yet.
    let change = stage.agent.put_item(&"x".repeat(15 << 20));
    let ending = async {
        stage.upstream.has_begun(1).await;
        stage.session_is(SessionState::Stopped);
    };
    let (refused, ()) = tokio::join!(stage.agent.send(&change), ending);
    assert_eq!(refused.status, 403, "{}", refused.text());
    switch.send_replace(true);
    stage.upstream.has_seen(1).await;
    assert!(stage.upstream.whole().is_empty(), "AWS has a whole request");
    let result = stage.closed(refused.header("x-cordon-ref").unwrap()).await;
    let CallResult::NotSent { why } = &result else {
        panic!("{result:?}");
    };
    assert!(why.contains("the session was stopped"), "{why}");
}

#[tokio::test]
async fn an_upload_of_a_session_that_is_paused_is_cut() {
    let stage = Stage::new().await;
    let pause: Ending = |stage| stage.session_is(SessionState::Paused);
    check_upload_is_cut(&stage, pause, [OVER, "the session was paused"]).await;
    stage.session_is(SessionState::Live);
    stage.next_good_call_works().await;
}

#[tokio::test]
async fn an_upload_is_cut_when_changes_are_frozen() {
    let stage = Stage::new().await;
    let freeze: Ending = |stage| stage.live.set_posture(Posture::Freeze);
    check_upload_is_cut(&stage, freeze, ["CordonFrozen", "changes were frozen"]).await;
}

#[tokio::test]
async fn an_upload_of_a_task_that_ends_is_cut() {
    let stage = Stage::set(Set {
        ends: Some(soon()),
        ..Set::default()
    })
    .await;
    check_upload_is_cut(
        &stage,
        |_| {},
        [OVER, "the task, or the session of a role, ended"],
    )
    .await;
}

/// A download of which the half has come down when its session ends.
async fn check_download_is_cut(stage: &Stage, end: Ending, said: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nx-amz-request-id: R1\r\ncontent-length: {SIZE}\r\n\r\n");
    let half = [
        Act::Say(head.into_bytes()),
        Act::Say(vec![b'x'; SIZE / 2]),
        Act::Stall,
    ];
    stage.upstream.behave(Manner::acts(half));
    let read = stage
        .agent
        .s3(Method::GET, "/reports/old.csv", None, &[], b"");
    let mut stream = stage.agent.begin(&read).await;
    read_some(&mut stream, SIZE / 2).await;
    end(stage);
    // The connection ends within the message.
    read_some(&mut stream, usize::MAX).await;
    let result = stage.last().await;
    let CallResult::Faulted {
        fault: AnswerFault::Cut,
        status: 200,
        request_id,
        why,
    } = &result
    else {
        panic!("{result:?}");
    };
    assert_eq!(&**request_id, "R1");
    assert!(why.contains(said), "{why}");
}

#[tokio::test]
async fn a_download_of_a_session_that_is_stopped_is_cut() {
    let stage = Stage::new().await;
    let stop: Ending = |stage| stage.session_is(SessionState::Stopped);
    check_download_is_cut(&stage, stop, "the session was stopped").await;
}

#[tokio::test]
async fn a_download_of_a_task_that_ends_is_cut() {
    let stage = Stage::set(Set {
        ends: Some(soon()),
        ..Set::default()
    })
    .await;
    check_download_is_cut(&stage, |_| {}, "the task, or the session of a role, ended").await;
}

#[tokio::test]
async fn a_download_of_a_session_that_is_paused_goes_on() {
    let stage = Stage::new().await;
    let (switch, on) = watch::channel(false);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n");
    let halves = [
        Act::Say(head.into_bytes()),
        Act::Say(vec![b'x'; SIZE / 2]),
        Act::Until(on),
        Act::Say(vec![b'x'; SIZE / 2]),
    ];
    stage.upstream.behave(Manner::acts(halves));
    let read = stage
        .agent
        .s3(Method::GET, "/reports/old.csv", None, &[], b"");
    let mut stream = stage.agent.begin(&read).await;
    let before = read_some(&mut stream, SIZE / 2).await;
    stage.session_is(SessionState::Paused);
    switch.send_replace(true);
    let after = read_some(&mut stream, usize::MAX).await;
    assert!(before + after > SIZE, "the rest came");
}

#[tokio::test]
async fn a_call_that_waits_for_credentials_when_its_session_ends_does_not_leave() {
    let stage = Stage::new().await;
    let (switch, on) = watch::channel(false);
    stage.sts_waits_for(on);
    let change = stage.agent.put_item("1");
    let ending = async {
        stage.sts_was_asked().await;
        stage.session_is(SessionState::Stopped);
        switch.send_replace(true);
    };
    let (refused, ()) = tokio::join!(stage.agent.send(&change), ending);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(
        refused.text().contains("CordonSessionOver"),
        "{}",
        refused.text()
    );
    assert!(stage.upstream.seen().is_empty());
    let result = stage.closed(refused.header("x-cordon-ref").unwrap()).await;
    assert!(matches!(result, CallResult::NotSent { .. }), "{result:?}");
}

#[tokio::test]
async fn a_call_that_waits_for_a_connection_when_its_session_ends_does_not_leave() {
    let (switch, on) = watch::channel(false);
    let mut tls = crate::tls::serve("localhost", Some(on)).await;
    let mut set = Set {
        elsewhere: Some(format!("https://localhost:{}", tls.address.port())),
        authority: Some(tls.certificate.clone()),
        ..Set::default()
    };
    set.deadlines.connect = std::time::Duration::from_secs(10);
    let stage = Stage::set(set).await;
    let change = stage.agent.put_item("1");
    let ending = async {
        tls.taken.wait_for(|taken| *taken > 0).await.unwrap();
        stage.session_is(SessionState::Stopped);
        switch.send_replace(true);
    };
    let (refused, ()) = tokio::join!(stage.agent.send(&change), ending);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(
        refused.text().contains("CordonSessionOver"),
        "{}",
        refused.text()
    );
    let heard = tls.heard.lock().unwrap().clone();
    assert!(heard.is_empty(), "{}", String::from_utf8_lossy(&heard));
    let result = stage.closed(refused.header("x-cordon-ref").unwrap()).await;
    assert!(matches!(result, CallResult::NotSent { .. }), "{result:?}");
}

#[tokio::test]
async fn a_change_that_left_before_its_session_ended_is_recorded_as_it_was_answered() {
    let stage = Stage::new().await;
    let (switch, on) = watch::channel(false);
    let slow = [Act::Until(on), Act::Say(answer(200, "", "{}"))];
    stage.upstream.behave(Manner::acts(slow));
    let change = stage.agent.put_item("1");
    let ending = async {
        stage.upstream.has_seen(1).await;
        stage.session_is(SessionState::Stopped);
        switch.send_replace(true);
    };
    let (answer, ()) = tokio::join!(stage.agent.send(&change), ending);
    assert!(
        !answer.text().contains("{}"),
        "nothing comes down to a session that is over"
    );
    let result = stage.last().await;
    assert_eq!(result.told_by(), Some(200), "{result:?}");
}

#[tokio::test]
async fn a_client_that_leaves_within_an_answer_does_not_take_the_outcome_along() {
    let stage = Stage::new().await;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n");
    let endless = [
        Act::Say(head.into_bytes()),
        Act::Say(vec![b'x'; SIZE / 2]),
        Act::Stall,
    ];
    stage.upstream.behave(Manner {
        reads: Reads::Everything,
        acts: endless.into(),
    });
    let read = stage
        .agent
        .s3(Method::GET, "/reports/old.csv", None, &[], b"");
    let mut stream = stage.agent.begin(&read).await;
    read_some(&mut stream, SIZE / 2).await;
    drop(stream);
    // The upstream says no more; the data plane closes, and what is left is cut.
    let store = std::sync::Arc::clone(&stage.store);
    let closed = stage.close(std::time::Duration::from_millis(50)).await;
    assert!(closed.unfinished.is_empty(), "{closed:?}");
    let calls = store.tail_all().await;
    let result = &calls.last().unwrap().closed.as_ref().unwrap().result;
    let is_cut = matches!(
        result,
        CallResult::Faulted {
            fault: AnswerFault::Cut,
            ..
        }
    );
    assert!(is_cut, "{result:?}");
}
