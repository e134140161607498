//! Restore points: the last one of something stays, and what is not told closes.

use super::{Cloud, REGION, arn, check, naming};
use crate::harness::{Sent, json, now, query, rest};
use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use cordon_core::decide::Outcome;
use cordon_core::fact::Fact;
use cordon_core::judge::Judge;
use cordon_core::ledger::Ledger;
use cordon_core::look::Read;
use http::Method;

#[test]
fn the_last_backup_of_something_stays() {
    let named = |rest: &'static str| (rest, "rds:DeleteDBSnapshot");
    let (first, second) = (named("rds snapshot:one"), named("rds snapshot:two"));
    let point = |id: &str, state: &str| {
        format!(
            "<DBSnapshot><DBSnapshotIdentifier>{id}</DBSnapshotIdentifier><DBInstanceIdentifier>\
             shop</DBInstanceIdentifier><Status>{state}</Status></DBSnapshot>"
        )
    };
    let list = |points: &[String]| format!("<DBSnapshots>{}</DBSnapshots>", points.concat());
    let delete = |id: &str| {
        let form = format!("Version=2014-10-31&Action=DeleteDBSnapshot&DBSnapshotIdentifier={id}");
        query("rds", REGION, &form)
    };
    let one = list(&[point("one", "available")]);
    let two = list(&[point("two", "available")]);
    let both = list(&[point("one", "available"), point("two", "available")]);
    let half = list(&[point("one", "available"), point("two", "creating")]);
    let cut = format!("{one}<Marker>more</Marker>");
    for (all, rest, last) in [
        (&both, &both, false),
        (&one, &one, true),
        (&half, &half, true),
        // What a page leaves open is on the next one.
        (&cut, &both, false),
        (&cut, &one, true),
    ] {
        let cloud: Cloud<'_> = &[
            ("DescribeDBSnapshots", "Marker", rest),
            ("DescribeDBSnapshots", "\"one\"", &one),
            ("DescribeDBSnapshots", "shop", all),
        ];
        let outcome = if last { Outcome::Deny } else { Outcome::Allow };
        let judgement = check(&mut naming(&[first]), cloud, delete("one"), outcome);
        assert_eq!(judgement.facts.contains(&Fact::LastBackup), last, "{all}");
    }

    let cloud: Cloud<'_> = &[
        ("DescribeDBSnapshots", "\"one\"", &one),
        ("DescribeDBSnapshots", "\"two\"", &two),
        ("DescribeDBSnapshots", "shop", &both),
    ];
    // One after the other: the list still tells of the one that goes.
    let mut judge = naming(&[first, second]);
    check(&mut judge, cloud, delete("one"), Outcome::Allow);
    let judgement = check(&mut judge, cloud, delete("two"), Outcome::Deny);
    assert!(judgement.facts.contains(&Fact::LastBackup));

    // What the task made needs none, and whom nobody answers does not guess.
    let mut own = naming(&[first]);
    let mut ledger = Ledger::default();
    ledger.created.insert(arn("rds db:shop").parse().unwrap());
    own.set_ledger(ledger);
    let cloud: Cloud<'_> = &[("DescribeDBSnapshots", "\"one\"", &one)];
    check(&mut own, cloud, delete("one"), Outcome::Allow);
    let judgement = check(&mut naming(&[first]), &[], delete("one"), Outcome::Hold);
    assert!(judgement.facts.contains(&Fact::Unverified));
}

