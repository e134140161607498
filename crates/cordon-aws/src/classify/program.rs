//! Programs inside of parameters that make AWS calls under another identity: state machines, SSM
//! documents, targets of schedules, templates.
//!
//! Takes the text of a parameter; gives what the worst call in it does. A program is decided as if
//! its calls were made now; one that is not understood counts as destroying.

use super::tree::Tree;
use crate::call::Class;
use crate::catalog::Catalog;

/// Steps of SSM documents that make no call and run nothing.
const IDLE_STEPS: [&str; 7] = [
    "aws:approve",
    "aws:assertAwsResourceProperty",
    "aws:branch",
    "aws:loop",
    "aws:pause",
    "aws:sleep",
    "aws:waitForAwsResourceProperty",
];

/// Whether a program destroys, or may: a state machine, an SSM document, or the ARN of one call.
pub(super) fn destroys(catalog: &'static Catalog, text: &str) -> bool {
    if text.starts_with("arn:") {
        return target(catalog, text) == Some(Class::Destroy);
    }
    let Some(tree) = Tree::read(text) else {
        return true;
    };
    let mut found = false;
    tree.members(&mut |key, value| {
        found |= match (key, value.text()) {
            ("Resource", Some(arn)) => target(catalog, arn) == Some(Class::Destroy),
            ("action", Some(step)) => step_destroys(step),
            // The first documents have a step as a key: `runtimeConfig: {aws:runShellScript: ...}`.
            (step, _) => step_destroys(step),
        };
    });
    let mut maps = Vec::new();
    collect_calls(&tree, &mut maps);
    found
        || maps
            .into_iter()
            .any(|(service, api)| class(catalog, service, api) == Class::Destroy)
}

/// Whether a template makes principals or runs code of its own, or is not understood.
pub(super) fn grants(text: &str) -> bool {
    let Some(tree) = Tree::read(text) else {
        return true;
    };
    let Some(Tree::Map(resources)) = tree.get("Resources") else {
        return true;
    };
    // A macro may write anything into the template.
    tree.get("Transform").is_some()
        || resources.iter().any(|(_, resource)| {
            let kind = resource.get("Type").and_then(Tree::text);
            kind.is_none_or(super::template::grants)
        })
}

/// What a step of an SSM document does. Steps that run scripts or call others do what nobody can
/// tell from the document.
fn step_destroys(step: &str) -> bool {
    match step {
        // Told by the API that it names.
        "aws:executeAwsApi" => false,
        // `Resource`s of other documents use the same word for other things.
        step if !step.starts_with("aws:") => false,
        step => !IDLE_STEPS.contains(&step),
    }
}

/// `Service` and `Api` of every step that calls AWS.
fn collect_calls<'t>(tree: &'t Tree, found: &mut Vec<(&'t str, &'t str)>) {
    match tree {
        Tree::Text(_) => {}
        Tree::List(items) => items.iter().for_each(|item| collect_calls(item, found)),
        Tree::Map(members) => {
            if let (Some(service), Some(api)) = (tree.get("Service"), tree.get("Api")) {
                found.push((
                    service.text().unwrap_or_default(),
                    api.text().unwrap_or_default(),
                ));
            }
            for (_, member) in members {
                collect_calls(member, found);
            }
        }
    }
}

/// What the call that an ARN of a service integration names does; nothing for other ARNs.
fn target(catalog: &'static Catalog, arn: &str) -> Option<Class> {
    let mut parts = arn.split(':').skip(2);
    let integrates = matches!(parts.next(), Some("states" | "scheduler"));
    let (region, account) = (parts.next()?, parts.next()?);
    if !integrates || !region.is_empty() || !account.is_empty() {
        return None;
    }
    let rest: Vec<&str> = parts.collect();
    let (service, call) = match rest.as_slice() {
        ["aws-sdk", service, call] => (*service, *call),
        [service, call] => (*service, *call),
        // Not a form that we know.
        _ => return Some(Class::Destroy),
    };
    let call = call.split('.').next().unwrap_or_default();
    Some(class(catalog, service, call))
}

