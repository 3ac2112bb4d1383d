//! The stand-in for Meta, in this process, and webhooks written by hand.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign_simulator::{Config, Controls, Fault, Message, Pace, Phone, PhoneNumber, Simulator, signature};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::common::clock::wall_millis;
use crate::common::http::{Reply, post};
use crate::common::plan::{META_APP_SECRET, META_TOKEN, META_VERIFY_TOKEN, PHONE_NUMBER_ID};
use countersign_testkit::wait::soon;

/// Nothing comes after acceptance.
const SILENT: Pace = Pace {
    to_sent: None,
    to_delivered: None,
    to_read: None,
};

/// A running stand-in for Meta. Ends when dropped.
pub(crate) struct Meta {
    pub(crate) phone: Phone,
    pub(crate) controls: Controls,
    pub(crate) address: SocketAddr,
    _end: DropGuard,
}

impl Meta {
    /// Starts one whose messages go their way at this pace.
    pub(crate) async fn start(pace: Pace) -> Self {
        Self::start_with(pace, |_| {}).await
    }

    /// Like [`Meta::start`], with something else about it.
    pub(crate) async fn start_with(pace: Pace, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Arc::new(wall_millis));
        config.tokens = vec![META_TOKEN.to_owned()];
        META_APP_SECRET.clone_into(&mut config.app_secret);
        config.verify_token = Some(META_VERIFY_TOKEN.to_owned());
        config.pace = pace;
        config.phone_numbers = vec![number(PHONE_NUMBER_ID)];
        change(&mut config);
        let simulator = Simulator::bind(config, "127.0.0.1:0".parse().unwrap()).await.unwrap();
        let end = CancellationToken::new();
        let meta = Self {
            phone: simulator.phone(),
            controls: simulator.controls(),
            address: simulator.local_addr(),
            _end: end.clone().drop_guard(),
        };
        tokio::spawn(simulator.run(end.cancelled_owned()));
        meta
    }

    /// One at which messages stay accepted and nothing is ever told.
    pub(crate) async fn start_silent() -> Self {
        Self::start(SILENT).await
    }

    /// The same for these senders.
    pub(crate) async fn start_silent_for(senders: &[String]) -> Self {
        let numbers = senders.iter().map(|id| number(id)).collect();
        Self::start_with(SILENT, |config| config.phone_numbers = numbers).await
    }

    /// Where it answers, as a base URL.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The code in the newest message to a number, once there is one.
    pub(crate) async fn code_for(&self, number: &str) -> String {
        soon("a message", self.phone.wait_for_code(number)).await
    }
}

/// A sender as the plan describes it, and held to it: a service that goes faster is refused.
fn number(id: &str) -> PhoneNumber {
    PhoneNumber {
        id: id.to_owned(),
        throughput: 1_000,
        ..PhoneNumber::default()
    }
}

/// An answer with an error as Meta writes it.
pub(crate) fn error_answer(status: u16, code: u32, message: &str, details: &str) -> Fault {
    let error = json!({ "error": {
        "message": message,
        "type": "OAuthException",
        "code": code,
        "error_data": { "messaging_product": "whatsapp", "details": details },
        "fbtrace_id": "AbCdEfGhIjKlMnOpQrStUvW",
    } });
    Fault::Answer {
        status,
        body: error.to_string(),
    }
}

/// A webhook that tells one status of a message.
pub(crate) fn status_webhook(message: &Message, status: &str) -> Value {
    envelope(&json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550783881", "phone_number_id": PHONE_NUMBER_ID },
        "statuses": [{
            "id": message.id,
            "status": status,
            "timestamp": (wall_millis() / 1000).to_string(),
            "recipient_id": message.to.trim_start_matches('+'),
            "biz_opaque_callback_data": message.reference,
        }],
    }))
}

/// A webhook that tells that somebody, `from`, says under a message that they did not ask for a code.
pub(crate) fn disowned_webhook(message: &Message, from: &str) -> Value {
    let from = from.trim_start_matches('+');
    envelope(&json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550783881", "phone_number_id": message.phone_number_id },
        "contacts": [{ "profile": { "name": "Somebody" }, "wa_id": from }],
        "messages": [{
            "context": { "from": "15550783881", "id": message.id },
            "from": from,
            "id": "wamid.HBgMQW5zd2VyVG9BQ29kZQA=",
            "timestamp": (wall_millis() / 1000).to_string(),
            "type": "button",
            "button": { "payload": "DID_NOT_REQUEST_CODE", "text": "I didn't request a code" },
        }],
    }))
}

/// A webhook around the value of one change.
pub(crate) fn envelope(value: &Value) -> Value {
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "102290129340398", "changes": [{ "field": "messages", "value": value }] }],
    })
}

/// Posts a webhook that is signed with the right secret.
pub(crate) async fn post_signed(callback: &str, body: &str) -> Reply {
    let signature = signature(META_APP_SECRET, body.as_bytes());
    post_with(callback, &signature, body).await
}

/// Posts a webhook with any signature.
pub(crate) async fn post_with(callback: &str, signature: &str, body: &str) -> Reply {
    let headers = [("content-type", "application/json"), ("x-hub-signature-256", signature)];
    post(callback, &headers, body.to_owned()).await
}
