//! Cordon as `cordon up` starts it, with the baseline bundle: a task, and its agent by both ways
//! in. Only two things differ from a set-up of a user: the upstream, and how many changes the
//! bundle lets a task ask for.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cordon_tests::lab::base_keys;
use cordon_tests::signer::Keys;
use cordon_tests::{ACCOUNT, AGENT_ROLE, REGION, file};

use super::{Contender, Process, Row, Scene, free_address, version};
use crate::certificates;
use crate::client::{Door, Way};
use crate::work::Signer;

/// Agents that call at the same time, each on a task of its own. Cordon remembers 65,536 changes
/// of each, so that none leaves twice, and then takes no more for some minutes.
const AGENTS: usize = 8;

pub(super) fn start(scene: &Scene) -> Result<Contender, Box<dyn Error>> {
    let process = process(scene, "cordon")?;
    let folder = scene.folder.join("cordon");
    let agents: Result<Vec<Agent>, _> =
        (0..AGENTS).map(|_| Agent::launch(scene, &folder)).collect();
    let agents = agents?;
    let authority = &agents.first().ok_or("there are no agents")?.authority;
    let tls = certificates::client(authority)?;
    let door = |way| Door {
        address: process.address,
        way,
        signers: agents
            .iter()
            .map(|agent| Arc::clone(&agent.signer))
            .collect(),
    };
    let doors = vec![
        (Row::CordonConnect, door(Way::Connect(tls))),
        (Row::CordonEndpoint, door(Way::Plain)),
    ];
    Contender::new(version(&scene.cordon, "--version"), process, doors)
}

/// Cordon with agents on tasks of their own, and with people, one of whom may stop them.
#[derive(Debug)]
pub(crate) struct Stoppable {
    /// By which the agents call.
    pub(crate) door: Door,
    /// Where people reach it.
    pub(crate) control: SocketAddr,
    /// Its own.
    pub(crate) folder: PathBuf,
    _process: Process,
}

impl Stoppable {
    pub(crate) fn start(scene: &Scene, name: &str, tasks: usize) -> Result<Self, Box<dyn Error>> {
        let control = free_address()?;
        let people = "schema = \"cordon.people/v1\"\n[[person]]\nname = \"ica\"\n\
             roles = [\"incident-commander\"]\n";
        let folder = scene.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("people.toml"), people)?;
        let told = (
            "people = \"people.toml\"\n",
            format!("[control]\nlisten = \"{control}\"\n"),
        );
        let process = told_process(scene, name, told.0, &told.1)?;
        let agents: Result<Vec<Agent>, _> =
            (0..tasks).map(|_| Agent::launch(scene, &folder)).collect();
        Ok(Self {
            door: Door {
                address: process.address,
                way: Way::Plain,
                signers: agents?.into_iter().map(|agent| agent.signer).collect(),
            },
            control,
            folder,
            _process: process,
        })
    }
}

/// What the program says when it is run beside the one that serves from `folder`.
pub(crate) fn run(
    scene: &Scene,
    folder: &Path,
    arguments: &[&str],
) -> Result<String, Box<dyn Error>> {
    let said = command(scene, folder).args(arguments).output()?;
    match said.status.success() {
        true => Ok(String::from_utf8(said.stdout)?),
        false => Err(String::from_utf8_lossy(&said.stderr).into()),
    }
}

/// Starts it in a folder of its own, which keeps its state.
pub(super) fn process(scene: &Scene, name: &str) -> Result<Process, Box<dyn Error>> {
    told_process(scene, name, "", "")
}

/// The same, with more in its configuration: at the top, and tables.
fn told_process(
    scene: &Scene,
    name: &str,
    top: &str,
    tables: &str,
) -> Result<Process, Box<dyn Error>> {
    let address = free_address()?;
    let folder = scene.folder.join(name);
    let policies = folder.join("policies");
    std::fs::create_dir_all(&policies)?;
    for entry in std::fs::read_dir(file("../policies"))? {
        let path = entry?.path();
        // What is below is for people who decide; here nobody does.
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        let text = text
            .replace("max_mutations = 1000", "max_mutations = 100000000")
            .replace("max_creates = 200", "max_creates = 100000000");
        std::fs::write(policies.join(path.file_name().unwrap_or_default()), text)?;
    }
    let configuration = format!(
        "{top}listen = \"{address}\"\nstate = \"state\"\npolicies = \"policies\"\n\n\
         [upstream]\nendpoint = \"https://localhost:{}\"\nca = \"{}\"\n\n\
         [[role]]\naccount = \"{ACCOUNT}\"\narn = \"arn:aws:iam::{ACCOUNT}:role/{AGENT_ROLE}\"\n{tables}",
        scene.upstream.port(),
        scene.certificates.authority.display(),
    );
    std::fs::write(folder.join("cordon.toml"), configuration)?;
    let mut command = command(scene, &folder);
    Process::start(command.arg("up"), &folder.join("said"), address)
}

/// What an agent is given.
struct Agent {
    signer: Arc<Signer>,
    authority: PathBuf,
}

impl Agent {
    /// Launches the task for another agent.
    fn launch(scene: &Scene, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let mut command = command(scene, folder);
        command.args(["env", "--format", "json", "--task"]);
        let said = command.arg(file("load/task.toml")).output()?;
        if !said.status.success() {
            return Err(String::from_utf8_lossy(&said.stderr).into());
        }
        let environment: BTreeMap<String, String> = serde_json::from_slice(&said.stdout)?;
        let of = |name: &str| {
            let value = environment.get(name).cloned();
            value.ok_or_else(|| format!("`cordon env` does not set {name}"))
        };
        let signer = Signer::new(&Keys {
            id: of("AWS_ACCESS_KEY_ID")?,
            secret: of("AWS_SECRET_ACCESS_KEY")?,
            token: None,
        });
        Ok(Self {
            signer: Arc::new(signer),
            authority: of("AWS_CA_BUNDLE")?.into(),
        })
    }
}

fn command(scene: &Scene, folder: &Path) -> Command {
    let keys = base_keys();
    let mut command = Command::new(&scene.cordon);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("USER", "tester")
        .env("AWS_ACCESS_KEY_ID", keys.id)
        .env("AWS_SECRET_ACCESS_KEY", keys.secret)
        .env("AWS_REGION", REGION)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("--config")
        .arg::<PathBuf>(folder.join("cordon.toml"))
        .current_dir(folder);
    command
}
