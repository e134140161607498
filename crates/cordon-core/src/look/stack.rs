//! CloudFormation: what executing a change set or deleting a stack removes or replaces.
//!
//! A stack is walked with the stacks within it. A resource that its template retains stays
//! (`DeletionPolicy`; a change set tells by itself what becomes of each resource). A resource of a
//! stack that the task made is the task's own if the events of the stack say that it was created
//! there: another may have been imported, and only goes with the stack.
//!
//! Sources: the API reference of `DescribeChangeSet` (`ResourceChange`), `ListStackResources` and
//! `DescribeStackEvents`, and the return values of each resource type for what its physical id is.

use super::{Asked, End, Implied, LookError, Progress, Read, text_value};
use cordon_aws::answer::Answer;
use cordon_aws::arn::Arn;
use cordon_aws::call::{Call, Class};
use cordon_aws::classify::template;
use std::collections::{BTreeMap, BTreeSet};

const CHANGE_SET: &str = "DescribeChangeSet";
const STACKS: &str = "DescribeStacks";
const TEMPLATE: &str = "GetTemplate";
const RESOURCES: &str = "ListStackResources";
const EVENTS: &str = "DescribeStackEvents";

/// A stack within another.
const NESTED: &str = "AWS::CloudFormation::Stack";

/// Wholes that take others along, which only the service of their own lists: nothing that is told
/// of one without a look into it.
const WHOLES: [&str; 6] = [
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::CloudFormation::Stack",
    "AWS::DocDB::DBCluster",
    "AWS::ElasticBeanstalk::Application",
    "AWS::Neptune::DBCluster",
    "AWS::RDS::DBCluster",
];

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
/// Or Cloud Control.
const BY_CLOUD_CONTROL: &str = "cloudformation:DeleteResource";

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

/// What is known of the stacks that are walked, by their ids.
#[derive(Debug, Default)]
pub(super) struct Stack {
    /// Logical ids that stay.
    kept: BTreeMap<String, BTreeSet<String>>,
    /// Physical ids that were created in it.
    made: BTreeSet<(String, String)>,
    /// Those that were brought into it.
    imported: BTreeSet<(String, String)>,
    /// Change sets of stacks within the one that changes.
    nested: BTreeSet<String>,
    /// Logical ids of what ends, by stack, where the change set does not tell what they stand for.
    unnamed: BTreeMap<String, BTreeMap<String, End>>,
    /// Whether the change set does something else than to add.
    more: bool,
    /// Whether it makes or changes what hands out permissions, or runs code of its own.
    grants: bool,
}

impl Stack {
    /// Takes in the answer of `asked`.
    pub(super) fn learn(
        &mut self,
        asked: Asked<'_>,
        answer: &Answer,
        progress: &mut Progress,
    ) -> Result<(), LookError> {
        match asked.read.operation {
            CHANGE_SET => {
                self.change_set(asked, answer, progress)?;
                if answer.text("NextToken").is_none() {
                    self.behind_changes(asked, changed(answer)?, progress);
                }
            }
            STACKS if asked.call.operation().name() == "ExecuteChangeSet" => {
                // Nothing was in it before. Where it is made by another change set meanwhile, AWS
                // does not execute this one: what is executed makes all of it.
                let stack = answer.items("Stacks").next();
                let status = stack.and_then(|it| it.text("StackStatus"));
                if status == Some("REVIEW_IN_PROGRESS") && !self.grants {
                    progress.seen.itself = Some(Class::Create);
                }
            }
            STACKS => {
                let stack = answer.items("Stacks").next();
                let id = stack.and_then(|stack| stack.text("StackId"));
                let id = id.ok_or(LookError::Silent("which stack it is"))?;
                progress.seen.pins = vec![("StackName", text_value(id))];
                walk(id, asked.ledger.owns(id), progress);
            }
            TEMPLATE => {
                // What cannot be read keeps nothing.
                let kept = answer.text("TemplateBody").and_then(template::kept);
                let stack = asked.read.text("StackName").to_owned();
                self.kept.insert(stack, kept.unwrap_or_default());
            }
            RESOURCES => self.resources(asked, answer, progress)?,
            _ => self.events(asked, answer, progress),
        }
        if let Some(token) = answer.text("NextToken") {
            let next = asked.read.clone().after(token);
            progress.todo.push_front(next);
        }
        Ok(())
    }

