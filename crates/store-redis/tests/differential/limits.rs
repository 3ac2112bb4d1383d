//! Limits: histories of charges of every kind and size on few keys, under clocks that step back.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_domain::limit::{Charge, LimitKey, Quota, RuleName};
use countersign_domain::ports::LimitStore;
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_memory::limits::MemoryLimits;
use countersign_testkit::contract::limit_store::STEP_BACK_MAX;
use countersign_testkit::fixture::now;
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::open;

const HISTORIES: u8 = 20;
const OPERATIONS: usize = 300;
const SECOND: Duration = Duration::from_secs(1);

const RULES: [RuleName; 4] = [
    RuleName::SendWait,
    RuleName::SendsPerWindow,
    RuleName::SendsPerDay,
    RuleName::UnansweredSends,
];

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A quota of any kind; with `stays`, of one kind and window for each key, whatever its size.
fn any_quota(random: &mut StdRng, key: u8, stays: bool) -> Quota {
    let kind = if stays { key % 8 } else { random.random_range(0..8) };
    let size = match random.random_range(0..12) {
        // Beyond 140,000 years Redis counts no further.
        0 if kind != 4 => number(u32::MAX),
        1 => number(1_000_000),
        _ => number(random.random_range(1..12)),
    };
    let rate = |interval| Quota::Rate { burst: size, interval };
    let budget = |window| Quota::Budget { amount: size, window };
    match kind {
        0 => rate(SECOND),
        1 => rate(Duration::from_millis(1)),
        2 => rate(Duration::from_micros(700)),
        3 => rate(SECOND * 90),
        4 => rate(DAY * 30),
        5 => budget(SECOND),
        6 => budget(SECOND * 61),
        _ if stays => budget(DAY),
        _ => budget(SECOND * 600),
    }
}

fn any_charge(random: &mut StdRng, history: u8, stays: bool) -> Charge {
    let index = random.random_range(0..10);
    let mut key = [history; 16];
    key[0] = index;
    key[1] = index.wrapping_mul(37);
    let amount = match random.random_range(0..20) {
        0 => u32::MAX,
        1 => 1_000_000,
        _ => random.random_range(1..8),
    };
    Charge {
        rule: RULES[random.random_range(0..RULES.len())],
        key: LimitKey::from_bytes(key),
        quota: any_quota(random, index, stays),
        amount: number(amount),
    }
}

/// Mostly small steps, at times a leap, at times back.
fn step(random: &mut StdRng, clock: &mut (Timestamp, Timestamp), leap: Duration) -> Timestamp {
    let millis = |random: &mut StdRng, most: u128| {
        let most = u64::try_from(most).unwrap();
        Duration::from_millis(random.random_range(0..=most))
    };
    let (at, latest) = clock;
    *at = match random.random_range(0..10) {
        0..2 => *at,
        2..7 => at.plus(millis(random, 1_500)),
        7 => at.plus(millis(random, leap.as_millis())),
        _ => at.minus(millis(random, STEP_BACK_MAX.as_millis())),
    };
    *latest = (*latest).max(*at);
    *at = (*at).max(latest.minus(STEP_BACK_MAX));
    *at
}

async fn compare(seed: u64, stays: bool, leap: Duration) {
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (_server, redis) = open().await;
    let (redis, memory) = (redis.limits(), MemoryLimits::new());
    for history in 0..HISTORIES {
        let start = match history % 4 {
            0 => Timestamp::EPOCH.plus(DAY),
            1 => Timestamp::from_unix_millis(4_102_444_800_000),
            _ => now(),
        };
        let mut clock = (start, start);
        for operation in 0..OPERATIONS {
            let now = step(&mut random, &mut clock, leap);
            let count = random.random_range(0..=6);
            let charges: Vec<_> = (0..count).map(|_| any_charge(&mut random, history, stays)).collect();
            let place = format!("history {history}, operation {operation}, {charges:?} at {now:?}");
            match random.random_range(0..10) {
                0..6 => {
                    let taken = redis.take(&charges, now).await.unwrap();
                    assert_eq!(taken, memory.take(&charges, now).await.unwrap(), "{place}");
                }
                6..8 => {
                    redis.give_back(&charges, now).await.unwrap();
                    memory.give_back(&charges, now).await.unwrap();
                }
                _ => {}
            }
            let left = redis.peek(&charges, now).await.unwrap();
            assert_eq!(left, memory.peek(&charges, now).await.unwrap(), "{place}");
        }
    }
}

#[tokio::test]
async fn limits_are_the_same_on_redis_and_in_memory() {
    compare(seed_or(0x5EED), true, DAY * 2).await;
}

/// As after a change of the configuration. In memory a state is kept an hour longer than it counts for its last quota,
/// and Redis keeps it by its own clock; within a few minutes neither forgets what the next quota could make of it.
#[tokio::test]
async fn limits_whose_quota_changes_its_kind_and_window_all_the_time_are_the_same_on_redis_and_in_memory() {
    compare(seed_or(0x5EED), false, SECOND * 2).await;
}
