//! Policies: a bundle folder, loaded, strictly validated and sliced for speed.
//!
//! | file | holds |
//! | --- | --- |
//! | `NN-deny*.cedar`, `NN-preview*.cedar`, `NN-hold*.cedar` | guardrails: forbids, by outcome |
//! | `NN-ceiling*.cedar` | the ceiling: permits |
//! | `cordon.cedarschema` | the hand-written part of the schema |
//! | `environments.toml` | which resource is in which environment |
//! | `manifest.toml` | name, numeric limits, modes |
//! | `tests.toml` | what must come out (read by [`trial`] only) |
//!
//! Guardrails, ceiling and scope are three evaluations, never one merged set: merged, ceiling and
//! scope would be an OR.

mod lint;
mod manifest;
mod schema;
mod slice;
pub mod trial;

pub use manifest::Limits;

use crate::action::{ActionSet, Actions, Groups};
use crate::cedar::{self, AskError};
use crate::environment::EnvironmentMap;
use crate::fact::Fact;
use crate::fault::{Fault, Faults};
use crate::names::{ApproverGroup, CheckName, PolicyId};
use cedar_policy::{Authorizer, Entities, Policy, PolicySet, Request, Response};
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use lint::of_diagnostic;
pub(crate) use schema::suggest_action;
pub(crate) use slice::{BASE, Kind};
use slice::{Layer, Mentioned};

/// One validated policy bundle: guardrails, ceiling, environment map, version. Immutable; one
/// request keeps one.
#[derive(Debug)]
pub struct Policies {
    name: Box<str>,
    version: Box<str>,
    actions: Arc<Actions>,
    environments: EnvironmentMap,
    limits: Limits,
    mentioned: Mentioned,
    guardrails: Layer,
    ceiling: Layer,
    about: BTreeMap<Box<str>, About>,
    /// The facts that some policy speaks of.
    facts: BTreeSet<Fact>,
}

/// One file of a bundle, by its name within the folder.
#[derive(Debug, Clone)]
pub struct BundleFile {
    /// `10-deny.cedar`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What a forbid leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Deny,
    Preview,
    Hold,
}

/// What the annotations of a policy say.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) id: PolicyId,
    pub(crate) title: Box<str>,
    pub(crate) hint: Box<str>,
    /// `None` for the permits of the ceiling.
    pub(crate) verb: Option<Verb>,
    pub(crate) needs: Vec<ApproverGroup>,
    /// What must have been checked beside.
    pub(crate) checks: Vec<CheckName>,
    /// How many people of each group must agree.
    pub(crate) quorum: u32,
    /// How long they have.
    pub(crate) timeout: SignedDuration,
    /// Its place in the bundle.
    pub(crate) order: usize,
}

