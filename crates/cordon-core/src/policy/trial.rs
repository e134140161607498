//! `policy test`: the tests of a bundle, whether every guardrail decides one of them, and whether
//! removing any one guardrail would be noticed.
//!
//! ```toml
//! schema = "cordon.tests/v1"
//!
//! [task.T-1042]                       # a whole task file, launched 2026-08-24T09:00:00Z
//! text = '''
//! schema = "cordon.task/v1"
//! ...
//! '''
//!
//! [resource.scratch]
//! arn = "arn:aws:lambda:eu-central-1:111122223333:function:scratch"
//! kind = "lambda:function"
//! environment = "dev"
//! own = true                          # the task created it
//!
//! [[test]]
//! name = "what the task created may be deleted"
//! action = "lambda:DeleteFunction"
//! resource = "scratch"
//! expect = "allow"                    # allow, hold, preview, deny
//! by = ["T-1042/allow-1"]             # must be among what decided; [] means nothing did
//! needs = []                          # exactly who can lift a hold
//! checks = []                         # exactly what must have been checked beside
//! ```
//! A test may set `task`, `mode`, `posture`, `now`, `facts`, `approvals`, `passed`, `used`, `blast`,
//! `last_minute` and `class` (what the parameters make of the action); `layers = "guardrails"`
//! leaves scope and ceiling open.

use super::Policies;
use crate::action::{Groups, prefix_of};
use crate::cedar::{self, Asked, Asker, Blast, Circumstance};
use crate::decide::{Finding, Layer, Layers, Outcome, Posture, weigh};
use crate::document::{Document, Placed, Section};
use crate::fact::Fact;
use crate::fault::{Fault, Faults, did_you_mean};
use crate::ledger::Used;
use crate::names::{ApproverGroup, CheckName, NameError, PolicyId};
use crate::task::{Launch, Mode, Task, Written};
use cordon_aws::call::{Access, Class, Resource};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// When the tasks of tests are launched unless they say otherwise.
const LAUNCHED: &str = "2026-08-24T09:00:00Z";

/// What came out of the tests of a bundle.
#[derive(Debug, Clone)]
pub struct Report {
    /// Each test, in order.
    pub tests: Vec<TestResult>,
    /// Guardrails that took part in the decision of no test.
    pub undecided: Vec<PolicyId>,
    /// Guardrails that could be removed without any test failing.
    pub unnoticed: Vec<PolicyId>,
}

/// What came out of one test.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// Its name.
    pub name: String,
    /// The line it is written at.
    pub line: u32,
    /// The outcome.
    pub outcome: Outcome,
    /// What differs from what the test expects; empty where it passed.
    pub differs: String,
}

impl TestResult {
    /// Whether it came out as the test expects.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.differs.is_empty()
    }
}

impl Report {
    /// Whether every test passed, every guardrail decides one, and each would be missed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.tests.iter().all(TestResult::passed)
            && self.undecided.is_empty()
            && self.unnoticed.is_empty()
    }
}

/// Runs the tests in the text of `tests.toml`, called `file` in messages.
///
/// # Errors
/// Every fault of the file and of the tasks in it.
pub fn run(policies: &Policies, file: &str, text: &str) -> Result<Report, Faults> {
    let trials = Trials::parse(policies, file, text)?;
    let findings: Vec<Finding> = trials
        .tests
        .iter()
        .map(|test| trials.ask(policies, test))
        .collect();
    let tests = trials
        .tests
        .iter()
        .zip(&findings)
        .map(|(test, finding)| TestResult {
            name: test.name.clone(),
            line: test.line,
            outcome: finding.outcome,
            differs: test.differs(finding),
        })
        .collect();
    let decided = |id: &PolicyId| {
        findings
            .iter()
            .any(|finding| finding.forbids.contains(id.as_str()))
    };
    let missed = |id: &PolicyId| {
        let without = policies.without(id);
        trials
            .tests
            .iter()
            .any(|test| !test.differs(&trials.ask(&without, test)).is_empty())
    };
    Ok(Report {
        tests,
        undecided: policies
            .guardrails()
            .filter(|id| !decided(id))
            .cloned()
            .collect(),
        unnoticed: policies
            .guardrails()
            .filter(|id| !missed(id))
            .cloned()
            .collect(),
    })
}

