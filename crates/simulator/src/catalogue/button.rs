//! What Meta lets the button of a template be. Kept out: the rest of the components (see `rules`).
//!
//! Meta: authentication templates pages, one for each kind of button.

use serde_json::Value;

use crate::catalogue::refusal::{TOO_LONG, refused, refused_as};
use crate::catalogue::rules::word;
use crate::template::{Button, SupportedApp, Tap};
use crate::wire::GraphError;

const LABEL_LENGTH_MAX: usize = 25;
const APPS_MAX: usize = 5;
const PACKAGE_LENGTH_MAX: usize = 224;
const HASH_LENGTH: usize = 11;

/// Reads the one button. `many` is for the endpoint of many languages, where nobody chooses words.
pub(crate) fn button(buttons: &Value, many: bool) -> Result<Button, GraphError> {
    let [button] = buttons["buttons"].as_array().map_or(&[][..], Vec::as_slice) else {
        return Err(refused("Invalid buttons", "BUTTONS must hold exactly one OTP button."));
    };
    if word(&button["type"]) != "OTP" {
        return Err(refused(
            "Invalid button",
            "The button of an authentication template must be of type OTP.",
        ));
    }
    let text = label(button, "text", many)?;
    let autofill_text = label(button, "autofill_text", many)?;
    if !button["package_name"].is_null() || !button["signature_hash"].is_null() {
        return Err(refused(
            "Unsupported parameter",
            "package_name and signature_hash belong into supported_apps since v21.0.",
        ));
    }
    let kind = word(&button["otp_type"]);
    let built = match kind.as_str() {
        "COPY_CODE" => {
            if autofill_text.is_some() || !button["supported_apps"].is_null() {
                return Err(refused(
                    "Unsupported parameter",
                    "autofill_text and supported_apps are for ONE_TAP and ZERO_TAP.",
                ));
            }
            Button::CopyCode { text }
        }
        "ONE_TAP" | "ZERO_TAP" => {
            let apps = apps(&button["supported_apps"])?;
            let tap = Tap {
                apps,
                text,
                autofill_text,
            };
            if kind == "ONE_TAP" {
                Button::OneTap(tap)
            } else if button["zero_tap_terms_accepted"] == Value::Bool(true) {
                Button::ZeroTap(tap)
            } else {
                return Err(refused(
                    "Terms not accepted",
                    "zero_tap_terms_accepted must be true for a ZERO_TAP button.",
                ));
            }
        }
        _ => {
            return Err(refused(
                "Invalid button",
                "otp_type must be one of COPY_CODE, ONE_TAP and ZERO_TAP.",
            ));
        }
    };
    check_button(&built)?;
    Ok(built)
}

/// Whether a button keeps Meta's rules: its texts, and its apps.
pub(crate) fn check_button(button: &Button) -> Result<(), GraphError> {
    match button {
        Button::CopyCode { text } => check_label("text", text.as_deref()),
        Button::OneTap(tap) | Button::ZeroTap(tap) => {
            check_label("text", tap.text.as_deref())?;
            check_label("autofill_text", tap.autofill_text.as_deref())?;
            if !(1..=APPS_MAX).contains(&tap.apps.len()) {
                return Err(refused(
                    "Invalid supported apps",
                    "supported_apps must hold 1 to 5 apps.",
                ));
            }
            tap.apps.iter().try_for_each(check_app)
        }
    }
}

fn label(button: &Value, key: &str, many: bool) -> Result<Option<String>, GraphError> {
    match &button[key] {
        Value::Null => Ok(None),
        _ if many => Err(refused(
            "Unsupported parameter",
            format!("This endpoint does not take {key}: the words of each language are Meta's."),
        )),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(refused("Invalid button", format!("{key} must be a text."))),
    }
}

fn apps(value: &Value) -> Result<Vec<SupportedApp>, GraphError> {
    let apps = value.as_array().ok_or_else(|| {
        refused(
            "Missing supported apps",
            "supported_apps is required for ONE_TAP and ZERO_TAP: a list of 1 to 5 apps.",
        )
    })?;
    let text = |app: &Value, key: &str| {
        let text = app[key].as_str().map(str::to_owned);
        text.ok_or_else(|| refused("Invalid supported apps", format!("Each of supported_apps needs {key}.")))
    };
    let mut read = Vec::new();
    for app in apps {
        read.push(SupportedApp {
            package_name: text(app, "package_name")?,
            signature_hash: text(app, "signature_hash")?,
        });
    }
    Ok(read)
}

fn check_label(key: &str, text: Option<&str>) -> Result<(), GraphError> {
    match text.map(|text| text.chars().count()) {
        Some(0) => Err(refused("Invalid button", format!("{key} must not be empty."))),
        Some(length) if length > LABEL_LENGTH_MAX => Err(refused_as(
            TOO_LONG,
            "Text too long",
            format!("{key} must be at most 25 characters long."),
        )),
        _ => Ok(()),
    }
}

fn check_app(app: &SupportedApp) -> Result<(), GraphError> {
    let is_segment = |segment: &str| {
        segment.starts_with(|first: char| first.is_ascii_alphabetic())
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let package = &app.package_name;
    if package.len() > PACKAGE_LENGTH_MAX || !package.contains('.') || !package.split('.').all(is_segment) {
        return Err(refused(
            "Invalid package name",
            "package_name must have two or more parts of letters, digits and underscores with dots between them, each \
             beginning with a letter, and at most 224 characters.",
        ));
    }
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    let hash = &app.signature_hash;
    if hash.len() != HASH_LENGTH || !hash.bytes().all(is_base64) {
        return Err(refused(
            "Invalid signature hash",
            "signature_hash must be exactly 11 characters of letters, digits, +, / and =, and not percent-encoded.",
        ));
    }
    Ok(())
}
