//! What a template may say: one case for each of Meta's rules.

use countersign_simulator::TemplateStatus;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{TEMPLATES, UPSERT, bare, codes, many, template, told};
use crate::harness::Running;

/// A pointer into the body and the JSON to put there.
type Edit = (&'static str, Value);

/// What is wrong, a part of what a person is told, and how the request differs from one that is taken.
type Refused = (&'static str, &'static str, Edit);

const BODY: &str = "/components/0";
const FOOTER: &str = "/components/1";
const BUTTON: &str = "/components/2/buttons/0";

#[rustfmt::skip]
fn refused_words() -> Vec<Refused> {
    let footer = json!({ "type": "FOOTER", "code_expiration_minutes": 5 });
    let buttons = json!({ "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE" }] });
    vec![
        ("a name with capitals", "lowercase", ("/name", json!("Login"))),
        ("an empty name", "lowercase", ("/name", json!(""))),
        ("a name of 513", "512", ("/name", json!("a".repeat(513)))),
        ("an unknown language", "en_US", ("/language", json!("tlh"))),
        ("a language in another case", "en_US", ("/language", json!("en_us"))),
        ("a webhook's language", "en_US", ("/language", json!("en-US"))),
        ("a marketing template", "AUTHENTICATION only", ("/category", json!("MARKETING"))),
        ("a utility template", "AUTHENTICATION only", ("/category", json!("utility"))),
        ("no category of Meta's", "category must be", ("/category", json!("OTP"))),
        ("components that are no list", "list", ("/components", json!({}))),
        ("no body", "must hold a BODY", ("/components", json!([footer, buttons]))),
        ("no buttons", "one OTP button", ("/components", json!([{ "type": "BODY" }, footer]))),
        ("two bodies", "only once", (FOOTER, json!({ "type": "BODY" }))),
        ("a header", "HEADER", (FOOTER, json!({ "type": "HEADER" }))),
        ("a component of another type", "BODY, FOOTER or BUTTONS", (FOOTER, json!({ "type": "CAROUSEL" }))),
        ("a body of one's own", "leave text out", (BODY, json!({ "type": "BODY", "text": "Your code" }))),
        ("advice that is no boolean", "true or false", (BODY, json!({ "type": "BODY", "add_security_recommendation": 1 }))),
        ("a footer of one's own", "leave text out", (FOOTER, json!({ "type": "FOOTER", "text": "Soon over" }))),
        ("a footer without minutes", "1 to 90", (FOOTER, json!({ "type": "FOOTER" }))),
        ("0 minutes", "1 to 90", ("/components/1/code_expiration_minutes", json!(0))),
        ("91 minutes", "1 to 90", ("/components/1/code_expiration_minutes", json!(91))),
        ("half a minute", "1 to 90", ("/components/1/code_expiration_minutes", json!(0.5))),
        ("minutes in words", "1 to 90", ("/components/1/code_expiration_minutes", json!("5"))),
        ("a life of 29 s", "30 to 900", ("/message_send_ttl_seconds", json!(29))),
        ("a life of 901 s", "30 to 900", ("/message_send_ttl_seconds", json!(901))),
        ("a life of 0 s", "30 to 900", ("/message_send_ttl_seconds", json!(0))),
        ("a life in words", "30 to 900", ("/message_send_ttl_seconds", json!("300"))),
    ]
}

