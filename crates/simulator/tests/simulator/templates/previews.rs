//! What a template would say, before there is one.

use countersign_simulator::{Readable, supported_languages, text_in};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{bare, codes};
use crate::harness::Running;

const PREVIEWS: &str = "102290129340398/message_template_previews?category=AUTHENTICATION&button_types=OTP";

impl Running {
    async fn previews(&self, query: &str) -> Value {
        let path = format!("{PREVIEWS}{query}");
        let (status, answer) = self.manage(Method::GET, &path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{query}: {answer}");
        answer["data"].clone()
    }
}

#[tokio::test]
async fn a_preview_has_the_words_of_each_language_asked_for() {
    let simulator = Running::start(bare()).await;
    let query = "&languages=en_US,es_ES&add_security_recommendation=true&code_expiration_minutes=10";
    let expected = json!([
        {
            "body": "*{{1}}* is your verification code. For your security, do not share this code.",
            "buttons": [{ "autofill_text": "Autofill", "text": "Copy code" }],
            "footer": "This code expires in 10 minutes.",
            "language": "en_US",
        },
        {
            "body": "Tu código de verificación es *{{1}}*. Por tu seguridad, no lo compartas.",
            "buttons": [{ "autofill_text": "Autocompletar", "text": "Copiar código" }],
            "footer": "Este código caduca en 10 minutos.",
            "language": "es_ES",
        },
    ]);
    assert_eq!(simulator.previews(query).await, expected);
    let listed = simulator.previews("&languages=%5B%22en_US%22%2C%22fr%22%5D").await;
    assert_eq!(
        (&listed[0]["language"], &listed[1]["language"]),
        (&json!("en_US"), &json!("fr"))
    );
    assert!(listed[0].get("footer").is_none());
    assert_eq!(listed[0]["body"], "*{{1}}* is your verification code.");
}

#[tokio::test]
async fn every_language_with_words_of_its_own_has_a_preview_in_them() {
    let simulator = Running::start(bare()).await;
    for language in supported_languages() {
        let query = format!("&languages={language}&add_security_recommendation=true&code_expiration_minutes=1");
        let preview = &simulator.previews(&query).await[0];
        let text = text_in(language);
        let body = preview["body"].as_str().unwrap();
        assert!(
            body.contains("*{{1}}*") && body.ends_with(text.security),
            "{language}: {body}"
        );
        assert_eq!(preview["footer"], text.footer_one, "{language}");
        let button = json!([{ "autofill_text": text.autofill, "text": text.copy }]);
        assert_eq!(preview["buttons"], button, "{language}");
    }
}

#[tokio::test]
async fn without_languages_there_is_a_preview_in_each_of_metas() {
    let simulator = Running::start(bare()).await;
    let previews = simulator.previews("").await;
    assert_eq!(previews.as_array().unwrap().len(), 71);
}

#[tokio::test]
async fn a_preview_nobody_can_give_is_refused() {
    let simulator = Running::start(bare()).await;
    let edge = "102290129340398/message_template_previews";
    let paths = [
        format!("{edge}?button_types=OTP"),
        format!("{edge}?category=AUTHENTICATION"),
        format!("{edge}?category=UTILITY&button_types=OTP"),
        format!("{edge}?category=AUTHENTICATION&button_types=URL"),
        format!("{PREVIEWS}&languages=xx"),
        format!("{PREVIEWS}&code_expiration_minutes=91"),
        format!("{PREVIEWS}&code_expiration_minutes=0"),
        format!("{PREVIEWS}&add_security_recommendation=maybe"),
    ];
    for path in paths {
        let (status, answer) = simulator.manage(Method::GET, &path, &Value::Null).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{path}: {answer}");
    }
}

#[tokio::test]
async fn previews_can_be_withdrawn() {
    let simulator = Running::start(bare()).await;
    simulator.controls.set_readable(Readable {
        previews: false,
        ..Readable::default()
    });
    let (status, answer) = simulator.manage(Method::GET, PREVIEWS, &Value::Null).await;
    assert_eq!((status.as_u16(), codes(&answer).0), (400, 100));
    assert!(
        answer["error"]["message"].as_str().unwrap().contains("cannot be read"),
        "{answer}"
    );
}
