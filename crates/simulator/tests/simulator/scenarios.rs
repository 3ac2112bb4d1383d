//! Orders for what happens to which messages, in Rust and over HTTP.

use std::time::Duration;

use countersign_simulator::{Event, Fate, Fault, LifeEnd, PricingType, Scenario, Status, Step, Telling};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{PHONE, Running, config, message, soon};

const OTHER: &str = "+15550100123";

async fn code_of(simulator: &Running, to: &str) -> u64 {
    let mut body = message("482913");
    body["to"] = to.into();
    let (status, answer) = simulator.send(&body).await;
    match answer["error"]["code"].as_u64() {
        Some(code) => code,
        None => status.as_u16().into(),
    }
}

#[tokio::test]
async fn a_scenario_for_one_phone_leaves_the_others_alone() {
    let simulator = Running::start(config()).await;
    let fault = Fault::Error { code: 131_016 };
    simulator
        .controls
        .add_scenario(Scenario::to("55 11 98765-4321").times(2).fault(fault));
    let met = [
        code_of(&simulator, OTHER).await,
        code_of(&simulator, PHONE).await,
        code_of(&simulator, OTHER).await,
        code_of(&simulator, PHONE).await,
        code_of(&simulator, PHONE).await,
    ];
    assert_eq!(met, [200, 131_016, 200, 131_016, 200]);
    assert_eq!(simulator.controls.scenarios(), []);
}

#[tokio::test]
async fn a_scenario_for_everybody_lasts_until_it_is_removed() {
    let simulator = Running::start(config()).await;
    let fault = Fault::Error { code: 130_429 };
    let number = simulator.controls.add_scenario(Scenario::every().fault(fault));
    for _ in 0..5 {
        assert_eq!(code_of(&simulator, PHONE).await, 130_429);
    }
    assert!(simulator.controls.remove_scenario(number));
    assert!(!simulator.controls.remove_scenario(number));
    assert_eq!(code_of(&simulator, PHONE).await, 200);
}

#[tokio::test]
async fn the_scenario_ordered_first_is_meant_first() {
    let simulator = Running::start(config()).await;
    let controls = &simulator.controls;
    controls.add_scenario(Scenario::next(1).fault(Fault::Error { code: 2 }));
    controls.add_scenario(Scenario::to(PHONE).fault(Fault::Error { code: 4 }));
    controls.add_scenario(Scenario::every().fault(Fault::Error { code: 1 }));
    assert_eq!(code_of(&simulator, PHONE).await, 2);
    assert_eq!(code_of(&simulator, PHONE).await, 4);
    assert_eq!(code_of(&simulator, OTHER).await, 1);
    controls.clear_scenarios();
    assert_eq!(code_of(&simulator, PHONE).await, 200);
}

