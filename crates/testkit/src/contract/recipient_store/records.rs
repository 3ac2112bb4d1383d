//! Records: what was written is what is read, and nobody writes over what he has not seen.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::code::Salt;
use countersign_domain::ports::{RecipientStore, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::DAY;

use super::{all_due, key, load, lose, numbered, record, write};
use crate::fixture::{self, now, recipient_with_everything};

/// Absence is an answer.
pub async fn an_unknown_key_loads_as_nothing(store: Arc<dyn RecipientStore>) {
    assert_eq!(load(&*store, key(1)).await, None);
}

/// Every field and every variant survives.
pub async fn a_written_record_loads_back_equal_in_every_field(store: Arc<dyn RecipientStore>) {
    let everything = recipient_with_everything();
    let version = write(&*store, key(1), None, &everything, now()).await;
    let stored = load(&*store, key(1)).await.expect("it was written");
    assert_eq!(stored.recipient, everything);
    assert_eq!(stored.version, version);
}

/// What is empty or absent survives as well.
pub async fn an_empty_record_loads_back_equal(store: Arc<dyn RecipientStore>) {
    let mut empty = Recipient::new(fixture::app_id(), fixture::purpose(), Salt([0; 16]));
    empty.keep_until = now().plus(DAY);
    write(&*store, key(1), None, &empty, now()).await;
    assert_eq!(load(&*store, key(1)).await.map(|it| it.recipient), Some(empty));
}

/// Nothing of the record before is left in the one that took its place, the phone above all (R35).
pub async fn a_field_that_was_cleared_stays_cleared(store: Arc<dyn RecipientStore>) {
    let version = write(&*store, key(1), None, &recipient_with_everything(), now()).await;
    let cleared = record(now(), None);
    assert_eq!(cleared.phone, None);
    write(&*store, key(1), Some(version), &cleared, now()).await;
    assert_eq!(load(&*store, key(1)).await.map(|it| it.recipient), Some(cleared));
}

/// The version of a write is the version to have seen.
pub async fn load_answers_with_the_version_that_replace_gave(store: Arc<dyn RecipientStore>) {
    let first = write(&*store, key(1), None, &numbered(1, now()), now()).await;
    assert_eq!(load(&*store, key(1)).await.map(|it| it.version), Some(first));
    let second = write(&*store, key(1), Some(first), &numbered(2, now()), now()).await;
    let stored = load(&*store, key(1)).await.expect("it was written");
    assert_eq!((stored.version, stored.recipient), (second, numbered(2, now())));
}

/// Also when what is written equals what was there, or what was there long before.
pub async fn every_write_gives_the_record_another_version(store: Arc<dyn RecipientStore>) {
    let mut versions = vec![write(&*store, key(1), None, &numbered(1, now()), now()).await];
    for number in [1, 1, 2, 1] {
        let seen = versions.last().copied();
        let version = write(&*store, key(1), seen, &numbered(number, now()), now()).await;
        assert!(!versions.contains(&version), "{version:?} was given before");
        versions.push(version);
    }
}

/// Nothing seen is no licence to write over something.
pub async fn a_second_first_write_is_a_conflict_and_hands_back_what_is_there(store: Arc<dyn RecipientStore>) {
    let version = write(&*store, key(1), None, &numbered(1, now()), now()).await;
    let there = lose(&*store, key(1), None, &numbered(2, now()), now()).await;
    let recipient = numbered(1, now());
    assert_eq!(there, Some(Stored { version, recipient }));
}

/// A version that was overtaken writes nothing.
pub async fn a_replace_with_a_stale_version_is_a_conflict_and_hands_back_what_is_there(store: Arc<dyn RecipientStore>) {
    let stale = write(&*store, key(1), None, &numbered(1, now()), now()).await;
    let everything = recipient_with_everything();
    let version = write(&*store, key(1), Some(stale), &everything, now()).await;
    let there = lose(&*store, key(1), Some(stale), &numbered(3, now()), now()).await;
    let recipient = everything;
    assert_eq!(there, Some(Stored { version, recipient }));
}

/// Neither half of a refused write happens.
pub async fn a_conflict_changes_neither_the_record_nor_its_wake_up(store: Arc<dyn RecipientStore>) {
    let (soon, later) = (Duration::from_secs(10), Duration::from_secs(20));
    let kept = record(now(), Some(now().plus(later)));
    let version = write(&*store, key(1), None, &kept, now()).await;
    let stale = Some(Version(version.0.wrapping_add(1)));
    for seen in [None, stale] {
        for wake_at in [Some(now().plus(soon)), None] {
            lose(&*store, key(1), seen, &record(now(), wake_at), now()).await;
        }
    }
    let stored = load(&*store, key(1)).await.expect("it was written");
    assert_eq!((stored.version, stored.recipient), (version, kept));
    assert_eq!(all_due(&*store, now().plus(soon)).await, []);
    assert_eq!(all_due(&*store, now().plus(later)).await, [key(1)]);
}

/// A record that is gone does not come back by a replace.
pub async fn a_version_seen_of_an_absent_record_is_a_conflict_with_nothing(store: Arc<dyn RecipientStore>) {
    let waking = record(now(), Some(now()));
    assert_eq!(lose(&*store, key(1), Some(Version(1)), &waking, now()).await, None);
    assert_eq!(load(&*store, key(1)).await, None);
    assert_eq!(all_due(&*store, now()).await, []);
}

/// No second load is needed to decide again.
pub async fn what_a_conflict_hands_back_can_be_replaced_next(store: Arc<dyn RecipientStore>) {
    write(&*store, key(1), None, &numbered(1, now()), now()).await;
    let there = lose(&*store, key(1), None, &numbered(2, now()), now()).await;
    let seen = there.map(|it| it.version);
    write(&*store, key(1), seen, &numbered(2, now()), now()).await;
    assert_eq!(
        load(&*store, key(1)).await.map(|it| it.recipient),
        Some(numbered(2, now()))
    );
}

/// In the same shard and in others.
pub async fn records_with_different_keys_do_not_touch_each_other(store: Arc<dyn RecipientStore>) {
    let keys = [0, 1, 16, 32].map(key);
    let mut versions = Vec::new();
    for (key, number) in keys.into_iter().zip(0..) {
        versions.push(write(&*store, key, None, &numbered(number, now()), now()).await);
    }
    write(&*store, keys[0], Some(versions[0]), &numbered(100, now()), now()).await;
    for (index, number) in (1..).zip(1..4) {
        let stored = load(&*store, keys[index]).await.expect("it was written");
        assert_eq!(stored.version, versions[index]);
        assert_eq!(stored.recipient, numbered(number, now()));
    }
}
