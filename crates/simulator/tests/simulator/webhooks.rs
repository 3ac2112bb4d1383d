//! What the callback hears, and how it can trust it.

use std::time::Duration;

use countersign_simulator::{Config, Event, Fate, Handshake, PricingType, Retries, Scenario, Status, Step, signature};
use hyper::Method;
use serde_json::{Value, json};

use crate::harness::{Callback, PHONE, Running, config, message, soon};

#[tokio::test]
async fn statuses_arrive_signed_and_in_order() {
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(config()).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let mut body = message("482913");
    body["biz_opaque_callback_data"] = "dev/v1/ü".into();
    let (_, answer) = simulator.send(&body).await;
    for expected in ["sent", "delivered", "read"] {
        let webhook = callback.next().await;
        assert_eq!(webhook.method, Method::POST);
        assert_eq!(webhook.headers["content-type"], "application/json");
        let signed = signature("simulator-app-secret", &webhook.body);
        assert_eq!(webhook.headers["x-hub-signature-256"], signed.as_str());
        assert!(webhook.body.is_ascii(), "Meta escapes what is beyond ASCII");
        let status = webhook.status();
        assert_eq!(status["status"], expected);
        assert_eq!(status["id"], answer["messages"][0]["id"]);
        assert_eq!(status["timestamp"], "1700000000");
        assert_eq!(status["recipient_id"], "5511987654321");
        assert_eq!(status["biz_opaque_callback_data"], "dev/v1/ü");
        assert_eq!(status["pricing"].is_object(), expected != "read");
        assert!(
            !String::from_utf8_lossy(&webhook.body).contains("482913"),
            "a webhook never has the code"
        );
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_webhook_has_metas_envelope() {
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(config()).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let (_, answer) = simulator.send(&message("482913")).await;
    let expected = json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": "102290129340398",
            "changes": [{
                "field": "messages",
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": { "display_phone_number": "15550783881", "phone_number_id": "106540352242922" },
                    "statuses": [{
                        "id": answer["messages"][0]["id"],
                        "status": "sent",
                        "timestamp": "1700000000",
                        "recipient_id": "5511987654321",
                        "recipient_identity_key_hash": simulator.controls.identity_of(PHONE).unwrap(),
                        "pricing": {
                            "billable": true, "pricing_model": "PMP", "type": "regular", "category": "authentication",
                        },
                    }],
                },
            }],
        }],
    });
    assert_eq!(callback.next().await.json(), expected);
}

/// What the statuses of a message say of its price, in their order.
async fn prices(simulator: &Running, callback: &mut Callback, statuses: usize) -> Vec<(String, Value)> {
    simulator.send(&message("482913")).await;
    let mut prices = Vec::new();
    for _ in 0..statuses {
        let status = callback.next().await.status();
        let word = status["status"].as_str().unwrap().to_owned();
        prices.push((word, status["pricing"].clone()));
    }
    prices
}

