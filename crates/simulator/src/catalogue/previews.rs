//! `message_template_previews`: what a template would say, before there is one. Kept out: the sentences (see `texts`).

use serde_json::{Value, json};

use crate::catalogue::languages::{LANGUAGES, is_known};
use crate::catalogue::node;
use crate::catalogue::refusal::missing;
use crate::texts::text_in;
use crate::wire::GraphError;

/// Answers the query. A language without sentences of its own is given in English, which Meta would not do.
pub(crate) fn answer<'query>(query: impl Fn(&str) -> Option<&'query str>) -> Result<Value, GraphError> {
    let category = query("category").ok_or_else(|| missing("category"))?;
    if !category.eq_ignore_ascii_case("authentication") {
        return Err(invalid("Param category must be one of {AUTHENTICATION}."));
    }
    let buttons = query("button_types").ok_or_else(|| missing("button_types"))?;
    if !listed(buttons).iter().any(|kind| kind.eq_ignore_ascii_case("otp")) {
        return Err(invalid("Param button_types must be one of {OTP}."));
    }
    let languages = query("languages").map_or_else(|| LANGUAGES.to_vec(), listed);
    if !languages.iter().all(|language| is_known(language)) {
        return Err(invalid("Param languages must be codes of Meta's list, such as en_US."));
    }
    let security = match query("add_security_recommendation") {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(invalid("Param add_security_recommendation must be a boolean.")),
    };
    let minutes = match query("code_expiration_minutes").map(str::parse::<u8>) {
        None => None,
        Some(Ok(minutes @ 1..=90)) => Some(minutes),
        Some(_) => {
            return Err(invalid(
                "Param code_expiration_minutes must be a whole number of 1 to 90.",
            ));
        }
    };
    let previews = languages.into_iter().map(|language| {
        let text = text_in(language);
        let mut preview = json!({
            "body": node::body(text, security),
            "buttons": [{ "autofill_text": text.autofill, "text": text.copy }],
            "language": language,
        });
        if let Some(minutes) = minutes {
            preview["footer"] = text.footer_for(minutes).into();
        }
        preview
    });
    Ok(json!({ "data": previews.collect::<Vec<_>>() }))
}

/// The refusal of an account that cannot read previews any more.
pub(crate) fn unreadable() -> GraphError {
    invalid("The edge message_template_previews cannot be read.")
}

/// A list in a query: with commas, or as JSON.
fn listed(text: &str) -> Vec<&str> {
    let bare = text.trim().trim_start_matches('[').trim_end_matches(']');
    let items = bare.split(',').map(|item| item.trim().trim_matches('"'));
    items.filter(|item| !item.is_empty()).collect()
}

fn invalid(message: &str) -> GraphError {
    GraphError::new(100, message)
}
