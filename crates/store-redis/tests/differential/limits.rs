//! Limits: histories of charges of every shape, mode and size on few keys, and of what is given back later, under clocks
//! that step back.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use countersign_domain::limit::{self, Charge, ChargeMode, KeyParts, LimitKey, Quota, Remaining, RuleName, Window};
use countersign_domain::ports::{GiveBack, LimitStore};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_redis::Redis;
use countersign_testkit::contract::limit_store::STEP_BACK_MAX;
use countersign_testkit::fixture::{now, owed};
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::common::{open, open_cluster};

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

/// A quota of any shape; with `stays`, of one shape and window for each key, whatever its size.
fn any_quota(random: &mut StdRng, key: u8, stays: bool) -> Quota {
    let kind = if stays {
        key % KINDS
    } else {
        random.random_range(0..KINDS)
    };
    let size = match random.random_range(0..12) {
        0 => u32::MAX,
        1 => 1_000_000,
        _ => random.random_range(1..12),
    };
    let rate = |interval| Quota::Rate {
        burst: number(size),
        interval,
    };
    let budget = |window| Quota::Budget {
        amount: NonZeroU64::from(number(size)),
        window,
    };
    let unfinished = |life| Quota::Unfinished {
        amount: number(size),
        life,
    };
    match kind {
        0 => rate(SECOND),
        1 => rate(Duration::from_millis(1)),
        2 => rate(Duration::from_micros(700)),
        3 => rate(SECOND * 90),
        4 => rate(DAY * 30),
        5 => budget(Window::Every(SECOND)),
        6 => budget(Window::Every(SECOND * 61)),
        7 => budget(Window::DAY),
        8 => budget(Window::Month),
        9 => Quota::Budget {
            amount: NonZeroU64::new((1 << 53) - u64::from(size)).unwrap(),
            window: Window::Month,
        },
        10 => unfinished(SECOND * 600),
        11 => unfinished(SECOND * 7),
        _ => unfinished(Duration::from_millis(3)),
    }
}

const KINDS: u8 = 13;

/// On any of the limits, of which each has its quota.
fn any_charge(random: &mut StdRng, history: u8, quotas: &[Quota]) -> Charge {
    let index = random.random_range(0..KINDS);
    let mut key = [history; 16];
    key[0] = index;
    key[1] = index.wrapping_mul(37);
    let amount = match random.random_range(0..20) {
        0 => u64::from(u32::MAX),
        1 => 1_000_000,
        2 => [u64::MAX, 1 << 53, (1 << 53) - 1, 1 << 52][random.random_range(0..4)],
        _ => random.random_range(1..8),
    };
    let mode = match random.random_range(0..6) {
        0 => ChargeMode::Shadow,
        1 => ChargeMode::Always,
        _ => ChargeMode::Refuse,
    };
    Charge {
        rule: RULES[random.random_range(0..RULES.len())],
        parts: KeyParts::EVERYTHING,
        key: LimitKey::from_bytes(key),
        quota: quotas[usize::from(index)],
        amount: NonZeroU64::new(amount).unwrap(),
        mode,
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

async fn compare(seed: u64, redis: &Redis, stays: bool, leap: Duration) {
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (redis, memory) = (redis.limits(), MemoryLimits::new());
    for history in 0..HISTORIES {
        let start = match history % 4 {
            0 => Timestamp::EPOCH.plus(DAY),
            1 => Timestamp::from_unix_millis(4_102_444_800_000),
            2 => Window::Month.end(Window::Month.number(now())).minus(SECOND * 600),
            _ => now(),
        };
        let mut clock = (start, start);
        let mut taken = Vec::new();
        for operation in 0..OPERATIONS {
            let now = step(&mut random, &mut clock, leap);
            let count = random.random_range(0..=6);
            let quotas: Vec<_> = (0..KINDS).map(|key| any_quota(&mut random, key, stays)).collect();
            let mut charges: Vec<_> = (0..count).map(|_| any_charge(&mut random, history, &quotas)).collect();
            let place = format!("history {history}, operation {operation}, {charges:?} at {now:?}");
            match random.random_range(0..10) {
                0..6 => {
                    let answer = redis.take(&charges, now).await.unwrap();
                    assert_eq!(answer, memory.take(&charges, now).await.unwrap(), "{place}");
                    taken.push((charges.clone(), now));
                }
                6..8 => {
                    let mut owed = Vec::from(owed(&charges, now));
                    for _ in 0..random.random_range(0..=3_usize.min(taken.len())) {
                        let (charges, taken_at) = taken.swap_remove(random.random_range(0..taken.len()));
                        owed.push(GiveBack { charges, taken_at });
                    }
                    if owed.len() > 1 && random.random() {
                        owed.remove(0);
                    }
                    redis.give_back(&owed, now).await.unwrap();
                    memory.give_back(&owed, now).await.unwrap();
                    charges = owed.into_iter().flat_map(|it| it.charges).collect();
                }
                _ => {}
            }
            let left = left(&redis, &charges, now).await;
            assert_eq!(left, self::left(&memory, &charges, now).await, "{place}");
        }
    }
}

/// What is held may differ: a store forgets what counts for nothing when it likes.
async fn left(limits: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Vec<Remaining> {
    let held = limits.peek(charges).await.unwrap();
    let each = charges.iter().zip(held);
    each.map(|(charge, held)| limit::peek(held, charge.quota, now))
        .collect()
}

#[tokio::test]
async fn limits_are_the_same_on_redis_and_in_memory() {
    let (_server, redis) = open().await;
    compare(seed_or(0x5EED), &redis, true, DAY * 2).await;
}

/// Whose slots are asked one after the other.
#[tokio::test]
async fn limits_are_the_same_on_a_cluster_and_in_memory() {
    let (_server, redis) = open_cluster().await;
    compare(seed_or(0x5EED), &redis, true, DAY * 2).await;
}

/// As after a change of the configuration. In memory a state is kept an hour longer than it counts for its last quota,
/// and Redis keeps it by its own clock; within a few minutes neither forgets what the next quota could make of it.
#[tokio::test]
async fn limits_whose_quota_changes_its_shape_and_window_all_the_time_are_the_same_on_redis_and_in_memory() {
    let (_server, redis) = open().await;
    compare(seed_or(0x5EED), &redis, false, SECOND * 2).await;
}
