//! What the lines of a rule say of one call, and of what was read for it.

use super::omission::last;
use super::rule::{Line, Section, gives, listed, says};
use super::whole::{Depth, compare, even, said, there};
use super::{MOST_PROPERTIES, Prediction, Reading, read_at, special, tree};
use crate::plan::{Evidence, Property, property};
use cordon_aws::call::Call;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Names by which answers say that there is more.
const MORE: [&str; 6] = [
    "NextToken",
    "nextToken",
    "Marker",
    "NextMarker",
    "IsTruncated",
    "NextRecordName",
];

/// Members in which answers have the tags of a thing.
const TAGS: [&str; 8] = [
    "Tags",
    "tags",
    "TagList",
    "TagList.Tag",
    "TagSet",
    "TagSet.Tag",
    "tagSet",
    "ResourceTags",
];

/// How entries of a map are written where they are lists of pairs.
const PAIRS: [(&str, &str); 8] = [
    ("Key", "Value"),
    ("key", "value"),
    ("TagKey", "TagValue"),
    ("OptionName", "Value"),
    ("ParameterKey", "ParameterValue"),
    ("Name", "Value"),
    ("name", "value"),
    ("AttributeName", "AttributeValue"),
];

/// A prediction being made.
pub(super) struct Effects<'c> {
    pub(super) call: &'c Call,
    /// The parameters, and the same with marks for what is sensitive.
    raw: Json,
    pub(super) masked: Json,
    pub(super) prediction: Prediction,
    /// What the call sets, and what was there before.
    pub(super) set: Vec<Set>,
    /// The first subject as it was read.
    pub(super) subject: Option<Json>,
    /// Whether something that is changed was not read.
    pub(super) unread: bool,
}

/// One parameter that the call sets.
pub(super) struct Set {
    pub(super) parameter: &'static str,
    /// The key in it, where it is a map.
    pub(super) key: Option<String>,
    pub(super) before: Option<Json>,
}

/// What a call is about, as it was read.
pub(super) struct Subject {
    /// Which of several.
    label: String,
    pub(super) tree: Side,
    at: Option<Timestamp>,
}

/// One side of a property.
#[derive(Clone)]
pub(super) enum Side {
    Unknown,
    /// Nothing where it is absent.
    Known(Option<Json>),
}

/// What a property becomes.
struct After {
    side: Side,
    /// The value that anybody may see, where it is another than the value.
    shown: Option<Json>,
    evidence: Evidence,
}

impl After {
    fn rule(value: Option<Json>) -> Self {
        Self {
            side: Side::Known(value),
            shown: None,
            evidence: Evidence::PredictedByRule,
        }
    }

    fn unknown() -> Self {
        Self {
            side: Side::Unknown,
            shown: None,
            evidence: Evidence::Unknown,
        }
    }
}

impl Side {
    fn at(&self, path: &str) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Known(tree) => Self::Known(tree.as_ref().and_then(|tree| tree::one(tree, path))),
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Known(None))
    }
}

/// A map of the answer, by key; no entries where it was not read.
struct Map<'p> {
    name: &'p str,
    entries: Option<BTreeMap<String, Json>>,
}

impl<'p> Map<'p> {
    fn of(tree: &Side, path: &'p str) -> Self {
        Self {
            name: path.rsplit('.').next().unwrap_or_default(),
            entries: match tree {
                Side::Unknown => None,
                Side::Known(None) => Some(BTreeMap::new()),
                Side::Known(Some(tree)) => Some(entries(tree, path).into_iter().collect()),
            },
        }
    }

    fn at(&self, key: &str) -> Side {
        match &self.entries {
            None => Side::Unknown,
            Some(entries) => Side::Known(entries.get(key).cloned()),
        }
    }
}

impl<'c> Effects<'c> {
    pub(super) fn of(call: &'c Call) -> Self {
        let shape = call.operation().input();
        Self {
            call,
            raw: tree::of_value(call.parameters(), shape, false),
            masked: tree::of_value(call.parameters(), shape, true),
            prediction: Prediction::default(),
            set: Vec::new(),
            subject: None,
            unread: false,
        }
    }

