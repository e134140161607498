//! Drafts of tasks: from a plan, the task that allows exactly that plan; from what a session or a
//! recording called, the task that allows that and no more.
//!
//! A draft never generalises what destroys: each deletion is one line of `[destroy]` or `[replace]`
//! with its whole ARN, and one whose resource is not known by name is left out and asked about. What
//! a plan makes and only AWS can name is reached as `own`. A draft is for a person to read, and the
//! ceiling decides on it as on any task.

use super::PlannedCall;
use super::terraform::{Place, Planned, Step, TerraformPlan};
use crate::environment::EnvironmentMap;
use crate::inert::is_hidden;
use cordon_aws::arn::{AccountId, Arn, Region};
use cordon_aws::call::Class;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What a person says of the task.
#[derive(Debug, Clone)]
pub struct Head {
    /// What it is for.
    pub title: String,
    /// The ticket.
    pub ticket: String,
    /// Whose ceiling bounds it.
    pub team: String,
    /// How long it lives: `1h`.
    pub ttl: String,
}

/// A task under way from calls to text.
#[derive(Debug, Default)]
pub struct Draft {
    accounts: BTreeSet<AccountId>,
    regions: BTreeSet<Region>,
    environments: BTreeSet<String>,
    /// By where it comes from and what it is on: the actions.
    grants: BTreeMap<(String, On), BTreeSet<String>>,
    destroy: BTreeMap<String, BTreeSet<String>>,
    replace: BTreeMap<String, BTreeSet<String>>,
    questions: BTreeSet<String>,
    mutations: u64,
    creates: u64,
    destroys: u64,
    /// Tool, digest, and each change.
    plan: Option<(String, super::terraform::PlanDigest)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    Arn(String),
    Own,
    Nothing,
}

/// How an access came into a draft.
#[derive(Debug, Clone, Copy)]
struct Origin<'a> {
    from: &'a str,
    /// Whether an open name is that of something that an earlier call of the plan has made.
    made: bool,
    /// Whether the resource itself is made by the plan.
    new: bool,
    replaces: bool,
    times: u64,
}

/// One access, whoever tells of it.
struct Wanted<'a> {
    action: &'a str,
    arn: &'a str,
    class: Class,
}

impl Draft {
    /// The draft that allows exactly `plan`.
    #[must_use]
    pub fn of_plan(plan: &TerraformPlan, place: &Place, environments: &EnvironmentMap) -> Self {
        let mut draft = Self {
            accounts: place.account.iter().cloned().collect(),
            regions: place.region.iter().cloned().collect(),
            plan: Some(("terraform".to_owned(), plan.digest())),
            ..Self::default()
        };
        for planned in plan.planned(place) {
            draft.take(&planned, environments);
        }
        draft
    }

    fn take(&mut self, planned: &Planned<'_>, environments: &EnvironmentMap) {
        let address = plain(planned.address());
        if planned.calls().is_empty() && planned.of_aws() {
            self.ask(format!(
                "{address} is not covered: name what it needs by hand"
            ));
        }
        if planned.replaces() {
            self.ask(format!(
                "{address} is REPLACED: deleted and made again. Is that meant?"
            ));
        }
        let mut made = false;
        for derived in planned.calls() {
            self.regions.insert(derived.call.region().clone());
            self.mutations += u64::from(derived.call.mutates());
            let origin = Origin {
                from: &address,
                made,
                new: derived.step == Step::Create,
                replaces: planned.replaces(),
                times: 1,
            };
            for access in derived.call.accesses() {
                let wanted = Wanted {
                    action: &access.action,
                    arn: &access.resource.arn,
                    class: access.class,
                };
                self.want(&wanted, origin);
                self.place(&wanted, environments);
            }
            made |= derived.step == Step::Create;
        }
    }

    /// Adds a call of a session or of a recording, made `times` times.
    pub fn learn(&mut self, call: &PlannedCall, times: u64, environments: &EnvironmentMap) {
        self.mutations += if call.class.mutates() { times } else { 0 };
        let from = format!("{} {}, seen {times}", call.service, call.operation);
        let origin = Origin {
            from: &from,
            made: false,
            new: false,
            replaces: call.effect() == super::Effect::Replace,
            times,
        };
        for access in &call.accesses {
            let class = Class::ALL
                .into_iter()
                .find(|class| class.as_str() == access.class);
            let wanted = Wanted {
                action: &access.action,
                arn: &access.resource,
                class: class.unwrap_or(Class::Destroy),
            };
            if let Ok(arn) = access.resource.parse::<Arn>() {
                self.accounts.extend(arn.account().parse());
                self.regions.extend(arn.region().parse());
            }
            self.want(&wanted, origin);
            self.place(&wanted, environments);
        }
    }

