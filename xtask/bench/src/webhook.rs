//! Webhooks as Meta posts them, signed.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::Outcome;
use crate::clock::wall_millis;
use crate::exchange::Exchange;
use crate::service::{APP_SECRET, PHONE_NUMBER_ID};
use crate::target::Opened;

/// Posts one webhook that says of these messages that they were delivered.
pub(crate) async fn delivered(exchange: &Exchange, callback: &str, messages: &[Opened]) -> Outcome<()> {
    let statuses: Vec<Value> = messages.iter().map(status).collect();
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": "102290129340398", "changes": [{ "field": "messages", "value": {
            "messaging_product": "whatsapp",
            "metadata": { "display_phone_number": "15550783881", "phone_number_id": PHONE_NUMBER_ID },
            "statuses": statuses,
        } }] }],
    })
    .to_string();
    let signature = signature(body.as_bytes())?;
    exchange.post(callback, ("x-hub-signature-256", &signature), body).await
}

fn status(message: &Opened) -> Value {
    json!({
        "id": format!("wamid.{}", message.reference),
        "status": "delivered",
        "timestamp": (wall_millis() / 1000).to_string(),
        "recipient_id": message.phone.trim_start_matches('+'),
        "biz_opaque_callback_data": message.reference,
    })
}

fn signature(body: &[u8]) -> Outcome<String> {
    let mac = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes());
    let mut mac = mac.map_err(|error| format!("cannot sign: {error}"))?;
    mac.update(body);
    let digest = data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes());
    Ok(format!("sha256={digest}"))
}
