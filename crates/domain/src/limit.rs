//! Limits as pure functions: what a charge does to the state of a quota. Every store must answer exactly like these.
//!
//! Two shapes: a rate (GCRA, which refills evenly) and a budget per calendar window (which refills at the window's
//! end). Time that steps back grants nothing.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::id::{Shard, ShardCount};
use crate::key::{Identity, truncated};
use crate::time::{Timestamp, millis};

/// The name of a rule, as configuration, refusals and metrics write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleName {
    /// The growing wait before the next send to a recipient (R13).
    SendWait,
    /// Sends to a recipient within the short window (R14).
    SendsPerWindow,
    /// Sends to a recipient within a day (R14).
    SendsPerDay,
    /// Wrong guesses at a recipient within a day (R6).
    WrongGuessesPerDay,
    /// Wrong guesses at a recipient in a row (R6).
    ConsecutiveWrongGuesses,
    /// Sends to a phone, over all apps, that nobody answered (R15).
    UnansweredSends,
    /// The countries an app may send to (R18).
    Countries,
    /// The messages a second that a sender may send. Never refuses a start: messages wait for it.
    SenderThroughput,
}

impl RuleName {
    /// The name as text, stable.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendWait => "send_wait",
            Self::SendsPerWindow => "sends_per_window",
            Self::SendsPerDay => "sends_per_day",
            Self::WrongGuessesPerDay => "wrong_guesses_per_day",
            Self::ConsecutiveWrongGuesses => "consecutive_wrong_guesses",
            Self::UnansweredSends => "unanswered_sends",
            Self::Countries => "countries",
            Self::SenderThroughput => "sender_throughput",
        }
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// `burst` at once, and one more each `interval`, evenly (the generic cell rate algorithm).
    Rate {
        /// How many may come at once after a long silence.
        burst: NonZeroU32,
        /// How long one unit takes to come back; at least a millisecond.
        interval: Duration,
    },
    /// `amount` in each window; windows are counted from the Unix epoch, so a day is a UTC day.
    Budget {
        /// How many in one window.
        amount: NonZeroU32,
        /// How long a window is; at least a millisecond.
        window: Duration,
    },
}

/// What is being limited: a keyed digest, so that a store learns no phone and no address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey([u8; 16]);

impl LimitKey {
    /// The key of `subject` under `rule`.
    pub fn derive(identity: &Identity, rule: RuleName, subject: &[u8]) -> Self {
        Self(truncated(
            identity.digest("countersign limit v1", &[rule.as_str().as_bytes(), subject]),
        ))
    }

    /// The shard a store keeps the state of this limit in; chosen like that of a recipient.
    pub fn shard(&self, count: ShardCount) -> Shard {
        Shard::of(&self.0, count)
    }

    /// A key from bytes, for stores and tests.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LimitKey(..)")
    }
}

/// What one action costs against one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The rule that asks for it.
    pub rule: RuleName,
    /// What is limited.
    pub key: LimitKey,
    /// How much of it is allowed.
    pub quota: Quota,
    /// How much this action costs.
    pub amount: NonZeroU32,
}

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
        /// The number of the window since the epoch.
        window: u64,
        /// How much of it is used.
        used: u64,
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
    /// How long until it is full again; zero when it is.
    pub full_after: Duration,
}

