//! What signed posts do, and what they are answered with.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use countersign_domain::delivery::{DeliveryState, FailureReason, NextStep, Rejection};
use countersign_domain::event::{Event, IgnoredReport};
use countersign_domain::verification::VerificationState;
use serde_json::{Value, json};

use crate::codes::CODES;
use crate::house::Intake;

/// A post as Meta sends it: everything that is not ours to read is there too.
fn post_of(statuses: &[Value]) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": "102290129340398",
            "changes": [{
                "field": "messages",
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
                    "statuses": statuses,
                },
            }],
        }],
    })
}

fn status(status: &str, reference: &str) -> Value {
    json!({
        "id": "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEjgxQkVFRDVB",
        "status": status,
        "timestamp": "1739321024",
        "recipient_id": "5511987654321",
        "biz_opaque_callback_data": reference,
        "pricing": {"billable": true, "pricing_model": "PMP", "category": "authentication"},
    })
}

fn failed(reference: &str, code: u32) -> Value {
    let mut status = status("failed", reference);
    status["errors"] = json!([{
        "code": code,
        "title": "Message undeliverable",
        "message": "Message undeliverable",
        "error_data": {"details": "not delivered to +5511987654321"},
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    }]);
    status
}

#[tokio::test]
async fn statuses_move_the_delivery_forward_and_never_back() {
    let intake = Intake::new();
    let reference = intake.sent(1).await;
    for (said, state) in [
        ("delivered", DeliveryState::Delivered),
        ("sent", DeliveryState::Delivered),
        ("played", DeliveryState::Delivered),
        ("read", DeliveryState::Read),
        ("delivered", DeliveryState::Read),
    ] {
        assert_eq!(intake.post(&post_of(&[status(said, &reference)])).await, StatusCode::OK);
        assert_eq!(intake.deliveries(1)[0].state, state, "{said}");
    }
}

#[tokio::test]
async fn no_status_approves_anything() {
    let intake = Intake::new();
    let reference = intake.sent(1).await;
    let statuses = ["sent", "delivered", "read", "approved", "failed"].map(|it| status(it, &reference));
    assert_eq!(intake.post(&post_of(&statuses)).await, StatusCode::OK);
    let approved = intake.house.recorder.events().into_iter().any(|event| {
        let state = match event {
            Event::Ended { state, .. } => Some(state),
            _ => None,
        };
        matches!(state, Some(VerificationState::Approved { .. }))
    });
    assert!(!approved);
}

#[tokio::test]
async fn every_code_comes_to_its_step() {
    let intake = Intake::new();
    let mut n = 0;
    for (step, codes) in CODES {
        let reason = match step {
            NextStep::Rejected(Rejection::Undeliverable) => FailureReason::Undeliverable,
            NextStep::Rejected(Rejection::Country) => FailureReason::CountryBarred,
            NextStep::Rejected(Rejection::Identity) => FailureReason::IdentityChanged,
            NextStep::Misconfigured(_) | NextStep::AnotherLanguage | NextStep::Unclear => FailureReason::Misconfigured,
            NextStep::Throttled { .. } => FailureReason::Throttled,
            NextStep::Unavailable | NextStep::Uncertain => FailureReason::ProviderUnavailable,
        };
        let in_time = |wait: Option<Duration>| wait.is_none_or(|it| it < Duration::from_secs(540));
        let again = match step {
            NextStep::Throttled { retry_after, .. } => in_time(retry_after),
            NextStep::Unavailable | NextStep::Unclear => true,
            _ => false,
        };
        for code in codes {
            n += 1;
            intake.wait_until_senders_are_free();
            let reference = intake.sent(n).await;
            assert_eq!(
                intake.post(&post_of(&[failed(&reference, *code)])).await,
                StatusCode::OK
            );
            let deliveries = intake.deliveries(n);
            assert_eq!(deliveries[0].state, DeliveryState::Failed(reason), "{code}");
            assert_eq!(deliveries.len(), if again { 2 } else { 1 }, "{code}");
            let report = deliveries[0].report.as_ref().expect("a report");
            assert_eq!((report.code, report.details.as_str()), (*code, "not delivered to +…"));
        }
    }
}

#[tokio::test]
async fn a_thousand_statuses_in_one_post_are_all_applied() {
    let intake = Intake::new();
    let (mut statuses, mut later) = (Vec::new(), Vec::new());
    for n in 0..500 {
        let reference = intake.sent(n).await;
        statuses.push(failed(&reference, 131_026));
        later.push(status("delivered", &reference));
    }
    statuses.append(&mut later);
    assert_eq!(statuses.len(), 1000);
    assert_eq!(intake.post(&post_of(&statuses)).await, StatusCode::OK);
    for n in 0..500 {
        let delivery = &intake.deliveries(n)[0];
        assert_eq!(delivery.state, DeliveryState::Delivered, "{n}");
        assert!(delivery.report.is_some(), "{n}: the failure was applied first");
    }
    // Meta repeats what it is not sure of; that changes nothing.
    intake.house.recorder.take();
    assert_eq!(intake.post(&post_of(&statuses)).await, StatusCode::OK);
    let stale = Event::ReportIgnored {
        why: IgnoredReport::Stale,
    };
    let events = intake.house.recorder.take();
    assert_eq!(events.len(), 1000);
    assert!(events.iter().all(|event| *event == stale));
}

