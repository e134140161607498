//! Calls as rows: the record's own JSON form, which no other part of the program knows.

mod prediction;

use crate::call::{Closed, StoredCall};
use cordon_aws::call::{AccessLevel, Class, Protocol};
use cordon_core::authenticate::Ingress;
use cordon_core::fact::Fact;
use cordon_core::hold::{StateDigest, Terms};
use cordon_core::ledger::{Changes, Used};
use cordon_core::record::{
    AccessRecord, AnswerFault, CallRecord, CallResult, OnHold, RecordedOutcome,
};
use jiff::{SignedDuration, Timestamp};
use prediction::PredictionRow;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::Duration;

/// What a call's `body` column holds: all that no filter asks for.
#[derive(Debug, Serialize, Deserialize)]
struct Body<'a> {
    agent: Cow<'a, str>,
    sponsor: Cow<'a, str>,
    ingress: Cow<'a, str>,
    protocol: Cow<'a, str>,
    partition: Cow<'a, str>,
    region: Cow<'a, str>,
    account: Cow<'a, str>,
    accesses: Vec<Access<'a>>,
    facts: Vec<Cow<'a, str>>,
    policies: Vec<(Cow<'a, str>, Cow<'a, str>, Cow<'a, str>)>,
    needs: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Cow<'a, str>>,
    /// The hold, and the revision of it that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<(Cow<'a, str>, Option<u64>)>,
    /// The digest of the state, the quorum, and the seconds that people have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_as: Option<(Cow<'a, str>, u32, i64)>,
    code: Cow<'a, str>,
    message: Cow<'a, str>,
    digest: Cow<'a, str>,
    policy_version: Cow<'a, str>,
    catalog_version: Cow<'a, str>,
    parameters: Cow<'a, str>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    prediction: Option<PredictionRow<'a>>,
    creates: Vec<Cow<'a, str>>,
    destroys: Vec<Cow<'a, str>>,
    cost: [u32; 3],
}

#[derive(Debug, Serialize, Deserialize)]
struct Access<'a> {
    action: Cow<'a, str>,
    resource: Cow<'a, str>,
    kind: Cow<'a, str>,
    environment: Cow<'a, str>,
    level: Cow<'a, str>,
    class: Cow<'a, str>,
    /// Not there in what older builds wrote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    implied: bool,
}

/// A call on its way into the table.
#[derive(Debug)]
pub(crate) struct NewCall {
    pub(crate) reference: Box<str>,
    pub(crate) at: i64,
    pub(crate) task: Box<str>,
    pub(crate) session: Box<str>,
    pub(crate) service: Box<str>,
    pub(crate) operation: Box<str>,
    pub(crate) class: &'static str,
    pub(crate) environments: String,
    pub(crate) outcome: RecordedOutcome,
    pub(crate) mutates: bool,
    pub(crate) body: String,
    /// What it does to the ledger of its task.
    pub(crate) changes: Changes,
    pub(crate) digest: Box<str>,
    pub(crate) hold: Option<OnHold>,
}

/// The columns of one call.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct CallRow {
    sequence: i64,
    reference: String,
    at: i64,
    task: String,
    session: String,
    service: String,
    operation: String,
    class: String,
    verdict: String,
    mutates: bool,
    body: String,
    result: Option<String>,
    status: Option<i64>,
    detail: Option<String>,
    took: Option<i64>,
    launched: Option<String>,
}

impl NewCall {
    /// The row of `record`.
    pub(crate) fn of(record: CallRecord) -> Self {
        let arns = |texts: &[Box<str>]| texts.iter().filter_map(|arn| arn.parse().ok()).collect();
        Self {
            at: record.at.as_microsecond(),
            class: record.class,
            environments: environments(&record),
            outcome: record.outcome,
            mutates: record.mutates,
            body: body(&record),
            changes: Changes {
                creates: arns(&record.creates),
                destroys: arns(&record.destroys),
                cost: record.cost,
                rests: record.rests.clone(),
            },
            reference: record.reference,
            digest: record.digest,
            hold: record.hold,
            task: record.task,
            session: record.session,
            service: record.service,
            operation: record.operation,
        }
    }

    /// Whether it is let go and changes something, so that its task is charged.
    pub(crate) fn charges(&self) -> bool {
        self.mutates && self.outcome.allowed()
    }

