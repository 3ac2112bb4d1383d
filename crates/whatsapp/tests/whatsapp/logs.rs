//! What is logged, by this crate and by the libraries under it, at the chattiest level: never a secret (R34).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Request;
use countersign_domain::ports::{Messenger, TemplateCatalog};
use countersign_testkit::fixture;
use countersign_whatsapp::{CloudApi, Config, Secret, Sender};
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::catalog::TOKEN;
use crate::house::{Intake, PATH};
use crate::stub::{Answers, Stub};

const WAMID: &str = "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEjgxQkVFRDVB";

/// Keeps what is written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The phone and the code in spellings a provider could choose.
fn said(code: &str) -> String {
    format!("+5511987654321 5511987654321 55 11 98765-4321 {code} {WAMID}")
}

async fn send_in_every_way(stub: &Stub) {
    let sender = Sender {
        token: Secret::new("canary-token"),
        app_secret: Some(Secret::new("canary-app-secret")),
    };
    let config = Config {
        base_url: format!("http://{}", stub.address),
        senders: BTreeMap::from([(fixture::sender().id, sender)]),
        ..Config::default()
    };
    let messenger = CloudApi::new(&config).expect("a good configuration");
    let mut message = fixture::message();
    message.timeout = Duration::from_millis(200);
    let said = said(message.code.expose());
    let error = json!({"error": {"code": 131_026, "message": said, "error_data": {"details": said}}}).to_string();
    for answers in [
        Answers::With(200, "", json!({"messages": [{"id": WAMID}]}).to_string()),
        Answers::With(200, "", said.clone()),
        Answers::With(400, "", error.clone()),
        Answers::With(400, "", error.replace("131026", "190")),
        Answers::Closes(said.clone()),
        Answers::Stalls(format!("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{said}")),
    ] {
        stub.answer(answers);
        let _ = messenger.send(&message).await;
    }
}

/// Changes of a template in which the secrets stand wherever words are read.
fn about_templates(said: &str) -> serde_json::Value {
    let template = |more: serde_json::Value| {
        let mut value = json!({"message_template_name": "otp", "message_template_language": "en_US"});
        let more = more.as_object().expect("an object").clone();
        value.as_object_mut().expect("an object").extend(more);
        json!({ "value": value })
    };
    json!({"entry": [{"id": said, "changes": [
        template(json!({"event": said, "reason": said, "other_info": {"title": said, "description": said},
            "rejection_info": {"reason": said, "recommendation": said}})),
        template(json!({"new_quality_score": said})),
        template(json!({"new_category": said})),
        template(json!({"correct_category": said})),
        template(json!({"message_template_element": said})),
        {"field": said, "value": {"message_template_name": said, "message_template_language": said}},
    ]}]})
}

async fn manage_in_every_way(stub: &Stub) {
    let mut config = crate::catalog::config(stub);
    for account in config.accounts.values_mut() {
        account.app_secret = Some(Secret::new("canary-app-secret"));
    }
    let catalog = CloudApi::new(&config).expect("a good configuration");
    let account = crate::catalog::account();
    let order = crate::catalog::order(fixture::template(), &["en_US"]);
    let said = format!("{} {TOKEN}", said("482913"));
    let error = |code: u32| {
        let error = json!({
            "code": code, "message": said, "error_data": {"details": said},
            "error_user_title": said, "error_user_msg": said,
        });
        Answers::With(400, "", json!({ "error": error }).to_string())
    };
    let template = json!({"id": "1", "name": "otp", "language": "en_US", "status": said, "rejected_reason": said});
    for answers in [
        Answers::With(
            200,
            "",
            json!({"data": [template, {"name": said}], "id": said}).to_string(),
        ),
        Answers::With(200, "", said.clone()),
        error(190),
        error(100),
        error(2),
        error(80_008),
        Answers::Closes(said.clone()),
    ] {
        stub.answer(answers);
        let _ = catalog.list(&account).await;
        let _ = catalog.create(&account, &order).await;
        let _ = catalog.upsert(&account, &order).await;
    }
}

async fn post_in_every_way(intake: &Intake, code: &str) {
    let reference = intake.sent(1).await;
    let said = said(code);
    let error = json!({"code": 131_026, "title": said, "message": said, "error_data": said});
    let status = json!({
        "id": WAMID, "status": "failed", "recipient_id": "5511987654321",
        "biz_opaque_callback_data": reference, "errors": [error],
    });
    let value = json!({
        "statuses": [status, {"status": "played"}, {"status": 7, "id": WAMID}],
        "errors": [error],
        "messages": [{"from": "5511987654321", "id": WAMID, "text": {"body": said}}],
    });
    let post = json!({"entry": [{"changes": [{"value": value}]}]});
    intake.post(&post).await;
    intake.post(&about_templates(&said)).await;
    intake.ask(Request::post(PATH), post.to_string()).await;
    intake.store.is_down.store(true, std::sync::atomic::Ordering::SeqCst);
    intake.post(&post).await;
    let handshake = Request::get(format!(
        "{PATH}?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1"
    ));
    intake.ask(handshake, "").await;
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        // A microsecond could look like the code.
        .without_time()
        .finish();
    // While there is one subscriber alone, a line that another test's thread reaches first counts as wanted by nobody,
    // because that thread has none. With two, all of them are asked.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let quiet = tracing::subscriber::set_default(subscriber);
    let stub = Stub::start(Answers::Closes(String::new())).await;
    send_in_every_way(&stub).await;
    manage_in_every_way(&stub).await;
    let intake = Intake::new();
    let message = fixture::message();
    post_in_every_way(&intake, message.code.expose()).await;
    drop(quiet);

    let text = String::from_utf8(page.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("text");
    for expected in [
        "message accepted",
        "message not accepted",
        "an operator has to act",
        "131026",
        "Meta will repeat it",
        "templates: refused",
        "templates: no answer",
        "templates: asked to slow down",
    ] {
        assert!(text.contains(expected), "{expected} is not in the log");
    }
    let secrets = [
        "11987654321",
        "98765-4321",
        message.code.expose(),
        "canary-token",
        "canary-app-secret",
        "appsecret_proof",
        TOKEN,
        "HBgNNTUxMTk4NzY1NDMyMRUC",
        "verify-me",
        "test_app_secret",
    ];
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret of the test is in the log");
    }
}
