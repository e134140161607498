//! The certificate authority: for its owner alone, for the names of AWS alone, and always one.

use crate::harness::talk::Talk;
use crate::harness::tls::{self, Client};
use crate::harness::{DYNAMODB, World, start_as_of};
use cordon_proxy::Authority;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, NameConstraints,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;
use x509_parser::extensions::GeneralName;

fn later(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(days * 24)
}

#[cfg(unix)]
#[tokio::test]
async fn the_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::start().await;
    let folder = world.state.path().join("ca");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut found: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                mode(&entry.path()),
            )
        })
        .collect();
    found.sort();
    let expected = [
        ("authority.pem", 0o600),
        ("bundle.pem", 0o644),
        ("ca.pem", 0o644),
        ("lock", 0o600),
    ];
    assert_eq!(found, expected.map(|(name, mode)| (name.to_owned(), mode)));
    let told = std::fs::read_to_string(folder.join("ca.pem")).unwrap();
    let bundle = std::fs::read_to_string(folder.join("bundle.pem")).unwrap();
    assert!(!told.contains("PRIVATE") && !bundle.contains("PRIVATE"));
    assert!(bundle.starts_with(&told), "the bundle begins with Cordon's");
}

#[tokio::test]
async fn the_next_start_has_the_same_authority() {
    let state = tempfile::tempdir().unwrap();
    let first = start_as_of(state.path(), Timestamp::now()).await.unwrap();
    let before = tls::certificates(&first.authority().certificate());
    first.close(Duration::ZERO).await;
    let second = start_as_of(state.path(), Timestamp::now()).await.unwrap();
    assert_eq!(tls::certificates(&second.authority().certificate()), before);
}

/// What is in the authority's file, and why no data plane starts on it.
#[tokio::test]
async fn what_is_no_authority_of_cordons_is_refused_and_left_alone() {
    let good = tempfile::tempdir().unwrap();
    Authority::open(good.path(), Timestamp::now()).unwrap();
    let pem = std::fs::read_to_string(good.path().join("ca/authority.pem")).unwrap();
    let at = pem.find("-----BEGIN CERTIFICATE").unwrap();
    let (key, certificate) = pem.split_at(at);

    let damaged = "is damaged";
    let foreign = "is not an authority of Cordon's";
    for (what, content, expected) in [
        ("nothing", String::new(), damaged),
        ("noise", "\u{1}\u{2}\u{fe}".to_owned(), damaged),
        ("the key alone", key.to_owned(), damaged),
        ("the certificate alone", certificate.to_owned(), damaged),
        ("half of it", pem[..pem.len() - 100].to_owned(), damaged),
        (
            "another key",
            KeyPair::generate().unwrap().serialize_pem() + certificate,
            foreign,
        ),
        ("an authority for everything", authority(|_| {}), foreign),
        (
            "no authority",
            authority(|params| {
                params.name_constraints = aws_alone();
                params.is_ca = IsCa::NoCa;
            }),
            foreign,
        ),
        (
            "an authority for names outside of AWS",
            authority(|params| {
                params.name_constraints = aws_alone().map(|mut constraints| {
                    constraints
                        .permitted_subtrees
                        .push(GeneralSubtree::DnsName("example.com".to_owned()));
                    constraints
                });
            }),
            foreign,
        ),
        (
            "an authority for addresses",
            authority(|params| {
                params.name_constraints = aws_alone().map(|constraints| NameConstraints {
                    excluded_subtrees: Vec::new(),
                    ..constraints
                });
            }),
            foreign,
        ),
    ] {
        let state = tempfile::tempdir().unwrap();
        let file = put(state.path(), &content);
        let error = start_as_of(state.path(), Timestamp::now())
            .await
            .unwrap_err();
        let said = chain(&error);
        assert!(said.contains(expected), "{what}: {said}");
        assert!(said.contains("authority.pem"), "{what}: {said}");
        assert!(
            said.contains("remove it to get a new one")
                || said.contains("remove it to get a new authority"),
            "{what}: {said}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content, "{what}");
    }
    // The control: the same authority with the limits, made by the same code, is taken.
    let state = tempfile::tempdir().unwrap();
    put(
        state.path(),
        &authority(|params| params.name_constraints = aws_alone()),
    );
    start_as_of(state.path(), Timestamp::now()).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_others_can_read_is_refused() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    for (name, mode) in [
        ("ca", 0o755),
        ("ca/authority.pem", 0o640),
        ("ca/authority.pem", 0o604),
    ] {
        let state = tempfile::tempdir().unwrap();
        Authority::open(state.path(), Timestamp::now()).unwrap();
        set_permissions(state.path().join(name), Permissions::from_mode(mode)).unwrap();
        let error = start_as_of(state.path(), Timestamp::now())
            .await
            .unwrap_err();
        let said = chain(&error);
        assert!(
            said.contains("readable by its owner alone"),
            "{name} {mode:o}: {said}"
        );
        assert!(said.contains("chmod"), "{name} {mode:o}: {said}");
    }
}

/// Q21: an authority that ends is replaced, and those who trust the one before go on to.
#[tokio::test]
async fn an_authority_that_ends_makes_room_for_the_next() {
    let state = tempfile::tempdir().unwrap();
    let told = |now| {
        let authority = Authority::open(state.path(), now).unwrap();
        tls::certificates(&authority.certificate())
    };
    let first = told(later(0));
    assert_eq!(first.len(), 1);
    assert_eq!(
        told(later(300)),
        first,
        "two months before its end it is kept"
    );
    let both = told(later(320));
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], first[0], "the one before is still told");
    assert_ne!(both[0], first[0]);
    assert_eq!(told(later(370)), both[..1], "until it ends");
    let fresh = told(later(3_000));
    assert_eq!(fresh.len(), 1, "one that has ended is not told at all");
    assert_ne!(fresh, both[..1]);
    // A clock that was wrong made one that is not valid yet.
    let now = told(later(0));
    assert_ne!(now[0], fresh[0]);
}