#[test]
fn backups_of_volumes_and_tables_are_told_by_their_own_lists() {
    let ec2 = |form: &str| query("ec2", REGION, &format!("Version=2016-11-15&Action={form}"));
    let mut judge = naming(&[]);
    let snapshot = |id: &str, volume: &str| {
        format!(
            "<DescribeSnapshotsResponse><snapshotSet><item><snapshotId>{id}</snapshotId><volumeId>\
             {volume}</volumeId><status>completed</status></item></snapshotSet>\
             </DescribeSnapshotsResponse>"
        )
    };
    let [own, other, copied] = [
        ("snap-1", "vol-1"),
        ("snap-2", "vol-1"),
        ("snap-1", "vol-ffffffff"),
    ]
    .map(|(id, volume)| snapshot(id, volume));
    for (answers, questions, last) in [
        ([&*own, &other], 2, false),
        ([&*own, &own], 2, true),
        // Of what a copy is, nothing tells.
        ([&*copied, &other], 1, true),
    ] {
        let delete = ec2("DeleteSnapshot&SnapshotId=snap-1");
        let (asked, found) = reads(&mut judge, delete, &answers, Protocol::Ec2);
        assert_eq!((asked.len(), found), (questions, last), "{asked:#?}");
        assert!(asked[0].contains("snap-1"), "{asked:#?}");
    }

    let backup = |id: &str| arn(&format!("dynamodb table/orders/backup/{id}"));
    let listed = |id: &str| {
        format!(
            r#"{{"BackupSummaries":[{{"BackupArn":"{}","BackupStatus":"AVAILABLE"}}]}}"#,
            backup(id)
        )
    };
    for (id, last) in [("02", false), ("01", true)] {
        let body = format!(r#"{{"BackupArn":"{}"}}"#, backup("01"));
        let delete = json("dynamodb", REGION, "DynamoDB_20120810.DeleteBackup", &body);
        let (asked, found) = reads(&mut judge, delete, &[&listed(id)], Protocol::Json10);
        assert_eq!((asked.len(), found), (1, last), "{asked:#?}");
        assert!(asked[0].contains("orders"), "{asked:#?}");
    }
}

#[test]
fn caches_and_recovery_points_are_told_by_their_own_lists() {
    let mut judge = naming(&[]);
    let group = |name: &str| {
        format!(
            "<DescribeSnapshotsResponse><DescribeSnapshotsResult><Snapshots><Snapshot>\
             <SnapshotName>{name}</SnapshotName><ReplicationGroupId>shop</ReplicationGroupId>\
             <CacheClusterId>shop-001</CacheClusterId><SnapshotStatus>available</SnapshotStatus>\
             </Snapshot></Snapshots></DescribeSnapshotsResult></DescribeSnapshotsResponse>"
        )
    };
    let [one, two] = ["one", "two"].map(group);
    for (rest, last) in [(&two, false), (&one, true)] {
        let form = "Version=2015-02-02&Action=DeleteSnapshot&SnapshotName=one";
        let delete = query("elasticache", REGION, form);
        let (asked, found) = reads(&mut judge, delete, &[&one, rest], Protocol::Query);
        assert_eq!((asked.len(), found), (2, last), "{asked:#?}");
        assert!(asked[1].contains("ReplicationGroupId"), "{asked:#?}");
    }

    let point = |id: &str| arn(&format!("backup recovery-point:{id}"));
    let table = arn("dynamodb table/orders");
    let described = format!(
        r#"{{"RecoveryPointArn":"{}","ResourceArn":"{table}"}}"#,
        point("one")
    );
    let listed = |id: &str, status: &str| {
        format!(
            r#"{{"RecoveryPoints":[{{"RecoveryPointArn":"{}","Status":"{status}"}}]}}"#,
            point(id)
        )
    };
    for (id, status, last) in [
        ("two", "COMPLETED", false),
        ("two", "PARTIAL", true),
        ("one", "COMPLETED", true),
    ] {
        let path = format!(
            "/backup-vaults/shop/recovery-points/{}",
            point("one").replace(':', "%3A")
        );
        let delete = rest(Method::DELETE, "backup", REGION, &path, "");
        let answers = [&*described, &listed(id, status)];
        let (asked, found) = reads(&mut judge, delete, &answers, Protocol::RestJson);
        assert_eq!((asked.len(), found), (2, last), "{asked:#?}");
        assert!(asked[1].contains(&table), "{asked:#?}");
    }
}

/// What was asked, and whether it is the last backup.
fn reads(
    judge: &mut Judge<'_>,
    sent: Sent,
    answers: &[&str],
    protocol: Protocol,
) -> (Vec<String>, bool) {
    let mut asked = Vec::new();
    let mut answers = answers.iter();
    let mut sees = |read: &Read| {
        asked.push(format!("{} {:?}", read.operation, read.parameters));
        Answer::read(protocol, answers.next()?.as_bytes())
    };
    let judgement = judge.judge_seeing(sent.signed(), now(), &mut sees).unwrap();
    (asked, judgement.facts.contains(&Fact::LastBackup))
}
