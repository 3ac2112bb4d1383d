//! The state of one quota, and the four things that are done with it.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::limit::slices::Slices;
use crate::limit::{Quota, SLICES, Window};
use crate::time::{Timestamp, millis};

/// How far limits count, exactly: milliseconds, things, and micro-units of money. 285,000 years, or nine billions of a
/// currency. Stores may count in doubles, which are exact up to here. No quota allows as much as this, so that what
/// costs as much never fits.
pub const COUNT_MAX: u64 = 1 << 53;

/// How far ahead of the caller's clock a stored window or slice may be and still count: four weeks, so that of months only
/// the next one may be. Clocks are at most five minutes apart. What is further ahead was numbered in windows of another
/// length, before the rule was changed, and would otherwise count for ever.
pub const AHEAD_MAX: Duration = Duration::from_secs(28 * 24 * 60 * 60);

/// The last moment that is told apart.
const LAST: Timestamp = Timestamp::from_unix_millis(COUNT_MAX);

/// What a store keeps for one key. A key without state is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitState {
    /// A rate: the theoretical arrival time, the moment at which it will be full again.
    Rate {
        /// When the rate is full again.
        full_at: Timestamp,
    },
    /// A budget.
    Budget {
        /// The number of the window.
        window: u64,
        /// How much of it is used.
        used: u64,
    },
    /// Unfinished things, by the slice in which they began.
    Unfinished {
        /// The number of the newest slice, since the epoch.
        newest: u64,
        /// How many began in the newest slice, in the one before it, and so on.
        begun: [u32; SLICES],
    },
}

/// A refused charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// How long until the same charge could be taken. `None` when it exceeds the quota outright and never will be.
    pub retry_after: Option<Duration>,
}

/// What is left of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// How much can be taken now.
    pub left: u64,
    /// How much of it is used; more than the quota when charges were taken that could not be refused.
    pub used: u64,
    /// How long until it is full again by itself; zero when it is.
    pub full_after: Duration,
}

/// Takes `amount` from a quota: the new state, or why not. The wait of a refusal is exact: a millisecond earlier the same
/// charge is still refused, and then it is taken, if nothing else happens.
pub fn take(
    state: Option<LimitState>,
    quota: Quota,
    amount: NonZeroU64,
    now: Timestamp,
) -> Result<LimitState, Refused> {
    let (now, cost) = (now.min(LAST), amount.get());
    if cost > quota.most() {
        return Err(NEVER);
    }
    match quota {
        Quota::Rate { burst, interval } => {
            let Some(debt_max) = rate_capacity(interval, burst, now).checked_sub(rate_cost(interval, cost)) else {
                return Err(NEVER);
            };
            let wait = debt(state, now).saturating_sub(debt_max);
            if wait > 0 {
                return Err(refused_for(Duration::from_millis(wait)));
            }
        }
        Quota::Budget { window, .. } => {
            let (number, used) = used_in_window(state, window, now);
            if used > quota.most() - cost {
                return Err(refused_for(end(window, number).since(now)));
            }
        }
        Quota::Unfinished { life, .. } => {
            let slices = Slices::at(state, life, now);
            let room = quota.most() - cost;
            if slices.all() > room {
                return Err(refused_for(slices.room_at(room, life).min(LAST).since(now)));
            }
        }
    }
    Ok(take_anyway(state, quota, amount, now))
}

/// Takes `amount` whether or not it fits: what it counts has happened already.
pub fn take_anyway(state: Option<LimitState>, quota: Quota, amount: NonZeroU64, now: Timestamp) -> LimitState {
    let (now, amount) = (now.min(LAST), amount.get());
    match quota {
        Quota::Rate { interval, .. } => {
            let full_at = full_at(state).max(now.unix_millis());
            let full_at = full_at.saturating_add(rate_cost(interval, amount)).min(COUNT_MAX);
            LimitState::Rate {
                full_at: Timestamp::from_unix_millis(full_at),
            }
        }
        Quota::Budget { window, .. } => {
            let (number, used) = used_in_window(state, window, now);
            LimitState::Budget {
                window: number,
                used: used.saturating_add(amount).min(COUNT_MAX),
            }
        }
        Quota::Unfinished { life, .. } => Slices::at(state, life, now).with(amount),
    }
}

/// Gives back `amount` that was taken at `taken_at`, never beyond full, and never what time has given back already: so
/// much of a rate as cannot have refilled since, what is of the same window of a budget, and what still counts as
/// unfinished. `None` when nothing has to be kept. A state of another shape stays as it is.
///
/// What is full again is kept all the same: it says how far time had come, and a clock that is behind learns it. A
/// clock that is behind when it gives back to a rate gives back at most what refills in so much time too much.
pub fn give_back(
    state: Option<LimitState>,
    quota: Quota,
    amount: NonZeroU64,
    taken_at: Timestamp,
    now: Timestamp,
) -> Option<LimitState> {
    let (now, taken_at) = (now.min(LAST), taken_at.min(LAST));
    match (state?, quota) {
        (LimitState::Rate { full_at }, Quota::Rate { .. }) => Some(LimitState::Rate {
            full_at: full_at.minus(rate_credit(quota, amount, taken_at, now)),
        }),
        (LimitState::Budget { window: number, used }, Quota::Budget { window, .. }) => {
            // A clock that had stepped back charged a later window than its own, which only costs.
            let is_same = window.number(taken_at) == number;
            let used = used.saturating_sub(if is_same { amount.get() } else { 0 });
            Some(LimitState::Budget { window: number, used })
        }
        (LimitState::Unfinished { .. }, Quota::Unfinished { life, .. }) => {
            Slices::at(state, life, now).without(amount.get(), slice_of(taken_at, life))
        }
        (LimitState::Rate { .. } | LimitState::Budget { .. } | LimitState::Unfinished { .. }, _) => state,
    }
}

