//! The ladder: rungs, their ends, and what is remembered of them.

use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::guard::{Alarm, Area, Block, Bucket, GuardSettings, NumberBlock, Rung};
use countersign_domain::time::Timestamp;

use crate::dice::Dice;
use crate::world::hours;

const MINUTE: Duration = Duration::from_secs(60);

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_790_000_000_000)
}

fn of_a_block() -> Bucket {
    Bucket {
        app: None,
        area: Area::TenThousand(NumberBlock::from_prefix("+551190000")),
    }
}

fn raise(before: Option<&Block>, bucket: &Bucket, now: Timestamp) -> Option<Block> {
    Block::raised(
        before,
        bucket,
        Alarm::Conversion,
        14_000,
        &GuardSettings::default(),
        now,
    )
}

/// Alarms, each as soon as the stop of the one before has ended.
fn climb(rungs: usize) -> Vec<Block> {
    let settings = GuardSettings::default();
    let mut row: Vec<Block> = Vec::new();
    for _ in 0..rungs {
        let at = row.last().map_or(now(), |it| it.ends_at(&settings).unwrap());
        row.push(raise(row.last(), &of_a_block(), at).unwrap());
    }
    row
}

#[test]
fn alarms_in_a_row_climb_from_the_challenge_to_the_operator() {
    let row = climb(5);
    let rungs: Vec<_> = row.iter().map(|it| it.rung).collect();
    assert_eq!(rungs, Rung::ALL);
    assert!(row.iter().all(|it| it.since == now()));
    assert_eq!(row[4].ends_at(&GuardSettings::default()), None);
}

#[test]
fn a_rung_is_in_force_as_long_as_it_lasts() {
    let settings = GuardSettings::default();
    let lengths = [Some(MINUTE * 15), Some(hours(1)), Some(hours(6)), Some(hours(24)), None];
    for (block, length) in climb(5).iter().zip(lengths) {
        let last = block
            .raised_at
            .plus(length.unwrap_or(hours(24 * 365)))
            .minus(Duration::from_millis(1));
        assert_eq!(block.in_force(&settings, block.raised_at), Some(block.rung));
        assert_eq!(block.in_force(&settings, last), Some(block.rung));
        assert_eq!(block.in_force(&settings, last.plus(Duration::from_millis(1))), None);
    }
}

#[test]
fn an_alarm_while_a_stop_is_in_force_changes_nothing() {
    for block in climb(5).iter().skip(1) {
        for minutes in [0, 1, 59] {
            assert_eq!(
                raise(Some(block), &of_a_block(), block.raised_at.plus(MINUTE * minutes)),
                None
            );
        }
    }
}

#[test]
fn an_alarm_in_the_first_three_minutes_of_a_challenge_changes_nothing() {
    let first = &climb(1)[0];
    let raised_after = |span| raise(Some(first), &of_a_block(), now().plus(span)).map(|it| it.rung);
    assert_eq!(raised_after(Duration::ZERO), None);
    assert_eq!(raised_after(Duration::from_secs(179)), None);
    assert_eq!(raised_after(Duration::from_secs(180)), Some(Rung::Hour));
}

#[test]
fn a_clock_that_steps_back_neither_ends_a_stop_nor_raises_another() {
    let settings = GuardSettings::default();
    for block in climb(5) {
        let before = block.raised_at.minus(hours(1));
        assert_eq!(block.in_force(&settings, before), Some(block.rung));
        assert_eq!(raise(Some(&block), &of_a_block(), before), None);
    }
}

#[test]
fn each_clean_day_after_the_stop_steps_the_memory_down_one_rung() {
    let settings = GuardSettings::default();
    let block = &climb(4)[3];
    let ended_at = block.ends_at(&settings).unwrap();
    let after = |days: u32| ended_at.plus(hours(24 * days));
    let next: Vec<_> = (0..5)
        .map(|days| raise(Some(block), &of_a_block(), after(days)).unwrap())
        .collect();
    let rungs: Vec<_> = next.iter().map(|it| it.rung).collect();
    assert_eq!(
        rungs,
        [Rung::Manual, Rung::Day, Rung::SixHours, Rung::Hour, Rung::Challenge]
    );
    assert_eq!(next[4].since, after(4), "a new row");
    assert_eq!(block.kept_until(&settings), after(4));
}

fn of_a_country() -> Bucket {
    Bucket {
        app: None,
        area: Area::Country(CountryCode::parse("BR").unwrap()),
    }
}

#[test]
fn a_country_that_challenges_protect_is_challenged_for_as_long_as_the_row_has_lasted_and_never_stopped() {
    let settings = GuardSettings::default();
    let mut block = raise(None, &of_a_country(), now()).unwrap();
    let mut lengths = Vec::new();
    for _ in 0..12 {
        let ends_at = block.ends_at(&settings).unwrap();
        lengths.push(ends_at.since(block.raised_at).as_secs() / 60);
        // The attack is there again two minutes after the challenge ended.
        block = raise(Some(&block), &of_a_country(), ends_at.plus(MINUTE * 2)).unwrap();
        assert_eq!((block.rung, block.since), (Rung::Challenge, now()));
    }
    assert_eq!(
        lengths,
        [15, 17, 36, 74, 150, 302, 606, 1_214, 1_440, 1_440, 1_440, 1_440]
    );
}

#[test]
fn a_country_whose_challenges_are_met_and_whose_codes_are_not_given_back_climbs_the_ladder() {
    let settings = GuardSettings::default();
    let challenged = raise(None, &of_a_country(), now()).unwrap();
    let mut row = vec![raise(Some(&challenged), &of_a_country(), now().plus(MINUTE * 5)).unwrap()];
    for _ in 0..3 {
        let last = row.last().unwrap();
        row.extend(raise(Some(last), &of_a_country(), last.ends_at(&settings).unwrap()));
    }
    let rungs: Vec<_> = row.iter().map(|it| it.rung).collect();
    assert_eq!(rungs, Rung::ALL[1..]);
}

#[test]
fn guesses_are_challenged_and_never_more() {
    let guesses = Bucket {
        app: None,
        area: Area::Guesses,
    };
    let mut block = raise(None, &guesses, now()).unwrap();
    for _ in 0..20 {
        let at = block.raised_at.plus(MINUTE * 10);
        let next = raise(Some(&block), &guesses, at).unwrap();
        assert_eq!((next.rung, next.raised_at), (Rung::Challenge, at), "it lasts anew");
        block = next;
    }
}

#[test]
fn from_the_end_of_its_keeping_on_a_block_equals_none() {
    let settings = GuardSettings::default();
    let mut dice = Dice::printed(6);
    for block in climb(5) {
        let kept_until = block.kept_until(&settings);
        for _ in 0..1_000 {
            let later = kept_until.plus(Duration::from_millis(dice.below(10_000_000_000)));
            let with = raise(Some(&block), &of_a_block(), later);
            assert_eq!(
                (block.in_force(&settings, later), block.remembered(&settings, later)),
                (None, None)
            );
            assert_eq!(with, raise(None, &of_a_block(), later));
        }
        let just_before = kept_until.minus(Duration::from_millis(1));
        assert!(block.remembered(&settings, just_before).is_some());
    }
}
