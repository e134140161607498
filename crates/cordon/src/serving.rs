//! Serving: store, broker and data plane put together, and kept up with what changes.
//!
//! Takes the configuration; gives a [`Serving`] that takes agents' requests until it is stopped.
//! Sessions and policies are read again when the store or the bundle's folder changes; a bundle
//! that does not validate is reported and the last good one stays in force.

use crate::bundle::Bundle;
use crate::cmd::WayName;
use crate::config::{Config, Listen};
use crate::failure::{Failure, USAGE};
use crate::launch::{Launched, recompile};
use crate::{telemetry, wiring};
use cordon_aws::catalog::Catalog;
use cordon_aws::sigv4::SigningKeys;
use cordon_broker::{BaseIdentity, Broker, BrokerConfig, Roles};
use cordon_core::names::TaskId;
use cordon_core::policy::Policies;
use cordon_core::session::{Session, SessionState, Sessions};
use cordon_core::task::Task;
use cordon_proxy::{
    Address, Clock, Deadlines, FixedUpstream, Limits, Live, Parts, PlainUpstream, Proxy,
    ProxyConfig, Running, Snapshot, Upstream,
};
use cordon_runner::{AgentAccess, AgentEnvironment, NODE_PROXY, Way};
use cordon_store::{Purpose, Store, StoredTask, TaskState};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::JoinHandle;

/// How often the bundle's folder is looked at.
const BEAT: Duration = Duration::from_millis(500);

/// Where a serving Cordon is reached: what `--ready-file` holds, and what the state folder tells
/// other commands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Where agents connect: `http://127.0.0.1:8800`.
    #[serde(rename = "proxy")]
    pub(crate) url: String,
    /// Cordon's CA alone.
    ca: PathBuf,
    /// Cordon's CA and the system's roots.
    ca_bundle: PathBuf,
    /// The script that leads Node's SDK through the proxy.
    node_proxy: PathBuf,
}

impl Ready {
    /// The Cordon that serves from the state folder of `config`.
    ///
    /// # Errors
    /// When none does.
    pub(crate) fn find(config: &Config) -> Result<Self, Failure> {
        let none = || {
            Failure::new(format!(
                "no Cordon serves from `{}`",
                config.state.display()
            ))
            .help("start one with `cordon up`, or use `cordon run`, which needs none")
        };
        let text = std::fs::read(config.state.join("ready.json")).map_err(|_| none())?;
        let ready: Self = serde_json::from_slice(&text).map_err(|_| none())?;
        let address = ready.url.trim_start_matches("http://");
        // A process that was killed leaves the file behind.
        TcpStream::connect(address).map_err(|_| none())?;
        Ok(ready)
    }

    /// Writes the file so that a reader never sees half of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::because(format!("`{}` could not be written", file.display()), &error)
        };
        let text = serde_json::to_vec(self)
            .map_err(|error| Failure::because("the addresses have no JSON form", &error))?;
        let part = file.with_extension("part");
        std::fs::write(&part, text)
            .and_then(|()| std::fs::rename(&part, file))
            .map_err(failed)
    }

    /// Waits until the serving process takes calls of a session that this process launched.
    ///
    /// # Errors
    /// When it does not within a few seconds.
    pub(crate) async fn knows(&self, launched: &Launched) -> Result<(), Failure> {
        let address = self.url.trim_start_matches("http://");
        let token = cordon_proxy::container_token(&launched.session);
        let request = format!(
            "GET /_cordon/credentials/{} HTTP/1.1\r\nhost: {address}\r\nauthorization: {token}\r\nconnection: close\r\n\r\n",
            launched.session.id,
        );
        for _ in 0..50 {
            if ask(address, &request)
                .await
                .is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(
            Failure::new("the serving Cordon does not take the new session")
                .help("its log says why; `cordon doctor` looks at both"),
        )
    }

    /// The environment for the agent of a session.
    pub(crate) fn environment(&self, launched: &Launched, way: WayName) -> AgentEnvironment {
        let region = launched
            .task
            .regions()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        AgentEnvironment::new(&AgentAccess {
            key_id: launched.session.key_id.as_str(),
            secret: launched.session.keys.secret().expose(),
            region: &region,
            url: &self.url,
            ca: &self.ca,
            ca_bundle: &self.ca_bundle,
            node_proxy: &self.node_proxy,
            way: match way {
                WayName::Proxy => Way::Proxy,
                WayName::Endpoint => Way::Endpoint,
            },
        })
    }
}

