//! What every store of the guard promises.
//!
//! The store put to the test is empty.

mod blocks;
mod history;
mod persons;
mod races;
mod scores;

use countersign_domain::country::CountryCode;
use countersign_domain::guard::{Alarm, Area, Block, Bucket, BucketKey, NumberBlock, PersonKey, Rung};
use countersign_domain::ports::{BatchId, GuardStore, ScoreChange, StoredBlock, Version};
use countersign_domain::time::{DAY, Timestamp};

use crate::fixture::{self, now};

pub use blocks::*;
pub use history::*;
pub use persons::*;
pub use races::*;
pub use scores::*;

/// Runs every promise against what `$make` makes: a function without arguments whose answer is a future of
/// `Fresh<dyn GuardStore>`.
#[macro_export]
macro_rules! guard_store_contract {
    (@$then:ident $($make:path)?) => {
        $crate::$then! { guard_store $(, $make)?:
            nothing_is_known_of_an_empty_store,
            a_written_block_comes_back_equal_in_every_field,
            a_look_answers_in_the_order_asked,
            a_look_changes_nothing,
            a_first_write_over_a_block_is_refused_and_changes_nothing,
            a_write_over_a_stale_version_is_refused_and_changes_nothing,
            a_version_seen_of_an_absent_block_is_refused,
            every_write_of_a_block_gives_another_version,
            a_block_that_was_taken_away_is_nowhere,
            a_version_never_comes_again_after_a_block_was_taken_away,
            a_block_whose_time_is_over_is_not_kept,
            a_callers_clock_far_from_the_present_keeps_a_block_as_long,
            blocks_are_listed_with_those_raised_last_first,
            blocks_are_listed_at_most_as_many_as_asked_for,
            a_block_that_is_raised_again_is_listed_once_and_first,
            a_person_is_returning_until_forgotten,
            a_person_whose_time_is_over_is_not_remembered,
            one_person_is_not_another,
            a_line_is_known_until_the_person_is_forgotten,
            a_line_whose_time_is_over_is_not_known,
            the_line_of_one_person_is_not_that_of_another,
            a_score_begins_at_zero_and_adds_up,
            a_score_never_falls_below_zero_after_any_change,
            a_score_stays_at_the_most_there_is,
            changes_of_one_bucket_count_one_after_the_other,
            a_repeated_batch_counts_once_and_answers_with_what_is,
            a_batch_is_remembered_for_ten_minutes_whatever_the_clocks_say,
            another_batch_with_the_same_changes_counts,
            a_batch_of_nothing_is_lawful,
            scores_answer_in_the_order_asked_and_change_nothing,
            a_block_that_is_written_empties_the_score_of_its_bucket_alone,
            of_64_parallel_batches_every_change_counts,
            of_64_parallel_calls_of_one_batch_one_counts,
            of_64_parallel_replaces_of_one_block_exactly_one_is_written,
            of_64_parallel_first_writes_of_one_block_exactly_one_is_written,
            parallel_scores_and_replaces_lose_nothing_but_what_a_replace_empties,
            a_look_beside_parallel_replaces_sees_one_moment,
            scores_and_blocks_equal_the_reference_for_seeded_histories,
        }
    };
    ($make:path) => {
        $crate::guard_store_contract! { @__promise_tests $make }
    };
}

/// The `n`-th of many buckets, spread over all shards.
fn bucket(n: u32) -> BucketKey {
    BucketKey::from_bytes(spread(0x6b, n))
}

/// The `n`-th of many persons, spread over all shards.
fn person(n: u32) -> PersonKey {
    PersonKey::from_bytes(spread(0x70, n))
}

/// The `n`-th of many batches, spread over all shards.
fn batch(n: u32) -> BatchId {
    BatchId(spread(0xba, n))
}

fn spread(filler: u8, n: u32) -> [u8; 16] {
    let mut bytes = [filler; 16];
    let low = n.to_be_bytes();
    bytes[..2].copy_from_slice(&low[2..]);
    bytes[12..].copy_from_slice(&low);
    bytes
}

/// Blocks in which every variant occurs, and numbers as large as their fields take.
fn every_block() -> Vec<Block> {
    let prefix = |text: &str| NumberBlock::from_prefix(text);
    let areas = [
        Area::TenThousand(prefix("+551198765")),
        Area::Thousand(prefix("+5511987654")),
        Area::TenThousand(prefix("+123")),
        Area::Thousand(prefix("+123456789012")),
        Area::Country(CountryCode::parse("BR").expect("two letters")),
        Area::Guesses,
    ];
    let apps = [Some(fixture::app_id()), None];
    let scores = [0, 14_000, i64::MAX];
    let mut blocks = Vec::new();
    for (area, n) in areas.iter().zip(0..) {
        for app in &apps {
            for (rung, alarm) in Rung::ALL
                .into_iter()
                .zip([Alarm::Conversion, Alarm::WrongGuesses].into_iter().cycle())
            {
                blocks.push(Block {
                    bucket: Bucket {
                        app: app.clone(),
                        area: area.clone(),
                    },
                    alarm,
                    rung,
                    score: scores[n % scores.len()],
                    raised_at: now(),
                    since: Timestamp::from_unix_millis([0, 1_760_000_000_000, u64::MAX][n % 3]),
                });
            }
        }
    }
    blocks
}

/// A block with a number in it that tells it from others.
fn numbered(number: u32) -> Block {
    raised(number, now())
}

fn raised(number: u32, raised_at: Timestamp) -> Block {
    Block {
        bucket: Bucket {
            app: None,
            area: Area::Guesses,
        },
        alarm: Alarm::Conversion,
        rung: Rung::Challenge,
        score: i64::from(number),
        raised_at,
        since: now(),
    }
}

fn change(n: u32, points: i64) -> ScoreChange {
    ScoreChange {
        bucket: bucket(n),
        points,
    }
}

async fn score(store: &dyn GuardStore, n: u32, changes: &[ScoreChange]) -> Vec<i64> {
    store.score(batch(n), changes, now()).await.expect("the store answers")
}

async fn scores(store: &dyn GuardStore, buckets: &[BucketKey]) -> Vec<i64> {
    store.scores(buckets).await.expect("the store answers")
}

/// Writes or takes away, and answers whether nobody was faster.
async fn replace(store: &dyn GuardStore, n: u32, seen: Option<Version>, block: Option<&Block>) -> bool {
    let replaced = store.replace(bucket(n), seen, block, now().plus(DAY), now()).await;
    replaced.expect("the store answers")
}

async fn look(store: &dyn GuardStore, n: u32) -> Option<StoredBlock> {
    let view = store.look(&[bucket(n)], None).await.expect("the store answers");
    assert_eq!(view.blocks.len(), 1);
    view.blocks.into_iter().next().flatten()
}

/// Writes over nothing or over what is there, and answers with the version.
async fn put(store: &dyn GuardStore, n: u32, block: &Block) -> Version {
    let seen = look(store, n).await.map(|it| it.version);
    assert!(replace(store, n, seen, Some(block)).await, "nobody else is there");
    look(store, n).await.expect("it was written").version
}

async fn blocks(store: &dyn GuardStore, limit: usize) -> Vec<StoredBlock> {
    store.blocks(limit).await.expect("the store answers")
}
