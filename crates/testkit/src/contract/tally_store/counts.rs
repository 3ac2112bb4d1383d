//! Counts: what was added is what is read, hour by hour.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::{COUNT_MAX, TALLY_RANGE_MAX, TallyStore};
use countersign_domain::time::{DAY, Timestamp};

use super::{HOUR, add, batch, hour_of, read, series, tally, this_hour};
use crate::fixture::now;

const MILLISECOND: Duration = Duration::from_millis(1);

/// One list for each series, and nothing in it.
pub async fn an_empty_store_has_counted_nothing(store: Arc<dyn TallyStore>) {
    let read = store.read(&[series(1), series(2)], now().minus(DAY), now()).await;
    assert_eq!(read.expect("the store answers"), [[], []]);
    let read = store.read(&[], now().minus(DAY), now()).await;
    assert_eq!(read.expect("the store answers"), Vec::<Vec<_>>::new());
}

/// Within one batch and over many, from the first millisecond to the last.
pub async fn what_happens_within_an_hour_adds_up(store: Arc<dyn TallyStore>) {
    let (first, last) = (this_hour(), this_hour().plus(HOUR).minus(MILLISECOND));
    add(
        &*store,
        1,
        &[tally(1, first, 1), tally(1, last, 20), tally(1, now(), 300)],
    )
    .await;
    add(&*store, 2, &[tally(1, last, 4_000)]).await;
    assert_eq!(read(&*store, 1, first, first).await, [(first, 4_321)]);
    assert_eq!(read(&*store, 1, last, last).await, [(first, 4_321)]);
}

/// Over midnights, and whatever the order they were told in.
pub async fn the_hours_of_a_series_come_oldest_first_and_those_without_a_count_not_at_all(store: Arc<dyn TallyStore>) {
    let ago = |hours: u32| this_hour().minus(HOUR * hours);
    for (n, hours) in (1..).zip([5, 70, 1, 30, 29, 0]) {
        add(&*store, n, &[tally(1, ago(hours), u64::from(hours) + 1)]).await;
    }
    let expected = [70, 30, 29, 5, 1, 0].map(|hours| (ago(hours), u64::from(hours) + 1));
    assert_eq!(read(&*store, 1, ago(100), now()).await, expected);
}

/// To the hour, and no others.
pub async fn both_ends_of_a_range_are_the_hours_that_hold_them(store: Arc<dyn TallyStore>) {
    let ago = |hours: u32| this_hour().minus(HOUR * hours);
    let tallies: Vec<_> = (0..60).map(|hours| tally(1, ago(hours), 1)).collect();
    add(&*store, 1, &tallies).await;
    for (oldest, newest) in [(59, 0), (40, 30), (12, 12), (1, 0), (50, 26)] {
        let expected: Vec<_> = (newest..=oldest).rev().map(|hours| (ago(hours), 1)).collect();
        let last_moment = Duration::from_millis(3_599_999);
        assert_eq!(read(&*store, 1, ago(oldest), ago(newest)).await, expected);
        let (from, to) = (ago(oldest).plus(last_moment), ago(newest).plus(last_moment));
        assert_eq!(read(&*store, 1, from, to).await, expected);
    }
}

/// Not even the hour both are in.
pub async fn a_range_that_ends_before_it_begins_holds_nothing(store: Arc<dyn TallyStore>) {
    add(&*store, 1, &[tally(1, now(), 1)]).await;
    for to in [now().minus(MILLISECOND), now().minus(DAY), Timestamp::EPOCH] {
        let read = store.read(&[series(1), series(2)], now(), to).await;
        assert_eq!(read.expect("the store answers"), [[], []]);
    }
}

