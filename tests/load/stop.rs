//! How long a stop takes: from the moment at which it is asked for, and from its answer, to the last
//! byte that reached the upstream, while clients press on. `cargo xtask load --stop` builds and starts it.
//!
//! The upstream is in this process, so that one clock tells both. Clients do not give up when they are
//! refused: what would still come through comes through.

use std::error::Error;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::certificates;
use crate::client::press;
use crate::contender::Scene;
use crate::contender::cordon::{Stoppable, run};
use crate::report::median;
use crate::upstream::{self, Heard};
use crate::work::Work;

/// Clients at the same time: of these, one uploads and one downloads large bodies.
const CLIENTS: usize = 64;
/// Tasks among which they are shared where everything is stopped.
const TASKS: usize = 8;
/// How long there is load before the stop.
const BEFORE: Duration = Duration::from_secs(2);
/// How long it is waited for what still comes through after it.
const AFTER: Duration = Duration::from_secs(2);
/// What was set out for, from asking to the last byte.
const GOAL: f64 = 100.0;

/// What is stopped, and by which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    One,
    Everything,
    ByHand,
}

/// One stop.
#[derive(Debug)]
struct Stopped {
    /// Calls a second before it.
    rate: f64,
    /// From asking to the answer.
    answered: f64,
    /// From asking to the last byte that came through.
    last: f64,
}

impl Stop {
    const ALL: [Self; 3] = [Self::One, Self::Everything, Self::ByHand];

    fn name(self) -> &'static str {
        match self {
            Self::One => "one task, by the API",
            Self::Everything => "every task (8), by the API",
            Self::ByHand => "one task, by `cordon task stop` beside it",
        }
    }

    fn tasks(self) -> usize {
        match self {
            Self::One | Self::ByHand => 1,
            Self::Everything => TASKS,
        }
    }
}

/// Serves the calls, and measures `rounds` stops of each kind; gives the table.
pub(crate) async fn measure(mut scene: Scene, rounds: usize) -> Result<String, Box<dyn Error>> {
    let heard = Heard::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    scene.upstream = listener.local_addr()?;
    let leaf = certificates::server(&scene.certificates.leaf, &scene.certificates.key)?;
    let acceptor = TlsAcceptor::from(leaf);
    let ear = heard.clone();
    tokio::spawn(async move { upstream::serve_all(&listener, &acceptor, &ear).await });
    let mut all: Vec<(Stop, Vec<Stopped>)> = Stop::ALL.map(|stop| (stop, Vec::new())).into();
    for round in 1..=rounds {
        println!("stop {round} of {rounds}");
        for (stop, stopped) in &mut all {
            let name = format!("stop-{round}-{stop:?}");
            stopped.push(one(&scene, &name, *stop, &heard).await?);
        }
    }
    Ok(table(&all))
}

/// One stop of a Cordon of its own.
async fn one(
    scene: &Scene,
    name: &str,
    stop: Stop,
    heard: &Heard,
) -> Result<Stopped, Box<dyn Error>> {
    let cordon = Stoppable::start(scene, name, stop.tasks())?;
    let control = Control::sign_in(scene, &cordon)?;
    let tasks = control.tasks().await?;
    if tasks.len() != stop.tasks() {
        return Err(format!("{} tasks are under way", tasks.len()).into());
    }
    let before = heard.calls();
    let pressing = press(&cordon.door, &mix());
    tokio::time::sleep(BEFORE).await;
    let rate = (heard.calls() - before) as f64 / BEFORE.as_secs_f64();
    let asked = Instant::now();
    match (stop, tasks.first()) {
        (Stop::Everything, _) => {
            let body = r#"{"reason":"measured"}"#;
            let answer = control.ask(Method::POST, "/tasks/stop", body).await?;
            if answer.get("count") != Some(&tasks.len().into()) {
                return Err(format!("{answer} of {} tasks", tasks.len()).into());
            }
        }
        (Stop::One, Some(task)) => {
            let path = format!("/tasks/{task}/stop");
            control.ask(Method::POST, &path, "{}").await?;
        }
        (Stop::ByHand, Some(task)) => {
            let (scene, folder, task) = (scene.clone(), cordon.folder.clone(), task.clone());
            let stopping = tokio::task::spawn_blocking(move || {
                let stopped = run(&scene, &folder, &["task", "stop", &task]);
                stopped.map(drop).map_err(|error| error.to_string())
            });
            stopping.await??;
        }
        (_, None) => return Err("there is no task".into()),
    }
    let answered = asked.elapsed();
    tokio::time::sleep(AFTER).await;
    let last = heard.last().ok_or("nothing came through")?;
    drop(pressing);
    Ok(Stopped {
        rate,
        answered: answered.as_secs_f64() * 1_000.0,
        last: match last.checked_duration_since(asked) {
            Some(later) => later.as_secs_f64() * 1_000.0,
            None => -(asked - last).as_secs_f64() * 1_000.0,
        },
    })
}