    /// Adds what a section of the rule tells.
    pub(super) fn section(&mut self, section: &Section, reading: &Reading) {
        if matches!(reading, Reading::Needless) {
            return;
        }
        for subject in self.subjects(section, reading) {
            if let Side::Known(Some(tree)) = &subject.tree {
                self.subject.get_or_insert_with(|| tree.clone());
                for (key, value) in TAGS.iter().flat_map(|name| entries(tree, name)) {
                    // A list in a list is not a tag.
                    if value.is_array() || value.is_object() {
                        continue;
                    }
                    let value = tree::text(&value).unwrap_or_default();
                    self.prediction.tagged(&key, &value);
                }
            }
            section
                .lines
                .iter()
                .for_each(|line| self.line(line, &subject));
        }
    }

    pub(super) fn subjects(&mut self, section: &Section, reading: &Reading) -> Vec<Subject> {
        let at = read_at(reading);
        let whole = |tree| Subject {
            label: String::new(),
            tree,
            at,
        };
        let tree = match reading {
            Reading::Answered(answer, _) => tree::of_answer(answer),
            Reading::Absent(_) => return vec![whole(Side::Known(None))],
            Reading::Failed | Reading::Needless => return vec![whole(Side::Unknown)],
        };
        let found: Vec<&Json> = tree::at(&tree, section.subject)
            .into_iter()
            .flat_map(tree::flat)
            // An empty list of XML is an empty text.
            .filter(|part| part.is_object())
            .collect();
        // What is not on the first page may be on another.
        let missing = match is_cut(&tree) {
            true => Side::Unknown,
            false => Side::Known(None),
        };
        let Some((key, parameter)) = section.key else {
            let tree = match found.as_slice() {
                [] => missing,
                [one] => Side::Known(Some((*one).clone())),
                _ => Side::Unknown,
            };
            return vec![whole(tree)];
        };
        let wanted = self.few(tree::texts(&self.raw, parameter).into_iter());
        let several = wanted.len() > 1;
        let subject = |name: String| {
            let is_it = |part: &&&Json| tree::texts(part, key).contains(&name);
            let tree = match found.iter().find(is_it) {
                Some(part) => Side::Known(Some((**part).clone())),
                None => missing.clone(),
            };
            let label = if several { name } else { String::new() };
            Subject { label, tree, at }
        };
        wanted.into_iter().map(subject).collect()
    }