#[rustfmt::skip]
fn refused_buttons() -> Vec<Refused> {
    let app = json!({ "package_name": "com.example.app", "signature_hash": "K8a/AINcGX7" });
    let tap = |apps: Value| (BUTTON, json!({ "type": "OTP", "otp_type": "ONE_TAP", "supported_apps": apps }));
    let with = |kind: &str, key: &str, value: Value| {
        let mut button = json!({ "type": "OTP", "otp_type": kind, "supported_apps": [app] });
        button[key] = value;
        (BUTTON, button)
    };
    let package = |name: &str| tap(json!([{ "package_name": name, "signature_hash": "K8a/AINcGX7" }]));
    let hash = |hash: &str| tap(json!([{ "package_name": "com.example.app", "signature_hash": hash }]));
    vec![
        ("an empty list of buttons", "exactly one", ("/components/2/buttons", json!([]))),
        ("two buttons", "exactly one", ("/components/2/buttons", json!([{ "type": "OTP" }, { "type": "OTP" }]))),
        ("a button that opens a page", "type OTP", (BUTTON, json!({ "type": "URL", "url": "https://a.test" }))),
        ("a button of no kind", "otp_type", (BUTTON, json!({ "type": "OTP" }))),
        ("no button at all", "otp_type", (BUTTON, json!({ "type": "OTP", "otp_type": "NO_BUTTONS" }))),
        ("a label of 26", "25", ("/components/2/buttons/0/text", json!("x".repeat(26)))),
        ("an empty label", "empty", ("/components/2/buttons/0/text", json!(""))),
        ("a label that is a number", "text", ("/components/2/buttons/0/text", json!(7))),
        ("an autofill label of 26", "25", with("ONE_TAP", "autofill_text", json!("ü".repeat(26)))),
        ("a label of 26 for one tap", "25", with("ONE_TAP", "text", json!("x".repeat(26)))),
        ("apps of a copy button", "ONE_TAP", with("COPY_CODE", "text", Value::Null)),
        ("an autofill label of a copy button", "ONE_TAP", ("/components/2/buttons/0/autofill_text", json!("Fill"))),
        ("a tap without apps", "supported_apps is required", tap(Value::Null)),
        ("a tap with no apps", "1 to 5", tap(json!([]))),
        ("a tap with six apps", "1 to 5", tap(json!(vec![app.clone(); 6]))),
        ("an app without hash", "signature_hash", tap(json!([{ "package_name": "com.example.app" }]))),
        ("the app of before v21", "supported_apps since", with("ONE_TAP", "package_name", json!("com.example.app"))),
        ("the hash of before v21", "supported_apps since", with("ONE_TAP", "signature_hash", json!("K8a/AINcGX7"))),
        ("a package of one part", "package_name", package("example")),
        ("a package with a part that begins with a digit", "package_name", package("com.1example")),
        ("a package with an empty part", "package_name", package("com..app")),
        ("a package with a dash", "package_name", package("com.example-app")),
        ("a package of 225", "package_name", package(&format!("com.{}", "a".repeat(221)))),
        ("a hash of 10", "11 characters", hash("K8a/AINcGX")),
        ("a percent-encoded hash", "percent", hash("K8a%2FAINcGX7")),
        ("a percent-encoded hash of 11", "percent", hash("K8a%2FAINcG")),
        ("terms nobody accepted", "zero_tap_terms_accepted", with("ZERO_TAP", "text", Value::Null)),
        ("terms accepted in words", "zero_tap_terms_accepted", with("ZERO_TAP", "zero_tap_terms_accepted", json!("true"))),
    ]
}

fn edited((pointer, value): Edit) -> Value {
    let mut body = template("login", "en_US");
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.insert(name.to_owned(), value)),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer} is in {other}"),
    }
    body
}

#[tokio::test]
async fn a_wrong_template_is_refused_with_a_sentence_that_says_what_is_wrong() {
    let simulator = Running::start(bare()).await;
    for (name, sentence, edit) in refused_words().into_iter().chain(refused_buttons()) {
        let (status, answer) = simulator.manage(Method::POST, TEMPLATES, &edited(edit)).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{name}: {answer}");
        assert!(told(&answer).contains(sentence), "{name}: {answer}");
        let error = &answer["error"];
        assert_eq!(error["type"], "OAuthException", "{name}");
        assert_eq!(error["is_transient"], false, "{name}");
        assert!(!error["error_user_title"].as_str().unwrap().is_empty(), "{name}");
        assert!(error["fbtrace_id"].as_str().unwrap().starts_with('A'), "{name}");
    }
    assert_eq!(simulator.controls.templates().len(), 1);
}

