//! `manifest.toml`: the name of a bundle, the most that tasks may ask for in numbers, and how
//! each policy is applied.

use crate::document::{Document, Placed, Section};
use crate::fault::{Fault, Faults, did_you_mean};
use crate::task::duration;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// The most that a task may ask for, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest life of a task.
    pub max_ttl: SignedDuration,
    /// Changing calls.
    pub max_mutations: u32,
    /// Creating accesses.
    pub max_creates: u32,
    /// Destroying accesses.
    pub max_destroys: u32,
    /// Whether a task may begin in live mode.
    pub live_without_preview: bool,
}

#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) name: Box<str>,
    pub(crate) limits: Limits,
    /// Policies that are left out, with the place where the manifest says so.
    off: BTreeMap<String, usize>,
    modes: Vec<Placed<String>>,
}

impl Manifest {
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Faults> {
        let (mut document, mut top) = Document::parse(file, text);
        let schema = document.required_string(&mut top, "schema", "cordon.bundle/v1");
        if let Some(schema) = schema.filter(|schema| schema.value != "cordon.bundle/v1") {
            let message = format!("unknown schema `{}`", schema.value);
            document.fault(
                schema.offset,
                message,
                "this version reads `cordon.bundle/v1`",
            );
        }
        let name = document.required_string(&mut top, "name", "baseline");
        let limits = match document.section(&mut top, "limits") {
            Some(section) => read_limits(&mut document, section),
            None => {
                document.fault(
                    top.offset(),
                    "[limits] is missing",
                    "write `[limits]` with `max_ttl`",
                );
                None
            }
        };
        let mut manifest = Self {
            name: name.map(|name| name.value).unwrap_or_default().into(),
            limits: limits.unwrap_or(Limits {
                max_ttl: SignedDuration::ZERO,
                max_mutations: 0,
                max_creates: 0,
                max_destroys: 0,
                live_without_preview: false,
            }),
            off: BTreeMap::new(),
            modes: Vec::new(),
        };
        if let Some(mut modes) = document.section(&mut top, "mode") {
            manifest.read_modes(&mut document, &mut modes);
        }
        document.finish(top);
        Faults::or(document.into_faults(), manifest)
    }

    fn read_modes<'t>(&mut self, document: &mut Document<'t>, modes: &mut Section<'t>) {
        for (policy, mode) in modes.take_all() {
            let offset = mode.span().start;
            match mode.get_ref().as_str() {
                Some("enforce") => {}
                Some("off") => {
                    self.off.insert(policy.value.clone(), policy.offset);
                }
                _ => document.fault(
                    offset,
                    format!(
                        "the mode of `{}` is not one that this version knows",
                        policy.value
                    ),
                    "write \"enforce\" or \"off\"",
                ),
            }
            self.modes.push(policy);
        }
    }

    /// Reports modes for policies that the bundle does not have: a misspelt `off` would leave a
    /// policy on that its author believes gone, and the other way round once it is renamed.
    pub(crate) fn check(&self, file: &str, text: &str, known: &[&str], faults: &mut Vec<Fault>) {
        for mode in &self.modes {
            if !known.contains(&mode.value.as_str()) {
                let help = did_you_mean(&mode.value, known.iter().copied()).unwrap_or_default();
                let message = format!("the bundle has no policy `{}`", mode.value);
                faults.push(Fault::at(file, text, mode.offset, message, help));
            }
        }
    }

    pub(crate) fn is_off(&self, id: &str) -> bool {
        self.off.contains_key(id)
    }
}

fn read_limits<'t>(document: &mut Document<'t>, section: Section<'t>) -> Option<Limits> {
    let mut section = section;
    let ttl = document.required_string(&mut section, "max_ttl", "24h");
    let mutations = document.count(&mut section, "max_mutations");
    let creates = document.count(&mut section, "max_creates");
    let destroys = document.count(&mut section, "max_destroys");
    let live = document.boolean(&mut section, "live_without_preview");
    document.finish(section);
    let ttl = ttl?;
    let Some(max_ttl) = duration(&ttl.value) else {
        let message = format!("`{}` is not a duration", ttl.value);
        document.fault(
            ttl.offset,
            message,
            "write hours and minutes: `8h`, `30m`, `1h30m`",
        );
        return None;
    };
    let count = |count: Option<Placed<u32>>| count.map_or(0, |count| count.value);
    Some(Limits {
        max_ttl,
        max_mutations: count(mutations),
        max_creates: count(creates),
        max_destroys: count(destroys),
        live_without_preview: live.unwrap_or(false),
    })
}
