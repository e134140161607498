//! The plan of a batch: what its jobs write, worked out in memory before the transaction begins.
//!
//! Planning takes no input and no output, so a batch is a handful of statements with many rows
//! each, whatever the number of its jobs.

use super::account::Account;
use super::job::{Change, HoldChange, Job, Refusals};
use crate::call::had_no_effect;
use crate::error::{RecordError, StoreError};
use crate::row::NewCall;
use cordon_aws::arn::Arn;
use cordon_core::ledger::{Changes, Used};
use cordon_core::names::TaskId;
use cordon_core::record::CallResult;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// A call that was let go and not closed.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) sequence: i64,
    /// For a change: whom it is charged to, and what it does.
    pub(super) charged: Option<Charge>,
}

/// What an open change did to the account of its task.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub(super) task: TaskId,
    changes: Changes,
    /// Those of its destroyed resources that belonged to the task before.
    owned: Vec<Arn>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
struct End<'j> {
    result: &'j CallResult,
    /// What its answer names as made.
    made: &'j [Arn],
}

/// What the writer knows when it plans.
pub(super) struct Known<'w> {
    /// The number of the next call.
    pub(super) next: i64,
    pub(super) accounts: &'w mut HashMap<TaskId, Account>,
    /// Accounts that could not be read.
    pub(super) unread: HashMap<TaskId, StoreError>,
    pub(super) open: &'w HashMap<Box<str>, Open>,
}

/// What a batch writes.
#[derive(Debug, Default)]
pub(super) struct Plan<'j> {
    pub(super) calls: Vec<Planned<'j>>,
    pub(super) outcomes: Vec<(i64, &'j CallResult, Duration)>,
    /// Let go by this batch and not closed by it.
    pub(super) opened: HashMap<&'j str, Open>,
    /// Let go by an earlier batch and closed by this one.
    pub(super) closed: HashMap<&'j str, i64>,
    pub(super) effects: Vec<Effect>,
    /// Calls whose effects never were.
    pub(super) undone: Vec<i64>,
    /// Tasks whose account this batch changes, with the moments of their changes.
    pub(super) touched: BTreeMap<TaskId, Vec<i64>>,
    /// Tasks whose account must be read again after the commit.
    pub(super) reread: HashSet<TaskId>,
    pub(super) changes: Vec<(usize, &'j Change)>,
    pub(super) holds: Vec<(usize, &'j HoldChange)>,
    pub(super) refusals: Refusals,
}

/// One call of the batch.
#[derive(Debug)]
pub(super) struct Planned<'j> {
    /// Its place in the batch.
    pub(super) place: usize,
    pub(super) sequence: i64,
    pub(super) call: &'j NewCall,
}

/// One resource that a task created or destroyed.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) task: TaskId,
    pub(super) sequence: i64,
    pub(super) word: &'static str,
    pub(super) arn: Arn,
}

impl<'j> Plan<'j> {
    /// Plans `jobs` in their order, and charges the accounts.
    pub(super) fn of(jobs: &'j [Job], known: &mut Known<'_>) -> Self {
        let mut plan = Self::default();
        for (place, job) in jobs.iter().enumerate() {
            match job {
                Job::Record { call, budget, .. } => {
                    let charge = match call.charges() {
                        true => plan.charge(call, *budget, known),
                        false => Ok(None),
                    };
                    match charge {
                        Ok(charged) => plan.record(place, call, charged, known),
                        Err(error) => {
                            plan.refusals.records.insert(place, error);
                        }
                    }
                }
                Job::Close {
                    reference,
                    made,
                    result,
                    took,
                    ..
                } => {
                    let end = End { result, made };
                    if let Err(error) = plan.close(reference, end, *took, known) {
                        plan.refusals.others.insert(place, error);
                    }
                }
                Job::Change { change, .. } => plan.changes.push((place, change)),
                Job::Hold { change, .. } => plan.holds.push((place, change)),
                Job::Show { task, .. } => {
                    if let Some(error) = known.unread.get(task) {
                        plan.refusals.others.insert(place, error.clone());
                    }
                    plan.touched.entry(task.clone()).or_default();
                }
                Job::Flush { .. } | Job::ShutDown { .. } => {}
            }
        }
        plan
    }

