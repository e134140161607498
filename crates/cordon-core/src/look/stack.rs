//! CloudFormation: what executing a change set or deleting a stack removes or replaces.
//!
//! Sources: the API reference of `DescribeChangeSet` (`ResourceChange`) and `ListStackResources`,
//! and the return values of each resource type for what its physical id is.

use super::{End, Implied, LookError, Read, Seen, Step};
use cordon_aws::answer::Answer;
use cordon_aws::arn::Arn;
use cordon_aws::call::{Call, Class};

const CHANGE_SET: &str = "DescribeChangeSet";
const STACKS: &str = "DescribeStacks";
const RESOURCES: &str = "ListStackResources";

/// Types that hold nothing, which CloudFormation makes anew all the time: a version, a permission,
/// a deployment. Their end is no loss to anyone.
const DISPOSABLE: [&str; 14] = [
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGatewayV2::Deployment",
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::ECS::TaskDefinition",
    "AWS::ElasticBeanstalk::ApplicationVersion",
    "AWS::ElasticBeanstalk::ConfigurationTemplate",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::SNS::Subscription",
    "AWS::SSM::Association",
];

/// Types whose ARN follows from their physical id: the type, the action that removes one, and the
/// ARN after `arn:PARTITION:SERVICE:`, with `R` and `A` for region and account and `{}` for the
/// id. An id that is an ARN already is taken as it is. Everything else has no ARN here, so that no
/// task can name it and no change set remove it.
const TYPES: [(&str, &str, &str); 41] = [
    (
        "AWS::ApiGateway::RestApi",
        "apigateway:DELETE",
        "apigateway:R::/restapis/{}",
    ),
    (
        "AWS::AutoScaling::AutoScalingGroup",
        "autoscaling:DeleteAutoScalingGroup",
        "",
    ),
    (
        "AWS::CloudFormation::Stack",
        "cloudformation:DeleteStack",
        "",
    ),
    (
        "AWS::CloudFront::Distribution",
        "cloudfront:DeleteDistribution",
        "cloudfront::A:distribution/{}",
    ),
    (
        "AWS::CloudWatch::Alarm",
        "cloudwatch:DeleteAlarms",
        "cloudwatch:R:A:alarm:{}",
    ),
    (
        "AWS::Cognito::UserPool",
        "cognito-idp:DeleteUserPool",
        "cognito-idp:R:A:userpool/{}",
    ),
    (
        "AWS::DocDB::DBCluster",
        "rds:DeleteDBCluster",
        "rds:R:A:cluster:{}",
    ),
    (
        "AWS::DynamoDB::GlobalTable",
        "dynamodb:DeleteTable",
        "dynamodb:R:A:table/{}",
    ),
    (
        "AWS::DynamoDB::Table",
        "dynamodb:DeleteTable",
        "dynamodb:R:A:table/{}",
    ),
    (
        "AWS::EC2::Instance",
        "ec2:TerminateInstances",
        "ec2:R:A:instance/{}",
    ),
    (
        "AWS::EC2::NatGateway",
        "ec2:DeleteNatGateway",
        "ec2:R:A:natgateway/{}",
    ),
    (
        "AWS::EC2::SecurityGroup",
        "ec2:DeleteSecurityGroup",
        "ec2:R:A:security-group/{}",
    ),
    ("AWS::EC2::Subnet", "ec2:DeleteSubnet", "ec2:R:A:subnet/{}"),
    ("AWS::EC2::VPC", "ec2:DeleteVpc", "ec2:R:A:vpc/{}"),
    ("AWS::EC2::Volume", "ec2:DeleteVolume", "ec2:R:A:volume/{}"),
    (
        "AWS::ECR::Repository",
        "ecr:DeleteRepository",
        "ecr:R:A:repository/{}",
    ),
    (
        "AWS::ECS::Cluster",
        "ecs:DeleteCluster",
        "ecs:R:A:cluster/{}",
    ),
    ("AWS::ECS::Service", "ecs:DeleteService", ""),
    (
        "AWS::EFS::FileSystem",
        "elasticfilesystem:DeleteFileSystem",
        "elasticfilesystem:R:A:file-system/{}",
    ),
    (
        "AWS::EKS::Cluster",
        "eks:DeleteCluster",
        "eks:R:A:cluster/{}",
    ),
    (
        "AWS::ElastiCache::CacheCluster",
        "elasticache:DeleteCacheCluster",
        "elasticache:R:A:cluster:{}",
    ),
    (
        "AWS::ElastiCache::ReplicationGroup",
        "elasticache:DeleteReplicationGroup",
        "elasticache:R:A:replicationgroup:{}",
    ),
    (
        "AWS::ElasticBeanstalk::Application",
        "elasticbeanstalk:DeleteApplication",
        "elasticbeanstalk:R:A:application/{}",
    ),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "elasticloadbalancing:DeleteLoadBalancer",
        "",
    ),
    ("AWS::Events::Rule", "events:DeleteRule", ""),
    ("AWS::IAM::Role", "iam:DeleteRole", "iam::A:role/{}"),
    ("AWS::IAM::User", "iam:DeleteUser", "iam::A:user/{}"),
    ("AWS::KMS::Key", "kms:ScheduleKeyDeletion", "kms:R:A:key/{}"),
    (
        "AWS::Kinesis::Stream",
        "kinesis:DeleteStream",
        "kinesis:R:A:stream/{}",
    ),
    (
        "AWS::Lambda::Function",
        "lambda:DeleteFunction",
        "lambda:R:A:function:{}",
    ),
    (
        "AWS::Logs::LogGroup",
        "logs:DeleteLogGroup",
        "logs:R:A:log-group:{}:*",
    ),
    (
        "AWS::Neptune::DBCluster",
        "rds:DeleteDBCluster",
        "rds:R:A:cluster:{}",
    ),
    (
        "AWS::RDS::DBCluster",
        "rds:DeleteDBCluster",
        "rds:R:A:cluster:{}",
    ),
    (
        "AWS::RDS::DBInstance",
        "rds:DeleteDBInstance",
        "rds:R:A:db:{}",
    ),
    (
        "AWS::Redshift::Cluster",
        "redshift:DeleteCluster",
        "redshift:R:A:cluster:{}",
    ),
    (
        "AWS::Route53::HostedZone",
        "route53:DeleteHostedZone",
        "route53:::hostedzone/{}",
    ),
    ("AWS::S3::Bucket", "s3:DeleteBucket", "s3:::{}"),
    ("AWS::SNS::Topic", "sns:DeleteTopic", ""),
    ("AWS::SQS::Queue", "sqs:DeleteQueue", "sqs:R:A:{}"),
    (
        "AWS::SecretsManager::Secret",
        "secretsmanager:DeleteSecret",
        "",
    ),
    (
        "AWS::StepFunctions::StateMachine",
        "states:DeleteStateMachine",
        "",
    ),
];

