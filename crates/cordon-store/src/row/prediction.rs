//! What a call would change, as its row has it.

use cordon_core::plan::{Evidence, Property};
use cordon_core::predict::{Prediction, Undo};
use cordon_core::witness::{Says, Witness};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PredictionRow<'a> {
    properties: Vec<PropertyRow<'a>>,
    unchanged: u32,
    /// Operation and parameters; or no operation, and why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<(Option<Cow<'a, str>>, serde_json::Value)>,
    dependents: Vec<Cow<'a, str>>,
    tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    notes: Vec<Cow<'a, str>>,
    left_out: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    witness: Option<WitnessRow<'a>>,
}

/// What it says, why, and when (microseconds).
type WitnessRow<'a> = (Cow<'a, str>, Cow<'a, str>, i64);

/// Name, before, after, whether it forces replacement, when it was read (microseconds), evidence.
type PropertyRow<'a> = (
    Cow<'a, str>,
    Option<Cow<'a, str>>,
    Option<Cow<'a, str>>,
    bool,
    Option<i64>,
    Cow<'a, str>,
);

impl<'a> PredictionRow<'a> {
    pub(super) fn of(prediction: &'a Prediction) -> Self {
        let texts = |texts: &'a [Box<str>]| texts.iter().map(|text| (&**text).into()).collect();
        Self {
            properties: prediction.properties.iter().map(property_row).collect(),
            unchanged: prediction.unchanged,
            undo: match &prediction.undo {
                Undo::Unknown => None,
                Undo::By {
                    operation,
                    parameters,
                } => Some((Some((&**operation).into()), parameters.clone())),
                Undo::Never(why) => Some((None, (&**why).into())),
            },
            dependents: texts(&prediction.dependents),
            tags: prediction
                .tags
                .iter()
                .map(|(key, value)| ((&**key).into(), (&**value).into()))
                .collect(),
            notes: texts(&prediction.notes),
            left_out: prediction.left_out,
            witness: prediction.witness.as_ref().map(|it| {
                let says = it.says.as_str().into();
                (says, (&*it.why).into(), it.at.as_microsecond())
            }),
        }
    }

    pub(super) fn prediction(self) -> Option<Prediction> {
        let text = |text: Cow<'_, str>| -> Box<str> { text.into_owned().into() };
        let texts = |texts: Vec<Cow<'_, str>>| texts.into_iter().map(text).collect();
        Some(Prediction {
            properties: self
                .properties
                .into_iter()
                .map(property)
                .collect::<Option<_>>()?,
            unchanged: self.unchanged,
            undo: match self.undo {
                None => Undo::Unknown,
                Some((Some(operation), parameters)) => Undo::By {
                    operation: text(operation),
                    parameters,
                },
                Some((None, why)) => Undo::Never(why.as_str()?.into()),
            },
            dependents: texts(self.dependents),
            tags: self
                .tags
                .into_iter()
                .map(|(key, value)| (text(key), text(value)))
                .collect(),
            notes: texts(self.notes),
            left_out: self.left_out,
            witness: match self.witness {
                None => None,
                Some((says, why, at)) => Some(Witness {
                    says: Says::named(&says)?,
                    why: text(why),
                    at: Timestamp::from_microsecond(at).ok()?,
                }),
            },
        })
    }
}

fn property_row(property: &Property) -> PropertyRow<'_> {
    (
        (&*property.name).into(),
        property.before.as_deref().map(Cow::from),
        property.after.as_deref().map(Cow::from),
        property.forces_replacement,
        property.observed.map(Timestamp::as_microsecond),
        property.evidence.as_str().into(),
    )
}

fn property(row: PropertyRow<'_>) -> Option<Property> {
    let (name, before, after, forces_replacement, observed, evidence) = row;
    let observed = observed.map(Timestamp::from_microsecond).transpose();
    Some(Property {
        name: name.into_owned().into(),
        before: before.map(Cow::into_owned),
        after: after.map(Cow::into_owned),
        forces_replacement,
        observed: observed.ok()?,
        evidence: Evidence::named(&evidence)?,
    })
}
