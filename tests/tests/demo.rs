//! `cordon demo`: the README's first command, by somebody who has nothing but this program; and
//! what becomes of it when it is cut short.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story stops at once"
)]

use std::ffi::OsStr;
use std::process::Stdio;

use cordon_tests::client::{Environment, command};
use cordon_tests::cloud::{Cloud, Kind};
use cordon_tests::demo::{Newcomer, check_story, pretend_aws_cli};
use cordon_tests::process::{self, Background, Ran};
use cordon_tests::program::{Cordon, Way, program, task};

const SDK: &str = "the AWS SDK for Rust";

/// Somebody who has nothing installed.
fn with_nothing() -> Newcomer {
    Newcomer::with_path(OsStr::new(""))
}

#[test]
fn without_an_aws_cli_the_agent_works_with_the_sdk() {
    let ran = with_nothing().play(&[]);
    check_story(&ran, SDK);
}

#[test]
fn the_sdk_can_be_asked_for_where_there_is_an_aws_cli() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    pretend_aws_cli(folder.path(), "#!/bin/sh\necho aws-cli/2.99.9 Python/3\n");
    let newcomer = Newcomer::with_path(folder.path().as_os_str());
    check_story(&newcomer.play(&["--client", "sdk"]), SDK);
}

#[test]
fn what_is_called_aws_and_is_not_the_aws_cli_is_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    pretend_aws_cli(folder.path(), "#!/bin/sh\necho another tool 2.0\n");
    let newcomer = Newcomer::with_path(folder.path().as_os_str());
    check_story(&newcomer.play(&[]), SDK);
}

#[test]
fn an_aws_cli_that_is_asked_for_and_not_there_is_told() {
    let ran = with_nothing().play(&["--client", "aws-cli"]);
    assert_eq!(ran.code, Some(2), "{}", ran.text());
    assert!(ran.err.contains("--client sdk"), "{}", ran.err);
    assert!(ran.out.is_empty(), "{}", ran.out);
}

#[test]
fn a_story_that_does_not_go_as_told_is_a_failure() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // It says that all went well, and calls nothing.
    pretend_aws_cli(folder.path(), "#!/bin/sh\necho aws-cli/2.99.9 Python/3\n");
    let ran = Newcomer::with_path(folder.path().as_os_str()).play(&[]);
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(
        ran.err
            .contains("DescribeEnvironments should pass, and did not; the cloud heard nothing"),
        "{}",
        ran.err
    );
}

#[test]
fn an_interrupt_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = std::env::var("PATH").expect("a path");
    // It never ends by itself.
    pretend_aws_cli(
        folder.path(),
        &format!(
            "#!/bin/sh\nPATH='{path}'\n\
             if [ \"$1\" = --version ]; then echo aws-cli/2.99.9 Python/3; exit; fi\n\
             echo the tool works\nexec sleep 3600\n"
        ),
    );
    let newcomer = Newcomer::with_path(folder.path().as_os_str());
    // By a service manager, to the demo alone; and by a terminal, to its tool as well.
    for interrupt in [Background::interrupt, Background::interrupt_group] {
        let code = newcomer.interrupt_at("the tool works", interrupt);
        assert_eq!(code, Some(130));
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_in_order() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let newcomer = with_nothing();
    let mut demo = newcomer.demo(&[]);
    let mut child = demo
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    // The command keeps an end of the pipe of its own.
    drop(demo);
    let status = child.wait().expect("it is our child");
    assert_eq!(status.code(), Some(0));
    newcomer.check_nothing_left(child.id());
}

#[test]
fn a_folder_that_cannot_be_made_is_told_with_what_to_do() {
    let newcomer = with_nothing();
    let ran = newcomer.run(newcomer.demo(&[]).env("TMPDIR", "/nowhere/at/all"));
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(ran.err.contains("/nowhere/at/all"), "{}", ran.err);
    assert!(ran.err.contains("set TMPDIR"), "{}", ran.err);
}

#[test]
fn colours_are_left_out_where_nobody_wants_them() {
    let newcomer = with_nothing();
    let forced = newcomer.run(newcomer.demo(&[]).env("CLICOLOR_FORCE", "1"));
    assert!(forced.out.contains("\u{1b}["), "{}", forced.text());
    let refused = newcomer.run(
        newcomer
            .demo(&[])
            .env("CLICOLOR_FORCE", "1")
            .env("NO_COLOR", "1"),
    );
    check_story(&refused, SDK);
}

/// One act of the demo's agent, in the environment of an agent that Cordon serves.
fn act(environment: &Environment, folder: &std::path::Path) -> Ran {
    let mut agent = command(&program(), environment, folder);
    process::run(agent.args(["demo-agent", "describe-environments"]))
}

#[test]
fn the_agent_of_the_demo_trusts_the_bundle_it_is_given_and_goes_by_the_proxy_alone() {
    let cloud = Cloud::start(Kind::Lab);
    let cordon = Cordon::start(&cloud);
    let environment = cordon.env(&task("main-job"), Way::Connect);
    let folder = tempfile::tempdir().expect("a temporary folder");

    // Whatever is answered, it came through Cordon and was verified.
    act(&environment, folder.path());
    // The record of a read is written a moment after its answer.
    let known = (0..100)
        .map(|_| cordon.calls(&["operation:DescribeEnvironments"]).len())
        .find(|known| *known > 0)
        .unwrap_or_default();
    assert_eq!(known, 1, "{}", cordon.log());

    let bundle = std::fs::read_to_string(&environment["AWS_CA_BUNDLE"]).expect("it is there");
    let own = std::fs::read_to_string(&environment["NODE_EXTRA_CA_CERTS"]).expect("it is there");
    let others = folder.path().join("others.pem");
    assert!(bundle.contains(own.trim()), "the bundle holds Cordon's CA");
    std::fs::write(&others, bundle.replace(own.trim(), "")).expect("the folder is ours");
    let set = |name: &str, value: &str| {
        let mut environment = environment.clone();
        environment.insert(name.to_owned(), value.to_owned());
        environment
    };
    let without = |name: &str| {
        let mut environment = environment.clone();
        environment.remove(name);
        environment
    };
    let distrusting = act(
        &set("AWS_CA_BUNDLE", &others.display().to_string()),
        folder.path(),
    );
    assert!(
        distrusting.err.contains("got no answer"),
        "{}",
        distrusting.text()
    );

    for environment in [
        without("HTTPS_PROXY"),
        without("AWS_CA_BUNDLE"),
        without("AWS_ACCESS_KEY_ID"),
        // Somebody's own key.
        set("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ] {
        let ran = act(&environment, folder.path());
        assert_eq!(ran.code, Some(1), "{}", ran.text());
        assert!(
            ran.err.contains("not the environment of an agent"),
            "{}",
            ran.err
        );
    }
    assert_eq!(
        cordon.calls(&["operation:DescribeEnvironments"]).len(),
        known
    );
    cordon.stop();
}
