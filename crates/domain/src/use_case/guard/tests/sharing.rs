//! What is heard, shared and learnt.

use std::sync::atomic::Ordering;

use super::*;
use crate::code::{Alphabet, CodeRecipe};
use crate::guard::UNFINISHED_LIFE;
use crate::ports::{BatchId, Tally};
use crate::time::{DAY, HOUR};
use crate::verification::{Verification, VerificationState};

#[tokio::test]
async fn what_was_sent_before_an_alarm_counts_for_nothing_once_the_alarm_is_known() {
    let world = world();
    let (guard, other) = (instance(&world, on()), instance(&world, on()));
    let sent_at = world.now();
    miss(&guard, 26).await;
    assert_eq!(alarms(&world.events()).len(), 6);
    world.pass(Duration::from_secs(600));
    assert!(plain_start(&other).await.is_err(), "so it knows of the alarm");
    for number in 0..200 {
        for guard in [&guard, &other] {
            let (from, to) = (Conversion::Awaited, Conversion::Missed);
            tell_of(guard, &phone(number), Converted { sent_at, from, to });
        }
    }
    guard.flush().await.unwrap();
    other.flush().await.unwrap();
    assert_eq!(alarms(&world.events()), []);
    assert!(world.kept.lock().unwrap().scores.is_empty());
}

#[tokio::test]
async fn an_instance_that_does_not_know_of_the_alarm_empties_the_score_it_fills_in_the_first_minutes() {
    let world = world();
    let (guard, other) = (instance(&world, on()), instance(&world, on()));
    miss(&guard, 26).await;
    assert_eq!(alarms(&world.events()).len(), 6);
    world.pass(Duration::from_secs(60));
    miss(&other, 30).await;
    assert_eq!(alarms(&world.events()), []);
    assert!(world.kept.lock().unwrap().scores.is_empty());
}

#[tokio::test]
async fn two_instances_that_hear_half_each_raise_one_alarm_of_each_bucket() {
    let world = world();
    let (one, other) = (instance(&world, on()), instance(&world, on()));
    for number in 0..13 {
        tell(&one, &phone(number), Conversion::Awaited, Conversion::Missed);
        tell(&other, &phone(number), Conversion::Awaited, Conversion::Missed);
    }
    let (first, second) = tokio::join!(one.flush(), other.flush());
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(alarms(&world.events()).len(), 6);
}

#[tokio::test]
async fn a_batch_whose_answer_was_lost_counts_once_and_the_outage_is_said_once() {
    let world = world();
    let guard = instance(&world, on());
    tell(&guard, &phone(1), Conversion::Awaited, Conversion::Missed);
    world.loses_answers.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        assert!(guard.flush().await.is_err());
    }
    tell(&guard, &phone(1), Conversion::Awaited, Conversion::Missed);
    world.loses_answers.store(false, Ordering::SeqCst);
    guard.flush().await.unwrap();
    let kept = world.kept.lock().unwrap();
    assert!(kept.scores.values().all(|it| *it == 2 * 557), "{:?}", kept.scores);
    let sends = Bucket {
        app: None,
        area: Area::Country(country().unwrap()),
    }
    .series(&guard.rulebook.identity, SENDS);
    let counted: u64 = kept
        .counts
        .iter()
        .filter(|((it, _), _)| *it == sends)
        .map(|(_, count)| count)
        .sum();
    assert_eq!(counted, 2);
    drop(kept);
    assert_eq!(world.events(), [Event::GuardUnheard]);
}

#[tokio::test]
async fn a_batch_that_is_older_than_the_stores_memory_of_batches_is_given_up() {
    let world = world();
    let guard = instance(&world, on());
    tell(&guard, &phone(1), Conversion::Awaited, Conversion::Missed);
    world.loses_answers.store(true, Ordering::SeqCst);
    assert!(guard.flush().await.is_err());
    world.loses_answers.store(false, Ordering::SeqCst);
    world.kept.lock().unwrap().batches.clear();
    world.pass(Duration::from_secs(10 * 60));
    guard.flush().await.unwrap();
    assert!(world.kept.lock().unwrap().scores.values().all(|it| *it == 557));
}

