//! Meta away, Meta refusing, and answers that are lost.

use countersign_grpc::{Client, reason, v1};
use countersign_simulator::Fault;
use tonic::Code;

use crate::common::calls::{assert_refused, check, get, open, other_than, start, start_request};
use crate::common::gate::Gate;
use crate::common::meta::{Meta, error_answer, post_signed, status_webhook};
use crate::common::plan::Plan;
use crate::common::serve::Serve;
use countersign_testkit::wait::eventually;

const PERSON: &str = "+5511987654321";
const OTHER: &str = "+5511987654322";

/// Reads a verification until its only delivery is as wanted.
async fn delivered_as(client: &Client, id: &str, wanted: v1::DeliveryState) -> v1::Verification {
    eventually("the state of the delivery", async || {
        let verification = get(client, id).await;
        assert_eq!(verification.deliveries.len(), 1);
        (verification.deliveries[0].state() == wanted).then_some(verification)
    })
    .await
}

#[tokio::test]
async fn while_meta_is_away_a_start_stays_open_and_goes_out_when_it_is_back() {
    let meta = Meta::start_silent().await;
    let mut gate = Gate::shut();
    let policy = "retry = { tries_max = 20, first_wait = \"300ms\", wait_max = \"1s\" }";
    let serve = Serve::start(&Plan::new(gate.base_url()).policy(policy)).await;
    let client = serve.client().await;
    let id = open(&client, PERSON).await.id;
    let due = eventually("two failed attempts", async || {
        let verification = get(&client, &id).await;
        let delivery = &verification.deliveries[0];
        (delivery.tries >= 2 && delivery.state() == v1::DeliveryState::Due).then_some(verification)
    })
    .await;
    // The answers stay honest: open, not sent, and when it is tried next.
    assert_eq!(due.state(), v1::VerificationState::Open);
    assert!(due.deliveries[0].next_try_time.is_some() && due.deliveries[0].reason == 0);
    let joined = start(&client, start_request("shop", PERSON)).await.unwrap();
    assert_eq!(joined.outcome(), v1::StartOutcome::Joined);
    assert_eq!(check(&client, &id, "000000").await, v1::CheckOutcome::Incorrect);
    assert_eq!(meta.phone.accepted(), 0);

    gate.open(meta.address);
    let code = meta.code_for(PERSON).await;
    delivered_as(&client, &id, v1::DeliveryState::Accepted).await;
    assert_eq!(check(&client, &id, &code).await, v1::CheckOutcome::Approved);
    assert_eq!(meta.phone.accepted(), 1);
}

#[tokio::test]
async fn a_start_that_never_gets_through_ends_as_failed_and_says_why() {
    let gate = Gate::shut();
    let policy = "retry = { tries_max = 3, first_wait = \"10ms\", wait_max = \"10ms\" }";
    let serve = Serve::start(&Plan::new(gate.base_url()).policy(policy)).await;
    let client = serve.client().await;
    let id = open(&client, PERSON).await.id;
    let failed = delivered_as(&client, &id, v1::DeliveryState::Failed).await;
    assert_eq!(failed.deliveries[0].reason(), v1::DeliveryReason::ProviderUnavailable);
    assert_eq!(failed.deliveries[0].tries, 3);
    assert_eq!(failed.state(), v1::VerificationState::Failed);
    assert_eq!(failed.reason(), v1::VerificationReason::ProviderUnavailable);
    assert_eq!(check(&client, &id, "000000").await, v1::CheckOutcome::Failed);
    // Nobody is refused for an outage: it may be over with the next start.
    open(&client, OTHER).await;
}

