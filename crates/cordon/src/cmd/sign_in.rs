//! `cordon sign-in`, `cordon sign-out`: a person at this terminal.

use crate::config::{Config, Flags};
use crate::control::{SignedIn, client, failed};
use crate::failure::{Failure, USAGE};
use crate::output::{self, STRONG};
use crate::serving::Ready;
use crate::{identity, wiring};
use clap::Args;
use cordon_control::api::{
    BEGIN, SIGN_IN_PAGE, SignInAs, SignInBody, SignedIn as Answer, SignedOut,
};
use cordon_control::client::Client;
use cordon_control::secret;
use std::io::{BufRead as _, Read as _};
use std::process::ExitCode;

/// The longest line that is read, in bytes.
const LONGEST: u64 = 4_096;

/// A link that `cordon up` or `cordon people link` printed, or that a browser shows in the end.
#[derive(Debug, Args)]
pub(crate) struct SignIn {
    /// The link: http://127.0.0.1:8801/sign-in#cordon_link_...
    #[arg(required_unless_present = "browser")]
    link: Option<String>,
    /// Sign in in a browser: by a passkey, or by the provider of identities
    #[arg(long, conflicts_with = "link")]
    browser: bool,
}

/// Sign out at this terminal: what was kept is good for nothing any more.
#[derive(Debug, Args)]
pub(crate) struct SignOut {}

impl SignIn {
    pub(crate) fn run(self, flags: &Flags) -> Result<ExitCode, Failure> {
        identity::refuse_agents()?;
        let given = match self.link {
            Some(link) => link,
            None => by_browser(flags)?,
        };
        let Some((control, link)) = secret::of_address(&given) else {
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

/// Says where to begin, and reads the link that the browser shows in the end.
fn by_browser(flags: &Flags) -> Result<String, Failure> {
    let config = Config::load(flags)?;
    let ready = Ready::find(&config)?;
    let addresses = ready.control_addresses();
    let control = addresses.first().ok_or_else(|| {
        Failure::new("the Cordon that serves has no control plane").help("start it again")
    })?;
    let begin = match config.control.oidc {
        Some(_) => BEGIN,
        None => SIGN_IN_PAGE,
    };
    output::error_line(format_args!(
        "open {STRONG}{control}{begin}{STRONG:#}, then paste the link that it shows:"
    ));
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(LONGEST)
        .read_line(&mut line)
        .map_err(|error| Failure::because("no link could be read", &error))?;
    // As it stands on the page, where the whole command is copied.
    let line = line.trim().trim_start_matches("cordon sign-in ");
    Ok(line.trim_matches('\'').to_owned())
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