/// What removes a resource whose type is not in the table: the stack.
const BY_THE_STACK: &str = "cloudformation:DeleteStack";

/// The first read of the look that a call needs.
pub(super) fn begin(call: &Call) -> Option<Read> {
    if call.service().name() != "cloudformation" {
        return None;
    }
    let text = |name: &'static str| {
        let text = call.parameters().get(name)?.as_str()?;
        Some((name, text.to_owned()))
    };
    match call.operation().name() {
        "ExecuteChangeSet" => {
            let of = [Some(text("ChangeSetName")?), text("StackName")];
            Some(Read::new(CHANGE_SET, of.into_iter().flatten()))
        }
        "DeleteStack" => Some(Read::new(STACKS, [text("StackName")?])),
        _ => None,
    }
}

/// Takes in the answer of `read`.
pub(super) fn learn(
    read: &Read,
    call: &Call,
    answer: &Answer,
    seen: &mut Seen,
) -> Result<Step, LookError> {
    match read.operation {
        CHANGE_SET => change_set(call, answer, seen)?,
        STACKS => {
            let stack = answer.items("Stacks").next();
            let id = stack.and_then(|stack| stack.text("StackId"));
            let id = id.ok_or(LookError::Silent("which stack it is"))?;
            seen.pins = vec![("StackName", id.to_owned())];
            return Ok(Step::Next(Read::new(
                RESOURCES,
                [("StackName", id.to_owned())],
            )));
        }
        _ => {
            for resource in answer.items("StackResourceSummaries") {
                let gone = resource.text("ResourceStatus") == Some("DELETE_COMPLETE");
                if !gone {
                    seen.implied.extend(implied(call, resource, End::Removed)?);
                }
            }
        }
    }
    Ok(match answer.text("NextToken") {
        Some(token) => Step::Next(read.clone().after(token)),
        None => Step::Done,
    })
}

