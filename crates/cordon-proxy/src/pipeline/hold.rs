//! Held calls: opened, joined, waited for, let go once people said yes.
//!
//! Takes an identified call; gives the permit and its record, or what the agent is told. A call
//! that people must decide about is recorded as held, opens its hold or joins the one it has, and
//! waits with its client for a while. When something was said, everything is done again from the
//! beginning under another reference: what was gathered, looked at and decided before counts for
//! nothing, and the approval is one more circumstance of the new decision. It is used up in the
//! same write that records the call as let go.
//!
//! ```text
//! gather ─► look ─► assess ─► decide ─► not held ─► record
//!   ▲                            │
//!   └── something was said ◄── held: open or join, park
//! ```

use super::eyes::{Allowance, Eyes};
use super::look;
use super::omission;
use super::patience::Patience;
use super::pause::pause;
use super::predict::{self, predict};
use super::record::{Beside, record};
use super::stop::{Stopped, stop};
use super::tags;
use crate::gather::{Gathered, Sights, gather};
use crate::http1::Connection;
use crate::line::Line;
use crate::live::Snapshot;
use crate::meter::Stage;
use crate::replay::Signature;
use crate::standing::{Need, Standing};
use crate::trace::chain;
use cordon_aws::error_shape::ErrorShape;
use cordon_core::assess::assess;
use cordon_core::decide::{Circumstances, Decision, Outcome, Permit, Refused, decide};
use cordon_core::digest::Content;
use cordon_core::hold::{Hold, Missing, Reason, Serves, StateDigest, Terms};
use cordon_core::identify::Identified;
use cordon_core::names::HoldId;
use cordon_core::people::People;
use cordon_core::predict::Prediction;
use cordon_core::record::{CallRecord, OnHold, RecordedOutcome};
use cordon_core::refusal::{HeldAnswer, Refusal};
use cordon_core::tags::Tags;
use cordon_store::{HoldBounds, Recorded, Sought, StoreError, seek};
use http::HeaderValue;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tokio::time::{Instant as Deadline, sleep_until, timeout};

/// One request on its way through holds.
pub(super) struct Passage<'p> {
    line: &'p Line,
    client: &'p mut Connection,
    signature: &'p Signature,
    shape: ErrorShape,
    arrived: Instant,
    /// When what is decided now began.
    began: Instant,
    /// Who the client says that it is.
    agent: Option<HeaderValue>,
}

/// A call that waits, and what its agent is told if nobody decides while it does.
struct Told {
    hold: HoldId,
    missing: Missing,
    stopped: Stopped,
}

/// A call that may go, and the proof that it was written down.
pub(super) struct Passed {
    pub(super) permit: Permit,
    pub(super) recorded: Recorded,
    /// When it was decided.
    pub(super) decided: Instant,
}

/// What came of a held call.
enum Held {
    /// People agreed: this is decided, and rests on this approval.
    Decided(Box<Decision>, OnHold),
    /// They said something: it is to be decided anew, as it stands now.
    Again(Box<(Identified, Arc<Snapshot>)>, Told),
}

/// How a held call goes on.
enum Next {
    /// People agreed: this is decided, and rests on this approval.
    Decided(Decision, OnHold),
    /// It waits under this hold, for this still.
    Waits(Refused, Box<Hold>, Missing),
    /// People need not be asked.
    Refused(Refused, No),
}

/// Why people need not be asked.
enum No {
    /// They said so.
    Rejected(Box<Hold>, Reason),
    /// They did not answer a short while ago.
    Unanswered(Box<Hold>),
    /// They said yes to it in a batch, in which another call comes first.
    OutOfTurn { hold: Box<Hold>, first: Box<Hold> },
    /// They are asked too much already.
    Full,
    /// What they would say could not be bound to the content.
    Open,
    /// They cannot be asked.
    Failed(StoreError),
}

