//! Permits as the decision stages make them: there is no other way to one.
//!
//! A [`Desk`] holds the baseline policies; a call is signed with a session's placeholder key and
//! goes through authenticate, identify, assess and decide.

use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::endpoint::Destination;
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{
    SecretKey, SessionToken, SigningCredentials, SigningKeys, SigningTarget, Transport, sign,
};
use cordon_core::action::Actions;
use cordon_core::assess::{Knowledge, assess};
use cordon_core::authenticate::{Ingress, Received, authenticate};
use cordon_core::decide::{Circumstances, Decision, Permit, Posture, decide};
use cordon_core::identify::identify;
use cordon_core::ledger::Ledger;
use cordon_core::policy::{BundleFile, Policies};
use cordon_core::session::{Session, SessionState, Sessions};
use cordon_core::task::{Launch, Task, Written};
use http::{HeaderMap, HeaderValue, Method};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-central-1";

const SECRET: &str = "placeholder-placeholder-placeholder-0000";

const TASK: &str = r#"
schema = "cordon.task/v1"
title  = "Correct the orders"
ticket = "ORD-7"
team   = "orders"
mode   = "live"
ttl    = "2h"

[where]
accounts     = ["111122223333"]
regions      = ["eu-central-1"]
environments = ["dev"]

[[allow]]
do = ["observe"]

[[allow]]
do = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
on = [
  "arn:aws:dynamodb:eu-central-1:111122223333:table/orders",
  "arn:aws:dynamodb:eu-central-1:111122223333:table/returns",
]

[[allow]]
do = ["sts:AssumeRole"]
on = ["arn:aws:iam::111122223333:role/deploy", "arn:aws:iam::111122223333:role/next"]

[budget]
mutations = 50
creates   = 50
"#;

/// A bundle of policies, and calls that it decides.
pub(crate) struct Desk {
    policies: Policies,
}

impl Desk {
    /// With the baseline.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With the baseline and a remark in one of its files, which makes another version of it.
    pub(crate) fn with(remark: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
        let files: Vec<BundleFile> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let mut text = std::fs::read_to_string(&path).unwrap();
                if name == "10-deny.cedar" {
                    text.push_str(remark);
                }
                BundleFile { name, text }
            })
            .collect();
        let actions = Arc::new(Actions::of(Catalog::embedded()));
        let policies = Policies::load("policies", &files, actions);
        Self {
            policies: policies.unwrap_or_else(|faults| panic!("{faults}")),
        }
    }

    /// A session on a task with this id, launched at `now`.
    pub(crate) fn session(&self, task: &str, now: Timestamp) -> Arc<Session> {
        let launch = Launch {
            id: task.parse().unwrap(),
            sponsor: "tester".parse().unwrap(),
            at: now,
            mode: None,
            expires: None,
        };
        let task = Written::parse("task.toml", TASK)
            .and_then(|written| Task::compile(&written, &self.policies, launch))
            .unwrap_or_else(|faults| panic!("{faults}"));
        Arc::new(Session {
            id: "S-1".parse().unwrap(),
            task: Arc::new(task),
            key_id: "AKIACRDN000000000001".parse().unwrap(),
            keys: SigningKeys::new(SecretKey::new(SECRET.to_owned())),
            agent: "tester".into(),
            account: ACCOUNT.parse().unwrap(),
            started: now,
            state: SessionState::Live,
            descent: None,
        })
    }

    /// The permit for a call of DynamoDB.
    pub(crate) fn permit(
        &self,
        session: &Arc<Session>,
        operation: &str,
        table: &str,
        now: Timestamp,
    ) -> Permit {
        let request = signed(&credentials(session), operation, table, now);
        self.decided(&[Arc::clone(session)], request, now)
    }

    /// The permit for a request, which must be allowed, of one of `sessions`.
    pub(crate) fn decided(
        &self,
        sessions: &[Arc<Session>],
        request: Request,
        now: Timestamp,
    ) -> Permit {
        let received = Received {
            request,
            reference: "REF1".parse().unwrap(),
            ingress: Ingress::Endpoint,
            arrived: now,
        };
        let sessions = Sessions::new(sessions.iter().map(Arc::clone));
        let authenticated =
            authenticate(received, &sessions, now).unwrap_or_else(|(_, error)| panic!("{error:?}"));
        let identified = identify(authenticated, Catalog::embedded())
            .unwrap_or_else(|unidentified| panic!("{:?}", unidentified.error));
        let knowledge = Knowledge {
            environments: self.policies.environments(),
            policy_version: self.policies.version(),
            ledger: &Ledger::default(),
            last_minute: 0,
            unverified: BTreeSet::new(),
            tags: cordon_core::tags::Tags::Unasked,
            omission: cordon_core::predict::Omission::Unasked,
            seen: None,
        };
        let circumstances = Circumstances {
            approvals: BTreeSet::new(),
            checks: BTreeSet::new(),
            posture: Posture::Normal.into(),
            now,
        };
        match decide(
            &self.policies,
            assess(identified, &knowledge),
            &circumstances,
        ) {
            Decision::Allow(permit) => permit,
            other => panic!("{:?}", other.verdict()),
        }
    }
}

/// The credentials of a session's agent.
pub(crate) fn credentials(session: &Session) -> SigningCredentials {
    let secret = session.keys.secret().clone();
    SigningCredentials::new(
        session.key_id.clone(),
        secret,
        session.token().map(SessionToken::secret).cloned(),
    )
}

/// A call of DynamoDB as an SDK signs it with placeholder keys.
pub(crate) fn signed(
    credentials: &SigningCredentials,
    operation: &str,
    table: &str,
    now: Timestamp,
) -> Request {
    let body = match operation {
        "PutItem" => format!(r#"{{"TableName":"{table}","Item":{{"id":{{"S":"1"}}}}}}"#),
        "UpdateItem" => format!(r#"{{"TableName":"{table}","Key":{{"id":{{"S":"1"}}}}}}"#),
        "ListTables" => "{}".to_owned(),
        _ => format!(r#"{{"TableName":"{table}"}}"#),
    };
    let target = HeaderValue::from_str(&format!("DynamoDB_20120810.{operation}"));
    let headers = HeaderMap::from_iter([
        (
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-amz-json-1.0"),
        ),
        (
            http::HeaderName::from_static("x-amz-target"),
            target.unwrap(),
        ),
    ]);
    request(credentials, "dynamodb", headers, body, now)
}

/// A request of the endpoint, signed with placeholder keys.
pub(crate) fn request(
    credentials: &SigningCredentials,
    service: &str,
    headers: HeaderMap,
    body: String,
    now: Timestamp,
) -> Request {
    let body = Bytes::from(body);
    let mut emission = Emission {
        method: Method::POST,
        path: "/".into(),
        query: None,
        headers,
        host: String::new(),
        body: EmittedBody::Whole(body.clone()),
    };
    let target = SigningTarget {
        authority: "127.0.0.1:8800",
        service,
        region: &REGION.parse().unwrap(),
        transport: Transport::Plain,
    };
    sign(&mut emission, &target, credentials, None, now).unwrap();
    Request {
        method: emission.method,
        path: emission.path,
        query: emission.query,
        headers: emission.headers,
        destination: Destination::Own {
            prefix: String::new(),
        },
        body: Body::Whole(body),
    }
}
