//! Honest countries: nobody is stopped in a month.

use std::time::Duration;

use crate::dice::Dice;
use crate::world::{Got, People, World, hours, nobody, run};

/// A month of a country; what its people got, and how many alarms there were.
pub(crate) fn month(people: &People, dice: &mut Dice) -> (Got, usize) {
    let mut world = World::new();
    let (got, _) = run(&mut world, hours(24 * 28), Some(people), dice, nobody);
    (got, world.alarms.len())
}

#[test]
fn countries_that_finish_forty_to_eighty_percent_are_never_stopped_in_a_month() {
    let mut dice = Dice::printed(7);
    for finish in [400, 500, 650, 800] {
        let people = People {
            sends_per_day: 6_000,
            finish,
            are_late: 100,
            blocks: 3_000,
        };
        let (got, alarms) = month(&people, &mut dice);
        println!("{finish} thousandths finish: {got:?}, {alarms} alarms");
        assert!(got.sent > 140_000, "{got:?}");
        assert_eq!(
            (got.sent, alarms),
            (got.asked(), 0),
            "{finish} thousandths finish: {got:?}"
        );
    }
}

#[test]
fn a_country_that_finishes_thirty_percent_is_challenged_at_most_and_never_stopped() {
    let mut dice = Dice::printed(8);
    let people = People {
        sends_per_day: 6_000,
        finish: 300,
        are_late: 100,
        blocks: 3_000,
    };
    let (got, alarms) = month(&people, &mut dice);
    println!("{got:?}, {alarms} alarms");
    assert_eq!((got.stopped, got.challenged), (0, 0), "people meet challenges: {got:?}");
}

#[test]
fn people_who_answer_after_two_to_eight_minutes_are_not_mistaken_for_an_attack() {
    let mut dice = Dice::printed(9);
    let people = People {
        sends_per_day: 6_000,
        finish: 600,
        are_late: 400,
        blocks: 3_000,
    };
    let (got, alarms) = month(&people, &mut dice);
    println!("{got:?}, {alarms} alarms");
    assert_eq!((got.sent, alarms), (got.asked(), 0), "{got:?}");
}

#[test]
fn a_small_country_of_few_blocks_is_not_mistaken_for_an_attack() {
    let mut dice = Dice::printed(10);
    let people = People {
        sends_per_day: 300,
        finish: 550,
        are_late: 100,
        blocks: 10,
    };
    let (got, alarms) = month(&people, &mut dice);
    println!("{got:?}, {alarms} alarms");
    assert_eq!((got.sent, alarms), (got.asked(), 0), "{got:?}");
}

#[test]
fn a_country_whose_traffic_is_twelve_times_that_of_last_month_on_one_evening_is_let_through_as_far_as_five_times() {
    let mut dice = Dice::printed(11);
    let usual = People {
        sends_per_day: 3_000,
        finish: 650,
        are_late: 100,
        blocks: 3_000,
    };
    let mut world = World::new();
    run(&mut world, hours(24 * 14), Some(&usual), &mut dice, nobody);
    let crowd = People {
        sends_per_day: 36_000,
        ..usual
    };
    let (got, _) = run(
        &mut world,
        Duration::from_secs(3_600 * 24),
        Some(&crowd),
        &mut dice,
        nobody,
    );
    println!("{got:?}, {:?}", world.alarms);
    assert_eq!((got.stopped, got.challenged), (0, 0), "no alarm: they finish as ever");
    assert!(got.sent > 30_000, "{got:?}");
}
