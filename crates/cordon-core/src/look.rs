//! Looks: what a call would do that only AWS can tell, asked before the call is decided.
//!
//! Takes a call whose parameters hide its targets; gives the reads that tell them, one after the
//! other, and from their answers [`Seen`]. Pure: who sends the reads is the proxy, and each is
//! decided, recorded and signed as a call of the agent's own would be, so that Cordon reads nothing
//! that the task may not. Some calls hide their target in a document of their own (Cloud Control,
//! templates): these looks need no read.
//!
//! A look that fails leaves the call as severe as its parameters make it: what was seen can only
//! say exactly what was feared in general.
//!
//! Not looked into is what AWS itself refuses while something is in it (`DeleteVpc`,
//! `DeleteSubnet`, an ECS cluster with services, an EKS cluster with node groups, a bucket with
//! objects, an Auto Scaling group with instances unless it is forced), and what ends as a part of
//! one thing, which has no life of its own: the listeners of a load balancer, the stages of an API,
//! the clients of a user pool, the tasks of a service, the instances of a node group. Deciding on
//! the whole decides on those.

mod backup;
mod behind;
mod environment;
mod members;
mod stack;
mod vanished;

use crate::ledger::{Ledger, Rest};
use crate::task::Task;
use cordon_aws::answer::Answer;
use cordon_aws::call::{Access, AccessLevel, Call, Class, Resource};
use cordon_aws::value::Value;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Answers that one look reads at the most.
const PAGES: usize = 20;
/// Resources that one look sees at the most: more are no change that anybody weighs.
const MOST: usize = 500;

/// What vanished up to so long before a task began may be half of a replacement that it completes.
const LATELY: SignedDuration = SignedDuration::from_hours(1);

/// Operations that take others along and that no look lists: what goes with them is open.
const UNLISTED: [(&str, &str); 9] = [
    ("amplify", "DeleteBackendEnvironment"),
    ("cloudformation", "DeleteStackInstances"),
    ("ec2", "CancelSpotFleetRequests"),
    ("ec2", "DeleteFleets"),
    ("glue", "BatchDeleteTable"),
    ("glue", "DeleteDatabase"),
    ("organizations", "CloseAccount"),
    ("servicecatalog", "TerminateProvisionedProduct"),
    ("ssm", "DeleteInventory"),
];

/// A read that Cordon makes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The service that is asked, where it is not the call's own.
    pub service: Option<&'static str>,
    /// The operation.
    pub operation: &'static str,
    /// Its parameters.
    pub parameters: Value,
}

/// One look under way.
#[derive(Debug)]
pub struct Look {
    subject: Subject,
    pages: usize,
    progress: Progress,
}

/// What is looked into.
#[derive(Debug)]
enum Subject {
    Stack(stack::Stack),
    Environment,
    Members,
    Backup,
    /// What had the name of what is made: the call itself is known without.
    Vanished,
    /// A document of the call itself: nothing is left to be read.
    Behind,
}

/// What is still to be read, and what was seen so far.
#[derive(Debug, Default)]
struct Progress {
    todo: VecDeque<Read>,
    seen: Seen,
}

/// What an answer is about.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    call: &'a Call,
    read: &'a Read,
    ledger: &'a Ledger,
}

/// What was seen of a call, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What the call does by itself, once what it does to others is told apart.
    itself: Option<Class>,
    /// Parameters that the call gets: for names the ids that they stood for when they were looked
    /// at, and what makes it tell more.
    pins: Vec<(&'static str, Value)>,
    /// A resource type, and the resources of it that the call acts on.
    targets: Option<(&'static str, Vec<String>)>,
    /// Those of its targets that are made anew.
    rebuilt: Vec<String>,
    /// What it makes behind the call, by every name that it may have.
    makes: Vec<String>,
    /// What is no more and had the name of what it makes.
    vanished: Vec<Vanished>,
    /// Whether it deletes the last restore point of something.
    last_backup: bool,
    /// What must still be there for that to be so.
    rests: Vec<Rest>,
    /// How many parts go with the targets.
    parts: usize,
    implied: Vec<Implied>,
}

/// A resource that is no more, whoever took it away.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Vanished {
    /// When it was made, if that was told.
    made_at: Option<Timestamp>,
    /// When it went, if that was told.
    gone_at: Option<Timestamp>,
}

/// A resource that is removed behind the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Implied {
    /// The action that would remove it.
    pub(crate) action: &'static str,
    /// Its ARN; `*` where its kind has none that Cordon can write.
    pub(crate) arn: String,
    /// Its type, as CloudFormation writes it.
    pub(crate) kind: String,
    /// What named it.
    pub(crate) source: String,
    pub(crate) end: End,
    /// What holds it, and its id there.
    pub(crate) place: (String, String),
    /// Whether it was made by what is the task's own.
    pub(crate) own: bool,
}

