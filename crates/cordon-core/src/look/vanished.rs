//! Names that just vanished: what had the name of what a call makes, and is no more, whoever took it
//! away. Making it anew is the second half of a replacement, of which Cordon saw no first one.
//!
//! | service | what tells |
//! | --- | --- |
//! | CloudFormation | `ListStacks`: stacks that were deleted, for 90 days |
//! | RDS, DocumentDB, Neptune | `DescribeEvents`: creations and deletions, for 14 days |
//! | DynamoDB | `ListBackups`: the backup that is taken of a table with point-in-time recovery as it goes |
//! | ECS | `DescribeClusters`: clusters are inactive for a while, without a time |
//! | Elastic Beanstalk | see [`super::environment`] |
//!
//! Only what vanished since shortly before the task began counts: names are used again for good
//! reasons, and what was taken away last week was not taken away to be made anew now.
//!
//! Nothing tells of other names. Buckets, functions, queues, topics, log groups, roles and tables without
//! point-in-time recovery leave no trace. A secret that waits for its end keeps its name, which AWS then
//! refuses to give; the ids of keys, instances and volumes are never given again.

use super::{Asked, LookError, Progress, Read, Vanished, text_value};
use cordon_aws::answer::Answer;
use cordon_aws::call::Call;
use cordon_aws::value::Value;
use jiff::Timestamp;

/// Creations of databases, by the parameter that names what is made and the kind of its events.
const DATABASES: [(&str, &str, &str); 9] = [
    ("CreateDBCluster", "DBClusterIdentifier", "db-cluster"),
    ("CreateDBInstance", "DBInstanceIdentifier", "db-instance"),
    (
        "CreateDBInstanceReadReplica",
        "DBInstanceIdentifier",
        "db-instance",
    ),
    (
        "RestoreDBClusterFromS3",
        "DBClusterIdentifier",
        "db-cluster",
    ),
    (
        "RestoreDBClusterFromSnapshot",
        "DBClusterIdentifier",
        "db-cluster",
    ),
    (
        "RestoreDBClusterToPointInTime",
        "DBClusterIdentifier",
        "db-cluster",
    ),
    (
        "RestoreDBInstanceFromDBSnapshot",
        "DBInstanceIdentifier",
        "db-instance",
    ),
    (
        "RestoreDBInstanceFromS3",
        "DBInstanceIdentifier",
        "db-instance",
    ),
    (
        "RestoreDBInstanceToPointInTime",
        "TargetDBInstanceIdentifier",
        "db-instance",
    ),
];

/// Creations of tables, by the parameter that names the table.
const TABLES: [(&str, &str); 4] = [
    ("CreateTable", "TableName"),
    ("ImportTable", "TableCreationParameters.TableName"),
    ("RestoreTableFromBackup", "TargetTableName"),
    ("RestoreTableToPointInTime", "TargetTableName"),
];

/// Minutes of events that are asked for: a task lives for a day.
const MINUTES: &str = "2880";

/// The read that tells whether the name of what a call makes just vanished.
pub(super) fn begin(call: &Call) -> Option<Read> {
    let operation = call.operation().name();
    match call.service().name() {
        "cloudformation" => {
            text(call, "StackName").filter(|_| makes_stack(call))?;
            let deleted = ["DELETE_COMPLETE".to_owned()];
            Some(Read::of("ListStacks").listing("StackStatusFilter", deleted))
        }
        "rds" | "docdb" | "neptune" => {
            let known = DATABASES
                .iter()
                .find(|(creation, _, _)| *creation == operation)?;
            let read = Read::of("DescribeEvents")
                .with("SourceIdentifier", text_value(text(call, known.1)?))
                .with("SourceType", text_value(known.2))
                .with("Duration", Value::Integer(MINUTES.into()));
            let kinds = ["creation", "deletion"].map(str::to_owned);
            Some(read.listing("EventCategories", kinds))
        }
        "dynamodb" => {
            let known = TABLES.iter().find(|(creation, _)| *creation == operation)?;
            let read = Read::of("ListBackups").with("TableName", text_value(text(call, known.1)?));
            Some(read.with("BackupType", text_value("SYSTEM")))
        }
        "ecs" => {
            let name = text(call, "clusterName").filter(|_| operation == "CreateCluster")?;
            Some(Read::of("DescribeClusters").listing("clusters", [name.to_owned()]))
        }
        _ => None,
    }
}

