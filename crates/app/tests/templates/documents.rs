//! The requests of Meta's documents (authentication templates: previews and bulk management), as this binary makes them
//! of a configuration: what goes over the wire, and what is printed.
//!
//! Every body carries `message_send_ttl_seconds` besides: how long Meta tries is part of what an app describes.

use std::time::Duration;

use countersign_simulator::{Button, Config, SupportedApp, Template};
use serde_json::{Value, json};

use crate::business::{ACCOUNT_ID, Business, two_days_ago, unversioned};

const COPY_CODE: &str = r#"[apps.shop.template]
name = "authentication_code_copy_code_button"
languages = ["en_US", "es_ES", "fr"]
security_recommendation = true
footer_minutes = 10
button = "copy_code"
"#;

const ONE_TAP: &str = r#"[apps.shop.template]
name = "authentication_code_autofill_button"
languages = ["en_US", "es_ES", "fr"]
security_recommendation = true
footer_minutes = 15
button = "one_tap"
supported_apps = [{ package = "com.example.luckyshrub", hash = "K8a/AINcGX7" }]
"#;

/// The app of the documents.
fn luckyshrub() -> SupportedApp {
    SupportedApp {
        package_name: "com.example.luckyshrub".to_owned(),
        signature_hash: "K8a/AINcGX7".to_owned(),
    }
}

/// The one-tap template in Spanish alone, as somebody made it who promised five minutes.
fn one_tap_in_spanish() -> Template {
    Template {
        code_expiration_minutes: Some(5),
        button: Button::one_tap([luckyshrub()]),
        ..Template::new("authentication_code_autofill_button", ["es_ES"])
    }
}

/// The components of the one-tap template.
fn one_tap_components() -> Value {
    json!([
        { "type": "BODY", "add_security_recommendation": true },
        { "type": "FOOTER", "code_expiration_minutes": 15 },
        { "type": "BUTTONS", "buttons": [{
            "type": "OTP",
            "otp_type": "ONE_TAP",
            "supported_apps": [{ "package_name": "com.example.luckyshrub", "signature_hash": "K8a/AINcGX7" }],
        }] },
    ])
}

/// The app of the documents, whose codes live long enough for what the footer promises.
async fn one_tap(change: impl FnOnce(&mut Config)) -> Business {
    let business = Business::with(ONE_TAP, change).await;
    let long = "countries = [\"BR\"]\ncode_life = \"15m\"\naccept_long_life = true";
    business.reconfigure(|text| text.replace("countries = [\"BR\"]", long));
    business
}

/// What goes to an edge of the account.
fn edge(name: &str) -> String {
    format!("POST {ACCOUNT_ID}/{name}")
}

