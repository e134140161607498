//! The line from request to decision without a cloud behind it: what `cordon decide` and previews
//! run. Takes requests in order; gives judgements, and treats an allowed call as done, so that a
//! sequence such as delete-then-create is judged as a sequence.
//!
//! It runs the very stages that the proxy runs. A judgement holds no [`crate::decide::Permit`]:
//! what was only judged cannot leave.

use crate::assess::{Assessed, AssessedAccess, Knowledge, assess};
use crate::authenticate::{AuthenticateError, Ingress, Received, authenticate};
use crate::decide::{Circumstances, Decision, Posture, Verdict, decide};
use crate::digest::Digest;
use crate::fact::Fact;
use crate::identify::{Identified, Origin, identify};
use crate::ledger::Ledger;
use crate::look::{Look, Read, Seen};
use crate::names::{ApproverGroup, Reference};
use crate::policy::Policies;
use crate::predict::{Asking, Omission, Reading};
use crate::record::CallRecord;
use crate::refusal::Refusal;
use crate::session::{Session, Sessions};
use crate::tags::Tags;
use cordon_aws::answer::Answer;
use cordon_aws::call::Call;
use cordon_aws::catalog::Catalog;
use cordon_aws::identify::{IdentifyError, Known};
use cordon_aws::sigv4::Claim;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Whether signatures are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// Each request must be signed with the session's key.
    Checked,
    /// Each request counts as the session's; a signature only tells service and region.
    Assumed,
}

/// Judges a stream of requests on one task.
#[derive(Debug)]
pub struct Judge<'p> {
    catalog: &'static Catalog,
    policies: &'p Policies,
    session: Arc<Session>,
    signatures: Signatures,
    posture: Posture,
    approvals: BTreeSet<ApproverGroup>,
    ledger: Ledger,
    pace: Pace,
    /// When the changes of the last minute were made.
    recent: VecDeque<Timestamp>,
}

/// What a look brought.
struct Looked {
    seen: Option<Seen>,
    omission: Omission,
    /// Whether every read was answered.
    whole: bool,
}

/// Whether it is known when the calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As they come: the task's rate holds.
    AsJudged,
    /// Some other time: a rate would say something of the reading alone.
    Unknown,
}

/// What came out for one request.
#[derive(Debug)]
pub struct Judgement {
    /// The call.
    pub call: Call,
    /// Each access with what is known of its resource.
    pub accesses: Vec<AssessedAccess>,
    /// What guards noticed.
    pub facts: BTreeSet<Fact>,
    /// The digest of the call.
    pub digest: Digest,
    /// What decided.
    pub verdict: Verdict,
    /// What the agent would be told; nothing for what is allowed.
    pub refusal: Option<Refusal>,
    /// The record that the proxy would write.
    pub record: CallRecord,
}

/// Why a request was not judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// The signature does not hold.
    #[error("the signature does not hold")]
    Authenticate(#[from] AuthenticateError),
    /// The request has no single meaning.
    #[error("the request could not be identified")]
    Identify(#[from] IdentifyError),
}

impl JudgeError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authenticate(error) => error.code(),
            Self::Identify(error) => error.code(),
        }
    }
}

impl<'p> Judge<'p> {
    /// A judge of `session`'s calls, with nothing done yet.
    #[must_use]
    pub fn new(
        catalog: &'static Catalog,
        policies: &'p Policies,
        session: Arc<Session>,
        signatures: Signatures,
    ) -> Self {
        Self {
            catalog,
            policies,
            session,
            signatures,
            posture: Posture::Normal,
            approvals: BTreeSet::new(),
            ledger: Ledger::default(),
            pace: Pace::AsJudged,
            recent: VecDeque::new(),
        }
    }

    /// Sets the posture for what follows.
    pub fn set_posture(&mut self, posture: Posture) {
        self.posture = posture;
    }

    /// Sets the groups that approve what follows.
    pub fn set_approvals(&mut self, approvals: BTreeSet<ApproverGroup>) {
        self.approvals = approvals;
    }

    /// Sets whether the rate of changes counts.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Sets what was done before.
    pub fn set_ledger(&mut self, ledger: Ledger) {
        self.ledger = ledger;
    }

    /// What was done so far.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Judges the next request, received at `now`.
    ///
    /// # Errors
    /// [`JudgeError`] for what never reaches policy.
    pub fn judge(&mut self, received: Received, now: Timestamp) -> Result<Judgement, JudgeError> {
        let identified = self.identify(received, now)?;
        let looked = self.look(identified.call(), &mut |_| None);
        Ok(self.settle(identified, looked, now))
    }

    /// Judges it with what `cloud` answers to Cordon's own reads.
    ///
    /// # Errors
    /// [`JudgeError`] for what never reaches policy.
    pub fn judge_seeing(
        &mut self,
        received: Received,
        now: Timestamp,
        cloud: &mut dyn FnMut(&Read) -> Option<Answer>,
    ) -> Result<Judgement, JudgeError> {
        let identified = self.identify(received, now)?;
        let call = identified.call();
        let looked = Looked {
            omission: self.omission(call, now, cloud),
            ..self.look(call, cloud)
        };
        Ok(self.settle(identified, looked, now))
    }

