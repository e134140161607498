//! Email: one letter of plain text to each who is told, over SMTP. Says what waits in one line, for how
//! long, and where to look at it. Nothing in it decides, and nothing in it was chosen by an agent but
//! the kind of what is touched: names of resources are left out, because programs for mail make links
//! of what looks like one.
//!
//! Headers hold what Cordon names alone. The line of the body is on one line and capped before it
//! comes here, and `lettre` encodes it.

use super::{Notice, Roots};
use cordon_core::hold::Hold;
use cordon_core::inert::inert;
use cordon_core::people::People;
use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use rustls::RootCertStore;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

pub use lettre::Address;

/// The word of the configuration.
pub const WORD: &str = "email";

/// How long a server may take for one answer, and for all of one letter.
const PATIENCE: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(20)];

/// How many people are told of one hold.
const MOST: usize = 50;

/// How long the line is.
const LONGEST: usize = 160;

/// A server for mail, and to whom it takes what waits.
#[derive(Clone)]
pub struct Email {
    /// Where it is.
    pub server: Server,
    /// How Cordon proves itself to it.
    pub login: Option<Login>,
    /// Whose mail it is.
    pub from: Address,
    /// Who is told.
    pub to: Recipients,
}

/// Where a server for mail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    host: Box<str>,
    port: u16,
    security: Security,
}

/// How what is said to a server for mail is kept from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Implicit,
    /// TLS before anything is said that matters; a server that has none is not spoken to.
    StartTls,
    /// Nothing: to this machine alone.
    None,
}

/// How Cordon proves itself to a server for mail.
#[derive(Clone)]
pub struct Login {
    /// As whom.
    pub user: Box<str>,
    /// By what.
    pub password: Box<str>,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// These, of everything.
    These(Vec<Address>),
    /// The members of the groups that are asked, by what people.toml says of them; never the sponsor.
    Asked,
}

/// A server for mail that cannot be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// It has no name.
    #[error("a server for mail is a host name or an address, without a port")]
    Host,
    /// What is sent would be read on its way.
    #[error("mail leaves this machine over TLS alone: `none` is for 127.0.0.1 and [::1]")]
    Plain,
}

/// Why a letter did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum MailError {
    #[error("nobody who is asked has an address in people.toml")]
    Nobody,
    #[error("the server said no: {0}")]
    Refused(String),
    #[error("no letter can be left with the server: {0}")]
    Unreachable(String),
    #[error("the server did not answer in time")]
    Late,
    #[error("the letter cannot be written: {0}")]
    Unwritable(String),
}

/// What takes letters to one server.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

impl Security {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Implicit, Self::StartTls, Self::None];

    /// `implicit`, `starttls`, `none`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::StartTls => "starttls",
            Self::None => "none",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Implicit => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

impl Server {
    /// The server at `host`, on the usual port where none is named.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn new(host: &str, port: Option<u16>, security: Security) -> Result<Self, ServerError> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<IpAddr>().ok();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let is_name = !host.is_empty() && host.bytes().all(plain);
        if address.is_none() && !is_name {
            return Err(ServerError::Host);
        }
        if security == Security::None && !address.is_some_and(|address| address.is_loopback()) {
            return Err(ServerError::Plain);
        }
        Ok(Self {
            host: host.into(),
            port: port.unwrap_or(security.port()),
            security,
        })
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({})", self.user)
    }
}

impl Recipients {
    /// Whom to tell of `hold`.
    pub(super) fn of(&self, hold: &Hold, people: &People) -> Vec<Address> {
        let asked = match self {
            Self::These(these) => return these.clone(),
            Self::Asked => people.iter().filter(|(person, membership)| {
                let is_asked = hold
                    .needs
                    .iter()
                    .any(|group| membership.groups.contains(group));
                is_asked && !people.is_sponsor(person, &hold.sponsor)
            }),
        };
        // Whom a provider of identities told of goes by their address.
        let names = asked.map(|(person, membership)| membership.email.as_ref().unwrap_or(person));
        let addresses: BTreeSet<&str> = names.map(|name| name.as_str()).collect();
        let addresses = addresses.into_iter().filter_map(|name| name.parse().ok());
        addresses.take(MOST).collect()
    }
}

