//! Mail: who is asked hears by a letter of their own what waits, also after the server was dead, and
//! what is said to a server for mail is said to that server alone.

use crate::channels::authority;
use crate::harness::*;
use cordon_control::channel::{Channel, Email, Login, Recipients, Security, Server, Way};
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a server for mail does that is not as it should be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    /// It is busy, the first time.
    BusyOnce,
    /// It knows nobody called `kim`.
    WithoutKim,
    /// It, or who sits before it, offers no TLS.
    Stripped,
}

/// A server for mail, written down word by word.
struct Post {
    address: SocketAddr,
    heard: mpsc::Receiver<String>,
}

impl Post {
    async fn start(security: Security, mood: Mood, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (said, heard) = mpsc::channel(64);
        tokio::spawn(async move {
            let mut mood = mood;
            while let Ok((stream, _)) = listener.accept().await {
                let mut conversation = String::new();
                let stream: Box<dyn Stream> = match (&tls, security) {
                    (Some(tls), Security::Implicit) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                    _ => Box::new(stream),
                };
                converse(stream, mood, tls.as_ref(), &mut conversation).await;
                if mood == Mood::BusyOnce {
                    mood = Mood::Well;
                }
                let _ = said.send(conversation).await;
            }
        });
        Self { address, heard }
    }

    /// All that was said to it in the next conversation.
    async fn hears(&mut self) -> String {
        let heard = tokio::time::timeout(Duration::from_secs(60), self.heard.recv());
        heard.await.unwrap().unwrap()
    }

    fn channel(&self, security: Security, to: Recipients) -> Channel {
        let host = match security {
            Security::None => "127.0.0.1",
            Security::Implicit | Security::StartTls => "localhost",
        };
        Channel {
            name: "mail".into(),
            way: Way::Email(Email {
                server: Server::new(host, Some(self.address.port()), security).unwrap(),
                login: Some(Login {
                    user: "cordon".into(),
                    password: "secret of tests".into(),
                }),
                from: "cordon@example.com".parse().unwrap(),
                to,
            }),
        }
    }
}