/// Takes `amount` from a quota: the new state, or why not.
pub fn take(
    state: Option<LimitState>,
    quota: Quota,
    amount: NonZeroU32,
    now: Timestamp,
) -> Result<LimitState, Refused> {
    let amount = u64::from(amount.get());
    match quota {
        Quota::Rate { burst, interval } => {
            let step = millis(interval).max(1);
            let capacity = step.saturating_mul(u64::from(burst.get()));
            let cost = step.saturating_mul(amount);
            if cost > capacity {
                return Err(Refused { retry_after: None });
            }
            let full_at = full_at(state).max(now.unix_millis()).saturating_add(cost);
            let earliest = full_at.saturating_sub(capacity);
            if earliest > now.unix_millis() {
                return Err(Refused {
                    retry_after: Some(Duration::from_millis(earliest - now.unix_millis())),
                });
            }
            Ok(LimitState::Rate {
                full_at: Timestamp::from_unix_millis(full_at),
            })
        }
        Quota::Budget {
            amount: allowed,
            window,
        } => {
            let allowed = u64::from(allowed.get());
            if amount > allowed {
                return Err(Refused { retry_after: None });
            }
            let (window_now, used) = used_in_window(state, window, now);
            if used.saturating_add(amount) > allowed {
                let end = (window_now + 1).saturating_mul(millis(window).max(1));
                return Err(Refused {
                    retry_after: Some(Duration::from_millis(end.saturating_sub(now.unix_millis()))),
                });
            }
            Ok(LimitState::Budget {
                window: window_now,
                used: used + amount,
            })
        }
    }
}

/// Gives `amount` back, never beyond full. `None` when the quota is full again and nothing has to be kept.
pub fn give_back(state: Option<LimitState>, quota: Quota, amount: NonZeroU32, now: Timestamp) -> Option<LimitState> {
    let amount = u64::from(amount.get());
    match quota {
        Quota::Rate { interval, .. } => {
            let credit = millis(interval).max(1).saturating_mul(amount);
            let full_at = full_at(state).saturating_sub(credit);
            (full_at > now.unix_millis()).then_some(LimitState::Rate {
                full_at: Timestamp::from_unix_millis(full_at),
            })
        }
        Quota::Budget { window, .. } => {
            let (window_now, used) = used_in_window(state, window, now);
            let used = used.saturating_sub(amount);
            (used > 0).then_some(LimitState::Budget {
                window: window_now,
                used,
            })
        }
    }
}

/// What is left, without changing anything.
pub fn peek(state: Option<LimitState>, quota: Quota, now: Timestamp) -> Remaining {
    match quota {
        Quota::Rate { burst, interval } => {
            let step = millis(interval).max(1);
            let capacity = step.saturating_mul(u64::from(burst.get()));
            let debt = full_at(state).saturating_sub(now.unix_millis());
            Remaining {
                left: capacity.saturating_sub(debt) / step,
                full_after: Duration::from_millis(debt),
            }
        }
        Quota::Budget { amount, window } => {
            let (window_now, used) = used_in_window(state, window, now);
            let end = (window_now + 1).saturating_mul(millis(window).max(1));
            let full_after = if used == 0 {
                0
            } else {
                end.saturating_sub(now.unix_millis())
            };
            Remaining {
                left: u64::from(amount.get()).saturating_sub(used),
                full_after: Duration::from_millis(full_after),
            }
        }
    }
}

/// Until when a store has to keep a state: from then on it equals no state at all.
pub fn kept_until(state: LimitState, quota: Quota) -> Timestamp {
    match (state, quota) {
        (LimitState::Rate { full_at }, _) => full_at,
        (LimitState::Budget { window, .. }, Quota::Budget { window: length, .. }) => {
            Timestamp::from_unix_millis((window + 1).saturating_mul(millis(length).max(1)))
        }
        // A budget's state under a rate is a rule whose shape was changed: it counts for nothing.
        (LimitState::Budget { .. }, Quota::Rate { .. }) => Timestamp::EPOCH,
    }
}

fn full_at(state: Option<LimitState>) -> u64 {
    match state {
        Some(LimitState::Rate { full_at }) => full_at.unix_millis(),
        _ => 0,
    }
}

/// The window that counts, and what is used of it. A clock that stepped back stays in the later window.
fn used_in_window(state: Option<LimitState>, window: Duration, now: Timestamp) -> (u64, u64) {
    let current = now.unix_millis() / millis(window).max(1);
    match state {
        Some(LimitState::Budget { window, used }) if window >= current => (window, used),
        _ => (current, 0),
    }
}
