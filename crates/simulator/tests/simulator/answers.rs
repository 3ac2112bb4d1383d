//! Answers that are wrong, late, half or about a limit, and what of it was accepted.

use std::time::Duration;

use countersign_simulator::{Config, ErrorCode, Fault, Limits, PhoneNumber, Status, VirtualClock};
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{NOW_MS, PHONE, Running, SENDER, TOKEN, config, message, soon};

#[tokio::test]
async fn every_code_of_the_table_is_answered_with_its_title_and_http_status() {
    let simulator = Running::start(config()).await;
    for row in ErrorCode::all() {
        simulator.controls.fail_next(1, Fault::Error { code: row.code });
        let (status, body) = simulator.send(&message("482913")).await;
        assert_eq!(status.as_u16(), row.http_status(), "{}", row.code);
        assert_eq!(body["error"]["code"], row.code);
        let said = body["error"]["message"].as_str().unwrap();
        assert!(said.ends_with(row.title), "{said}");
        assert_eq!(body["error"]["error_data"]["details"], row.details);
    }
    assert_eq!(simulator.phone.accepted(), 0);
}

#[tokio::test]
async fn http_statuses_are_those_of_metas_table() {
    let listed = [
        (401, [0, 190].as_slice()),
        (403, &[10, 200, 368, 130_497, 131_005, 131_031]),
        (404, &[132_001]),
        (500, &[3, 131_000, 131_016, 131_045, 131_057, 133_000]),
        (503, &[2, 133_004]),
    ];
    for row in ErrorCode::all() {
        let found = listed.iter().find(|(_, codes)| codes.contains(&row.code));
        assert_eq!(
            row.http_status(),
            found.map_or(400, |(status, _)| *status),
            "{}",
            row.code
        );
    }
}

#[tokio::test]
async fn a_code_that_is_in_no_table_is_an_unknown_error() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(1, Fault::Error { code: 999_999 });
    let (status, body) = simulator.send(&message("482913")).await;
    assert_eq!((status.as_u16(), &body["error"]["code"]), (400, &json!(999_999)));
}

#[tokio::test]
async fn a_throttle_names_the_minutes_to_wait_in_its_header() {
    let simulator = Running::start(config()).await;
    let throttle = Fault::Throttle {
        code: 80_007,
        regain: Duration::from_secs(90),
    };
    simulator.controls.fail_next(1, throttle);
    let (status, headers, _) = simulator.exchange(SENDER, message("482913").to_string()).await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let usage = headers["x-business-use-case-usage"].to_str().unwrap();
    let usage: Value = serde_json::from_str(usage).unwrap();
    assert_eq!(usage["102290129340398"][0]["estimated_time_to_regain_access"], 2);
    let (_, headers, _) = simulator.exchange(SENDER, message("482913").to_string()).await.unwrap();
    assert!(!headers.contains_key("x-business-use-case-usage"));
}

#[tokio::test]
async fn a_proxys_page_and_an_empty_answer_accept_nothing() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(1, Fault::Html { status: 502 });
    let (status, headers, page) = simulator.exchange(SENDER, message("1234").to_string()).await.unwrap();
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.unwrap().starts_with("<!doctype html>"));
    simulator.controls.fail_next(1, Fault::Empty { status: 503 });
    let (status, _, nothing) = simulator.exchange(SENDER, message("1234").to_string()).await.unwrap();
    assert_eq!(
        (status, nothing.unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, String::new())
    );
    assert_eq!(simulator.phone.accepted(), 0);
}

#[tokio::test]
async fn half_an_answer_begins_well_and_breaks_off_after_acceptance() {
    let simulator = Running::start(config()).await;
    for turn in 1..=20 {
        simulator.controls.fail_next(1, Fault::AcceptThenHalfAnswer);
        let (head, body) = simulator.raw_post(SENDER, &message("482913").to_string()).await;
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        let promised = head
            .to_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
            .unwrap();
        assert_eq!(body.len(), promised / 2);
        assert!(body.starts_with("{\"contacts\"") && serde_json::from_str::<Value>(&body).is_err());
        assert_eq!(simulator.phone.accepted(), turn);
    }
}