/// How a resource ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Removed,
    /// Another is made in its place.
    Replaced,
}

/// Why a look did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// The answer lacks what was asked for.
    #[error("the answer does not tell {0}")]
    Silent(&'static str),
    /// There is more than one decision can weigh.
    #[error("it names more than {MOST} resources, or takes more than {PAGES} answers")]
    TooMuch,
    /// It is not in a state in which it can be looked at.
    #[error("{0}")]
    NotReady(String),
}

/// The ARN of a resource where the call itself acts.
fn arn_beside(call: &Call, service: &str, resource: &str) -> String {
    format!(
        "arn:{}:{service}:{}:{}:{resource}",
        call.partition().as_str(),
        call.region().as_str(),
        call.account().map_or("", |account| account.as_str()),
    )
}

/// Whether the call takes others along that no look lists.
pub(crate) fn is_unlisted(call: &Call) -> bool {
    let name = (call.service().name(), call.operation().name());
    UNLISTED.contains(&name)
}

impl Look {
    /// The look that a call needs; nothing for most.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let first = |subject: Subject, read: Read| {
            let todo = [read].into();
            let progress = Progress {
                todo,
                ..Progress::default()
            };
            (subject, progress)
        };
        let (subject, progress) = match call.service().name() {
            "cloudformation" => match stack::begin(call) {
                Some(read) => first(Subject::Stack(stack::Stack::default()), read),
                None => match vanished::begin(call) {
                    Some(read) => {
                        let mut progress = behind::template(call).unwrap_or_default();
                        progress.todo.push_back(read);
                        (Subject::Vanished, progress)
                    }
                    None => (Subject::Behind, behind::template(call)?),
                },
            },
            "cloudcontrol" => (Subject::Behind, behind::resource(call)?),
            "eks" | "secretsmanager" => (Subject::Behind, behind::unnamed(call)?),
            "elasticbeanstalk" => first(Subject::Environment, environment::begin(call)?),
            "autoscaling" | "rds" | "docdb" | "neptune" => match backup::begin(call) {
                Some(read) => first(Subject::Backup, read),
                None => match members::begin(call) {
                    Some(read) => first(Subject::Members, read),
                    None => first(Subject::Vanished, vanished::begin(call)?),
                },
            },
            "dynamodb" => match backup::begin(call) {
                Some(read) => first(Subject::Backup, read),
                None => first(Subject::Vanished, vanished::begin(call)?),
            },
            "backup" | "ec2" | "elasticache" | "redshift" => {
                first(Subject::Backup, backup::begin(call)?)
            }
            "ecs" => first(Subject::Vanished, vanished::begin(call)?),
            _ => return None,
        };
        Some(Self {
            subject,
            pages: 0,
            progress,
        })
    }

    /// Whether what its reads tell is in motion by itself: a stack goes on for minutes after the call that
    /// set it going was answered, and a change set can be executed some time after it was made. Such a look
    /// is always at the present moment.
    #[must_use]
    pub fn is_of_the_moment(&self) -> bool {
        matches!(self.subject, Subject::Stack(_))
    }

    /// Whether the call has to be looked into by reads. `own` is whether all that it names is the
    /// task's own: an environment that is takes nothing along that is not.
    pub(crate) fn needs_reads(call: &Call, own: bool) -> bool {
        Self::of(call).is_some_and(|look| match look.subject {
            Subject::Environment if own => false,
            _ => look.next().is_some(),
        })
    }

    /// The next read; nothing when everything was seen.
    #[must_use]
    pub fn next(&self) -> Option<&Read> {
        self.progress.todo.front()
    }

    /// The reads that are known of by now, the next first: they may be asked at once. Which of their
    /// answers is taken in first matters all the same.
    pub fn due(&self) -> impl Iterator<Item = &Read> {
        self.progress.todo.iter()
    }

    /// Takes in the answer of the read that was next. `ledger` tells what is the task's own.
    ///
    /// # Errors
    /// [`LookError`]: what is not whole was not seen.
    pub fn learn(
        &mut self,
        call: &Call,
        answer: &Answer,
        ledger: &Ledger,
    ) -> Result<(), LookError> {
        let Some(read) = self.progress.todo.pop_front() else {
            return Ok(());
        };
        self.pages += 1;
        let asked = Asked {
            call,
            read: &read,
            ledger,
        };
        let progress = &mut self.progress;
        match &mut self.subject {
            Subject::Stack(stack) => stack.learn(asked, answer, progress)?,
            Subject::Environment => environment::learn(asked, answer, progress)?,
            Subject::Members => members::learn(asked, answer, progress)?,
            Subject::Backup => backup::learn(asked, answer, progress)?,
            Subject::Vanished => vanished::learn(asked, answer, progress)?,
            Subject::Behind => {}
        }
        let is_much = progress.seen.implied.len() > MOST;
        if is_much || (!progress.todo.is_empty() && self.pages >= PAGES) {
            return Err(LookError::TooMuch);
        }
        Ok(())
    }

    /// What was seen, once nothing is next.
    #[must_use]
    pub fn finish(self) -> Seen {
        self.progress.seen
    }

    /// What is known although a read failed: what the call itself tells of what it makes. Nothing where
    /// the reads were to tell what it does.
    #[must_use]
    pub fn give_up(self) -> Option<Seen> {
        matches!(self.subject, Subject::Vanished).then_some(self.progress.seen)
    }
}

