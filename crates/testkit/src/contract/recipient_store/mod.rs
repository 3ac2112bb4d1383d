//! What every recipient store promises.
//!
//! The store put to the test is empty and has [`SHARDS`] shards.

mod erasure;
mod history;
mod races;
mod records;
mod retention;
mod wake_up;

use std::time::Duration;

use countersign_domain::code::{Alphabet, CodeRecipe, Salt};
use countersign_domain::id::{RecipientKey, Shard, ShardCount};
use countersign_domain::key::KeyId;
use countersign_domain::ports::{RecipientStore, Replaced, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::verification::{Verification, VerificationState};

use crate::fixture;

pub use erasure::*;
pub use history::*;
pub use races::*;
pub use records::*;
pub use retention::*;
pub use wake_up::*;

/// How many shards a store has to have for this suite.
pub const SHARDS: ShardCount = ShardCount::DEFAULT;

/// Runs every promise against what `$make` makes: a function without arguments whose answer is a future of
/// `Fresh<dyn RecipientStore>`.
#[macro_export]
macro_rules! recipient_store_contract {
    (@$then:ident $($make:path)?) => {
        $crate::$then! { recipient_store $(, $make)?:
            an_unknown_key_loads_as_nothing,
            a_written_record_loads_back_equal_in_every_field,
            an_empty_record_loads_back_equal,
            a_field_that_was_cleared_stays_cleared,
            load_answers_with_the_version_that_replace_gave,
            every_write_gives_the_record_another_version,
            a_second_first_write_is_a_conflict_and_hands_back_what_is_there,
            a_replace_with_a_stale_version_is_a_conflict_and_hands_back_what_is_there,
            a_conflict_changes_neither_the_record_nor_its_wake_up,
            a_version_seen_of_an_absent_record_is_a_conflict_with_nothing,
            what_a_conflict_hands_back_can_be_replaced_next,
            records_with_different_keys_do_not_touch_each_other,
            of_64_parallel_replaces_that_saw_one_version_exactly_one_is_written,
            of_64_parallel_first_writes_exactly_one_is_written,
            parallel_changes_that_are_decided_again_lose_nothing,
            parallel_writes_of_different_recipients_do_not_conflict,
            after_parallel_replaces_the_wake_up_is_the_winners,
            an_empty_store_has_nobody_to_wake,
            a_wake_up_is_due_at_its_time_and_not_before,
            a_wake_up_in_the_past_is_due_at_once,
            a_wake_up_that_moved_later_is_due_only_then,
            a_wake_up_that_moved_earlier_is_due_then,
            a_record_without_a_wake_up_is_never_due,
            due_lists_the_earliest_first,
            due_lists_at_most_as_many_as_asked_for,
            due_lists_only_its_own_shard,
            due_uses_nothing_up,
            backlog_counts_what_is_due_in_every_shard,
            a_record_stays_readable_until_its_keep_until,
            a_later_keep_until_takes_the_place_of_the_earlier,
            a_callers_clock_far_in_the_past_keeps_a_record_as_long,
            a_callers_clock_far_in_the_future_keeps_a_record_as_long,
            a_record_past_its_keep_until_does_not_block_its_key,
            an_erased_record_is_gone_from_load_due_and_backlog,
            an_erasure_with_a_stale_version_is_a_conflict_and_hands_back_what_is_there,
            erasing_what_is_not_there_is_gone,
            a_slow_writer_that_saw_an_erased_record_writes_nothing,
            a_version_never_comes_again_after_an_erasure,
            of_parallel_erasures_and_replaces_that_saw_one_version_one_happens,
            recipients_equal_the_reference_for_seeded_histories,
        }
    };
    ($make:path) => {
        $crate::recipient_store_contract! { @__promise_tests $make }
    };
}

/// The `n`-th of many keys in shard `shard`.
fn key_in(shard: u16, n: u32) -> RecipientKey {
    let mut bytes = [0x5a; 16];
    bytes[..2].copy_from_slice(&shard.to_be_bytes());
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    let key = RecipientKey::from_bytes(bytes);
    assert_eq!(key.shard(SHARDS).number(), shard, "the suite names its shards");
    key
}

/// The `n`-th of many keys, spread over all shards.
fn key(n: u32) -> RecipientKey {
    let shard = u16::try_from(n % u32::from(SHARDS.get())).expect("a remainder of 16 bits");
    key_in(shard, n)
}

/// A small record that changed at `now`, has to be looked after at `wake_at`, and is kept a day beyond either.
fn record(now: Timestamp, wake_at: Option<Timestamp>) -> Recipient {
    let mut recipient = Recipient::new(fixture::app_id(), fixture::purpose(), Salt([3; 16]));
    recipient.changed_at = now;
    recipient.keep_until = wake_at.unwrap_or(now).max(now).plus(DAY);
    recipient.verifications = wake_at.map(open_until).into_iter().collect();
    recipient.last_serial = 1;
    assert_eq!(recipient.wake_at(), wake_at, "the suite knows when its records wake");
    recipient
}

fn open_until(expires_at: Timestamp) -> Verification {
    Verification {
        serial: 1,
        opened_at: expires_at.minus(Duration::from_secs(600)),
        expires_at,
        recipe: CodeRecipe {
            key: KeyId::parse("k2").expect("a key id"),
            generation: 0,
            keep_previous: false,
            length: 6,
            alphabet: Alphabet::Numeric,
            context: None,
        },
        wrong_guesses: 0,
        guesses_max: 5,
        deliveries: Vec::new(),
        identity: None,
        state: VerificationState::Open,
    }
}

/// [`record`] with a number in it that tells it from others.
fn numbered(number: u32, now: Timestamp) -> Recipient {
    let mut recipient = record(now, None);
    recipient.unanswered_sends = number;
    recipient
}

/// Writes, and expects that nobody was faster.
async fn write(
    store: &dyn RecipientStore,
    key: RecipientKey,
    seen: Option<Version>,
    new: &Recipient,
    now: Timestamp,
) -> Version {
    match store.replace(key, seen, new, now).await.expect("the store answers") {
        Replaced::Written(version) => version,
        Replaced::Conflict(there) => panic!("a conflict that should not be: {there:?}"),
    }
}

/// Tries to write, and expects that somebody was faster.
async fn lose(
    store: &dyn RecipientStore,
    key: RecipientKey,
    seen: Option<Version>,
    new: &Recipient,
    now: Timestamp,
) -> Option<Stored> {
    match store.replace(key, seen, new, now).await.expect("the store answers") {
        Replaced::Written(version) => panic!("written as {version:?} over what was not seen"),
        Replaced::Conflict(there) => there.map(|it| *it),
    }
}

async fn load(store: &dyn RecipientStore, key: RecipientKey) -> Option<Stored> {
    store.load(key).await.expect("the store answers")
}

async fn due(store: &dyn RecipientStore, now: Timestamp, shard: Shard, limit: usize) -> Vec<RecipientKey> {
    store.due(now, shard, limit).await.expect("the store answers")
}

/// Everybody who is due, whatever the shard.
async fn all_due(store: &dyn RecipientStore, now: Timestamp) -> Vec<RecipientKey> {
    let mut keys = Vec::new();
    for shard in SHARDS.shards() {
        keys.extend(due(store, now, shard, usize::from(u16::MAX)).await);
    }
    keys
}

async fn backlog(store: &dyn RecipientStore, now: Timestamp) -> u64 {
    store.backlog(now).await.expect("the store answers")
}
