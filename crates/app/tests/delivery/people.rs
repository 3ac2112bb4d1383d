//! People who press "I didn't request a code".

use countersign_grpc::{reason, v1};
use countersign_simulator::signature;
use countersign_testkit::redis_server::RedisServer;
use serde_json::Value;
use tonic::Code;

use crate::common::calls::{assert_refused, check};
use crate::common::http::Reply;
use crate::common::meta::{Meta, disowned_webhook, post_signed, post_with};
use crate::common::plan::Plan;
use crate::common::serve::Serve;
use crate::scene::{LOG, SILENT, Scene, end_without};

const PERSON: &str = "+5511987654321";
/// The same line, as Meta knows numbers of Brazil that are older than the ninth digit.
const WITHOUT_NINTH: &str = "+551187654321";
const DISOWNED: &str = "a person says that they did not ask for the code";

/// Demands that a verification is over because the person said so, and its code worthless.
async fn assert_disowned(scene: &Scene, id: &str, code: &str) {
    let canceled = scene.ended(id).await;
    assert_eq!(canceled.state(), v1::VerificationState::Canceled);
    assert_eq!(canceled.reason(), v1::VerificationReason::CanceledByPerson);
    assert_eq!(scene.check(id, code).await, v1::CheckOutcome::Canceled);
}

impl Scene {
    /// Says under the newest message to [`PERSON`], from a number as Meta writes it, that nobody asked.
    async fn disown_from(&self, from: &str) -> Reply {
        let body = disowned_webhook(&self.message_to(PERSON), from).to_string();
        post_signed(&self.serve.callback(), &body).await
    }
}

#[tokio::test]
async fn a_person_who_did_not_ask_cancels_the_verification_and_the_log_says_so() {
    let scene = Scene::set(SILENT, "").await;
    let id = scene.open_and_send(PERSON).await.id;
    let message = scene.message_to(PERSON);
    assert!(scene.meta.controls.press_did_not_request(message.number));
    assert_disowned(&scene, &id, &message.code).await;
    let said = scene.serve.log_line(DISOWNED, |line| line["message"] == DISOWNED).await;
    assert_eq!(
        (&said["verification"], &said["canceled"]),
        (&Value::from(id), &Value::from(true))
    );
    assert_eq!(
        (&said["app"], &said["purpose"]),
        (&Value::from("shop"), &Value::from("sign_in"))
    );
    // The scene's end looks for the phone, the code and the message id in this line too.
    scene.end().await;
}

#[tokio::test]
async fn a_person_is_recognized_with_and_without_the_ninth_digit() {
    for pressed in [PERSON, WITHOUT_NINTH] {
        let mut scene = Scene::set(SILENT, "").await;
        scene.secrets.add_phone(WITHOUT_NINTH);
        // Nobody is asked without it: the numbering plan has no such number any more. So Meta alone may leave it out.
        let refused = scene.start(WITHOUT_NINTH).await.unwrap_err();
        assert_refused(&refused, Code::InvalidArgument, reason::INVALID_FIELD);
        let id = scene.open_and_send(PERSON).await.id;
        let code = scene.message_to(PERSON).code;
        assert_eq!(scene.disown_from(pressed).await.status, 200);
        assert_disowned(&scene, &id, &code).await;
        scene.end().await;
    }
}

#[tokio::test]
async fn somebody_elses_number_under_the_message_cancels_nothing() {
    let mut scene = Scene::set(SILENT, "").await;
    let id = scene.open_and_send(PERSON).await.id;
    let (code, before) = (scene.message_to(PERSON).code, scene.get(&id).await);
    for stranger in ["+5511987654322", "+5521987654321", "+15550100123"] {
        scene.secrets.add_phone(stranger);
        assert_eq!(scene.disown_from(stranger).await.status, 200);
        assert_eq!(scene.get(&id).await, before);
    }
    assert_eq!(scene.check(&id, &code).await, v1::CheckOutcome::Approved);
    scene.end().await;
}

#[tokio::test]
async fn a_press_after_the_end_changes_nothing() {
    let scene = Scene::set(SILENT, "").await;
    let id = scene.open_and_send(PERSON).await.id;
    let code = scene.message_to(PERSON).code;
    assert_eq!(scene.check(&id, &code).await, v1::CheckOutcome::Approved);
    let before = scene.get(&id).await;
    // Twice, since Meta repeats.
    for _ in 0..2 {
        assert_eq!(scene.disown_from(PERSON).await.status, 200);
        assert_eq!(scene.get(&id).await, before);
    }
    assert!(scene.said(DISOWNED).iter().all(|line| line["canceled"] == false));
    assert_eq!(scene.check(&id, &code).await, v1::CheckOutcome::AlreadyApproved);
    scene.end().await;
}

#[tokio::test]
async fn a_forged_press_is_refused_and_cancels_nothing() {
    let scene = Scene::set(SILENT, "").await;
    let id = scene.open_and_send(PERSON).await.id;
    let message = scene.message_to(PERSON);
    let body = disowned_webhook(&message, PERSON).to_string();
    for forged in [signature("another app secret", body.as_bytes()), String::new()] {
        let reply = post_with(&scene.serve.callback(), &forged, &body).await;
        assert_eq!(reply.status, 401);
    }
    assert_eq!(scene.get(&id).await.state(), v1::VerificationState::Open);
    assert_eq!(scene.check(&id, &message.code).await, v1::CheckOutcome::Approved);
    scene.end().await;
}

#[tokio::test]
async fn on_redis_a_press_is_heard_by_an_instance_that_did_not_send() {
    let redis = RedisServer::start();
    let meta = Meta::start_with(SILENT, |_| {}).await;
    let plan = Plan::new(meta.base_url())
        .policy("code_length = 12")
        .redis(&redis.address(), "");
    let other = Serve::start_logging(&plan, LOG).await;
    let mut scene = Scene::set_before(meta, "", |plan| plan.redis(&redis.address(), "")).await;
    let id = scene.open_and_send(PERSON).await.id;
    let message = scene.message_to(PERSON);
    scene.meta.controls.set_callback_url(&other.callback()).unwrap();
    assert!(scene.meta.controls.press_did_not_request(message.number));
    assert_disowned(&scene, &id, &message.code).await;
    assert_eq!(
        check(&other.client().await, &id, &message.code).await,
        v1::CheckOutcome::Canceled
    );
    let said = other.log_line(DISOWNED, |line| line["message"] == DISOWNED).await;
    assert_eq!(said["verification"], Value::from(id));
    assert!(scene.said(DISOWNED).is_empty());
    scene.note_messages();
    end_without(other, &scene.secrets).await;
    scene.end().await;
}
