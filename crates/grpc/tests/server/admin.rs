//! The admin service over a real socket: each verb, who may call it, and what is said of malformed requests.

use countersign_grpc::{AdminClient, reason, v1};
use prost_types::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Mood, OPERATOR_TOKEN, Site, TOKEN, assert_refused, start};

/// A block's id of which nothing is known.
const UNKNOWN_BLOCK: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaa";

fn whom(app: &str, purpose: &str) -> v1::RecipientName {
    v1::RecipientName {
        app: app.to_owned(),
        purpose: purpose.to_owned(),
        ..start().recipient.unwrap()
    }
}

fn explain_of(app: &str) -> v1::ExplainStartRequest {
    let start = v1::StartVerificationRequest {
        recipient: Some(whom(app, "sign_in")),
        ..start()
    };
    v1::ExplainStartRequest {
        start: Some(start),
        ..v1::ExplainStartRequest::default()
    }
}

fn hold_of(app: &str, purpose: &str) -> v1::HoldRecipientRequest {
    v1::HoldRecipientRequest {
        recipient: Some(whom(app, purpose)),
        hold: Some(Duration {
            seconds: 3_600,
            nanos: 0,
        }),
    }
}

fn release_of(app: &str, purpose: &str) -> v1::ReleaseRecipientRequest {
    v1::ReleaseRecipientRequest {
        recipient: Some(whom(app, purpose)),
    }
}

fn erase_of(phone: &str) -> v1::EraseRecipientRequest {
    v1::EraseRecipientRequest {
        phone: phone.to_owned(),
    }
}

fn unblock_of(id: &str) -> v1::UnblockRequest {
    v1::UnblockRequest { id: id.to_owned() }
}

/// How each verb about an app fails.
async fn failures_about(client: &mut AdminClient, app: &str) -> [Status; 3] {
    [
        client.explain_start(explain_of(app)).await.unwrap_err(),
        client.hold_recipient(hold_of(app, "sign_in")).await.unwrap_err(),
        client.release_recipient(release_of(app, "")).await.unwrap_err(),
    ]
}

/// How each verb about everything fails.
async fn other_failures(client: &mut AdminClient) -> [Status; 3] {
    let phone = start().recipient.unwrap().phone;
    [
        client.list_blocks(v1::ListBlocksRequest {}).await.unwrap_err(),
        client.unblock(unblock_of(UNKNOWN_BLOCK)).await.unwrap_err(),
        client.erase_recipient(erase_of(&phone)).await.unwrap_err(),
    ]
}

fn paths(status: &Status) -> Vec<String> {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(
        (status.code(), info.reason.as_str()),
        (Code::InvalidArgument, reason::INVALID_FIELD)
    );
    let details = status.get_error_details();
    let violations = details.bad_request().unwrap().field_violations.clone();
    violations.into_iter().map(|it| it.field).collect()
}

#[tokio::test]
async fn a_start_that_would_be_sent_is_explained_and_not_sent() {
    let site = Site::with(Mood::Fine).await;
    let mut client = site.admin(Some(OPERATOR_TOKEN)).await;
    let explained = client.explain_start(explain_of("demo")).await.unwrap().into_inner();
    assert_eq!(explained.outcome(), v1::StartOutcome::Opened, "{explained:?}");
    assert_eq!(
        (explained.refusal, explained.price, explained.returning),
        (None, None, false)
    );
    assert_eq!(explained.country, "BR");
    let unanswered = explained.quotas.iter().find(|it| it.rule == "unanswered_sends");
    let unanswered = unanswered.expect("every send is charged against it");
    assert_eq!(
        (unanswered.key.as_str(), unanswered.cost, unanswered.used),
        ("phone", 1, 0)
    );
    assert!(!unanswered.refuses && !unanswered.shadow && unanswered.currency.is_empty());
    site.house.run_errands().await;
    assert_eq!((site.stored(), site.house.messenger.sent()), (None, vec![]));
}

