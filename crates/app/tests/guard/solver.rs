//! What a person's device does about a challenge, written after docs/challenge.md and nothing else.

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The answer to a challenge, found by trying every number.
pub(crate) fn solve(challenge: &str) -> String {
    let challenge: Value = serde_json::from_str(challenge).unwrap();
    let salt = challenge["salt"].as_str().unwrap();
    let wanted = challenge["challenge"].as_str().unwrap();
    let most = challenge["maxnumber"].as_u64().unwrap();
    assert_eq!(challenge["algorithm"], "SHA-256");
    let meets = |number: &u64| HEXLOWER.encode(&Sha256::digest(format!("{salt}{number}"))) == wanted;
    let number = (0..=most).find(meets).unwrap();
    answer(&challenge, number)
}

/// An answer in the right form with the wrong number.
pub(crate) fn guess(challenge: &str) -> String {
    let challenge: Value = serde_json::from_str(challenge).unwrap();
    // Nobody draws a number beyond the largest.
    answer(&challenge, challenge["maxnumber"].as_u64().unwrap() + 1)
}

fn answer(challenge: &Value, number: u64) -> String {
    let answer = json!({
        "algorithm": challenge["algorithm"],
        "challenge": challenge["challenge"],
        "number": number,
        "salt": challenge["salt"],
        "signature": challenge["signature"],
    });
    BASE64.encode(answer.to_string().as_bytes())
}
