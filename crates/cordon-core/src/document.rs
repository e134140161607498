//! A TOML document read strictly: every key is known, every value has its type, and all faults
//! are found in one reading, each with its place.
//!
//! A reader takes the keys it knows out of a [`Section`]; what is left when the section is
//! finished is unknown and reported with the nearest known name.

use crate::fault::{Fault, did_you_mean};
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest file that is read. A task or an environment map is some kilobytes.
const LONGEST: usize = 1024 * 1024;

/// A value with the place it was written at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// The byte of the file where it begins.
    pub offset: usize,
}

/// The file under reading, and what was found wrong with it so far.
#[derive(Debug)]
pub struct Document<'t> {
    file: &'t str,
    text: &'t str,
    faults: Vec<Fault>,
}

/// One table of the file. Keys are taken out as they are read.
#[derive(Debug, Default)]
pub struct Section<'t> {
    /// How the table is called in messages: `[where]`; empty for the top of the file.
    name: String,
    offset: usize,
    entries: BTreeMap<String, (Range<usize>, Spanned<DeValue<'t>>)>,
    known: Vec<&'static str>,
}

impl<'t> Document<'t> {
    /// Parses `text`. Where it is not TOML at all, the section is empty and the faults say why.
    pub fn parse(file: &'t str, text: &'t str) -> (Self, Section<'t>) {
        let mut document = Self {
            file,
            text,
            faults: Vec::new(),
        };
        if text.len() > LONGEST {
            let message = format!("the file is larger than {LONGEST} bytes");
            document.faults.push(Fault::of_file(file, message, ""));
            return (document, Section::of(String::new(), 0, DeTable::new()));
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            let message = error.message().replace('\n', "; ");
            document.fault(offset, message, "");
        }
        (document, Section::of(String::new(), 0, table.into_inner()))
    }

    /// Notes a fault at byte `offset`.
    pub fn fault(&mut self, offset: usize, message: impl Into<String>, help: impl Into<String>) {
        let fault = Fault::at(self.file, self.text, offset, message, help);
        self.faults.push(fault);
    }

    /// How many faults were noted so far. A part of the file was read whole where reading it
    /// noted none.
    #[must_use]
    pub fn found(&self) -> usize {
        self.faults.len()
    }

