//! The bodies of orders, as Meta reads them (Meta: authentication templates). Kept out: where they go.
//!
//! Only the form of Graph v21 and later is written: apps stand in `supported_apps`, and their hashes as they are and
//! not URL-encoded. `allow_category_change` is not written, because Meta no longer knows it.

use countersign_domain::ports::TemplateOrder;
use countersign_domain::supported_app::SupportedApp as AndroidApp;
use countersign_domain::template::{Button, ButtonText, Language, Template};
use serde::Serialize;

/// What only authentication templates are (Meta: categories).
pub(super) const CATEGORY: &str = "AUTHENTICATION";

/// A template in one language, to be created.
#[derive(Serialize)]
pub(super) struct Create<'a> {
    name: &'a str,
    language: &'a str,
    category: &'static str,
    #[serde(flatten)]
    content: Content<'a>,
}

impl<'a> Create<'a> {
    /// The body for a template in that language.
    pub(super) fn new(template: &'a Template, language: &'a Language) -> Self {
        Self {
            name: template.name.as_str(),
            language: language.as_str(),
            category: CATEGORY,
            content: Content::new(template, &Labels::of(template, language)),
        }
    }
}

/// A template in several languages, to be created or changed.
#[derive(Serialize)]
pub(super) struct Upsert<'a> {
    name: &'a str,
    languages: Vec<&'a str>,
    category: &'static str,
    #[serde(flatten)]
    content: Content<'a>,
}

impl<'a> Upsert<'a> {
    /// The body for all languages of the order. The labels are Meta's: here they cannot be written (Meta: bulk
    /// management).
    pub(super) fn new(order: &'a TemplateOrder) -> Self {
        Self {
            name: order.template.name.as_str(),
            languages: order.languages.iter().map(Language::as_str).collect(),
            category: CATEGORY,
            content: Content::new(&order.template, &Labels::default()),
        }
    }
}

/// What a template in one language is changed to. Meta replaces all components.
#[derive(Serialize)]
pub(super) struct Edit<'a> {
    #[serde(flatten)]
    content: Content<'a>,
}

impl<'a> Edit<'a> {
    /// The body for a template in that language.
    pub(super) fn new(template: &'a Template, language: &'a Language) -> Self {
        Self {
            content: Content::new(template, &Labels::of(template, language)),
        }
    }
}

#[derive(Serialize)]
struct Content<'a> {
    message_send_ttl_seconds: u64,
    components: Vec<Component<'a>>,
}

impl<'a> Content<'a> {
    fn new(template: &'a Template, labels: &Labels<'a>) -> Self {
        let body = Component::Body {
            add_security_recommendation: template.security_recommendation,
        };
        let footer = template
            .footer_minutes
            .map(|code_expiration_minutes| Component::Footer {
                code_expiration_minutes,
            });
        let buttons = Component::Buttons {
            buttons: [CodeButton::new(&template.button, labels)],
        };
        Self {
            message_send_ttl_seconds: template.message_life.as_secs(),
            components: [Some(body), footer, Some(buttons)].into_iter().flatten().collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
enum Component<'a> {
    Body { add_security_recommendation: bool },
    Footer { code_expiration_minutes: u8 },
    Buttons { buttons: [CodeButton<'a>; 1] },
}

/// What the button says, where it does not say what Meta prefers.
#[derive(Default)]
struct Labels<'a> {
    copy: Option<&'a str>,
    autofill: Option<&'a str>,
}

impl<'a> Labels<'a> {
    fn of(template: &'a Template, language: &Language) -> Self {
        let Some(texts) = template.button_texts.get(language) else {
            return Self::default();
        };
        Self {
            copy: texts.copy.as_ref().map(ButtonText::as_str),
            autofill: texts.autofill.as_ref().map(ButtonText::as_str),
        }
    }
}

#[derive(Serialize)]
struct CodeButton<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    otp_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    autofill_text: Option<&'a str>,
    /// Meta makes no zero-tap template without it. The description holds such a button only when the terms were
    /// accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    zero_tap_terms_accepted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supported_apps: Option<Vec<SupportedApp<'a>>>,
}

#[derive(Serialize)]
struct SupportedApp<'a> {
    package_name: &'a str,
    signature_hash: &'a str,
}

impl<'a> CodeButton<'a> {
    fn new(button: &'a Button, labels: &Labels<'a>) -> Self {
        let (otp_type, terms) = match button {
            Button::CopyCode => ("COPY_CODE", None),
            Button::OneTap(_) => ("ONE_TAP", None),
            Button::ZeroTap(_) => ("ZERO_TAP", Some(true)),
        };
        let apps = button.apps().map(|apps| {
            let app = |app: &'a AndroidApp| SupportedApp {
                package_name: app.package.as_str(),
                signature_hash: app.hash.as_str(),
            };
            apps.iter().map(app).collect()
        });
        Self {
            kind: "OTP",
            otp_type,
            text: labels.copy,
            // A button to copy has no such label.
            autofill_text: labels.autofill.filter(|_| apps.is_some()),
            zero_tap_terms_accepted: terms,
            supported_apps: apps,
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApps};
    use serde_json::json;

    use super::*;

    fn apps() -> SupportedApps {
        let app = AndroidApp {
            package: PackageName::parse("com.example.luckyshrub").expect("a package"),
            hash: SignatureHash::parse("K8a/AINcGX7").expect("a hash"),
        };
        SupportedApps::new(vec![app]).expect("one app")
    }

    fn written(button: &Button) -> serde_json::Value {
        let labels = Labels {
            copy: Some("Copy it"),
            autofill: Some("Fill it in"),
        };
        serde_json::to_value(CodeButton::new(button, &labels)).expect("JSON")
    }

    #[test]
    fn each_button_is_written_with_its_labels_and_what_it_needs() {
        let apps_written = json!([{"package_name": "com.example.luckyshrub", "signature_hash": "K8a/AINcGX7"}]);
        assert_eq!(
            written(&Button::CopyCode),
            json!({"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy it"})
        );
        assert_eq!(
            written(&Button::OneTap(apps())),
            json!({
                "type": "OTP", "otp_type": "ONE_TAP", "text": "Copy it", "autofill_text": "Fill it in",
                "supported_apps": apps_written,
            })
        );
        assert_eq!(
            written(&Button::ZeroTap(apps())),
            json!({
                "type": "OTP", "otp_type": "ZERO_TAP", "text": "Copy it", "autofill_text": "Fill it in",
                "zero_tap_terms_accepted": true, "supported_apps": apps_written,
            })
        );
    }
}
