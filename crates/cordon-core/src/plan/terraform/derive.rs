//! From a resource change to the calls that the provider makes for it.

use super::fill::{self, Attributes};
use super::table::{self, Phase, Row};
use super::{ResourceChange, Step, TerraformPlan, is_nothing, is_unknown};
use cordon_aws::arn::{AccountId, Arn, Region};
use cordon_aws::call::Call;
use serde_json::Value;
use std::collections::BTreeSet;

/// Where the plan's calls are made, as far as the plan itself does not tell.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The account.
    pub account: Option<AccountId>,
    /// The region.
    pub region: Option<Region>,
}

/// The calls of one resource change.
#[derive(Debug)]
pub struct Planned<'p> {
    pub(super) change: &'p ResourceChange,
    pub(super) calls: Vec<Derived>,
}

/// One call that the provider would make.
#[derive(Debug)]
pub(in crate::plan) struct Derived {
    pub(in crate::plan) call: Call,
    pub(in crate::plan) step: Step,
}

impl Planned<'_> {
    pub(in crate::plan) fn address(&self) -> &str {
        &self.change.address
    }

    pub(in crate::plan) fn calls(&self) -> &[Derived] {
        &self.calls
    }

    /// Whether it is removed and made again.
    pub(in crate::plan) fn replaces(&self) -> bool {
        self.change.steps.len() > 1
    }

    pub(in crate::plan) fn of_aws(&self) -> bool {
        self.change.of_aws
    }
}

impl TerraformPlan {
    /// Where the calls are made: as told, else what the plan itself tells.
    #[must_use]
    pub fn place(&self, told: Place) -> Place {
        let arns: Vec<Arn> = self.changes.iter().filter_map(own_arn).collect();
        let account = told.account.or_else(|| {
            let mut accounts = arns.iter().filter_map(|arn| arn.account().parse().ok());
            accounts.next()
        });
        let region = told.region.or_else(|| self.region.clone()).or_else(|| {
            let mut regions = arns.iter().filter_map(|arn| arn.region().parse().ok());
            regions.next()
        });
        Place { account, region }
    }

    /// The calls of each change, in the order of the plan.
    pub(in crate::plan) fn planned<'p>(
        &'p self,
        place: &'p Place,
    ) -> impl Iterator<Item = Planned<'p>> {
        self.changed().map(move |change| Planned {
            calls: self.calls(change, place, Depth::Whole),
            change,
        })
    }

    fn calls(&self, change: &ResourceChange, place: &Place, depth: Depth) -> Vec<Derived> {
        let Some(rows) = table::rows(&change.kind) else {
            return Vec::new();
        };
        let mut calls = Vec::new();
        for step in &change.steps {
            let made = rows.iter().filter(|row| is_made(row, rows, change, *step));
            calls.extend(made.filter_map(|row| self.call(row, change, *step, place, depth)));
        }
        calls
    }

    fn call(
        &self,
        row: &Row,
        change: &ResourceChange,
        step: Step,
        place: &Place,
        depth: Depth,
    ) -> Option<Derived> {
        let known = Known {
            plan: self,
            change,
            step,
            place,
            depth,
        };
        let parameters = fill::parameters(row.operation, &row.fill, &known);
        let region = known.region()?;
        let account = place.account.clone();
        let call = Call::planned(row.operation, parameters, region, account).ok()?;
        Some(Derived { call, step })
    }

    /// The ARN that a resource will have which is not there yet, where its name tells it.
    fn predicted_arn(&self, change: &ResourceChange, place: &Place) -> Option<Value> {
        let calls = self.calls(change, place, Depth::Names);
        let access = calls.first()?.call.accesses().first()?;
        let arn: Arn = access.resource.arn.parse().ok()?;
        (!arn.has_wildcard()).then(|| Value::String(arn.as_str().to_owned()))
    }
}

/// How far references to other resources are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// To the ARNs that others will have.
    Whole,
    /// Not at all: only what the plan has written out.
    Names,
}

/// The resource's own ARN, of before or as planned.
fn own_arn(change: &ResourceChange) -> Option<Arn> {
    let sides = [&change.before, &change.after];
    let mut arns = sides
        .into_iter()
        .filter_map(|side| side.get("arn")?.as_str());
    arns.find_map(|arn| {
        arn.parse()
            .ok()
            .filter(|arn: &Arn| !arn.account().is_empty())
    })
}

/// Whether the provider makes the call of a row in a step of a change.
fn is_made(row: &Row, rows: &[Row], change: &ResourceChange, step: Step) -> bool {
    let side = match step {
        Step::Delete => &change.before,
        Step::Create | Step::Update => &change.after,
    };
    let set = || row.when.is_empty() || row.when.iter().any(|name| is_set(side, change, name));
    match (row.phase, step) {
        (Phase::Create, Step::Create) | (Phase::Delete, Step::Delete) => set(),
        (Phase::Read, Step::Create | Step::Update | Step::Delete) => true,
        (Phase::Update, Step::Update) => {
            let changed = changed_names(change);
            let named = |row: &Row| row.when.iter().any(|name| changed.contains(name));
            match row.when.is_empty() {
                false => named(row),
                true => changed.iter().any(|name| {
                    let of_another = rows.iter().any(|other| other.when.contains(name));
                    !of_another && !is_tags(name)
                }),
            }
        }
        (Phase::Tag, Step::Update) => tags(&change.after)
            .iter()
            .any(|tag| !tags(&change.before).contains(tag)),
        (Phase::Untag, Step::Update) => {
            let kept: BTreeSet<_> = tags(&change.after)
                .into_iter()
                .map(|(key, _)| key)
                .collect();
            tags(&change.before)
                .iter()
                .any(|(key, _)| !kept.contains(key))
        }
        _ => false,
    }
}