/// Statuses of two phones in any order, and what is not ours or not understood between them.
fn mixed(one: &str, two: &str) -> Value {
    post_of(&[
        status("sent", one),
        status("delivered", "somebody else's"),
        status("sent", two),
        json!({"status": "read"}),
        status("read", one),
        json!({"status": 7}),
        failed(two, 131_026),
        status("played", one),
        status("delivered", one),
        status("delivered", two),
    ])
}

#[tokio::test]
async fn the_statuses_of_one_recipient_cost_one_load_and_one_replace() {
    let intake = Intake::new();
    let post = mixed(&intake.sent(1).await, &intake.sent(2).await);
    let cost = || {
        let counters = [&intake.store.loads, &intake.store.replaces];
        counters.map(|it| it.swap(0, Ordering::SeqCst))
    };
    cost();
    assert_eq!(intake.post(&post).await, StatusCode::OK);
    assert_eq!(cost(), [2, 2]);
    assert_eq!(intake.deliveries(1)[0].state, DeliveryState::Read);
    let second = &intake.deliveries(2)[0];
    assert_eq!(second.state, DeliveryState::Delivered);
    assert!(second.report.is_some(), "the failure came first");

    assert_eq!(intake.post(&post).await, StatusCode::OK);
    assert_eq!(cost(), [2, 0], "a repeat is read and not written");
}

#[tokio::test]
async fn one_record_that_cannot_be_written_makes_meta_repeat_and_costs_no_other() {
    let intake = Intake::new();
    let post = mixed(&intake.sent(1).await, &intake.sent(2).await);
    let stuck = |key| *intake.store.stuck.lock().expect("nobody panicked") = key;
    stuck(Some(intake.key(1)));
    assert_eq!(intake.post(&post).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(intake.deliveries(1)[0].state, DeliveryState::Accepted);
    assert_eq!(intake.deliveries(2)[0].state, DeliveryState::Delivered);
    stuck(None);
    assert_eq!(intake.post(&post).await, StatusCode::OK);
    assert_eq!(intake.deliveries(1)[0].state, DeliveryState::Read);
}

#[tokio::test]
async fn what_is_not_understood_is_acknowledged() {
    let intake = Intake::new();
    for body in [
        json!(null),
        json!([]),
        json!("text"),
        json!({}),
        json!({"entry": 7}),
        json!({"entry": [{"changes": [{"field": "account_update", "value": {"event": "DISABLED_UPDATE"}}]}]}),
        json!({"entry": [{"changes": [{"value": {"messages": [{"from": "5511987654321", "type": "text"}]}}]}]}),
        json!({"entry": [{"changes": [{"value": {"errors": [{"code": 131_031, "title": "locked"}]}}]}]}),
        post_of(&[
            json!(null),
            json!({"status": 7}),
            status("sent", "somebody else's"),
            json!({"status": "read"}),
        ]),
    ] {
        assert_eq!(intake.post(&body).await, StatusCode::OK, "{body}");
    }
    let events = intake.house.recorder.events();
    assert_eq!(events.len(), 2, "a foreign reference and none at all: {events:?}");
}

#[tokio::test]
async fn a_store_that_is_down_makes_meta_repeat() {
    let intake = Intake::new();
    let reference = intake.sent(1).await;
    let post = post_of(&[status("sent", "not ours"), status("delivered", &reference)]);
    intake.store.is_down.store(true, Ordering::SeqCst);
    assert_eq!(intake.post(&post).await, StatusCode::SERVICE_UNAVAILABLE);
    intake.store.is_down.store(false, Ordering::SeqCst);
    assert_eq!(intake.post(&post).await, StatusCode::OK);
    assert_eq!(intake.deliveries(1)[0].state, DeliveryState::Delivered);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_makes_meta_repeat() {
    let intake = Intake::new();
    let reference = intake.sent(1).await;
    intake.store.hangs.store(true, Ordering::SeqCst);
    let post = post_of(&[status("delivered", &reference)]);
    let answer = tokio::time::timeout(Duration::from_secs(60), intake.post(&post)).await;
    assert_eq!(answer.expect("answered in time"), StatusCode::SERVICE_UNAVAILABLE);
}
