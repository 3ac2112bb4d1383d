//! Money: reserved before a message is sent, settled by what Meta's webhooks say, given back when nothing is billed, and
//! an end to all sends when there is no more.

use countersign_grpc::v1;
use countersign_simulator::Pace;

use crate::common::calls::{get, open, start};
use crate::common::crowd::phone;
use crate::common::serve::Serve;
use crate::scene::{PRICE, SILENT, Scene, Setting, assert_limited, from, plain, priced_webhook, until_taken};
use countersign_testkit::wait::eventually;
use tokio::task::JoinSet;

const RESERVED: &str = r#"money_reserved_micros_total{app="shop",country="BR"}"#;
const CLEARED: &str = r#"money_cleared_micros_total{app="shop"}"#;
const BILLED: &str = r#"money_billed_micros_total{app="shop"}"#;
const NEAR: &str = r#"budgets_near_total{rule="purse"}"#;

/// A service whose budget has room for so many messages.
async fn purse(messages: i64, pace: Pace) -> Scene {
    let amount = messages * PRICE;
    let (whole, rest) = (amount / 1_000_000, amount % 1_000_000);
    let tables = format!(
        "[money.budgets.purse]\nper = [\"country\"]\namount = \"{whole}.{rest:06}\"\nwindow = \"month\"\nsoft_percent = 50"
    );
    Scene::set(Setting {
        tables: &tables,
        pace,
        ..Setting::default()
    })
    .await
}

/// What is used of the budget, for whoever asks next.
async fn until_spent(scene: &Scene, messages: i64) {
    scene.until_used("purse", plain(&phone(9_999)), messages * PRICE).await;
}

/// Waits until the metrics say this, in messages.
async fn until_told(scene: &Scene, reserved: i64, cleared: i64, billed: i64) {
    for (series, messages) in [(RESERVED, reserved), (CLEARED, cleared), (BILLED, billed)] {
        scene
            .until_metric(series, u64::try_from(messages * PRICE).unwrap())
            .await;
    }
}

#[tokio::test]
async fn what_is_reserved_at_the_start_is_settled_once_by_the_webhooks() {
    let scene = purse(10, Pace::instant()).await;
    // Every webhook of the second one comes twice, and of the third one delivered before sent.
    for phone in ["+5511987654321", "+5511930000015", "+5511930000016"] {
        open(&scene.client, phone).await;
    }
    until_told(&scene, 3, 3, 3).await;
    until_spent(&scene, 3).await;
}

#[tokio::test]
async fn a_message_without_a_word_of_its_price_stays_reserved_and_is_not_billed() {
    let scene = purse(10, SILENT).await;
    let id = open(&scene.client, "+5511987654321").await.id;
    eventually("that the message is accepted", async || {
        let state = get(&scene.client, &id).await.deliveries[0].state();
        (state == v1::DeliveryState::Accepted).then_some(())
    })
    .await;
    until_told(&scene, 1, 0, 0).await;
    until_spent(&scene, 1).await;
}

#[tokio::test]
async fn a_message_that_turns_out_to_be_free_gives_the_money_back() {
    let scene = purse(10, Pace::instant()).await;
    for phone in ["+5511930000041", "+5511930000042"] {
        open(&scene.client, phone).await;
    }
    until_told(&scene, 2, 2, 0).await;
    until_spent(&scene, 0).await;
}

#[tokio::test]
async fn a_message_that_fails_or_is_not_taken_gives_the_money_back() {
    let scene = purse(10, Pace::instant()).await;
    // Accepted and then failed; refused by Meta; and one that goes well.
    for phone in ["+5511920131026", "+5511910131026", "+5511987654321"] {
        open(&scene.client, phone).await;
    }
    until_told(&scene, 3, 3, 1).await;
    until_spent(&scene, 1).await;
}

#[tokio::test]
async fn a_message_that_failed_and_arrives_after_all_is_paid_after_all() {
    let scene = purse(10, Pace::instant()).await;
    let id = open(&scene.client, "+5511930000019").await.id;
    eventually("that it arrived after all", async || {
        let state = get(&scene.client, &id).await.deliveries[0].state();
        (state == v1::DeliveryState::Delivered).then_some(())
    })
    .await;
    until_told(&scene, 1, 1, 1).await;
    until_spent(&scene, 1).await;
}

