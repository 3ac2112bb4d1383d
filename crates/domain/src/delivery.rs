//! One message carrying the code, and how far it got. Truth only moves forward.

use std::fmt;
use std::time::Duration;

use crate::key::{Identity, truncated};
use crate::recipient::{Charged, Conversion, MessagePrice};
use crate::template::{ChosenTemplate, Language};
use crate::time::Timestamp;

/// The number of a delivery within its verification, from 1.
pub type DeliveryNumber = u16;

/// One WhatsApp message that carries a code.
///
/// Fields are public because stores must write and read every one; only this crate's decisions change them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number within the verification.
    pub number: DeliveryNumber,
    /// The generation of the code it carries.
    pub generation: u16,
    /// The language it is written in.
    pub language: Language,
    /// The template it is written with, and why. `None` in records of before there was a choice.
    pub template: Option<ChosenTemplate>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
    /// How many times it was handed to the messenger.
    pub tries: u8,
    /// Whether an uncertain attempt was already repeated; there is no second repeat.
    pub repeated: bool,
    /// When it counts as dropped if no word of delivery came. Set once the provider may have it.
    pub drop_at: Option<Timestamp>,
    /// How far it got.
    pub state: DeliveryState,
    /// What the provider last said about a failure.
    pub report: Option<ProviderReport>,
    /// The messages this delivery is known to have become: one, or two when an uncertain attempt was repeated.
    pub messages: Vec<MessageTag>,
    /// What was charged for it and is not settled yet.
    pub charges: Vec<Charged>,
    /// When that was taken: before `created_at` when the delivery took the place of one that failed.
    pub charged_at: Timestamp,
    /// What it costs, as far as that is known.
    pub price: Option<MessagePrice>,
    /// Whether it was finished, as the guard counts it.
    pub conversion: Conversion,
    /// While that is awaited: when it counts as missed. Moves on until the provider has the message.
    pub matures_at: Option<Timestamp>,
}

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be sent at that time.
    Due {
        /// When.
        at: Timestamp,
    },
    /// Claimed: somebody is sending it.
    Sending {
        /// Until when the claim holds; after that the claimer counts as lost.
        lease_until: Timestamp,
    },
    /// The answer to an attempt was lost.
    Unknown {
        /// Until when a webhook may settle it, before the message is sent once more. `None` once that was done.
        settle_at: Option<Timestamp>,
    },
    /// The provider took it.
    Accepted,
    /// The provider took it and holds it for a quality assessment.
    Held,
    /// The provider sent it.
    Sent,
    /// Presumed dropped: its life is over and no word came.
    Dropped,
    /// It failed for good.
    Failed(FailureReason),
    /// It reached the phone.
    Delivered,
    /// The person opened it.
    Read,
}

impl DeliveryState {
    /// How far along the state is; truth only ever moves to a higher rank.
    ///
    /// `Delivered` and `Read` stand above `Failed` and `Dropped`, because Meta reports both for one message.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Due { .. } | Self::Sending { .. } | Self::Unknown { .. } => 0,
            Self::Accepted | Self::Held => 1,
            Self::Sent => 2,
            Self::Dropped => 3,
            Self::Failed(_) => 4,
            Self::Delivered => 5,
            Self::Read => 6,
        }
    }

    /// The state as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Due { .. } => "due",
            Self::Sending { .. } => "sending",
            Self::Unknown { .. } => "unknown",
            Self::Accepted => "accepted",
            Self::Held => "held",
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Failed(_) => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    /// Whether the message reached the phone.
    pub const fn reached(&self) -> bool {
        matches!(self, Self::Delivered | Self::Read)
    }

    /// Whether the message can still reach the phone, as far as we know.
    pub const fn is_hopeful(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }
}

/// Why a message failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureReason {
    /// The provider will never deliver to this recipient.
    Undeliverable,
    /// Our template, parameter or account is wrong.
    Misconfigured,
    /// The provider kept asking us to slow down.
    Throttled,
    /// The provider could not be reached, or kept failing.
    ProviderUnavailable,
    /// Too little of the code's life was left, or the verification ended, before it could be sent.
    TooLate,
    /// A newer message took its place before it was sent.
    Superseded,
    /// The provider bars the business from the recipient's country.
    CountryBarred,
    /// The person behind the number is no longer the one who was approved before (Meta 137000).
    IdentityChanged,
}

impl FailureReason {
    /// The reason as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Undeliverable => "undeliverable",
            Self::Misconfigured => "misconfigured",
            Self::Throttled => "throttled",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::TooLate => "too_late",
            Self::Superseded => "superseded",
            Self::CountryBarred => "country_barred",
            Self::IdentityChanged => "identity_changed",
        }
    }
}

/// The provider's own words about a failure.
///
/// An adapter masks anything in them that could be a phone number before it builds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderReport {
    /// The provider's code, 0 when there was none.
    pub code: u32,
    /// The provider's title, at most 200 characters.
    pub title: String,
    /// The provider's details, at most 500 characters.
    pub details: String,
}

