//! Sends that go wrong on order, and the end of the simulator.

use std::net::TcpListener;
use std::time::Duration;

use countersign_simulator::{BindError, Config, Fault, Simulator, Status};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Running, SENDER, TOKEN, config, message, soon};

#[tokio::test]
async fn an_ordered_answer_is_given_as_often_as_ordered_and_accepts_nothing() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(
        2,
        Fault::Answer {
            status: 503,
            body: "<html>busy</html>".into(),
        },
    );
    for _ in 0..2 {
        let (status, body) = simulator.send(&message("482913")).await;
        assert_eq!(
            (status.as_u16(), body),
            (503, Value::String("<html>busy</html>".into()))
        );
    }
    assert_eq!(simulator.phone.accepted(), 0);
    assert_eq!(simulator.send(&message("482913")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn faults_come_in_the_order_in_which_they_were_ordered() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(
        1,
        Fault::Answer {
            status: 500,
            body: "{}".into(),
        },
    );
    simulator.controls.fail_next(0, Fault::HangUp);
    simulator.controls.fail_next(
        1,
        Fault::Answer {
            status: 429,
            body: "{}".into(),
        },
    );
    simulator.controls.fail_next(5, Fault::HangUp);
    assert_eq!(
        simulator.send(&message("482913")).await,
        (StatusCode::INTERNAL_SERVER_ERROR, json!({}))
    );
    assert_eq!(
        simulator.send(&message("482913")).await,
        (StatusCode::TOO_MANY_REQUESTS, json!({}))
    );
    simulator.controls.clear_faults();
    assert_eq!(simulator.send(&message("482913")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_closed_before_accepting_leaves_nothing_on_the_phone() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(1, Fault::HangUp);
    assert!(
        simulator
            .post(SENDER, TOKEN, message("482913").to_string())
            .await
            .is_none()
    );
    assert_eq!(simulator.phone.accepted(), 0);
}

#[tokio::test]
async fn a_connection_closed_after_accepting_leaves_the_message_on_its_way() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(1, Fault::AcceptThenHangUp);
    assert!(
        simulator
            .post(SENDER, TOKEN, message("482913").to_string())
            .await
            .is_none()
    );
    let message = soon(simulator.phone.wait_for_status(1, Status::Read)).await;
    assert_eq!(message.code, "482913");
}

#[tokio::test]
async fn silence_lasts_until_the_caller_gives_up() {
    let simulator = Running::start(config()).await;
    simulator.controls.fail_next(1, Fault::AcceptThenSilence);
    let body = message("482913").to_string();
    let mut call = Box::pin(simulator.post(SENDER, TOKEN, body));
    tokio::select! {
        answer = &mut call => panic!("answered: {answer:?}"),
        message = soon(simulator.phone.wait_for_status(1, Status::Read)) => assert_eq!(message.code, "482913"),
    }
    drop(call);
    assert_eq!(simulator.send(&message("000000")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_end_of_the_simulator_ends_open_calls_and_open_pages() {
    let simulator = Running::start(config()).await;
    let mut page = simulator.get("/events").await.into_body();
    assert!(page.frame().await.is_some());
    simulator.controls.fail_next(1, Fault::AcceptThenSilence);
    let body = message("482913").to_string();
    {
        let mut call = Box::pin(simulator.post(SENDER, TOKEN, body));
        tokio::select! {
            _ = &mut call => panic!("answered"),
            _ = soon(simulator.phone.wait_until(1)) => {}
        }
    }
    simulator.stop().await;
    while let Some(Ok(_)) = soon(page.frame()).await {}
}

#[tokio::test]
async fn a_taken_address_and_a_wrong_configuration_are_told_apart() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let error = Simulator::bind(config(), taken.local_addr().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, BindError::Listen { .. }));
    let wrong = Config {
        messages_max: 0,
        webhook_timeout: Duration::ZERO,
        ..config()
    };
    let error = Simulator::bind(wrong, ([127, 0, 0, 1], 0).into()).await.unwrap_err();
    let BindError::Config(invalid) = error else {
        panic!("{error}")
    };
    assert_eq!(invalid.mistakes.len(), 2, "{invalid}");
}
