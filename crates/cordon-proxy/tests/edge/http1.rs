//! Bytes that two readers could read in two ways, and clients that never come to an end.

use crate::harness::call::Call;
use crate::harness::talk::Talk;
use crate::harness::{DYNAMODB, Setup, World};
use cordon_proxy::{Deadlines, Limits};
use std::time::Duration;

/// A way in, for the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Endpoint,
    Plain,
    Connect,
}

const WAYS: [Way; 3] = [Way::Endpoint, Way::Plain, Way::Connect];

impl Way {
    async fn open(self, world: &World) -> Talk {
        match self {
            Self::Endpoint | Self::Plain => world.connect().await,
            Self::Connect => world.connect_to(DYNAMODB).await,
        }
    }

    fn bytes(self, world: &World, call: Call) -> Vec<u8> {
        match self {
            Self::Endpoint => call.to(&world.own()),
            Self::Plain => call.absolute(DYNAMODB).to(DYNAMODB),
            Self::Connect => call.to(DYNAMODB),
        }
    }
}

/// On every way in, the bytes are refused, what follows them on the connection is not another
/// request, and the connection ends.
async fn check(world: &World, call: &Call, expected: u16) {
    for way in WAYS {
        let shown = format!("{way:?} {:?} {:?}", call.unsigned, call.framed);
        let before = world.sent();
        let mut talk = way.open(world).await;
        let mut bytes = way.bytes(world, call.clone());
        bytes.extend(way.bytes(world, Call::good()));
        talk.send(bytes).await;
        talk.end().await;
        let answer = talk.answer().await;
        assert_eq!(answer.status, expected, "{shown}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{shown}");
        assert_eq!(talk.rest().await, "", "{shown}: it read on");
        assert_eq!(world.sent(), before, "{shown} reached the cloud");
    }
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// F01 to F04: the length of a body has one reading.
#[tokio::test]
async fn a_length_that_can_be_read_in_two_ways_is_refused() {
    let world = World::start().await;
    let whole = "2\r\n{}\r\n0\r\n\r\n";
    for lines in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 12\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 12\r\n",
        "Content-Length: 2, 2\r\n",
        "Content-Length: +2\r\n",
        "Content-Length: -2\r\n",
        "Content-Length: 0x2\r\n",
        "Content-Length: 2_\r\n",
        "Content-Length: 18446744073709551618\r\n",
        "Content-Length:\r\n",
        "Content-Length : 2\r\n",
        "Content-Length\t: 2\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity, chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "X: a\nTransfer-Encoding: chunked\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
    ] {
        check(&world, &Call::good().framed(lines, whole), 400).await;
    }
    world.check_good_calls_work().await;
}

/// F10 to F12: a head has one form, and an end.
#[tokio::test]
async fn a_head_that_is_not_plain_is_refused() {
    let world = World::start().await;
    for lines in [
        "X: a\r\n folded\r\n",
        "X: a\r\n\tfolded\r\n",
        "X: a\n",
        "X: a\0b\r\n",
        "X: a\rb\r\n",
        "X\0: a\r\n",
        " X: a\r\n",
        "X : a\r\n",
        ": a\r\n",
        "X\r\n",
        "X(y): a\r\n",
        "H\u{f6}st: a\r\n",
        "Host: b\r\n",
    ] {
        check(&world, &Call::good().beside(lines), 400).await;
    }
    let many: String = (0..100).map(|n| format!("X-{n}: a\r\n")).collect();
    check(&world, &Call::good().beside(&many), 431).await;
    let large = format!("X: {}\r\n", "a".repeat(64 * 1024));
    check(&world, &Call::good().beside(&large), 431).await;
    check(&world, &Call::good().beside("Expect: 200-ok\r\n"), 417).await;
    let few: String = (0..80).map(|n| format!("X-{n}: a\r\n")).collect();
    for way in WAYS {
        let mut talk = way.open(&world).await;
        talk.send(way.bytes(&world, Call::good().beside(&few)))
            .await;
        talk.check_good().await;
    }
    world.check_good_calls_work().await;
}

