//! Why the Graph did not do what was asked, and what that is to whoever asked.

use countersign_domain::delivery::{Fault, ProviderReport, ThrottleScope};
use countersign_domain::ports::{CatalogError, Cause};
use serde_json::Value;
use thiserror::Error;

use crate::client::Answered;
use crate::errors::{self, Meaning};
use crate::http::Waits;
use crate::mask::masked;
use crate::provider_error::{ProviderError, number};

/// The largest subcode that is shown. Meta's have seven digits; more could be somebody's number.
const SUBCODE_MAX: u32 = 9_999_999;
/// The cursor of a page was too old, or never was one (Meta: error codes, since v24).
const BAD_CURSOR: u32 = 131_059;

/// What a call is about. It decides what "there is no such thing" says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// An account.
    Account,
    /// A template of an account that the token is known to reach.
    Template,
    /// Previews, which Meta may have withdrawn.
    Previews,
}

/// Why a call came to nothing.
pub(super) enum Failure {
    /// There is no answer, or none that says what became of it: it may have been done.
    Lost(Cause),
    /// The Graph says that it did nothing.
    Refused(Box<Refusal>),
}

/// What the Graph says instead of doing it.
pub(super) struct Refusal {
    status: u16,
    waits: Waits,
    /// Its error code; `None` when there is none that can be read.
    code: Option<u32>,
    is_transient: bool,
    /// Its words as they are; never shown.
    message: String,
    report: ProviderReport,
}

/// The answer is none of those that Meta documents.
#[derive(Debug, Error)]
#[error("the provider's answer is not understood")]
pub(super) struct NotUnderstood;

/// Takes an answer apart: the object it is, or why there is none.
///
/// An error is decided by its code, whatever the HTTP status is. Where there is none, something in between may have
/// answered, and only what is beyond doubt is believed.
pub(super) fn judge(status: u16, waits: Waits, body: &[u8]) -> Result<Value, Failure> {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    if let Some(error) = body.as_ref().and_then(|it| it.get("error")).filter(|it| it.is_object()) {
        return Err(Failure::Refused(Box::new(Refusal::read(status, waits, error))));
    }
    match (status, body) {
        (200..300, Some(body)) if body.is_object() => Ok(body),
        (200..300, _) => Err(Failure::Lost(NotUnderstood.into())),
        (401 | 403 | 429, _) => Err(Failure::Refused(Box::new(Refusal::wordless(status, waits)))),
        _ => Err(Failure::Lost(Answered(status).into())),
    }
}

impl Refusal {
    fn read(status: u16, waits: Waits, error: &Value) -> Self {
        let said = ProviderError::read(error);
        let code = said.as_ref().and_then(|it| it.code);
        Self {
            status,
            waits,
            code,
            is_transient: said.as_ref().is_some_and(|it| it.is_transient),
            message: error
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            report: report(error, said.as_ref()),
        }
    }

    fn wordless(status: u16, waits: Waits) -> Self {
        Self {
            status,
            waits,
            code: None,
            is_transient: false,
            message: String::new(),
            report: ProviderReport::new(0, &Answered(status).to_string(), ""),
        }
    }

    /// Whether it is about the cursor of a page.
    pub(super) fn is_bad_cursor(&self) -> bool {
        self.code == Some(BAD_CURSOR)
    }

    /// Whether it is about that field, which the Graph does not know: `(#100) Tried accessing nonexisting field (…)`.
    pub(super) fn is_about_field(&self, field: &str) -> bool {
        self.code == Some(100) && self.message.contains(field)
    }

    /// Whether the Graph says that there is no such question.
    fn is_no_question(&self) -> bool {
        let says = |words: &str| self.message.to_ascii_lowercase().contains(words);
        // 12 is a call that was withdrawn, 33 one on something that has no such edge (Meta: Graph API errors).
        matches!(self.code, Some(12 | 33 | 100)) || says("cannot be read") || says("unsupported")
    }

    fn meaning(&self) -> Option<Meaning> {
        match self.code? {
            // These belong to the Graph as a whole and never answer a message (Meta: Graph API errors).
            17 | 341 => Some(Meaning::Slow(ThrottleScope::Account)),
            102 => Some(Meaning::Broken(Fault::Account)),
            code => errors::row(code).map(|row| row.meaning),
        }
    }
}

