//! `cordon demo` as a newcomer meets it, and what has to be true of it whatever its agent works
//! with.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{self, Background, Ran};
use crate::program::program;
use crate::story::{DESTROY, reference};
use crate::tool;

/// A place to run the demo in: a home of its own, a folder for its temporary files, and a path of
/// choice.
#[derive(Debug)]
pub struct Newcomer {
    home: TempDir,
    temporary: TempDir,
    path: OsString,
}

impl Newcomer {
    /// Somebody with this on the path and nothing else.
    ///
    /// # Panics
    /// When there is no room for temporary folders.
    #[must_use]
    pub fn with_path(path: &OsStr) -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        Self {
            home: folder(),
            temporary: folder(),
            path: path.to_owned(),
        }
    }

    /// The command line `cordon demo ARGUMENTS`, in a process group of its own.
    #[must_use]
    pub fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.home.path())
            .env("TMPDIR", self.temporary.path())
            .current_dir(self.home.path())
            .process_group(0)
            .arg("demo")
            .args(arguments);
        command
    }

    /// Plays the demo to its end, and looks whether it left anything.
    #[must_use]
    pub fn play(&self, arguments: &[&str]) -> Ran {
        self.run(&mut self.demo(arguments))
    }

    /// As [`Newcomer::play`], for a command that was changed.
    #[must_use]
    pub fn run(&self, demo: &mut Command) -> Ran {
        let (ran, group) = process::run_with_id(demo);
        self.check_nothing_left(group);
        ran
    }

    /// Starts the demo, waits until it says `line`, and ends it.
    ///
    /// # Panics
    /// When something is left of it.
    #[must_use]
    pub fn interrupt_at(&self, line: &str, interrupt: fn(Background) -> ExitStatus) -> Option<i32> {
        let playing = Background::start("cordon demo", &mut self.demo(&[]));
        playing.wait_for(line, |said| said.contains(line).then_some(()));
        let group = playing.id();
        let status = interrupt(playing);
        self.check_nothing_left(group);
        status.code()
    }

    /// No process of the group is left, and no file.
    ///
    /// # Panics
    /// When something is.
    pub fn check_nothing_left(&self, group: u32) {
        process::wait_until_gone(group);
        for folder in [&self.temporary, &self.home] {
            let left: Vec<_> = std::fs::read_dir(folder.path())
                .expect("the folder is ours")
                .map(|entry| entry.expect("it can be read").path())
                .collect();
            assert!(left.is_empty(), "the demo left {left:?}");
        }
    }
}

/// The demo with the AWS CLI of a lane.
///
/// # Panics
/// When it does not go as told.
pub fn the_demo_goes_as_told_with(variable: &str) {
    let aws = tool(variable);
    let folder = aws.parent().expect("a program in a folder");
    let ran = Newcomer::with_path(folder.as_os_str()).play(&["--client", "aws-cli"]);
    check_story(&ran, "the AWS CLI ");
    assert!(
        ran.out
            .contains("$ aws elasticbeanstalk rebuild-environment"),
        "{}",
        ran.text()
    );
}

/// The demo went as told, with the client that is named so.
///
/// # Panics
/// At the first thing that is not as it should be.
pub fn check_story(ran: &Ran, client: &str) {
    let said = ran.text();
    assert_eq!(ran.code, Some(0), "{said}");
    for line in [
        &format!("the agent works with {client}"),
        "ce-web-prod\tReady\tGreen",
        "cost-explorer-api\tnodejs22.x\t256",
        "It heard DescribeEnvironments, GetFunctionConfiguration, DescribeEnvironments, GetResources, UpdateEnvironment.",
        "ROUNDING was half-even and is half-up. Nothing else in the account has changed.",
        "On your own account",
    ] {
        assert!(ran.out.contains(line), "{line} is missing in:\n{said}");
    }
    check_refusals(ran);
    check_policies(ran);
    check_no_secret(&said);
    assert!(!said.contains('\u{1b}'), "colours without a terminal");
}

