//! The listener: who may come, over what, and how many at a time.

use crate::harness::call::Call;
use crate::harness::talk::Talk;
use crate::harness::tls::{self, Client};
use crate::harness::{DYNAMODB, Setup, World, start};
use cordon_proxy::{Deadlines, Limits, Listen, ListenIdentity};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const NAME: &str = "cordon.internal";

/// Cordon works as a proxy on this connection: in absolute form, then by CONNECT.
async fn check_as_proxy(world: &World, mut talk: Talk) {
    talk.send(Call::good().absolute(DYNAMODB).to(DYNAMODB))
        .await;
    talk.check_good().await;
    talk.send(format!(
        "CONNECT {DYNAMODB}:443 HTTP/1.1\r\nHost: {DYNAMODB}\r\n\r\n"
    ))
    .await;
    assert_eq!(talk.answer_head().await.status, 200);
    let client = Client::trusting(&world.authority());
    let mut talk = talk.secured(&client, DYNAMODB).await.unwrap();
    talk.send(Call::good().to(DYNAMODB)).await;
    talk.check_good().await;
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};

    fn on(path: &Path) -> Setup {
        Setup {
            listen: Listen::Unix(path.to_owned()),
            ..Setup::default()
        }
    }

    async fn check_works(path: &Path) {
        let mut talk = Talk::unix(path).await;
        talk.send(Call::good().to("localhost")).await;
        talk.check_good().await;
    }

    #[tokio::test]
    async fn a_socket_is_for_its_owner_alone_and_every_way_works_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cordon.sock");
        let world = World::with(on(&path)).await;
        let found = std::fs::metadata(&path).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left of how it was made");

        check_works(&path).await;
        check_as_proxy(&world, Talk::unix(&path).await).await;

        world.running.close(Duration::ZERO).await;
        assert!(!path.exists(), "who ends takes its socket away");
    }

    #[tokio::test]
    async fn the_socket_of_a_dead_process_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cordon.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "as a process leaves it that was killed");
        let _world = World::with(on(&path)).await;
        check_works(&path).await;
    }

    #[tokio::test]
    async fn the_socket_of_a_living_process_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cordon.sock");
        let _world = World::with(on(&path)).await;
        let state = tempfile::tempdir().unwrap();
        let error = start(state.path(), on(&path)).await.unwrap_err();
        assert!(error.to_string().contains("cordon.sock"), "{error}");
        check_works(&path).await;
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "somebody's").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let nowhere = folder.path().join("nowhere");
        std::os::unix::fs::symlink(folder.path().join("gone"), &nowhere).unwrap();
        for path in [&file, &link, &nowhere, &folder.path().to_owned()] {
            let state = tempfile::tempdir().unwrap();
            let started = start(state.path(), on(path)).await;
            assert!(started.is_err(), "{}", path.display());
        }
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "somebody's");
        assert!(std::fs::symlink_metadata(&nowhere).unwrap().is_symlink());
    }
}

/// A listener with a certificate of its own, and the client that trusts it.
async fn world_behind_tls(deadlines: Deadlines) -> (World, Client) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let certificate: CertificateDer<'static> = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let identity = ListenIdentity {
        chain: vec![certificate.clone()],
        key,
    };
    let world = World::with(Setup {
        listen: Listen::Tls(SocketAddr::from(([127, 0, 0, 1], 0)), identity),
        own_hosts: vec![NAME.parse().unwrap()],
        deadlines,
        ..Setup::default()
    })
    .await;
    (world, Client::trusting(&[certificate]))
}

async fn check_tls_works(world: &World, client: &Client) {
    let mut talk = world.connect().await.secured(client, NAME).await.unwrap();
    talk.send(Call::good().to(&format!("{NAME}:{}", world.address().port())))
        .await;
    talk.check_good().await;
}

#[tokio::test]
async fn every_way_works_behind_tls() {
    let (world, client) = world_behind_tls(Deadlines::default()).await;
    check_tls_works(&world, &client).await;
    // CONNECT is TLS within TLS: the outer one with the listener's certificate, the inner one with
    // Cordon's.
    let talk = world.connect().await.secured(&client, NAME).await.unwrap();
    check_as_proxy(&world, talk).await;
    assert_eq!(world.sent(), 3);
}

