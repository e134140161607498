//! Templates of CloudFormation, and the documents of Cloud Control, which describe one resource.
//!
//! Takes their text; gives what Cordon asks of them. What is not understood in exactly one way
//! tells nothing: who asks takes that for the worse.

use super::tree::Tree;
use std::collections::BTreeSet;

/// The logical ids of the resources that stay when their stack goes, by their `DeletionPolicy`;
/// nothing where the template is not understood. `Snapshot` is no way to stay: a copy is kept, and
/// what was at work is gone.
#[must_use]
pub fn kept(template: &str) -> Option<BTreeSet<String>> {
    let tree = Tree::read(template)?;
    let Some(Tree::Map(resources)) = tree.get("Resources") else {
        return None;
    };
    let stays = |resource: &Tree| {
        let policy = resource.get("DeletionPolicy").and_then(Tree::text);
        matches!(policy, Some("Retain" | "RetainExceptOnCreate"))
    };
    let kept = resources.iter().filter(|(_, resource)| stays(resource));
    Some(kept.map(|(logical, _)| logical.clone()).collect())
}

/// Types that are principals, or may say anything of them.
const PRINCIPALS: [&str; 6] = [
    "AWS::IAM::",
    "AWS::Organizations::",
    "AWS::RAM::",
    "AWS::RolesAnywhere::",
    "AWS::SSO::",
    "Custom::",
];

/// Types that say who may use another resource, or run code of their own.
const GRANTS: [&str; 16] = [
    "AWS::CloudFormation::CustomResource",
    "AWS::CloudFormation::Macro",
    "AWS::CloudFormation::Stack",
    "AWS::ECR::RegistryPolicy",
    "AWS::Events::EventBusPolicy",
    "AWS::Lambda::LayerVersionPermission",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::Logs::ResourcePolicy",
    "AWS::S3::AccessPoint",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicInlinePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueueInlinePolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SecretsManager::ResourcePolicy",
];

/// Whether a resource of this type is a principal or what one may do, says who may use another one, or
/// runs code of its own: whoever makes or changes one hands out more than the call that does it says.
/// The calls that do the same one by one are of class `identity`.
#[must_use]
pub fn grants(kind: &str) -> bool {
    PRINCIPALS.iter().any(|begins| kind.starts_with(begins)) || GRANTS.contains(&kind)
}

/// Each resource of a template: its type, and the texts among its properties. One of these is its
/// name, where it has one.
#[must_use]
pub fn resources(template: &str) -> Vec<(String, Vec<String>)> {
    let Some(tree) = Tree::read(template) else {
        return Vec::new();
    };
    let Some(Tree::Map(resources)) = tree.get("Resources") else {
        return Vec::new();
    };
    let one = |resource: &Tree| {
        let kind = resource.get("Type")?.text()?.to_owned();
        let properties = resource.get("Properties");
        Some((kind, properties.map(members).unwrap_or_default()))
    };
    resources.iter().filter_map(|(_, it)| one(it)).collect()
}

/// The texts among the properties of one resource.
#[must_use]
pub fn properties(document: &str) -> Vec<String> {
    Tree::read(document)
        .as_ref()
        .map(members)
        .unwrap_or_default()
}

/// The name that a desired state gives to a resource of the type, by the one property that CloudFormation
/// calls after it: `LogGroupName` or `Name` of `AWS::Logs::LogGroup`. Nothing where several say it, and
/// where a property lets others in: such a resource is more than its name.
#[must_use]
pub fn name(document: &str, kind: &str) -> Option<String> {
    let tree = Tree::read(document)?;
    let Tree::Map(members) = &tree else {
        return None;
    };
    let opens = |name: &str| {
        ["Access", "Policy", "Public"]
            .iter()
            .any(|it| name.contains(it))
    };
    if members.iter().any(|(name, _)| opens(name)) {
        return None;
    }
    let last = kind.rsplit("::").next()?;
    let properties = [
        "Name".to_owned(),
        format!("{last}Name"),
        format!("{last}Identifier"),
    ];
    let mut named = properties.iter().filter_map(|name| tree.get(name)?.text());
    let name = named.next()?;
    named.next().is_none().then(|| name.to_owned())
}

