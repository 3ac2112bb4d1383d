//! Reading a post with patience. What Meta adds, leaves out or puts in the wrong place never costs the rest of a post.
//!
//! Some of Meta's own examples are malformed, and fields come and go without a version, so every level is looked at on
//! its own (Meta: webhooks reference, messages). Phone numbers and message ids are not even read.

use countersign_domain::delivery::{DeliveryReport, NextStep, ProviderReport};
use countersign_domain::use_case::ReportedDelivery;
use serde_json::Value;

use crate::errors;
use crate::http::Waits;
use crate::provider_error::ProviderError;
use crate::webhook::signature::Verified;

/// What a post says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Post {
    /// The statuses that can be applied, in the order they came.
    pub(super) statuses: Vec<ReportedDelivery>,
    /// How many statuses are of a kind that moves nothing, such as `played`.
    pub(super) ignored: usize,
    /// How many statuses could not be read.
    pub(super) skipped: usize,
    /// What Meta says about the account rather than about a message.
    pub(super) account_errors: Vec<ProviderReport>,
}

/// Reads a post. Never fails: what is no JSON says nothing.
pub(super) fn post(body: &Verified) -> Post {
    let mut post = Post::default();
    let Ok(envelope) = serde_json::from_slice::<Value>(body.bytes()) else {
        tracing::debug!(bytes = body.bytes().len(), "webhook is no JSON");
        return post;
    };
    // The field is not asked for its name: only `messages` has statuses, and examples exist where it stands elsewhere.
    let values = list(&envelope, "entry")
        .flat_map(|entry| list(entry, "changes"))
        .filter_map(|change| change.get("value"));
    for value in values {
        for status in list(value, "statuses") {
            match read(status) {
                Read::Status(status) => post.statuses.push(status),
                Read::Ignored => post.ignored += 1,
                Read::Skipped => post.skipped += 1,
            }
        }
        let errors = list(value, "errors").filter_map(ProviderError::read);
        post.account_errors.extend(errors.map(|error| error.report(None)));
    }
    post
}

/// The elements of a list, if there is one.
fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

enum Read {
    Status(ReportedDelivery),
    Ignored,
    Skipped,
}

fn read(status: &Value) -> Read {
    let report = match status.get("status").and_then(Value::as_str) {
        Some("sent") => DeliveryReport::Sent,
        Some("delivered") => DeliveryReport::Delivered,
        Some("read") => DeliveryReport::Read,
        Some("failed") => failed(status),
        Some(_) => return Read::Ignored,
        None => return Read::Skipped,
    };
    let reference = match status.get("biz_opaque_callback_data") {
        None | Some(Value::Null) => None,
        Some(Value::String(reference)) => Some(reference.clone()),
        Some(_) => return Read::Skipped,
    };
    Read::Status(ReportedDelivery { reference, report })
}

