//! Values that the tests of this crate share: the baseline bundle over a small table of actions.

use crate::action::Actions;
use crate::action::tests::rule;
use crate::policy::{BundleFile, Policies};
use cordon_aws::call::{AccessLevel, Class};
use std::sync::Arc;

/// Some actions of the services that the tests speak about.
pub(crate) fn actions() -> Arc<Actions> {
    use Class::*;
    let mut rules: Vec<_> = [
        ("lambda:GetFunction", Data),
        ("lambda:GetFunctionConfiguration", Observe),
        ("lambda:ListFunctions", Observe),
        ("lambda:CreateFunction", Create),
        ("lambda:UpdateFunctionCode", Update),
        ("lambda:UpdateFunctionConfiguration", Update),
        ("lambda:PublishVersion", Create),
        ("lambda:DeleteFunction", Destroy),
        ("lambda:AddPermission", Identity),
        ("elasticbeanstalk:DescribeEnvironments", Observe),
        ("elasticbeanstalk:DescribeEvents", Observe),
        ("elasticbeanstalk:CreateEnvironment", Create),
        ("elasticbeanstalk:UpdateEnvironment", Update),
        ("elasticbeanstalk:TerminateEnvironment", Destroy),
        ("elasticbeanstalk:RebuildEnvironment", Destroy),
        ("dynamodb:DescribeTable", Observe),
        ("dynamodb:GetItem", Data),
        ("dynamodb:UpdateTable", Update),
        ("dynamodb:DeleteTable", Destroy),
        ("rds:DescribeDBInstances", Observe),
        ("rds:ModifyDBInstance", Update),
        ("rds:DeleteDBInstance", Destroy),
        ("ec2:DescribeInstances", Observe),
        ("ec2:RunInstances", Create),
        ("ec2:StopInstances", Disrupt),
        ("ec2:TerminateInstances", Destroy),
        ("secretsmanager:DescribeSecret", Observe),
        ("secretsmanager:GetSecretValue", Data),
        ("secretsmanager:BatchGetSecretValue", Data),
        ("secretsmanager:RotateSecret", Disrupt),
        ("cloudtrail:StopLogging", Weaken),
        ("cloudformation:UpdateStack", Update),
        ("iam:GetRole", Observe),
        ("iam:PassRole", Identity),
        ("iam:DeleteRole", Destroy),
        ("sts:GetCallerIdentity", Observe),
        ("sts:AssumeRole", Identity),
        ("s3express:CreateSession", Identity),
        ("logs:CreateLogGroup", Create),
        ("logs:PutRetentionPolicy", Destroy),
        ("logs:TagResource", Update),
        ("s3:GetObject", Data),
        ("s3:PutObject", Update),
    ]
    .map(|(action, class)| rule(action, class))
    .into();
    for rule in &mut rules {
        if rule.action == "iam:DeleteRole" {
            rule.level = AccessLevel::PermissionsManagement;
        }
    }
    Arc::new(Actions::new(rules, "test"))
}

/// The files of the baseline bundle.
pub(crate) fn baseline_files() -> Vec<BundleFile> {
    [
        (
            "10-deny.cedar",
            include_str!("../../../policies/10-deny.cedar"),
        ),
        (
            "11-preview.cedar",
            include_str!("../../../policies/11-preview.cedar"),
        ),
        (
            "12-hold.cedar",
            include_str!("../../../policies/12-hold.cedar"),
        ),
        (
            "20-ceiling.cedar",
            include_str!("../../../policies/20-ceiling.cedar"),
        ),
        (
            "cordon.cedarschema",
            include_str!("../../../policies/cordon.cedarschema"),
        ),
        (
            "environments.toml",
            include_str!("../../../policies/environments.toml"),
        ),
        (
            "manifest.toml",
            include_str!("../../../policies/manifest.toml"),
        ),
        ("tests.toml", include_str!("../../../policies/tests.toml")),
    ]
    .map(|(name, text)| BundleFile {
        name: name.to_owned(),
        text: text.to_owned(),
    })
    .into()
}

/// The baseline bundle.
pub(crate) fn baseline() -> Policies {
    match Policies::load("policies", &baseline_files(), actions()) {
        Ok(policies) => policies,
        Err(faults) => panic!("{faults}"),
    }
}