    /// Charges the task of an allowed change. A call of no task has no budget.
    fn charge(
        &mut self,
        call: &NewCall,
        budget: crate::Budget,
        known: &mut Known<'_>,
    ) -> Result<Option<Charge>, RecordError> {
        let Ok(task) = call.task.parse::<TaskId>() else {
            return Ok(None);
        };
        if let Some(error) = known.unread.get(&task) {
            return Err(error.clone().into());
        }
        let account = known.accounts.entry(task.clone()).or_default();
        let owned = call
            .changes
            .destroys
            .iter()
            .filter_map(|arn| account.ledger.owned(arn))
            .cloned()
            .collect();
        account.charge(call, budget)?;
        self.touched.entry(task.clone()).or_default().push(call.at);
        Ok(Some(Charge {
            task,
            changes: call.changes.clone(),
            owned,
        }))
    }

    fn record(
        &mut self,
        place: usize,
        call: &'j NewCall,
        charged: Option<Charge>,
        known: &mut Known<'_>,
    ) {
        let sequence = known.next;
        known.next += 1;
        self.calls.push(Planned {
            place,
            sequence,
            call,
        });
        if let Some(charge) = &charged {
            self.effects(sequence, charge, "destroyed", &charge.changes.destroys);
        }
        if call.outcome.allowed() {
            self.opened
                .insert(&call.reference, Open { sequence, charged });
        }
    }

    fn effects(&mut self, sequence: i64, charge: &Charge, word: &'static str, arns: &[Arn]) {
        self.effects.extend(arns.iter().map(|arn| Effect {
            task: charge.task.clone(),
            sequence,
            word,
            arn: arn.clone(),
        }));
    }

    fn close(
        &mut self,
        reference: &'j str,
        end: End<'j>,
        took: Duration,
        known: &mut Known<'_>,
    ) -> Result<(), StoreError> {
        let open = match self.opened.remove(reference) {
            Some(open) => open,
            None => {
                let open = known
                    .open
                    .get(reference)
                    .filter(|open| self.closed.get(reference) != Some(&open.sequence));
                let unknown = || StoreError::Unknown {
                    what: "open call",
                    id: reference.to_owned(),
                };
                let open = open.ok_or_else(unknown)?;
                let task = open.charged.as_ref().map(|charge| &charge.task);
                if let Some(error) = task.and_then(|task| known.unread.get(task)) {
                    return Err(error.clone());
                }
                self.closed.insert(reference, open.sequence);
                open.clone()
            }
        };
        self.outcomes.push((open.sequence, end.result, took));
        if let Some(charge) = open.charged {
            self.settle(open.sequence, charge, end, known);
        }
        Ok(())
    }

    /// What the end of a change means for the account of its task.
    fn settle(&mut self, sequence: i64, mut charge: Charge, end: End<'_>, known: &mut Known<'_>) {
        let End { result, made } = end;
        let account = known.accounts.entry(charge.task.clone()).or_default();
        let ledger = Arc::make_mut(&mut account.ledger);
        match result {
            result if had_no_effect(result) => {
                ledger.refund(&charge.changes, charge.owned.iter().cloned());
                self.undone.push(sequence);
                // Another call may have destroyed the same before: the tables know.
                self.reread.insert(charge.task.clone());
            }
            result if result.told_by().is_some_and(|status| status < 400) => {
                charge.changes.creates.extend(made.iter().cloned());
                ledger.confirm(&charge.changes);
                // What the task destroyed as well may have gone before or after: the tables know.
                let mut creates = charge.changes.creates.iter();
                if creates.any(|arn| ledger.destroyed.contains(arn)) {
                    self.reread.insert(charge.task.clone());
                }
                self.effects(sequence, &charge, "created", &charge.changes.creates);
            }
            // It may or may not have happened: what was taken stays taken, nothing is owned.
            _ => return,
        }
        self.touched.entry(charge.task.clone()).or_default();
    }

    /// Whether there is nothing to commit.
    pub(super) fn writes_nothing(&self) -> bool {
        self.calls.is_empty()
            && self.outcomes.is_empty()
            && self.changes.is_empty()
            && self.holds.is_empty()
    }

    /// The units that the touched tasks have used up when this plan is carried out.
    pub(super) fn budgets(&self, accounts: &HashMap<TaskId, Account>) -> Vec<(TaskId, Used)> {
        self.touched
            .keys()
            .filter_map(|task| Some((task.clone(), accounts.get(task)?.ledger.used)))
            .collect()
    }
}
