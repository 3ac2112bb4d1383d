//! Edits, deletions, and how often the account allows which.

use std::time::Duration;

use countersign_simulator::{Config, ManagementLimits, Review, TemplateOrder, TemplateStatus};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{MOMENT, TEMPLATES, UPSERT, bare, codes, just_before, many, standing, template, told};
use crate::harness::{Running, soon};

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn an_edit_replaces_the_components_whole_and_keeps_the_rest() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let buttons = json!({ "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE" }] });
    let body = json!({ "components": [{ "type": "BODY" }, buttons], "name": "ignored" });
    let (status, answer) = simulator.manage(Method::POST, &id, &body).await;
    assert_eq!((status, &answer), (StatusCode::OK, &json!({ "success": true })));
    let entry = simulator.template(&id);
    assert_eq!((entry.name.as_str(), entry.status), ("login", TemplateStatus::Approved));
    assert!(!entry.add_security_recommendation && entry.code_expiration_minutes.is_none());
    assert_eq!(entry.message_life, Some(Duration::from_secs(300)));
    assert_eq!(entry.components_sent, body["components"]);
}

#[tokio::test]
async fn the_life_alone_can_be_edited() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let (status, _) = simulator
        .manage(Method::POST, &id, &json!({ "message_send_ttl_seconds": 60 }))
        .await;
    assert_eq!(status, StatusCode::OK);
    let entry = simulator.template(&id);
    assert_eq!(entry.message_life, Some(Duration::from_secs(60)));
    assert_eq!((entry.code_expiration_minutes, entry.edited_at_ms.len()), (Some(5), 1));
}

#[tokio::test]
async fn an_edit_that_changes_nothing_or_breaks_a_rule_is_refused() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    for body in [
        json!({}),
        json!({ "language": "fr" }),
        json!({ "components": [] }),
        json!({ "message_send_ttl_seconds": 1 }),
        json!({ "category": "UTILITY" }),
    ] {
        let (status, answer) = simulator.manage(Method::POST, &id, &body).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{body}: {answer}");
    }
    assert_eq!(simulator.template(&id).edited_at_ms.len(), 0);
}

#[tokio::test]
async fn the_category_of_an_approved_template_stays() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let category = "MARKETING".to_owned();
    simulator
        .controls
        .order_template(&id, TemplateOrder::SetCategory { category })
        .unwrap();
    let body = json!({ "category": "AUTHENTICATION" });
    let (status, answer) = simulator.manage(Method::POST, &id, &body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(told(&answer).contains("category"), "{answer}");
    let reason = "INCORRECT_CATEGORY".to_owned();
    simulator
        .controls
        .order_template(&id, TemplateOrder::Reject { reason })
        .unwrap();
    assert_eq!(simulator.manage(Method::POST, &id, &body).await.0, StatusCode::OK);
    assert_eq!(simulator.template(&id).category, "AUTHENTICATION");
}

#[tokio::test]
async fn an_approved_template_is_edited_once_a_day_and_ten_times_a_month() {
    let (simulator, clock) = standing(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    for day in 0..10 {
        let (status, answer) = simulator.edited(&id, 10 + day).await;
        assert_eq!(status, StatusCode::OK, "day {day}: {answer}");
        soon(clock.advance(just_before(DAY))).await;
        let (_, answer) = simulator.edited(&id, 1).await;
        assert!(told(&answer).contains("24 hours"), "day {day}: {answer}");
        soon(clock.advance(MOMENT)).await;
    }
    let (status, answer) = simulator.edited(&id, 30).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "the eleventh: {answer}");
    soon(clock.advance(20 * DAY)).await;
    assert_eq!(simulator.edited(&id, 30).await.0, StatusCode::OK);
    assert_eq!(simulator.template(&id).edited_at_ms.len(), 11);
}

#[tokio::test]
async fn an_upsert_of_what_exists_is_an_edit() {
    let (simulator, clock) = standing(bare()).await;
    simulator.created(&template("login", "en_US")).await;
    let both = many("login", &["en_US", "fr"]);
    assert_eq!(simulator.manage(Method::POST, UPSERT, &both).await.0, StatusCode::OK);
    let (status, answer) = simulator
        .manage(Method::POST, UPSERT, &many("login", &["de", "en_US"]))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert!(
        simulator.controls.template_in("login", "de").is_none(),
        "it is all or nothing"
    );
    soon(clock.advance(DAY)).await;
    assert_eq!(simulator.manage(Method::POST, UPSERT, &both).await.0, StatusCode::OK);
}

#[tokio::test]
async fn only_approved_rejected_and_paused_templates_can_be_edited() {
    let simulator = Running::start(bare()).await;
    simulator.controls.set_review(Review::by_order());
    let id = simulator.created(&template("login", "en_US")).await;
    let (_, answer) = simulator.edited(&id, 10).await;
    assert_eq!(codes(&answer), (100, Some(2_388_039)), "pending: {answer}");
    let reason = "INVALID_FORMAT".to_owned();
    let orders = [
        (TemplateOrder::Reject { reason }, true),
        (TemplateOrder::PauseForPacing, true),
        (TemplateOrder::Archive, false),
        (TemplateOrder::Disable, false),
    ];
    for (order, editable) in orders {
        simulator.controls.order_template(&id, order.clone()).unwrap();
        let (status, answer) = simulator.edited(&id, 10).await;
        assert_eq!(status.is_success(), editable, "{order:?}: {answer}");
        if editable {
            assert_eq!(
                simulator.template(&id).status,
                TemplateStatus::Pending,
                "{order:?}: it is reviewed again"
            );
        }
    }
}

