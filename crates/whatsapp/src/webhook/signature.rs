//! Whether Meta sent it: HMAC-SHA-256 of the raw body with the app secret (Meta: create a webhook endpoint).

use axum::http::{HeaderMap, HeaderName};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::secret::Secret;

const HEADER: HeaderName = HeaderName::from_static("x-hub-signature-256");
const PREFIX: &str = "sha256=";
const DIGEST_BYTES: usize = 32;

/// A body whose signature was right. Only [`Verifier::verify`] makes one, and the parser takes nothing else (A14).
pub(super) struct Verified(Bytes);

impl Verified {
    /// The bytes that were signed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A signature that has the right shape and may be wrong.
pub(super) struct Signature([u8; DIGEST_BYTES]);

impl Signature {
    /// The signature among the headers, if there is exactly one and it has exactly Meta's spelling: `sha256=` and 64
    /// lowercase hexadecimal digits. Two headers are none: nobody knows which one something in between looked at.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let digits = value.to_str().ok()?.strip_prefix(PREFIX)?;
        let digest = HEXLOWER.decode(digits.as_bytes()).ok()?;
        Some(Self(digest.try_into().ok()?))
    }
}

/// Knows the app secrets.
pub(super) struct Verifier(Vec<Hmac<Sha256>>);

impl Verifier {
    /// A verifier that takes signatures made with any of these secrets.
    pub(super) fn new(secrets: &[Secret]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length, so this cannot fail")]
        let keyed = |secret: &Secret| {
            Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC accepts every key length")
        };
        Self(secrets.iter().map(keyed).collect())
    }

    /// The body, if one of the secrets made its signature. Compares every secret, each in constant time (R9).
    pub(super) fn verify(&self, signature: &Signature, body: Bytes) -> Option<Verified> {
        let mut genuine = Choice::from(0);
        for keyed in &self.0 {
            let mut mac = keyed.clone();
            mac.update(&body);
            genuine |= mac.finalize().into_bytes().as_slice().ct_eq(&signature.0);
        }
        bool::from(genuine).then_some(Verified(body))
    }
}

#[cfg(test)]
pub(super) fn verified_for_tests(body: &[u8]) -> Verified {
    Verified(Bytes::copy_from_slice(body))
}