fn is_tags(name: &str) -> bool {
    matches!(name, "tags" | "tags_all")
}

fn tags(side: &Value) -> Vec<(&str, &str)> {
    let of = |name| side.get(name).and_then(Value::as_object);
    let Some(tags) = of("tags_all").or_else(|| of("tags")) else {
        return Vec::new();
    };
    let pairs = tags.iter();
    pairs
        .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
        .collect()
}

/// The attributes that an update changes.
fn changed_names(change: &ResourceChange) -> BTreeSet<&str> {
    let Some(after) = change.after.as_object() else {
        return BTreeSet::new();
    };
    let open = change.unknown.as_object();
    let known = after.iter().filter(|(name, value)| {
        let before = change.before.get(name.as_str()).unwrap_or(&Value::Null);
        before != *value && !(is_nothing(before) && is_nothing(value))
    });
    let known = known.map(|(name, _)| name.as_str());
    let open = open
        .into_iter()
        .flatten()
        .filter(|(_, marks)| is_unknown(marks));
    // What the provider computes anew is no change by itself, unless the plan had a value to change.
    let open = open
        .map(|(name, _)| name.as_str())
        .filter(|name| after.get(*name).is_some_and(|value| !is_nothing(value)));
    known.chain(open).collect()
}

/// Whether an attribute is set to something; `name=value`: to that.
fn is_set(side: &Value, change: &ResourceChange, name: &str) -> bool {
    if let Some((name, wanted)) = name.split_once('=') {
        return at(side, name).and_then(Value::as_str) == Some(wanted);
    }
    let open = || at(&change.unknown, name).is_some_and(is_unknown);
    match at(side, name) {
        None => open(),
        Some(Value::Bool(set)) => *set,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(value) => !is_nothing(value) || open(),
    }
}

/// The value at a path of attributes and places in lists.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// What is known of a resource at one step.
struct Known<'p> {
    plan: &'p TerraformPlan,
    change: &'p ResourceChange,
    step: Step,
    place: &'p Place,
    depth: Depth,
}

impl Known<'_> {
    /// The region that the provider goes to for this resource.
    fn region(&self) -> Option<Region> {
        let own = self
            .value("region")
            .and_then(|own| own.as_str()?.parse().ok());
        let of_arn = || own_arn(self.change)?.region().parse().ok();
        own.or_else(of_arn).or_else(|| self.place.region.clone())
    }

    /// The value that another resource will have, which this one refers to.
    fn referred(&self, path: &str) -> Option<Value> {
        if self.depth == Depth::Names {
            return None;
        }
        let expressions = self.plan.references.get(&self.change.address)?;
        let references = expressions.get(path)?.get("references")?.as_array()?;
        // `aws_iam_role.x.arn` comes with `aws_iam_role.x`; anything more is an expression.
        let [Value::String(whole), Value::String(address)] = references.as_slice() else {
            return None;
        };
        let attribute = whole.strip_prefix(address.as_str())?.strip_prefix('.')?;
        let mut changes = self.plan.changes.iter();
        let other = changes.find(|change| change.address == *address)?;
        let known = at(&other.after, attribute).filter(|value| !is_nothing(value));
        known.cloned().or_else(|| match attribute {
            "arn" => self.plan.predicted_arn(other, self.place),
            "id" => named_by(&other.kind).and_then(|name| other.after.get(name).cloned()),
            _ => None,
        })
    }
}

impl Attributes for Known<'_> {
    fn value(&self, path: &str) -> Option<Value> {
        let change = self.change;
        let known = |side: &Value| at(side, path).filter(|value| !value.is_null()).cloned();
        let open = || at(&change.unknown, path).is_some_and(is_unknown);
        match self.step {
            Step::Delete => known(&change.before),
            Step::Update => known(&change.after)
                .or_else(|| known(&change.before))
                .or_else(|| self.referred(path)),
            Step::Create if open() => self.referred(path).or_else(|| match (path, self.depth) {
                ("arn", Depth::Whole) => self.plan.predicted_arn(change, self.place),
                _ => None,
            }),
            Step::Create => known(&change.after),
        }
    }
}

/// The attribute that is the `id` of a type as well.
fn named_by(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "aws_s3_bucket" => "bucket",
        "aws_lambda_function" => "function_name",
        "aws_cloudwatch_log_group"
        | "aws_dynamodb_table"
        | "aws_ecr_repository"
        | "aws_iam_group"
        | "aws_iam_instance_profile"
        | "aws_iam_role"
        | "aws_iam_user"
        | "aws_ssm_parameter" => "name",
        _ => return None,
    })
}
