//! What is recorded of a decision: enough to decide it again under other rules, and no phone, address or device.

use std::fmt;
use std::net::IpAddr;

use crate::client::Client;
use crate::country::CountryCode;
use crate::delivery::{DeliveryNumber, DeliveryState};
use crate::event::Event;
use crate::guard::NumberBlock;
use crate::id::{AppId, CallerId, Purpose, RecipientKey, Serial};
use crate::key::{Identity, truncated};
use crate::phone::PhoneNumber;
use crate::recipient::Comparison;
use crate::rule::{Subject, network_of};
use crate::time::Timestamp;
use crate::verification::{StartOutcome, VerificationState};

/// What a start is refused with that was asked for a challenge: nobody knows who would have met it.
pub(super) const CHALLENGE: &str = "guard_challenge";

/// What stands for something about a person: eight bytes of a keyed digest, the same for the same thing in every record
/// of one installation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub [u8; 8]);

impl Mark {
    fn of(identity: &Identity, what: &str, value: &[u8]) -> Self {
        let fields = [what.as_bytes(), value];
        Self(truncated(identity.digest("countersign recorded mark v1", &fields)))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark(..)")
    }
}

/// Who a decision was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedSubject {
    /// The internal service.
    pub caller: CallerId,
    /// The app.
    pub app: AppId,
    /// The purpose.
    pub purpose: Purpose,
    /// The country of the phone, if it has one.
    pub country: Option<CountryCode>,
    /// The recipient.
    pub recipient: RecipientKey,
    /// The phone: the line it is a number of.
    pub phone: Mark,
    /// Its block of ten thousand numbers.
    pub ten_thousand: Mark,
    /// Its block of a thousand numbers.
    pub thousand: Mark,
    /// The address of the person's device, if the caller said it.
    pub address: Option<Mark>,
    /// The network of that address.
    pub network: Option<Mark>,
    /// The device, if the caller said it.
    pub device: Option<Mark>,
}

impl RecordedSubject {
    /// What is recorded of a subject.
    pub(crate) fn of(identity: &Identity, recipient: RecipientKey, subject: &Subject<'_>) -> Self {
        let Subject {
            phone,
            line,
            country,
            client,
            app,
            purpose,
            caller,
        } = *subject;
        let Client { address, device, .. } = client;
        let mark = |what: &str, value: &[u8]| Mark::of(identity, what, value);
        let block = |phone: &PhoneNumber, digits| NumberBlock::of(phone, digits);
        let address_of = |address: &IpAddr| mark("client_ip", address.to_canonical().to_string().as_bytes());
        Self {
            caller: caller.clone(),
            app: app.clone(),
            purpose: purpose.clone(),
            country,
            recipient,
            phone: mark("phone", line.as_bytes()),
            ten_thousand: mark("number_block_10000", block(phone, 4).prefix().as_bytes()),
            thousand: mark("number_block_1000", block(phone, 3).prefix().as_bytes()),
            address: address.as_ref().map(address_of),
            network: address.map(|it| mark("client_network", &network_of(it))),
            device: device.as_ref().map(|it| mark("device", it.expose().as_bytes())),
        }
    }
}

/// What became of a start that wanted a message sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedVerdict {
    /// A message was decided.
    Sent {
        /// Whether a verification was opened or sent again.
        outcome: StartOutcome,
        /// The verification within its recipient.
        serial: Serial,
        /// The message within the verification.
        delivery: DeliveryNumber,
    },
    /// A rule refused it.
    Refused {
        /// The name of the rule.
        rule: String,
        /// Whether it would have opened a verification or sent one again; `None` when that was not found out.
        outcome: Option<StartOutcome>,
    },
}

/// Something that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedEvent {
    /// A start that wanted a message sent.
    Start {
        /// When.
        at: Timestamp,
        /// Who.
        subject: RecordedSubject,
        /// Whether the person gave a code back lately, as far as that was asked.
        is_returning: bool,
        /// What became of it.
        verdict: RecordedVerdict,
    },
    /// A guess was compared.
    Guess {
        /// When.
        at: Timestamp,
        /// For which app.
        app: AppId,
        /// The recipient.
        recipient: RecipientKey,
        /// What it was to its verification.
        comparison: Comparison,
    },
    /// A message failed for good.
    Failed {
        /// When.
        at: Timestamp,
        /// The recipient.
        recipient: RecipientKey,
        /// The verification.
        serial: Serial,
        /// The message.
        delivery: DeliveryNumber,
        /// Whether the provider had taken it before.
        had_left: bool,
    },
    /// A verification ended.
    Ended {
        /// When.
        at: Timestamp,
        /// The recipient.
        recipient: RecipientKey,
        /// The verification.
        serial: Serial,
        /// Whether the right code was given.
        is_approved: bool,
    },
}

impl RecordedEvent {
    /// What is recorded of an event that was heard at `now`, if anything.
    pub fn of(event: &Event, now: Timestamp) -> Option<Self> {
        match event {
            Event::Decided(recorded) => Some((**recorded).clone()),
            Event::Checked {
                subject,
                comparison: Some(comparison),
                ..
            } => Some(Self::Guess {
                at: now,
                app: subject.app.clone(),
                recipient: subject.verification.recipient(),
                comparison: *comparison,
            }),
            Event::DeliveryMoved {
                subject,
                delivery,
                from,
                to: DeliveryState::Failed(_),
                ..
            } => Some(Self::Failed {
                at: now,
                recipient: subject.verification.recipient(),
                serial: subject.verification.serial(),
                delivery: *delivery,
                had_left: from.is_some_and(is_in_other_hands),
            }),
            Event::Ended { subject, state, .. } => Some(Self::Ended {
                at: now,
                recipient: subject.verification.recipient(),
                serial: subject.verification.serial(),
                is_approved: matches!(state, VerificationState::Approved { .. }),
            }),
            _ => None,
        }
    }

    /// When it was.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Start { at, .. } | Self::Guess { at, .. } | Self::Failed { at, .. } | Self::Ended { at, .. } => *at,
        }
    }
}

/// Whether it is the provider's word that a message failed which was in this state. What an attempt came to is told of
/// messages that are being sent.
const fn is_in_other_hands(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Unknown { .. }) || state.rank() > 0
}
