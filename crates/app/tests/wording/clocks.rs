//! A service that starts over an account which is not what its configuration promises: what the log and the metrics
//! say, and what a start does.

use countersign_grpc::{reason, v1};
use serde_json::Value;
use tonic::Code;

use crate::common::calls::assert_refused;
use crate::common::crowd::phone;
use crate::drifts::{Case, TEMPLATE, WELL, cases, described, go_wrong, had};
use crate::scene::{PASSED_OVER, Scene, USED, request};

const ALARM: &str = "on_drift = \"alarm\"";
const REFUSE: &str = "on_drift = \"refuse\"";

/// A service over an account in which everything is wrong, once it has looked at it.
async fn looked(on_drift: &'static str) -> Scene {
    let scene = Scene::set_after(&described(on_drift), had(), go_wrong).await;
    for case in cases() {
        let message = if case.is_clock() && on_drift == ALARM {
            USED
        } else {
            PASSED_OVER
        };
        let line = scene.tells(message, case.language, case.drift, 1).await;
        assert_eq!(
            (&line["template"], &line["account"]),
            (&Value::from(TEMPLATE), &Value::from("shop"))
        );
        assert_eq!(line["what"], case.what, "{}", case.app);
        assert_eq!(line["level"], if message == USED { "WARN" } else { "ERROR" });
        assert_eq!(
            scene.fault_of(TEMPLATE, case.language, case.drift).await,
            Some(1),
            "{}",
            case.app
        );
    }
    scene
}

/// What a message was written with, and why.
fn wording(it: &v1::Delivery) -> (&str, v1::LanguageStep) {
    (it.language.as_str(), it.language_step())
}

/// Demands that a case's own language is, or is not, what a start of the app with all of them chooses.
async fn assert_chosen(scene: &Scene, person: u64, case: &Case, is_used: bool) {
    let sent = scene.sent(request("shop", &phone(person), case.language)).await;
    let expected = if is_used {
        (case.language, v1::LanguageStep::Exact)
    } else {
        (WELL, v1::LanguageStep::Default)
    };
    assert_eq!(
        (wording(&sent), sent.state(), sent.tries),
        (expected, v1::DeliveryState::Accepted, 1),
        "{}",
        case.app
    );
    let message = &scene.meta.phone.messages_to(&phone(person))[0];
    assert_eq!(
        (message.language.as_str(), message.template.as_str()),
        (expected.0, TEMPLATE)
    );
}

#[tokio::test]
async fn under_alarm_what_cannot_go_out_is_passed_over_and_clocks_that_disagree_are_told_and_used() {
    let scene = looked(ALARM).await;
    for (person, case) in (0..).zip(cases()) {
        assert_chosen(&scene, person, &case, case.is_clock()).await;
    }
    // One line for each app and language, and none for what is well.
    let lines = scene.said(PASSED_OVER).len() + scene.said(USED).len();
    assert_eq!(lines, cases().len() * 2);
    assert_eq!(scene.fault_of(TEMPLATE, WELL, "missing").await, None);
    scene.end().await;
}

#[tokio::test]
async fn under_alarm_what_is_wrong_is_tried_when_there_is_nothing_else_and_meta_has_the_last_word() {
    let scene = looked(ALARM).await;
    for (person, case) in (100..).zip(cases()) {
        let sent = scene.sent(request(case.app, &phone(person), "")).await;
        assert_eq!(sent.language, case.language);
        let refused = sent.report.as_ref().map(|it| it.code);
        assert_eq!((refused, sent.tries), (case.code, 1), "{}", case.app);
        let state = if case.code.is_some() {
            v1::DeliveryState::Failed
        } else {
            v1::DeliveryState::Accepted
        };
        assert_eq!(sent.state(), state, "{}", case.app);
    }
    scene.end().await;
}

#[tokio::test]
async fn under_refuse_clocks_that_disagree_are_passed_over_like_everything_else() {
    let scene = looked(REFUSE).await;
    for (person, case) in (200..).zip(cases()) {
        assert_chosen(&scene, person, &case, false).await;
    }
    assert_eq!(
        (scene.said(PASSED_OVER).len(), scene.said(USED).len()),
        (cases().len() * 2, 0)
    );
    scene.end().await;
}

#[tokio::test]
async fn under_refuse_a_start_without_anything_else_is_refused_and_says_what_is_wrong_and_what_to_do() {
    let scene = looked(REFUSE).await;
    for (person, case) in (300..).zip(cases()) {
        let refused = scene.start(request(case.app, &phone(person), "")).await.unwrap_err();
        let details = assert_refused(&refused, Code::FailedPrecondition, reason::TEMPLATE_UNUSABLE);
        let metadata = &details.error_info().unwrap().metadata;
        assert_eq!(metadata.get("provider_code").map(String::as_str), Some("0"));
        assert_eq!(metadata.get("provider_title").map(String::as_str), Some(case.drift));
        assert_eq!(
            metadata.get("provider_details").map(String::as_str),
            Some(case.what),
            "{}",
            case.app
        );
        assert!(details.retry_info().is_some());
    }
    assert!(scene.meta.phone.messages().is_empty());
    scene.end().await;
}
