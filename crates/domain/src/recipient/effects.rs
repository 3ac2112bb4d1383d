//! What follows from a decision beyond the record itself: charges that are owed back, prices that are known at last,
//! sends that were finished or not. Collected by the decisions, carried out once the record is written, and never
//! stored.

use crate::country::CountryCode;
use crate::delivery::DeliveryNumber;
use crate::id::Serial;
use crate::limit::LimitKey;
use crate::money::Amount;
use crate::phone::PhoneNumber;
use crate::time::Timestamp;

/// When a charge of a message is settled for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Settles {
    /// Once the provider has the message. It goes back only when nothing was sent in the end.
    Acceptance,
    /// Once the verification is approved, or nothing was sent in the end: then it goes back. Otherwise by itself.
    Approval,
    /// Once the provider says what the message costs; it goes back when the message failed.
    Price,
}

/// What names a quota of a rule, in a record: few bytes that are the same in every instance with the same rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChargeTag(pub [u8; 4]);

/// A charge that was taken for a message and is not settled yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged {
    /// Which quota.
    pub tag: ChargeTag,
    /// What is limited.
    pub key: LimitKey,
    /// How much was taken.
    pub amount: u64,
    /// When it is settled.
    pub settles: Settles,
}

/// What is known about a message's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePrice {
    /// What was reserved, and once it is known, what it costs.
    pub amount: Amount,
    /// Whether the provider said so.
    pub is_settled: bool,
    /// The country of the phone, whose price it is: the phone itself is forgotten before the provider says what the
    /// message costs.
    pub country: Option<CountryCode>,
}

/// Whether a send was finished, as the guard counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conversion {
    /// The guard does not count it: the person is a returning one, or the guard is off.
    #[default]
    NotCounted,
    /// Nobody knows yet.
    Awaited,
    /// It was old enough, and nobody had given the code back.
    Missed,
    /// The code was given back.
    Finished,
}

/// A send that is counted otherwise than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converted {
    /// When it was decided.
    pub sent_at: Timestamp,
    /// How it was counted.
    pub from: Conversion,
    /// How it is counted now.
    pub to: Conversion,
}

/// Charges that are owed back, all taken at the same moment: those of one message, or what an approval answered. Those
/// that settle with the price are never among them: what becomes of these is told as [`Repriced`], to nothing when the
/// message failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freed {
    /// The charges.
    pub charges: Vec<Charged>,
    /// When they were taken.
    pub taken_at: Timestamp,
}

/// A price that turned out otherwise than reserved, or was confirmed; nothing, when the message failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repriced {
    /// The verification of the message.
    pub serial: Serial,
    /// The message.
    pub delivery: DeliveryNumber,
    /// The charges of the reservation, as they were taken.
    pub charges: Vec<Charged>,
    /// When they were taken.
    pub taken_at: Timestamp,
    /// What was reserved.
    pub reserved: Amount,
    /// What it costs.
    pub actual: Amount,
}

/// What follows from a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Charges that go back.
    pub freed: Vec<Freed>,
    /// Whether what this very write is charged goes back, too: a right guess costs nothing.
    pub is_free: bool,
    /// Prices that are known.
    pub repriced: Vec<Repriced>,
    /// Sends that were finished, or not.
    pub converted: Vec<Converted>,
    /// The recipient's phone, when a webhook said it: the record has forgotten it once the verification ended, and a
    /// failure that is told later still has to be counted where the send was.
    pub phone: Option<PhoneNumber>,
}
