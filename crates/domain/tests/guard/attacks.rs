//! Attacks: what each costs until it is stopped, and what it costs in all.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::dice::Dice;
use crate::page::{PageLines, grouped};
use crate::world::{Got, Order, People, World, app, hours, nobody, phone, run};

/// What an attack came to.
#[derive(Clone, Debug)]
pub(crate) struct Toll {
    pub(crate) name: &'static str,
    /// What the attacker got.
    pub(crate) attacker: Got,
    /// Messages that went out before the first alarm.
    pub(crate) before_alarm: u64,
    /// The most messages that went out to one block of ten thousand.
    pub(crate) per_block: u64,
    /// What people got meanwhile.
    pub(crate) honest: Got,
}

/// An order of an attacker, of which so many of a thousand are finished.
fn pumped(block: u64, finish: u64, dice: &mut Dice) -> Order {
    let finished_after = dice.happens(finish).then(|| Duration::from_secs(5 + dice.below(30)));
    Order {
        app: app("shop"),
        phone: phone(block, dice.below(10_000)),
        finished_after,
        meets_challenges: false,
    }
}

/// Runs an attack after a fortnight of people, if there are any.
fn toll(
    name: &'static str,
    span: Duration,
    people: Option<&People>,
    dice: &mut Dice,
    mut attack: impl FnMut(u64, &mut Dice) -> Vec<Order>,
) -> Toll {
    let mut world = World::new();
    if people.is_some() {
        run(&mut world, hours(24 * 14), people, dice, nobody);
        assert_eq!(world.alarms, [], "{name}: nothing had happened yet");
    }
    let (mut honest, mut attacker) = (Got::default(), Got::default());
    let (mut before_alarm, mut by_block) = (None, BTreeMap::<String, u64>::new());
    for second in 0..span.as_secs() {
        let (got, _) = run(&mut world, Duration::from_secs(1), people, dice, nobody);
        honest.add(got);
        if !world.alarms.is_empty() {
            before_alarm.get_or_insert(attacker.sent);
        }
        for order in attack(second, dice) {
            let answer = world.ask(&order);
            attacker.hear(answer);
            let block = order.phone.expose()[..10].to_owned();
            *by_block.entry(block).or_default() += u64::from(answer == crate::world::Answer::Sent);
        }
    }
    Toll {
        name,
        attacker,
        before_alarm: before_alarm.unwrap_or(attacker.sent),
        per_block: by_block.into_values().max().unwrap_or_default(),
        honest,
    }
}

/// A country with six thousand honest sends a day, of which 65 % are finished.
fn people() -> People {
    People {
        sends_per_day: 6_000,
        finish: 650,
        are_late: 100,
        blocks: 3_000,
    }
}

const FIRST: u64 = 70_000;

fn burst(finish: u64, name: &'static str, dice: &mut Dice) -> Toll {
    toll(name, hours(24), None, dice, move |second, dice| {
        let at_once = if second < 3_600 { 5 } else { 0 };
        (0..at_once).map(|_| pumped(FIRST, finish, dice)).collect()
    })
}

fn drip(dice: &mut Dice) -> Toll {
    toll(
        "a drip: one send in ten minutes to one block, for 28 days",
        hours(24 * 28),
        None,
        dice,
        |second, dice| {
            let is_due = second.is_multiple_of(600);
            is_due.then(|| pumped(FIRST, 0, dice)).into_iter().collect()
        },
    )
}

fn many_blocks(people: Option<&People>, name: &'static str, dice: &mut Dice) -> Toll {
    toll(name, hours(24), people, dice, |_, dice| {
        let block = FIRST + dice.below(500);
        vec![pumped(block, 0, dice)]
    })
}

fn mixed(dice: &mut Dice) -> Toll {
    toll(
        "one block, a tenth of it finished by the attacker, for a day",
        hours(24),
        None,
        dice,
        |second, dice| {
            let is_due = second.is_multiple_of(5);
            is_due.then(|| pumped(FIRST, 100, dice)).into_iter().collect()
        },
    )
}

