//! Channels: people hear of what waits, also after a channel was dead, and nobody else hears anything.

use crate::harness::*;
use cordon_control::channel::{Channel, KINDS, Way};
use cordon_store::HoldBounds;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A receiver that answers with these statuses, one after the other, and then with the last.
struct Receiver {
    address: SocketAddr,
    heard: mpsc::Receiver<(String, String)>,
}

impl Receiver {
    async fn start(statuses: &'static [u16]) -> Self {
        Self::secured(statuses, None).await
    }

    async fn secured(statuses: &'static [u16], tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (said, heard) = mpsc::channel(64);
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let status = statuses[number.min(statuses.len() - 1)];
                let letter = match &tls {
                    None => answer(stream, status).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => answer(stream, status).await,
                        Err(_) => continue,
                    },
                };
                number += 1;
                let _ = said.send(letter).await;
            }
        });
        Self { address, heard }
    }

    /// The next request: its head and its body.
    async fn hears(&mut self) -> (String, Value) {
        let heard = tokio::time::timeout(Duration::from_secs(60), self.heard.recv());
        let (head, body) = heard.await.unwrap().unwrap();
        (head, serde_json::from_str(&body).unwrap())
    }

    fn channel(&self, word: &str, scheme: &str) -> Channel {
        let kind = KINDS.into_iter().find(|kind| kind.word == word).unwrap();
        let host = match scheme {
            "https" => format!("localhost:{}", self.address.port()),
            _ => self.address.to_string(),
        };
        Channel {
            name: "ops".into(),
            way: Way::Post {
                kind,
                target: format!("{scheme}://{host}/hook").parse().unwrap(),
                key: (*b"a key of the channel").into(),
            },
        }
    }
}

/// Reads one request and answers it; gives its head and its body.
async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: u16) -> (String, String) {
    let mut text = String::new();
    let mut bytes = [0; 4096];
    loop {
        let read = stream.read(&mut bytes).await.unwrap();
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() == length.unwrap().parse::<usize>().unwrap() {
            break;
        }
    }
    let reply = format!(
        "HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(reply.as_bytes()).await.unwrap();
    let _ = stream.shutdown().await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

async fn told(stage: &Stage, token: &str, enough: impl Fn(&Value) -> bool) -> Value {
    loop {
        let told = stage.get("/holds/H-1", token).await.body["told"].clone();
        if enough(&told) {
            return told;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dead_channel_loses_no_hold() {
    let mut receiver = Receiver::start(&[503, 302, 200]).await;
    let stage = Stage::telling(None, vec![receiver.channel("webhook", "http")], Vec::new()).await;
    let ola = stage.token("ola").await;
    stage.held("1", "max", &["senior"]).await;
    let (first, _) = receiver.hears().await;
    let after_one = told(&stage, &ola, |told| told[0]["attempts"] == 1).await;
    assert_eq!(after_one[0]["error"], "it answered 503 Service Unavailable");
    stage.pass(1);
    let (second, _) = receiver.hears().await;
    told(&stage, &ola, |told| told[0]["attempts"] == 2).await;
    stage.pass(1);
    let (third, body) = receiver.hears().await;
    let arrived = told(&stage, &ola, |told| told[0]["attempts"] == 3).await;
    assert_eq!(arrived[0]["error"], "");
    assert_eq!(
        (&body["state"], &body["hold"]["id"]),
        (&"waiting".into(), &"H-1".into())
    );
    for head in [&first, &second, &third] {
        assert!(head.starts_with("POST /hook HTTP/1.1"), "{head}");
        assert!(
            head.contains("x-cordon-delivery: ops/H-1/waiting"),
            "{head}"
        );
        assert!(head.contains("x-cordon-signature: t="), "{head}");
    }

    // What arrived is not told again; how it stands next is.
    stage.pass(1);
    stage.approve("H-1", &ola, DIGEST).await;
    let (_, body) = receiver.hears().await;
    assert_eq!(body["state"], "approved");
}

#[tokio::test]
async fn a_notice_tells_what_waits_and_nothing_of_what_is_in_it() {
    let mut webhook = Receiver::start(&[200]).await;
    let mut chat = Receiver::start(&[200]).await;
    let channels = vec![
        webhook.channel("webhook", "http"),
        // Of two with one name the second would hear nothing once the first was told.
        Channel {
            name: "chat".into(),
            ..chat.channel("slack", "http")
        },
    ];
    let stage = Stage::telling(Some("https://cordon.example.com"), channels, Vec::new()).await;
    stage.held("1", "max", &["senior"]).await;
    for (receiver, at) in [(&mut webhook, "/console"), (&mut chat, "/text")] {
        let (_, body) = receiver.hears().await;
        let said = body.pointer(at).unwrap().as_str().unwrap();
        assert!(
            said.contains("https://cordon.example.com/holds/H-1"),
            "{body}"
        );
        let all = body.to_string();
        assert!(
            all.contains("Destroy 2 resources in cn-prod: ce-web-prod"),
            "{all}"
        );
        for secret in ["EnvironmentName", DIGEST, "cordon_pass", "cordon_link"] {
            assert!(!all.contains(secret), "{all}");
        }
    }
}

pub(crate) fn authority() -> (CertificateDer<'static>, tokio_rustls::TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (
        certificate,
        tokio_rustls::TlsAcceptor::from(Arc::new(config)),
    )
}

#[tokio::test]
async fn a_notice_goes_to_whom_its_certificate_names_and_to_nobody_else() {
    let (certificate, acceptor) = authority();
    let mut known = Receiver::secured(&[200], Some(acceptor)).await;
    let (_, stranger) = authority();
    let mut unknown = Receiver::secured(&[200], Some(stranger)).await;
    let other = Channel {
        name: "other".into(),
        ..unknown.channel("webhook", "https")
    };
    let channels = vec![known.channel("webhook", "https"), other];
    let stage = Stage::telling(None, channels, vec![certificate]).await;
    let ola = stage.token("ola").await;
    stage.held("1", "max", &["senior"]).await;
    let (_, body) = known.hears().await;
    assert_eq!(body["hold"]["id"], "H-1");
    let both = told(&stage, &ola, |told| {
        told.as_array().is_some_and(|told| told.len() == 2)
    })
    .await;
    let failed = both
        .as_array()
        .unwrap()
        .iter()
        .find(|told| told["channel"] == "other");
    let error = failed.unwrap()["error"].as_str().unwrap();
    assert!(error.contains("no certificate that is trusted"), "{error}");
    assert!(unknown.heard.try_recv().is_err(), "it heard something");
}

#[tokio::test]
async fn what_is_being_written_down_is_told_once_it_is() {
    let mut receiver = Receiver::start(&[200]).await;
    let stage = Stage::telling(None, vec![receiver.channel("webhook", "http")], Vec::new()).await;
    let hold = stage.hold("1", "max", &["senior"]);
    let opened = stage
        .store
        .open_hold(hold.clone(), HoldBounds::default())
        .await;
    opened.unwrap();
    // Another hold, which is told, shows that the first one was passed by.
    stage.held("2", "max", &["senior"]).await;
    let (_, body) = receiver.hears().await;
    assert_eq!(body["hold"]["id"], "H-2");
    stage.write_down(&hold).await;
    let (_, body) = receiver.hears().await;
    assert_eq!(body["hold"]["id"], "H-1");
    let effect = body["hold"]["effect"].as_str().unwrap();
    assert!(effect.starts_with("Destroy 2 resources"), "{body}");
}
