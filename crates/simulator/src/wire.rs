//! What goes over the wire in Meta's shapes: the answer to a send, the error envelope, the status webhook, the ids.
//! Kept out: deciding which of them is due.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::phone::{Message, Status, StatusChange};

/// An error as the Graph endpoint reports it (Meta: error codes page).
#[derive(Debug)]
pub(crate) struct GraphError {
    pub(crate) http_status: u16,
    pub(crate) code: u32,
    pub(crate) subcode: Option<u32>,
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    /// For humans; may quote names from the request, never a code or a phone.
    pub(crate) details: Option<String>,
}

impl GraphError {
    /// An error whose HTTP status follows from its code.
    pub(crate) fn new(code: u32, title: &str) -> Self {
        Self {
            http_status: http_status_of(code),
            code,
            subcode: None,
            kind: "OAuthException",
            title: title.into(),
            details: None,
        }
    }

    pub(crate) fn with_details(self, details: impl Into<String>) -> Self {
        Self {
            details: Some(details.into()),
            ..self
        }
    }

    pub(crate) fn with_http_status(self, http_status: u16) -> Self {
        Self { http_status, ..self }
    }

    /// The envelope. Errors of the gateway (190, 100 with a subcode, 2500) carry no number in front of their message.
    pub(crate) fn body(&self, trace: &str) -> Value {
        let bare = matches!(self.code, 0 | 190 | 2500) || self.subcode.is_some();
        let message = if bare {
            self.title.clone()
        } else {
            format!("(#{}) {}", self.code, self.title)
        };
        let mut error = json!({
            "message": message,
            "type": self.kind,
            "code": self.code,
            "fbtrace_id": trace,
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({ "messaging_product": "whatsapp", "details": details });
        }
        json!({ "error": error })
    }
}

/// The HTTP status Meta's table gives a code. It tells nothing about retrying: throttles are 400 too.
fn http_status_of(code: u32) -> u16 {
    match code {
        0 | 190 => 401,
        10 | 200..=299 | 368 | 130_497 | 131_005 | 131_031 => 403,
        132_001 => 404,
        3 | 131_000 | 131_016 | 131_045 | 131_057 | 133_000 => 500,
        2 | 133_004 => 503,
        _ => 400,
    }
}

/// The answer to an accepted send. `input` is the recipient as the sender wrote it.
pub(crate) fn accepted(input: &str, message: &Message) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": input, "wa_id": digits(message) }],
        "messages": [{ "id": message.id, "message_status": "accepted" }],
    })
}

/// The body of a status webhook, as bytes to sign and send (Meta: messages webhook, statuses).
pub(crate) fn status_webhook(account: &str, display: &str, message: &Message, change: StatusChange) -> Vec<u8> {
    // Meta names the price when a message is sent and once more when it is delivered.
    let priced = matches!(change.status, Status::Sent | Status::Delivered);
    let status = StatusEntry {
        id: &message.id,
        status: change.status,
        timestamp: (change.at_ms / 1_000).to_string(),
        recipient_id: digits(message),
        biz_opaque_callback_data: message.reference.as_deref(),
        pricing: priced.then_some(Pricing {
            billable: true,
            model: "PMP",
            kind: "regular",
            category: "authentication",
        }),
    };
    let envelope = json!({
        "object": "whatsapp_business_account",
        "entry": [{
            "id": account,
            "changes": [{
                "field": "messages",
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": { "display_phone_number": display, "phone_number_id": message.phone_number_id },
                    "statuses": [status],
                },
            }],
        }],
    });
    escaped(&envelope.to_string()).into_bytes()
}

/// A message id that looks like Meta's: a length-prefixed recipient and a random-looking key, in Base64. The recipient
/// is readable in it, as in real ones, so that a test can catch an id that leaks into a log.
pub(crate) fn wamid(digits: &str, number: u64, at_ms: u64) -> String {
    let key = fingerprint(&["wamid", digits, &number.to_string(), &at_ms.to_string()]);
    let mut bytes = vec![0x1c, 0x18, u8::try_from(digits.len()).unwrap_or(u8::MAX)];
    bytes.extend_from_slice(digits.as_bytes());
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, 0x11, 0x18, 0x12]);
    bytes.extend_from_slice(hex(&key[..9]).to_uppercase().as_bytes());
    bytes.push(0x00);
    format!("wamid.{}", STANDARD.encode(bytes))
}

/// An `fbtrace_id` that looks like Meta's.
pub(crate) fn trace_id(number: u64, at_ms: u64) -> String {
    let key = fingerprint(&["trace", &number.to_string(), &at_ms.to_string()]);
    format!("A{}", URL_SAFE_NO_PAD.encode(&key[..16]))
}

/// A number that a stranger to the clock does not guess, for the handshake.
pub(crate) fn challenge(at_ms: u64) -> String {
    let key = fingerprint(&["challenge", &at_ms.to_string()]);
    let number = key
        .iter()
        .take(4)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number.to_string()
}

/// The digits of a phone as Meta reads `to`: plus, spaces, dashes, dots and brackets do not matter. `None` when what
/// is left is not 7 to 15 digits, or starts with 0.
pub(crate) fn digits_of(phone: &str) -> Option<String> {
    let phone = phone.trim();
    let rest = phone.strip_prefix('+').unwrap_or(phone);
    let digits: String = rest
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-' | '.' | '(' | ')'))
        .collect();
    let plausible = (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    plausible.then_some(digits)
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

#[derive(Serialize)]
struct StatusEntry<'a> {
    id: &'a str,
    status: Status,
    timestamp: String,
    recipient_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    biz_opaque_callback_data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing: Option<Pricing>,
}

#[derive(Serialize)]
struct Pricing {
    billable: bool,
    #[serde(rename = "pricing_model")]
    model: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    category: &'static str,
}

fn digits(message: &Message) -> &str {
    message.to.trim_start_matches('+')
}

/// Writes slashes and everything beyond ASCII as escapes, as Meta does. Who parses and writes the body again before
/// checking the signature gets other bytes, and shall notice here. Both occur only inside strings of a JSON text.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '/' => text.push_str("\\/"),
            letter if letter.is_ascii() => text.push(letter),
            letter => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let [high, low] = unit.to_be_bytes();
                    text.push_str("\\u");
                    text.push_str(&hex(&[high, low]));
                }
            }
        }
    }
    text
}

fn fingerprint(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_spells_out_the_recipient() {
        let id = wamid("16505551234", 1, 1_700_000_000_000);
        assert!(id.starts_with("wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI"), "{id}");
        let bytes = STANDARD.decode(id.trim_start_matches("wamid.")).unwrap();
        assert!(bytes.windows(11).any(|window| window == b"16505551234"));
        assert_ne!(id, wamid("16505551234", 2, 1_700_000_000_000));
    }

    #[test]
    fn escapes_keep_the_meaning_of_a_json_text() {
        let value = json!({ "note": "ä/😀\"\\" });
        let text = escaped(&value.to_string());
        assert_eq!(text, r#"{"note":"\u00e4\/\ud83d\ude00\"\\"}"#);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn phones_are_read_with_and_without_decoration() {
        for written in [
            "+5511987654321",
            "5511987654321",
            "+55 (11) 98765-4321",
            " +55.11.98765.4321 ",
        ] {
            assert_eq!(digits_of(written).as_deref(), Some("5511987654321"), "{written}");
        }
        for written in [
            "",
            "+",
            "12345",
            "+0551198765",
            "1234567890123456",
            "55119876x4321",
            "++5511987654321",
            "٥٥١١٩٨٧٦",
        ] {
            assert_eq!(digits_of(written), None, "{written}");
        }
    }
}
