//! Virtual credentials: the operations that Cordon answers itself, and their answers.
//!
//! Takes an operation; gives [`Lending`] where its answer holds credentials that can be lent: the
//! caller gets placeholder keys in the very shape in which STS, or S3 for a directory bucket, hands
//! out real ones, and the real ones stay where they are. The request that was made for them never
//! leaves.

use crate::catalog::Operation;
use crate::sigv4::{AccessKeyId, SecretKey};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response};
use jiff::Timestamp;
use quick_xml::escape::escape;
use std::fmt::Write as _;

const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
const STS_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const S3_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// An operation whose credentials are lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of STS and S3")]
pub enum Lending {
    AssumeRole,
    AssumeRoleWithWebIdentity,
    GetSessionToken,
    CreateSession,
}

impl Lending {
    /// Every operation whose credentials are lent.
    pub const ALL: [Self; 4] = [
        Self::AssumeRole,
        Self::AssumeRoleWithWebIdentity,
        Self::GetSessionToken,
        Self::CreateSession,
    ];

    /// What is lent by `operation`; nothing for every other one, also where it hands out
    /// credentials.
    #[must_use]
    pub fn of(operation: Operation) -> Option<Self> {
        let named = |lending: &Self| {
            lending.service() == operation.service().name() && lending.as_str() == operation.name()
        };
        Self::ALL.into_iter().find(named)
    }

    /// Whether an IAM action is that of an operation whose credentials are lent.
    #[must_use]
    pub fn is_action(action: &str) -> bool {
        let is_own = |lending: Self| {
            let (prefix, name) = action.split_once(':').unwrap_or_default();
            lending.prefix() == prefix && lending.as_str() == name
        };
        Self::ALL.into_iter().any(is_own)
    }

    /// The operation's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRole",
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
            Self::GetSessionToken => "GetSessionToken",
            Self::CreateSession => "CreateSession",
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::AssumeRole | Self::AssumeRoleWithWebIdentity | Self::GetSessionToken => "sts",
            Self::CreateSession => "s3",
        }
    }

    /// What the operation's action begins with.
    fn prefix(self) -> &'static str {
        match self {
            Self::AssumeRole | Self::AssumeRoleWithWebIdentity | Self::GetSessionToken => "sts",
            Self::CreateSession => "s3express",
        }
    }
}

/// What an answer tells.
#[derive(Debug, Clone, Copy)]
pub struct Lent<'a> {
    /// The placeholder access key id.
    pub key_id: &'a AccessKeyId,
    /// The placeholder secret.
    pub secret: &'a SecretKey,
    /// The placeholder session token.
    pub token: &'a SecretKey,
    /// When all three end.
    pub ends: Timestamp,
    /// The session of the role, where one was assumed.
    pub assumed: Option<&'a AssumedRoleUser>,
}

/// The session of a role, as STS names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedRoleUser {
    /// `arn:aws:sts::111122223333:assumed-role/deploy/NAME`.
    pub arn: String,
    /// `AROA...:NAME`.
    pub id: String,
}

/// The answer to `lending`, as its service writes it: STS speaks the query protocol alone, S3 XML.
#[must_use]
pub fn answer(lending: Lending, lent: &Lent<'_>, request_id: &str) -> Response<Bytes> {
    let (name, result) = (lending.as_str(), result(lent));
    let (body, kind, id) = match lending {
        Lending::AssumeRole | Lending::AssumeRoleWithWebIdentity | Lending::GetSessionToken => (
            format!(
                "<{name}Response xmlns=\"{STS_NAMESPACE}\"><{name}Result>{result}</{name}Result>\
                 <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{name}Response>",
                escape(request_id),
            ),
            "text/xml",
            STS_REQUEST_ID,
        ),
        Lending::CreateSession => (
            format!("<{name}Result xmlns=\"{S3_NAMESPACE}\">{result}</{name}Result>"),
            "application/xml",
            S3_REQUEST_ID,
        ),
    };
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(id, request_id);
    }
    response
}

