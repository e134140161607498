//! Direct changes of what is managed as code: the next update of its stack undoes them, or fails.
//!
//! A stack writes tags that nobody else can write, so `iac-managed` is certain where it is told. By the
//! tags that people write for Terraform and its like the same cannot be said: Terraform itself changes
//! what it manages by direct calls, as an agent does. Those are a fact of their own, `iac-tagged`.
//!
//! Working with what is in a resource (items, messages, a restart) changes nothing that a stack
//! describes. CloudFormation's own calls are how a stack is changed, and a Beanstalk environment has
//! the tag of its own name.

use super::{Guard, Sight};
use crate::assess::AssessedAccess;
use crate::fact::Fact;
use crate::ledger::Ledger;
use crate::tags::{TagSet, Tags};
use cordon_aws::arn::Arn;
use cordon_aws::call::{Access, Call, Class};
use std::collections::BTreeSet;

pub(super) const GUARD: Guard = Guard {
    name: "managed",
    about: "direct changes of what a stack or a Terraform state has",
    finds: &[Fact::IacManaged, Fact::IacTagged, Fact::IacUnknown],
    look,
};

/// The facts that need tags to be read before a call is decided.
pub const FACTS: [Fact; 3] = [Fact::IacManaged, Fact::IacTagged, Fact::IacUnknown];

/// Keys that AWS alone writes, on what a stack, a Beanstalk environment or a provisioned product has.
const OF_AWS: [&str; 5] = [
    "aws:cloudformation:stack-id",
    "aws:cloudformation:stack-name",
    "aws:servicecatalog:provisionedProductArn",
    "elasticbeanstalk:environment-id",
    "elasticbeanstalk:environment-name",
];

/// Keys by which people say what manages a resource, in lower case and without what joins words.
const BY_PEOPLE: [&str; 4] = ["iac", "managedby", "provisionedby", "provisioner"];

/// What they name there, and keys that say it by themselves.
const TOOLS: [&str; 7] = [
    "cdk",
    "cloudformation",
    "crossplane",
    "opentofu",
    "pulumi",
    "terraform",
    "terragrunt",
];

/// Operations that change what is in a resource, or whether it runs, and nothing of how it is set up.
const WITHIN: [(&str, &str); 61] = [
    ("codebuild", "StartBuild"),
    ("codebuild", "StopBuild"),
    ("codepipeline", "StartPipelineExecution"),
    ("dynamodb", "BatchExecuteStatement"),
    ("dynamodb", "BatchWriteItem"),
    ("dynamodb", "DeleteItem"),
    ("dynamodb", "ExecuteStatement"),
    ("dynamodb", "ExecuteTransaction"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "TransactWriteItems"),
    ("dynamodb", "UpdateItem"),
    ("ec2", "RebootInstances"),
    ("ec2", "StartInstances"),
    ("ec2", "StopInstances"),
    ("ecr", "BatchDeleteImage"),
    ("ecr", "CompleteLayerUpload"),
    ("ecr", "InitiateLayerUpload"),
    ("ecr", "PutImage"),
    ("ecr", "UploadLayerPart"),
    ("ecs", "ExecuteCommand"),
    ("ecs", "RunTask"),
    ("ecs", "StartTask"),
    ("ecs", "StopTask"),
    ("elasticbeanstalk", "RestartAppServer"),
    ("elbv2", "DeregisterTargets"),
    ("elbv2", "RegisterTargets"),
    ("events", "PutEvents"),
    ("firehose", "PutRecord"),
    ("firehose", "PutRecordBatch"),
    ("glue", "StartJobRun"),
    ("kinesis", "PutRecord"),
    ("kinesis", "PutRecords"),
    ("lambda", "Invoke"),
    ("lambda", "InvokeAsync"),
    ("lambda", "InvokeWithResponseStream"),
    ("logs", "CreateLogStream"),
    ("logs", "PutLogEvents"),
    ("rds", "RebootDBCluster"),
    ("rds", "RebootDBInstance"),
    ("rds", "StartDBCluster"),
    ("rds", "StartDBInstance"),
    ("rds", "StopDBCluster"),
    ("rds", "StopDBInstance"),
    ("rds-data", "BatchExecuteStatement"),
    ("rds-data", "ExecuteStatement"),
    ("secretsmanager", "PutSecretValue"),
    ("secretsmanager", "RotateSecret"),
    ("sns", "Publish"),
    ("sns", "PublishBatch"),
    ("sqs", "ChangeMessageVisibility"),
    ("sqs", "ChangeMessageVisibilityBatch"),
    ("sqs", "DeleteMessage"),
    ("sqs", "DeleteMessageBatch"),
    ("sqs", "PurgeQueue"),
    ("sqs", "SendMessage"),
    ("sqs", "SendMessageBatch"),
    ("stepfunctions", "SendTaskFailure"),
    ("stepfunctions", "SendTaskSuccess"),
    ("stepfunctions", "StartExecution"),
    ("stepfunctions", "StartSyncExecution"),
    ("stepfunctions", "StopExecution"),
];

