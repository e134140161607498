//! Stories of the line: one agent, one task, a real store, and an upstream that does what no
//! honest one does. What must never happen is told first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_push_string,
    clippy::missing_panics_doc,
    reason = "a story stops at once"
)]

mod agent;
mod batches;
mod budgets;
mod faulty;
mod holds;
mod hostile;
mod killed;
mod known;
mod learned;
mod postures;
mod replay;
mod room;
mod stage;
mod stops;
mod strangers;
mod streams;
mod tls;
mod told;
mod uploads;
mod upstream;
mod witness;

#[path = "../shared/mod.rs"]
mod shared;
