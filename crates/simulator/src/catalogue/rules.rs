//! What Meta lets a template say: one JSON body in, a draft or a refusal out. Kept out: what the account has already
//! (see `store`).
//!
//! Meta: authentication templates pages, time-to-live page, bulk management page. Enums are read in either case. Unknown
//! keys are tolerated, `allow_category_change` among them, which Meta no longer knows.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::catalogue::button::button;
use crate::catalogue::entry::Content;
use crate::catalogue::languages::is_known;
use crate::catalogue::refusal::{BODY, FOOTER, HEADER, missing, refused, refused_as};
use crate::wire::GraphError;

/// What a request wants a template to be.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) content: Content,
    pub(crate) components: Value,
    pub(crate) life: Option<Life>,
}

/// `message_send_ttl_seconds`; `None` is 30 days, written -1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life(pub(crate) Option<Duration>);

/// What a request wants to change about a template.
pub(crate) struct Amendment {
    pub(crate) content: Option<(Content, Value)>,
    pub(crate) life: Option<Life>,
    pub(crate) category: Option<String>,
}

/// Meta: authentication templates page.
const NAME_LENGTH_MAX: usize = 512;
const MINUTES_MAX: u64 = 90;
/// Meta: time-to-live page, authentication templates, in seconds.
const LIFE_S_MIN: u64 = 30;
const LIFE_S_MAX: u64 = 900;

/// Reads the creation of one language.
pub(crate) fn creation(body: &Value) -> Result<(Draft, String), GraphError> {
    let name = name(body)?;
    let language = required_text(body, "language")?;
    check_language(language)?;
    let draft = draft(body, name, false)?;
    Ok((draft, language.into()))
}

/// Reads the creation or change of many languages at once.
pub(crate) fn upsert(body: &Value) -> Result<(Draft, Vec<String>), GraphError> {
    let name = name(body)?;
    if !body["language"].is_null() {
        return Err(refused(
            "Unsupported parameter",
            "This endpoint takes languages, a list, and not language.",
        ));
    }
    let languages = body["languages"].as_array().ok_or_else(|| missing("languages"))?;
    let mut codes = Vec::new();
    for language in languages {
        let code = language
            .as_str()
            .ok_or_else(|| refused("Invalid language", "languages must be a list of codes such as en_US."))?;
        check_language(code)?;
        codes.push(code.to_owned());
    }
    let distinct: BTreeSet<_> = codes.iter().collect();
    if codes.is_empty() || distinct.len() < codes.len() {
        return Err(refused(
            "Invalid language",
            "languages must name at least one language, and none twice.",
        ));
    }
    Ok((draft(body, name, true)?, codes))
}

/// Reads a change of one language.
pub(crate) fn amendment(body: &Value) -> Result<Amendment, GraphError> {
    let content = match &body["components"] {
        Value::Null => None,
        components => Some((content(components, false)?, components.clone())),
    };
    let category = match &body["category"] {
        Value::Null => None,
        _ => Some(category(body)?),
    };
    let life = life(body)?;
    if content.is_none() && life.is_none() && category.is_none() {
        return Err(missing("components"));
    }
    Ok(Amendment {
        content,
        life,
        category,
    })
}

/// Whether a name is one: 1 to 512 of `a-z`, `0-9` and `_`.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

fn draft(body: &Value, name: String, many: bool) -> Result<Draft, GraphError> {
    category(body)?;
    let components = &body["components"];
    if components.is_null() {
        return Err(missing("components"));
    }
    Ok(Draft {
        name,
        content: content(components, many)?,
        components: components.clone(),
        life: life(body)?,
    })
}

fn name(body: &Value) -> Result<String, GraphError> {
    if !body.is_object() {
        return Err(GraphError::new(100, "The request body must be a JSON object."));
    }
    let name = required_text(body, "name")?;
    if is_name(name) {
        return Ok(name.into());
    }
    Err(refused(
        "Invalid template name",
        "name must be 1 to 512 characters of lowercase letters, digits and underscores.",
    ))
}

