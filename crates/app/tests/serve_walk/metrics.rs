//! What an operator reads at `/metrics`, and that nobody's phone, code or id is in it.

use std::sync::Arc;

use countersign_grpc::{Client, v1};
use countersign_simulator::{Fault, Message};

use crate::common::calls::{check, get, open, other_than, start, start_request, watch};
use crate::common::http;
use crate::common::meta::{Meta, error_answer, post_signed, status_webhook};
use crate::common::plan::{PHONE_NUMBER_ID, Plan};
use crate::common::serve::Serve;
use countersign_testkit::wait::eventually;

const PERSON: &str = "+5511987654321";
const OTHER: &str = "+5511976543210";

/// The page as it is now.
async fn page(serve: &Serve) -> String {
    let page = http::get(&format!("http://{}/metrics", serve.http)).await;
    assert_eq!(page.status, 200);
    page.body
}

/// The number of one series; `None` when the page does not have it.
fn number(page: &str, series: &str) -> Option<u64> {
    let mut lines = page.lines();
    lines.find_map(|line| line.strip_prefix(&format!("countersign_{series} "))?.parse().ok())
}

/// Waits until a verification's only delivery is as wanted.
async fn delivered_as(client: &Client, id: &str, wanted: v1::DeliveryState) {
    eventually("the state of the delivery", async || {
        (get(client, id).await.deliveries[0].state() == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_uncertain_send_that_a_webhook_settles_and_one_that_is_repeated_are_counted_apart() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url()).policy("settle_wait = \"2s\"")).await;
    let client = serve.client().await;
    let before = page(&serve).await;
    assert_eq!(number(&before, r#"uncertain_sends_total{app="shop"}"#), Some(0));
    meta.controls.fail_next(2, Fault::AcceptThenHangUp);

    let settled = open(&client, PERSON).await.id;
    delivered_as(&client, &settled, v1::DeliveryState::Unknown).await;
    let told = meta.phone.messages_to(PERSON).remove(0);
    let webhook = status_webhook(&told, "delivered").to_string();
    assert_eq!(post_signed(&serve.callback(), &webhook).await.status, 200);
    let repeated = open(&client, OTHER).await.id;
    delivered_as(&client, &repeated, v1::DeliveryState::Accepted).await;
    assert_eq!(
        check(&client, &settled, &other_than(&told.code)).await,
        v1::CheckOutcome::Incorrect
    );
    assert_eq!(check(&client, &settled, &told.code).await, v1::CheckOutcome::Approved);

    let page = page(&serve).await;
    for (series, wanted) in [
        (r#"uncertain_sends_total{app="shop"}"#, 2),
        (r#"uncertain_settled_total{app="shop",by="webhook"}"#, 1),
        (r#"uncertain_settled_total{app="shop",by="repeat"}"#, 1),
        (r#"uncertain_left_total{app="shop"}"#, 0),
        (r#"starts_total{app="shop",purpose="sign_in",outcome="opened"}"#, 2),
        (r#"checks_total{app="shop",purpose="sign_in",outcome="approved"}"#, 1),
        (
            r#"verifications_ended_total{app="shop",purpose="sign_in",state="approved",reason="code_correct"}"#,
            1,
        ),
        (r#"verification_open_seconds_count{app="shop",state="approved"}"#, 1),
        (r#"deliveries_moved_total{app="shop",state="unknown"}"#, 2),
        (r#"deliveries_moved_total{app="shop",state="delivered"}"#, 1),
        ("backlog", 0),
    ] {
        assert_eq!(number(&page, series), Some(wanted), "{series} in {page}");
    }
    let mut messages = meta.phone.messages_to(OTHER);
    assert_eq!(messages.len(), 2);
    messages.push(told);
    assert_holds_nothing_of(&page, &messages, &[settled, repeated]);
}

#[tokio::test]
async fn an_open_watch_is_counted_while_somebody_watches() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    let client = serve.client().await;
    let id = open(&client, PERSON).await.id;
    let watching = watch(&client, &id).await;
    assert_eq!(number(&page(&serve).await, "watches_open"), Some(1));
    drop(watching);
    eventually("that nobody watches", async || {
        (number(&page(&serve).await, "watches_open") == Some(0)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_refused_token_does_to_a_sender_is_on_the_page_until_it_works_again() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url()).policy("fault_memory = \"1s\"")).await;
    let client = serve.client().await;
    let refused = error_answer(401, 190, "Error validating access token", "");
    meta.controls.fail_next(1, refused);
    let id = open(&client, PERSON).await.id;
    let failed = r#"deliveries_failed_total{app="shop",reason="misconfigured",code="190"}"#;
    let shut = eventually("the failed message", async || {
        let page = page(&serve).await;
        (number(&page, failed) == Some(1)).then_some(page)
    })
    .await;
    delivered_as(&client, &id, v1::DeliveryState::Failed).await;
    let sender = format!("sender=\"{PHONE_NUMBER_ID}\"");
    let gauge = format!("sender_shut{{{sender}}}");
    assert_eq!(number(&shut, &gauge), Some(1), "{shut}");
    let times = format!(r#"senders_shut_total{{{sender},app="shop",fault="account"}}"#);
    assert_eq!(number(&shut, &times), Some(1), "{shut}");

    eventually("a start that may try", async || {
        start(&client, start_request("shop", OTHER)).await.ok()
    })
    .await;
    eventually("that the sender works", async || {
        (number(&page(&serve).await, &gauge) == Some(0)).then_some(())
    })
    .await;
}

/// Demands that a page holds no phone, code, reference or id of these messages and verifications.
#[track_caller]
fn assert_holds_nothing_of(page: &str, messages: &[Arc<Message>], ids: &[String]) {
    // The sender's id is long enough for a code to be in it by chance.
    let page = page.replace(PHONE_NUMBER_ID, "");
    for message in messages {
        let digits = message.to.trim_start_matches('+');
        let reference = message.reference.as_deref().unwrap();
        for needle in [digits, &digits[4..], &message.code, &message.id, reference] {
            assert!(!page.contains(needle), "something of a message is in {page}");
        }
    }
    for id in ids {
        assert!(!page.contains(id.as_str()), "an id is in {page}");
    }
}