    fn line(&mut self, line: &Line, subject: &Subject) {
        match line {
            Line::Set(parameter, path) => {
                if let Some(value) = tree::one(&self.raw, parameter) {
                    self.put(parameter, path, Some(value), subject);
                }
            }
            Line::Put(parameter, path) => {
                let value = tree::one(&self.raw, parameter);
                self.put(parameter, path, value, subject);
            }
            Line::Switch(parameter, path, [on, off]) => {
                let value = tree::one(&self.raw, parameter);
                let Some(value) = value.as_ref().and_then(Json::as_bool) else {
                    return;
                };
                let before = subject.tree.at(path);
                let was = match &before {
                    Side::Known(Some(word)) => Some((word == on).into()),
                    _ => None,
                };
                self.remember(parameter, None, &before, was);
                let word = if value { on } else { off };
                self.push(
                    parameter,
                    before,
                    After::rule(Some((*word).into())),
                    subject,
                );
            }
            Line::Is(path, text) => {
                let after = text.as_deref().map(Json::from);
                self.push(path, subject.tree.at(path), After::rule(after), subject);
            }
            Line::Add(parameter, path) => self.list(parameter, path, subject, |list, values| {
                let known: BTreeSet<&String> = list.iter().collect();
                let new = values.iter().filter(|value| !known.contains(value));
                list.iter().chain(new).cloned().collect()
            }),
            Line::Cut(parameter, path) => self.list(parameter, path, subject, |list, values| {
                let gone: BTreeSet<&String> = values.iter().collect();
                let kept = list.iter().filter(|value| !gone.contains(value));
                kept.cloned().collect()
            }),
            Line::Each(parameter, path) => {
                let before = Map::of(&subject.tree, path);
                let masked: BTreeMap<_, _> = entries(&self.masked, parameter).into_iter().collect();
                let hidden = Json::from(property::SENSITIVE);
                for (key, value) in self.few(entries(&self.raw, parameter).into_iter()) {
                    // Where the whole map is a secret it has no entries any more.
                    let shown = masked.get(&key).unwrap_or(&hidden).clone();
                    let after = After {
                        shown: Some(shown),
                        ..After::rule(Some(value))
                    };
                    self.entry(parameter, &key, after, &before, subject);
                }
            }
            Line::Named(name, value, path) => {
                let Some(key) = tree::texts(&self.raw, name).pop() else {
                    return;
                };
                let before = subject.tree.at(path).at(&key);
                let was = known(&before);
                self.remember(value, None, &before, was);
                let value = tree::one(&self.raw, value);
                self.push(&key, before, After::rule(value), subject);
            }
            Line::Drop(parameter, path) => {
                let before = Map::of(&subject.tree, path);
                for key in self.few(self.dropped(parameter).into_iter()) {
                    self.entry(parameter, &key, After::rule(None), &before, subject);
                }
            }
            Line::Whole(parameter, path) => self.whole(parameter, path, subject),
            Line::All(parameter, path, key, depth) => {
                self.all((parameter, path), *key, *depth, subject);
            }
            Line::Default(parameter, path, to) => {
                let before = subject.tree.at(path);
                // What is not there does not fall back.
                if gives(self.call, parameter) || before.is_absent() {
                    return;
                }
                let after = match to {
                    // What nobody says exactly.
                    Json::Object(_) => After::unknown(),
                    Json::Null => After::rule(None),
                    to => After::rule(Some(to.clone())),
                };
                self.push(parameter, before, after, subject);
            }
            Line::Allow(parameter, path) | Line::Revoke(parameter, path) => {
                let is_allowed = matches!(line, Line::Allow(..));
                self.rules(parameter, path, is_allowed, subject);
            }
            Line::Records(parameter, path) => {
                let known = match &subject.tree {
                    Side::Known(Some(tree)) => special::records(&tree::at(tree, path)),
                    _ => Default::default(),
                };
                let missing = match &subject.tree {
                    Side::Known(Some(tree)) if !is_cut(tree) => Side::Known(None),
                    _ => Side::Unknown,
                };
                let changes = special::changes(&tree::at(&self.raw, parameter));
                for (name, after) in self.few(changes.into_iter()) {
                    let before = known.get(&name).cloned();
                    let before = before.map_or(missing.clone(), |it| Side::Known(Some(it)));
                    self.push(&name, before, After::rule(after), subject);
                }
            }
            Line::Gone(paths) => self.gone(paths, subject),
            Line::Open(path) => self.push(path, subject.tree.at(path), After::unknown(), subject),
            Line::Needs(path) => {
                if let Side::Known(Some(tree)) = &subject.tree {
                    let names = tree::texts(tree, path);
                    names.iter().for_each(|name| self.prediction.depends(name));
                }
            }
            Line::Keep(path) => {
                let before = subject.tree.at(path);
                if let Side::Known(Some(value)) = &before {
                    let after = After {
                        side: before.clone(),
                        shown: Some(value.clone()),
                        evidence: Evidence::Observed,
                    };
                    self.push(path, before, after, subject);
                }
            }
        }
    }

    fn put(&mut self, parameter: &'static str, path: &str, value: Option<Json>, subject: &Subject) {
        let before = subject.tree.at(path);
        let was = known(&before);
        self.remember(parameter, None, &before, was);
        let after = After {
            shown: tree::one(&self.masked, parameter),
            ..After::rule(value)
        };
        self.push(parameter, before, after, subject);
    }

    /// One entry of a map.
    fn entry(
        &mut self,
        parameter: &'static str,
        key: &str,
        after: After,
        map: &Map<'_>,
        subject: &Subject,
    ) {
        let before = map.at(key);
        let was = known(&before);
        self.remember(parameter, Some(key), &before, was);
        self.push(&format!("{}.{key}", map.name), before, after, subject);
    }

    fn whole(&mut self, parameter: &'static str, path: &str, subject: &Subject) {
        let before = Map::of(&subject.tree, path);
        let Some(known) = &before.entries else {
            return;
        };
        if !says(self.call, parameter) {
            return;
        }
        let named = self.keys(parameter);
        let left: Vec<String> = known
            .keys()
            .filter(|key| !named.contains(*key))
            .cloned()
            .collect();
        let is_secret = self.is_secret(parameter);
        for key in self.few(left.into_iter()) {
            let after = After {
                shown: is_secret.then(|| property::SENSITIVE.into()),
                ..After::rule(None)
            };
            self.entry(parameter, &key, after, &before, subject);
        }
    }

    /// The parameters as one tree.
    pub(super) fn raw(&self) -> &Json {
        &self.raw
    }

    /// The keys of a map that the call puts.
    pub(super) fn keys(&self, parameter: &str) -> BTreeSet<String> {
        let entries = entries(&self.raw, parameter).into_iter();
        entries.map(|(key, _)| key).collect()
    }

