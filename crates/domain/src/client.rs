//! Whom a request is about, beside the phone: where it comes from, as the caller says. The caller is accountable for it
//! (R22): nothing here is read from a header.

use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// Bytes of an answer to a challenge at most. A true one of our proof of work has about 400; the tokens of known
/// services that tell people from programs have up to as many as this (Cloudflare Turnstile).
pub const CHALLENGE_ANSWER_BYTES_MAX: usize = 2_048;

/// What a caller says about the person's device. Everything may be missing, and what is missing is never a way around a
/// rule: a rule that needs it then counts all such requests of the caller as one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address of the person's device as the caller's edge saw it. An IPv4 address inside IPv6 counts as IPv4.
    pub address: Option<IpAddr>,
    /// The caller's own id of the device.
    pub device: Option<DeviceId>,
    /// The person's answer to a challenge of ours: at most [`CHALLENGE_ANSWER_BYTES_MAX`].
    pub challenge_answer: Option<String>,
    /// Whether the caller has challenged the person by its own means.
    pub is_challenged: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(redacted)")
    }
}

/// A caller's id of a device: 1 to 128 printable ASCII characters without spaces.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    /// Reads a device id; an empty text is none.
    pub fn parse(text: &str) -> Result<Option<Self>, DeviceIdError> {
        if text.is_empty() {
            return Ok(None);
        }
        let fits = text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Some(Self(text.to_owned())))
        } else {
            Err(DeviceIdError)
        }
    }

    /// The id as the caller wrote it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceId(redacted)")
    }
}

/// Why a text is not a device id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("must be 1 to 128 printable ASCII characters without spaces")]
pub struct DeviceIdError;
