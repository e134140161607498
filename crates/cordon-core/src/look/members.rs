//! Wholes whose members have a life of their own and go with them: the instances of an Auto Scaling
//! group that is deleted by force, which may have been attached to it, and those of a database
//! cluster.

use super::{Asked, End, Implied, LookError, Progress, Read, arn_beside};
use cordon_aws::answer::Answer;
use cordon_aws::call::Call;

const GROUPS: &str = "DescribeAutoScalingGroups";
const WARM_POOL: &str = "DescribeWarmPool";
const CLUSTERS: &str = "DescribeDBClusters";

/// The first read of the look that a call needs.
pub(super) fn begin(call: &Call) -> Option<Read> {
    let text = |name: &str| Some(call.parameters().get(name)?.as_str()?.to_owned());
    match call.operation().name() {
        // Without force AWS refuses while there are instances.
        "DeleteAutoScalingGroup" => {
            let forced = call.parameters().get("ForceDelete")?.as_bool()?;
            let name = text("AutoScalingGroupName")?;
            forced.then(|| Read::new(GROUPS, []).listing("AutoScalingGroupNames", [name]))
        }
        "DeleteDBCluster" => {
            let of = [("DBClusterIdentifier", text("DBClusterIdentifier")?)];
            Some(Read::new(CLUSTERS, of))
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
    let (action, kind, ids) = match read.operation {
        CLUSTERS => {
            let cluster = one(answer.all("DBClusters/DBCluster"))?;
            let ids = ids(
                cluster.all("DBClusterMembers/DBClusterMember"),
                "DBInstanceIdentifier",
            )?;
            ("rds:DeleteDBInstance", "AWS::RDS::DBInstance", ids)
        }
        operation => {
            let holder = match operation {
                GROUPS => {
                    let group = one(answer.items("AutoScalingGroups").collect())?;
                    if group.get("WarmPoolConfiguration").is_some() {
                        let name = group.text("AutoScalingGroupName");
                        let name = name.ok_or(LookError::Silent("the name of the group"))?;
                        let of = [("AutoScalingGroupName", name.to_owned())];
                        progress.todo.push_back(Read::new(WARM_POOL, of));
                    }
                    group
                }
                _ => answer,
            };
            let ids = ids(holder.items("Instances").collect(), "InstanceId")?;
            ("ec2:TerminateInstances", "AWS::EC2::Instance", ids)
        }
    };
    for id in ids {
        let arn = match action {
            "ec2:TerminateInstances" => arn_beside(asked.call, "ec2", &format!("instance/{id}")),
            _ => arn_beside(asked.call, "rds", &format!("db:{id}")),
        };
        progress.seen.implied.push(Implied {
            own: false,
            action,
            arn,
            kind: kind.to_owned(),
            source: "a member of what is deleted".to_owned(),
            end: End::Removed,
            place: (String::new(), String::new()),
        });
    }
    if let (_, Some(token)) = (read, answer.text("NextToken")) {
        progress.todo.push_front(read.clone().after(token));
    }
    Ok(())
}

/// The one that was asked for.
fn one(found: Vec<&Answer>) -> Result<&Answer, LookError> {
    match found[..] {
        [one] => Ok(one),
        _ => Err(LookError::NotReady(
            "what is to be deleted is not there".to_owned(),
        )),
    }
}

fn ids(members: Vec<&Answer>, name: &str) -> Result<Vec<String>, LookError> {
    let id = |member: &&Answer| member.text(name).map(str::to_owned);
    let ids: Option<Vec<String>> = members.iter().map(id).collect();
    ids.ok_or(LookError::Silent("which members it has"))
}
