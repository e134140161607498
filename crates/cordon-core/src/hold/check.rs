//! Required checks: what a machine must report of a held call, beside what people say.
//!
//! Takes the reports of a hold; gives which of its checks passed, failed or were not reported yet. A
//! report says how one check of one hold came out: the hold has the digest of its call and of the state
//! that it was judged on, so what was checked of another call or state stands nowhere here. The last
//! report of a check is the one that counts. A check never stands for a person: what asks for checks
//! asks for people too.

use super::{Hold, Standing};
use crate::names::{ApproverGroup, CheckName, Person};
use crate::people::People;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;

/// How often a check may be reported anew for one hold, all checks together. A failure is taken beyond
/// that: it stops, and lifts nothing.
pub const REPORTS: usize = 32;

/// What a machine reported of a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which check.
    pub check: CheckName,
    /// How it came out.
    pub result: CheckResult,
    /// Where to read more: text for people, which nothing follows.
    pub link: Box<str>,
    /// For whom the token that reported it speaks.
    pub person: Person,
    /// Which token that was.
    pub token: Box<str>,
    /// When.
    pub at: Timestamp,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckResult {
    /// What it checks is as it should be.
    Passed,
    /// It is not, and the call does not go.
    Failed,
}

/// What a hold waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// So many approvals of each of these groups.
    pub groups: BTreeMap<ApproverGroup, u32>,
    /// These checks: failed, or not reported.
    pub checks: BTreeMap<CheckName, Option<CheckResult>>,
}

/// Why a report is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The hold asks for other checks, or for none.
    #[error("this hold does not ask for that check, but for {0}")]
    NotAsked(String),
    /// The hold is over.
    #[error("the hold is over ({0}): nothing can be reported about it any more")]
    Over(&'static str),
    /// The sponsor never lifts a part of the hold.
    #[error("a token of the sponsor of a task reports nothing about its holds")]
    Sponsor,
    /// What was checked is not what is held.
    #[error("what was checked is not what is held: the digest, or that of the state, differs")]
    Digest,
    /// It was reported too often.
    #[error("checks of this hold were reported too often")]
    TooMany,
}

impl CheckResult {
    /// `passed` or `failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }

    /// The result that [`CheckResult::as_str`] gives `word` for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Passed, Self::Failed]
            .into_iter()
            .find(|result| result.as_str() == word)
    }
}

impl Missing {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.checks.is_empty()
    }

    /// Whether some check failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let mut results = self.checks.values();
        results.any(|result| *result == Some(CheckResult::Failed))
    }
}

/// `1 approval of senior, 2 approvals of dba and check canary-tests (failed)`.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups = self.groups.iter().map(|(group, count)| match count {
            1 => format!("1 approval of {group}"),
            count => format!("{count} approvals of {group}"),
        });
        let checks = self.checks.iter().map(|(check, result)| match result {
            Some(CheckResult::Failed) => format!("check {check} (failed)"),
            _ => format!("check {check}"),
        });
        let words: Vec<String> = groups.chain(checks).collect();
        match words.as_slice() {
            [] => f.write_str("nothing"),
            [one] => f.write_str(one),
            [most @ .., last] => write!(f, "{} and {last}", most.join(", ")),
        }
    }
}

impl Hold {
    /// What was reported last of `check`, where that counts. A pass counts within the time to decide and
    /// while its reporter is one of the people, other than the sponsor; a failure in any case.
    #[must_use]
    pub fn report_of(&self, check: &CheckName, people: &People) -> Option<&Report> {
        let mut reports = self.reports.iter().rev();
        reports.find(|report| report.check == *check && self.counts(report, people))
    }

    fn counts(&self, report: &Report, people: &People) -> bool {
        let known = people.find(report.person.as_str()).is_some();
        let lifts = known
            && report.at <= self.decide_by
            && !people.is_sponsor(&report.person, &self.sponsor);
        lifts || report.result == CheckResult::Failed
    }

    /// Since when `check` is passed; nothing where it is not. Reporting the same again makes an approval
    /// live no longer.
    pub(super) fn passed(&self, check: &CheckName, people: &People) -> Option<Timestamp> {
        let mut since = None;
        for report in &self.reports {
            if report.check == *check && self.counts(report, people) {
                since = match report.result {
                    CheckResult::Failed => None,
                    CheckResult::Passed => since.or(Some(report.at)),
                };
            }
        }
        since
    }

    /// The checks that are not passed, and how each came out where it was reported.
    pub(super) fn unpassed(&self, people: &People) -> BTreeMap<CheckName, Option<CheckResult>> {
        let open = self.checks.iter().filter_map(|check| {
            let result = self.report_of(check, people).map(|report| report.result);
            (result != Some(CheckResult::Passed)).then(|| (check.clone(), result))
        });
        open.collect()
    }

    /// Whether `report`, of what had the digests `seen` (of the call, of its state), may be added now.
    ///
    /// # Errors
    /// Why not.
    pub fn admits_report(
        &self,
        report: &Report,
        seen: (&str, &str),
        people: &People,
    ) -> Result<(), ReportError> {
        if !self.checks.contains(&report.check) {
            let asked: Vec<&str> = self.checks.iter().map(CheckName::as_str).collect();
            return Err(ReportError::NotAsked(match asked.is_empty() {
                true => "none".to_owned(),
                false => asked.join(", "),
            }));
        }
        if people.is_sponsor(&report.person, &self.sponsor) {
            return Err(ReportError::Sponsor);
        }
        let standing = self.standing(people, report.at);
        let late = report.at >= self.decide_by && report.result == CheckResult::Passed;
        if !standing.is_open() || late {
            let how = match standing {
                Standing::Waiting { .. } | Standing::Approved { .. } => "its time is over",
                other => other.as_str(),
            };
            return Err(ReportError::Over(how));
        }
        if seen != (&*self.digest, self.state.as_str()) {
            return Err(ReportError::Digest);
        }
        match self.reports.len() >= REPORTS && report.result == CheckResult::Passed {
            true => Err(ReportError::TooMany),
            false => Ok(()),
        }
    }
}
