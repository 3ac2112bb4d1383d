//! What a post says about templates, read with the same patience as statuses (Meta: webhooks reference,
//! `message_template_status_update` and its kin).
//!
//! Meta's own examples put `field` at the wrong level, `rejection_info` beside `value`, and label a quality update as a
//! status update. So what a change is about is told by what it holds, and by its name only where nothing else tells.

use countersign_domain::template::{Category, Language, TemplateName, TemplateStatus, TemplateWord};
use countersign_domain::time::Timestamp;
use serde_json::Value;

use crate::directory::rating;
use crate::mask::masked;

/// The longest reason that is kept, in characters. Meta's explain themselves in a sentence or two.
const REASON_CHARS_MAX: usize = 300;
/// The most seconds that are taken for a moment: the year 2286. Milliseconds would be more.
const SECONDS_MAX: u64 = 9_999_999_999;

/// What a change says about one template in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TemplateSaid {
    /// The business account, as Meta calls it.
    pub(super) business_account: Option<String>,
    pub(super) name: TemplateName,
    pub(super) language: Language,
    pub(super) at: Option<Timestamp>,
    pub(super) what: Said,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Something that is so now.
    Now(TemplateWord),
    /// What Meta is going to make of the template in a day, unless somebody objects. It is not so yet.
    Soon(Category),
}

/// What became of reading one change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// It says this.
    Said(Box<TemplateSaid>),
    /// It is about a template and cannot be read.
    Skipped,
    /// It is about something else.
    Elsewhere,
}

/// Reads one change of an entry.
pub(super) fn read(entry: &Value, change: &Value) -> Read {
    let value = change.get("value").unwrap_or(change);
    let (Some(name), Some(language)) = (
        text(value, "message_template_name"),
        text(value, "message_template_language"),
    ) else {
        let field = field(entry, change);
        let is_ours = field.is_some_and(|it| it.starts_with("message_template") || it.starts_with("template_category"));
        return if is_ours { Read::Skipped } else { Read::Elsewhere };
    };
    let (Ok(name), Ok(language)) = (TemplateName::parse(name), Language::parse(language)) else {
        return Read::Skipped;
    };
    let Some(what) = said(entry, change, value) else {
        return Read::Skipped;
    };
    Read::Said(Box::new(TemplateSaid {
        business_account: id(entry),
        name,
        language,
        at: moment(entry),
        what,
    }))
}

fn said(entry: &Value, change: &Value, value: &Value) -> Option<Said> {
    if let Some(quality) = text(value, "new_quality_score") {
        return Some(Said::Now(TemplateWord::Quality(rating(quality))));
    }
    // While a change is ahead, `new_category` is the present one.
    if let Some(ahead) = text(value, "correct_category") {
        return Some(Said::Soon(category(ahead)));
    }
    if let Some(now) = text(value, "new_category") {
        return Some(Said::Now(TemplateWord::Category(category(now))));
    }
    if let Some(event) = text(value, "event") {
        return Some(Said::Now(TemplateWord::Status {
            status: status(event, value),
            reason: reason(change, value),
        }));
    }
    let elements = ["element", "title", "footer", "buttons"].map(|it| format!("message_template_{it}"));
    let holds_elements = elements.iter().any(|it| value.get(it).is_some());
    let is_named = field(entry, change) == Some("message_template_components_update");
    (holds_elements || is_named).then_some(Said::Now(TemplateWord::Components))
}

/// The status; the end of a pause may stand in the title alone.
fn status(event: &str, value: &Value) -> TemplateStatus {
    let title = value.get("other_info").and_then(|it| text(it, "title"));
    let is_over = |word: &str| word.eq_ignore_ascii_case("UNPAUSE") || word.eq_ignore_ascii_case("UNPAUSED");
    if is_over(event) || title.is_some_and(is_over) {
        return TemplateStatus::Approved;
    }
    TemplateStatus::read(&masked(event, None))
}

