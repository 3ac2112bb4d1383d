//! What only a store in memory has to prove: it grows with what is alive and not with what ever was.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use countersign_domain::code::Salt;
use countersign_domain::id::{RecipientKey, ShardCount};
use countersign_domain::limit::{Charge, ChargeMode, KeyParts, LimitKey, Quota, RuleName, Taken, Window};
use countersign_domain::ports::{LimitStore, RecipientStore, Replaced, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::Timestamp;
use countersign_store_memory::limits::{self, MemoryLimits};
use countersign_store_memory::recipients::{EVICTIONS_PER_WRITE, MemoryStore};
use countersign_testkit::fixture::{app_id, now, owed, purpose, recipient_with_everything};

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

fn one_shard() -> MemoryStore {
    MemoryStore::new(ShardCount::new(1).expect("a count"))
}

fn key(n: u32) -> RecipientKey {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    RecipientKey::from_bytes(bytes)
}

fn kept_until(keep_until: Timestamp) -> Recipient {
    let mut recipient = Recipient::new(app_id(), purpose(), Salt([0; 16]));
    recipient.keep_until = keep_until;
    recipient
}

async fn write(store: &MemoryStore, n: u32, seen: Option<Version>, new: &Recipient, now: Timestamp) -> Version {
    match store.replace(key(n), seen, new, now).await.expect("memory answers") {
        Replaced::Written(version) => version,
        Replaced::Conflict(there) => panic!("a conflict that should not be: {there:?}"),
    }
}

#[tokio::test]
async fn a_later_write_drops_a_bounded_number_of_records_whose_time_is_over() {
    let store = one_shard();
    let over = now().plus(HOUR);
    for n in 0..10 {
        write(&store, n, None, &kept_until(over), now()).await;
    }
    assert_eq!(store.len(), 10);
    let alive = kept_until(over.plus(HOUR));
    write(&store, 100, None, &alive, over.minus(Duration::from_millis(1))).await;
    assert_eq!(store.len(), 11);
    write(&store, 101, None, &alive, over).await;
    assert_eq!(store.len(), 12 - EVICTIONS_PER_WRITE);
    write(&store, 102, None, &alive, over).await;
    write(&store, 103, None, &alive, over).await;
    assert_eq!(store.len(), 4);
    for n in 0..10 {
        assert_eq!(store.load(key(n)).await.expect("memory answers"), None);
    }
}

#[tokio::test]
async fn the_store_stays_small_however_many_recipients_pass_through() {
    let store = MemoryStore::new(ShardCount::DEFAULT);
    let mut most = 0;
    for n in 0..20_000 {
        let now = now().plus(Duration::from_secs(u64::from(n)));
        // The shard is in the first two bytes.
        let mut bytes = *key(n).as_bytes();
        bytes[..2].copy_from_slice(&u16::try_from(n % 16).expect("below 16").to_be_bytes());
        let key = RecipientKey::from_bytes(bytes);
        let replaced = store.replace(key, None, &kept_until(now.plus(MINUTE)), now).await;
        assert!(matches!(replaced, Ok(Replaced::Written(_))));
        most = most.max(store.len());
    }
    assert!(most < 200, "{most} records although 60 were alive at a time");
}

#[tokio::test]
async fn a_dropped_record_takes_its_wake_up_along() {
    let store = one_shard();
    let everything = recipient_with_everything();
    write(&store, 1, None, &everything, now()).await;
    let over = everything.keep_until;
    assert_eq!(store.backlog(over).await.expect("memory answers"), 1);
    write(&store, 2, None, &kept_until(over.plus(HOUR)), over).await;
    assert_eq!(store.backlog(over).await.expect("memory answers"), 0);
    let shard = key(1).shard(ShardCount::new(1).expect("a count"));
    assert_eq!(store.due(over, shard, 10).await.expect("memory answers"), []);
}

#[tokio::test]
async fn a_record_that_is_written_again_after_its_time_is_kept() {
    let store = one_shard();
    let version = write(&store, 1, None, &kept_until(now().plus(HOUR)), now()).await;
    let later = now().plus(HOUR * 2);
    let renewed = kept_until(later.plus(HOUR));
    write(&store, 1, Some(version), &renewed, later).await;
    let stored = store.load(key(1)).await.expect("memory answers");
    assert_eq!(stored.map(|it| it.recipient), Some(renewed));
}

#[tokio::test]
async fn a_record_that_comes_back_never_has_a_version_somebody_saw_before() {
    let store = one_shard();
    let seen = write(&store, 1, None, &kept_until(now().plus(HOUR)), now()).await;
    let later = now().plus(HOUR);
    let alive = kept_until(later.plus(HOUR));
    write(&store, 2, None, &alive, later).await;
    assert_eq!(store.load(key(1)).await.expect("memory answers"), None);
    let back = write(&store, 1, None, &alive, later).await;
    assert_ne!(back, seen);
    let replaced = store.replace(key(1), Some(seen), &alive, later).await;
    assert!(matches!(replaced, Ok(Replaced::Conflict(Some(_)))));
}

#[tokio::test]
async fn nobody_is_due_in_a_shard_the_store_does_not_have() {
    let store = one_shard();
    write(&store, 1, None, &recipient_with_everything(), now()).await;
    let stranger = ShardCount::DEFAULT.shards().last().expect("16 shards");
    let due = store.due(Timestamp::from_unix_millis(u64::MAX), stranger, 10).await;
    assert_eq!(due.expect("memory answers"), []);
}

fn charge(n: u32) -> Charge {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    Charge {
        rule: RuleName::UnansweredSends,
        key: LimitKey::from_bytes(bytes),
        quota: Quota::Rate {
            burst: NonZeroU32::new(2).expect("above zero"),
            interval: MINUTE,
        },
        parts: KeyParts::EVERYTHING,
        mode: ChargeMode::Refuse,
        amount: NonZeroU64::MIN,
    }
}

#[tokio::test]
async fn a_limit_that_is_full_again_is_forgotten_after_its_grace() {
    let store = MemoryLimits::new();
    assert!(matches!(store.take(&[charge(1)], now()).await, Ok(Taken::All(_))));
    let forgotten_at = now().plus(MINUTE).plus(limits::GRACE);
    let before = forgotten_at.minus(Duration::from_millis(1));
    assert!(matches!(store.take(&[charge(2)], before).await, Ok(Taken::All(_))));
    assert_eq!(store.len(), 2);
    assert!(matches!(
        store.take(&[charge(3)], forgotten_at).await,
        Ok(Taken::All(_))
    ));
    assert_eq!(store.len(), 2);
}

/// What is full again tells clocks that are behind how far time had come; unfinished things tell nothing.
#[tokio::test]
async fn a_limit_that_was_given_back_in_full_is_forgotten_after_its_grace_or_at_once() {
    let store = MemoryLimits::new();
    let life = MINUTE;
    let amount = NonZeroU32::MIN;
    let unfinished = Charge {
        quota: Quota::Unfinished { amount, life },
        ..charge(1)
    };
    let daily = Charge {
        quota: Quota::Budget {
            amount: NonZeroU64::MIN,
            window: Window::Every(MINUTE),
        },
        ..charge(2)
    };
    for (charge, kept) in [(unfinished, 0), (daily, 1), (charge(3), 2)] {
        assert!(matches!(store.take(&[charge], now()).await, Ok(Taken::All(_))));
        store
            .give_back(&owed(&[charge], now()), now())
            .await
            .expect("memory answers");
        assert_eq!(store.len(), kept);
    }
    let forgotten_at = now().plus(MINUTE).plus(limits::GRACE);
    assert!(matches!(
        store.take(&[charge(4)], forgotten_at).await,
        Ok(Taken::All(_))
    ));
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn the_limits_stay_small_however_many_phones_pass_through() {
    let store = MemoryLimits::new();
    let mut most = 0;
    for n in 0..20_000 {
        let now = now().plus(Duration::from_secs(u64::from(n)));
        assert!(matches!(store.take(&[charge(n)], now).await, Ok(Taken::All(_))));
        most = most.max(store.len());
    }
    let alive = usize::try_from((MINUTE + limits::GRACE).as_secs()).expect("seconds");
    assert!(most <= alive + 1, "{most} states although {alive} were alive at a time");
}
