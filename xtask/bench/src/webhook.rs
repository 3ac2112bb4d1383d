//! Webhooks as Meta posts them, signed.

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::Outcome;
use crate::clock::wall_millis;
use crate::exchange::Exchange;
use crate::service::{APP_SECRET, PHONE_NUMBER_ID};
use crate::target::Opened;

/// The header that carries the signature.
pub(crate) const SIGNATURE_HEADER: &str = "x-hub-signature-256";

/// A post that is ready to go out.
#[derive(Clone)]
pub(crate) struct Post {
    /// The bytes that are signed.
    pub(crate) body: Bytes,
    signature: String,
}

impl Post {
    /// One status of this word for each of these messages.
    pub(crate) fn about(messages: &[Opened], word: &str) -> Outcome<Self> {
        let statuses: Vec<Value> = messages.iter().map(|message| status(message, word)).collect();
        let body = json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": "102290129340398", "changes": [{ "field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": { "display_phone_number": "15550783881", "phone_number_id": PHONE_NUMBER_ID },
                "statuses": statuses,
            } }] }],
        });
        let body = Bytes::from(body.to_string());
        let signature = signature(&body)?;
        Ok(Self { body, signature })
    }

    /// Hands it in and demands 200.
    pub(crate) async fn hand_in(&self, exchange: &Exchange, callback: &str) -> Outcome<()> {
        let header = (SIGNATURE_HEADER, &self.signature[..]);
        exchange.post(callback, header, self.body.clone()).await
    }
}

/// Whether the app secret made this signature: what a floor does that checks it.
pub(crate) fn is_signed(body: &[u8], said: &[u8]) -> bool {
    let digits = said.strip_prefix(b"sha256=");
    let digest = digits.and_then(|digits| data_encoding::HEXLOWER.decode(digits).ok());
    match (digest, keyed()) {
        (Some(digest), Ok(mac)) => mac.chain_update(body).verify_slice(&digest).is_ok(),
        _ => false,
    }
}

fn status(message: &Opened, word: &str) -> Value {
    json!({
        "id": format!("wamid.{}", message.reference),
        "status": word,
        "timestamp": (wall_millis() / 1000).to_string(),
        "recipient_id": message.phone.trim_start_matches('+'),
        "biz_opaque_callback_data": message.reference,
    })
}

fn signature(body: &[u8]) -> Outcome<String> {
    let digest = keyed()?.chain_update(body).finalize().into_bytes();
    Ok(format!("sha256={}", data_encoding::HEXLOWER.encode(&digest)))
}

fn keyed() -> Outcome<Hmac<Sha256>> {
    Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes()).map_err(|error| format!("cannot sign: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_recognized_and_nothing_else() {
        let post = Post::about(&[], "sent").unwrap();
        assert!(is_signed(&post.body, post.signature.as_bytes()));
        assert!(!is_signed(b"{}", post.signature.as_bytes()));
        assert!(!is_signed(&post.body, b"sha256="));
        assert!(!is_signed(&post.body, b""));
    }
}
