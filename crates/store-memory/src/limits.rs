//! Shared limits in memory, answered by the functions of `countersign_domain::limit`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::limit::{self, Charge, LimitKey, LimitState, Remaining};
use countersign_domain::ports::{LimitStore, StoreError, Taken};
use countersign_domain::time::Timestamp;

use crate::lock::lock;

/// How long a state is kept after it equals no state at all, so that a clock which steps back by less than this is
/// granted nothing.
pub const GRACE: Duration = Duration::from_secs(60 * 60);

/// How many states one write may drop.
pub const EVICTIONS_PER_WRITE: usize = 8;

/// Keeps the state of limits until the process ends or the state says nothing any more.
///
/// One lock for all of them, because charges on several keys are taken in one step.
#[derive(Default)]
pub struct MemoryLimits(Mutex<Limits>);

#[derive(Default)]
struct Limits {
    states: BTreeMap<LimitKey, Kept>,
    evictions: BTreeSet<(Timestamp, LimitKey)>,
}

#[derive(Clone, Copy)]
struct Kept {
    state: LimitState,
    until: Timestamp,
}

impl MemoryLimits {
    /// Limits nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many states are held, those included that say nothing any more and which no write has dropped yet.
    pub fn len(&self) -> usize {
        lock(&self.0).states.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for MemoryLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLimits").field("len", &self.len()).finish()
    }
}

#[async_trait]
impl LimitStore for MemoryLimits {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        let mut limits = lock(&self.0);
        // What the charges before this one lead to; kept aside until none is refused.
        let mut taken = BTreeMap::new();
        for charge in charges {
            let before = taken.get(&charge.key).map(|kept: &Kept| kept.state);
            let before = before.or_else(|| limits.state(charge.key));
            match limit::take(before, charge.quota, charge.amount, now) {
                Ok(state) => taken.insert(charge.key, Kept::new(state, charge)),
                Err(refused) => {
                    return Ok(Taken::Refused {
                        rule: charge.rule,
                        retry_after: refused.retry_after,
                    });
                }
            };
        }
        for (key, kept) in taken {
            limits.put(key, Some(kept));
        }
        limits.evict(now);
        Ok(Taken::All)
    }

    async fn give_back(&self, charges: &[Charge], now: Timestamp) -> Result<(), StoreError> {
        let mut limits = lock(&self.0);
        for charge in charges {
            let state = limit::give_back(limits.state(charge.key), charge.quota, charge.amount, now);
            limits.put(charge.key, state.map(|state| Kept::new(state, charge)));
        }
        limits.evict(now);
        Ok(())
    }

    async fn peek(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Remaining>, StoreError> {
        let limits = lock(&self.0);
        let peek = |charge: &Charge| limit::peek(limits.state(charge.key), charge.quota, now);
        Ok(charges.iter().map(peek).collect())
    }
}

impl Kept {
    fn new(state: LimitState, charge: &Charge) -> Self {
        let until = limit::kept_until(state, charge.quota).plus(GRACE);
        Self { state, until }
    }
}

impl Limits {
    fn state(&self, key: LimitKey) -> Option<LimitState> {
        self.states.get(&key).map(|kept| kept.state)
    }

    fn put(&mut self, key: LimitKey, kept: Option<Kept>) {
        if let Some(before) = self.states.remove(&key) {
            self.evictions.remove(&(before.until, key));
        }
        if let Some(kept) = kept {
            self.evictions.insert((kept.until, key));
            self.states.insert(key, kept);
        }
    }

    fn evict(&mut self, now: Timestamp) {
        for _ in 0..EVICTIONS_PER_WRITE {
            match self.evictions.first() {
                Some((until, key)) if *until <= now => self.put(*key, None),
                _ => return,
            }
        }
    }
}
