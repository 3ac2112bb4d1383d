//! Replaying a record: the same rules decide the same again, and others say what they would have cost.

mod by_hand;

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::client::Client;
use countersign_domain::code::Guess;
use countersign_domain::delivery::{NextStep, ProviderReport, Rejection};
use countersign_domain::guard::GuardSettings;
use countersign_domain::id::ShardCount;
use countersign_domain::limit::{ChargeMode, KeyPart, KeyParts, Quota, RuleLabel, Window};
use countersign_domain::ports::Clock;
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules};
use countersign_domain::template::Platform;
use countersign_domain::use_case::{
    CheckRequest, RecordedEvent, Replay, ReplayTable, Rulebook, StartRequest, VerificationName,
};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::fixture;
use countersign_testkit::house::House;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const STARTS: u32 = 400;

fn rate(burst: u32, period: u64) -> Quota {
    Quota::Rate {
        burst: NonZeroU32::new(burst).expect("above zero"),
        interval: Duration::from_secs(period) / burst,
    }
}

fn rule(name: &str, parts: &[KeyPart], quota: Quota, mode: ChargeMode) -> RuleSettings {
    RuleSettings {
        name: RuleLabel::parse(name).expect("a slug"),
        parts: KeyParts::of(parts),
        quotas: vec![quota],
        applies_to: Action::Send,
        mode,
        absent: Absent::default(),
        apps: BTreeSet::new(),
    }
}

fn rulebook(rules: Vec<RuleSettings>, guard: Option<GuardSettings>) -> Rulebook {
    Rulebook {
        rules: Rules::new(rules).expect("rules that hold together"),
        guard,
        records_decisions: true,
        ..fixture::rulebook()
    }
}

/// Rules that each refuse some of what [`recorded`] asks for.
fn strict() -> Vec<RuleSettings> {
    let day = Quota::Budget {
        amount: NonZeroU64::new(60).expect("above zero"),
        window: Window::HOUR,
    };
    vec![
        rule("per_phone", &[KeyPart::Phone], rate(3, 3_600), ChargeMode::Refuse),
        rule(
            "per_network",
            &[KeyPart::ClientNetwork],
            rate(20, 600),
            ChargeMode::Refuse,
        ),
        rule("per_device", &[KeyPart::Device], rate(2, 1_800), ChargeMode::Shadow),
        rule("per_app", &[KeyPart::App], day, ChargeMode::Refuse),
    ]
}

/// Who asks for codes, and what becomes of them.
#[derive(Clone, Copy)]
struct Crowd {
    people: u32,
    /// How many of those who got a code give it back.
    finished: f64,
    /// How many messages the provider refuses for good.
    refused: f64,
}

const HONEST: Crowd = Crowd {
    people: 60,
    finished: 0.6,
    refused: 0.0,
};

/// Runs a service under these rules through a seeded crowd, and answers with what it would have recorded.
async fn recorded(rulebook: Rulebook, seed: u64) -> Vec<RecordedEvent> {
    recorded_of(HONEST, rulebook, seed).await
}

async fn recorded_of(crowd: Crowd, rulebook: Rulebook, seed: u64) -> Vec<RecordedEvent> {
    let mut random = StdRng::seed_from_u64(seed);
    let stores = (
        MemoryStore::new(ShardCount::DEFAULT),
        MemoryLimits::new(),
        MemoryFeed::new(),
    );
    let house = House::builder(Arc::new(stores.0), Arc::new(stores.1), Arc::new(stores.2))
        .guard(Arc::new(MemoryGuard::new()), Arc::new(MemoryTallies::new()))
        .rulebook(rulebook)
        .build();
    let mut record = Vec::new();
    for _ in 0..STARTS {
        pass(&house, random.random_range(0..40), &mut record).await;
        if random.random_bool(crowd.refused) {
            let report = ProviderReport::new(131_026, "Message undeliverable", "");
            house
                .messenger
                .refuse_next(NextStep::Rejected(Rejection::Undeliverable), report);
        }
        let phone = fixture::phone_number(random.random_range(0..crowd.people));
        let address = format!("203.0.{}.{}", random.random_range(0..3), random.random_range(1..9));
        let device = format!("device-{}", random.random_range(0..12));
        let request = StartRequest {
            app: fixture::app_id(),
            phone: phone.clone(),
            purpose: fixture::purpose(),
            language: None,
            platform: Platform::Unknown,
            package: None,
            context: BTreeMap::new(),
            accept_identity_change: false,
            client: Client {
                address: Some(address.parse().expect("an address")),
                device: countersign_domain::client::DeviceId::parse(&device).expect("a device"),
                ..Client::default()
            },
            request_id: None,
            deadline: None,
        };
        let started = house.use_cases.start.execute(&fixture::caller(), request).await;
        house.run_errands().await;
        if let (Ok(answer), Some(code)) = (started, house.messenger.last_code_for(&phone))
            && random.random_bool(crowd.finished)
        {
            note(&house, &mut record);
            pass(&house, random.random_range(5..60), &mut record).await;
            let guess = CheckRequest {
                name: VerificationName::Id(answer.view.id),
                guess: Guess::parse(&code).expect("a code"),
                context: BTreeMap::new(),
                client: Client::default(),
                request_id: None,
                deadline: None,
            };
            let _ = house.use_cases.check.execute(&fixture::caller(), guess).await;
            house.run_errands().await;
        }
        note(&house, &mut record);
    }
    record
}

/// Lets time pass second by second, as the loops of a service do.
async fn pass(house: &House, seconds: u64, record: &mut Vec<RecordedEvent>) {
    for _ in 0..seconds {
        house.clock.advance(Duration::from_secs(1));
        house.wake_due(ShardCount::DEFAULT).await.expect("memory answers");
        house.use_cases.guard.flush().await.expect("memory answers");
        note(house, record);
    }
}

