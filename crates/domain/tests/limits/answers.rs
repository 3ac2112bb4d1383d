//! What limits answer is exact: waits, what is left, what is given back at once, and numbers beyond all measure.

use std::num::NonZeroU64;
use std::time::Duration;

use countersign_domain::limit::{self, COUNT_MAX, ChargeMode, Quota, Window};
use countersign_domain::time::{DAY, Timestamp};
use rand::RngExt;

use crate::{HISTORIES, MILLISECOND, STEP_BACK_MAX, any_quota, any_state, eve, few, many, seeded};

#[test]
fn the_wait_of_a_refusal_is_exact() {
    let mut random = seeded();
    let mut waits = 0;
    for _ in 0..HISTORIES * 20 {
        let quota = any_quota(&mut random);
        let (state, latest) = any_state(&mut random, quota, ChargeMode::Always);
        let now = latest.minus(STEP_BACK_MAX.mul_f64(random.random_range(0.0..0.1)));
        let amount = many(random.random_range(1..=8));
        let place = format!("{amount} of {quota:?} from {state:?} at {now:?}");
        let Err(refused) = limit::take(state, quota, amount, now) else {
            continue;
        };
        let Some(wait) = refused.retry_after else {
            assert!(amount.get() > quota.most(), "{place}");
            assert!(limit::take(None, quota, amount, now.plus(DAY * 99)).is_err(), "{place}");
            continue;
        };
        waits += 1;
        assert!(wait > Duration::ZERO, "{place}");
        let at = now.plus(wait);
        let shorter = limit::take(state, quota, amount, at.minus(MILLISECOND));
        assert_eq!(shorter.map_err(|it| it.retry_after), Err(Some(MILLISECOND)), "{place}");
        assert!(limit::take(state, quota, amount, at).is_ok(), "{place}");
    }
    assert!(waits > HISTORIES, "{waits} waits");
}

#[test]
fn a_quota_is_full_again_exactly_when_peek_says_so() {
    let mut random = seeded();
    for _ in 0..HISTORIES * 4 {
        let quota = any_quota(&mut random);
        let (state, now) = any_state(&mut random, quota, ChargeMode::Always);
        let remaining = limit::peek(state, quota, now);
        let at = now.plus(remaining.full_after);
        let full = limit::peek(state, quota, at);
        assert_eq!((full.left, full.used), (quota.most(), 0), "{quota:?} {state:?}");
        if remaining.full_after > Duration::ZERO {
            assert!(
                limit::peek(state, quota, at.minus(MILLISECOND)).used > 0,
                "{quota:?} {state:?}"
            );
        }
        // What is left is what can be taken, and no more.
        if let Some(left) = NonZeroU64::new(remaining.left) {
            assert!(limit::take(state, quota, left, now).is_ok(), "{quota:?} {state:?}");
        }
        let more = many(remaining.left + 1);
        assert!(limit::take(state, quota, more, now).is_err(), "{quota:?} {state:?}");
        if let Some(state) = state {
            let kept_until = limit::kept_until(state, quota);
            let forgotten = limit::peek(None, quota, kept_until);
            assert_eq!(
                limit::peek(Some(state), quota, kept_until),
                forgotten,
                "{quota:?} {state:?}"
            );
        }
    }
}

#[test]
fn an_earlier_clock_never_finds_more_left_than_a_later_one() {
    let mut random = seeded();
    for _ in 0..HISTORIES * 4 {
        let quota = any_quota(&mut random);
        let (state, latest) = any_state(&mut random, quota, ChargeMode::Always);
        let Some(state) = state else {
            continue;
        };
        let earlier = latest.minus(STEP_BACK_MAX.mul_f64(random.random()));
        let [before, after] = [earlier, latest].map(|at| limit::peek(Some(state), quota, at).left);
        assert!(
            before <= after,
            "{before} at {earlier:?}, {after} at {latest:?}: {quota:?} {state:?}"
        );
    }
}

#[test]
fn what_is_given_back_at_once_leaves_no_less_and_no_more_than_before() {
    let mut random = seeded();
    for _ in 0..HISTORIES * 4 {
        let quota = any_quota(&mut random);
        let (state, now) = any_state(&mut random, quota, ChargeMode::Always);
        let amount = many(random.random_range(1..=4));
        let taken = limit::take_anyway(state, quota, amount, now);
        let given = limit::give_back(Some(taken), quota, amount, now, now);
        assert_eq!(
            limit::peek(given, quota, now),
            limit::peek(state, quota, now),
            "{quota:?} {state:?}"
        );
    }
}

/// At the ends of what is counted nothing wraps, and nothing is granted twice.
#[test]
fn numbers_beyond_all_measure_grant_no_more_than_the_quota() {
    let long = Duration::MAX;
    let quotas = [
        Quota::Rate {
            burst: few(2),
            interval: long,
        },
        Quota::Rate {
            burst: few(u32::MAX),
            interval: DAY * 365_000,
        },
        Quota::Rate {
            burst: few(u32::MAX),
            interval: Duration::ZERO,
        },
        Quota::Budget {
            amount: many(u64::MAX),
            window: Window::Month,
        },
        Quota::Budget {
            amount: many(u64::MAX),
            window: Window::Every(long),
        },
        Quota::Budget {
            amount: many(3),
            window: Window::Every(Duration::ZERO),
        },
        Quota::Unfinished {
            amount: few(u32::MAX),
            life: long,
        },
        Quota::Unfinished {
            amount: few(3),
            life: Duration::ZERO,
        },
    ];
    for quota in quotas {
        for now in [0, 1, eve().unix_millis(), COUNT_MAX - 1, COUNT_MAX, u64::MAX].map(Timestamp::from_unix_millis) {
            for amount in [1, 2, 3, u64::from(u32::MAX), COUNT_MAX - 1, COUNT_MAX, u64::MAX].map(many) {
                let (mut state, mut taken) = (None, 0_u64);
                for _ in 0..4 {
                    if let Ok(after) = limit::take(state, quota, amount, now) {
                        state = Some(after);
                        taken = taken.saturating_add(amount.get());
                    }
                    let _ = limit::take_anyway(state, quota, amount, now);
                    let _ = limit::give_back(state, quota, amount, now, now);
                    let _ = limit::peek(state, quota, now);
                }
                assert!(
                    taken <= quota.most(),
                    "{taken} of {quota:?} at {now:?}, {amount} at a time"
                );
            }
        }
    }
}
