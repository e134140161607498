//! Change sets as CDK makes them: of a template that was uploaded before, one after the other under one name.

use super::{Cloud, STACK, arn, check, cloudformation, naming, resources, stack_id};
use cordon_aws::call::Class;
use cordon_core::decide::Outcome;

/// An administrator in a template that was uploaded before is none that came unseen: executing the change
/// set changes who may do what, which is above this ceiling, also where the stack is new.
#[test]
fn a_change_set_that_hands_out_permissions_is_one_that_does() {
    let page = |action: &str, kind: &str, more: &str| {
        format!(
            "<ChangeSetId>{}</ChangeSetId><StackId>{}</StackId><ExecutionStatus>AVAILABLE\
             </ExecutionStatus><Changes><member><ResourceChange><Action>{action}</Action>\
             <LogicalResourceId>Mei</LogicalResourceId><Replacement>False</Replacement>{kind}\
             </ResourceChange></member></Changes>{more}",
            arn("cloudformation changeSet/first/8y"),
            arn(STACK),
        )
    };
    let of = |kind: &str| format!("<ResourceType>{kind}</ResourceType>");
    let new = stack_id().replace(
        "</StackId>",
        "</StackId><StackStatus>REVIEW_IN_PROGRESS</StackStatus>",
    );
    for (action, kind, outcome) in [
        ("Add", of("AWS::IAM::User"), Outcome::Deny),
        ("Modify", of("AWS::IAM::Policy"), Outcome::Deny),
        ("Import", of("AWS::IAM::Role"), Outcome::Deny),
        ("Add", of("Custom::Anything"), Outcome::Deny),
        // What a stack within it makes is not told.
        ("Add", of("AWS::CloudFormation::Stack"), Outcome::Deny),
        ("Add", String::new(), Outcome::Deny),
        ("Add", of("AWS::SQS::Queue"), Outcome::Allow),
        ("Modify", of("AWS::SQS::Queue"), Outcome::Allow),
    ] {
        // Also where another page of the change set comes after, and says nothing of it.
        let (first, last) = (
            page(action, &kind, "<NextToken>more</NextToken>"),
            page("Add", &of("AWS::SQS::Queue"), ""),
        );
        let cloud: Cloud<'_> = &[
            ("DescribeChangeSet", "\"more\"", &last),
            ("DescribeChangeSet", "first", &first),
            ("DescribeStacks", "stack/shop/1a", &new),
        ];
        let mut judge = naming(&[]);
        let execute = cloudformation("ExecuteChangeSet&StackName=shop&ChangeSetName=first");
        let judgement = check(&mut judge, cloud, execute, outcome);
        let is_identity = judgement.accesses[0].access.class == Class::Identity;
        assert_eq!(is_identity, outcome == Outcome::Deny, "{action} {kind}");
        assert!(!judge.ledger().owns(&arn(STACK)) || outcome == Outcome::Allow);
    }
}

/// A plan is no resource: CDK takes that of its last deployment away before it makes the next.
#[test]
fn a_change_set_is_deleted_as_a_plan_that_it_is() {
    let delete = |stack: &str| {
        cloudformation(&format!(
            "DeleteChangeSet&StackName={stack}&ChangeSetName=cdk-deploy-change-set"
        ))
    };
    check(&mut naming(&[]), &[], delete("shop"), Outcome::Allow);
    check(&mut naming(&[]), &[], delete("billing"), Outcome::Deny);
}

/// Where a change set does not tell the id of what it removes, the stack does. What the stack does not have
/// never came to be.
#[test]
fn what_a_change_set_removes_without_its_id_is_looked_up() {
    let set = format!(
        "<ChangeSetId>{}</ChangeSetId><StackId>{}</StackId><ExecutionStatus>AVAILABLE\
         </ExecutionStatus><Changes><member><ResourceChange><Action>Remove</Action>\
         <LogicalResourceId>Orders</LogicalResourceId><ResourceType>AWS::DynamoDB::Table\
         </ResourceType></ResourceChange></member></Changes>",
        arn("cloudformation changeSet/first/8y"),
        arn(STACK),
    );
    let execute = || cloudformation("ExecuteChangeSet&StackName=shop&ChangeSetName=first");
    let table = ("Orders", "AWS::DynamoDB::Table", "orders");
    let queue = ("Jobs", "AWS::SQS::Queue", "https://q/jobs");
    let named = [("dynamodb table/orders", "dynamodb:DeleteTable")];
    for (there, named, outcome) in [
        (resources(&[queue, table]), &[][..], Outcome::Deny),
        (resources(&[queue, table]), &named[..], Outcome::Allow),
        (resources(&[queue]), &[][..], Outcome::Allow),
    ] {
        let cloud: Cloud<'_> = &[
            ("DescribeChangeSet", "first", &set),
            ("ListStackResources", "stack/shop/1a", &there),
        ];
        let judgement = check(&mut naming(named), cloud, execute(), outcome);
        let told = judgement.accesses.iter();
        let told = told.filter(|it| &*it.access.action == "dynamodb:DeleteTable");
        assert_eq!(told.count(), usize::from(there.contains("Orders")));
    }
    // Without the stack's answer nothing is known of it.
    let cloud: Cloud<'_> = &[("DescribeChangeSet", "first", &set)];
    check(&mut naming(&[]), cloud, execute(), Outcome::Deny);
}

/// CloudFormation reads a template in S3 as whoever calls: without that read in the call's own session AWS
/// would refuse it.
#[test]
fn a_template_in_s3_is_read_by_the_call_that_names_it() {
    let url = "https%3A%2F%2Fs3.eu-west-1.amazonaws.com%2Fassets%2Ft.json";
    let create = cloudformation(&format!(
        "CreateChangeSet&StackName=shop&ChangeSetName=first&ChangeSetType=CREATE&TemplateURL={url}"
    ));
    let judgement = check(&mut naming(&[]), &[], create, Outcome::Deny);
    let read = judgement.accesses.last().unwrap();
    assert_eq!(&*read.access.action, "s3:GetObject");
    assert_eq!(&*read.access.resource.arn, "arn:aws:s3:::assets/t.json");
}
