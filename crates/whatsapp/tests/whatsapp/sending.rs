//! What leaves, where it goes, and what each answer comes to.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use crate::codes::CODES;
use crate::stub::{Answers, Stub};
use countersign_domain::delivery::{Fault, NextStep, ProviderReport, ThrottleScope};
use countersign_domain::ports::{Accepted, Messenger, SendError};
use countersign_domain::sender::AccountId;
use countersign_testkit::fixture;
use countersign_whatsapp::{Account, AuthHeader, BuildError, CloudApi, Config, Secret, Sender};
use serde_json::json;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TAKEN: &str = r#"{"messages":[{"id":"wamid.x"}]}"#;

fn sender() -> Sender {
    Sender {
        token: Secret::new("s3cr3t-token\n"),
        app_secret: None,
    }
}

fn config(base_url: String) -> Config {
    Config {
        base_url,
        senders: BTreeMap::from([(fixture::sender().id, sender())]),
        ..Config::default()
    }
}

async fn send(config: &Config) -> Result<Accepted, SendError> {
    let messenger = CloudApi::new(config).expect("a good configuration");
    messenger.send(&fixture::message()).await
}

async fn send_to(stub: &Stub) -> Result<Accepted, SendError> {
    send(&config(format!("http://{}", stub.address))).await
}

/// A server that takes a message only if everything matches, and expects one.
async fn expecting(mock: wiremock::MockBuilder) -> MockServer {
    let server = MockServer::start().await;
    let taken = ResponseTemplate::new(200).set_body_raw(TAKEN, "application/json");
    mock.respond_with(taken).expect(1).mount(&server).await;
    server
}

#[tokio::test]
async fn the_body_is_metas_letter_by_letter() {
    let message = fixture::message();
    let code = message.code.expose();
    let body = json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+5511987654321",
        "type": "template",
        "biz_opaque_callback_data": message.reference,
        "template": {
            "name": "otp",
            "language": {"code": "pt_BR"},
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": code}]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": code}]},
            ],
        },
    });
    let mock = Mock::given(method("POST"))
        .and(path("/v23.0/106540352242922/messages"))
        .and(header("authorization", "Bearer s3cr3t-token"))
        .and(header("content-type", "application/json"))
        .and(header("user-agent", concat!("countersign/", env!("CARGO_PKG_VERSION"))))
        .and(body_json(body));
    let server = expecting(mock).await;
    let sent = send(&config(server.uri())).await;
    let sent = sent.expect("taken");
    assert!(!sent.held && sent.message.is_some());
}

#[tokio::test]
async fn other_providers_have_other_paths_and_headers() {
    let mock = Mock::given(path("/messages")).and(header("d360-api-key", "s3cr3t-token"));
    let server = expecting(mock).await;
    let bare = Config {
        version: None,
        number_in_path: false,
        auth: AuthHeader {
            name: "D360-API-KEY".to_owned(),
            scheme: None,
        },
        ..config(server.uri())
    };
    assert!(send(&bare).await.is_ok());

    let mock = Mock::given(path("/gateway/meta/v24.0/106540352242922/messages"));
    let server = expecting(mock.and(header("x-key", "Token s3cr3t-token"))).await;
    let prefixed = Config {
        path_prefix: "/gateway/meta/".to_owned(),
        version: Some("v24.0".to_owned()),
        auth: AuthHeader {
            name: "X-Key".to_owned(),
            scheme: Some("Token".to_owned()),
        },
        ..config(server.uri())
    };
    assert!(send(&prefixed).await.is_ok());
}

#[tokio::test]
async fn the_proof_of_the_app_secret_goes_along() {
    // HMAC-SHA-256 of the token with the key "app-secret".
    let mock = Mock::given(query_param("appsecret_proof", PROOF));
    let server = expecting(mock).await;
    let mut config = config(server.uri());
    for sender in config.senders.values_mut() {
        sender.app_secret = Some(Secret::new("app-secret"));
    }
    assert!(send(&config).await.is_ok());
}

const PROOF: &str = "762057b34d18272ff9f5340670abd761d02164be932fcec6d2fcf7eedd2afbde";

