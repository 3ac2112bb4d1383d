//! A server that follows another one: it takes no writes.

use std::time::Duration;

use countersign_domain::ports::{LimitStore, RecipientStore, Replaced, StoreError};
use countersign_store_redis::check::CheckError;
use countersign_store_redis::server::Refusal;
use countersign_testkit::fixture::now;
use countersign_testkit::redis_server::RedisServer;

use crate::calls::{all_work, charge, get, put};
use crate::common::records::{key, record};
use crate::common::{config, instance, open};
use countersign_testkit::wait::eventually;

/// Nobody listens there.
const FOLLOW: &str = "REPLICAOF 127.0.0.1 1";

#[tokio::test]
async fn a_replica_is_refused_and_its_promotion_is_noticed() {
    let server = RedisServer::start();
    assert_eq!(server.ask_text(FOLLOW).text(), "OK");
    let redis = instance(&config(&server));
    let looked = redis.look().await;
    let Err(CheckError::Refused(refusals)) = looked else {
        panic!("a replica passed: {looked:?}");
    };
    assert_eq!(refusals, [Refusal::Replica]);
    assert!(redis.recipients().load(key(1)).await.is_err());
    assert_eq!(server.ask_text("REPLICAOF NO ONE").text(), "OK");
    redis.look().await.unwrap();
    put(&redis, 1, 1).await;
}

#[tokio::test]
async fn a_master_that_becomes_a_replica_while_it_is_used_writes_nothing_more() {
    let (server, redis) = open().await;
    let version = put(&redis, 1, 1).await;
    let before = server.every_key();
    assert_eq!(server.ask_text(FOLLOW).text(), "OK");
    let (store, limits) = (redis.recipients(), redis.limits());
    let new = record(2, now(), Some(now()));
    for (key, seen) in [(key(1), Some(version)), (key(2), None)] {
        let replaced = store.replace(key, seen, &new, now()).await;
        assert!(matches!(replaced, Err(StoreError::Unavailable(_))), "{replaced:?}");
    }
    let taken = limits.take(&[charge(1)], now()).await;
    assert!(matches!(taken, Err(StoreError::Unavailable(_))), "{taken:?}");
    assert_eq!(server.every_key(), before);

    assert_eq!(server.ask_text("REPLICAOF NO ONE").text(), "OK");
    let second = Duration::from_secs(1);
    eventually("working calls", async || all_work(&redis, second).await.then_some(())).await;
    let there = get(&redis, 1).await.unwrap();
    assert!(matches!(
        store.replace(key(1), Some(there.version), &new, now()).await,
        Ok(Replaced::Written(_))
    ));
}
