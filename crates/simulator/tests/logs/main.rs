//! What must not be in a log. A process of its own, for a subscriber hears of everything that runs beside it.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it calls"
)]

#[expect(dead_code, reason = "the harness of the other tests, of which one test needs little")]
#[path = "../simulator/harness.rs"]
mod harness;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_simulator::{Config, Fate, Scenario, Telling};

use crate::harness::{Callback, PHONE, Running, config, message};

#[tokio::test]
async fn no_code_phone_token_or_secret_is_logged() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let mut callback = Callback::start(&[(500, "")]).await;
    let webhook_timeout = Duration::from_secs(20);
    let simulator = Running::start(Config {
        webhook_timeout,
        ..config()
    })
    .await;
    simulator.controls.set_callback_url(&callback.url).unwrap();
    let (_, answer) = simulator.send(&message("482913")).await;
    let mut wrong = message("482913");
    wrong["template"]["name"] = "other".into();
    simulator.send(&wrong).await;
    for _ in 0..4 {
        callback.next().await;
    }
    let fate = Fate::failed(131_026, Duration::ZERO).told(Telling::forged());
    simulator.controls.add_scenario(Scenario::to(PHONE).fate(fate));
    simulator.send(&message("482913")).await;
    simulator.controls.press_did_not_request(2);
    for _ in 0..3 {
        callback.next().await;
    }
    simulator.controls.verify_callback().await;
    simulator.stop().await;

    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("accepted") && logged.contains("refused") && logged.contains("not taken"),
        "{logged}"
    );
    let id = answer["messages"][0]["id"].as_str().unwrap();
    for secret in [
        "482913",
        "5511987654321",
        id,
        "simulator-token",
        "app-secret",
        "verify-token",
        "sha256=",
    ] {
        assert!(!logged.contains(secret), "{secret} is logged:\n{logged}");
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