fn result(lent: &Lent<'_>) -> String {
    let mut text = String::new();
    if let Some(AssumedRoleUser { arn, id }) = lent.assumed {
        let _ = write!(
            text,
            "<AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
            escape(id.as_str()),
            escape(arn.as_str()),
        );
    }
    let _ = write!(
        text,
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        lent.key_id,
        escape(lent.secret.expose()),
        escape(lent.token.expose()),
        // Rounded down: what is told to hold must hold.
        lent.ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    );
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use crate::call::Protocol;
    use crate::catalog::Catalog;

    #[test]
    fn what_is_lent_is_a_part_of_what_hands_out_credentials() {
        let catalog = Catalog::embedded();
        let operations = catalog.services().flat_map(|service| service.operations());
        let lent: Vec<String> = operations
            .filter(|operation| Lending::of(*operation).is_some())
            .inspect(|operation| assert!(operation.returns_credentials()))
            .map(|operation| format!("{}:{}", operation.service().name(), operation.name()))
            .collect();
        assert_eq!(
            lent,
            [
                "s3:CreateSession",
                "sts:AssumeRole",
                "sts:AssumeRoleWithWebIdentity",
                "sts:GetSessionToken"
            ]
        );
        for action in ["s3express:CreateSession"]
            .into_iter()
            .chain(lent.iter().skip(1).map(String::as_str))
        {
            assert!(Lending::is_action(action), "{action}");
        }
        for other in [
            "sts:AssumeRoot",
            "sts:AssumeRoleWithSAML",
            "AssumeRole",
            "s3:CreateSession",
            "sts:CreateSession",
            "s3express:AssumeRole",
            "glue:CreateSession",
        ] {
            assert!(!Lending::is_action(other), "{other}");
        }
    }

    #[test]
    fn sts_speaks_the_query_protocol_alone() {
        let sts = Catalog::embedded().service("sts").unwrap();
        assert_eq!(sts.protocols(), [Protocol::Query]);
    }

    #[test]
    fn s3_speaks_xml_alone() {
        let s3 = Catalog::embedded().service("s3").unwrap();
        assert_eq!(s3.protocols(), [Protocol::RestXml]);
    }

    #[test]
    fn an_answer_reads_as_one_of_s3() {
        let lent = Lent {
            key_id: &"ASIACRDN000000000001".parse().unwrap(),
            secret: &SecretKey::new("a<secret".to_owned()),
            token: &SecretKey::new("a&token".to_owned()),
            ends: "2026-11-25T10:00:00.9Z".parse().unwrap(),
            assumed: None,
        };
        let response = answer(Lending::CreateSession, &lent, "REF1");
        assert_eq!(response.headers()["x-amz-request-id"], "REF1");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/xml");
        let answer = Answer::read(Protocol::RestXml, response.body()).unwrap();
        let credentials = answer.get("Credentials").unwrap();
        for (name, value) in [
            ("AccessKeyId", "ASIACRDN000000000001"),
            ("SecretAccessKey", "a<secret"),
            ("SessionToken", "a&token"),
            ("Expiration", "2026-11-25T10:00:00Z"),
        ] {
            assert_eq!(credentials.text(name), Some(value));
        }
    }

    #[test]
    fn an_answer_reads_as_one_of_sts() {
        let assumed = AssumedRoleUser {
            arn: "arn:aws:sts::111122223333:assumed-role/deploy/T-1.S-2".to_owned(),
            id: "AROAEXAMPLE:T-1.S-2".to_owned(),
        };
        let lent = Lent {
            key_id: &"ASIACRDN000000000001".parse().unwrap(),
            secret: &SecretKey::new("a<secret".to_owned()),
            token: &SecretKey::new("a token".to_owned()),
            ends: "2026-11-25T10:00:00.9Z".parse().unwrap(),
            assumed: Some(&assumed),
        };
        let response = answer(Lending::AssumeRole, &lent, "REF1");
        assert_eq!(response.headers()["x-amzn-requestid"], "REF1");
        let answer = Answer::read(Protocol::Query, response.body()).unwrap();
        let credentials = answer.get("Credentials").unwrap();
        assert_eq!(credentials.text("SecretAccessKey"), Some("a<secret"));
        assert_eq!(credentials.text("SessionToken"), Some("a token"));
        assert_eq!(credentials.text("Expiration"), Some("2026-11-25T10:00:00Z"));
        let user = answer.get("AssumedRoleUser").unwrap();
        assert_eq!(user.text("Arn"), Some(assumed.arn.as_str()));
    }
}