/// However early it is to begin.
pub async fn a_range_goes_back_36_days_from_its_end_and_no_further(store: Arc<dyn TallyStore>) {
    let first = now().minus(TALLY_RANGE_MAX);
    let (held, left_out) = (hour_of(first), hour_of(first).minus(MILLISECOND));
    for (n, at) in [(1, held), (2, left_out), (3, now())] {
        // Told when it happened, so that it is kept.
        let told = store.add(batch(n), &[tally(1, at, 1)], at).await;
        told.expect("the store answers");
    }
    for from in [first, Timestamp::EPOCH] {
        let counts = read(&*store, 1, from, now()).await;
        assert!(counts.iter().all(|(hour, _)| *hour >= held), "{counts:?}");
        assert_eq!(counts.last(), Some(&(this_hour(), 1)));
    }
    let end = Timestamp::from_unix_millis(u64::MAX);
    assert_eq!(read(&*store, 1, Timestamp::EPOCH, end).await, []);
}

/// Whatever shard each is in, and also when one is asked for twice.
pub async fn series_answer_in_the_order_asked_and_do_not_touch_each_other(store: Arc<dyn TallyStore>) {
    let tallies = [tally(1, now(), 1), tally(2, now(), 2), tally(17, now(), 17)];
    add(&*store, 1, &tallies).await;
    let asked = [17, 3, 1, 17, 2].map(series);
    let read = store.read(&asked, now(), now()).await.expect("the store answers");
    let count = |count| vec![(this_hour(), count)];
    assert_eq!(read, [count(17), Vec::new(), count(1), count(17), count(2)]);
}

/// To read is neither to count nor to use up.
pub async fn a_read_changes_nothing(store: Arc<dyn TallyStore>) {
    add(&*store, 1, &[tally(1, now(), 5)]).await;
    for _ in 0..3 {
        assert_eq!(
            read(&*store, 1, now().minus(DAY), now().plus(DAY)).await,
            [(this_hour(), 5)]
        );
    }
}

/// The whole month the guard learns from, while more is counted.
pub async fn counts_of_35_days_are_readable_at_their_end(store: Arc<dyn TallyStore>) {
    let begin = now();
    for day in 0..=35 {
        let at = begin.plus(DAY * day);
        let told = store.add(batch(day), &[tally(1, at, u64::from(day) + 1)], at).await;
        told.expect("the store answers");
    }
    let end = begin.plus(DAY * 35);
    let expected: Vec<_> = (0..=35)
        .map(|day| (hour_of(begin.plus(DAY * day)), u64::from(day) + 1))
        .collect();
    assert_eq!(read(&*store, 1, begin, end).await, expected);
}

/// Old news is lawful, and what is so old that nobody could read it need not be written.
pub async fn what_happened_longer_than_36_days_before_it_is_told_is_not_kept_for_ever(store: Arc<dyn TallyStore>) {
    let (old, older) = (now().minus(DAY * 34), now().minus(DAY * 37));
    add(
        &*store,
        1,
        &[tally(1, old, 1), tally(1, older, 1), tally(1, Timestamp::EPOCH, 1)],
    )
    .await;
    assert_eq!(read(&*store, 1, older.minus(DAY), now()).await, [(hour_of(old), 1)]);
    assert_eq!(read(&*store, 1, Timestamp::EPOCH, older).await, []);
}

/// In 1970 and in 2100.
pub async fn a_callers_clock_far_from_the_present_counts_the_same(store: Arc<dyn TallyStore>) {
    for (n, at) in [
        (1, Timestamp::EPOCH),
        (2, Timestamp::from_unix_millis(4_102_444_800_000)),
    ] {
        let told = store
            .add(batch(n), &[tally(n, at, 7), tally(n, at.plus(HOUR), 1)], at)
            .await;
        told.expect("the store answers");
        let counts = read(&*store, n, at, at.plus(DAY)).await;
        assert_eq!(counts, [(at, 7), (at.plus(HOUR), 1)]);
    }
}

/// Instead of running over.
pub async fn a_count_stays_at_the_most_there_is(store: Arc<dyn TallyStore>) {
    add(&*store, 1, &[tally(1, now(), u64::MAX), tally(2, now(), COUNT_MAX - 1)]).await;
    for n in 2..5 {
        add(&*store, n, &[tally(1, now(), u64::MAX), tally(2, now(), 1)]).await;
    }
    for n in [1, 2] {
        assert_eq!(read(&*store, n, now(), now()).await, [(this_hour(), COUNT_MAX)]);
    }
}
