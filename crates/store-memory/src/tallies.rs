//! Hourly counts in memory.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::guard::SeriesKey;
use countersign_domain::ports::{BatchId, COUNT_MAX, StoreError, TALLY_RANGE_MAX, Tally, TallyStore};
use countersign_domain::time::Timestamp;

use crate::batches::Batches;
use crate::kept::Kept;
use crate::lock::lock;

/// How long a count stays readable after its hour (the promise of `TallyStore`).
const KEPT: Duration = Duration::from_secs(35 * 24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Counts what happens hour by hour until the process ends or the hour is long gone.
#[derive(Default)]
pub struct MemoryTallies(Mutex<Tallies>);

#[derive(Debug, Default)]
struct Tallies {
    counts: Kept<(SeriesKey, Timestamp), u64>,
    batches: Batches,
}

impl MemoryTallies {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many hours and batches are held, those included whose time is over and which no write has dropped yet.
    pub fn len(&self) -> usize {
        let kept = lock(&self.0);
        kept.counts.len() + kept.batches.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for MemoryTallies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTallies").field("len", &self.len()).finish()
    }
}

#[async_trait]
impl TallyStore for MemoryTallies {
    async fn add(&self, batch: BatchId, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError> {
        let mut kept = lock(&self.0);
        if !kept.batches.is_new(batch, now) {
            return Ok(());
        }
        for tally in tallies.iter().filter(|it| it.count > 0) {
            let hour = hour_of(tally.at);
            let key = (tally.series, hour);
            let before = kept.counts.get(key).copied().unwrap_or(0);
            let count = before.saturating_add(tally.count).min(COUNT_MAX);
            kept.counts.put(key, count, hour.plus(HOUR + KEPT), now);
        }
        Ok(())
    }

    async fn read(
        &self,
        series: &[SeriesKey],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<(Timestamp, u64)>>, StoreError> {
        if to < from {
            return Ok(vec![Vec::new(); series.len()]);
        }
        let from = hour_of(from.max(to.minus(TALLY_RANGE_MAX)));
        let kept = lock(&self.0);
        let counts = |series: &SeriesKey| {
            let counts = kept.counts.range((*series, from), (*series, to));
            counts.map(|((_, hour), count)| (hour, *count)).collect()
        };
        Ok(series.iter().map(counts).collect())
    }
}

fn hour_of(at: Timestamp) -> Timestamp {
    let length = u64::try_from(HOUR.as_millis()).unwrap_or(1);
    Timestamp::from_unix_millis(at.unix_millis() / length * length)
}
