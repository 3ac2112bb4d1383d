//! The guard on the walk: an attack on a block of numbers, from its first send to the challenge and the stop, with the
//! stores in memory.

use std::sync::Arc;

use countersign_domain::app::Caller;
use countersign_domain::client::Client;
use countersign_domain::delivery::{NextStep, Rejection};
use countersign_domain::event::Event;
use countersign_domain::guard::{GuardSettings, Rung};
use countersign_domain::id::ShardCount;
use countersign_domain::limit::RuleName;
use countersign_domain::ports::ChallengeRefusal;
use countersign_domain::recipient::Comparison;
use countersign_domain::use_case::{Error, ReportedDelivery, Rulebook, StartAnswer, StartRequest, VerificationName};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::guard::MemoryGuard;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_store_memory::tallies::MemoryTallies;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::Walk;
use crate::posts::failed_with;

fn guarded() -> Walk {
    let rulebook = Rulebook {
        guard: Some(GuardSettings::default()),
        ..fixture::rulebook()
    };
    let store = Arc::new(MemoryStore::new(ShardCount::DEFAULT));
    let house = House::builder(store, Arc::new(MemoryLimits::new()), Arc::new(MemoryFeed::new()))
        .guard(Arc::new(MemoryGuard::new()), Arc::new(MemoryTallies::new()))
        .rulebook(rulebook)
        .build();
    Walk { house }
}

impl Walk {
    async fn start_of(&self, number: u32, client: Client) -> Result<StartAnswer, Error> {
        let request = StartRequest {
            phone: fixture::phone_number(number),
            client,
            ..Self::request()
        };
        self.start_as(request).await
    }

    /// Starts as many of these as the guard lets pass, and lets them mature unfinished. Answers how many passed.
    async fn attack(&self, numbers: std::ops::Range<u32>, client: &Client) -> usize {
        let mut passed = 0;
        for number in numbers {
            passed += usize::from(self.start_of(number, client.clone()).await.is_ok());
        }
        self.wait(121);
        self.wake().await;
        self.house.use_cases.guard.flush().await.expect("the store is there");
        passed
    }

    fn alarms(&self) -> Vec<(&'static str, Rung)> {
        let alarm = |it: Event| match it {
            Event::GuardAlarmed { area, rung, .. } => Some((area, rung)),
            _ => None,
        };
        self.house.recorder.take().into_iter().filter_map(alarm).collect()
    }
}

#[tokio::test]
async fn a_block_that_gives_no_code_back_gets_twenty_messages_then_six_then_a_challenge() {
    let walk = guarded();
    let nobody = Client::default();
    assert_eq!(
        walk.attack(0..30, &nobody).await,
        20,
        "more is unfinished than a block may have"
    );
    assert_eq!(walk.alarms(), []);
    walk.wait(600);
    assert_eq!(walk.attack(100..106, &nobody).await, 6);
    let alarms = walk.alarms();
    assert!(alarms.contains(&("number_block_10000", Rung::Challenge)), "{alarms:?}");
    let refused = walk.start_of(200, nobody).await.unwrap_err();
    assert!(matches!(refused, Error::ChallengeRequired { .. }), "{refused}");
    // The country is challenged with it, so even another block is.
    assert!(walk.start_of(80_000_000, Client::default()).await.is_err());
}

#[tokio::test]
async fn a_challenge_that_is_met_passes_once_and_a_person_who_gave_a_code_back_needs_none() {
    let walk = guarded();
    let id = walk.opened().await;
    walk.approve(id).await;
    walk.house.use_cases.guard.flush().await.expect("the store is there");
    walk.attack(0..20, &Client::default()).await;
    walk.wait(600);
    walk.attack(100..110, &Client::default()).await;
    assert!(
        walk.start().await.is_ok(),
        "the person of the fixture is a returning one"
    );
    let met = Client {
        challenge_answer: Some("met".to_owned()),
        ..Client::default()
    };
    assert!(walk.start_of(300, met.clone()).await.is_ok());
    walk.house.recorder.take();
    let again = walk.start_of(301, met.clone()).await.unwrap_err();
    let Error::ChallengeRequired {
        refusal,
        challenge,
        area,
    } = again
    else {
        panic!("{again}");
    };
    assert_eq!((refusal, area), (ChallengeRefusal::Used, "country"));
    assert!(challenge.is_some(), "a fresh one to be met");
    let asked = |it: &Event| matches!(it, Event::ChallengeAsked { refusal, .. } if *refusal == ChallengeRefusal::Used);
    assert!(walk.house.recorder.take().iter().any(asked));
}

