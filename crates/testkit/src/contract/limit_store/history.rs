//! Histories: whatever is asked in whatever order, the answers are those of the reference.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Charge, LimitKey, Quota, RuleName};
use countersign_domain::ports::LimitStore;
use countersign_domain::time::{DAY, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{ReferenceLimits, STEP_BACK_MAX, budget, give_back, number, peek, rate, take};
use crate::fixture::now;
use crate::random::seed_or;

const HISTORIES: u8 = 12;
const OPERATIONS: usize = 400;

const RULES: [RuleName; 4] = [
    RuleName::SendWait,
    RuleName::SendsPerWindow,
    RuleName::SendsPerDay,
    RuleName::UnansweredSends,
];

/// Thousands of random operations over rates and budgets of many sizes, with clocks that step forward and back, each
/// answer compared. `COUNTERSIGN_SEED` replays one run.
pub async fn limits_equal_the_reference_for_seeded_histories(store: Arc<dyn LimitStore>) {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for history in 0..HISTORIES {
        run(&*store, history, &mut random).await;
    }
}

async fn run(store: &dyn LimitStore, history: u8, random: &mut StdRng) {
    let mut reference = ReferenceLimits::default();
    let mut clock = Clock {
        now: now().plus(DAY * u32::from(history)),
        latest: now(),
    };
    for step in 0..OPERATIONS {
        let now = clock.step(random);
        let charges = any_charges(random, history);
        let place = format!("history {history}, step {step}, {charges:?} at {now:?}");
        match random.random_range(0..10) {
            0..6 => {
                let taken = take(store, &charges, now).await;
                assert_eq!(taken, reference.take(&charges, now), "{place}");
            }
            6..8 => {
                give_back(store, &charges, now).await;
                reference.give_back(&charges, now);
            }
            _ => {}
        }
        // After each step, so that the first difference is found where it arises.
        let left = peek(store, &charges, now).await;
        assert_eq!(left, reference.peek(&charges, now), "{place}");
    }
}

struct Clock {
    now: Timestamp,
    latest: Timestamp,
}

impl Clock {
    /// Mostly small steps, sometimes none, sometimes a long silence, sometimes back.
    fn step(&mut self, random: &mut StdRng) -> Timestamp {
        let span = |random: &mut StdRng, max| Duration::from_millis(random.random_range(0..=max));
        self.now = match random.random_range(0..20) {
            0..4 => self.now,
            4..14 => self.now.plus(span(random, 2_000)),
            14..17 => self.now.plus(span(random, 120_000)),
            17 => self.now.plus(span(random, 90_000_000)),
            _ => self.now.minus(span(random, 60_000)),
        };
        self.latest = self.latest.max(self.now);
        self.now = self.now.max(self.latest.minus(STEP_BACK_MAX));
        self.now
    }
}

/// One to four charges on few keys, so that some of them meet.
fn any_charges(random: &mut StdRng, history: u8) -> Vec<Charge> {
    let count = random.random_range(1..=4);
    (0..count).map(|_| any_charge(random, history)).collect()
}

fn any_charge(random: &mut StdRng, history: u8) -> Charge {
    let index = random.random_range(0..8_u8);
    let size = random.random_range(1..=8);
    let (quota, most) = quota(index, size);
    let mut key = [history; 16];
    key[0] = index;
    Charge {
        rule: RULES[random.random_range(0..RULES.len())],
        key: LimitKey::from_bytes(key),
        quota,
        amount: number(random.random_range(1..=most + 1)),
    }
}

/// The quota of a key, and how much of it fits at once. The last two change their size all the time, as a
/// configuration might.
fn quota(index: u8, size: u32) -> (Quota, u32) {
    let second = Duration::from_secs(1);
    match index {
        0 => (rate(1, second), 1),
        1 => (rate(5, second * 12), 5),
        2 => (rate(10, DAY), 10),
        // Cut to whole milliseconds.
        3 => (rate(3, Duration::from_micros(1_999)), 3),
        4 => (budget(3, second), 3),
        5 => (budget(10, DAY), 10),
        6 => (rate(size, second * 7), size),
        _ => (budget(size, second * 60), size),
    }
}