fn category(body: &Value) -> Result<String, GraphError> {
    let category = required_text(body, "category")?.to_ascii_uppercase();
    match category.as_str() {
        "AUTHENTICATION" => Ok(category),
        "MARKETING" | "UTILITY" => Err(refused(
            "Unsupported category",
            "The simulator has templates of category AUTHENTICATION only.",
        )),
        _ => Err(refused(
            "Invalid category",
            "category must be one of AUTHENTICATION, MARKETING and UTILITY.",
        )),
    }
}

fn check_language(code: &str) -> Result<(), GraphError> {
    if is_known(code) {
        return Ok(());
    }
    Err(refused(
        "Invalid language",
        "A language must be a code of Meta's list, such as en_US, es or pt_BR.",
    ))
}

fn life(body: &Value) -> Result<Option<Life>, GraphError> {
    let value = &body["message_send_ttl_seconds"];
    if value.is_null() {
        return Ok(None);
    }
    if value.as_i64() == Some(-1) {
        return Ok(Some(Life(None)));
    }
    match value.as_u64() {
        Some(seconds) if (LIFE_S_MIN..=LIFE_S_MAX).contains(&seconds) => {
            Ok(Some(Life(Some(Duration::from_secs(seconds)))))
        }
        _ => Err(refused(
            "Invalid time to live",
            "message_send_ttl_seconds must be 30 to 900, or -1 for 30 days.",
        )),
    }
}

/// Reads components: one body, at most one footer, and the buttons. `many` is for the endpoint of many languages, where
/// nobody chooses words.
fn content(components: &Value, many: bool) -> Result<Content, GraphError> {
    let components = components
        .as_array()
        .ok_or_else(|| refused("Invalid components", "components must be a list."))?;
    let (mut body, mut footer, mut buttons) = (None, None, None);
    for component in components {
        let kind = word(&component["type"]);
        let place = match kind.as_str() {
            "BODY" => &mut body,
            "FOOTER" => &mut footer,
            "BUTTONS" => &mut buttons,
            "HEADER" => {
                return Err(refused_as(
                    HEADER,
                    "Unsupported component",
                    "An authentication template has no HEADER.",
                ));
            }
            _ => {
                return Err(refused(
                    "Unsupported component",
                    "A component must be of type BODY, FOOTER or BUTTONS.",
                ));
            }
        };
        if place.replace(component).is_some() {
            return Err(refused(
                "Repeated component",
                format!("components must hold {kind} only once."),
            ));
        }
    }
    let body = body.ok_or_else(|| refused_as(BODY, "Missing body", "components must hold a BODY."))?;
    let buttons = buttons.ok_or_else(|| {
        refused(
            "Missing button",
            "components must hold BUTTONS with one OTP button: a template without it cannot be sent.",
        )
    })?;
    Ok(Content {
        security: security(body)?,
        minutes: footer.map(minutes).transpose()?,
        button: button(buttons, many)?,
    })
}

fn security(body: &Value) -> Result<bool, GraphError> {
    if !body["text"].is_null() {
        return Err(refused_as(
            BODY,
            "Fixed text",
            "Meta writes the BODY of an authentication template: leave text out.",
        ));
    }
    match &body["add_security_recommendation"] {
        Value::Null => Ok(false),
        Value::Bool(wanted) => Ok(*wanted),
        _ => Err(refused_as(
            BODY,
            "Invalid body",
            "add_security_recommendation must be true or false.",
        )),
    }
}

fn minutes(footer: &Value) -> Result<u8, GraphError> {
    if !footer["text"].is_null() {
        return Err(refused_as(
            FOOTER,
            "Fixed text",
            "Meta writes the FOOTER of an authentication template: leave text out.",
        ));
    }
    let minutes = footer["code_expiration_minutes"].as_u64();
    minutes
        .filter(|minutes| (1..=MINUTES_MAX).contains(minutes))
        .and_then(|minutes| u8::try_from(minutes).ok())
        .ok_or_else(|| {
            refused_as(
                FOOTER,
                "Invalid footer",
                "code_expiration_minutes must be a whole number of 1 to 90.",
            )
        })
}

fn required_text<'body>(body: &'body Value, key: &str) -> Result<&'body str, GraphError> {
    match &body[key] {
        Value::Null => Err(missing(key)),
        Value::String(text) => Ok(text),
        _ => Err(GraphError::new(100, &format!("Param {key} must be a string."))),
    }
}

/// An enum's value, read in either case.
pub(crate) fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_ascii_uppercase()
}
