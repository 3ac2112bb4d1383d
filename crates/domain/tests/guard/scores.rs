//! The scores alone: one bucket, one observation after the other.

use countersign_domain::guard::{ALARM, Baseline, CountryHistory, GuardSettings, Points, send_points};
use countersign_domain::time::Timestamp;

use crate::dice::Dice;

/// Runs for each point of an attack.
const RUNS: usize = 400;
/// Honest sends for each share.
const SENDS: u64 = 2_000_000;
/// With so many false alarms a share is done.
const ALARMS_MAX: u64 = 10;

/// How many observations it takes until the alarm, where so many of a thousand are good; at most `most`.
pub(crate) fn until_alarm(points: Points, good: u64, dice: &mut Dice, most: u64) -> Option<u64> {
    let mut score = 0;
    (1..=most).find(|_| {
        let change = if dice.happens(good) { points.good } else { points.bad };
        score = (score + change).max(0);
        score >= ALARM
    })
}

/// The median and the highest of what 400 runs took.
pub(crate) fn of_runs(points: Points, good: u64, dice: &mut Dice) -> (u64, u64) {
    let mut runs: Vec<_> = (0..RUNS)
        .map(|_| until_alarm(points, good, dice, 1_000_000).unwrap())
        .collect();
    runs.sort_unstable();
    (runs[RUNS / 2], runs[RUNS - 1])
}

/// False alarms, and the honest sends they come from.
pub(crate) fn false_alarms(points: Points, good: u64, dice: &mut Dice) -> (u64, u64) {
    let (mut alarms, mut sends) = (0, 0);
    while sends < SENDS && alarms < ALARMS_MAX {
        match until_alarm(points, good, dice, SENDS - sends) {
            Some(until) => (alarms, sends) = (alarms + 1, sends + until),
            None => sends = SENDS,
        }
    }
    (alarms, sends)
}

/// p0 as it is learnt where so many of a thousand are finished.
pub(crate) fn learnt(finished: u64) -> u16 {
    let now = Timestamp::from_unix_millis(1_790_000_000_000);
    let hours = |count| {
        (1..=300)
            .rev()
            .map(move |hour| (now.minus(crate::world::hours(hour)), count))
    };
    let history = CountryHistory {
        sends: hours(1_000).collect(),
        finished: hours(finished).collect(),
    };
    Baseline::learn(&history, &GuardSettings::default(), now).finished
}

#[test]
fn a_block_of_which_nobody_gives_codes_back_is_stopped_after_thirty_one_matured_sends() {
    let mut dice = Dice::printed(1);
    let countries = [500, 550, 600, 650, 700, 800, 1_000].map(learnt);
    for p0 in countries.into_iter().chain([Baseline::FINISHED_UNLEARNT]) {
        for (finished, most) in [(0, 26), (50, 31)] {
            let (median, highest) = of_runs(send_points(p0), finished, &mut dice);
            println!("p0 {p0}, {finished} thousandths finished: median {median}, at most {highest}");
            assert!(median <= most, "p0 {p0}, {finished}: {median}");
        }
    }
}

#[test]
fn two_million_honest_sends_at_half_finished_and_more_raise_no_alarm() {
    let mut dice = Dice::printed(2);
    for finished in [500, 550, 600, 650, 700, 800] {
        for p0 in [450.min(learnt(finished)), learnt(finished)] {
            let (alarms, sends) = false_alarms(send_points(p0), finished, &mut dice);
            println!("{finished} thousandths finished, p0 {p0}: {alarms} in {sends}");
            assert_eq!((alarms, sends), (0, SENDS), "{finished} at p0 {p0}");
        }
    }
}

#[test]
fn a_country_drifts_toward_an_alarm_once_six_to_seven_tenths_of_its_sends_are_an_attack() {
    for finished in [400, 500, 550, 600, 650, 700, 800] {
        let Points { good, bad } = send_points(learnt(finished));
        // The share, in thousandths, of finished sends at which the score neither rises nor falls.
        let level = 1_000 * bad / (bad - good);
        let attack = 1_000 - 1_000 * level / i64::try_from(finished).unwrap();
        assert!((600..=720).contains(&attack), "{finished}: {attack}");
    }
}
