//! Backups: a task may delete those that it names, but for the last one of a database.

use cordon_tests::agent::Agent;
use cordon_tests::cloud::{Cloud, Kind};
use cordon_tests::lab::ADMIN_ROLE;
use cordon_tests::program::Cordon;
use cordon_tests::shop::removal;
use cordon_tests::signer::Call;
use cordon_tests::{ACCOUNT, REGION};

const VERSION: &str = "Version=2014-10-31";

#[test]
fn the_last_snapshot_of_a_database_stays() {
    let cloud = Cloud::start(Kind::Lab);
    let admin = Agent::at(cloud.address(), cloud.keys_of(ADMIN_ROLE));
    let rds = |agent: &Agent, form: &str| {
        agent.call(&Call::query("rds", &format!("{VERSION}&Action={form}")))
    };
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
