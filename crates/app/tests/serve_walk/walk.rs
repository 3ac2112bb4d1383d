//! The walk when everything is well.

use countersign_grpc::{reason, v1};
use countersign_simulator::{Pace, Status};
use tonic::Code;

use crate::common::calls::{assert_refused, by_id, check, get, open, other_than, start, start_request};
use crate::common::meta::Meta;
use crate::common::plan::{PHONE_NUMBER_ID, Plan};
use crate::common::process::{countersign, run};
use crate::common::serve::Serve;
use countersign_testkit::wait::{eventually, soon};

const PERSON: &str = "+5511987654321";

#[tokio::test]
async fn a_code_goes_out_is_read_and_is_approved_exactly_once() {
    let meta = Meta::start(Pace::instant()).await;
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    meta.controls.set_callback_url(&serve.callback()).unwrap();
    let client = serve.client().await;
    let request = v1::StartVerificationRequest {
        language: "pt".to_owned(),
        ..start_request("shop", PERSON)
    };
    let opened = start(&client, request.clone()).await.unwrap();
    assert_eq!(opened.outcome(), v1::StartOutcome::Opened);
    let id = opened.verification.unwrap().id;
    let message = soon("the message", meta.phone.next_message(0)).await;
    assert_eq!((message.to.as_str(), message.language.as_str()), (PERSON, "pt_BR"));
    assert_eq!(message.template, "verification_code");
    assert_eq!(message.phone_number_id, PHONE_NUMBER_ID);
    let reference = message.reference.as_deref().unwrap();
    assert!(
        reference.starts_with("cs1.test.") && reference.contains(&id),
        "{reference}"
    );

    // Everything the stand-in tells comes by signed webhooks.
    eventually("that the message is read", async || {
        let delivery = get(&client, &id).await.deliveries.pop()?;
        (delivery.state() == v1::DeliveryState::Read).then_some(())
    })
    .await;
    let joined = start(&client, request).await.unwrap();
    assert_eq!(joined.outcome(), v1::StartOutcome::Joined);
    assert_eq!(
        check(&client, &id, &other_than(&message.code)).await,
        v1::CheckOutcome::Incorrect
    );
    assert_eq!(check(&client, &id, &message.code).await, v1::CheckOutcome::Approved);
    assert_eq!(
        check(&client, &id, &message.code).await,
        v1::CheckOutcome::AlreadyApproved
    );
    let ended = get(&client, &id).await;
    assert_eq!(ended.state(), v1::VerificationState::Approved);
    assert_eq!(ended.reason(), v1::VerificationReason::CodeCorrect);
    assert_eq!(meta.phone.accepted(), 1);
    assert_eq!(
        soon("the last status", meta.phone.wait_for_status(1, Status::Read))
            .await
            .history
            .len(),
        4
    );
}

#[tokio::test]
async fn a_canceled_verification_is_over_and_its_code_worthless() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    let client = serve.client().await;
    let id = open(&client, PERSON).await.id;
    let code = meta.code_for(PERSON).await;
    let request = v1::CancelVerificationRequest {
        verification: Some(by_id(&id)),
    };
    let canceled = client.clone().cancel_verification(request).await.unwrap().into_inner();
    assert_eq!(canceled.verification.unwrap().state(), v1::VerificationState::Canceled);
    assert_eq!(check(&client, &id, &code).await, v1::CheckOutcome::Canceled);
}

#[tokio::test]
async fn a_country_that_is_not_allowed_is_refused_and_nothing_is_sent() {
    let meta = Meta::start_silent().await;
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    let client = serve.client().await;
    let refused = start(&client, start_request("shop", "+4915112345678"))
        .await
        .unwrap_err();
    let details = assert_refused(&refused, Code::PermissionDenied, reason::COUNTRY_NOT_ALLOWED);
    assert_eq!(details.error_info().unwrap().metadata["country"], "DE");
    let foreign = start(&client, start_request("other", PERSON)).await.unwrap_err();
    assert_refused(&foreign, Code::NotFound, reason::NOT_FOUND);
    assert_eq!(meta.phone.accepted(), 0);
}

#[tokio::test]
async fn a_second_serve_on_a_taken_address_says_which_and_ends_with_1() {
    let meta = Meta::start_silent().await;
    let first = Serve::start(&Plan::new(meta.base_url())).await;
    for (name, taken) in [("grpc", &first.grpc), ("http", &first.http)] {
        let text = Plan::new(meta.base_url()).text();
        let text = text.replace(&format!("{name} = \"127.0.0.1:0\""), &format!("{name} = \"{taken}\""));
        let folder = tempfile::tempdir().unwrap();
        let config = crate::common::plan::write_config(folder.path(), &text);
        let second = run(countersign(folder.path()).arg("serve").arg("--config").arg(config)).await;
        assert_eq!(second.code, Some(1), "{}", second.stderr);
        assert!(
            second.stderr.contains(&format!("cannot listen on {taken}")),
            "{}",
            second.stderr
        );
    }
}