#[tokio::test]
async fn an_answer_that_passed_before_costs_nothing_however_often_it_comes() {
    let walk = guarded();
    walk.attack(0..20, &Client::default()).await;
    walk.wait(600);
    walk.attack(100..106, &Client::default()).await;
    walk.wait(600);
    let met = Client {
        challenge_answer: Some("met".to_owned()),
        ..Client::default()
    };
    assert!(walk.start_of(300, met.clone()).await.is_ok());
    for _ in 0..40 {
        let again = walk.start_of(301, met.clone()).await.unwrap_err();
        assert!(matches!(again, Error::ChallengeRequired { .. }), "{again}");
    }
    let explain = &walk.house.use_cases.explain_start;
    let request = StartRequest {
        phone: fixture::phone_number(301),
        client: met,
        ..Walk::request()
    };
    let operator = Caller {
        operates: true,
        ..fixture::caller()
    };
    let explained = explain
        .execute(&operator, None, &request)
        .await
        .expect("it is explained");
    let used: Vec<_> = explained.quotas.iter().map(|it| (it.rule, it.remaining.used)).collect();
    let of_the_first = [
        (RuleName::UnansweredSends, 0),
        (RuleName::ChallengeOnce, 1),
        (RuleName::UnfinishedPerBlock, 1),
        (RuleName::UnfinishedPerCountry, 1),
    ];
    assert_eq!(used, of_the_first, "whoever it passed for");
}

#[tokio::test]
async fn a_block_that_is_finished_as_usual_is_left_alone() {
    let walk = guarded();
    for number in 0..60 {
        let answer = walk
            .start_of(number, Client::default())
            .await
            .expect("nothing stands in the way");
        if number % 2 == 0 {
            let code = walk.house.messenger.last_code_for(&fixture::phone_number(number));
            walk.approve_with(answer, &code.expect("a message was sent")).await;
        }
        walk.wait(60);
        walk.wake().await;
        walk.house.use_cases.guard.flush().await.expect("the store is there");
    }
    assert_eq!(walk.alarms(), []);
}

impl Walk {
    async fn approve_with(&self, answer: StartAnswer, code: &str) {
        self.check(answer.view.id, code).await.expect("an outcome is data");
    }
}

#[tokio::test]
async fn messages_that_fail_after_their_verification_was_canceled_raise_no_alarm() {
    let walk = guarded();
    for number in 0..20 {
        let answer = walk
            .start_of(number, Client::default())
            .await
            .expect("nothing is unfinished");
        let name = VerificationName::Id(answer.view.id);
        let canceled = walk.house.use_cases.cancel.execute(&fixture::caller(), &name).await;
        canceled.expect("it is open");
        let failed = failed_with(NextStep::Rejected(Rejection::Undeliverable));
        let mut report = ReportedDelivery::new(walk.references().pop(), failed);
        report.phone = Some(fixture::phone_number(number));
        walk.hears_post(vec![report]).await;
        walk.house.run_errands().await;
        walk.house.use_cases.guard.flush().await.expect("the store is there");
    }
    // They gave back what was unfinished, so this goes on for as long as somebody likes.
    walk.attack(100..116, &Client::default()).await;
    assert_eq!(walk.alarms(), []);
}

#[tokio::test]
async fn a_failure_of_another_phone_than_the_records_changes_no_score() {
    let walk = guarded();
    let answer = walk
        .start_of(1, Client::default())
        .await
        .expect("nothing is unfinished");
    let name = VerificationName::Id(answer.view.id);
    let canceled = walk.house.use_cases.cancel.execute(&fixture::caller(), &name).await;
    canceled.expect("it is open");
    let failed = failed_with(NextStep::Rejected(Rejection::Undeliverable));
    let mut report = ReportedDelivery::new(walk.references().pop(), failed);
    report.phone = Some(fixture::phone_number(2));
    walk.hears_post(vec![report]).await;
    walk.attack(100..119, &Client::default()).await;
    walk.wait(600);
    walk.attack(200..206, &Client::default()).await;
    assert!(!walk.alarms().is_empty(), "the miss still counts: 26 in all");
}

#[tokio::test]
async fn every_comparison_is_told_with_whether_it_was_the_first_wrong_one_and_what_compares_nothing_is_not() {
    let walk = Walk::new();
    let comparisons = || {
        let events = walk.house.recorder.take();
        let checked = |event: &Event| match event {
            Event::Checked { comparison, .. } => Some(*comparison),
            _ => None,
        };
        events.iter().filter_map(checked).collect::<Vec<_>>()
    };
    let id = walk.opened().await;
    for _ in 0..7 {
        walk.check(id, &walk.wrong()).await.unwrap();
    }
    let (first, again) = (Some(Comparison::FirstWrong), Some(Comparison::WrongAgain));
    // Five are allowed; the last of them is told as used up, and so is everything after it.
    assert_eq!(comparisons(), [first, again, again, again, again, None, None]);
    walk.wait(60);
    let next = walk.opened().await;
    walk.check(next, &walk.wrong()).await.unwrap();
    walk.approve(next).await;
    walk.check(next, &walk.code()).await.unwrap();
    assert_eq!(comparisons(), [first, Some(Comparison::Right), None]);
}
