//! What has to be true, worked out without a line of the adapter: who is genuine by RFC 2104, and what a post says by
//! Meta's page about statuses.

use axum::http::HeaderValue;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::forge::Post;

/// How long the blocks of SHA-256 are.
const BLOCK_BYTES: usize = 64;

/// Whether one of the secrets signed exactly these bytes, in exactly Meta's spelling, in exactly one header.
pub(super) fn is_genuine(post: &Post, secrets: &[&str]) -> bool {
    let is_signature = |name: &str| name.eq_ignore_ascii_case("X-Hub-Signature-256");
    let signatures = post.headers.iter().filter(|(name, _)| is_signature(name));
    let signatures: Vec<&HeaderValue> = signatures.map(|(_, value)| value).collect();
    let [signature] = signatures[..] else { return false };
    let right = |secret: &&str| signature.as_bytes() == spelled(&hmac(secret.as_bytes(), &post.body)).as_bytes();
    secrets.iter().any(right)
}

/// A digest as Meta spells it.
pub(super) fn spelled(digest: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let digits = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    "sha256=".chars().chain(digits).collect()
}

/// HMAC-SHA-256 as RFC 2104 writes it.
pub(super) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new()
        .chain_update(block.map(|it| it ^ 0x36))
        .chain_update(message);
    let outer = Sha256::new().chain_update(block.map(|it| it ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

/// How far a message is: Meta's words in the order of what they prove.
pub(super) fn step_of(word: &str) -> u8 {
    match word {
        "accepted" => 0,
        "sent" => 1,
        "failed" => 2,
        "delivered" => 3,
        "read" => 4,
        other => panic!("no webhook leads to {other}"),
    }
}

/// How far a body moves each of the messages with these references, all of which were accepted.
pub(super) fn steps(body: &[u8], references: &[String]) -> Vec<u8> {
    let mut steps = vec![0; references.len()];
    let Ok(post) = serde_json::from_slice::<Value>(body) else {
        return steps;
    };
    for entry in each(&post["entry"]) {
        for change in each(&entry["changes"]) {
            for status in each(&change["value"]["statuses"]) {
                let said = status["biz_opaque_callback_data"].as_str();
                let Some(of) = references.iter().position(|it| Some(it.as_str()) == said) else {
                    continue;
                };
                if let Some(word @ ("sent" | "failed" | "delivered" | "read")) = status["status"].as_str() {
                    steps[of] = steps[of].max(step_of(word));
                }
            }
        }
    }
    steps
}

/// Whether a reference stands in a body, byte by byte; a backslash may spell anything.
pub(super) fn names(body: &[u8], reference: &str) -> bool {
    body.contains(&b'\\') || body.windows(reference.len()).any(|it| it == reference.as_bytes())
}

fn each(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[test]
fn the_oracle_signs_as_the_rfc_and_meta_do() {
    // RFC 4231, cases 2 and 6: a short key, and one longer than a block.
    let short = hmac(b"Jefe", b"what do ya want for nothing?");
    let digits = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(spelled(&short), format!("sha256={digits}"));
    let long = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
    let digits = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
    assert_eq!(spelled(&long), format!("sha256={digits}"));
    let body = r#"{"object":"whatsapp_business_account","entry":[]}"#;
    let digits = "dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756";
    assert_eq!(
        spelled(&hmac(b"test_app_secret", body.as_bytes())),
        format!("sha256={digits}")
    );
}
