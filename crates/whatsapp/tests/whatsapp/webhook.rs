//! Who gets in: handshake, signature, size and time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{Request, StatusCode};
use countersign_whatsapp::Secret;
use countersign_whatsapp::webhook::{BODY_BYTES_MAX, WebhookConfig};
use http_body_util::Full;
use hyper::body::Frame;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tower::ServiceExt;

use crate::house::{Intake, PATH, SECRET, config, signature};

const HEADER: &str = "X-Hub-Signature-256";
const BODY: &str = r#"{"object":"whatsapp_business_account","entry":[]}"#;

async fn handshake(query: &str) -> (StatusCode, String, String) {
    let request = Request::get(format!("{PATH}?{query}"))
        .body(Body::empty())
        .expect("a request");
    let answer = Intake::new().router.oneshot(request).await.expect("answered");
    let headers = answer.headers();
    let mut kind = String::new();
    for name in ["content-type", "x-content-type-options"] {
        kind += headers.get(name).map_or("", |it| it.to_str().expect("text"));
        kind += ";";
    }
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 10_000).await.expect("a body");
    (status, kind, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn the_challenge_goes_back_as_plain_text() {
    let query = "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1158201444";
    let (status, kind, body) = handshake(query).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "1158201444"));
    assert_eq!(kind, "text/plain; charset=utf-8;nosniff;");
    let longest = "x".repeat(128);
    let (status, _, body) = handshake(&format!("{}{longest}", query.trim_end_matches("1158201444"))).await;
    assert_eq!((status, body), (StatusCode::OK, longest));
}

#[tokio::test]
async fn nothing_is_echoed_to_whoever_does_not_know_the_token() {
    let long = "x".repeat(129);
    for (query, expected) in [
        ("", 403),
        ("hub.mode=subscribe&hub.challenge=echo", 403),
        ("hub.mode=subscribe&hub.verify_token=&hub.challenge=echo", 403),
        ("hub.mode=subscribe&hub.verify_token=verify-m&hub.challenge=echo", 403),
        ("hub.mode=subscribe&hub.verify_token=Verify-me&hub.challenge=echo", 403),
        (
            "hub.mode=subscribe&hub.verify_token=verify-me&hub.verify_token=verify-me&hub.challenge=echo",
            403,
        ),
        (
            "hub.mode=unsubscribe&hub.verify_token=verify-me&hub.challenge=echo",
            403,
        ),
        ("hub.verify_token=verify-me&hub.challenge=echo", 403),
        ("hub.mode=subscribe&hub.verify_token=verify-me", 400),
        ("hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=", 400),
        (
            "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=a&hub.challenge=echo",
            400,
        ),
        (
            "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=%C3%A4echo",
            400,
        ),
        (
            "hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=%0D%0Aecho",
            400,
        ),
        (
            &format!("hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge={long}"),
            400,
        ),
    ] {
        let (status, _, body) = handshake(query).await;
        assert_eq!((status.as_u16(), body.as_str()), (expected, ""), "{query}");
    }
}

#[tokio::test]
async fn a_genuine_signature_is_taken() {
    let genuine = "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";
    assert_eq!(signature(SECRET, BODY.as_bytes()), genuine);
    let intake = Intake::new();
    for kind in ["application/json", "text/plain", "nonsense"] {
        let request = Request::post(PATH).header(HEADER, genuine).header(CONTENT_TYPE, kind);
        assert_eq!(intake.ask(request, BODY).await, StatusCode::OK);
    }
    // HTTP knows no case in the names of headers.
    let request = Request::post(PATH).header("x-hub-signature-256", genuine);
    assert_eq!(intake.ask(request, BODY).await, StatusCode::OK);
}

#[tokio::test]
async fn everything_else_is_refused_with_nothing_said() {
    let genuine = signature(SECRET, BODY.as_bytes());
    let digest = genuine.trim_start_matches("sha256=");
    let wrong = [
        genuine.to_uppercase(),
        format!("sha256={}", digest.to_uppercase()),
        format!("SHA256={digest}"),
        format!("sha1={digest}"),
        format!("sha256:{digest}"),
        format!(" sha256={digest} x"),
        format!("sha256= {digest}"),
        digest.to_owned(),
        format!("sha256={}", &digest[..62]),
        format!("sha256={digest}00"),
        format!("sha256={}", "0".repeat(64)),
        format!("sha256={}", "g".repeat(64)),
        format!("{genuine},{genuine}"),
        signature("other secret", BODY.as_bytes()),
        signature("", BODY.as_bytes()),
        String::new(),
    ];
    let intake = Intake::new();
    for value in wrong {
        let request = Request::post(PATH).header(HEADER, &value);
        assert_eq!(intake.ask(request, BODY).await, StatusCode::UNAUTHORIZED, "{value}");
    }
    let twice = Request::post(PATH).header(HEADER, &genuine).header(HEADER, &genuine);
    assert_eq!(intake.ask(twice, BODY).await, StatusCode::UNAUTHORIZED);
    let older = Request::post(PATH).header("X-Hub-Signature", &genuine);
    assert_eq!(intake.ask(older, BODY).await, StatusCode::UNAUTHORIZED);
    let none = Request::post(PATH).body(Body::from(BODY)).expect("a request");
    let answer = intake.router.clone().oneshot(none).await.expect("answered");
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(to_bytes(answer.into_body(), 100).await.expect("a body").is_empty());
}

