//! Accounts: what each task used up, kept beside the tables so that asking costs no query.
//!
//! The writer charges its own copy while it plans a batch; [`Ledgers`] is what readers see, and
//! is told after the commit, so that nothing is shown that a crash could take back.

use crate::call::{Budget, Limit};
use crate::error::RecordError;
use crate::row::NewCall;
use cordon_core::ledger::Ledger;
use cordon_core::names::TaskId;
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;

/// What a task used up.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) ledger: Arc<Ledger>,
    minute: Minute,
}

/// When the changes of the last minute were let go, oldest first.
#[derive(Debug, Clone, Default)]
struct Minute(VecDeque<i64>);

impl Account {
    /// With changes let go at these moments.
    pub(super) fn new(ledger: Ledger, moments: Vec<i64>) -> Self {
        let mut minute = Minute::default();
        for at in moments {
            minute.add(at);
        }
        Self {
            ledger: Arc::new(ledger),
            minute,
        }
    }

    /// How many changes were let go in the minute before `now`.
    pub(super) fn last_minute(&self, now: Timestamp) -> u32 {
        self.minute.since(now.as_microsecond() - MINUTE)
    }

    /// Takes the units of `call` if the budget still holds them. Two calls that were decided on
    /// the same ledger cannot both take the last unit, nor each take away what the other was decided
    /// on: here they come one after the other.
    pub(super) fn charge(&mut self, call: &NewCall, budget: Budget) -> Result<(), RecordError> {
        let mut rests = call.changes.rests.iter();
        if let Some(rest) = rests.find(|rest| !self.ledger.leaves(rest)) {
            return Err(RecordError::Overtaken(rest.arn.to_string()));
        }
        let used = self.ledger.used;
        let cost = call.changes.cost;
        let minute = self.minute.since(call.at - MINUTE);
        let limits = [
            (
                Limit::Mutations,
                budget.mutations,
                used.mutations,
                cost.mutations,
            ),
            (Limit::Creates, budget.creates, used.creates, cost.creates),
            (
                Limit::Destroys,
                budget.destroys,
                used.destroys,
                cost.destroys,
            ),
            (Limit::PerMinute, budget.per_minute, minute, cost.mutations),
        ];
        for (limit, cap, used, cost) in limits {
            let Some(cap) = cap else { continue };
            if cost > 0 && used.saturating_add(cost) > cap {
                return Err(RecordError::OverBudget { limit, cap, used });
            }
        }
        Arc::make_mut(&mut self.ledger).reserve(&call.changes);
        self.minute.add(call.at);
        Ok(())
    }
}

impl Minute {
    /// Adds a moment, nearly always the latest, and lets go of what is a minute older.
    fn add(&mut self, at: i64) {
        let place = self.0.partition_point(|other| *other <= at);
        self.0.insert(place, at);
        let since = self.0.back().map_or(at, |last| last - MINUTE);
        while self.0.front().is_some_and(|first| *first <= since) {
            self.0.pop_front();
        }
    }

    /// How many moments are after `since`.
    fn since(&self, since: i64) -> u32 {
        let before = self.0.partition_point(|at| *at <= since);
        u32::try_from(self.0.len() - before).unwrap_or(u32::MAX)
    }
}

/// The accounts that readers see.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledgers(Arc<RwLock<HashMap<TaskId, Account>>>);

impl Ledgers {
    pub(super) fn ledger(&self, task: &TaskId) -> Option<Arc<Ledger>> {
        self.read(task, |account| Arc::clone(&account.ledger))
    }

    pub(super) fn last_minute(&self, task: &TaskId, now: Timestamp) -> Option<u32> {
        self.read(task, |account| account.last_minute(now))
    }

    fn read<T>(&self, task: &TaskId, of: impl FnOnce(&Account) -> T) -> Option<T> {
        let accounts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(task).map(of)
    }

    /// Shows what `task` used up; `moments` are those that were added since it was last shown.
    pub(super) fn show(&self, task: &TaskId, account: &Account, moments: &[i64]) {
        let mut accounts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match accounts.get_mut(task) {
            Some(shown) => {
                shown.ledger = Arc::clone(&account.ledger);
                for at in moments {
                    shown.minute.add(*at);
                }
            }
            None => {
                accounts.insert(task.clone(), account.clone());
            }
        }
    }

    /// The next reader asks for it anew.
    pub(super) fn forget(&self, task: &TaskId) {
        let mut accounts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        accounts.remove(task);
    }
}