impl Failure {
    /// What it is to whoever asked.
    pub(super) fn into_error(self, about: About) -> CatalogError {
        let refusal = match self {
            Self::Lost(cause) => return CatalogError::Unavailable(cause),
            Self::Refused(refusal) => *refusal,
        };
        let nowhere = matches!(refusal.code, Some(33 | 132_001 | 803)) || refusal.status == 404;
        match (refusal.meaning(), about) {
            (Some(Meaning::Later | Meaning::Unclear), _) => CatalogError::Unavailable(Said(refusal.report).into()),
            (Some(Meaning::Slow(_) | Meaning::SlowFor(..)), _) => throttled(refusal),
            (None, _) if refusal.is_transient => CatalogError::Unavailable(Said(refusal.report).into()),
            (_, About::Previews) if refusal.is_no_question() => CatalogError::NotOffered,
            (Some(Meaning::Broken(Fault::Account)), About::Template) if refusal.code == Some(33) => CatalogError::Gone,
            (Some(Meaning::Broken(Fault::Account)), _) => CatalogError::Denied(refusal.report),
            (_, About::Template) if nowhere => CatalogError::Gone,
            (Some(_), _) => CatalogError::Refused(refusal.report),
            (None, _) => by_status(refusal),
        }
    }
}

/// For codes that nobody knows, and for refusals without one.
fn by_status(refusal: Refusal) -> CatalogError {
    match (refusal.status, refusal.code) {
        (401 | 403, None) => CatalogError::Denied(refusal.report),
        (429, None) => throttled(refusal),
        (500.., _) => CatalogError::Unavailable(Said(refusal.report).into()),
        _ => CatalogError::Refused(refusal.report),
    }
}

/// Both waits are the account's: whoever manages its templates is the account.
fn throttled(refusal: Refusal) -> CatalogError {
    CatalogError::Throttled {
        // `None` is less than any wait.
        retry_after: refusal.waits.retry_after.max(refusal.waits.account),
        report: Some(refusal.report),
    }
}

/// What the provider said about a failure that will pass.
#[derive(Debug, Error)]
#[error("the provider says: {0}")]
struct Said(ProviderReport);

/// Meta's words for people where it has them, its other words where not, and its subcode at the end.
///
/// Masked as if no code could be in them, because none is: an order has none.
fn report(error: &Value, said: Option<&ProviderError>) -> ProviderReport {
    let plain = said.map_or_else(|| ProviderReport::new(0, "", ""), |it| it.report(Some("")));
    let for_people = |name: &str| {
        let text = error.get(name).and_then(Value::as_str).filter(|it| !it.is_empty());
        text.map(|it| masked(it, Some("")))
    };
    let title = for_people("error_user_title").unwrap_or(plain.title);
    let details = for_people("error_user_msg").unwrap_or(plain.details);
    let subcode = error.get("error_subcode").and_then(number);
    let subcode = subcode.filter(|it| (1..=SUBCODE_MAX).contains(it));
    // Added after the masking, which would take it for a phone number, and before the cut, which would take it away.
    let Some(subcode) = subcode.map(|it| format!("({it})")) else {
        return ProviderReport::new(plain.code, &title, &details);
    };
    let room = ProviderReport::DETAILS_MAX - subcode.len() - 1;
    let mut details: String = details.chars().take(room).collect();
    if !details.is_empty() {
        details.push(' ');
    }
    ProviderReport::new(plain.code, &title, &(details + &subcode))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::catalog::odd::odd_json;

    /// Whatever it is, it is one of the port's errors, and its report keeps its limits.
    fn judged(status: u16, body: &[u8]) {
        for about in [About::Account, About::Template, About::Previews] {
            let Err(failure) = judge(status, Waits::default(), body) else {
                assert!((200..300).contains(&status), "a yes with {status}");
                return;
            };
            let error = failure.into_error(about);
            if let CatalogError::Denied(report) | CatalogError::Refused(report) = &error {
                assert!(report.title.chars().count() <= ProviderReport::TITLE_MAX);
                assert!(report.details.chars().count() <= ProviderReport::DETAILS_MAX);
            }
            let _ = format!("{error} {error:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_bytes_never_panic(status in 100..600_u16, body in prop::collection::vec(any::<u8>(), 0..256)) {
            judged(status, &body);
        }

        #[test]
        fn odd_refusals_never_panic(status in 100..600_u16, code in 0..250_000_u32, odd in odd_json(), long in ".{0,700}") {
            judged(status, odd.to_string().as_bytes());
            judged(status, json!({ "error": odd }).to_string().as_bytes());
            let error = json!({
                "code": code, "message": odd, "error_data": odd, "error_subcode": code, "is_transient": odd,
                "error_user_title": long, "error_user_msg": long,
            });
            judged(status, json!({ "error": error }).to_string().as_bytes());
        }
    }
}