/// Whether the call changes how something is set up that is there before it, which a stack may have.
pub fn sets_up(call: &Call) -> bool {
    let name = (call.service().name(), call.operation().name());
    name.0 != "cloudformation" && WITHIN.binary_search(&name).is_err() && call.mutates()
}

/// Whether what a stack has would matter for one access: what the task made itself is its own.
pub fn concerns(access: &Access, ledger: &Ledger) -> bool {
    let changes = access.class.mutates() && access.class != Class::Create;
    changes && !ledger.owns(&access.resource.arn)
}

fn look(sight: &Sight<'_>, facts: &mut BTreeSet<Fact>) {
    let tags = &sight.knowledge.tags;
    if *tags == Tags::Unasked || !sets_up(sight.call) {
        return;
    }
    let concerned = |it: &&AssessedAccess| !it.own && concerns(&it.access, sight.knowledge.ledger);
    for access in sight.accesses.iter().filter(concerned) {
        match tags {
            Tags::Unasked => {}
            Tags::Unknown => {
                facts.insert(Fact::IacUnknown);
            }
            Tags::Known(_) => {
                let arn = &access.access.resource.arn;
                facts.extend(tags.of(arn).and_then(|tags| managed(arn, tags)));
            }
        }
    }
}

fn managed(arn: &str, tags: &TagSet) -> Option<Fact> {
    let of_beanstalk = arn
        .parse()
        .is_ok_and(|arn: Arn| arn.service() == "elasticbeanstalk");
    let by_aws = |key: &str| {
        OF_AWS.contains(&key) && !(of_beanstalk && key.starts_with("elasticbeanstalk:"))
    };
    if tags.keys().any(|key| by_aws(key)) {
        return Some(Fact::IacManaged);
    }
    tags.iter()
        .any(|(key, value)| says_so(key, value))
        .then_some(Fact::IacTagged)
}

/// `terraform = true`, `ManagedBy = Terraform`, `pulumi:project = shop`.
fn says_so(key: &str, value: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|it| !matches!(it, '-' | '_' | ' '));
        letters.collect::<String>().to_ascii_lowercase()
    };
    let (key, value) = (plain(key), plain(value));
    let first = key.split([':', '/', '.']).next().unwrap_or_default();
    let by_itself = TOOLS.contains(&first) && value != "false" && value != "no";
    by_itself || (BY_PEOPLE.contains(&&*key) && TOOLS.iter().any(|tool| value.contains(tool)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use cordon_aws::catalog::Catalog;

    const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111122223333:function:shop";
    const ENVIRONMENT: &str =
        "arn:aws:elasticbeanstalk:eu-west-1:111122223333:environment/shop/web";

    fn check(arn: &str, tags: &[(&str, &str)], expected: Option<Fact>) {
        let of: TagSet = tags
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        assert_eq!(managed(arn, &of), expected, "{arn} {tags:?}");
    }

    #[test]
    fn what_a_stack_has_is_managed() {
        let managed = Some(Fact::IacManaged);
        check(
            FUNCTION,
            &[("aws:cloudformation:stack-name", "shop")],
            managed,
        );
        check(
            FUNCTION,
            &[("elasticbeanstalk:environment-name", "web")],
            managed,
        );
        check(
            ENVIRONMENT,
            &[("aws:cloudformation:stack-id", "x")],
            managed,
        );
        // A tag beside it takes nothing away.
        let both = [
            ("aws:cloudformation:stack-name", "shop"),
            ("terraform", "false"),
        ];
        check(FUNCTION, &both, managed);
    }

    #[test]
    fn what_people_tag_is_told_apart() {
        let tagged = Some(Fact::IacTagged);
        for tags in [
            [("terraform", "true")],
            [("Terraform", "")],
            [("ManagedBy", "terraform")],
            [("managed-by", "OpenTofu 1.8")],
            [("pulumi:project", "shop")],
        ] {
            check(FUNCTION, &tags, tagged);
        }
    }

    #[test]
    fn other_tags_say_nothing() {
        for tags in [
            &[][..],
            &[("env", "dev"), ("owner", "terraform-team")],
            &[("terraform", "false")],
            &[("ManagedBy", "ola")],
            &[("cloudformation:x", "no")],
            // Of its own name.
        ] {
            check(FUNCTION, tags, None);
        }
        check(
            ENVIRONMENT,
            &[("elasticbeanstalk:environment-name", "web")],
            None,
        );
    }

    #[test]
    fn operations_within_a_resource_are_of_the_catalog() {
        assert!(WITHIN.is_sorted());
        for (service, operation) in WITHIN {
            let service = Catalog::embedded().service(service);
            let known = service.and_then(|it| it.operation(operation));
            assert!(known.is_some(), "{operation}");
        }
    }
}
