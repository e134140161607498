//! Backups: a task may delete those that it names, but for the last one of a database.

#![allow(clippy::expect_used, reason = "a story stops at once")]

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{Cloud, Kind};
use cordon_tests::lab::ADMIN_ROLE;
use cordon_tests::program::Cordon;
use cordon_tests::shop::removal;
use cordon_tests::signer::Call;
use cordon_tests::wire::Message;
use cordon_tests::{ACCOUNT, REGION};
use tempfile::NamedTempFile;

const VERSION: &str = "Version=2014-10-31";

fn rds(agent: &Agent, form: &str) -> Message {
    agent.call(&Call::query("rds", &format!("{VERSION}&Action={form}")))
}

/// A database with two snapshots, and a task that names both.
fn two_snapshots() -> (Cloud, Cordon, NamedTempFile) {
    let cloud = Cloud::start(Kind::Lab);
    let admin = Agent::at(cloud.address(), cloud.keys_of(ADMIN_ROLE));
    for form in [
        "CreateDBInstance&DBInstanceIdentifier=orders&DBInstanceClass=db.t4g.micro&Engine=postgres\
         &AllocatedStorage=20&MasterUsername=a&MasterUserPassword=12345678",
        "CreateDBSnapshot&DBInstanceIdentifier=orders&DBSnapshotIdentifier=monday",
        "CreateDBSnapshot&DBInstanceIdentifier=orders&DBSnapshotIdentifier=friday",
    ] {
        let made = rds(&admin, form);
        assert_eq!(made.target, "200", "{}", made.text());
    }

    let cordon = Cordon::start(&cloud);
    let snapshot = |name: &str| {
        format!("\"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:{name}\" = [\"rds:DeleteDBSnapshot\"]\n")
    };
    let stack = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/none/1");
    let file = removal(&stack, &(snapshot("monday") + &snapshot("friday")));
    (cloud, cordon, file)
}

#[test]
fn of_two_last_snapshots_that_go_at_the_same_moment_one_stays() {
    let (cloud, cordon, file) = two_snapshots();
    let agent = Agent::on(&cordon, file.path());
    let delete = |name: &str| {
        let form = format!("DeleteDBSnapshot&DBSnapshotIdentifier={name}");
        rds(&agent, &form)
    };
    let (monday, friday) = std::thread::scope(|scope| {
        let monday = scope.spawn(|| delete("monday"));
        let friday = delete("friday");
        (monday.join().expect("no panic"), friday)
    });
    let mut answers = [monday.target.as_str(), friday.target.as_str()];
    answers.sort_unstable();
    assert_eq!(
        answers,
        ["200", "403"],
        "{}{}",
        monday.text(),
        friday.text()
    );
    let reached = cloud.agent_calls();
    let deletions = reached.iter().filter(|it| it.names("DeleteDBSnapshot"));
    assert_eq!(deletions.count(), 1);
    cordon.stop();
}

#[test]
fn the_last_snapshot_of_a_database_stays() {
    let (cloud, cordon, file) = two_snapshots();
    let agent = Agent::on(&cordon, file.path());
    let delete = |name: &str| {
        let form = format!("DeleteDBSnapshot&DBSnapshotIdentifier={name}");
        rds(&agent, &form)
    };
    let first = delete("monday");
    assert_eq!(first.target, "200", "{}\n{}", first.text(), cordon.log());
    let last = delete("friday");
    assert_eq!(last.target, "403", "{}", last.text());
    assert!(
        last.text().contains("safeguards-stay-on"),
        "{}",
        last.text()
    );
    let reached = cloud.agent_calls();
    let deletions = reached.iter().filter(|it| it.names("DeleteDBSnapshot"));
    assert_eq!(deletions.count(), 1, "the last one stayed here");

    let calls = cordon.calls(&["operation:DeleteDBSnapshot", "verdict:deny"]);
    let told = calls
        .iter()
        .any(|it| it.to_string().contains("last-backup"));
    assert!(told, "{calls:#?}");
    cordon.stop();
}
