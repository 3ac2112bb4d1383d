//! In no stretch of time does what was taken and kept exceed the quota, whatever the order of takes and returns and
//! however the clocks go.

use std::time::Duration;

use countersign_domain::limit::{self, Quota};
use countersign_domain::time::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::{Clock, HISTORIES, STEP_BACK_MAX, any_budget, any_rate, any_unfinished, eve, many, pace, seeded};

const STEPS: usize = 60;

/// What was taken and not given back: when by its taker's clock, when by the clock that was furthest of those that had
/// taken, and how much.
#[derive(Clone, Copy, Debug)]
struct Kept {
    at: Timestamp,
    heard: Timestamp,
    amount: u64,
}

/// Takes and returns at random. After each step `judge` sees the quota, what is kept, the latest moment, and the place.
fn live(steps_back: bool, quota_of: fn(&mut StdRng) -> Quota, judge: impl Fn(Quota, &[Kept], Timestamp, &str)) {
    let mut random = seeded();
    let mut refused = 0_usize;
    for history in 0..HISTORIES {
        let quota = quota_of(&mut random);
        let mut clock = Clock {
            latest: eve(),
            pace: pace(quota),
            steps_back,
        };
        let (mut state, mut kept, mut heard) = (None, Vec::<Kept>::new(), Timestamp::EPOCH);
        for step in 0..STEPS {
            let now = clock.read(&mut random);
            if random.random_range(0..4) == 0 && !kept.is_empty() {
                let owed = kept.swap_remove(random.random_range(0..kept.len()));
                // A rate is given back to by the clock that is furthest; what others may do has a test of its own.
                let at = if matches!(quota, Quota::Rate { .. }) {
                    clock.latest
                } else {
                    now
                };
                state = limit::give_back(state, quota, many(owed.amount), owed.at, at);
            } else {
                let amount = random.random_range(1..=2);
                match limit::take(state, quota, many(amount), now) {
                    Ok(after) => {
                        state = Some(after);
                        heard = heard.max(now);
                        kept.push(Kept { at: now, heard, amount });
                    }
                    Err(_) => refused += 1,
                }
            }
            let place = format!("history {history}, step {step}, {quota:?}, {state:?}, {kept:?}");
            judge(quota, &kept, clock.latest, &place);
        }
    }
    assert!(refused > HISTORIES * STEPS / 20, "{refused} refusals");
}

fn sum(kept: &[Kept], counts: impl Fn(&Kept) -> bool) -> u64 {
    kept.iter().filter(|it| counts(it)).map(|it| it.amount).sum()
}

fn within_a_rate(quota: Quota, kept: &[Kept], extra: Duration, place: &str) {
    let Quota::Rate { burst, interval } = quota else {
        return;
    };
    for from in kept {
        for to in kept.iter().filter(|it| it.at >= from.at) {
            let taken = sum(kept, |it| (from.at..=to.at).contains(&it.at));
            let refilled = (to.at.since(from.at) + extra).as_millis() / interval.as_millis();
            let most = u128::from(burst.get()) + refilled;
            assert!(
                u128::from(taken) <= most,
                "{taken} of {most} from {from:?} to {to:?}: {place}"
            );
        }
    }
}

#[test]
fn between_any_two_moments_no_more_of_a_rate_is_kept_than_its_burst_and_what_refilled() {
    for steps_back in [false, true] {
        live(steps_back, any_rate, |quota, kept, _, place| {
            within_a_rate(quota, kept, Duration::ZERO, place);
        });
    }
}

#[test]
fn in_no_window_is_more_of_a_budget_kept_than_its_amount() {
    for steps_back in [false, true] {
        live(steps_back, any_budget, |quota, kept, _, place| {
            let Quota::Budget { amount, window } = quota else {
                return;
            };
            for one in kept {
                // A clock that is behind takes from the window that was heard of last.
                let number = window.number(one.heard);
                let taken = sum(kept, |it| window.number(it.heard) == number);
                assert!(taken <= amount.get(), "{taken} in window {number}: {place}");
            }
        });
    }
}

#[test]
fn a_clock_that_is_behind_takes_from_the_window_of_those_that_are_not() {
    let mut random = seeded();
    for _ in 0..HISTORIES {
        let quota = any_budget(&mut random);
        let Quota::Budget { amount, window } = quota else {
            continue;
        };
        // The last of a window, and how far behind its end somebody's clock still is.
        let turn = window.end(window.number(eve()));
        let behind = |random: &mut StdRng| turn.minus(STEP_BACK_MAX.mul_f64(random.random()));
        let mut state = Some(limit::take(None, quota, many(1), turn).unwrap());
        if random.random() {
            state = limit::give_back(state, quota, many(1), turn, turn);
        }
        let mut taken = u64::from(limit::peek(state, quota, turn).used > 0);
        while let Ok(after) = limit::take(state, quota, many(1), behind(&mut random)) {
            state = Some(after);
            taken += 1;
            assert!(taken <= amount.get());
        }
        assert_eq!(taken, amount.get());
        assert!(limit::take(state, quota, many(1), turn).is_err());
    }
}

#[test]
fn what_is_unfinished_and_younger_than_its_life_is_never_more_than_the_amount() {
    for steps_back in [false, true] {
        live(steps_back, any_unfinished, |quota, kept, latest, place| {
            let Quota::Unfinished { amount, life } = quota else {
                return;
            };
            // By the clock that is furthest: one that is behind takes for as long as it knew.
            let open = sum(kept, |it| latest.since(it.at) < life);
            assert!(open <= u64::from(amount.get()), "{open} at {latest:?}: {place}");
        });
    }
}

/// Clocks that are behind give back to a rate as well, and then at most what refills in five minutes is too much.
#[test]
fn giving_back_by_a_clock_that_is_behind_gives_no_more_than_what_refills_in_so_much_time() {
    let mut random = seeded();
    for history in 0..HISTORIES {
        let quota = any_rate(&mut random);
        let mut clock = Clock {
            latest: eve(),
            pace: pace(quota),
            steps_back: true,
        };
        let (mut state, mut kept) = (None, Vec::<Kept>::new());
        for step in 0..STEPS {
            let now = clock.read(&mut random);
            if random.random_range(0..4) == 0 && !kept.is_empty() {
                let owed = kept.swap_remove(random.random_range(0..kept.len()));
                state = limit::give_back(state, quota, many(owed.amount), owed.at, now);
            } else if let Ok(after) = limit::take(state, quota, many(1), now) {
                state = Some(after);
                let (at, heard, amount) = (now, clock.latest, 1);
                kept.push(Kept { at, heard, amount });
            }
            let place = format!("history {history}, step {step}, {quota:?}, {state:?}");
            within_a_rate(quota, &kept, STEP_BACK_MAX, &place);
        }
    }
}