    /// Says in which account and region calls without either were made.
    pub fn set_place(&mut self, account: Option<AccountId>, region: Option<Region>) {
        self.accounts.extend(account);
        self.regions.extend(region);
    }

    /// Asks the person who reads it something.
    pub fn ask(&mut self, question: String) {
        self.questions.insert(plain(&question));
    }

    /// The accounts and regions that it found.
    #[must_use]
    pub fn found(&self) -> (usize, usize) {
        (self.accounts.len(), self.regions.len())
    }

    fn want(&mut self, wanted: &Wanted<'_>, origin: Origin<'_>) {
        let Wanted { action, arn, class } = *wanted;
        let open = arn == "*" || arn.contains(['*', '?']);
        self.creates += if class == Class::Create {
            origin.times
        } else {
            0
        };
        self.destroys += if class == Class::Destroy {
            origin.times
        } else {
            0
        };
        if arn.contains(['"', '\\', '$']) || arn.chars().any(char::is_control) {
            return self.ask(format!(
                "{}: {action} on a name that no task can hold",
                origin.from
            ));
        }
        let on = match class {
            Class::Observe => return,
            // Whatever a new resource may lose it never had.
            Class::Destroy if origin.new && !origin.replaces => On::Own,
            Class::Destroy if open => {
                return self.ask(format!(
                    "{}: {action} on {arn} is left out, for a deletion names one resource",
                    origin.from
                ));
            }
            Class::Destroy if origin.replaces => return insert(&mut self.replace, arn, action),
            Class::Destroy => {
                self.ask(format!(
                    "{}: {action} LOSES something of {arn}. Is that meant?",
                    origin.from
                ));
                return insert(&mut self.destroy, arn, action);
            }
            // What is made again under the name of what was replaced.
            Class::Create if self.replace.contains_key(arn) => {
                return insert(&mut self.replace, arn, action);
            }
            _ if arn == "*" => On::Nothing,
            Class::Identity | Class::Weaken | Class::Data if open => {
                return self.ask(format!(
                    "{}: {action} on {arn} is left out, for its resource is not known yet; name it",
                    origin.from
                ));
            }
            _ if open && origin.made => On::Own,
            _ => On::Arn(arn.to_owned()),
        };
        if open && matches!(on, On::Arn(_)) {
            self.ask(format!(
                "{}: {action} on {arn}: its name is chosen by AWS",
                origin.from
            ));
        }
        let key = (origin.from.to_owned(), on);
        self.grants
            .entry(key)
            .or_default()
            .insert(action.to_owned());
    }

    /// Notes in which environment a change is.
    fn place(&mut self, wanted: &Wanted<'_>, environments: &EnvironmentMap) {
        if !wanted.class.mutates() || wanted.arn == "*" {
            return;
        }
        let (account, region) = (self.accounts.first(), self.regions.first());
        let environment = environments.environment_of(wanted.arn, account, region);
        match environments.knows(environment) {
            true => {
                self.environments.insert(environment.as_str().to_owned());
            }
            false => self.ask(format!(
                "{} is in no environment: add a rule for it, or no task may change it",
                wanted.arn
            )),
        }
    }

    /// The task file.
    #[must_use]
    pub fn text(&self, head: &Head) -> String {
        let mut text =
            String::from("# Drafted by Cordon. Read it, and mend it, before it is launched.\n");
        for question in &self.questions {
            let _ = writeln!(text, "# ? {question}");
        }
        let _ = writeln!(text, "schema = \"cordon.task/v1\"");
        for (key, value) in [
            ("title", &head.title),
            ("ticket", &head.ticket),
            ("team", &head.team),
            ("ttl", &head.ttl),
        ] {
            let _ = writeln!(text, "{key} = {}", quoted(&plain(value)));
        }
        self.write_where(&mut text);
        let _ = writeln!(text, "\n[[allow]]\ndo = [\"observe\"]");
        self.write_grants(&mut text);
        for (name, targets) in [("destroy", &self.destroy), ("replace", &self.replace)] {
            if !targets.is_empty() {
                let _ = writeln!(text, "\n[{name}]");
            }
            for (arn, actions) in targets {
                let _ = writeln!(text, "{} = {}", quoted(arn), list(actions));
            }
        }
        let _ = writeln!(
            text,
            "\n[budget]\nmutations = {}\ncreates = {}\ndestroys = {}\nper_minute = {}",
            self.mutations, self.creates, self.destroys, self.mutations
        );
        self.write_plan(&mut text);
        text
    }