#[tokio::test]
async fn a_slow_answer_comes_after_its_time_and_the_webhooks_do_not_wait_for_it() {
    let clock = VirtualClock::new(NOW_MS);
    let simulator = Running::start(config().with_virtual_clock(&clock)).await;
    let slow = Fault::AcceptThenAnswerAfter(Duration::from_secs(20));
    simulator.controls.fail_next(1, slow);
    let body = message("482913");
    let mut call = Box::pin(simulator.send(&body));
    tokio::select! {
        _ = &mut call => panic!("answered"),
        _ = soon(simulator.phone.wait_for_status(1, Status::Read)) => {}
    }
    soon(clock.advance(Duration::from_millis(19_999))).await;
    tokio::select! {
        biased;
        _ = &mut call => panic!("answered"),
        () = clock.quiet() => {}
    }
    soon(clock.advance(Duration::from_millis(1))).await;
    assert_eq!(call.await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_held_message_says_so_and_goes_its_way_nevertheless() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(1, Fault::AcceptedHeld);
    let (status, body) = simulator.send(&message("482913")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["messages"][0]["message_status"], "held_for_quality_assessment");
    let message = soon(simulator.phone.wait_for_status(1, Status::Read)).await;
    let reached: Vec<_> = message.history.iter().map(|change| change.status).collect();
    assert_eq!(reached[..2], [Status::Accepted, Status::Held]);
}

#[tokio::test]
async fn a_number_sends_eighty_messages_a_second_and_no_more() {
    let clock = VirtualClock::new(NOW_MS);
    let simulator = Running::start(config().with_virtual_clock(&clock)).await;
    assert_eq!(simulator.flood(100).await, (80, vec![130_429; 20]));
    soon(clock.advance(Duration::from_millis(500))).await;
    assert_eq!(simulator.flood(50).await, (40, vec![130_429; 10]));
}

#[tokio::test]
async fn a_throughput_is_per_number_and_can_be_raised_or_switched_off() {
    let raised = PhoneNumber {
        throughput: 100,
        ..PhoneNumber::default()
    };
    let config = Config {
        phone_numbers: vec![raised.clone()],
        ..config()
    };
    let simulator = Running::start(config.clone()).await;
    assert_eq!(simulator.flood(110).await, (100, vec![130_429; 10]));
    let unlimited = Config {
        limits: Limits::none(),
        ..config
    };
    let simulator = Running::start(unlimited).await;
    assert_eq!(simulator.flood(110).await, (110, vec![]));
}

#[tokio::test]
async fn a_burst_to_one_person_is_paid_for_with_a_pause() {
    let clock = VirtualClock::new(NOW_MS);
    let simulator = Running::start(config().with_virtual_clock(&clock)).await;
    for _ in 0..45 {
        assert_eq!(simulator.send(&message("482913")).await.0, StatusCode::OK);
    }
    let refused = async || simulator.send(&message("482913")).await.1["error"]["code"].clone();
    assert_eq!(refused().await, 131_056);
    soon(clock.advance(Duration::from_secs(45 * 6 - 1))).await;
    assert_eq!(refused().await, 131_056);
    let mut other = message("482913");
    other["to"] = "+15550100123".into();
    assert_eq!(simulator.send(&other).await.0, StatusCode::OK);
    soon(clock.advance(Duration::from_secs(1))).await;
    assert_eq!(simulator.send(&message("482913")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_number_tells_its_state_to_who_has_its_token() {
    let fast = PhoneNumber {
        id: "200".into(),
        throughput: 1_000,
        ..PhoneNumber::default()
    };
    let config = Config {
        phone_numbers: vec![PhoneNumber::default(), fast],
        ..config()
    };
    let simulator = Running::start(config).await;
    let fields = "id,display_phone_number,verified_name,quality_rating,throughput,status,account_mode";
    let node = simulator.node("106540352242922", Some(fields), TOKEN).await;
    let expected = json!({
        "id": "106540352242922", "display_phone_number": "+15550783881", "verified_name": "Countersign",
        "quality_rating": "GREEN", "throughput": { "level": "STANDARD" }, "status": "CONNECTED", "account_mode": "LIVE",
    });
    assert_eq!(node, (StatusCode::OK, expected));
    let (_, fast) = simulator.node("200", Some("throughput"), TOKEN).await;
    assert_eq!(fast, json!({ "id": "200", "throughput": { "level": "HIGH" } }));
    let (_, unasked) = simulator.node("200", None, TOKEN).await;
    assert_eq!(unasked["quality_rating"], "GREEN");
    let refused = [
        simulator.node("200", Some("colour"), TOKEN).await,
        simulator.node("300", Some("id"), TOKEN).await,
        simulator.node("200", Some("id"), None).await,
    ];
    let codes = refused.map(|(status, body)| (status.as_u16(), body["error"]["code"].as_u64().unwrap()));
    assert_eq!(codes, [(400, 100), (400, 100), (401, 190)]);
}

#[tokio::test]
async fn the_quality_of_a_number_can_be_set() {
    use countersign_simulator::Quality;
    let simulator = Running::start(config()).await;
    let set = [
        (Quality::Yellow, "YELLOW"),
        (Quality::Red, "RED"),
        (Quality::Unknown, "UNKNOWN"),
        (Quality::Green, "GREEN"),
    ];
    for (quality, said) in set {
        assert!(simulator.controls.set_quality("106540352242922", quality));
        let (_, node) = simulator.node("106540352242922", Some("quality_rating"), TOKEN).await;
        assert_eq!(node["quality_rating"], said);
    }
    assert!(!simulator.controls.set_quality("1", Quality::Red));
}

#[tokio::test]
async fn a_paused_number_refuses_every_send_until_it_is_resumed() {
    let simulator = Running::start(config()).await;
    let id = "106540352242922";
    assert!(simulator.controls.pause_sender(id, None));
    for _ in 0..2 {
        let (status, body) = simulator.send(&message("482913")).await;
        assert_eq!((status.as_u16(), &body["error"]["code"]), (403, &json!(131_031)));
    }
    let (_, node) = simulator.node(id, Some("status"), TOKEN).await;
    assert_eq!(node["status"], "RESTRICTED");
    assert!(simulator.controls.pause_sender(id, Some(131_042)));
    assert_eq!(simulator.send(&message("482913")).await.1["error"]["code"], 131_042);
    assert!(simulator.controls.resume_sender(id));
    assert_eq!(simulator.send(&message("482913")).await.0, StatusCode::OK);
    assert!(!simulator.controls.pause_sender("1", None));
    assert_eq!(simulator.phone.messages_to(PHONE).len(), 1);
}
