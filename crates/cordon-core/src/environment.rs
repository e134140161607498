//! The environment map: ordered rules from account, region and ARN pattern to an environment.
//! What no rule names is `unclassified`, which no task may change.
//!
//! ```toml
//! schema = "cordon.environments/v1"
//!
//! [environment.cn-prod]           # a name that tasks and rules use, and what it is part of
//! in = ["prod"]
//!
//! [[rule]]                        # the first rule that matches decides
//! environment = "cn-prod"
//! accounts = ["444455556666"]     # all of the conditions given must hold
//! regions  = ["cn-north-1", "cn-northwest-1"]
//! arns     = ["arn:aws-cn:*"]
//! ```

use crate::document::{Document, Section};
use crate::fault::{Faults, did_you_mean};
use crate::glob;
use crate::names::Environment;
use cordon_aws::arn::{AccountId, Region};
use std::collections::{BTreeMap, BTreeSet};

/// The word for a resource that no rule names.
pub const UNCLASSIFIED: &str = "unclassified";

/// How deep environments may be part of each other.
const DEEPEST: usize = 8;

/// The rules of `environments.toml`, in order; the first that matches wins.
#[derive(Debug, Clone)]
pub struct EnvironmentMap {
    rules: Vec<Rule>,
    /// Each environment with everything that it is part of, itself not counted.
    parents: BTreeMap<Environment, BTreeSet<Environment>>,
    unclassified: Environment,
}

#[derive(Debug, Clone)]
struct Rule {
    environment: Environment,
    accounts: Vec<AccountId>,
    regions: Vec<Region>,
    arns: Vec<Box<str>>,
}

/// How a rule answers for one resource.
enum Answer {
    Matches,
    Differs,
    /// The request's ARN has a `*` that stands for resources on both sides of the rule.
    Unclear,
}

impl Default for EnvironmentMap {
    /// The map without rules: everything is unclassified.
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the name is a constant of the right alphabet"
        )]
        let unclassified = UNCLASSIFIED.parse().expect("a valid name");
        Self {
            rules: Vec::new(),
            parents: BTreeMap::new(),
            unclassified,
        }
    }
}

