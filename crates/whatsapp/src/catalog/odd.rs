//! Odd JSON, for tests that nothing in an answer makes a reader panic.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// JSON out of the names and words that these answers are made of.
pub(super) fn odd_json() -> impl Strategy<Value = Value> {
    let words = vec![
        "",
        "OTP",
        "URL",
        "BODY",
        "FOOTER",
        "BUTTONS",
        "COPY_CODE",
        "pt_BR",
        "otp",
        "-1",
        "99999999999999999999",
        "https://www.whatsapp.com/otp/?otp_type=ONE_TAP&package_name=a.b&signature_hash=%2",
        "%",
        "2025-13-45T99",
        "K8a%2FAINcGX7",
        "com.example.app",
        "AUTHENTICATION",
        "APPROVED",
        "\u{1F600}\u{0}",
    ];
    let keys = vec![
        "id",
        "name",
        "language",
        "category",
        "status",
        "components",
        "type",
        "buttons",
        "url",
        "otp_type",
        "text",
        "supported_apps",
        "package_name",
        "signature_hash",
        "message_send_ttl_seconds",
        "quality_score",
        "score",
        "last_updated_time",
        "rejected_reason",
        "code_expiration_minutes",
        "add_security_recommendation",
        "body",
        "footer",
        "autofill_text",
        "data",
        "paging",
        "cursors",
        "after",
        "next",
        "error",
        "code",
        "message",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(words).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(select(keys.clone()), inner, 0..8).prop_map(|map| {
                Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
            }),
        ]
    })
}
