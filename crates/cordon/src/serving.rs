//! Serving: store, broker and data plane put together, and kept up with what changes.
//!
//! Takes the configuration; gives a [`Serving`] that takes agents' requests until it is stopped.

use crate::bundle::Bundle;
use crate::cmd::WayName;
use crate::config::{Config, Listen};
use crate::control;
use crate::current::Current;
use crate::failure::{Failure, UNFINISHED, USAGE};
use crate::identity::{Spoilt, spoilt_here};
use crate::launch::{LaunchOptions, launch};
use crate::people;
use crate::{telemetry, wiring};
use cordon_aws::catalog::Catalog;
use cordon_broker::{BaseIdentity, Broker, BrokerConfig, Roles, StsDeadlines};
use cordon_core::policy::Policies;
use cordon_core::session::Session;
use cordon_proxy::{
    Address, Clock, Deadlines, FixedUpstream, Limits, Parts, PlainUpstream, Proxy, ProxyConfig,
    Running, Upstream,
};
use cordon_runner::{AgentAccess, AgentEnvironment, NODE_PROXY, Way};
use cordon_store::{Purpose, Store};
use serde::{Deserialize, Serialize};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long requests of people are waited for at the end: none of them takes long.
const CONTROL_GRACE: Duration = Duration::from_secs(5);

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
    /// Where people decide: `http://127.0.0.1:8801`; nothing where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    control: Option<String>,
    /// Where their browsers reach that, where it is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    console: Option<String>,
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

    /// Where people decide: for browsers first, then for terminals of this machine.
    pub(crate) fn control_addresses(&self) -> Vec<&str> {
        let both = [self.console.as_deref(), self.control.as_deref()];
        both.into_iter().flatten().collect()
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
    pub(crate) async fn knows(&self, session: &Session) -> Result<(), Failure> {
        let address = self.url.trim_start_matches("http://");
        let token = cordon_proxy::container_token(session);
        let request = format!(
            "GET /_cordon/credentials/{} HTTP/1.1\r\nhost: {address}\r\nauthorization: {token}\r\nconnection: close\r\n\r\n",
            session.id,
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
    pub(crate) fn environment(&self, session: &Session, way: WayName) -> AgentEnvironment {
        let region = session
            .task
            .regions()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let access = AgentAccess {
            key_id: session.key_id.as_str(),
            secret: session.keys.secret().expose(),
            region: &region,
            url: &self.url,
            ca: &self.ca,
            ca_bundle: &self.ca_bundle,
            node_proxy: &self.node_proxy,
            way: match way {
                WayName::Proxy => Way::Proxy,
                WayName::Endpoint => Way::Endpoint,
            },
        };
        // A name that is not text is none that a tool for AWS reads.
        let inherited = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        AgentEnvironment::new(&access, inherited)
    }
}

/// A Cordon that serves.
#[derive(Debug)]
pub(crate) struct Serving {
    store: Arc<dyn Store>,
    current: Arc<Current>,
    running: Running,
    control: Option<cordon_control::Running>,
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
        if let Some(Spoilt { what, mend }) = spoilt_here() {
            return Err(Failure::new(what).help(mend).code(USAGE));
        }
        Self::start_as(config, BaseIdentity::DefaultChain).await
    }

    /// As [`Serving::start`], with a base identity other than the default chain's.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) async fn start_as(config: &Config, base: BaseIdentity) -> Result<Self, Failure> {
        let bundle = Bundle::of(config)?;
        let policies = Arc::new(bundle.load()?);
        let authorities = authorities(config)?;
        let proxy_config = proxy_config(config, authorities.as_deref())?;
        telemetry::serve_metrics(config)?;
        let store = wiring::open(config, Purpose::Serve).await?;
        for call in store.interrupted() {
            tracing::warn!(reference = %call.record.reference, service = %call.record.service, operation = %call.record.operation, "a call was under way when Cordon last ended: its outcome is not known");
        }
        let broker = Broker::new(BrokerConfig {
            roles: roles(config),
            base,
            endpoint: config.upstream.endpoint.clone(),
            authorities,
            deadlines: StsDeadlines::default(),
        });
        let broker = Arc::new(broker.await);
        let people = people::read(config)?;
        people::compare(config, &policies, &people);
        let people = Arc::new(people);
        let current =
            Current::read(Arc::clone(&store), policies, people, Arc::clone(&broker)).await?;
        let current = Arc::new(current);
        let parts = Parts {
            catalog: Catalog::embedded(),
            live: Arc::clone(current.live()),
            store: Arc::clone(&store),
            broker,
            clock: Clock::system(),
        };
        let running = Proxy::start(proxy_config, parts).await.map_err(|error| {
            Failure::because("the proxy could not be started", &error)
                .help("`cordon doctor` looks at address and state folder")
        })?;
        let control = control::start(config, &bundle, &store, &current).await?;
        let ready = ready(config, &running, control.as_ref())?;
        let ready_file = config.state.join("ready.json");
        ready.write(&ready_file)?;
        let watchers = vec![
            tokio::spawn(Arc::clone(&current).follow_store()),
            tokio::spawn(Arc::clone(&current).follow_bundle(config.clone())),
            tokio::spawn(Arc::clone(&current).follow_people(config.clone())),
        ];
        let grace = Duration::from_secs(config.limits.grace);
        Ok(Self {
            store,
            current,
            running,
            control,
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
        self.current.policies()
    }

    /// Launches a task here. The session's calls are taken from when this answers.
    ///
    /// # Errors
    /// Those of [`launch`], and a store that fails.
    pub(crate) async fn launch(&self, options: &LaunchOptions) -> Result<Session, Failure> {
        let session = launch(&*self.store, &self.policies(), options).await?;
        self.current.refresh().await?;
        Ok(session)
    }

    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Takes no new requests, finishes what is in flight, and says what did not finish.
    ///
    /// # Errors
    /// When the state could not be made durable.
    pub(crate) async fn stop(self) -> Result<ExitCode, Failure> {
        self.watchers.iter().for_each(JoinHandle::abort);
        let _ = std::fs::remove_file(&self.ready_file);
        if let Some(control) = self.control {
            control.close(CONTROL_GRACE).await;
        }
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
                    "{} did not finish in time: {list}",
                    match unfinished.len() {
                        1 => "1 call".to_owned(),
                        calls => format!("{calls} calls"),
                    }
                ))
                .help("their outcome is not known: look at the resources before you repeat them")
                .code(UNFINISHED))
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

fn ready(
    config: &Config,
    running: &Running,
    control: Option<&cordon_control::Running>,
) -> Result<Ready, Failure> {
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
        control: control.map(|control| format!("http://{}", control.address())),
        console: control
            .map(|control| control.origin())
            .filter(|origin| origin.is_secure())
            .map(ToString::to_string),
    })
}