/// A Cordon that serves.
#[derive(Debug)]
pub(crate) struct Serving {
    store: Arc<dyn Store>,
    live: Arc<Live>,
    running: Running,
    ready: Ready,
    ready_file: PathBuf,
    grace: Duration,
    watchers: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Starts everything; no socket opens before configuration, policies and state are right.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) async fn start(config: &Config) -> Result<Self, Failure> {
        Self::start_as(config, BaseIdentity::DefaultChain).await
    }

    /// As [`Serving::start`], with a base identity other than the default chain's.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) async fn start_as(config: &Config, base: BaseIdentity) -> Result<Self, Failure> {
        let bundle = Bundle::of(config)?;
        let policies = Arc::new(bundle.load()?);
        let proxy_config = proxy_config(config)?;
        telemetry::serve_metrics(config)?;
        let store = wiring::open(config, Purpose::Serve).await?;
        for call in store.interrupted() {
            tracing::warn!(reference = %call.record.reference, service = %call.record.service, operation = %call.record.operation, "a call was under way when Cordon last ended: its outcome is not known");
        }
        let standing = store.posture().await.map_err(wiring::store_failed)?;
        let live = Arc::new(Live::new(Snapshot {
            sessions: Arc::new(sessions(&*store, &policies).await?),
            policies,
            posture: standing.posture,
        }));
        let broker = Broker::new(BrokerConfig {
            roles: roles(config),
            base,
            endpoint: config.upstream.endpoint.clone(),
        })
        .await;
        let parts = Parts {
            catalog: Catalog::embedded(),
            live: Arc::clone(&live),
            store: Arc::clone(&store),
            broker: Arc::new(broker),
            clock: Clock::system(),
        };
        let running = Proxy::start(proxy_config, parts).await.map_err(|error| {
            Failure::because("the proxy could not be started", &error)
                .help("`cordon doctor` looks at address and state folder")
        })?;
        let ready = ready(config, &running)?;
        let ready_file = config.state.join("ready.json");
        ready.write(&ready_file)?;
        let watchers = vec![
            tokio::spawn(follow_store(Arc::clone(&store), Arc::clone(&live))),
            tokio::spawn(follow_bundle(
                config.clone(),
                Arc::clone(&store),
                Arc::clone(&live),
            )),
        ];
        let grace = Duration::from_secs(config.limits.grace);
        Ok(Self {
            store,
            live,
            running,
            ready,
            ready_file,
            grace,
            watchers,
        })
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The policies in force.
    pub(crate) fn policies(&self) -> Arc<Policies> {
        Arc::clone(&self.live.snapshot().policies)
    }

    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Reads the sessions again now, instead of when the store tells of its change.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn refresh(&self) -> Result<(), Failure> {
        self.live
            .set_sessions(Arc::new(sessions(&*self.store, &self.policies()).await?));
        Ok(())
    }

    /// Takes no new requests, finishes what is in flight, and says what did not finish.
    ///
    /// # Errors
    /// When the state could not be made durable.
    pub(crate) async fn stop(self) -> Result<ExitCode, Failure> {
        self.watchers.iter().for_each(JoinHandle::abort);
        let _ = std::fs::remove_file(&self.ready_file);
        let closed = self.running.close(self.grace).await;
        self.store.shut_down().await.map_err(wiring::store_failed)?;
        match closed.unfinished.as_slice() {
            [] => Ok(ExitCode::SUCCESS),
            unfinished => {
                let list = unfinished
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", ");
                Err(Failure::new(format!(
                    "{} calls did not finish in time: {list}",
                    unfinished.len()
                ))
                .help("their outcome is not known: look at the resources before you repeat them"))
            }
        }
    }
}

