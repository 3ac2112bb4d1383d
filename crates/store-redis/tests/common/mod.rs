//! A Redis server of the test's own, and the adapter on it.

pub(crate) mod guard;
pub(crate) mod proxy;
pub(crate) mod records;
pub(crate) mod service;

use std::sync::Arc;

use countersign_domain::id::ShardCount;
use countersign_domain::key::{Identity, KeyId, KeyRing, SecretKey};
use countersign_store_redis::Redis;
use countersign_store_redis::config::{Address, Config};
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::random::{SeededRandom, seed_or};
use countersign_testkit::redis_server::RedisServer;

/// A fresh server, and an instance that has checked it.
pub(crate) async fn open() -> (RedisServer, Redis) {
    let server = RedisServer::start();
    let redis = open_on(&server).await;
    (server, redis)
}

/// A fresh node of a cluster that has every slot, and an instance that has checked it.
pub(crate) async fn open_cluster() -> (RedisServer, Redis) {
    let server = RedisServer::start_cluster();
    let redis = open_on(&server).await;
    (server, redis)
}

/// Another instance on a server, checked.
pub(crate) async fn open_on(server: &RedisServer) -> Redis {
    let redis = instance(&config(server));
    redis.look().await.unwrap();
    redis
}

/// How to reach a server.
pub(crate) fn config(server: &RedisServer) -> Config {
    Config::new(Address::parse(&server.address()).unwrap())
}

/// An instance that has not looked at its server yet. Every one draws other versions.
pub(crate) fn instance(config: &Config) -> Redis {
    instance_of(config, SHARDS, &identity(1), &code_keys(&[("k1", 1)]))
}

/// An instance of some installation, that has not looked at its server yet.
pub(crate) fn instance_of(config: &Config, shards: ShardCount, identity: &Identity, keys: &KeyRing) -> Redis {
    use std::sync::atomic::{AtomicU64, Ordering};
    static INSTANCES: AtomicU64 = AtomicU64::new(0);

    let seed = seed_or(0x5EED).wrapping_add(INSTANCES.fetch_add(1, Ordering::Relaxed));
    let random = Arc::new(SeededRandom::new(seed));
    Redis::new(config, shards, identity, keys, random).unwrap()
}

/// The installation's own key.
pub(crate) fn identity(byte: u8) -> Identity {
    Identity::new(SecretKey::new([byte; 32]))
}

/// A ring of code keys, the first of which is the current one.
pub(crate) fn code_keys(keys: &[(&str, u8)]) -> KeyRing {
    let id = |name: &str| KeyId::parse(name).unwrap();
    let ring = keys.iter().map(|(name, byte)| (id(name), SecretKey::new([*byte; 32])));
    KeyRing::new(id(keys[0].0), ring).unwrap()
}