    /// Whether a part of a parameter is nobody's to see.
    pub(super) fn is_secret(&self, parameter: &str) -> bool {
        tree::one(&self.masked, parameter).is_some_and(|it| tree::is_masked(&it))
    }

    /// A whole in the place of another: each part that goes, comes, or is another.
    fn all(
        &mut self,
        (parameter, path): (&'static str, &str),
        key: Option<&str>,
        depth: Depth,
        subject: &Subject,
    ) {
        if !says(self.call, parameter) {
            return;
        }
        let Side::Known(there) = &subject.tree else {
            return self.push(last(path), Side::Unknown, After::unknown(), subject);
        };
        let there = there.as_ref();
        let there = there.and_then(|tree| self::there(self.call, parameter, tree, path));
        let put = said(self.call, parameter);
        let difference = compare(last(path), there.as_ref(), put.as_ref(), key, depth);
        let gone = difference.left_out.into_iter();
        let gone = gone.map(|part| (part.name, Some(part.value), None));
        let other = match depth {
            Depth::Whole => difference.other,
            // What AWS tells in them beside what was said is no change.
            Depth::Names => Vec::new(),
        };
        let other = other.into_iter();
        let other = other.map(|(name, before, after)| (name, Some(before), Some(after)));
        let new = difference.new.into_iter();
        let new = new.map(|part| (part.name, None, Some(part.value)));
        let changes: Vec<_> = gone.chain(other).chain(new).collect();
        if changes.is_empty() {
            self.prediction.unchanged += 1;
        }
        let is_secret = self.is_secret(parameter);
        for (name, before, after) in self.few(changes.into_iter()) {
            let plain = |value: Option<Json>| value.map(|value| tree::plain(&even(&value)));
            let after = match (depth, &after) {
                // And it tells more of what comes than was said.
                (Depth::Names, Some(_)) => After::unknown(),
                _ => After {
                    shown: is_secret.then(|| property::SENSITIVE.into()),
                    ..After::rule(plain(after))
                },
            };
            self.push(&name, Side::Known(plain(before)), after, subject);
        }
    }

    /// As many as a prediction keeps: the others are counted.
    fn few<T>(&mut self, items: impl ExactSizeIterator<Item = T>) -> Vec<T> {
        let left_out = items.len().saturating_sub(MOST_PROPERTIES);
        self.prediction.left_out += u32::try_from(left_out).unwrap_or(u32::MAX);
        items.take(MOST_PROPERTIES).collect()
    }

    /// The keys that a parameter takes away: texts, or pairs.
    fn dropped(&self, parameter: &str) -> Vec<String> {
        let texts = tree::texts(&self.raw, parameter);
        match texts.is_empty() {
            true => entries(&self.raw, parameter)
                .into_iter()
                .map(|(key, _)| key)
                .collect(),
            false => texts,
        }
    }

    fn list(
        &mut self,
        parameter: &'static str,
        path: &str,
        subject: &Subject,
        change: impl Fn(&[String], &[String]) -> Vec<String>,
    ) {
        let values = tree::texts(&self.raw, parameter);
        if values.is_empty() {
            return;
        }
        let (before, after) = match &subject.tree {
            Side::Known(tree) if !tree.as_ref().is_some_and(is_cut) => {
                let texts = tree.as_ref().map(|tree| tree::texts(tree, path));
                let before = texts.unwrap_or_default();
                let after = change(&before, &values);
                let list = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.into());
                (Side::Known(list(before)), After::rule(list(after)))
            }
            _ => (Side::Unknown, After::unknown()),
        };
        self.push(parameter, before, after, subject);
    }

