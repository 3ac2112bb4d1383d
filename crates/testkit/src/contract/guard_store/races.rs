//! Races: whatever runs in parallel, each change counts once and one replace wins.

use std::sync::Arc;

use countersign_domain::ports::{GuardStore, Version};
use tokio::task::JoinSet;

use super::{blocks, bucket, change, look, numbered, put, replace, score, scores};
use crate::contract::PARALLEL;

/// Exactly, in every bucket.
pub async fn of_64_parallel_batches_every_change_counts(store: Arc<dyn GuardStore>) {
    let mut race = JoinSet::new();
    for n in 0..PARALLEL {
        let store = Arc::clone(&store);
        race.spawn(async move {
            let changes = [change(1, 3), change(2, i64::from(n)), change(1, 4), change(100 + n, 1)];
            score(&*store, n, &changes).await;
        });
    }
    race.join_all().await;
    let all = i64::from(PARALLEL);
    assert_eq!(
        scores(&*store, &[bucket(1), bucket(2)]).await,
        [all * 7, all * (all - 1) / 2]
    );
    let own: Vec<_> = (0..PARALLEL).map(|n| bucket(100 + n)).collect();
    assert_eq!(scores(&*store, &own).await, vec![1; own.len()]);
}

/// A repetition that overtakes the call it repeats.
pub async fn of_64_parallel_calls_of_one_batch_one_counts(store: Arc<dyn GuardStore>) {
    let mut race = JoinSet::new();
    for _ in 0..PARALLEL {
        let store = Arc::clone(&store);
        race.spawn(async move { score(&*store, 1, &[change(1, 3), change(40, 5)]).await });
    }
    for answer in race.join_all().await {
        assert_eq!(answer, [3, 5], "each answers with the scores after the batch");
    }
    assert_eq!(scores(&*store, &[bucket(1), bucket(40)]).await, [3, 5]);
}

/// The others hear that somebody was faster.
pub async fn of_64_parallel_replaces_of_one_block_exactly_one_is_written(store: Arc<dyn GuardStore>) {
    let seen = put(&*store, 1, &numbered(0)).await;
    assert_one_winner(&store, Some(seen)).await;
}

/// Nothing seen is one version like any other.
pub async fn of_64_parallel_first_writes_of_one_block_exactly_one_is_written(store: Arc<dyn GuardStore>) {
    assert_one_winner(&store, None).await;
}

async fn assert_one_winner(store: &Arc<dyn GuardStore>, seen: Option<Version>) {
    let mut race = JoinSet::new();
    for number in 1..=PARALLEL {
        let store = Arc::clone(store);
        race.spawn(async move {
            let won = replace(&*store, 1, seen, Some(&numbered(number))).await;
            won.then_some(number)
        });
    }
    let winners: Vec<_> = race.join_all().await.into_iter().flatten().collect();
    let there = look(&**store, 1).await.expect("somebody won");
    assert_eq!(
        winners.iter().map(|n| i64::from(*n)).collect::<Vec<_>>(),
        [there.block.score]
    );
    assert_eq!(blocks(&**store, 10).await, [there]);
}

/// A replace empties the score it finds, and what comes after it counts from zero.
pub async fn parallel_scores_and_replaces_lose_nothing_but_what_a_replace_empties(store: Arc<dyn GuardStore>) {
    let mut race = JoinSet::new();
    for n in 0..PARALLEL {
        let store = Arc::clone(&store);
        race.spawn(async move {
            let after = score(&*store, n, &[change(1, 1), change(2, 1)]).await;
            if n == PARALLEL / 2 {
                assert!(replace(&*store, 1, None, Some(&numbered(n))).await);
            }
            after
        });
    }
    let answers = race.join_all().await;
    // Every score a change led to, but for the one bucket that was emptied once: each of 1.. came once in the other.
    let mut others: Vec<_> = answers.iter().map(|after| after[1]).collect();
    others.sort_unstable();
    assert_eq!(others, (1..=i64::from(PARALLEL)).collect::<Vec<_>>());
    let highest = answers.iter().map(|after| after[0]).max().unwrap_or(0);
    let left = scores(&*store, &[bucket(1)]).await[0];
    assert!(
        highest + left >= i64::from(PARALLEL),
        "{highest} before it was emptied and {left} after"
    );
}

/// Two blocks that are raised one after the other, again and again: the second is never seen ahead of the first.
pub async fn a_look_beside_parallel_replaces_sees_one_moment(store: Arc<dyn GuardStore>) {
    const ROUNDS: u32 = 200;
    let writer = Arc::clone(&store);
    let writing = tokio::spawn(async move {
        for number in 1..=ROUNDS {
            put(&*writer, 1, &numbered(number)).await;
            put(&*writer, 2, &numbered(number)).await;
        }
    });
    let mut last = 0;
    while last < i64::from(ROUNDS) {
        // The second is asked for first.
        let view = store
            .look(&[bucket(2), bucket(1)], None)
            .await
            .expect("the store answers");
        let numbers: Vec<_> = view
            .blocks
            .iter()
            .map(|it| it.as_ref().map_or(0, |it| it.block.score))
            .collect();
        assert!(numbers[0] == numbers[1] || numbers[0] + 1 == numbers[1], "{numbers:?}");
        assert!(numbers[0] >= last, "what was seen is not unseen");
        last = numbers[0];
    }
    writing.await.expect("every write was the only one");
}