#[tokio::test]
async fn a_preview_asks_for_the_languages_the_advice_and_the_minutes_and_draws_the_answer() {
    let business = Business::of(
        "[apps.shop.template]\nname = \"verification_code\"\nlanguages = [\"en_US\", \"es_ES\"]\n\
         security_recommendation = true\nfooter_minutes = 10\n",
    )
    .await;
    let shown = business.run(&["preview"]).await;
    let calls = business.meta.controls.management_calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    let edge = format!("{ACCOUNT_ID}/message_template_previews");
    assert_eq!((call.method.as_str(), unversioned(&call.path)), ("GET", edge.as_str()));
    let mut query = call.query.clone();
    query.sort();
    let expected = [
        ("add_security_recommendation", "true"),
        ("button_types", "OTP"),
        ("category", "AUTHENTICATION"),
        ("code_expiration_minutes", "10"),
        ("languages", "en_US,es_ES"),
    ];
    assert_eq!(query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let page = "verification_code in en_US
╭──────────────────────────────────────────────╮
│ 123456 is your verification code. For your   │
│ security, do not share this code.            │
│                                              │
│ This code expires in 10 minutes.             │
├──────────────────────────────────────────────┤
│                  Copy code                   │
╰──────────────────────────────────────────────╯

verification_code in es_ES
╭──────────────────────────────────────────────╮
│ Tu código de verificación es 123456. Por tu  │
│ seguridad, no lo compartas.                  │
│                                              │
│ Este código caduca en 10 minutos.            │
├──────────────────────────────────────────────┤
│                Copiar código                 │
╰──────────────────────────────────────────────╯
";
    assert_eq!(
        (shown.code, shown.stdout.as_str(), shown.stderr.as_str()),
        (Some(0), page, "")
    );
}

#[tokio::test]
async fn a_template_to_copy_from_is_made_in_three_languages_with_one_call() {
    let business = Business::of(COPY_CODE).await;
    let applied = business.run(&["apply"]).await;
    let body = json!({
        "name": "authentication_code_copy_code_button",
        "languages": ["en_US", "es_ES", "fr"],
        "category": "AUTHENTICATION",
        "message_send_ttl_seconds": 600,
        "components": [
            { "type": "BODY", "add_security_recommendation": true },
            { "type": "FOOTER", "code_expiration_minutes": 10 },
            { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE" }] },
        ],
    });
    assert_eq!(business.changes(), [(edge("upsert_message_templates"), body)]);
    let page = "\
1/3  +  created     authentication_code_copy_code_button  en_US  shop
2/3  +  created     authentication_code_copy_code_button  es_ES  shop
3/3  +  created     authentication_code_copy_code_button  fr     shop

3 created.
";
    assert_eq!(
        (applied.code, applied.stdout.as_str(), applied.stderr.as_str()),
        (Some(0), page, "")
    );
}

#[tokio::test]
async fn a_single_language_is_made_by_the_call_that_takes_labels() {
    let business = Business::of(&format!(
        "{}\n[apps.shop.template.button_texts.copy]\nfr = \"Copier\"\n",
        COPY_CODE.replace("\"en_US\", \"es_ES\", ", "")
    ))
    .await;
    business.settle().await;
    let body = json!({
        "name": "authentication_code_copy_code_button",
        "language": "fr",
        "category": "AUTHENTICATION",
        "message_send_ttl_seconds": 600,
        "components": [
            { "type": "BODY", "add_security_recommendation": true },
            { "type": "FOOTER", "code_expiration_minutes": 10 },
            { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Copier" }] },
        ],
    });
    assert_eq!(business.changes(), [(edge("message_templates"), body)]);
}

#[tokio::test]
async fn a_one_tap_template_is_changed_in_one_language_and_made_in_two_with_one_call() {
    let business = one_tap(|config| {
        two_days_ago(config);
        let spanish = Template {
            message_life: Some(Duration::from_secs(900)),
            ..one_tap_in_spanish()
        };
        config.templates = vec![spanish];
    })
    .await;
    let before = business.entry("authentication_code_autofill_button", "es_ES");
    let applied = business.run(&["apply"]).await;
    let body = json!({
        "name": "authentication_code_autofill_button",
        "languages": ["en_US", "es_ES", "fr"],
        "category": "AUTHENTICATION",
        "message_send_ttl_seconds": 900,
        "components": one_tap_components(),
    });
    assert_eq!(business.changes(), [(edge("upsert_message_templates"), body)]);
    let page = "\
1/3  +  created     authentication_code_autofill_button  en_US  shop
2/3  ~  edited      authentication_code_autofill_button  es_ES  shop
3/3  +  created     authentication_code_autofill_button  fr     shop

2 created, 1 edited.
";
    assert_eq!(
        (applied.code, applied.stdout.as_str(), applied.stderr.as_str()),
        (Some(0), page, "")
    );
    let after = business.entry("authentication_code_autofill_button", "es_ES");
    assert_eq!((after.id, after.code_expiration_minutes), (before.id, Some(15)));
}

#[tokio::test]
async fn what_meta_may_refuse_to_change_today_is_changed_by_a_call_of_its_own() {
    // Made a moment ago, and with another message life, which the call for many may ignore.
    let business = one_tap(|config| config.templates = vec![one_tap_in_spanish()]).await;
    let spanish = business.entry("authentication_code_autofill_button", "es_ES");
    let applied = business.run(&["apply"]).await;
    let together = json!({
        "name": "authentication_code_autofill_button",
        "languages": ["en_US", "fr"],
        "category": "AUTHENTICATION",
        "message_send_ttl_seconds": 900,
        "components": one_tap_components(),
    });
    let alone = json!({ "message_send_ttl_seconds": 900, "components": one_tap_components() });
    let expected = [
        (edge("upsert_message_templates"), together),
        (format!("POST {}", spanish.id), alone),
    ];
    assert_eq!(business.changes(), expected);
    assert_eq!(applied.code, Some(0), "{}", applied.stdout);
    assert_eq!(
        business
            .entry("authentication_code_autofill_button", "es_ES")
            .code_expiration_minutes,
        Some(15)
    );
}

#[tokio::test]
async fn a_hash_as_the_documents_show_it_is_told_how_to_write_it() {
    let business = one_tap(|_| {}).await;
    business.reconfigure(|text| text.replace("K8a/AINcGX7", "K8a%2FAINcGX7"));
    let refused = business.run(&["plan"]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(64), ""));
    assert!(
        refused.stderr.contains("supported_apps[0].hash") && refused.stderr.contains("K8a/AINcGX7"),
        "{}",
        refused.stderr
    );
    assert_eq!(business.meta.controls.management_calls(), []);
}
