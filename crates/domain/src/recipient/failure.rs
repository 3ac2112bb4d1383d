//! What a failed attempt leads to: another one, when, and in which way; or an end with a reason.

use std::time::Duration;

use crate::delivery::{Fault, NextStep, ThrottleScope};
use crate::policy::Policy;
use crate::retry::{UNCLEAR_TRIES_MAX, pair_wait};
use crate::template::Wording;
use crate::time::Timestamp;

/// What else could carry a message at once that failed for a reason of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detour {
    /// Another sender of the app's pool.
    Sender,
    /// Another template or another language.
    Wording(Wording),
}

/// A message that failed, or may have.
pub(super) struct Failure<'a> {
    pub(super) step: NextStep,
    /// How many times it was tried.
    pub(super) tries: u8,
    pub(super) detour: Option<&'a Detour>,
}

impl Failure<'_> {
    /// When the message is tried again; `None`: never, or not in time to be of use.
    pub(super) fn retry_at(
        &self,
        policy: &Policy,
        last_useful: Option<Timestamp>,
        jitter: u64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let asked = match self.step {
            NextStep::AnotherLanguage
            | NextStep::Misconfigured(Fault::Account | Fault::Template)
            | NextStep::Throttled {
                scope: ThrottleScope::Sender | ThrottleScope::Account,
                ..
            } if self.detour.is_some() => None,
            NextStep::Rejected(_) | NextStep::Uncertain | NextStep::AnotherLanguage | NextStep::Misconfigured(_) => {
                return None;
            }
            NextStep::Unclear if self.tries >= UNCLEAR_TRIES_MAX => return None,
            NextStep::Throttled {
                retry_after: Some(asked),
                ..
            } => Some(asked),
            NextStep::Throttled {
                scope: ThrottleScope::Recipient,
                ..
            } => Some(pair_wait(self.tries)),
            NextStep::Throttled { .. } | NextStep::Unavailable | NextStep::Unclear => Some(Duration::ZERO),
        };
        if self.tries >= policy.retry.tries_max {
            return None;
        }
        let at = asked.map_or(now, |asked| now.plus(policy.retry.wait(self.tries, jitter).max(asked)));
        last_useful.is_some_and(|last| at <= last).then_some(at)
    }

    /// What the next try is written with, if with something else.
    pub(super) fn wording(&self) -> Option<Wording> {
        match self.detour {
            Some(Detour::Wording(wording)) => Some(wording.clone()),
            _ => None,
        }
    }
}
