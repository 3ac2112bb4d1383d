//! What a caller binds a code to: amount, currency, payee, or whatever must not change between start and check.

use std::collections::BTreeMap;
use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::key::Identity;

/// The most pairs a context may have.
pub const PAIRS_MAX: usize = 16;
/// The most bytes a key may have.
pub const KEY_BYTES_MAX: usize = 64;
/// The most bytes a value may have.
pub const VALUE_BYTES_MAX: usize = 256;

/// A keyed digest of a context. All that is ever kept of it (R20).
#[derive(Clone, Copy)]
pub struct ContextDigest([u8; 16]);

impl ContextDigest {
    /// Digests the pairs, whatever order they came in. No pairs is no context.
    pub fn new(identity: &Identity, pairs: &BTreeMap<String, String>) -> Result<Option<Self>, ContextError> {
        if pairs.is_empty() {
            return Ok(None);
        }
        if pairs.len() > PAIRS_MAX {
            return Err(ContextError::TooManyPairs);
        }
        for (key, value) in pairs {
            if key.is_empty() || key.len() > KEY_BYTES_MAX {
                return Err(ContextError::KeyLength);
            }
            if value.len() > VALUE_BYTES_MAX {
                return Err(ContextError::ValueTooLong);
            }
        }
        let fields: Vec<&[u8]> = pairs
            .iter()
            .flat_map(|(key, value)| [key.as_bytes(), value.as_bytes()])
            .collect();
        Ok(Some(Self(crate::key::truncated(
            identity.digest("countersign context v1", &fields),
        ))))
    }

    /// A digest from the bytes a store kept.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes a store keeps.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for ContextDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ContextDigest {}

impl fmt::Debug for ContextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContextDigest(redacted)")
    }
}

/// Why a context is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ContextError {
    /// There are too many pairs.
    #[error("must have at most 16 pairs")]
    TooManyPairs,
    /// A key is empty or too long.
    #[error("keys must have 1 to 64 bytes")]
    KeyLength,
    /// A value is too long.
    #[error("values must have at most 256 bytes")]
    ValueTooLong,
}
