//! What only the guard's stores in memory have to prove: they grow with what counts and not with what ever was.

use std::time::Duration;

use countersign_domain::guard::{Alarm, Area, Block, Bucket, BucketKey, PersonKey, Rung, SeriesKey};
use countersign_domain::ports::{BatchId, GuardStore, ScoreChange, Tally, TallyStore};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::fixture::now;

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

fn bytes(n: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    bytes
}

fn block(raised_at: Timestamp) -> Block {
    Block {
        bucket: Bucket {
            app: None,
            area: Area::Guesses,
        },
        alarm: Alarm::WrongGuesses,
        rung: Rung::Hour,
        score: 14_000,
        raised_at,
        since: raised_at,
    }
}

#[tokio::test]
async fn blocks_persons_scores_and_batches_go_when_their_time_is_over() {
    let store = MemoryGuard::new();
    let mut most = 0;
    for n in 0..5_000 {
        let now = now().plus(HOUR * n);
        let bucket = BucketKey::from_bytes(bytes(n));
        let changes = [ScoreChange { bucket, points: 5 }];
        store
            .score(BatchId(bytes(n)), &changes, now)
            .await
            .expect("memory answers");
        let other = BucketKey::from_bytes(bytes(n + 1_000_000));
        let written = store.replace(other, None, Some(&block(now)), now.plus(DAY), now).await;
        assert!(written.expect("memory answers"));
        let person = PersonKey::from_bytes(bytes(n));
        store
            .remember(person, now.plus(DAY * 2), now)
            .await
            .expect("memory answers");
        most = most.max(store.len());
    }
    // Scores of 35 days, blocks of one, persons of two, and one batch.
    let alive = 35 * 24 + 24 + 48 + 1;
    assert!(most <= alive + 4, "{most} entries although {alive} counted at a time");
}

#[tokio::test]
async fn a_score_of_zero_is_kept_nowhere() {
    let store = MemoryGuard::new();
    let bucket = BucketKey::from_bytes(bytes(1));
    let changes = [5, -5].map(|points| ScoreChange { bucket, points });
    store
        .score(BatchId(bytes(1)), &changes, now())
        .await
        .expect("memory answers");
    assert_eq!(store.len(), 1, "the batch alone");
    assert!(!store.is_empty() && MemoryGuard::new().is_empty());
}

#[tokio::test]
async fn hours_and_batches_go_when_their_time_is_over() {
    let store = MemoryTallies::new();
    let mut most = 0;
    for n in 0..5_000 {
        let now = now().plus(HOUR * n);
        let tally = |series: u8| Tally {
            series: SeriesKey::from_bytes([series; 16]),
            at: now,
            count: 1,
        };
        let tallies = [1, 2, 3].map(tally);
        store
            .add(BatchId(bytes(n)), &tallies, now)
            .await
            .expect("memory answers");
        most = most.max(store.len());
    }
    let alive = (35 * 24 + 1) * 3 + 1;
    assert!(most <= alive + 4, "{most} entries although {alive} counted at a time");
    assert!(!store.is_empty() && MemoryTallies::new().is_empty());
}

#[tokio::test]
async fn no_write_pays_for_a_long_silence_before_it() {
    let store = MemoryGuard::new();
    for n in 0..100 {
        let person = PersonKey::from_bytes(bytes(n));
        store
            .remember(person, now().plus(MINUTE), now())
            .await
            .expect("memory answers");
    }
    let later = now().plus(DAY);
    for n in 1..=25 {
        let person = PersonKey::from_bytes(bytes(1_000 + n));
        store
            .remember(person, later.plus(DAY), later)
            .await
            .expect("memory answers");
        // Four go at a time, and one is new.
        assert_eq!(store.len(), 100 - 3 * usize::try_from(n).expect("few"));
    }
}
