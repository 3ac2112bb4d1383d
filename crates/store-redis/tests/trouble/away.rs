//! A server that is not there: at first, for a while, and with its scripts gone when it is back.

use std::time::Duration;

use countersign_domain::ports::{ChangeFeed, RecipientStore, StoreError};
use countersign_store_redis::check::CheckError;
use countersign_testkit::fixture::now;
use countersign_testkit::redis_server::RedisServer;

use crate::calls::{all_work, every_call, expect_unavailable, expect_working, get, in_time, put};
use crate::common::records::{key, record, write};
use crate::common::{config, instance, open};
use countersign_testkit::wait::{eventually, soon};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_redis_that_is_not_there_at_first_is_used_as_soon_as_it_is() {
    let mut server = RedisServer::start();
    server.kill();
    std::fs::remove_file(server.socket()).unwrap();
    let redis = instance(&config(&server));
    let looked = in_time(SECOND, redis.look()).await;
    assert!(matches!(looked, Err(CheckError::Away(_))), "{looked:?}");
    expect_unavailable(&redis, SECOND).await;

    server.restart();
    // Nothing gets through before the check.
    let loaded = redis.recipients().load(key(1)).await;
    assert!(matches!(loaded, Err(StoreError::Unavailable(_))), "{loaded:?}");
    eventually("a good look", async || redis.look().await.ok()).await;
    expect_working(&redis, SECOND).await;
}

#[tokio::test]
async fn while_nothing_listens_calls_of_the_stores_fail_at_once_and_not_after_the_time_out() {
    let (mut server, redis) = open().await;
    let slow = countersign_store_redis::config::Config {
        timeout: Duration::from_secs(4),
        ..config(&server)
    };
    let patient = instance(&slow);
    patient.look().await.unwrap();
    drop(redis);
    server.kill();
    for _ in 0..100 {
        // A hundred calls in the time of one time-out.
        let loaded = in_time(Duration::ZERO, patient.recipients().load(key(1))).await;
        assert!(matches!(loaded, Err(StoreError::Unavailable(_))), "{loaded:?}");
    }
}

#[tokio::test]
async fn a_redis_that_was_killed_and_started_again_is_used_again_without_another_look() {
    let (mut server, redis) = open().await;
    for round in 1..=3 {
        let version = put(&redis, 7, round).await;
        server.wait_until_written();
        server.kill();
        expect_unavailable(&redis, SECOND).await;
        server.restart();
        // It knows no script any more.
        eventually("working calls", async || all_work(&redis, SECOND).await.then_some(())).await;
        let there = get(&redis, 7).await.unwrap();
        assert_eq!((there.version, there.recipient.unanswered_sends), (version, round));
        redis.look().await.unwrap();
    }
}

#[tokio::test]
async fn calls_that_wait_while_the_server_dies_end_at_once() {
    let (mut server, redis) = open().await;
    // Nothing is answered any more, and nobody hung up yet.
    stop(&server);
    let store = redis.recipients();
    let waiting = store.load(key(1));
    let (loaded, ()) = tokio::join!(in_time(SECOND, waiting), async { server.kill() });
    assert!(matches!(loaded, Err(StoreError::Unavailable(_))), "{loaded:?}");
}

/// Stops the server's process as a debugger would.
fn stop(server: &RedisServer) {
    let pid = server.pid().to_string();
    let stopped = std::process::Command::new("kill").args(["-STOP", &pid]).status();
    assert!(stopped.unwrap().success());
}

#[tokio::test]
async fn scripts_that_were_flushed_are_given_again_by_the_call_that_needs_them() {
    let (server, redis) = open().await;
    put(&redis, 1, 1).await;
    assert_eq!(server.ask_text("SCRIPT FLUSH SYNC").text(), "OK");
    for (call, answer) in every_call(&redis, SECOND).await {
        assert!(answer.is_ok(), "{call} answered {answer:?}");
        assert_eq!(server.ask_text("SCRIPT FLUSH SYNC").text(), "OK");
    }
    // The one who is due and gone is taken out by a script, too.
    write(&redis.recipients(), key(2), None, &record(2, now(), Some(now())), now()).await;
    let gone = server
        .every_key()
        .into_iter()
        .filter(|it| it.ends_with(key(2).as_bytes()));
    for gone in gone {
        server.ask(&[b"DEL", &gone]);
    }
    server.ask_text("SCRIPT FLUSH SYNC");
    let shard = key(2).shard(countersign_testkit::contract::recipient_store::SHARDS);
    assert_eq!(redis.recipients().due(now(), shard, 9).await.unwrap(), []);
}

#[tokio::test]
async fn nothing_stays_behind_when_an_instance_is_dropped_while_redis_is_away() {
    let (mut server, redis) = open().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let hints = redis.feed().subscribe(key(1)).await.unwrap();
    server.kill();
    expect_unavailable(&redis, SECOND).await;
    drop(redis);
    let mut hints = hints;
    // A hint at the lost connection may come first; then the feed has ended.
    soon("the end of the feed", async { while hints.next().await.is_some() {} }).await;
    drop(hints);
    eventually("the end of every task", async || (tasks() == 0).then_some(())).await;
}
