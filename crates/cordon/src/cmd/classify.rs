//! `cordon classify`: the AWS call in each request of a stream.

use crate::failure::Failure;
use crate::machine::{Classified, Reader};
use crate::output;
use clap::Args;
use cordon_aws::arn::AccountId;
use cordon_aws::call::Call;
use cordon_aws::catalog::Effect;
use cordon_aws::classify;
use cordon_core::fact::Fact;
use std::process::ExitCode;

/// Name the AWS calls in HTTP requests.
///
/// Reads one request a line on standard input:
/// {"id":"1","method":"POST","url":"https://...","headers":[["Host","..."]],"body_b64":"..."}
/// and writes one JSON object a line, in order. What cannot be identified has `operation: null`
/// and an `error` with a code. Signatures are not checked.
#[derive(Debug, Args)]
pub(crate) struct Classify {
    #[command(flatten)]
    reading: Reading,
}

/// How requests are read; shared with `decide`.
#[derive(Debug, Args)]
pub(crate) struct Reading {
    /// The account that calls act in, for ARNs that the request does not carry whole
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// A name that is Cordon itself (endpoint mode, also with a prefix before it)
    #[arg(long = "own-host", value_name = "HOST")]
    pub(crate) own_hosts: Vec<String>,
}

impl Classify {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let mut reader = Reader::new(&self.reading)?;
        while let Some(line) = reader.next_line()? {
            let answer = match line {
                Err(refused) => Classified::refused(refused.id, refused.error),
                Ok(line) => match reader.identify(&line) {
                    Ok(call) => {
                        let facts = told(&call);
                        Classified::of(line.id, &call, facts)
                    }
                    Err(error) => Classified::refused(line.id, error),
                },
            };
            output::json(&answer);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The facts that the call tells by itself; what needs a task, a ledger or a read is told by
/// `cordon decide` and the proxy.
fn told(call: &Call) -> Vec<&'static str> {
    let effects = classify::effects(call);
    let known = |word: &&str| Fact::ALL.iter().any(|fact| fact.as_str() == *word);
    let credentials = call.operation().returns_credentials();
    let unsigned = call.operation().unsigned();
    effects
        .into_iter()
        .map(Effect::as_str)
        .filter(known)
        .chain(credentials.then_some(Fact::ReturnsCredentials.as_str()))
        .chain(unsigned.then_some(Fact::NeedsNoSignature.as_str()))
        .collect()
}