#[tokio::test]
async fn a_refused_token_fails_the_verification_and_the_next_starts_until_one_may_try_again() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url()).policy("fault_memory = \"2s\"")).await;
    let client = serve.client().await;
    meta.controls.fail_next(
        1,
        error_answer(401, 190, "Error validating access token", "Session has expired"),
    );
    let id = open(&client, PERSON).await.id;
    let failed = delivered_as(&client, &id, v1::DeliveryState::Failed).await;
    let delivery = &failed.deliveries[0];
    assert_eq!(
        (delivery.reason(), delivery.tries),
        (v1::DeliveryReason::Misconfigured, 1)
    );
    assert_eq!(delivery.report.as_ref().unwrap().code, 190);
    assert_eq!(failed.state(), v1::VerificationState::Failed);
    assert_eq!(failed.reason(), v1::VerificationReason::Misconfigured);

    let refused = start(&client, start_request("shop", OTHER)).await.unwrap_err();
    let details = assert_refused(&refused, Code::FailedPrecondition, reason::ACCOUNT_UNUSABLE);
    assert_eq!(details.error_info().unwrap().metadata["provider_code"], "190");
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    assert_eq!(meta.phone.accepted(), 0);

    // The operator has mended it meanwhile; the service finds out by itself.
    let healed = eventually("a start that may try", async || {
        start(&client, start_request("shop", OTHER)).await.ok()?.verification
    })
    .await;
    let code = meta.code_for(OTHER).await;
    assert_eq!(check(&client, &healed.id, &code).await, v1::CheckOutcome::Approved);
}

#[tokio::test]
async fn a_recipient_whom_meta_cannot_reach_fails_alone() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    let client = serve.client().await;
    meta.controls.fail_next(
        1,
        error_answer(400, 131_026, "(#131026) Message undeliverable", "not on WhatsApp"),
    );
    let id = open(&client, PERSON).await.id;
    let failed = delivered_as(&client, &id, v1::DeliveryState::Failed).await;
    assert_eq!(failed.deliveries[0].reason(), v1::DeliveryReason::Undeliverable);
    assert_eq!(failed.reason(), v1::VerificationReason::Undeliverable);
    open(&client, OTHER).await;
    meta.code_for(OTHER).await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_settled_by_a_webhook_without_a_second_message() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url()).policy("settle_wait = \"2s\"")).await;
    let client = serve.client().await;
    meta.controls.fail_next(2, Fault::AcceptThenHangUp);
    let settled = open(&client, PERSON).await.id;
    delivered_as(&client, &settled, v1::DeliveryState::Unknown).await;
    let message = &meta.phone.messages_to(PERSON)[0];
    let webhook = status_webhook(message, "delivered").to_string();
    assert_eq!(post_signed(&serve.callback(), &webhook).await.status, 200);
    assert_eq!(
        get(&client, &settled).await.deliveries[0].state(),
        v1::DeliveryState::Delivered
    );

    // The other one is lost later and no webhook comes for it: it is sent once more when its wait is over, and by
    // then the first one's wait is over too.
    let repeated = open(&client, OTHER).await.id;
    delivered_as(&client, &repeated, v1::DeliveryState::Unknown).await;
    let again = delivered_as(&client, &repeated, v1::DeliveryState::Accepted).await;
    assert_eq!(again.deliveries[0].tries, 2);
    let codes: Vec<_> = meta.phone.messages_to(OTHER).iter().map(|it| it.code.clone()).collect();
    assert!(codes.len() == 2 && codes[0] == codes[1], "the same code goes out again");
    assert_eq!(meta.phone.messages_to(PERSON).len(), 1);
    let code = message.code.clone();
    assert_eq!(
        check(&client, &settled, &other_than(&code)).await,
        v1::CheckOutcome::Incorrect
    );
    assert_eq!(check(&client, &settled, &code).await, v1::CheckOutcome::Approved);
}

#[tokio::test]
async fn a_throttled_message_waits_and_goes_out_once() {
    let meta = Meta::start_silent().await;
    let policy = "retry = { tries_max = 6, first_wait = \"50ms\", wait_max = \"50ms\" }";
    let serve = Serve::start(&Plan::new(meta.base_url()).policy(policy)).await;
    let client = serve.client().await;
    meta.controls.fail_next(
        1,
        error_answer(429, 130_429, "(#130429) Rate limit hit", "too many messages"),
    );
    meta.controls
        .fail_next(1, error_answer(500, 131_000, "(#131000) Something went wrong", ""));
    meta.controls.fail_next(
        1,
        Fault::Answer {
            status: 503,
            body: "<html>down</html>".to_owned(),
        },
    );
    let id = open(&client, PERSON).await.id;
    let accepted = delivered_as(&client, &id, v1::DeliveryState::Accepted).await;
    assert_eq!(accepted.deliveries[0].tries, 4);
    assert!(
        accepted.deliveries[0].report.is_none(),
        "an old complaint stands beside a good state"
    );
    assert_eq!(meta.phone.accepted(), 1);
}
