//! The data plane before an upstream that behaves as it is told: one session on one task, a real
//! store in a folder of its own, real sockets of loopback.

use crate::agent::Agent;
use crate::faulty::Faulty;
use crate::shared::{ACCOUNT, baseline, broker};
use crate::upstream::{Act, Manner, Upstream, answer};
use cordon_aws::arn::AccountId;
use cordon_aws::catalog::Catalog;
use cordon_aws::sigv4::{SecretKey, SigningCredentials, SigningKeys};
use cordon_core::decide::Posture;
use cordon_core::policy::Policies;
use cordon_core::record::CallResult;
use cordon_core::session::{Session, SessionState, Sessions};
use cordon_core::task::{Launch, Mode, Task, Written};
use cordon_proxy::{
    Address, Clock, Deadlines, FixedUpstream, Limits, Listen, Live, Parts, PlainUpstream, Proxy,
    ProxyConfig, Running, Snapshot, Upstream as Configured,
};
use cordon_store::{
    Purpose, SqliteOptions, Store, StoreError, StoredCall, StoredTask, TaskState, open_sqlite,
};
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::sync::watch;

const KEY_ID: &str = "CORDONLINE0000000001";
const SECRET: &str = "placeholder/of+the+line";

const TASK: &str = r#"
schema = "cordon.task/v1"
title  = "Send the monthly reports again"
ticket = "REP-12"
team   = "reports"
mode   = "live"
ttl    = "1h"

[where]
accounts     = ["111122223333"]
regions      = ["eu-central-1"]
environments = ["dev"]

[[allow]]
do = ["observe"]

[[allow]]
do = ["s3:GetObject", "s3:PutObject"]
on = ["arn:aws:s3:::reports/*"]

[[allow]]
do = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:BatchWriteItem"]
on = ["arn:aws:dynamodb:eu-central-1:111122223333:table/orders"]

[[allow]]
do = ["dynamodb:CreateTable"]
on = ["arn:aws:dynamodb:eu-central-1:111122223333:table/new*"]

[[allow]]
do = ["cloudformation:ExecuteChangeSet"]
on = ["arn:aws:cloudformation:eu-central-1:111122223333:stack/web/*"]

[[allow]]
do = ["sqs:SendMessage"]
on = ["arn:aws:sqs:eu-central-1:111122223333:jobs"]

[[allow]]
do = ["sns:Publish"]
on = ["arn:aws:sns:eu-central-1:111122223333:news"]

[[allow]]
do = ["kinesis:PutRecords"]
on = ["arn:aws:kinesis:eu-central-1:111122223333:stream/events"]

[[allow]]
do = ["ec2:RunInstances"]
on = ["arn:aws:ec2:eu-central-1:111122223333:*", "arn:aws:ec2:eu-central-1::image/*"]

[[allow]]
do = ["ec2:TerminateInstances"]
on = ["own"]

[destroy]
"arn:aws:s3:::reports/old-1" = ["s3:DeleteObject"]
"arn:aws:s3:::reports/old-2" = ["s3:DeleteObject"]
"arn:aws:rds:eu-central-1:111122223333:cluster:web" = ["rds:DeleteDBCluster"]
"arn:aws:rds:eu-central-1:111122223333:cluster-snapshot:last" = ["rds:DeleteDBCluster"]
"arn:aws:rds:eu-central-1:111122223333:db:web-1" = ["rds:DeleteDBInstance"]

[budget]
mutations  = 50
creates    = 50
destroys   = 50
per_minute = 50
"#;

/// The baseline bundle over the whole catalog, loaded once.
static POLICIES: LazyLock<Arc<Policies>> = LazyLock::new(|| Arc::new(baseline()));

/// How a stage is set.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) deadlines: Deadlines,
    pub(crate) limits: Limits,
    /// Where calls go, if not to the stage's own upstream.
    pub(crate) elsewhere: Option<String>,
    /// The authority (PEM) that it is known by, if not one of the platform.
    pub(crate) authority: Option<String>,
    /// When the task ends, if not in an hour.
    pub(crate) ends: Option<Timestamp>,
    /// How many deletions the task may make.
    pub(crate) destroys: u32,
    /// Groups that must approve each change of the task.
    pub(crate) approvals: &'static [&'static str],
    /// Whether Cordon may read for the task, beside what its agent asks for.
    pub(crate) observes: bool,
    /// The STS that is asked, if not the stage's own.
    pub(crate) sts: Option<String>,
    /// Where the store is, if not in a folder of the stage's own. It may be there already.
    pub(crate) folder: Option<PathBuf>,
}

