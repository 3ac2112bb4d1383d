//! The template endpoints: what they take and refuse, what they give back, what becomes of a template. Kept here: the
//! requests the tests begin with.

mod calls;
mod edits;
mod life;
mod lists;
mod news;
mod previews;
mod read_back;
mod rules;
mod sends;

use std::time::Duration;

use countersign_simulator::{CatalogueEntry, Config, Template, VirtualClock};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{NOW_MS, Running, config};

/// The account's list of templates, below the version.
const TEMPLATES: &str = "102290129340398/message_templates";
const UPSERT: &str = "102290129340398/upsert_message_templates";

/// A template with a copy-code button that Meta takes.
fn template(name: &str, language: &str) -> Value {
    json!({
        "name": name,
        "language": language,
        "category": "AUTHENTICATION",
        "message_send_ttl_seconds": 300,
        "components": components(5),
    })
}

/// Components with a footer of so many minutes.
fn components(minutes: u64) -> Value {
    json!([
        { "type": "BODY", "add_security_recommendation": true },
        { "type": "FOOTER", "code_expiration_minutes": minutes },
        { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE" }] },
    ])
}

/// The same in many languages at once.
fn many(name: &str, languages: &[&str]) -> Value {
    json!({ "name": name, "languages": languages, "category": "AUTHENTICATION", "components": components(5) })
}

/// A simulator on a clock that stands.
async fn standing(config: Config) -> (Running, VirtualClock) {
    let clock = VirtualClock::new(NOW_MS);
    (Running::start(config.with_virtual_clock(&clock)).await, clock)
}

/// A simulator without templates but one, so that lists are short.
fn bare() -> Config {
    Config {
        templates: vec![Template::new("verification_code", ["en_US"])],
        ..config()
    }
}

impl Running {
    /// Creates a template and returns its id.
    async fn created(&self, body: &Value) -> String {
        let (status, answer) = self.manage(Method::POST, TEMPLATES, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Changes the minutes in the footer of a template.
    async fn edited(&self, id: &str, minutes: u64) -> (StatusCode, Value) {
        let body = json!({ "components": components(minutes) });
        self.manage(Method::POST, id, &body).await
    }

    /// A template that has to be there.
    fn template(&self, id: &str) -> CatalogueEntry {
        self.controls.template(id).expect("the template is there")
    }
}

/// The least that passes on the clock.
const MOMENT: Duration = Duration::from_millis(1);

/// So long that only a moment is missing.
fn just_before(time: Duration) -> Duration {
    time.saturating_sub(MOMENT)
}

/// What a person is told about a refusal.
fn told(answer: &Value) -> &str {
    answer["error"]["error_user_msg"].as_str().unwrap_or_default()
}

/// The code and the subcode of a refusal.
fn codes(answer: &Value) -> (u64, Option<u64>) {
    let error = &answer["error"];
    (error["code"].as_u64().unwrap(), error["error_subcode"].as_u64())
}