async fn ask(address: &str, request: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn ready(config: &Config, running: &Running) -> Result<Ready, Failure> {
    let node_proxy = config.state.join("node-proxy.cjs");
    std::fs::write(&node_proxy, NODE_PROXY).map_err(|error| {
        Failure::because(
            format!("`{}` could not be written", node_proxy.display()),
            &error,
        )
    })?;
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    Ok(Ready {
        url: match running.address() {
            Address::Tcp(address) => format!("http://{address}"),
            Address::Unix(path) => format!("unix:{}", path.display()),
        },
        ca: absolute(running.authority().certificate()),
        ca_bundle: absolute(running.authority().bundle()),
        node_proxy: absolute(node_proxy),
    })
}

fn proxy_config(config: &Config) -> Result<ProxyConfig, Failure> {
    let wrong = |error: cordon_proxy::ConfigError| {
        Failure::because("the configuration cannot be used", &error).code(USAGE)
    };
    let listen = match &config.listen {
        Listen::Address(address) => cordon_proxy::Listen::loopback(*address).map_err(wrong)?,
        Listen::Socket(path) => cordon_proxy::Listen::Unix(path.clone()),
    };
    let upstream = match &config.upstream.endpoint {
        Some(endpoint) => Upstream::Fixed(
            FixedUpstream::parse(endpoint, PlainUpstream::LoopbackOnly).map_err(wrong)?,
        ),
        None => Upstream::Aws {
            private: Vec::new(),
        },
    };
    Ok(ProxyConfig {
        listen,
        own_hosts: config
            .own_hosts
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()
            .map_err(wrong)?,
        upstream,
        tunnel: config
            .hosts
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()
            .map_err(wrong)?,
        state: config.state.clone(),
        limits: Limits {
            connections: config.limits.connections,
            whole_body: config.limits.body,
            ..Limits::default()
        },
        deadlines: Deadlines::default(),
    })
}

fn roles(config: &Config) -> Roles {
    Roles::new(config.roles.iter().map(|role| cordon_broker::Role {
        account: role.account.clone(),
        environment: role.environment.clone(),
        arn: role.arn.clone(),
    }))
}

/// The sessions whose calls are taken: live ones of tasks that are under way and still mean what
/// they meant when they were launched.
async fn sessions(store: &dyn Store, policies: &Policies) -> Result<Sessions, Failure> {
    let tasks = store.tasks().await.map_err(wiring::store_failed)?;
    let tasks: HashMap<TaskId, StoredTask> = tasks
        .into_iter()
        .map(|task| (task.id.clone(), task))
        .collect();
    let mut compiled: HashMap<TaskId, Option<Arc<Task>>> = HashMap::new();
    let mut live = Vec::new();
    for session in store.live_sessions().await.map_err(wiring::store_failed)? {
        let Some(stored) = tasks
            .get(&session.task)
            .filter(|task| task.state != TaskState::Stopped)
        else {
            continue;
        };
        let task = compiled
            .entry(session.task.clone())
            .or_insert_with(|| compiled_task(stored, policies));
        let Some(task) = task.clone() else { continue };
        let paused = stored.state == TaskState::Paused;
        live.push(Arc::new(Session {
            id: session.id,
            task,
            key_id: session.key_id,
            keys: SigningKeys::new(session.secret),
            agent: session.agent,
            account: session.account,
            started: session.started,
            state: if paused {
                SessionState::Paused
            } else {
                session.state
            },
        }));
    }
    Ok(Sessions::new(live))
}

/// A task that no longer compiles to what was launched is not served; its calls are refused.
fn compiled_task(stored: &StoredTask, policies: &Policies) -> Option<Arc<Task>> {
    match recompile(stored, policies) {
        Ok(task) => Some(Arc::new(task)),
        Err(failure) => {
            tracing::error!(task = %stored.id, "{failure}");
            None
        }
    }
}

/// Reads sessions and posture again whenever the store changes.
async fn follow_store(store: Arc<dyn Store>, live: Arc<Live>) {
    let mut changes = store.changes();
    while changes.changed().await.is_ok() {
        let policies = Arc::clone(&live.snapshot().policies);
        match sessions(&*store, &policies).await {
            Ok(sessions) => live.set_sessions(Arc::new(sessions)),
            Err(failure) => tracing::error!("{failure}"),
        }
        match store.posture().await {
            Ok(standing) => live.set_posture(standing.posture),
            Err(error) => tracing::error!(%error, "the posture could not be read"),
        }
    }
}

/// Loads the bundle again whenever a file of its folder changes.
async fn follow_bundle(config: Config, store: Arc<dyn Store>, live: Arc<Live>) {
    let Some(folder) = config.policies.clone() else {
        return;
    };
    let mut seen = stamp(&folder);
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
        let now = stamp(&folder);
        if now == seen {
            continue;
        }
        seen = now;
        let loaded = Bundle::of(&config).and_then(|bundle| bundle.load());
        let policies = match loaded {
            Ok(policies) => Arc::new(policies),
            Err(failure) => {
                tracing::error!(
                    "the changed policies are not used, the last good ones stay in force: {failure}"
                );
                continue;
            }
        };
        // Tasks are compiled against the bundle, so both change together.
        match sessions(&*store, &policies).await {
            Ok(sessions) => {
                tracing::info!(version = policies.version(), "policies reloaded");
                live.set_policies(policies);
                live.set_sessions(Arc::new(sessions));
            }
            Err(failure) => tracing::error!("{failure}"),
        }
    }
}

/// Names, sizes and times of the folder's files; nothing where it cannot be read.
fn stamp(folder: &Path) -> Vec<(PathBuf, u64, Option<SystemTime>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let details = entry.metadata().ok()?;
            Some((entry.path(), details.len(), details.modified().ok()))
        })
        .collect();
    files.sort();
    files
}