/// Two processes on one folder at the same moment end up with one authority.
#[test]
fn processes_that_begin_together_have_one_authority() {
    let state = tempfile::tempdir().unwrap();
    for (days, told) in [(0, 1), (320, 2), (660, 2)] {
        let together = Barrier::new(8);
        let open = || {
            together.wait();
            let authority = Authority::open(state.path(), later(days)).unwrap();
            tls::certificates(&authority.certificate())
        };
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for one in &all {
            assert_eq!(one, &all[0], "after {days} days");
        }
        assert_eq!(all[0].len(), told, "after {days} days");
    }
}

/// V20: what the agent is shown for a host.
#[tokio::test]
async fn a_leaf_is_for_one_host_and_one_day() {
    let world = World::start().await;
    let client = Client::trusting(&world.authority());
    for host in [
        DYNAMODB,
        "my.bucket.with.dots.s3.eu-central-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
    ] {
        let shown = open(&world, host).await.leaf(&client, host).await.unwrap();
        let (_, leaf) = x509_parser::parse_x509_certificate(&shown).unwrap();
        let names = leaf.subject_alternative_name().unwrap().unwrap();
        assert_eq!(names.value.general_names, [GeneralName::DNSName(host)]);
        let validity = leaf.validity();
        let length = validity.not_after.timestamp() - validity.not_before.timestamp();
        assert_eq!(length, 24 * 3_600, "{host}");
        assert!(validity.is_valid(), "{host}");
        assert!(!leaf.is_ca(), "{host}");
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(
            usage.server_auth && !usage.client_auth && !usage.any,
            "{host}"
        );
        let again = open(&world, host).await.leaf(&client, host).await.unwrap();
        assert_eq!(again, shown, "one leaf serves until it ends");
    }
    // What AWS answers outside of the names of the authority is refused before TLS begins.
    for host in [
        "eu-central-1.signin.aws.amazon.com",
        "us-east-1.oauth.signin.aws",
        "cn-north-1.signin.amazonaws.cn",
    ] {
        let mut talk = world.connect().await;
        talk.send(format!(
            "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n"
        ))
        .await;
        let answer = talk.answer().await;
        assert_eq!(answer.status, 403, "{host}: {answer:?}");
        assert!(
            answer.body.contains("signs people in"),
            "{host}: {answer:?}"
        );
    }
}