struct Trials {
    tasks: BTreeMap<String, InModes>,
    resources: BTreeMap<String, Target>,
    tests: Vec<Test>,
}

/// A task compiled in both modes, so that a test can turn the mode, and the mode it is written in.
struct InModes {
    preview: Task,
    live: Task,
    written: Mode,
}

struct Target {
    arn: String,
    kind: String,
    environment: crate::names::Environment,
    own: bool,
    owner: Option<String>,
}

struct Test {
    name: String,
    line: u32,
    task: String,
    action: String,
    resource: String,
    class: Option<Class>,
    guardrails_only: bool,
    mode: Option<Mode>,
    posture: Posture,
    now: Option<Timestamp>,
    facts: BTreeSet<Fact>,
    approvals: BTreeSet<ApproverGroup>,
    passed: BTreeSet<CheckName>,
    used: Used,
    last_minute: u32,
    blast: Option<Blast>,
    expect: Outcome,
    by: Option<Vec<String>>,
    needs: Option<BTreeSet<ApproverGroup>>,
    checks: Option<BTreeSet<CheckName>>,
}

impl Test {
    fn differs(&self, finding: &Finding) -> String {
        let mut differs = Vec::new();
        if finding.outcome != self.expect {
            let (expected, found) = (self.expect.as_str(), finding.outcome.as_str());
            differs.push(format!("expected {expected}, got {found}"));
        }
        let took_part: BTreeSet<&str> = finding
            .forbids
            .iter()
            .chain(&finding.permits)
            .map(|id| &**id)
            .collect();
        let listed: Vec<&str> = took_part.iter().copied().collect();
        match self.by.as_deref() {
            Some([]) if !finding.forbids.is_empty() => {
                differs.push(format!(
                    "expected no policy to decide, got {}",
                    listed.join(", ")
                ));
            }
            Some(by) => {
                let absent: Vec<&str> = by
                    .iter()
                    .map(|id| &**id)
                    .filter(|id| !took_part.contains(id))
                    .collect();
                if !absent.is_empty() {
                    differs.push(format!(
                        "{} did not take part, but [{}]",
                        absent.join(", "),
                        listed.join(", ")
                    ));
                }
            }
            None => {}
        }
        let (needs, checks) = match finding.outcome {
            Outcome::Hold => (finding.needs.clone(), finding.checks.clone()),
            _ => Default::default(),
        };
        if self.needs.as_ref().is_some_and(|wanted| *wanted != needs) {
            let found: Vec<&str> = needs.iter().map(ApproverGroup::as_str).collect();
            differs.push(format!("it needs [{}]", found.join(", ")));
        }
        if self.checks.as_ref().is_some_and(|wanted| *wanted != checks) {
            let found: Vec<&str> = checks.iter().map(CheckName::as_str).collect();
            differs.push(format!("its checks are [{}]", found.join(", ")));
        }
        differs.join("; ")
    }
}

impl Trials {
    fn ask(&self, policies: &Policies, test: &Test) -> Finding {
        self.try_ask(policies, test).unwrap_or_else(|| Finding {
            outcome: Outcome::Deny,
            reason: Some(crate::decide::DenyReason::Evaluation),
            forbids: BTreeSet::new(),
            permits: Vec::new(),
            needs: BTreeSet::new(),
            checks: BTreeSet::new(),
        })
    }

