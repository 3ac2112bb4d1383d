//! The stored form of a recipient: the domain's types without their meaning, so that a change there cannot silently
//! change what is stored.
//!
//! Moments are kept as milliseconds before or after the record's last change, which makes most of them two to four
//! bytes long. The order of fields and of variants is the format: new variants go to the end.

use serde::{Deserialize, Serialize};

use super::seal::SEALED;

/// Milliseconds from the record's last change, either way.
pub(super) type Offset = i64;

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRecipient<'a> {
    pub(super) changed_at: u64,
    pub(super) keep_until: Offset,
    pub(super) app: &'a str,
    pub(super) purpose: &'a str,
    pub(super) salt: [u8; 16],
    pub(super) phone: Option<[u8; SEALED]>,
    pub(super) last_serial: u32,
    #[serde(borrow)]
    pub(super) verifications: Vec<StoredVerification<'a>>,
    pub(super) sends: Vec<Offset>,
    pub(super) unanswered_sends: u32,
    pub(super) approved_at: Option<Offset>,
    pub(super) wrong_guesses: Vec<Offset>,
    pub(super) consecutive_wrong_guesses: u32,
    pub(super) last_wrong_guess_at: Option<Offset>,
    pub(super) held_until: Option<Offset>,
    pub(super) requests: Vec<StoredRequest>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredVerification<'a> {
    pub(super) serial: u32,
    pub(super) opened_at: Offset,
    pub(super) expires_at: Offset,
    pub(super) key: &'a str,
    pub(super) generation: u16,
    pub(super) keep_previous: bool,
    pub(super) length: u8,
    pub(super) alphabet: StoredAlphabet,
    pub(super) context: Option<[u8; 16]>,
    pub(super) wrong_guesses: u8,
    pub(super) guesses_max: u8,
    #[serde(borrow)]
    pub(super) deliveries: Vec<StoredDelivery<'a>>,
    pub(super) state: StoredState,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredAlphabet {
    Numeric,
    Unambiguous,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredState {
    Open,
    Approved(Offset),
    Expired(Offset),
    Exhausted(Offset),
    Canceled(Offset, StoredCanceledBy),
    Failed(Offset, StoredReason),
    Blocked(Offset),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredCanceledBy {
    Caller,
    Person,
    Newer,
    KeyWithdrawn,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredReason {
    Undeliverable,
    Misconfigured,
    Throttled,
    ProviderUnavailable,
    TooLate,
    Superseded,
    CountryBarred,
    IdentityChanged,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredDelivery<'a> {
    pub(super) number: u16,
    pub(super) generation: u16,
    pub(super) language: &'a str,
    pub(super) created_at: Offset,
    pub(super) updated_at: Offset,
    pub(super) tries: u8,
    pub(super) repeated: bool,
    pub(super) drop_at: Option<Offset>,
    pub(super) state: StoredDeliveryState,
    #[serde(borrow)]
    pub(super) report: Option<StoredReport<'a>>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredDeliveryState {
    Due(Offset),
    Sending(Offset),
    Unknown(Option<Offset>),
    Accepted,
    Held,
    Sent,
    Dropped,
    Failed(StoredReason),
    Delivered,
    Read,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredReport<'a> {
    pub(super) code: u32,
    pub(super) title: &'a str,
    pub(super) details: &'a str,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct StoredRequest {
    pub(super) id: [u8; 16],
    pub(super) body: [u8; 8],
    pub(super) at: Offset,
    pub(super) serial: u32,
    pub(super) answer: StoredAnswer,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredAnswer {
    Start(StoredStartOutcome, Option<u16>),
    Check(StoredCheckOutcome),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredStartOutcome {
    Opened,
    Joined,
    Resent,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum StoredCheckOutcome {
    Approved,
    Incorrect,
    Exhausted,
    AlreadyApproved(Offset),
    ContextMismatch,
    Expired,
    Canceled,
    Held(Offset),
    Failed,
}
