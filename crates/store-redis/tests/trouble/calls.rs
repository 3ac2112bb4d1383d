//! Every call there is, and what it means that one ended in time.

use std::num::NonZeroU64;
use std::time::Duration;

use countersign_domain::guard::{PersonKey, SeriesKey};
use countersign_domain::limit::{Charge, ChargeMode, KeyParts, LimitKey, Quota, RuleName, Window};
use countersign_domain::ports::{BatchId, GuardStore, ScoreChange, Tally, TallyStore};
use countersign_domain::ports::{ChangeFeed, LimitStore, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_domain::time::DAY;
use countersign_store_redis::Redis;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{now, owed};
use tokio::time::timeout;

use crate::common::guard::{block, bucket_in};
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
            amount: NonZeroU64::new(10).unwrap(),
            window: Window::DAY,
        },
        parts: KeyParts::EVERYTHING,
        mode: ChargeMode::Refuse,
        amount: NonZeroU64::MIN,
    }
}

/// Makes every call of the stores once, all at once and each within `limit`, and answers what became of it.
pub(crate) async fn every_call(redis: &Redis, limit: Duration) -> Vec<(&'static str, Result<(), StoreError>)> {
    let (mut calls, of_the_guard) = tokio::join!(calls_of_a_start(redis, limit), calls_of_the_guard(redis, limit));
    calls.extend(of_the_guard);
    calls
}

/// The calls of the guard, and the erasure of a recipient.
async fn calls_of_the_guard(redis: &Redis, limit: Duration) -> Vec<(&'static str, Result<(), StoreError>)> {
    let (recipients, guard, tallies) = (redis.recipients(), redis.guard(), redis.tallies());
    let (batch, person, bucket) = (BatchId([1; 16]), PersonKey::from_bytes([1; 16]), bucket_in(1, 1));
    let (raised, until) = (block("+551198765", now()), now().plus(DAY));
    let changes = [ScoreChange { bucket, points: 5 }];
    let (buckets, series) = ([bucket], [SeriesKey::from_bytes([1; 16])]);
    let counts = [Tally {
        series: series[0],
        at: now(),
        count: 1,
    }];
    let (erase, look, score, raise, scores, blocks, remember, learn, forget, add, read) = tokio::join!(
        in_time(limit, recipients.erase(key(2), Version(1))),
        in_time(limit, guard.look(&buckets, Some(person))),
        in_time(limit, guard.score(batch, &changes, now())),
        in_time(limit, guard.replace(bucket, None, Some(&raised), until, now())),
        in_time(limit, guard.scores(&buckets)),
        // It asks twice when there are some.
        in_time(limit * 2, guard.blocks(10)),
        in_time(limit, guard.remember(person, until, now())),
        in_time(limit, guard.learn_line(person, person, until, now())),
        in_time(limit, guard.forget(person)),
        in_time(limit, tallies.add(batch, &counts, now())),
        in_time(limit, tallies.read(&series, now(), now())),
    );
    vec![
        ("erase", erase.map(drop)),
        ("look", look.map(drop)),
        ("score", score.map(drop)),
        ("replace a block", raise.map(drop)),
        ("scores", scores.map(drop)),
        ("blocks", blocks.map(drop)),
        ("remember", remember),
        ("learn a line", learn),
        ("forget", forget),
        ("add", add),
        ("read", read.map(drop)),
    ]
}

async fn calls_of_a_start(redis: &Redis, limit: Duration) -> Vec<(&'static str, Result<(), StoreError>)> {
    let (recipients, limits, feed) = (redis.recipients(), redis.limits(), redis.feed());
    let shard = key(1).shard(SHARDS);
    let new = record(1, now(), Some(now()));
    let charges = [charge(1), charge(2)];
    let owed = owed(&charges, now());
    let (load, replace, due, backlog, take, give_back, peek, subscribe) = tokio::join!(
        in_time(limit, recipients.load(key(1))),
        in_time(limit, recipients.replace(key(1), None, &new, now())),
        // It asks twice when there is somebody.
        in_time(limit * 2, recipients.due(now(), shard, 10)),
        in_time(limit, recipients.backlog(now())),
        in_time(limit, limits.take(&charges, now())),
        in_time(limit, limits.give_back(&owed, now())),
        in_time(limit, limits.peek(&charges)),
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
