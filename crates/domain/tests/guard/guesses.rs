//! Spraying: few guesses at very many phones (A4).

use countersign_domain::guard::{ALARM, guess_points, usual_wrong};
use countersign_domain::time::Timestamp;

use crate::dice::Dice;
use crate::scores::false_alarms;
use crate::world::hours;

/// So many wrong guesses of six digits have an expected success of a thousandth.
const GUESSES_MAX: u64 = 1_000;

/// q0 as it is learnt where so many of a thousand guesses are wrong.
pub(crate) fn learnt(wrong: u64) -> u16 {
    let now = Timestamp::from_unix_millis(1_790_000_000_000);
    let hours = |count| {
        (1..=300)
            .rev()
            .map(move |hour| (now.minus(hours(hour)), count))
            .collect::<Vec<_>>()
    };
    usual_wrong(&hours(1_000), &hours(wrong), now)
}

/// Tries at each verification, by default: the first wrong one counts.
const TRIES: u64 = 5;

/// At how many of 100,000 verifications somebody guesses before the alarm, with `beside` honest ones for each thousand
/// of them.
fn sprayed(q0: u16, wrong: u64, beside: u64, dice: &mut Dice) -> Option<u64> {
    let points = guess_points(q0);
    let (mut score, mut debt) = (0, 0);
    (1..=100_000).find(|_| {
        let mut add = |is_right: bool| {
            score = (score + if is_right { points.good } else { points.bad }).max(0);
        };
        add(dice.below(1_000_000) == 0);
        debt += beside;
        while debt >= 1_000 {
            debt -= 1_000;
            add(!dice.happens(wrong));
        }
        score >= ALARM
    })
}

#[test]
fn spraying_is_seen_before_a_thousand_guesses_alone_and_half_and_half_with_honest_ones() {
    let mut dice = Dice::printed(3);
    let learnt = [0, 20, 60, 120, 200, 300, 500].map(|wrong| (wrong, learnt(wrong)));
    let unlearnt = [20, 60, 120, 200].map(|wrong| (wrong, learnt_never()));
    for (wrong, q0) in learnt.into_iter().chain(unlearnt) {
        for beside in [0, 1_000] {
            let most = (0..400)
                .map(|_| sprayed(q0, wrong, beside, &mut dice))
                .max_by_key(|it| it.unwrap_or(u64::MAX));
            println!("{wrong} thousandths wrong, q0 {q0}, {beside} beside: at most {most:?}");
            assert!(
                most.flatten().is_some_and(|it| it * TRIES < GUESSES_MAX),
                "{wrong} {q0} {beside}: {most:?}"
            );
        }
    }
}

/// q0 until it is learnt.
fn learnt_never() -> u16 {
    usual_wrong(&[], &[], Timestamp::EPOCH)
}

#[test]
fn two_million_honest_guesses_raise_no_alarm() {
    let mut dice = Dice::printed(4);
    for wrong in [0, 20, 60, 120, 200, 250, 300] {
        let alarms = false_alarms(guess_points(learnt(wrong)), 1_000 - wrong, &mut dice);
        assert_eq!(alarms, (0, 2_000_000), "{wrong} thousandths wrong");
    }
}

#[test]
fn people_who_mistype_twice_in_a_row_raise_no_alarm_in_two_million_guesses() {
    let mut dice = Dice::printed(5);
    for wrong in [20, 60, 120, 200] {
        let points = guess_points(learnt(wrong));
        let (mut score, mut last_was_wrong) = (0_i64, false);
        for guess in 0..2_000_000 {
            // Who was wrong once is wrong again twice as often.
            let odds = if last_was_wrong {
                wrong * 2
            } else {
                wrong - wrong * wrong / 1_000
            };
            last_was_wrong = dice.happens(odds);
            score = (score + if last_was_wrong { points.bad } else { points.good }).max(0);
            assert!(score < ALARM, "{wrong} thousandths wrong, at guess {guess}");
        }
    }
}
