//! gRPC calls, short enough to be read in a test.

use countersign_grpc::{Client, v1};
use countersign_testkit::wait::soon;
use tonic::{Code, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

/// Asks a number, as `app`, to sign in.
pub(crate) fn start_request(app: &str, phone: &str) -> v1::StartVerificationRequest {
    v1::StartVerificationRequest {
        recipient: Some(v1::RecipientName {
            app: app.to_owned(),
            phone: phone.to_owned(),
            purpose: "sign_in".to_owned(),
        }),
        language: "en_US".to_owned(),
        ..v1::StartVerificationRequest::default()
    }
}

/// Gives a code back.
pub(crate) fn check_request(id: &str, code: &str) -> v1::CheckVerificationRequest {
    v1::CheckVerificationRequest {
        verification: Some(by_id(id)),
        code: code.to_owned(),
        ..v1::CheckVerificationRequest::default()
    }
}

pub(crate) fn by_id(id: &str) -> v1::VerificationName {
    v1::VerificationName {
        name: Some(v1::verification_name::Name::Id(id.to_owned())),
    }
}

/// Starts as the app `shop` and demands that a verification was opened.
pub(crate) async fn open(client: &Client, phone: &str) -> v1::Verification {
    let answer = start(client, start_request("shop", phone)).await.unwrap();
    assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
    answer.verification.unwrap()
}

pub(crate) async fn start(
    client: &Client,
    request: v1::StartVerificationRequest,
) -> Result<v1::StartVerificationResponse, Status> {
    Ok(client.clone().start_verification(request).await?.into_inner())
}

/// Checks a code: what came of it.
pub(crate) async fn check(client: &Client, id: &str, code: &str) -> v1::CheckOutcome {
    let answer = client.clone().check_verification(check_request(id, code)).await;
    answer.unwrap().into_inner().outcome()
}

pub(crate) async fn get(client: &Client, id: &str) -> v1::Verification {
    let request = v1::GetVerificationRequest {
        verification: Some(by_id(id)),
    };
    let answer = client.clone().get_verification(request).await.unwrap();
    answer.into_inner().verification.unwrap()
}

/// Watches a verification.
pub(crate) async fn watch(client: &Client, id: &str) -> Streaming<v1::WatchVerificationResponse> {
    let request = v1::WatchVerificationRequest {
        verification: Some(by_id(id)),
    };
    client.clone().watch_verification(request).await.unwrap().into_inner()
}

/// The next state a watch tells, which has to come.
pub(crate) async fn next(watch: &mut Streaming<v1::WatchVerificationResponse>) -> v1::Verification {
    let next = soon("the next state", watch.message()).await;
    next.unwrap().expect("the watch goes on").verification.unwrap()
}

/// Demands a refusal with a code and a stable reason, and hands its details back.
#[track_caller]
pub(crate) fn assert_refused(status: &Status, code: Code, reason: &str) -> ErrorDetails {
    assert_eq!(status.code(), code, "{status:?}");
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.domain.as_str(), info.reason.as_str()), ("countersign", reason));
    details
}

/// A well-formed code that differs from `code` in every digit.
pub(crate) fn other_than(code: &str) -> String {
    let turned = |digit: char| if digit == '9' { '0' } else { '9' };
    code.chars().map(turned).collect()
}
