//! The second lock: the STS session policy for exactly one decision.
//!
//! AWS intersects it with the role, so it can only take away. It knows actions and ARNs; classes,
//! environments, provenance and approvals are Cordon's alone. Two kinds:
//!
//! | for | policy |
//! | --- | --- |
//! | changes and reads of data | exactly the call's actions on exactly its ARNs |
//! | reads of configuration | all of the task's reads, so that a task needs one session; where that does not fit, those of the called services; where that does not fit, exactly the call |
//!
//! STS takes 2,048 characters, and packs them into a space of which it tells only the share that is
//! used. What does not fit is narrowed step by step, never widened, and never cut: a policy without
//! some of a call's actions would fail in the middle of the call.

use crate::action::{ActionSet, Actions, prefix_of};
use crate::assess::AssessedAccess;
use crate::decide::Permit;
use crate::names::SessionId;
use crate::session::{AssumedRole, Descent};
use crate::task::{ReadGrant, Task};
use cordon_aws::call::Class;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// The most characters that STS takes for a session policy.
pub const LONGEST: usize = 2_048;

/// A session policy document that fits STS's limit of characters. Only [`SessionPolicy::of`] and
/// [`SessionPolicy::narrowed`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPolicy {
    text: Arc<str>,
    cache_key: [u8; 32],
}

/// What a session is called in STS and CloudTrail, so that a call leads back to its task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionName(Box<str>);

/// The source identity of a session, which AWS keeps through role chaining.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceIdentity(Box<str>);

/// Why there is no session policy for a decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionPolicyError {
    /// Not even the policy for this one call fits. Narrowing further would cut the call itself.
    #[error(
        "the session policy for this call takes {length} characters, STS takes 2048; split the call"
    )]
    TooLong {
        /// Its length.
        length: usize,
    },
}

impl SessionPolicy {
    /// The narrowest policy that fits for `permit`: for changes and data reads exactly its
    /// actions on exactly its ARNs; for other reads the task's reads as a whole, else those of
    /// the called service, else exactly the call.
    ///
    /// # Errors
    /// [`SessionPolicyError::TooLong`].
    pub fn of(permit: &Permit) -> Result<Self, SessionPolicyError> {
        let assessed = permit.assessed();
        let pairs = pairs(permit);
        let only_reads = assessed.call().class() == Class::Observe;
        let task = &assessed.session().task;
        // What an agent narrowed its session by is held to call by call.
        let narrowed = assessed.session().descent.as_ref();
        let may_share = only_reads && !narrowed.is_some_and(Descent::is_narrowed);
        let shared = may_share.then(|| shared(task, &pairs)).flatten();
        let text = match shared {
            Some(text) => text,
            None => exact(&pairs)?.into(),
        };
        Ok(Self::keyed(permit, text))
    }

    /// The policy for a step on the way to the role that the session of `permit` acts as: to assume
    /// the next role, and nothing else.
    ///
    /// # Errors
    /// [`SessionPolicyError::TooLong`].
    pub fn of_step(permit: &Permit, next: &AssumedRole) -> Result<Self, SessionPolicyError> {
        let text = exact(&[("sts:AssumeRole", next.arn.as_str())])?;
        Ok(Self::keyed(permit, text.into()))
    }

    /// The policy for a session that is good for nothing, by which a role is seen to trust.
    #[must_use]
    pub fn of_nothing(permit: &Permit) -> Self {
        const NOTHING: &str = "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\",\
             \"Action\":\"*\",\"Resource\":\"*\"}}";
        Self::keyed(permit, NOTHING.into())
    }

    /// The policy for exactly the call of `permit`, for when STS has no room for this one;
    /// nothing where this one is it already.
    ///
    /// # Errors
    /// [`SessionPolicyError::TooLong`].
    pub fn narrowed(&self, permit: &Permit) -> Result<Option<Self>, SessionPolicyError> {
        let text = exact(&pairs(permit))?;
        Ok((text != *self.text).then(|| Self::keyed(permit, text.into())))
    }

    fn keyed(permit: &Permit, text: Arc<str>) -> Self {
        let session = permit.assessed().session();
        let cache_key = key(&[
            session.task.id().as_str(),
            session.task.scope_digest(),
            &permit.verdict().policy_version,
            session.account.as_str(),
            &text,
        ]);
        Self { text, cache_key }
    }

    /// The JSON document.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its length in characters.
    #[must_use]
    pub fn length(&self) -> usize {
        self.text.chars().count()
    }