    fn try_ask(&self, policies: &Policies, test: &Test) -> Option<Finding> {
        let tasks = self.tasks.get(&test.task)?;
        let task = match test.mode.unwrap_or(tasks.written) {
            Mode::Preview => &tasks.preview,
            Mode::Live => &tasks.live,
        };
        let target = self.resources.get(&test.resource)?;
        let rule = policies.actions().find(&test.action)?;
        let access = Access {
            action: test.action.as_str().into(),
            resource: Resource {
                arn: target.arn.as_str().into(),
                kind: target.kind.as_str().into(),
                source: "".into(),
            },
            level: rule.level,
            class: test.class.unwrap_or(Groups::of_rule(rule).class),
        };
        let groups = Groups::of_access(&access, Some(rule));
        let parts: Vec<&str> = target.arn.splitn(6, ':').collect();
        let part = |index: usize| parts.get(index).copied().unwrap_or_default();
        let first = |own: &str, other: &str| match own.is_empty() {
            true => other.to_owned(),
            false => own.to_owned(),
        };
        let region = first(part(3), task.regions().first()?.as_str());
        let account = first(part(4), task.accounts().first()?.as_str());
        let circumstance = Circumstance {
            now: test
                .now
                .unwrap_or(task.launched_at() + SignedDuration::from_mins(1)),
            posture: test.posture,
            facts: &test.facts,
            blast: test.blast.unwrap_or(Blast {
                resources: 1,
                dependents: 0,
                score: 5,
                irreversible: access.class == Class::Destroy,
            }),
            used: test.used,
            cost: Used {
                mutations: u32::from(access.class.mutates()),
                creates: u32::from(access.class == Class::Create),
                destroys: u32::from(access.class == Class::Destroy),
            },
            last_minute: test.last_minute,
            approvals: &test.approvals,
            checks: &test.passed,
        };
        let asker = Asker {
            session: "S-test",
            task: task.id().as_str(),
            team: task.team().as_str(),
            agent: task.agents().first().map_or("agent", |agent| agent),
        };
        let asked = Asked {
            action: &test.action,
            groups,
            arn: &target.arn,
            kind: &target.kind,
            region: &region,
            account: &account,
            partition: part(1),
            environments: cedar::with_parents(&target.environment, policies.environments()),
            created_by: target.own.then_some(task.id().as_str()),
            owner: target.owner.as_deref(),
        };
        let context = cedar::context(&circumstance).ok()?;
        let (request, entities) =
            cedar::question(task.entities(), &asker, &asked, &context).ok()?;
        let guardrails = policies.guardrails_for(&test.action, groups);
        let layers = match test.guardrails_only {
            true => Layers {
                guardrails,
                ceiling: Layer::Everything,
                scope: Layer::Everything,
            },
            false => Layers {
                guardrails,
                ceiling: Layer::of(policies.ceiling_for(&test.action, groups)),
                scope: Layer::of_task(task, &asked, circumstance.now),
            },
        };
        Some(weigh(policies, &layers, &request, &entities))
    }

    fn parse(policies: &Policies, file: &str, text: &str) -> Result<Self, Faults> {
        let (mut document, mut top) = Document::parse(file, text);
        let document = &mut document;
        let mut faults = Vec::new();
        let schema = document.required_string(&mut top, "schema", "cordon.tests/v1");
        if let Some(schema) = schema.filter(|schema| schema.value != "cordon.tests/v1") {
            let message = format!("unknown schema `{}`", schema.value);
            document.fault(
                schema.offset,
                message,
                "this version reads `cordon.tests/v1`",
            );
        }
        let mut trials = Self {
            tasks: BTreeMap::new(),
            resources: BTreeMap::new(),
            tests: Vec::new(),
        };
        for (name, section) in named(document, &mut top, "task") {
            let compiled = read_task(document, policies, file, &name, section, &mut faults);
            trials
                .tasks
                .extend(compiled.map(|tasks| (name.value, tasks)));
        }
        for (name, section) in named(document, &mut top, "resource") {
            let target = read_target(document, section);
            trials
                .resources
                .extend(target.map(|target| (name.value, target)));
        }
        for section in document.sections(&mut top, "test") {
            let test = read_test(document, policies, &trials, text, section);
            trials.tests.extend(test);
        }
        if trials.tests.is_empty() {
            document.fault(top.offset(), "there is no test", "write `[[test]]`");
        }
        document.finish(std::mem::take(&mut top));
        faults.extend(document.take_faults());
        Faults::or(faults, trials)
    }
}

fn named<'t>(
    document: &mut Document<'t>,
    top: &mut Section<'t>,
    key: &'static str,
) -> Vec<(Placed<String>, Section<'t>)> {
    let Some(mut section) = document.section(top, key) else {
        return Vec::new();
    };
    let entries = section.take_all().into_iter().filter_map(|(name, value)| {
        let title = format!("[{key}.{}]", name.value);
        document
            .as_section(title, value)
            .map(|section| (name, section))
    });
    entries.collect()
}