#[tokio::test]
async fn two_secrets_are_good_while_one_is_being_changed() {
    let two = WebhookConfig {
        app_secrets: vec![Secret::new("new one"), Secret::new(SECRET)],
        ..config()
    };
    let intake = Intake::with(&two);
    for (secret, expected) in [(SECRET, 200), ("new one", 200), ("a third", 401)] {
        let request = Request::post(PATH).header(HEADER, signature(secret, BODY.as_bytes()));
        assert_eq!(intake.ask(request, BODY).await.as_u16(), expected, "{secret}");
    }
}

#[tokio::test]
async fn three_megabytes_are_read_and_not_one_byte_more() {
    let intake = Intake::new();
    let mut body = BODY.as_bytes().to_vec();
    body.resize(BODY_BYTES_MAX, b' ');
    let genuine = signature(SECRET, &body);
    let request = Request::post(PATH).header(HEADER, &genuine);
    assert_eq!(intake.ask(request, body.clone()).await, StatusCode::OK);

    body.push(b' ');
    let genuine = signature(SECRET, &body);
    // Announced and not announced.
    let request = Request::post(PATH)
        .header(HEADER, &genuine)
        .header(CONTENT_LENGTH, body.len());
    assert_eq!(intake.ask(request, body.clone()).await, StatusCode::PAYLOAD_TOO_LARGE);
    let chunks = Body::new(Full::new(Bytes::from(body)));
    let request = Request::post(PATH).header(HEADER, &genuine);
    assert_eq!(intake.ask(request, chunks).await, StatusCode::PAYLOAD_TOO_LARGE);
}

/// A body that never comes.
struct Silence;

impl hyper::body::Body for Silence {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_too_long_makes_room_for_others() {
    let narrow = WebhookConfig {
        posts_max: 1,
        read_timeout: Duration::from_secs(2),
        ..config()
    };
    let intake = Intake::with(&narrow);
    let genuine = signature(SECRET, BODY.as_bytes());
    let slow = async {
        let request = Request::post(PATH).header(HEADER, &genuine);
        intake.ask(request, Body::new(Silence)).await
    };
    // Comes second and finds no place until the first has run out of time.
    let waiting = async {
        tokio::time::advance(Duration::from_secs(1)).await;
        let request = Request::post(PATH).header(HEADER, &genuine);
        intake.ask(request, BODY).await
    };
    let answers = tokio::join!(slow, waiting);
    assert_eq!(answers, (StatusCode::REQUEST_TIMEOUT, StatusCode::OK));
}

#[tokio::test]
async fn other_methods_and_paths_are_not_there() {
    let intake = Intake::new();
    assert_eq!(
        intake.ask(Request::put(PATH), BODY).await,
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(intake.ask(Request::post("/"), BODY).await, StatusCode::NOT_FOUND);
}

/// Whatever is posted, and whatever is claimed about it: without a genuine signature no store is ever asked.
#[test]
fn what_is_not_signed_never_reaches_the_use_case() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let intake = Intake::new();
    let reference = runtime.block_on(intake.sent(1));
    let status = json!({"status": "delivered", "biz_opaque_callback_data": reference});
    let body = json!({"entry": [{"changes": [{"value": {"statuses": [status]}}]}]}).to_string();
    let genuine = signature(SECRET, body.as_bytes());
    let before = intake.store.loads.load(Ordering::SeqCst);

    let forged = (0..body.len(), 1_u8.., "sha256=[0-9a-f]{64}|[ -~]{0,80}");
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let ran = runner.run(&forged, |(at, change, header)| {
        let mut changed = body.clone().into_bytes();
        changed[at] ^= change;
        for (header, body) in [
            (genuine.as_str(), changed),
            (header.as_str(), body.clone().into_bytes()),
        ] {
            let request = Request::post(PATH).header(HEADER, header);
            let answer = runtime.block_on(intake.ask(request, body));
            prop_assert_eq!(answer, StatusCode::UNAUTHORIZED);
        }
        Ok(())
    });
    ran.expect("nothing forged gets through");
    assert_eq!(intake.store.loads.load(Ordering::SeqCst), before);
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let nothing = WebhookConfig::default().check().expect_err("no secrets");
    let fields: Vec<_> = nothing.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["verify_token", "app_secrets"]);
    let everything = WebhookConfig {
        path: "webhooks/{any}".to_owned(),
        verify_token: Secret::new("  "),
        app_secrets: vec![Secret::new("good"), Secret::new("")],
        posts_max: 0,
        recipients_at_once: 1_000,
        read_timeout: Duration::ZERO,
        apply_timeout: Duration::from_secs(61),
    };
    let fields = everything.check().expect_err("all of it is wrong").len();
    assert_eq!(fields, 7);
    assert!(!format!("{everything:?}").contains("good"));
}
