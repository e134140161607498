//! Looks: what a call would do that only AWS can tell, asked before the call is decided.
//!
//! Takes a call whose parameters hide its targets; gives the reads that tell them, one after the
//! other, and from their answers [`Seen`]. Pure: who sends the reads is the proxy, and each is
//! decided, recorded and signed as a call of the agent's own would be, so that Cordon reads nothing
//! that the task may not.
//!
//! A look that fails leaves the call as severe as its parameters make it: what was seen can only
//! say exactly what was feared in general.

mod stack;

use crate::task::Task;
use cordon_aws::answer::Answer;
use cordon_aws::call::{Access, AccessLevel, Call, Class, Resource};
use cordon_aws::value::Value;
use std::collections::BTreeMap;

/// Answers that one look reads at the most.
const PAGES: usize = 20;
/// Resources that one look sees at the most: more are no change that anybody weighs.
const MOST: usize = 500;

/// A read that Cordon makes itself: an operation of the call's own service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The operation.
    pub operation: &'static str,
    /// Its parameters.
    pub parameters: Value,
}

/// One look under way.
#[derive(Debug)]
pub struct Look {
    next: Option<Read>,
    pages: usize,
    seen: Seen,
}

/// What was seen of a call, whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What the call does by itself, once what it does to others is told apart.
    itself: Option<Class>,
    /// Parameters that are names, and the ids that they stood for when they were looked at.
    pins: Vec<(&'static str, String)>,
    implied: Vec<Implied>,
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
}

/// What follows an answer.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Done,
    Next(Read),
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

impl Look {
    /// The look that a call needs; nothing for most.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        Some(Self {
            next: Some(stack::begin(call)?),
            pages: 0,
            seen: Seen::default(),
        })
    }

    /// The next read; nothing when everything was seen.
    #[must_use]
    pub fn next(&self) -> Option<&Read> {
        self.next.as_ref()
    }

    /// Takes in the answer of the read that was next.
    ///
    /// # Errors
    /// [`LookError`]: what is not whole was not seen.
    pub fn learn(&mut self, call: &Call, answer: &Answer) -> Result<(), LookError> {
        let read = self.next.take();
        self.pages += 1;
        let step = match read {
            Some(read) => stack::learn(&read, call, answer, &mut self.seen)?,
            None => Step::Done,
        };
        if self.seen.implied.len() > MOST || (step != Step::Done && self.pages >= PAGES) {
            return Err(LookError::TooMuch);
        }
        self.next = match step {
            Step::Done => None,
            Step::Next(read) => Some(read),
        };
        Ok(())
    }

    /// What was seen, once nothing is next.
    #[must_use]
    pub fn finish(self) -> Seen {
        self.seen
    }
}

impl Read {
    fn new(
        operation: &'static str,
        parameters: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let members = parameters
            .into_iter()
            .map(|(name, text)| (name.into(), Value::String(text.into())));
        Self {
            operation,
            parameters: Value::Structure(members.collect::<BTreeMap<_, _>>()),
        }
    }

    /// The same, for what comes after `token`.
    fn after(mut self, token: &str) -> Self {
        if let Value::Structure(members) = &mut self.parameters {
            members.insert("NextToken".into(), Value::String(token.into()));
        }
        self
    }
}

impl Seen {
    /// The call with what was seen in the place of what was feared: its own accesses as severe as
    /// it is by itself, and one more access for each resource behind it.
    ///
    /// Nothing where what was seen does not fit the call, which then stays as it was.
    pub(crate) fn told(&self, call: &Call) -> Option<Call> {
        let call = call.clone().pinned(&self.pins)?;
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
        Some(call.seen(self.itself, implied))
    }

    /// Whether something is replaced that the task does not name for it.
    pub(crate) fn replaces_beyond(&self, task: &Task) -> bool {
        self.implied
            .iter()
            .any(|implied| implied.end == End::Replaced && !task.replaces(&implied.arn))
    }
}
