//! Retention: a record is readable at least until its `keep_until`, counted from the `now` of whoever wrote it.
//!
//! That a record is not kept for ever is a promise each adapter proves by its own means: a store that counts in real
//! time cannot be hurried.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::RecipientStore;
use countersign_domain::recipient::Recipient;
use countersign_domain::time::{DAY, Timestamp};

use super::{all_due, key_in, load, numbered, record, write};
use crate::fixture::now;

const HOUR: Duration = Duration::from_secs(60 * 60);
const MILLISECOND: Duration = Duration::from_millis(1);
/// How many other records of the same shard are written meanwhile, to tempt the store to forget.
const OTHERS: u32 = 20;

/// Whatever else is written meanwhile, up to the last millisecond.
pub async fn a_record_stays_readable_until_its_keep_until(store: Arc<dyn RecipientStore>) {
    assert_kept(&*store, now()).await;
}

/// A later write may keep it longer.
pub async fn a_later_keep_until_takes_the_place_of_the_earlier(store: Arc<dyn RecipientStore>) {
    let early = kept_for(1, now(), HOUR);
    let version = write(&*store, key_in(0, 0), None, &early, now()).await;
    let half = now().plus(HOUR / 2);
    let late = kept_for(2, half, HOUR * 2);
    write(&*store, key_in(0, 0), Some(version), &late, half).await;
    write_others(&*store, early.keep_until.plus(HOUR)).await;
    assert_eq!(load(&*store, key_in(0, 0)).await.map(|it| it.recipient), Some(late));
}

/// In 1970 for the caller, whatever the store's own clock says.
pub async fn a_callers_clock_far_in_the_past_keeps_a_record_as_long(store: Arc<dyn RecipientStore>) {
    assert_kept(&*store, Timestamp::EPOCH.plus(DAY)).await;
}

/// In the year 2100 for the caller, whatever the store's own clock says.
pub async fn a_callers_clock_far_in_the_future_keeps_a_record_as_long(store: Arc<dyn RecipientStore>) {
    assert_kept(&*store, Timestamp::from_unix_millis(4_102_444_800_000)).await;
}

/// Whether the store still has it or not, what it says can be acted on.
pub async fn a_record_past_its_keep_until_does_not_block_its_key(store: Arc<dyn RecipientStore>) {
    let old = kept_for(1, now(), HOUR);
    write(&*store, key_in(0, 0), None, &old, now()).await;
    let later = old.keep_until.plus(DAY * 30);
    write_others(&*store, later).await;
    let seen = load(&*store, key_in(0, 0)).await.map(|it| it.version);
    let waking = record(later, Some(later));
    write(&*store, key_in(0, 0), seen, &waking, later).await;
    assert_eq!(load(&*store, key_in(0, 0)).await.map(|it| it.recipient), Some(waking));
    assert_eq!(all_due(&*store, later).await, [key_in(0, 0)]);
}

async fn assert_kept(store: &dyn RecipientStore, start: Timestamp) {
    let mut kept = kept_for(1, start, HOUR);
    kept.verifications = record(start, Some(start.plus(MILLISECOND))).verifications;
    write(store, key_in(0, 0), None, &kept, start).await;
    assert_eq!(
        load(store, key_in(0, 0)).await.as_ref().map(|it| &it.recipient),
        Some(&kept)
    );
    let last = kept.keep_until.minus(MILLISECOND);
    write_others(store, last).await;
    assert_eq!(load(store, key_in(0, 0)).await.map(|it| it.recipient), Some(kept));
    assert_eq!(all_due(store, last).await, [key_in(0, 0)]);
}

fn kept_for(number: u32, now: Timestamp, span: Duration) -> Recipient {
    let mut recipient = numbered(number, now);
    recipient.keep_until = now.plus(span);
    recipient
}

async fn write_others(store: &dyn RecipientStore, now: Timestamp) {
    for n in 1..=OTHERS {
        write(store, key_in(0, n), None, &numbered(n, now), now).await;
    }
}