async fn converse(
    stream: Box<dyn Stream>,
    mood: Mood,
    tls: Option<&TlsAcceptor>,
    said: &mut String,
) {
    let mut stream = BufReader::new(stream);
    let mut secured = false;
    if stream.write_all(b"220 localhost\r\n").await.is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        if !matches!(stream.read_line(&mut line).await, Ok(1..)) {
            return;
        }
        said.push_str(&line);
        let answer = match line.split([' ', '\r']).next().unwrap() {
            "EHLO" if mood == Mood::Stripped || secured || tls.is_none() => {
                "250-localhost\r\n250 AUTH PLAIN\r\n"
            }
            "EHLO" => "250-localhost\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n",
            "STARTTLS" => {
                let _ = stream.write_all(b"220 go on\r\n").await;
                let accepted = tls.unwrap().accept(stream.into_inner()).await;
                let Ok(accepted) = accepted else { return };
                let accepted: Box<dyn Stream> = Box::new(accepted);
                stream = BufReader::new(accepted);
                secured = true;
                continue;
            }
            "AUTH" => "235 welcome\r\n",
            "MAIL" if mood == Mood::BusyOnce => "451 try again\r\n",
            "RCPT" if mood == Mood::WithoutKim && line.contains("kim") => {
                "550 nobody of that name\r\n"
            }
            "DATA" => {
                let _ = stream.write_all(b"354 go on\r\n").await;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    if !matches!(stream.read_line(&mut text).await, Ok(1..)) {
                        return;
                    }
                }
                said.push_str(&text);
                "250 taken\r\n"
            }
            "QUIT" => {
                let _ = stream.write_all(b"221 farewell\r\n").await;
                return;
            }
            _ => "250 well\r\n",
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

const ADDRESSED: &str = r#"
    schema = "cordon.people/v1"
    [[person]]
    name = "max"
    email = "max@example.com"
    groups = ["senior"]
    [[person]]
    name = "ola"
    email = "ola@example.com"
    groups = ["senior"]
    [[person]]
    name = "kim"
    email = "kim@example.com"
    groups = ["senior"]
    [[person]]
    name = "nox"
    email = "nox@example.com"
    groups = ["owner"]
"#;

async fn telling(
    post: &Post,
    security: Security,
    to: Recipients,
    roots: Vec<CertificateDer<'static>>,
) -> Stage {
    let stage = Stage::telling(None, vec![post.channel(security, to)], roots).await;
    stage.people(ADDRESSED);
    stage
}

/// What is written down of who was told, once it is enough.
async fn told(
    stage: &Stage,
    enough: impl Fn(&[(String, u32, Option<String>)]) -> bool,
) -> Vec<(String, u32, Option<String>)> {
    let id = "H-1".parse().unwrap();
    loop {
        let told = stage.store.deliveries(&id).await.unwrap();
        let mut told: Vec<_> = told
            .into_iter()
            .map(|one| (one.channel.into(), one.attempts, one.error.map(Into::into)))
            .collect();
        told.sort();
        if enough(&told) {
            return told;
        }
        tokio::task::yield_now().await;
    }
}

fn these(addresses: &[&str]) -> Recipients {
    let addresses = addresses.iter().map(|address| address.parse().unwrap());
    Recipients::These(addresses.collect())
}

#[tokio::test]
async fn who_is_asked_hears_by_a_letter_of_their_own_and_the_sponsor_does_not() {
    let mut post = Post::start(Security::None, Mood::Well, None).await;
    let stage = telling(&post, Security::None, Recipients::Asked, Vec::new()).await;
    stage.held("1", "max", &["senior"]).await;
    let (one, other) = (post.hears().await, post.hears().await);
    let told = told(&stage, |told| told.len() == 2).await;
    let names: Vec<&str> = told.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["mail/kim@example.com", "mail/ola@example.com"]);
    assert!(
        told.iter()
            .all(|(_, attempts, error)| *attempts == 1 && error.is_none())
    );
    let (kims, olas) = match one.contains("RCPT TO:<kim@example.com>") {
        true => (one, other),
        false => (other, one),
    };
    for (letter, name) in [(&kims, "kim"), (&olas, "ola")] {
        assert_eq!(letter.matches("RCPT TO").count(), 1, "{letter}");
        for part in [
            format!("To: {name}@example.com\r\n"),
            "Subject: H-1 waiting\r\n".to_owned(),
            "Destroy 2 resources in cn-prod: it waits for 1 approval of senior, 30 minutes left"
                .to_owned(),
            format!("http://{}/holds/H-1", stage.running.address()),
        ] {
            let whole = letter.replace("=\r\n", "");
            assert!(whole.contains(&part), "{part}\n{letter}");
        }
        // Neither names that an agent may have chosen, nor anything to say yes by.
        for part in ["ce-web-prod", "approve", "token", "cordon_"] {
            assert!(!letter.contains(part), "{letter}");
        }
    }
}

#[tokio::test]
async fn a_dead_server_loses_no_hold() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = Post {
        address: listener.local_addr().unwrap(),
        heard: mpsc::channel(1).1,
    };
    drop(listener);
    let to = these(&["ola@example.com", "kim@example.com"]);
    let stage = telling(&nowhere, Security::None, to, Vec::new()).await;
    let hold = stage.held("1", "max", &["senior"]).await;
    let told = told(&stage, |told| told.len() == 2).await;
    for (_, attempts, error) in &told {
        assert!(*attempts >= 1);
        let error = error.as_deref().unwrap();
        assert!(
            error.starts_with("no letter can be left with the server"),
            "{error}"
        );
        assert!(!error.contains("secret of tests"), "{error}");
    }
    assert_eq!(stage.votes(&hold).await, 0);
    let ola = stage.token("ola").await;
    assert_eq!(stage.approve("H-1", &ola, DIGEST).await.status, 200);
}

