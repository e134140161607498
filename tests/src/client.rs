//! The clients: each does the same steps in its own way, with nothing but its environment to tell
//! it where to go.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::{self, Ran};
use crate::{file, tool};

/// A published client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// AWS CLI version 1.
    AwsCliV1,
    /// AWS CLI version 2.
    AwsCliV2,
    /// boto3, by `clients/steps.py`.
    Boto3,
    /// The AWS SDK for JavaScript, by `clients/node/steps.mjs`.
    Javascript,
}

/// The environment of an agent, as `cordon env` gives it.
pub type Environment = BTreeMap<String, String>;

/// One call, in the words of every client.
#[derive(Debug, Clone)]
pub struct Step {
    /// The service, as all clients but JavaScript's name it.
    pub service: &'static str,
    /// The operation.
    pub operation: &'static str,
    /// Its parameters.
    pub parameters: Value,
}

/// What a client made of a step.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Whether it succeeded.
    pub ok: bool,
    /// Everything it said: of a command line both outputs, of an SDK the error's code and text.
    pub text: String,
}

impl Client {
    /// Does the steps, one after the other, whatever becomes of each.
    ///
    /// # Panics
    /// When the client itself cannot run.
    #[must_use]
    pub fn run(self, steps: &[Step], environment: &Environment, folder: &Path) -> Vec<Outcome> {
        self.run_as("", steps, environment, folder)
    }

    /// Does the steps under a profile of the AWS configuration in `folder`; JavaScript has none.
    ///
    /// # Panics
    /// When the client itself cannot run.
    #[must_use]
    pub fn run_as(
        self,
        profile: &str,
        steps: &[Step],
        environment: &Environment,
        folder: &Path,
    ) -> Vec<Outcome> {
        let line = |program| {
            let step = |step| command_line(program, profile, step, environment, folder);
            steps.iter().map(step).collect()
        };
        let script = |program, script| {
            let home = command(&tool(program), environment, folder);
            by_script(home, script, profile, steps)
        };
        match self {
            Self::AwsCliV1 => line("CORDON_TEST_AWS_CLI_V1"),
            Self::AwsCliV2 => line("CORDON_TEST_AWS_CLI_V2"),
            Self::Boto3 => script("CORDON_TEST_PYTHON", "clients/steps.py"),
            Self::Javascript => script("CORDON_TEST_NODE", "clients/node/steps.mjs"),
        }
    }
}

/// A command that has the agent's environment and no other, but for a path and an empty home.
#[must_use]
pub fn command(program: &Path, environment: &Environment, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .envs(environment);
    command.current_dir(folder);
    command
}

/// One step by an AWS CLI.
fn command_line(
    program: &str,
    profile: &str,
    step: &Step,
    environment: &Environment,
    folder: &Path,
) -> Outcome {
    let mut parameters = step.parameters.clone();
    let mut aws = command(&tool(program), environment, folder);
    aws.env("AWS_PAGER", "");
    if !profile.is_empty() {
        aws.args(["--profile", profile]);
    }
    // Version 2 knows `AWS_ENDPOINT_URL` from 2.13 on; Debian's is older.
    if let Some(url) = environment.get("AWS_ENDPOINT_URL") {
        aws.args(["--endpoint-url", url]);
    }
    let service = if step.service == "s3" {
        "s3api"
    } else {
        step.service
    };
    aws.args([service, &kebab(step.operation)]);
    // The body of an object comes from a file, and goes to one.
    if let Some(body) = parameters.as_object_mut().and_then(|it| it.remove("Body")) {
        let path = folder.join("body");
        std::fs::write(&path, body.as_str().expect("a text")).expect("the folder is ours");
        aws.arg("--body").arg(path);
    }
    if step.operation == "GetObject" {
        for (option, name) in [("--bucket", "Bucket"), ("--key", "Key")] {
            aws.args([option, parameters[name].as_str().expect("a text")]);
        }
        aws.arg(folder.join("object"));
    } else {
        aws.args(["--cli-input-json", &parameters.to_string()]);
    }
    let ran = process::run(&mut aws);
    Outcome {
        ok: ran.code == Some(0),
        text: ran.text(),
    }
}

/// All steps by a script, which answers each by a line of JSON.
fn by_script(mut command: Command, script: &str, profile: &str, steps: &[Step]) -> Vec<Outcome> {
    let steps_json = steps.iter().map(|step| {
        json!({
            "service": step.service, "operation": step.operation, "parameters": step.parameters
        })
    });
    let steps_json = Value::from_iter(steps_json).to_string();
    let ran: Ran = process::run(command.arg(file(script)).arg(steps_json).arg(profile));
    let read = |line: &str| {
        let said: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| said.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(Outcome {
            ok: said.get("ok")?.as_bool()?,
            text: format!("{} {}", text("code"), text("message")),
        })
    };
    let outcomes: Vec<Outcome> = ran.out.lines().filter_map(read).collect();
    assert_eq!(
        outcomes.len(),
        steps.len(),
        "{script} did not do all steps:\n{}",
        ran.text()
    );
    outcomes
}

/// The name of an operation on the command line: `ListObjectsV2` is `list-objects-v2`.
fn kebab(operation: &str) -> String {
    let mut name = String::new();
    for letter in operation.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
