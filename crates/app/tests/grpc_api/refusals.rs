//! Refusals: who may not, where to, how often, and what stands in the way.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::delivery::{Fault, NextStep, ProviderReport};
use countersign_domain::policy::{Countries, PolicySettings};
use countersign_grpc::{Client, reason, v1};
use countersign_testkit::fixture;
use tonic::{Code, Status};

use crate::harness::{
    Api, assert_refused, by_id, by_recipient, check_request, phone, recipient, start_for, start_request,
};

#[tokio::test]
async fn a_limit_that_is_reached_names_its_rule_and_when_it_lets_go() {
    let api = Api::new().await;
    let (id, _) = api.open().await;
    api.cancel(&id).await;
    api.house.clock.advance(Duration::from_millis(1_500));
    let refused = api.start(start_request()).await.unwrap_err();
    let details = assert_refused(&refused, Code::ResourceExhausted, reason::LIMIT_REACHED);
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(
        (metadata["rule"].as_str(), metadata["key"].as_str()),
        ("send_wait", "phone+app+purpose")
    );
    let quota = &details.quota_failure().unwrap().violations[0];
    assert_eq!(quota.subject, "send_wait");
    let wait = details.retry_info().unwrap().retry_delay;
    assert_eq!(wait, Some(Duration::from_millis(58_500)));
    assert_eq!(api.sent().await, 1);

    api.house.clock.advance(Duration::from_millis(58_500));
    let opened = api.start(start_request()).await.unwrap();
    assert_eq!(opened.outcome(), v1::StartOutcome::Opened);
}

#[tokio::test]
async fn a_shared_limit_that_is_reached_names_its_rule_too() {
    let api = Api::under(PolicySettings {
        unanswered_sends_max: 1,
        ..fixture::policy_settings()
    })
    .await;
    api.open().await;
    api.house.clock.advance(Duration::from_secs(60));
    let refused = api.start(start_request()).await.unwrap_err();
    let details = assert_refused(&refused, Code::ResourceExhausted, reason::LIMIT_REACHED);
    let metadata = &details.error_info().unwrap().metadata;
    assert_eq!(
        (metadata["rule"].as_str(), metadata["key"].as_str()),
        ("unanswered_sends", "phone")
    );
    assert!(details.retry_info().unwrap().retry_delay.is_some());
    assert_eq!(api.sent().await, 1);
}

#[tokio::test]
async fn a_country_that_is_not_allowed_is_denied_and_named() {
    let brazil = CountryCode::parse("BR").unwrap();
    let api = Api::under(PolicySettings {
        countries: Countries::Only(BTreeSet::from([brazil])),
        ..fixture::policy_settings()
    })
    .await;
    for (phone, country) in [("+4915112345678", Some("DE")), ("+870773123456", None)] {
        let refused = api.start(start_for(phone)).await.unwrap_err();
        let details = assert_refused(&refused, Code::PermissionDenied, reason::COUNTRY_NOT_ALLOWED);
        let metadata = &details.error_info().unwrap().metadata;
        assert_eq!(metadata.get("country").map(String::as_str), country);
        assert_eq!(
            (metadata["rule"].as_str(), metadata["key"].as_str()),
            ("countries", "country")
        );
    }
    assert!(api.store.is_empty());
}

#[tokio::test]
async fn an_app_without_a_template_cannot_start() {
    let api = Api::new().await;
    let mut request = start_request();
    request.recipient = Some(recipient("bare", phone().expose()));
    let refused = api.start(request).await.unwrap_err();
    let details = assert_refused(&refused, Code::FailedPrecondition, reason::TEMPLATE_MISSING);
    assert!(details.precondition_failure().is_some());
}

