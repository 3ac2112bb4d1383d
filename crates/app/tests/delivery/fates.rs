//! What becomes of a message once Meta has it: held, failed, outlived, told late or only in part.

use std::time::Duration;

use countersign_grpc::v1;
use countersign_simulator::{Event, Fate, LifeEnd, Pace, Scenario, Step, Telling};

use crate::common::calls::{check, get, open};
use crate::common::clock::Stopwatch;
use crate::common::meta::{post_signed, status_webhook};
use crate::common::plan::Plan;
use crate::common::serve::Serve;
use crate::scene::{LOG, SILENT, Scene, end_without};
use countersign_testkit::wait::eventually;

const PERSON: &str = "+5511987654321";
/// How long a held message is held; long enough to be seen.
const HOLD: Duration = Duration::from_secs(3);
/// The shortest life of a message there may be.
const LIFE: Duration = Duration::from_secs(30);

impl Scene {
    /// Everything goes at once, and the next message has this fate.
    async fn with_fate(fate: Fate) -> Self {
        let scene = Self::set(Pace::instant(), "").await;
        scene.meta.controls.add_scenario(Scenario::next(1).fate(fate));
        scene
    }
}

#[tokio::test]
async fn a_held_message_that_is_released_is_read() {
    let scene = Scene::with_fate(Fate::held_then_released(HOLD, Pace::instant())).await;
    let id = scene.open(PERSON).await;
    let held = scene.delivered_as(&id, v1::DeliveryState::Held).await;
    assert_eq!(held.state(), v1::VerificationState::Open);
    scene.delivered_as(&id, v1::DeliveryState::Read).await;
    let code = scene.message_to(PERSON).code;
    assert_eq!(scene.check(&id, &code).await, v1::CheckOutcome::Approved);
    scene.end().await;
}

#[tokio::test]
async fn a_held_message_that_is_given_up_fails_for_the_template() {
    let scene = Scene::with_fate(Fate::held_then_failed(HOLD)).await;
    let id = scene.open(PERSON).await;
    scene.delivered_as(&id, v1::DeliveryState::Held).await;
    let failed = scene.ended(&id).await;
    assert_eq!(failed.state(), v1::VerificationState::Failed);
    assert_eq!(failed.reason(), v1::VerificationReason::Misconfigured);
    let delivery = &failed.deliveries[0];
    assert_eq!(delivery.reason(), v1::DeliveryReason::Misconfigured);
    assert_eq!(delivery.report.as_ref().unwrap().code, 132_015);
    scene.end().await;
}

#[tokio::test]
async fn a_message_whose_life_ends_without_a_word_is_presumed_dropped_until_the_truth_comes() {
    let policy = "message_life = \"30s\"\ndrop_buffer = \"0s\"";
    let meta_life = |config: &mut countersign_simulator::Config| config.templates[0].message_life = Some(LIFE);
    let scene = Scene::set_with(Pace::instant(), policy, meta_life, |plan| plan).await;
    let fate = Fate::outlived(Duration::ZERO, LifeEnd::Untold);
    scene.meta.controls.add_scenario(Scenario::next(1).fate(fate));
    let id = scene.open(PERSON).await;
    let life = Stopwatch::start();
    scene.delivered_as(&id, v1::DeliveryState::Sent).await;
    // A third of its life first: all of it is longer than anybody waits at once.
    eventually("a third of its life", async || {
        (life.elapsed() >= LIFE / 3).then_some(())
    })
    .await;
    let dropped = scene.delivered_as(&id, v1::DeliveryState::Dropped).await;
    let after = life.elapsed();
    println!("presumed dropped {after:?} after the start");
    assert!(after + Duration::from_millis(500) >= LIFE, "{after:?}");
    assert_eq!(dropped.state(), v1::VerificationState::Open);

    let message = scene.message_to(PERSON);
    for (told, state) in [
        ("delivered", v1::DeliveryState::Delivered),
        ("sent", v1::DeliveryState::Delivered),
        ("read", v1::DeliveryState::Read),
    ] {
        let body = status_webhook(&message, told).to_string();
        assert_eq!(post_signed(&scene.serve.callback(), &body).await.status, 200);
        assert_eq!(scene.get(&id).await.deliveries[0].state(), state, "{told}");
    }
    assert_eq!(scene.check(&id, &message.code).await, v1::CheckOutcome::Approved);
    scene.end().await;
}