impl MailError {
    /// Whether the next letter would fare as this one did.
    pub(super) fn is_of_the_server(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Late)
    }
}

impl Mailer {
    /// # Errors
    /// When no TLS can be spoken.
    pub(super) fn new(email: &Email, roots: &Roots) -> Result<Self, SmtpError> {
        let Server {
            host,
            port,
            security,
        } = &email.server;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&**host)
            .port(*port)
            .timeout(Some(PATIENCE[0]))
            .tls(match security {
                Security::Implicit => Tls::Wrapper(tls(host, roots)?),
                Security::StartTls => Tls::Required(tls(host, roots)?),
                Security::None => Tls::None,
            });
        if let Some(login) = &email.login {
            let (user, password) = (login.user.to_string(), login.password.to_string());
            transport = transport.credentials(Credentials::new(user, password));
        }
        Ok(Self {
            transport: transport.build(),
            from: email.from.clone(),
        })
    }

    /// Leaves a letter with the server. `id` is the same for every attempt at the same one.
    pub(super) async fn send(
        &self,
        to: &Address,
        notice: &Notice,
        id: &str,
        at: Timestamp,
    ) -> Result<(), MailError> {
        let letter = self.write(to, notice, id, at);
        let letter = letter.map_err(|error| MailError::Unwritable(error.to_string()))?;
        let sent = tokio::time::timeout(PATIENCE[1], self.transport.send(letter));
        match sent.await {
            Err(_) => Err(MailError::Late),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_timeout() => Err(MailError::Late),
            // The server's own words; it may repeat what it was sent.
            Ok(Err(error)) if error.status().is_some() => {
                Err(MailError::Refused(inert(&error.to_string(), LONGEST)))
            }
            Ok(Err(error)) => Err(MailError::Unreachable(reason(&error))),
        }
    }

    fn write(
        &self,
        to: &Address,
        notice: &Notice,
        id: &str,
        at: Timestamp,
    ) -> Result<Message, lettre::error::Error> {
        let mailbox = |address: &Address| Mailbox::new(None, address.clone());
        let seconds = u64::try_from(at.as_second()).unwrap_or_default();
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let digest = hex::encode(Sha256::digest(id));
        let header = |name, value: &str| {
            let name = HeaderName::new_from_ascii_str(name);
            HeaderValue::dangerous_new_pre_encoded(name, value.to_owned(), value.to_owned())
        };
        Message::builder()
            .from(Mailbox::new(Some("Cordon".to_owned()), self.from.clone()))
            .to(mailbox(to))
            .subject(format!("{} {}", notice.hold.id, notice.hold.state))
            .date(date)
            .message_id(Some(format!("<{digest}@{}>", self.from.domain())))
            // No programs answer it that answer for who is away.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .header(ContentType::TEXT_PLAIN)
            .body(text(notice))
    }
}

fn tls(host: &str, roots: &Roots) -> Result<TlsParameters, SmtpError> {
    let mut builder =
        TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
    // One that cannot be read would be in the way of the others.
    let mut readable = RootCertStore::empty();
    for root in roots
        .iter()
        .filter(|root| readable.add((*root).clone()).is_ok())
    {
        builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
    }
    builder.build_rustls()
}

/// The cause behind what the library says, which is what tells something.
fn reason(error: &SmtpError) -> String {
    let cause = std::error::Error::source(error);
    let text = cause.map_or_else(|| error.to_string(), ToString::to_string);
    inert(&text, LONGEST)
}

fn text(notice: &Notice) -> String {
    let hold = &notice.hold;
    // It names the environments; what follows are names that an agent may have chosen.
    let effect = hold.effect.split(": ").next().unwrap_or_default();
    let standing = match hold.state.as_str() {
        "waiting" => {
            let (whom, left) = (inert(&hold.waits_for, LONGEST), left(hold.seconds_left));
            format!("it waits for {whom}, {left}")
        }
        state => format!("it is {state}"),
    };
    format!(
        "{}: {standing}\n\nLook at it: {}\nor in a terminal: cordon holds show {}\n\n\
         An answer to this mail decides nothing.\n",
        inert(effect, LONGEST),
        notice.console,
        hold.id,
    )
}

