//! Requests as clients send them, sessions on tasks, and the baseline to judge them by.

use bytes::Bytes;
use cordon_aws::catalog::Catalog;
use cordon_aws::emit::{Emission, EmittedBody};
use cordon_aws::endpoint::{Destination, OwnHosts};
use cordon_aws::request::{Body, Request};
use cordon_aws::sigv4::{SecretKey, SigningCredentials, SigningKeys, SigningTarget, Transport};
use cordon_core::action::Actions;
use cordon_core::assess::{Knowledge, assess};
use cordon_core::authenticate::{Authenticated, Ingress, Received};
use cordon_core::decide::{Circumstances, Decision, Outcome, Permit, Posture, decide};
use cordon_core::identify::identify;
use cordon_core::judge::{Judge, Judgement, Signatures};
use cordon_core::ledger::Ledger;
use cordon_core::policy::{BundleFile, Policies};
use cordon_core::session::{Session, SessionState};
use cordon_core::task::{Launch, Task, Written};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

pub(crate) fn credentials(key_id: &str, secret: &str) -> SigningCredentials {
    let secret = SecretKey::new(secret.to_owned());
    SigningCredentials::new(key_id.parse().unwrap(), secret, None)
}

/// When tasks are launched and requests arrive.
pub(crate) const NOW: &str = "2026-08-24T09:00:00Z";
pub(crate) const KEY_ID: &str = "AKIACORDONEXAMPLE001";
pub(crate) const SECRET: &str = "a placeholder that signs nothing anywhere else";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

pub(crate) static POLICIES: LazyLock<Policies> = LazyLock::new(|| load(&bundle()));

/// The files of the baseline bundle; its folders are other bundles.
pub(crate) fn bundle() -> Vec<BundleFile> {
    let files = std::fs::read_dir(root().join("policies")).unwrap();
    // Beside them lie those of the control plane, in a folder of their own.
    files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| BundleFile {
            name: path.file_name().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(path).unwrap(),
        })
        .collect()
}

pub(crate) fn load(files: &[BundleFile]) -> Policies {
    let actions = Arc::new(Actions::of(Catalog::embedded()));
    Policies::load("policies", files, actions).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A launch of the task that the stories are about.
pub(crate) fn launch() -> Launch {
    Launch {
        id: "T-1042".parse().unwrap(),
        sponsor: "mei".parse().unwrap(),
        at: now(),
        mode: None,
        expires: None,
    }
}

pub(crate) fn compile(text: &str) -> Task {
    Written::parse("task.toml", text)
        .and_then(|written| Task::compile(&written, &POLICIES, launch()))
        .unwrap_or_else(|faults| panic!("{faults}"))
}

/// A live session on the task in `text`.
pub(crate) fn session(text: &str) -> Session {
    session_of(compile(text))
}

pub(crate) fn session_of(task: Task) -> Session {
    session_on(Arc::new(task))
}

pub(crate) fn session_on(task: Arc<Task>) -> Session {
    Session {
        id: "S-01K3".parse().unwrap(),
        account: task.accounts()[0].clone(),
        task,
        key_id: KEY_ID.parse().unwrap(),
        keys: SigningKeys::new(SecretKey::new(SECRET.to_owned())),
        agent: "kiro".into(),
        started: now(),
        state: SessionState::Live,
        descent: None,
    }
}

/// Judges requests of `session` one after the other.
pub(crate) fn judge(session: Session) -> Judge<'static> {
    judge_with(&POLICIES, Arc::new(session))
}

pub(crate) fn judge_with(policies: &Policies, session: Arc<Session>) -> Judge<'_> {
    Judge::new(Catalog::embedded(), policies, session, Signatures::Assumed)
}

/// One request, before it is given a reference.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) host: String,
    pub(crate) service: &'static str,
    pub(crate) region: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

fn host(endpoint: &str, region: &str) -> String {
    let suffix = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    format!("{endpoint}.{region}.{suffix}")
}

