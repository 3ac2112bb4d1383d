//! The numbering plan, the clock, randomness, and whoever listens or works behind the answers.

use crate::country::CountryCode;
use crate::event::Event;
use crate::id::RecipientKey;
use crate::limit::Charge;
use crate::phone::PhoneNumber;
use crate::ports::Stored;
use crate::recipient::Claim;
use crate::time::Timestamp;

/// What kind of line a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    /// A mobile line.
    Mobile,
    /// A fixed line.
    Fixed,
    /// A line that may be either; many countries do not tell them apart.
    FixedOrMobile,
    /// Anything else: toll-free, premium, shared cost, pager, voicemail, …
    Other,
}

/// What the numbering plan knows about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFacts {
    /// Its country; `None` for numbers of no country, such as satellite phones.
    pub country: Option<CountryCode>,
    /// Its kind.
    pub kind: NumberKind,
    /// Whether such a number can exist.
    pub possible: bool,
}

/// The world's numbering plan. Pure: no I/O, and it never panics on a well-formed number.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait NumberingPlan: Send + Sync {
    /// What is known about a number.
    fn lookup(&self, phone: &PhoneNumber) -> NumberFacts;

    /// The other spellings under which WhatsApp may know the line of `phone`: in some countries a digit came or went
    /// when numbers grew, and WhatsApp kept the old form (Meta: `wa_id` in Brazil, Mexico, Argentina). Never `phone`
    /// itself.
    fn aliases(&self, phone: &PhoneNumber) -> Vec<PhoneNumber>;

    /// The one spelling under which the line of `phone` is counted, held and remembered: the same for `phone` and each of
    /// its [`NumberingPlan::aliases`].
    fn canonical(&self, phone: &PhoneNumber) -> PhoneNumber;
}

/// Tells the time.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time now. It may step back; decisions cope.
    fn now(&self) -> Timestamp;
}

/// Makes randomness fit for secrets.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Random: Send + Sync {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Hears what happened. Logs, metrics, audit and tallies are observers.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Observer: Send + Sync {
    /// Takes note. Never blocks and never fails.
    fn record(&self, event: &Event);
}

/// Charges that were taken at one moment and are given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GiveBack {
    /// The charges.
    pub charges: Vec<Charge>,
    /// When they were taken.
    pub taken_at: Timestamp,
}

/// What is carried out after the answer was given.
#[derive(Debug)]
pub enum Errand {
    /// Send a claimed message.
    Send(Box<ClaimedDelivery>),
    /// Give charges back.
    GiveBack(Vec<GiveBack>),
    /// Look after a recipient that has something to do at once.
    Wake(RecipientKey),
}

/// A message that this instance has claimed by writing the record it holds.
#[derive(Debug)]
pub struct ClaimedDelivery {
    pub(crate) key: RecipientKey,
    pub(crate) claim: Claim,
    pub(crate) stored: Stored,
}

/// Carries out what must not delay an answer.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Courier: Send + Sync {
    /// Takes an errand to be run soon by [`crate::use_case::Dispatch::run`], or hands it back when it has no room.
    /// Never blocks.
    fn hand_over(&self, errand: Errand) -> Result<(), Errand>;

    /// Something will be due at that moment: whoever looks after recipients should look then. Only a hint; without it
    /// they look a little later. Never blocks.
    fn expect(&self, at: Timestamp);
}