/// What the clients call: reads, a change among four, one upload and one download.
fn mix() -> Vec<Work> {
    let small = (0..CLIENTS - 2).map(|client| match client % 4 {
        0 => Work::Change,
        _ => Work::Read,
    });
    small.chain([Work::UpUnsigned, Work::Down]).collect()
}

fn table(all: &[(Stop, Vec<Stopped>)]) -> String {
    let mut text = format!(
        "Measured on {}, which clients, upstream and Cordon share; {CLIENTS} clients that go on when they are \
         refused, one of them uploading and one downloading 64 MiB at a time. Milliseconds, median and (worst) of {} \
         stops; a figure below zero is before.\n\n\
         | what is stopped | calls/s before | asked to answered | asked to last byte | answered to last byte | goal |\n\
         |---|---:|---:|---:|---:|---|\n",
        crate::machine(),
        all.first().map_or(0, |(_, stopped)| stopped.len()),
    );
    for (stop, stopped) in all {
        let of = |value: fn(&Stopped) -> f64| -> Vec<f64> { stopped.iter().map(value).collect() };
        let both = |values: Vec<f64>| {
            let worst = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            format!("{:.1} ({worst:.1})", median(values).unwrap_or(f64::NAN))
        };
        let last = of(|one| one.last);
        let met = match last.iter().all(|last| *last <= GOAL) {
            true => "met",
            false => "missed",
        };
        let _ = writeln!(
            text,
            "| {} | {:.0} | {} | {} | {} | at most {GOAL:.0}: {met} |",
            stop.name(),
            median(of(|one| one.rate)).unwrap_or(f64::NAN),
            both(of(|one| one.answered)),
            both(last),
            both(of(|one| one.last - one.answered)),
        );
    }
    text
}

/// The control plane, asked by someone who signed in.
struct Control {
    address: SocketAddr,
    token: Arc<str>,
}

impl Control {
    /// Signs in as whoever may stop everything.
    fn sign_in(scene: &Scene, cordon: &Stoppable) -> Result<Self, Box<dyn Error>> {
        let said = run(scene, &cordon.folder, &["people", "link", "ica"])?;
        let link = said.lines().last().ok_or("there is no link")?;
        run(scene, &cordon.folder, &["sign-in", link])?;
        let kept = cordon.folder.join(".config/cordon/sign-in.json");
        let kept: Value = serde_json::from_slice(&std::fs::read(kept)?)?;
        let token = kept.get("token").and_then(Value::as_str);
        let token = token.ok_or("there is no token")?;
        Ok(Self {
            address: cordon.control,
            token: token.into(),
        })
    }

    async fn tasks(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let page = self.ask(Method::GET, "/tasks", "").await?;
        let tasks = page
            .get("tasks")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Ok(tasks
            .filter_map(|task| Some(task.get("id")?.as_str()?.to_owned()))
            .collect())
    }

    async fn ask(&self, method: Method, path: &str, body: &str) -> Result<Value, Box<dyn Error>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("host", self.address.to_string())
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let said = answer.into_body().collect().await?.to_bytes();
        match status.is_success() {
            true => Ok(serde_json::from_slice(&said)?),
            false => Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&said)).into()),
        }
    }
}
