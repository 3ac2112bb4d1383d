//! What a person reads when a start wants a challenge, and how the answer goes along.

use std::collections::HashMap;

use countersign_grpc::reason;
use countersign_grpc::v1::Client;
use serde_json::json;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::answers::without_times;
use crate::service::Service;

const START: [&str; 6] = ["start", "+5511987654321", "--app", "shop", "--purpose", "sign_in"];

fn wanted(metadata: &[(&str, &str)]) -> Status {
    let metadata: HashMap<_, _> = metadata
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let details = ErrorDetails::with_error_info(reason::CHALLENGE_REQUIRED, reason::DOMAIN, metadata);
    Status::with_error_details(Code::FailedPrecondition, "a challenge has to be met first", details)
}

#[tokio::test]
async fn a_start_that_wants_a_challenge_shows_it_and_says_how_to_go_on() {
    let refusal = wanted(&[
        ("refusal", "missing"),
        ("challenge", "cc1.the-challenge"),
        ("challenge_expire_time", "2100-01-01T00:00:00Z"),
    ]);
    let service = Service::start(|it| it.refusal = Some(refusal)).await;
    let ended = service.run(&START).await;
    let said = "countersign: a challenge has to be met first\n  the challenge, until <time>\n\ncc1.the-challenge\n\n  \
                then: the same start again with --challenge-answer <answer>\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert_eq!(without_times(&ended.stderr), said);
    let (code, answer) = service.json(&START).await;
    let metadata = &answer["error"]["metadata"];
    assert_eq!(
        (code, &answer["error"]["reason"], &metadata["challenge"]),
        (1, &json!("CHALLENGE_REQUIRED"), &json!("cc1.the-challenge"))
    );
}

#[tokio::test]
async fn a_start_that_wants_the_callers_own_challenge_says_so() {
    let service = Service::start(|it| it.refusal = Some(wanted(&[("refusal", "missing")]))).await;
    let ended = service.run(&START).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .ends_with("  then: the same start again with --challenged\n"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn whose_device_asks_goes_along_with_a_start_and_a_check() {
    let service = Service::start(|_| {}).await;
    let device = [
        "--client-ip",
        "2001:db8::7",
        "--device",
        "device-7",
        "--challenge-answer",
        "an-answer",
        "--challenged",
    ];
    service.run(&[&START[..], &device].concat()).await;
    service
        .run(&[&["check", "cs_id", "123456"][..], &device].concat())
        .await;
    service.run(&START).await;
    let client = Client {
        ip_address: "2001:db8::7".to_owned(),
        device_id: "device-7".to_owned(),
        challenge_answer: "an-answer".to_owned(),
        challenged: true,
    };
    service.asked(|it| {
        let clients: Vec<_> = it.starts.iter().map(|it| it.client.as_ref()).collect();
        assert_eq!(clients, [Some(&client), None], "nothing known is nothing said");
        assert_eq!(it.checks[0].client.as_ref(), Some(&client));
    });
}