/// The authorities of the configured upstream, as their file has them.
fn authorities(config: &Config) -> Result<Option<Vec<u8>>, Failure> {
    let Some(file) = &config.upstream.ca else {
        return Ok(None);
    };
    let read = std::fs::read(file).map_err(|error| {
        let message = format!("`{}` could not be read", file.display());
        Failure::because(message, &error).code(USAGE)
    });
    read.map(Some)
}

fn proxy_config(config: &Config, authorities: Option<&[u8]>) -> Result<ProxyConfig, Failure> {
    let wrong = |error: cordon_proxy::ConfigError| {
        Failure::because("the configuration cannot be used", &error).code(USAGE)
    };
    let listen = match &config.listen {
        Listen::Address(address) => cordon_proxy::Listen::loopback(*address).map_err(wrong)?,
        Listen::Socket(path) => cordon_proxy::Listen::Unix(path.clone()),
    };
    let upstream = match &config.upstream.endpoint {
        Some(endpoint) => {
            let fixed = FixedUpstream::parse(endpoint, PlainUpstream::LoopbackOnly);
            let fixed = match authorities {
                Some(authorities) => fixed.and_then(|fixed| fixed.rooted_in(authorities)),
                None => fixed,
            };
            Upstream::Fixed(fixed.map_err(wrong)?)
        }
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
        deadlines: waiting(Duration::from_secs(config.limits.park)),
    })
}

/// `park` is for every client as long as none gives up before, and beyond that for those that are
/// known to bear it.
fn waiting(park: Duration) -> Deadlines {
    let usual = Deadlines::default();
    Deadlines {
        park: park.min(usual.park),
        park_patient: park,
        ..usual
    }
}

fn roles(config: &Config) -> Roles {
    Roles::new(config.roles.iter().map(|role| cordon_broker::Role {
        account: role.account.clone(),
        environment: role.environment.clone(),
        arn: role.arn.clone(),
    }))
}
