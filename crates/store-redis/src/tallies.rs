//! Hourly counts on Redis: a hash for each day of a series.

use std::ops::RangeInclusive;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::guard::SeriesKey;
use countersign_domain::ports::{BatchId, COUNT_MAX, StoreError, TALLY_RANGE_MAX, Tally, TallyStore};
use countersign_domain::time::Timestamp;
use redis::{Script, pipe};

use crate::keys::{BATCH_LIFE, GUARD_LIFE, Keys, life};
use crate::link::Link;

pub(crate) static TALLY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/tally.lua")));

const HOUR: u64 = 60 * 60 * 1000;
const HOURS_A_DAY: u64 = 24;
/// How long a count is kept after its hour or its day.
const KEPT: Duration = Duration::from_millis(GUARD_LIFE);

/// The most days that are read in one round trip: those of a hundred series over the whole range.
const QUERIES_MAX: usize = 4_096;

/// Counts what happens hour by hour. To add is one round trip, and so is to read up to 4,096 days.
#[derive(Debug)]
pub struct RedisTallies {
    pub(crate) link: Arc<Link>,
    pub(crate) keys: Arc<Keys>,
}

#[async_trait]
impl TallyStore for RedisTallies {
    async fn add(&self, batch: BatchId, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError> {
        let mut add = TALLY.prepare_invoke();
        add.key(self.keys.tally_batch(batch))
            .arg(BATCH_LIFE)
            .arg(COUNT_MAX)
            .arg(HOUR);
        let mut count = 0;
        for tally in tallies {
            let hour = tally.at.unix_millis() / HOUR;
            let day = hour / HOURS_A_DAY;
            if tally.count == 0 || hour_begins(hour + 1).plus(KEPT) <= now {
                continue;
            }
            let day_ends = hour_begins((day + 1) * HOURS_A_DAY);
            add.key(self.keys.tallies(tally.series, day))
                .arg(hour)
                .arg(tally.count.min(COUNT_MAX))
                .arg(life(day_ends.plus(KEPT), now));
            count += 1;
        }
        if count == 0 {
            return Ok(());
        }
        Ok(self.link.run(&add).await?)
    }

    async fn read(
        &self,
        series: &[SeriesKey],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<(Timestamp, u64)>>, StoreError> {
        if series.is_empty() || to < from {
            return Ok(vec![Vec::new(); series.len()]);
        }
        let from = from.max(to.minus(TALLY_RANGE_MAX));
        let hours = from.unix_millis() / HOUR..=to.unix_millis() / HOUR;
        let days = hours.start() / HOURS_A_DAY..=hours.end() / HOURS_A_DAY;
        let each = usize::try_from(days.end() - days.start() + 1).unwrap_or(usize::MAX);
        let mut read = Vec::with_capacity(series.len());
        for series in series.chunks((QUERIES_MAX / each).max(1)) {
            let mut queries = pipe();
            for key in series {
                for day in days.clone() {
                    queries.cmd("HGETALL").arg(self.keys.tallies(*key, day));
                }
            }
            let found: Vec<Vec<(u64, u64)>> = self.link.ask_all(&queries).await?;
            read.extend(found.chunks(each).map(|found| within(&hours, found)));
        }
        Ok(read)
    }
}

/// The counts of the days of one series that are within a range of hours, oldest first.
fn within(hours: &RangeInclusive<u64>, found: &[Vec<(u64, u64)>]) -> Vec<(Timestamp, u64)> {
    let mut counts: Vec<_> = found
        .iter()
        .flatten()
        .filter(|(hour, _)| hours.contains(hour))
        .collect();
    counts.sort_unstable();
    counts
        .iter()
        .map(|(hour, count)| (hour_begins(*hour), *count))
        .collect()
}

fn hour_begins(hour: u64) -> Timestamp {
    Timestamp::from_unix_millis(hour.saturating_mul(HOUR))
}
