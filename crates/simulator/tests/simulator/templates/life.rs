//! What becomes of a template by itself and by order: review, pauses, the archive.

use std::time::Duration;

use countersign_simulator::{Config, OrderRefused, Quality, Review, TemplateOrder, TemplateStatus};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{MOMENT, TEMPLATES, bare, codes, just_before, standing, template, told};
use crate::harness::{Running, soon};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_review_takes_its_time_and_ends_well() {
    let review = Review::taking(10 * MINUTE);
    let (simulator, clock) = standing(Config { review, ..bare() }).await;
    let (_, answer) = simulator
        .manage(Method::POST, TEMPLATES, &template("login", "en_US"))
        .await;
    assert_eq!(answer["status"], "PENDING");
    let id = answer["id"].as_str().unwrap();
    soon(clock.advance(just_before(10 * MINUTE))).await;
    assert_eq!(simulator.template(id).status, TemplateStatus::Pending);
    soon(clock.advance(MOMENT)).await;
    assert_eq!(simulator.template(id).status, TemplateStatus::Approved);
}

#[tokio::test]
async fn a_review_can_end_badly_and_an_edit_begins_another() {
    let review = Review {
        rejected_with: Some("TAG_CONTENT_MISMATCH".into()),
        ..Review::taking(10 * MINUTE)
    };
    let (simulator, clock) = standing(Config { review, ..bare() }).await;
    let id = simulator.created(&template("login", "en_US")).await;
    soon(clock.advance(10 * MINUTE)).await;
    let path = format!("{id}?fields=status,rejected_reason,health_status");
    let (_, node) = simulator.manage(Method::GET, &path, &Value::Null).await;
    assert_eq!(
        (&node["status"], &node["rejected_reason"]),
        (&json!("REJECTED"), &json!("TAG_CONTENT_MISMATCH"))
    );
    assert_eq!(node["health_status"]["can_send_message"], "BLOCKED");
    simulator.controls.set_review(Review::taking(MINUTE));
    assert_eq!(simulator.edited(&id, 10).await.0, StatusCode::OK);
    assert_eq!(simulator.template(&id).status, TemplateStatus::Pending);
    soon(clock.advance(MINUTE)).await;
    let (_, node) = simulator.manage(Method::GET, &path, &Value::Null).await;
    assert_eq!(
        (&node["status"], &node["rejected_reason"]),
        (&json!("APPROVED"), &json!("NONE"))
    );
}

#[tokio::test]
async fn an_order_ends_a_review_before_its_time() {
    let (simulator, clock) = standing(Config {
        review: Review::taking(HOUR),
        ..bare()
    })
    .await;
    let id = simulator.created(&template("login", "en_US")).await;
    let reason = "ABUSIVE_CONTENT".to_owned();
    simulator
        .controls
        .order_template(&id, TemplateOrder::Reject { reason })
        .unwrap();
    soon(clock.advance(2 * HOUR)).await;
    assert_eq!(
        simulator.template(&id).status,
        TemplateStatus::Rejected,
        "the review that was going on is over"
    );
}

#[tokio::test]
async fn an_approved_template_stays_approved_while_it_is_edited() {
    let (simulator, _clock) = standing(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    simulator.controls.set_review(Review::by_order());
    assert_eq!(simulator.edited(&id, 10).await.0, StatusCode::OK);
    assert_eq!(simulator.template(&id).status, TemplateStatus::Approved);
}

#[tokio::test]
async fn pauses_for_quality_grow_longer_and_the_third_is_for_good() {
    let (simulator, clock) = standing(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    for hours in [3, 6] {
        simulator.controls.order_template(&id, TemplateOrder::Pause).unwrap();
        soon(clock.advance(just_before(hours * HOUR))).await;
        assert_eq!(simulator.template(&id).status, TemplateStatus::Paused, "{hours} hours");
        soon(clock.advance(MOMENT)).await;
        assert_eq!(
            simulator.template(&id).status,
            TemplateStatus::Approved,
            "{hours} hours"
        );
    }
    simulator.controls.order_template(&id, TemplateOrder::Pause).unwrap();
    soon(clock.advance(100 * HOUR)).await;
    assert_eq!(simulator.template(&id).status, TemplateStatus::Disabled);
}

#[tokio::test]
async fn a_caller_lifts_a_pause_for_pacing_after_five_minutes_and_no_other() {
    let (simulator, clock) = standing(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let path = format!("{id}/unpause");
    let refusal = async || {
        let (_, answer) = simulator.manage(Method::POST, &path, &Value::Null).await;
        assert_eq!(codes(&answer), (100, Some(2_388_039)), "{answer}");
        told(&answer).to_owned()
    };
    assert!(refusal().await.contains("not paused"));
    let order = |order| simulator.controls.order_template(&id, order).unwrap();
    order(TemplateOrder::Pause);
    soon(clock.advance(HOUR)).await;
    assert!(refusal().await.contains("quality"));
    order(TemplateOrder::PauseForPacing);
    soon(clock.advance(just_before(5 * MINUTE))).await;
    assert!(refusal().await.contains("5 minutes"));
    soon(clock.advance(MOMENT)).await;
    let (status, answer) = simulator.manage(Method::POST, &path, &Value::Null).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "success": true })));
    assert_eq!(simulator.template(&id).status, TemplateStatus::Approved);
}

