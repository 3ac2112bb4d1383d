//! Recipients: histories of loads, writes with right, old and no versions, and searches for work.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::id::{RecipientKey, ShardCount};
use countersign_domain::ports::{Erased, RecipientStore, Replaced, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_redis::recipients::RedisRecipients;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{now, recipient_with_everything};
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::open;
use crate::common::records::{key_in, record};

const OPERATIONS: usize = 6_000;

/// Both stores, and which version of the one is which of the other.
struct Pair {
    redis: RedisRecipients,
    memory: MemoryStore,
    versions: BTreeMap<RecipientKey, Vec<(Version, Version)>>,
}

impl Pair {
    fn known(&self, key: RecipientKey) -> &[(Version, Version)] {
        self.versions.get(&key).map_or(&[], |it| it)
    }

    /// Compares what is stored, and that the versions belong together.
    fn assert_same(&self, key: RecipientKey, redis: Option<&Stored>, memory: Option<&Stored>, step: usize) {
        match (redis, memory) {
            (None, None) => {}
            (Some(redis), Some(memory)) => {
                assert_eq!(redis.recipient, memory.recipient, "step {step}");
                let last = self.known(key).last();
                assert_eq!(last, Some(&(redis.version, memory.version)), "step {step}");
            }
            other => panic!("step {step}: {other:?}"),
        }
    }

    async fn load(&self, key: RecipientKey, step: usize) {
        let redis = self.redis.load(key).await.unwrap();
        let memory = self.memory.load(key).await.unwrap();
        self.assert_same(key, redis.as_ref(), memory.as_ref(), step);
    }

    async fn replace(&mut self, random: &mut StdRng, key: RecipientKey, now: Timestamp, step: usize) {
        let known = self.known(key);
        let seen = match random.random_range(0..10) {
            0 => None,
            // One that nobody ever had.
            1 => Some((Version(random.random()), Version(u64::MAX))),
            2 | 3 if known.len() > 1 => Some(known[random.random_range(0..known.len() - 1)]),
            _ => known.last().copied(),
        };
        let new = any_record(random, now);
        let redis = self.redis.replace(key, seen.map(|it| it.0), &new, now).await.unwrap();
        let memory = self.memory.replace(key, seen.map(|it| it.1), &new, now).await.unwrap();
        match (redis, memory) {
            (Replaced::Written(redis), Replaced::Written(memory)) => {
                let known = self.versions.entry(key).or_default();
                assert!(known.iter().all(|it| it.0 != redis), "step {step}: a version twice");
                known.push((redis, memory));
            }
            (Replaced::Conflict(redis), Replaced::Conflict(memory)) => {
                self.assert_same(key, redis.as_deref(), memory.as_deref(), step);
            }
            other => panic!("step {step}: {other:?}"),
        }
    }

    async fn erase(&mut self, random: &mut StdRng, key: RecipientKey, step: usize) {
        let known = self.known(key);
        let seen = match random.random_range(0..4) {
            0 => (Version(random.random()), Version(u64::MAX)),
            1 if known.len() > 1 => known[random.random_range(0..known.len() - 1)],
            _ => known.last().copied().unwrap_or((Version(1), Version(u64::MAX))),
        };
        let redis = self.redis.erase(key, seen.0).await.unwrap();
        let memory = self.memory.erase(key, seen.1).await.unwrap();
        match (redis, memory) {
            (Erased::Gone, Erased::Gone) => self.load(key, step).await,
            (Erased::Conflict(redis), Erased::Conflict(memory)) => {
                self.assert_same(key, Some(&redis), Some(&memory), step);
            }
            other => panic!("step {step}: {other:?}"),
        }
    }

    async fn due(&self, now: Timestamp, key: RecipientKey, limit: usize, step: usize) {
        let shard = key.shard(SHARDS);
        let redis = self.redis.due(now, shard, limit).await.unwrap();
        let memory = self.memory.due(now, shard, limit).await.unwrap();
        assert_eq!(redis, memory, "step {step}");
    }

    async fn backlog(&self, now: Timestamp, step: usize) {
        let redis = self.redis.backlog(now).await.unwrap();
        assert_eq!(redis, self.memory.backlog(now).await.unwrap(), "step {step}");
    }
}

fn any_record(random: &mut StdRng, now: Timestamp) -> Recipient {
    // Wake-ups of few moments, so that some share one.
    let wait = Duration::from_secs(random.random_range(0..20));
    let wake_at = random
        .random_bool(0.7)
        .then(|| now.plus(wait).minus(Duration::from_secs(5)));
    let mut new = record(random.random_range(0..90_000_000), now, wake_at);
    if random.random_bool(0.15) {
        let verifications = std::mem::take(&mut new.verifications);
        new = recipient_with_everything();
        new.verifications.truncate(random.random_range(0..5));
        new.verifications.extend(verifications);
    }
    if random.random_bool(0.2) {
        new.phone = None;
    }
    // Neither store forgets anything within a history.
    new.keep_until = now.plus(DAY * random.random_range(2..400));
    new
}

#[tokio::test]
async fn recipients_are_the_same_on_redis_and_in_memory() {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (_server, redis) = open().await;
    let mut pair = Pair {
        redis: redis.recipients(),
        memory: MemoryStore::new(SHARDS),
        versions: BTreeMap::new(),
    };
    let mut clock = now();
    for step in 0..OPERATIONS {
        let span = Duration::from_millis(random.random_range(0..8_000));
        clock = if random.random_bool(0.3) {
            clock.minus(span)
        } else {
            clock.plus(span)
        };
        let key = key_in(random.random_range(0..3), random.random_range(0..6));
        match random.random_range(0..11) {
            10 => pair.erase(&mut random, key, step).await,
            0..6 => pair.replace(&mut random, key, clock, step).await,
            6 => pair.load(key, step).await,
            7 => pair.backlog(clock, step).await,
            _ => pair.due(clock, key, random.random_range(0..8), step).await,
        }
    }
}

#[tokio::test]
async fn a_shard_there_is_not_has_nobody_and_a_limit_of_nothing_lists_nobody() {
    let (_server, redis) = open().await;
    let (redis, memory) = (redis.recipients(), MemoryStore::new(SHARDS));
    let new = record(1, now(), Some(now()));
    redis.replace(key_in(1, 1), None, &new, now()).await.unwrap();
    memory.replace(key_in(1, 1), None, &new, now()).await.unwrap();
    let many = ShardCount::new(1024).unwrap();
    for shard in many.shards() {
        for limit in [0, 1, 1_000_000] {
            let listed = redis.due(now(), shard, limit).await.unwrap();
            assert_eq!(listed, memory.due(now(), shard, limit).await.unwrap());
        }
    }
}
