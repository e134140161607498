//! What is remembered: tasks, sessions, calls with their decisions and outcomes, holds and what
//! people said of them, how people prove themselves, the ledger and the budgets of each task, the
//! posture, what is asked to be added to tasks.
//!
//! ```text
//! decision ─► record ─► Recorded ─► (the call leaves) ─► close ─► the call with its outcome
//!             durable before it      proof, made here      a call that was let go and never
//!             answers, for changes   and only here         closed is reported when opening
//! ```
//! [`Store`] is the seam; [`open_sqlite`] gives the embedded backend. The seam exists so that one
//! machine needs no database server and a fleet can share one.

mod amendment;
mod call;
mod deed;
mod delivery;
mod error;
mod hold;
mod incident;
mod pass;
mod passkey;
mod propose;
mod row;
mod seek;
mod session;
mod sqlite;
mod store;
mod task;

pub use amendment::{Acceptance, Amendment, AmendmentFilter, Refusal, Settled, Settlement};
pub use call::{Budget, CallFilter, Closed, Limit, Recorded, StoredCall};
pub use deed::{Deed, StoredDeed};
pub use delivery::Delivery;
pub use error::{RecordError, StoreError};
pub use hold::{BatchFilter, HoldBounds, HoldFilter};
pub use incident::{Incident, Severity, StoredIncident};
pub use pass::{Claimed, NewPass, Pass, PassKind, SecretHash, SignInLink};
pub use passkey::{Passkey, PasskeyUse};
pub use propose::{Proposal, Proposed, propose};
pub use seek::{Sought, seek};
pub use session::StoredSession;
pub use sqlite::{Purpose, Sqlite, SqliteOptions, open_sqlite};
pub use store::{Answer, Store};
pub use task::{StoredTask, TaskState};
