//! Names that just vanished: what was taken away beside the task is not made anew by it, and a name that
//! was free for long is nobody's.

use super::{Cloud, REGION, arn, check, cloudformation, naming};
use crate::harness::{Sent, json, judge, now, query, session};
use cordon_aws::answer::Answer;
use cordon_aws::call::Protocol;
use cordon_core::decide::Outcome;
use cordon_core::fact::Fact;
use cordon_core::judge::Judge;
use cordon_core::look::Read;
use jiff::{SignedDuration, Timestamp};

/// Long before the task began, shortly before, and since.
fn times() -> [Timestamp; 3] {
    [-400 * 60, -30, 1].map(|minutes| now() + SignedDuration::from_mins(minutes))
}

const TEMPLATE: &str = "TemplateBody=%7B%22Resources%22%3A%7B%7D%7D";

#[test]
fn a_stack_that_vanished_from_beside_the_task_is_not_made_anew() {
    let [long, lately, since] = times();
    let stack = |name: &str, made: Timestamp, gone: Timestamp| {
        format!(
            "<StackSummaries><member><StackName>{name}</StackName><CreationTime>{made}\
             </CreationTime><DeletionTime>{gone}</DeletionTime><StackStatus>DELETE_COMPLETE\
             </StackStatus></member></StackSummaries>"
        )
    };
    let again = |stacks: &str| format!("{stacks}<NextToken>more</NextToken>");
    for (stacks, outcome) in [
        (stack("shop", long, lately), Outcome::Deny),
        (stack("shop", long, since), Outcome::Deny),
        (again(&stack("shop", long, lately)), Outcome::Deny),
        // In the second in which the task began: in doubt before it.
        (stack("shop", now(), since), Outcome::Deny),
        // The name was free before anybody thought of the task.
        (stack("shop", long, long), Outcome::Allow),
        // Made and gone while the task ran.
        (stack("shop", since, since), Outcome::Allow),
        (stack("other", long, lately), Outcome::Allow),
        ("<StackSummaries/>".to_owned(), Outcome::Allow),
    ] {
        let cloud: Cloud<'_> = &[
            ("ListStacks", "NextToken", "<StackSummaries/>"),
            ("ListStacks", "DELETE_COMPLETE", &stacks),
        ];
        for form in [
            format!("CreateStack&StackName=shop&{TEMPLATE}"),
            format!(
                "CreateChangeSet&StackName=shop&ChangeSetName=a&ChangeSetType=CREATE&{TEMPLATE}"
            ),
        ] {
            let judgement = check(&mut naming(&[]), cloud, cloudformation(&form), outcome);
            let again = judgement.facts.contains(&Fact::RecreatesDeleted);
            assert_eq!(again, outcome == Outcome::Deny, "{stacks}");
        }
    }
    // Of a stack that is there nothing vanished, and nothing is asked.
    let update = format!("CreateChangeSet&StackName=shop&ChangeSetName=a&{TEMPLATE}");
    check(
        &mut naming(&[]),
        &[],
        cloudformation(&update),
        Outcome::Allow,
    );
}

#[test]
fn what_is_not_told_is_told_as_that_and_opens_nothing() {
    let create = format!("CreateStack&StackName=shop&{TEMPLATE}");
    for cloud in [&[][..], &[("ListStacks", "", "<Other/>")]] {
        let judgement = check(
            &mut naming(&[]),
            cloud,
            cloudformation(&create),
            Outcome::Allow,
        );
        assert!(judgement.facts.contains(&Fact::Unverified));
    }
}

fn makes(service: &str) -> Judge<'static> {
    let text = super::TASK.replace("DESTROY", "").replace(
        "[budget]",
        &format!(
            "[[allow]]\ndo = [\"create\"]\non = [\"arn:aws:{service}:{REGION}:111122223333:*\"]\n[budget]"
        ),
    );
    judge(session(&text))
}

fn finds(judge: &mut Judge<'_>, sent: Sent, protocol: Protocol, answers: &[&str]) -> bool {
    let mut answers = answers.iter();
    let mut sees = |_: &Read| Answer::read(protocol, answers.next()?.as_bytes());
    let judgement = judge.judge_seeing(sent.signed(), now(), &mut sees).unwrap();
    assert!(
        !judgement.facts.contains(&Fact::Unverified),
        "{:?}",
        judgement.facts
    );
    judgement.facts.contains(&Fact::RecreatesDeleted)
}