fn bombing(dice: &mut Dice) -> Toll {
    let apps = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    toll(
        "bombing: one phone through ten apps, every second for a day",
        hours(24),
        None,
        dice,
        move |second, _| {
            let place = usize::try_from(second % 10).unwrap();
            vec![Order {
                app: app(apps[place]),
                phone: phone(FIRST, 1),
                finished_after: None,
                meets_challenges: false,
            }]
        },
    )
}

fn met_challenges(people: &People, dice: &mut Dice) -> Toll {
    let name = "the same, and the attacker meets every challenge";
    toll(name, hours(24), Some(people), dice, |_, dice| {
        let block = FIRST + dice.below(500);
        vec![Order {
            meets_challenges: true,
            ..pumped(block, 0, dice)
        }]
    })
}

fn quota_burn(people: Option<&People>, name: &'static str, dice: &mut Dice) -> Toll {
    // Every stranger once, in blocks that nobody saw before.
    toll(name, hours(24), people, dice, |second, _| {
        vec![Order {
            app: app("shop"),
            phone: phone(second % 100_000, second / 100_000),
            finished_after: None,
            meets_challenges: false,
        }]
    })
}

/// Every attack, as the page tells of them.
pub(crate) fn all(dice: &mut Dice) -> Vec<Toll> {
    let people = people();
    vec![
        burst(
            0,
            "a burst: five a second to one block for an hour, nothing finished",
            dice,
        ),
        burst(50, "the same, 5 % finished", dice),
        drip(dice),
        mixed(dice),
        many_blocks(
            None,
            "500 blocks of a country nobody else is in, one a second for a day",
            dice,
        ),
        many_blocks(Some(&people), "the same beside 6,000 honest sends a day", dice),
        met_challenges(&people, dice),
        bombing(dice),
        quota_burn(
            None,
            "strangers, each once and in a block of its own, one a second for a day",
            dice,
        ),
        quota_burn(Some(&people), "the same beside 6,000 honest sends a day", dice),
    ]
}

#[test]
fn every_attack_on_a_block_costs_at_most_twenty_in_flight_and_thirty_one_matured_until_its_alarm() {
    let mut dice = Dice::printed(12);
    for finish in [0, 50] {
        let mut costs: Vec<_> = (0..41)
            .map(|_| burst(finish, "a burst", &mut dice).before_alarm)
            .collect();
        costs.sort_unstable();
        println!("{finish} thousandths finished: {costs:?}");
        assert!(costs[costs.len() / 2] <= 20 + 31, "{finish}: {costs:?}");
    }
    for toll in [drip(&mut dice), bombing(&mut dice)] {
        println!("{toll:?}");
        assert!(toll.before_alarm <= 20 + 31, "{toll:?}");
    }
}

/// How many messages each attack may cost in all, in the order of [`all`].
const MOST: [u64; 10] = [100, 100, 200, 250, 1_000, 1_000, 2_000, 200, 1_000, 1_000];

#[test]
fn attacks_cost_little_in_all_as_the_page_says_and_people_beside_them_are_not_stopped() {
    let mut page =
        PageLines::new("| attack | asked for | before the first alarm | in all | to one block | people beside it |");
    for (toll, most) in all(&mut Dice::of(13)).into_iter().zip(MOST) {
        println!("{toll:?}");
        assert!(toll.attacker.sent <= most, "{toll:?}");
        assert!(toll.attacker.sent * 10 < toll.attacker.asked(), "{toll:?}");
        assert!(toll.honest.too_fast * 50 <= toll.honest.asked(), "{toll:?}");
        if !toll.name.contains("meets every challenge") {
            assert_eq!(toll.honest.stopped, 0, "people meet challenges: {toll:?}");
        }
        let beside = match toll.honest.asked() {
            0 => "–".to_owned(),
            asked => format!("{} of {} served", grouped(toll.honest.sent), grouped(asked)),
        };
        page.line(&format!(
            "| {} | {} | {} | {} | {} | {beside} |",
            toll.name,
            grouped(toll.attacker.asked()),
            toll.before_alarm,
            grouped(toll.attacker.sent),
            toll.per_block,
        ));
    }
    page.assert_written();
}
