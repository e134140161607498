//! Predictions: what one call would change, property by property, before anything happens.
//!
//! ```text
//! call ─► Asking ─ next ─► Read ─ (sent by whoever asks) ─► Reading ─ learn ─┐
//!           ▲                                                                │ at most three
//!           └────────────────────────────────────────────────────────────────┘
//!           └─ finish ─► Prediction: properties now and after, the undo, who depends on it
//! ```
//! What an operation changes is data: `data/predict.txt`, whose head says how it is written. Pure: the
//! reads are sent by others, each of them a read of configuration like the agent's own. A read that
//! failed leaves its properties unknown; nothing is guessed. What a call leaves out of a whole that it puts
//! ([`Omission`]) is asked for before it is decided; the rest is for who reads of it. What is said of a call is text of others
//! (tags, names, values): whoever shows it makes it inert.

mod absence;
mod effect;
mod omission;
mod rule;
mod special;
mod tree;
mod undo;
mod whole;

pub use absence::Reading;
pub use omission::Omission;

use crate::look::Read;
use crate::plan::Property;
use crate::witness::Witness;
use cordon_aws::call::Call;
use effect::Effects;
use jiff::Timestamp;
use rule::Rule;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Texts of a kind (tags, dependents) that a prediction keeps: more are counted.
const MOST: usize = 32;
/// Properties that a prediction keeps.
const MOST_PROPERTIES: usize = 64;

/// What a call would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prediction {
    /// What changes, as far as it is known, and what is shown for who reads.
    pub properties: Vec<Property>,
    /// How many properties the call names and leaves as they are.
    pub unchanged: u32,
    /// Whether it can be undone.
    pub undo: Undo,
    /// What depends on what is changed.
    pub dependents: Vec<Box<str>>,
    /// The tags of what is changed.
    pub tags: BTreeMap<Box<str>, Box<str>>,
    /// What EC2 said when it was asked whether it would make the call.
    pub witness: Option<Witness>,
    /// What a reader has to know beside that.
    pub notes: Vec<Box<str>>,
    /// How many properties, tags and dependents are left out.
    pub left_out: u32,
}

/// Whether a call can be undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Undo {
    /// What was before is not known, or no rule says.
    #[default]
    Unknown,
    /// By this call of the same service; nothing secret is in its parameters.
    By {
        /// Its operation.
        operation: Box<str>,
        /// Its parameters.
        parameters: Json,
    },
    /// It cannot, and why.
    Never(Box<str>),
}

/// A prediction under way.
#[derive(Debug)]
pub struct Asking {
    rule: &'static Rule,
    readings: Vec<Reading>,
    /// How many sections of the rule are asked for.
    until: usize,
}

/// Whether there is a rule for an operation.
#[must_use]
pub fn has_rule(service: &str, operation: &str) -> bool {
    rule::find(service, operation).is_some()
}

/// Every operation that has a rule, by service and name.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    rule::all().map(|rule| (rule.service, rule.operation))
}

impl Asking {
    /// The prediction of a call; nothing where no rule knows its operation.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let rule = rule::find(call.service().name(), call.operation().name())?;
        Some(Self {
            rule,
            readings: Vec::new(),
            until: rule.sections.len(),
        })
    }

    /// The next read; nothing when all was asked that can be.
    pub fn next(&mut self, call: &Call) -> Option<Read> {
        while let Some(section) = self.rule.sections.get(self.readings.len()) {
            if self.readings.len() >= self.until {
                return None;
            }
            if !section.concerns(call) {
                self.readings.push(Reading::Needless);
                continue;
            }
            match section.read(call, self.readings.last()) {
                Some(read) => return Some(read),
                None => self.readings.push(Reading::Failed),
            }
        }
        None
    }

    /// The reads that rest on no answer of another that is still to come, the next first: they may be asked
    /// at once.
    pub fn due(&mut self, call: &Call) -> Vec<Read> {
        let Some(next) = self.next(call) else {
            return Vec::new();
        };
        let later = self.rule.sections.iter().take(self.until);
        let later = later.skip(self.readings.len() + 1);
        let later = later.filter(|section| section.concerns(call) && !section.follows());
        let later = later.filter_map(|section| section.read(call, None));
        std::iter::once(next).chain(later).collect()
    }

    /// Takes in what became of the read that was next.
    pub fn learn(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// What the call would change by what was read so far.
    #[must_use]
    pub fn finish(self, call: &Call) -> Prediction {
        let mut effects = Effects::of(call);
        let unread = Reading::Failed;
        for (at, section) in self.rule.sections.iter().enumerate() {
            let reading = self.readings.get(at).unwrap_or(&unread);
            effects.section(section, reading);
        }
        let undo = undo::of(self.rule, &effects);
        let mut prediction = effects.prediction;
        prediction.undo = undo;
        prediction.notes.extend(self.rule.note.map(Box::from));
        prediction
    }
}

impl Prediction {
    /// The owner that its tags name.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        const NAMES: [&str; 5] = ["owner", "team", "owned-by", "owning-team", "contact"];
        let named = |name: &str| {
            let mut tags = self.tags.iter();
            tags.find(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        NAMES
            .iter()
            .find_map(|name| named(name))
            .map(|(_, it)| &**it)
    }

    fn push(&mut self, property: Property) {
        match self.properties.len() < MOST_PROPERTIES {
            true => self.properties.push(property),
            false => self.left_out += 1,
        }
    }

    fn depends(&mut self, name: &str) {
        let name = cut(name);
        if self.dependents.contains(&name) {
            return;
        }
        match self.dependents.len() < MOST {
            true => self.dependents.push(name),
            false => self.left_out += 1,
        }
    }

    fn tagged(&mut self, key: &str, value: &str) {
        match self.tags.len() < MOST {
            true => drop(self.tags.insert(cut(key), cut(value))),
            false => self.left_out += 1,
        }
    }
}

/// A text of others, cut where it is longer than a name is.
fn cut(text: &str) -> Box<str> {
    match text.char_indices().nth(256) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

/// When a reading was made; nothing where nothing was read.
fn read_at(reading: &Reading) -> Option<Timestamp> {
    match reading {
        Reading::Answered(_, at) | Reading::Absent(at) => Some(*at),
        Reading::Failed | Reading::Needless => None,
    }
}

#[cfg(test)]
mod tests;