    fn write_where(&self, text: &mut String) {
        let accounts = self.accounts.iter().map(ToString::to_string).collect();
        let regions = self.regions.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "\n[where]\naccounts = {}\nregions = {}\nenvironments = {}",
            list(&accounts),
            list(&regions),
            list(&self.environments),
        );
    }

    /// What comes from one place and allows the same actions is one entry.
    fn write_grants(&self, text: &mut String) {
        let mut entries: BTreeMap<(&str, &BTreeSet<String>), BTreeSet<String>> = BTreeMap::new();
        for ((from, on), actions) in &self.grants {
            let on = match on {
                On::Arn(arn) => arn.clone(),
                On::Own => "own".to_owned(),
                On::Nothing => "*".to_owned(),
            };
            entries.entry((from, actions)).or_default().insert(on);
        }
        for ((from, actions), on) in entries {
            let _ = writeln!(
                text,
                "\n[[allow]]\ndo = {}\non = {}\nfrom = {}",
                list(actions),
                list(&on),
                quoted(from)
            );
        }
    }

    fn write_plan(&self, text: &mut String) {
        let Some((tool, digest)) = &self.plan else {
            return;
        };
        let count = |word: &str| {
            let of = |change: &&super::terraform::ChangeDigest| change.text.starts_with(word);
            digest.changes.iter().filter(of).count()
        };
        let _ = writeln!(
            text,
            "\n[plan]\ntool = {}\ndigest = {}\nsummary = {{ create = {}, update = {}, replace = {}, destroy = {} }}\n\n[plan.changes]",
            quoted(tool),
            quoted(&digest.whole),
            count("create"),
            count("update"),
            count("replace"),
            count("destroy"),
        );
        for change in &digest.changes {
            let _ = writeln!(
                text,
                "{} = {}",
                quoted(&plain(&change.address)),
                quoted(&change.text)
            );
        }
    }
}

fn insert(targets: &mut BTreeMap<String, BTreeSet<String>>, arn: &str, action: &str) {
    targets
        .entry(arn.to_owned())
        .or_default()
        .insert(action.to_owned());
}

/// One line of plain text: comments and keys must not be left by what a plan says.
pub(super) fn plain(text: &str) -> String {
    let plain = text
        .chars()
        .take(500)
        .map(|c| if is_hidden(c) { '?' } else { c });
    plain.collect()
}

/// A TOML string on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    crate::digest::quote(&mut quoted, text);
    quoted
}

