//! Calls that are remembered, calls that go wrong, and how many an hour there may be.

use std::time::Duration;

use countersign_simulator::{Calls, Config, Fault, ManagementLimits};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{TEMPLATES, bare, codes, standing, template};
use crate::harness::{Running, SENDER, message, soon};

#[tokio::test]
async fn calls_are_remembered_without_their_secrets() {
    let simulator = Running::start(bare()).await;
    let body = template("login", "en_US");
    let path = format!("{TEMPLATES}?appsecret_proof=abc&access_token=def");
    simulator.manage(Method::POST, &path, &body).await;
    let path = format!("{TEMPLATES}?name=log%20in&limit=3");
    simulator.manage(Method::GET, &path, &Value::Null).await;
    simulator.send(&message("482913")).await;
    simulator.manage(Method::GET, "106540352242922", &Value::Null).await;
    let calls = simulator.controls.management_calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.method.as_str(), call.path.as_str()))
        .collect();
    let path = format!("/v26.0/{TEMPLATES}");
    assert_eq!(
        seen,
        [("POST", path.as_str()), ("GET", path.as_str())],
        "sends are no such calls"
    );
    assert_eq!((&calls[0].body, calls[0].query.len()), (&body, 0));
    assert_eq!(
        calls[1].query,
        [("name".into(), "log in".into()), ("limit".into(), "3".into())]
    );
    assert!(calls[1].body.is_null());
    let listed = simulator.get_json("/api/management/calls").await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["body"]), (2, &body));
    let path = "/api/management/calls";
    assert_eq!(
        simulator.ask(Method::DELETE, path, &Value::Null).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(simulator.controls.management_calls().is_empty());
}

/// Creates three templates one after the other, and says of each whether there was a good answer.
async fn three(simulator: &Running) -> Vec<bool> {
    let mut answered = Vec::new();
    for name in ["one", "two", "three"] {
        let answer = simulator
            .try_manage(Method::POST, TEMPLATES, &template(name, "en_US"))
            .await;
        answered.push(answer.is_some_and(|(status, answer)| status.is_success() && answer["id"].is_string()));
        simulator.manage(Method::GET, "102290129340398", &Value::Null).await;
    }
    answered
}

fn there(simulator: &Running) -> Vec<bool> {
    let names = ["one", "two", "three"].into_iter();
    names
        .map(|name| simulator.controls.template_in(name, "en_US").is_some())
        .collect()
}

#[tokio::test]
async fn one_change_can_be_refused_or_done_without_an_answer() {
    let cases = [
        (Fault::Error { code: 131_000 }, false),
        (Fault::Empty { status: 500 }, false),
        (Fault::HangUp, false),
        (Fault::AcceptThenError { code: 131_000 }, true),
        (Fault::AcceptThenHangUp, true),
        (Fault::AcceptThenHalfAnswer, true),
    ];
    for (fault, done) in cases {
        let simulator = Running::start(bare()).await;
        simulator.controls.fail_management(Calls::NthChange(2), fault.clone());
        assert_eq!(three(&simulator).await, [true, false, true], "{fault:?}");
        assert_eq!(there(&simulator), [true, done, true], "{fault:?}");
    }
}

#[tokio::test]
async fn faults_are_for_the_calls_they_name() {
    let refused = Fault::Error { code: 131_016 };
    let cases = [
        (Calls::Next(2), [false, false, true, true, true, true]),
        (Calls::Nth(3), [true, true, false, true, true, true]),
        (Calls::Every(2), [true, false, true, false, true, false]),
        (Calls::NthChange(1), [true; 6]),
    ];
    for (calls, expected) in cases {
        let simulator = Running::start(bare()).await;
        simulator.controls.fail_management(calls, refused.clone());
        let mut answered = Vec::new();
        for _ in 0..6 {
            let (status, _) = simulator.manage(Method::GET, TEMPLATES, &Value::Null).await;
            answered.push(status.is_success());
        }
        assert_eq!(answered, expected, "{calls:?}");
        simulator.controls.clear_management_faults();
        let (status, answer) = simulator
            .manage(Method::POST, TEMPLATES, &template("login", "fr"))
            .await;
        assert_eq!(status, StatusCode::OK, "{calls:?}: {answer}");
    }
}