fn change_set(call: &Call, answer: &Answer, seen: &mut Seen) -> Result<(), LookError> {
    let id = answer
        .text("ChangeSetId")
        .ok_or(LookError::Silent("which change set it is"))?;
    if answer.text("ExecutionStatus") != Some("AVAILABLE") {
        let status = answer.text("ExecutionStatus").unwrap_or("unknown");
        return Err(LookError::NotReady(format!(
            "the change set cannot be executed: its status is {status}"
        )));
    }
    let stack = answer
        .text("StackId")
        .ok_or(LookError::Silent("which stack it is"))?;
    // The name of a change set can be given to another one between the look and the call.
    let pins = vec![
        ("ChangeSetName", id.to_owned()),
        ("StackName", stack.to_owned()),
    ];
    if !seen.pins.is_empty() && seen.pins != pins {
        return Err(LookError::NotReady(
            "it is another change set by now".to_owned(),
        ));
    }
    seen.pins = pins;
    seen.itself = Some(Class::Update);
    for change in answer.items("Changes") {
        // Hooks are not resources; what is neither is not understood.
        let Some(change) = change.get("ResourceChange") else {
            return Err(LookError::Silent("what one of its changes is"));
        };
        if let Some(end) = end_of(change)? {
            seen.implied.extend(implied(call, change, end)?);
        }
    }
    Ok(())
}

/// How the resource of a change ends; nothing where it stays. `Conditional` may mean a replacement
/// and is one until somebody looked closer; what is retained stays, although the stack forgets it.
fn end_of(change: &Answer) -> Result<Option<End>, LookError> {
    let retained = matches!(
        change.text("PolicyAction"),
        Some("Retain" | "ReplaceAndRetain")
    );
    let end = match change.text("Action") {
        Some("Add" | "Import" | "Dynamic" | "SyncWithActual") => None,
        Some("Remove") => Some(End::Removed),
        Some("Modify") => match change.text("Replacement") {
            Some("False") => None,
            Some("True" | "Conditional") => Some(End::Replaced),
            _ => return Err(LookError::Silent("whether a resource is replaced")),
        },
        _ => return Err(LookError::Silent("what happens to a resource")),
    };
    Ok(end.filter(|_| !retained))
}

/// The access that removing a resource is; nothing for what is disposable.
fn implied(call: &Call, resource: &Answer, end: End) -> Result<Option<Implied>, LookError> {
    let kind = resource
        .text("ResourceType")
        .ok_or(LookError::Silent("the type of a resource"))?;
    if DISPOSABLE.contains(&kind) {
        return Ok(None);
    }
    let logical = resource.text("LogicalResourceId").unwrap_or_default();
    // What never came to be has no physical id, and nothing to lose.
    let Some(physical) = resource.text("PhysicalResourceId") else {
        return Ok(None);
    };
    let known = TYPES.iter().find(|(named, _, _)| *named == kind);
    let (action, arn) = match known {
        Some((_, action, format)) => (*action, arn(call, format, physical)),
        None => (BY_THE_STACK, None),
    };
    Ok(Some(Implied {
        action,
        arn: arn.unwrap_or_else(|| "*".to_owned()),
        kind: kind.to_owned(),
        source: format!("{logical} of the stack"),
        end,
    }))
}