impl Policies {
    /// Loads and validates a bundle. `folder` is put before file names in messages.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(folder: &str, files: &[BundleFile], actions: Arc<Actions>) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let path = |name: &str| match folder.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", folder.trim_end_matches('/')),
        };
        let mut find = |name: &str| {
            let found = files.iter().find(|file| file.name == name);
            if found.is_none() {
                let help = "a bundle needs it; the baseline bundle is an example";
                faults.push(Fault::of_file(&path(name), "the file is missing", help));
            }
            found.map_or("", |file| file.text.as_str())
        };
        let schema_text = find("cordon.cedarschema");
        let environments_text = find("environments.toml");
        let manifest_text = find("manifest.toml");
        if !faults.is_empty() {
            return Err(Faults::or(faults, ()).err().unwrap_or_else(|| {
                Faults::from(Fault::of_file(folder, "the bundle is incomplete", ""))
            }));
        }
        let environments = keep(
            EnvironmentMap::parse(&path("environments.toml"), environments_text),
            &mut faults,
        );
        let manifest = keep(
            manifest::Manifest::parse(&path("manifest.toml"), manifest_text),
            &mut faults,
        );
        let cedar: Vec<(String, &str)> = files
            .iter()
            .filter(|file| file.name.ends_with(".cedar"))
            .map(|file| (path(&file.name), file.text.as_str()))
            .collect();
        let mut read = lint::read(&cedar, &mut faults);
        if !read.iter().any(|policy| policy.kind == Kind::Guardrail) {
            let help = "copy 10-deny.cedar, 11-preview.cedar and 12-hold.cedar of the baseline";
            faults.push(Fault::of_file(folder, "the bundle has no guardrail", help));
        }
        let mentioned = Mentioned::of(read.iter().map(|policy| &policy.policy));
        schema::check_names(&read, &actions, &mut faults);
        let schema = schema::build(
            &path("cordon.cedarschema"),
            schema_text,
            &mentioned,
            &actions,
        );
        let schema = keep(schema, &mut faults);
        if let Some(schema) = &schema {
            schema::validate(schema, &read, &mut faults);
        }
        if let Some(manifest) = &manifest {
            let known: Vec<&str> = read.iter().map(|policy| &*policy.id).collect();
            manifest.check(&path("manifest.toml"), manifest_text, &known, &mut faults);
            read.retain(|policy| !manifest.is_off(&policy.id));
        }
        let about = lint::about(&read);
        let (Some(environments), Some(manifest), Some(_)) = (environments, manifest, schema) else {
            return Faults::or(faults, ()).and_then(|()| {
                Err(Fault::of_file(folder, "the bundle could not be read", "").into())
            });
        };
        let of_kind = |kind: Kind| {
            let policies = read.iter().filter(|policy| policy.kind == kind);
            policies.map(|policy| policy.policy.clone()).collect()
        };
        let policies = Self {
            name: manifest.name.clone(),
            version: version(files).into(),
            limits: manifest.limits,
            guardrails: Layer::new(of_kind(Kind::Guardrail), true, &mentioned),
            ceiling: Layer::new(of_kind(Kind::Ceiling), false, &mentioned),
            environments,
            mentioned,
            about,
            actions,
            facts: facts_of(read.iter().map(|policy| &policy.policy)),
        };
        Faults::or(faults, policies)
    }

    /// `sha256:...` over the content of the files that decide.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The bundle's own name, from its manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which resource is in which environment.
    #[must_use]
    pub fn environments(&self) -> &EnvironmentMap {
        &self.environments
    }

    /// The actions that the bundle was validated against.
    #[must_use]
    pub fn actions(&self) -> &Arc<Actions> {
        &self.actions
    }

    /// The most that a task may ask for, in numbers.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Every group that some hold asks, with the most people of it that one asks for.
    #[must_use]
    pub fn groups(&self) -> BTreeMap<ApproverGroup, u32> {
        let mut groups = BTreeMap::new();
        for about in self.about.values() {
            for group in &about.needs {
                let most = groups.entry(group.clone()).or_insert(0);
                *most = about.quorum.max(*most);
            }
        }
        groups
    }

    /// Whether some policy that is in force speaks of one of these facts: what none speaks of need not
    /// be read.
    #[must_use]
    pub fn speaks_of(&self, facts: &[Fact]) -> bool {
        facts.iter().any(|fact| self.facts.contains(fact))
    }

    /// How many guardrails and ceiling permits it has.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.guardrails.len(), self.ceiling.len())
    }

    /// The ids of the guardrails, in the order of the bundle.
    pub fn guardrails(&self) -> impl Iterator<Item = &PolicyId> {
        let mut guardrails: Vec<&About> = self
            .about
            .values()
            .filter(|about| about.verb.is_some())
            .collect();
        guardrails.sort_by_key(|about| about.order);
        guardrails.into_iter().map(|about| &about.id)
    }

    /// The groups that lift what those of `ids` ask for that hold a call.
    pub fn needs<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<ApproverGroup> {
        let abouts = ids.into_iter().filter_map(|id| self.about(id));
        let holds = abouts.filter(|about| about.verb == Some(Verb::Hold));
        holds
            .flat_map(|about| about.needs.iter().cloned())
            .collect()
    }

    /// The checks that those of `ids` ask for that hold a call.
    pub fn checks_of<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<CheckName> {
        let abouts = ids.into_iter().filter_map(|id| self.about(id));
        abouts.flat_map(|about| about.checks.clone()).collect()
    }

    /// Whether a policy only has calls previewed: of one that is held later, it asks nothing.
    #[must_use]
    pub fn only_previews(&self, id: &str) -> bool {
        let about = self.about(id);
        about.is_some_and(|about| about.verb == Some(Verb::Preview))
    }

    /// Every check that some hold asks for.
    #[must_use]
    pub fn checks(&self) -> BTreeSet<&CheckName> {
        let checks = self.about.values().flat_map(|about| &about.checks);
        checks.collect()
    }

    pub(crate) fn about(&self, id: &str) -> Option<&About> {
        self.about.get(id)
    }

    /// The guardrails that can apply to an action, with one permit so that forbids show.
    pub(crate) fn guardrails_for(&self, action: &str, groups: Groups) -> Option<&PolicySet> {
        self.guardrails.slice(&self.mentioned, action, groups)
    }

    /// The permits of the ceiling that can apply to an action.
    pub(crate) fn ceiling_for(&self, action: &str, groups: Groups) -> Option<&PolicySet> {
        self.ceiling.slice(&self.mentioned, action, groups)
    }

    /// A bundle without one guardrail, to see whether a test notices.
    pub(crate) fn without(&self, id: &PolicyId) -> Self {
        Self {
            name: self.name.clone(),
            version: self.version.clone(),
            actions: Arc::clone(&self.actions),
            environments: self.environments.clone(),
            limits: self.limits,
            mentioned: self.mentioned.clone(),
            guardrails: self.guardrails.without(id.as_str(), &self.mentioned),
            ceiling: self.ceiling.without("", &self.mentioned),
            about: self.about.clone(),
            facts: self.facts.clone(),
        }
    }

    /// The actions of `set`, one for each kind that no policy of the bundle can tell apart.
    pub(crate) fn representatives(&self, set: &ActionSet) -> Vec<(&'static str, Groups)> {
        let mut seen = BTreeMap::new();
        for (index, rule) in self.actions.iter().enumerate() {
            if set.contains(index) {
                let groups = Groups::of_rule(rule);
                let key = self.mentioned.key(rule.action, groups);
                seen.entry(key).or_insert((rule.action, groups));
            }
        }
        seen.into_values().collect()
    }
}

