//! What becomes of accepted messages, and what the callback hears of it. Time is the test's.

use std::time::Duration;

use countersign_simulator::{Config, Event, Fate, LifeEnd, Pace, Scenario, Status, Step, Telling, VirtualClock};
use hyper::StatusCode;
use serde_json::json;

use crate::harness::{Callback, NOW_MS, PHONE, Running, config, message, soon};

const SECOND: Duration = Duration::from_secs(1);
const PACE: Pace = Pace {
    to_sent: Some(SECOND),
    to_delivered: Some(SECOND),
    to_read: Some(SECOND),
};

/// A simulator on the test's clock, and its callback.
struct Scene {
    clock: VirtualClock,
    simulator: Running,
    callback: Callback,
}

impl Scene {
    async fn set() -> Self {
        Self::set_with(config()).await
    }

    async fn set_with(config: Config) -> Self {
        let clock = VirtualClock::new(NOW_MS);
        let callback = Callback::start(&[]).await;
        let paced = Config { pace: PACE, ..config };
        let simulator = Running::start(paced.with_virtual_clock(&clock)).await;
        simulator.controls.set_callback_url(&callback.url).unwrap();
        Self {
            clock,
            simulator,
            callback,
        }
    }

    /// Sends a message with this fate.
    async fn send(&self, fate: Fate) {
        self.simulator.controls.add_scenario(Scenario::next(1).fate(fate));
        assert_eq!(self.simulator.send(&message("482913")).await.0, StatusCode::OK);
    }

    /// What the callback hears within so many seconds.
    async fn hears(&mut self, seconds: u64) -> Vec<String> {
        soon(self.clock.advance(Duration::from_secs(seconds))).await;
        self.callback.statuses_so_far()
    }

    fn status(&self) -> Status {
        self.simulator.phone.messages()[0].status()
    }
}

fn usual() -> [Step; 3] {
    [Event::Sent, Event::Delivered, Event::Read].map(|event| Step::new(event, SECOND))
}

#[tokio::test]
async fn a_usual_message_is_told_step_by_step() {
    let mut scene = Scene::set().await;
    scene.send(Fate::usual(PACE)).await;
    assert_eq!(scene.hears(0).await, [""; 0]);
    assert_eq!(scene.hears(1).await, ["sent"]);
    assert_eq!(scene.hears(2).await, ["delivered", "read"]);
    let history = &scene.simulator.phone.messages()[0].history;
    let times: Vec<_> = history.iter().map(|change| change.at_ms - NOW_MS).collect();
    assert_eq!(times, [0, 1_000, 2_000, 3_000]);
}

#[tokio::test]
async fn a_message_that_fails_is_told_with_metas_code_title_and_details() {
    let mut scene = Scene::set().await;
    scene.send(Fate::failed(131_026, SECOND)).await;
    soon(scene.clock.advance(SECOND)).await;
    let status = scene.callback.next().await.status();
    assert_eq!(status["status"], "failed");
    let error = &status["errors"][0];
    assert_eq!(error["code"], 131_026);
    assert_eq!(
        (&error["title"], &error["message"]),
        (&json!("Message undeliverable"), &error["title"])
    );
    assert_eq!(error["error_data"]["details"], "The message could not be delivered.");
    let message = &scene.simulator.phone.messages()[0];
    let last = message.history.last().unwrap();
    assert_eq!((last.status, last.code), (Status::Failed, Some(131_026)));
    assert_eq!(message.fate.as_deref(), Some(&Fate::failed(131_026, SECOND)));
}

#[tokio::test]
async fn a_message_that_failed_can_arrive_after_all() {
    let mut scene = Scene::set().await;
    let steps = [
        Step::new(Event::Failed { code: 131_026 }, SECOND),
        Step::new(Event::Delivered, SECOND),
    ];
    scene.send(Fate::of(steps)).await;
    assert_eq!(scene.hears(2).await, ["failed", "delivered"]);
    assert_eq!(scene.status(), Status::Delivered);
}