#[tokio::test]
async fn a_throttle_says_how_many_minutes_to_wait() {
    let simulator = Running::start(bare()).await;
    let regain = Duration::from_secs(61);
    simulator
        .controls
        .fail_management(Calls::Next(1), Fault::Throttle { code: 80_008, regain });
    let path = format!("/v26.0/{TEMPLATES}");
    let (status, headers, body) = simulator.exchange(&path, "{}").await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.unwrap().contains("80008"));
    let usage: Value = serde_json::from_str(headers["x-business-use-case-usage"].to_str().unwrap()).unwrap();
    assert_eq!(usage["102290129340398"][0]["estimated_time_to_regain_access"], 2);
}

#[tokio::test]
async fn faults_are_ordered_over_http_too() {
    let simulator = Running::start(bare()).await;
    let path = "/api/management/faults";
    let order = json!({ "calls": { "nth": 1 }, "fault": { "kind": "accept_then_error", "code": 131_000 } });
    assert_eq!(
        simulator.ask(Method::POST, path, &order).await.0,
        StatusCode::NO_CONTENT
    );
    let (status, _) = simulator
        .manage(Method::POST, TEMPLATES, &template("login", "fr"))
        .await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(simulator.controls.template_in("login", "fr").is_some());
    let order = json!({ "calls": { "every": 1 }, "fault": { "kind": "hang_up" } });
    assert_eq!(
        simulator.ask(Method::POST, path, &order).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(
        simulator
            .try_manage(Method::GET, TEMPLATES, &Value::Null)
            .await
            .is_none()
    );
    assert_eq!(
        simulator.send(&message("482913")).await.0,
        StatusCode::OK,
        "sends are no such calls"
    );
    assert_eq!(
        simulator.ask(Method::DELETE, path, &Value::Null).await.0,
        StatusCode::NO_CONTENT
    );
    assert!(
        simulator
            .try_manage(Method::GET, TEMPLATES, &Value::Null)
            .await
            .is_some()
    );
    let (status, _) = simulator.ask(Method::POST, path, &json!({ "calls": "all" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_message_can_be_accepted_and_answered_with_an_error() {
    let simulator = Running::start(bare()).await;
    simulator
        .controls
        .fail_next(1, Fault::AcceptThenError { code: 131_000 });
    let (status, answer) = simulator.send(&message("482913")).await;
    assert_eq!((status.as_u16(), codes(&answer).0), (500, 131_000));
    assert_eq!(simulator.phone.accepted(), 1);
}

#[tokio::test]
async fn two_hundred_calls_an_hour_are_a_limit_on_request() {
    let limits = ManagementLimits {
        calls: true,
        ..ManagementLimits::default()
    };
    let (simulator, clock) = standing(Config {
        management_limits: limits,
        ..bare()
    })
    .await;
    for _ in 0..200 {
        let (status, _) = simulator.manage(Method::GET, "102290129340398", &Value::Null).await;
        assert_eq!(status, StatusCode::OK);
    }
    let path = format!("/v26.0/{TEMPLATES}");
    let (_, headers, body) = simulator.exchange(&path, "{}").await.unwrap();
    assert!(body.unwrap().contains("80008"));
    assert!(headers.contains_key("x-business-use-case-usage"));
    let sent = simulator.exchange(SENDER, message("482913").to_string()).await.unwrap();
    assert_eq!(sent.0, StatusCode::OK, "sends are no such calls");
    soon(clock.advance(Duration::from_secs(3_600))).await;
    assert_eq!(
        simulator.manage(Method::GET, TEMPLATES, &Value::Null).await.0,
        StatusCode::OK
    );
}
