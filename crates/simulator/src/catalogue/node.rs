//! A template as Meta gives it back, which is not how it was sent. Kept out: lists and cursors (see `paging`).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::catalogue::entry::{Content, Entry, TemplateStatus};
use crate::catalogue::settings::Readable;
use crate::template::Button;
use crate::texts::{Text, text_in};
use crate::wire::{GraphError, form_encoded};

/// The fields that are given unasked.
const UNASKED: &str = "name,components,language,status,category,id";

const FIELDS: [&str; 11] = [
    "id",
    "name",
    "language",
    "category",
    "status",
    "components",
    "message_send_ttl_seconds",
    "quality_score",
    "rejected_reason",
    "last_updated_time",
    "health_status",
];

/// The fields a read asks for.
pub(crate) struct Fields(BTreeSet<&'static str>);

impl Fields {
    /// Reads `fields`; without it, those Meta gives unasked. Refuses a field that is not known.
    pub(crate) fn read(fields: Option<&str>) -> Result<Self, GraphError> {
        let names = fields.filter(|fields| !fields.is_empty()).unwrap_or(UNASKED);
        let mut wanted = BTreeSet::from(["id"]);
        for name in names.split(',').map(str::trim) {
            let known = FIELDS.iter().find(|known| **known == name);
            wanted.insert(known.ok_or_else(|| {
                let message = format!("Tried accessing nonexistent field ({name})");
                GraphError::new(100, &message)
            })?);
        }
        Ok(Self(wanted))
    }

    /// The node with these fields. `last_updated_time` is a number of Unix seconds, as in Meta's other nodes: an
    /// assumption.
    pub(crate) fn of(&self, entry: &Entry, readable: Readable) -> Value {
        let field = |name: &str| match name {
            "id" => entry.id.to_string().into(),
            "name" => entry.name.clone().into(),
            "language" => entry.language.clone().into(),
            "category" => entry.category.clone().into(),
            "status" => entry.status_word().into(),
            "components" => components(&entry.content, &entry.language, readable),
            "message_send_ttl_seconds" => entry.life.map_or_else(|| (-1).into(), |life| life.as_secs().into()),
            "quality_score" => quality(entry),
            "rejected_reason" => entry.rejected_reason.as_deref().unwrap_or("NONE").into(),
            "last_updated_time" => (entry.changed_at_ms / 1_000).into(),
            "health_status" => health(entry),
            _ => Value::Null,
        };
        let fields = self.0.iter().map(|name| ((*name).to_owned(), field(name)));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

/// The sentences of a template, filled in for its language.
pub(crate) struct Words {
    pub(crate) body: String,
    pub(crate) footer: Option<String>,
    /// The label of the button that copies.
    pub(crate) button: String,
    /// The label of the button that fills in; only for the tap kinds.
    pub(crate) autofill: Option<String>,
    pub(crate) url: String,
}

impl Words {
    pub(crate) fn of(content: &Content, language: &str) -> Self {
        let text = text_in(language);
        let autofill = match &content.button {
            Button::CopyCode { .. } => None,
            Button::OneTap(tap) | Button::ZeroTap(tap) => {
                Some(tap.autofill_text.clone().unwrap_or_else(|| text.autofill.into()))
            }
        };
        Self {
            body: body(text, content.security),
            footer: content.minutes.map(|minutes| text.footer_for(minutes)),
            button: content.button.text().unwrap_or(text.copy).into(),
            url: url(content, autofill.as_deref()),
            autofill,
        }
    }
}

/// The body as Meta renders it: the variable in asterisks, and the advice behind it.
pub(crate) fn body(text: &Text, security: bool) -> String {
    let body = text.body.replace("{code}", "*{{1}}*");
    if security {
        format!("{body} {}", text.security)
    } else {
        body
    }
}

/// The components as they are read back: texts filled in, and the button of type URL.
pub(crate) fn components(content: &Content, language: &str, readable: Readable) -> Value {
    let words = Words::of(content, language);
    let mut body = json!({ "type": "BODY", "text": words.body, "example": { "body_text": [["123456"]] } });
    if readable.settings {
        body["add_security_recommendation"] = content.security.into();
    }
    let mut components = vec![body];
    if let Some(text) = words.footer {
        let mut footer = json!({ "type": "FOOTER", "text": text });
        if let Some(minutes) = content.minutes.filter(|_| readable.settings) {
            footer["code_expiration_minutes"] = minutes.into();
        }
        components.push(footer);
    }
    let example = words.url.replace("{{1}}", "123456");
    let button = json!({ "type": "URL", "text": words.button, "url": words.url, "example": [example] });
    components.push(json!({ "type": "BUTTONS", "buttons": [button] }));
    components.into()
}

/// The address under the button. Several apps share one parameter, with commas between them, and a footer is told in it
/// too, as addresses in the field show.
fn url(content: &Content, autofill: Option<&str>) -> String {
    let mut url = String::from("https://www.whatsapp.com/otp/code/?otp_type=");
    url.push_str(content.button.kind());
    if let Some(autofill) = autofill {
        let apps = content.button.apps();
        let packages: Vec<_> = apps.iter().map(|app| app.package_name.as_str()).collect();
        let hashes: Vec<_> = apps.iter().map(|app| app.signature_hash.as_str()).collect();
        for (key, value) in [
            ("cta_display_name", autofill),
            ("package_name", &packages.join(",")),
            ("signature_hash", &hashes.join(",")),
        ] {
            url.push('&');
            url.push_str(key);
            url.push('=');
            url.push_str(&form_encoded(value));
        }
    }
    if let Some(minutes) = content.minutes {
        url.push_str("&code_expiration_minutes=");
        url.push_str(&minutes.to_string());
    }
    url.push_str("&code=otp{{1}}");
    url
}

fn quality(entry: &Entry) -> Value {
    match entry.quality_at_ms {
        Some(at_ms) => json!({ "score": entry.quality, "date": at_ms / 1_000 }),
        None => json!({ "score": entry.quality }),
    }
}

fn health(entry: &Entry) -> Value {
    let can_send = if entry.status == TemplateStatus::Approved {
        "AVAILABLE"
    } else {
        "BLOCKED"
    };
    json!({
        "can_send_message": can_send,
        "entities": [{ "entity_type": "MESSAGE_TEMPLATE", "id": entry.id.to_string(), "can_send_message": can_send }],
    })
}
