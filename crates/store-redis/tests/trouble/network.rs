//! A network that is slow, cuts and falls silent: every call ends in time, and calls work again once it is well.

use std::time::Duration;

use countersign_domain::ports::{ChangeFeed, RecipientStore, StoreError};
use countersign_store_redis::Redis;
use countersign_testkit::fixture::now;
use countersign_testkit::redis_server::RedisServer;
use tokio::task::JoinSet;

use crate::calls::{all_work, every_call, expect_unavailable, expect_working, get, in_time, put};
use crate::common::instance;
use crate::common::proxy::{Proxy, Weather};
use crate::common::records::{key, record};
use countersign_testkit::wait::{eventually, soon};

const TIMEOUT: Duration = Duration::from_millis(200);

async fn open() -> (RedisServer, Proxy, Redis) {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.socket()).await;
    let redis = instance(&proxy.config(TIMEOUT));
    redis.look().await.unwrap();
    expect_working(&redis, TIMEOUT).await;
    (server, proxy, redis)
}

/// Whether every call works, looking at the server as the service does.
async fn is_well(redis: &Redis) -> Option<()> {
    let _ = in_time(TIMEOUT * 8, redis.look()).await;
    all_work(redis, TIMEOUT).await.then_some(())
}

#[tokio::test]
async fn answers_that_come_too_late_are_no_answers_and_disturb_no_later_call() {
    let (_server, proxy, redis) = open().await;
    proxy.set(Weather::Slow(TIMEOUT * 3));
    expect_unavailable(&redis, TIMEOUT).await;
    proxy.set(Weather::Fine);
    eventually("working calls", async || all_work(&redis, TIMEOUT).await.then_some(())).await;
    put(&redis, 1, 41).await;
    assert_eq!(get(&redis, 1).await.unwrap().recipient.unanswered_sends, 41);
}

#[tokio::test]
async fn answers_that_trickle_are_answers() {
    let (_server, proxy, redis) = open().await;
    proxy.set(Weather::Trickling);
    for number in 1..20 {
        let version = put(&redis, 1, number).await;
        let there = get(&redis, 1).await.unwrap();
        assert_eq!(
            (there.version, there.recipient),
            (version, record(number, now(), Some(now())))
        );
    }
    expect_working(&redis, TIMEOUT).await;
}

#[tokio::test]
async fn an_answer_that_is_cut_anywhere_is_no_answer() {
    let (_server, proxy, redis) = open().await;
    put(&redis, 1, 1).await;
    // The length of the answer stands before it.
    for length in (0..12).chain([50, 100]) {
        proxy.set(Weather::Cutting(length));
        let loaded = in_time(TIMEOUT, redis.recipients().load(key(1))).await;
        assert!(
            matches!(loaded, Err(StoreError::Unavailable(_))),
            "{length}: {loaded:?}"
        );
        proxy.set(Weather::Fine);
        eventually("working calls", async || all_work(&redis, TIMEOUT).await.then_some(())).await;
        let there = in_time(TIMEOUT, redis.recipients().load(key(1))).await.unwrap();
        assert_eq!(there.unwrap().recipient.unanswered_sends, 1);
    }
}

#[tokio::test]
async fn a_network_that_falls_silent_holds_no_call_and_is_left_behind() {
    let (_server, proxy, redis) = open().await;
    for round in 0..2 {
        proxy.set(Weather::Silent);
        expect_unavailable(&redis, TIMEOUT).await;
        for _ in 0..4 {
            let looked = in_time(TIMEOUT * 8, redis.look()).await;
            assert!(looked.is_err(), "round {round}: {looked:?}");
            expect_unavailable(&redis, TIMEOUT).await;
        }
        proxy.set(Weather::Fine);
        eventually("working calls", async || is_well(&redis).await).await;
    }
}

#[tokio::test]
async fn listeners_hear_again_after_a_silence() {
    let (_server, proxy, redis) = open().await;
    let feed = redis.feed();
    let mut hints = feed.subscribe(key(1)).await.unwrap();
    proxy.set(Weather::Silent);
    for _ in 0..3 {
        assert!(in_time(TIMEOUT, feed.subscribe(key(2))).await.is_err());
        let _ = redis.look().await;
    }
    proxy.set(Weather::Fine);
    eventually("working calls", async || is_well(&redis).await).await;
    // Whatever was told meanwhile may have been lost, so it looks once; and hears of what changes from now on.
    soon("a hint at what may have been lost", hints.next()).await.unwrap();
    eventually("a hint", async || {
        feed.publish(key(1));
        tokio::time::timeout(TIMEOUT, hints.next()).await.ok()
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_server_that_goes_silent_while_it_is_connected_to_is_left_behind() {
    let server = RedisServer::start();
    let proxy = Proxy::before(server.socket()).await;
    let redis = instance(&proxy.config(TIMEOUT));
    proxy.set(Weather::Silent);
    for _ in 0..3 {
        assert!(in_time(TIMEOUT * 8, redis.look()).await.is_err());
        expect_unavailable(&redis, TIMEOUT).await;
    }
    proxy.set(Weather::Fine);
    eventually("working calls", async || is_well(&redis).await).await;
}

#[tokio::test]
async fn thousands_of_calls_into_silence_leave_nothing_behind() {
    let (_server, proxy, redis) = open().await;
    let redis = std::sync::Arc::new(redis);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    proxy.set(Weather::Silent);
    for _ in 0..5 {
        let mut crowd = JoinSet::new();
        for n in 0..1_000 {
            let redis = std::sync::Arc::clone(&redis);
            crowd.spawn(async move {
                let loaded = in_time(TIMEOUT, redis.recipients().load(key(n))).await;
                let new = record(n, now(), None);
                let replaced = in_time(TIMEOUT, redis.recipients().replace(key(n), None, &new, now())).await;
                (loaded.is_err(), replaced.is_err())
            });
        }
        assert!(crowd.join_all().await.into_iter().all(|failed| failed == (true, true)));
        let _ = redis.look().await;
        let alive = tasks();
        assert!(alive < before + 20, "{alive} tasks, and {before} at first");
    }
    proxy.set(Weather::Fine);
    eventually("working calls", async || is_well(&redis).await).await;
    eventually("the end of what was tried meanwhile", async || {
        (tasks() <= before + 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn connections_that_are_refused_and_taken_in_turns_leave_nothing_behind() {
    let (_server, proxy, redis) = open().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..30 {
        proxy.set(Weather::Closed);
        for (call, answer) in every_call(&redis, TIMEOUT).await {
            assert!(answer.is_err(), "{call}");
        }
        proxy.set(Weather::Fine);
        eventually("working calls", async || all_work(&redis, TIMEOUT).await.then_some(())).await;
    }
    eventually("the end of what was tried meanwhile", async || {
        (tasks() <= before + 2).then_some(())
    })
    .await;
}