/// Everything Meta says about why, once, without anything that could be secret.
fn reason(change: &Value, value: &Value) -> String {
    let info = |name: &str| value.get(name).or_else(|| change.get(name)).unwrap_or(&Value::Null);
    let (other, rejection) = (info("other_info"), info("rejection_info"));
    let mut words: Vec<&str> = Vec::new();
    for word in [
        text(value, "reason"),
        text(other, "title"),
        text(other, "description"),
        text(rejection, "reason"),
        text(rejection, "recommendation"),
    ] {
        let word = word.map(str::trim).filter(|it| !it.is_empty() && *it != "NONE");
        words.extend(word.filter(|it| !words.contains(it)));
    }
    masked(&words.join("; "), None).chars().take(REASON_CHARS_MAX).collect()
}

fn category(word: &str) -> Category {
    if word.eq_ignore_ascii_case("AUTHENTICATION") {
        Category::Authentication
    } else {
        Category::Other
    }
}

/// The name of the field, wherever it stands.
fn field<'a>(entry: &'a Value, change: &'a Value) -> Option<&'a str> {
    let inside = change.get("value").and_then(|it| text(it, "field"));
    text(change, "field").or(inside).or_else(|| text(entry, "field"))
}

fn id(entry: &Value) -> Option<String> {
    match entry.get("id")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

fn moment(entry: &Value) -> Option<Timestamp> {
    let time = entry.get("time")?;
    let seconds = time.as_u64().or_else(|| time.as_str()?.parse().ok())?;
    (1..=SECONDS_MAX)
        .contains(&seconds)
        .then(|| Timestamp::from_unix_millis(seconds * 1_000))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use countersign_domain::sender::Quality;
    use serde_json::json;

    use super::*;

    fn change(field: &str, more: Value) -> Value {
        let mut value = json!({
            "message_template_id": 594_425_479_261_596_u64,
            "message_template_name": "otp",
            "message_template_language": "en-US",
        });
        let Value::Object(more) = more else { panic!("an object") };
        value.as_object_mut().expect("an object").extend(more);
        json!({ "field": field, "value": value })
    }

    fn entry() -> Value {
        json!({"id": "102290129340398", "time": 1_739_321_024})
    }

    #[track_caller]
    fn what(change: &Value) -> Said {
        match read(&entry(), change) {
            Read::Said(said) => said.what,
            other => panic!("{change}: {other:?}"),
        }
    }

    fn status_of(change: &Value) -> (String, String) {
        match what(change) {
            Said::Now(TemplateWord::Status { status, reason }) => (status.name(), reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_what_and_when_are_read() {
        let change = change(
            "message_template_status_update",
            json!({"event": "APPROVED", "reason": null}),
        );
        let expected = TemplateSaid {
            business_account: Some("102290129340398".to_owned()),
            name: TemplateName::parse("otp").expect("a name"),
            language: Language::parse("en_US").expect("a language"),
            at: Some(Timestamp::from_unix_millis(1_739_321_024_000)),
            what: Said::Now(TemplateWord::Status {
                status: TemplateStatus::Approved,
                reason: String::new(),
            }),
        };
        assert_eq!(read(&entry(), &change), Read::Said(Box::new(expected)));
    }

    #[test]
    fn a_moment_that_is_none_is_left_out() {
        for (time, expected) in [
            (json!(1_739_321_024), Some(1_739_321_024_000)),
            (json!("1739321024"), Some(1_739_321_024_000)),
            (json!(1_739_321_024_000_u64), None),
            (json!(0), None),
            (json!(-1), None),
            (json!("soon"), None),
            (json!({}), None),
        ] {
            let entry = json!({"id": 7, "time": time});
            assert_eq!(moment(&entry), expected.map(Timestamp::from_unix_millis), "{entry}");
            assert_eq!(id(&entry).as_deref(), Some("7"));
        }
    }

    #[test]
    fn reasons_are_gathered_from_wherever_they_stand() {
        let field = "message_template_status_update";
        let rejected = json!({"event": "REJECTED", "reason": "INVALID_FORMAT",
            "rejection_info": {"reason": "INVALID_FORMAT", "recommendation": "Write to +5511987654321."}});
        let expected = ("rejected".to_owned(), "INVALID_FORMAT; Write to +….".to_owned());
        assert_eq!(status_of(&change(field, rejected)), expected);
        let mut outside = change(field, json!({"event": "REJECTED", "reason": "SCAM"}));
        outside["rejection_info"] = json!({"reason": "It looks like a scam"});
        assert_eq!(
            status_of(&outside),
            ("rejected".to_owned(), "SCAM; It looks like a scam".to_owned())
        );
        let paused = json!({"event": "PAUSED", "reason": "NONE",
            "other_info": {"title": "FIRST_PAUSE", "description": "Paused for 3 hours."}});
        assert_eq!(
            status_of(&change(field, paused)),
            ("paused".to_owned(), "FIRST_PAUSE; Paused for 3 hours.".to_owned())
        );
        let endless = json!({"event": "LOCKED", "reason": "word ".repeat(1_000)});
        assert_eq!(status_of(&change(field, endless)).1.chars().count(), REASON_CHARS_MAX);
        let odd = json!({"event": "5511987654321", "reason": 7, "other_info": "x", "rejection_info": []});
        assert_eq!(status_of(&change(field, odd)), ("…".to_owned(), String::new()));
    }

    #[test]
    fn the_end_of_a_pause_is_heard() {
        let field = "message_template_status_update";
        let over = json!({"event": "PAUSED", "other_info": {"title": "UNPAUSE"}});
        assert_eq!(status_of(&change(field, over)).0, "approved");
        assert_eq!(status_of(&change(field, json!({"event": "UNPAUSED"}))).0, "approved");
    }

    #[test]
    fn a_quality_is_one_whatever_its_label() {
        let scores = json!({"previous_quality_score": "GREEN", "new_quality_score": "YELLOW"});
        for field in ["message_template_quality_update", "message_template_status_update", ""] {
            let expected = Said::Now(TemplateWord::Quality(Quality::Yellow));
            assert_eq!(what(&change(field, scores.clone())), expected, "{field}");
        }
    }

    #[test]
    fn a_category_changes_when_it_has_changed() {
        let field = "template_category_update";
        let done = json!({"previous_category": "AUTHENTICATION", "new_category": "MARKETING"});
        assert_eq!(
            what(&change(field, done)),
            Said::Now(TemplateWord::Category(Category::Other))
        );
        let back = json!({"previous_category": "MARKETING", "new_category": "authentication"});
        let expected = Said::Now(TemplateWord::Category(Category::Authentication));
        assert_eq!(what(&change(field, back)), expected);
        let ahead = json!({"correct_category": "UTILITY", "new_category": "AUTHENTICATION",
            "category_update_timestamp": 1_746_169_200});
        assert_eq!(what(&change(field, ahead)), Said::Soon(Category::Other));
    }

    #[test]
    fn components_are_told_by_what_they_hold_or_by_their_name() {
        let expected = Said::Now(TemplateWord::Components);
        for more in ["element", "title", "footer", "buttons"] {
            let more = json!({format!("message_template_{more}"): "x"});
            assert_eq!(what(&change("", more)), expected);
        }
        assert_eq!(what(&change("message_template_components_update", json!({}))), expected);
    }

    #[test]
    fn what_stands_at_the_wrong_level_is_found() {
        let expected = Said::Now(TemplateWord::Components);
        let bare = json!({"message_template_name": "otp", "message_template_language": "en",
            "field": "message_template_components_update"});
        assert_eq!(what(&bare), expected);
        assert_eq!(what(&json!({ "value": bare })), expected);
        let mut entry = entry();
        entry["field"] = json!("message_template_components_update");
        let value = json!({"message_template_name": "otp", "message_template_language": "en"});
        assert!(matches!(read(&entry, &json!({ "value": value })), Read::Said(_)));
    }

    #[test]
    fn what_cannot_be_read_is_skipped_and_what_is_no_template_is_left_to_others() {
        let without = |name: &str| {
            let mut change = change("message_template_status_update", json!({"event": "PAUSED"}));
            change["value"].as_object_mut().expect("an object").remove(name);
            change
        };
        for skipped in [
            without("message_template_name"),
            without("message_template_language"),
            without("event"),
            change("x", json!({"message_template_name": "Not a name"})),
            change("x", json!({"message_template_language": "not a language"})),
            change("x", json!({})),
        ] {
            assert_eq!(read(&entry(), &skipped), Read::Skipped, "{skipped}");
        }
        for other in [
            json!({"field": "messages", "value": {"statuses": []}}),
            json!(7),
            Value::Null,
        ] {
            assert_eq!(read(&entry(), &other), Read::Elsewhere, "{other}");
        }
    }
}