#[tokio::test]
async fn a_message_that_failed_and_arrived_after_all_is_delivered_and_its_verification_stays_failed() {
    let steps = [
        Step::new(Event::Failed { code: 131_026 }, Duration::ZERO),
        Step::new(Event::Delivered, Duration::from_secs(1)),
    ];
    let scene = Scene::with_fate(Fate::of(steps)).await;
    let id = scene.open(PERSON).await;
    let failed = scene.ended(&id).await;
    assert_eq!(failed.reason(), v1::VerificationReason::Undeliverable);
    assert_eq!(failed.deliveries[0].report.as_ref().unwrap().code, 131_026);
    let arrived = scene.delivered_as(&id, v1::DeliveryState::Delivered).await;
    assert_eq!(arrived.state(), v1::VerificationState::Failed);
    assert_eq!(arrived.reason(), v1::VerificationReason::Undeliverable);
    let code = scene.message_to(PERSON).code;
    assert_ne!(scene.check(&id, &code).await, v1::CheckOutcome::Approved);
    scene.end().await;
}

#[tokio::test]
async fn a_message_that_is_read_was_sent_whether_or_not_anybody_said_so() {
    let missing = |event| Step::new(event, Duration::ZERO).told(Telling::missing());
    let steps = [
        missing(Event::Sent),
        missing(Event::Delivered),
        Step::new(Event::Read, Duration::ZERO),
    ];
    let scene = Scene::with_fate(Fate::of(steps)).await;
    let id = scene.open(PERSON).await;
    scene.delivered_as(&id, v1::DeliveryState::Read).await;
    scene.end().await;
}

#[tokio::test]
async fn statuses_that_name_no_recipient_are_applied() {
    let scene = Scene::with_fate(Fate::usual(Pace::instant()).told(Telling::without_recipient())).await;
    let id = scene.open(PERSON).await;
    scene.delivered_as(&id, v1::DeliveryState::Read).await;
    scene.end().await;
}

#[tokio::test]
async fn a_webhook_of_another_environment_that_shares_the_number_is_taken_and_changes_nothing() {
    let mut scene = Scene::set(SILENT, "").await;
    // The same keys, the same number and the same person, in another environment.
    let staging = Plan {
        environment: "staging",
        ..Plan::new(scene.meta.base_url()).policy("code_length = 12")
    };
    let staging = Serve::start_logging(&staging, LOG).await;
    let ours = scene.open_and_send(PERSON).await;
    let client = staging.client().await;
    let theirs = open(&client, PERSON).await.id;
    let message = eventually("their message", async || {
        let newest = scene.message_to(PERSON);
        newest.reference.as_ref()?.starts_with("cs1.staging.").then_some(newest)
    })
    .await;
    let before = scene.get(&ours.id).await;
    for status in ["sent", "delivered", "read", "failed"] {
        let body = status_webhook(&message, status).to_string();
        assert_eq!(post_signed(&scene.serve.callback(), &body).await.status, 200);
        assert_eq!(scene.get(&ours.id).await, before, "{status}");
    }
    // It was a webhook that means something, where it belongs.
    let body = status_webhook(&message, "read").to_string();
    assert_eq!(post_signed(&staging.callback(), &body).await.status, 200);
    assert_eq!(
        get(&client, &theirs).await.deliveries[0].state(),
        v1::DeliveryState::Read
    );
    assert_eq!(check(&client, &theirs, &message.code).await, v1::CheckOutcome::Approved);
    scene.note_messages();
    end_without(staging, &scene.secrets).await;
    scene.end().await;
}
