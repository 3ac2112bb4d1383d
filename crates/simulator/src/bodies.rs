//! The bodies of webhooks in Meta's shapes: statuses, one or many to a post, and the button a person pressed. Kept out:
//! signing and posting them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::PhoneNumber;
use crate::errors::ErrorCode;
use crate::phone::{Message, Status, StatusChange};
use crate::pricing::Pricing;
use crate::wire::{escaped, wamid};

/// One status of a message as `statuses` lists it (Meta: messages webhook, statuses).
pub(crate) struct StatusEntry<'a> {
    pub(crate) message: &'a Message,
    pub(crate) change: StatusChange,
    /// Whether `recipient_id` is in it.
    pub(crate) names_recipient: bool,
    /// `recipient_identity_key_hash`, where the sender number asked Meta for it.
    pub(crate) identity: Option<String>,
    /// `pricing`, where Meta tells it.
    pub(crate) pricing: Option<Pricing>,
}

impl StatusEntry<'_> {
    pub(crate) fn value(&self) -> Value {
        let Self {
            message,
            change,
            names_recipient,
            identity,
            pricing,
        } = self;
        let entry = Entry {
            id: &message.id,
            status: change.status,
            timestamp: (change.at_ms / 1_000).to_string(),
            recipient_id: names_recipient.then_some(&*message.wa_id),
            recipient_identity_key_hash: identity.as_deref(),
            biz_opaque_callback_data: message.reference.as_deref(),
            pricing: *pricing,
            errors: change.code.map(|code| [error(code)]),
        };
        json!(entry)
    }

    /// The same entry with a lie for a status: that what arrived has failed, and what failed has arrived.
    pub(crate) fn lie(&self) -> Value {
        let (status, code) = match self.change.status {
            Status::Failed => (Status::Delivered, None),
            _ => (Status::Failed, Some(131_026)),
        };
        let change = StatusChange {
            status,
            code,
            ..self.change
        };
        Self {
            change,
            identity: self.identity.clone(),
            pricing: self.pricing.filter(|_| status != Status::Failed),
            ..*self
        }
        .value()
    }
}

/// A webhook with these statuses of messages of one sender number, as bytes to sign and send.
pub(crate) fn statuses(account: &str, sender: &PhoneNumber, statuses: &[Value]) -> Vec<u8> {
    envelope(
        account,
        &json!({
            "messaging_product": "whatsapp",
            "metadata": metadata(sender),
            "statuses": statuses,
        }),
    )
}

/// A webhook about the account or its templates. Unlike those about messages it says when it was written.
pub(crate) fn account(account: &str, field: &str, value: &Value, at_ms: u64) -> Vec<u8> {
    let changes = json!([{ "field": field, "value": value }]);
    let envelope = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": account, "time": at_ms / 1_000, "changes": changes }],
    });
    escaped(&envelope.to_string()).into_bytes()
}

/// The webhook of a person who pressed "I didn't request a code" under a message (Meta: messages webhook, button).
/// `press` tells two presses apart.
pub(crate) fn did_not_request(
    account: &str,
    sender: &PhoneNumber,
    message: &Message,
    identity: Option<String>,
    press: u64,
    at_ms: u64,
) -> Vec<u8> {
    let from = &*message.wa_id;
    let contact = Contact {
        profile: Profile { name: "Somebody" },
        wa_id: from,
        identity_key_hash: identity,
    };
    let pressed = json!({
        "context": { "from": sender.display, "id": message.id },
        "from": from,
        // Counted down, for messages to the person are counted up.
        "id": wamid(from, press.wrapping_neg(), at_ms),
        "timestamp": (at_ms / 1_000).to_string(),
        "type": "button",
        "button": { "payload": "DID_NOT_REQUEST_CODE", "text": "I didn't request a code" },
    });
    envelope(
        account,
        &json!({
            "messaging_product": "whatsapp",
            "metadata": metadata(sender),
            "contacts": [contact],
            "messages": [pressed],
        }),
    )
}

fn envelope(account: &str, value: &Value) -> Vec<u8> {
    let envelope = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": account, "changes": [{ "field": "messages", "value": value }] }],
    });
    escaped(&envelope.to_string()).into_bytes()
}

fn metadata(sender: &PhoneNumber) -> Value {
    json!({ "display_phone_number": sender.display, "phone_number_id": sender.id })
}

/// An error as webhooks carry it: the title twice, and a sentence.
fn error(code: u32) -> Value {
    let (title, details) = ErrorCode::of(code).map_or(("Unknown error", "Something went wrong."), |row| {
        (row.title, row.details)
    });
    json!({
        "code": code,
        "title": title,
        "message": title,
        "error_data": { "details": details },
        "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
    })
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    status: Status,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_identity_key_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Value; 1]>,
}

#[derive(Serialize)]
struct Contact<'a> {
    profile: Profile,
    wa_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_key_hash: Option<String>,
}

#[derive(Serialize)]
struct Profile {
    name: &'static str,
}