#[tokio::test]
async fn a_template_without_something_required_is_refused_by_its_name() {
    let simulator = Running::start(bare()).await;
    for pointer in ["/name", "/language", "/category", "/components"] {
        let key = &pointer[1..];
        let body = edited((pointer, Value::Null));
        let (status, answer) = simulator.manage(Method::POST, TEMPLATES, &body).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{key}: {answer}");
        assert!(
            answer["error"]["message"].as_str().unwrap().contains(key),
            "{key}: {answer}"
        );
    }
    let (status, _) = simulator.manage(Method::POST, TEMPLATES, &json!([])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_kind_of_button_is_taken_in_either_case_and_with_keys_nobody_knows() {
    let simulator = Running::start(bare()).await;
    let app = json!({ "package_name": "com.example.my_app2", "signature_hash": "K8a/AINc+X=" });
    let cases = [
        (
            "copied",
            json!({ "type": "otp", "otp_type": "copy_code", "text": "x".repeat(25) }),
        ),
        (
            "tapped",
            json!({ "type": "OTP", "otp_type": "one_tap", "supported_apps": vec![app.clone(); 5] }),
        ),
        (
            "untapped",
            json!({ "type": "OTP", "otp_type": "ZERO_TAP", "supported_apps": [app],
            "zero_tap_terms_accepted": true, "autofill_text": "Fill", "text": "Copy" }),
        ),
    ];
    for (name, button) in cases {
        let body = json!({
            "name": name, "language": "pt_BR", "category": "authentication", "message_send_ttl_seconds": -1,
            "allow_category_change": true, "something_new": [1],
            "components": [{ "type": "body" }, { "type": "buttons", "buttons": [button] }],
        });
        let (status, answer) = simulator.manage(Method::POST, TEMPLATES, &body).await;
        assert_eq!(status, StatusCode::OK, "{name}: {answer}");
        assert_eq!(
            (&answer["status"], &answer["category"]),
            (&json!("APPROVED"), &json!("AUTHENTICATION"))
        );
        let entry = simulator.template(answer["id"].as_str().unwrap());
        assert_eq!((entry.status, entry.message_life), (TemplateStatus::Approved, None));
        assert!(!entry.add_security_recommendation && entry.code_expiration_minutes.is_none());
        assert_eq!(entry.components_sent, body["components"]);
    }
}

#[tokio::test]
async fn a_life_that_is_left_out_is_ten_minutes_and_its_limits_are_taken() {
    let simulator = Running::start(bare()).await;
    for (name, ttl, seconds) in [
        ("unsaid", Value::Null, 600),
        ("shortest", json!(30), 30),
        ("longest", json!(900), 900),
    ] {
        let mut body = template(name, "en_US");
        body["message_send_ttl_seconds"] = ttl;
        let id = simulator.created(&body).await;
        assert_eq!(
            simulator.template(&id).message_life.unwrap().as_secs(),
            seconds,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_content_of_a_language_is_created_once() {
    let simulator = Running::start(bare()).await;
    simulator.created(&template("login", "en_US")).await;
    simulator.created(&template("login", "en_GB")).await;
    let (status, answer) = simulator
        .manage(Method::POST, TEMPLATES, &template("login", "en_US"))
        .await;
    assert_eq!(
        (status.as_u16(), codes(&answer)),
        (400, (100, Some(2_388_024))),
        "{answer}"
    );
}

#[tokio::test]
async fn an_upsert_creates_what_is_missing_and_changes_the_rest() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let mut body = many("login", &["en_US", "es_ES", "fr"]);
    body["components"][1]["code_expiration_minutes"] = 15.into();
    let (status, answer) = simulator.manage(Method::POST, UPSERT, &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let data = answer["data"].as_array().unwrap();
    let languages: Vec<_> = data.iter().map(|one| one["language"].as_str().unwrap()).collect();
    assert_eq!(languages, ["en_US", "es_ES", "fr"]);
    assert_eq!((&data[0]["id"], &data[2]["status"]), (&json!(id), &json!("APPROVED")));
    for language in languages {
        let entry = simulator.controls.template_in("login", language).unwrap();
        assert_eq!(entry.code_expiration_minutes, Some(15), "{language}");
        assert_eq!(entry.edited_at_ms.len(), usize::from(language == "en_US"));
    }
    let kept = simulator.template(&id).message_life.unwrap();
    assert_eq!(kept.as_secs(), 300, "what is not said is kept");
}

#[tokio::test]
async fn an_upsert_takes_no_words_and_one_list_of_languages() {
    let simulator = Running::start(bare()).await;
    let app = json!({ "package_name": "com.example.app", "signature_hash": "K8a/AINcGX7" });
    let button = "/components/2/buttons/0";
    let cases = [
        ("/language", json!("en_US"), "languages"),
        ("/languages", json!([]), "at least one"),
        ("/languages", json!(["en_US", "en_US"]), "twice"),
        ("/languages", json!(["en_US", "xx"]), "en_US"),
        ("/languages", json!([7]), "codes"),
        ("/components/2/buttons/0/text", json!("Copy"), "text"),
        (
            button,
            json!({ "type": "OTP", "otp_type": "ONE_TAP", "supported_apps": [app], "autofill_text": "Fill" }),
            "autofill_text",
        ),
    ];
    for (pointer, value, sentence) in cases {
        let mut body = many("login", &["en_US", "fr"]);
        body["language"] = Value::Null;
        body["components"][2]["buttons"][0]["text"] = Value::Null;
        *body.pointer_mut(pointer).unwrap() = value;
        let (status, answer) = simulator.manage(Method::POST, UPSERT, &body).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{pointer}: {answer}");
        assert!(told(&answer).contains(sentence), "{pointer}: {answer}");
    }
    let (_, answer) = simulator
        .manage(Method::POST, UPSERT, &template("login", "en_US"))
        .await;
    assert!(told(&answer).contains("languages"), "{answer}");
    assert_eq!(simulator.controls.templates().len(), 1);
}

#[tokio::test]
async fn a_caller_without_a_right_is_refused_and_an_id_of_nobody_is_unknown() {
    let simulator = Running::start(bare()).await;
    let path = format!("/v26.0/{TEMPLATES}");
    let (status, answer) = simulator.post(&path, Some("Bearer other"), "{}").await.unwrap();
    assert_eq!((status.as_u16(), codes(&answer)), (401, (190, None)));
    let cases = [
        (Method::GET, "1/message_templates"),
        (Method::POST, "106540352242922/message_templates"),
        (Method::GET, "594425479261595"),
        (Method::POST, "594425479261595"),
        (Method::POST, "594425479261595/unpause"),
        (Method::POST, "102290129340398"),
        (Method::POST, "102290129340398/unpause"),
        (Method::POST, "106540352242922"),
    ];
    for (method, path) in cases {
        let (status, answer) = simulator.manage(method.clone(), path, &json!({})).await;
        assert_eq!(
            (status.as_u16(), codes(&answer)),
            (400, (100, Some(33))),
            "{method} {path}: {answer}"
        );
        assert_eq!(answer["error"]["type"], "GraphMethodException");
    }
    let path = format!("/latest/{TEMPLATES}");
    let (_, answer) = simulator.post(&path, None, "{}").await.unwrap();
    assert_eq!(codes(&answer), (2_500, None));
}

#[tokio::test]
async fn a_proof_of_the_app_secret_is_tolerated_everywhere() {
    let simulator = Running::start(bare()).await;
    let proof = "appsecret_proof=0123456789abcdef";
    for path in [format!("{TEMPLATES}?{proof}"), format!("102290129340398?{proof}")] {
        let (status, answer) = simulator.manage(Method::GET, &path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(!answer.to_string().contains("0123456789abcdef"));
    }
    let path = format!("{TEMPLATES}?{proof}");
    let (status, answer) = simulator.manage(Method::POST, &path, &template("login", "fr")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}
