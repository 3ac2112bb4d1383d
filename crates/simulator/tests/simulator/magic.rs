//! Phones that misbehave by themselves, and the page of documentation that lists them.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_simulator::{Config, ErrorCode, Mischief, Odds, Status, VirtualClock};
use hyper::StatusCode;
use serde_json::Value;

use crate::harness::{Callback, NOW_MS, Running, config, message, soon};

const DOCS: &str = include_str!("../../../../docs/simulator.md");

/// Digits in front of any eight that make a Brazilian mobile number.
const COUNTRY: &str = "+55119";

struct Scene {
    clock: VirtualClock,
    simulator: Running,
    callback: Callback,
}

impl Scene {
    async fn set() -> Self {
        let clock = VirtualClock::new(NOW_MS);
        let callback = Callback::start(&[]).await;
        let config = Config {
            magic_numbers: true,
            ..config()
        };
        let simulator = Running::start(config.with_virtual_clock(&clock)).await;
        simulator.controls.set_callback_url(&callback.url).unwrap();
        Self {
            clock,
            simulator,
            callback,
        }
    }

    async fn send(&self, last_eight: &str) -> (StatusCode, Value) {
        let mut body = message("482913");
        body["to"] = format!("{COUNTRY}{last_eight}").into();
        self.simulator.send(&body).await
    }

    /// The statuses the callback hears of a message to this phone within so many seconds.
    async fn hears(&mut self, last_eight: &str, seconds: u64) -> Vec<String> {
        assert_eq!(self.send(last_eight).await.0, StatusCode::OK, "{last_eight}");
        soon(self.clock.advance(Duration::from_secs(seconds))).await;
        self.callback.statuses_so_far()
    }
}

#[tokio::test]
async fn a_phone_of_the_first_family_is_refused_with_its_code() {
    let scene = Scene::set().await;
    for row in ErrorCode::all() {
        let (status, body) = scene.send(&format!("10{:06}", row.code)).await;
        assert_eq!(body["error"]["code"], row.code);
        assert_eq!(status.as_u16(), row.http_status());
    }
    assert_eq!(scene.simulator.phone.accepted(), 0);
}

#[tokio::test]
async fn a_phone_of_the_second_family_is_accepted_and_fails_with_its_code() {
    let mut scene = Scene::set().await;
    for code in [131_026, 131_049, 190] {
        assert_eq!(scene.send(&format!("20{code:06}")).await.0, StatusCode::OK);
        let status = scene.callback.next().await.status();
        assert_eq!(
            (&status["status"], &status["errors"][0]["code"]),
            (&"failed".into(), &code.into())
        );
    }
}

#[tokio::test]
async fn phones_of_the_third_family_do_what_the_table_says() {
    let mut scene = Scene::set().await;
    let heard: &[(&str, u64, &[&str])] = &[
        ("30000011", 2, &[]),
        ("30000011", 3, &["sent", "delivered", "read"]),
        ("30000012", 3, &["failed"]),
        ("30000013", 60, &[]),
        ("30000014", 19, &[]),
        (
            "30000015",
            0,
            &["sent", "sent", "delivered", "delivered", "read", "read"],
        ),
        ("30000016", 0, &["delivered", "sent", "read"]),
        ("30000017", 0, &["sent", "read"]),
        ("30000018", 0, &["read"]),
        ("30000019", 3, &["failed", "delivered"]),
        (
            "30000020",
            0,
            &["failed", "sent", "failed", "delivered", "failed", "read"],
        ),
        ("30000021", 0, &["sent", "delivered", "read"]),
        ("30000023", 700, &["sent"]),
        ("30000024", 700, &["sent", "failed"]),
        ("30000032", 3, &["sent", "delivered"]),
    ];
    for (phone, seconds, expected) in heard {
        // What earlier phones left behind is over before.
        soon(scene.clock.advance(Duration::from_secs(100))).await;
        scene.callback.so_far();
        assert_eq!(&scene.hears(phone, *seconds).await, expected, "{phone}");
    }
    assert_eq!(scene.send("30000022").await.0, StatusCode::OK);
    soon(scene.clock.advance(Duration::from_secs(1))).await;
    let batch = scene.callback.next().await.value();
    assert_eq!(batch["statuses"].as_array().unwrap().len(), 3);

    let phone = format!("{COUNTRY}30000032");
    let before = scene.simulator.controls.identity_of(&phone);
    scene.hears("30000032", 3).await;
    assert_ne!(scene.simulator.controls.identity_of(&phone), before);
}