/// A refusal without the sentence that it repeats an earlier one, and whether there was one.
fn without_repeat(refusal: &str) -> (String, bool) {
    let parts = refusal.split_once("Same answer as ");
    match parts.and_then(|(before, after)| Some((before, after.split_once(". ")?.1))) {
        Some((before, after)) => (format!("{before}{after}"), true),
        None => (refusal.to_owned(), false),
    }
}

/// The agent read each refusal as Cordon wrote it, in the form of the AWS CLI, and the record has
/// its reference.
fn check_refusals(ran: &Ran) {
    let refusals: Vec<&str> = ran
        .err
        .lines()
        .filter(|line| line.contains("An error occurred"))
        .collect();
    let told = [
        ("AccessDenied", "RebuildEnvironment"),
        ("AccessDenied", "TerminateEnvironment"),
        ("AccessDeniedException", "AddPermission"),
    ];
    assert_eq!(refusals.len(), told.len(), "{}", ran.text());
    for (refusal, (code, operation)) in refusals.iter().zip(told) {
        let start = format!(
            "An error occurred ({code}) when calling the {operation} operation: Denied by policy "
        );
        assert!(refusal.contains(&start), "{refusal}");
        let reference = reference(refusal).expect("a reference");
        let recorded = format!("{operation} ");
        let is_recorded = |line: &str| {
            line.contains("DENY") && line.contains(&recorded) && line.ends_with(&reference)
        };
        assert!(ran.out.lines().any(is_recorded), "{}", ran.text());
        if operation != "AddPermission" {
            let task = task(&ran.out);
            let whole = DESTROY.replace("{task}", task).replace("{ref}", &reference);
            let (refusal, repeats) = without_repeat(refusal);
            assert!(refusal.ends_with(&whole), "{refusal}\nand not:\n{whole}");
            // Both are for the same environment, so the second is told that it asks again.
            assert_eq!(repeats, operation == "TerminateEnvironment", "{refusal}");
        }
    }
    let untouched = ran
        .out
        .matches("nothing was minted, and nothing reached the cloud");
    assert_eq!(untouched.count(), told.len(), "{}", ran.text());
}

/// The id of the task that is read back.
fn task(out: &str) -> &str {
    let (_, rest) = out.split_once("read back").expect("a title");
    rest.split_whitespace().next().expect("an id")
}

/// Every policy is shown whole; that of the change has one action on one resource.
fn check_policies(ran: &Ran) {
    let parts = ran.out.split("under the session policy\n").skip(1);
    let policies: Vec<Value> = parts
        .map(|part| {
            let calls = [
                "UpdateEnvironment",
                "DescribeEnvironments",
                "GetFunctionConfiguration",
                "GetResources",
            ];
            let reached = calls.map(|call| part.find(&format!("\n  {call} reached")));
            let end = reached.into_iter().flatten().min();
            let (policy, _) = part.split_at(end.expect("what reached the cloud"));
            serde_json::from_str(policy).unwrap_or_else(|error| panic!("{error} in:\n{policy}"))
        })
        .collect();
    let [_, _, _, change] = policies.as_slice() else {
        panic!("one policy for each service that is read, and for the change: {policies:#?}");
    };
    let environment =
        "arn:aws-cn:elasticbeanstalk:cn-north-1:111122223333:environment/cost-explorer/ce-web-prod";
    assert_eq!(
        change.get("Statement"),
        Some(&json!({
            "Effect": "Allow",
            "Action": "elasticbeanstalk:UpdateEnvironment",
            "Resource": environment,
        }))
    );
}

/// Neither the cloud's keys nor the placeholders are printed, in whole or in part.
fn check_no_secret(said: &str) {
    let base = crate::lab::base_keys();
    for secret in [
        "AKIA",
        "ASIA",
        "SecretAccessKey",
        "SessionToken",
        &base.id,
        &base.secret,
    ] {
        assert!(!said.contains(secret), "{secret} is in:\n{said}");
    }
}

/// Puts a program of our own by the name `aws` into a folder, for a path.
///
/// # Panics
/// When the folder cannot be written to.
pub fn pretend_aws_cli(folder: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join("aws");
    std::fs::write(&file, script).expect("the folder is ours");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&file, mode).expect("the file is ours");
}
