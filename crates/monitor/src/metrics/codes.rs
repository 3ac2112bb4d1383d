//! A bound on the provider's error codes as a label, since only the provider knows how many it has.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use countersign_domain::delivery::ProviderReport;

/// How many codes are told apart. Meta documents under a hundred for messages.
pub(super) const CODES_MAX: usize = 200;
/// The highest number that is taken for a code. Meta's have at most seven digits; nothing longer becomes a label, so
/// that no number of another kind ever does.
pub(super) const CODE_MAX: u32 = 9_999_999;

/// The label of a failure that the provider said nothing about, or gave no code for.
const NONE: &str = "none";
/// The label of every code beyond the bounds.
const OTHER: &str = "other";

/// The codes seen so far.
#[derive(Debug, Default)]
pub(super) struct Codes(Mutex<BTreeSet<u32>>);

impl Codes {
    /// What the label says of a failure: the provider's code, `none` or `other`.
    pub(super) fn label(&self, report: Option<&ProviderReport>) -> Cow<'static, str> {
        let code = match report.map(|it| it.code) {
            None | Some(0) => return Cow::Borrowed(NONE),
            Some(code) if code > CODE_MAX => return Cow::Borrowed(OTHER),
            Some(code) => code,
        };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < CODES_MAX {
            seen.insert(code);
        }
        if seen.contains(&code) {
            Cow::Owned(code.to_string())
        } else {
            Cow::Borrowed(OTHER)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(codes: &Codes, code: u32) -> String {
        let report = ProviderReport::new(code, "a title", "");
        codes.label(Some(&report)).into_owned()
    }

    #[test]
    fn a_failure_without_a_code_has_a_label_of_its_own() {
        let codes = Codes::default();
        assert_eq!(codes.label(None), "none");
        assert_eq!(label(&codes, 0), "none");
    }

    #[test]
    fn codes_beyond_the_bound_are_one_label_and_known_ones_stay_apart() {
        let codes = Codes::default();
        for code in 1..=200 {
            assert_eq!(label(&codes, code), code.to_string());
        }
        assert_eq!(label(&codes, 201), "other");
        assert_eq!(label(&codes, 200), "200");
    }

    #[test]
    fn a_number_that_is_longer_than_any_code_is_no_label() {
        let codes = Codes::default();
        assert_eq!(label(&codes, 9_999_999), "9999999");
        assert_eq!(label(&codes, 10_000_000), "other");
        assert_eq!(label(&codes, 4_155_551_234), "other");
    }
}
