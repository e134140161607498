//! Omissions: what a call that puts a whole leaves out of the one that is there. A rule is dropped, a tag
//! forgotten, a setting falls back to its default, and nothing of it is named Delete.
//!
//! Takes the reads of the rule of [`super`] that tell how things stand, before the call is decided; gives
//! [`Omission`]. What was not read, in part or whole, is [`Omission::Unknown`], never "nothing is left
//! out". What was read serves the prediction that people see as well, so that they look at what the
//! decision rests on.

use super::effect::{Effects, Side, entries, is_cut};
use super::rule::{self, Line, Section, gives, says};
use super::whole::{Depth, Part, compare, said, there};
use super::{Asking, Reading, cut, special, tree};
use crate::digest::quote;
use crate::ledger::Ledger;
use cordon_aws::call::Call;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What is known of what a call leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Omission {
    /// Nobody asked: the call puts no whole in the place of another, it is on what the task made, no
    /// policy rests on it, or there is no cloud to ask.
    #[default]
    Unasked,
    /// It was asked for and not told, or not whole.
    Unknown,
    /// What would be gone, by name; nothing where the call leaves nothing out.
    Known(Vec<Box<str>>),
}

impl Omission {
    /// Adds it to the state that an approval is bound to.
    pub(crate) fn write(&self, text: &mut String) {
        let names: &[Box<str>] = match self {
            Self::Unasked => return,
            Self::Unknown => return text.push_str("omission unknown\n"),
            Self::Known(names) => names,
        };
        for name in names {
            text.push_str("omits ");
            quote(text, name);
            text.push('\n');
        }
    }
}

impl Asking {
    /// What has to be read to tell what a call leaves out; nothing where it can leave nothing out, or all
    /// that it is on was made by the task.
    #[must_use]
    pub fn of_omission(call: &Call, ledger: &Ledger) -> Option<Self> {
        let mut arns = call.accesses().iter().map(|access| &access.resource.arn);
        if !call.mutates() || arns.all(|arn| ledger.owns(arn)) {
            return None;
        }
        let rule = rule::find(call.service().name(), call.operation().name())?;
        let mut sections = rule.sections.iter();
        let last = sections.rposition(|section| section.may_omit(call))?;
        Some(Self {
            rule,
            readings: Vec::new(),
            until: last + 1,
        })
    }

    /// The prediction of a call, of which this much was read.
    #[must_use]
    pub fn knowing(call: &Call, readings: Vec<Reading>) -> Option<Self> {
        let asking = Self::of(call)?;
        Some(Self { readings, ..asking })
    }

    /// What was read.
    #[must_use]
    pub fn into_readings(self) -> Vec<Reading> {
        self.readings
    }

    /// What the call leaves out, by what was read so far.
    #[must_use]
    pub fn omission(&self, call: &Call) -> Omission {
        let mut effects = Effects::of(call);
        let mut parts = BTreeSet::new();
        for (at, section) in self.rule.sections.iter().take(self.until).enumerate() {
            if !section.may_omit(call) {
                continue;
            }
            let told = match self.readings.get(at) {
                Some(reading) => effects.left_out(section, reading),
                None => None,
            };
            match told {
                Some(told) => parts.extend(told),
                None => return Omission::Unknown,
            }
        }
        Omission::Known(parts.into_iter().collect())
    }
}

impl Effects<'_> {
    /// What is left out of what a section is about; nothing where that was not read whole.
    fn left_out(&mut self, section: &Section, reading: &Reading) -> Option<Vec<Box<str>>> {
        match reading {
            Reading::Absent(_) => return Some(Vec::new()),
            Reading::Failed | Reading::Needless => return None,
            Reading::Answered(answer, _) => {
                let tree = tree::of_answer(answer);
                let lacks = |path: &&str| *path != "~" && tree::at(&tree, path).is_empty();
                if section.has.iter().any(lacks) {
                    return None;
                }
                if let Some(told) = self.upserted(section, &tree) {
                    return told;
                }
                if is_cut(&tree) {
                    return None;
                }
            }
        }
        let mut names = Vec::new();
        for subject in self.subjects(section, reading) {
            match &subject.tree {
                Side::Unknown => return None,
                Side::Known(None) => {}
                Side::Known(Some(tree)) => {
                    for line in &section.lines {
                        names.extend(self.without(line, tree));
                    }
                }
            }
        }
        Some(names)
    }

    /// The same of a section about records of DNS, whose first page tells of what it begins with; nothing
    /// for another one.
    fn upserted(&self, section: &Section, tree: &Json) -> Option<Option<Vec<Box<str>>>> {
        let mut lines = section.lines.iter();
        let (parameter, path) = lines.find_map(|line| match line {
            Line::Records(parameter, path) => Some((parameter, path)),
            _ => None,
        })?;
        let changes = tree::at(self.raw(), parameter);
        let told = special::upserted(&changes, &tree::at(tree, path), is_cut(tree));
        let cuts =
            |(name, value): (String, Json)| cut(&format!("{name} {}", tree::shown(&name, &value)));
        Some(told.map(|told| told.into_iter().map(cuts).collect()))
    }

    /// What a line leaves out of what was read.
    fn without(&self, line: &Line, tree: &Json) -> Vec<Box<str>> {
        let (parameter, parts) = match line {
            Line::Whole(parameter, path) if says(self.call, parameter) => {
                let there = entries(tree, path);
                let put = self.keys(parameter);
                let gone = there.into_iter().filter(|(key, _)| !put.contains(key));
                let of = last(path);
                let parts = gone.map(|(key, value)| Part {
                    name: format!("{of}.{key}"),
                    value,
                });
                (parameter, parts.collect())
            }
            Line::All(parameter, path, key, depth) if says(self.call, parameter) => {
                let there = there(self.call, parameter, tree, path);
                let put = said(self.call, parameter);
                let difference = compare(last(path), there.as_ref(), put.as_ref(), *key, *depth);
                (parameter, difference.left_out)
            }
            Line::Put(parameter, path) if gives(self.call, parameter) => {
                let there = there(self.call, parameter, tree, path);
                let put = said(self.call, parameter);
                let difference =
                    compare(last(path), there.as_ref(), put.as_ref(), None, Depth::Whole);
                (parameter, difference.left_out)
            }
            Line::Put(parameter, path) => {
                let there = there(self.call, parameter, tree, path);
                (parameter, falls_back(there, path, &Json::Null))
            }
            Line::Default(parameter, path, to) if !gives(self.call, parameter) => {
                let there = there(self.call, parameter, tree, path);
                (parameter, falls_back(there, path, to))
            }
            _ => return Vec::new(),
        };
        let is_secret = self.is_secret(parameter);
        let told = |part: Part| match is_secret {
            true => cut(&part.name),
            false => cut(&format!(
                "{} {}",
                part.name,
                tree::shown(&part.name, &part.value)
            )),
        };
        parts.into_iter().map(told).collect()
    }
}

/// What is lost where a value becomes its default.
fn falls_back(there: Option<Json>, path: &str, to: &Json) -> Vec<Part> {
    // A truth that is not told is false.
    let is_off = there.as_ref().and_then(tree::text).as_deref() == Some("false");
    match there {
        Some(value) if !tree::same(Some(&value), Some(to)) && (!is_off || !to.is_null()) => {
            vec![Part {
                name: last(path).to_owned(),
                value,
            }]
        }
        _ => Vec::new(),
    }
}

/// The last step of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}
