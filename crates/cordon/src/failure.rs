//! What goes wrong for a person at the command line: what happened, whose fault it is, what to do
//! next, and the exit code.

use crate::output;
use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Exit code of a usage or configuration fault, as clap uses it.
pub(crate) const USAGE: u8 = 2;

/// Exit code of a Cordon that ended while calls were in flight whose outcome is not known.
pub(crate) const UNFINISHED: u8 = 3;

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
    code: u8,
}

impl Failure {
    /// A failure with its one-line message.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
            code: 1,
        }
    }

    /// A failure whose message is `what` and the chain of causes of `error`.
    pub(crate) fn because(what: impl Into<String>, error: &(dyn Error + 'static)) -> Self {
        let mut message = what.into();
        let mut cause = Some(error);
        while let Some(error) = cause {
            let _ = write!(message, "\n  because: {error}");
            cause = error.source();
        }
        Self::new(message)
    }

    /// Says what to do next.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the exit code; 1 otherwise.
    #[must_use]
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// What to do next, as it was said.
    #[cfg(test)]
    pub(crate) fn helped(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Prints the failure to standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (error, help) = (output::ERROR, output::STRONG);
        output::error_line(format_args!("{error}error:{error:#} {}", self.message));
        if let Some(text) = &self.help {
            output::error_line(format_args!("{help}help:{help:#} {text}"));
        }
        ExitCode::from(self.code)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
