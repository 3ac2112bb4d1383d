//! Checking: every outcome of a guess is data, and the right one is said once.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::delivery::{NextStep, ProviderReport, Rejection};
use countersign_domain::policy::PolicySettings;
use countersign_domain::ports::Clock;
use countersign_grpc::{moment, reason, v1};
use countersign_testkit::fixture;
use tokio::task::JoinSet;
use tonic::Code;

use crate::harness::{Api, assert_refused, by_recipient, check_request, other_than, phone, recipient, start_request};

#[tokio::test]
async fn a_wrong_code_is_incorrect_and_leaves_fewer_guesses() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    let answer = api.guess(&id, &other_than(&code)).await;
    assert_eq!(answer.outcome(), v1::CheckOutcome::Incorrect);
    assert_eq!(answer.verification.unwrap().guesses_left, 4);
}

#[tokio::test]
async fn the_last_wrong_code_exhausts_and_the_right_one_after_it_does_not_help() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    for _ in 0..4 {
        let answer = api.guess(&id, &other_than(&code)).await;
        assert_eq!(answer.outcome(), v1::CheckOutcome::Incorrect);
    }
    for guess in [&other_than(&code), &code] {
        let answer = api.guess(&id, guess).await;
        assert_eq!(answer.outcome(), v1::CheckOutcome::Exhausted);
        let exhausted = answer.verification.unwrap();
        assert_eq!(exhausted.state(), v1::VerificationState::Exhausted);
        assert_eq!(exhausted.reason(), v1::VerificationReason::GuessesUsedUp);
        assert_eq!(exhausted.guesses_left, 0);
        assert!(!exhausted.check.unwrap().allowed);
    }
}

#[tokio::test]
async fn the_right_code_is_approved_exactly_once_however_many_bring_it() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    let mut checks = JoinSet::new();
    for _ in 0..32 {
        let (mut shop, request) = (api.shop.clone(), check_request(&id, &code));
        checks.spawn(async move { shop.check_verification(request).await.unwrap().into_inner() });
    }
    let answers = checks.join_all().await;
    let approved = answers.iter().filter(|it| it.outcome() == v1::CheckOutcome::Approved);
    assert_eq!(approved.count(), 1);
    let known = answers
        .iter()
        .filter(|it| it.outcome() == v1::CheckOutcome::AlreadyApproved);
    assert_eq!(known.count(), 31);
    let now = Some(api.house.clock.now());
    assert!(answers.iter().all(|it| it.approve_time.as_ref().map(moment) == now));
    let approved = api.get(&id).await;
    assert_eq!(approved.state(), v1::VerificationState::Approved);
    assert_eq!(approved.reason(), v1::VerificationReason::CodeCorrect);
    assert_eq!(approved.end_time.as_ref().map(moment), now);
}

#[tokio::test]
async fn a_check_after_approval_hears_when_that_was() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    api.guess(&id, &code).await;
    let approved_at = Some(api.house.clock.now());
    api.house.clock.advance(Duration::from_secs(5));
    for guess in [&code, &other_than(&code)] {
        let answer = api.guess(&id, guess).await;
        assert_eq!(answer.outcome(), v1::CheckOutcome::AlreadyApproved);
        assert_eq!(answer.approve_time.as_ref().map(moment), approved_at);
    }
}

#[tokio::test]
async fn the_same_check_again_is_approved_again_and_another_body_is_refused() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    let request = v1::CheckVerificationRequest {
        request_id: "check-1".to_owned(),
        ..check_request(&id, &code)
    };
    let first = api.check(request.clone()).await.unwrap();
    assert_eq!(first.outcome(), v1::CheckOutcome::Approved);
    api.house.clock.advance(Duration::from_secs(5));
    let again = api.check(request.clone()).await.unwrap();
    assert_eq!(again.outcome(), v1::CheckOutcome::Approved);
    assert_eq!(again.approve_time, first.approve_time);

    let other = v1::CheckVerificationRequest {
        code: other_than(&code),
        ..request
    };
    let refused = api.check(other).await.unwrap_err();
    assert_refused(&refused, Code::Aborted, reason::REQUEST_ID_REUSED);
}

#[tokio::test]
async fn the_right_code_for_another_payment_is_a_mismatch_and_costs_a_guess() {
    let api = Api::new().await;
    let payment = |amount: &str| BTreeMap::from([("amount".to_owned(), amount.to_owned())]);
    let start = v1::StartVerificationRequest {
        context: payment("10.00"),
        ..start_request()
    };
    let id = api.start(start).await.unwrap().verification.unwrap().id;
    api.house.run_errands().await;
    let code = api.house.messenger.last_code_for(&phone()).unwrap();
    let check = |context| v1::CheckVerificationRequest {
        context,
        ..check_request(&id, &code)
    };
    for (context, left) in [(payment("99.00"), 4), (BTreeMap::new(), 3)] {
        let answer = api.check(check(context)).await.unwrap();
        assert_eq!(answer.outcome(), v1::CheckOutcome::ContextMismatch);
        assert_eq!(answer.verification.unwrap().guesses_left, left);
    }
    let answer = api.check(check(payment("10.00"))).await.unwrap();
    assert_eq!(answer.outcome(), v1::CheckOutcome::Approved);
}