    /// Whether an approval lets it go.
    pub(crate) fn uses_approval(&self) -> bool {
        self.hold.as_ref().is_some_and(|hold| hold.uses.is_some())
    }

    /// Whether its caller may go on before it is durable: an allowed read has no effect that a
    /// crash could forget.
    pub(crate) fn may_linger(&self) -> bool {
        !self.mutates && self.outcome.allowed() && !self.uses_approval()
    }
}

/// The JSON of what has no column.
fn body(record: &CallRecord) -> String {
    let body = Body {
        agent: (&*record.agent).into(),
        sponsor: (&*record.sponsor).into(),
        ingress: record.ingress.into(),
        protocol: record.protocol.into(),
        partition: (&*record.partition).into(),
        region: (&*record.region).into(),
        account: (&*record.account).into(),
        accesses: record.accesses.iter().map(access).collect(),
        facts: record.facts.iter().map(|fact| (*fact).into()).collect(),
        policies: record
            .policies
            .iter()
            .map(|(id, title, hint)| ((&**id).into(), (&**title).into(), (&**hint).into()))
            .collect(),
        needs: list(&record.needs),
        checks: list(&record.checks),
        hold: record
            .hold
            .as_ref()
            .map(|hold| (hold.id.as_str().into(), hold.uses)),
        held_as: record.held_as.as_ref().map(|terms| {
            let state = terms.state.as_str().into();
            (state, terms.quorum, terms.timeout.as_secs())
        }),
        code: (&*record.code).into(),
        message: (&*record.message).into(),
        digest: (&*record.digest).into(),
        policy_version: (&*record.policy_version).into(),
        catalog_version: (&*record.catalog_version).into(),
        parameters: (&*record.parameters).into(),
        prediction: record.prediction.as_deref().map(PredictionRow::of),
        creates: list(&record.creates),
        destroys: list(&record.destroys),
        cost: [
            record.cost.mutations,
            record.cost.creates,
            record.cost.destroys,
        ],
    };
    // INVARIANT: texts, lists and numbers always have a JSON form.
    serde_json::to_string(&body).unwrap_or_default()
}

fn list(texts: &[Box<str>]) -> Vec<Cow<'_, str>> {
    texts.iter().map(|text| (&**text).into()).collect()
}

fn access(access: &AccessRecord) -> Access<'_> {
    Access {
        action: (&*access.action).into(),
        resource: (&*access.resource).into(),
        kind: (&*access.kind).into(),
        environment: (&*access.environment).into(),
        level: access.level.into(),
        class: access.class.into(),
        implied: access.implied,
    }
}

/// The environments of a call between spaces, for filters.
fn environments(record: &CallRecord) -> String {
    let mut names: Vec<&str> = record
        .accesses
        .iter()
        .map(|access| &*access.environment)
        .collect();
    names.sort_unstable();
    names.dedup();
    format!(" {} ", names.join(" "))
}

/// The columns that say what became of a call.
pub(crate) fn outcome(result: &CallResult) -> (&'static str, Option<i64>, Cow<'_, str>) {
    match result {
        CallResult::Answered { status, request_id } => {
            ("answered", Some(i64::from(*status)), (&**request_id).into())
        }
        // The request id is on the first line, of which it cannot have two.
        CallResult::Faulted {
            fault,
            status,
            request_id,
            why,
        } => (
            fault.as_str(),
            Some(i64::from(*status)),
            format!("{request_id}\n{why}").into(),
        ),
        CallResult::Indeterminate { why } => ("indeterminate", None, (&**why).into()),
        CallResult::NotSent { why } => ("not-sent", None, (&**why).into()),
    }
}

impl CallRow {
    /// What people quote.
    pub(crate) fn reference(&self) -> &str {
        &self.reference
    }

