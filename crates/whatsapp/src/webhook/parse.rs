//! Reading a post with patience. What Meta adds, leaves out or puts in the wrong place never costs the rest of a post.
//!
//! Some of Meta's own examples are malformed, and fields come and go without a version, so every level is looked at on
//! its own (Meta: webhooks reference, messages). Message ids become the domain's redacted type at once, and a phone number
//! is only read where a person says that they did not ask for a code.

use countersign_domain::delivery::{DeliveryReport, IdentityHash, MessageId, NextStep, ProviderReport};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::sender::SenderId;
use countersign_domain::use_case::{Disowned, ReportedDelivery};
use serde_json::Value;

use crate::errors;
use crate::http::Waits;
use crate::provider_error::ProviderError;
use crate::webhook::pricing;
use crate::webhook::signature::Verified;
use crate::webhook::templates::{self, TemplateSaid};

/// What the button "I didn't request a code" sends (Meta: authentication templates).
const DID_NOT_REQUEST: &str = "DID_NOT_REQUEST_CODE";

/// What a post says.
#[derive(Debug, Default)]
pub(super) struct Post {
    /// The statuses that can be applied, in the order they came.
    pub(super) statuses: Vec<ReportedDelivery>,
    /// What people said who did not ask for a code.
    pub(super) disowned: Vec<Disowned>,
    /// What is said about templates.
    pub(super) templates: Vec<TemplateSaid>,
    /// How many statuses are of a kind that moves nothing, such as `played`.
    pub(super) ignored: usize,
    /// How many statuses, and how many changes of templates, could not be read.
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
    let changes = list(&envelope, "entry").flat_map(|entry| list(entry, "changes").map(move |change| (entry, change)));
    for (entry, change) in changes {
        match templates::read(entry, change) {
            templates::Read::Said(said) => post.templates.push(*said),
            templates::Read::Skipped => post.skipped += 1,
            templates::Read::Elsewhere => {}
        }
        // The field is not asked for its name: only `messages` has statuses, and examples exist where it stands
        // elsewhere.
        let Some(value) = change.get("value") else { continue };
        let sender = sender(value);
        post.disowned
            .extend(list(value, "messages").filter_map(|message| disowned(message, sender.as_ref())));
        for status in list(value, "statuses") {
            match read(status, sender.as_ref()) {
                Read::Status(status) => post.statuses.push(*status),
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
    Status(Box<ReportedDelivery>),
    Ignored,
    Skipped,
}

/// The sender a change is about, by the id of its phone number.
fn sender(value: &Value) -> Option<SenderId> {
    let id = value.get("metadata")?.get("phone_number_id")?.as_str()?;
    SenderId::parse(id).ok()
}

/// A press of the button "I didn't request a code" (Meta: authentication templates). Every other message of a person
/// is not for us.
fn disowned(message: &Value, sender: Option<&SenderId>) -> Option<Disowned> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    if text(message, "type")? != "button" || text(message.get("button")?, "payload")? != DID_NOT_REQUEST {
        return None;
    }
    let from = text(message, "from")?;
    Some(Disowned {
        sender: sender.cloned(),
        // Meta writes the digits alone.
        from: PhoneNumber::parse(&format!("+{}", from.trim_start_matches('+'))).ok()?,
        message: MessageId::new(&text(message.get("context")?, "id")?)?,
    })
}

fn read(status: &Value, sender: Option<&SenderId>) -> Read {
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
    let text = |name: &str| status.get(name).and_then(Value::as_str);
    Read::Status(Box::new(ReportedDelivery {
        reference,
        report,
        pricing: status.get("pricing").and_then(pricing::read),
        message: text("id").and_then(MessageId::new),
        identity: text("recipient_identity_key_hash").and_then(IdentityHash::new),
        sender: sender.cloned(),
        // Left out for people with user names.
        phone: text("recipient_id").and_then(|it| PhoneNumber::parse(&format!("+{}", it.trim_start_matches('+'))).ok()),
    }))
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
                assert_eq!(post.statuses, [ReportedDelivery::new(None, report)], "{code}");
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
    fn a_status_brings_its_message_its_sender_who_received_it_and_its_price() {
        let value = json!({
            "metadata": {"phone_number_id": "106540352242922"},
            "statuses": [{
                "id": "wamid.x", "status": "delivered", "recipient_identity_key_hash": "DF2lS5v2W6x=",
                "pricing": {"type": "regular", "category": "authentication"},
            }],
        });
        let post = parsed(
            json!({"entry": [{"changes": [{ "value": value }]}]})
                .to_string()
                .as_bytes(),
        );
        let status = &post.statuses[0];
        assert_eq!(status.message, MessageId::new("wamid.x"));
        assert_eq!(status.identity, IdentityHash::new("DF2lS5v2W6x="));
        assert_eq!(status.sender, SenderId::parse("106540352242922").ok());
        assert_eq!(
            status.pricing,
            pricing::read(&json!({"type": "regular", "category": "authentication"}))
        );
        assert!(status.pricing.is_some());
    }

    #[test]
    fn only_the_button_that_disowns_a_code_is_heard() {
        let pressed = |payload: &str| {
            json!({"from": "5511987654321", "id": "wamid.answer", "type": "button",
                "context": {"from": "15550783881", "id": "wamid.code"}, "button": {"payload": payload, "text": "…"}})
        };
        let without = |field: &str| {
            let mut message = pressed(DID_NOT_REQUEST);
            message.as_object_mut().unwrap().remove(field);
            message
        };
        let messages = json!([
            pressed("SOMETHING_ELSE"),
            without("from"),
            without("context"),
            without("type"),
            {"from": "5511987654321", "type": "text", "text": {"body": DID_NOT_REQUEST}},
            null,
            pressed(DID_NOT_REQUEST),
        ]);
        let value = json!({"metadata": {"phone_number_id": "1001"}, "messages": messages});
        let post = parsed(
            json!({"entry": [{"changes": [{ "value": value }]}]})
                .to_string()
                .as_bytes(),
        );
        let [disowned] = &post.disowned[..] else {
            panic!("one press, and {} heard", post.disowned.len());
        };
        assert_eq!(disowned.from.expose(), "+5511987654321");
        assert_eq!(Some(&disowned.message), MessageId::new("wamid.code").as_ref());
        assert_eq!(disowned.sender, SenderId::parse("1001").ok());
    }

    #[test]
    fn nested_beyond_reason_is_no_json() {
        let body = "[".repeat(1_000_000);
        let post = parsed(body.as_bytes());
        assert!(post.statuses.is_empty() && post.account_errors.is_empty());
    }

    /// JSON that looks like a post here and there.
    fn odd_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            prop::sample::select(vec![
                "sent",
                "failed",
                "played",
                "131026",
                "",
                "…",
                "button",
                DID_NOT_REQUEST,
                "otp",
                "en-US",
                "PAUSED",
                "AUTHENTICATION",
                "message_template_components_update",
            ])
            .prop_map(Value::from),
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
            "messages",
            "type",
            "button",
            "payload",
            "context",
            "from",
            "id",
            "field",
            "time",
            "message_template_name",
            "message_template_language",
            "event",
            "reason",
            "other_info",
            "rejection_info",
            "new_quality_score",
            "new_category",
            "correct_category",
            "pricing",
            "category",
            "billable",
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
        fn odd_json_never_panics(
            entry in odd_json(),
            statuses in odd_json(),
            status in odd_json(),
            template in odd_json(),
        ) {
            let mut template = template;
            if let Some(template) = template.as_object_mut() {
                template.insert("message_template_name".to_owned(), json!("otp"));
                template.insert("message_template_language".to_owned(), json!("en-US"));
            }
            parsed(json!({"entry": [{"changes": [template, {"value": template}]}]}).to_string().as_bytes());
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
