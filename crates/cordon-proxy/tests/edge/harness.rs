//! A world for one story: a cloud, a data plane before it, and an agent's keys.
//!
//! ```text
//! Talk ──▶ Proxy ──▶ Gate ──▶ cordon-lab
//!            └──────────────▶ STS of cordon-lab
//! ```
//! Nothing sleeps. Every wait has an end that only a hang reaches.

pub(crate) mod call;
pub(crate) mod gate;
pub(crate) mod talk;
pub(crate) mod tls;

use crate::shared::{ACCOUNT, baseline_in, broker};
use call::{Call, Keys};
use cordon_aws::arn::{AccountId, Partition, Region};
use cordon_aws::catalog::Catalog;
use cordon_aws::sigv4::{SecretKey, SigningKeys};
use cordon_core::decide::Posture;
use cordon_core::policy::Policies;
use cordon_core::session::{Session, SessionState, Sessions};
use cordon_core::task::{Launch, Task, Written};
use cordon_lab::{
    BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, Estate, Lab, LabConfig, RoleSeed, UserSeed,
};
use cordon_proxy::{
    Address, Clock, Deadlines, FixedUpstream, HostName, HostPattern, Limits, Listen, Live, Parts,
    PlainUpstream, Proxy, ProxyConfig, Running, Snapshot, StartError, Upstream,
};
use cordon_store::{Purpose, SqliteOptions, Store, open_sqlite};
use gate::Gate;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use talk::Talk;
use tempfile::TempDir;

/// The region of every story.
pub(crate) const REGION: &str = "eu-central-1";
/// Where the calls of the stories go.
pub(crate) const DYNAMODB: &str = "dynamodb.eu-central-1.amazonaws.com";
/// How long a wait may take before it counts as a hang.
pub(crate) const HANG: Duration = Duration::from_secs(60);

const SECRET: &str = "a-placeholder-secret-of-forty-characters";
const KEY_ID: &str = "AKIACRDNEDGE23456789";

/// The task of every story: to look.
const TASK: &str = r#"
schema = "cordon.task/v1"
title  = "Look around"
team   = "edge"
mode   = "live"
ttl    = "1h"

[where]
accounts     = ["111122223333"]
regions      = ["eu-central-1"]
environments = ["dev"]

[[allow]]
do = ["observe"]
"#;

/// What a story wants other than usual.
pub(crate) struct Setup {
    pub(crate) listen: Listen,
    pub(crate) own_hosts: Vec<HostName>,
    pub(crate) tunnel: Vec<HostPattern>,
    pub(crate) limits: Limits,
    pub(crate) deadlines: Deadlines,
    /// The task, if it is to do more than look.
    pub(crate) task: String,
    /// The environment that the account is in.
    pub(crate) environment: &'static str,
    /// The region that the cloud is in.
    pub(crate) region: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            listen: Listen::loopback(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap(),
            own_hosts: Vec::new(),
            tunnel: Vec::new(),
            limits: Limits::default(),
            deadlines: Deadlines {
                park: Duration::ZERO,
                ..Deadlines::default()
            },
            task: TASK.to_owned(),
            environment: "dev",
            region: REGION,
        }
    }
}

/// A cloud and a data plane before it.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) gate: Gate,
    pub(crate) running: Running,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) state: TempDir,
}

impl World {
    /// With everything as usual.
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        Self::by(setup, Clock::system()).await
    }

    /// With a clock that the story turns.
    pub(crate) async fn with_turned_clock() -> (Self, TurnedClock) {
        let clock = TurnedClock::default();
        let turned = clock.clone();
        let world = Self::by(Setup::default(), Clock::new(move || turned.now())).await;
        (world, clock)
    }

    async fn by(setup: Setup, clock: Clock) -> Self {
        let state = tempfile::tempdir().unwrap();
        let lab = Lab::start(LabConfig::new(estate(setup.region)))
            .await
            .unwrap();
        let gate = Gate::before(lab.address()).await;
        let store = open_store(state.path()).await;
        let parts = parts(&setup, &lab, Arc::clone(&store), clock).await;
        let config = config(setup, state.path(), &gate.url());
        let running = Proxy::start(config, parts).await.unwrap();
        Self {
            lab,
            gate,
            running,
            store,
            state,
        }
    }

    /// Where the listener is, if it is a TCP one.
    pub(crate) fn address(&self) -> SocketAddr {
        match self.running.address() {
            Address::Tcp(address) => *address,
            Address::Unix(path) => panic!("it listens on {}", path.display()),
        }
    }

    /// The listener as `Host` names it.
    pub(crate) fn own(&self) -> String {
        self.address().to_string()
    }

    /// A connection with the listener.
    pub(crate) async fn connect(&self) -> Talk {
        Talk::tcp(self.address()).await
    }

    /// A connection on which `host` is spoken to through CONNECT, with TLS by Cordon's authority.
    pub(crate) async fn connect_to(&self, host: &str) -> Talk {
        let mut talk = self.connect().await;
        talk.send(format!(
            "CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n"
        ))
        .await;
        assert_eq!(talk.answer_head().await.status, 200);
        let client = tls::Client::trusting(&self.authority());
        talk.secured(&client, host).await.unwrap()
    }

    /// Cordon's certificates, from the file that tools are pointed at.
    pub(crate) fn authority(&self) -> Vec<CertificateDer<'static>> {
        tls::certificates(&self.running.authority().certificate())
    }

    /// How many requests reached the cloud through the data plane.
    pub(crate) fn sent(&self) -> usize {
        let log = self.lab.log();
        log.iter()
            .filter(|entry| entry.operation != "AssumeRole")
            .count()
    }

    /// A good call on a connection of its own, by each way in.
    pub(crate) async fn check_good_calls_work(&self) {
        let before = self.sent();
        let mut direct = self.connect().await;
        direct.send(Call::good().to(&self.own())).await;
        direct.check_good().await;
        let mut connected = self.connect_to(DYNAMODB).await;
        connected.send(Call::good().to(DYNAMODB)).await;
        connected.check_good().await;
        assert_eq!(self.sent(), before + 2, "both reached the cloud");
    }
}

