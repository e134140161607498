//! Faults in what people write: where, what was expected, what to do. All of a file's faults are
//! reported together, so that one reading mends the file.

use std::fmt;

/// One fault at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The file as the caller named it.
    pub file: Box<str>,
    /// From 1; 0 where the fault is about the whole file.
    pub line: u32,
    /// From 1, in characters; 0 where the fault is about the whole file.
    pub column: u32,
    /// What is wrong and what was expected; lower case, one line.
    pub message: String,
    /// What to do next; empty where the message says it.
    pub help: String,
}

impl Fault {
    /// A fault about the whole file.
    #[must_use]
    pub fn of_file(file: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            message: message.into(),
            help: help.into(),
        }
    }

    /// A fault at byte `offset` of `text`.
    #[must_use]
    pub fn at(
        file: &str,
        text: &str,
        offset: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self {
            file: file.into(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            message: message.into(),
            help: help.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message)?,
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message)?,
        }
        match self.help.is_empty() {
            true => Ok(()),
            false => write!(f, "\n    {}", self.help),
        }
    }
}

/// Every fault of one reading, in the order of their places; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// `value` if nothing was found wrong, the faults otherwise.
    ///
    /// # Errors
    /// `found`, if there are any.
    pub fn or<T>(mut found: Vec<Fault>, value: T) -> Result<T, Self> {
        found.sort();
        found.dedup();
        match found.is_empty() {
            true => Ok(value),
            false => Err(Self(found)),
        }
    }

    /// The faults.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    pub(crate) fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// The name among `known` that `written` was probably meant to be, as a sentence for a help text.
#[must_use]
pub fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    known
        .into_iter()
        .map(|name| {
            let likeness = strsim::jaro_winkler(&written.to_lowercase(), &name.to_lowercase());
            (likeness, name)
        })
        .filter(|(likeness, _)| *likeness > 0.82)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_in_lines_and_characters() {
        let fault = Fault::at("task.toml", "a = 1\nö = 2\n", 9, "no", "");
        assert_eq!(fault.to_string(), "task.toml:2:3: no");
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let known = ["accounts", "regions"];
        assert_eq!(
            did_you_mean("acounts", known).unwrap(),
            "did you mean `accounts`?"
        );
        assert_eq!(did_you_mean("zebra", known), None);
    }
}