    /// Two permits with the same key need the same session: task, scope digest, policy version,
    /// account and document are in it; the role is for the broker to add.
    #[must_use]
    pub fn cache_key(&self) -> &[u8; 32] {
        &self.cache_key
    }
}

/// Action and ARN of each access of the call.
fn pairs(permit: &Permit) -> Vec<(&str, &str)> {
    permit.assessed().accesses().iter().map(pair).collect()
}

fn pair(access: &AssessedAccess) -> (&str, &str) {
    let resource = &access.access.resource;
    (&*access.access.action, known(&resource.arn, &resource.kind))
}

/// The resource as IAM knows it: an action without resource types is on `*` alone, whatever a look told
/// of it.
fn known<'a>(arn: &'a str, kind: &str) -> &'a str {
    match kind.contains(':') {
        true => arn,
        false => "*",
    }
}

/// The document for a change with these accesses (action, ARN and kind of each), to be shown: nothing is
/// minted by it.
///
/// # Errors
/// [`SessionPolicyError::TooLong`].
pub fn of_accesses<'a>(
    accesses: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> Result<String, SessionPolicyError> {
    let pairs: Vec<_> = accesses
        .map(|(action, arn, kind)| (action, known(arn, kind)))
        .collect();
    exact(&pairs)
}

fn key(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// A read session that other reads of the task can share, if one covers the call and fits.
fn shared(task: &Task, pairs: &[(&str, &str)]) -> Option<Arc<str>> {
    let reads = task.reads();
    let actions = task.actions();
    let covered = pairs.iter().all(|(action, arn)| {
        let index = actions.index(action);
        index.is_some_and(|index| {
            reads.grants.iter().any(|grant| {
                grant.actions.contains(index)
                    && grant
                        .resources
                        .iter()
                        .any(|pattern| crate::glob::matches(pattern, arn))
            })
        })
    });
    if !covered {
        return None;
    }
    let whole = reads
        .whole
        .get_or_init(|| fitting(&reads.grants, actions, None));
    if let Some(text) = whole {
        return Some(Arc::clone(text));
    }
    let services: BTreeSet<&str> = pairs.iter().map(|(action, _)| prefix_of(action)).collect();
    match services.iter().copied().collect::<Vec<_>>().as_slice() {
        [service] => {
            let cell = reads.of_service.get(service)?;
            cell.get_or_init(|| fitting(&reads.grants, actions, Some(service)))
                .clone()
        }
        _ => None,
    }
}

/// The document for the reads of one service, or of all; nothing where it is too long.
fn fitting(grants: &[ReadGrant], actions: &Actions, service: Option<&str>) -> Option<Arc<str>> {
    let mut statements = Statements::default();
    let mut length = 0;
    for grant in grants {
        for prefix in actions.prefixes() {
            if service.is_some_and(|service| service != prefix) {
                continue;
            }
            for pattern in minimise(actions, prefix, &grant.actions) {
                length += pattern.len();
                if length > LONGEST {
                    return None;
                }
                let resources = grant.resources.iter().map(|resource| escape(resource));
                statements.add(pattern, resources);
            }
        }
    }
    let text = statements.write();
    (text.chars().count() <= LONGEST).then(|| text.into())
}

fn exact(pairs: &[(&str, &str)]) -> Result<String, SessionPolicyError> {
    let mut statements = Statements::default();
    for (action, arn) in pairs {
        statements.add((*action).to_owned(), [escape(arn)]);
    }
    let text = statements.write();
    let length = text.chars().count();
    match length <= LONGEST {
        true => Ok(text),
        false => Err(SessionPolicyError::TooLong { length }),
    }
}

/// An ARN as IAM's policy language writes it. There `?` stands for any character and `${...}`
/// for a variable; in an ARN that Cordon decided on both are themselves. `*` stays: where an ARN
/// holds one, the decision was made for everything that it stands for.
fn escape(arn: &str) -> String {
    let mut escaped = String::with_capacity(arn.len());
    for c in arn.chars() {
        match c {
            '?' => escaped.push_str("${?}"),
            '$' => escaped.push_str("${$}"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The shortest prefix patterns that match every wanted action of a service and no other action
/// that the catalog knows. IAM compares actions without regard to case, so the others are too.
pub(crate) fn minimise(actions: &Actions, prefix: &str, wanted: &ActionSet) -> Vec<String> {
    let name = |action: &'static str| action.split_once(':').map_or(action, |(_, name)| name);
    let (inside, outside): (Vec<_>, Vec<_>) = actions
        .of_prefix(prefix)
        .map(|(index, rule)| (wanted.contains(index), name(rule.action)))
        .partition(|(wanted, _)| *wanted);
    let outside: Vec<String> = outside
        .iter()
        .map(|(_, name)| name.to_ascii_lowercase())
        .collect();
    let mut patterns: Vec<String> = Vec::new();
    let mut last: Option<&str> = None;
    for (_, name) in inside {
        let known = last.is_some_and(|last| {
            name.to_ascii_lowercase()
                .starts_with(last.to_ascii_lowercase().as_str())
        });
        if known {
            continue;
        }
        let shortest = (1..name.len())
            .filter_map(|end| name.get(..end))
            .find(|head| {
                let head = head.to_ascii_lowercase();
                !outside.iter().any(|other| other.starts_with(&head))
            });
        match shortest {
            Some(head) if head.len() + 1 < name.len() => {
                patterns.push(format!("{prefix}:{head}*"));
                last = Some(head);
            }
            _ => patterns.push(format!("{prefix}:{name}")),
        }
    }
    patterns
}

/// Actions by the set of resources that they are allowed on, so that no ARN is written twice.
#[derive(Debug, Default)]
struct Statements(BTreeMap<String, BTreeSet<String>>);

impl Statements {
    fn add(&mut self, action: String, resources: impl IntoIterator<Item = String>) {
        self.0.entry(action).or_default().extend(resources);
    }

    fn write(self) -> String {
        let mut by_resources: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
        for (action, resources) in self.0 {
            by_resources.entry(resources).or_default().insert(action);
        }
        let statements: Vec<String> = by_resources
            .iter()
            .map(|(resources, actions)| {
                format!(
                    "{{\"Effect\":\"Allow\",\"Action\":{},\"Resource\":{}}}",
                    one_or_many(actions),
                    one_or_many(resources)
                )
            })
            .collect();
        let statements = match statements.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(",")),
        };
        // `Version` is not decoration: without it IAM reads the language of 2008, in which
        // `${?}` is not an escape.
        format!("{{\"Version\":\"2012-10-17\",\"Statement\":{statements}}}")
    }
}

fn one_or_many(items: &BTreeSet<String>) -> String {
    let items: Vec<String> = items.iter().map(|item| json(item)).collect();
    match items.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(",")),
    }
}

/// A JSON string in ASCII alone: STS takes no characters above U+00FF.
fn json(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            ' '..='~' => json.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
    }
    json.push('"');
    json
}