#[tokio::test]
async fn a_start_that_would_be_refused_is_explained_with_the_reason_it_would_get() {
    let site = Site::with(Mood::Fine).await;
    let (mut operator, mut caller) = (site.admin(Some(OPERATOR_TOKEN)).await, site.client(Some(TOKEN)).await);
    let held = operator.hold_recipient(hold_of("demo", "sign_in")).await.unwrap();
    let until = held.into_inner().hold_end_time.unwrap();
    let refused = caller.start_verification(start()).await.unwrap_err();
    let explained = operator.explain_start(explain_of("demo")).await.unwrap().into_inner();
    assert_eq!(explained.outcome(), v1::StartOutcome::Unspecified);
    let refusal = explained.refusal.unwrap();
    let told = refused.get_details_error_info().unwrap();
    assert_eq!(
        (&refusal.reason, refusal.message.as_str(), &refusal.rule, &refusal.key),
        (
            &told.reason,
            refused.message(),
            &told.metadata["rule"],
            &told.metadata["key"]
        )
    );
    assert_eq!(
        (refusal.rule.as_str(), refusal.reason.as_str()),
        ("operator_hold", reason::LIMIT_REACHED)
    );
    let restraint = explained.restraint.unwrap();
    assert_eq!(
        (restraint.rule.as_str(), restraint.end_time),
        ("operator_hold", Some(until))
    );
}

#[tokio::test]
async fn a_start_is_judged_as_the_caller_who_is_named() {
    let site = Site::with(Mood::Fine).await;
    let named = |caller: &str| v1::ExplainStartRequest {
        caller: caller.to_owned(),
        ..explain_of("demo")
    };
    let mut operator = site.admin(Some(OPERATOR_TOKEN)).await;
    let explained = operator.explain_start(named("shop")).await.unwrap().into_inner();
    assert_eq!(explained.outcome(), v1::StartOutcome::Opened);
    // Who calls here is for operators alone.
    let mut stranger = site.admin(Some(TOKEN)).await;
    for caller in ["shop", "nobody"] {
        let refused = stranger.explain_start(named(caller)).await.unwrap_err();
        assert_refused(&refused, Code::PermissionDenied, reason::MAY_NOT_OPERATE);
    }
}

#[tokio::test]
async fn a_caller_that_is_not_there_is_named_as_a_mistake_to_operators() {
    let site = Site::with(Mood::Fine).await;
    let mut operator = site.admin(Some(OPERATOR_TOKEN)).await;
    let request = v1::ExplainStartRequest {
        caller: "nobody".to_owned(),
        ..explain_of("demo")
    };
    assert_eq!(paths(&operator.explain_start(request).await.unwrap_err()), ["caller"]);
}

#[tokio::test]
async fn a_recipient_is_held_released_and_erased() {
    let site = Site::with(Mood::Fine).await;
    let (mut operator, mut caller) = (site.admin(Some(OPERATOR_TOKEN)).await, site.client(Some(TOKEN)).await);
    operator.hold_recipient(hold_of("demo", "sign_in")).await.unwrap();
    let held = caller.start_verification(start()).await.unwrap_err();
    assert_refused(&held, Code::ResourceExhausted, reason::LIMIT_REACHED);
    let release = |client: &mut AdminClient| {
        let mut client = client.clone();
        async move {
            let answer = client.release_recipient(release_of("demo", "sign_in")).await;
            answer.unwrap().into_inner().released
        }
    };
    assert!(release(&mut operator).await);
    assert!(!release(&mut operator).await, "it is not held any more");
    assert!(caller.start_verification(start()).await.is_ok());
    let phone = start().recipient.unwrap().phone;
    let erased = operator.erase_recipient(erase_of(&phone)).await.unwrap().into_inner();
    assert!(erased.records_erased > 0);
    assert_eq!(site.stored(), None);
}

#[tokio::test]
async fn no_block_is_listed_or_lifted_where_there_is_none() {
    let site = Site::with(Mood::Fine).await;
    let mut operator = site.admin(Some(OPERATOR_TOKEN)).await;
    let listed = operator
        .list_blocks(v1::ListBlocksRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.blocks, []);
    let refused = operator.unblock(unblock_of(UNKNOWN_BLOCK)).await.unwrap_err();
    assert_refused(&refused, Code::NotFound, reason::NOT_FOUND);
}

#[tokio::test]
async fn whoever_may_not_operate_is_told_so() {
    let site = Site::with(Mood::Fine).await;
    let mut caller = site.admin(Some(TOKEN)).await;
    for refused in failures_about(&mut caller, "demo").await {
        assert_refused(&refused, Code::PermissionDenied, reason::MAY_NOT_OPERATE);
    }
    for refused in other_failures(&mut caller).await {
        assert_refused(&refused, Code::PermissionDenied, reason::MAY_NOT_OPERATE);
    }
}

