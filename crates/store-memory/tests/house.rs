//! The use cases over the memory stores and the doubles: the smallest whole service there is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::client::Client;
use countersign_domain::code::Guess;
use countersign_domain::delivery::{DeliveryState, NextStep};
use countersign_domain::event::Event;
use countersign_domain::id::ShardCount;
use countersign_domain::template::Platform;
use countersign_domain::use_case::{CheckRequest, StartAnswer, StartRequest, VerificationName};
use countersign_domain::verification::{CheckOutcome, StartOutcome, VerificationState};
use countersign_store_memory::feed::MemoryFeed;
use countersign_store_memory::limits::MemoryLimits;
use countersign_store_memory::recipients::MemoryStore;
use countersign_testkit::fixture::{app_id, caller, phone, purpose};
use countersign_testkit::house::House;

const SHARDS: ShardCount = ShardCount::DEFAULT;

fn house() -> House {
    House::new(
        Arc::new(MemoryStore::new(SHARDS)),
        Arc::new(MemoryLimits::new()),
        Arc::new(MemoryFeed::new()),
    )
}

async fn start(house: &House) -> StartAnswer {
    let request = StartRequest {
        app: app_id(),
        phone: phone(),
        purpose: purpose(),
        language: None,
        platform: Platform::Unknown,
        package: None,
        context: BTreeMap::new(),
        accept_identity_change: false,
        client: Client::default(),
        request_id: None,
        deadline: None,
    };
    house
        .use_cases
        .start
        .execute(&caller(), request)
        .await
        .expect("nothing stands in the way")
}

async fn give_back_the_code(house: &House, started: &StartAnswer) -> CheckOutcome {
    let code = house.messenger.last_code_for(&phone()).expect("a message was sent");
    let request = CheckRequest {
        name: VerificationName::Id(started.view.id),
        guess: Guess::parse(&code).expect("a code"),
        context: BTreeMap::new(),
        client: Client::default(),
        request_id: None,
        deadline: None,
    };
    let answer = house.use_cases.check.execute(&caller(), request).await;
    answer.expect("a comparison").outcome
}

#[tokio::test]
async fn a_code_that_comes_back_is_approved_once() {
    let house = house();
    let started = start(&house).await;
    assert_eq!(started.outcome, StartOutcome::Opened);
    assert!(house.messenger.sent().is_empty());
    house.run_errands().await;
    assert_eq!(house.messenger.sent().len(), 1);
    assert_eq!(give_back_the_code(&house, &started).await, CheckOutcome::Approved);
    house.run_errands().await;
    assert!(matches!(
        give_back_the_code(&house, &started).await,
        CheckOutcome::AlreadyApproved { .. }
    ));
    let approved = |event: &Event| {
        matches!(
            event,
            Event::Ended {
                state: VerificationState::Approved { .. },
                ..
            }
        )
    };
    assert_eq!(house.recorder.events().iter().filter(|it| approved(it)).count(), 1);
}

#[tokio::test]
async fn a_second_instance_sends_what_the_first_one_lost() {
    let house = house();
    let second = house.second_instance();
    start(&house).await;
    // The first instance dies with its errands, and its lease runs out.
    drop(house.courier.take());
    assert_eq!(second.wake_due(SHARDS).await.expect("memory answers"), 0);
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(second.wake_due(SHARDS).await.expect("memory answers"), 1);
    assert_eq!(house.messenger.sent().len(), 1);
}

#[tokio::test]
async fn a_message_the_provider_could_not_take_is_sent_by_the_loop() {
    let house = house();
    house.messenger.answer_next(Err(NextStep::Unavailable));
    let started = start(&house).await;
    house.run_errands().await;
    house.clock.advance(Duration::from_secs(60));
    house.wake_due(SHARDS).await.expect("memory answers");
    assert_eq!(house.messenger.sent().len(), 2);
    let name = VerificationName::Id(started.view.id);
    let view = house.use_cases.get.execute(&caller(), &name).await.expect("it is open");
    let states: Vec<_> = view.verification.deliveries.iter().map(|it| it.state).collect();
    assert_eq!(states, [DeliveryState::Accepted]);
}
