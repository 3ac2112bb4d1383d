//! Requests that may be repeated: what is remembered so that a retry is answered and not carried out again.

use thiserror::Error;

use crate::delivery::DeliveryNumber;
use crate::id::{CallerId, Serial};
use crate::key::{Identity, truncated};
use crate::time::Timestamp;
use crate::verification::{CheckOutcome, StartOutcome};

/// How long a request is remembered.
pub const REMEMBERED_FOR: std::time::Duration = crate::time::DAY;
/// The most requests without a lasting effect (joins) a recipient remembers; the oldest is forgotten first.
pub const JOINS_REMEMBERED_MAX: usize = 8;

/// A caller's own name for one request: 1 to 64 printable ASCII characters without spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Reads a request id; an empty text is none.
    pub fn parse(text: &str) -> Result<Option<Self>, RequestIdError> {
        if text.is_empty() {
            return Ok(None);
        }
        let fits = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Some(Self(text.to_owned())))
        } else {
            Err(RequestIdError::Shape)
        }
    }
}

/// Why a text is not a request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestIdError {
    /// The text has the wrong shape.
    #[error("must be 1 to 64 printable ASCII characters without spaces, for example a UUID")]
    Shape,
}

/// A keyed digest of who asked under which id, and of what was asked.
///
/// Keyed, because the body of a check is a guess, and a plain digest of a right guess would be the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDigest {
    /// Verb, caller and request id.
    pub id: [u8; 16],
    /// The body, without the request id.
    pub body: [u8; 8],
}

impl RequestDigest {
    /// Digests a request of `caller`; `verb` keeps the ids of different verbs apart.
    pub(crate) fn new(identity: &Identity, verb: &str, caller: &CallerId, id: &RequestId, body: &[&[u8]]) -> Self {
        let fields = [verb.as_bytes(), caller.as_str().as_bytes(), id.0.as_bytes()];
        Self {
            id: truncated(identity.digest("countersign request v1", &fields)),
            body: truncated(identity.digest("countersign request body v1", body)),
        }
    }
}

/// A request that was carried out, and the answer it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedRequest {
    /// What was asked.
    pub digest: RequestDigest,
    /// When.
    pub at: Timestamp,
    /// The verification it was about.
    pub serial: Serial,
    /// What was answered.
    pub answer: RememberedAnswer,
}

/// The part of an answer that a repeat must hear again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RememberedAnswer {
    /// A start, and the delivery it led to, if any.
    Start {
        /// What the start did.
        outcome: StartOutcome,
        /// The delivery it created.
        delivery: Option<DeliveryNumber>,
    },
    /// A compared guess.
    Check(CheckOutcome),
}