impl<'p> Passage<'p> {
    pub(super) fn new(
        line: &'p Line,
        client: &'p mut Connection,
        signature: &'p Signature,
        shape: ErrorShape,
        arrived: Instant,
        agent: Option<HeaderValue>,
    ) -> Self {
        Self {
            line,
            client,
            signature,
            shape,
            arrived,
            began: arrived,
            agent,
        }
    }
}

impl<'p> Passage<'p> {
    /// Decides the call, anew whenever people said something of it while its client waits.
    pub(super) async fn pass(
        mut self,
        mut identified: Identified,
        mut snapshot: Arc<Snapshot>,
    ) -> Result<Passed, Stopped> {
        let line = self.line;
        let mut told = None;
        loop {
            let now = line.clock.now();
            let mut gathered = gather(line, &identified, &snapshot, now).await;
            let decision = self.judge(identified, &snapshot, &mut gathered).await;
            let Decision::Hold(refused) = decision else {
                let beside = match &decision {
                    Decision::Preview(refused) => Beside {
                        prediction: self.predict(refused, &snapshot, &gathered).await,
                        held_as: self.terms(refused, &snapshot, &gathered).await,
                        approval: None,
                    },
                    _ => Beside::default(),
                };
                return self.record(decision, beside, now).await;
            };
            // Rare and large: kept apart, so that no other call carries it.
            let held = Box::pin(self.held(refused, &snapshot, &gathered, told));
            match held.await? {
                Held::Decided(decision, approval) => {
                    let beside = Beside {
                        approval: Some(approval),
                        ..Beside::default()
                    };
                    return self.record(*decision, beside, now).await;
                }
                Held::Again(again, waits) => {
                    (identified, snapshot) = *again;
                    told = Some(waits);
                }
            }
        }
    }

    /// Decides the call by what can be seen of it: nothing goes, and nothing is put before people, by what
    /// was known before the call came.
    async fn judge(
        &self,
        identified: Identified,
        snapshot: &Snapshot,
        gathered: &mut Gathered,
    ) -> Decision {
        let time = Allowance::begin(self.line, self.line.bounds.deadlines.look);
        let (decision, by_known) = self.judged(identified, snapshot, gathered, time).await;
        if !by_known || is_only_told(&decision) {
            return decision;
        }
        let identified = decision.into_identified();
        let anew = self.judged(identified, snapshot, gathered, time.of_now());
        Box::pin(anew).await.0
    }

    /// The decision by what is seen within `time`, and whether some of that was known before.
    async fn judged(
        &self,
        identified: Identified,
        snapshot: &Snapshot,
        gathered: &mut Gathered,
        time: Allowance,
    ) -> (Decision, bool) {
        let eyes = self.eyes(&identified, snapshot, gathered, time);
        let (sights, by_known) = (see(&eyes).await, eyes.saw_by_known());
        gathered.sights = sights;
        let assessed = assess(identified, &gathered.knowledge_of_call(snapshot));
        let decision = decide(&snapshot.policies, assessed, &gathered.circumstances);
        (decision, by_known)
    }

