//! Reading the Cedar files of a bundle, and the house rules that Cedar does not know about.

use super::{About, Kind, Verb};
use crate::fault::{Fault, did_you_mean};
use crate::hold::PATIENCE;
use crate::names::{ApproverGroup, CheckName, PolicyId};
use crate::task::duration;
use cedar_policy::{Effect, Policy, PolicySet};
use jiff::SignedDuration;
use miette::Diagnostic;
use std::collections::BTreeMap;

/// The closed vocabulary of annotations.
const ANNOTATIONS: [&str; 11] = [
    "id", "outcome", "needs", "checks", "quorum", "timeout", "severity", "title", "hint",
    "incident", "owner",
];

/// The most people of one group that a hold may ask for.
const LARGEST_QUORUM: u32 = 10;
/// The shortest and the longest time that people may be given to decide.
const TIMEOUTS: [SignedDuration; 2] =
    [SignedDuration::from_mins(1), SignedDuration::from_hours(24)];

/// The longest title or hint.
const LONGEST_TEXT: usize = 240;

/// One policy with the place it was read at.
pub(crate) struct Read<'t> {
    /// The policy, renamed to its `@id`.
    pub(crate) policy: Policy,
    pub(crate) id: Box<str>,
    pub(crate) kind: Kind,
    verb: Option<Verb>,
    pub(crate) file: &'t str,
    pub(crate) text: &'t str,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Read<'_> {
    /// How many people of each group must agree; nothing where it is not said or not readable.
    fn quorum(&self) -> Option<u32> {
        let quorum = self.policy.annotation("quorum")?.parse().ok()?;
        (1..=LARGEST_QUORUM).contains(&quorum).then_some(quorum)
    }

    /// How long they have; nothing where it is not said or not readable.
    fn timeout(&self) -> Option<SignedDuration> {
        let [shortest, longest] = TIMEOUTS;
        let timeout = duration(self.policy.annotation("timeout")?)?;
        (shortest..=longest).contains(&timeout).then_some(timeout)
    }

    pub(crate) fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault::at(self.file, self.text, self.start, message, help)
    }

    /// A fault at the place where the policy writes `needle`, or at its beginning.
    pub(crate) fn fault_at(
        &self,
        needle: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Fault {
        let own = self.text.get(self.start..self.end).unwrap_or_default();
        let offset = own.find(needle).map_or(self.start, |at| self.start + at);
        Fault::at(self.file, self.text, offset, message, help)
    }
}