#[tokio::test]
async fn every_code_comes_to_its_step_whatever_the_status_is() {
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let config = config(format!("http://{}", stub.address));
    let messenger = CloudApi::new(&config).expect("a good configuration");
    for (step, codes) in CODES {
        for code in codes {
            for status in [400, 500] {
                let body = json!({"error": {"message": "no", "code": code}}).to_string();
                stub.answer(Answers::With(status, "", body));
                let error = messenger.send(&fixture::message()).await.expect_err("refused");
                assert_eq!(error.step, step, "{code} with {status}");
                assert_eq!(error.report, Some(ProviderReport::new(*code, "no", "")));
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_uncertain_or_decided_by_its_status() {
    let long = "x".repeat(70_000);
    let table = [
        (200, String::new(), NextStep::Uncertain),
        (200, "<html>".to_owned(), NextStep::Uncertain),
        (200, long.clone(), NextStep::Uncertain),
        (302, String::new(), NextStep::Misconfigured(Fault::Request)),
        (400, long.clone(), NextStep::Misconfigured(Fault::Request)),
        (403, "<html>".to_owned(), NextStep::Misconfigured(Fault::Account)),
        (500, String::new(), NextStep::Unavailable),
        (502, "<html>".to_owned(), NextStep::Uncertain),
        (503, long, NextStep::Unavailable),
        (504, "<html>".to_owned(), NextStep::Uncertain),
    ];
    let stub = Stub::start(Answers::Closes(String::new())).await;
    for (status, body, step) in table {
        stub.answer(Answers::With(status, "Location: /elsewhere\r\n", body));
        assert_eq!(send_to(&stub).await.expect_err("refused").step, step, "{status}");
    }
    assert_eq!(
        stub.received().len(),
        10,
        "no redirect is followed and nothing repeated"
    );
}

#[tokio::test]
async fn whatever_is_lost_after_the_request_left_is_uncertain() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"messages\":";
    let table = [
        Answers::Closes(String::new()),
        Answers::Closes("HTTP/1.1 200".to_owned()),
        Answers::Closes(cut.to_owned()),
        Answers::Closes("HTTP/1.1 400 Bad\r\nContent-Length: 500\r\n\r\n{\"error\":".to_owned()),
        Answers::Closes("this is not HTTP\r\n\r\n".to_owned()),
        Answers::Stalls(String::new()),
        Answers::Stalls(cut.to_owned()),
    ];
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let messenger = CloudApi::new(&config(format!("http://{}", stub.address))).expect("a good configuration");
    let mut message = fixture::message();
    message.timeout = Duration::from_millis(200);
    for (before, answers) in table.into_iter().enumerate() {
        stub.answer(answers.clone());
        let error = messenger.send(&message).await.expect_err("lost");
        assert_eq!(error.step, NextStep::Uncertain, "{answers:?}");
        assert_eq!(stub.received().len(), before + 1, "{answers:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_a_connection_that_was_not_established() {
    // The stub waits for a request and knows no TLS.
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let config = Config {
        connect_timeout: Duration::from_millis(100),
        ..config(format!("https://{}", stub.address))
    };
    assert_eq!(
        send(&config).await.expect_err("no connection").step,
        NextStep::Unavailable
    );
    assert!(stub.received().is_empty());
}

#[tokio::test]
async fn the_headers_say_how_long_to_wait() {
    const USAGE: &str = concat!(
        r#"X-Business-Use-Case-Usage: {"1":[{"type":"whatsapp","estimated_time_to_regain_access":3},"#,
        r#"{"estimated_time_to_regain_access":0}],"2":[{}],"3":7}"#,
        "\r\n"
    );
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (code, headers, scope, retry_after) in [
        (80_007, "Retry-After: 17\r\n", ThrottleScope::Account, seconds(17)),
        (80_007, USAGE, ThrottleScope::Account, seconds(180)),
        (131_056, "Retry-After: 17\r\n", ThrottleScope::Recipient, seconds(17)),
        (131_056, USAGE, ThrottleScope::Recipient, None),
        (130_429, "Retry-After: 0\r\n", ThrottleScope::Sender, None),
        (
            130_429,
            "Retry-After: Fri, 21 Nov 2026 07:28:00 GMT\r\n",
            ThrottleScope::Sender,
            None,
        ),
        (4, "X-Business-Use-Case-Usage: [{\r\n", ThrottleScope::Account, None),
    ] {
        let body = json!({"error": {"code": code}}).to_string();
        stub.answer(Answers::With(400, headers, body));
        let error = send_to(&stub).await.expect_err("throttled");
        assert_eq!(
            error.step,
            NextStep::Throttled { scope, retry_after },
            "{code} {headers}"
        );
    }
}

#[tokio::test]
async fn a_sender_nobody_configured_is_our_fault() {
    let stub = Stub::start(Answers::With(200, "", TAKEN.to_owned())).await;
    let mut config = config(format!("http://{}", stub.address));
    config.senders = BTreeMap::from([(fixture::sender_named("2002").id, sender())]);
    let error = send(&config).await.expect_err("no sender");
    assert_eq!(error.step, NextStep::Misconfigured(Fault::Account));
    assert!(stub.received().is_empty());
}

#[tokio::test]
async fn no_error_shows_where_it_was_sent_or_the_token() {
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let mut config = config(format!("http://{}", stub.address));
    for sender in config.senders.values_mut() {
        sender.app_secret = Some(Secret::new("app-secret"));
    }
    let error = send(&config).await.expect_err("lost");
    let mut text = format!("{error} {error:?} {config:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text} {error} {error:?}");
        source = error.source();
    }
    for secret in ["s3cr3t", "app-secret", "appsecret_proof"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn every_mistake_of_a_configuration_is_named() {
    let everything = Config {
        base_url: "http://graph.example/path?x".to_owned(),
        path_prefix: "a//b".to_owned(),
        version: Some("23".to_owned()),
        number_in_path: true,
        auth: AuthHeader {
            name: "no header".to_owned(),
            scheme: None,
        },
        connect_timeout: Duration::ZERO,
        senders: BTreeMap::from([(
            fixture::sender_named("not-a-number-id").id,
            Sender {
                token: Secret::new("two\nlines"),
                app_secret: Some(Secret::new(" ")),
            },
        )]),
        accounts: BTreeMap::from([(
            AccountId::parse("main").expect("a name"),
            Account {
                business_account_id: "+5511987654321".to_owned(),
                token: Some(Secret::new("three\nlines")),
                app_secret: Some(Secret::new("")),
            },
        )]),
    };
    let mistakes = everything.check().expect_err("all of it is wrong");
    let fields: Vec<_> = mistakes.iter().map(|it| it.field.as_str()).collect();
    let expected = [
        "base_url",
        "base_url",
        "path_prefix",
        "version",
        "connect_timeout",
        "auth.name",
        "senders.not-a-number-id.phone_number_id",
        "senders.not-a-number-id.app_secret",
        "senders.not-a-number-id.token",
        "accounts.main.business_account_id",
        "accounts.main.app_secret",
        "accounts.main.token",
    ];
    assert_eq!(fields, expected);
    let text = format!("{mistakes:?}");
    assert!(
        !text.contains("two") && !text.contains("three") && !text.contains("5511987654321"),
        "{text}"
    );
    assert!(matches!(CloudApi::new(&everything), Err(BuildError::Config(them)) if them == mistakes));
    assert!(Config::default().check().is_err(), "nobody to send as");
}

#[test]
fn only_this_machine_is_spoken_to_in_the_clear() {
    for (base_url, is_right) in [
        ("https://graph.facebook.com", true),
        ("https://graph.facebook.com/", true),
        ("https://waba-v2.360dialog.io:8443", true),
        ("http://localhost:8080", true),
        ("http://127.0.0.1:8080", true),
        ("http://127.9.9.9", true),
        ("http://[::1]:8080", true),
        ("http://10.0.0.1", false),
        ("http://localhost.example", false),
        ("http://graph.facebook.com", false),
        ("https://user:word@graph.facebook.com", false),
        ("https://graph.facebook.com/v23.0", false),
        ("ftp://graph.facebook.com", false),
        ("graph.facebook.com", false),
        ("", false),
    ] {
        assert_eq!(config(base_url.to_owned()).check().is_ok(), is_right, "{base_url}");
    }
}

#[test]
fn versions_have_metas_shape() {
    for (version, is_right) in [
        ("v23.0", true),
        ("v100.1", true),
        ("v23", false),
        ("23.0", false),
        ("v23.10", false),
        ("v.0", false),
        ("v23.0/x", false),
        ("", false),
    ] {
        let config = Config {
            version: Some(version.to_owned()),
            ..config("https://graph.facebook.com".to_owned())
        };
        assert_eq!(config.check().is_ok(), is_right, "{version}");
    }
}