/// F20: whatever comes in the place of a handshake ends its own connection alone.
#[tokio::test]
async fn what_is_not_tls_ends_its_own_connection() {
    let (world, client) = world_behind_tls(Deadlines::default()).await;
    for bytes in [
        Call::good().to(&world.own()),
        b"CONNECT dynamodb.eu-central-1.amazonaws.com:443 HTTP/1.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\xff\xff".to_vec(),
        b"\x16\x03\x01\x00\x04\x01\xff\xff\xff".to_vec(),
        vec![0; 64],
        vec![0xff; 64 * 1024],
        Vec::new(),
    ] {
        let mut talk = world.connect().await;
        talk.send(&bytes).await;
        talk.end().await;
        let said = talk.rest().await;
        assert!(!said.contains("HTTP"), "{said:?}");
        check_tls_works(&world, &client).await;
    }
    let stranger = Client::trusting(&world.authority());
    assert!(
        world
            .connect()
            .await
            .secured(&stranger, NAME)
            .await
            .is_err()
    );
    check_tls_works(&world, &client).await;
}

#[tokio::test]
async fn a_slow_handshake_is_given_up() {
    let (world, client) = world_behind_tls(Deadlines {
        head: Duration::from_millis(300),
        ..Deadlines::default()
    })
    .await;
    for part in [&b""[..], b"\x16\x03\x01"] {
        let mut talk = world.connect().await;
        talk.send(part).await;
        assert_eq!(talk.rest().await, "");
    }
    check_tls_works(&world, &client).await;
}

/// HTTP/2 is spoken nowhere: no client needs it but for event streams, which are refused. Who
/// offers nothing else is told so in the handshake, and who offers both gets HTTP/1.1.
#[tokio::test]
async fn who_speaks_http2_alone_is_told_in_the_handshake() {
    let (world, outer) = world_behind_tls(Deadlines::default()).await;
    let plain = World::start().await;
    let inner = Client::trusting(&plain.authority());
    let connect = format!("CONNECT {DYNAMODB}:443 HTTP/1.1\r\nHost: {DYNAMODB}\r\n\r\n");
    for (offers, taken) in [
        (&["h2"][..], false),
        (&["h2", "http/1.1"], true),
        (&["http/1.1"], true),
        (&["http/1.0"], false),
        (&[], true),
    ] {
        let outer = Client {
            offers,
            ..outer.clone()
        };
        let inner = Client {
            offers,
            ..inner.clone()
        };
        let listener = world.connect().await.secured(&outer, NAME).await;
        let mut talk = plain.connect().await;
        talk.send(&connect).await;
        assert_eq!(talk.answer_head().await.status, 200);
        let connected = talk.secured(&inner, DYNAMODB).await;
        for (place, shaken) in [("CONNECT", connected), ("listener", listener)] {
            match shaken {
                Ok(mut talk) => {
                    assert!(taken, "{offers:?}");
                    talk.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
                    assert_eq!(talk.answer().await.status, 505, "{offers:?}");
                }
                Err(error) => {
                    assert!(!taken, "{place} {offers:?}: {error}");
                    let said = error.to_string();
                    assert!(said.contains("NoApplicationProtocol"), "{place}: {said}");
                }
            }
        }
    }
    plain.check_good_calls_work().await;
}

/// X01: at the limit an idle connection makes room, and one that works does not.
#[tokio::test]
async fn connections_have_a_limit() {
    let mut world = World::with(Setup {
        limits: Limits {
            connections: 2,
            ..Limits::default()
        },
        ..Setup::default()
    })
    .await;
    let own = world.own();
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut talk = world.connect().await;
        talk.send(Call::good().to(&own)).await;
        talk.check_good().await;
        idle.push(talk);
    }
    let mut third = world.connect().await;
    third.send(Call::good().to(&own)).await;
    third.check_good().await;
    let [longest, other] = &mut idle[..] else {
        panic!("there are two");
    };
    assert_eq!(longest.rest().await, "", "idle for longest");
    other.send(Call::good().to(&own)).await;
    other.check_good().await;

    // Both work now: the next one is not taken, and takes nothing from them.
    world.gate.shut();
    for talk in [&mut third, other] {
        let before = world.gate.asked();
        talk.send(Call::good().to(&own)).await;
        world.gate.asked_since(before).await;
    }
    let mut refused = world.connect().await;
    refused.send(Call::good().to(&own)).await;
    assert_eq!(refused.rest().await, "");
    world.gate.open();
    for talk in [&mut third, other] {
        talk.check_good().await;
    }
    drop(third);
    let mut next = world.connect().await;
    next.send(Call::good().to(&own)).await;
    next.check_good().await;
}

/// A port that another process has is not shared with it.
#[tokio::test]
async fn a_taken_port_is_told() {
    let world = World::start().await;
    let state = tempfile::tempdir().unwrap();
    let setup = Setup {
        listen: Listen::loopback(world.address()).unwrap(),
        ..Setup::default()
    };
    let error = start(state.path(), setup).await.unwrap_err();
    assert!(error.to_string().contains(&world.own()), "{error}");
    assert!(error.to_string().contains("--listen"), "{error}");
    let _ = tls::certificates(&state.path().join("ca/ca.pem"));
}
