//! Cordon itself as a host: which names are its own, and the few pages it answers on them.
//!
//! `GET /_cordon/health` tells whether requests are taken. `GET /_cordon/credentials/<session>` is
//! the container credentials endpoint (`AWS_CONTAINER_CREDENTIALS_FULL_URI`): it hands out a
//! session's placeholder keys to who holds its token. No S3 bucket can be named `_cordon`, so
//! the pages hide nothing.

use crate::host::{HostName, parse_port};
use crate::http1::{Head, PathAndQuery, Reply, ReplyBody};
use crate::line::Line;
use bytes::Bytes;
use cordon_core::session::{Session, SessionState};
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use sha2::Sha256;
use std::net::{IpAddr, SocketAddr};

const PAGES: &str = "/_cordon/";

/// The names by which agents reach the listener.
#[derive(Debug)]
pub(crate) struct OwnHosts {
    names: Vec<HostName>,
    address: Option<SocketAddr>,
}

impl OwnHosts {
    pub(crate) fn new(mut names: Vec<HostName>, address: Option<SocketAddr>) -> Self {
        // Only this machine calls itself so, whatever the listener's address is.
        names.extend("localhost".parse());
        Self { names, address }
    }

    /// What stands before the own name in `host`, as `Host` has it; nothing where `host` is not
    /// Cordon. Only names that the operator gave count, so that a page in a browser which has its
    /// own name point here gets nowhere.
    pub(crate) fn prefix(&self, host: &str) -> Option<String> {
        if self.is_address(host) {
            return Some(String::new());
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) => parse_port(port).map(|_| name)?,
            None => host,
        };
        let name: HostName = name.parse().ok()?;
        self.names.iter().find_map(|own| {
            let before = name.as_str().strip_suffix(own.as_str())?;
            match before.strip_suffix('.') {
                Some(prefix) => Some(prefix.to_owned()),
                None => before.is_empty().then(String::new),
            }
        })
    }

    fn is_address(&self, host: &str) -> bool {
        let Some(own) = self.address else {
            return false;
        };
        let Ok(named) = host.parse::<SocketAddr>() else {
            return false;
        };
        let same = named.ip() == own.ip() || (own.ip().is_unspecified() && !is_strange(named.ip()));
        same && named.port() == own.port()
    }
}

/// Addresses that nobody reaches a listener by.
fn is_strange(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_multicast()
}

/// The answer to a request for one of Cordon's own pages; nothing where it is for AWS.
pub(crate) fn page(line: &Line, head: &Head, target: &PathAndQuery) -> Option<Reply> {
    let page = target.path.strip_prefix(PAGES)?;
    if head.method != Method::GET {
        return Some(json(
            StatusCode::METHOD_NOT_ALLOWED,
            r#"{"message":"only GET"}"#.to_owned(),
        ));
    }
    Some(match page.split_once('/') {
        None if page == "health" => health(line),
        Some(("credentials", session)) => credentials(line, session, &head.headers),
        _ => json(
            StatusCode::NOT_FOUND,
            r#"{"message":"no such page"}"#.to_owned(),
        ),
    })
}

fn health(line: &Line) -> Reply {
    match line.closing.is_cancelled() {
        true => json(
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":"closing"}"#.to_owned(),
        ),
        false => json(StatusCode::OK, r#"{"status":"ok"}"#.to_owned()),
    }
}

/// Who asks must hold the session's token; an unknown session and a wrong token get one answer.
fn credentials(line: &Line, id: &str, headers: &HeaderMap) -> Reply {
    let snapshot = line.live.snapshot();
    let given = headers
        .get(AUTHORIZATION)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let session = snapshot
        .sessions
        .iter()
        .find(|session| session.id.as_str() == id);
    match session {
        Some(session) if session.state != SessionState::Stopped && holds_token(session, given) => {
            // SDKs want all four members; an empty token is none to them.
            let body = format!(
                r#"{{"AccessKeyId":"{}","SecretAccessKey":"{}","Token":"","Expiration":"{}"}}"#,
                session.key_id.as_str(),
                session.keys.secret().expose(),
                session.task.expires_at(),
            );
            json(StatusCode::OK, body)
        }
        _ => json(
            StatusCode::FORBIDDEN,
            r#"{"code":"AccessDenied","message":"no such session, or not its token"}"#.to_owned(),
        ),
    }
}

/// What `AWS_CONTAINER_AUTHORIZATION_TOKEN` holds for the agent of `session`: derived from its
/// placeholder secret, so that it needs no place of its own to be kept.
#[must_use]
pub fn container_token(session: &Session) -> String {
    hex::encode(token_mac(session).finalize().into_bytes())
}

fn holds_token(session: &Session, given: &[u8]) -> bool {
    hex::decode(given).is_ok_and(|given| token_mac(session).verify_slice(&given).is_ok())
}

fn token_mac(session: &Session) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac =
        Hmac::<Sha256>::new_from_slice(session.keys.secret().expose().as_bytes()).expect("a key");
    mac.update(b"cordon container credentials ");
    mac.update(session.id.as_str().as_bytes());
    mac
}

fn json(status: StatusCode, body: String) -> Reply {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Reply {
        status,
        headers,
        body: ReplyBody::Whole(Bytes::from(body)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_given_names_are_cordon() {
        let own = OwnHosts::new(
            vec!["cordon.internal".parse().unwrap()],
            Some("127.0.0.1:8800".parse().unwrap()),
        );
        let prefix = |host: &str| own.prefix(host);
        assert_eq!(prefix("127.0.0.1:8800").as_deref(), Some(""));
        assert_eq!(prefix("localhost:8800").as_deref(), Some(""));
        assert_eq!(prefix("Cordon.Internal").as_deref(), Some(""));
        assert_eq!(
            prefix("my.bucket.localhost:8800").as_deref(),
            Some("my.bucket")
        );
        for foreign in [
            "127.0.0.1",
            "127.0.0.1:8801",
            "127.0.0.2:8800",
            "evil.example:8800",
            "localhost.evil.example",
            "notlocalhost:8800",
            "",
            ":8800",
            "localhost:",
            "localhost:08800",
            "[::1]:8800",
            "0.0.0.0:8800",
        ] {
            assert_eq!(prefix(foreign), None, "{foreign}");
        }
    }
}
