//! Telling whoever asked for an apply how far it is.

use crate::sender::AccountId;
use crate::template::PlanStep;
use crate::use_case::templates::manage::{ApplyProgress, ApplyResult};

/// Tells steps, and counts them over all accounts.
pub(super) struct Telling<'a> {
    progress: &'a (dyn Fn(ApplyProgress) + Send + Sync),
    done: usize,
    total: usize,
}

impl<'a> Telling<'a> {
    pub(super) fn new(progress: &'a (dyn Fn(ApplyProgress) + Send + Sync), total: usize) -> Self {
        Self {
            progress,
            done: 0,
            total,
        }
    }

    pub(super) fn tell(&mut self, account: &AccountId, step: &PlanStep, result: ApplyResult) {
        self.done += 1;
        (self.progress)(ApplyProgress {
            account: account.clone(),
            done: self.done,
            total: self.total,
            step: step.clone(),
            result,
        });
    }
}