/// F05, F17: chunks have one form too. They are read only for a signed head, so the refusal is
/// that of an AWS service, and the connection still ends.
#[tokio::test]
async fn chunks_that_are_not_plain_are_refused() {
    let world = World::start().await;
    for body in [
        "2;ext=1\r\n{}\r\n0\r\n\r\n",
        // Who skips the line that is refused would find the body's end behind it.
        "5;ext=1\r\n0\r\n\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "00000000000000002\r\n{}\r\n0\r\n\r\n",
        "10000000000000002\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nHost: evil.example\r\n\r\n",
        "2\r\n{}\r\n0\r\nX-Amz-Target: DynamoDB_20120810.DeleteTable\r\n\r\n",
        "2\r\n{}\r\n0\r\nContent-Length: 2\r\n\r\n",
    ] {
        check(&world, &Call::good().framed(CHUNKED, body), 400).await;
    }
    // One that never ends within what is read: the second request is inside of it.
    let huge = "FFFFFFFFFFFFFFFF\r\n{}";
    check(&world, &Call::good().framed(CHUNKED, huge), 400).await;
    for body in ["2\r\n{}\r\n0\r\n\r\n", "1\r\n{\r\n1\r\n}\r\n000\r\n\r\n"] {
        for way in WAYS {
            let mut talk = way.open(&world).await;
            talk.send(way.bytes(&world, Call::good().framed(CHUNKED, body)))
                .await;
            talk.check_good().await;
        }
    }
    world.check_good_calls_work().await;
}