fn left(seconds: i64) -> String {
    match seconds {
        ..60 => "less than a minute left".to_owned(),
        60..7_200 => format!("{} minutes left", seconds / 60),
        _ => format!("{} hours left", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::HoldSummary;

    fn notice(effect: &str) -> Notice {
        Notice {
            hold: HoldSummary {
                id: "H-7QK4M2ZD".into(),
                state: "waiting".into(),
                effect: effect.into(),
                task: "T-1".into(),
                sponsor: "max".into(),
                agent: "kiro".into(),
                operation: "ec2 TerminateInstances".into(),
                account: "111122223333".into(),
                region: "cn-north-1".into(),
                environments: vec!["cn-prod".into()],
                needs: vec!["senior".into()],
                missing: vec!["senior".into()],
                checks: Vec::new(),
                waits_for: "1 approval of senior".into(),
                opened: String::new(),
                decide_by: String::new(),
                seconds_left: 1_790,
                asked: 1,
                batch: None,
            },
            console: "https://cordon.example.com/holds/H-7QK4M2ZD".into(),
        }
    }

    fn letter(effect: &str) -> String {
        let email = Email {
            server: Server::new("127.0.0.1", None, Security::None).unwrap(),
            login: None,
            from: "cordon@example.com".parse().unwrap(),
            to: Recipients::Asked,
        };
        let mailer = Mailer::new(&email, &Roots::from([])).unwrap();
        let to = "ola@example.com".parse().unwrap();
        let letter = mailer.write(
            &to,
            &notice(effect),
            "mail/H-1/waiting",
            Timestamp::UNIX_EPOCH,
        );
        String::from_utf8(letter.unwrap().formatted()).unwrap()
    }

    #[test]
    fn a_letter_says_what_waits_for_how_long_and_where_to_look() {
        let letter = letter("Destroy 2 ec2:instance in cn-prod: i-1, i-2");
        let (head, body) = letter.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: Cordon <cordon@example.com>",
            "To: ola@example.com",
            "Subject: H-7QK4M2ZD waiting",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(head.lines().any(|other| other == line), "{line}\n{head}");
        }
        let body = body.replace("=\r\n", "");
        let first = body.lines().next().unwrap();
        assert_eq!(
            first,
            "Destroy 2 ec2:instance in cn-prod: it waits for 1 approval of senior, 29 minutes left"
        );
        assert!(body.contains("https://cordon.example.com/holds/H-7QK4M2ZD"));
        assert!(!body.contains("i-1"), "an agent may have chosen it");
    }

    #[test]
    fn nothing_that_an_agent_chose_gets_out_of_its_line() {
        let names = "Destroy 1 x in cn-prod: https://evil.example.com/approve";
        assert!(!letter(names).contains("evil"));
        // What is told was made inert before; this is what happens if it was not.
        let hostile = "Destroy\r\nBcc: evil@example.com\r\n.\r\nMAIL FROM:<evil@example.com>";
        let letter = letter(hostile);
        let (head, body) = letter.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("evil"), "{head}");
        let breaks_out =
            |line: &str| line.starts_with("Bcc") || line == "." || line.starts_with("MAIL");
        assert!(!body.lines().any(breaks_out), "{body}");
        let long = "x".repeat(5_000);
        let letter = self::letter(&long);
        assert!(letter.lines().all(|line| line.len() <= 998), "{letter}");
    }

    #[test]
    fn mail_leaves_this_machine_over_tls_alone() {
        for (host, security) in [
            ("smtp.example.com", Security::Implicit),
            ("smtp.example.com", Security::StartTls),
            ("127.0.0.1", Security::None),
            ("[::1]", Security::None),
        ] {
            assert!(Server::new(host, None, security).is_ok(), "{host}");
        }
        for host in [
            "smtp.example.com",
            "localhost",
            "192.0.2.1",
            "127.0.0.1.evil.org",
        ] {
            let refused = Server::new(host, None, Security::None);
            assert_eq!(refused, Err(ServerError::Plain), "{host}");
        }
        for host in ["", "a b", "smtp.example.com:25", "a\r\nb", "user@host"] {
            let refused = Server::new(host, None, Security::Implicit);
            assert_eq!(refused, Err(ServerError::Host), "{host}");
        }
    }
}
