//! The table of lanes and the closing line.

use std::fmt;

use super::Require;
use super::cargo::Tally;
use super::lane::Lane;
use super::tool::{Found, Missing, Remedy};

/// One lane with what became of it.
#[derive(Debug)]
pub(super) struct Row {
    lane: &'static str,
    client: &'static str,
    version: String,
    tally: Tally,
    note: String,
}

impl Row {
    /// Weighs what ran against what was missing: where all is required, a test that an
    /// installable tool would have run has failed.
    pub(super) fn of(
        lane: Lane,
        found: Option<&Found>,
        missing: Option<&Missing>,
        require: Require,
        mut tally: Tally,
    ) -> Self {
        let mut note = missing.map(Missing::to_string).unwrap_or_default();
        if let Some(Missing {
            remedy: Remedy::Install(_),
            ..
        }) = missing
            && require == Require::All
        {
            tally.failed += tally.ignored.max(1);
            tally.ignored = 0;
            note = format!("required, yet {note}");
        }
        let client = lane.part();
        let version = match found {
            Some(found) => found.version(client).to_owned(),
            None if lane.client().is_none() => env!("CARGO_PKG_RUST_VERSION").to_owned(),
            None => String::new(),
        };
        Self {
            lane: lane.name(),
            client,
            version,
            tally,
            note,
        }
    }

    /// The counts that are not zero, then why some tests did not run.
    fn result(&self) -> String {
        let Tally {
            passed,
            failed,
            ignored,
        } = self.tally;
        let counts = [(passed, "passed"), (failed, "failed"), (ignored, "skipped")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        let counts = if counts.is_empty() {
            "no tests".to_owned()
        } else {
            counts.join(", ")
        };
        if self.note.is_empty() {
            counts
        } else {
            format!("{counts}: {}", self.note)
        }
    }
}

/// All lanes of a run, in order.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Row>);

impl Report {
    pub(super) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    pub(super) fn failed(&self) -> u32 {
        self.0.iter().map(|row| row.tally.failed).sum()
    }
}

/// The closing line stands alone and last, since programs read it too.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["lane", "client", "version", "result"].map(str::to_owned);
        let rows = self.0.iter().map(|row| {
            [
                row.lane.to_owned(),
                row.client.to_owned(),
                row.version.clone(),
                row.result(),
            ]
        });
        let rows: Vec<[String; 4]> = [heads].into_iter().chain(rows).collect();
        let width = |column: fn(&[String; 4]) -> &String| {
            rows.iter()
                .map(|row| column(row).chars().count())
                .max()
                .unwrap_or(0)
        };
        let (lanes, clients, versions) = (
            width(|[it, ..]| it),
            width(|[_, it, ..]| it),
            width(|[_, _, it, _]| it),
        );
        for [lane, client, version, result] in &rows {
            writeln!(
                out,
                "{lane:lanes$}  {client:clients$}  {version:versions$}  {result}"
            )?;
        }
        let sum =
            |count: fn(&Tally) -> u32| self.0.iter().map(|row| count(&row.tally)).sum::<u32>();
        let (passed, failed) = (sum(|tally| tally.passed), sum(|tally| tally.failed));
        let skipped = sum(|tally| tally.ignored);
        write!(out, "\n{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(missing: Option<&Missing>, require: Require, tally: Tally) -> Row {
        Row::of(Lane::Terraform, None, missing, require, tally)
    }

    #[test]
    fn a_missing_tool_that_could_be_installed_fails_where_all_is_required() {
        let missing = Missing::install("no client", "install it");
        let tally = Tally {
            passed: 1,
            failed: 0,
            ignored: 8,
        };
        let required = row(Some(&missing), Require::All, tally);
        assert_eq!(
            required.tally,
            Tally {
                passed: 1,
                failed: 8,
                ignored: 0
            }
        );
        let optional = row(Some(&missing), Require::Present, tally);
        assert_eq!(optional.tally, tally);
    }

    #[test]
    fn a_missing_tool_with_no_tests_counted_is_still_a_failure() {
        let missing = Missing::install("no client", "install it");
        assert_eq!(
            row(Some(&missing), Require::All, Tally::default())
                .tally
                .failed,
            1
        );
    }

    #[test]
    fn a_tool_that_has_to_be_brought_is_skipped_with_the_reason() {
        let missing = Missing::bring("no `terraform`", "put it on the path");
        let tally = Tally {
            passed: 0,
            failed: 0,
            ignored: 4,
        };
        let row = row(Some(&missing), Require::All, tally);
        assert_eq!(
            row.result(),
            "4 skipped: no `terraform`; put it on the path"
        );
    }

    #[test]
    fn the_closing_line_is_last_and_alone() {
        let mut report = Report::default();
        let tally = Tally {
            passed: 3,
            failed: 1,
            ignored: 2,
        };
        report.add(Row::of(Lane::Unit, None, None, Require::All, tally));
        report.add(Row::of(Lane::Boto3, None, None, Require::All, tally));
        let text = report.to_string();
        assert_eq!(text.lines().last(), Some("6 passed, 2 failed, 4 skipped"));
        assert_eq!(report.failed(), 2);
    }
}
