//! What an instance refuses to work with, on real servers, and how instances agree on what they work with.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

#[expect(dead_code, reason = "shared by several test binaries, of which each uses a part")]
mod common;

use countersign_domain::id::ShardCount;
use countersign_domain::ports::{RecipientStore, StoreError};
use countersign_store_redis::Redis;
use countersign_store_redis::check::CheckError;
use countersign_store_redis::config::Config;
use countersign_store_redis::keys::Prefix;
use countersign_store_redis::server::{Notice, Refusal};
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::now;
use countersign_testkit::redis_server::RedisServer;
use countersign_testkit::wait::eventually;
use tokio::task::JoinSet;

use crate::common::records::{key, record, write};
use crate::common::{code_keys, config, identity, instance, instance_of, open, open_on};

fn shards(count: u16) -> ShardCount {
    ShardCount::new(count).unwrap()
}

/// Looks, and answers why the server is refused.
async fn refusals(redis: &Redis) -> Vec<Refusal> {
    match redis.look().await {
        Err(CheckError::Refused(refusals)) => refusals,
        looked => panic!("it should be refused: {looked:?}"),
    }
}

async fn is_shut(redis: &Redis) -> bool {
    matches!(redis.recipients().load(key(1)).await, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_server_that_is_not_as_it_has_to_be_is_refused_until_it_is() {
    let server = RedisServer::start_with(&[("maxmemory-policy", "allkeys-lru"), ("appendonly", "no")]);
    let redis = instance(&config(&server));
    let evicts = Refusal::Evicts("allkeys-lru".to_owned());
    assert_eq!(refusals(&redis).await, [evicts, Refusal::Forgets]);
    assert!(is_shut(&redis).await);
    // Nothing was written on a server that is not ours.
    assert_eq!(server.every_key(), Vec::<Vec<u8>>::new());
    server.ask_text("CONFIG SET maxmemory-policy noeviction");
    assert_eq!(refusals(&redis).await, [Refusal::Forgets]);
    server.ask_text("CONFIG SET appendonly yes");
    assert_eq!(redis.look().await.unwrap(), [Notice::NoMemoryBound]);
    assert!(!is_shut(&redis).await);
}

#[tokio::test]
async fn every_policy_that_evicts_is_refused() {
    let server = RedisServer::start();
    for policy in [
        "volatile-lru",
        "allkeys-lru",
        "volatile-lfu",
        "allkeys-lfu",
        "volatile-random",
        "allkeys-random",
        "volatile-ttl",
    ] {
        server.ask_text(&format!("CONFIG SET maxmemory-policy {policy}"));
        assert_eq!(
            refusals(&instance(&config(&server))).await,
            [Refusal::Evicts(policy.to_owned())]
        );
    }
}

#[tokio::test]
async fn a_server_that_forgets_is_good_enough_for_whoever_says_so() {
    let server = RedisServer::start_with(&[("appendonly", "no"), ("maxmemory", "100mb")]);
    let config = Config {
        accept_data_loss: true,
        ..config(&server)
    };
    assert_eq!(instance(&config).look().await.unwrap(), [Notice::Forgets]);
}

#[tokio::test]
async fn a_node_of_a_cluster_that_has_not_every_slot_is_refused() {
    let server = RedisServer::start_cluster_without_slots();
    let redis = instance(&config(&server));
    assert_eq!(refusals(&redis).await, [Refusal::Cluster]);
    assert!(is_shut(&redis).await);
    // One that has them all will do, until it gives one away.
    assert_eq!(server.ask_text("CLUSTER ADDSLOTSRANGE 0 16383").text(), "OK");
    eventually("a check that passes", async || redis.look().await.is_ok().then_some(())).await;
    assert!(redis.is_open());
    let shards = SHARDS.shards().map(|shard| format!("{{{}}}", shard.number()));
    let slot = server
        .ask_text(&format!("CLUSTER KEYSLOT {}", shards.last().unwrap()))
        .integer();
    assert_eq!(server.ask_text(&format!("CLUSTER DELSLOTS {slot}")).text(), "OK");
    assert_eq!(refusals(&instance(&config(&server))).await, [Refusal::Cluster]);
}

#[tokio::test]
async fn another_number_of_shards_another_identity_and_another_key_of_the_same_name_are_refused() {
    let (server, first) = open().await;
    let config = config(&server);
    let keys = code_keys(&[("k1", 1)]);
    let other_shards = instance_of(&config, shards(8), &identity(1), &keys);
    let expected = Refusal::Shards {
        ours: "8".to_owned(),
        theirs: "16".to_owned(),
    };
    assert_eq!(refusals(&other_shards).await, std::slice::from_ref(&expected));
    let stranger = instance_of(&config, SHARDS, &identity(2), &keys);
    assert_eq!(refusals(&stranger).await, [Refusal::Identity]);
    let other_key = instance_of(&config, SHARDS, &identity(1), &code_keys(&[("k1", 2)]));
    assert_eq!(refusals(&other_key).await, [Refusal::CodeKey("k1".to_owned())]);
    let all = instance_of(&config, shards(8), &identity(2), &code_keys(&[("k1", 2), ("k9", 9)]));
    assert_eq!(
        refusals(&all).await,
        [expected, Refusal::Identity, Refusal::CodeKey("k1".to_owned())]
    );
    for refused in [&other_shards, &stranger, &other_key, &all] {
        assert!(is_shut(refused).await);
    }
    // Whoever was refused left nothing behind: the name is still free.
    let rotated = instance_of(&config, SHARDS, &identity(1), &code_keys(&[("k9", 99), ("k1", 1)]));
    rotated.look().await.unwrap();
    first.look().await.unwrap();
    assert!(!is_shut(&first).await);
}

#[tokio::test]
async fn a_new_key_under_a_new_name_joins_and_is_known_from_then_on() {
    let (server, _first) = open().await;
    let config = config(&server);
    let second = instance_of(&config, SHARDS, &identity(1), &code_keys(&[("k2", 2), ("k1", 1)]));
    second.look().await.unwrap();
    let third = instance_of(&config, SHARDS, &identity(1), &code_keys(&[("k2", 3)]));
    assert_eq!(refusals(&third).await, [Refusal::CodeKey("k2".to_owned())]);
    // A key that is not in the ring any more disturbs nobody.
    let fourth = instance_of(&config, SHARDS, &identity(1), &code_keys(&[("k2", 2)]));
    fourth.look().await.unwrap();
}

#[tokio::test]
async fn another_prefix_is_another_installation_side_by_side() {
    let (server, first) = open().await;
    let beside = Config {
        prefix: Prefix::parse("staging").unwrap(),
        ..config(&server)
    };
    let second = instance_of(&beside, shards(3), &identity(2), &code_keys(&[("k1", 2)]));
    second.look().await.unwrap();
    write(&first.recipients(), key(1), None, &record(1, now(), Some(now())), now()).await;
    assert_eq!(second.recipients().load(key(1)).await.unwrap(), None);
    assert_eq!(second.recipients().backlog(now()).await.unwrap(), 0);
    write(
        &second.recipients(),
        key(1),
        None,
        &record(2, now(), Some(now())),
        now(),
    )
    .await;
    let there = first.recipients().load(key(1)).await.unwrap().unwrap();
    assert_eq!(there.recipient.unanswered_sends, 1);
}

#[tokio::test]
async fn what_another_version_wrote_is_refused() {
    let (server, redis) = open().await;
    server.ask_text("HSET cs:meta format 2");
    assert_eq!(refusals(&redis).await, [Refusal::Format("2".to_owned())]);
    assert!(is_shut(&redis).await);
    server.ask_text("HSET cs:meta format 1");
    redis.look().await.unwrap();
    assert!(!is_shut(&redis).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_claim_a_server_at_the_same_moment_agree() {
    let server = RedisServer::start();
    let mut crowd = JoinSet::new();
    for _ in 0..16 {
        let redis = instance(&config(&server));
        crowd.spawn(async move { redis.look().await.is_ok() });
    }
    assert_eq!(crowd.join_all().await, [true; 16]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_first_instances_with_different_numbers_of_shards_exactly_one_kind_wins() {
    for _ in 0..20 {
        let server = RedisServer::start();
        let mut crowd = JoinSet::new();
        for n in 0..8 {
            let count = if n % 2 == 0 { 8 } else { 16 };
            let keys = code_keys(&[(if count == 8 { "even" } else { "odd" }, 1)]);
            let redis = instance_of(&config(&server), shards(count), &identity(1), &keys);
            crowd.spawn(async move {
                let is_well = redis.look().await.is_ok();
                assert_eq!(is_shut(&redis).await, !is_well);
                (count, is_well)
            });
        }
        let looked = crowd.join_all().await;
        let winners: Vec<_> = looked
            .iter()
            .filter(|(_, is_well)| *is_well)
            .map(|(count, _)| *count)
            .collect();
        assert_eq!(winners.len(), 4, "{looked:?}");
        assert!(winners.windows(2).all(|it| it[0] == it[1]), "{looked:?}");
        // Those who lost wrote nothing down.
        let (lost, won) = if winners[0] == 8 {
            ("odd", "even")
        } else {
            ("even", "odd")
        };
        assert_eq!(server.ask_text(&format!("HEXISTS cs:meta code:{won}")).integer(), 1);
        assert_eq!(server.ask_text(&format!("HEXISTS cs:meta code:{lost}")).integer(), 0);
    }
}

#[tokio::test]
async fn a_server_that_lost_its_data_is_claimed_again() {
    let (server, redis) = open().await;
    write(&redis.recipients(), key(1), None, &record(1, now(), None), now()).await;
    server.ask_text("FLUSHALL");
    redis.look().await.unwrap();
    assert_eq!(server.ask_text("HGET cs:meta shards").text(), "16");
    assert!(server.ask_text("PTTL cs:meta").integer() > 0);
    assert_eq!(redis.recipients().load(key(1)).await.unwrap(), None);
    write(&redis.recipients(), key(1), None, &record(1, now(), None), now()).await;
    let stranger = instance_of(&config(&server), SHARDS, &identity(2), &code_keys(&[("k1", 1)]));
    assert_eq!(refusals(&stranger).await, [Refusal::Identity]);
}

#[tokio::test]
async fn data_of_another_installation_shuts_the_gate_of_an_instance_in_use() {
    let (server, redis) = open().await;
    server.ask_text("FLUSHALL");
    let stranger = instance_of(&config(&server), shards(4), &identity(2), &code_keys(&[("k1", 2)]));
    stranger.look().await.unwrap();
    assert_eq!(refusals(&redis).await.len(), 3);
    assert!(is_shut(&redis).await);
    assert!(
        redis
            .recipients()
            .replace(key(1), None, &record(1, now(), None), now())
            .await
            .is_err()
    );
    assert_eq!(server.every_key(), [b"cs:meta"]);
    // Ours again, it is used again.
    server.ask_text("FLUSHALL");
    redis.look().await.unwrap();
    assert!(!is_shut(&redis).await);
}

#[tokio::test]
async fn a_server_that_begins_to_evict_or_to_forget_while_it_is_used_is_complained_about_and_used() {
    let (server, redis) = open().await;
    server.ask_text("CONFIG SET maxmemory-policy allkeys-lru");
    server.ask_text("CONFIG SET appendonly no");
    let mut complaints = 0;
    // A whole check comes once in sixty looks.
    for _ in 0..60 {
        complaints += usize::from(redis.look().await.is_err());
    }
    assert!(complaints >= 1, "nobody noticed");
    assert!(!is_shut(&redis).await);
    assert!(matches!(
        instance(&config(&server)).look().await,
        Err(CheckError::Refused(_))
    ));
}

#[tokio::test]
async fn an_installation_that_was_claimed_keeps_its_facts_for_those_who_come_later() {
    let (server, redis) = open().await;
    drop(redis);
    server.ask_text("PEXPIRE cs:meta 100000");
    open_on(&server).await;
    assert!(server.ask_text("PTTL cs:meta").integer() > 100_000_000);
}