/// One evaluation. Cedar skips a policy that fails to evaluate, so a caller must look at the
/// errors before the answer.
pub(crate) fn evaluate(set: &PolicySet, request: &Request, entities: &Entities) -> Response {
    Authorizer::new().is_authorized(request, set, entities)
}

/// Whether the ceiling alone permits a question; an error is a no.
pub(crate) fn permits(
    set: Option<&PolicySet>,
    question: Result<(Request, Entities), AskError>,
) -> bool {
    let (Some(set), Ok((request, entities))) = (set, question) else {
        return false;
    };
    let response = evaluate(set, &request, &entities);
    response.diagnostics().errors().next().is_none()
        && response.decision() == cedar_policy::Decision::Allow
}

/// The facts that policies name, in their heads or conditions.
fn facts_of<'p>(policies: impl Iterator<Item = &'p Policy>) -> BTreeSet<Fact> {
    let literals = policies.flat_map(Policy::entity_literals);
    let facts = literals.filter(|literal| literal.type_name() == &*cedar::FACT);
    facts
        .filter_map(|literal| Fact::named(literal.id().as_ref()))
        .collect()
}

fn keep<T>(result: Result<T, Faults>, faults: &mut Vec<Fault>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(found) => {
            faults.extend(found.into_vec());
            None
        }
    }
}

