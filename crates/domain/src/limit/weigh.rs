//! Several charges at once: all of them are taken, or none is.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::limit::{Charge, ChargeMode, LimitKey, LimitState, Remaining, peek, take, take_anyway};
use crate::time::Timestamp;

/// What became of charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All of them were taken, but for shadow charges that did not fit. What each quota has left, in the order of the
    /// charges.
    All(Vec<Standing>),
    /// None was taken.
    Refused(Refusal),
}

/// What one charge left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is left of its quota.
    pub remaining: Remaining,
    /// Whether it did not fit: a shadow charge that was left out, or one that was taken all the same.
    pub is_over: bool,
}

/// Why charges were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The place, in the order given, of the charge that has to wait longest; of several the first. One that never
    /// fits waits longest of all.
    pub place: usize,
    /// How long until that charge could be taken; `None` when it never could.
    pub retry_after: Option<Duration>,
}

/// What charges come to, and what a store then has to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighed {
    /// The answer.
    pub taken: Taken,
    /// The new states, one for each key that changed; none when the charges are refused.
    pub states: BTreeMap<LimitKey, LimitState>,
}

/// Weighs charges against what a store holds. Charges on one key count one after the other.
pub fn weigh(charges: &[Charge], mut held: impl FnMut(LimitKey) -> Option<LimitState>, now: Timestamp) -> Weighed {
    let mut states = BTreeMap::new();
    let mut standings = Vec::with_capacity(charges.len());
    let mut refusal: Option<Refusal> = None;
    for (place, charge) in charges.iter().enumerate() {
        let before = states.get(&charge.key).copied().or_else(|| held(charge.key));
        let taken = take(before, charge.quota, charge.amount, now);
        let after = match (&taken, charge.mode) {
            (Ok(after), _) => Some(*after),
            (Err(_), ChargeMode::Always) => Some(take_anyway(before, charge.quota, charge.amount, now)),
            (Err(_), ChargeMode::Shadow) => before,
            (Err(refused), ChargeMode::Refuse) => {
                let retry_after = refused.retry_after;
                if refusal.is_none_or(|it| waits_longer(retry_after, it.retry_after)) {
                    refusal = Some(Refusal { place, retry_after });
                }
                before
            }
        };
        if let Some(after) = after.filter(|after| before != Some(*after)) {
            states.insert(charge.key, after);
        }
        standings.push(Standing {
            remaining: peek(after, charge.quota, now),
            is_over: taken.is_err(),
        });
    }
    match refusal {
        Some(refusal) => Weighed {
            taken: Taken::Refused(refusal),
            states: BTreeMap::new(),
        },
        None => Weighed {
            taken: Taken::All(standings),
            states,
        },
    }
}

/// Whether a wait is longer than another; `None` is for ever.
fn waits_longer(wait: Option<Duration>, other: Option<Duration>) -> bool {
    match (wait, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(wait), Some(other)) => wait > other,
    }
}