    fn change_set(
        &mut self,
        asked: Asked<'_>,
        answer: &Answer,
        progress: &mut Progress,
    ) -> Result<(), LookError> {
        // Those within are executed with the one around them, and have no state of their own.
        if !self.nested.contains(asked.read.text("ChangeSetName")) {
            pin(answer, progress)?;
        }
        let stack = changed(answer)?;
        for change in answer.items("Changes") {
            let action = change
                .get("ResourceChange")
                .and_then(|it| it.text("Action"));
            self.more |= action != Some("Add");
            // Hooks are not resources; what is neither is not understood.
            let Some(change) = change.get("ResourceChange") else {
                return Err(LookError::Silent("what one of its changes is"));
            };
            self.grants |= is_granting(change);
            if let Some(end) = end_of(change)? {
                if change.text("PhysicalResourceId").is_none() {
                    self.look_up(stack, change, end, progress)?;
                    continue;
                }
                let found = implied(asked.call, stack, change, end)?;
                progress.seen.implied.extend(found);
            } else if is_changed_within(change) {
                let nested = change.text("ChangeSetId");
                let nested = nested.ok_or(LookError::Silent(
                    "what changes in a stack within it: make it with `IncludeNestedStacks`",
                ))?;
                self.nested.insert(nested.to_owned());
                let of = [("ChangeSetName", nested.to_owned())];
                progress.todo.push_back(Read::new(CHANGE_SET, of));
            }
        }
        // A template that the call brings along is weighed with the call that makes the change set. What
        // CDK uploads before, only the change set tells.
        if self.grants {
            progress.seen.itself = Some(Class::Identity);
        }
        Ok(())
    }

    /// Has the stack tell what a resource is that ends, where the change set does not.
    fn look_up(
        &mut self,
        stack: &str,
        change: &Answer,
        end: End,
        progress: &mut Progress,
    ) -> Result<(), LookError> {
        let logical = change.text("LogicalResourceId");
        let logical = logical.ok_or(LookError::Silent("which resource ends"))?;
        let unnamed = self.unnamed.entry(stack.to_owned()).or_default();
        if unnamed.is_empty() {
            progress.todo.push_back(of_stack(RESOURCES, stack));
        }
        unnamed.insert(logical.to_owned(), end);
        Ok(())
    }

    /// What becomes of a resource that a stack lists; nothing where it stays.
    fn end_in(&self, stack: &str, resource: &Answer) -> Result<Option<End>, LookError> {
        let logical = resource.text("LogicalResourceId").unwrap_or_default();
        if resource.text("ResourceStatus") == Some("DELETE_COMPLETE") {
            return Ok(None);
        }
        if let Some(unnamed) = self.unnamed.get(stack) {
            let end = unnamed.get(logical).copied();
            // Its own stacks are walked by the ids that a change set tells.
            return match resource.text("ResourceType") {
                Some(NESTED) if end.is_some() => Err(LookError::Silent("which stack ends")),
                _ => Ok(end),
            };
        }
        let kept = self.kept.get(stack);
        let stays = kept.is_some_and(|kept| kept.contains(logical));
        Ok((!stays).then_some(End::Removed))
    }

    fn resources(
        &self,
        asked: Asked<'_>,
        answer: &Answer,
        progress: &mut Progress,
    ) -> Result<(), LookError> {
        let stack = asked.read.text("StackName");
        for resource in answer.items("StackResourceSummaries") {
            if let Some(end) = self.end_in(stack, resource)? {
                let found = implied(asked.call, stack, resource, end)?;
                progress.seen.implied.extend(found);
            }
        }
        if self.unnamed.contains_key(stack) {
            return Ok(());
        }
        // The stacks within it come last, when what is known of it is known.
        if answer.text("NextToken").is_none() && !asks_for(progress, EVENTS, stack) {
            self.within(stack, progress);
        }
        Ok(())
    }

    fn events(&mut self, asked: Asked<'_>, answer: &Answer, progress: &mut Progress) {
        let stack = asked.read.text("StackName");
        for event in answer.items("StackEvents") {
            let Some(physical) = event.text("PhysicalResourceId") else {
                continue;
            };
            let place = (stack.to_owned(), physical.to_owned());
            match event.text("ResourceStatus") {
                Some("CREATE_COMPLETE") => self.made.insert(place),
                Some(status) if status.starts_with("IMPORT") => self.imported.insert(place),
                _ => false,
            };
        }
        if answer.text("NextToken").is_some() {
            return;
        }
        for implied in &mut progress.seen.implied {
            if implied.place.0 == stack {
                let place = &implied.place;
                implied.own = self.made.contains(place) && !self.imported.contains(place);
            }
        }
        self.within(stack, progress);
    }

    /// What else is to be read of the stack that a change set changes.
    fn behind_changes(&self, asked: Asked<'_>, stack: &str, progress: &mut Progress) {
        if !self.more && !asks_for(progress, STACKS, stack) {
            progress.todo.push_back(of_stack(STACKS, stack));
        }
        match asked.ledger.owns(stack) {
            true => progress.todo.push_back(of_stack(EVENTS, stack)),
            false => self.within(stack, progress),
        }
    }

    /// The stacks that go with `stack`.
    fn within(&self, stack: &str, progress: &mut Progress) {
        let implied = progress.seen.implied.iter();
        let nested = implied.filter(|it| it.kind == NESTED && it.place.0 == stack);
        let nested: Vec<_> = nested.map(|it| (it.place.1.clone(), it.own)).collect();
        for (id, own) in nested {
            walk(&id, own, progress);
        }
    }
}