fn read_task<'t>(
    document: &mut Document<'t>,
    policies: &Policies,
    file: &str,
    name: &Placed<String>,
    section: Section<'t>,
    faults: &mut Vec<Fault>,
) -> Option<InModes> {
    let mut section = section;
    let text = document.required_string(&mut section, "text", "schema = ...");
    let sponsor = document.string(&mut section, "sponsor");
    document.finish(section);
    let text = text?;
    let id = match name.value.parse() {
        Ok(id) => id,
        Err(error) => {
            let error: NameError = error;
            document.fault(name.offset, error.to_string(), "");
            return None;
        }
    };
    let sponsor = sponsor.map_or("sponsor".to_owned(), |sponsor| sponsor.value);
    let launch = Launch {
        id,
        sponsor: sponsor.parse().ok()?,
        at: LAUNCHED.parse().ok()?,
        mode: None,
        expires: None,
    };
    let place = format!("{file} [task.{}]", name.value);
    let compiled = Written::parse(&place, &text.value).and_then(|written| {
        let in_mode = |mode| {
            let mode = Some(mode);
            Task::compile(
                &written,
                policies,
                Launch {
                    mode,
                    ..launch.clone()
                },
            )
        };
        Ok(InModes {
            preview: in_mode(Mode::Preview)?,
            live: in_mode(Mode::Live)?,
            written: written.mode(),
        })
    });
    match compiled {
        Ok(tasks) => Some(tasks),
        Err(found) => {
            faults.extend(found.into_vec());
            None
        }
    }
}

fn read_target<'t>(document: &mut Document<'t>, section: Section<'t>) -> Option<Target> {
    let mut section = section;
    let arn = document.required_string(&mut section, "arn", "arn:aws:...");
    let kind = document.required_string(&mut section, "kind", "lambda:function");
    let environment = document.required_string(&mut section, "environment", "dev");
    let own = document.boolean(&mut section, "own");
    let owner = document.string(&mut section, "owner");
    document.finish(section);
    Some(Target {
        arn: arn?.value,
        kind: kind?.value,
        environment: environment?.value.parse().ok()?,
        own: own.unwrap_or(false),
        owner: owner.map(|owner| owner.value),
    })
}

fn read_test<'t>(
    document: &mut Document<'t>,
    policies: &Policies,
    trials: &Trials,
    text: &str,
    section: Section<'t>,
) -> Option<Test> {
    let mut section = section;
    let s = &mut section;
    let offset = s.offset();
    let name = document.required_string(s, "name", "what must come out");
    let action = document.required_string(s, "action", "lambda:DeleteFunction");
    let resource = document.required_string(s, "resource", "scratch");
    let expect = document.required_string(s, "expect", "deny");
    let task = document.string(s, "task");
    let layers = document.string(s, "layers");
    let class = document.string(s, "class");
    let mode = document.string(s, "mode");
    let posture = document.string(s, "posture");
    let now = document.string(s, "now");
    let facts = document.strings(s, "facts");
    let approvals = document.strings(s, "approvals");
    let passed = document.strings(s, "passed");
    let by = s
        .take("by")
        .map(|value| document.as_strings("`by` in [[test]]", value));
    let needs = s
        .take("needs")
        .map(|value| document.as_strings("`needs` in [[test]]", value));
    let checks = s
        .take("checks")
        .map(|value| document.as_strings("`checks` in [[test]]", value));
    let last_minute = document.count(s, "last_minute");
    let used = document
        .section(s, "used")
        .map(|section| read_units(document, section));
    let blast = document
        .section(s, "blast")
        .map(|section| read_blast(document, section));
    document.finish(section);

    let task = match task {
        Some(task) => {
            known(
                document,
                &task,
                trials.tasks.keys().map(String::as_str),
                "task",
            );
            task.value
        }
        None => trials.tasks.keys().next().cloned().unwrap_or_default(),
    };
    if let Some(resource) = &resource {
        known(
            document,
            resource,
            trials.resources.keys().map(String::as_str),
            "resource",
        );
    }
    if let Some(action) = action
        .as_ref()
        .filter(|a| policies.actions().find(&a.value).is_none())
    {
        let service = policies.actions().of_prefix(prefix_of(&action.value));
        let help = did_you_mean(&action.value, service.map(|(_, rule)| rule.action));
        let message = format!("the catalog knows no action `{}`", action.value);
        document.fault(action.offset, message, help.unwrap_or_default());
    }
    let facts = facts
        .iter()
        .filter_map(|word| worded(document, word, Fact::ALL, |fact| fact.as_str(), "fact"))
        .collect();
    let expect = expect
        .as_ref()
        .and_then(|word| worded(document, word, &Outcome::ALL, Outcome::as_str, "outcome"));
    let mode = mode
        .as_ref()
        .and_then(|word| worded(document, word, &Mode::ALL, Mode::as_str, "mode"));
    let posture = posture
        .as_ref()
        .and_then(|word| worded(document, word, &Posture::ALL, Posture::as_str, "posture"))
        .unwrap_or_default();
    let class = class
        .as_ref()
        .and_then(|word| worded(document, word, &Class::ALL, Class::as_str, "class"));
    let guardrails_only = layers.as_ref().is_some_and(|word| {
        known(document, word, ["guardrails", "all"], "layer");
        word.value == "guardrails"
    });
    let now = now.as_ref().and_then(|now| {
        let parsed = now.value.parse();
        if parsed.is_err() {
            document.fault(
                now.offset,
                format!("`{}` is not a time", now.value),
                "write `2026-08-24T09:00:00Z`",
            );
        }
        parsed.ok()
    });
    let line = Fault::at("", text, offset, "", "").line;
    Some(Test {
        name: name?.value,
        line,
        task,
        action: action?.value,
        resource: resource?.value,
        class,
        guardrails_only,
        mode,
        posture,
        now,
        facts,
        approvals: names(document, approvals),
        passed: names(document, passed),
        used: used.unwrap_or_default(),
        last_minute: last_minute.map_or(0, |count| count.value),
        blast,
        expect: expect?,
        by: by.map(|ids| ids.into_iter().map(|id| id.value).collect()),
        needs: needs.map(|needs| names(document, needs)),
        checks: checks.map(|checks| names(document, checks)),
    })
}