/// A text as a parameter.
fn text_value(text: &str) -> Value {
    Value::String(text.into())
}

impl Read {
    /// A read without parameters.
    pub(crate) fn of(operation: &'static str) -> Self {
        Self::new(operation, [])
    }

    fn new(
        operation: &'static str,
        parameters: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let members = parameters
            .into_iter()
            .map(|(name, text)| (name.into(), Value::String(text.into())));
        Self {
            service: None,
            operation,
            parameters: Value::Structure(members.collect::<BTreeMap<_, _>>()),
        }
    }

    /// The same, asked of another service.
    pub(crate) fn at(self, service: &'static str) -> Self {
        let service = Some(service);
        Self { service, ..self }
    }

    /// The same, with a list of texts.
    pub(crate) fn listing(
        self,
        name: &'static str,
        texts: impl IntoIterator<Item = String>,
    ) -> Self {
        let texts = texts.into_iter().map(|text| Value::String(text.into()));
        self.with(name, Value::List(texts.collect()))
    }

    /// The same, for what comes after `token`.
    fn after(self, token: &str) -> Self {
        self.with("NextToken", text_value(token))
    }

    pub(crate) fn with(mut self, name: &'static str, value: Value) -> Self {
        if let Value::Structure(members) = &mut self.parameters {
            members.insert(name.into(), value);
        }
        self
    }

    /// The text that it asks with.
    fn text(&self, name: &str) -> &str {
        let value = self.parameters.get(name);
        value.and_then(Value::as_str).unwrap_or_default()
    }
}

impl Seen {
    /// The call with what was seen in the place of what was feared: its own accesses as severe as
    /// it is by itself and on the targets that it has, and one more access for each resource behind
    /// it. Gives how many accesses are its own as well.
    ///
    /// Nothing where what was seen does not fit the call, which then stays as it was.
    pub(crate) fn told(&self, call: &Call) -> Option<(Call, usize)> {
        let mut call = call.clone().pinned(&self.pins)?;
        if let Some((kind, arns)) = &self.targets {
            call = call.aimed(kind, arns)?;
        }
        let own = call.accesses().len();
        let implied = self.implied.iter().map(|implied| Access {
            action: implied.action.into(),
            resource: Resource {
                arn: implied.arn.as_str().into(),
                kind: implied.kind.as_str().into(),
                source: implied.source.as_str().into(),
            },
            level: AccessLevel::Write,
            class: Class::Destroy,
        });
        Some((call.seen(self.itself, implied), own))
    }

    /// Whether the resource behind the call of this number was made by what is the task's own.
    pub(crate) fn made_by_own(&self, number: usize) -> bool {
        self.implied.get(number).is_some_and(|implied| implied.own)
    }

    /// Whether it deletes the last restore point of something that the task did not make.
    pub(crate) fn is_last_backup(&self) -> bool {
        self.last_backup
    }

    /// What must still be there when the call goes.
    pub(crate) fn rests(&self) -> &[Rest] {
        &self.rests
    }

    /// How many parts go with the targets of the call, without a life of their own.
    pub(crate) fn parts(&self) -> u32 {
        u32::try_from(self.parts).unwrap_or(u32::MAX)
    }

    /// Whether something is replaced that the task does not name for it.
    pub(crate) fn replaces_beyond(&self, task: &Task) -> bool {
        let implied = self.implied.iter();
        let replaced = implied.filter(|it| it.end == End::Replaced && !it.own);
        let mut replaced = replaced.map(|it| &it.arn).chain(&self.rebuilt);
        replaced.any(|arn| !task.replaces(arn))
    }

    /// Whether something is made behind the call that the task destroyed, or in the place of what
    /// was there before the task and has vanished since. What is younger than the task is of its
    /// own making, or of somebody's who works beside it; and what went long before it was not taken away
    /// to be made anew now.
    pub(crate) fn recreates(&self, ledger: &Ledger, task: &Task) -> bool {
        let launched = task.launched_at();
        let lately = launched.checked_sub(LATELY).unwrap_or(Timestamp::MIN);
        let vanished = |it: &Vanished| {
            // Times of AWS are of whole seconds: in doubt it was there before.
            it.made_at.is_none_or(|made| made <= launched)
                && it.gone_at.is_none_or(|gone| gone >= lately)
        };
        self.makes.iter().any(|arn| ledger.recreates(arn)) || self.vanished.iter().any(vanished)
    }
}
