//! What challenges and answers look like: the JSON of ALTCHA, version 1.
//!
//! Nothing here is believed: an answer that was read has the right shape and no more.

use countersign_domain::client::CHALLENGE_ANSWER_BYTES_MAX;
use countersign_domain::time::Timestamp;
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};

const ALGORITHM: &str = "SHA-256";

/// The salt of a challenge, which also says what it is and until when it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Salt {
    pub(crate) nonce: [u8; 16],
    /// Whole seconds.
    pub(crate) expires_at: Timestamp,
}

impl Salt {
    /// The nonce and, as parameters that a widget reads, the moment of expiry. Ends in `&`, so that the number that is
    /// written behind it cannot run on from the moment (ALTCHA's own libraries end it like this for the same reason).
    pub(crate) fn to_text(self) -> String {
        let nonce = HEXLOWER.encode(&self.nonce);
        format!("{nonce}?expires={}&", self.expires_at.unix_millis() / 1000)
    }

    fn read(text: &str) -> Option<Self> {
        let (nonce, seconds) = text.strip_suffix('&')?.split_once("?expires=")?;
        let seconds: u64 = seconds.parse().ok()?;
        let salt = Self {
            nonce: bytes(nonce)?,
            expires_at: Timestamp::from_unix_millis(seconds.checked_mul(1000)?),
        };
        // One spelling only: not "+5" and not "05".
        (salt.to_text() == text).then_some(salt)
    }
}

/// An answer of the right shape.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) challenge: [u8; 32],
    pub(crate) number: u64,
    pub(crate) salt: Salt,
    pub(crate) salt_text: String,
    pub(crate) signature: [u8; 32],
}

impl Answer {
    /// Reads base64 of JSON. Members that are not ours, such as how long it took, are ignored.
    pub(crate) fn read(text: &str) -> Option<Self> {
        // Before anything is read (R10), also where no edge looked at it.
        if text.len() > CHALLENGE_ANSWER_BYTES_MAX {
            return None;
        }
        let json = BASE64.decode(text.as_bytes()).ok()?;
        let written: WrittenAnswer = serde_json::from_slice(&json).ok()?;
        if written.algorithm != ALGORITHM {
            return None;
        }
        Some(Self {
            challenge: bytes(&written.challenge)?,
            number: written.number,
            salt: Salt::read(&written.salt)?,
            salt_text: written.salt,
            signature: bytes(&written.signature)?,
        })
    }
}

/// The challenge as the person's device gets it.
pub(crate) fn challenge_text(challenge: &[u8], number_max: u32, salt: &str, signature: &[u8]) -> String {
    let written = WrittenChallenge {
        algorithm: ALGORITHM,
        challenge: HEXLOWER.encode(challenge),
        maxnumber: number_max,
        salt,
        signature: HEXLOWER.encode(signature),
    };
    #[expect(clippy::expect_used, reason = "texts and a number always have a JSON form")]
    serde_json::to_string(&written).expect("a plain struct is JSON")
}

#[derive(Serialize)]
struct WrittenChallenge<'a> {
    algorithm: &'a str,
    challenge: String,
    maxnumber: u32,
    salt: &'a str,
    signature: String,
}

#[derive(Deserialize)]
struct WrittenAnswer {
    algorithm: String,
    challenge: String,
    number: u64,
    salt: String,
    signature: String,
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
}