#[tokio::test]
async fn after_a_fault_of_the_account_starts_are_refused_with_the_providers_words() {
    let api = Api::new().await;
    // A template that fails in one language is tried in the default one before anybody is refused.
    for (fault, reason, failures) in [
        (Fault::Account, reason::ACCOUNT_UNUSABLE, 1),
        (Fault::Template, reason::TEMPLATE_UNUSABLE, 2),
    ] {
        let words = ProviderReport::new(190, "Access token has expired", "internal details");
        for _ in 0..failures {
            let step = NextStep::Misconfigured(fault);
            api.house.messenger.refuse_next(step, words.clone());
        }
        api.house.clock.advance(Duration::from_secs(10 * 60));
        api.open().await;

        let before = api.sent().await;
        let refused = api.start(start_for("+5511900000002")).await.unwrap_err();
        let details = assert_refused(&refused, Code::FailedPrecondition, reason);
        let metadata = &details.error_info().unwrap().metadata;
        assert_eq!(metadata["provider_code"], "190");
        assert_eq!(metadata["provider_title"], "Access token has expired");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(60)));
        assert_eq!(api.sent().await, before);
        api.house.clock.advance(Duration::from_secs(60));
    }
    // Once it has stood for its time, the next start probes.
    assert!(api.start(start_for("+5511900000003")).await.is_ok());
}

#[tokio::test]
async fn without_credentials_nothing_is_done() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    let mut stranger = api.stranger.clone();
    let refused = [
        stranger
            .start_verification(start_for("+5511900000002"))
            .await
            .unwrap_err(),
        stranger
            .check_verification(check_request(&id, &code))
            .await
            .unwrap_err(),
        get(&stranger, by_id(&id)).await,
    ];
    for refused in refused {
        assert_refused(&refused, Code::Unauthenticated, reason::UNAUTHENTICATED);
    }
    assert_eq!((api.store.len(), api.sent().await), (1, 1));
    assert_eq!(api.get(&id).await.state(), v1::VerificationState::Open);
}

async fn get(client: &Client, name: v1::VerificationName) -> Status {
    let request = v1::GetVerificationRequest {
        verification: Some(name),
    };
    client.clone().get_verification(request).await.unwrap_err()
}

/// Everything a caller can see of a refusal but the time of day.
fn seen(status: &Status) -> (Code, String, Vec<u8>, String) {
    let mut metadata = status.metadata().clone();
    metadata.remove("date");
    (
        status.code(),
        status.message().to_owned(),
        status.details().to_vec(),
        format!("{metadata:?}"),
    )
}

#[tokio::test]
async fn a_verification_of_another_app_looks_like_an_unknown_one_to_the_byte() {
    let api = Api::new().await;
    let (id, code) = api.open().await;
    // Well-formed, and given out by nobody.
    let unknown = format!("cs_{}", "a".repeat(39));
    let unheard = by_recipient(recipient("other", "+5511900000009"));
    let rival = &api.rival;

    let nothing = get(rival, by_id(&unknown)).await;
    assert_refused(&nothing, Code::NotFound, reason::NOT_FOUND);
    let foreign = [
        get(rival, by_id(&id)).await,
        get(rival, by_recipient(recipient("demo", phone().expose()))).await,
        get(rival, unheard).await,
        rival
            .clone()
            .check_verification(check_request(&id, &code))
            .await
            .unwrap_err(),
        rival
            .clone()
            .check_verification(check_request(&unknown, &code))
            .await
            .unwrap_err(),
        rival.clone().start_verification(start_request()).await.unwrap_err(),
    ];
    for foreign in foreign {
        assert_eq!(seen(&foreign), seen(&nothing));
    }
    // An app that does not exist at all.
    let mut nowhere = start_request();
    nowhere.recipient.as_mut().unwrap().app = "nowhere".to_owned();
    let nowhere = rival.clone().start_verification(nowhere).await.unwrap_err();
    assert_eq!(seen(&nowhere), seen(&nothing));

    assert_eq!(api.guess(&id, &code).await.outcome(), v1::CheckOutcome::Approved);
}
