//! The guard's stores: histories of scores, blocks, persons and tallies, in batches that are repeated, under clocks that
//! step back.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::guard::{Block, BucketKey, PersonKey, SeriesKey};
use countersign_domain::ports::{BatchId, GuardStore, ScoreChange, StoredBlock, Tally, TallyStore, Version};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_store_redis::guard::RedisGuard;
use countersign_testkit::fixture::now;
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::guard::{block, bytes_in};
use crate::common::open;

const OPERATIONS: usize = 6_000;
const MINUTE: Duration = Duration::from_secs(60);
/// For how long a batch may be repeated.
const REPEATED_MAX: Duration = Duration::from_secs(600);

/// A clock that mostly goes on, at times leaps, and at times steps back.
struct Clock {
    at: Timestamp,
    latest: Timestamp,
}

impl Clock {
    fn step(&mut self, random: &mut StdRng) -> Timestamp {
        let millis = |random: &mut StdRng, most: u64| Duration::from_millis(random.random_range(0..most));
        self.at = match random.random_range(0..40) {
            0 => self.at.plus(millis(random, 3_600_000)),
            1..8 => self.at.minus(millis(random, 5_000)).max(self.latest.minus(MINUTE * 5)),
            _ => self.at.plus(millis(random, 5_000)),
        };
        self.latest = self.latest.max(self.at);
        self.at
    }
}

/// Batches that were sent, and when first.
struct Batches<T> {
    sent: Vec<(BatchId, Vec<T>, Timestamp)>,
}

impl<T: Clone> Batches<T> {
    /// A new one, or one of before.
    fn next(&mut self, random: &mut StdRng, fresh: Vec<T>, clock: &Clock) -> (BatchId, Vec<T>) {
        self.sent
            .retain(|(_, _, first)| clock.latest.since(*first) <= REPEATED_MAX);
        if !self.sent.is_empty() && random.random_bool(0.3) {
            let (batch, content, _) = &self.sent[random.random_range(0..self.sent.len())];
            return (*batch, content.clone());
        }
        let batch = BatchId(random.random());
        self.sent.push((batch, fresh.clone(), clock.at));
        (batch, fresh)
    }
}

/// Both stores, and which version of the one is which of the other.
struct Pair {
    redis: RedisGuard,
    memory: MemoryGuard,
    versions: BTreeMap<BucketKey, Vec<(Version, Version)>>,
}

fn bucket(random: &mut StdRng) -> BucketKey {
    BucketKey::from_bytes(bytes_in(random.random_range(0..3), random.random_range(0..4)))
}

fn buckets(random: &mut StdRng) -> Vec<BucketKey> {
    (0..random.random_range(0..9)).map(|_| bucket(random)).collect()
}

fn person(random: &mut StdRng) -> PersonKey {
    PersonKey::from_bytes(bytes_in(random.random_range(0..3), random.random_range(0..3)))
}

fn any_change(random: &mut StdRng) -> ScoreChange {
    let points = match random.random_range(0..30) {
        0 => i64::MAX,
        1 => i64::MIN,
        2 => 1 << 51,
        _ => random.random_range(-3_000..3_000),
    };
    ScoreChange {
        bucket: bucket(random),
        points,
    }
}

fn any_block(random: &mut StdRng, now: Timestamp) -> Block {
    let prefix = format!("+55119{:04}", random.random_range(0..10_000));
    // Of few moments, so that some share one.
    let raised_at = now.plus(Duration::from_secs(random.random_range(0..20)));
    Block {
        score: random.random(),
        ..block(&prefix, raised_at)
    }
}

impl Pair {
    fn assert_same(&mut self, key: BucketKey, redis: Option<&StoredBlock>, memory: Option<&StoredBlock>, step: usize) {
        match (redis, memory) {
            (None, None) => {}
            (Some(redis), Some(memory)) => {
                assert_eq!(redis.block, memory.block, "step {step}");
                let known = self.versions.entry(key).or_default();
                let pair = (redis.version, memory.version);
                if known.last() != Some(&pair) {
                    let is_new = known.iter().all(|it| it.0 != pair.0 && it.1 != pair.1);
                    assert!(is_new, "step {step}: a version twice");
                    known.push(pair);
                }
            }
            other => panic!("step {step}: {other:?}"),
        }
    }

    async fn look(&mut self, keys: &[BucketKey], person: Option<PersonKey>, step: usize) {
        let redis = self.redis.look(keys, person).await.unwrap();
        let memory = self.memory.look(keys, person).await.unwrap();
        assert_eq!(
            (redis.is_returning, redis.line),
            (memory.is_returning, memory.line),
            "step {step}"
        );
        assert_eq!(redis.blocks.len(), keys.len());
        for (key, (redis, memory)) in keys.iter().zip(redis.blocks.iter().zip(&memory.blocks)) {
            self.assert_same(*key, redis.as_ref(), memory.as_ref(), step);
        }
    }

    async fn replace(&mut self, random: &mut StdRng, now: Timestamp, step: usize) {
        let key = bucket(random);
        let known = self.versions.get(&key).map_or(&[][..], |it| it);
        let seen = match random.random_range(0..10) {
            0 | 1 => None,
            // One that nobody ever had.
            2 => Some((Version(random.random()), Version(u64::MAX))),
            3 if known.len() > 1 => Some(known[random.random_range(0..known.len() - 1)]),
            _ => known.last().copied(),
        };
        let block = random.random_bool(0.8).then(|| any_block(random, now));
        // Over already, or not within a history.
        let kept_until = if random.random_bool(0.1) {
            now.minus(Duration::from_millis(random.random_range(0..1_000)))
        } else {
            now.plus(DAY * random.random_range(60..400))
        };
        let (of_redis, of_memory) = (seen.map(|it| it.0), seen.map(|it| it.1));
        let redis = self.redis.replace(key, of_redis, block.as_ref(), kept_until, now);
        let redis = redis.await.unwrap();
        let memory = self.memory.replace(key, of_memory, block.as_ref(), kept_until, now);
        assert_eq!(redis, memory.await.unwrap(), "step {step}");
        self.look(&[key], None, step).await;
    }