/// Takes in the answer of `asked`.
pub(super) fn learn(
    asked: Asked<'_>,
    answer: &Answer,
    progress: &mut Progress,
) -> Result<(), LookError> {
    let read = asked.read;
    match read.operation {
        "ListStacks" => {
            let name = text(asked.call, "StackName").ok_or(WHAT)?;
            list(answer, "StackSummaries")?;
            let stacks = answer.items("StackSummaries");
            let gone = stacks.filter(|stack| stack.text("StackName") == Some(name));
            progress.seen.vanished.extend(gone.map(|stack| Vanished {
                made_at: time(stack, "CreationTime"),
                gone_at: time(stack, "DeletionTime"),
            }));
            if let Some(token) = answer.text("NextToken") {
                progress.todo.push_back(read.clone().after(token));
            }
        }
        "DescribeEvents" => {
            list(answer, "Events")?;
            if answer.text("Marker").is_some() {
                return Err(LookError::TooMuch);
            }
            progress
                .seen
                .vanished
                .extend(of_events(&answer.all("Events/Event")));
        }
        "ListBackups" => {
            for backup in answer.items("BackupSummaries") {
                let arn = backup.text("BackupArn").ok_or(WHAT)?;
                // The time of the backup is that of the end; that of the beginning is in the backup.
                let of = Read::of("DescribeBackup").with("BackupArn", text_value(arn));
                progress.todo.push_back(of);
            }
        }
        "DescribeBackup" => {
            let backup = answer.get("BackupDescription").ok_or(WHAT)?;
            let part = |name: &str| backup.get(name).ok_or(WHAT);
            progress.seen.vanished.push(Vanished {
                made_at: time(part("SourceTableDetails")?, "TableCreationDateTime"),
                gone_at: time(part("BackupDetails")?, "BackupCreationDateTime"),
            });
        }
        _ => {
            let clusters = answer.items("clusters");
            let gone = clusters.filter(|it| it.text("status") == Some("INACTIVE"));
            progress.seen.vanished.extend(gone.map(|_| Vanished {
                made_at: None,
                gone_at: None,
            }));
        }
    }
    Ok(())
}

const WHAT: LookError = LookError::Silent("what had that name before");

/// A creation by a change set has a type of its own; one of an update is of a stack that is there.
fn makes_stack(call: &Call) -> bool {
    match call.operation().name() {
        "CreateStack" => true,
        "CreateChangeSet" => text(call, "ChangeSetType") == Some("CREATE"),
        _ => false,
    }
}

/// Each deletion, with the last creation before it.
fn of_events(events: &[&Answer]) -> Vec<Vanished> {
    let is = |event: &Answer, kind: &str| {
        let categories = event.all("EventCategories/EventCategory");
        let kind = Answer::Text(kind.to_owned());
        categories.contains(&&kind)
    };
    let times = |kind: &'static str| {
        let events = events.iter().filter(move |event| is(event, kind));
        events.map(|event| time(event, "Date"))
    };
    let made: Vec<Timestamp> = times("creation").flatten().collect();
    let before = |gone: &Timestamp| made.iter().filter(|made| *made < gone).max().copied();
    times("deletion")
        .map(|gone_at| Vanished {
            made_at: gone_at.as_ref().and_then(before),
            gone_at,
        })
        .collect()
}

/// A list that is not there is no empty one.
fn list(answer: &Answer, name: &str) -> Result<(), LookError> {
    answer.get(name).map(|_| ()).ok_or(WHAT)
}

/// A time as text, or in seconds.
fn time(answer: &Answer, name: &str) -> Option<Timestamp> {
    let text = answer.text(name)?;
    text.parse().ok().or_else(|| {
        let (seconds, _) = text.split_once('.').unwrap_or((text, ""));
        Timestamp::from_second(seconds.parse().ok()?).ok()
    })
}

fn text<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    let text = call.parameters().at(name).first()?.as_str()?;
    (!text.is_empty()).then_some(text)
}