impl ProviderReport {
    /// The most characters a title may have.
    pub const TITLE_MAX: usize = 200;
    /// The most characters details may have.
    pub const DETAILS_MAX: usize = 500;

    /// A report cut to its limits.
    pub fn new(code: u32, title: &str, details: &str) -> Self {
        Self {
            code,
            title: title.chars().take(Self::TITLE_MAX).collect(),
            details: details.chars().take(Self::DETAILS_MAX).collect(),
        }
    }
}

impl fmt::Display for ProviderReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.title)?;
        if self.details.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.details)
        }
    }
}

/// What a provider's error means for us: the next step, decided by code and not by HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Never again for this recipient.
    Rejected(Rejection),
    /// Not in this way: the template does not exist in this language, and may in another.
    AnotherLanguage,
    /// Something of ours is wrong: alert, and do not repeat in the same way.
    Misconfigured(Fault),
    /// Slow down.
    Throttled {
        /// Who has to slow down.
        scope: ThrottleScope,
        /// How long, when the provider said so or is known to mean it.
        retry_after: Option<Duration>,
    },
    /// It was not sent, and a later attempt may succeed.
    Unavailable,
    /// It was not sent, for a reason nobody knows: once more, and then something of ours is wrong.
    Unclear,
    /// It may have been sent: the answer was lost.
    Uncertain,
}

impl NextStep {
    /// The reason a message ends for when nothing is left to try.
    pub const fn failure_reason(self) -> FailureReason {
        match self {
            Self::Rejected(Rejection::Undeliverable) => FailureReason::Undeliverable,
            Self::Rejected(Rejection::Country) => FailureReason::CountryBarred,
            Self::Rejected(Rejection::Identity) => FailureReason::IdentityChanged,
            Self::Misconfigured(_) | Self::AnotherLanguage | Self::Unclear => FailureReason::Misconfigured,
            Self::Throttled { .. } => FailureReason::Throttled,
            Self::Unavailable | Self::Uncertain => FailureReason::ProviderUnavailable,
        }
    }
}

/// Why a provider will never deliver to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// The person cannot or may not be reached by WhatsApp; another channel may do.
    Undeliverable,
    /// The business may not send to the recipient's country.
    Country,
    /// The person behind the number has changed.
    Identity,
}

/// What of ours is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The template is missing, paused, disabled or of another shape.
    Template,
    /// The request itself is malformed.
    Request,
    /// The account, the sender or the token cannot send.
    Account,
}

impl Fault {
    /// The fault as one word, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Request => "request",
            Self::Account => "account",
        }
    }
}

/// Who has to slow down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleScope {
    /// This recipient (Meta 131056).
    Recipient,
    /// This sender's number (Meta 130429, 131048).
    Sender,
    /// The whole account (Meta 4, 80007).
    Account,
}

/// A message's id as the provider gave it.
///
/// A secret: at Meta the recipient's phone number is in it. `Debug` is redacted; only its tag is ever kept.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// The longest id that is looked at, in bytes. Meta's have about 60.
    pub const BYTES_MAX: usize = 512;

    /// Takes an id. `None` when it is empty or longer than any provider's.
    pub fn new(id: &str) -> Option<Self> {
        (1..=Self::BYTES_MAX).contains(&id.len()).then(|| Self(id.to_owned()))
    }

    /// What is kept of the id: 64 bits that only this installation can compute, and nobody can turn back.
    pub fn tag(&self, identity: &Identity) -> MessageTag {
        MessageTag(truncated(
            identity.digest("countersign message v1", &[self.0.as_bytes()]),
        ))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageId(redacted)")
    }
}

/// What is kept of a [`MessageId`], to recognise a message when somebody answers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageTag(pub [u8; 8]);

/// The provider's word for who is behind a phone number (Meta: identity key hash). It changes when the number gets a
/// new owner, and when its owner sets WhatsApp up anew.
///
/// Not a secret, and about a person all the same: redacted in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityHash(String);

impl IdentityHash {
    /// Takes a hash: 1 to 64 visible ASCII characters. `None` for anything else.
    pub fn new(hash: &str) -> Option<Self> {
        let fits = (1..=64).contains(&hash.len()) && hash.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(hash.to_owned()))
    }

    /// The hash as the provider wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdentityHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityHash(redacted)")
    }
}

/// What a webhook says about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryReport {
    /// The provider sent it.
    Sent,
    /// It reached the phone.
    Delivered,
    /// The person opened it.
    Read,
    /// It failed.
    Failed {
        /// What the error means for us.
        step: NextStep,
        /// The provider's words.
        report: ProviderReport,
    },
}

impl DeliveryReport {
    /// The state of a message of which this is true.
    pub const fn state(&self) -> DeliveryState {
        match self {
            Self::Sent => DeliveryState::Sent,
            Self::Delivered => DeliveryState::Delivered,
            Self::Read => DeliveryState::Read,
            Self::Failed { step, .. } => DeliveryState::Failed(step.failure_reason()),
        }
    }
}
