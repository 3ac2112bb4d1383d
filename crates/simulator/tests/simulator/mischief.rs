//! Trouble drawn from a seed: replayable, counted, and within its odds.

use countersign_simulator::{Config, Limits, Mischief, MischiefDone, Odds, Scenario, VirtualClock};
use countersign_simulator::{Fault, Status};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Callback, NOW_MS, Running, SENDER, TOKEN, config, message, soon};
use std::time::Duration;

/// What a sender sees of a request.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Answered(u16),
    Broken,
}

/// Sends so many messages one after the other, each to another phone, and says what came of each.
async fn send(simulator: &Running, count: u32) -> Vec<Seen> {
    let mut seen = Vec::new();
    for person in 0..count {
        let mut body = message("482913");
        body["to"] = format!("+55119{person:08}").into();
        let answer = simulator.exchange(SENDER, body.to_string()).await;
        seen.push(match answer {
            Some((status, _, Some(_))) => Seen::Answered(status.as_u16()),
            _ => Seen::Broken,
        });
    }
    seen
}

fn unlimited() -> Config {
    Config {
        limits: Limits::none(),
        ..config()
    }
}

/// Everything but silence, for which a sender would have to wait.
fn odds() -> Odds {
    Odds {
        silent_after: 0,
        ..Odds::all(100)
    }
}

async fn run(seed: u64, count: u32) -> (Vec<Seen>, MischiefDone, Vec<Vec<Status>>) {
    let clock = VirtualClock::new(NOW_MS);
    let simulator = Running::start(unlimited().with_virtual_clock(&clock)).await;
    let per_mille = odds();
    simulator.controls.set_mischief(Some(Mischief { seed, per_mille }));
    let answers = send(&simulator, count).await;
    soon(clock.advance(Duration::from_secs(10))).await;
    let messages = simulator.phone.messages();
    let ends = messages.iter().map(|message| {
        let history = message.history.iter();
        history.map(|change| change.status).collect()
    });
    (answers, simulator.controls.mischief_done(), ends.collect())
}

#[tokio::test]
async fn the_same_seed_makes_the_same_trouble() {
    let first = run(7, 200).await;
    assert_eq!(run(7, 200).await, first);
    assert_ne!(run(8, 200).await.0, first.0);
}

#[tokio::test]
async fn what_is_drawn_is_counted_and_is_what_the_sender_and_the_phone_saw() {
    let (seen, done, ends) = run(11, 1_000).await;
    let count = |wanted: Seen| seen.iter().filter(|one| **one == wanted).count() as u64;
    let refused = done.refused_131000 + done.refused_131016;
    assert_eq!(done.requests, 1_000);
    assert_eq!(count(Seen::Answered(500)), refused);
    assert_eq!(count(Seen::Answered(400)), done.refused_130429);
    assert_eq!(count(Seen::Answered(502)), done.refused_html);
    let broken = done.hung_up_before + done.hung_up_after + done.half_answered;
    assert_eq!(count(Seen::Broken), broken);
    let accepted = count(Seen::Answered(200)) + done.hung_up_after + done.half_answered;
    assert_eq!((ends.len() as u64, done.messages), (accepted, accepted));
    let failed = ends.iter().filter(|history| history.last() == Some(&Status::Failed));
    assert_eq!(failed.count() as u64, done.failed);

    // A tenth each, give or take: of 1,000 requests, and of the 650 or so messages among them.
    for drawn in [
        refused + done.refused_130429 + done.refused_html,
        done.hung_up_before,
        done.half_answered,
    ] {
        assert!((60..=140).contains(&drawn), "{done:?}");
    }
    for drawn in [
        done.late,
        done.doubled,
        done.reversed,
        done.missing,
        done.forged,
        done.failed,
    ] {
        assert!((35..=110).contains(&drawn), "{done:?}");
    }
}

#[tokio::test]
async fn webhooks_of_everybody_come_twice_late_and_after_lies() {
    let clock = VirtualClock::new(NOW_MS);
    let mut callback = Callback::start(&[]).await;
    let simulator = Running::start(unlimited().with_virtual_clock(&clock)).await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let per_mille = Odds {
        late: 1_000,
        doubled: 1_000,
        forged: 1_000,
        ..Odds::default()
    };
    simulator.controls.set_mischief(Some(Mischief { seed: 3, per_mille }));
    send(&simulator, 10).await;
    assert_eq!(callback.so_far().len(), 0);
    soon(clock.advance(Duration::from_secs(5))).await;
    let heard = callback.so_far();
    let (genuine, forged): (Vec<_>, Vec<_>) = heard.iter().partition(|post| post.is_genuine());
    assert_eq!((genuine.len(), forged.len()), (60, 30));
}

#[tokio::test]
async fn mischief_ends_and_its_counts_stay() {
    let simulator = Running::start(unlimited()).await;
    let per_mille = Odds {
        hung_up_before: 1_000,
        ..Odds::default()
    };
    simulator.controls.set_mischief(Some(Mischief { seed: 3, per_mille }));
    assert_eq!(send(&simulator, 3).await, [Seen::Broken, Seen::Broken, Seen::Broken]);
    simulator.controls.set_mischief(None);
    assert_eq!(send(&simulator, 1).await, [Seen::Answered(200)]);
    assert_eq!(simulator.controls.mischief_done().hung_up_before, 3);
    let status = simulator.get_json("/api/status").await;
    assert_eq!(status["mischief_done"]["hung_up_before"], 3);
}

#[tokio::test]
async fn an_order_goes_before_mischief() {
    let simulator = Running::start(unlimited()).await;
    let per_mille = Odds {
        hung_up_before: 1_000,
        ..Odds::default()
    };
    simulator.controls.set_mischief(Some(Mischief { seed: 3, per_mille }));
    let order = Scenario::next(1).fault(Fault::Error { code: 2 });
    simulator.controls.add_scenario(order);
    assert_eq!(send(&simulator, 2).await, [Seen::Answered(503), Seen::Broken]);
    let ordered = simulator.post(SENDER, TOKEN, "").await;
    assert_eq!(ordered, None, "even a request that is not valid");
}

#[tokio::test]
async fn mischief_can_be_made_over_http() {
    let simulator = Running::start(unlimited()).await;
    let order = json!({ "seed": 3, "per_mille": { "hung_up_before": 1_000 } });
    let made = simulator.ask(Method::PUT, "/api/mischief", &order).await;
    assert_eq!(made.0, StatusCode::NO_CONTENT);
    assert_eq!(send(&simulator, 1).await, [Seen::Broken]);
    simulator.ask(Method::DELETE, "/api/mischief", &Value::Null).await;
    assert_eq!(send(&simulator, 1).await, [Seen::Answered(200)]);
    let wrong = json!({ "seed": 3, "per_mille": { "gremlins": 1 } });
    let (status, answer) = simulator.ask(Method::PUT, "/api/mischief", &wrong).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("gremlins"), "{answer}");
}
