//! Names that are not interchangeable although all are text: tasks, sessions, references, holds,
//! approver groups, checks, people.
//!
//! Each has a fixed alphabet, because they end up in messages to agents, in STS session names
//! and in CloudTrail, where free text would let one party write another's record.

use std::fmt;
use std::str::FromStr;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $pattern:literal, $max:literal, $extra:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let valid = (1..=$max).contains(&text.len())
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || $extra.contains(c));
                match valid {
                    true => Ok(Self(text.into())),
                    false => Err(NameError { what: $pattern, text: text.to_owned() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A task: `T-1042` or `T-7QK2M3`.
    TaskId: "a task id (letters, digits, `-`, at most 32)", 32, "-";
    /// One agent's run on a task: `S-...`.
    SessionId: "a session id (letters, digits, `-`, at most 40)", 40, "-";
    /// What people and agents quote to speak of one call: `7QK4M2ZD`.
    Reference: "a reference (letters and digits, at most 24)", 24, "-";
    /// A hold: `H-7QK4M2ZD`.
    HoldId: "a hold id (letters, digits, `-`, at most 26)", 26, "-";
    /// A list of calls that people decide about as one: `B-7QK4M2ZD`.
    BatchId: "a batch id (letters, digits, `-`, at most 26)", 26, "-";
    /// What is asked to be added to a task: `A-7QK4M2ZD`.
    AmendmentId: "an amendment id (letters, digits, `-`, at most 26)", 26, "-";
    /// A person who signs in: a user name or an e-mail address.
    Person: "a person (letters, digits, `-_.@+`, at most 64)", 64, "-_.@+";
    /// A group of people that may lift a hold: `senior`.
    ApproverGroup: "an approver group (letters, digits, `-`, `_`, at most 64)", 64, "-_";
    /// A check that CI reports of a held call: `canary-tests`.
    CheckName: "a check (letters, digits, `-`, `_`, at most 64)", 64, "-_";
    /// A team, which selects the ceiling: `billing-console`.
    Team: "a team (letters, digits, `-`, `_`, at most 64)", 64, "-_";
    /// The person who launched a task: a user name or an e-mail address.
    Sponsor: "a sponsor (letters, digits, `-_.@+`, at most 64)", 64, "-_.@+";
    /// An environment: `cn-prod`.
    Environment: "an environment (letters, digits, `-`, `_`, at most 64)", 64, "-_";
    /// A policy: its `@id`.
    PolicyId: "a policy id (letters, digits, `-_/.`, at most 128)", 128, "-_/.";
}

impl HoldId {
    /// The id of the hold that the call of `reference` opens.
    #[must_use]
    pub fn of(reference: &Reference) -> Self {
        Self(format!("H-{reference}").into())
    }
}

impl BatchId {
    /// The id of the batch that is proposed under `reference`.
    #[must_use]
    pub fn of(reference: &Reference) -> Self {
        Self(format!("B-{reference}").into())
    }
}

/// Text that should have been a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct NameError {
    what: &'static str,
    text: String,
}