impl SessionName {
    /// The name for the session that `permit` belongs to: `T-1042.S-...`, at most 64 characters.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        Self::of_child(permit, &permit.assessed().session().id)
    }

    /// The name for a session that `permit` begins. Not the one that the agent asked for: it would
    /// let an agent write the name of another task into the records of AWS.
    #[must_use]
    pub fn of_child(permit: &Permit, child: &SessionId) -> Self {
        let task = permit.assessed().session().task.id();
        Self(bounded(&format!("{task}.{child}")))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SourceIdentity {
    /// The source identity for the task that `permit` belongs to: `cordon.T-1042`.
    #[must_use]
    pub fn of(permit: &Permit) -> Self {
        Self(bounded(&format!(
            "cordon.{}",
            permit.assessed().session().task.id()
        )))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Ids have alphabets that STS takes; only the length of two together may be too much. The
/// beginning stays, which holds the task and enough of the session to find it.
fn bounded(text: &str) -> Box<str> {
    text.chars().take(64).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::tests::rule;
    use crate::glob;
    use proptest::prelude::*;

    fn reads_of(names: &[&'static str], wanted: &[&str]) -> (Actions, ActionSet) {
        let rules = names.iter().map(|name| rule(name, Class::Observe));
        let actions = Actions::new(rules, "test");
        let mut set = actions.none();
        wanted
            .iter()
            .filter_map(|name| actions.index(name))
            .for_each(|index| set.insert(index));
        (actions, set)
    }

    #[test]
    fn a_pattern_matches_no_other_action_in_whatever_case() {
        let names = [
            "s:GetThing",
            "s:GetThings",
            "s:getTheSecret",
            "s:ListThings",
            "s:Describe",
        ];
        let (actions, wanted) = reads_of(&names, &["s:GetThing", "s:GetThings", "s:ListThings"]);
        assert_eq!(minimise(&actions, "s", &wanted), ["s:GetThi*", "s:L*"]);
    }

    #[test]
    fn an_action_that_begins_another_one_is_named_whole() {
        let (actions, wanted) = reads_of(&["s:Get", "s:GetSecret"], &["s:Get"]);
        assert_eq!(minimise(&actions, "s", &wanted), ["s:Get"]);
    }

    #[test]
    fn what_is_special_to_iam_is_escaped() {
        let arn = "arn:aws:s3:::b/${aws:username}/a?b/\u{fc}\u{1f600}\"\\";
        let text = exact(&[("s3:GetObject", arn)]).unwrap();
        assert_eq!(
            text,
            "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"s3:GetObject\",\
             \"Resource\":\"arn:aws:s3:::b/${$}{aws:username}/a${?}b/\\u00fc\\ud83d\\ude00\\\"\\\\\"}}"
        );
        assert!(text.is_ascii());
    }

    #[test]
    fn statements_share_resources_and_repeat_none() {
        let pairs = [
            ("l:B", "arn:2"),
            ("l:A", "arn:1"),
            ("l:A", "arn:2"),
            ("l:C", "arn:1"),
            ("l:C", "arn:2"),
        ];
        assert_eq!(
            exact(&pairs).unwrap(),
            "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"l:A\",\"l:C\"],\
             \"Resource\":[\"arn:1\",\"arn:2\"]},{\"Effect\":\"Allow\",\"Action\":\"l:B\",\"Resource\":\"arn:2\"}]}"
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_cut() {
        let arns: Vec<String> = (0..100)
            .map(|n| format!("arn:aws:s3:::bucket/object-{n}"))
            .collect();
        let pairs: Vec<(&str, &str)> = arns.iter().map(|arn| ("s3:DeleteObject", &**arn)).collect();
        let SessionPolicyError::TooLong { length } = exact(&pairs).unwrap_err();
        assert!(length > LONGEST);
    }

    /// Whether a document allows an action on an ARN, read back by IAM's rules.
    fn allows(text: &str, action: &str, arn: &str) -> bool {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        let many = |value: &serde_json::Value| match value {
            serde_json::Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        many(&json["Statement"]).iter().any(|statement| {
            let names = |key: &str| {
                many(&statement[key])
                    .into_iter()
                    .map(|v| v.as_str().unwrap().to_owned())
            };
            names("Action").any(|p| glob::matches(&p.to_lowercase(), &action.to_lowercase()))
                && names("Resource").any(|p| {
                    let literal = p.replace("${?}", "?").replace("${$}", "$");
                    glob::matches(&literal, arn)
                })
        })
    }

    proptest! {
        /// Inside the decision: an exact policy allows the pairs of the call and no other.
        #[test]
        fn an_exact_policy_is_the_decision(
            pairs in proptest::collection::vec(("[a-c]:[A-C]{1,2}", "arn:[a-c?$]{1,3}"), 1..8),
            other in ("[a-c]:[A-C]{1,2}", "arn:[a-c?$]{1,3}"),
        ) {
            let borrowed: Vec<(&str, &str)> = pairs.iter().map(|(a, r)| (&**a, &**r)).collect();
            let text = exact(&borrowed).unwrap();
            for (action, arn) in &pairs {
                prop_assert!(allows(&text, action, arn));
            }
            let decided = pairs.iter().any(|(action, arn)| *action == other.0 && *arn == other.1);
            prop_assert_eq!(allows(&text, &other.0, &other.1), decided);
        }

        /// Minimised patterns match every wanted action and no other of the catalog.
        #[test]
        fn minimised_patterns_are_exact_over_the_catalog(
            names in proptest::collection::btree_set("[AaBb]{1,5}", 1..30),
            picks in proptest::collection::vec(any::<bool>(), 30),
        ) {
            // IAM has no two actions that differ in case only.
            let mut seen = BTreeSet::new();
            let names: Vec<&'static str> = names
                .into_iter()
                .filter(|name| seen.insert(name.to_lowercase()))
                .map(|name| &*Box::leak(format!("s:{name}").into_boxed_str()))
                .collect();
            let wanted: Vec<&str> = names.iter().zip(&picks).filter(|(_, pick)| **pick).map(|(n, _)| *n).collect();
            let (actions, set) = reads_of(&names, &wanted);
            let patterns = minimise(&actions, "s", &set);
            for name in &names {
                let matched = patterns.iter().any(|p| glob::matches(&p.to_lowercase(), &name.to_lowercase()));
                prop_assert_eq!(matched, wanted.contains(name), "{} {:?}", name, patterns);
            }
        }
    }
}