#[tokio::test]
async fn a_fate_alone_is_not_used_up_by_a_message_that_is_refused() {
    let simulator = Running::start(config()).await;
    simulator
        .controls
        .add_scenario(Scenario::next(1).fate(Fate::failed(131_026, Duration::ZERO)));
    simulator.controls.fail_next(1, Fault::Error { code: 2 });
    let mut wrong = message("482913");
    wrong["type"] = "text".into();
    assert_eq!(simulator.send(&wrong).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(simulator.send(&wrong).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(code_of(&simulator, PHONE).await, 200);
    let message = soon(simulator.phone.wait_for_status(1, Status::Failed)).await;
    assert_eq!(message.status(), Status::Failed);
    assert_eq!(simulator.controls.scenarios(), []);
}

#[tokio::test]
async fn a_fault_and_a_fate_ordered_together_meet_the_same_message() {
    let simulator = Running::start(config()).await;
    let both = Scenario::next(1)
        .fault(Fault::AcceptThenHangUp)
        .fate(Fate::failed(131_026, Duration::ZERO));
    simulator.controls.add_scenario(both);
    let body = message("482913").to_string();
    let path = crate::harness::SENDER;
    assert!(simulator.post(path, crate::harness::TOKEN, body).await.is_none());
    soon(simulator.phone.wait_for_status(1, Status::Failed)).await;
    assert_eq!(code_of(&simulator, PHONE).await, 200);
    soon(simulator.phone.wait_for_status(2, Status::Read)).await;
}

#[tokio::test]
async fn forgetting_faults_keeps_fates() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(7, Fault::HangUp);
    let fate = Scenario::every().fate(Fate::default());
    let number = simulator.controls.add_scenario(fate.clone());
    simulator.controls.clear_faults();
    assert_eq!(simulator.controls.scenarios(), [(number, fate)]);
}

#[tokio::test]
async fn a_scenario_over_http_is_the_one_rust_would_have_ordered() {
    let simulator = Running::start(config()).await;
    let ordered = json!({
        "times": 3,
        "to": PHONE,
        "fault": { "kind": "accept_then_answer_after", "wait_ms": 1_500 },
        "fate": {
            "held": true,
            "life_end": "failed",
            "pricing": "free_entry_point",
            "steps": [
                { "event": "sent", "after_ms": 100, "late_ms": 2_000, "times": 2, "reversed": true },
                { "event": "delivered", "batched": true, "without_recipient": true, "forged": true },
                { "event": "read", "after_ms": null },
                { "event": "failed", "code": 131_026 },
                { "event": "did_not_request" },
                { "event": "new_identity" },
            ],
        },
    });
    let (status, answer) = simulator.ask(Method::POST, "/api/scenarios", &ordered).await;
    assert_eq!((status, &answer["number"]), (StatusCode::CREATED, &json!(1)));
    let strange = Telling {
        times: 2,
        late: Duration::from_secs(2),
        reversed: true,
        ..Telling::default()
    };
    let odd = Telling {
        batched: true,
        without_recipient: true,
        forged: true,
        ..Telling::default()
    };
    let read = Step {
        after: None,
        ..Step::new(Event::Read, Duration::ZERO)
    };
    let fate = Fate {
        held: true,
        life_end: LifeEnd::Failed,
        pricing: PricingType::FreeEntryPoint,
        steps: vec![
            Step::new(Event::Sent, Duration::from_millis(100)).told(strange),
            Step::new(Event::Delivered, Duration::ZERO).told(odd),
            read,
            Step::new(Event::Failed { code: 131_026 }, Duration::ZERO),
            Step::new(Event::DidNotRequest, Duration::ZERO),
            Step::new(Event::NewIdentity, Duration::ZERO),
        ],
    };
    let slow = Fault::AcceptThenAnswerAfter(Duration::from_millis(1_500));
    let expected = Scenario::to(PHONE).times(3).fault(slow).fate(fate);
    assert_eq!(simulator.controls.scenarios(), [(1, expected)]);

    // What is listed can be ordered again.
    let mut listed = simulator.get_json("/api/scenarios").await[0].clone();
    assert_eq!(listed.as_object_mut().unwrap().remove("number"), Some(json!(1)));
    simulator.ask(Method::POST, "/api/scenarios", &listed).await;
    let twice = simulator.controls.scenarios();
    assert_eq!(twice[0].1, twice[1].1);

    let deleted = simulator.ask(Method::DELETE, "/api/scenarios/1", &Value::Null).await;
    assert_eq!(deleted.0, StatusCode::NO_CONTENT);
    let gone = simulator.ask(Method::DELETE, "/api/scenarios/1", &Value::Null).await;
    assert_eq!(gone.0, StatusCode::NOT_FOUND);
    simulator.ask(Method::DELETE, "/api/scenarios", &Value::Null).await;
    assert_eq!(simulator.get_json("/api/scenarios").await, json!([]));
}

#[tokio::test]
async fn every_fault_can_be_ordered_over_http() {
    let faults = [
        (
            json!({ "kind": "answer", "status": 418, "body": "no" }),
            Fault::Answer {
                status: 418,
                body: "no".into(),
            },
        ),
        (
            json!({ "kind": "error", "code": 131_000 }),
            Fault::Error { code: 131_000 },
        ),
        (
            json!({ "kind": "throttle", "code": 4, "regain_ms": 60_000 }),
            Fault::Throttle {
                code: 4,
                regain: Duration::from_secs(60),
            },
        ),
        (json!({ "kind": "html", "status": 502 }), Fault::Html { status: 502 }),
        (json!({ "kind": "empty", "status": 503 }), Fault::Empty { status: 503 }),
        (json!({ "kind": "silence" }), Fault::Silence),
        (json!({ "kind": "hang_up" }), Fault::HangUp),
        (json!({ "kind": "accept_then_silence" }), Fault::AcceptThenSilence),
        (json!({ "kind": "accept_then_hang_up" }), Fault::AcceptThenHangUp),
        (
            json!({ "kind": "accept_then_half_answer" }),
            Fault::AcceptThenHalfAnswer,
        ),
        (json!({ "kind": "accepted_held" }), Fault::AcceptedHeld),
    ];
    let simulator = Running::start(config()).await;
    for (ordered, fault) in faults {
        let (status, _) = simulator
            .ask(Method::POST, "/api/scenarios", &json!({ "fault": ordered }))
            .await;
        assert_eq!(status, StatusCode::CREATED, "{ordered}");
        let (_, scenario) = simulator.controls.scenarios().pop().unwrap();
        assert_eq!(scenario, Scenario::every().fault(fault));
        assert_eq!(simulator.get_json("/api/scenarios").await[0]["fault"], ordered);
        simulator.controls.clear_scenarios();
    }
}

#[tokio::test]
async fn a_scenario_that_makes_no_sense_is_refused_in_words() {
    let simulator = Running::start(config()).await;
    let step = |step: Value| json!({ "fate": { "steps": [step] } });
    let refused = [
        (json!({}), "needs `fault` or `fate`"),
        (json!({ "times": 1 }), "needs `fault` or `fate`"),
        (json!({ "fault": { "kind": "silence" }, "to": "nobody" }), "not a phone"),
        (json!({ "fault": { "kind": "gremlins" } }), "gremlins"),
        (json!({ "fault": { "kind": "silence" }, "tiems": 1 }), "tiems"),
        (step(json!({ "event": "failed" })), "needs a `code`"),
        (step(json!({ "event": "sent", "code": 1 })), "only `failed`"),
        (step(json!({ "event": "sent", "times": 11 })), "at most 10"),
        (
            json!({ "fate": { "steps": vec![json!({ "event": "sent" }); 33] } }),
            "at most 32",
        ),
    ];
    for (order, why) in refused {
        let (status, answer) = simulator.ask(Method::POST, "/api/scenarios", &order).await;
        assert!(status.is_client_error(), "{order}");
        assert!(answer["error"].as_str().unwrap().contains(why), "{answer}");
    }
    assert_eq!(simulator.controls.scenarios(), []);
}

#[tokio::test]
async fn a_thousand_scenarios_may_wait_and_no_more() {
    let simulator = Running::start(config()).await;
    for _ in 0..1_000 {
        simulator.controls.fail_next(1, Fault::HangUp);
    }
    let order = json!({ "fault": { "kind": "silence" } });
    let (status, _) = simulator.ask(Method::POST, "/api/scenarios", &order).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}