#[tokio::test]
async fn a_store_that_is_away_for_long_costs_the_oldest_and_not_the_memory() {
    let world = world();
    let guard = instance(&world, on());
    world.is_away.store(true, Ordering::SeqCst);
    for number in 0..30_000 {
        tell(&guard, &phone(number * 1_000), Conversion::Awaited, Conversion::Missed);
    }
    assert!(guard.flush().await.is_err());
    world.is_away.store(false, Ordering::SeqCst);
    guard.flush().await.unwrap();
    let kept = world.kept.lock().unwrap().scores.len();
    assert!((39_000..=40_500).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_late_success_gives_its_points_back_and_more() {
    let world = world();
    let guard = instance(&world, on());
    miss(&guard, 10).await;
    tell(&guard, &phone(1), Conversion::Missed, Conversion::Finished);
    guard.flush().await.unwrap();
    let kept = world.kept.lock().unwrap();
    assert!(
        kept.scores.values().all(|it| *it == 9 * 557 - 2_397),
        "{:?}",
        kept.scores
    );
}

#[tokio::test]
async fn a_country_is_counted_at_once_and_refused_once_its_usual_was_read() {
    let world = world();
    let guard = instance(&world, on());
    let mode = |clearance: Clearance| {
        let charge = clearance
            .charges
            .into_iter()
            .find(|it| it.rule == RuleName::UnfinishedPerCountry);
        charge.map(|it| (it.mode, it.quota.most()))
    };
    assert_eq!(
        mode(plain_start(&guard).await.unwrap()),
        Some((ChargeMode::Always, 100))
    );
    let sends = Bucket {
        app: None,
        area: Area::Country(country().unwrap()),
    }
    .series(&guard.rulebook.identity, SENDS);
    let tally = Tally {
        series: sends,
        at: world.now().hour().minus(DAY * 7),
        count: 600,
    };
    world.add(BatchId([9; 16]), &[tally], world.now()).await.unwrap();
    guard.flush().await.unwrap();
    assert_eq!(
        mode(plain_start(&guard).await.unwrap()),
        Some((ChargeMode::Refuse, 500))
    );
}

#[tokio::test]
async fn what_is_usual_is_read_anew_when_the_hour_has_turned_and_not_before() {
    let world = world();
    let guard = instance(&world, on());
    plain_start(&guard).await.unwrap();
    let flushed_calls = async || {
        let before = world.calls.load(Ordering::SeqCst);
        guard.flush().await.unwrap();
        world.calls.load(Ordering::SeqCst) - before
    };
    assert_eq!(flushed_calls().await, 1);
    let next_hour = world.now().hour().plus(HOUR);
    world.pass(next_hour.minus(Duration::from_millis(1)).since(world.now()));
    assert_eq!(flushed_calls().await, 0);
    world.pass(Duration::from_millis(1));
    assert_eq!(flushed_calls().await, 1);
    assert_eq!(flushed_calls().await, 0);
    // A clock that was days ahead, and is set right.
    let right = world.now.load(Ordering::SeqCst);
    world.pass(DAY * 20);
    assert_eq!(flushed_calls().await, 1);
    world.now.store(right, Ordering::SeqCst);
    assert_eq!(flushed_calls().await, 1);
    assert_eq!(flushed_calls().await, 0);
}

#[tokio::test]
async fn one_flush_reads_the_usual_of_few_and_first_of_those_of_which_nothing_is_known() {
    let world = world();
    let guard = instance(&world, on());
    let countries = |from: char| ('A'..='Z').map(move |to| CountryCode::parse(&format!("{from}{to}")).unwrap());
    let meet = |country| {
        let area = Area::Country(country);
        guard.usual().meet(&[Bucket { app: None, area }]);
    };
    countries('A').chain(countries('B')).for_each(meet);
    let is_read = |country| guard.usual().unfinished_max(&GuardSettings::default(), Some(country)).1;
    let read = |from| countries(from).filter(|it| is_read(*it)).count();
    guard.flush().await.unwrap();
    assert!(
        (20..=32).contains(&(read('A') + read('B'))),
        "{} {}",
        read('A'),
        read('B')
    );
    guard.flush().await.unwrap();
    assert_eq!(read('A') + read('B'), 52);

    world.pass(HOUR);
    countries('C').for_each(meet);
    guard.flush().await.unwrap();
    assert_eq!(read('C'), 26);
}

#[tokio::test]
async fn who_gives_a_code_back_is_remembered_for_ninety_days_although_the_phone_is_forgotten_with_it() {
    let world = world();
    let guard = instance(&world, on());
    let at = world.now();
    let mut before = Recipient::new(app(), Purpose::parse("sign_in").unwrap(), Salt([0; 16]));
    before.phone = Some(phone(1));
    before.verifications.push(Verification {
        serial: 1,
        opened_at: at,
        expires_at: at.plus(UNFINISHED_LIFE),
        recipe: CodeRecipe {
            key: KeyId::parse("k").unwrap(),
            generation: 0,
            keep_previous: false,
            length: 6,
            alphabet: Alphabet::Numeric,
            context: None,
        },
        wrong_guesses: 0,
        guesses_max: 5,
        deliveries: Vec::new(),
        identity: None,
        state: VerificationState::Open,
    });
    let mut after = before.clone();
    after.phone = None;
    after.verifications[0].state = VerificationState::Approved { at };
    guard.hear(Some(&before), &before, at);
    guard.flush().await.unwrap();
    assert!(
        world.kept.lock().unwrap().persons.is_empty(),
        "nothing was approved yet"
    );
    guard.hear(Some(&before), &after, at);
    guard.flush().await.unwrap();
    let person = PersonKey::of(&guard.rulebook.identity, &phone(1));
    let known: Vec<_> = world.kept.lock().unwrap().persons.clone().into_iter().collect();
    assert_eq!(known, [(person, at.plus(DAY * 90))]);
    guard.hear(Some(&after), &after, at.plus(DAY));
    guard.flush().await.unwrap();
    let known: Vec<_> = world.kept.lock().unwrap().persons.values().copied().collect();
    assert_eq!(known, [at.plus(DAY * 90)], "an old approval is no news");
}
