//! Histories: whatever is asked in whatever order, the answers are those of the reference.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Charge, ChargeMode, KeyParts, LimitKey, Quota, RuleName, Window};
use countersign_domain::ports::{GiveBack, LimitStore};
use countersign_domain::time::{DAY, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{ReferenceLimits, STEP_BACK_MAX, budget, give_back_together, monthly, peek, rate, take, unfinished};
use crate::fixture::{now, owed};
use crate::random::seed_or;

const HISTORIES: u8 = 12;
const OPERATIONS: usize = 400;
/// How many takes are remembered, to be given back.
const REMEMBERED: usize = 30;

const RULES: [RuleName; 4] = [
    RuleName::SendWait,
    RuleName::SendsPerWindow,
    RuleName::SendsPerDay,
    RuleName::UnansweredSends,
];

/// Thousands of random operations over quotas of every shape and many sizes, charges of every mode, and what was taken
/// earlier given back, with clocks that step forward and back; each answer compared. `COUNTERSIGN_SEED` replays one run.
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
    let start = match history % 3 {
        0 => Window::Month.end(Window::Month.number(now())).minus(STEP_BACK_MAX),
        _ => now().plus(DAY * u32::from(history)),
    };
    let mut clock = Clock {
        now: start,
        latest: start,
    };
    let mut taken = Vec::new();
    for step in 0..OPERATIONS {
        let now = clock.step(random);
        let mut charges = any_charges(random, history);
        let place = format!("history {history}, step {step}, {charges:?} at {now:?}");
        match random.random_range(0..10) {
            0..6 => {
                let answer = take(store, &charges, now).await;
                assert_eq!(answer, reference.take(&charges, now), "{place}");
                taken.push((charges.clone(), now));
                if taken.len() > REMEMBERED {
                    taken.remove(0);
                }
            }
            6 | 7 => {
                let mut owed = Vec::from(owed(&charges, now));
                for _ in 0..random.random_range(0..=3_usize.min(taken.len())) {
                    let (charges, taken_at) = taken.swap_remove(random.random_range(0..taken.len()));
                    owed.push(GiveBack { charges, taken_at });
                }
                if owed.len() > 1 && random.random() {
                    owed.remove(0);
                }
                give_back_together(store, &owed, now).await;
                reference.give_back(&owed, now);
                charges = owed.into_iter().flat_map(|it| it.charges).collect();
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
            _ => self.now.minus(span(random, 300_000)),
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
    let index = random.random_range(0..QUOTAS);
    let size = random.random_range(1..=8);
    let (quota, most) = quota(index, size);
    // The shard is in the first two bytes.
    let mut key = [history; 16];
    key[1] = index;
    let mode = match random.random_range(0..6) {
        0 => ChargeMode::Shadow,
        1 => ChargeMode::Always,
        _ => ChargeMode::Refuse,
    };
    Charge {
        rule: RULES[random.random_range(0..RULES.len())],
        key: LimitKey::from_bytes(key),
        quota,
        parts: KeyParts::EVERYTHING,
        mode,
        amount: NonZeroU64::new(random.random_range(1..=most + 1)).expect("above zero"),
    }
}

const QUOTAS: u8 = 13;

/// The quota of a key, and how much of it fits at once. The last three change their size all the time, as a
/// configuration might.
fn quota(index: u8, size: u32) -> (Quota, u64) {
    let second = Duration::from_secs(1);
    let (quota, most) = match index {
        0 => (rate(1, second), 1),
        1 => (rate(5, second * 12), 5),
        2 => (rate(10, DAY), 10),
        // Cut to whole milliseconds.
        3 => (rate(3, Duration::from_micros(1_999)), 3),
        4 => (budget(3, second), 3),
        5 => (budget(10, DAY), 10),
        6 => (monthly(50), 20),
        7 => return (monthly(1 << 53), 1 << 52),
        8 => (unfinished(4, second * 10), 4),
        9 => (unfinished(20, second * 600), 8),
        10 => (rate(size, second * 7), size),
        11 => (budget(size, second * 60), size),
        _ => (unfinished(size, second * 60), size),
    };
    (quota, most.into())
}
