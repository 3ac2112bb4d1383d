//! The proof of work as the configuration has it.

use std::time::Duration;

use countersign_domain::guard::Rung;
use serde_json::Value;

use crate::common::clock::wall_millis;
use crate::hand::around;
use crate::pumping::{answered, challenge};
use crate::solver::solve;
use crate::stage::{Stage, phone};

#[tokio::test]
async fn a_challenge_is_as_hard_and_lives_as_long_as_is_configured() {
    let stage = Stage::begin(|plan| plan.guard += "\nproof_of_work_max = 2000\nproof_of_work_life = \"3m\"").await;
    let person = phone(8, 1);
    let hand = stage.hand().await;
    hand.raise(around(&person), Rung::Challenge, Duration::from_secs(60))
        .await;
    let seconds_from_now = || (wall_millis() + 180_000) / 1000;
    let earliest = seconds_from_now();
    let text = challenge(&stage.client, &person, "number_block_10000").await;
    let latest = seconds_from_now();
    let asked: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(asked["maxnumber"], 2000);
    let salt = asked["salt"].as_str().unwrap();
    let (_, expires) = salt.trim_end_matches('&').split_once("?expires=").unwrap();
    let expires: u64 = expires.parse().unwrap();
    assert!((earliest..=latest).contains(&expires), "{expires}");
    answered(&stage.client, &person, "sign_in", &solve(&text))
        .await
        .unwrap();
}
