//! Scores: each change counts once, in its order, and never below zero.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::{COUNT_MAX, GuardStore};
use countersign_domain::time::{DAY, Timestamp};

use super::{batch, bucket, change, look, numbered, put, replace, score, scores};
use crate::fixture::now;

const MINUTE: Duration = Duration::from_secs(60);

/// The answer is the score after the change.
pub async fn a_score_begins_at_zero_and_adds_up(store: Arc<dyn GuardStore>) {
    assert_eq!(score(&*store, 1, &[change(1, 1_253), change(2, 3)]).await, [1_253, 3]);
    assert_eq!(score(&*store, 2, &[change(2, 4), change(1, -253)]).await, [7, 1_000]);
    assert_eq!(scores(&*store, &[bucket(1), bucket(2), bucket(3)]).await, [1_000, 7, 0]);
}

/// So that good news before bad news does not count as credit.
pub async fn a_score_never_falls_below_zero_after_any_change(store: Arc<dyn GuardStore>) {
    assert_eq!(score(&*store, 1, &[change(1, -5)]).await, [0]);
    assert_eq!(score(&*store, 2, &[change(1, 3)]).await, [3]);
    assert_eq!(score(&*store, 3, &[change(1, -4), change(1, 10)]).await, [0, 10]);
    assert_eq!(score(&*store, 4, &[change(1, i64::MIN)]).await, [0]);
    assert_eq!(scores(&*store, &[bucket(1)]).await, [0]);
}

/// And comes down from there as from anywhere.
pub async fn a_score_stays_at_the_most_there_is(store: Arc<dyn GuardStore>) {
    let most = i64::try_from(COUNT_MAX).expect("it fits");
    assert_eq!(score(&*store, 1, &[change(1, most), change(1, 1)]).await, [most, most]);
    assert_eq!(score(&*store, 2, &[change(1, i64::MAX)]).await, [most]);
    assert_eq!(score(&*store, 3, &[change(1, -1)]).await, [most - 1]);
    assert_eq!(score(&*store, 4, &[change(2, i64::MAX)]).await, [most]);
    assert_eq!(scores(&*store, &[bucket(1), bucket(2)]).await, [most - 1, most]);
}

/// Within one batch, in the order given.
pub async fn changes_of_one_bucket_count_one_after_the_other(store: Arc<dyn GuardStore>) {
    let changes = [change(1, 5), change(2, 1), change(1, -7), change(1, 2), change(2, 1)];
    assert_eq!(score(&*store, 1, &changes).await, [5, 1, 0, 2, 2]);
}

/// What an instance does that did not hear the answer.
pub async fn a_repeated_batch_counts_once_and_answers_with_what_is(store: Arc<dyn GuardStore>) {
    let changes = [change(1, 5), change(1, -2), change(40, 7)];
    assert_eq!(score(&*store, 1, &changes).await, [5, 3, 7]);
    assert_eq!(score(&*store, 1, &changes).await, [3, 3, 7]);
    score(&*store, 2, &[change(1, 10)]).await;
    assert_eq!(score(&*store, 1, &changes).await, [13, 13, 7]);
    assert_eq!(scores(&*store, &[bucket(1), bucket(40)]).await, [13, 7]);
}

/// Ten minutes from its first time, with many others in between, and by clocks behind the first one.
pub async fn a_batch_is_remembered_for_ten_minutes_whatever_the_clocks_say(store: Arc<dyn GuardStore>) {
    let one = [change(1, 5)];
    let at = |minutes: u32| now().plus(MINUTE * minutes);
    store.score(batch(0), &one, now()).await.expect("the store answers");
    for n in 1..200 {
        let added = store.score(batch(n), &[change(2, 1)], at(n / 20)).await;
        added.expect("the store answers");
    }
    for later in [at(10), at(5), now().minus(MINUTE * 5), at(10), at(9)] {
        let again = store.score(batch(0), &one, later).await;
        assert_eq!(again.expect("the store answers"), [5]);
    }
    for (n, far) in [(1_000, Timestamp::EPOCH), (1_001, now().plus(DAY * 30_000))] {
        for _ in 0..2 {
            let again = store.score(batch(n), &[change(n, 3)], far).await;
            assert_eq!(again.expect("the store answers"), [3]);
        }
    }
}

/// A batch is its name and not what is in it.
pub async fn another_batch_with_the_same_changes_counts(store: Arc<dyn GuardStore>) {
    for n in 1..=20 {
        assert_eq!(score(&*store, n, &[change(1, 2)]).await, [i64::from(n) * 2]);
    }
}

/// Nothing was heard, and nothing is answered.
pub async fn a_batch_of_nothing_is_lawful(store: Arc<dyn GuardStore>) {
    for _ in 0..2 {
        assert_eq!(score(&*store, 1, &[]).await, Vec::<i64>::new());
    }
}

/// Also when one is asked for twice.
pub async fn scores_answer_in_the_order_asked_and_change_nothing(store: Arc<dyn GuardStore>) {
    score(&*store, 1, &[change(1, 1), change(2, 2), change(40, 40)]).await;
    for _ in 0..2 {
        let asked = [40, 3, 1, 40, 2].map(bucket);
        assert_eq!(scores(&*store, &asked).await, [40, 0, 1, 40, 2]);
    }
}

/// Whether the block is written or taken away.
pub async fn a_block_that_is_written_empties_the_score_of_its_bucket_alone(store: Arc<dyn GuardStore>) {
    score(&*store, 1, &[change(1, 14_000), change(2, 13_000)]).await;
    let version = put(&*store, 1, &numbered(1)).await;
    assert_eq!(scores(&*store, &[bucket(1), bucket(2)]).await, [0, 13_000]);
    assert_eq!(score(&*store, 2, &[change(1, 4)]).await, [4]);
    assert!(replace(&*store, 1, Some(version), None).await);
    assert_eq!(scores(&*store, &[bucket(1), bucket(2)]).await, [0, 13_000]);
    // What came before the block does not come back with its batch.
    assert_eq!(score(&*store, 1, &[change(1, 14_000)]).await, [0]);
    assert_eq!(look(&*store, 1).await, None);
}