    /// The call; nothing where this build cannot read it.
    pub(crate) fn call(self) -> Option<StoredCall> {
        let body: Body<'_> = serde_json::from_str(&self.body).ok()?;
        let closed = self.closed();
        let text = |text: Cow<'_, str>| -> Box<str> { text.into_owned().into() };
        let texts = |texts: Vec<Cow<'_, str>>| {
            texts
                .into_iter()
                .map(|text| text.into_owned().into())
                .collect()
        };
        let [mutations, creates, destroys] = body.cost;
        let record = CallRecord {
            reference: self.reference.into(),
            at: Timestamp::from_microsecond(self.at).ok()?,
            task: self.task.into(),
            session: self.session.into(),
            agent: text(body.agent),
            sponsor: text(body.sponsor),
            ingress: known(&body.ingress, Ingress::ALL.map(Ingress::as_str)),
            service: self.service.into(),
            operation: self.operation.into(),
            protocol: known(&body.protocol, Protocol::ALL.map(Protocol::as_str)),
            partition: text(body.partition),
            region: text(body.region),
            account: text(body.account),
            accesses: body.accesses.into_iter().map(access_record).collect(),
            class: class(&self.class),
            facts: body
                .facts
                .iter()
                .filter_map(|word| {
                    Fact::ALL
                        .iter()
                        .map(|fact| fact.as_str())
                        .find(|fact| fact == word)
                })
                .collect(),
            outcome: RecordedOutcome::named(&self.verdict)?,
            policies: body
                .policies
                .into_iter()
                .map(|(id, title, hint)| (text(id), text(title), text(hint)))
                .collect(),
            needs: texts(body.needs),
            checks: texts(body.checks),
            hold: match body.hold {
                Some((id, uses)) => Some(OnHold {
                    id: id.parse().ok()?,
                    uses,
                }),
                None => None,
            },
            held_as: body.held_as.map(|(state, quorum, seconds)| {
                Box::new(Terms {
                    state: StateDigest::from_written(&state),
                    quorum,
                    timeout: SignedDuration::from_secs(seconds),
                })
            }),
            code: text(body.code),
            message: text(body.message),
            digest: text(body.digest),
            policy_version: text(body.policy_version),
            catalog_version: text(body.catalog_version),
            parameters: text(body.parameters),
            prediction: match body.prediction {
                Some(row) => Some(Box::new(row.prediction()?)),
                None => None,
            },
            mutates: self.mutates,
            creates: texts(body.creates),
            destroys: texts(body.destroys),
            rests: Vec::new(),
            cost: Used {
                mutations,
                creates,
                destroys,
            },
        };
        Some(StoredCall {
            sequence: u64::try_from(self.sequence).ok()?,
            launched: self
                .launched
                .map_or_else(|| record.session.clone(), Box::from),
            record,
            closed,
        })
    }

    fn closed(&self) -> Option<Closed> {
        let detail = self.detail.as_deref().unwrap_or_default();
        let status = u16::try_from(self.status.unwrap_or_default()).unwrap_or_default();
        let word = self.result.as_deref()?;
        let fault = AnswerFault::ALL
            .into_iter()
            .find(|fault| fault.as_str() == word);
        let result = match (word, fault) {
            (_, Some(fault)) => {
                let (request_id, why) = detail.split_once('\n').unwrap_or(("", detail));
                CallResult::Faulted {
                    fault,
                    status,
                    request_id: request_id.into(),
                    why: why.into(),
                }
            }
            ("answered", _) => CallResult::Answered {
                status,
                request_id: detail.into(),
            },
            ("not-sent", _) => CallResult::NotSent { why: detail.into() },
            _ => CallResult::Indeterminate { why: detail.into() },
        };
        let took = u64::try_from(self.took.unwrap_or_default()).unwrap_or_default();
        Some(Closed {
            result,
            took: Duration::from_micros(took),
        })
    }
}

fn access_record(access: Access<'_>) -> AccessRecord {
    let text = |text: Cow<'_, str>| -> Box<str> { text.into_owned().into() };
    AccessRecord {
        level: known(&access.level, AccessLevel::ALL.map(AccessLevel::as_str)),
        class: class(&access.class),
        implied: access.implied,
        action: text(access.action),
        resource: text(access.resource),
        kind: text(access.kind),
        environment: text(access.environment),
    }
}

fn class(word: &str) -> &'static str {
    known(word, Class::ALL.map(Class::as_str))
}

/// The one of `words` that `word` is; empty where a newer version wrote another.
fn known(word: &str, words: impl IntoIterator<Item = &'static str>) -> &'static str {
    words
        .into_iter()
        .find(|known| *known == word)
        .unwrap_or_default()
}
