//! A control plane on a store of its own, whose clock and people the test turns, and requests written
//! byte by byte.

use cordon_aws::catalog::Catalog;
use cordon_control::api::Reliability;
use cordon_control::channel::Channel;
use cordon_control::oidc::OidcConfig;
use cordon_control::{ControlConfig, Origin, Parts, Running, secret, start};
use cordon_core::action::Actions;
use cordon_core::control::ControlPolicies;
use cordon_core::decide::Outcome;
use cordon_core::decide::Posture;
use cordon_core::hold::{Hold, StateDigest};
use cordon_core::ledger::Used;
use cordon_core::people::People;
use cordon_core::policy::{BundleFile, Policies};
use cordon_core::record::{AccessRecord, CallRecord, RecordedOutcome};
use cordon_core::task::Mode;
use cordon_store::{
    Budget, HoldBounds, PassKind, Purpose, SqliteOptions, Store, StoredTask, TaskState, open_sqlite,
};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const DIGEST: &str =
    "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
pub(crate) const STATE: &str =
    "sha256:5d112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
pub(crate) const OTHER: &str =
    "sha256:ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

pub(crate) const PEOPLE: &str = r#"
    schema = "cordon.people/v1"
    [[person]]
    name = "mei"
    email = "mei@example.com"
    groups = ["senior"]
    [[person]]
    name = "ola"
    groups = ["senior"]
    [[person]]
    name = "sam"
    groups = ["senior", "owner"]
    [[person]]
    name = "kim"
    groups = ["owner"]
    [[person]]
    name = "vic"
    roles = ["viewer"]
    [[person]]
    name = "ica"
    roles = ["incident-commander"]
    [[person]]
    name = "ivo"
    roles = ["incident-commander"]
"#;

/// A control plane and what it stands on.
pub(crate) struct Stage {
    _folder: tempfile::TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) running: Running,
    now: Arc<Mutex<Timestamp>>,
    people: Arc<Mutex<Arc<People>>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// A request under preparation.