/// Records what happened by now.
fn note(house: &House, record: &mut Vec<RecordedEvent>) {
    let now = house.clock.now();
    let events = house.recorder.take();
    record.extend(events.iter().filter_map(|event| RecordedEvent::of(event, now)));
}

fn replayed(rulebook: &Rulebook, record: &[RecordedEvent]) -> ReplayTable {
    let mut replay = Replay::new(rulebook);
    for event in record {
        replay.feed(event);
    }
    replay.table().clone()
}

#[tokio::test]
async fn under_the_same_rules_every_decision_is_made_again() {
    for seed in 0..6 {
        let guard = (seed % 2 == 0).then(GuardSettings::default);
        let record = recorded(rulebook(strict(), guard.clone()), seed).await;
        let table = replayed(&rulebook(strict(), guard), &record);
        assert!(table.starts > 100 && table.sent_then > 20, "seed {seed}: {table:#?}");
        assert_eq!(
            (table.newly_refused, table.newly_sent),
            (0, 0),
            "seed {seed}: {table:#?}"
        );
        for (name, row) in &table.rules {
            assert_eq!(row.refused_then, row.refused_now, "seed {seed}, {name}: {row:?}");
        }
        assert!(table.rules["per_device"].shadowed > 0, "seed {seed}: {table:#?}");
    }
}

#[tokio::test]
async fn under_the_same_guard_an_attack_is_challenged_and_stopped_again_at_the_same_starts() {
    let pumped = Crowd {
        people: 2_000,
        finished: 0.05,
        refused: 0.2,
    };
    for seed in 20..26 {
        let rules = || rulebook(Vec::new(), Some(GuardSettings::default()));
        let record = recorded_of(pumped, rules(), seed).await;
        let table = replayed(&rules(), &record);
        assert!(
            table.rules["guard_challenge"].refused_then > 20,
            "seed {seed}: {table:#?}"
        );
        assert_eq!(
            (table.newly_refused, table.newly_sent),
            (0, 0),
            "seed {seed}: {table:#?}"
        );
        for (name, row) in &table.rules {
            assert_eq!(row.refused_then, row.refused_now, "seed {seed}, {name}: {row:?}");
        }
    }
}

#[tokio::test]
async fn messages_that_reached_nobody_are_no_reason_to_challenge() {
    let unlucky = Crowd {
        people: 2_000,
        finished: 0.9,
        refused: 0.6,
    };
    let rules = || rulebook(Vec::new(), Some(GuardSettings::default()));
    let record = recorded_of(unlucky, rules(), 30).await;
    let table = replayed(&rules(), &record);
    assert!(!table.rules.contains_key("guard_challenge"), "{table:#?}");
    assert_eq!((table.newly_refused, table.newly_sent), (0, 0), "{table:#?}");
}

#[tokio::test]
async fn a_stricter_rule_is_told_with_the_people_it_would_turn_away() {
    let record = recorded(rulebook(Vec::new(), None), 7).await;
    let tight = rule("per_app", &[KeyPart::App], rate(1, 3_600), ChargeMode::Refuse);
    let table = replayed(&rulebook(vec![tight], None), &record);
    let row = table.rules["per_app"];
    assert!(row.refused_now > 50 && row.approved_then > 10, "{row:?}");
    assert!(row.people <= row.refused_now && row.people <= 60, "{row:?}");
    assert!(row.approved_then <= row.refused_now, "{row:?}");
    assert!(row.first_at.is_some());
    assert_eq!(table.newly_refused, table.sent_then - table.sent_now + table.newly_sent);
}

#[tokio::test]
async fn a_looser_policy_sends_what_was_refused() {
    let record = recorded(rulebook(strict(), None), 11).await;
    let table = replayed(&rulebook(Vec::new(), None), &record);
    let refused_then: u64 = ["per_phone", "per_network", "per_app"]
        .iter()
        .filter_map(|name| table.rules.get(*name))
        .map(|row| row.refused_then)
        .sum();
    assert!(refused_then > 20, "{table:#?}");
    assert!(table.newly_sent > 100, "{table:#?}");
    // What was refused then counts as sent now, so that the person's own waits may stand in the way of what came next.
    let own = ["send_wait", "sends_per_window", "sends_per_day", "unanswered_sends"];
    let others = table.rules.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    assert!(others.into_iter().all(|(_, row)| row.refused_now == 0), "{table:#?}");
}

#[tokio::test]
async fn a_shadow_counts_and_refuses_nothing() {
    let record = recorded(rulebook(Vec::new(), None), 13).await;
    let mut shadows = strict();
    for rule in &mut shadows {
        rule.mode = ChargeMode::Shadow;
    }
    let table = replayed(&rulebook(shadows, None), &record);
    assert_eq!(table.sent_now, table.sent_then);
    assert!(table.rules["per_phone"].shadowed > 0, "{table:#?}");
}

#[tokio::test]
async fn a_purpose_that_the_policy_does_not_know_sends_nothing() {
    let record = recorded(rulebook(Vec::new(), None), 17).await;
    let none = Rulebook {
        apps: countersign_domain::app::Apps::default(),
        ..rulebook(Vec::new(), None)
    };
    let table = replayed(&none, &record);
    assert_eq!(table.sent_now, 0);
    assert_eq!(table.rules["unknown_purpose"].refused_now, table.starts);
}

#[tokio::test]
async fn no_phone_address_or_device_is_in_what_is_recorded() {
    let record = format!("{:?}", recorded(rulebook(Vec::new(), None), 19).await);
    for secret in [fixture::phone_number(3).expose(), "203.0", "device-"] {
        assert!(!record.contains(secret));
    }
    assert!(record.contains("Start"));
}