    fn rules(&mut self, parameter: &str, path: &str, is_allowed: bool, subject: &Subject) {
        let named = special::permissions(&tree::at(&self.raw, parameter));
        let named = match named.is_empty() {
            true => special::permissions(&[&self.raw]),
            false => named,
        };
        let before = match &subject.tree {
            Side::Known(Some(tree)) => Some(special::permissions(&tree::at(tree, path))),
            Side::Known(None) => Some(Default::default()),
            Side::Unknown => None,
        };
        let (before, after) = match before {
            // By their ids nothing of a rule is told.
            Some(before) if !named.is_empty() => {
                let after = match is_allowed {
                    true => before.union(&named).cloned().collect(),
                    false => before.difference(&named).cloned().collect::<Vec<_>>(),
                };
                let before: Vec<String> = before.into_iter().collect();
                let list = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.into());
                (Side::Known(list(before)), After::rule(list(after)))
            }
            _ => (Side::Unknown, After::unknown()),
        };
        self.push(path, before, after, subject);
    }

    fn gone(&mut self, paths: &[&str], subject: &Subject) {
        if subject.tree.is_absent() {
            let note = match subject.label.is_empty() {
                true => "it does not exist".to_owned(),
                false => format!("{} does not exist", subject.label),
            };
            self.prediction.notes.push(note.into());
            return;
        }
        for path in paths {
            let before = subject.tree.at(path);
            // What it does not have is not lost.
            if !before.is_absent() {
                self.push(path, before, After::rule(None), subject);
            }
        }
        if paths.is_empty() {
            let before = match subject.tree {
                Side::Unknown => Side::Unknown,
                Side::Known(_) => Side::Known(Some("exists".into())),
            };
            self.push("", before, After::rule(None), subject);
        }
    }

    fn remember(
        &mut self,
        parameter: &'static str,
        key: Option<&str>,
        before: &Side,
        was: Option<Json>,
    ) {
        match before {
            Side::Unknown => self.unread = true,
            Side::Known(_) => self.set.push(Set {
                parameter,
                key: key.map(str::to_owned),
                before: was,
            }),
        }
    }

    fn push(&mut self, name: &str, before: Side, after: After, subject: &Subject) {
        let kept = after.evidence == Evidence::Observed;
        if let (Side::Known(before), Side::Known(value)) = (&before, &after.side)
            && !kept
            && tree::same(before.as_ref(), value.as_ref())
        {
            self.prediction.unchanged += 1;
            return;
        }
        let shown = |value: &Json| tree::shown(name, value);
        let is_hidden = after.shown.as_ref().is_some_and(tree::is_masked);
        let before_shown = match &before {
            Side::Known(Some(_)) if is_hidden => Some(property::SENSITIVE.to_owned()),
            Side::Known(value) => value.as_ref().map(shown),
            Side::Unknown => None,
        };
        let after_shown = match (&after.side, &after.shown) {
            (Side::Known(Some(_)), Some(masked)) => Some(shown(masked)),
            (Side::Known(value), _) => value.as_ref().map(shown),
            (Side::Unknown, _) => None,
        };
        let plain = name.strip_suffix(".Value").unwrap_or(name);
        let name = match subject.label.is_empty() {
            true => plain.to_owned(),
            false => format!("{} {plain}", subject.label),
        };
        self.prediction.push(Property {
            name: super::cut(name.trim()),
            before: before_shown,
            after: after_shown,
            forces_replacement: false,
            observed: subject.at.filter(|_| matches!(before, Side::Known(_))),
            evidence: after.evidence,
        });
    }

    /// The value of a parameter that a call which undoes this one may have.
    pub(super) fn parameter(&self, path: &str) -> Option<Json> {
        tree::one(&self.masked, path)
    }

    /// The path of a parameter with its lists.
    pub(super) fn listed(&self, path: &str) -> String {
        listed(self.call, path)
    }
}

fn known(side: &Side) -> Option<Json> {
    match side {
        Side::Known(value) => value.clone(),
        Side::Unknown => None,
    }
}

/// Whether an answer says that there is more.
pub(super) fn is_cut(tree: &Json) -> bool {
    let more = |name: &str| {
        let text = tree.get(name).and_then(tree::text);
        text.is_some_and(|text| text != "false")
    };
    MORE.iter().any(|name| more(name))
}

/// The entries of a map, by key, however it is written.
pub(super) fn entries(tree: &Json, path: &str) -> Vec<(String, Json)> {
    let parts = tree::at(tree, path).into_iter().flat_map(tree::flat);
    parts.flat_map(entries_of).collect()
}

fn entries_of(part: &Json) -> Vec<(String, Json)> {
    let Json::Object(members) = part else {
        return Vec::new();
    };
    for (key, value) in PAIRS {
        if let Some(name) = members.get(key).and_then(tree::text) {
            let space = members.get("Namespace").and_then(tree::text);
            let name = match space {
                Some(space) => format!("{space}:{name}"),
                None => name,
            };
            let value = members.get(value).cloned().unwrap_or(Json::Null);
            return vec![(name, value)];
        }
    }
    let members = members.iter();
    members
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
