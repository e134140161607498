//! What the agent is told of a call that waits for people: in constant sentences, with the hold's
//! reference, never with a name or a note of anybody.

use super::{IS_POLICY, NO_WAY_ROUND, Refusal};
use crate::hold::{Closing, Hold, Missing, Reason};
use crate::names::{Reference, TaskId};
use jiff::Timestamp;

/// How a held call stands when its agent is answered.
#[derive(Debug, Clone, Copy)]
pub enum HeldAnswer<'a> {
    /// It waits.
    Waiting {
        /// Under which hold.
        hold: &'a Hold,
        /// For what still.
        missing: &'a Missing,
    },
    /// People said no.
    Rejected(&'a Hold, Reason),
    /// Nobody answered in time.
    Unanswered(&'a Hold),
    /// People said yes to it in a batch, in which another call comes first.
    OutOfTurn {
        /// The hold of it.
        hold: &'a Hold,
        /// The hold of the other.
        first: &'a Hold,
        /// What that one does, in the words of the catalog.
        operation: &'a str,
    },
    /// So much waits already that nothing more is asked.
    Full(&'a TaskId),
    /// The content is not covered by what was signed, so nobody could approve it.
    Open,
    /// Its approval was used by another call at this very moment, or something was said about it.
    Gone,
    /// The hold could not be kept.
    Failed,
}

impl Refusal {
    /// For a call that people decide about; `hint` is constant text of the policy that asks them.
    #[must_use]
    pub fn of_held(answer: HeldAnswer<'_>, hint: &str, reference: &Reference) -> Self {
        let (code, verdict, text) = match answer {
            HeldAnswer::Waiting { hold, missing } => (
                Some("CordonApprovalRequired"),
                "hold",
                waiting(hold, missing, hint),
            ),
            HeldAnswer::Rejected(hold, reason) => (
                None,
                "deny",
                format!(
                    "People looked at this change and declined it. Reason: {}. {} That covers this \
                     approach, not only this request, so the request was not sent to AWS. Propose \
                     a smaller change, or stop and report this to your sponsor. Hold {}.",
                    reason.as_str(),
                    IS_POLICY,
                    hold.id,
                ),
            ),
            HeldAnswer::Unanswered(hold) => (
                None,
                "deny",
                format!(
                    "This change waited until {} and {}, which means no. {IS_POLICY} \
                     {NO_WAY_ROUND} Do not retry. Tell your sponsor, who can ask them. Hold {}.",
                    clock(hold.decide_by),
                    match hold.checks.is_empty() {
                        true => "nobody answered",
                        false => "not all of what it asks of people and checks came",
                    },
                    hold.id,
                ),
            ),
            HeldAnswer::OutOfTurn {
                hold,
                first,
                operation,
            } => (
                Some("CordonApprovalRequired"),
                "hold",
                out_of_turn(hold, first, operation),
            ),
            HeldAnswer::Full(task) => (
                Some("CordonPaused"),
                "paused",
                format!(
                    "More changes of task {task} wait for people than people can look at, so the \
                     task is paused: changes are not sent to AWS, reads still work. Stop making \
                     changes, and report to your sponsor, who can resume the task."
                ),
            ),
            HeldAnswer::Open => (
                Some("CordonApprovalRequired"),
                "hold",
                format!(
                    "{hint} This change needs people's approval, which is bound to the content, and \
                     the content is not covered by the request's signature, so nothing was sent to \
                     AWS. Send it again with a signed payload: for the AWS CLI and boto3 set \
                     `payload_signing_enabled = true` under `s3` and AWS_REQUEST_CHECKSUM_CALCULATION\
                     =when_required."
                ),
            ),
            HeldAnswer::Gone => (
                Some("CordonApprovalRequired"),
                "hold",
                format!(
                    "The approval of this change lets one call go, and it was used or taken back at \
                     this very moment, so this request was not sent to AWS. {IS_POLICY} Do not \
                     retry. Read the state of the resource first, and report to your sponsor."
                ),
            ),
            HeldAnswer::Failed => (
                Some("CordonNotRecorded"),
                "failure",
                "This change needs people's approval, and the request for it could not be written \
                 down, so nothing was sent to AWS. This is a fault in Cordon, not in the request. \
                 Stop and report this to your sponsor."
                    .to_owned(),
            ),
        };
        Self {
            code,
            message: format!("{text} Ref {reference}."),
            verdict,
            status: None,
        }
    }
}

fn waiting(hold: &Hold, missing: &Missing, hint: &str) -> String {
    let failed = match missing.has_failed() {
        true => " What failed must pass, for this very request, before anything goes.",
        false => "",
    };
    let before = match hold.follows {
        None => "",
        Some((_, Closing::Used)) => {
            " The approval of an earlier request of this kind was used: each lets one call go."
        }
        Some((_, Closing::Lapsed)) => " An earlier approval of it was not used in time.",
        Some((_, Closing::Changed)) => {
            " It was approved, but what it was judged on changed since, so it is asked again."
        }
        Some((_, Closing::Unanswered)) => " Nobody answered when it was asked before.",
        Some((_, Closing::Withdrawn)) => " An earlier request for it was taken back.",
        Some((_, Closing::Broken)) => {
            " It was one of a batch, another call of which did not go as it was approved, so it is asked \
             for by itself."
        }
    };
    let listed = match &hold.place {
        None => String::new(),
        Some(place) => format!(
            " It is number {} of batch {}, which is decided about as a whole.",
            place.number, place.batch
        ),
    };
    format!(
        "{hint} This change waits for {missing}. Nothing was sent to AWS yet.{failed}{before}{listed} \
         {IS_POLICY} Do not look for another way. The same request joins this hold: repeat it once it is \
         approved, and not before. Until then work on something that does not depend on it, or end \
         your turn. Decision by {}; no answer means no. Hold {}.",
        clock(hold.decide_by),
        hold.id,
    )
}

/// What the agent is to do first.
fn out_of_turn(hold: &Hold, first: &Hold, operation: &str) -> String {
    let of = |hold: &Hold| hold.place.as_ref().map_or(0, |place| place.number);
    let batch = hold.place.as_ref().map_or("", |place| place.batch.as_str());
    let (own, other) = (of(hold), of(first));
    let comes = match first.ended {
        None => "comes first: make it",
        Some(_) => "is not answered yet: wait for its answer",
    };
    format!(
        "This change is approved as number {own} of batch {batch}, whose calls go in the order in which \
         people saw them, and number {other} ({operation}, previewed as {}) {comes}, and then repeat \
         this one. Nothing was sent to AWS, and the approval stays. {IS_POLICY} Hold {}.",
        first.reference, hold.id,
    )
}

/// `12:19:55 UTC`, of the day or the next.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}