#[tokio::test]
async fn a_late_webhook_comes_after_those_that_are_not_and_keeps_its_timestamp() {
    let mut scene = Scene::set().await;
    let [sent, delivered, read] = usual();
    let late = sent.told(Telling::late(10 * SECOND));
    scene.send(Fate::of([late, delivered, read])).await;
    assert_eq!(scene.hears(10).await, ["delivered", "read"]);
    soon(scene.clock.advance(SECOND)).await;
    let sent = scene.callback.next().await.status();
    assert_eq!(
        (&sent["status"], &sent["timestamp"]),
        (&json!("sent"), &json!("1700000001"))
    );
}

#[tokio::test]
async fn a_webhook_told_twice_is_the_same_twice() {
    let mut scene = Scene::set().await;
    scene
        .send(Fate::of(usual().map(|step| step.told(Telling::twice()))))
        .await;
    soon(scene.clock.advance(3 * SECOND)).await;
    let bodies: Vec<_> = scene.callback.so_far().into_iter().map(|it| it.body).collect();
    assert_eq!(bodies.len(), 6);
    assert!(bodies.chunks(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn a_reversed_webhook_comes_after_its_neighbor_and_is_not_lost_without_one() {
    let mut scene = Scene::set().await;
    let [sent, delivered, read] = usual();
    let reversed = Telling::reversed();
    scene
        .send(Fate::of([sent.told(reversed), delivered, read.told(reversed)]))
        .await;
    assert_eq!(scene.hears(3).await, ["delivered", "sent", "read"]);
}

#[tokio::test]
async fn a_missing_webhook_never_comes_though_the_phone_knows() {
    let mut scene = Scene::set().await;
    let [sent, delivered, read] = usual();
    let missing = Telling::missing();
    scene
        .send(Fate::of([sent.told(missing), delivered.told(missing), read]))
        .await;
    assert_eq!(scene.hears(60).await, ["read"]);
    scene.send(Fate::usual(PACE).told(missing)).await;
    assert_eq!(scene.hears(60).await, [""; 0]);
    assert_eq!(scene.status(), Status::Read);
}

#[tokio::test]
async fn a_webhook_can_leave_the_recipient_out() {
    let mut scene = Scene::set().await;
    let [sent, delivered, _] = usual();
    scene
        .send(Fate::of([sent.told(Telling::without_recipient()), delivered]))
        .await;
    soon(scene.clock.advance(2 * SECOND)).await;
    let [sent, delivered] = scene.callback.so_far().try_into().ok().unwrap();
    assert!(sent.status().get("recipient_id").is_none());
    assert_eq!(delivered.status()["recipient_id"], "5511987654321");
}

#[tokio::test]
async fn batched_statuses_of_many_messages_share_one_post() {
    let mut scene = Scene::set().await;
    for _ in 0..3 {
        scene.send(Fate::usual(PACE).told(Telling::batched())).await;
    }
    soon(scene.clock.advance(4 * SECOND)).await;
    let posts = scene.callback.so_far();
    assert_eq!(posts.len(), 3);
    for (post, status) in posts.iter().zip(["sent", "delivered", "read"]) {
        assert!(post.is_genuine());
        let statuses = post.value()["statuses"].as_array().unwrap().clone();
        assert_eq!(statuses.len(), 3);
        assert!(statuses.iter().all(|entry| entry["status"] == status));
    }
}

#[tokio::test]
async fn a_forged_lie_comes_before_the_truth_and_who_takes_it_is_counted() {
    let mut scene = Scene::set().await;
    let forged = Telling::forged();
    let [sent, ..] = usual();
    let failed = Step::new(Event::Failed { code: 131_026 }, SECOND);
    scene.send(Fate::of([sent.told(forged), failed.told(forged)])).await;
    soon(scene.clock.advance(2 * SECOND)).await;
    let said: Vec<_> = scene
        .callback
        .so_far()
        .iter()
        .map(|post| (post.status()["status"].as_str().unwrap().to_owned(), post.is_genuine()))
        .collect();
    let expected = [
        ("failed", false),
        ("sent", true),
        ("delivered", false),
        ("failed", true),
    ];
    assert_eq!(said, expected.map(|(status, genuine)| (status.to_owned(), genuine)));
    let webhooks = scene.simulator.controls.webhooks();
    assert_eq!((webhooks.forged_taken, webhooks.forged_refused), (2, 0));

    let careful = Callback::start(&[(401, "")]).await;
    scene.simulator.controls.set_callback_url(&careful.url).unwrap();
    scene.send(Fate::of([sent.told(forged)])).await;
    soon(scene.clock.advance(SECOND)).await;
    let webhooks = scene.simulator.controls.webhooks();
    assert_eq!(
        (webhooks.forged_taken, webhooks.forged_refused, webhooks.taken),
        (2, 1, 3)
    );
}

#[tokio::test]
async fn a_held_message_is_released_or_fails_with_132015() {
    let mut scene = Scene::set().await;
    scene.send(Fate::held_then_released(30 * SECOND, PACE)).await;
    assert_eq!(scene.status(), Status::Held);
    assert_eq!(scene.hears(30).await, [""; 0]);
    assert_eq!(scene.hears(3).await, ["sent", "delivered", "read"]);

    scene.send(Fate::held_then_failed(30 * SECOND)).await;
    soon(scene.clock.advance(30 * SECOND)).await;
    assert_eq!(scene.callback.next().await.status()["errors"][0]["code"], 132_015);
}

#[tokio::test]
async fn a_life_of_ten_minutes_that_runs_out_takes_no_time_at_all() {
    let mut scene = Scene::set().await;
    scene.send(Fate::outlived(SECOND, LifeEnd::Untold)).await;
    assert_eq!(scene.hears(599).await, ["sent"]);
    assert_eq!(scene.status(), Status::Sent);
    assert_eq!(scene.hears(3_600).await, [""; 0]);
    let dropped = *scene.simulator.phone.messages()[0].history.last().unwrap();
    assert_eq!((dropped.status, dropped.at_ms), (Status::Dropped, NOW_MS + 600_000));

    scene.send(Fate::outlived(SECOND, LifeEnd::Failed)).await;
    assert_eq!(scene.hears(3_600).await, ["sent", "failed"]);
    assert_eq!(scene.status(), Status::Failed);
}

#[tokio::test]
async fn a_message_is_not_delivered_after_the_life_its_template_gives_it() {
    let mut config = config();
    config.templates[0].message_life = Some(30 * SECOND);
    let mut scene = Scene::set_with(config.clone()).await;
    let slow = |wait: u32| {
        let [sent, delivered, read] = usual();
        let delivered = Step {
            after: Some(wait * SECOND),
            ..delivered
        };
        Fate::of([sent, delivered, read])
    };
    scene.send(slow(29)).await;
    assert_eq!(scene.hears(60).await, ["sent", "delivered", "read"]);
    scene.send(slow(30)).await;
    assert_eq!(scene.hears(60).await, ["sent"]);
    assert_eq!(scene.status(), Status::Dropped);

    config.templates[0].message_life = None;
    let mut scene = Scene::set_with(config).await;
    scene.send(slow(86_400)).await;
    assert_eq!(scene.hears(90_000).await, ["sent", "delivered", "read"]);
}

#[tokio::test]
async fn the_hash_of_who_holds_a_phone_is_told_and_changes_with_the_holder() {
    let mut scene = Scene::set().await;
    let old = scene.simulator.controls.identity_of(PHONE).unwrap();
    assert!(old.len() == 12 && old.ends_with('='), "{old}");
    scene.send(Fate::usual(PACE)).await;
    soon(scene.clock.advance(SECOND)).await;
    assert_eq!(scene.callback.next().await.status()["recipient_identity_key_hash"], old);
    scene.simulator.controls.change_identity("+55 (11) 98765-4321");
    let new = scene.simulator.controls.identity_of(PHONE).unwrap();
    assert_ne!(new, old);
    soon(scene.clock.advance(SECOND)).await;
    assert_eq!(scene.callback.next().await.status()["recipient_identity_key_hash"], new);

    let silent = Config {
        identity_key_check: false,
        ..config()
    };
    let mut scene = Scene::set_with(silent).await;
    scene.send(Fate::usual(PACE)).await;
    soon(scene.clock.advance(SECOND)).await;
    let status = scene.callback.next().await.status();
    assert!(status.get("recipient_identity_key_hash").is_none());
}

#[tokio::test]
async fn webhooks_name_the_number_that_whatsapp_knows_a_person_by() {
    let mut scene = Scene::set().await;
    assert!(scene.simulator.controls.know_by(PHONE, "+551187654321"));
    scene.send(Fate::usual(PACE)).await;
    soon(scene.clock.advance(SECOND)).await;
    assert_eq!(scene.callback.next().await.status()["recipient_id"], "551187654321");
    assert!(scene.simulator.controls.press_did_not_request(1));
    soon(scene.clock.quiet()).await;
    let value = scene.callback.next().await.value();
    assert_eq!(value["messages"][0]["from"], "551187654321");
    assert_eq!(value["contacts"][0]["wa_id"], "551187654321");
}

#[tokio::test]
async fn a_send_to_a_holder_who_left_is_taken_and_fails_with_137000() {
    let mut scene = Scene::set().await;
    let mut body = message("482913");
    body["recipient_identity_key_hash"] = scene.simulator.controls.identity_of(PHONE).unwrap().into();
    scene.simulator.send(&body).await;
    assert_eq!(scene.hears(3).await, ["sent", "delivered", "read"]);

    scene.simulator.controls.change_identity(PHONE);
    let (status, _) = scene.simulator.send(&body).await;
    assert_eq!(status, StatusCode::OK);
    soon(scene.clock.advance(3 * SECOND)).await;
    let told = scene.callback.so_far();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].status()["errors"][0]["code"], 137_000);

    body["recipient_identity_key_hash"] = 7.into();
    assert_eq!(scene.simulator.send(&body).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_person_who_did_not_ask_presses_the_button_under_the_message() {
    let mut scene = Scene::set().await;
    scene.send(Fate::default()).await;
    let at = scene.clock.now_ms();
    assert!(scene.simulator.controls.press_did_not_request(1));
    soon(scene.clock.quiet()).await;
    let post = scene.callback.next().await;
    assert!(post.is_genuine());
    let value = post.value();
    let wamid = value["messages"][0]["id"].as_str().unwrap();
    let otp = &scene.simulator.phone.messages()[0];
    assert!(wamid.starts_with("wamid.") && wamid != otp.id);
    let expected = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550783881", "phone_number_id": "106540352242922" },
        "contacts": [{
            "profile": { "name": "Somebody" },
            "wa_id": "5511987654321",
            "identity_key_hash": scene.simulator.controls.identity_of(PHONE),
        }],
        "messages": [{
            "context": { "from": "15550783881", "id": otp.id },
            "from": "5511987654321",
            "id": wamid,
            "timestamp": "1700000000",
            "type": "button",
            "button": { "payload": "DID_NOT_REQUEST_CODE", "text": "I didn't request a code" },
        }],
    });
    assert_eq!(value, expected);
    assert_eq!(otp.did_not_request_at_ms, Some(at));
    assert!(!scene.simulator.controls.press_did_not_request(2));
}

#[tokio::test]
async fn the_button_can_be_pressed_over_http() {
    let mut scene = Scene::set().await;
    scene.send(Fate::default()).await;
    let press = async |number: u64| {
        let path = format!("/api/messages/{number}/did-not-request");
        scene.simulator.post(&path, None, "").await.unwrap().0
    };
    assert_eq!(press(1).await, StatusCode::NO_CONTENT);
    assert_eq!(press(2).await, StatusCode::NOT_FOUND);
    assert_eq!(scene.callback.next().await.value()["messages"][0]["type"], "button");
    let list = scene.simulator.get_json("/api/messages").await;
    assert_eq!(list[0]["did_not_request_at_ms"], NOW_MS);
}