/// The properties that a JSON patch touches, by the first step of its paths; nothing where it is
/// no patch.
#[must_use]
pub fn patched(patch: &str) -> Option<BTreeSet<String>> {
    let tree = Tree::read(&format!("{{\"patch\":{patch}}}"))?;
    let Tree::List(steps) = tree.get("patch")? else {
        return None;
    };
    let mut touched = BTreeSet::new();
    for step in steps {
        let paths = [step.get("path"), step.get("from")];
        step.get("path")?;
        for path in paths.into_iter().flatten() {
            let path = path.text()?.strip_prefix('/')?;
            touched.insert(path.split('/').next()?.to_owned());
        }
    }
    Some(touched)
}

fn members(tree: &Tree) -> Vec<String> {
    let Tree::Map(members) = tree else {
        return Vec::new();
    };
    let texts = members.iter().filter_map(|(_, value)| value.text());
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_retained_stays_and_nothing_else() {
        let yaml = "Resources:\n  A:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n  \
                    B:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: RetainExceptOnCreate\n  \
                    C:\n    Type: AWS::RDS::DBInstance\n    DeletionPolicy: Snapshot\n  \
                    D:\n    Type: AWS::S3::Bucket\n  \
                    E:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: !Ref Stays\n  \
                    F:\n    Type: AWS::S3::Bucket\n    UpdateReplacePolicy: Retain\n";
        assert_eq!(kept(yaml), Some(set(&["A", "B"])));
        let json = r#"{"Resources":{"A":{"Type":"T","DeletionPolicy":"Retain"},
            "B":{"Type":"T","DeletionPolicy":{"Ref":"Retain"}},
            "C":{"Type":"T","Properties":{"DeletionPolicy":"Retain"}}}}"#;
        assert_eq!(kept(json), Some(set(&["A"])));
    }

    #[test]
    fn who_may_do_what_is_told_by_types() {
        for (kind, expected) in [
            ("AWS::IAM::Role", true),
            ("AWS::RolesAnywhere::TrustAnchor", true),
            ("AWS::RAM::ResourceShare", true),
            ("Custom::Anything", true),
            ("AWS::S3::BucketPolicy", true),
            ("AWS::Lambda::Permission", true),
            ("AWS::S3::Bucket", false),
            ("AWS::AutoScaling::ScalingPolicy", false),
        ] {
            assert_eq!(grants(kind), expected, "{kind}");
        }
    }

    #[test]
    fn a_template_that_is_not_understood_tells_nothing() {
        for opaque in [
            "",
            "{",
            "[]",
            "Resources: &a\n  A: *a\n",
            r#"{"Resources":{"A":{"DeletionPolicy":"Retain","DeletionPolicy":"Delete"}}}"#,
            r#"{"Resources":[]}"#,
        ] {
            assert_eq!(kept(opaque), None, "{opaque}");
            assert!(resources(opaque).is_empty(), "{opaque}");
        }
    }

    #[test]
    fn resources_are_told_by_type_and_texts() {
        let text = r#"{"Resources":{"A":{"Type":"AWS::DynamoDB::Table","Properties":{
            "TableName":"orders","KeySchema":[]}},"B":{"Type":"AWS::S3::Bucket"}}}"#;
        let table = ("AWS::DynamoDB::Table".into(), vec!["orders".into()]);
        assert_eq!(resources(text), [table, ("AWS::S3::Bucket".into(), vec![])]);
        assert_eq!(
            properties(r#"{"TableName":"orders","Keys":[]}"#),
            ["orders"]
        );
        assert!(properties("[]").is_empty());
    }

    #[test]
    fn a_patch_tells_what_it_touches() {
        let patch = r#"[{"op":"replace","path":"/DeletionProtection","value":false},
            {"op":"add","path":"/Tags/0","value":{}},{"op":"move","from":"/A","path":"/B"}]"#;
        let touched = set(&["DeletionProtection", "Tags", "A", "B"]);
        assert_eq!(patched(patch), Some(touched));
        assert_eq!(patched("[]"), Some(set(&[])));
        assert_eq!(patched(r#"[{"op":"replace","path":""}]"#), None);
        for opaque in ["", "{}", "[1]", r#"[{"op":"remove"}]"#, "[],\"patch\":[]"] {
            assert_eq!(patched(opaque), None, "{opaque}");
        }
    }
}