/// Parses every file and holds its policies to the house rules. Faulty policies stay in the
/// result as far as they could be read, so that validation finds the rest of their faults.
pub(crate) fn read<'t>(files: &'t [(String, &'t str)], faults: &mut Vec<Fault>) -> Vec<Read<'t>> {
    let mut all: Vec<Read<'t>> = Vec::new();
    for (file, text) in files {
        let Some((kind, verb)) = kind_of(file) else {
            let help =
                "name it NN-deny*.cedar, NN-preview*.cedar, NN-hold*.cedar or NN-ceiling*.cedar";
            faults.push(Fault::of_file(
                file,
                "the name does not say which layer the policies are",
                help,
            ));
            continue;
        };
        let set: PolicySet = match text.parse() {
            Ok(set) => set,
            Err(errors) => {
                faults.extend(errors.iter().map(|error| of_diagnostic(file, text, error)));
                continue;
            }
        };
        if set.num_of_templates() > 0 {
            faults.push(Fault::of_file(
                file,
                "templates are not policies of a bundle",
                "write the policy out",
            ));
        }
        let mut policies: Vec<Read<'t>> = set
            .policies()
            .map(|policy| {
                let place = policy.as_ref().loc();
                let (start, end) = place.map_or((0, 0), |place| (place.start(), place.end()));
                let id = policy.annotation("id").unwrap_or_default();
                Read {
                    policy: policy.clone(),
                    id: id.into(),
                    kind,
                    verb,
                    file,
                    text,
                    start,
                    end,
                }
            })
            .collect();
        policies.sort_by_key(|policy| policy.start);
        all.extend(policies);
    }
    for (index, policy) in all.iter_mut().enumerate() {
        check_id(policy, index, faults);
    }
    for policy in &all {
        check_annotations(policy, faults);
        check_layer(policy, faults);
        check_needs(policy, faults);
        check_checks(policy, faults);
    }
    check_unique(&mut all, faults);
    all
}

fn kind_of(file: &str) -> Option<(Kind, Option<Verb>)> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let (number, word) = name.strip_suffix(".cedar")?.split_once('-')?;
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    match word.split('-').next().filter(|_| numbered)? {
        "deny" => Some((Kind::Guardrail, Some(Verb::Deny))),
        "preview" => Some((Kind::Guardrail, Some(Verb::Preview))),
        "hold" => Some((Kind::Guardrail, Some(Verb::Hold))),
        "ceiling" => Some((Kind::Ceiling, None)),
        _ => None,
    }
}

fn check_id(policy: &mut Read<'_>, index: usize, faults: &mut Vec<Fault>) {
    if policy.id.is_empty() {
        let help = "write `@id(\"a-name-with-hyphens\")` above it";
        faults.push(policy.fault("the policy has no @id", help));
        policy.id = format!("unnamed-{index}").into();
    } else if let Err(error) = policy.id.parse::<PolicyId>() {
        faults.push(policy.fault_at("@id", error.to_string(), ""));
    }
    policy.policy = policy
        .policy
        .new_id(cedar_policy::PolicyId::new(&*policy.id));
}

fn check_unique(all: &mut Vec<Read<'_>>, faults: &mut Vec<Fault>) {
    let mut seen: BTreeMap<Box<str>, String> = BTreeMap::new();
    all.retain(|policy| match seen.get(&policy.id) {
        Some(first) => {
            let message = format!("`{}` is the @id of another policy too", policy.id);
            faults.push(policy.fault_at("@id", message, format!("the first is in {first}")));
            false
        }
        None => {
            seen.insert(policy.id.clone(), policy.file.to_owned());
            true
        }
    });
}

fn check_annotations(policy: &Read<'_>, faults: &mut Vec<Fault>) {
    for (name, value) in policy.policy.annotations() {
        if !ANNOTATIONS.contains(&name) {
            let help = did_you_mean(name, ANNOTATIONS)
                .unwrap_or_else(|| format!("known annotations: @{}", ANNOTATIONS.join(" @")));
            let message = format!("unknown annotation `@{name}`");
            faults.push(policy.fault_at(&format!("@{name}"), message, help));
        }
        let prose = matches!(name, "title" | "hint");
        if prose && (value.len() > LONGEST_TEXT || value.chars().any(char::is_control)) {
            let message = format!("@{name} is not one line of at most {LONGEST_TEXT} bytes");
            faults.push(policy.fault_at(&format!("@{name}"), message, ""));
        }
        // A hint is shown to agents as it is. Whoever writes a placeholder expects it to be
        // filled with something of the request, which nothing ever does.
        if prose && value.contains(['{', '}', '$', '`']) {
            let message = format!("@{name} must be constant text");
            faults.push(policy.fault_at(
                &format!("@{name}"),
                message,
                "leave `{ } $` and backticks out",
            ));
        }
    }
    let wanted: &[&str] = match policy.kind {
        Kind::Guardrail => &["outcome", "title", "hint"],
        Kind::Ceiling => &["title"],
    };
    for name in wanted {
        if policy.policy.annotation(name).is_none_or(str::is_empty) {
            let message = format!("`{}` has no @{name}", policy.id);
            faults.push(policy.fault(message, format!("write `@{name}(\"...\")` above it")));
        }
    }
}

fn check_layer(policy: &Read<'_>, faults: &mut Vec<Fault>) {
    match (policy.kind, policy.policy.effect()) {
        (Kind::Guardrail, Effect::Permit) => faults.push(policy.fault_at(
            "permit",
            format!("`{}` is a permit among the guardrails", policy.id),
            "guardrails only forbid; a permit belongs into NN-ceiling*.cedar",
        )),
        (Kind::Ceiling, Effect::Forbid) => faults.push(policy.fault_at(
            "forbid",
            format!("`{}` is a forbid in the ceiling", policy.id),
            "the ceiling only permits; a forbid belongs into NN-deny*.cedar or NN-hold*.cedar",
        )),
        _ => {}
    }
    let outcome = policy.policy.annotation("outcome");
    let expected = policy.verb.map(Verb::as_str);
    if outcome.is_some() && outcome != expected {
        let help = match expected {
            Some(expected) => format!("the file says `{expected}`: change the one or the other"),
            None => "a permit has no outcome".to_owned(),
        };
        let message = format!("@outcome of `{}` does not belong in this file", policy.id);
        faults.push(policy.fault_at("@outcome", message, help));
    }
}

fn check_needs(policy: &Read<'_>, faults: &mut Vec<Fault>) {
    let needs = policy.policy.annotation("needs");
    let is_hold = policy.verb == Some(Verb::Hold);
    match (is_hold, needs) {
        (true, None) => {
            let message = format!("the hold `{}` does not say who lifts it", policy.id);
            faults.push(policy.fault(message, "write `@needs(\"senior\")` above it"));
        }
        (false, Some(_)) => {
            let message = format!("`{}` is not a hold, so nobody lifts it", policy.id);
            faults.push(policy.fault_at("@needs", message, "leave @needs out"));
        }
        _ => {}
    }
    check_terms(policy, is_hold, faults);
    let literals = policy.policy.entity_literals();
    for group in list(needs.unwrap_or_default()) {
        match group.parse::<ApproverGroup>() {
            Err(error) => faults.push(policy.fault_at("@needs", error.to_string(), "")),
            Ok(_) => {
                let asked = literals.iter().any(|literal| {
                    literal.type_name() == &*crate::cedar::GROUP
                        && AsRef::<str>::as_ref(literal.id()) == group
                });
                if !asked {
                    let message = format!("@needs names `{group}`, but no condition asks for it");
                    let help = format!(
                        "add `unless {{ context.approvals.contains(Cordon::ApproverGroup::\"{group}\") }}`"
                    );
                    faults.push(policy.fault_at("@needs", message, help));
                }
            }
        }
    }
}

/// What a hold names in @checks it asks for in a condition, and the other way round, so that a name that
/// is misspelt in one of them is found. Checks stand beside people and never for them: a machine's word
/// alone lets nothing go.
fn check_checks(policy: &Read<'_>, faults: &mut Vec<Fault>) {
    let literals = policy.policy.entity_literals();
    let checks = literals
        .iter()
        .filter(|literal| literal.type_name() == &*crate::cedar::CHECK);
    let asked: Vec<&str> = checks.map(|literal| literal.id().as_ref()).collect();
    let written = policy.policy.annotation("checks");
    let named: Vec<&str> = written.map_or(Vec::new(), |checks| list(checks).collect());
    for check in &asked {
        if !named.contains(check) {
            let message = format!("a condition asks for the check `{check}`, but @checks does not");
            let help = did_you_mean(check, named.iter().copied());
            let help = help.unwrap_or_else(|| format!("write `@checks(\"{check}\")` above it"));
            faults.push(policy.fault_at(&format!("\"{check}\""), message, help));
        }
    }
    let Some(written) = written else { return };
    let mut fault = |message: String, help: String| {
        faults.push(policy.fault_at("@checks", message, help));
    };
    if policy.verb != Some(Verb::Hold) {
        let message = format!("`{}` is not a hold, so no check lifts it", policy.id);
        return fault(message, "leave @checks out".to_owned());
    }
    if policy
        .policy
        .annotation("needs")
        .is_none_or(|needs| list(needs).next().is_none())
    {
        let message = format!("`{}` asks for checks and for nobody", policy.id);
        let help = "checks stand beside people, never for them: name who decides in @needs";
        fault(message, help.to_owned());
    }
    // An empty name is one too many: what was meant to stand there?
    for check in written.split(',').map(str::trim) {
        if let Err(error) = check.parse::<CheckName>() {
            fault(
                error.to_string(),
                "write `@checks(\"canary-tests, load-tests\")`".to_owned(),
            );
        } else if !asked.contains(&check) {
            let message = format!("@checks names `{check}`, but no condition asks for it");
            let help = did_you_mean(check, asked.iter().copied()).unwrap_or_else(|| {
                format!("add `context.checks.contains(Cordon::Check::\"{check}\")` to `unless`")
            });
            fault(message, help);
        }
    }
}

/// How many people must agree, and how long they have.
fn check_terms(policy: &Read<'_>, is_hold: bool, faults: &mut Vec<Fault>) {
    let terms: [(&str, bool, &str); 2] = [
        (
            "quorum",
            policy.quorum().is_some(),
            "write how many people of each group must agree, 1 to 10: `@quorum(\"2\")`",
        ),
        (
            "timeout",
            policy.timeout().is_some(),
            "write how long people have to decide, 1m to 24h: `@timeout(\"15m\")`",
        ),
    ];
    for (name, readable, help) in terms {
        if policy.policy.annotation(name).is_none() {
            continue;
        }
        let place = format!("@{name}");
        if !is_hold {
            let message = format!("`{}` is not a hold, so nobody decides about it", policy.id);
            faults.push(policy.fault_at(&place, message, format!("leave {place} out")));
        } else if !readable {
            faults.push(policy.fault_at(&place, format!("{place} cannot be read"), help));
        }
    }
}

/// The names between commas.
fn list(names: &str) -> impl Iterator<Item = &str> {
    names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

/// What the annotations say, by id. Policies whose id is no name were reported and are left out.
pub(crate) fn about(read: &[Read<'_>]) -> BTreeMap<Box<str>, About> {
    let one = |(order, policy): (usize, &Read<'_>)| {
        let text = |name: &str| policy.policy.annotation(name).unwrap_or_default().into();
        let needs = policy.policy.annotation("needs").unwrap_or_default();
        let about = About {
            id: policy.id.parse().ok()?,
            title: text("title"),
            hint: text("hint"),
            verb: policy.verb,
            needs: list(needs).filter_map(|group| group.parse().ok()).collect(),
            checks: list(policy.policy.annotation("checks").unwrap_or_default())
                .filter_map(|check| check.parse().ok())
                .collect(),
            quorum: policy.quorum().unwrap_or(1),
            timeout: policy.timeout().unwrap_or(PATIENCE),
            order,
        };
        Some((policy.id.clone(), about))
    };
    read.iter().enumerate().filter_map(one).collect()
}

/// A finding of Cedar as a fault, at its own place.
pub(crate) fn of_diagnostic(file: &str, text: &str, error: &dyn Diagnostic) -> Fault {
    let label = error.labels().and_then(|mut labels| labels.next());
    let offset = label.map_or(0, |label| label.offset());
    let help = error
        .help()
        .map(|help| one_line(&help.to_string()))
        .unwrap_or_default();
    Fault::at(file, text, offset, one_line(&error.to_string()), help)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Verb {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Preview => "preview",
            Self::Hold => "hold",
        }
    }
}
