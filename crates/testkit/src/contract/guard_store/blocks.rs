//! Blocks: what was written is what is seen, and nobody writes over what he has not seen.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::{GuardStore, GuardView, Version};
use countersign_domain::time::{DAY, Timestamp};

use super::{batch, blocks, bucket, change, every_block, look, numbered, person, put, raised, replace, score, scores};
use crate::fixture::now;

const SECOND: Duration = Duration::from_secs(1);

/// Absence is an answer, as long as the question.
pub async fn nothing_is_known_of_an_empty_store(store: Arc<dyn GuardStore>) {
    let view = store.look(&[bucket(1), bucket(2)], Some(person(1))).await;
    let nothing = GuardView {
        blocks: vec![None, None],
        is_returning: false,
        line: None,
    };
    assert_eq!(view.expect("the store answers"), nothing);
    let view = store.look(&[], None).await.expect("the store answers");
    assert_eq!(view, GuardView::default());
    assert_eq!(blocks(&*store, 10).await, []);
    assert_eq!(scores(&*store, &[bucket(1)]).await, [0]);
    assert_eq!(scores(&*store, &[]).await, Vec::<i64>::new());
}

/// Every field and every variant survives.
pub async fn a_written_block_comes_back_equal_in_every_field(store: Arc<dyn GuardStore>) {
    for (n, block) in (0..).zip(every_block()) {
        put(&*store, n, &block).await;
        assert_eq!(look(&*store, n).await.map(|it| it.block), Some(block));
    }
}

/// Whatever shard each is in, and also when one is asked for twice.
pub async fn a_look_answers_in_the_order_asked(store: Arc<dyn GuardStore>) {
    for n in [1, 2, 40] {
        put(&*store, n, &numbered(n)).await;
    }
    let asked = [40, 3, 1, 40, 2].map(bucket);
    let view = store.look(&asked, None).await.expect("the store answers");
    let numbers: Vec<_> = view
        .blocks
        .iter()
        .map(|it| it.as_ref().map(|it| it.block.score))
        .collect();
    assert_eq!(numbers, [Some(40), None, Some(1), Some(40), Some(2)]);
}

/// To look is neither to raise nor to clear, and uses nothing up.
pub async fn a_look_changes_nothing(store: Arc<dyn GuardStore>) {
    let version = put(&*store, 1, &numbered(1)).await;
    score(&*store, 1, &[change(1, 5)]).await;
    for _ in 0..3 {
        assert_eq!(look(&*store, 1).await.map(|it| it.version), Some(version));
        assert_eq!(look(&*store, 2).await, None);
    }
    assert_eq!(scores(&*store, &[bucket(1)]).await, [5]);
    assert_eq!(blocks(&*store, 10).await.len(), 1);
}

/// Nothing seen is no licence to write over something.
pub async fn a_first_write_over_a_block_is_refused_and_changes_nothing(store: Arc<dyn GuardStore>) {
    put(&*store, 1, &numbered(1)).await;
    assert_refused(&store, None).await;
}

/// A version that was overtaken writes nothing and takes nothing away.
pub async fn a_write_over_a_stale_version_is_refused_and_changes_nothing(store: Arc<dyn GuardStore>) {
    let stale = put(&*store, 1, &numbered(1)).await;
    put(&*store, 1, &numbered(2)).await;
    assert_refused(&store, Some(stale)).await;
}

async fn assert_refused(store: &Arc<dyn GuardStore>, seen: Option<Version>) {
    score(&**store, 1, &[change(1, 5)]).await;
    let there = look(&**store, 1).await;
    for block in [Some(&numbered(3)), None] {
        assert!(!replace(&**store, 1, seen, block).await);
    }
    assert_eq!(look(&**store, 1).await, there);
    assert_eq!(blocks(&**store, 10).await.len(), 1);
    assert_eq!(scores(&**store, &[bucket(1)]).await, [5]);
}

/// A block that is gone does not come back by a write over it.
pub async fn a_version_seen_of_an_absent_block_is_refused(store: Arc<dyn GuardStore>) {
    assert!(!replace(&*store, 1, Some(Version(1)), Some(&numbered(1))).await);
    assert!(!replace(&*store, 1, Some(Version(1)), None).await);
    assert_eq!(look(&*store, 1).await, None);
}

/// Also when what is written equals what was there.
pub async fn every_write_of_a_block_gives_another_version(store: Arc<dyn GuardStore>) {
    let mut versions = Vec::new();
    for number in [1, 1, 2, 1] {
        let version = put(&*store, 1, &numbered(number)).await;
        assert!(!versions.contains(&version), "{version:?} was given before");
        versions.push(version);
    }
}

