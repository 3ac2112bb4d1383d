//! Which budgets were told to run out, so that each is told once in a window.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::event::Event;
use crate::limit::{Charge, LimitKey, Standing};
use crate::money::{Amount, BudgetSettings};
use crate::time::Timestamp;

/// How many budgets are remembered as told. Beyond it they are all forgotten: told twice is better than
/// never.
const TOLD_MAX: usize = 10_000;

/// What this instance has told of budgets.
#[derive(Debug, Default)]
pub(super) struct BudgetWatch(Mutex<BTreeMap<LimitKey, u64>>);

impl BudgetWatch {
    /// What is to be told of a budget after a charge, if it is used beyond its soft limit and was not told of in this
    /// window.
    pub(super) fn near(
        &self,
        budget: &BudgetSettings,
        charge: &Charge,
        standing: &Standing,
        now: Timestamp,
    ) -> Option<Event> {
        let spent = Amount::from_micros(standing.remaining.used);
        if spent < budget.soft_limit() {
            return None;
        }
        let window = budget.window.number(now);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&charge.key) == Some(&window) {
            return None;
        }
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        told.insert(charge.key, window);
        Some(Event::BudgetNear {
            rule: charge.rule,
            parts: charge.parts,
            spent,
            amount: budget.amount,
        })
    }
}