/// The one of `all` that is written as `word`; a fault where none is.
fn worded<T: Copy>(
    document: &mut Document<'_>,
    word: &Placed<String>,
    all: &[T],
    as_str: impl Fn(T) -> &'static str,
    what: &str,
) -> Option<T> {
    let words = all.iter().map(|one| as_str(*one));
    known(document, word, words, what);
    all.iter().copied().find(|one| as_str(*one) == word.value)
}

fn known<'k>(
    document: &mut Document<'_>,
    word: &Placed<String>,
    known: impl IntoIterator<Item = &'k str> + Clone,
    what: &str,
) {
    if !known.clone().into_iter().any(|one| one == word.value) {
        let help = did_you_mean(&word.value, known).unwrap_or_default();
        document.fault(
            word.offset,
            format!("unknown {what} `{}`", word.value),
            help,
        );
    }
}

fn names<T>(document: &mut Document<'_>, words: Vec<Placed<String>>) -> BTreeSet<T>
where
    T: Ord + std::str::FromStr<Err = NameError>,
{
    let mut names = BTreeSet::new();
    for word in words {
        match word.value.parse() {
            Ok(name) => {
                names.insert(name);
            }
            Err(error) => {
                let error: NameError = error;
                document.fault(word.offset, error.to_string(), "");
            }
        }
    }
    names
}

fn read_units<'t>(document: &mut Document<'t>, section: Section<'t>) -> Used {
    let mut section = section;
    let mut count = |key| {
        document
            .count(&mut section, key)
            .map_or(0, |count| count.value)
    };
    let used = Used {
        mutations: count("mutations"),
        creates: count("creates"),
        destroys: count("destroys"),
    };
    document.finish(section);
    used
}

fn read_blast<'t>(document: &mut Document<'t>, section: Section<'t>) -> Blast {
    let mut section = section;
    let irreversible = document.boolean(&mut section, "irreversible");
    let mut count = |key| {
        document
            .count(&mut section, key)
            .map_or(0, |count| count.value)
    };
    let blast = Blast {
        resources: count("resources"),
        dependents: count("dependents"),
        score: count("score"),
        irreversible: irreversible.unwrap_or(false),
    };
    document.finish(section);
    blast
}
