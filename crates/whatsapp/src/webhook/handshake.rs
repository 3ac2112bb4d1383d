//! The handshake by which Meta learns that an address is ours (Meta: create a webhook endpoint).

use axum::extract::Query;
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Secret;

/// The longest challenge that is given back. Meta's are about ten digits.
const CHALLENGE_BYTES_MAX: usize = 128;

/// Gives the challenge back to whoever knows the verify token.
pub(super) fn answer(uri: &Uri, verify_token: &Secret) -> Response {
    match challenge(uri, verify_token) {
        // Never as HTML, whatever the challenge says and whatever a browser would guess.
        Ok(challenge) => (
            [
                (CONTENT_TYPE, "text/plain; charset=utf-8"),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            challenge,
        )
            .into_response(),
        Err(status) => status.into_response(),
    }
}

fn challenge(uri: &Uri, verify_token: &Secret) -> Result<String, StatusCode> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| StatusCode::BAD_REQUEST)?;
    let only = |name: &str| {
        let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    };
    // The token comes first: who does not know it has nothing echoed and learns nothing.
    let known = only("hub.verify_token").is_some_and(|token| is_token(token, verify_token));
    if !known {
        return Err(StatusCode::FORBIDDEN);
    }
    if only("hub.mode").map(String::as_str) != Some("subscribe") {
        return Err(StatusCode::FORBIDDEN);
    }
    let challenge = only("hub.challenge").ok_or(StatusCode::BAD_REQUEST)?;
    let fits = (1..=CHALLENGE_BYTES_MAX).contains(&challenge.len())
        && challenge.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !fits {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(challenge.clone())
}

/// Compares digests, so that the time says nothing about the token's length either.
fn is_token(text: &str, verify_token: &Secret) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let (given, ours) = (digest(text), digest(verify_token.expose()));
    given.as_slice().ct_eq(ours.as_slice()).into()
}