/// The class of an operation by the name that SDKs give its service: `deleteDBInstance` of `rds`.
fn class(catalog: &'static Catalog, service: &str, call: &str) -> Class {
    let plain = |name: &str| -> String {
        name.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let wanted = plain(service);
    let worst = catalog
        .services()
        .filter(|known| {
            plain(known.name()) == wanted
                || plain(known.iam_prefix()) == wanted
                || plain(known.name()).replace("v2", "") == wanted.replace("v2", "")
        })
        .flat_map(|known| known.operations())
        .filter(|operation| operation.name().eq_ignore_ascii_case(call))
        .map(super::class_of)
        .max();
    worst.unwrap_or(Class::Destroy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(resource: &str) -> String {
        format!(r#"{{"StartAt":"A","States":{{"A":{{"Type":"Task","Resource":"{resource}"}}}}}}"#)
    }

    #[test]
    fn a_state_machine_destroys_what_its_calls_destroy() {
        for (resource, expected) in [
            ("arn:aws:states:::aws-sdk:rds:deleteDBInstance", true),
            ("arn:aws-cn:states:::aws-sdk:rds:deleteDBInstance", true),
            ("arn:aws:states:::dynamodb:deleteItem", true),
            ("arn:aws:states:::aws-sdk:nosuch:getThing", true),
            ("arn:aws:states:::aws-sdk:rds:describeDBInstances", false),
            ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", false),
            ("arn:aws:lambda:eu-west-1:111122223333:function:f", false),
        ] {
            assert_eq!(
                destroys(Catalog::embedded(), &machine(resource)),
                expected,
                "{resource}"
            );
        }
        assert!(destroys(Catalog::embedded(), "{\"States\": "));
    }

    #[test]
    fn so_does_the_target_of_a_schedule() {
        let target = |call| destroys(Catalog::embedded(), &format!("arn:aws:scheduler:::{call}"));
        assert!(target("aws-sdk:ec2:terminateInstances"));
        assert!(target("something new"));
        assert!(!target("aws-sdk:ecs:describeServices"));
        let queue = "arn:aws:sqs:eu-west-1:111122223333:orders";
        assert!(!destroys(Catalog::embedded(), queue));
    }

    #[test]
    fn a_document_destroys_by_its_calls_and_by_scripts_that_nobody_can_read() {
        let document = |step: &str, inputs: &str| {
            format!("schemaVersion: '0.3'\nmainSteps:\n  - action: {step}\n    inputs: {inputs}\n")
        };
        for (step, inputs, expected) in [
            (
                "aws:executeAwsApi",
                "{Service: rds, Api: DeleteDBInstance}",
                true,
            ),
            (
                "aws:executeAwsApi",
                "{Service: rds, Api: DescribeDBInstances}",
                false,
            ),
            ("aws:executeScript", "{Script: x}", true),
            ("aws:runShellScript", "{}", true),
            ("aws:sleep", "{Duration: PT1M}", false),
        ] {
            let text = document(step, inputs);
            assert_eq!(destroys(Catalog::embedded(), &text), expected, "{text}");
        }
        let first =
            r#"{"schemaVersion":"1.2","runtimeConfig":{"aws:runShellScript":{"properties":[]}}}"#;
        assert!(destroys(Catalog::embedded(), first));
    }

    #[test]
    fn a_template_grants_by_principals_and_by_code_of_its_own() {
        let template = |kind: &str| format!("Resources:\n  R:\n    Type: {kind}\n");
        for (kind, expected) in [
            ("AWS::SQS::Queue", false),
            ("AWS::IAM::Role", true),
            ("Custom::Anything", true),
            ("AWS::CloudFormation::CustomResource", true),
        ] {
            assert_eq!(grants(&template(kind)), expected, "{kind}");
        }
        let macros = format!("Transform: Mine\n{}", template("AWS::SQS::Queue"));
        assert!(grants(&macros));
        assert!(grants("not a template"));
        assert!(grants("Resources: {}\nResources: {}\n"));
    }
}