impl EnvironmentMap {
    /// Reads the text of `environments.toml`.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let (mut document, mut top) = Document::parse(file, text);
        let mut map = Self::default();
        if let Some(schema) = document.required_string(&mut top, "schema", "cordon.environments/v1")
            && schema.value != "cordon.environments/v1"
        {
            let message = format!("unknown schema `{}`", schema.value);
            document.fault(
                schema.offset,
                message,
                "this version reads `cordon.environments/v1`",
            );
        }
        map.read_environments(&mut document, &mut top);
        for section in document.sections(&mut top, "rule") {
            let rule = map.read_rule(&mut document, section);
            map.rules.extend(rule);
        }
        document.finish(top);
        Faults::or(document.into_faults(), map)
    }

    fn read_environments<'t>(&mut self, document: &mut Document<'t>, top: &mut Section<'t>) {
        let Some(mut section) = document.section(top, "environment") else {
            return;
        };
        let mut direct: BTreeMap<Environment, Vec<(Environment, usize)>> = BTreeMap::new();
        for (key, value) in section.take_all() {
            let name = format!("[environment.{}]", key.value);
            let Some(mut entry) = document.as_section(name, value) else {
                continue;
            };
            let parents = document.strings(&mut entry, "in");
            document.finish(entry);
            let Some(environment) = environment_name(document, &key.value, key.offset) else {
                continue;
            };
            let parents = parents.into_iter().filter_map(|parent| {
                environment_name(document, &parent.value, parent.offset)
                    .map(|name| (name, parent.offset))
            });
            direct.insert(environment, parents.collect());
        }
        for (environment, parents) in &direct {
            let mut all = BTreeSet::new();
            let mut layer: Vec<Environment> = parents.iter().map(|(p, _)| p.clone()).collect();
            for _ in 0..DEEPEST {
                let grand = layer.iter().filter_map(|parent| direct.get(parent));
                let next = grand.flatten().map(|(p, _)| p.clone()).collect();
                all.extend(std::mem::replace(&mut layer, next));
            }
            if !layer.is_empty() || all.contains(environment) {
                let offset = parents.first().map_or(0, |(_, offset)| *offset);
                let message = format!("`{environment}` is part of itself, or nested too deep");
                document.fault(offset, message, format!("at most {DEEPEST} levels"));
            }
            self.parents.insert(environment.clone(), all);
        }
        // What is only named as a parent (`prod`) is an environment too.
        for (parent, _) in direct.into_values().flatten() {
            self.parents.entry(parent).or_default();
        }
    }

    fn read_rule<'t>(&self, document: &mut Document<'t>, section: Section<'t>) -> Option<Rule> {
        let mut section = section;
        let offset = section.offset();
        let name = document.required_string(&mut section, "environment", "dev");
        let accounts = document.strings(&mut section, "accounts");
        let regions = document.strings(&mut section, "regions");
        let arns = document.strings(&mut section, "arns");
        if section.take("tags").is_some() {
            document.fault(
                offset,
                "rules by tag are not supported by this version",
                "name accounts, regions or ARN patterns instead",
            );
        }
        document.finish(section);
        if accounts.is_empty() && regions.is_empty() && arns.is_empty() {
            document.fault(
                offset,
                "a rule without a condition would classify everything",
                "name `accounts`, `regions` or `arns`",
            );
        }
        let mut rule = Rule {
            environment: environment_name(document, &name.as_ref()?.value, name.as_ref()?.offset)?,
            accounts: Vec::new(),
            regions: Vec::new(),
            arns: Vec::new(),
        };
        if !self.parents.contains_key(&rule.environment) {
            let known = self.parents.keys().map(Environment::as_str);
            let help = did_you_mean(rule.environment.as_str(), known)
                .unwrap_or_else(|| format!("declare it: `[environment.{}]`", rule.environment));
            let message = format!("environment `{}` is not declared", rule.environment);
            document.fault(name?.offset, message, help);
        }
        for account in accounts {
            match account.value.parse() {
                Ok(id) => rule.accounts.push(id),
                Err(error) => document.fault(account.offset, error.to_string(), ""),
            }
        }
        for region in regions {
            match region.value.parse() {
                Ok(name) => rule.regions.push(name),
                Err(error) => document.fault(region.offset, error.to_string(), ""),
            }
        }
        for arn in arns {
            match arn.value.starts_with("arn:") && arn.value.matches(':').count() >= 5 {
                true => rule.arns.push(arn.value.into()),
                false => {
                    let message = format!("`{}` is not an ARN pattern", arn.value);
                    let help = "expected `arn:partition:service:region:account:resource`, `*` allowed in each part";
                    document.fault(arn.offset, message, help);
                }
            }
        }
        Some(rule)
    }

    /// The environment of the resource `arn`, which lies in `account` and `region` even where
    /// its ARN names neither (S3). An ARN with `*` belongs to an environment only where all that
    /// it may stand for does; else it is unclassified.
    #[must_use]
    pub fn environment_of(
        &self,
        arn: &str,
        account: Option<&AccountId>,
        region: Option<&Region>,
    ) -> &Environment {
        for rule in &self.rules {
            match rule.answer(arn, account, region) {
                Answer::Matches => return &rule.environment,
                Answer::Unclear => return &self.unclassified,
                Answer::Differs => {}
            }
        }
        &self.unclassified
    }

    /// Everything that `environment` is part of, itself not counted.
    pub fn parents_of(&self, environment: &Environment) -> impl Iterator<Item = &Environment> {
        self.parents.get(environment).into_iter().flatten()
    }

    /// Whether the map knows `environment`. `unclassified` is not an environment to declare.
    #[must_use]
    pub fn knows(&self, environment: &Environment) -> bool {
        self.parents.contains_key(environment)
    }

    /// Every environment, by name.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.parents.keys()
    }

    /// The environment of what no rule names.
    #[must_use]
    pub fn unclassified(&self) -> &Environment {
        &self.unclassified
    }
}

