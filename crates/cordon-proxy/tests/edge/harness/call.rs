//! What an agent says: a signed request as bytes, by code that Cordon does not share.

use super::{REGION, keys};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Placeholder keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
}

/// A call before it is signed for a host.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// As the credential scope names it.
    pub(crate) service: &'static str,
    /// As the credential scope names it.
    pub(crate) region: &'static str,
    /// The request target, where it is not the path that is signed.
    pub(crate) target: Option<String>,
    /// Header lines that are not signed, each with its CR LF.
    pub(crate) unsigned: String,
    /// How the body is framed and what it is on the wire, where not by its length.
    pub(crate) framed: Option<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    /// A read that the task allows.
    pub(crate) fn good() -> Self {
        Self {
            service: "dynamodb",
            region: REGION,
            target: None,
            unsigned: String::new(),
            framed: None,
            body: "{}".to_owned(),
        }
    }

    /// As a plain forward proxy is asked: `POST http://host/`.
    pub(crate) fn absolute(self, authority: &str) -> Self {
        Self {
            target: Some(format!("http://{authority}/")),
            ..self
        }
    }

    /// With header lines that the signature does not cover.
    pub(crate) fn beside(self, lines: &str) -> Self {
        Self {
            unsigned: lines.to_owned(),
            ..self
        }
    }

    /// With `lines` in the place of `Content-Length`, and `bytes` in that of the body.
    pub(crate) fn framed(self, lines: &str, bytes: &str) -> Self {
        Self {
            framed: Some((lines.to_owned(), bytes.to_owned())),
            ..self
        }
    }

    /// The bytes for `host`.
    pub(crate) fn to(self, host: &str) -> Vec<u8> {
        let now = Timestamp::now();
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = now.strftime("%Y%m%d").to_string();
        let digest = hex::encode(Sha256::digest(self.body.as_bytes()));
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("host", host),
            ("x-amz-content-sha256", &digest),
            ("x-amz-date", &time),
            ("x-amz-target", "DynamoDB_20120810.ListTables"),
        ];
        let lines = headers
            .iter()
            .fold(String::new(), |mut lines, (name, value)| {
                let _ = writeln!(lines, "{name}:{value}");
                lines
            });
        let names = headers.map(|(name, _)| name).join(";");
        let canonical = format!("POST\n/\n\n{lines}\n{names}\n{digest}");
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let hashed = hex::encode(Sha256::digest(canonical.as_bytes()));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
        let mut key = hash(format!("AWS4{}", keys().secret).as_bytes(), &day);
        for part in [self.region, self.service, "aws4_request"] {
            key = hash(&key, part);
        }
        let signature = hex::encode(hash(&key, &to_sign));

        let target = self.target.as_deref().unwrap_or("/");
        let mut text = format!("POST {target} HTTP/1.1\r\n");
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let (framing, body) = self.framed.unwrap_or_else(|| {
            (
                format!("content-length: {}\r\n", self.body.len()),
                self.body,
            )
        });
        let _ = write!(
            text,
            "authorization: AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, \
             Signature={signature}\r\n{}{framing}\r\n{body}",
            keys().id,
            self.unsigned,
        );
        text.into_bytes()
    }
}

fn hash(key: &[u8], text: &str) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    hmac.update(text.as_bytes());
    hmac.finalize().into_bytes().to_vec()
}
