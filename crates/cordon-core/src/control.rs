//! Who may do what in the control plane: look at holds, decide on them, stop tasks, change the posture.
//!
//! Takes a person, what they want to do and when they last proved who they are; gives [`Granted`], which the
//! deed asks for, or [`Denied`] with the policies that decided. The policies are Cedar with a schema of their
//! own: they are another set than those of agents' calls, and neither can name anything of the other. They
//! say *who* may vote; how many votes are enough stays with [`Hold::standing`].

use crate::fault::{Fault, Faults, did_you_mean};
use crate::hold::Hold;
use crate::names::{ApproverGroup, Person, PolicyId, Sponsor};
use crate::people::{Membership, People};
use crate::policy::{BundleFile, evaluate, of_diagnostic};
use crate::posture::Scope;
use cedar_policy::{
    Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicySet,
    Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

/// How far entities are loaded: the person and the thing itself.
const LEVEL: u32 = 1;

/// The longest title.
const LONGEST_TITLE: usize = 240;

/// The validated policies of the control plane.
#[derive(Debug)]
pub struct ControlPolicies {
    schema: Schema,
    set: PolicySet,
    titles: BTreeMap<PolicyId, Box<str>>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The person, as `people.toml` names them.
    pub person: Person,
    /// When they last proved who they are.
    pub signed_in: Timestamp,
}

/// What someone wants to do.
#[derive(Debug, Clone, Copy)]
pub enum Deed<'a> {
    /// Look at a hold and the call that it holds.
    ViewHold(&'a Hold),
    /// Say yes to what has the digest `seen`.
    Approve {
        /// The hold.
        hold: &'a Hold,
        /// The digest of what the person looked at, whole.
        seen: &'a str,
    },
    /// Say no.
    Reject(&'a Hold),
    /// Report how a check of the call came out: a machine does, by a token for that check.
    ReportCheck(&'a Hold),
    /// Look at a task of this sponsor and at its calls.
    ViewTask(&'a Sponsor),
    /// Look at requests that belong to no task.
    ViewStrays,
    /// End a task of this sponsor.
    StopTask(&'a Sponsor),
    /// End every task.
    StopEverything,
    /// Write down an incident that agents caused, which may raise the posture.
    RecordIncident,
    /// Put calls of a task of this sponsor before people, to be decided about as one list.
    ProposeBatch(&'a Sponsor),
    /// Ask for something to be added to a task of this sponsor.
    FileAmendment(&'a Sponsor),
    /// Make a task of this sponsor what an amendment asks for.
    AcceptAmendment {
        /// Who launched the task.
        sponsor: &'a Sponsor,
        /// The digest of the scope that the task would have.
        digest: &'a str,
        /// The digest of what the person looked at, whole.
        seen: &'a str,
    },
    /// Leave a task of this sponsor as it is.
    DeclineAmendment(&'a Sponsor),
    /// See how careful everyone is.
    ViewPosture,
    /// Let calls be more careful, of everything, in an environment or of a team.
    RaisePosture(&'a Scope),
    /// Let them be less careful.
    LowerPosture(&'a Scope),
    /// Add a passkey of one's own.
    AddPasskey,
    /// Lift a hold in an emergency, with another incident commander.
    BreakGlass {
        /// The hold.
        hold: &'a Hold,
        /// The digest of what the person looked at, whole.
        seen: &'a str,
    },
}

/// Proof that the policies allow `person` a deed at this moment. Only [`ControlPolicies::decide`] makes one.
#[derive(Debug)]
pub struct Granted {
    person: Person,
}

/// A deed that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// People did not know the one who asks, at this moment.
    #[error("`{0}` is not one of the people who are known here any more")]
    Stranger(Person),
    /// These policies forbid it: id and title of each.
    #[error("{}", titles(.0))]
    Forbidden(Vec<(PolicyId, Box<str>)>),
    /// No policy permits it.
    #[error("no policy allows you to {0}")]
    NotPermitted(&'static str),
    /// The question could not be evaluated.
    #[error("the control plane's policies could not be evaluated")]
    Failed(String),
}

fn titles(policies: &[(PolicyId, Box<str>)]) -> String {
    let titles: Vec<&str> = policies.iter().map(|(_, title)| &**title).collect();
    titles.join("; ")
}

impl Granted {
    /// Who was allowed.
    #[must_use]
    pub fn person(&self) -> &Person {
        &self.person
    }
}

impl Denied {
    /// A word for programs: the id of the first policy that forbids it, or what is wrong.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Stranger(_) => "unknown-person",
            Self::Forbidden(policies) => {
                policies.first().map_or("forbidden", |(id, _)| id.as_str())
            }
            Self::NotPermitted(_) => "not-permitted",
            Self::Failed(_) => "policies-failed",
        }
    }
}

impl Deed<'_> {
    /// The action that policies name.
    fn action(self) -> &'static str {
        match self {
            Self::ViewHold(_) => "view-hold",
            Self::Approve { .. } => "approve",
            Self::Reject(_) => "reject",
            Self::ReportCheck(_) => "report-check",
            Self::ViewTask(_) | Self::ViewStrays => "view-task",
            Self::StopTask(_) => "stop-task",
            Self::StopEverything => "stop-everything",
            Self::RecordIncident => "record-incident",
            Self::ProposeBatch(_) => "propose-batch",
            Self::FileAmendment(_) => "file-amendment",
            Self::AcceptAmendment { .. } => "accept-amendment",
            Self::DeclineAmendment(_) => "decline-amendment",
            Self::ViewPosture => "view-posture",
            Self::RaisePosture(_) => "raise-posture",
            Self::LowerPosture(_) => "lower-posture",
            Self::AddPasskey => "add-passkey",
            Self::BreakGlass { .. } => "break-glass",
        }
    }

    /// The action in words that follow "you may not".
    fn words(self) -> &'static str {
        match self {
            Self::ViewHold(_) => "look at this hold",
            Self::Approve { .. } => "approve this hold",
            Self::Reject(_) => "reject this hold",
            Self::ReportCheck(_) => "report a check of this hold",
            Self::ViewTask(_) => "look at this task",
            Self::ViewStrays => "look at requests of no task",
            Self::StopTask(_) => "stop this task",
            Self::StopEverything => "stop every task",
            Self::RecordIncident => "record an incident",
            Self::ProposeBatch(_) => "propose calls of this task",
            Self::FileAmendment(_) => "ask for something to be added to this task",
            Self::AcceptAmendment { .. } => "accept this amendment",
            Self::DeclineAmendment(_) => "decline this amendment",
            Self::ViewPosture => "see the posture",
            Self::RaisePosture(_) => "raise the posture",
            Self::LowerPosture(_) => "lower the posture",
            Self::AddPasskey => "add a passkey",
            Self::BreakGlass { .. } => "break the glass",
        }
    }
}

impl ControlPolicies {
    /// Loads and validates `control.cedarschema` and every `*.cedar` among `files`. `folder` is put
    /// before file names in messages.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn load(folder: &str, files: &[BundleFile]) -> Result<Self, Faults> {
        let path = |name: &str| format!("{}/{name}", folder.trim_end_matches('/'));
        let written = files.iter().find(|file| file.name == "control.cedarschema");
        let Some(written) = written else {
            let help = "copy it from the policies that are built in";
            let name = path("control.cedarschema");
            return Err(Fault::of_file(&name, "the file is missing", help).into());
        };
        let schema = match Schema::from_cedarschema_str(&written.text) {
            Ok((schema, _)) => schema,
            Err(error) => {
                let name = path(&written.name);
                return Err(of_diagnostic(&name, &written.text, &error).into());
            }
        };
        let mut faults = Vec::new();
        let mut policies = Self {
            schema,
            set: PolicySet::new(),
            titles: BTreeMap::new(),
        };
        for file in files.iter().filter(|file| file.name.ends_with(".cedar")) {
            policies.read(&path(&file.name), &file.text, &mut faults);
        }
        if policies.set.is_empty() && faults.is_empty() {
            let help = "copy control.cedar of the policies that are built in";
            faults.push(Fault::of_file(folder, "no policy lets anyone decide", help));
        }
        Faults::or(faults, policies)
    }

    fn read(&mut self, file: &str, text: &str, faults: &mut Vec<Fault>) {
        let set: PolicySet = match text.parse() {
            Ok(set) => set,
            Err(errors) => {
                let errors: &cedar_policy::ParseErrors = &errors;
                faults.extend(errors.iter().map(|error| of_diagnostic(file, text, error)));
                return;
            }
        };
        if set.num_of_templates() > 0 {
            let help = "write the policy out";
            faults.push(Fault::of_file(
                file,
                "templates are not policies here",
                help,
            ));
        }
        self.validate(file, text, &set, faults);
        for policy in set.policies() {
            self.add(file, text, policy, faults);
        }
    }

    /// Warnings count: a rule that can never match protects nobody.
    fn validate(&self, file: &str, text: &str, set: &PolicySet, faults: &mut Vec<Fault>) {
        let validator = Validator::new(self.schema.clone());
        let result = validator.validate_with_level(set, ValidationMode::Strict, LEVEL);
        let errors = result.validation_errors();
        faults.extend(errors.map(|error| of_diagnostic(file, text, error)));
        let warnings = result.validation_warnings();
        faults.extend(warnings.map(|warning| of_diagnostic(file, text, warning)));
    }

    fn add(&mut self, file: &str, text: &str, policy: &Policy, faults: &mut Vec<Fault>) {
        let offset = policy.as_ref().loc().map_or(0, |place| place.start());
        let mut fault = |message: String, help: &str| {
            faults.push(Fault::at(file, text, offset, message, help));
        };
        for (name, _) in policy.annotations() {
            if !["id", "title"].contains(&name) {
                let help = did_you_mean(name, ["id", "title"]);
                let help = help.unwrap_or_else(|| "known annotations: @id @title".to_owned());
                fault(format!("unknown annotation `@{name}`"), &help);
            }
        }
        let title = policy.annotation("title").unwrap_or_default();
        let one_line = (1..=LONGEST_TITLE).contains(&title.len());
        if !one_line || title.chars().any(char::is_control) {
            let message = format!("the policy has no @title of at most {LONGEST_TITLE} bytes");
            fault(message, "say for people what it is about");
        }
        let id = policy.annotation("id").unwrap_or_default();
        let Ok(id) = id.parse::<PolicyId>() else {
            let help = "write `@id(\"a-name-with-hyphens\")` above it";
            return fault("the policy has no @id".to_owned(), help);
        };
        let named = policy.new_id(cedar_policy::PolicyId::new(id.as_str()));
        if self.set.add(named).is_err() {
            return fault(format!("`{id}` is the @id of another policy too"), "");
        }
        self.titles.insert(id, title.into());
    }

    /// Whether `asker` may do `deed` at `now`.
    ///
    /// # Errors
    /// Why not.
    pub fn decide(
        &self,
        people: &People,
        asker: &Asker,
        deed: Deed<'_>,
        now: Timestamp,
    ) -> Result<Granted, Denied> {
        let known = people.iter().find(|(person, _)| **person == asker.person);
        let Some((person, membership)) = known else {
            return Err(Denied::Stranger(asker.person.clone()));
        };
        let asked = Question {
            people,
            person,
            membership,
            // A sign-in of the future is no recent one.
            age: match now.duration_since(asker.signed_in).as_secs() {
                age @ 0.. => age,
                _ => i64::MAX,
            },
            deed,
        };
        let (request, entities) = asked
            .put(&self.schema)
            .map_err(|error| Denied::Failed(error.to_string()))?;
        let answer = evaluate(&self.set, &request, &entities);
        // Cedar skips a policy that fails, and a forbid that fails would forbid nothing.
        if let Some(error) = answer.diagnostics().errors().next() {
            return Err(Denied::Failed(error.to_string()));
        }
        if answer.decision() == Decision::Allow {
            return Ok(Granted {
                person: person.clone(),
            });
        }
        let reasons: BTreeSet<PolicyId> = answer
            .diagnostics()
            .reason()
            .filter_map(|id| AsRef::<str>::as_ref(id).parse().ok())
            .collect();
        Err(match reasons.is_empty() {
            true => Denied::NotPermitted(deed.words()),
            false => Denied::Forbidden(self.titled(reasons)),
        })
    }

    fn titled(&self, ids: BTreeSet<PolicyId>) -> Vec<(PolicyId, Box<str>)> {
        let titled = ids.into_iter().map(|id| {
            let title = self.titles.get(&id).cloned().unwrap_or_default();
            (id, title)
        });
        titled.collect()
    }
}

/// One question to Cedar.
struct Question<'q> {
    people: &'q People,
    person: &'q Person,
    membership: &'q Membership,
    age: i64,
    deed: Deed<'q>,
}

macro_rules! types {
    ($($name:ident = $text:literal;)*) => {$(
        static $name: LazyLock<EntityTypeName> = LazyLock::new(|| {
            $text.parse().expect("an entity type name")
        });
    )*};
}

types! {
    ACTION = "Control::Action";
    PERSON = "Control::Person";
    GROUP = "Control::ApproverGroup";
    ROLE = "Control::Role";
    HOLD = "Control::Hold";
    TASK = "Control::Task";
    AMENDMENT = "Control::Amendment";
    EVERYTHING = "Control::Everything";
    ENVIRONMENT = "Control::Environment";
    TEAM = "Control::Team";
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn references<'a>(
    kind: &EntityTypeName,
    ids: impl Iterator<Item = &'a str>,
) -> RestrictedExpression {
    RestrictedExpression::new_set(ids.map(|id| RestrictedExpression::new_entity_uid(uid(kind, id))))
}

type Unaskable = Box<dyn std::error::Error + Send + Sync>;

impl Question<'_> {
    fn put(&self, schema: &Schema) -> Result<(Request, Entities), Unaskable> {
        let thing = self.thing()?;
        let seen = match self.deed {
            Deed::Approve { seen, .. }
            | Deed::BreakGlass { seen, .. }
            | Deed::AcceptAmendment { seen, .. } => seen,
            _ => "",
        };
        let context = Context::from_pairs([
            (
                "signInAge".to_owned(),
                RestrictedExpression::new_long(self.age),
            ),
            (
                "seen".to_owned(),
                RestrictedExpression::new_string(seen.to_owned()),
            ),
        ])?;
        let request = Request::new(
            uid(&PERSON, self.person.as_str()),
            uid(&ACTION, self.deed.action()),
            thing.uid(),
            context,
            Some(schema),
        )?;
        let entities = Entities::from_entities([self.asker()?, thing], Some(schema))?;
        Ok((request, entities))
    }

    fn asker(&self) -> Result<Entity, Unaskable> {
        let groups = || self.membership.groups.iter().map(ApproverGroup::as_str);
        let roles = self.membership.roles.iter().map(|role| role.as_str());
        let attributes = HashMap::from([
            ("groups".to_owned(), references(&GROUP, groups())),
            ("roles".to_owned(), references(&ROLE, roles)),
        ]);
        let parents: HashSet<EntityUid> = groups().map(|id| uid(&GROUP, id)).collect();
        Ok(Entity::new(
            uid(&PERSON, self.person.as_str()),
            attributes,
            parents,
        )?)
    }

    fn thing(&self) -> Result<Entity, Unaskable> {
        let (kind, id, attributes) = match self.deed {
            Deed::ViewHold(hold)
            | Deed::Reject(hold)
            | Deed::ReportCheck(hold)
            | Deed::Approve { hold, .. }
            | Deed::BreakGlass { hold, .. } => {
                let needs = hold.needs.iter().map(ApproverGroup::as_str);
                let digest = RestrictedExpression::new_string(hold.digest.to_string());
                let attributes = HashMap::from([
                    ("sponsor".to_owned(), self.sponsor(&hold.sponsor)),
                    ("needs".to_owned(), references(&GROUP, needs)),
                    ("digest".to_owned(), digest),
                ]);
                (&HOLD, hold.id.as_str(), attributes)
            }
            Deed::ViewTask(sponsor)
            | Deed::StopTask(sponsor)
            | Deed::ProposeBatch(sponsor)
            | Deed::FileAmendment(sponsor) => {
                let attributes = HashMap::from([("sponsor".to_owned(), self.sponsor(sponsor))]);
                (&TASK, "task", attributes)
            }
            Deed::AcceptAmendment {
                sponsor, digest, ..
            } => {
                let digest = RestrictedExpression::new_string(digest.to_owned());
                let attributes = HashMap::from([
                    ("sponsor".to_owned(), self.sponsor(sponsor)),
                    ("digest".to_owned(), digest),
                ]);
                (&AMENDMENT, "amendment", attributes)
            }
            // Declining is of no text in particular.
            Deed::DeclineAmendment(sponsor) => {
                let digest = RestrictedExpression::new_string(String::new());
                let attributes = HashMap::from([
                    ("sponsor".to_owned(), self.sponsor(sponsor)),
                    ("digest".to_owned(), digest),
                ]);
                (&AMENDMENT, "amendment", attributes)
            }
            // No person has an empty name.
            Deed::ViewStrays => {
                let nobody = RestrictedExpression::new_entity_uid(uid(&PERSON, ""));
                (&TASK, "", HashMap::from([("sponsor".to_owned(), nobody)]))
            }
            Deed::RaisePosture(scope) | Deed::LowerPosture(scope) => match scope {
                Scope::Everything => (&EVERYTHING, "all", HashMap::new()),
                Scope::Environment(name) => (&ENVIRONMENT, name.as_str(), HashMap::new()),
                Scope::Team(name) => (&TEAM, name.as_str(), HashMap::new()),
            },
            Deed::StopEverything | Deed::RecordIncident | Deed::ViewPosture | Deed::AddPasskey => {
                (&EVERYTHING, "all", HashMap::new())
            }
        };
        Ok(Entity::new(uid(kind, id), attributes, HashSet::new())?)
    }

    /// The sponsor, under the name of whoever asks where that is the same person by another name.
    fn sponsor(&self, sponsor: &Sponsor) -> RestrictedExpression {
        let same = self.people.is_sponsor(self.person, sponsor);
        let name = match same {
            true => self.person.as_str(),
            false => sponsor.as_str(),
        };
        RestrictedExpression::new_entity_uid(uid(&PERSON, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hold::StateDigest;
    use jiff::SignedDuration;

    const DIGEST: &str = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    const PEOPLE: &str = r#"
        schema = "cordon.people/v1"
        [[person]]
        name = "mei"                      # launched the task, and is a senior herself
        email = "mei@example.com"
        groups = ["senior"]
        [[person]]
        name = "ola"
        groups = ["senior"]
        [[person]]
        name = "kim"                      # decides on holds of others
        groups = ["dba"]
        [[person]]
        name = "vic"
        roles = ["viewer"]
        [[person]]
        name = "ada"
        roles = ["admin"]
        [[person]]
        name = "ica"
        roles = ["incident-commander"]
        [[person]]
        name = "new"                      # known, and no more
    "#;

    fn files() -> Vec<BundleFile> {
        [
            (
                "control.cedarschema",
                include_str!("../../../policies/control/control.cedarschema"),
            ),
            (
                "control.cedar",
                include_str!("../../../policies/control/control.cedar"),
            ),
        ]
        .map(|(name, text)| BundleFile {
            name: name.to_owned(),
            text: text.to_owned(),
        })
        .into()
    }

    fn policies() -> ControlPolicies {
        ControlPolicies::load("control", &files()).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn people() -> People {
        People::parse("people.toml", PEOPLE).unwrap()
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn hold(sponsor: &str, needs: &[&str]) -> Hold {
        Hold {
            id: "H-1".parse().unwrap(),
            task: "T-1".parse().unwrap(),
            sponsor: sponsor.parse().unwrap(),
            reference: "R1".parse().unwrap(),
            digest: DIGEST.into(),
            state: StateDigest::from_written("sha256:s"),
            policy_version: "sha256:p".into(),
            needs: needs.iter().map(|name| name.parse().unwrap()).collect(),
            quorum: 1,
            checks: BTreeSet::new(),
            opened: at(0),
            decide_by: at(30),
            asked: 1,
            follows: None,
            place: None,
            votes: Vec::new(),
            reports: Vec::new(),
            ended: None,
        }
    }

    fn verdict(person: &str, deed: Deed<'_>, minutes_since_sign_in: i64) -> String {
        let asker = Asker {
            person: person.parse().unwrap(),
            signed_in: at(100 - minutes_since_sign_in),
        };
        match policies().decide(&people(), &asker, deed, at(100)) {
            Ok(granted) => {
                assert_eq!(granted.person().as_str(), person);
                "allowed".to_owned()
            }
            Err(denied) => denied.code().to_owned(),
        }
    }

    #[test]
    fn who_may_do_what() {
        let held = hold("mei", &["senior", "owner"]);
        let task = held.sponsor.clone();
        let deeds: [(&str, Deed<'_>); 17] = [
            ("view-hold", Deed::ViewHold(&held)),
            (
                "approve",
                Deed::Approve {
                    hold: &held,
                    seen: DIGEST,
                },
            ),
            ("reject", Deed::Reject(&held)),
            ("report-check", Deed::ReportCheck(&held)),
            ("view-task", Deed::ViewTask(&task)),
            ("view-strays", Deed::ViewStrays),
            ("stop-task", Deed::StopTask(&task)),
            ("stop-everything", Deed::StopEverything),
            ("record-incident", Deed::RecordIncident),
            ("propose-batch", Deed::ProposeBatch(&task)),
            ("file-amendment", Deed::FileAmendment(&task)),
            (
                "accept-amendment",
                Deed::AcceptAmendment {
                    sponsor: &task,
                    digest: DIGEST,
                    seen: DIGEST,
                },
            ),
            ("decline-amendment", Deed::DeclineAmendment(&task)),
            ("view-posture", Deed::ViewPosture),
            ("raise-posture", Deed::RaisePosture(&Scope::Everything)),
            ("lower-posture", Deed::LowerPosture(&Scope::Everything)),
            (
                "break-glass",
                Deed::BreakGlass {
                    hold: &held,
                    seen: DIGEST,
                },
            ),
        ];
        let mut table = String::new();
        for (name, deed) in deeds {
            let allowed: Vec<&str> = ["mei", "ola", "kim", "vic", "ada", "ica", "new", "eve"]
                .into_iter()
                .filter(|person| verdict(person, deed, 1) == "allowed")
                .collect();
            table.push_str(&format!("{name}: {}\n", allowed.join(" ")));
        }
        assert_eq!(
            table,
            "view-hold: mei ola vic ada ica\n\
             approve: ola\n\
             reject: ola ica\n\
             report-check: ola kim vic ada ica new\n\
             view-task: mei vic ada ica\n\
             view-strays: vic ada ica\n\
             stop-task: mei ola kim ada ica\n\
             stop-everything: mei ola kim ada ica\n\
             record-incident: mei ola kim ada ica\n\
             propose-batch: mei\n\
             file-amendment: mei\n\
             accept-amendment: mei\n\
             decline-amendment: mei ada ica\n\
             view-posture: mei ola kim vic ada ica new\n\
             raise-posture: mei ola kim ada ica\n\
             lower-posture: ica\n\
             break-glass: ica\n"
        );
    }

    #[test]
    fn policies_may_tell_environments_and_teams_apart() {
        let mut files = files();
        let file = files.iter_mut().find(|file| file.name == "control.cedar");
        file.unwrap().text.push_str(
            r#"
            @id("billing-lowers-its-own") @title("Database people lower the posture of billing")
            permit (
              principal in Control::ApproverGroup::"dba",
              action == Control::Action::"lower-posture",
              resource == Control::Team::"billing"
            );
            @id("nobody-raises-dev") @title("Nobody stops what is tried out")
            forbid (
              principal,
              action == Control::Action::"raise-posture",
              resource == Control::Environment::"dev"
            );"#,
        );
        let policies = ControlPolicies::load("control", &files);
        let policies = policies.unwrap_or_else(|faults| panic!("{faults}"));
        let verdict = |person: &str, raise: bool, scope: &str| {
            let asker = Asker {
                person: person.parse().unwrap(),
                signed_in: at(99),
            };
            let scope: Scope = scope.parse().unwrap();
            let deed = match raise {
                true => Deed::RaisePosture(&scope),
                false => Deed::LowerPosture(&scope),
            };
            match policies.decide(&people(), &asker, deed, at(100)) {
                Ok(_) => "allowed".to_owned(),
                Err(denied) => denied.code().to_owned(),
            }
        };
        assert_eq!(verdict("kim", false, "team:billing"), "allowed");
        assert_eq!(verdict("kim", false, "team:reports"), "not-permitted");
        assert_eq!(
            verdict("kim", false, "environment:billing"),
            "not-permitted"
        );
        assert_eq!(verdict("kim", false, "everything"), "not-permitted");
        assert_eq!(verdict("kim", true, "environment:prod"), "allowed");
        assert_eq!(verdict("kim", true, "environment:dev"), "nobody-raises-dev");
        assert_eq!(verdict("ica", false, "environment:dev"), "allowed");
    }

    #[test]
    fn the_sponsor_never_decides_by_any_name() {
        for name in ["mei", "MEI", "mei@example.com", "Mei@EXAMPLE.com"] {
            let own = hold(name, &["senior"]);
            let approve = Deed::Approve {
                hold: &own,
                seen: DIGEST,
            };
            assert_eq!(verdict("mei", approve, 1), "never-your-own-task", "{name}");
            assert_eq!(verdict("mei", Deed::Reject(&own), 1), "never-your-own-task");
            assert_eq!(verdict("ola", approve, 1), "allowed");
        }
    }

    #[test]
    fn an_approval_names_all_of_what_was_seen() {
        let held = hold("sam", &["senior"]);
        for seen in [
            "",
            "sha256:",
            "sha256:0011223344556677",
            "sha256:0",
            &DIGEST.to_uppercase(),
        ] {
            let approve = Deed::Approve { hold: &held, seen };
            assert_eq!(verdict("ola", approve, 1), "approve-what-you-saw", "{seen}");
        }
    }

    #[test]
    fn an_amendment_is_accepted_as_it_was_seen_by_who_answers_for_the_task() {
        let of = |sponsor: &str| -> Sponsor { sponsor.parse().unwrap() };
        let (own, of_others) = (of("mei@example.com"), of("sam"));
        let accept = |sponsor, seen| Deed::AcceptAmendment {
            sponsor,
            digest: DIGEST,
            seen,
        };
        assert_eq!(verdict("mei", accept(&own, DIGEST), 1), "allowed");
        assert_eq!(
            verdict("mei", accept(&of_others, DIGEST), 1),
            "not-permitted"
        );
        let upper = DIGEST.to_uppercase();
        for seen in ["", "sha256:00", &upper] {
            assert_eq!(
                verdict("mei", accept(&own, seen), 1),
                "approve-what-you-saw"
            );
        }
        assert_eq!(
            verdict("mei", accept(&own, DIGEST), 16),
            "prove-who-you-are"
        );
        assert_eq!(
            verdict("mei", Deed::DeclineAmendment(&own), 9_000),
            "allowed"
        );
    }

    #[test]
    fn what_weighs_needs_a_recent_sign_in_and_what_stops_does_not() {
        let held = hold("sam", &["senior"]);
        let approve = Deed::Approve {
            hold: &held,
            seen: DIGEST,
        };
        for (minutes, expected) in [
            (0, "allowed"),
            (15, "allowed"),
            (16, "prove-who-you-are"),
            (-1, "prove-who-you-are"),
        ] {
            assert_eq!(verdict("ola", approve, minutes), expected, "{minutes}");
            assert_eq!(
                verdict("ica", Deed::LowerPosture(&Scope::Everything), minutes),
                expected
            );
            let glass = Deed::BreakGlass {
                hold: &held,
                seen: DIGEST,
            };
            assert_eq!(verdict("ica", glass, minutes), expected);
        }
        assert_eq!(verdict("ola", Deed::Reject(&held), 9_000), "allowed");
        assert_eq!(
            verdict("ola", Deed::RaisePosture(&Scope::Everything), 9_000),
            "allowed"
        );
        assert_eq!(verdict("ola", Deed::StopEverything, 9_000), "allowed");
        assert_eq!(
            verdict("ola", Deed::StopTask(&held.sponsor), 9_000),
            "allowed"
        );
    }

    #[test]
    fn who_is_not_known_any_more_may_nothing() {
        assert_eq!(verdict("eve", Deed::ViewPosture, 0), "unknown-person");
        // Another name of a person is no person of its own.
        let held = hold("sam", &["senior"]);
        let approve = Deed::Approve {
            hold: &held,
            seen: DIGEST,
        };
        assert_eq!(verdict("mei@example.com", approve, 0), "unknown-person");
    }

    fn check(from: &str, to: &str, expected: &str) {
        let mut files = files();
        let file = files.iter_mut().find(|file| file.text.contains(from));
        let file = file.unwrap_or_else(|| panic!("nothing has {from} any more"));
        file.text = file.text.replacen(from, to, 1);
        let faults = match ControlPolicies::load("control", &files) {
            Ok(_) => panic!("`{to}` was taken"),
            Err(faults) => faults.to_string(),
        };
        assert!(
            faults.contains(expected),
            "expected `{expected}`, found {faults}"
        );
    }

    #[test]
    fn what_does_not_validate_is_not_taken() {
        check("Role::\"viewer\"", "Role::\"veiwer\"", "viewer");
        check(
            "resource.sponsor == principal",
            "resource.owner == principal",
            "owner",
        );
        check(
            "action == Control::Action::\"view-hold\"",
            "action == Control::Action::\"aprove\"",
            "aprove",
        );
        check("context.seen", "context.saw", "saw");
        check(
            "@id(\"never-your-own-task\")",
            "@id(\"approve-what-you-saw\")",
            "another policy too",
        );
        check(
            "@title(\"This",
            "@titel(\"This",
            "unknown annotation `@titel`",
        );
        check("@id(\"prove-who-you-are\")\n", "", "no @id");
        check(
            "Control::Action::\"view-posture\",\n  resource",
            "AWS::Action::\"s3:GetObject\",\n  resource",
            "AWS::Action",
        );
        check("forbid (", "forbid", "control/control.cedar:");
        let none = ControlPolicies::load("control", &files()[..1]).unwrap_err();
        assert!(
            none.to_string().contains("no policy lets anyone decide"),
            "{none}"
        );
    }
}