#[tokio::test]
async fn the_price_is_told_when_a_message_is_sent_and_once_more_when_it_first_arrives() {
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(config()).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let regular = json!({ "billable": true, "pricing_model": "PMP", "type": "regular", "category": "authentication" });
    let priced = |word: &str| (word.to_owned(), regular.clone());
    let silent = |word: &str| (word.to_owned(), Value::Null);
    assert_eq!(
        prices(&simulator, &mut callback, 3).await,
        [priced("sent"), priced("delivered"), silent("read")]
    );
    // A message that is read at once, and one that fails.
    let at_once = |event| Step::new(event, Duration::ZERO);
    for (steps, expected) in [
        ([Event::Sent, Event::Read], [priced("sent"), priced("read")]),
        (
            [Event::Sent, Event::Failed { code: 131_026 }],
            [priced("sent"), silent("failed")],
        ),
    ] {
        let fate = Fate::of(steps.map(at_once));
        simulator.controls.add_scenario(Scenario::next(1).fate(fate));
        assert_eq!(prices(&simulator, &mut callback, 2).await, expected);
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_message_is_billed_as_international_where_the_business_pays_that() {
    let mut callback = Callback::start(&[]).await;
    let indian = |code: &str| {
        let mut body = message(code);
        body["to"] = "+919876543210".into();
        body
    };
    let simulator = Running::start(Config {
        international: vec!["91".into()],
        ..config()
    })
    .await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    for (body, category) in [
        (message("482913"), "authentication"),
        (indian("482913"), "authentication-international"),
    ] {
        simulator.send(&body).await;
        let sent = callback.next().await.status();
        assert_eq!(sent["pricing"]["category"], category);
        for _ in 0..2 {
            callback.next().await;
        }
    }
    simulator.controls.set_international(&[]).unwrap();
    simulator.send(&indian("482914")).await;
    assert_eq!(callback.next().await.status()["pricing"]["category"], "authentication");
    let mistake = simulator.controls.set_international(&["55"]).unwrap_err();
    assert_eq!(mistake.field, "international", "Brazil has no such price");
    simulator.stop().await;
}

#[tokio::test]
async fn a_message_can_be_free() {
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(config()).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    for (pricing, word) in [
        (PricingType::FreeEntryPoint, "free_entry_point"),
        (PricingType::FreeCustomerService, "free_customer_service"),
    ] {
        let fate = Fate::usual(config().pace).billed(pricing);
        simulator.controls.add_scenario(Scenario::next(1).fate(fate));
        let told = prices(&simulator, &mut callback, 3).await;
        for place in [0, 1] {
            assert_eq!(
                (&told[place].1["type"], &told[place].1["billable"]),
                (&json!(word), &json!(false))
            );
        }
    }
    simulator.stop().await;
}

#[tokio::test]
async fn a_webhook_that_is_not_taken_comes_again_unchanged_before_the_next_status() {
    let mut callback = Callback::start(&[(500, ""), (204, ""), (200, "")]).await;
    let simulator = Running::start(config()).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    simulator.send(&message("482913")).await;
    let first = callback.next().await;
    for _ in 0..2 {
        let again = callback.next().await;
        assert_eq!(again.body, first.body);
        assert_eq!(
            again.headers["x-hub-signature-256"],
            first.headers["x-hub-signature-256"]
        );
    }
    assert_eq!(callback.next().await.status()["status"], "delivered");
}

#[tokio::test]
async fn a_webhook_is_given_up_after_so_many_attempts() {
    let mut callback = Callback::start(&[(503, ""), (503, "")]).await;
    let retries = Retries {
        attempts_max: 2,
        ..config().retries
    };
    let simulator = Running::start(Config { retries, ..config() }).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    simulator.send(&message("482913")).await;
    let statuses = [
        callback.next().await,
        callback.next().await,
        callback.next().await,
        callback.next().await,
    ];
    let statuses = statuses.map(|webhook| webhook.status()["status"].as_str().unwrap().to_owned());
    assert_eq!(statuses, ["sent", "sent", "delivered", "read"]);
    assert_eq!(simulator.get_json("/api/status").await["webhooks_given_up"], 1);
}

#[tokio::test]
async fn without_a_callback_the_phone_still_gets_its_messages() {
    let simulator = Running::start(config()).await;
    simulator.send(&message("482913")).await;
    let message = soon(simulator.phone.wait_for_status(1, Status::Read)).await;
    let reached: Vec<_> = message.history.iter().map(|change| change.status).collect();
    assert_eq!(
        reached,
        [Status::Accepted, Status::Sent, Status::Delivered, Status::Read]
    );
    assert_eq!(soon(simulator.phone.wait_for_code(PHONE)).await, "482913");
}

#[tokio::test]
async fn the_handshake_tells_who_gives_the_challenge_back() {
    let cases = [
        ((200, "<challenge>"), Handshake::Verified),
        ((200, "hello"), Handshake::WrongAnswer),
        ((403, "<challenge>"), Handshake::Refused(403)),
    ];
    let simulator = Running::start(config()).await;
    assert_eq!(simulator.controls.verify_callback().await, Handshake::NotTried);
    for (answer, expected) in cases {
        let mut callback = Callback::start(&[answer]).await;
        simulator.controls.set_callback_url(&callback.url).unwrap();
        assert_eq!(soon(simulator.controls.verify_callback()).await, expected);
        assert_eq!(simulator.controls.handshake(), expected);
        let asked = callback.next().await;
        assert_eq!(asked.method, Method::GET);
        assert!(asked.query.contains("hub.mode=subscribe"), "{}", asked.query);
        assert!(
            asked.query.contains("hub.verify_token=simulator-verify-token"),
            "{}",
            asked.query
        );
    }
}

#[tokio::test]
async fn a_simulator_with_a_callback_starts_with_the_handshake() {
    let mut callback = Callback::start(&[(200, "<challenge>")]).await;
    let config = Config {
        callback_url: Some(format!("{}?tenant=a", callback.url)),
        ..config()
    };
    let _simulator = Running::start(config).await;
    let asked = callback.next().await;
    assert_eq!(asked.method, Method::GET);
    assert!(
        asked.query.starts_with("tenant=a&hub.mode=subscribe"),
        "{}",
        asked.query
    );
}

#[tokio::test]
async fn a_callback_url_must_be_plain_http() {
    let simulator = Running::start(config()).await;
    for url in [
        "",
        "localhost:80",
        "/webhook",
        "https://localhost/webhook",
        "http:///webhook",
    ] {
        assert!(simulator.controls.set_callback_url(url).is_err(), "{url}");
    }
}
