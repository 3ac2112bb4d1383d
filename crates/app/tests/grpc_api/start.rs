//! Starting: opened, joined, sent again, and the same request twice.

use std::time::Duration;

use countersign_domain::ports::Clock;
use countersign_domain::time::Timestamp;
use countersign_grpc::{moment, reason, v1};
use tokio::task::JoinSet;
use tonic::Code;

use crate::harness::{Api, assert_refused, start_request};

fn later(api: &Api, seconds: u64) -> Timestamp {
    api.house.clock.now().plus(Duration::from_secs(seconds))
}

#[tokio::test]
async fn a_start_with_none_open_opens_a_verification_and_sends_its_code() {
    let api = Api::new().await;
    let answer = api.start(start_request()).await.unwrap();
    assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
    let opened = answer.verification.unwrap();
    assert_eq!(opened.state(), v1::VerificationState::Open);
    assert_eq!(opened.reason(), v1::VerificationReason::Unspecified);
    assert_eq!((opened.app.as_str(), opened.purpose.as_str()), ("demo", "sign_in"));
    assert_eq!(opened.create_time.as_ref().map(moment), Some(api.house.clock.now()));
    assert_eq!(opened.expire_time.as_ref().map(moment), Some(later(&api, 600)));
    assert_eq!((opened.end_time, opened.guesses_left), (None, 5));
    assert_eq!(opened.deliveries[0].state(), v1::DeliveryState::Sending);
    assert_eq!(opened.deliveries[0].language, "pt_BR", "what a Brazilian number reads");
    assert!(opened.check.unwrap().allowed);

    assert_eq!(api.sent().await, 1);
    let sent = api.get(&opened.id).await;
    assert_eq!(sent.deliveries[0].state(), v1::DeliveryState::Accepted);
    assert_eq!(sent.deliveries[0].tries, 1);
}

#[tokio::test]
async fn a_start_while_one_is_open_joins_it_and_nothing_is_sent_or_charged() {
    // One unanswered send is all a phone bears: a join that charged would be refused.
    let api = Api::under(countersign_domain::policy::PolicySettings {
        unanswered_sends_max: 1,
        ..countersign_testkit::fixture::policy_settings()
    })
    .await;
    let (id, _) = api.open().await;
    for _ in 0..3 {
        let joined = api.start(start_request()).await.unwrap();
        assert_eq!(joined.outcome(), v1::StartOutcome::Joined);
        let joined = joined.verification.unwrap();
        assert_eq!(joined.id, id);
        let send = joined.send.unwrap();
        assert_eq!((send.allowed, send.rule.as_str()), (false, "send_wait"));
        assert_eq!(send.next_time.as_ref().map(moment), Some(later(&api, 60)));
    }
    assert_eq!(api.sent().await, 1);
}

#[tokio::test]
async fn a_start_after_the_wait_sends_the_same_code_again_under_the_same_id() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    api.house.clock.advance(Duration::from_secs(60));
    let again = api.start(start_request()).await.unwrap();
    assert_eq!(again.outcome(), v1::StartOutcome::Resent);
    let again = again.verification.unwrap();
    assert_eq!((again.id, again.deliveries.len()), (id, 2));
    api.house.run_errands().await;
    let codes: Vec<_> = api.house.messenger.sent().into_iter().map(|it| it.code).collect();
    assert_eq!(codes, [code.clone(), code]);
}

#[tokio::test]
async fn of_parallel_starts_one_opens_and_the_others_join_it() {
    let api = Api::new().await;
    let mut starts = JoinSet::new();
    for _ in 0..32 {
        let mut shop = api.shop.clone();
        starts.spawn(async move { shop.start_verification(start_request()).await.unwrap().into_inner() });
    }
    let answers = starts.join_all().await;
    let opened = answers
        .iter()
        .filter(|it| it.outcome() == v1::StartOutcome::Opened)
        .count();
    let joined = answers
        .iter()
        .filter(|it| it.outcome() == v1::StartOutcome::Joined)
        .count();
    assert_eq!((opened, joined), (1, 31));
    let id = |answer: &v1::StartVerificationResponse| answer.verification.as_ref().unwrap().id.clone();
    assert!(answers.iter().all(|it| id(it) == id(&answers[0])));
    assert_eq!(api.sent().await, 1);
}

#[tokio::test]
async fn the_same_request_again_gets_the_first_answer_and_sends_nothing() {
    let api = Api::new().await;
    let request = v1::StartVerificationRequest {
        request_id: "order-1".to_owned(),
        ..start_request()
    };
    let first = api.start(request.clone()).await.unwrap();
    api.house.run_errands().await;
    // Without the id this would be a resend.
    api.house.clock.advance(Duration::from_secs(60));
    let again = api.start(request).await.unwrap();
    assert_eq!(again.outcome(), v1::StartOutcome::Opened);
    assert_eq!(again.verification.unwrap().id, first.verification.unwrap().id);
    assert_eq!(api.sent().await, 1);
}

#[tokio::test]
async fn a_request_id_with_another_body_is_refused() {
    let api = Api::new().await;
    let request = v1::StartVerificationRequest {
        request_id: "order-1".to_owned(),
        ..start_request()
    };
    api.start(request.clone()).await.unwrap();
    let other = v1::StartVerificationRequest {
        language: "es".to_owned(),
        ..request
    };
    let refused = api.start(other).await.unwrap_err();
    assert_refused(&refused, Code::Aborted, reason::REQUEST_ID_REUSED);
    assert_eq!(api.sent().await, 1);
}

#[tokio::test]
async fn a_language_is_taken_in_either_spelling_and_falls_back_to_its_kin_and_the_countrys() {
    for (asked, written) in [
        ("pt-BR", "pt_BR"),
        ("pt_br", "pt_BR"),
        ("pt", "pt_BR"),
        ("en", "en_US"),
        ("fr", "pt_BR"),
        ("", "pt_BR"),
    ] {
        let api = Api::new().await;
        let request = v1::StartVerificationRequest {
            language: asked.to_owned(),
            ..start_request()
        };
        let opened = api.start(request).await.unwrap().verification.unwrap();
        assert_eq!(opened.deliveries[0].language, written, "{asked:?}");
    }
}