    fn identify(&self, received: Received, now: Timestamp) -> Result<Identified, JudgeError> {
        Ok(match self.signatures {
            Signatures::Assumed => self.assume(received)?,
            Signatures::Checked => {
                let sessions = Sessions::new([Arc::clone(&self.session)]);
                let authenticated =
                    authenticate(received, &sessions, now).map_err(|(_, error)| error)?;
                identify(authenticated, self.catalog).map_err(|unidentified| unidentified.error)?
            }
        })
    }

    /// Judges a call that nobody sent, as if it were made at `now`; `seen` is what another tool has
    /// seen behind it.
    pub fn judge_planned(
        &mut self,
        call: Call,
        seen: Option<&Seen>,
        reference: Reference,
        now: Timestamp,
    ) -> Judgement {
        let identified = Identified {
            call,
            session: Arc::clone(&self.session),
            reference,
            ingress: Ingress::Offline,
            arrived: now,
            origin: Origin::Judged,
            asked: None,
        };
        let looked = match seen {
            Some(seen) => Looked {
                seen: Some(seen.clone()),
                omission: Omission::Unasked,
                whole: true,
            },
            None => self.look(identified.call(), &mut |_| None),
        };
        self.settle(identified, looked, now)
    }

    fn settle(&mut self, identified: Identified, looked: Looked, now: Timestamp) -> Judgement {
        let assessed = self.assess(identified, &looked, now);
        let circumstances = Circumstances {
            approvals: self.approvals.clone(),
            checks: BTreeSet::new(),
            posture: self.posture.into(),
            now,
        };
        let decision = decide(self.policies, assessed, &circumstances);
        if let Decision::Allow(permit) = &decision {
            self.ledger.apply(&permit.changes());
            if permit.assessed().call().mutates() && self.pace == Pace::AsJudged {
                self.recent.push_back(now);
            }
        }
        self.judgement(decision)
    }

    fn assume(&self, received: Received) -> Result<Identified, IdentifyError> {
        let claim = Claim::of(&received.request).ok();
        let scope = claim.as_ref().map(Claim::scope);
        let known = Known {
            signing_name: scope.map(|scope| &*scope.service),
            signing_region: scope.map(|scope| &scope.region),
            account: Some(&self.session.account),
        };
        let call = cordon_aws::identify::identify(self.catalog, &received.request, known)?;
        Ok(Identified {
            call,
            asked: None,
            session: Arc::clone(&self.session),
            reference: received.reference,
            ingress: received.ingress,
            arrived: received.arrived,
            origin: Origin::Judged,
        })
    }

    /// What the call would do behind itself, as far as its reads are answered.
    fn look(&self, call: &Call, cloud: &mut dyn FnMut(&Read) -> Option<Answer>) -> Looked {
        let Some(mut look) = Look::of(call) else {
            return Looked {
                seen: None,
                omission: Omission::Unasked,
                whole: true,
            };
        };
        while let Some(read) = look.next() {
            let answer = cloud(read);
            let learned = answer.and_then(|answer| look.learn(call, &answer, &self.ledger).ok());
            if learned.is_none() {
                return Looked {
                    seen: look.give_up(),
                    omission: Omission::Unasked,
                    whole: false,
                };
            }
        }
        Looked {
            seen: Some(look.finish()),
            omission: Omission::Unasked,
            whole: true,
        }
    }

    /// What the call leaves out of what is there, as far as that is told.
    fn omission(
        &self,
        call: &Call,
        now: Timestamp,
        cloud: &mut dyn FnMut(&Read) -> Option<Answer>,
    ) -> Omission {
        let Some(mut asking) = Asking::of_omission(call, &self.ledger) else {
            return Omission::Unasked;
        };
        while let Some(read) = asking.next(call) {
            asking.learn(match cloud(&read) {
                Some(answer) => Reading::Answered(answer, now),
                None => Reading::Failed,
            });
        }
        asking.omission(call)
    }

    fn assess(&mut self, identified: Identified, looked: &Looked, now: Timestamp) -> Assessed {
        let minute = SignedDuration::from_mins(1);
        while self
            .recent
            .front()
            .is_some_and(|at| now.duration_since(*at) >= minute)
        {
            self.recent.pop_front();
        }
        let knowledge = Knowledge {
            environments: self.policies.environments(),
            policy_version: self.policies.version(),
            ledger: &self.ledger,
            last_minute: u32::try_from(self.recent.len()).unwrap_or(u32::MAX),
            // Where nothing at all was seen, a guard tells that.
            unverified: match looked.seen {
                Some(_) if !looked.whole => [Fact::Unverified].into(),
                _ => BTreeSet::new(),
            },
            seen: looked.seen.as_ref(),
            tags: Tags::Unasked,
            omission: looked.omission.clone(),
        };
        assess(identified, &knowledge)
    }

    fn judgement(&self, decision: Decision) -> Judgement {
        let refusal = match &decision {
            Decision::Allow(_) => None,
            Decision::Hold(refused) | Decision::Preview(refused) | Decision::Deny(refused) => {
                Some(Refusal::of_refused(refused))
            }
        };
        let code = refusal
            .as_ref()
            .map(|refusal| (refusal, refusal.code.unwrap_or("AccessDenied")));
        let record = CallRecord::of_decision(&decision, code, self.catalog.version());
        let (assessed, verdict) = decision.weighed();
        Judgement {
            call: assessed.identified.call,
            accesses: assessed.accesses,
            facts: assessed.facts,
            digest: assessed.digest,
            verdict,
            refusal,
            record,
        }
    }
}
