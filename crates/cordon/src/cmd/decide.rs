//! `cordon decide`: each request of a stream, decided against one task and one bundle.

use super::classify::Reading;
use crate::bundle::Bundle;
use crate::failure::{Failure, USAGE};
use crate::launch;
use crate::machine::{Classified, LineError, Reader};
use crate::offline::{self, judge_line};
use crate::output;
use clap::Args;
use cordon_aws::catalog::Catalog;
use cordon_aws::sigv4::{AccessKeyId, SecretKey};
use cordon_core::judge::{Judge, Judgement, Signatures};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Decide HTTP requests against a task and policies.
///
/// Reads and writes as `cordon classify` does, with the decision added. The ledger and the
/// budgets start empty and follow the stream, so that deleting and then creating is judged as a
/// sequence: an allowed call counts as done.
#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// The task file
    #[arg(long, value_name = "FILE")]
    task: PathBuf,
    /// The policy bundle's folder [default: the bundle that is built in]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Check signatures with the key pair in this file: an access key id and a secret, a line each
    #[arg(long, value_name = "KEY_FILE")]
    verify: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// What `decide` answers.
#[derive(Debug, Serialize)]
struct Decided {
    #[serde(flatten)]
    classified: Classified,
    decision: &'static str,
    policies: Vec<PolicyLine>,
    needs: BTreeSet<String>,
    checks: BTreeSet<String>,
    digest: Option<String>,
}

/// A determining policy.
#[derive(Debug, Serialize)]
struct PolicyLine {
    id: String,
    title: String,
    hint: String,
}

impl Decide {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let bundle = match &self.policies {
            Some(folder) => Bundle::read(folder)?,
            None => Bundle::baseline(),
        };
        let policies = bundle.load()?;
        let task = launch::draft("T-decide", &self.task, &policies, None)?;
        let (signatures, key_id, secret) = self.keys()?;
        let session = offline::session(task, self.reading.account.as_ref(), key_id, secret)?;
        let mut judge = Judge::new(
            Catalog::embedded(),
            &policies,
            Arc::new(session),
            signatures,
        );
        let mut reader = Reader::new(&self.reading)?;
        while let Some(line) = reader.next_line()? {
            let answer = match line {
                Err(line) => refused(line.id, line.error),
                Ok(line) => match judge_line(&mut judge, &reader, &line, Timestamp::now()) {
                    Ok(judgement) => decided(line.id, &judgement),
                    Err(error) => refused(line.id, error),
                },
            };
            output::json(&answer);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The session's key pair: from the file, or one that no request has to be signed with.
    fn keys(&self) -> Result<(Signatures, AccessKeyId, SecretKey), Failure> {
        let wrong = || {
            Failure::new("the key file must hold an access key id and a secret, a line each")
                .code(USAGE)
        };
        let Some(file) = &self.verify else {
            let (key_id, secret) = offline::keys()?;
            return Ok((Signatures::Assumed, key_id, secret));
        };
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::because(format!("`{}` could not be read", file.display()), &error).code(USAGE)
        })?;
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (Some(key_id), Some(secret)) = (lines.next(), lines.next()) else {
            return Err(wrong());
        };
        let key_id = key_id.parse().map_err(|_| wrong())?;
        Ok((
            Signatures::Checked,
            key_id,
            SecretKey::new(secret.to_owned()),
        ))
    }
}

fn decided(id: Value, judgement: &Judgement) -> Decided {
    let verdict = &judgement.verdict;
    let facts = judgement.facts.iter().map(|fact| fact.as_str()).collect();
    Decided {
        classified: Classified::of(id, &judgement.call, facts),
        decision: verdict.outcome.as_str(),
        policies: verdict
            .policies
            .iter()
            .map(|policy| PolicyLine {
                id: policy.id.to_string(),
                title: policy.title.to_string(),
                hint: policy.hint.to_string(),
            })
            .collect(),
        needs: verdict.needs.iter().map(ToString::to_string).collect(),
        checks: verdict.checks.iter().map(ToString::to_string).collect(),
        digest: Some(judgement.digest.to_string()),
    }
}

/// What cannot be identified is refused before any policy.
fn refused(id: Value, error: LineError) -> Decided {
    Decided {
        classified: Classified::refused(id, error),
        decision: "deny",
        policies: Vec::new(),
        needs: BTreeSet::new(),
        checks: BTreeSet::new(),
        digest: None,
    }
}