    async fn blocks(&mut self, limit: usize, step: usize) {
        let redis = self.redis.blocks(limit).await.unwrap();
        let memory = self.memory.blocks(limit).await.unwrap();
        let blocks = |listed: &[StoredBlock]| listed.iter().map(|it| it.block.clone()).collect::<Vec<_>>();
        assert_eq!(blocks(&redis), blocks(&memory), "step {step}");
        assert!(redis.len() <= limit);
    }
}

#[tokio::test]
async fn what_the_guard_remembers_is_the_same_on_redis_and_in_memory() {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (_server, redis) = open().await;
    let mut pair = Pair {
        redis: redis.guard(),
        memory: MemoryGuard::new(),
        versions: BTreeMap::new(),
    };
    let mut clock = Clock {
        at: now(),
        latest: now(),
    };
    let mut batches = Batches { sent: Vec::new() };
    for step in 0..OPERATIONS {
        let now = clock.step(&mut random);
        match random.random_range(0..16) {
            0..6 => {
                let count = random.random_range(0..7);
                let fresh = (0..count).map(|_| any_change(&mut random)).collect();
                let (batch, changes) = batches.next(&mut random, fresh, &clock);
                let redis = pair.redis.score(batch, &changes, now).await.unwrap();
                let memory = pair.memory.score(batch, &changes, now).await.unwrap();
                assert_eq!(redis, memory, "step {step}: {changes:?}");
            }
            6..10 => pair.replace(&mut random, now, step).await,
            10 => {
                let keys = buckets(&mut random);
                let redis = pair.redis.scores(&keys).await.unwrap();
                assert_eq!(redis, pair.memory.scores(&keys).await.unwrap(), "step {step}");
            }
            11 => pair.blocks(random.random_range(0..14), step).await,
            12 => {
                let whose = person(&mut random);
                let span = Duration::from_secs(random.random_range(0..5));
                let until = if random.random_bool(0.3) {
                    now.minus(span)
                } else {
                    now.plus(DAY * 90)
                };
                pair.redis.remember(whose, until, now).await.unwrap();
                pair.memory.remember(whose, until, now).await.unwrap();
                if random.random() {
                    let line = person(&mut random);
                    pair.redis.learn_line(whose, line, until, now).await.unwrap();
                    pair.memory.learn_line(whose, line, until, now).await.unwrap();
                }
            }
            13 => {
                let person = person(&mut random);
                pair.redis.forget(person).await.unwrap();
                pair.memory.forget(person).await.unwrap();
            }
            _ => {
                let keys = buckets(&mut random);
                let person = random.random_bool(0.7).then(|| person(&mut random));
                pair.look(&keys, person, step).await;
            }
        }
    }
    let written: usize = pair.versions.values().map(Vec::len).sum();
    assert!(written > 300, "only {written} blocks were written");
}

fn series(random: &mut StdRng) -> SeriesKey {
    SeriesKey::from_bytes(bytes_in(random.random_range(0..3), random.random_range(0..2)))
}

fn any_tally(random: &mut StdRng, now: Timestamp) -> Tally {
    let ago = match random.random_range(0..4) {
        0 => DAY * random.random_range(0..40),
        1 => Duration::from_secs(random.random_range(0..200_000)),
        _ => Duration::from_millis(random.random_range(0..3_600_000)),
    };
    Tally {
        series: series(random),
        at: now.minus(ago),
        count: match random.random_range(0..20) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << 51,
            _ => random.random_range(1..100),
        },
    }
}

#[tokio::test]
async fn tallies_are_the_same_on_redis_and_in_memory() {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (_server, redis) = open().await;
    let (redis, memory) = (redis.tallies(), MemoryTallies::new());
    let mut clock = Clock {
        at: now(),
        latest: now(),
    };
    let mut batches = Batches { sent: Vec::new() };
    let mut counted = 0;
    for step in 0..OPERATIONS / 2 {
        let now = clock.step(&mut random);
        if random.random_bool(0.6) {
            let count = random.random_range(0..6);
            let fresh = (0..count).map(|_| any_tally(&mut random, now)).collect();
            let (batch, tallies) = batches.next(&mut random, fresh, &clock);
            redis.add(batch, &tallies, now).await.unwrap();
            memory.add(batch, &tallies, now).await.unwrap();
            continue;
        }
        let keys: Vec<_> = (0..random.random_range(0..5)).map(|_| series(&mut random)).collect();
        // What is nearly too old to be kept one of them may have dropped.
        let from = clock
            .latest
            .minus(Duration::from_secs(random.random_range(0..34 * 86_400)));
        let to = from.plus(Duration::from_secs(random.random_range(0..40 * 86_400)));
        let to = if random.random_bool(0.1) {
            from.minus(MINUTE)
        } else {
            to
        };
        let read = redis.read(&keys, from, to).await.unwrap();
        assert_eq!(
            read,
            memory.read(&keys, from, to).await.unwrap(),
            "step {step}: {from:?} to {to:?}"
        );
        counted += read.iter().map(Vec::len).sum::<usize>();
    }
    assert!(counted > 5_000, "only {counted} hours were compared");
}