/// All that is to be read of one stack.
fn walk(id: &str, own: bool, progress: &mut Progress) {
    let template = of_stack(TEMPLATE, id).with(
        "TemplateStage",
        cordon_aws::value::Value::String("Processed".into()),
    );
    progress.todo.extend([template, of_stack(RESOURCES, id)]);
    if own {
        progress.todo.push_back(of_stack(EVENTS, id));
    }
}

fn of_stack(operation: &'static str, id: &str) -> Read {
    Read::new(operation, [("StackName", id.to_owned())])
}

fn asks_for(progress: &Progress, operation: &str, stack: &str) -> bool {
    let mut todo = progress.todo.iter();
    todo.any(|read| read.operation == operation && read.text("StackName") == stack)
}

/// The change set and the stack that a call means by their names.
fn pin(answer: &Answer, progress: &mut Progress) -> Result<(), LookError> {
    let id = answer
        .text("ChangeSetId")
        .ok_or(LookError::Silent("which change set it is"))?;
    if answer.text("ExecutionStatus") != Some("AVAILABLE") {
        let status = answer.text("ExecutionStatus").unwrap_or("unknown");
        return Err(LookError::NotReady(format!(
            "the change set cannot be executed: its status is {status}"
        )));
    }
    // The name of a change set can be given to another one between the look and the call.
    let pins = vec![
        ("ChangeSetName", text_value(id)),
        ("StackName", text_value(changed(answer)?)),
    ];
    let seen = &mut progress.seen;
    if !seen.pins.is_empty() && seen.pins != pins {
        return Err(LookError::NotReady(
            "it is another change set by now".to_owned(),
        ));
    }
    seen.pins = pins;
    seen.itself = Some(Class::Update);
    Ok(())
}

/// The stack that a change set changes.
fn changed(answer: &Answer) -> Result<&str, LookError> {
    let stack = answer.text("StackId");
    stack.ok_or(LookError::Silent("which stack it is"))
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

/// Whether a change makes or changes a principal or what one may do, or lets code of its own run. A stack
/// within the stack that changes tells by its own change set; of one that is made nothing is told.
fn is_granting(change: &Answer) -> bool {
    let kind = change.text("ResourceType");
    change.text("Action") != Some("Remove")
        && !is_changed_within(change)
        && kind.is_none_or(template::grants)
}

/// Whether a change is one of a stack within the stack, whose resources may end although it stays.
fn is_changed_within(change: &Answer) -> bool {
    change.text("ResourceType") == Some(NESTED) && change.text("Action") == Some("Modify")
}

/// The access that removing a resource of `stack` is; nothing for what is disposable.
fn implied(
    call: &Call,
    stack: &str,
    resource: &Answer,
    end: End,
) -> Result<Option<Implied>, LookError> {
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
    let (action, arn) = removal(call, kind, physical, BY_THE_STACK);
    Ok(Some(Implied {
        action,
        arn,
        kind: kind.to_owned(),
        source: format!("{logical} of the stack"),
        end,
        place: (stack.to_owned(), physical.to_owned()),
        own: false,
    }))
}

/// The access that removing one resource by Cloud Control is. What takes others along is nothing
/// that one ARN tells.
pub(super) fn removed(call: &Call, kind: &str, physical: &str, end: End) -> Implied {
    let (action, arn) = match WHOLES.contains(&kind) {
        true => (BY_CLOUD_CONTROL, "*".to_owned()),
        false => removal(call, kind, physical, BY_CLOUD_CONTROL),
    };
    Implied {
        action,
        arn,
        kind: kind.to_owned(),
        source: "Identifier".to_owned(),
        end,
        place: (String::new(), physical.to_owned()),
        own: false,
    }
}

/// What a resource of this type may be called, if one of `texts` is its name.
pub(super) fn arns(call: &Call, kind: &str, texts: &[String]) -> Vec<String> {
    let known = TYPES.iter().find(|(named, _, _)| *named == kind);
    let texts = known
        .into_iter()
        .flat_map(|(_, _, format)| texts.iter().filter_map(|text| arn(call, format, text)));
    texts.collect()
}

/// The action that removes a resource, and its ARN: `*` where Cordon cannot write one.
fn removal(
    call: &Call,
    kind: &str,
    physical: &str,
    otherwise: &'static str,
) -> (&'static str, String) {
    let known = TYPES.iter().find(|(named, _, _)| *named == kind);
    let (action, arn) = match known {
        Some((_, action, format)) => (*action, arn(call, format, physical)),
        None => (otherwise, None),
    };
    (action, arn.unwrap_or_else(|| "*".to_owned()))
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
        for (kind, action) in known.chain([("a stack", BY_THE_STACK), ("it", BY_CLOUD_CONTROL)]) {
            let rule = actions.find(action);
            let class = rule.map(|rule| rule.class);
            assert_eq!(class, Some(Class::Destroy), "{action} of {kind}");
        }
        assert!(TYPES.is_sorted() && DISPOSABLE.is_sorted() && WHOLES.is_sorted());
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
