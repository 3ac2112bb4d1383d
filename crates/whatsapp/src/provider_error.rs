//! An error as the provider writes it, read with patience: in an answer, in a status, in an account's webhook.
//!
//! Kept out: what the code means, which is the table's business.

use countersign_domain::delivery::ProviderReport;
use serde_json::Value;

use crate::errors;
use crate::mask::masked;

/// An error in the provider's words, which may still hold a phone number: only [`ProviderError::report`] leaves.
pub(crate) struct ProviderError {
    /// Its code; `None` when it has none that can be read.
    pub(crate) code: Option<u32>,
    /// Whether the provider says that it will pass. Only in answers.
    pub(crate) is_transient: bool,
    title: String,
    details: String,
}

impl ProviderError {
    /// Reads one error object; `None` when it is no object.
    ///
    /// `error_data` is an object with `details`, a plain string, or absent (Meta: error codes page, and the field).
    /// Answers call the title `message`; webhooks have both, and they are equal.
    pub(crate) fn read(error: &Value) -> Option<Self> {
        let error = error.as_object()?;
        let text = |name: &str| error.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
        let details = match error.get("error_data") {
            Some(Value::String(details)) => Some(details.as_str()),
            Some(data) => data.get("details").and_then(Value::as_str),
            None => None,
        };
        let title = text("title").or(text("message"));
        // When they differ, the message is the longer story.
        let details = details.or(text("message").filter(|message| Some(*message) != title));
        Some(Self {
            code: error.get("code").and_then(number).map(|it| known_as(it, error)),
            is_transient: error.get("is_transient") == Some(&Value::Bool(true)),
            title: title.unwrap_or_default().to_owned(),
            details: details.unwrap_or_default().to_owned(),
        })
    }

    /// What may be kept and shown of it. `code` is the code of the message, where it is known.
    pub(crate) fn report(&self, code: Option<&str>) -> ProviderReport {
        let ours = self.code.and_then(errors::row).map_or("", |row| row.title);
        let title = if self.title.is_empty() { ours } else { &self.title };
        ProviderReport::new(
            self.code.unwrap_or_default(),
            &masked(title, code),
            &masked(&self.details, code),
        )
    }
}

/// A sender that is gone, or that the token may not use, is code 100 with this subcode (Meta: Graph API errors). On its
/// own 100 is a fault of the request.
fn known_as(read: u32, error: &serde_json::Map<String, Value>) -> u32 {
    let subcode = error.get("error_subcode").and_then(number);
    if (read, subcode) == (100, Some(33)) { 33 } else { read }
}

/// A number, or digits in a string.
pub(crate) fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok(),
        Value::String(digits) => digits.parse().ok(),
        _ => None,
    }
}