/// Whoever steals the authority's key can be AWS towards the tools of one machine, and nothing
/// else: clients that verify refuse what it signs beyond.
#[tokio::test]
async fn a_stolen_authority_is_good_for_nothing_but_aws() {
    let world = World::start().await;
    let client = Client::trusting(&world.authority());
    let pem = std::fs::read_to_string(world.state.path().join("ca/authority.pem")).unwrap();
    for (host, trusted) in [
        (DYNAMODB, true),
        ("bucket.s3.amazonaws.com", true),
        ("example.com", false),
        ("amazonaws.com.evil.example", false),
        ("evilamazonaws.com", false),
        ("signin.aws.amazon.com", false),
        ("localhost", false),
        ("127.0.0.1", false),
        ("::1", false),
    ] {
        let server = impostor(&pem, host);
        let shaken = Talk::with_server(server).await.secured(&client, host).await;
        assert_eq!(shaken.is_ok(), trusted, "{host}: {shaken:?}");
        if let Err(error) = shaken {
            assert!(
                error.to_string().contains("NameConstraintViolation"),
                "{host}: {error}"
            );
        }
    }
}

/// A leaf is as old as the clock on the wall says: a machine that slept over its end, and a clock
/// that was set back, get another.
#[tokio::test]
async fn a_leaf_that_ended_is_not_shown() {
    let (world, clock) = World::with_turned_clock().await;
    for hours in [0_i64, 22, 23, 48, 24 * 364, 24 * 400, 1] {
        let now = clock.turn(SignedDuration::from_hours(hours));
        let client = Client {
            at: Some(now),
            ..Client::trusting(&world.authority())
        };
        // The file is read anew: by then another authority may be in it.
        let _ = open(&world, DYNAMODB).await.leaf(&client, DYNAMODB).await;
        let client = Client {
            at: Some(now),
            ..Client::trusting(&world.authority())
        };
        let shown = open(&world, DYNAMODB).await.leaf(&client, DYNAMODB).await;
        assert!(shown.is_ok(), "after {hours} hours: {shown:?}");
    }
}

async fn open(world: &World, host: &str) -> Talk {
    let mut talk = world.connect().await;
    talk.send(format!(
        "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n"
    ))
    .await;
    assert_eq!(talk.answer_head().await.status, 200, "{host}");
    talk
}

/// Puts `content` where the authority of `state` is.
fn put(state: &Path, content: &str) -> std::path::PathBuf {
    // For its owner alone, as it must be, and then with other content.
    Authority::open(state, Timestamp::now()).unwrap();
    let file = state.join("ca/authority.pem");
    std::fs::write(&file, content).unwrap();
    file
}

/// An authority for everything, but for what `change` makes of it: key and certificate.
fn authority(change: impl FnOnce(&mut CertificateParams)) -> String {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    change(&mut params);
    key.serialize_pem() + &params.self_signed(&key).unwrap().pem()
}

fn aws_alone() -> Option<NameConstraints> {
    Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("amazonaws.com".to_owned())],
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    })
}

/// A server that shows a leaf for `host` under the authority of `pem`.
fn impostor(pem: &str, host: &str) -> rustls::ServerConfig {
    let authority = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let issuer = Issuer::from_ca_cert_der(&authority, KeyPair::from_pem(pem).unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    tls::server(vec![leaf.der().clone(), authority], key)
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", chain(cause)),
        None => error.to_string(),
    }
}
