//! Shared limits in memory, answered by the functions of `countersign_domain::limit`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::limit::{self, Charge, LimitKey, LimitState, Taken, Weighed};
use countersign_domain::ports::{GiveBack, LimitStore, StoreError};
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
        let Weighed { taken, states } = limit::weigh(charges, |key| limits.state(key), now);
        for (key, state) in states {
            // Charges on one key have one quota.
            let has_it = |it: &&Charge| it.key == key && state.fits(it.quota);
            if let Some(charge) = charges.iter().rev().find(has_it) {
                limits.put(key, Some(Kept::new(state, charge)));
            }
        }
        limits.evict(now);
        Ok(taken)
    }

    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError> {
        let mut limits = lock(&self.0);
        let each = owed
            .iter()
            .flat_map(|it| it.charges.iter().map(|charge| (charge, it.taken_at)));
        for (charge, taken_at) in each {
            // What is left lives as long as before.
            if let Some(Kept { state, until }) = limits.states.get(&charge.key).copied() {
                let after = limit::give_back(Some(state), charge.quota, charge.amount, taken_at, now);
                limits.put(charge.key, after.map(|state| Kept { state, until }));
            }
        }
        limits.evict(now);
        Ok(())
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        let limits = lock(&self.0);
        let held = |charge: &Charge| limits.state(charge.key).filter(|it| it.fits(charge.quota));
        Ok(charges.iter().map(held).collect())
    }

    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError> {
        let mut limits = lock(&self.0);
        let before = limits.states.len();
        for key in keys {
            limits.put(*key, None);
        }
        let forgotten = before - limits.states.len();
        Ok(u64::try_from(forgotten).unwrap_or(u64::MAX))
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