#[test]
fn a_database_that_vanished_is_told_by_its_events() {
    let [long, lately, since] = times();
    let event = |kind: &str, at: Timestamp| {
        format!(
            "<Event><SourceIdentifier>shop</SourceIdentifier><EventCategories><EventCategory>{kind}\
             </EventCategory></EventCategories><Date>{at}</Date></Event>"
        )
    };
    let told = |events: &[String]| {
        format!(
            "<DescribeEventsResponse><DescribeEventsResult><Events>{}</Events>\
             </DescribeEventsResult></DescribeEventsResponse>",
            events.concat()
        )
    };
    let create = |form: &str| query("rds", REGION, &format!("Version=2014-10-31&Action={form}"));
    let later = since + SignedDuration::from_mins(2);
    for (events, again) in [
        (vec![event("deletion", lately)], true),
        (
            vec![event("creation", long), event("deletion", since)],
            true,
        ),
        // Gone, made by the task, and gone again: what was there first is gone all the same.
        (
            vec![
                event("deletion", lately),
                event("creation", since),
                event("deletion", later),
            ],
            true,
        ),
        (
            vec![event("creation", since), event("deletion", later)],
            false,
        ),
        (vec![event("deletion", long)], false),
        (vec![event("creation", long)], false),
        (vec![], false),
    ] {
        let answer = told(&events);
        for form in [
            "CreateDBInstance&DBInstanceIdentifier=shop&DBInstanceClass=db.t4g.micro&Engine=postgres",
            "RestoreDBInstanceFromDBSnapshot&DBInstanceIdentifier=shop&DBSnapshotIdentifier=s",
            "CreateDBCluster&DBClusterIdentifier=shop&Engine=aurora-mysql",
        ] {
            let found = finds(&mut makes("rds"), create(form), Protocol::Query, &[&answer]);
            assert_eq!(found, again, "{form} {events:?}");
        }
    }
}

#[test]
fn a_table_with_point_in_time_recovery_leaves_a_backup_behind() {
    let [long, lately, since] = times();
    let create = || {
        let body = r#"{"TableName":"orders","BillingMode":"PAY_PER_REQUEST",
            "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
            "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}"#;
        json("dynamodb", REGION, "DynamoDB_20120810.CreateTable", body)
    };
    let backup = arn("dynamodb table/orders/backup/1");
    let listed = format!(r#"{{"BackupSummaries":[{{"BackupArn":"{backup}"}}]}}"#);
    let told = |made: Timestamp, gone: Timestamp| {
        format!(
            r#"{{"BackupDescription":{{"BackupDetails":{{"BackupCreationDateTime":{}.5}},
                "SourceTableDetails":{{"TableCreationDateTime":{}}}}}}}"#,
            gone.as_second(),
            made.as_second()
        )
    };
    for (made, gone, again) in [
        (long, lately, true),
        (long, long, false),
        (since, since, false),
    ] {
        let answers = [&*listed, &told(made, gone)];
        let found = finds(&mut makes("dynamodb"), create(), Protocol::Json10, &answers);
        assert_eq!(found, again, "{made} {gone}");
    }
    let none = [r#"{"BackupSummaries":[]}"#];
    assert!(!finds(
        &mut makes("dynamodb"),
        create(),
        Protocol::Json10,
        &none
    ));
}

#[test]
fn a_cluster_that_is_inactive_vanished() {
    let create = || {
        let target = "AmazonEC2ContainerServiceV20141113.CreateCluster";
        json("ecs", REGION, target, r#"{"clusterName":"shop"}"#)
    };
    for (status, again) in [("INACTIVE", true), ("ACTIVE", false)] {
        let answer = format!(r#"{{"clusters":[{{"status":"{status}"}}]}}"#);
        let found = finds(&mut makes("ecs"), create(), Protocol::Json11, &[&answer]);
        assert_eq!(found, again, "{status}");
    }
}
