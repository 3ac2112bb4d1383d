//! What callers hear when the store cannot do its work: never more than they need, and never a yes.

use std::time::Duration;

use countersign_domain::verification::VerificationState;
use countersign_grpc::{reason, v1};
use countersign_testkit::fixture;
use tonic::{Code, Request};

use crate::harness::{Mood, Site, TOKEN, assert_refused, start};

fn check(id: &str, code: &str) -> v1::CheckVerificationRequest {
    v1::CheckVerificationRequest {
        verification: Some(named(id)),
        code: code.to_owned(),
        ..v1::CheckVerificationRequest::default()
    }
}

fn named(id: &str) -> v1::VerificationName {
    v1::VerificationName {
        name: Some(v1::verification_name::Name::Id(id.to_owned())),
    }
}

/// Starts a verification and lets its message go out: its id and its code.
async fn started(site: &Site) -> (String, String) {
    let mut client = site.client(Some(TOKEN)).await;
    let answer = client.start_verification(start()).await.unwrap().into_inner();
    site.house.run_errands().await;
    let code = site.house.messenger.last_code_for(&fixture::phone()).unwrap();
    (answer.verification.unwrap().id, code)
}

#[tokio::test]
async fn a_start_that_loses_every_race_is_aborted_and_nothing_is_sent() {
    let site = Site::with(Mood::Contended).await;
    let mut client = site.client(Some(TOKEN)).await;
    let lost = client.start_verification(start()).await.unwrap_err();
    assert_refused(&lost, Code::Aborted, reason::CONTENDED);
    site.house.run_errands().await;
    assert_eq!(site.house.messenger.sent(), []);
}

#[tokio::test]
async fn without_a_store_nothing_is_sent_and_nothing_approved() {
    let site = Site::with(Mood::Fine).await;
    let (id, code) = started(&site).await;
    site.becomes(Mood::Away);
    let mut client = site.client(Some(TOKEN)).await;

    let away = client.check_verification(check(&id, &code)).await.unwrap_err();
    assert_refused(&away, Code::Unavailable, reason::STORE_UNAVAILABLE);
    let away = client.start_verification(start()).await.unwrap_err();
    assert_refused(&away, Code::Unavailable, reason::STORE_UNAVAILABLE);
    let verification = Some(named(&id));
    let away = client
        .get_verification(v1::GetVerificationRequest { verification })
        .await
        .unwrap_err();
    assert_refused(&away, Code::Unavailable, reason::STORE_UNAVAILABLE);
    site.house.run_errands().await;
    assert_eq!(site.house.messenger.sent().len(), 1);
    assert_eq!(site.stored().unwrap().verifications[0].state, VerificationState::Open);

    site.becomes(Mood::Fine);
    let answer = client.check_verification(check(&id, &code)).await.unwrap().into_inner();
    assert_eq!(answer.outcome(), v1::CheckOutcome::Approved);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_an_internal_error_that_tells_nothing() {
    let site = Site::with(Mood::Corrupt).await;
    let mut client = site.client(Some(TOKEN)).await;
    let unreadable = client.start_verification(start()).await.unwrap_err();
    assert_refused(&unreadable, Code::Internal, reason::RECORD_UNREADABLE);
}

#[tokio::test]
async fn what_could_not_be_written_before_the_callers_deadline_is_not_written() {
    let site = Site::with(Mood::Fine).await;
    site.becomes(Mood::Slow(site.house.clock.clone(), Duration::from_secs(4)));
    let mut client = site.client(Some(TOKEN)).await;
    let mut hurried = Request::new(start());
    hurried.set_timeout(Duration::from_secs(3));
    let late = client.start_verification(hurried).await.unwrap_err();
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
    assert_eq!(site.stored(), None);

    let mut patient = Request::new(start());
    patient.set_timeout(Duration::from_secs(60));
    assert!(
        client.start_verification(patient).await.is_ok(),
        "4 s are within the server's 5 s"
    );
}

#[tokio::test]
async fn the_servers_own_limit_is_the_deadline_of_a_caller_with_more_patience_or_none() {
    let site = Site::with(Mood::Fine).await;
    site.becomes(Mood::Slow(site.house.clock.clone(), Duration::from_secs(6)));
    let mut client = site.client(Some(TOKEN)).await;
    let mut patient = Request::new(start());
    patient.set_timeout(Duration::from_secs(60));
    let late = client.start_verification(patient).await.unwrap_err();
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
    let late = client.start_verification(start()).await.unwrap_err();
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
    site.house.run_errands().await;
    assert_eq!((site.stored(), site.house.messenger.sent().len()), (None, 0));
}

#[tokio::test]
async fn a_check_after_its_deadline_compares_nothing() {
    let site = Site::with(Mood::Fine).await;
    let (id, code) = started(&site).await;
    site.becomes(Mood::Slow(site.house.clock.clone(), Duration::from_secs(6)));
    let mut client = site.client(Some(TOKEN)).await;
    let late = client.check_verification(check(&id, &code)).await.unwrap_err();
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
    assert_eq!(site.stored().unwrap().verifications[0].state, VerificationState::Open);
}
