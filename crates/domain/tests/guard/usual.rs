//! What is learnt, and how little an attacker can teach.

use countersign_domain::guard::{Baseline, CountryHistory, FINISHED_MIN, GuardSettings, Hours};
use countersign_domain::time::Timestamp;

use crate::world::hours;

/// A Tuesday, at 14:20 UTC.
fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_400_000)
}

/// `count(hour)` sends in each of the last `long` hours, of which `share` thousandths are finished.
fn history(long: u32, count: impl Fn(u32) -> u64, share: impl Fn(u32) -> u64) -> CountryHistory {
    let this_hour = Timestamp::from_unix_millis(now().unix_millis() / 3_600_000 * 3_600_000);
    let at = |back| this_hour.minus(hours(back));
    let sends: Hours = (0..long).rev().map(|back| (at(back), count(back))).collect();
    let finished = (0..long)
        .rev()
        .map(|back| (at(back), count(back) * share(back) / 1_000))
        .collect();
    CountryHistory { sends, finished }
}

fn learn(history: &CountryHistory) -> Baseline {
    Baseline::learn(history, &GuardSettings::default(), now())
}

#[test]
fn with_fewer_than_two_hundred_sends_nothing_is_learnt() {
    let few = learn(&history(199, |_| 1, |_| 1_000));
    assert_eq!((few.finished, few.unfinished_max, few.is_learnt), (450, 100, false));
    assert!(learn(&history(200, |_| 1, |_| 1_000)).is_learnt);
}

#[test]
fn p0_is_seven_tenths_of_the_share_and_of_half_and_less_nine_tenths_within_bounds() {
    let learnt = [(1_000, 700), (800, 560), (650, 455), (640, 450), (500, 450), (490, 441)];
    for (share, p0) in learnt.into_iter().chain([(400, 360), (334, 300), (0, 300)]) {
        assert_eq!(learn(&history(24 * 28, |_| 1_000, |_| share)).finished, p0, "{share}");
    }
}

#[test]
fn what_is_older_than_a_fortnight_teaches_no_share() {
    let better = learn(&history(
        24 * 28,
        |_| 1_000,
        |back| if back < 24 * 14 { 800 } else { 100 },
    ));
    assert_eq!(better.finished, 560);
}

#[test]
fn six_days_of_an_attack_ten_times_the_traffic_teach_no_share() {
    let is_attack = |back| back < 24 * 6;
    let attacked = history(
        24 * 28,
        |back| if is_attack(back) { 1_100 } else { 100 },
        |back| if is_attack(back) { 60 } else { 650 },
    );
    assert_eq!(learn(&attacked).finished, 455);
}

#[test]
fn a_month_of_an_attack_teaches_no_less_than_the_bound() {
    assert_eq!(learn(&history(24 * 28, |_| 10_000, |_| 0)).finished, FINISHED_MIN);
}

#[test]
fn five_times_the_usual_of_this_hour_of_the_week_may_be_unfinished() {
    // 6000 sends in this hour of the week are 1000 within the life of a code.
    let of_the_week = |back: u32| {
        if back > 0 && back.is_multiple_of(24 * 7) {
            6_000
        } else {
            6
        }
    };
    assert_eq!(learn(&history(24 * 28 + 1, of_the_week, |_| 650)).unfinished_max, 5_000);
    let one_hour_off = |back: u32| if back % (24 * 7) == 1 { 6_000 } else { 6 };
    assert_eq!(learn(&history(24 * 28 + 1, one_hour_off, |_| 650)).unfinished_max, 100);
}

#[test]
fn the_busiest_of_four_weeks_teaches_nothing() {
    let attacked = |back: u32| if back == 24 * 7 { 600_000 } else { 1_200 };
    assert_eq!(learn(&history(24 * 28 + 1, attacked, |_| 650)).unfinished_max, 1_000);
}

#[test]
fn in_its_first_week_a_country_is_measured_by_the_hours_of_its_days() {
    let young = history(24 * 3 + 1, |_| 1_200, |_| 650);
    assert_eq!(learn(&young).unfinished_max, 1_000);
    let newborn = history(20, |_| 1_200, |_| 650);
    assert_eq!(learn(&newborn).unfinished_max, 100);
}

#[test]
fn a_history_of_nothing_or_from_the_future_is_no_history() {
    assert_eq!(
        learn(&CountryHistory::default()),
        Baseline::unlearnt(&GuardSettings::default())
    );
    let future = vec![(now().plus(hours(30)), u64::from(u32::MAX))];
    let odd = CountryHistory {
        sends: future.clone(),
        finished: future,
    };
    assert_eq!(learn(&odd).unfinished_max, 100);
}