#[tokio::test]
async fn a_budget_that_is_spent_stops_every_send_and_goes_on_when_something_comes_back() {
    let scene = purse(3, Pace::instant()).await;
    for number in 0..2 {
        open(&scene.client, &phone(number)).await;
    }
    open(&scene.client, "+5511930000041").await;
    // The free one gives back what it reserved.
    until_told(&scene, 3, 3, 2).await;
    until_spent(&scene, 2).await;
    open(&scene.client, &phone(3)).await;
    for number in 10..15 {
        let status = start(&scene.client, plain(&phone(number))).await.unwrap_err();
        assert_limited(&status, "purse", "country");
    }
    until_told(&scene, 4, 4, 3).await;
    until_spent(&scene, 3).await;
    assert_eq!(scene.meta.phone.accepted(), 4);
}

#[tokio::test]
async fn that_a_budget_runs_out_is_told_once_when_it_is_used_beyond_its_soft_limit() {
    let scene = purse(6, SILENT).await;
    for number in 0..2 {
        open(&scene.client, &phone(number)).await;
    }
    assert_eq!(scene.metric(NEAR).await, 0);
    for number in 2..6 {
        open(&scene.client, &phone(number)).await;
    }
    scene.until_metric(NEAR, 1).await;
    let is_it = |line: &serde_json::Value| line["message"] == "a budget runs out";
    let line = scene.serves[0].log_line("that the budget runs out", is_it).await;
    let told = (line["rule"].as_str(), line["key"].as_str(), line["level"].as_str());
    assert_eq!(told, (Some("purse"), Some("country"), Some("WARN")));
    let micros = (line["spent_micros"].as_i64(), line["amount_micros"].as_i64());
    assert_eq!(micros, (Some(3 * PRICE), Some(6 * PRICE)));
    // All that was opened has been written down before it was answered: once, and not again.
    let written = scene.serves[0].process.written().stderr;
    let lines = written.iter().filter_map(|line| serde_json::from_str(line).ok());
    assert_eq!(lines.filter(is_it).count(), 1);
}

#[tokio::test]
async fn a_rule_that_refuses_reserves_no_money_and_a_budget_that_refuses_charges_no_rule() {
    let limits = "defaults = false\n\
                  [limits.rules.few]\nkey = [\"purpose\"]\nquotas = [\"2/month\"]\napplies_to = \"send\"\n\
                  [limits.rules.starts]\nkey = [\"app\"]\nquotas = [\"100/month\"]\napplies_to = \"start\"";
    let tables = "[money.budgets.purse]\nper = \"all\"\namount = \"0.0204\"\nwindow = \"month\"";
    let scene = Scene::set(Setting {
        limits,
        tables,
        ..Setting::default()
    })
    .await;
    for number in 0..2 {
        open(&scene.client, &phone(number)).await;
    }
    for number in 10..14 {
        let status = start(&scene.client, plain(&phone(number))).await.unwrap_err();
        assert_limited(&status, "few", "purpose");
    }
    let other = |number| from(&phone(number), "payment", "");
    start(&scene.client, other(20)).await.unwrap();
    for number in 30..34 {
        let status = start(&scene.client, other(number)).await.unwrap_err();
        assert_limited(&status, "purse", "everything");
    }
    let standings = scene.standings(other(40)).await;
    let used = ["few", "starts", "purse"].map(|rule| standings[rule].used);
    assert_eq!(used, [1, 3, 3 * PRICE]);
    assert_eq!(scene.metric(RESERVED).await, u64::try_from(3 * PRICE).unwrap());
}

#[tokio::test]
async fn a_message_whose_fate_is_uncertain_is_reserved_once_and_billed_when_it_was_sent() {
    let scene = purse(10, Pace::instant()).await;
    // Accepts, and hangs up instead of an answer.
    open(&scene.client, "+5511930000004").await;
    until_told(&scene, 1, 1, 1).await;
    until_spent(&scene, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_that_is_told_to_every_instance_at_once_and_again_is_settled_once() {
    let tables = "[money.budgets.purse]\nper = [\"country\"]\namount = \"1.00\"\nwindow = \"month\"";
    let scene = Scene::set(Setting {
        tables,
        instances: 3,
        ..Setting::default()
    })
    .await;
    for number in 0..10 {
        open(&scene.client, &phone(number)).await;
    }
    // Every second one is free.
    let messages = scene.meta.phone.wait_until(10).await;
    let callbacks: Vec<_> = scene.serves.iter().map(Serve::callback).collect();
    for _ in 0..2 {
        let mut posts = JoinSet::new();
        for message in &messages {
            for (status, callback) in ["sent", "delivered"]
                .iter()
                .flat_map(|it| callbacks.iter().map(move |to| (it, to)))
            {
                let body = priced_webhook(message, status, message.number % 2 == 0).to_string();
                let callback = callback.clone();
                posts.spawn(async move { until_taken(&callback, &body).await });
            }
        }
        posts.join_all().await;
        until_told(&scene, 10, 10, 5).await;
        until_spent(&scene, 5).await;
    }
}
