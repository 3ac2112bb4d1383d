//! The clock that tests move: what happens on the way of an advance, in which order, and when it is over.

use std::time::Duration;

use countersign_simulator::{Config, Pace, Retries, VirtualClock};

use crate::harness::{Callback, NOW_MS, Running, config, message, soon};

const SECOND: Duration = Duration::from_secs(1);

fn paced(clock: &VirtualClock) -> Config {
    let pace = Pace {
        to_sent: Some(10 * SECOND),
        to_delivered: Some(200 * SECOND),
        to_read: Some(300 * SECOND),
    };
    Config { pace, ..config() }.with_virtual_clock(clock)
}

#[tokio::test]
async fn ten_minutes_pass_in_the_order_of_their_events() {
    let clock = VirtualClock::new(NOW_MS);
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(paced(&clock)).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    for turn in 0..20 {
        let mut body = message("482913");
        body["to"] = format!("+55119{turn:08}").into();
        simulator.send(&body).await;
        soon(clock.advance(7 * SECOND)).await;
    }
    soon(clock.advance(600 * SECOND)).await;
    let heard = callback.so_far();
    assert_eq!(heard.len(), 60);
    let times = heard
        .iter()
        .map(|post| post.status()["timestamp"].as_str().unwrap().to_owned());
    assert!(times.is_sorted());
    assert_eq!(clock.now_ms(), NOW_MS + 740_000);
}

#[tokio::test]
async fn nothing_happens_while_the_clock_stands() {
    let clock = VirtualClock::new(NOW_MS);
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(paced(&clock)).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    simulator.send(&message("482913")).await;
    soon(clock.quiet()).await;
    soon(clock.advance(Duration::from_millis(9_999))).await;
    assert_eq!(callback.so_far().len(), 0);
    soon(clock.advance(Duration::from_micros(1))).await;
    assert_eq!(
        callback.statuses_so_far(),
        ["sent"],
        "a part of a millisecond is a whole one"
    );
}

#[tokio::test]
async fn waits_between_attempts_are_on_the_same_clock() {
    let clock = VirtualClock::new(NOW_MS);
    let mut callback = Callback::start(&[(503, ""), (503, ""), (200, "")]).await;
    let retries = Retries {
        attempts_max: 3,
        first_wait: 60 * SECOND,
        wait_max: 3_600 * SECOND,
    };
    let config = Config {
        retries,
        ..paced(&clock)
    };
    let simulator = Running::start(config).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    simulator.send(&message("482913")).await;
    soon(clock.advance(10 * SECOND)).await;
    assert_eq!(callback.so_far().len(), 1);
    soon(clock.advance(60 * SECOND)).await;
    assert_eq!(callback.so_far().len(), 1);
    soon(clock.advance(119 * SECOND)).await;
    assert_eq!(callback.so_far().len(), 0);
    soon(clock.advance(SECOND)).await;
    assert_eq!(callback.statuses_so_far(), ["sent"]);
    assert_eq!(simulator.controls.webhooks().taken, 1);
}

#[tokio::test]
async fn an_advance_ends_when_a_callback_that_never_answers_is_given_up() {
    let clock = VirtualClock::new(NOW_MS);
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let config = Config {
        webhook_timeout: Duration::from_millis(20),
        ..paced(&clock)
    };
    let simulator = Running::start(config).await;
    let url = format!("http://{}/webhook", nobody.local_addr().unwrap());
    simulator.controls.set_callback_url(&url).unwrap();
    simulator.send(&message("482913")).await;
    soon(clock.advance(600 * SECOND)).await;
    assert_eq!(simulator.controls.webhooks().given_up, 3);
}

#[tokio::test]
async fn an_advance_does_not_wait_for_a_page_or_a_call_that_goes_unanswered() {
    let clock = VirtualClock::new(NOW_MS);
    let pace = Pace {
        to_read: None,
        ..Pace::instant()
    };
    let config = Config { pace, ..config() };
    let simulator = Running::start(config.with_virtual_clock(&clock)).await;
    simulator.send(&message("482913")).await;
    let _page = simulator.get("/events").await;
    simulator
        .controls
        .fail_next(1, countersign_simulator::Fault::AcceptThenSilence);
    let body = message("482913");
    let mut call = Box::pin(simulator.send(&body));
    tokio::select! {
        _ = &mut call => panic!("answered"),
        _ = soon(simulator.phone.wait_until(2)) => {}
    }
    tokio::select! {
        _ = &mut call => panic!("answered"),
        () = soon(clock.advance(600 * SECOND)) => {}
    }
}
