//! Batches: each counts once, whatever is repeated and whatever runs in parallel.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::TallyStore;
use countersign_domain::time::{DAY, Timestamp};
use tokio::task::JoinSet;

use super::{HOUR, add, batch, read, tally, this_hour};
use crate::contract::PARALLEL;
use crate::fixture::now;

const MINUTE: Duration = Duration::from_secs(60);

/// What an instance does that did not hear the answer.
pub async fn a_repeated_batch_of_tallies_counts_once(store: Arc<dyn TallyStore>) {
    let tallies = [tally(1, now(), 5), tally(17, now().minus(HOUR), 2), tally(1, now(), 1)];
    for n in [1, 1, 2, 1, 2] {
        add(&*store, n, &tallies).await;
    }
    assert_eq!(read(&*store, 1, now(), now()).await, [(this_hour(), 12)]);
    let before = this_hour().minus(HOUR);
    assert_eq!(read(&*store, 17, before, before).await, [(before, 4)]);
}

/// Ten minutes from its first time, with many others in between, and by clocks behind the first one.
pub async fn a_batch_of_tallies_is_remembered_for_ten_minutes_whatever_the_clocks_say(store: Arc<dyn TallyStore>) {
    let one = [tally(1, now(), 5)];
    let at = |minutes: u32| now().plus(MINUTE * minutes);
    store.add(batch(0), &one, now()).await.expect("the store answers");
    for n in 1..200 {
        let told = store.add(batch(n), &[tally(2, now(), 1)], at(n / 20)).await;
        told.expect("the store answers");
    }
    for later in [at(10), at(5), now().minus(MINUTE * 5), at(10), at(9)] {
        store.add(batch(0), &one, later).await.expect("the store answers");
    }
    assert_eq!(read(&*store, 1, now(), now()).await, [(this_hour(), 5)]);
    assert_eq!(read(&*store, 2, now(), now()).await, [(this_hour(), 199)]);
    for (n, far) in [(1_000, Timestamp::EPOCH), (1_001, this_hour().plus(DAY * 30_000))] {
        for _ in 0..2 {
            let told = store.add(batch(n), &[tally(n, far, 3)], far).await;
            told.expect("the store answers");
        }
        assert_eq!(read(&*store, n, far, far).await, [(far, 3)]);
    }
}

/// A batch is its name and not what is in it.
pub async fn another_batch_with_the_same_tallies_counts(store: Arc<dyn TallyStore>) {
    for n in 1..=20 {
        add(&*store, n, &[tally(1, now(), 2)]).await;
        assert_eq!(read(&*store, 1, now(), now()).await, [(this_hour(), u64::from(n) * 2)]);
    }
}

/// Nothing happened, and no times anything is nothing, too.
pub async fn a_batch_without_tallies_is_lawful(store: Arc<dyn TallyStore>) {
    for _ in 0..2 {
        add(&*store, 1, &[]).await;
        add(&*store, 2, &[tally(1, now(), 0)]).await;
    }
    assert_eq!(read(&*store, 1, now(), now()).await, []);
}

/// Exactly, in every series.
pub async fn of_64_parallel_batches_every_tally_counts(store: Arc<dyn TallyStore>) {
    let mut race = JoinSet::new();
    for n in 0..PARALLEL {
        let store = Arc::clone(&store);
        race.spawn(async move {
            let tallies = [tally(1, now(), 3), tally(2, now(), u64::from(n)), tally(1, now(), 4)];
            add(&*store, n, &tallies).await;
        });
    }
    race.join_all().await;
    let all = u64::from(PARALLEL);
    assert_eq!(read(&*store, 1, now(), now()).await, [(this_hour(), all * 7)]);
    assert_eq!(
        read(&*store, 2, now(), now()).await,
        [(this_hour(), all * (all - 1) / 2)]
    );
}

/// A repetition that overtakes the call it repeats.
pub async fn of_64_parallel_additions_of_one_batch_one_counts(store: Arc<dyn TallyStore>) {
    let mut race = JoinSet::new();
    for _ in 0..PARALLEL {
        let store = Arc::clone(&store);
        race.spawn(async move { add(&*store, 1, &[tally(1, now(), 3), tally(17, now(), 5)]).await });
    }
    race.join_all().await;
    for (n, count) in [(1, 3), (17, 5)] {
        assert_eq!(read(&*store, n, now(), now()).await, [(this_hour(), count)]);
    }
}
