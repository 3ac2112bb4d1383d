//! The end: in order, with nothing left behind and every send that was under way finished.

use countersign_grpc::v1::DeliveryState;
use countersign_simulator::Status;
use serde_json::Value;

use crate::common::calls::{get, open};
use crate::common::dev::Dev;
use crate::common::gate::Gate;
use crate::common::http;
use crate::common::meta::Meta;
use crate::common::plan::Plan;
use crate::common::process::{Process, countersign, run};
use crate::common::serve::Serve;
use countersign_testkit::wait::soon;

const PERSON: &str = "+5511987654321";

#[tokio::test]
async fn dev_ends_with_0_at_sigterm_and_at_ctrl_c_and_takes_its_profile_away() {
    for signal in ["TERM", "INT"] {
        let mut dev = Dev::start().await;
        dev.open(PERSON, &[]).await;
        assert!(dev.profile().exists());
        dev.process.signal(signal);
        let ended = dev.process.ended().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{signal}");
        assert!(!dev.profile().exists(), "the profile is still there after {signal}");
        let after = dev.run(&["start", PERSON]).await;
        assert_eq!(after.code, Some(1));
        assert!(after.stderr.contains("no service is known here"), "{after:?}");
    }
}

#[tokio::test]
async fn a_signal_at_the_first_word_ends_dev_in_order_too() {
    let state = tempfile::tempdir().unwrap();
    let free = "127.0.0.1:0";
    let mut process =
        Process::start(countersign(state.path()).args(["dev", "--grpc", free, "--http", free, "--simulator", free]));
    process
        .wait_for("the first line", |written| written.stdout.first().cloned())
        .await;
    process.signal("TERM");
    let ended = process.ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(!state.path().join("countersign/dev.toml").exists());
}

#[tokio::test]
async fn a_dev_that_ends_leaves_the_profile_of_a_newer_one() {
    let mut older = Dev::start().await;
    let state = older.state.path().to_owned();
    let newer = Dev::start_with(|command| {
        command.env("XDG_STATE_HOME", &state);
    })
    .await;
    older.process.signal("TERM");
    assert_eq!(older.process.ended().await.code, Some(0));
    let through_the_newer = run(countersign(&state).args(["start", PERSON])).await;
    assert_eq!(through_the_newer.code, Some(0), "{through_the_newer:?}");
    drop(newer);
}

#[tokio::test]
async fn a_send_under_way_is_finished_before_serve_ends() {
    let meta = Meta::start_silent().await;
    let gate = Gate::open_to(meta.address);
    let mut serve = Serve::start(&Plan::new(gate.base_url())).await;
    let client = serve.client().await;
    gate.hold();
    let opened = open(&client, PERSON).await;
    let arrived = soon("the request at Meta", meta.phone.next_message(0)).await;
    assert_eq!(arrived.status(), Status::Accepted);
    assert_eq!(
        get(&client, &opened.id).await.deliveries[0].state(),
        DeliveryState::Sending
    );
    drop(client);

    serve.process.signal("TERM");
    serve
        .log_line("the word that it stops", |line| said(line).starts_with("stopping"))
        .await;
    let accepted =
        |line: &Value| said(line) == "delivery" && line["verification"] == opened.id && line["state"] == "accepted";
    let stopped = |line: &Value| said(line) == "stopped";
    // The answer is still held back, so nothing can have been recorded yet.
    assert_eq!(position(&serve.process.written().stderr.concat(), &accepted), None);
    gate.release();
    let ended = serve.process.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (accepted, stopped) = (position(&ended.stderr, &accepted), position(&ended.stderr, &stopped));
    assert!(accepted.unwrap() < stopped.unwrap(), "{}", ended.stderr);
    assert_eq!(meta.phone.accepted(), 1);
}

#[tokio::test]
async fn serve_ends_with_0_at_both_signals_and_answers_no_more() {
    for signal in ["TERM", "INT"] {
        let meta = Meta::start_silent().await;
        let mut serve = Serve::start(&Plan::new(meta.base_url())).await;
        let ready = format!("http://{}/readyz", serve.http);
        assert!(http::get(&ready).await.status.is_success());
        let _open = open(&serve.client().await, PERSON).await;
        serve.process.signal(signal);
        let ended = serve.process.ended().await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(0), ""),
            "{signal}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.lines().last().is_some_and(|line| line.contains("stopped")),
            "{}",
            ended.stderr
        );
    }
}

fn said(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}

/// The first line of a log that is one like this.
fn position(log: &str, is_it: &dyn Fn(&Value) -> bool) -> Option<usize> {
    log.lines().position(|line| is_it(&serde_json::from_str(line).unwrap()))
}
