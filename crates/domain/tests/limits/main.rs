//! Limits, put to random histories. `COUNTERSIGN_SEED` replays a run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod answers;
mod histories;
mod together;

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use countersign_domain::limit::{self, ChargeMode, LimitState, Quota, Window};
use countersign_domain::time::{DAY, Timestamp};
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub(crate) const HISTORIES: usize = 1_500;
pub(crate) const STEP_BACK_MAX: Duration = Duration::from_secs(5 * 60);
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn few(amount: u32) -> NonZeroU32 {
    NonZeroU32::new(amount).unwrap()
}

pub(crate) fn many(amount: u64) -> NonZeroU64 {
    NonZeroU64::new(amount).unwrap()
}

/// Shortly before a month, a day, an hour and a minute end: 2027-12-31 23:50.
pub(crate) fn eve() -> Timestamp {
    Timestamp::from_unix_millis(1_830_296_400_000 + 600_000)
}

pub(crate) fn seeded() -> StdRng {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

pub(crate) fn any_rate(random: &mut StdRng) -> Quota {
    Quota::Rate {
        burst: few(random.random_range(1..6)),
        interval: [MILLISECOND * 7, SECOND, SECOND * 20, SECOND * 120, DAY][random.random_range(0..5)],
    }
}

pub(crate) fn any_budget(random: &mut StdRng) -> Quota {
    let windows = [SECOND, SECOND * 60, SECOND * 600, DAY].map(Window::Every);
    Quota::Budget {
        amount: many(random.random_range(1..8)),
        window: *windows.get(random.random_range(0..5)).unwrap_or(&Window::Month),
    }
}

pub(crate) fn any_unfinished(random: &mut StdRng) -> Quota {
    Quota::Unfinished {
        amount: few(random.random_range(1..8)),
        life: [MILLISECOND * 15, SECOND * 10, SECOND * 120, SECOND * 600][random.random_range(0..4)],
    }
}

pub(crate) fn any_quota(random: &mut StdRng) -> Quota {
    [any_rate, any_budget, any_unfinished][random.random_range(0..3)](random)
}

/// How far clocks go in one step, so that quotas both fill up and refill.
pub(crate) fn pace(quota: Quota) -> Duration {
    match quota {
        Quota::Rate { interval, .. } => interval,
        Quota::Budget {
            window: Window::Every(length),
            ..
        } => (length / 10).min(SECOND * 100),
        Quota::Budget {
            window: Window::Month, ..
        } => SECOND * 100,
        Quota::Unfinished { life, .. } => life / 8,
    }
}

/// A clock that goes forward, and with `steps_back` is read on machines whose clocks are up to five minutes behind.
pub(crate) struct Clock {
    pub(crate) latest: Timestamp,
    pub(crate) pace: Duration,
    pub(crate) steps_back: bool,
}

impl Clock {
    pub(crate) fn read(&mut self, random: &mut StdRng) -> Timestamp {
        let up_to = |random: &mut StdRng, span: Duration| span.mul_f64(random.random());
        if random.random_range(0..3) > 0 {
            self.latest = self.latest.plus(up_to(random, self.pace));
        }
        if self.steps_back && random.random_range(0..3) == 0 {
            let span = [self.pace * 3, STEP_BACK_MAX][random.random_range(0..2)].min(STEP_BACK_MAX);
            return self.latest.minus(up_to(random, span));
        }
        self.latest
    }
}

/// A state as random takes and returns leave it, and the clock that was furthest.
pub(crate) fn any_state(random: &mut StdRng, quota: Quota, mode: ChargeMode) -> (Option<LimitState>, Timestamp) {
    let mut clock = Clock {
        latest: eve(),
        pace: pace(quota),
        steps_back: true,
    };
    let mut state = None;
    for _ in 0..random.random_range(0..20) {
        let now = clock.read(random);
        let amount = many(random.random_range(1..=4));
        let taken = limit::take(state, quota, amount, now);
        state = match (taken, mode) {
            _ if random.random_range(0..5) == 0 => limit::give_back(state, quota, amount, now, now),
            (Ok(after), _) => Some(after),
            (Err(_), ChargeMode::Always) => Some(limit::take_anyway(state, quota, amount, now)),
            (Err(_), ChargeMode::Refuse | ChargeMode::Shadow) => state,
        };
    }
    (state, clock.latest)
}
