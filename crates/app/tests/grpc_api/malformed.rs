//! What is malformed is named, costs nothing, and is never repeated.

use countersign_grpc::{reason, v1};
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use crate::harness::{Api, assert_refused, by_id, check_request, start_for, start_request};

#[track_caller]
fn assert_malformed(status: &Status, fields: &[&str]) -> ErrorDetails {
    let details = assert_refused(status, Code::InvalidArgument, reason::INVALID_FIELD);
    let violations = &details.bad_request().unwrap().field_violations;
    let named: Vec<_> = violations.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(named, fields);
    details
}

#[tokio::test]
async fn malformed_phones_are_refused_whatever_script_or_trick_they_come_in() {
    let api = Api::new().await;
    let long = format!("+{}", "1".repeat(60_000));
    let phones = [
        "",
        "+",
        "5511912345678",
        "0055119123456789",
        "+0511912345678",
        "+55 11 91234-5678",
        "+55(11)912345678",
        "+5511NINE12345",
        "+5511912345678;phone-context=example.com",
        "+5511912345678;ext=1",
        "tel:+5511912345678",
        "++5511912345678",
        "+55119123456789012",
        "+551191",
        "+٥٥١١٩١٢٣٤٥٦٧٨",
        "+55119123456७8",
        "\u{ff0b}5511912345678",
        "+\u{ff15}\u{ff15}11912345678",
        "+5511912345678\n",
        "+5511912345678\u{200b}",
        "\u{202d}+5511912345678",
        long.as_str(),
    ];
    for phone in phones {
        let refused = api.start(start_for(phone)).await.unwrap_err();
        let details = assert_malformed(&refused, &["recipient.phone"]);
        let said = format!("{} {details:?}", refused.message());
        assert!(phone.len() < 2 || !said.contains(phone), "repeated: {said}");
    }
    assert!(api.store.is_empty());
    assert_eq!(api.sent().await, 0);
}

#[tokio::test]
async fn a_malformed_code_costs_no_guess() {
    let api = Api::new().await;
    let (id, _) = api.open().await;
    let long = "97".repeat(30_000);
    for code in [
        "",
        "123",
        "97531",
        "9753186",
        "97 186",
        "97531O",
        "abcdef",
        "１２３４５６",
        "-97531",
        &long,
    ] {
        let refused = api.check(check_request(&id, code)).await.unwrap_err();
        let details = assert_malformed(&refused, &["code"]);
        let said = format!("{} {details:?}", refused.message());
        assert!(code.len() < 4 || !said.contains(code), "repeated: {said}");
    }
    assert_eq!(api.get(&id).await.guesses_left, 5);
}

#[tokio::test]
async fn a_malformed_id_is_named_and_looked_up_nowhere() {
    let api = Api::new().await;
    for id in [
        "",
        "cs_",
        "42",
        "cs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "../../etc/passwd",
    ] {
        let request = v1::GetVerificationRequest {
            verification: Some(by_id(id)),
        };
        let refused = api.shop.clone().get_verification(request).await.unwrap_err();
        assert_malformed(&refused, &["verification.id"]);
    }
}

#[tokio::test]
async fn every_malformed_field_of_a_request_is_named_at_once() {
    let api = Api::new().await;
    let request = v1::StartVerificationRequest {
        recipient: Some(v1::RecipientName {
            app: "DEMO".to_owned(),
            phone: "12".to_owned(),
            purpose: "sign in".to_owned(),
        }),
        request_id: "with space".to_owned(),
        language: "portuguese".to_owned(),
        client: Some(v1::Client {
            ip_address: "198.51.100.7:443".to_owned(),
            device_id: "my device".to_owned(),
            challenge_answer: "an answer".to_owned(),
            challenged: false,
        }),
        ..v1::StartVerificationRequest::default()
    };
    let refused = api.start(request).await.unwrap_err();
    let fields = [
        "recipient.app",
        "recipient.phone",
        "recipient.purpose",
        "request_id",
        "language",
        "client.ip_address",
        "client.device_id",
        "client.challenge_answer",
    ];
    assert_malformed(&refused, &fields);
    let refused = api.start(v1::StartVerificationRequest::default()).await.unwrap_err();
    assert_malformed(&refused, &["recipient"]);
    let refused = api.check(v1::CheckVerificationRequest::default()).await.unwrap_err();
    assert_malformed(&refused, &["verification", "code"]);
}

#[tokio::test]
async fn a_context_beyond_its_limits_and_an_unknown_purpose_are_named() {
    let api = Api::new().await;
    let crowded = v1::StartVerificationRequest {
        context: (0..17).map(|n| (n.to_string(), String::new())).collect(),
        ..start_request()
    };
    assert_malformed(&api.start(crowded).await.unwrap_err(), &["context"]);
    let mut aimless = start_request();
    aimless.recipient.as_mut().unwrap().purpose = "gambling".to_owned();
    assert_malformed(&api.start(aimless).await.unwrap_err(), &["recipient.purpose"]);
    assert!(api.store.is_empty());
}