    /// Eyes for what is to be known of a call.
    fn eyes<'e>(
        &self,
        identified: &'e Identified,
        snapshot: &'e Snapshot,
        gathered: &'e Gathered,
        allowance: Allowance,
    ) -> Eyes<'e>
    where
        'p: 'e,
    {
        Eyes {
            line: self.line,
            worker: self.client.worker(),
            identified,
            snapshot,
            gathered,
            allowance,
            by_known: AtomicBool::default(),
        }
    }

    /// What a call that does not go would change.
    async fn predict(
        &self,
        refused: &Refused,
        snapshot: &Snapshot,
        gathered: &Gathered,
    ) -> Option<Box<Prediction>> {
        let identified = refused.assessed().identified();
        let time = Allowance::begin(self.line, predict::PATIENCE);
        let time = match is_put_before_people(refused) {
            true => time.of_now(),
            false => time,
        };
        predict(&self.eyes(identified, snapshot, gathered, time), refused).await
    }

    /// The tags of its targets as they are now.
    async fn tags(&self, refused: &Refused, snapshot: &Snapshot, gathered: &Gathered) -> Tags {
        let identified = refused.assessed().identified();
        let time = Allowance::begin(self.line, self.line.bounds.deadlines.look);
        tags::now(&self.eyes(identified, snapshot, gathered, time)).await
    }

    /// On what terms a call that is only previewed would be held, so that people can decide about it
    /// before it is made; nothing where it would not be, or where what they say could not be bound to it.
    async fn terms(
        &mut self,
        refused: &Refused,
        snapshot: &Snapshot,
        gathered: &Gathered,
    ) -> Option<Box<Terms>> {
        let (assessed, verdict) = (refused.assessed(), refused.verdict());
        if verdict.needs.is_empty() || assessed.content() == Content::Open {
            return None;
        }
        match self.tags(refused, snapshot, gathered).await {
            Tags::Unknown => None,
            tags => Some(Box::new(Terms {
                state: StateDigest::of(assessed, &tags),
                quorum: verdict.quorum,
                timeout: verdict.timeout,
            })),
        }
    }

    async fn record(
        &self,
        decision: Decision,
        beside: Beside,
        now: Timestamp,
    ) -> Result<Passed, Stopped> {
        let decided = self.line.meter.took(Stage::Decide, self.began);
        let signature = Some(self.signature);
        let (permit, recorded) =
            record(self.line, decision, beside, signature, self.shape, now).await?;
        Ok(Passed {
            permit,
            recorded,
            decided,
        })
    }

    /// A held call, until it is decided or its client is answered. `told` is what its agent would
    /// have been told so far.
    async fn held(
        &mut self,
        refused: Refused,
        snapshot: &Snapshot,
        gathered: &Gathered,
        told: Option<Told>,
    ) -> Result<Held, Stopped> {
        let waited = told.as_ref().map(|told| &told.hold);
        let mut prediction = None;
        let next = self.next(refused, waited, snapshot, gathered, &mut prediction);
        let (refused, hold, missing) = match next.await {
            Next::Decided(decision, approval) => {
                return Ok(Held::Decided(Box::new(decision), approval));
            }
            Next::Refused(refused, no) => return Err(self.refuse(refused, no).await),
            Next::Waits(refused, hold, missing) => (refused, hold, missing),
        };
        let waits = match told {
            Some(told) if told.hold == hold.id && told.missing == missing => told,
            _ => self.tell(&refused, &hold, missing, prediction).await,
        };
        if !self.park(&hold, &refused).await {
            return Err(waits.stopped);
        }
        let line = self.line;
        let snapshot = line.live.snapshot();
        let reference = line.references.next(line.clock.now());
        let again = refused.into_identified();
        self.began = Instant::now();
        match again.renewed(&snapshot.sessions, reference) {
            Some(renewed) => Ok(Held::Again(Box::new((renewed, snapshot)), waits)),
            None => Err(waits.stopped),
        }
    }

    /// Finds how the hold of a held call stands, and opens one where there is none that serves: then
    /// with a prediction.
    /// `waited` is the one that this request waited under before, and so was counted in.
    async fn next(
        &mut self,
        refused: Refused,
        waited: Option<&HoldId>,
        now: &Snapshot,
        gathered: &Gathered,
        prediction: &mut Option<Box<Prediction>>,
    ) -> Next {
        let under = &gathered.circumstances;
        if refused.assessed().content() == Content::Open {
            return Next::Refused(refused, No::Open);
        }
        let tags = self.tags(&refused, now, gathered).await;
        let asked = Hold::open(&refused, &tags, under.now);
        // Before the hold is there to be seen, so that its record follows it at once.
        if self.is_new(&asked, &now.people, under.now).await {
            *prediction = self.predict(&refused, now, gathered).await;
        }
        let store = &*self.line.store;
        let bounds = HoldBounds::default();
        match seek(store, &asked, bounds, waited, &now.people, under.now).await {
            Ok(Sought::Opened(hold)) => {
                tracing::warn!(
                    hold = %hold.id,
                    task = %hold.task,
                    operation = refused.assessed().call().operation().name(),
                    needs = ?hold.needs,
                    checks = ?hold.checks,
                    decide_by = %hold.decide_by,
                    "a call waits for people"
                );
                let missing = refused.verdict().missing();
                Next::Waits(refused, hold, missing)
            }
            Ok(Sought::Waits(hold, missing)) => Next::Waits(refused, hold, missing),
            Ok(Sought::Approved(hold, groups, revision)) => {
                let approval = OnHold {
                    id: hold.id,
                    uses: Some(revision),
                };
                let under = Circumstances {
                    approvals: groups,
                    checks: hold.checks,
                    ..under.clone()
                };
                // Decided once more, knowing who agreed and that every check that is asked for passed.
                let decision = decide(&now.policies, refused.into_assessed(), &under);
                Next::Decided(decision, approval)
            }
            Ok(Sought::OutOfTurn(hold, first)) => {
                Next::Refused(refused, No::OutOfTurn { hold, first })
            }
            Ok(Sought::Rejected(hold, reason)) => {
                Next::Refused(refused, No::Rejected(hold, reason))
            }
            Ok(Sought::Unanswered(hold)) => Next::Refused(refused, No::Unanswered(hold)),
            Ok(Sought::Crowded) => Next::Refused(refused, No::Full),
            Err(error) => Next::Refused(refused, No::Failed(error)),
        }
    }

    /// Whether nobody is asked about this call yet, or only about another state of things.
    async fn is_new(&self, asked: &Hold, people: &People, now: Timestamp) -> bool {
        let latest = self.line.store.latest_hold(&asked.task, &asked.digest);
        match latest.await {
            Ok(latest) => latest.is_none_or(|hold| {
                let serves = hold.serves(asked, people, now);
                matches!(serves, Serves::Over(_))
            }),
            Err(_) => false,
        }
    }

    /// Records that the call waits; gives what its agent is told in the end.
    async fn tell(
        &self,
        refused: &Refused,
        hold: &Hold,
        missing: Missing,
        prediction: Option<Box<Prediction>>,
    ) -> Told {
        let answer = HeldAnswer::Waiting {
            hold,
            missing: &missing,
        };
        let stopped = self.stop(refused, answer, Some(&hold.id), prediction);
        Told {
            hold: hold.id.clone(),
            stopped: stopped.await,
            missing,
        }
    }

    async fn refuse(&self, refused: Refused, no: No) -> Stopped {
        let task = refused.assessed().session().task.id();
        let operation = match &no {
            No::OutOfTurn { first, .. } => self.operation(first).await,
            _ => String::new(),
        };
        let (answer, id) = match &no {
            No::OutOfTurn { hold, first } => {
                let answer = HeldAnswer::OutOfTurn {
                    hold,
                    first,
                    operation: &operation,
                };
                (answer, Some(&hold.id))
            }
            No::Rejected(hold, reason) => (HeldAnswer::Rejected(hold, *reason), Some(&hold.id)),
            No::Unanswered(hold) => (HeldAnswer::Unanswered(hold), Some(&hold.id)),
            No::Full => (HeldAnswer::Full(task), None),
            No::Open => (HeldAnswer::Open, None),
            No::Failed(_) => (HeldAnswer::Failed, None),
        };
        match &no {
            No::Full => {
                let why = "more of its calls wait than people can look at";
                pause(self.line, task, why).await;
            }
            No::Failed(error) => tracing::error!(
                reference = %refused.assessed().reference(),
                error = %chain(error),
                "a call that people must decide about cannot be held for them"
            ),
            No::Rejected(..) | No::Unanswered(_) | No::OutOfTurn { .. } | No::Open => {}
        }
        self.stop(&refused, answer, id, None).await
    }

    /// What the call of a hold does, in the words of the catalog.
    async fn operation(&self, hold: &Hold) -> String {
        match self.line.store.call(&hold.reference).await {
            Ok(Some(call)) => format!("{} {}", call.record.service, call.record.operation),
            Ok(None) | Err(_) => "a call".to_owned(),
        }
    }

    async fn stop(
        &self,
        refused: &Refused,
        answer: HeldAnswer<'_>,
        hold: Option<&HoldId>,
        prediction: Option<Box<Prediction>>,
    ) -> Stopped {
        let reference = refused.assessed().reference().clone();
        let hint = refused.verdict().policies.first();
        let hint = hint.map_or("", |policy| &policy.hint);
        let mut refusal = Refusal::of_held(answer, hint, &reference);
        if let Some(announced) = &refused.verdict().announced {
            refusal.announce(announced);
        }
        let mut record = CallRecord::of_refused(refused, self.line.catalog.version());
        record.hold = hold.map(|id| OnHold {
            id: id.clone(),
            uses: None,
        });
        record.prediction = prediction;
        if refusal.verdict == "deny" {
            record.outcome = RecordedOutcome::Decided(Outcome::Deny);
        }
        stop(self.line, record, refusal, reference, self.shape).await
    }

    /// Waits until something was said of the hold; false where the client is to be answered as
    /// things are.
    async fn park(&mut self, hold: &Hold, refused: &Refused) -> bool {
        let line = self.line;
        // Who finds no room is told at once.
        let Ok(_room) = line.parking.try_acquire() else {
            return false;
        };
        let deadlines = &line.bounds.deadlines;
        let patience = Patience::of(self.agent.as_ref());
        let bears = patience.bears(deadlines, self.client.has_whole_request());
        let until = Deadline::from_std(self.arrived) + bears;
        let declared = line.live.snapshot();
        let concerned = refused.concerned();
        let posture = declared.posture.posture(concerned, line.clock.now());
        let session = refused.assessed().session();
        let mut standing = Standing::of(line, session, concerned, posture);
        let mut changes = line.store.changes();
        let said = async {
            loop {
                changes.mark_unchanged();
                match line.store.hold(&hold.id).await {
                    Ok(Some(now))
                        if now.revision() == hold.revision() && now.ended == hold.ended => {}
                    Ok(_) => return true,
                    Err(error) => {
                        tracing::error!(hold = %hold.id, error = %chain(&error), "a hold cannot be read");
                        return false;
                    }
                }
                if changes.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::select! {
            // Who went away first: an approval is not used up for nobody.
            biased;
            () = kept_waiting(self.client, patience, deadlines.park_told) => false,
            _ = standing.fallen(Need::Change) => false,
            () = line.closing.cancelled() => false,
            said = said => said,
            () = sleep_until(until) => false,
        }
    }
}

/// Whether nothing comes of a decision but what the agent is told.
fn is_only_told(decision: &Decision) -> bool {
    match decision {
        Decision::Deny(_) => true,
        Decision::Preview(refused) => !is_put_before_people(refused),
        Decision::Allow(_) | Decision::Hold(_) => false,
    }
}

/// Whether people may approve the call as it stands now, before it is made or while it waits.
fn is_put_before_people(refused: &Refused) -> bool {
    let verdict = refused.verdict();
    verdict.outcome == Outcome::Hold || !verdict.needs.is_empty()
}

/// What is to be seen of a call before it is decided.
async fn see(eyes: &Eyes<'_>) -> Sights {
    let mut sights = Sights::default();
    look::look(eyes, &mut sights).await;
    tags::look(eyes, &mut sights).await;
    omission::look(eyes, &mut sights).await;
    sights
}

/// Waits until the client went away, and lets it hear something now and then where it needs that.
async fn kept_waiting(client: &mut Connection, patience: Patience, every: Duration) {
    if patience != Patience::Told {
        return client.gone().await;
    }
    while timeout(every, client.gone()).await.is_err() {
        if client.tell_waiting().await.is_err() {
            return;
        }
    }
}
