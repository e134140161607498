//! Restore points: whether the one that a call deletes is the last of what it was taken of.
//!
//! ```text
//! the point ─► what it was taken of ─► all points of that ─► is another one whole?
//! ```
//!
//! A point that the task took itself is one like any other: agents tidy up what they made before
//! they touch what it was made for. What the task made itself needs no last point, and one that the
//! task has deleted is none, whatever a list still says.
//!
//! Two calls at the same moment each see the other's point. AWS lists it until the first is done; the
//! ledger knows it from when that one was let go, and the second is not let go on what is going
//! ([`Rest`]). Two tasks at the same moment are not held apart so: each has a ledger of its own.
//!
//! Recovery points of AWS Backup count beside each other alone, and not beside the snapshots of the
//! service itself.
//!
//! Sources: the API references of `DescribeDBSnapshots`, `DescribeDBClusterSnapshots`,
//! `DescribeClusterSnapshots` (Redshift), `DescribeSnapshots` (EC2, ElastiCache), `ListBackups`
//! (DynamoDB), `DescribeRecoveryPoint` and `ListRecoveryPointsByResource` (AWS Backup).

use super::{Asked, LookError, Progress, Read, arn_beside, text_value};
use crate::ledger::Rest;
use cordon_aws::answer::Answer;
use cordon_aws::call::Call;
use cordon_aws::value::Value;

/// One kind of restore point: how it is deleted, listed and told.
struct Point {
    services: &'static [&'static str],
    delete: &'static str,
    /// The parameter that names it, and the member of the list that does.
    id: (&'static str, &'static str),
    /// The operation that lists points, and where the list is in its answer.
    list: (&'static str, &'static str),
    /// The member that tells what it was taken of, and what is before that in its ARN. The first that
    /// is told counts.
    sources: &'static [(&'static str, &'static str)],
    /// The member that tells its state, and the state of a whole one.
    state: (&'static str, &'static str),
    /// Where the next page begins: the member of the answer and the parameter.
    next: (&'static str, &'static str),
    /// Before the id in ARNs: the service, and the kind of a point.
    arns: (&'static str, &'static str),
}

const POINTS: [Point; 7] = [
    Point {
        services: &["rds"],
        delete: "DeleteDBSnapshot",
        id: ("DBSnapshotIdentifier", "DBSnapshotIdentifier"),
        list: ("DescribeDBSnapshots", "DBSnapshots/DBSnapshot"),
        sources: &[("DBInstanceIdentifier", "db:")],
        state: ("Status", "available"),
        next: ("Marker", "Marker"),
        arns: ("rds", "snapshot:"),
    },
    Point {
        services: &["docdb", "neptune", "rds"],
        delete: "DeleteDBClusterSnapshot",
        id: ("DBClusterSnapshotIdentifier", "DBClusterSnapshotIdentifier"),
        list: (
            "DescribeDBClusterSnapshots",
            "DBClusterSnapshots/DBClusterSnapshot",
        ),
        sources: &[("DBClusterIdentifier", "cluster:")],
        state: ("Status", "available"),
        next: ("Marker", "Marker"),
        arns: ("rds", "cluster-snapshot:"),
    },
    Point {
        services: &["redshift"],
        delete: "DeleteClusterSnapshot",
        id: ("SnapshotIdentifier", "SnapshotIdentifier"),
        list: ("DescribeClusterSnapshots", "Snapshots/Snapshot"),
        sources: &[("ClusterIdentifier", "cluster:")],
        state: ("Status", "available"),
        next: ("Marker", "Marker"),
        arns: ("redshift", "snapshot:"),
    },
    Point {
        services: &["ec2"],
        delete: "DeleteSnapshot",
        id: ("SnapshotId", "snapshotId"),
        list: ("DescribeSnapshots", "snapshotSet/item"),
        sources: &[("volumeId", "volume/")],
        state: ("status", "completed"),
        next: ("nextToken", "NextToken"),
        arns: ("ec2", "snapshot/"),
    },
    Point {
        services: &["dynamodb"],
        delete: "DeleteBackup",
        id: ("BackupArn", "BackupArn"),
        list: ("ListBackups", "BackupSummaries"),
        sources: &[("TableName", "table/")],
        state: ("BackupStatus", "AVAILABLE"),
        next: ("LastEvaluatedBackupArn", "ExclusiveStartBackupArn"),
        arns: ("dynamodb", ""),
    },
    Point {
        services: &["elasticache"],
        delete: "DeleteSnapshot",
        id: ("SnapshotName", "SnapshotName"),
        list: ("DescribeSnapshots", "Snapshots/Snapshot"),
        // One of a replication group names the node that it was taken on as well.
        sources: &[
            ("ReplicationGroupId", "replicationgroup:"),
            ("CacheClusterId", "cluster:"),
        ],
        state: ("SnapshotStatus", "available"),
        next: ("Marker", "Marker"),
        arns: ("elasticache", "snapshot:"),
    },
    Point {
        services: &["backup"],
        delete: "DeleteRecoveryPoint",
        id: ("RecoveryPointArn", "RecoveryPointArn"),
        list: ("ListRecoveryPointsByResource", "RecoveryPoints"),
        sources: &[("ResourceArn", "")],
        state: ("Status", "COMPLETED"),
        next: ("NextToken", "NextToken"),
        arns: ("backup", ""),
    },
];