impl Rule {
    fn answer(&self, arn: &str, account: Option<&AccountId>, region: Option<&Region>) -> Answer {
        let in_account = self.accounts.is_empty()
            || account.is_some_and(|account| self.accounts.contains(account));
        let in_region =
            self.regions.is_empty() || region.is_some_and(|region| self.regions.contains(region));
        if !in_account || !in_region {
            return Answer::Differs;
        }
        if self.arns.is_empty() || self.arns.iter().any(|pattern| glob::matches(pattern, arn)) {
            return Answer::Matches;
        }
        let wild = arn.contains(['*', '?']);
        match wild && self.arns.iter().any(|pattern| glob::overlap(pattern, arn)) {
            true => Answer::Unclear,
            false => Answer::Differs,
        }
    }
}

fn environment_name(document: &mut Document<'_>, text: &str, offset: usize) -> Option<Environment> {
    if text == UNCLASSIFIED {
        let message = format!("`{UNCLASSIFIED}` means that no rule matched; it cannot be declared");
        document.fault(offset, message, "choose another name");
        return None;
    }
    match text.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let error: crate::names::NameError = error;
            document.fault(offset, error.to_string(), "");
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const MAP: &str = r#"
        schema = "cordon.environments/v1"
        [environment.prod]
        [environment.cn-prod]
        in = ["prod"]
        [environment.dev]
        [[rule]]
        environment = "cn-prod"
        accounts = ["111122223333"]
        arns = ["arn:aws-cn:lambda:*:*:function:pay-*"]
        [[rule]]
        environment = "dev"
        accounts = ["111122223333"]
        regions = ["cn-north-1"]
    "#;

    fn check(arn: &str, account: &str, region: &str, expected: &str) {
        let map = EnvironmentMap::parse("environments.toml", MAP).unwrap();
        let account = account.parse().ok();
        let region = region.parse().ok();
        let found = map.environment_of(arn, account.as_ref(), region.as_ref());
        assert_eq!(found.as_str(), expected, "{arn}");
    }

    const FUNCTION: &str = "arn:aws-cn:lambda:cn-north-1:111122223333:function:";

    #[test]
    fn a_wildcard_that_may_reach_production_is_in_no_environment() {
        for name in ["*", "pa*", "*-x", "?ay-x"] {
            let expected = match name {
                // `?` is a plain character in the map's patterns, yet overlap is asked for it.
                "?ay-x" => "dev",
                _ => "unclassified",
            };
            check(
                &format!("{FUNCTION}{name}"),
                "111122223333",
                "cn-north-1",
                expected,
            );
        }
        check(
            &format!("{FUNCTION}pay-*"),
            "111122223333",
            "cn-north-1",
            "cn-prod",
        );
    }

    #[test]
    fn what_no_rule_names_is_unclassified() {
        check(
            &format!("{FUNCTION}other"),
            "999988887777",
            "cn-north-1",
            "unclassified",
        );
        check(
            &format!("{FUNCTION}other"),
            "111122223333",
            "us-east-1",
            "unclassified",
        );
        check(
            &format!("{FUNCTION}other"),
            "",
            "cn-north-1",
            "unclassified",
        );
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        check(
            &format!("{FUNCTION}pay-1"),
            "111122223333",
            "cn-north-1",
            "cn-prod",
        );
        check(
            &format!("{FUNCTION}other"),
            "111122223333",
            "cn-north-1",
            "dev",
        );
    }

    #[test]
    fn an_environment_is_in_all_that_contains_it() {
        let map = EnvironmentMap::parse("environments.toml", MAP).unwrap();
        let parents: Vec<&str> = map
            .parents_of(&"cn-prod".parse().unwrap())
            .map(Environment::as_str)
            .collect();
        assert_eq!(parents, ["prod"]);
    }

    #[test]
    fn faults_are_found_together() {
        let text = r#"schema = "cordon.environments/v1"
[environment.a]
in = ["b"]
[environment.b]
in = ["a"]
[environment.unclassified]
[[rule]]
environment = "aa"
[[rule]]
environment = "b"
accounts = ["12"]
arns = ["s3"]
tags = { env = "prod" }
"#;
        let faults = EnvironmentMap::parse("e.toml", text).unwrap_err();
        let lines: Vec<u32> = faults.iter().map(|fault| fault.line).collect();
        assert_eq!(lines, [3, 5, 6, 7, 8, 9, 11, 12], "{faults}");
    }
}
