//! Secret keys and the one way they are used: HMAC-SHA-256 over length-prefixed fields.
//!
//! Nothing here reads a file or the environment; keys arrive as bytes and never leave.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How many bytes a secret key has.
pub const KEY_BYTES: usize = 32;

/// A 256-bit secret. Redacted in `Debug`, wiped when dropped, not comparable and not readable from outside.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; KEY_BYTES]);

impl SecretKey {
    /// Takes 32 bytes from a generator fit for keys.
    pub const fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

/// The public name of a code key, stored with every verification: 1 to 16 of `a-z`, `0-9`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Reads a key's name.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let fits = (1..=16).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeyRingError::BadId)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The keys codes are derived with: one for new verifications, the others so that open ones can still be checked.
///
/// Rotate in two roll-outs: first every instance learns the new key, then it becomes the current one. A key may be
/// taken out once every code derived with it is dead. Taken out earlier, its codes are worthless at once, which is the
/// emergency switch.
#[derive(Clone, Debug)]
pub struct KeyRing {
    current: KeyId,
    keys: BTreeMap<KeyId, SecretKey>,
}

impl KeyRing {
    /// Builds a ring whose `current` key derives new codes.
    pub fn new(current: KeyId, keys: impl IntoIterator<Item = (KeyId, SecretKey)>) -> Result<Self, KeyRingError> {
        let keys: BTreeMap<_, _> = keys.into_iter().collect();
        if !keys.contains_key(&current) {
            return Err(KeyRingError::CurrentMissing(current.0));
        }
        Ok(Self { current, keys })
    }

    /// The name of the key new codes are derived with.
    pub fn current(&self) -> &KeyId {
        &self.current
    }

    /// The name of each key with eight bytes that tell it from every other and from which nothing follows about it.
    /// For stores, so that an instance with another key under the same name is found out.
    pub fn fingerprints(&self) -> impl Iterator<Item = (&KeyId, [u8; 8])> {
        self.keys.iter().map(|(id, key)| (id, fingerprint(key)))
    }

    /// Whether the ring holds the key of that name.
    pub(crate) fn holds(&self, id: &KeyId) -> bool {
        self.keys.contains_key(id)
    }

    /// The key of that name, if the ring still holds it.
    pub(crate) fn get(&self, id: &KeyId) -> Option<&SecretKey> {
        self.keys.get(id)
    }
}

/// Why a key ring cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyRingError {
    /// A key's name has the wrong shape.
    #[error("a key's id must be 1 to 16 characters of a-z, 0-9 and '-'")]
    BadId,
    /// The ring does not hold the key that new codes should use.
    #[error("the current key {0:?} is not in the ring")]
    CurrentMissing(String),
}

/// The installation's own key: it names recipients, seals delivery references and digests requests and contexts.
///
/// It never derives a code, and it must not change while records live: a new one makes every recipient a stranger.
#[derive(Clone, Debug)]
pub struct Identity(SecretKey);

impl Identity {
    /// Takes the installation's key.
    pub const fn new(key: SecretKey) -> Self {
        Self(key)
    }

    /// Eight bytes that tell this key from every other and from which nothing follows about it.
    pub fn fingerprint(&self) -> [u8; 8] {
        fingerprint(&self.0)
    }

    /// A key for an adapter that has to seal what it keeps; other labels give other keys, and none leads back to this
    /// one.
    pub fn derive_key(&self, label: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        Zeroizing::new(self.digest("countersign derived key v1", &[label.as_bytes()]))
    }

    /// Authenticates `fields` under a `label` that no other use shares.
    pub(crate) fn digest(&self, label: &str, fields: &[&[u8]]) -> [u8; 32] {
        digest(&self.0, label, fields)
    }
}

fn fingerprint(key: &SecretKey) -> [u8; 8] {
    truncated(digest(key, "countersign fingerprint v1", &[]))
}

/// HMAC-SHA-256 of the label and the fields, each preceded by its length as four big-endian bytes.
///
/// The prefix is what keeps `("ab", "c")` and `("a", "bc")` apart.
pub(crate) fn digest(key: &SecretKey, label: &str, fields: &[&[u8]]) -> [u8; 32] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length, so this cannot fail")]
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC accepts every key length");
    for field in std::iter::once(label.as_bytes()).chain(fields.iter().copied()) {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        mac.update(&length.to_be_bytes());
        mac.update(field);
    }
    mac.finalize().into_bytes().into()
}

/// The first `N` bytes of a digest.
pub(crate) fn truncated<const N: usize>(digest: [u8; 32]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&digest[..N]);
    out
}