/// A failure after the provider had accepted the message.
///
/// A code nobody knows is `Unavailable`: the request had passed every check, so the fault is hardly ours, and nothing
/// says that it is the recipient's. The domain tries such a message a few times within the code's life and then says
/// that the provider failed.
fn failed(status: &Value) -> DeliveryReport {
    let error = list(status, "errors").find_map(ProviderError::read);
    let row = error.as_ref().and_then(|error| errors::row(error.code?));
    DeliveryReport::Failed {
        step: row.map_or(NextStep::Unavailable, |row| row.meaning.step(Waits::default())),
        report: error.map_or_else(|| ProviderReport::new(0, "", ""), |error| error.report(None)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::webhook::signature::verified_for_tests;

    fn parsed(body: &[u8]) -> Post {
        post(&verified_for_tests(body))
    }

    fn with_statuses(statuses: &Value) -> Post {
        let body = json!({"entry": [{"changes": [{"field": "messages", "value": {"statuses": statuses}}]}]});
        parsed(body.to_string().as_bytes())
    }

    #[test]
    fn every_code_means_the_same_as_in_an_answer() {
        for row in errors::ROWS {
            for code in [*row.codes.start(), *row.codes.end()] {
                let post = with_statuses(&json!([{"status": "failed", "errors": [{"code": code, "title": "no"}]}]));
                let report = DeliveryReport::Failed {
                    step: row.meaning.step(Waits::default()),
                    report: ProviderReport::new(code, "no", ""),
                };
                assert_eq!(
                    post.statuses,
                    [ReportedDelivery {
                        reference: None,
                        report
                    }],
                    "{code}"
                );
            }
        }
    }

    #[test]
    fn a_failure_nobody_knows_is_the_providers() {
        for errors in [
            Value::Null,
            json!([]),
            json!("131026"),
            json!([null, "131026"]),
            json!([{"title": "no code"}]),
            json!([{"code": 999_999}]),
            json!([{"code": -1}]),
        ] {
            let post = with_statuses(&json!([{"status": "failed", "errors": errors}]));
            let [
                ReportedDelivery {
                    report: DeliveryReport::Failed { step, .. },
                    ..
                },
            ] = post.statuses.as_slice()
            else {
                panic!("{errors}: {post:?}");
            };
            assert_eq!(*step, NextStep::Unavailable, "{errors}");
        }
    }

    #[test]
    fn error_data_may_be_anything() {
        for (data, details) in [
            (json!({"details": "to +55 11 98765-4321"}), "to +…"),
            (json!({"details": 7}), ""),
            (json!("code 482913"), "code …"),
            (json!(["x"]), ""),
            (Value::Null, ""),
        ] {
            let error = json!({"code": 131_026, "title": "no", "message": "no", "error_data": data});
            let post = with_statuses(&json!([{"status": "failed", "errors": [error]}]));
            let [
                ReportedDelivery {
                    report: DeliveryReport::Failed { report, .. },
                    ..
                },
            ] = post.statuses.as_slice()
            else {
                panic!("{post:?}");
            };
            assert_eq!(*report, ProviderReport::new(131_026, "no", details));
        }
    }

    #[test]
    fn one_bad_status_does_not_cost_the_others() {
        let post = with_statuses(&json!([
            {"status": "sent", "biz_opaque_callback_data": "a", "surprise": {}},
            {"status": "played", "biz_opaque_callback_data": "a"},
            {"status": 7},
            {},
            null,
            "delivered",
            {"status": "read", "biz_opaque_callback_data": 7},
            {"status": "delivered", "biz_opaque_callback_data": null},
        ]));
        assert_eq!((post.statuses.len(), post.ignored, post.skipped), (2, 1, 5));
        assert_eq!(post.statuses[0].reference.as_deref(), Some("a"));
        assert_eq!(post.statuses[1].report, DeliveryReport::Delivered);
    }

    #[test]
    fn what_is_said_about_the_account_is_kept_apart() {
        let body =
            json!({"entry": [7, {"changes": [null, {"value": {"errors": [{"code": 131_031, "title": "locked"}]}}]}]});
        let post = parsed(body.to_string().as_bytes());
        assert_eq!(post.account_errors, [ProviderReport::new(131_031, "locked", "")]);
    }

    #[test]
    fn nested_beyond_reason_is_no_json() {
        let body = "[".repeat(1_000_000);
        assert_eq!(parsed(body.as_bytes()), Post::default());
    }

    /// JSON that looks like a post here and there.
    fn odd_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec!["sent", "failed", "played", "131026", "", "…"]).prop_map(Value::from),
        ];
        let key = prop::sample::select(vec![
            "entry",
            "changes",
            "value",
            "statuses",
            "status",
            "errors",
            "code",
            "title",
            "message",
            "error_data",
            "details",
            "biz_opaque_callback_data",
        ]);
        leaf.prop_recursive(8, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
            parsed(&body);
        }

        #[test]
        fn odd_json_never_panics(entry in odd_json(), statuses in odd_json(), status in odd_json()) {
            parsed(json!({ "entry": entry }).to_string().as_bytes());
            with_statuses(&statuses);
            with_statuses(&json!([status]));
        }

        #[test]
        fn a_cut_or_changed_post_never_panics(at in 0..300_usize, byte in any::<u8>()) {
            let body = json!({"entry": [{"changes": [{"value": {"statuses": [
                {"status": "failed", "biz_opaque_callback_data": "a", "errors": [{"code": 131_026, "error_data": "x"}]},
            ]}}]}]});
            let mut body = body.to_string().into_bytes();
            let at = at % body.len();
            parsed(&body[..at]);
            body[at] = byte;
            parsed(&body);
        }
    }
}
