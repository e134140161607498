//! What a call would change, as it was read and predicted when the call was stopped: what an approver
//! has to see beside the parameters.

use super::calls::NAME;
use cordon_core::inert::inert;
use cordon_core::plan::{PlannedCall, Property};
use cordon_core::predict::Undo;
use cordon_core::record::CallRecord;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest command or document that is shown.
const LONGEST: usize = 4_000;
/// The longest value.
const VALUE: usize = 200;

/// What a call would change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangesShown {
    /// Each property that changes, and what is shown beside them.
    pub properties: Vec<ChangeShown>,
    /// How many properties the call names and leaves as they are.
    pub unchanged: u32,
    /// The AWS CLI command that undoes it; nothing where none is known.
    pub undo: Option<String>,
    /// Why nothing undoes it.
    pub no_undo: Option<String>,
    /// What depends on the target.
    pub dependents: Vec<String>,
    /// Who owns the target, as its tags say.
    pub owner: Option<String>,
    /// What EC2 said to a dry run of the call; nothing where it was not asked.
    pub witness: Option<WitnessShown>,
    /// Its tags, as `key=value`.
    pub tags: Vec<String>,
    /// What has to be known beside that.
    pub notes: Vec<String>,
    /// The AWS CLI command of the same call.
    pub command: Option<String>,
    /// The session policy that its credentials would be minted under.
    pub session_policy: Option<String>,
}

/// What EC2 said to a dry run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WitnessShown {
    /// `would succeed`, `would be refused`, `unknown`.
    pub says: String,
    /// Why it would be refused, in EC2's words, or why nothing is known; empty where it would succeed.
    pub why: String,
    /// When.
    pub at: String,
}

/// One property.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeShown {
    /// Its name.
    pub name: String,
    /// What it is now; nothing where it is absent, or not known.
    pub now: Option<String>,
    /// What it would be; nothing where it would be absent, or nobody can say.
    pub after: Option<String>,
    /// `predicted by rule`, `observed` for what stays, `unknown` for what nobody can say.
    pub evidence: String,
    /// When `now` was read; nothing where it is not known.
    pub observed_at: Option<String>,
}

impl ChangesShown {
    /// What a recorded call would change; nothing where that was not looked at.
    pub(super) fn of(record: &CallRecord) -> Option<Self> {
        let prediction = record.prediction.as_deref()?;
        let call = PlannedCall::of_record(record.clone(), None);
        let names = |texts: &[Box<str>]| texts.iter().map(|text| inert(text, NAME)).collect();
        let long = |text: Option<String>| text.map(|text| inert(&text, LONGEST));
        Some(Self {
            properties: prediction.properties.iter().map(ChangeShown::of).collect(),
            unchanged: prediction.unchanged,
            undo: long(call.undo()),
            no_undo: match &prediction.undo {
                Undo::Never(why) => Some(inert(why, NAME)),
                Undo::By { .. } | Undo::Unknown => None,
            },
            dependents: names(&prediction.dependents),
            owner: prediction.owner().map(|owner| inert(owner, NAME)),
            witness: prediction.witness.as_ref().map(|witness| WitnessShown {
                says: witness.says.as_str().to_owned(),
                why: inert(&witness.why, LONGEST),
                at: witness.at.to_string(),
            }),
            tags: prediction
                .tags
                .iter()
                .map(|(key, value)| inert(&format!("{key}={value}"), NAME))
                .collect(),
            notes: names(&prediction.notes),
            command: long(call.command()),
            session_policy: long(call.session_policy()),
        })
    }
}

impl ChangeShown {
    fn of(property: &Property) -> Self {
        let value = |side: &Option<String>| side.as_deref().map(|text| inert(text, VALUE));
        Self {
            name: inert(&property.name, NAME),
            now: value(&property.before),
            after: value(&property.after),
            evidence: property.evidence.as_str().to_owned(),
            observed_at: property.observed.map(|at| at.to_string()),
        }
    }
}
