//! Answers as the Graph gives them, read with patience. What is odd is what was not said, and never an error.

use std::time::Duration;

use countersign_domain::ports::{Preview, TemplateReceipt};
use countersign_domain::sender::Quality;
use countersign_domain::template::{
    CatalogEntry, Category, Language, MessageLife, Said, SeenContent, TemplateId, TemplateName, TemplateStatus,
};
use countersign_domain::time::Timestamp;
use serde_json::Value;

use super::button;
use super::order::CATEGORY;
use crate::directory::rating;
use crate::mask::masked;

/// The most characters of a provider's word that is kept.
const REASON_CHARS_MAX: usize = 200;

/// One template in one language. `None` when its id, its name or its language cannot be read: then nobody could say
/// which it is.
pub(super) fn entry(node: &Value) -> Option<CatalogEntry> {
    let text = |name: &str| node.get(name)?.as_str();
    let category = text("category").is_some_and(|it| it.eq_ignore_ascii_case(CATEGORY));
    Some(CatalogEntry {
        id: id(node)?,
        name: TemplateName::parse(text("name")?).ok()?,
        language: Language::parse(text("language")?).ok()?,
        category: if category {
            Category::Authentication
        } else {
            Category::Other
        },
        status: status(node),
        rejected_reason: text("rejected_reason").and_then(reason),
        content: node
            .get("components")
            .and_then(Value::as_array)
            .map_or_else(SeenContent::default, |it| content(it)),
        message_life: node.get("message_send_ttl_seconds").map_or(Said::No, message_life),
        quality: node.get("quality_score").map_or(Quality::Unknown, quality),
        changed_at: node.get("last_updated_time").and_then(moment),
    })
}

/// What became of a template in one language. `language` is the one that was ordered, for answers that do not say.
pub(super) fn receipt(node: &Value, language: Option<&Language>) -> Option<TemplateReceipt> {
    let said = node.get("language").and_then(Value::as_str);
    let said = said.and_then(|it| Language::parse(it).ok());
    Some(TemplateReceipt {
        id: id(node)?,
        language: said.or_else(|| language.cloned())?,
        status: status(node),
    })
}

/// How messages look in one language.
pub(super) fn preview(node: &Value) -> Option<Preview> {
    let text = |name: &str| node.get(name)?.as_str();
    let button = node.get("buttons").and_then(|it| it.get(0));
    let label = |name: &str| Some(button?.get(name)?.as_str()?.to_owned());
    Some(Preview {
        language: Language::parse(text("language")?).ok()?,
        body: text("body")?.to_owned(),
        footer: text("footer").filter(|it| !it.is_empty()).map(str::to_owned),
        copy_text: label("text")?,
        autofill_text: label("autofill_text"),
    })
}

/// An id is a string, and in some answers a number.
fn id(node: &Value) -> Option<TemplateId> {
    match node.get("id")? {
        Value::String(id) => TemplateId::new(id),
        Value::Number(id) => TemplateId::new(&id.to_string()),
        _ => None,
    }
}

fn status(node: &Value) -> TemplateStatus {
    let word = node.get("status").and_then(Value::as_str).unwrap_or("unknown");
    // A word nobody knows is shown and logged.
    TemplateStatus::read(&masked(word, None))
}

fn reason(word: &str) -> Option<String> {
    let is_reason = !word.is_empty() && !word.eq_ignore_ascii_case("NONE");
    is_reason.then(|| masked(word, Some("")).chars().take(REASON_CHARS_MAX).collect())
}

fn content(components: &[Value]) -> SeenContent {
    let component = |kind: &str| {
        let is_kind = |it: &&Value| {
            it.get("type")
                .and_then(Value::as_str)
                .is_some_and(|it| it.eq_ignore_ascii_case(kind))
        };
        components.iter().find(is_kind)
    };
    let text = |it: &Value| Some(it.get("text")?.as_str()?.to_owned());
    let body = component("BODY");
    let footer = component("FOOTER");
    let buttons = component("BUTTONS").and_then(|it| it.get("buttons")?.as_array());
    SeenContent {
        security_recommendation: body
            .and_then(|it| flag(it.get("add_security_recommendation")?))
            .map_or(Said::No, Said::Yes),
        footer_minutes: match footer {
            Some(footer) => minutes(footer).map_or(Said::No, |it| Said::Yes(Some(it))),
            // Without a body this is not the whole of a template.
            None if body.is_some() => Said::Yes(None),
            None => Said::No,
        },
        button: buttons.and_then(|it| button::read(it)),
        body: body.and_then(text),
        footer: footer.and_then(text),
    }
}