#[derive(Clone)]
pub(crate) struct Ask {
    method: &'static str,
    path: String,
    host: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

pub(crate) fn start_of_time() -> Timestamp {
    Timestamp::from_second(1_795_600_000).unwrap()
}

fn policies() -> ControlPolicies {
    let files = [
        (
            "control.cedarschema",
            include_str!("../../../../policies/control/control.cedarschema"),
        ),
        (
            "control.cedar",
            include_str!("../../../../policies/control/control.cedar"),
        ),
    ]
    .map(|(name, text)| BundleFile {
        name: name.to_owned(),
        text: text.to_owned(),
    });
    ControlPolicies::load("control", &files).unwrap()
}

/// The policies of agents' calls that are built in.
pub(crate) static BUNDLE: LazyLock<Arc<Policies>> = LazyLock::new(|| {
    let files = [
        (
            "10-deny.cedar",
            include_str!("../../../../policies/10-deny.cedar"),
        ),
        (
            "11-preview.cedar",
            include_str!("../../../../policies/11-preview.cedar"),
        ),
        (
            "12-hold.cedar",
            include_str!("../../../../policies/12-hold.cedar"),
        ),
        (
            "20-ceiling.cedar",
            include_str!("../../../../policies/20-ceiling.cedar"),
        ),
        (
            "cordon.cedarschema",
            include_str!("../../../../policies/cordon.cedarschema"),
        ),
        (
            "environments.toml",
            include_str!("../../../../policies/environments.toml"),
        ),
        (
            "manifest.toml",
            include_str!("../../../../policies/manifest.toml"),
        ),
        (
            "tests.toml",
            include_str!("../../../../policies/tests.toml"),
        ),
    ]
    .map(|(name, text)| BundleFile {
        name: name.to_owned(),
        text: text.to_owned(),
    });
    let actions = Arc::new(Actions::of(Catalog::embedded()));
    Arc::new(Policies::load("policies", &files, actions).unwrap())
});

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::at(None).await
    }

    /// Reached by browsers at `url`.
    pub(crate) async fn at(url: Option<&str>) -> Self {
        Self::started("127.0.0.1:0", url, Vec::new(), Vec::new(), None).await
    }

    /// On this address.
    pub(crate) async fn listening(address: &str) -> Self {
        Self::started(address, None, Vec::new(), Vec::new(), None).await
    }

    /// Where people sign in by a provider.
    pub(crate) async fn trusting(oidc: OidcConfig) -> Self {
        Self::started("127.0.0.1:0", None, Vec::new(), Vec::new(), Some(oidc)).await
    }

    /// With channels, whose certificates come from `roots`.
    pub(crate) async fn telling(
        url: Option<&str>,
        channels: Vec<Channel>,
        roots: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self::started("127.0.0.1:0", url, channels, roots, None).await
    }

    async fn started(
        listen: &str,
        url: Option<&str>,
        channels: Vec<Channel>,
        roots: Vec<CertificateDer<'static>>,
        oidc: Option<OidcConfig>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            purpose: Purpose::Serve,
            max_pages: None,
        };
        let store: Arc<dyn Store> = Arc::new(open_sqlite(folder.path(), options).await.unwrap());
        let now = Arc::new(Mutex::new(start_of_time()));
        let people = People::parse("people.toml", PEOPLE).unwrap();
        let people = Arc::new(Mutex::new(Arc::new(people)));
        let config = ControlConfig {
            listen: listen.parse().unwrap(),
            url: url.map(|url| url.parse::<Origin>().unwrap()),
            channels,
            oidc,
            roots: roots.into(),
            beat: Duration::from_millis(20),
        };
        let parts = Parts {
            store: Arc::clone(&store),
            people: {
                let people = Arc::clone(&people);
                Arc::new(move || Arc::clone(&people.lock().unwrap()))
            },
            policies: Arc::new(policies()),
            bundle: Arc::new(|| Arc::clone(&BUNDLE)),
            clock: {
                let now = Arc::clone(&now);
                Arc::new(move || *now.lock().unwrap())
            },
            reliability: Some(Reliability {
                incidents: 3,
                days: 90,
                posture: Posture::Elevated,
            }),
            knows: Arc::new(|name| ["dev", "prod"].contains(&name.as_str())),
            put_in_force: Arc::new(|| Box::pin(async { true })),
        };
        let running = start(&config, parts).await.unwrap();
        Self {
            _folder: folder,
            store,
            running,
            now,
            people,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    pub(crate) fn pass(&self, minutes: i64) {
        *self.now.lock().unwrap() += SignedDuration::from_mins(minutes);
    }

    /// From now on these people count, and no others.
    pub(crate) fn people(&self, text: &str) {
        *self.people.lock().unwrap() = Arc::new(People::parse("people.toml", text).unwrap());
    }

    fn authority(&self) -> String {
        self.running.address().to_string()
    }

    pub(crate) async fn link(&self, person: &str) -> String {
        let (secret, link) = secret::link(person.parse().unwrap(), self.now()).unwrap();
        self.store.put_sign_in_link(link).await.unwrap();
        secret.expose().to_owned()
    }

    /// The token of a person who signs in now at a terminal.
    pub(crate) async fn token(&self, person: &str) -> String {
        let link = self.link(person).await;
        let body = format!(r#"{{"link":"{link}","as":"terminal"}}"#);
        let answer = self.send(&post("/sign-in", &body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// The cookie and the half in the page of a person who signs in now with a browser.
    pub(crate) async fn browser(&self, person: &str) -> (String, String) {
        let link = self.link(person).await;
        let body = format!(r#"{{"link":"{link}","as":"browser"}}"#);
        let answer = self.send(&post("/sign-in", &body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let half = answer.body["half"].as_str().unwrap().to_owned();
        let cookie = answer.header("set-cookie").unwrap();
        let (pair, _) = cookie.split_once(';').unwrap();
        (pair.to_owned(), half)
    }

    /// The token of a machine.
    pub(crate) async fn machine(&self, person: &str, kind: PassKind) -> String {
        self.machine_for(person, kind, &[]).await
    }

    /// The token of a machine that reports these checks.
    pub(crate) async fn machine_for(
        &self,
        person: &str,
        kind: PassKind,
        checks: &[&str],
    ) -> String {
        let lifetime = SignedDuration::from_hours(24);
        let checks = checks.iter().map(|check| check.parse().unwrap()).collect();
        let person = person.parse().unwrap();
        let token = secret::machine(person, kind, checks, self.now(), lifetime);
        let (secret, pass) = token.unwrap();
        self.store.put_pass(pass).await.unwrap();
        secret.expose().to_owned()
    }

    /// A task of `sponsor`, and one of its calls that waits.
    pub(crate) async fn held(&self, id: &str, sponsor: &str, needs: &[&str]) -> Hold {
        let task = format!("T-{id}");
        let known = self.store.put_task(StoredTask {
            id: task.parse().unwrap(),
            text: "title = \"Fix the rounding bug\"\n".into(),
            lock: "".into(),
            sponsor: sponsor.parse().unwrap(),
            mode: Mode::Live,
            state: TaskState::Active,
            created: self.now(),
            expires: self.now() + SignedDuration::from_hours(8),
        });
        known.await.unwrap();
        let hold = self.hold(id, sponsor, needs);
        self.write_down(&hold).await;
        let opened = self.store.open_hold(hold.clone(), HoldBounds::default());
        opened.await.unwrap();
        hold
    }

    /// Writes down the call that a hold is about.
    pub(crate) async fn write_down(&self, hold: &Hold) {
        let (reference, task) = (hold.reference.as_str(), hold.task.as_str());
        let record = call(reference, task, hold.sponsor.as_str(), self.now());
        let _waits = self.store.record(record, Budget::default()).await.unwrap();
    }

    /// A hold that is not opened yet.
    pub(crate) fn hold(&self, id: &str, sponsor: &str, needs: &[&str]) -> Hold {
        Hold {
            id: format!("H-{id}").parse().unwrap(),
            task: format!("T-{id}").parse().unwrap(),
            sponsor: sponsor.parse().unwrap(),
            reference: format!("R{id}").parse().unwrap(),
            digest: DIGEST.into(),
            state: StateDigest::from_written(STATE),
            policy_version: "sha256:p".into(),
            needs: needs.iter().map(|group| group.parse().unwrap()).collect(),
            quorum: 1,
            checks: BTreeSet::new(),
            opened: self.now(),
            decide_by: self.now() + SignedDuration::from_mins(30),
            asked: 1,
            follows: None,
            place: None,
            votes: Vec::new(),
            reports: Vec::new(),
            ended: None,
        }
    }

    pub(crate) async fn votes(&self, hold: &Hold) -> usize {
        let now = self.store.hold(&hold.id).await.unwrap().unwrap();
        now.votes.len()
    }

    /// The token of who uses this link at a terminal.
    pub(crate) async fn with_link(&self, link: &str) -> Answer {
        let body = format!(r#"{{"link":"{link}","as":"terminal"}}"#);
        self.send(&post("/sign-in", &body)).await
    }

    pub(crate) async fn send(&self, ask: &Ask) -> Answer {
        let host = ask.host.clone().unwrap_or_else(|| self.authority());
        self.raw(&ask.written(&host)).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn raw(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.running.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head: head.to_owned(),
            body: serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())),
        }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(&get(path).bearer(token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: &str) -> Answer {
        self.send(&post(path, body).bearer(token)).await
    }

    pub(crate) async fn approve(&self, hold: &str, token: &str, digest: &str) -> Answer {
        let body = format!(r#"{{"digest":"{digest}"}}"#);
        self.post(&format!("/holds/{hold}/approve"), token, &body)
            .await
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Asserts that it is a refusal in the one form.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.body["code"], code, "{self:?}");
        for part in ["message", "next"] {
            let text = self.body[part].as_str().unwrap();
            assert!(!text.is_empty(), "{self:?}");
        }
    }
}

pub(crate) fn get(path: &str) -> Ask {
    Ask {
        method: "GET",
        path: format!("/api/v1{path}"),
        host: None,
        headers: Vec::new(),
        body: None,
    }
}

/// What a browser asks for that opens a page.
pub(crate) fn page(path: &str) -> Ask {
    Ask {
        path: path.to_owned(),
        ..get("")
    }
}

pub(crate) fn post(path: &str, body: &str) -> Ask {
    Ask {
        method: "POST",
        body: Some(body.to_owned()),
        ..get(path).with("content-type", "application/json")
    }
}

impl Ask {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    pub(crate) fn host(self, host: &str) -> Self {
        Self {
            host: Some(host.to_owned()),
            ..self
        }
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// As the page of a browser that signed in sends it.
    pub(crate) fn page(self, cookie: &str, half: &str) -> Self {
        self.with("cookie", cookie).with("x-cordon-half", half)
    }

    fn written(&self, host: &str) -> String {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n",
            self.method, self.path
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(self.body.as_deref().unwrap_or_default());
        text
    }
}

/// A call that destroys one environment in production, and what is behind it.
pub(crate) fn call(reference: &str, task: &str, sponsor: &str, at: Timestamp) -> CallRecord {
    let access = |action: &str, arn: &str, kind: &str, implied| AccessRecord {
        action: action.into(),
        resource: arn.into(),
        kind: kind.into(),
        environment: "cn-prod".into(),
        level: "Write",
        class: "destroy",
        implied,
    };
    CallRecord {
        task: task.into(),
        session: "S-1".into(),
        agent: "kiro".into(),
        sponsor: sponsor.into(),
        service: "elasticbeanstalk".into(),
        operation: "TerminateEnvironment".into(),
        region: "cn-north-1".into(),
        account: "111122223333".into(),
        accesses: vec![
            access(
                "ec2:TerminateInstances",
                "arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0abc",
                "ec2:instance",
                true,
            ),
            access(
                "elasticbeanstalk:TerminateEnvironment",
                "arn:aws-cn:elasticbeanstalk:cn-north-1:111122223333:environment/ce/ce-web-prod",
                "elasticbeanstalk:environment",
                false,
            ),
        ],
        class: "destroy",
        facts: vec!["stateful"],
        outcome: RecordedOutcome::Decided(Outcome::Hold),
        policies: vec![(
            "production-change-needs-senior".into(),
            "Changes in production need a senior engineer".into(),
            "It waits.".into(),
        )],
        digest: DIGEST.into(),
        // What an agent chose, with a character that turns what follows around.
        parameters: "{\"EnvironmentName\":\"ce-web-prod\u{202e}dorp\"}".into(),
        mutates: true,
        cost: Used::default(),
        ..CallRecord::of_stray(
            &reference.parse().unwrap(),
            at,
            "CordonApprovalRequired",
            "It waits.",
            "c",
        )
    }
}
