//! Sending asks the catalogue.

use std::time::Duration;

use countersign_simulator::{Review, TemplateOrder};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::{UPSERT, bare, codes, many, template};
use crate::harness::{NOW_MS, Running, message};

fn login(language: &str) -> Value {
    let mut body = message("482913");
    body["template"]["name"] = "login".into();
    body["template"]["language"]["code"] = language.into();
    body
}

#[tokio::test]
async fn a_template_can_be_sent_once_it_is_approved() {
    let simulator = Running::start(bare()).await;
    simulator.controls.set_review(Review::by_order());
    assert_eq!(codes(&simulator.send(&login("en_US")).await.1).0, 132_001);
    let id = simulator.created(&template("login", "en_US")).await;
    let (status, answer) = simulator.send(&login("en_US")).await;
    assert_eq!((status.as_u16(), codes(&answer).0), (404, 132_001), "{answer}");
    simulator.controls.order_template(&id, TemplateOrder::Approve).unwrap();
    assert_eq!(simulator.send(&login("en_US")).await.0, StatusCode::OK);
    let (_, answer) = simulator.send(&login("fr")).await;
    assert_eq!(codes(&answer).0, 132_001, "{answer}");
    assert!(
        answer
            .to_string()
            .contains("template name (login) does not exist in fr")
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_template_has_a_code() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let reason = "SCAM".to_owned();
    let cases = [
        (TemplateOrder::Reject { reason }, 132_001),
        (TemplateOrder::Pause, 132_015),
        (TemplateOrder::PauseForPacing, 132_015),
        (TemplateOrder::Archive, 132_001),
        (TemplateOrder::Disable, 132_016),
    ];
    for (order, code) in cases {
        simulator.controls.order_template(&id, order.clone()).unwrap();
        let (_, answer) = simulator.send(&login("en_US")).await;
        assert_eq!(codes(&answer).0, code, "{order:?}: {answer}");
    }
    simulator.controls.order_template(&id, TemplateOrder::Delete).unwrap();
    assert_eq!(codes(&simulator.send(&login("en_US")).await.1).0, 132_001);
    assert_eq!(simulator.phone.accepted(), 0);
}

#[tokio::test]
async fn a_message_lives_as_long_and_says_as_much_as_its_template() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    simulator.send(&login("en_US")).await;
    let first = &simulator.phone.messages()[0];
    assert_eq!(first.lives_until_ms, Some(NOW_MS + 300_000));
    assert_eq!(
        (first.expires_in_minutes, first.security_recommendation),
        (Some(5), true)
    );
    let order = |order| simulator.controls.order_template(&id, order).unwrap();
    order(TemplateOrder::SetLife { seconds: None });
    order(TemplateOrder::SetExpiry { minutes: None });
    simulator.send(&login("en_US")).await;
    let second = &simulator.phone.messages()[0];
    assert_eq!((second.lives_until_ms, second.expires_in_minutes), (None, None));
}

#[tokio::test]
async fn a_label_of_ones_own_is_on_the_phone() {
    let simulator = Running::start(bare()).await;
    let mut body = template("login", "en_US");
    body["components"][2]["buttons"][0]["text"] = "Take it".into();
    simulator.created(&body).await;
    simulator.send(&login("en_US")).await;
    simulator.send(&message("482913")).await;
    let list = simulator.get_json("/api/messages").await;
    assert_eq!(
        (&list[0]["text"]["copy"], &list[1]["text"]["copy"]),
        (&json!("Copy code"), &json!("Take it"))
    );
}

#[tokio::test]
async fn a_status_nobody_knows_cannot_be_sent() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let status = "UNDER_THE_MOON".to_owned();
    let order = TemplateOrder::SetStatus { status };
    simulator.controls.order_template(&id, order).unwrap();
    assert_eq!(codes(&simulator.send(&login("en_US")).await.1).0, 132_001);
    let path = format!("{id}?fields=status");
    let (_, node) = simulator.manage(hyper::Method::GET, &path, &Value::Null).await;
    assert_eq!(node["status"], "UNDER_THE_MOON");
    let (_, answer) = simulator.edited(&id, 10).await;
    assert_eq!(codes(&answer), (100, Some(2_388_039)), "{answer}");
    simulator.controls.order_template(&id, TemplateOrder::Approve).unwrap();
    assert_eq!(simulator.template(&id).status_word, "APPROVED");
}

#[tokio::test]
async fn languages_of_one_name_stand_for_themselves() {
    let simulator = Running::start(bare()).await;
    simulator
        .manage(hyper::Method::POST, UPSERT, &many("login", &["en_US", "fr"]))
        .await;
    let french = simulator.controls.template_in("login", "fr").unwrap();
    simulator
        .controls
        .order_template(&french.id, TemplateOrder::Disable)
        .unwrap();
    assert_eq!(simulator.send(&login("en_US")).await.0, StatusCode::OK);
    assert_eq!(codes(&simulator.send(&login("fr")).await.1).0, 132_016);
    let approved = simulator.controls.template_in("login", "en_US").unwrap();
    assert_eq!(approved.message_life, Some(Duration::from_secs(600)));
    assert_eq!(simulator.get_json("/api/messages").await[0]["template"], json!("login"));
}
