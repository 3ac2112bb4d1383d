//! Hints while connections break and people come and go: nobody who listens is forgotten, and nobody who left is kept.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use countersign_domain::ports::{ChangeFeed, ChangeHints};
use countersign_store_redis::Redis;
use countersign_store_redis::feed::RedisFeed;
use countersign_testkit::redis_server::{RedisServer, Reply};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::common::records::key;
use crate::common::{config, instance, open, open_on};
use countersign_testkit::wait::{eventually, soon};

/// How many channels are subscribed on the server.
fn channels(server: &RedisServer) -> usize {
    server.ask_text("PUBSUB CHANNELS *").items().len()
}

async fn all_channels_gone(server: &RedisServer) {
    eventually("the end of every channel", async || {
        (channels(server) == 0).then_some(())
    })
    .await;
}

/// Publishes until a hint comes, as many changes would.
async fn hears(feed: &RedisFeed, hints: &mut dyn ChangeHints, n: u32) {
    eventually("a hint", async || {
        feed.publish(key(n));
        let patience = std::time::Duration::from_millis(100);
        tokio::time::timeout(patience, hints.next()).await.ok()
    })
    .await
    .unwrap();
}

async fn is_silent(hints: &mut dyn ChangeHints) -> bool {
    let mut next = pin!(hints.next());
    poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_pending())).await
}

/// Throws every client out, and leaves the server as it is.
fn throw_out(server: &RedisServer) {
    for kind in ["normal", "pubsub"] {
        assert!(matches!(
            server.ask_text(&format!("CLIENT KILL TYPE {kind}")),
            Reply::Integer(_)
        ));
    }
}

#[tokio::test]
async fn after_a_restart_listeners_are_hinted_at_what_they_may_have_missed_and_hear_again() {
    let (mut server, redis) = open().await;
    let feed = redis.feed();
    let (mut first, mut second) = (
        feed.subscribe(key(1)).await.unwrap(),
        feed.subscribe(key(2)).await.unwrap(),
    );
    for _ in 0..3 {
        server.kill();
        server.restart();
        soon("a hint", first.next()).await.unwrap();
        soon("a hint", second.next()).await.unwrap();
        hears(&feed, &mut *first, 1).await;
        hears(&feed, &mut *second, 2).await;
    }
}