#[tokio::test]
async fn a_person_with_a_magic_phone_presses_the_button_by_herself() {
    let mut scene = Scene::set().await;
    scene.send("30000031").await;
    soon(scene.clock.advance(Duration::from_secs(3))).await;
    let last = scene.callback.so_far().pop().unwrap().value();
    assert_eq!(last["messages"][0]["button"]["payload"], "DID_NOT_REQUEST_CODE");
    assert!(scene.simulator.phone.messages()[0].did_not_request_at_ms.is_some());
}

#[tokio::test]
async fn phones_that_break_the_answer_accept_or_do_not_as_the_table_says() {
    let scene = Scene::set().await;
    let broken = [("30000003", 0), ("30000004", 1), ("30000005", 2)];
    for (phone, accepted) in broken {
        let mut body = message("482913");
        body["to"] = format!("{COUNTRY}{phone}").into();
        let answer = scene.simulator.exchange(crate::harness::SENDER, body.to_string()).await;
        assert!(answer.is_none_or(|(_, _, body)| body.is_none()), "{phone}");
        assert_eq!(scene.simulator.phone.accepted(), accepted, "{phone}");
    }
    for (phone, status) in [("30000007", 502), ("30000008", 503), ("30000009", 400)] {
        assert_eq!(scene.send(phone).await.0.as_u16(), status, "{phone}");
    }
    for (phone, accepted) in [("30000001", 2), ("30000002", 3)] {
        let mut call = Box::pin(scene.send(phone));
        tokio::select! {
            _ = &mut call => panic!("answered"),
            // A second request to the same server has been answered by then.
            () = async {
                scene.simulator.get_json("/api/status").await;
                soon(scene.simulator.phone.wait_until(accepted)).await;
            } => {}
        }
        assert_eq!(scene.simulator.phone.accepted(), accepted);
    }
}

#[tokio::test]
async fn every_other_phone_behaves_as_usual_and_so_does_each_where_magic_is_off() {
    let mut scene = Scene::set().await;
    for usual in ["10999999", "20999999", "30999999", "87654321"] {
        assert_eq!(scene.hears(usual, 0).await, ["sent", "delivered", "read"], "{usual}");
    }
    let plain = Running::start(config()).await;
    for phone in ["10131026", "20131026", "30000003"] {
        let mut body = message("482913");
        body["to"] = format!("{COUNTRY}{phone}").into();
        assert_eq!(plain.send(&body).await.0, StatusCode::OK, "{phone}");
    }
    soon(plain.phone.wait_for_status(2, Status::Read)).await;
}

#[tokio::test]
async fn mischief_leaves_magic_phones_alone() {
    let scene = Scene::set().await;
    let per_mille = Odds {
        hung_up_before: 1_000,
        ..Odds::default()
    };
    scene
        .simulator
        .controls
        .set_mischief(Some(Mischief { seed: 1, per_mille }));
    assert_eq!(scene.send("10131016").await.1["error"]["code"], 131_016);
}

/// Rows of a table in the documentation whose first cell is all digits.
fn rows() -> BTreeSet<(String, String)> {
    let lines = DOCS.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = lines.filter_map(|line| line.trim_end_matches(" |").split_once("` | "));
    let listed = cells.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    listed
        .map(|(number, text)| (number.to_owned(), text.to_owned()))
        .collect()
}

#[tokio::test]
async fn the_documentation_lists_exactly_the_phones_and_codes_there_are() {
    let simulator = Running::start(config()).await;
    let table = simulator.get_json("/api/magic-numbers").await;
    let pair = |row: &Value, first: &str, second: &str| {
        let number = row[first].to_string().trim_matches('"').to_owned();
        (number, row[second].as_str().unwrap().to_owned())
    };
    let behaviors = table["behaviors"].as_array().unwrap().iter();
    let codes = table["codes"].as_array().unwrap().iter();
    let expected: BTreeSet<_> = behaviors
        .map(|row| pair(row, "digits", "does"))
        .chain(codes.map(|row| pair(row, "code", "title")))
        .collect();
    assert_eq!(rows(), expected);
    assert_eq!(table["enabled"], false);
}
