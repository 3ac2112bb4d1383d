//! What an operator sees of the guard's blocks at the command line, and the end of them.

use std::time::Duration;

use countersign_domain::guard::{Area, Rung};
use countersign_grpc::reason;
use serde_json::json;
use tonic::Code;

use crate::hand::{around, brazil};
use crate::stage::{Stage, phone};

#[tokio::test]
async fn what_is_stopped_is_listed_for_people_and_programs_and_a_lifted_block_lets_starts_go_again() {
    let stage = Stage::begin(|_| {}).await;
    let (stopped, beside) = (phone(10, 1), phone(11, 1));
    let hand = stage.hand().await;
    hand.raise(Area::Guesses, Rung::Challenge, Duration::from_secs(3_600))
        .await;
    hand.raise(brazil(), Rung::Challenge, Duration::from_secs(20 * 60))
        .await;
    hand.raise(around(&stopped), Rung::SixHours, Duration::from_secs(60))
        .await;
    hand.raise(around(&beside), Rung::Manual, Duration::from_secs(30)).await;
    for phone in [&stopped, &beside] {
        stage
            .refused(phone, Code::PermissionDenied, reason::BLOCKED_BY_GUARD)
            .await;
    }

    let listed = stage.run(&["blocks"]).await;
    assert_eq!((listed.code, listed.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = listed.stdout.lines().collect();
    assert!(lines.iter().all(|it| it.chars().count() <= 80), "{}", listed.stdout);
    for (what, in_force) in [
        ("+551197010xxxx", "6h stop, 6 h left"),
        ("+551197011xxxx", "stop, until lifted"),
        ("BR", "- (was challenge)"),
        ("guesses", "- (was challenge)"),
    ] {
        let line = lines.iter().find(|it| it.contains(&format!("  {what} ")));
        assert!(
            line.is_some_and(|it| it.ends_with(in_force)),
            "{what}: {}",
            listed.stdout
        );
    }

    let blocks = stage.blocks().await;
    let areas: Vec<_> = blocks.iter().map(|it| it["area"].clone()).collect();
    assert_eq!(
        areas,
        ["number_block_10000", "number_block_10000", "country", "guesses"]
    );
    let (manual, six_hours) = (&blocks[0], &blocks[1]);
    assert_eq!(
        (&manual["rung_in_force"], &manual["end_time"]),
        (&json!("manual"), &json!(null))
    );
    assert_eq!(six_hours["number_prefix"], "+551197010");
    assert_eq!(
        (&six_hours["app"], &six_hours["score"]),
        (&json!("shop"), &json!(14_210))
    );

    let id = six_hours["id"].as_str().unwrap();
    let ended = stage.run(&["blocks", "lift", id]).await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "Lifted; its score begins anew.\n")
    );
    stage.open(&stopped).await;
    let (code, answer) = stage.json(&["blocks", "lift", manual["id"].as_str().unwrap()]).await;
    assert_eq!((code, &answer["lifted"]), (0, &manual["id"]));
    stage.open(&beside).await;
    assert_eq!(stage.blocks().await.len(), 2);
    stage
        .serve
        .log_line("the word about it", |it| {
            it["message"] == "an operator lifted a block" && it["caller"] == "desk"
        })
        .await;

    let again = stage.run(&["blocks", "lift", id]).await;
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""));
}

#[tokio::test]
async fn a_caller_that_does_not_operate_sees_and_changes_nothing() {
    let stage = Stage::begin(|_| {}).await;
    let phone = phone(12, 1);
    stage
        .hand()
        .await
        .raise(around(&phone), Rung::Manual, Duration::ZERO)
        .await;
    let id = stage.blocks().await[0]["id"].as_str().unwrap().to_owned();
    let open = stage.open("+5511970130001").await.id;
    for args in [
        &["blocks"][..],
        &["blocks", "lift", &id],
        &["explain", "shop", &phone, "sign_in"],
        &["hold", "shop", "+5511970130001"],
        &["release", "shop", "+5511970130001"],
        &["erase", "+5511970130001", "--yes"],
    ] {
        let ended = stage.run_as("shop", &[args, &["--json"]].concat()).await;
        assert_eq!(ended.code, Some(1), "{args:?}: {ended:?}");
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(told.contains(reason::MAY_NOT_OPERATE), "{args:?}: {ended:?}");
        assert!(!told.contains("+551197"), "{args:?}: {ended:?}");
    }
    assert_eq!(stage.blocks().await.len(), 1);
    assert_eq!(
        crate::common::calls::get(&stage.client, &open).await.state(),
        countersign_grpc::v1::VerificationState::Open
    );
}
