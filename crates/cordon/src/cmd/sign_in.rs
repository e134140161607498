//! `cordon sign-in`, `cordon sign-out`: a person at this terminal.

use crate::control::{SignedIn, client, failed};
use crate::failure::{Failure, USAGE};
use crate::output::{self, STRONG};
use crate::{identity, wiring};
use clap::Args;
use cordon_control::api::{SignInAs, SignInBody, SignedIn as Answer, SignedOut};
use cordon_control::client::Client;
use cordon_control::secret;
use std::process::ExitCode;

/// A link that `cordon up` or `cordon people link` printed.
#[derive(Debug, Args)]
pub(crate) struct SignIn {
    /// The link: http://127.0.0.1:8801/sign-in#cordon_link_...
    link: String,
}

/// Sign out at this terminal: what was kept is good for nothing any more.
#[derive(Debug, Args)]
pub(crate) struct SignOut {}

impl SignIn {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        identity::refuse_agents()?;
        let Some((control, link)) = secret::of_address(&self.link) else {
            return Err(Failure::new("this is not a link to sign in with")
                .help("copy all of it, in quotes: the part after `#` too")
                .code(USAGE));
        };
        let body = SignInBody {
            link: link.to_owned(),
            kind: SignInAs::Terminal,
        };
        let client = Client::new(control, None).map_err(failed)?;
        let answer: Answer = wiring::block_on(async {
            let answer = client.post("/sign-in", &body).await;
            answer.map_err(failed)
        })?;
        let signed_in = SignedIn {
            control: control.to_owned(),
            person: answer.person,
            expires: answer.expires,
            token: answer.token.unwrap_or_default(),
        };
        let file = signed_in.keep()?;
        output::line(format_args!(
            "signed in as {STRONG}{}{STRONG:#} until {}, kept in {}",
            output::inert(&signed_in.person, 64),
            output::inert(&signed_in.expires, 40),
            file.display()
        ));
        Ok(ExitCode::SUCCESS)
    }
}

impl SignOut {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let client = client()?;
        let answer: Result<SignedOut, Failure> = wiring::block_on(async {
            let answer = client.post("/sign-out", &serde_json::json!({})).await;
            answer.map_err(failed)
        });
        SignedIn::forget()?;
        let person = answer?.person;
        output::line(format_args!("{} is signed out", output::inert(&person, 64)));
        Ok(ExitCode::SUCCESS)
    }
}