#[tokio::test]
async fn a_listener_whose_connection_alone_was_cut_misses_nothing() {
    let (server, redis) = open().await;
    let other = open_on(&server).await;
    let (feed, mut hints) = (redis.feed(), redis.feed().subscribe(key(1)).await.unwrap());
    for _ in 0..20 {
        throw_out(&server);
        // Published while nobody is subscribed, or just after; it is heard of in either case.
        other.feed().publish(key(1));
        soon("a hint", hints.next()).await.unwrap();
        hears(&feed, &mut *hints, 1).await;
        while !is_silent(&mut *hints).await {
            hints.next().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_change_after_the_hint_of_a_reconnection_is_never_missed() {
    let (server, redis) = open().await;
    let feed = redis.feed();
    let mut hints = feed.subscribe(key(1)).await.unwrap();
    for _ in 0..30 {
        assert!(matches!(server.ask_text("CLIENT KILL TYPE pubsub"), Reply::Integer(_)));
        soon("the hint of the reconnection", hints.next()).await.unwrap();
        let channel = server.ask_text("PUBSUB CHANNELS *").items()[0].bytes().to_vec();
        assert_eq!(server.ask(&[b"PUBLISH", &channel, b""]).integer(), 1, "nobody listens");
        soon("the hint of the change", hints.next()).await.unwrap();
    }
}

#[tokio::test]
async fn channels_nobody_listens_to_any_more_are_unsubscribed() {
    let (server, redis) = open().await;
    let feed = redis.feed();
    let staying = feed.subscribe(key(1)).await.unwrap();
    let leaving = feed.subscribe(key(1)).await.unwrap();
    let other = feed.subscribe(key(2)).await.unwrap();
    assert_eq!(channels(&server), 2);
    drop((leaving, other));
    eventually("the end of one channel", async || {
        (channels(&server) == 1).then_some(())
    })
    .await;
    drop(staying);
    all_channels_gone(&server).await;
}

#[tokio::test]
async fn whoever_leaves_while_redis_is_away_is_not_subscribed_again() {
    let (mut server, redis) = open().await;
    let feed = redis.feed();
    let mut staying = feed.subscribe(key(1)).await.unwrap();
    let leaving: Vec<_> = [2, 3, 4].into_iter().map(|n| feed.subscribe(key(n))).collect();
    let mut left = Vec::new();
    for leaving in leaving {
        left.push(leaving.await.unwrap());
    }
    server.kill();
    drop(left);
    server.restart();
    soon("a hint", staying.next()).await.unwrap();
    hears(&feed, &mut *staying, 1).await;
    assert_eq!(channels(&server), 1);
}

#[tokio::test]
async fn ten_thousand_listeners_come_and_go_and_leave_nothing_behind() {
    let (server, redis) = open().await;
    let feed = redis.feed();
    drop(feed.subscribe(key(0)).await.unwrap());
    all_channels_gone(&server).await;
    let before = Handle::current().metrics().num_alive_tasks();
    for round in 0..10 {
        let mut crowd = JoinSet::new();
        for n in 0..1_000 {
            let feed = Arc::clone(&feed);
            crowd.spawn(async move {
                let hints = feed.subscribe(key(n % 700)).await.unwrap();
                // Some are given up halfway.
                if n % 3 == 0 {
                    drop(feed.subscribe(key(5_000 + n)));
                    let mut halfway = pin!(feed.subscribe(key(6_000 + n)));
                    poll_fn(|context| Poll::Ready(halfway.as_mut().poll(context).is_pending())).await;
                }
                hints
            });
        }
        let listening = crowd.join_all().await;
        assert!(channels(&server) >= 700, "round {round}");
        drop(listening);
        all_channels_gone(&server).await;
    }
    let after = Handle::current().metrics().num_alive_tasks();
    assert!(after <= before, "{after} tasks, and {before} at first");
}

#[tokio::test]
async fn hints_end_when_the_feed_is_dropped() {
    let (server, redis) = open().await;
    let mut hints = redis.feed().subscribe(key(1)).await.unwrap();
    redis.feed().publish(key(1));
    drop(redis);
    let ended = soon("the end", async { while hints.next().await.is_some() {} });
    ended.await;
    all_channels_gone(&server).await;
    drop(hints);
    eventually("the end of every task", async || {
        (Handle::current().metrics().num_alive_tasks() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn publishing_while_redis_is_away_neither_waits_nor_piles_up() {
    let (mut server, redis) = open().await;
    let feed = redis.feed();
    let mut hints = feed.subscribe(key(1)).await.unwrap();
    server.kill();
    // It does not wait: nothing here is awaited. More changes than are ever kept.
    for n in 0..100_000 {
        feed.publish(key(n));
    }
    server.restart();
    let monitor = server.monitor();
    soon("a hint", hints.next()).await.unwrap();
    hears(&feed, &mut *hints, 1).await;
    let published = monitor
        .finish()
        .into_iter()
        .filter(|it| it.command == "PUBLISH")
        .count();
    assert!(published < 20_000, "{published} hints were kept");
}

#[tokio::test]
async fn one_recipient_that_changes_ten_thousand_times_at_once_is_told_of_a_few_times() {
    let (server, redis) = open().await;
    let feed = redis.feed();
    let mut hints = feed.subscribe(key(1)).await.unwrap();
    let monitor = server.monitor();
    for _ in 0..10_000 {
        feed.publish(key(1));
    }
    soon("a hint", hints.next()).await.unwrap();
    let published = monitor
        .finish()
        .into_iter()
        .filter(|it| it.command == "PUBLISH")
        .count();
    assert!((1..10).contains(&published), "{published}");
}

#[tokio::test]
async fn nobody_listens_on_a_server_that_was_not_checked() {
    let server = RedisServer::start();
    let redis: Redis = instance(&config(&server));
    assert!(redis.feed().subscribe(key(1)).await.is_err());
    assert_eq!(channels(&server), 0);
    redis.look().await.unwrap();
    drop(redis.feed().subscribe(key(1)).await.unwrap());
}