#[tokio::test]
async fn an_hour_has_room_for_a_hundred_creations() {
    let (simulator, clock) = standing(bare()).await;
    for number in 0..100 {
        let body = template(&format!("login_{number}"), "en_US");
        simulator.created(&body).await;
    }
    let next = template("login_100", "en_US");
    let (_, answer) = simulator.manage(Method::POST, TEMPLATES, &next).await;
    assert_eq!(codes(&answer).0, 80_008, "{answer}");
    let edit = many("login_1", &["en_US"]);
    assert_eq!(simulator.manage(Method::POST, UPSERT, &edit).await.0, StatusCode::OK);
    soon(clock.advance(Duration::from_secs(3_600))).await;
    simulator.created(&next).await;
}

#[tokio::test]
async fn an_account_has_room_for_so_many_templates() {
    let limits = ManagementLimits {
        templates_max: 3,
        ..ManagementLimits::default()
    };
    let simulator = Running::start(Config {
        management_limits: limits,
        ..bare()
    })
    .await;
    let (_, answer) = simulator
        .manage(Method::POST, UPSERT, &many("login", &["en_US", "fr", "de"]))
        .await;
    assert_eq!(codes(&answer), (100, Some(2_388_019)), "{answer}");
    assert_eq!(simulator.controls.templates().len(), 1);
    let two = many("login", &["en_US", "fr"]);
    assert_eq!(simulator.manage(Method::POST, UPSERT, &two).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_deleted_name_is_locked_for_thirty_days() {
    let (simulator, clock) = standing(bare()).await;
    simulator.created(&template("login", "en_US")).await;
    simulator.created(&template("login", "fr")).await;
    let path = format!("{TEMPLATES}?name=login");
    let (status, answer) = simulator.manage(Method::DELETE, &path, &Value::Null).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "success": true })));
    assert_eq!(simulator.controls.templates().len(), 1);
    soon(clock.advance(just_before(30 * DAY))).await;
    for language in ["en_US", "fr", "de"] {
        let (_, answer) = simulator
            .manage(Method::POST, TEMPLATES, &template("login", language))
            .await;
        assert_eq!(codes(&answer), (100, Some(2_388_023)), "{language}: {answer}");
    }
    let (_, answer) = simulator.manage(Method::POST, UPSERT, &many("login", &["de"])).await;
    assert_eq!(codes(&answer), (100, Some(2_388_023)), "{answer}");
    soon(clock.advance(MOMENT)).await;
    simulator.created(&template("login", "fr")).await;
}

#[tokio::test]
async fn one_language_is_deleted_with_its_id_and_locked_alone() {
    let simulator = Running::start(bare()).await;
    let english = simulator.created(&template("login", "en_US")).await;
    let french = simulator.created(&template("login", "fr")).await;
    let delete = |query: String| {
        let simulator = &simulator;
        async move {
            let path = format!("{TEMPLATES}?{query}");
            simulator.manage(Method::DELETE, &path, &Value::Null).await
        }
    };
    for query in [
        format!("hsm_id={english}"),
        format!("hsm_id={english}&name=other"),
        "hsm_id=7&name=login".into(),
        "hsm_id=x&name=login".into(),
        "name=log".into(),
    ] {
        let (status, answer) = delete(query.clone()).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{query}: {answer}");
    }
    assert_eq!(delete(format!("hsm_id={english}&name=login")).await.0, StatusCode::OK);
    assert!(simulator.controls.template(&english).is_none() && simulator.controls.template(&french).is_some());
    let (_, answer) = simulator
        .manage(Method::POST, TEMPLATES, &template("login", "en_US"))
        .await;
    assert_eq!(codes(&answer), (100, Some(2_388_023)), "{answer}");
    simulator.created(&template("login", "de")).await;
}

#[tokio::test]
async fn a_name_that_was_never_approved_is_free_at_once_and_a_disabled_one_stays() {
    let simulator = Running::start(bare()).await;
    simulator.controls.set_review(Review::rejecting("INVALID_FORMAT"));
    simulator.created(&template("login", "en_US")).await;
    let path = format!("{TEMPLATES}?name=login");
    assert_eq!(
        simulator.manage(Method::DELETE, &path, &Value::Null).await.0,
        StatusCode::OK
    );
    let id = simulator.created(&template("login", "en_US")).await;
    simulator.controls.order_template(&id, TemplateOrder::Disable).unwrap();
    let (status, answer) = simulator.manage(Method::DELETE, &path, &Value::Null).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(told(&answer).contains("disabled"), "{answer}");
    assert!(simulator.controls.template(&id).is_some());
}