#[tokio::test]
async fn the_archive_keeps_a_template_for_28_days() {
    let (simulator, clock) = standing(bare()).await;
    let kept = simulator.created(&template("kept", "en_US")).await;
    let lost = simulator.created(&template("lost", "en_US")).await;
    simulator.controls.set_review(Review::by_order());
    let pending = simulator.created(&template("pending", "en_US")).await;
    let path = format!("{TEMPLATES}/archive");
    let body = json!({ "hsm_ids": [kept, lost, pending, "7"] });
    let (_, answer) = simulator.manage(Method::POST, &path, &body).await;
    assert_eq!(answer["archived_templates"], json!([kept, lost]));
    let failed = answer["failed_templates"].as_object().unwrap();
    assert_eq!(failed[&pending], "Only approved or rejected templates can be archived");
    assert!(failed.contains_key("7"));
    soon(clock.advance(27 * 24 * HOUR)).await;
    let path = format!("{TEMPLATES}/unarchive");
    let body = json!({ "hsm_ids": [kept, pending] });
    let (_, answer) = simulator.manage(Method::POST, &path, &body).await;
    assert_eq!(answer["unarchived_templates"], json!([kept]));
    assert_eq!(answer["failed_templates"][&pending], "Template is not archived");
    soon(clock.advance(24 * HOUR)).await;
    assert_eq!(simulator.template(&kept).status, TemplateStatus::Approved);
    assert!(simulator.controls.template(&lost).is_none());
}

#[tokio::test]
async fn the_archive_takes_one_to_a_hundred_ids() {
    let simulator = Running::start(bare()).await;
    for ids in [json!([]), json!(vec!["7"; 101]), json!([7]), json!("7"), Value::Null] {
        let path = format!("{TEMPLATES}/archive");
        let (status, answer) = simulator.manage(Method::POST, &path, &json!({ "hsm_ids": ids })).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{ids}: {answer}");
    }
}

#[tokio::test]
async fn a_rejected_template_comes_back_from_the_archive_as_it_was() {
    let simulator = Running::start(bare()).await;
    simulator.controls.set_review(Review::rejecting("SCAM"));
    let id = simulator.created(&template("login", "en_US")).await;
    simulator.controls.order_template(&id, TemplateOrder::Archive).unwrap();
    simulator
        .controls
        .order_template(&id, TemplateOrder::Unarchive)
        .unwrap();
    let entry = simulator.template(&id);
    assert_eq!(
        (entry.status, entry.rejected_reason.as_deref()),
        (TemplateStatus::Rejected, Some("SCAM"))
    );
}

#[tokio::test]
async fn orders_come_over_http_too() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "ar")).await;
    let cases = [
        (json!({ "order": "reject", "reason": "SCAM" }), 204),
        (json!({ "order": "unpause" }), 409),
        (json!({ "order": "pause" }), 204),
        (json!({ "order": "unpause" }), 204),
        (json!({ "order": "set_quality", "quality": "RED" }), 204),
        (json!({ "order": "set_life", "seconds": 45 }), 204),
        (json!({ "order": "set_expiry", "minutes": null }), 204),
        (json!({ "order": "set_security", "advised": false }), 204),
        (json!({ "order": "set_category", "category": "MARKETING" }), 204),
        (json!({ "order": "archive" }), 204),
        (json!({ "order": "archive" }), 409),
        (json!({ "order": "unarchive" }), 204),
        (json!({ "order": "unarchive" }), 409),
        (json!({ "order": "pause_for_pacing" }), 204),
        (json!({ "order": "approve" }), 204),
        (json!({ "order": "sing" }), 400),
        (json!({ "order": "reject" }), 400),
    ];
    for (body, expected) in cases {
        let (status, answer) = simulator
            .ask(Method::POST, &format!("/api/templates/{id}"), &body)
            .await;
        assert_eq!(status.as_u16(), expected, "{body}: {answer}");
    }
    let list = simulator.get_json("/api/templates").await;
    let view = &list[0];
    assert_eq!(
        (&view["id"], &view["status"], &view["quality"]),
        (&json!(id), &json!("APPROVED"), &json!("RED"))
    );
    assert_eq!(
        (&view["message_send_ttl_seconds"], &view["category"]),
        (&json!(45), &json!("MARKETING"))
    );
    let preview = &view["preview"];
    assert_eq!(
        (&preview["direction"], &preview["footer"]),
        (&json!("rtl"), &Value::Null)
    );
    let (status, _) = simulator
        .ask(
            Method::POST,
            &format!("/api/templates/{id}"),
            &json!({ "order": "delete" }),
        )
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = simulator
        .ask(
            Method::POST,
            &format!("/api/templates/{id}"),
            &json!({ "order": "approve" }),
        )
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_drift_is_read_back_and_nobody_edited_it() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let order = |order| simulator.controls.order_template(&id, order).unwrap();
    order(TemplateOrder::SetLife { seconds: None });
    order(TemplateOrder::SetExpiry { minutes: Some(60) });
    order(TemplateOrder::SetQuality {
        quality: Quality::Yellow,
    });
    let path = format!("{id}?fields=message_send_ttl_seconds,components,quality_score");
    let (_, node) = simulator.manage(Method::GET, &path, &Value::Null).await;
    assert_eq!(node["message_send_ttl_seconds"], -1);
    assert_eq!(node["components"][1]["code_expiration_minutes"], 60);
    assert_eq!(node["quality_score"]["score"], "YELLOW");
    assert!(simulator.template(&id).edited_at_ms.is_empty());
    let nobody = simulator.controls.order_template("7", TemplateOrder::Approve);
    assert_eq!(nobody, Err(OrderRefused::NotFound));
}