/// The wall clock, and how far it was turned.
#[derive(Debug, Clone, Default)]
pub(crate) struct TurnedClock(Arc<AtomicI64>);

impl TurnedClock {
    /// From now on it is this much later than it was; gives what it shows.
    pub(crate) fn turn(&self, by: SignedDuration) -> Timestamp {
        self.0.store(by.as_secs(), Ordering::SeqCst);
        self.now()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Starts a data plane whose authority is kept in `state`, as of `now`.
pub(crate) async fn start_as_of(state: &Path, now: Timestamp) -> Result<Running, StartError> {
    begin(state, Setup::default(), Clock::new(move || now)).await
}

/// Starts a data plane that may not start.
pub(crate) async fn start(state: &Path, setup: Setup) -> Result<Running, StartError> {
    begin(state, setup, Clock::system()).await
}

async fn begin(state: &Path, setup: Setup, clock: Clock) -> Result<Running, StartError> {
    let lab = Lab::start(LabConfig::new(estate(setup.region)))
        .await
        .unwrap();
    let store_folder = tempfile::tempdir().unwrap();
    let parts = parts(&setup, &lab, open_store(store_folder.path()).await, clock).await;
    Proxy::start(config(setup, state, &lab.endpoint()), parts).await
}

fn config(setup: Setup, state: &Path, upstream: &str) -> ProxyConfig {
    let upstream = FixedUpstream::parse(upstream, PlainUpstream::LoopbackOnly).unwrap();
    ProxyConfig {
        listen: setup.listen,
        own_hosts: setup.own_hosts,
        upstream: Upstream::Fixed(upstream),
        tunnel: setup.tunnel,
        state: state.to_owned(),
        limits: setup.limits,
        deadlines: setup.deadlines,
    }
}

/// The keys of the agent.
pub(crate) fn keys() -> Keys {
    Keys {
        id: KEY_ID,
        secret: SECRET,
    }
}

async fn open_store(state: &Path) -> Arc<dyn Store> {
    let options = SqliteOptions {
        purpose: Purpose::Serve,
        ..SqliteOptions::default()
    };
    Arc::new(open_sqlite(state, options).await.unwrap())
}

/// The baseline in an environment, which the worlds of one story share.
fn baseline(environment: &'static str) -> Arc<Policies> {
    static KNOWN: Mutex<BTreeMap<&str, Arc<Policies>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    let policies = known.entry(environment);
    Arc::clone(policies.or_insert_with(|| Arc::new(baseline_in(environment))))
}

async fn parts(setup: &Setup, lab: &Lab, store: Arc<dyn Store>, clock: Clock) -> Parts {
    let policies = baseline(setup.environment);
    let session = Arc::new(session(&policies, &setup.task));
    let broker = broker(lab.endpoint(), BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY).await;
    Parts {
        catalog: Catalog::embedded(),
        live: Arc::new(Live::new(Snapshot {
            sessions: Arc::new(Sessions::new([session])),
            policies,
            posture: Posture::Normal.into(),
            people: Arc::default(),
        })),
        store,
        broker: Arc::new(broker),
        clock,
    }
}

fn session(policies: &Policies, task: &str) -> Session {
    let now = Timestamp::now();
    let launch = Launch {
        id: "T-EDGE23".parse().unwrap(),
        sponsor: "tester".parse().unwrap(),
        at: now,
        mode: None,
        expires: None,
    };
    let written = Written::parse("task.toml", task).unwrap();
    Session {
        id: "S-EDGE234567".parse().unwrap(),
        task: Arc::new(Task::compile(&written, policies, launch).unwrap()),
        key_id: KEY_ID.parse().unwrap(),
        keys: SigningKeys::new(SecretKey::new(SECRET.into())),
        agent: "agent".into(),
        account: ACCOUNT.parse().unwrap(),
        started: now,
        state: SessionState::Live,
        descent: None,
    }
}

fn estate(region: &str) -> Estate {
    const EVERYTHING: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let region: Region = region.parse().unwrap();
    let account: AccountId = ACCOUNT.parse().unwrap();
    let partition = Partition::of_region(&region);
    let trust = Estate::trust_of_account(&partition, &account);
    let user = UserSeed {
        name: "cordon",
        access_key_id: BASE_ACCESS_KEY_ID,
        secret_access_key: BASE_SECRET_ACCESS_KEY,
        policies: &[EVERYTHING],
    };
    let role = RoleSeed {
        name: "agent",
        trust: &trust,
        policies: &[EVERYTHING],
        max_session_seconds: 3_600,
    };
    Estate::empty(&partition, &region, &account)
        .with_user(&user)
        .and_then(|estate| estate.with_role(&role))
        .unwrap()
}