/// A call by the query protocol.
pub(crate) fn query(service: &'static str, region: &str, form: &str) -> Sent {
    Sent {
        method: Method::POST,
        host: host(service, region),
        service,
        region: region.to_owned(),
        path: "/".to_owned(),
        query: None,
        headers: vec![(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
        )],
        body: form.to_owned().into(),
    }
}

/// A call by a JSON protocol.
pub(crate) fn json(service: &'static str, region: &str, target: &str, body: &str) -> Sent {
    let version = match service {
        "dynamodb" | "sqs" => "1.0",
        _ => "1.1",
    };
    Sent {
        headers: vec![
            ("content-type", format!("application/x-amz-json-{version}")),
            ("x-amz-target", target.to_owned()),
        ],
        body: body.to_owned().into(),
        ..query(service, region, "")
    }
}

/// A call by a REST protocol.
pub(crate) fn rest(
    method: Method,
    service: &'static str,
    region: &str,
    path: &str,
    body: &str,
) -> Sent {
    let (path, query_text) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (path, None),
    };
    let headers = match body.is_empty() {
        true => vec![],
        false => vec![("content-type", "application/json".to_owned())],
    };
    Sent {
        method,
        path: path.to_owned(),
        query: query_text,
        headers,
        body: body.to_owned().into(),
        ..query(service, region, "")
    }
}

impl Sent {
    /// The request, signed by the session's agent.
    pub(crate) fn signed(self) -> Received {
        self.signed_by(KEY_ID, SECRET)
    }

    /// The request, signed with a key.
    pub(crate) fn signed_by(self, key_id: &str, secret: &str) -> Received {
        self.signed_with(&credentials(key_id, secret))
    }

    /// The request, signed with credentials that may have a session token.
    pub(crate) fn signed_with(self, credentials: &SigningCredentials) -> Received {
        let headers = self.headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let mut emission = Emission {
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: headers.collect(),
            host: self.host.clone(),
            body: EmittedBody::Whole(self.body.clone()),
        };
        let target = SigningTarget {
            authority: &self.host,
            service: self.service,
            region: &self.region.parse().unwrap(),
            transport: Transport::Tls,
        };
        cordon_aws::sigv4::sign(&mut emission, &target, credentials, None, now()).unwrap();
        self.with_headers(emission.headers)
    }

    fn with_headers(self, headers: HeaderMap) -> Received {
        Received {
            request: Request {
                method: self.method,
                path: self.path,
                query: self.query,
                headers,
                destination: Destination::parse(&self.host, &OwnHosts::default()).unwrap(),
                body: Body::Whole(self.body),
            },
            reference: "7QK4M2ZD".parse().unwrap(),
            ingress: Ingress::Offline,
            arrived: now(),
        }
    }
}

/// What the judge makes of a request.
pub(crate) fn ask(judge: &mut Judge<'_>, sent: Sent) -> Judgement {
    match judge.judge(sent.signed(), now()) {
        Ok(judgement) => judgement,
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

/// The outcome and the id of the first policy that decided.
pub(crate) fn told(judgement: &Judgement) -> (Outcome, String) {
    let verdict = &judgement.verdict;
    let first = verdict.policies.first().map(|policy| policy.id.to_string());
    let reason = verdict.reason.map(|reason| reason.as_str().to_owned());
    (verdict.outcome, first.or(reason).unwrap_or_default())
}

/// The permit of a call that the baseline lets go, with nothing done before, in ordinary times.
pub(crate) fn permit(authenticated: Authenticated) -> Permit {
    let identified = identify(authenticated, Catalog::embedded()).unwrap();
    let knowledge = Knowledge {
        environments: POLICIES.environments(),
        policy_version: POLICIES.version(),
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
        now: now(),
    };
    match decide(&POLICIES, assess(identified, &knowledge), &circumstances) {
        Decision::Allow(permit) => permit,
        other => panic!("{:#?}", other.verdict()),
    }
}
