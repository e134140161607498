//! One connection over a real socket pair: what the client writes byte by byte, what it gets.

use super::body::Drained;
use super::*;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::net::UnixStream;

/// A client's end and the connection that serves it.
fn pair() -> (UnixStream, Connection) {
    pair_with(Deadlines::default())
}

fn pair_with(deadlines: Deadlines) -> (UnixStream, Connection) {
    let (client, server) = UnixStream::pair().unwrap();
    let bounds = Arc::new(Bounds {
        limits: Limits {
            drained: 1_000,
            ..Limits::default()
        },
        deadlines,
    });
    (
        client,
        Connection::new(Stream::Unix(server), WorkerId::default(), bounds),
    )
}

async fn head(connection: &mut Connection) -> Result<Option<Head>, HeadError> {
    connection.next_head(std::future::pending()).await
}

fn reply(text: &'static str) -> Reply {
    Reply {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body: ReplyBody::Whole(Bytes::from_static(text.as_bytes())),
    }
}

/// What a chunked body reads as.
async fn chunked(body: &str) -> Result<Bytes, BodyError> {
    let (mut client, mut connection) = pair();
    let text = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    client.write_all(text.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    head(&mut connection).await.unwrap().unwrap();
    connection.read_whole(100).await
}

/// F05, F17.
#[tokio::test]
async fn chunks_have_one_form() {
    for wrong in [
        "5;ext=1\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "1_0\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
        "FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nhost: b\r\n\r\n",
        "5\r\nhello\r\n0\r\nauthorization: b\r\n\r\n",
        "5\r\nhello\r\n0\r\nx-amz-target: b\r\n\r\n",
        "5\r\nhello\r\n0\r\ncontent-length: 5\r\n\r\n",
        "5\r\nhello\r\n0\r\n folded\r\n\r\n",
    ] {
        assert!(
            matches!(chunked(wrong).await, Err(BodyError::Malformed(_))),
            "{wrong:?}"
        );
    }
    for short in [
        "",
        "5\r\nhel",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0\r\n",
        "5\r\nhello\r\n0\r\n\r",
    ] {
        assert!(
            matches!(chunked(short).await, Err(BodyError::Broken(_))),
            "{short:?}"
        );
    }
    let trailer = "5\r\nhello\r\n0\r\nX-Amz-Checksum-CRC32: AAAAAA==\r\n\r\n";
    assert_eq!(chunked(trailer).await.unwrap(), "hello");
    assert_eq!(
        chunked("0000000000000005\r\nhello\r\n1\r\n!\r\n0\r\n\r\n")
            .await
            .unwrap(),
        "hello!"
    );
    let long = format!("65\r\n{}\r\n0\r\n\r\n", "a".repeat(0x65));
    assert!(matches!(chunked(&long).await, Err(BodyError::TooLarge)));
}

#[tokio::test]
async fn pipelined_requests_are_taken_in_order() {
    let (mut client, mut connection) = pair();
    let two = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write_all(two.as_bytes()).await.unwrap();
    let first = head(&mut connection).await.unwrap().unwrap();
    assert!(matches!(first.target, Target::Origin(target) if target.path == "/1"));
    assert_eq!(connection.read_whole(10).await.unwrap(), "abc");
    connection.respond(reply("one")).await.unwrap();
    let second = head(&mut connection).await.unwrap().unwrap();
    assert!(matches!(second.target, Target::Origin(target) if target.path == "/2"));
    connection.respond(reply("two")).await.unwrap();
    drop(connection);
    let mut got = String::new();
    client.read_to_string(&mut got).await.unwrap();
    let answer = |text| format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{text}");
    assert_eq!(got, answer("one") + &answer("two"));
}

/// F08: what was not read of a refused request is not the next one.
#[tokio::test]
async fn an_unread_body_is_dropped_or_ends_the_connection() {
    for (length, persistence) in [(1_000, Persistence::Keep), (1_001, Persistence::Close)] {
        let (mut client, mut connection) = pair();
        let body = "GET /smuggled HTTP/1.1\r\n\r\n".repeat(100);
        let body = body.get(..length).unwrap();
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
        client.write_all(text.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        head(&mut connection).await.unwrap().unwrap();
        connection.respond(reply("no")).await.unwrap();
        assert_eq!(connection.persistence(), persistence, "{length}");
        if persistence == Persistence::Keep {
            assert!(head(&mut connection).await.unwrap().is_none());
        }
        drop(connection);
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert_eq!(
            got.contains("connection: close"),
            persistence == Persistence::Close
        );
        assert!(got.ends_with("\r\n\r\nno"), "{got}");
    }
}

/// F09: the client is told to go on only when its body is asked for.
#[tokio::test]
async fn a_client_that_waits_is_told_to_go_on_only_when_its_body_is_wanted() {
    let text = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    let (mut client, mut connection) = pair();
    client.write_all(text).await.unwrap();
    head(&mut connection).await.unwrap().unwrap();
    let reading = tokio::spawn(async move {
        connection
            .read_whole(10)
            .await
            .map(|body| (connection, body))
    });
    let mut told = [0; 25];
    client.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"abc").await.unwrap();
    assert_eq!(reading.await.unwrap().unwrap().1, "abc");

    let (mut client, mut connection) = pair();
    client.write_all(text).await.unwrap();
    head(&mut connection).await.unwrap().unwrap();
    assert_eq!(
        connection.drain(1_000, Duration::from_secs(1)).await,
        Drained::Left
    );
    client.shutdown().await.unwrap();
    connection.respond(reply("no")).await.unwrap();
    assert_eq!(connection.persistence(), Persistence::Close);
    drop(connection);
    let mut got = String::new();
    client.read_to_string(&mut got).await.unwrap();
    assert!(
        got.starts_with("HTTP/1.1 200 OK\r\n") && !got.contains("100"),
        "{got}"
    );
}

/// F19: each phase has its own end.
#[tokio::test]
async fn a_slow_client_is_given_up() {
    let short = Duration::from_millis(10);
    let pair = || {
        pair_with(Deadlines {
            head: short,
            idle: short,
            body_idle: short,
            ..Deadlines::default()
        })
    };
    let (mut client, mut connection) = pair();
    client.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    assert_eq!(
        head(&mut connection).await.unwrap_err(),
        HeadError::TimedOut
    );

    let (_client, mut connection) = pair();
    assert!(head(&mut connection).await.unwrap().is_none(), "idle");

    let (mut client, mut connection) = pair();
    client
        .write_all(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
        .await
        .unwrap();
    head(&mut connection).await.unwrap().unwrap();
    let read = connection.read_whole(10).await;
    assert!(matches!(read, Err(BodyError::Broken(Broken::TimedOut))));
}

#[tokio::test]
async fn an_unwanted_idle_connection_ends_but_not_within_a_request() {
    let (mut client, mut connection) = pair();
    assert!(
        connection
            .next_head(std::future::ready(()))
            .await
            .unwrap()
            .is_none()
    );
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    head(&mut connection).await.unwrap().unwrap();
    connection.respond(reply("one")).await.unwrap();
    assert!(
        connection
            .next_head(std::future::ready(()))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn bytes_before_a_switch_of_protocols_are_not_carried_over() {
    let (mut client, mut connection) = pair();
    client
        .write_all(b"CONNECT a.cn:443 HTTP/1.1\r\n\r\nearly")
        .await
        .unwrap();
    head(&mut connection).await.unwrap().unwrap();
    assert!(connection.into_stream().is_none());
}

#[tokio::test]
async fn an_old_client_gets_one_answer_a_connection() {
    let (mut client, mut connection) = pair();
    client
        .write_all(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .await
        .unwrap();
    head(&mut connection).await.unwrap().unwrap();
    assert_eq!(connection.persistence(), Persistence::Close);
}