fn list(items: &BTreeSet<String>) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Actions;
    use crate::policy::Policies;
    use crate::task::{Launch, Task, Written};
    use cordon_aws::catalog::Catalog;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn policies() -> Policies {
        let actions = Arc::new(Actions::of(Catalog::embedded()));
        Policies::load("policies", &crate::testing::baseline_files(), actions).unwrap()
    }

    fn head() -> Head {
        Head {
            title: "Apply the plan".into(),
            ticket: "CE-1".into(),
            team: "billing-console".into(),
            ttl: "1h".into(),
        }
    }

    fn place() -> Place {
        Place {
            account: Some("111122223333".parse().unwrap()),
            region: Some("eu-central-1".parse().unwrap()),
        }
    }

    fn change(address: &str, actions: &[&str], before: Value, after: Value) -> Value {
        let kind = address.split('.').next().unwrap();
        json!({ "address": address, "mode": "managed", "type": kind,
                "change": { "actions": actions, "before": before, "after": after } })
    }

    fn drafted(changes: Value, policies: &Policies) -> String {
        let plan = json!({ "format_version": "1.2", "resource_changes": changes });
        let plan = TerraformPlan::read(plan.to_string().as_bytes()).unwrap();
        Draft::of_plan(&plan, &place(), policies.environments()).text(&head())
    }

    fn compiled(text: &str, policies: &Policies) -> Task {
        let launch = Launch {
            id: "T-1".parse().unwrap(),
            sponsor: "mei".parse().unwrap(),
            at: "2026-11-25T09:00:00Z".parse().unwrap(),
            mode: None,
            expires: None,
        };
        Task::read("task.toml", text, policies, launch)
            .unwrap_or_else(|faults| panic!("{faults}\n{text}"))
    }

    const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/orders";

    #[test]
    fn a_draft_compiles_and_names_each_deletion_by_its_whole_arn() {
        let policies = policies();
        let text = drafted(
            json!([
                change(
                    "aws_sqs_queue.jobs",
                    &["create"],
                    Value::Null,
                    json!({ "name": "jobs" })
                ),
                change(
                    "aws_cloudwatch_log_group.l",
                    &["create"],
                    Value::Null,
                    json!({ "name": "/l", "retention_in_days": 7 })
                ),
                change(
                    "aws_dynamodb_table.orders",
                    &["delete"],
                    json!({ "name": "orders" }),
                    Value::Null
                ),
                change(
                    "aws_lambda_function.f",
                    &["update"],
                    json!({ "function_name": "f", "timeout": 3 }),
                    json!({ "function_name": "f", "timeout": 9 })
                ),
            ]),
            &policies,
        );
        let task = compiled(&text, &policies);
        assert!(
            text.contains(&format!("\"{TABLE}\" = [\"dynamodb:DeleteTable\"]")),
            "{text}"
        );
        assert!(text.contains("LOSES something"), "{text}");
        assert!(
            text.contains("do = [\"logs:PutRetentionPolicy\"]\non = [\"own\"]"),
            "{text}"
        );
        assert_eq!(
            (task.budget().creates, task.budget().destroys),
            (2, 2),
            "{text}"
        );
        assert_eq!(task.budget().mutations, 5, "{text}");
    }

    #[test]
    fn a_replacement_is_a_line_of_replace_with_a_loud_question() {
        let policies = policies();
        let text = drafted(
            json!([change(
                "aws_dynamodb_table.orders",
                &["delete", "create"],
                json!({ "name": "orders" }),
                json!({ "name": "orders", "hash_key": "id" })
            )]),
            &policies,
        );
        compiled(&text, &policies);
        let line = format!(
            "[replace]\n\"{TABLE}\" = [\"dynamodb:CreateTable\", \"dynamodb:DeleteTable\"]"
        );
        assert!(text.contains(&line), "{text}");
        assert!(text.contains("is REPLACED"), "{text}");
        assert!(!text.contains("[destroy]"), "{text}");
    }

    #[test]
    fn a_deletion_of_what_has_no_whole_name_is_left_out_and_asked_about() {
        let policies = policies();
        let text = drafted(
            json!([change(
                "aws_autoscaling_group.g",
                &["delete"],
                json!({ "name": "g" }),
                Value::Null
            )]),
            &policies,
        );
        assert!(
            !text.contains("[destroy]") && !text.contains("DeleteAutoScalingGroup\""),
            "{text}"
        );
        assert!(
            text.contains("is left out, for a deletion names one resource"),
            "{text}"
        );
    }

    #[test]
    fn what_a_plan_says_cannot_leave_its_place_in_the_file() {
        let policies = policies();
        let hostile = "aws_sqs_queue.a\"]\n[destroy]\n\"x";
        let text = drafted(
            json!([
                change(hostile, &["create"], Value::Null, json!({ "name": "jobs" })),
                change(
                    "aws_sqs_queue.b",
                    &["create"],
                    Value::Null,
                    json!({ "name": "*" })
                ),
                change(
                    "aws_dynamodb_table.c",
                    &["delete"],
                    json!({ "name": "or\"ders\n" }),
                    Value::Null
                ),
            ]),
            &policies,
        );
        compiled(&text, &policies);
        assert!(
            !text.lines().any(|line| line.starts_with("[destroy]")),
            "{text}"
        );
    }

    #[test]
    fn a_draft_tells_its_plan_again() {
        let policies = policies();
        let queue = |seconds: u32| {
            let after = json!({ "name": "jobs", "visibility_timeout_seconds": seconds });
            drafted(
                json!([change(
                    "aws_sqs_queue.jobs",
                    &["create"],
                    Value::Null,
                    after
                )]),
                &policies,
            )
        };
        let plan = |text: &str| {
            let written = Written::parse("task.toml", text).unwrap();
            let (digest, changes) = written.plan().unwrap();
            (digest.to_owned(), changes.clone())
        };
        assert_eq!(plan(&queue(30)), plan(&queue(30)));
        let (digest, changes) = plan(&queue(31));
        assert_ne!(digest, plan(&queue(30)).0);
        assert!(changes["aws_sqs_queue.jobs"].starts_with("create "));
    }
}
