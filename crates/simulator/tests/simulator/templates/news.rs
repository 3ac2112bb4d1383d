//! The webhooks about templates.

use std::time::Duration;

use countersign_simulator::{Quality, TemplateOrder};
use hyper::Method;
use serde_json::{Value, json};

use super::{TEMPLATES, UPSERT, bare, many, standing, template};
use crate::harness::{Callback, NOW_MS, Running, soon};

/// A callback and a simulator with one more template, of which the news was heard.
async fn with_template() -> (Running, Callback, String) {
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(bare()).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let id = simulator.created(&template("login", "en_US")).await;
    callback.next().await;
    (simulator, callback, id)
}

impl Callback {
    /// The field and the value of the next webhook, which has to be genuine.
    async fn news(&mut self) -> (String, Value) {
        let webhook = self.next().await;
        assert!(webhook.is_genuine());
        let body = webhook.json();
        assert_eq!(body["object"], "whatsapp_business_account");
        assert_eq!(body["entry"][0]["id"], "102290129340398");
        assert_eq!(body["entry"][0]["time"], NOW_MS / 1_000);
        let change = &body["entry"][0]["changes"][0];
        (change["field"].as_str().unwrap().to_owned(), change["value"].clone())
    }

    /// The event of the next webhook, which has to be about a status, and what it says.
    async fn event(&mut self) -> (String, Value) {
        let (field, value) = self.news().await;
        assert_eq!(field, "message_template_status_update");
        (value["event"].as_str().unwrap().to_owned(), value)
    }
}

#[tokio::test]
async fn an_approval_names_the_template_with_a_number_and_a_dash() {
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(bare()).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let id: u64 = simulator.created(&template("login", "en_US")).await.parse().unwrap();
    let expected = json!({
        "event": "APPROVED",
        "message_template_id": id,
        "message_template_name": "login",
        "message_template_language": "en-US",
        "message_template_category": "AUTHENTICATION",
        "reason": "NONE",
    });
    assert_eq!(callback.event().await, ("APPROVED".to_owned(), expected));
}

#[tokio::test]
async fn every_change_of_status_is_told() {
    let (simulator, mut callback, id) = with_template().await;
    let order = |order| simulator.controls.order_template(&id, order).unwrap();
    let reason = "INVALID_FORMAT".to_owned();
    order(TemplateOrder::Reject { reason });
    let (event, value) = callback.event().await;
    assert_eq!(
        (event.as_str(), &value["reason"]),
        ("REJECTED", &json!("INVALID_FORMAT"))
    );
    assert_eq!(value["rejection_info"]["reason"], "INVALID_FORMAT");
    let steps = [
        (TemplateOrder::Pause, "PAUSED", "FIRST_PAUSE"),
        (TemplateOrder::Unpause, "APPROVED", "UNPAUSE"),
        (TemplateOrder::Pause, "PAUSED", "SECOND_PAUSE"),
        (TemplateOrder::PauseForPacing, "PAUSED", "RATE_LIMITING_PAUSE"),
        (TemplateOrder::Pause, "DISABLED", "DISABLED"),
    ];
    for (step, event, title) in steps {
        order(step);
        let (told, value) = callback.event().await;
        assert_eq!((told.as_str(), &value["other_info"]["title"]), (event, &json!(title)));
        assert_eq!(value["reason"], "NONE");
        assert_eq!(value.get("disable_info").is_some(), event == "DISABLED");
    }
    for (step, event) in [
        (TemplateOrder::Approve, "APPROVED"),
        (TemplateOrder::Archive, "ARCHIVED"),
        (TemplateOrder::Unarchive, "UNARCHIVED"),
        (
            TemplateOrder::SetStatus {
                status: "FLAGGED".into(),
            },
            "FLAGGED",
        ),
        (TemplateOrder::Delete, "PENDING_DELETION"),
    ] {
        order(step);
        let (told, value) = callback.event().await;
        assert_eq!((told.as_str(), value.get("other_info")), (event, None));
    }
}

