//! What every store of tallies promises.
//!
//! The store put to the test is empty.

mod batches;
mod counts;
mod history;

use std::time::Duration;

use countersign_domain::guard::SeriesKey;
use countersign_domain::ports::{BatchId, Tally, TallyStore};
use countersign_domain::time::Timestamp;

use crate::fixture::now;

pub use batches::*;
pub use counts::*;
pub use history::*;

/// Runs every promise against what `$make` makes: a function without arguments whose answer is a future of
/// `Fresh<dyn TallyStore>`.
#[macro_export]
macro_rules! tally_store_contract {
    (@$then:ident $($make:path)?) => {
        $crate::$then! { tally_store $(, $make)?:
            an_empty_store_has_counted_nothing,
            what_happens_within_an_hour_adds_up,
            the_hours_of_a_series_come_oldest_first_and_those_without_a_count_not_at_all,
            both_ends_of_a_range_are_the_hours_that_hold_them,
            a_range_that_ends_before_it_begins_holds_nothing,
            a_range_goes_back_36_days_from_its_end_and_no_further,
            series_answer_in_the_order_asked_and_do_not_touch_each_other,
            a_read_changes_nothing,
            counts_of_35_days_are_readable_at_their_end,
            what_happened_longer_than_36_days_before_it_is_told_is_not_kept_for_ever,
            a_callers_clock_far_from_the_present_counts_the_same,
            a_count_stays_at_the_most_there_is,
            a_repeated_batch_of_tallies_counts_once,
            a_batch_of_tallies_is_remembered_for_ten_minutes_whatever_the_clocks_say,
            another_batch_with_the_same_tallies_counts,
            a_batch_without_tallies_is_lawful,
            of_64_parallel_batches_every_tally_counts,
            of_64_parallel_additions_of_one_batch_one_counts,
            tallies_equal_the_reference_for_seeded_histories,
        }
    };
    ($make:path) => {
        $crate::tally_store_contract! { @__promise_tests $make }
    };
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The `n`-th of many series, spread over all shards.
fn series(n: u32) -> SeriesKey {
    let mut bytes = [0x5e; 16];
    let low = n.to_be_bytes();
    bytes[..2].copy_from_slice(&low[2..]);
    bytes[12..].copy_from_slice(&low);
    SeriesKey::from_bytes(bytes)
}

/// The `n`-th of many batches, spread over all shards.
fn batch(n: u32) -> BatchId {
    let mut bytes = [0xba; 16];
    let low = n.to_be_bytes();
    bytes[..2].copy_from_slice(&low[2..]);
    bytes[12..].copy_from_slice(&low);
    BatchId(bytes)
}

/// The full hour that holds [`now`].
fn this_hour() -> Timestamp {
    hour_of(now())
}

fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_millis(at.unix_millis() / 3_600_000 * 3_600_000)
}

fn tally(n: u32, at: Timestamp, count: u64) -> Tally {
    Tally {
        series: series(n),
        at,
        count,
    }
}

async fn add(store: &dyn TallyStore, n: u32, tallies: &[Tally]) {
    store.add(batch(n), tallies, now()).await.expect("the store answers");
}

/// The counts of one series.
async fn read(store: &dyn TallyStore, n: u32, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, u64)> {
    let read = store.read(&[series(n)], from, to).await.expect("the store answers");
    assert_eq!(read.len(), 1);
    read.into_iter().flatten().collect()
}