fn arn(call: &Call, format: &str, physical: &str) -> Option<String> {
    let text = match physical.starts_with("arn:") {
        true => physical.to_owned(),
        false => {
            // The id of a queue is its URL.
            let id = match physical.starts_with("https://") {
                true => physical.rsplit('/').next()?,
                false => physical,
            };
            let (before, after) = format.split_once("{}")?;
            let account = call.account()?.as_str();
            let before = before
                .replace(":R:", &format!(":{}:", call.region().as_str()))
                .replace(":A:", &format!(":{account}:"));
            format!("arn:{}:{before}{id}{after}", call.partition().as_str())
        }
    };
    let exact = text.strip_suffix(":*").unwrap_or(&text);
    exact
        .parse::<Arn>()
        .ok()
        .filter(|arn| !arn.has_wildcard())
        .map(|_| text.clone())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::action::Actions;
    use cordon_aws::call::Protocol;
    use cordon_aws::catalog::Catalog;

    #[test]
    fn every_type_is_removed_by_an_action_that_destroys() {
        let actions = Actions::of(Catalog::embedded());
        let known = TYPES.iter().map(|(kind, action, _)| (*kind, *action));
        for (kind, action) in known.chain([("a stack", BY_THE_STACK)]) {
            let rule = actions.find(action);
            let class = rule.map(|rule| rule.class);
            assert_eq!(class, Some(Class::Destroy), "{action} of {kind}");
        }
        assert!(TYPES.is_sorted() && DISPOSABLE.is_sorted());
        assert!(!TYPES.iter().any(|(kind, _, _)| DISPOSABLE.contains(kind)));
    }

    fn check(change: &str, expected: Result<Option<End>, LookError>) {
        let change = Answer::read(Protocol::Json11, change.as_bytes()).unwrap();
        assert_eq!(end_of(&change), expected, "{change:?}");
    }

    #[test]
    fn what_is_replaced_or_removed_ends() {
        let replaced = Ok(Some(End::Replaced));
        check(r#"{"Action":"Add"}"#, Ok(None));
        check(r#"{"Action":"Import"}"#, Ok(None));
        check(r#"{"Action":"Remove"}"#, Ok(Some(End::Removed)));
        check(
            r#"{"Action":"Remove","PolicyAction":"Delete"}"#,
            Ok(Some(End::Removed)),
        );
        check(
            r#"{"Action":"Remove","PolicyAction":"Snapshot"}"#,
            Ok(Some(End::Removed)),
        );
        check(r#"{"Action":"Remove","PolicyAction":"Retain"}"#, Ok(None));
        check(r#"{"Action":"Modify","Replacement":"False"}"#, Ok(None));
        check(
            r#"{"Action":"Modify","Replacement":"True"}"#,
            replaced.clone(),
        );
        check(
            r#"{"Action":"Modify","Replacement":"Conditional"}"#,
            replaced.clone(),
        );
        check(
            r#"{"Action":"Modify","Replacement":"True","PolicyAction":"ReplaceAndSnapshot"}"#,
            replaced,
        );
        check(
            r#"{"Action":"Modify","Replacement":"True","PolicyAction":"ReplaceAndRetain"}"#,
            Ok(None),
        );
    }

    #[test]
    fn what_is_not_told_or_not_known_is_not_harmless() {
        let happens = || Err(LookError::Silent("what happens to a resource"));
        let replaced = || Err(LookError::Silent("whether a resource is replaced"));
        check("{}", happens());
        check(r#"{"Action":"Vanish"}"#, happens());
        check(r#"{"Action":"Modify"}"#, replaced());
        check(r#"{"Action":"Modify","Replacement":"Perhaps"}"#, replaced());
    }
}