/// The digest of what decides: all files but the tests and what is no part of a bundle.
fn version(files: &[BundleFile]) -> String {
    let mut deciding: Vec<&BundleFile> = files
        .iter()
        .filter(|file| {
            file.name.ends_with(".cedar")
                || file.name.ends_with(".cedarschema")
                || matches!(&*file.name, "environments.toml" | "manifest.toml")
        })
        .collect();
    deciding.sort_by(|a, b| a.name.cmp(&b.name));
    let mut hash = Sha256::new();
    for file in deciding {
        for part in [&file.name, &file.text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// The findings about the permits of a task, held to the schema of a bundle. The permits are
/// generated, so this is a check on the generator.
#[cfg(test)]
pub(crate) fn validate_scope(
    files: &[BundleFile],
    actions: &Actions,
    permits: &PolicySet,
) -> Vec<String> {
    let schema = files
        .iter()
        .find(|file| file.name.ends_with(".cedarschema"));
    let schema = schema.map_or("", |file| &file.text);
    let mentioned = Mentioned::of(permits.policies());
    let schema = schema::build("s", schema, &mentioned, actions).unwrap_or_else(|e| panic!("{e}"));
    let validator = cedar_policy::Validator::new(schema);
    let mode = cedar_policy::ValidationMode::Strict;
    let result = validator.validate_with_level(permits, mode, 2);
    let errors = result.validation_errors().map(ToString::to_string);
    errors
        .chain(result.validation_warnings().map(ToString::to_string))
        .collect()
}

/// The schema of a bundle with the actions that `policies` name.
#[cfg(test)]
pub(crate) fn schema_for(
    files: &[BundleFile],
    actions: &Actions,
    policies: &PolicySet,
) -> cedar_policy::Schema {
    let schema = files
        .iter()
        .find(|file| file.name.ends_with(".cedarschema"));
    let schema = schema.map_or("", |file| &file.text);
    let mentioned = Mentioned::of(policies.policies());
    schema::build("s", schema, &mentioned, actions).unwrap_or_else(|faults| panic!("{faults}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{actions, baseline, baseline_files};

    fn faults_with(name: &str, change: impl Fn(&str) -> String) -> Vec<String> {
        let mut files = baseline_files();
        for file in &mut files {
            if file.name == name {
                file.text = change(&file.text);
            }
        }
        match Policies::load("p", &files, actions()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        }
    }

    fn check(name: &str, from: &str, to: &str, expected: &str) {
        let found = faults_with(name, |text| {
            assert!(text.contains(from), "{name} no longer has {from}");
            text.replacen(from, to, 1)
        });
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "expected `{expected}`, found {found:#?}"
        );
    }

    #[test]
    fn the_baseline_is_valid_and_all_its_tests_pass() {
        let policies = baseline();
        let report = match trial::run(
            &policies,
            "tests.toml",
            include_str!("../../../policies/tests.toml"),
        ) {
            Ok(report) => report,
            Err(faults) => panic!("{faults}"),
        };
        let failed: Vec<_> = report
            .tests
            .iter()
            .filter(|test| !test.differs.is_empty())
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
        assert_eq!(report.undecided, []);
        assert_eq!(report.unnoticed, []);
        assert!(report.passed() && report.tests.len() >= 30);
    }

    #[test]
    fn a_misspelt_action_is_found_and_suggested() {
        check(
            "10-deny.cedar",
            "secretsmanager:GetSecretValue",
            "secretsmanager:GetSecretValeu",
            "did you mean `secretsmanager:GetSecretValue`?",
        );
        check(
            "20-ceiling.cedar",
            "class:observe",
            "class:observ",
            "did you mean `class:observe`?",
        );
    }

    #[test]
    fn a_misspelt_fact_is_found() {
        check(
            "10-deny.cedar",
            "\"unidentified\")",
            "\"unidentifed\")",
            "unidentifed",
        );
    }

    #[test]
    fn a_type_error_is_found_with_its_place() {
        check(
            "11-preview.cedar",
            "principal.task.mode ==",
            "principal.tsk.mode ==",
            "p/11-preview.cedar:12:",
        );
    }

    #[test]
    fn house_rules_are_held() {
        for (name, from, to, expected) in [
            (
                "10-deny.cedar",
                "@outcome(\"deny\")",
                "@outcome(\"hold\")",
                "does not belong in this file",
            ),
            (
                "10-deny.cedar",
                "@outcome(\"deny\")\n",
                "",
                "has no @outcome",
            ),
            (
                "10-deny.cedar",
                "@id(\"task-expired\")",
                "@id(\"unidentified-call\")",
                "another policy too",
            ),
            ("10-deny.cedar", "@id(\"task-expired\")\n", "", "no @id"),
            (
                "10-deny.cedar",
                "@title(",
                "@titel(",
                "did you mean `title`?",
            ),
            (
                "10-deny.cedar",
                "The task has expired.",
                "{principal} expired.",
                "constant text",
            ),
            (
                "10-deny.cedar",
                "forbid",
                "permit",
                "permit among the guardrails",
            ),
            (
                "20-ceiling.cedar",
                "permit (",
                "forbid (",
                "forbid in the ceiling",
            ),
            (
                "12-hold.cedar",
                "@needs(\"senior\")\n",
                "",
                "does not say who lifts it",
            ),
            (
                "12-hold.cedar",
                "@needs(\"senior\")",
                "@needs(\"junior\")",
                "no condition asks for it",
            ),
            (
                "11-preview.cedar",
                "@title",
                "@needs(\"senior\")\n@title",
                "nobody lifts it",
            ),
            (
                "manifest.toml",
                "[mode]\nno-drift-by-tag",
                "[mode]\nno-drift-by-tog",
                "did you mean `no-drift-by-tag`?",
            ),
            (
                "manifest.toml",
                "no-drift-by-tag = \"off\"",
                "no-drift-by-tag = \"of\"",
                "write \"enforce\" or \"off\"",
            ),
            (
                "cordon.cedarschema",
                "\"force\", ",
                "",
                "differs from the facts",
            ),
        ] {
            check(name, from, to, expected);
        }
    }

    /// The first hold of a senior, asking for a check too.
    fn asking_for_checks(annotation: &str, condition: &str) -> Vec<String> {
        faults_with("12-hold.cedar", |text| {
            let text = text.replacen("@needs(\"senior\")", annotation, 1);
            let lifts = "{ context.approvals.contains(Cordon::ApproverGroup::\"senior\") }";
            assert!(text.contains(lifts));
            text.replacen(lifts, condition, 1)
        })
    }

    #[test]
    fn a_hold_asks_for_checks_in_its_annotation_and_in_its_condition() {
        let both = "{ context.approvals.contains(Cordon::ApproverGroup::\"senior\") && \
                    context.checks.contains(Cordon::Check::\"canary-tests\") }";
        let right = "@needs(\"senior\")\n@checks(\"canary-tests\")";
        assert_eq!(asking_for_checks(right, both), [""; 0]);
        let people_only = "{ context.approvals.contains(Cordon::ApproverGroup::\"senior\") }";
        let checks_only = "{ context.checks.contains(Cordon::Check::\"canary-tests\") }";
        for (annotation, condition, expected) in [
            (
                "@needs(\"senior\")\n@checks(\"canary-test\")",
                both,
                "did you mean `canary-tests`?",
            ),
            (right, people_only, "no condition asks for it"),
            ("@needs(\"senior\")", both, "but @checks does not"),
            ("@needs(\"senior\")\n@checks(\"\")", both, "is not a check"),
            (
                "@needs(\"senior\")\n@checks(\"canary-tests,,\")",
                both,
                "is not a check",
            ),
            (
                "@needs(\"senior\")\n@checks(\"canary tests\")",
                both,
                "is not a check",
            ),
            (
                "@needs(\"senior\")\n@check(\"canary-tests\")",
                both,
                "did you mean `checks`?",
            ),
            ("@checks(\"canary-tests\")", checks_only, "and for nobody"),
            (
                "@needs(\"\")\n@checks(\"canary-tests\")",
                checks_only,
                "and for nobody",
            ),
        ] {
            let found = asking_for_checks(annotation, condition);
            let place = found.iter().find(|fault| fault.contains(expected));
            let place = place.unwrap_or_else(|| panic!("expected `{expected}`, found {found:#?}"));
            assert!(place.starts_with("p/12-hold.cedar:"), "{place}");
        }
    }

    #[test]
    fn what_is_no_hold_asks_for_no_check() {
        check(
            "10-deny.cedar",
            "\n@title",
            "\n@checks(\"canary-tests\")\n@title",
            "no check lifts it",
        );
    }

    #[test]
    fn all_findings_are_reported_together() {
        let mut files = baseline_files();
        for file in &mut files {
            file.text = match &*file.name {
                "10-deny.cedar" => file.text.replace("@title(\"Task", "@titel(\"Task"),
                "11-preview.cedar" => {
                    "forbid (principal, action, resource) when { context.nothing };".to_owned()
                }
                "environments.toml" => file
                    .text
                    .replace("[environment.dev]", "[environment.dev]\nof = []"),
                _ => continue,
            };
        }
        let faults = Policies::load("p", &files, actions()).unwrap_err();
        let in_files: BTreeSet<&str> = faults.iter().map(|fault| &*fault.file).collect();
        assert_eq!(in_files.len(), 3, "{faults}");
    }

    #[test]
    fn a_policy_that_is_off_is_left_out_and_changes_the_version() {
        let mut files = baseline_files();
        for file in &mut files {
            let off = "[mode]\nno-drift = \"off\"";
            file.text = file.text.replace("[mode]", off);
        }
        let policies = Policies::load("p", &files, actions()).unwrap();
        assert!(policies.guardrails().all(|id| id.as_str() != "no-drift"));
        assert_ne!(policies.version(), baseline().version());
        // What no policy in force speaks of need not be read.
        let facts = [Fact::IacManaged, Fact::IacTagged, Fact::IacUnknown];
        assert!(baseline().speaks_of(&facts) && !policies.speaks_of(&facts));
    }

    #[test]
    fn tests_do_not_change_the_version() {
        let mut files = baseline_files();
        files.retain(|file| file.name != "tests.toml");
        let policies = Policies::load("p", &files, actions()).unwrap();
        assert_eq!(policies.version(), baseline().version());
    }
}