impl Default for Set {
    fn default() -> Self {
        Self {
            deadlines: Deadlines {
                connect: Duration::from_millis(400),
                ..Deadlines::default()
            },
            limits: Limits::default(),
            elsewhere: None,
            authority: None,
            ends: None,
            destroys: 50,
            approvals: &[],
            observes: true,
            sts: None,
            folder: None,
        }
    }
}

/// The data plane with all it needs.
pub(crate) struct Stage {
    pub(crate) agent: Agent,
    pub(crate) upstream: Upstream,
    pub(crate) store: Arc<Faulty>,
    pub(crate) live: Arc<Live>,
    set: Set,
    running: Running,
    sts: Upstream,
    _own: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::set(Set::default()).await
    }

    pub(crate) async fn set(set: Set) -> Self {
        let own = tempfile::tempdir().unwrap();
        let folder = set.folder.clone();
        let folder = folder.unwrap_or_else(|| own.path().to_owned());
        let upstream = Upstream::start(Manner::answers(answer(200, "", "{}"))).await;
        let sts = Upstream::start(Manner::answers(assumed())).await;
        let options = SqliteOptions {
            purpose: Purpose::Serve,
            max_pages: None,
        };
        let store = open_sqlite(&folder, options).await.unwrap();
        let store = Arc::new(Faulty::new(Arc::new(store)));
        match store.put_task(stored(&set)).await {
            Ok(()) | Err(StoreError::Exists { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        let live = Arc::new(Live::new(Snapshot {
            sessions: Arc::new(Sessions::new([session(
                SessionState::Live,
                Mode::Live,
                &set,
            )])),
            policies: Arc::clone(&POLICIES),
            posture: Posture::Normal.into(),
            people: Arc::default(),
        }));
        let endpoint = set.elsewhere.clone().unwrap_or_else(|| upstream.url());
        let fixed = FixedUpstream::parse(&endpoint, PlainUpstream::LoopbackOnly).unwrap();
        let fixed = match &set.authority {
            Some(authority) => fixed.rooted_in(authority.as_bytes()).unwrap(),
            None => fixed,
        };
        let config = ProxyConfig {
            listen: Listen::loopback("127.0.0.1:0".parse().unwrap()).unwrap(),
            own_hosts: Vec::new(),
            upstream: Configured::Fixed(fixed),
            tunnel: Vec::new(),
            state: folder,
            limits: set.limits.clone(),
            deadlines: set.deadlines.clone(),
        };
        let parts = Parts {
            catalog: Catalog::embedded(),
            live: Arc::clone(&live),
            store: store.clone(),
            broker: Arc::new(
                broker(
                    set.sts.clone().unwrap_or_else(|| sts.url()),
                    "AKIABASE000000000001",
                    "base",
                )
                .await,
            ),
            clock: Clock::system(),
        };
        let running = Proxy::start(config, parts).await.unwrap();
        let Address::Tcp(address) = running.address().clone() else {
            panic!("it listens on TCP");
        };
        let agent = Agent {
            address,
            credentials: SigningCredentials::new(
                KEY_ID.parse().unwrap(),
                SecretKey::new(SECRET.to_owned()),
                None,
            ),
            signed: AtomicU32::new(0),
        };
        Self {
            agent,
            upstream,
            store,
            live,
            set,
            running,
            sts,
            _own: own,
        }
    }

    /// The one session is like this from now on.
    pub(crate) fn session_is(&self, state: SessionState) {
        let session = session(state, Mode::Live, &self.set);
        self.live.set_sessions(Arc::new(Sessions::new([session])));
    }

    /// The task is in this mode from now on.
    pub(crate) fn mode_is(&self, mode: Mode) {
        let session = session(SessionState::Live, mode, &self.set);
        self.live.set_sessions(Arc::new(Sessions::new([session])));
    }

    /// STS answers only once the switch is on.
    pub(crate) fn sts_waits_for(&self, on: watch::Receiver<bool>) {
        self.sts
            .behave(Manner::acts([Act::Until(on), Act::Say(assumed())]));
    }

    pub(crate) async fn sts_was_asked(&self) {
        self.sts.has_seen(1).await;
    }

    /// The call of this reference, once it is written down: a hold opens a moment before its call is.
    pub(crate) async fn written(&self, reference: &str) -> StoredCall {
        let reference = reference.parse().unwrap();
        let look = async || self.store.call(&reference).await.unwrap();
        self.store.once(look).await
    }

    /// The record of the call that was answered with this reference, once it is closed.
    pub(crate) async fn closed(&self, reference: &str) -> CallResult {
        let look = async || self.call(reference).await.closed;
        self.store.once(look).await.result
    }

    /// The one call so far that was let go, once it is closed.
    pub(crate) async fn last(&self) -> CallResult {
        let look = async || {
            let calls = self.store.tail_all().await;
            let mut calls = calls.into_iter();
            calls.rfind(|call| call.record.outcome.allowed())
        };
        let call = self.store.once(look).await;
        self.closed(&call.record.reference).await
    }

    /// Whether the calls of the task are taken, as the store has it.
    pub(crate) async fn task_is(&self) -> TaskState {
        let task = "T-LINE".parse().unwrap();
        self.store.task(&task).await.unwrap().unwrap().state
    }

    pub(crate) async fn call(&self, reference: &str) -> StoredCall {
        let reference = reference.parse().unwrap();
        self.store.call(&reference).await.unwrap().unwrap()
    }

    /// An honest upstream is back, and a call of the agent does what it should.
    pub(crate) async fn next_good_call_works(&self) {
        self.upstream.behave(Manner::answers(answer(200, "", "{}")));
        let before = self.upstream.whole().len();
        let answer = self.agent.send(&self.agent.put_item("the next one")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(self.upstream.whole().len(), before + 1);
    }

    pub(crate) async fn close(self, grace: Duration) -> cordon_proxy::Closed {
        self.running.close(grace).await
    }
}

/// An end that leaves a task the time to begin something. What takes long to load is loaded before.
pub(crate) fn soon() -> Timestamp {
    LazyLock::force(&POLICIES);
    Timestamp::now() + jiff::SignedDuration::from_secs(4)
}

fn text(set: &Set) -> String {
    let limit = format!("destroys   = {}", set.destroys);
    let approvals = match set.approvals {
        [] => String::new(),
        groups => format!("[approvals]\nextra = {groups:?}\n"),
    };
    let task = match set.observes {
        true => TASK.to_owned(),
        false => TASK.replacen("[[allow]]\ndo = [\"observe\"]\n", "", 1),
    };
    let text = task.replace("destroys   = 50", &limit) + &approvals;
    match set.destroys > 50 {
        true => text.replace("= 50\n", &format!("= {}\n", set.destroys)),
        false => text,
    }
}

fn session(state: SessionState, mode: Mode, set: &Set) -> Arc<Session> {
    let written = Written::parse("task.toml", &text(set)).unwrap();
    let launch = Launch {
        id: "T-LINE".parse().unwrap(),
        sponsor: "mia@example.com".parse().unwrap(),
        at: Timestamp::now(),
        mode: Some(mode),
        expires: set.ends,
    };
    let task = Task::compile(&written, &POLICIES, launch).unwrap();
    Arc::new(Session {
        id: "S-LINE".parse().unwrap(),
        task: Arc::new(task),
        key_id: KEY_ID.parse().unwrap(),
        keys: SigningKeys::new(SecretKey::new(SECRET.to_owned())),
        agent: "kiro".into(),
        account: account(),
        started: Timestamp::now(),
        state,
        descent: None,
    })
}

/// The task as the store keeps it.
fn stored(set: &Set) -> StoredTask {
    let now = Timestamp::now();
    StoredTask {
        id: "T-LINE".parse().unwrap(),
        text: text(set).into(),
        lock: "".into(),
        sponsor: "mia@example.com".parse().unwrap(),
        mode: Mode::Live,
        state: TaskState::Active,
        created: now,
        expires: now + jiff::SignedDuration::from_hours(1),
    }
}

fn account() -> AccountId {
    ACCOUNT.parse().unwrap()
}

/// STS's answer to `AssumeRole`.
pub(crate) fn assumed() -> Vec<u8> {
    let expires = Timestamp::now() + jiff::SignedDuration::from_mins(15);
    let expires = expires.strftime("%Y-%m-%dT%H:%M:%SZ");
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleResult><AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId>\
         <Arn>arn:aws:sts::{ACCOUNT}:assumed-role/agent/b</Arn></AssumedRoleUser><Credentials>\
         <AccessKeyId>{MINTED_KEY_ID}</AccessKeyId><SecretAccessKey>{MINTED_SECRET}</SecretAccessKey>\
         <SessionToken>minted-token-of-the-line</SessionToken><Expiration>{expires}</Expiration>\
         </Credentials></AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId>\
         </ResponseMetadata></AssumeRoleResponse>"
    );
    answer(200, "content-type: text/xml\r\n", &body)
}

/// What calls are signed with on the way up.
pub(crate) const MINTED_KEY_ID: &str = "ASIAMINTED0000000001";
const MINTED_SECRET: &str = "minted/secret+of/the+line";