#[tokio::test]
async fn after_its_life_a_code_is_expired() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    api.house.clock.advance(Duration::from_secs(600));
    let answer = api.guess(&id, &code).await;
    assert_eq!(answer.outcome(), v1::CheckOutcome::Expired);
    let expired = answer.verification.unwrap();
    assert_eq!(expired.state(), v1::VerificationState::Expired);
    assert_eq!(expired.reason(), v1::VerificationReason::NotConfirmed);
    assert_eq!(expired.end_time, expired.expire_time);
}

#[tokio::test]
async fn a_canceled_verification_stays_canceled_and_says_who_did_it() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    let canceled = api.cancel(&id).await;
    assert_eq!(canceled.state(), v1::VerificationState::Canceled);
    assert_eq!(canceled.reason(), v1::VerificationReason::CanceledByCaller);
    api.house.clock.advance(Duration::from_secs(1));
    assert_eq!(api.cancel(&id).await.end_time, canceled.end_time);
    assert_eq!(api.guess(&id, &code).await.outcome(), v1::CheckOutcome::Canceled);
}

#[tokio::test]
async fn a_recipient_with_too_many_wrong_guesses_is_held_and_says_until_when() {
    let api = Api::under(PolicySettings {
        consecutive_wrong_guesses_max: 3,
        ..fixture::policy_settings()
    })
    .await;
    let (id, code) = api.open().await;
    for _ in 0..3 {
        api.guess(&id, &other_than(&code)).await;
    }
    let until = Some(api.house.clock.now().plus(Duration::from_secs(24 * 60 * 60)));
    let answer = api.guess(&id, &code).await;
    assert_eq!(answer.outcome(), v1::CheckOutcome::Held);
    assert_eq!(answer.hold_end_time.as_ref().map(moment), until);
    let check = answer.verification.unwrap().check.unwrap();
    assert_eq!(
        (check.allowed, check.rule.as_str()),
        (false, "consecutive_wrong_guesses")
    );
    assert_eq!(check.next_time.as_ref().map(moment), until);
}

#[tokio::test]
async fn what_could_not_be_delivered_failed_and_shows_the_providers_own_words() {
    let api = Api::new().await;
    let words = ProviderReport::new(131_026, "Message undeliverable", "no account");
    api.house
        .messenger
        .refuse_next(NextStep::Rejected(Rejection::Undeliverable), words);
    let (id, code) = api.open().await;
    let failed = api.get(&id).await;
    assert_eq!(failed.state(), v1::VerificationState::Failed);
    assert_eq!(failed.reason(), v1::VerificationReason::Undeliverable);
    let delivery = &failed.deliveries[0];
    assert_eq!(delivery.state(), v1::DeliveryState::Failed);
    assert_eq!(delivery.reason(), v1::DeliveryReason::Undeliverable);
    let report = delivery.report.clone().unwrap();
    assert_eq!((report.code, report.title.as_str()), (131_026, "Message undeliverable"));
    assert_eq!(api.guess(&id, &code).await.outcome(), v1::CheckOutcome::Failed);
}

#[tokio::test]
async fn a_message_that_is_to_be_tried_again_says_when() {
    let api = Api::new().await;
    api.house.messenger.answer_next(Err(NextStep::Unavailable));
    let (id, _) = api.open().await;
    let delivery = api.get(&id).await.deliveries[0].clone();
    assert_eq!(delivery.state(), v1::DeliveryState::Due);
    assert!(delivery.next_try_time.is_some());
}

#[tokio::test]
async fn a_verification_is_found_by_its_recipient_too() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    let named = by_recipient(recipient("demo", phone().expose()));
    let request = v1::GetVerificationRequest {
        verification: Some(named.clone()),
    };
    let found = api.shop.clone().get_verification(request).await.unwrap().into_inner();
    assert_eq!(found.verification.unwrap().id, id);
    let request = v1::CheckVerificationRequest {
        verification: Some(named),
        ..check_request("", &code)
    };
    let answer = api.check(request).await.unwrap();
    assert_eq!(answer.outcome(), v1::CheckOutcome::Approved);
}

#[tokio::test]
async fn a_finished_verification_stays_readable_for_a_day() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    api.guess(&id, &code).await;
    api.house.clock.advance(Duration::from_secs(23 * 60 * 60));
    assert_eq!(api.get(&id).await.state(), v1::VerificationState::Approved);
}
