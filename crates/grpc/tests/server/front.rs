//! The front door: credentials, deadlines, shedding, and an `ErrorInfo` on every failure.

use std::time::Duration;

use countersign_grpc::{Config, reason, v1};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::harness::{Gate, Mood, Site, TOKEN, assert_refused, start};

/// Sends a message of another kind to a path, as a broken or hostile client would.
async fn call(site: &Site, path: &'static str, token: Option<&str>) -> Status {
    let mut grpc = tonic::client::Grpc::new(site.channel().await);
    grpc.ready().await.unwrap();
    let mut request = Request::new(prost_types::Duration { seconds: 5, nanos: 0 });
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let codec = ProstCodec::<prost_types::Duration, prost_types::Duration>::default();
    grpc.unary(request, PathAndQuery::from_static(path), codec)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn without_credentials_and_with_wrong_ones_the_answer_is_the_same() {
    let site = Site::with(Mood::Panics).await;
    let mut answers = Vec::new();
    for token in [None, Some("x"), Some("a-token-of-more-than-16-characterz")] {
        let refused = site.client(token).await.start_verification(start()).await.unwrap_err();
        assert_refused(&refused, Code::Unauthenticated, reason::UNAUTHENTICATED);
        answers.push((refused.message().to_owned(), refused.details().to_vec()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn whatever_is_not_open_to_everybody_wants_a_token() {
    let site = Site::with(Mood::Panics).await;
    for path in [
        "/countersign.v1.VerificationService/GetVerification",
        "/countersign.v1.VerificationService/NoSuchMethod",
        "/countersign.v2.NoSuchService/Method",
        "/grpc.health.v1.HealthX/Check",
    ] {
        assert_refused(
            &call(&site, path, None).await,
            Code::Unauthenticated,
            reason::UNAUTHENTICATED,
        );
    }
}

#[tokio::test]
async fn an_unknown_method_is_said_to_be_unknown() {
    let site = Site::with(Mood::Panics).await;
    for path in [
        "/countersign.v1.VerificationService/NoSuchMethod",
        "/countersign.v2.NoSuchService/Method",
    ] {
        assert_refused(
            &call(&site, path, Some(TOKEN)).await,
            Code::Unimplemented,
            reason::METHOD_UNKNOWN,
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_are_the_callers_mistake() {
    let site = Site::with(Mood::Panics).await;
    let path = "/countersign.v1.VerificationService/StartVerification";
    let refused = call(&site, path, Some(TOKEN)).await;
    assert_refused(&refused, Code::InvalidArgument, reason::MESSAGE_MALFORMED);
}

#[tokio::test]
async fn a_use_case_that_panics_is_an_internal_error_that_tells_nothing() {
    let site = Site::with(Mood::Panics).await;
    let mut client = site.client(Some(TOKEN)).await;
    let broken = client.start_verification(start()).await.unwrap_err();
    assert_refused(&broken, Code::Internal, reason::INTERNAL);
    let again = client.start_verification(start()).await.unwrap_err();
    assert_refused(&again, Code::Internal, reason::INTERNAL);
}

#[tokio::test]
async fn a_store_that_never_answers_ends_with_the_servers_own_deadline() {
    let config = Config {
        request_timeout: Duration::from_millis(30),
        ..Config::default()
    };
    let site = Site::new(config, Mood::Waits(Gate::shut())).await;
    let late = site
        .client(Some(TOKEN))
        .await
        .start_verification(start())
        .await
        .unwrap_err();
    assert_refused(&late, Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED);
}

#[tokio::test]
async fn a_caller_whose_patience_is_nothing_gets_nothing_sent() {
    let site = Site::with(Mood::Fine).await;
    let mut impatient = Request::new(start());
    impatient.metadata_mut().insert("grpc-timeout", "0m".parse().unwrap());
    let late = site
        .client(Some(TOKEN))
        .await
        .start_verification(impatient)
        .await
        .unwrap_err();
    // Either side may notice first.
    assert!(
        matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{late:?}"
    );
    assert_eq!(site.stored(), None);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_tear_its_use_case_in_half() {
    let gate = Gate::shut();
    let site = Site::with(Mood::Waits(gate.clone())).await;
    let mut client = site.client(Some(TOKEN)).await;
    let call = tokio::spawn(async move { client.start_verification(start()).await });
    gate.wait_for_load().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    gate.answers.add_permits(1);
    gate.wait_for_write().await;
}

#[tokio::test]
async fn calls_beyond_what_the_server_carries_out_at_a_time_are_shed_and_abandoned_ones_count() {
    let config = Config {
        calls_in_flight_max: 1,
        ..Config::default()
    };
    let gate = Gate::shut();
    let site = Site::new(config, Mood::Waits(gate.clone())).await;
    let mut client = site.client(Some(TOKEN)).await;
    let mut first = client.clone();
    let first = tokio::spawn(async move { first.start_verification(start()).await });
    gate.wait_for_load().await;
    let shed = client.start_verification(start()).await.unwrap_err();
    assert_refused(&shed, Code::Unavailable, reason::OVERLOADED);

    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let shed = client.start_verification(start()).await.unwrap_err();
    assert_refused(&shed, Code::Unavailable, reason::OVERLOADED);
}

#[tokio::test]
async fn the_generated_client_and_server_speak_of_one_method_set() {
    let site = Site::with(Mood::Fine).await;
    let mut client = site.client(Some(TOKEN)).await;
    let nothing = v1::GetVerificationRequest::default();
    let refused = client.get_verification(nothing).await.unwrap_err();
    assert_refused(&refused, Code::InvalidArgument, reason::INVALID_FIELD);
    let nothing = v1::CancelVerificationRequest::default();
    let refused = client.cancel_verification(nothing).await.unwrap_err();
    assert_refused(&refused, Code::InvalidArgument, reason::INVALID_FIELD);
    let nothing = v1::WatchVerificationRequest::default();
    let refused = client.watch_verification(nothing).await.unwrap_err();
    assert_refused(&refused, Code::InvalidArgument, reason::INVALID_FIELD);
}
