//! The guard over doubles that keep what it says.

mod sharing;
mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::app::Apps;
use crate::client::Client;
use crate::code::Salt;
use crate::guard::Alarm;
use crate::id::{CallerId, Environment, Purpose};
use crate::key::{Identity, KeyId, KeyRing, SecretKey};
use crate::ports::{ChallengeRefusal, StoredBlock, Version};
use crate::recipient::Converted;
use crate::rule::Rules;
use world::World;

fn country() -> Option<CountryCode> {
    CountryCode::parse("BR")
}

fn app() -> AppId {
    AppId::parse("shop").unwrap()
}

fn phone(number: u32) -> PhoneNumber {
    PhoneNumber::parse(&format!("+55119{number:08}")).unwrap()
}

/// An instance over the world.
fn instance(world: &Arc<World>, settings: Option<GuardSettings>) -> Guard {
    let key = KeyId::parse("k").unwrap();
    let rulebook = Arc::new(Rulebook {
        apps: Apps::default(),
        keys: KeyRing::new(key.clone(), [(key, SecretKey::new([1; 32]))]).unwrap(),
        identity: Identity::new(SecretKey::new([2; 32])),
        environment: Environment::parse("test").unwrap(),
        rules: Rules::default(),
        money: None,
        guard: settings,
        records_decisions: false,
    });
    Guard {
        usual: Mutex::new(Usual::of(&rulebook.apps)),
        heard: Mutex::default(),
        rulebook,
        store: Arc::clone(world) as _,
        tallies: Arc::clone(world) as _,
        challenges: Arc::clone(world) as _,
        numbering: Arc::clone(world) as _,
        clock: Arc::clone(world) as _,
        random: Arc::clone(world) as _,
        observer: Arc::clone(world) as _,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what an instance is set up with")]
fn on() -> Option<GuardSettings> {
    Some(GuardSettings::default())
}

fn world() -> Arc<World> {
    let world = World::default();
    world.now.store(1_790_000_000_000, Ordering::SeqCst);
    Arc::new(world)
}

/// What a start of `phone` comes to.
async fn start(guard: &Guard, phone: &PhoneNumber, client: &Client) -> Result<Clearance, Error> {
    let (app, purpose, caller) = (
        app(),
        Purpose::parse("sign_in").unwrap(),
        CallerId::parse("web").unwrap(),
    );
    let subject = Subject {
        phone,
        line: PersonKey::of(&guard.rulebook.identity, phone),
        country: country(),
        client,
        app: &app,
        purpose: &purpose,
        caller: &caller,
    };
    let outlook = guard.look(&subject).await?;
    guard.clear(&outlook, &subject, guard.clock.now())
}

async fn plain_start(guard: &Guard) -> Result<Clearance, Error> {
    start(guard, &phone(1), &Client::default()).await
}

/// Tells the guard of a send to `phone`, a moment ago, that is counted otherwise than before.
fn tell(guard: &Guard, phone: &PhoneNumber, from: Conversion, to: Conversion) {
    let sent_at = guard.clock.now();
    tell_of(guard, phone, Converted { sent_at, from, to });
}

fn tell_of(guard: &Guard, phone: &PhoneNumber, converted: Converted) {
    let mut after = Recipient::new(app(), Purpose::parse("sign_in").unwrap(), Salt([0; 16]));
    after.phone = Some(phone.clone());
    after.effects.converted.push(converted);
    guard.hear(None, &after, guard.clock.now());
}

async fn miss(guard: &Guard, sends: u32) {
    for number in 0..sends {
        tell(guard, &phone(number), Conversion::Awaited, Conversion::Missed);
    }
    guard.flush().await.unwrap();
}

fn alarms(events: &[Event]) -> Vec<(bool, &'static str, Rung)> {
    let alarm = |it: &Event| match it {
        Event::GuardAlarmed { app, area, rung, .. } => Some((app.is_some(), *area, *rung)),
        _ => None,
    };
    events.iter().filter_map(alarm).collect()
}

#[tokio::test]
async fn a_guard_that_is_off_asks_for_the_line_alone_and_charges_nothing() {
    let world = world();
    let guard = instance(&world, None);
    let person = PersonKey::of(&guard.rulebook.identity, &phone(1));
    world.kept.lock().unwrap().persons.insert(person, world.now());
    let clearance = plain_start(&guard).await.unwrap();
    assert!(clearance.charges.is_empty() && !clearance.counts);
    assert_eq!(world.calls.swap(0, Ordering::SeqCst), 1);
    tell(&guard, &phone(1), Conversion::Awaited, Conversion::Missed);
    guard.hear_guess(&app(), Comparison::FirstWrong, world.now());
    guard.flush().await.unwrap();
    assert_eq!(world.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_look_is_one_call_of_the_store() {
    let world = world();
    let guard = instance(&world, on());
    plain_start(&guard).await.unwrap();
    assert_eq!(world.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn twenty_six_unfinished_sends_bring_a_challenge_to_every_bucket_and_twenty_five_do_not() {
    let world = world();
    let guard = instance(&world, on());
    miss(&guard, 25).await;
    assert_eq!(alarms(&world.events()), []);
    plain_start(&guard).await.unwrap();
    miss(&guard, 1).await;
    let raised = alarms(&world.events());
    assert_eq!(raised.len(), 6, "{raised:?}");
    assert!(raised.iter().all(|(_, _, rung)| *rung == Rung::Challenge));
    let refused = plain_start(&guard).await.unwrap_err();
    let Error::ChallengeRequired { refusal, challenge, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!((refusal, challenge.is_some()), (ChallengeRefusal::Missing, true));
}

#[tokio::test]
async fn a_challenge_that_was_met_is_charged_once_and_passes() {
    let world = world();
    let guard = instance(&world, on());
    miss(&guard, 26).await;
    let client = Client {
        challenge_answer: Some("met".to_owned()),
        ..Client::default()
    };
    let clearance = start(&guard, &phone(1), &client).await.unwrap();
    let rules: Vec<_> = clearance.charges.iter().map(|it| it.rule).collect();
    let all = [
        RuleName::ChallengeOnce,
        RuleName::UnfinishedPerBlock,
        RuleName::UnfinishedPerCountry,
    ];
    assert_eq!(rules, all);
    assert!(clearance.counts);
    assert_eq!(clearance.code_length_min, 0);
}

#[tokio::test]
async fn an_alarm_after_the_challenge_stops_for_an_hour_and_says_how_long() {
    let world = world();
    let guard = instance(&world, on());
    miss(&guard, 26).await;
    world.pass(Duration::from_secs(10 * 60));
    miss(&guard, 26).await;
    world.pass(Duration::from_secs(60));
    let refused = plain_start(&guard).await.unwrap_err();
    let Error::Blocked { retry_after, alarm, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!((retry_after, alarm), (Some(Duration::from_secs(59 * 60)), "conversion"));
}

#[tokio::test]
async fn a_returning_person_passes_a_stop_uncharged_and_uncounted() {
    let world = world();
    let guard = instance(&world, on());
    miss(&guard, 26).await;
    world.pass(Duration::from_secs(600));
    miss(&guard, 26).await;
    let person = PersonKey::of(&guard.rulebook.identity, &phone(1));
    world
        .remember(person, Timestamp::EPOCH, Timestamp::EPOCH)
        .await
        .unwrap();
    let clearance = plain_start(&guard).await.unwrap();
    assert!(clearance.charges.is_empty() && !clearance.counts);
    assert!(start(&guard, &phone(2), &Client::default()).await.is_err());
}

#[tokio::test]
async fn spraying_challenges_everybody_and_lengthens_codes_and_never_stops() {
    let world = world();
    let guard = instance(&world, on());
    let person = PersonKey::of(&guard.rulebook.identity, &phone(1));
    world
        .remember(person, Timestamp::EPOCH, Timestamp::EPOCH)
        .await
        .unwrap();
    for _ in 0..5 {
        for _ in 0..40 {
            guard.hear_guess(&app(), Comparison::FirstWrong, world.now());
        }
        guard.flush().await.unwrap();
        world.pass(Duration::from_secs(600));
    }
    assert!(
        world
            .kept
            .lock()
            .unwrap()
            .blocks
            .values()
            .all(|it| it.block.rung == Rung::Challenge)
    );
    let refused = plain_start(&guard).await.unwrap_err();
    assert!(
        matches!(refused, Error::ChallengeRequired { area: "guesses", .. }),
        "{refused}"
    );
    let client = Client {
        challenge_answer: Some("met".to_owned()),
        ..Client::default()
    };
    let clearance = start(&guard, &phone(1), &client).await.unwrap();
    assert_eq!(clearance.code_length_min, SPRAYED_CODE_LENGTH_MIN);
}

#[tokio::test]
async fn whatever_is_tried_again_at_one_verification_is_no_spraying() {
    let world = world();
    let guard = instance(&world, on());
    for _ in 0..100 {
        guard.hear_guess(&app(), Comparison::WrongAgain, world.now());
    }
    guard.flush().await.unwrap();
    assert_eq!(alarms(&world.events()), []);
    for wrong in 1..=36 {
        assert_eq!(alarms(&world.events()), [], "at {wrong}");
        guard.hear_guess(&app(), Comparison::FirstWrong, world.now());
        guard.hear_guess(&app(), Comparison::WrongAgain, world.now());
        guard.flush().await.unwrap();
    }
    assert_eq!(alarms(&world.events()).len(), 2);
}

#[tokio::test]
async fn a_guard_that_only_tells_lets_pass_and_says_what_it_would_have_done() {
    let world = world();
    let settings = GuardSettings {
        mode: ChargeMode::Shadow,
        ..GuardSettings::default()
    };
    let guard = instance(&world, Some(settings));
    miss(&guard, 26).await;
    let clearance = plain_start(&guard).await.unwrap();
    assert!(clearance.charges.iter().all(|it| it.mode == ChargeMode::Shadow));
    let said = clearance.shadowed;
    assert!(
        matches!(
            said,
            Some(Event::GuardShadowed {
                rung: Rung::Challenge,
                ..
            })
        ),
        "{said:?}"
    );
}

#[test]
fn a_block_that_waits_for_an_operator_stands_in_the_way_longest() {
    let settings = GuardSettings::default();
    let now = Timestamp::from_unix_millis(1_790_000_000_000);
    let block = |rung| {
        let bucket = Bucket {
            app: None,
            area: Area::Country(country().unwrap()),
        };
        let block = Block {
            bucket,
            alarm: Alarm::Conversion,
            rung,
            score: 14_000,
            raised_at: now,
            since: now,
        };
        Some(StoredBlock {
            version: Version(1),
            block,
        })
    };
    let outlook = Outlook {
        buckets: Vec::new(),
        view: GuardView {
            blocks: vec![block(Rung::Challenge), block(Rung::Manual), block(Rung::Day)],
            ..GuardView::default()
        },
    };
    let obstacle = strongest(&outlook, &settings, now).unwrap();
    assert_eq!((obstacle.rung, obstacle.ends_at), (Rung::Manual, None));
}
