//! Every call there is, and what it means that one ended in time.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_domain::limit::{Charge, LimitKey, Quota, RuleName};
use countersign_domain::ports::{ChangeFeed, LimitStore, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_store_redis::Redis;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::now;
use tokio::time::timeout;

use crate::common::records::{key, record};

/// What a busy machine may add to a time-out.
pub(crate) const MARGIN: Duration = Duration::from_secs(2);

/// Waits for a call no longer than it may take.
#[track_caller]
pub(crate) fn in_time<T>(limit: Duration, call: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let ended = timeout(limit + MARGIN, call).await;
        ended.unwrap_or_else(|_| panic!("at {caller}: a call did not end within {limit:?} and {MARGIN:?}"))
    }
}

/// A charge of one on a budget of ten a day.
pub(crate) fn charge(n: u8) -> Charge {
    Charge {
        rule: RuleName::UnansweredSends,
        key: LimitKey::from_bytes([n; 16]),
        quota: Quota::Budget {
            amount: NonZeroU32::new(10).unwrap(),
            window: Duration::from_secs(24 * 60 * 60),
        },
        amount: NonZeroU32::MIN,
    }
}

/// Makes every call of the stores once, all at once and each within `limit`, and answers what became of it.
pub(crate) async fn every_call(redis: &Redis, limit: Duration) -> Vec<(&'static str, Result<(), StoreError>)> {
    let (recipients, limits, feed) = (redis.recipients(), redis.limits(), redis.feed());
    let shard = key(1).shard(SHARDS);
    let new = record(1, now(), Some(now()));
    let charges = [charge(1), charge(2)];
    let (load, replace, due, backlog, take, give_back, peek, subscribe) = tokio::join!(
        in_time(limit, recipients.load(key(1))),
        in_time(limit, recipients.replace(key(1), None, &new, now())),
        // It asks twice when there is somebody.
        in_time(limit * 2, recipients.due(now(), shard, 10)),
        in_time(limit, recipients.backlog(now())),
        in_time(limit, limits.take(&charges, now())),
        in_time(limit, limits.give_back(&charges, now())),
        in_time(limit, limits.peek(&charges, now())),
        in_time(limit, feed.subscribe(key(1))),
    );
    vec![
        ("load", load.map(drop)),
        ("replace", replace.map(drop)),
        ("due", due.map(drop)),
        ("backlog", backlog.map(drop)),
        ("take", take.map(drop)),
        ("give back", give_back),
        ("peek", peek.map(drop)),
        ("subscribe", subscribe.map(drop)),
    ]
}

/// Makes every call, and expects that all of them say that Redis is away.
pub(crate) async fn expect_unavailable(redis: &Redis, limit: Duration) {
    for (call, answer) in every_call(redis, limit).await {
        assert!(
            matches!(answer, Err(StoreError::Unavailable(_))),
            "{call} answered {answer:?}"
        );
    }
}

/// Makes every call, and expects that all of them work.
pub(crate) async fn expect_working(redis: &Redis, limit: Duration) {
    for (call, answer) in every_call(redis, limit).await {
        assert!(answer.is_ok(), "{call} answered {answer:?}");
    }
}

/// Whether every call works.
pub(crate) async fn all_work(redis: &Redis, limit: Duration) -> bool {
    every_call(redis, limit).await.iter().all(|(_, answer)| answer.is_ok())
}

/// Writes over whatever is there, as if decided anew on every conflict.
pub(crate) async fn put(redis: &Redis, n: u32, number: u32) -> Version {
    let store = redis.recipients();
    let new = record(number, now(), Some(now()));
    let mut seen = store.load(key(n)).await.unwrap().map(|it| it.version);
    loop {
        match store.replace(key(n), seen, &new, now()).await.unwrap() {
            Replaced::Written(version) => return version,
            Replaced::Conflict(there) => seen = there.map(|it| it.version),
        }
    }
}

/// What is at the `n`-th key.
pub(crate) async fn get(redis: &Redis, n: u32) -> Option<Stored> {
    redis.recipients().load(key(n)).await.unwrap()
}
