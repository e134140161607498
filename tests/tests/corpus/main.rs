//! The conformance corpus: every operation of every service as botocore really writes and signs it,
//! by region, partition, form of endpoint and protocol, named by `cordon classify`.
//!
//! ```text
//! generate.py ─► requests ─► cordon classify ─► held against ─► counted ─► docs/coverage.md
//!      └───────► region, actions, ARNs ──────────────┘ └─► lists of exceptions
//! ```
//!
//! What is expected comes from elsewhere than what Cordon reads: the region from how the client was
//! set, actions and ARNs from the tables in `corpus/truth/`. What is otherwise is in one of the
//! lists in `corpus/`, operation by operation and with a reason, and the lists hold nothing that is
//! not needed. With `CORDON_BLESS=1` the measured numbers are written to `docs/coverage.md`, which
//! must be what is measured.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a story stops at once, and this one prints what it counts"
)]

mod coverage;
mod exceptions;
mod making;
mod measure;

use cordon_aws::catalog::Catalog;
use making::{MAKINGS, run_all};
use measure::{Lists, Measured};

#[test]
#[ignore = "makes requests with botocore: cargo xtask test --lane corpus"]
fn every_operation_of_every_service_is_named() {
    let mut lists = Lists::read();
    let mut measured = Measured::default();
    for (making, made) in MAKINGS.iter().zip(run_all()) {
        measured.add(making.name, &made, &mut lists);
        let tally = measured.makings[making.name];
        println!(
            "{:17} {:6} of {:6} operations made, {:6} named, {:3} refused, {:3} foreign",
            making.name, tally.made, tally.operations, tally.named, tally.refused, tally.foreign
        );
    }
    let unneeded = lists.unneeded();
    for row in measured.wrong.iter().chain(&unneeded) {
        println!("{row}");
    }
    assert!(
        measured.wrong.is_empty(),
        "{} are not listed",
        measured.wrong.len()
    );
    assert!(unneeded.is_empty(), "{} are not needed", unneeded.len());
    hold_the_goals(&measured);
    coverage::hold(&measured, &lists);
}

/// What issue and README promise, whatever the lists say.
fn hold_the_goals(measured: &Measured) {
    let all: usize = Catalog::embedded()
        .services()
        .map(|service| service.operations().count())
        .sum();
    assert_eq!(measured.makings["filled"].operations, all);
    let total = measured.total();
    assert_eq!(total.operations, all);
    assert_eq!(total.named + total.refused + total.foreign, total.made);
    assert_eq!(total.placed, total.named, "region and partition");
    assert!(total.actions.reaches(995), "{:?}", total.actions);
    assert!(total.resources.reaches(950), "{:?}", total.resources);
    assert!(total.foreign > 0, "what belongs nowhere is refused");
}
