//! What goes over the wire in Meta's shapes: the answer to a send, the error envelope, the ids. Kept out: the bodies of
//! webhooks, and deciding what is due.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::errors::{ErrorCode, http_status_of};
use crate::phone::Message;

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
    /// For humans too, of the management endpoints.
    pub(crate) user: Option<Box<UserError>>,
}

/// What Meta says to a person about a template that is refused.
#[derive(Debug)]
pub(crate) struct UserError {
    pub(crate) title: String,
    pub(crate) message: String,
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
            user: None,
        }
    }

    /// An error as Meta's table has it. A code that is not in the table is an unknown error.
    pub(crate) fn documented(code: u32) -> Self {
        match ErrorCode::of(code) {
            Some(row) => Self::new(code, row.title).with_details(row.details),
            None => Self::new(code, "An unknown error has occurred."),
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
        if let Some(user) = &self.user {
            error["is_transient"] = false.into();
            error["error_user_title"] = user.title.clone().into();
            error["error_user_msg"] = user.message.clone().into();
        }
        json!({ "error": error })
    }
}

/// The answer to an accepted send. `input` is the recipient as the sender wrote it.
pub(crate) fn accepted(input: &str, message: &Message, held: bool) -> Value {
    let status = if held {
        "held_for_quality_assessment"
    } else {
        "accepted"
    };
    json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": input, "wa_id": message.wa_id }],
        "messages": [{ "id": message.id, "message_status": status }],
    })
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

/// The hash of who holds a number, which looks like Meta's: 12 characters of Base64. Another one for each change of
/// hands.
pub(crate) fn identity_hash(digits: &str, changes: u64) -> String {
    let key = fingerprint(&["identity", digits, &changes.to_string()]);
    STANDARD.encode(&key[..8])
}

/// A number that depends on nothing but these three, for choices that have to come out the same again.
pub(crate) fn draw(seed: u64, number: u64, what: &str) -> u64 {
    let key = fingerprint(&["draw", &seed.to_string(), &number.to_string(), what]);
    let first = key.iter().take(8);
    first.fold(0, |number, byte| number << 8 | u64::from(*byte))
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

/// A text in a query: a space is a plus, and all but letters, digits and `-._~*` is escaped.
pub(crate) fn form_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte == b' ' {
            encoded.push('+');
        } else if byte.is_ascii_alphanumeric() || b"-._~*".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex(&[byte]).to_uppercase());
        }
    }
    encoded
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

/// Writes slashes and everything beyond ASCII as escapes, as Meta does. Who parses and writes the body again before
/// checking the signature gets other bytes, and shall notice here. Both occur only inside strings of a JSON text.
pub(crate) fn escaped(json: &str) -> String {
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