fn minutes(footer: &Value) -> Option<u8> {
    let minutes = whole(footer.get("code_expiration_minutes")?)?;
    u8::try_from(minutes).ok().filter(|it| *it > 0)
}

/// -1 is 30 days (Meta: time-to-live). One page of Meta's shows the number as a string.
fn message_life(value: &Value) -> Said<MessageLife> {
    match whole(value) {
        Some(-1) => Said::Yes(MessageLife::Unlimited),
        Some(seconds @ 1..) => Said::Yes(MessageLife::Limited(Duration::from_secs(seconds.unsigned_abs()))),
        _ => Said::No,
    }
}

/// An object with a `score`, or the score alone.
fn quality(value: &Value) -> Quality {
    let score = value.get("score").unwrap_or(value).as_str().unwrap_or_default();
    rating(&score.to_ascii_uppercase())
}

/// Seconds since 1970, or a date with a time and an offset. Which of them Meta sends is not documented: the Graph
/// writes moments in either way.
fn moment(value: &Value) -> Option<Timestamp> {
    let date = |text: &str| Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    let millis = match whole(value) {
        Some(seconds) => seconds.checked_mul(1_000)?,
        None => date(value.as_str()?)?,
    };
    u64::try_from(millis).ok().map(Timestamp::from_unix_millis)
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(word) => word.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(digits) => digits.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::template::ButtonKind;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::catalog::odd::odd_json;

    fn node() -> Value {
        json!({
            "id": "594425479261596",
            "name": "authentication_code_copy_code_button",
            "language": "en_US",
            "category": "AUTHENTICATION",
            "status": "APPROVED",
            "rejected_reason": "NONE",
            "quality_score": {"score": "GREEN", "date": 1_700_000_000},
            "message_send_ttl_seconds": 600,
            "last_updated_time": 1_760_531_696,
            "components": [
                {"type": "BODY", "text": "*{{1}}* is your verification code.", "add_security_recommendation": false,
                 "example": {"body_text": [["123456"]]}},
                {"type": "FOOTER", "text": "This code expires in 10 minutes.", "code_expiration_minutes": 10},
                {"type": "BUTTONS", "buttons": [{
                    "type": "URL", "text": "Copy code",
                    "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}",
                    "example": ["https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp123456"],
                }]},
            ],
        })
    }

    fn with(name: &str, value: Value) -> CatalogEntry {
        let mut node = node();
        node[name] = value;
        entry(&node).expect("an entry")
    }

    #[test]
    fn a_template_is_read_as_meta_gives_it() {
        let entry = entry(&node()).expect("an entry");
        assert_eq!(entry.id.as_str(), "594425479261596");
        assert_eq!(entry.name.as_str(), "authentication_code_copy_code_button");
        assert_eq!(entry.language.as_str(), "en_US");
        assert_eq!(entry.category, Category::Authentication);
        assert_eq!(entry.status, TemplateStatus::Approved);
        assert_eq!(entry.rejected_reason, None);
        assert_eq!(entry.quality, Quality::Green);
        assert_eq!(
            entry.message_life,
            Said::Yes(MessageLife::Limited(Duration::from_secs(600)))
        );
        assert_eq!(entry.changed_at, Some(Timestamp::from_unix_millis(1_760_531_696_000)));
        let SeenContent {
            security_recommendation,
            footer_minutes,
            button,
            body,
            footer,
        } = entry.content;
        assert_eq!(security_recommendation, Said::Yes(false));
        assert_eq!(footer_minutes, Said::Yes(Some(10)));
        assert_eq!(button.map(|it| it.kind), Some(Said::Yes(ButtonKind::CopyCode)));
        assert_eq!(body.as_deref(), Some("*{{1}}* is your verification code."));
        assert_eq!(footer.as_deref(), Some("This code expires in 10 minutes."));
    }

    #[test]
    fn what_was_not_said_is_unsaid() {
        let bare = json!({"id": 594_425_479_261_596_u64, "name": "otp", "language": "pt-BR"});
        let bare = entry(&bare).expect("an entry");
        assert_eq!(bare.language.as_str(), "pt_BR");
        assert_eq!(bare.category, Category::Other);
        assert!(!bare.status.is_sendable());
        assert_eq!(bare.content, SeenContent::default());
        assert_eq!(bare.message_life, Said::No);
        assert_eq!(bare.changed_at, None);

        let old = json!([{"type": "body", "text": "x"}, {"type": "footer", "text": "y"}, {"type": "buttons"}]);
        let old = with("components", old).content;
        assert_eq!(old.security_recommendation, Said::No);
        assert_eq!(old.footer_minutes, Said::No);
        assert_eq!(old.button, None);
        let bare = with("components", json!([{"type": "BODY"}])).content;
        assert_eq!(bare.footer_minutes, Said::Yes(None), "there is no footer");
    }

    #[test]
    fn numbers_come_as_numbers_and_as_strings() {
        let life = |value: Value| with("message_send_ttl_seconds", value).message_life;
        let limited = |seconds| Said::Yes(MessageLife::Limited(Duration::from_secs(seconds)));
        assert_eq!(life(json!("300")), limited(300));
        assert_eq!(life(json!(30)), limited(30));
        assert_eq!(life(json!(-1)), Said::Yes(MessageLife::Unlimited));
        assert_eq!(life(json!("-1")), Said::Yes(MessageLife::Unlimited));
        for odd in [json!(0), json!(-2), json!("soon"), json!(1.5), json!(null), json!([])] {
            assert_eq!(life(odd), Said::No);
        }
        let changed = |value: Value| with("last_updated_time", value).changed_at.map(Timestamp::unix_millis);
        for same in [
            json!("1760531696"),
            json!("2025-10-15T12:34:56+0000"),
            json!("2025-10-15T09:34:56-03:00"),
            json!("2025-10-15T12:34:56Z"),
        ] {
            assert_eq!(changed(same), Some(1_760_531_696_000));
        }
        for odd in [
            json!("yesterday"),
            json!(-1),
            json!(i64::MAX),
            json!({}),
            json!("2025-10-15"),
        ] {
            assert_eq!(changed(odd), None);
        }
        let minutes = |value: Value| {
            with(
                "components",
                json!([{"type": "FOOTER", "code_expiration_minutes": value}]),
            )
            .content
            .footer_minutes
        };
        assert_eq!(minutes(json!("10")), Said::Yes(Some(10)));
        for odd in [json!(0), json!(300), json!("ten")] {
            assert_eq!(minutes(odd), Said::No);
        }
    }

    #[test]
    fn words_nobody_knows_are_kept_short_and_cannot_be_sent() {
        let new = with("status", json!("SOMETHING_NEW\nforged +5511987654321"));
        assert_eq!(new.status, TemplateStatus::Other("SOMETHING_NEW FORGED +…".to_owned()));
        assert_eq!(with("category", json!("MARKETING")).category, Category::Other);
        assert_eq!(
            with("category", json!("authentication")).category,
            Category::Authentication
        );
        assert_eq!(with("quality_score", json!("yellow")).quality, Quality::Yellow);
        assert_eq!(
            with("quality_score", json!({"score": "BLUE"})).quality,
            Quality::Unknown
        );
        assert_eq!(
            with("rejected_reason", json!("SCAM")).rejected_reason.as_deref(),
            Some("SCAM")
        );
    }

    #[test]
    fn a_template_without_a_name_for_it_is_none() {
        for (name, value) in [
            ("id", json!("")),
            ("id", json!(-1.5)),
            ("id", json!(null)),
            ("name", json!("No Name")),
            ("name", json!(7)),
            ("language", json!("")),
            ("language", json!("klingon")),
        ] {
            let mut node = node();
            node[name] = value.clone();
            assert_eq!(entry(&node), None, "{name} {value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn odd_json_never_panics(odd in odd_json(), field in select(vec![
            "id", "name", "language", "status", "components", "quality_score", "last_updated_time", "category",
        ])) {
            let _ = (entry(&odd), receipt(&odd, None), preview(&odd));
            // And where everything else can be read.
            let mut node = node();
            node[field] = odd.clone();
            let _ = entry(&node);
            node = self::node();
            node["components"][2]["buttons"] = odd;
            let _ = entry(&node);
        }
    }
}