/// How long `amount` units of a rate that gets one back each `interval` take to come back: milliseconds, at most
/// [`COUNT_MAX`].
pub fn rate_cost(interval: Duration, amount: u64) -> u64 {
    step(interval).saturating_mul(amount).min(COUNT_MAX)
}

/// How far ahead of `now` a rate may be full again, in milliseconds; less than [`COUNT_MAX`], and at most what is left
/// of the time that is told apart.
pub fn rate_capacity(interval: Duration, burst: NonZeroU32, now: Timestamp) -> u64 {
    let left = COUNT_MAX.saturating_sub(now.unix_millis());
    rate_cost(interval, u64::from(burst.get())).min(COUNT_MAX - 1).min(left)
}

/// How much earlier a rate is full when `amount` that was taken at `taken_at` is given back: its cost, without what may
/// have refilled since. Zero for the other shapes.
pub fn rate_credit(quota: Quota, amount: NonZeroU64, taken_at: Timestamp, now: Timestamp) -> Duration {
    match quota {
        Quota::Rate { interval, .. } => {
            Duration::from_millis(rate_cost(interval, amount.get())).saturating_sub(now.since(taken_at))
        }
        Quota::Budget { .. } | Quota::Unfinished { .. } => Duration::ZERO,
    }
}

/// What is left, without changing anything.
pub fn peek(state: Option<LimitState>, quota: Quota, now: Timestamp) -> Remaining {
    let now = now.min(LAST);
    let (used, full_after) = match quota {
        Quota::Rate { interval, .. } => {
            let debt = debt(state, now);
            (debt.div_ceil(step(interval)), Duration::from_millis(debt))
        }
        Quota::Budget { window, .. } => {
            let (number, used) = used_in_window(state, window, now);
            (used, end(window, number).since(now))
        }
        Quota::Unfinished { life, .. } => {
            let slices = Slices::at(state, life, now);
            (slices.all(), slices.room_at(0, life).min(LAST).since(now))
        }
    };
    Remaining {
        left: quota.most().saturating_sub(used),
        used,
        full_after: if used == 0 { Duration::ZERO } else { full_after },
    }
}

/// Until when a store has to keep a state: from then on it equals no state at all, but for clocks that are behind.
pub fn kept_until(state: LimitState, quota: Quota) -> Timestamp {
    match (state, quota) {
        (LimitState::Rate { full_at }, _) => full_at,
        (LimitState::Budget { window: number, .. }, Quota::Budget { window, .. }) => end(window, number),
        (LimitState::Unfinished { newest, begun }, Quota::Unfinished { life, .. }) => {
            Slices { newest, begun }.room_at(0, life).min(LAST)
        }
        // The state of a rule whose shape was changed: it counts for nothing.
        (LimitState::Budget { .. } | LimitState::Unfinished { .. }, _) => Timestamp::EPOCH,
    }
}

/// The number of the slice, since the epoch, in which something that lives for `life` and began at `at` is counted.
pub fn slice_of(at: Timestamp, life: Duration) -> u64 {
    at.unix_millis() / slice_length(life)
}

/// How long a slice is for things that live for `life`, in milliseconds: a tenth of it, rounded up.
pub fn slice_length(life: Duration) -> u64 {
    millis(life).div_ceil(SLICES as u64 - 1).max(1)
}

impl Quota {
    /// How much can be taken of it when it is full: its amount, but less than [`COUNT_MAX`].
    pub const fn most(self) -> u64 {
        match self {
            Self::Rate { burst: amount, .. } | Self::Unfinished { amount, .. } => amount.get() as u64,
            Self::Budget { amount, .. } if amount.get() < COUNT_MAX => amount.get(),
            Self::Budget { .. } => COUNT_MAX - 1,
        }
    }
}

impl LimitState {
    /// Whether it is a state of such a quota. One of another shape counts for nothing.
    pub const fn fits(self, quota: Quota) -> bool {
        matches!(
            (self, quota),
            (Self::Rate { .. }, Quota::Rate { .. })
                | (Self::Budget { .. }, Quota::Budget { .. })
                | (Self::Unfinished { .. }, Quota::Unfinished { .. })
        )
    }
}

/// Such a charge fits into no state of its quota.
const NEVER: Refused = Refused { retry_after: None };

const fn refused_for(wait: Duration) -> Refused {
    Refused {
        retry_after: Some(wait),
    }
}

fn step(interval: Duration) -> u64 {
    millis(interval).max(1)
}

fn full_at(state: Option<LimitState>) -> u64 {
    match state {
        Some(LimitState::Rate { full_at }) => full_at.min(LAST).unix_millis(),
        _ => 0,
    }
}

/// How long a rate takes until it is full again, in milliseconds.
fn debt(state: Option<LimitState>, now: Timestamp) -> u64 {
    full_at(state).saturating_sub(now.unix_millis())
}

/// The window that counts, and what is used of it. A clock that stepped back stays in the later window.
fn used_in_window(state: Option<LimitState>, window: Window, now: Timestamp) -> (u64, u64) {
    let current = window.number(now);
    let latest = window.number(now.plus(AHEAD_MAX));
    match state {
        Some(LimitState::Budget { window, used }) if (current..=latest).contains(&window) => (window, used),
        _ => (current, 0),
    }
}

fn end(window: Window, number: u64) -> Timestamp {
    window.end(number).min(LAST)
}