/// F06, F13, F14, F15: other protocols, versions and forms of target.
#[tokio::test]
async fn other_protocols_are_refused() {
    let world = World::start().await;
    let own = world.own();
    for (bytes, expected) in [
        (
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            "HTTP/1.1 505 ",
        ),
        (
            format!("GET / HTTP/2.0\r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 505 ",
        ),
        (
            format!("GET / HTTP/0.9\r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 505 ",
        ),
        (
            format!("OPTIONS * HTTP/1.1\r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 400 ",
        ),
        (
            format!("GET {own} HTTP/1.1\r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 400 ",
        ),
        (
            format!("GET  / HTTP/1.1\r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 400 ",
        ),
        (
            format!("GET / HTTP/1.1 \r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 400 ",
        ),
        (
            format!("GET /#x HTTP/1.1\r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 400 ",
        ),
        (
            format!("G\u{e4}T / HTTP/1.1\r\nHost: {own}\r\n\r\n"),
            "HTTP/1.1 400 ",
        ),
        ("GET /\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("hello\r\n\r\n".to_owned(), "HTTP/1.1 400 "),
        ("\u{5}\u{1}\0".to_owned(), "HTTP/1.1 400 "),
    ] {
        let mut talk = world.connect().await;
        talk.send(&bytes).await;
        talk.end().await;
        let said = talk.rest().await;
        assert!(said.starts_with(expected), "{bytes:?}: {said}");
    }
    // Nothing is upgraded, and what follows a request for it is a request like any other.
    let upgrade = Call::good().beside("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    for way in WAYS {
        let mut talk = way.open(&world).await;
        let mut bytes = way.bytes(&world, upgrade.clone());
        bytes.extend(b"TRACE / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
        talk.send(bytes).await;
        talk.check_good().await;
        assert!(talk.answer().await.status >= 400, "{way:?}");
    }
    world.check_good_calls_work().await;
}

/// F07: each of many requests at once has its own decision, in order.
#[tokio::test]
async fn pipelined_requests_are_decided_one_by_one() {
    let world = World::start().await;
    for way in WAYS {
        let before = world.sent();
        let mut talk = way.open(&world).await;
        let mut bytes = Vec::new();
        for _ in 0..5 {
            bytes.extend(way.bytes(&world, Call::good()));
            let foreign = Call {
                region: "us-east-1",
                service: "sqs",
                ..Call::good()
            };
            bytes.extend(way.bytes(&world, foreign));
        }
        talk.send(bytes).await;
        for _ in 0..5 {
            talk.check_good().await;
            assert_eq!(talk.answer().await.status, 400, "{way:?}");
        }
        assert_eq!(world.sent(), before + 5, "{way:?}");
    }
}

/// F08, F09: a body that nobody wants is neither awaited nor taken for a request.
#[tokio::test]
async fn a_client_that_waits_is_told_to_go_on_or_refused() {
    let world = World::start().await;
    let expecting = "Expect: 100-continue\r\nContent-Length: 2\r\n";
    for way in WAYS {
        let mut talk = way.open(&world).await;
        talk.send(way.bytes(&world, Call::good().framed(expecting, "")))
            .await;
        assert_eq!(talk.answer_head().await.status, 100, "{way:?}");
        talk.send("{}").await;
        talk.check_good().await;

        // A stranger is not asked for a body, and what it sends anyway is not a request.
        let mut talk = way.open(&world).await;
        let mut bytes = way.bytes(&world, Call::good().framed(expecting, ""));
        let at = find(&bytes, b"AKIACRDN");
        bytes[at..at + 8].copy_from_slice(b"AKIANONE");
        talk.send(bytes).await;
        let answer = talk.answer().await;
        assert_eq!(answer.status, 400, "{way:?}: {answer:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{way:?}");
        talk.send(way.bytes(&world, Call::good())).await;
        assert_eq!(talk.rest().await, "", "{way:?}");
    }
    world.check_good_calls_work().await;
}

/// F08: a large body of a refused call is read past, or ends the connection.
#[tokio::test]
async fn the_body_of_a_refused_call_is_not_the_next_one() {
    let world = World::with(Setup {
        limits: Limits {
            drained: 100_000,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    for (length, kept) in [(90_000, true), (200_000, false)] {
        let inside = String::from_utf8(Call::good().to(&world.own())).unwrap();
        let body = inside.repeat(length / inside.len() + 1);
        let lines = format!("Content-Length: {length}\r\n");
        let call = Call::good().framed(&lines, &body[..length]);
        let mut bytes = call.to(&world.own());
        let at = find(&bytes, b"AKIACRDN");
        bytes[at..at + 8].copy_from_slice(b"AKIANONE");
        let mut talk = world.connect().await;
        talk.send(bytes).await;
        let answer = talk.answer().await;
        assert_eq!(answer.status, 400, "{answer:?}");
        if kept {
            talk.send(Call::good().to(&world.own())).await;
            talk.check_good().await;
        } else {
            assert_eq!(answer.header("connection"), Some("close"));
            assert_eq!(talk.rest().await, "");
        }
    }
    assert_eq!(world.sent(), 1, "nothing inside of a body was done");
}

/// F19: a client that never comes to an end is given up, in each phase.
#[tokio::test]
async fn slow_clients_are_given_up() {
    let short = Duration::from_millis(100);
    let world = World::with(Setup {
        deadlines: Deadlines {
            head: short,
            body_idle: short,
            ..Deadlines::default()
        },
        ..Setup::default()
    })
    .await;
    for way in WAYS {
        let mut talk = way.open(&world).await;
        talk.send("POST / HTTP/1.1\r\nHost: ").await;
        let said = talk.rest().await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{way:?}: {said}");

        let mut talk = way.open(&world).await;
        let part = Call::good().framed("Content-Length: 2\r\n", "{");
        talk.send(way.bytes(&world, part)).await;
        let answer = talk.answer().await;
        assert!(
            answer.body.contains("IncompleteBody"),
            "{way:?}: {answer:?}"
        );
        assert_eq!(talk.rest().await, "", "{way:?}");
    }
    let mut talk = world.connect().await;
    talk.send(format!(
        "CONNECT {DYNAMODB}:443 HTTP/1.1\r\nHost: {DYNAMODB}\r\n\r\n"
    ))
    .await;
    assert_eq!(talk.answer_head().await.status, 200);
    talk.send("\u{16}\u{3}\u{1}").await;
    assert_eq!(talk.rest().await, "", "half of a TLS hello");
    assert_eq!(world.sent(), 0);
    world.check_good_calls_work().await;
}

/// A head that comes drop by drop has one deadline for all of it, not one for each drop.
#[tokio::test]
async fn drops_do_not_stretch_the_deadline_of_a_head() {
    let world = World::with(Setup {
        deadlines: Deadlines {
            head: Duration::from_millis(300),
            ..Deadlines::default()
        },
        ..Setup::default()
    })
    .await;
    let mut talk = world.connect().await;
    talk.send("GET / HTTP/1.1\r\n").await;
    // A drop each tenth of the deadline, for as long as the other side listens.
    let mut drops = tokio::time::interval(Duration::from_millis(30));
    let said = loop {
        tokio::select! {
            said = talk.rest() => break said,
            _ = drops.tick() => {}
        }
        talk.send("X: a\r\n").await;
    };
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[tokio::test]
async fn a_connection_is_kept_until_it_is_idle_for_too_long() {
    let world = World::with(Setup {
        deadlines: Deadlines {
            idle: Duration::from_millis(300),
            ..Deadlines::default()
        },
        ..Setup::default()
    })
    .await;
    for way in WAYS {
        let mut talk = way.open(&world).await;
        for _ in 0..3 {
            talk.send(way.bytes(&world, Call::good())).await;
            talk.check_good().await;
        }
        assert_eq!(talk.rest().await, "", "{way:?}");
    }
    let mut asked = way_with_close(&world).await;
    assert_eq!(asked.rest().await, "", "who asks for an end gets it");
}

async fn way_with_close(world: &World) -> Talk {
    let mut talk = world.connect().await;
    talk.send(
        Call::good()
            .beside("Connection: close\r\n")
            .to(&world.own()),
    )
    .await;
    talk.check_good().await;
    talk
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    let found = bytes.windows(part.len()).position(|window| window == part);
    found.expect("it is there")
}