const RECOVERY_POINT: &str = "DescribeRecoveryPoint";

/// The volume of a snapshot that was copied: any.
const NO_VOLUME: &str = "vol-ffffffff";

/// The first read of the look that a call needs.
pub(super) fn begin(call: &Call) -> Option<Read> {
    let point = Point::of(call)?;
    let id = point.named(call)?;
    match call.service().name() {
        "dynamodb" => {
            // Its ARN has the table: `table/orders/backup/01...`.
            let (table, _) = id.split_once(":table/")?.1.split_once("/backup/")?;
            Some(point.points_of("TableName", table))
        }
        "backup" => {
            let vault = call.parameters().get("BackupVaultName")?.as_str()?;
            let read = Read::of(RECOVERY_POINT).with("BackupVaultName", text_value(vault));
            Some(read.with(point.id.0, text_value(id)))
        }
        "ec2" => {
            let read = Read::new(point.list.0, []);
            Some(read.listing("SnapshotIds", [id.to_owned()]))
        }
        _ => Some(Read::new(point.list.0, [(point.id.0, id.to_owned())])),
    }
}

/// Takes in the answer of `asked`.
pub(super) fn learn(
    asked: Asked<'_>,
    answer: &Answer,
    progress: &mut Progress,
) -> Result<(), LookError> {
    let point = Point::of(asked.call).ok_or(WHAT)?;
    let id = point.named(asked.call).ok_or(WHAT)?;
    let listed = match asked.read.operation {
        RECOVERY_POINT => vec![answer],
        _ => answer.all(point.list.1),
    };
    if point.asks_for_one(asked.read) {
        let is_it = |it: &&&Answer| it.text(point.id.1) == Some(id);
        let it = listed.iter().find(is_it).ok_or(WHAT)?;
        let mut sources = point.sources.iter();
        let told = sources.find_map(|(member, whole)| Some((*member, *whole, it.text(member)?)));
        let (member, whole, source) = told.ok_or(WHAT)?;
        let arn = match whole {
            "" => source.to_owned(),
            whole => arn_beside(asked.call, point.arns.0, &format!("{whole}{source}")),
        };
        if source == NO_VOLUME {
            progress.seen.last_backup = true;
        } else if !asked.ledger.owns(&arn) {
            progress.todo.push_back(point.points_of(member, source));
        }
        return Ok(());
    }
    let mut others = listed.iter();
    if let Some(other) = others.find_map(|it| point.another(it, id, asked)) {
        progress.seen.rests.push(other);
        return Ok(());
    }
    match answer.text(point.next.0) {
        Some(token) => {
            let next = asked.read.clone().with(point.next.1, text_value(token));
            progress.todo.push_back(next);
        }
        None => progress.seen.last_backup = true,
    }
    Ok(())
}

const WHAT: LookError = LookError::Silent("what it is a backup of");

impl Point {
    fn of(call: &Call) -> Option<&'static Self> {
        let (service, operation) = (call.service().name(), call.operation().name());
        let mut points = POINTS.iter();
        points.find(|it| it.delete == operation && it.services.contains(&service))
    }

    /// The id that a call names it by.
    fn named<'c>(&self, call: &'c Call) -> Option<&'c str> {
        let id = call.parameters().get(self.id.0)?.as_str()?;
        (!id.is_empty()).then_some(id)
    }

    /// The read of all points of `source`, which `member` tells.
    fn points_of(&self, member: &'static str, source: &str) -> Read {
        if self.services != ["ec2"] {
            return Read::new(self.list.0, [(member, source.to_owned())]);
        }
        let filter = [
            ("Name".into(), text_value("volume-id")),
            ("Values".into(), Value::List(vec![text_value(source)])),
        ];
        let filters = Value::List(vec![Value::Structure(filter.into())]);
        Read::new(self.list.0, [])
            .with("Filters", filters)
            .listing("OwnerIds", ["self".to_owned()])
    }

    /// Whether a read is for the point itself.
    fn asks_for_one(&self, read: &Read) -> bool {
        let of_one = [self.id.0, "SnapshotIds"];
        of_one
            .iter()
            .any(|name| read.parameters.get(name).is_some())
    }

    /// The point, if it is a whole one beside the one of this id, and stays.
    fn another(&self, point: &Answer, id: &str, asked: Asked<'_>) -> Option<Rest> {
        let other = point.text(self.id.1).filter(|other| *other != id)?;
        let (service, kind) = self.arns;
        let arn = match (service, other.starts_with("arn:")) {
            (_, true) => other.to_owned(),
            // Images and snapshots of EC2 have ARNs without an account.
            ("ec2", _) => format!(
                "arn:{}:ec2:{}::{kind}{other}",
                asked.call.partition().as_str(),
                asked.call.region().as_str()
            ),
            _ => arn_beside(asked.call, service, &format!("{kind}{other}")),
        };
        let rest = Rest {
            own: asked.ledger.owns(&arn),
            arn: arn.parse().ok()?,
        };
        let whole = point.text(self.state.0) == Some(self.state.1);
        (whole && asked.ledger.leaves(&rest)).then_some(rest)
    }
}