#[tokio::test]
async fn what_a_busy_server_did_not_take_is_sent_again_as_the_same_letter() {
    let mut post = Post::start(Security::None, Mood::BusyOnce, None).await;
    let to = these(&["ola@example.com"]);
    let stage = telling(&post, Security::None, to, Vec::new()).await;
    stage.held("1", "max", &["senior"]).await;
    assert!(!post.hears().await.contains("DATA"));
    let first = told(&stage, |told| told.len() == 1).await;
    let error = first[0].2.as_deref().unwrap();
    assert!(
        error.contains("the server said no") && error.contains("451"),
        "{error}"
    );
    stage.pass(1);
    let letter = post.hears().await;
    let again = told(&stage, |told| told[0].1 == 2).await;
    assert_eq!(again[0].2, None);
    assert!(letter.contains("Message-ID: <"), "{letter}");
}

#[tokio::test]
async fn one_address_that_is_wrong_keeps_nobody_else_from_hearing() {
    let mut post = Post::start(Security::None, Mood::WithoutKim, None).await;
    let stage = telling(&post, Security::None, Recipients::Asked, Vec::new()).await;
    stage.held("1", "max", &["senior"]).await;
    let heard = [post.hears().await, post.hears().await];
    assert_eq!(heard.iter().filter(|said| said.contains("DATA")).count(), 1);
    let told = told(&stage, |told| told.len() == 2).await;
    let (kim, ola) = (&told[0], &told[1]);
    assert!(kim.2.as_deref().unwrap().contains("550"), "{kim:?}");
    assert_eq!((ola.0.as_str(), &ola.2), ("mail/ola@example.com", &None));
}

#[tokio::test]
async fn where_nobody_has_an_address_that_is_said() {
    let post = Post::start(Security::None, Mood::Well, None).await;
    let stage = telling(&post, Security::None, Recipients::Asked, Vec::new()).await;
    stage.held("1", "max", &["dba"]).await;
    let told = told(&stage, |told| told.len() == 1).await;
    let error = "nobody who is asked has an address in people.toml";
    assert_eq!(told, [("mail".to_owned(), 1, Some(error.to_owned()))]);
}

#[tokio::test]
async fn over_tls_a_letter_goes_to_whom_the_certificate_names_and_to_nobody_else() {
    for security in [Security::Implicit, Security::StartTls] {
        let (root, tls) = authority();
        let mut post = Post::start(security, Mood::Well, Some(tls.clone())).await;
        let to = these(&["ola@example.com"]);
        let stage = telling(&post, security, to.clone(), vec![root]).await;
        stage.held("1", "max", &["senior"]).await;
        let letter = post.hears().await;
        assert!(
            letter.contains("AUTH PLAIN") && letter.contains("Subject: H-1"),
            "{letter}"
        );
        // Before TLS nothing was said that others may not hear.
        let before = letter.split("STARTTLS").next().unwrap();
        assert!(
            security == Security::Implicit || !before.contains("AUTH"),
            "{letter}"
        );

        let (stranger, _) = authority();
        let mut post = Post::start(security, Mood::Well, Some(tls)).await;
        let stage = telling(&post, security, to, vec![stranger]).await;
        stage.held("1", "max", &["senior"]).await;
        let told = told(&stage, |told| told.len() == 1).await;
        assert!(told[0].2.is_some(), "{told:?}");
        let heard: Value = post.heard.try_recv().unwrap_or_default().into();
        assert!(!heard.as_str().unwrap().contains("AUTH"), "{heard}");
    }
}

#[tokio::test]
async fn a_server_whose_tls_was_taken_away_is_told_nothing() {
    let (root, tls) = authority();
    let mut post = Post::start(Security::StartTls, Mood::Stripped, Some(tls)).await;
    let to = these(&["ola@example.com"]);
    let stage = telling(&post, Security::StartTls, to, vec![root]).await;
    stage.held("1", "max", &["senior"]).await;
    let heard = post.hears().await;
    assert!(
        !heard.contains("AUTH") && !heard.contains("MAIL"),
        "{heard}"
    );
    let told = told(&stage, |told| told.len() == 1).await;
    assert!(told[0].2.is_some());
}
