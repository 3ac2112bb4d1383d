//! Wake-ups: the index is the queue, and it moves in the same step as the record.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::id::RecipientKey;
use countersign_domain::ports::RecipientStore;

use super::{SHARDS, all_due, backlog, due, key, key_in, record, write};
use crate::fixture::now;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// No shard holds anybody before the first write.
pub async fn an_empty_store_has_nobody_to_wake(store: Arc<dyn RecipientStore>) {
    assert_eq!(all_due(&*store, now()).await, []);
    assert_eq!(backlog(&*store, now()).await, 0);
}

/// To the millisecond.
pub async fn a_wake_up_is_due_at_its_time_and_not_before(store: Arc<dyn RecipientStore>) {
    let at = now().plus(SECOND);
    write(&*store, key(1), None, &record(now(), Some(at)), now()).await;
    assert_eq!(all_due(&*store, at.minus(MILLISECOND)).await, []);
    assert_eq!(backlog(&*store, at.minus(MILLISECOND)).await, 0);
    for moment in [at, at.plus(MILLISECOND), at.plus(SECOND * 3_600)] {
        assert_eq!(all_due(&*store, moment).await, [key(1)]);
        assert_eq!(backlog(&*store, moment).await, 1);
    }
}

/// Nothing has to happen first.
pub async fn a_wake_up_in_the_past_is_due_at_once(store: Arc<dyn RecipientStore>) {
    let past = now().minus(SECOND * 3_600);
    write(&*store, key(1), None, &record(now(), Some(past)), now()).await;
    assert_eq!(all_due(&*store, now()).await, [key(1)]);
}

/// The earlier time is forgotten.
pub async fn a_wake_up_that_moved_later_is_due_only_then(store: Arc<dyn RecipientStore>) {
    let (earlier, later) = (now().plus(SECOND), now().plus(SECOND * 2));
    let version = write(&*store, key(1), None, &record(now(), Some(earlier)), now()).await;
    write(&*store, key(1), Some(version), &record(now(), Some(later)), now()).await;
    assert_eq!(all_due(&*store, later.minus(MILLISECOND)).await, []);
    assert_eq!(all_due(&*store, later).await, [key(1)]);
    assert_eq!(backlog(&*store, later).await, 1);
}

/// The later time is forgotten: nobody is listed twice.
pub async fn a_wake_up_that_moved_earlier_is_due_then(store: Arc<dyn RecipientStore>) {
    let (earlier, later) = (now().plus(SECOND), now().plus(SECOND * 2));
    let version = write(&*store, key(1), None, &record(now(), Some(later)), now()).await;
    write(&*store, key(1), Some(version), &record(now(), Some(earlier)), now()).await;
    assert_eq!(all_due(&*store, earlier).await, [key(1)]);
    assert_eq!(all_due(&*store, later).await, [key(1)]);
    assert_eq!(backlog(&*store, later).await, 1);
}

/// Whether it never had one or lost it.
pub async fn a_record_without_a_wake_up_is_never_due(store: Arc<dyn RecipientStore>) {
    write(&*store, key(1), None, &record(now(), None), now()).await;
    let version = write(&*store, key(2), None, &record(now(), Some(now())), now()).await;
    assert_eq!(all_due(&*store, now()).await, [key(2)]);
    write(&*store, key(2), Some(version), &record(now(), None), now()).await;
    let moment = now().plus(SECOND * 3_600);
    assert_eq!(all_due(&*store, moment).await, []);
    assert_eq!(backlog(&*store, moment).await, 0);
}

/// By wake-up, whatever the order of the writes or of the keys.
pub async fn due_lists_the_earliest_first(store: Arc<dyn RecipientStore>) {
    for (n, second) in (0..).zip([5, 1, 9, 3, 7, 2]) {
        let waking = record(now(), Some(now().plus(SECOND * second)));
        write(&*store, key_in(3, n), None, &waking, now()).await;
    }
    let expected = [1, 5, 3, 0, 4].map(|n| key_in(3, n));
    let shard = key_in(3, 0).shard(SHARDS);
    assert_eq!(due(&*store, now().plus(SECOND * 8), shard, 100).await, expected);
}

/// And those are the earliest.
pub async fn due_lists_at_most_as_many_as_asked_for(store: Arc<dyn RecipientStore>) {
    for n in 0..10 {
        // The greatest key is the earliest, so that a store which cuts by key is found out.
        let at = now().plus(SECOND * (10 - n));
        write(&*store, key_in(0, n), None, &record(now(), Some(at)), now()).await;
    }
    let shard = key_in(0, 0).shard(SHARDS);
    let moment = now().plus(SECOND * 10);
    assert_eq!(due(&*store, moment, shard, 0).await, []);
    assert_eq!(due(&*store, moment, shard, 1).await, [key_in(0, 9)]);
    assert_eq!(due(&*store, moment, shard, 3).await, [9, 8, 7].map(|n| key_in(0, n)));
    assert_eq!(due(&*store, moment, shard, 1_000).await.len(), 10);
    assert_eq!(backlog(&*store, moment).await, 10);
}

/// Every recipient is in one shard, the one its key says, and every shard has its own.
pub async fn due_lists_only_its_own_shard(store: Arc<dyn RecipientStore>) {
    const EACH: usize = 3;
    let count = u32::from(SHARDS.get()) * 3;
    for n in 0..count {
        write(&*store, key(n), None, &record(now(), Some(now())), now()).await;
    }
    for shard in SHARDS.shards() {
        let keys = due(&*store, now(), shard, 100).await;
        assert_eq!(keys.len(), EACH);
        assert!(keys.iter().all(|key| key.shard(SHARDS) == shard));
    }
}

/// To list is not to claim; only a replace moves a wake-up.
pub async fn due_uses_nothing_up(store: Arc<dyn RecipientStore>) {
    write(&*store, key(1), None, &record(now(), Some(now())), now()).await;
    for _ in 0..3 {
        assert_eq!(all_due(&*store, now()).await, [key(1)]);
        assert_eq!(backlog(&*store, now()).await, 1);
    }
}

/// It equals what all shards list together, at every moment.
pub async fn backlog_counts_what_is_due_in_every_shard(store: Arc<dyn RecipientStore>) {
    const COUNT: u32 = 40;
    for n in 0..COUNT {
        let at = now().plus(SECOND * (n / 2));
        write(&*store, key(n), None, &record(now(), Some(at)), now()).await;
    }
    for second in 0..=COUNT / 2 {
        let moment = now().plus(SECOND * second);
        let keys: Vec<RecipientKey> = all_due(&*store, moment).await;
        let expected = usize::try_from(COUNT.min((second + 1) * 2)).expect("a small number");
        assert_eq!(keys.len(), expected);
        assert_eq!(backlog(&*store, moment).await, u64::from(COUNT.min((second + 1) * 2)));
    }
}
