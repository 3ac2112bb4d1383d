//! Limits as pure functions: what a charge does to the state of a quota. Every store must answer exactly like these.
//!
//! Three shapes: a rate (GCRA, which refills evenly), a budget per window of the calendar (which refills at the window's
//! end), and a number of things that may be unfinished at a time. Time that steps back grants nothing, and neither does
//! giving back.

mod name;
mod slices;
mod state;
mod weigh;
mod window;

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::id::{Shard, ShardCount};
use crate::key::{Identity, truncated};

pub use name::{KeyPart, KeyParts, RuleLabel, RuleName};
pub use slices::SLICES;
pub use state::{
    AHEAD_MAX, COUNT_MAX, LimitState, Refused, Remaining, give_back, kept_until, peek, rate_capacity, rate_cost,
    rate_credit, slice_length, slice_of, take, take_anyway,
};
pub use weigh::{Refusal, Standing, Taken, Weighed, weigh};
pub use window::Window;

/// How much of something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// `burst` at once, and one more each `interval`, evenly (the generic cell rate algorithm).
    Rate {
        /// How many may come at once after a long silence.
        burst: NonZeroU32,
        /// How long one unit takes to come back; at least a millisecond.
        interval: Duration,
    },
    /// `amount` in each window of the calendar.
    Budget {
        /// How many in one window.
        amount: NonZeroU64,
        /// The windows.
        window: Window,
    },
    /// `amount` at a time that were neither given back nor are older than `life`. They are counted in slices of a tenth
    /// of `life`, so that one counts for up to a tenth longer.
    Unfinished {
        /// How many at a time.
        amount: NonZeroU32,
        /// After how long one counts as finished by itself; at least ten milliseconds.
        life: Duration,
    },
}

/// What is being limited: a keyed digest, so that a store learns no phone and no address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitKey([u8; 16]);

impl LimitKey {
    /// The key of `subject` under `rule`.
    pub fn derive(identity: &Identity, rule: RuleName, subject: &[u8]) -> Self {
        let fields = [rule.as_str().as_bytes(), subject];
        Self(truncated(identity.digest("countersign limit v1", &fields)))
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

/// What a charge does when its quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChargeMode {
    /// It is refused, and all charges with it.
    Refuse,
    /// It is left out and reported; the others are taken.
    Shadow,
    /// It is taken all the same: what it counts has happened already.
    Always,
}

/// What one action costs against one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The rule that asks for it.
    pub rule: RuleName,
    /// What the rule tells apart.
    pub parts: KeyParts,
    /// What is limited.
    pub key: LimitKey,
    /// How much of it is allowed.
    pub quota: Quota,
    /// How much this action costs.
    pub amount: NonZeroU64,
    /// What it does when the quota is used up.
    pub mode: ChargeMode,
}
