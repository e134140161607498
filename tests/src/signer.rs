//! A small AWS client that shares no code with Cordon: signs a request and sends it.
//!
//! Stories use it to fill a cloud before Cordon starts, and to play an attacker who holds
//! credentials that were minted for something else.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::REGION;
use crate::wire::{self, Message};

/// Keys of a user, or of a session where there is a token.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The access key id.
    pub id: String,
    /// The secret.
    pub secret: String,
    /// The session token.
    pub token: Option<String>,
}

/// A request to be signed.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// The service, as the credential scope names it.
    pub service: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path, percent-encoded as on the wire, with a query as it is signed: `/bucket?session=`.
    pub path: &'a str,
    /// Headers beside those that signing sets, in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The headers of a JSON protocol that name the operation: `DynamoDB_20120810.PutItem`.
#[must_use]
pub fn target(operation: &str) -> [(&str, &str); 2] {
    [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", operation),
    ]
}

impl<'a> Call<'a> {
    /// A call of a JSON protocol, by the headers of [`target`] and others.
    #[must_use]
    pub fn json(service: &'a str, headers: &'a [(&'a str, &'a str)], body: &'a str) -> Self {
        Self {
            service,
            method: "POST",
            path: "/",
            headers,
            body: body.as_bytes(),
        }
    }

    /// A call of the query protocol.
    #[must_use]
    pub fn query(service: &'a str, body: &'a str) -> Self {
        let headers = &[("content-type", "application/x-www-form-urlencoded")];
        Self {
            service,
            method: "POST",
            path: "/",
            headers,
            body: body.as_bytes(),
        }
    }

    /// Signs with `keys` and sends to `address`.
    ///
    /// # Panics
    /// When the connection breaks.
    #[must_use]
    pub fn send(&self, address: SocketAddr, keys: &Keys) -> Message {
        self.send_as(address, &address.to_string(), keys, jiff::Timestamp::now())
    }

    /// Signs with `keys` for `host` as of `now`, and sends to `address`.
    ///
    /// # Panics
    /// When the connection breaks.
    #[must_use]
    pub fn send_as(
        &self,
        address: SocketAddr,
        host: &str,
        keys: &Keys,
        now: jiff::Timestamp,
    ) -> Message {
        let mut stream = TcpStream::connect(address).expect("the address listens");
        let mut bytes = self.signed(host, keys, now).into_bytes();
        bytes.extend_from_slice(self.body);
        stream.write_all(&bytes).expect("the request can be sent");
        let mut down = Vec::new();
        stream
            .read_to_end(&mut down)
            .expect("the answer can be read");
        let exchange = wire::exchanges(&bytes, &down).pop();
        exchange
            .and_then(|exchange| exchange.answer)
            .expect("an answer")
    }

    /// The head of the request, signed.
    fn signed(&self, host: &str, keys: &Keys, now: jiff::Timestamp) -> String {
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = now.strftime("%Y%m%d").to_string();
        let digest = hex::encode(Sha256::digest(self.body));
        let mut headers: Vec<(&str, &str)> = self.headers.to_vec();
        headers.extend([
            ("host", host),
            ("x-amz-content-sha256", &digest),
            ("x-amz-date", &time),
        ]);
        headers.extend(
            keys.token
                .as_deref()
                .map(|token| ("x-amz-security-token", token)),
        );
        headers.sort_unstable();

        let lines = headers
            .iter()
            .fold(String::new(), |mut lines, (name, value)| {
                let _ = writeln!(lines, "{name}:{value}");
                lines
            });
        let names = headers
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(";");
        let (path, query) = self.path.split_once('?').unwrap_or((self.path, ""));
        let canonical = format!(
            "{}\n{path}\n{query}\n{lines}\n{names}\n{digest}",
            self.method
        );
        let scope = format!("{day}/{REGION}/{}/aws4_request", self.service);
        let hashed = hex::encode(Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
        let mut key = hash(format!("AWS4{}", keys.secret).as_bytes(), &day);
        for part in [REGION, self.service, "aws4_request"] {
            key = hash(&key, part);
        }
        let signature = hex::encode(hash(&key, &to_sign));

        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(
            head,
            "authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, \
             Signature={signature}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            keys.id,
            self.body.len()
        );
        head
    }
}

/// Takes a role, and gives the keys of the session.
///
/// # Panics
/// When the cloud refuses.
#[must_use]
pub fn assume(address: SocketAddr, keys: &Keys, role: &str) -> Keys {
    let role = role.replace(':', "%3A").replace('/', "%2F");
    let body = format!("Action=AssumeRole&Version=2011-06-15&RoleSessionName=seed&RoleArn={role}");
    let answer = Call::query("sts", &body).send(address, keys);
    assert_eq!(answer.target, "200", "AssumeRole: {}", answer.text());
    session_keys(&answer.text()).expect("keys in the answer")
}

/// The keys in an answer of `AssumeRole`, or of another operation that gives out such.
#[must_use]
pub fn session_keys(answer: &str) -> Option<Keys> {
    let element = |name: &str| {
        let (_, rest) = answer.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(value, _)| value.to_owned())
    };
    Some(Keys {
        id: element("AccessKeyId")?,
        secret: element("SecretAccessKey")?,
        token: Some(element("SessionToken")?),
    })
}

fn hash(key: &[u8], text: &str) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}