/// Neither in a look nor in the list; and what was never there can be taken away, too.
pub async fn a_block_that_was_taken_away_is_nowhere(store: Arc<dyn GuardStore>) {
    let version = put(&*store, 1, &numbered(1)).await;
    put(&*store, 2, &numbered(2)).await;
    assert!(replace(&*store, 1, Some(version), None).await);
    assert_eq!(look(&*store, 1).await, None);
    assert_eq!(blocks(&*store, 10).await.len(), 1);
    assert!(replace(&*store, 3, None, None).await);
    assert_eq!(blocks(&*store, 10).await.len(), 1);
}

/// A slow writer that saw the old block must not write over the new one.
pub async fn a_version_never_comes_again_after_a_block_was_taken_away(store: Arc<dyn GuardStore>) {
    let seen = put(&*store, 1, &numbered(1)).await;
    assert!(replace(&*store, 1, Some(seen), None).await);
    assert!(!replace(&*store, 1, Some(seen), Some(&numbered(2))).await);
    let back = put(&*store, 1, &numbered(1)).await;
    assert_ne!(back, seen);
    assert!(!replace(&*store, 1, Some(seen), Some(&numbered(2))).await);
    assert_eq!(look(&*store, 1).await.map(|it| it.version), Some(back));
}

/// It is taken away instead, and the score is emptied all the same.
pub async fn a_block_whose_time_is_over_is_not_kept(store: Arc<dyn GuardStore>) {
    for over in [now(), now().minus(SECOND), Timestamp::EPOCH] {
        let version = put(&*store, 1, &numbered(1)).await;
        let one = [change(1, 5)];
        let added = store.score(batch(1), &one, now()).await;
        added.expect("the store answers");
        let replaced = store
            .replace(bucket(1), Some(version), Some(&numbered(2)), over, now())
            .await;
        assert!(replaced.expect("the store answers"));
        assert_eq!(look(&*store, 1).await, None);
        assert_eq!(blocks(&*store, 10).await, []);
        assert_eq!(scores(&*store, &[bucket(1)]).await, [0]);
    }
}

/// Its life is a span that counts from the caller's own time; and one without an end is lawful.
pub async fn a_callers_clock_far_from_the_present_keeps_a_block_as_long(store: Arc<dyn GuardStore>) {
    let far = Timestamp::from_unix_millis(4_102_444_800_000);
    for (n, at) in (0..).zip([Timestamp::EPOCH, now(), far]) {
        for (n, until) in [(n, at.plus(DAY)), (n + 10, Timestamp::from_unix_millis(u64::MAX))] {
            let replaced = store.replace(bucket(n), None, Some(&raised(n, at)), until, at).await;
            assert!(replaced.expect("the store answers"));
            let there = look(&*store, n).await.map(|it| it.block);
            assert_eq!(there, Some(raised(n, at)));
            assert!(blocks(&*store, 10).await.iter().any(|it| it.block == raised(n, at)));
        }
    }
}

/// Whatever the order of the writes or of the keys.
pub async fn blocks_are_listed_with_those_raised_last_first(store: Arc<dyn GuardStore>) {
    for (n, second) in (0..).zip([5, 1, 9, 3, 7, 2]) {
        put(&*store, n, &raised(n, now().plus(SECOND * second))).await;
    }
    let listed = blocks(&*store, 100).await;
    let numbers: Vec<_> = listed.iter().map(|it| it.block.score).collect();
    assert_eq!(numbers, [2, 4, 0, 3, 5, 1]);
    let there = look(&*store, 2).await;
    assert_eq!(
        listed.into_iter().next(),
        there,
        "listed as it is seen, its version included"
    );
}

/// And those are the ones raised last.
pub async fn blocks_are_listed_at_most_as_many_as_asked_for(store: Arc<dyn GuardStore>) {
    for n in 0..20 {
        put(&*store, n, &raised(n, now().plus(SECOND * n))).await;
    }
    for (limit, first) in [(0, 20), (1, 19), (7, 13), (1_000, 0)] {
        let numbers: Vec<_> = blocks(&*store, limit).await.iter().map(|it| it.block.score).collect();
        assert_eq!(numbers, (first..20).rev().collect::<Vec<i64>>());
    }
}

/// Its place in the list moves in the same step.
pub async fn a_block_that_is_raised_again_is_listed_once_and_first(store: Arc<dyn GuardStore>) {
    for n in 0..3 {
        put(&*store, n, &raised(n, now().plus(SECOND * n))).await;
    }
    put(&*store, 0, &raised(7, now().plus(SECOND * 9))).await;
    let numbers: Vec<_> = blocks(&*store, 10).await.iter().map(|it| it.block.score).collect();
    assert_eq!(numbers, [7, 2, 1]);
}
