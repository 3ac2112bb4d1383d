//! Names and identifiers: slugs from configuration, the recipient's key, the verification's id.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::key::{Identity, truncated};
use crate::phone::PhoneNumber;

/// Why a text is not an identifier. The message says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdError {
    /// The text is not a slug.
    #[error("must be 1 to 32 characters of a-z, 0-9, '_' and '-', starting with a letter")]
    Slug,
    /// The text is not a verification id.
    #[error("must be a verification id: 'cs_' and 39 characters of lower-case base-32, as StartVerification answered")]
    Verification,
}

pub(crate) fn is_slug(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=32).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A slug: 1 to 32 characters of `a-z`, `0-9`, `_` and `-`, starting with a letter.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads the slug.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                if is_slug(text) { Ok(Self(text.to_owned())) } else { Err(IdError::Slug) }
            }

            /// The slug as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

slug! {
    /// One product that asks for verifications.
    AppId
}
slug! {
    /// What a code is for. A code for one purpose is worthless for another.
    Purpose
}
slug! {
    /// An authenticated internal service.
    CallerId
}
slug! {
    /// Which installation a webhook reference belongs to, for numbers that several environments share.
    Environment
}

/// Where a recipient's record lives: a keyed digest of app, purpose and phone (128 bits).
///
/// Without the installation's key nobody can go from a key to a phone or from a phone to a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecipientKey([u8; 16]);

impl RecipientKey {
    /// The key of a phone as `app` uses it for `purpose`.
    pub fn derive(identity: &Identity, app: &AppId, purpose: &Purpose, phone: &PhoneNumber) -> Self {
        let fields = [
            app.as_str().as_bytes(),
            purpose.as_str().as_bytes(),
            phone.expose().as_bytes(),
        ];
        Self(truncated(identity.digest("countersign recipient v1", &fields)))
    }

    /// A key from the bytes a store kept.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes a store keeps.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The shard this recipient's wake-up index lives in.
    pub fn shard(&self, count: ShardCount) -> Shard {
        Shard::of(&self.0, count)
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKey({})", BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

/// One slice of the recipients, so that the work of waking them can be spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u16);

impl Shard {
    /// The shard of a keyed digest, whose bytes are evenly spread.
    pub(crate) const fn of(digest: &[u8; 16], count: ShardCount) -> Self {
        Self(u16::from_be_bytes([digest[0], digest[1]]) % count.0)
    }

    /// The shard's number, from 0.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// How many shards an installation has, 1 to 1024; fixed for the life of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardCount(u16);

impl ShardCount {
    /// What an installation gets when it says nothing.
    pub const DEFAULT: Self = Self(16);

    /// A count of 1 to 1024, or nothing.
    pub const fn new(count: u16) -> Option<Self> {
        if count >= 1 && count <= 1024 {
            Some(Self(count))
        } else {
            None
        }
    }

    /// How many.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Every shard, in order.
    pub fn shards(self) -> impl Iterator<Item = Shard> {
        (0..self.0).map(Shard)
    }
}

/// The number of a verification within its recipient, from 1. Never used twice while the record lives.
pub type Serial = u32;

/// The public name of a verification: `cs_` and 39 characters of lower-case base-32 over the recipient's key, the
/// serial and a four-byte tag.
///
/// The tag is keyed and depends on the record's salt, so an id cannot be counted up to the next one, and an id from
/// before a record was evicted does not name a verification of the record that came after.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerificationId {
    recipient: RecipientKey,
    serial: Serial,
    tag: [u8; 4],
}

impl VerificationId {
    const PREFIX: &str = "cs_";

    /// The id of verification `serial` in the record at `recipient` whose salt is `salt`.
    pub fn new(identity: &Identity, recipient: RecipientKey, serial: Serial, salt: &[u8]) -> Self {
        let digest = identity.digest(
            "countersign verification v1",
            &[&recipient.0, &serial.to_be_bytes(), salt],
        );
        Self {
            recipient,
            serial,
            tag: truncated(digest),
        }
    }

    /// Reads an id. A well-formed id may still name nothing.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let body = text.strip_prefix(Self::PREFIX).ok_or(IdError::Verification)?;
        if body.len() != 39 || body.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(IdError::Verification);
        }
        let bytes = BASE32_NOPAD
            .decode(body.to_ascii_uppercase().as_bytes())
            .map_err(|_| IdError::Verification)?;
        let bytes: [u8; 24] = bytes.try_into().map_err(|_| IdError::Verification)?;
        let mut recipient = [0; 16];
        recipient.copy_from_slice(&bytes[..16]);
        let mut serial = [0; 4];
        serial.copy_from_slice(&bytes[16..20]);
        let mut tag = [0; 4];
        tag.copy_from_slice(&bytes[20..]);
        Ok(Self {
            recipient: RecipientKey(recipient),
            serial: Serial::from_be_bytes(serial),
            tag,
        })
    }

    /// Where the recipient's record lives.
    pub const fn recipient(&self) -> RecipientKey {
        self.recipient
    }

    /// The number of the verification within its recipient.
    pub const fn serial(&self) -> Serial {
        self.serial
    }

    /// Whether this id was given out for the record with that salt.
    pub(crate) fn belongs_to(&self, identity: &Identity, salt: &[u8]) -> bool {
        let genuine = Self::new(identity, self.recipient, self.serial, salt);
        genuine.tag.ct_eq(&self.tag).into()
    }
}

impl fmt::Display for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.recipient.0);
        bytes[16..20].copy_from_slice(&self.serial.to_be_bytes());
        bytes[20..].copy_from_slice(&self.tag);
        // Written on every line of the log, so without an allocation.
        let mut body = [0; 39];
        BASE32_NOPAD.encode_mut(&bytes, &mut body);
        body.make_ascii_lowercase();
        f.write_str(Self::PREFIX)?;
        f.write_str(std::str::from_utf8(&body).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for VerificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A verification with the app and the purpose it belongs to, as events and logs speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The app.
    pub app: AppId,
    /// The purpose.
    pub purpose: Purpose,
    /// The verification.
    pub verification: VerificationId,
}
