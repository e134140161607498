//! What goes wrong with memory, and what to do about it.

use crate::call::Limit;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why something could not be remembered or recalled. Cloned to every caller whose write was in
/// the same batch.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The state folder cannot be used.
    #[error(
        "the state folder `{}` cannot be used: name one that this user may write with `--state`",
        path.display()
    )]
    Folder {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// Others could replace the database.
    #[error(
        "other users may write to the state folder `{}`: run `chmod go-w` on it, or name another with `--state`",
        .0.display()
    )]
    Exposed(PathBuf),
    /// Another Cordon serves from this folder.
    #[error(
        "another Cordon{} serves from the state folder `{}`: stop it, or name another folder with `--state`",
        process.map(|id| format!(" (process {id})")).unwrap_or_default(),
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Its process id, where it could be read.
        process: Option<u32>,
    },
    /// Some other program holds the database.
    #[error(
        "the database `{}` is locked by another program: end what has it open (`fuser` names it), then try again",
        .0.display()
    )]
    Locked(PathBuf),
    /// There is no room.
    #[error(
        "no room is left for the database `{}`: free disk space or raise its size limit; changes are refused until then",
        .0.display()
    )]
    Full(PathBuf),
    /// The file is not what was written.
    #[error(
        "the database `{}` is damaged: put a backup in its place, or move it away to start with an empty one",
        path.display()
    )]
    Corrupted {
        /// The file.
        path: PathBuf,
        /// What was found.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A newer build wrote the file.
    #[error(
        "the database `{}` was written by a newer Cordon (schema {found}, this build knows {known}): use that version, or name another folder with `--state`",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
    /// Reading or writing failed in another way.
    #[error("the database `{}` failed: see whether its disk is well, then try again", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What was said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A row holds what this build cannot read.
    #[error("{what} `{id}` is stored in a form that this build cannot read")]
    Unreadable {
        /// Task, session, call.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// There is no such thing.
    #[error("there is no {what} `{id}`")]
    Unknown {
        /// Task, session.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// There is one already.
    #[error("there is a {what} `{id}` already")]
    Exists {
        /// Task, session.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// It changed since it was looked at.
    #[error("the {what} `{id}` changed meanwhile, or is over: look at it again")]
    Outdated {
        /// Hold.
        what: &'static str,
        /// Which.
        id: String,
    },
    /// More waits for people than they can look at.
    #[error("so much waits for people that no more is asked: decide on that first")]
    Crowded,
    /// The store was opened by [`crate::Purpose::Visit`], which does not record calls.
    #[error("only the Cordon that serves from a state folder records calls in it")]
    Visiting,
    /// The store was shut down.
    #[error("the store is shut down")]
    ShutDown,
}

/// Why a call was not recorded. It must not leave then.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The task used up what it may.
    #[error("the task's budget allows {cap} {limit} and {used} are used: ask its sponsor for more")]
    OverBudget {
        /// Which limit.
        limit: Limit,
        /// What the task declares.
        cap: u32,
        /// What was used before this call.
        used: u32,
    },
    /// Another call has this reference.
    #[error("the reference `{0}` is taken: try again with a fresh one")]
    ReferenceTaken(Box<str>),
    /// Another call of the task takes away what this one was decided on.
    #[error("the decision rests on `{0}`, which another call of the task takes away: decide anew")]
    Overtaken(String),
    /// The task was stopped or paused, by whichever process, after the call was decided.
    #[error("the task was stopped or paused meanwhile")]
    TaskOver,
    /// The approval that lets the call go is used, or something was said about it since.
    #[error("the approval is gone: another call used it, or something was said about it since")]
    ApprovalGone,
    /// The record is larger than a record may be.
    #[error("the record of the call has {bytes} bytes and may have {limit}: split the call")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// The store failed.
    #[error("the decision could not be written")]
    Store(
        #[from]
        #[source]
        StoreError,
    ),
}

impl StoreError {
    /// A folder, or a file in it, that the operating system does not give.
    pub(crate) fn folder(path: &Path, error: io::Error) -> Self {
        Self::Folder {
            path: path.to_owned(),
            source: Arc::new(error),
        }
    }

    /// What a fault of SQLite means. Codes: <https://www.sqlite.org/rescode.html>.
    pub(crate) fn of(path: &Path, error: sqlx::Error) -> Self {
        let path = path.to_owned();
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<u32>().ok());
        // The low byte is the primary code, the rest says more.
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => Self::Locked(path),
            Some(13) => Self::Full(path),
            Some(11 | 26) => Self::Corrupted {
                path,
                source: Arc::new(error),
            },
            _ if matches!(error, sqlx::Error::PoolClosed) => Self::ShutDown,
            _ => Self::Failed {
                path,
                source: Arc::new(error),
            },
        }
    }
}