#[tokio::test]
async fn a_caller_hears_of_what_it_has_done() {
    let (simulator, mut callback, id) = with_template().await;
    simulator.edited(&id, 15).await;
    let (field, value) = callback.news().await;
    assert_eq!(field, "message_template_components_update");
    assert_eq!(value["message_template_footer"], "This code expires in 15 minutes.");
    assert!(
        value["message_template_element"]
            .as_str()
            .unwrap()
            .starts_with("*{{1}}*")
    );
    assert_eq!(
        value["message_template_buttons"][0]["message_template_button_type"],
        "URL"
    );
    simulator
        .manage(Method::POST, UPSERT, &many("other", &["fr", "de"]))
        .await;
    for language in ["fr", "de"] {
        assert_eq!(callback.event().await.1["message_template_language"], language);
    }
    let path = format!("{TEMPLATES}?name=login");
    simulator.manage(Method::DELETE, &path, &Value::Null).await;
    assert_eq!(callback.event().await.0, "PENDING_DELETION");
}

#[tokio::test]
async fn quality_and_category_have_webhooks_of_their_own() {
    let (simulator, mut callback, id) = with_template().await;
    let order = |order| simulator.controls.order_template(&id, order).unwrap();
    order(TemplateOrder::SetQuality { quality: Quality::Red });
    let (field, value) = callback.news().await;
    assert_eq!(field, "message_template_quality_update");
    assert_eq!(
        (&value["previous_quality_score"], &value["new_quality_score"]),
        (&json!("UNKNOWN"), &json!("RED"))
    );
    let category = "UTILITY".to_owned();
    order(TemplateOrder::AnnounceCategory {
        category: category.clone(),
    });
    let (_, value) = callback.news().await;
    assert_eq!(
        (&value["correct_category"], &value["new_category"]),
        (&json!("UTILITY"), &json!("AUTHENTICATION"))
    );
    assert_eq!(value["category_update_timestamp"], NOW_MS / 1_000 + 24 * 3_600);
    assert_eq!(simulator.template(&id).category, "AUTHENTICATION");
    order(TemplateOrder::SetCategory { category });
    let (field, value) = callback.news().await;
    assert_eq!(field, "template_category_update");
    assert_eq!(
        (&value["previous_category"], &value["new_category"]),
        (&json!("AUTHENTICATION"), &json!("UTILITY"))
    );
}

#[tokio::test]
async fn a_drift_is_not_told() {
    let clocked = standing(bare()).await;
    let (simulator, clock) = clocked;
    let mut callback = Callback::start(&[]).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let id = simulator.controls.templates()[0].id.clone();
    let order = |order| simulator.controls.order_template(&id, order).unwrap();
    order(TemplateOrder::SetLife { seconds: Some(60) });
    order(TemplateOrder::SetExpiry { minutes: Some(60) });
    order(TemplateOrder::SetSecurity { advised: false });
    soon(clock.advance(Duration::from_secs(60))).await;
    assert_eq!(callback.so_far().len(), 0);
}

#[tokio::test]
async fn the_end_of_a_pause_is_told_when_it_comes() {
    let (simulator, clock) = standing(bare()).await;
    let mut callback = Callback::start(&[]).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let id = simulator.controls.templates()[0].id.clone();
    simulator.controls.order_template(&id, TemplateOrder::Pause).unwrap();
    soon(clock.advance(Duration::from_secs(4 * 3_600))).await;
    let heard = callback.so_far();
    let events: Vec<_> = heard.iter().map(|webhook| webhook.value()["event"].clone()).collect();
    assert_eq!(events, ["PAUSED", "APPROVED"]);
    assert_eq!(
        heard[1].json()["entry"][0]["time"],
        NOW_MS / 1_000 + 3 * 3_600,
        "at its own time"
    );
}