#[tokio::test]
async fn an_app_of_somebody_else_is_unknown_to_whoever_asks() {
    let site = Site::with(Mood::Fine).await;
    for token in [TOKEN, OPERATOR_TOKEN] {
        let mut client = site.admin(Some(token)).await;
        for refused in failures_about(&mut client, "bank").await {
            assert_refused(&refused, Code::NotFound, reason::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn without_credentials_nobody_is_heard() {
    let site = Site::with(Mood::Fine).await;
    let mut nobody = site.admin(None).await;
    for refused in failures_about(&mut nobody, "demo").await {
        assert_refused(&refused, Code::Unauthenticated, reason::UNAUTHENTICATED);
    }
    for refused in other_failures(&mut nobody).await {
        assert_refused(&refused, Code::Unauthenticated, reason::UNAUTHENTICATED);
    }
}

#[tokio::test]
async fn every_malformed_field_is_named_at_once_and_none_is_repeated() {
    let site = Site::with(Mood::Fine).await;
    let mut client = site.admin(Some(OPERATOR_TOKEN)).await;
    let wrong = || v1::RecipientName {
        app: "De Mo".to_owned(),
        phone: "4915112345678".to_owned(),
        purpose: "Sign In".to_owned(),
    };
    let whom = ["recipient.app", "recipient.phone", "recipient.purpose"];
    let start = v1::StartVerificationRequest {
        recipient: Some(wrong()),
        client: Some(v1::Client {
            ip_address: "[2001:db8::7]".to_owned(),
            device_id: "my device".to_owned(),
            ..v1::Client::default()
        }),
        ..v1::StartVerificationRequest::default()
    };
    let explain = v1::ExplainStartRequest {
        start: Some(start),
        caller: "No Body".to_owned(),
    };
    let refused = client.explain_start(explain).await.unwrap_err();
    assert!(!refused.message().contains("De Mo"), "{refused:?}");
    let inside = ["client.ip_address", "client.device_id"];
    let mut wanted: Vec<_> = whom.iter().chain(&inside).map(|it| format!("start.{it}")).collect();
    wanted.push("caller".to_owned());
    assert_eq!(paths(&refused), wanted);
    let hold = v1::HoldRecipientRequest {
        recipient: Some(wrong()),
        hold: Some(Duration { seconds: -1, nanos: 0 }),
    };
    let refused = client.hold_recipient(hold).await.unwrap_err();
    assert_eq!(paths(&refused), [&whom[..], &["hold"]].concat());
    let recipient = Some(wrong());
    let release = v1::ReleaseRecipientRequest { recipient };
    assert_eq!(paths(&client.release_recipient(release).await.unwrap_err()), whom);
    for id in ["", "short", "AAAAAAAAAAAAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaaaaaaaaaaaa1"] {
        assert_eq!(paths(&client.unblock(unblock_of(id)).await.unwrap_err()), ["id"]);
    }
    let refused = client.erase_recipient(erase_of("4915112345678")).await.unwrap_err();
    assert_eq!(paths(&refused), ["phone"]);
}

#[tokio::test]
async fn an_empty_request_names_what_is_required() {
    let site = Site::with(Mood::Fine).await;
    let mut client = site.admin(Some(OPERATOR_TOKEN)).await;
    let explain = client.explain_start(v1::ExplainStartRequest::default()).await;
    assert_eq!(paths(&explain.unwrap_err()), ["start"]);
    let hold = client.hold_recipient(v1::HoldRecipientRequest::default()).await;
    assert_eq!(paths(&hold.unwrap_err()), ["recipient", "hold"]);
    let release = client.release_recipient(v1::ReleaseRecipientRequest::default()).await;
    assert_eq!(paths(&release.unwrap_err()), ["recipient"]);
}

#[tokio::test]
async fn without_a_store_nothing_is_explained_and_nothing_internal_is_told() {
    let site = Site::with(Mood::Away).await;
    let mut client = site.admin(Some(OPERATOR_TOKEN)).await;
    let refused = client.explain_start(explain_of("demo")).await.unwrap_err();
    assert_refused(&refused, Code::Unavailable, reason::STORE_UNAVAILABLE);
}