    /// The file as the caller named it.
    #[must_use]
    pub fn file(&self) -> &'t str {
        self.file
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// All faults that were noted.
    #[must_use]
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Takes out all faults that were noted so far.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.faults)
    }

    /// Reports the keys that nobody took.
    pub fn finish(&mut self, section: Section<'t>) {
        for (key, (span, _)) in section.entries {
            let place = match section.name.is_empty() {
                true => String::new(),
                false => format!(" in {}", section.name),
            };
            let help = did_you_mean(&key, section.known.iter().copied())
                .unwrap_or_else(|| format!("known keys{place}: {}", section.known.join(", ")));
            self.fault(span.start, format!("unknown key `{key}`{place}"), help);
        }
    }

    fn wrong_type(&mut self, offset: usize, what: &str, expected: &str, found: &DeValue<'_>) {
        let found = found.type_str();
        self.fault(
            offset,
            format!("{what} is {found}, expected {expected}"),
            "",
        );
    }

    /// The text under `key`, if it is there.
    pub fn string(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
    ) -> Option<Placed<String>> {
        let value = section.take(key)?;
        self.as_string(&section.called(key), value)
    }

    /// The text under `key`; a fault if it is missing.
    pub fn required_string(
        &mut self,
        section: &mut Section<'t>,
        key: &'static str,
        example: &str,
    ) -> Option<Placed<String>> {
        if !section.entries.contains_key(key) {
            section.known.push(key);
            let message = format!("{} is missing", section.called(key));
            self.fault(
                section.offset,
                message,
                format!("write `{key} = \"{example}\"`"),
            );
            return None;
        }
        self.string(section, key)
    }

    /// The text of a value.
    pub fn as_string(&mut self, what: &str, value: Spanned<DeValue<'t>>) -> Option<Placed<String>> {
        let offset = value.span().start;
        match value.into_inner() {
            DeValue::String(text) => Some(Placed {
                value: text.into_owned(),
                offset,
            }),
            other => {
                self.wrong_type(offset, what, "a string", &other);
                None
            }
        }
    }

    /// The list of texts under `key`; empty if it is missing.
    pub fn strings(&mut self, section: &mut Section<'t>, key: &'static str) -> Vec<Placed<String>> {
        let Some(value) = section.take(key) else {
            return Vec::new();
        };
        self.as_strings(&section.called(key), value)
    }

    /// The list of texts that `value`, called `what` in messages, is.
    pub fn as_strings(&mut self, what: &str, value: Spanned<DeValue<'t>>) -> Vec<Placed<String>> {
        let offset = value.span().start;
        match value.into_inner() {
            DeValue::Array(items) => items
                .into_iter()
                .filter_map(|item| self.as_string(&format!("an item of {what}"), item))
                .collect(),
            other => {
                self.wrong_type(offset, what, "a list of strings", &other);
                Vec::new()
            }
        }
    }

    /// The whole number under `key`, not negative and within 32 bits.
    pub fn count(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<Placed<u32>> {
        let value = section.take(key)?;
        let what = section.called(key);
        let offset = value.span().start;
        match self.as_integer(&what, value).map(u32::try_from)? {
            Ok(value) => Some(Placed { value, offset }),
            Err(_) => {
                let message = format!("{what} is not a number from 0 to {}", u32::MAX);
                self.fault(offset, message, "");
                None
            }
        }
    }

    /// The whole number under `key`.
    pub fn integer(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<i64> {
        let value = section.take(key)?;
        self.as_integer(&section.called(key), value)
    }

    fn as_integer(&mut self, what: &str, value: Spanned<DeValue<'t>>) -> Option<i64> {
        let offset = value.span().start;
        match value.into_inner() {
            DeValue::Integer(digits) => {
                let parsed = i64::from_str_radix(digits.as_str(), digits.radix());
                if parsed.is_err() {
                    self.fault(offset, format!("{what} does not fit 64 bits"), "");
                }
                parsed.ok()
            }
            other => {
                self.wrong_type(offset, what, "a whole number", &other);
                None
            }
        }
    }

    /// The boolean under `key`.
    pub fn boolean(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<bool> {
        let value = section.take(key)?;
        let what = section.called(key);
        let offset = value.span().start;
        match value.into_inner() {
            DeValue::Boolean(value) => Some(value),
            other => {
                self.wrong_type(offset, &what, "true or false", &other);
                None
            }
        }
    }

    /// The table under `key`.
    pub fn section(&mut self, section: &mut Section<'t>, key: &'static str) -> Option<Section<'t>> {
        let value = section.take(key)?;
        self.as_section(format!("[{}]", section.path(key)), value)
    }

    /// The table that `value` is, called `name` in messages.
    pub fn as_section(&mut self, name: String, value: Spanned<DeValue<'t>>) -> Option<Section<'t>> {
        let offset = value.span().start;
        match value.into_inner() {
            DeValue::Table(table) => Some(Section::of(name, offset, table)),
            other => {
                self.wrong_type(offset, &name, "a table", &other);
                None
            }
        }
    }

    /// The tables under `key`, written as `[[key]]`; none if it is missing.
    pub fn sections(&mut self, section: &mut Section<'t>, key: &'static str) -> Vec<Section<'t>> {
        let Some(value) = section.take(key) else {
            return Vec::new();
        };
        let name = format!("[[{}]]", section.path(key));
        let offset = value.span().start;
        match value.into_inner() {
            DeValue::Array(items) => items
                .into_iter()
                .filter_map(|item| self.as_section(name.clone(), item))
                .collect(),
            other => {
                self.wrong_type(offset, &name, "a list of tables", &other);
                Vec::new()
            }
        }
    }
}

impl<'t> Section<'t> {
    fn of(name: String, offset: usize, table: DeTable<'t>) -> Self {
        let entries = table
            .into_iter()
            .map(|(key, value)| {
                let span = key.span();
                (key.into_inner().into_owned(), (span, value))
            })
            .collect();
        Self {
            name,
            offset,
            entries,
            known: Vec::new(),
        }
    }

    /// Where the table begins.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Takes the value under `key` out; the key counts as known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Takes every entry out, for tables whose keys are names of the writer's own.
    pub fn take_all(&mut self) -> Vec<(Placed<String>, Spanned<DeValue<'t>>)> {
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(key, (span, value))| {
                let key = Placed {
                    value: key,
                    offset: span.start,
                };
                (key, value)
            })
            .collect()
    }

    fn path(&self, key: &str) -> String {
        let own = self.name.trim_matches(['[', ']']);
        match own.is_empty() {
            true => key.to_owned(),
            false => format!("{own}.{key}"),
        }
    }

    fn called(&self, key: &str) -> String {
        match self.name.is_empty() {
            true => format!("`{key}`"),
            false => format!("`{key}` in {}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let (mut document, mut top) = Document::parse("f.toml", text);
        let _ = document.string(&mut top, "title");
        let _ = document.strings(&mut top, "agents");
        if let Some(mut budget) = document.section(&mut top, "budget") {
            let _ = document.count(&mut budget, "mutations");
            document.finish(budget);
        }
        document.finish(top);
        document
            .into_faults()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn all_faults_are_found_in_one_reading() {
        let text = "titel = 'x'\nagents = 1\n[budget]\nmutations = -1\nmuttions = 2\n";
        assert_eq!(
            faults(text),
            [
                "f.toml:2:10: `agents` is integer, expected a list of strings",
                "f.toml:4:13: `mutations` in [budget] is not a number from 0 to 4294967295",
                "f.toml:5:1: unknown key `muttions` in [budget]\n    did you mean `mutations`?",
                "f.toml:1:1: unknown key `titel`\n    did you mean `title`?",
            ]
        );
    }

    #[test]
    fn a_key_given_twice_is_a_fault() {
        let found = faults("title = 'a'\ntitle = 'b'\n");
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn nesting_without_end_is_a_fault_and_not_a_crash() {
        assert!(!faults(&format!("title = {}", "[".repeat(100_000))).is_empty());
    }
}
