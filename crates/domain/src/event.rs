//! What happened, for logs, metrics, audit and tallies. No event holds a phone, a code, a guess or a token.

use std::time::Duration;

use crate::delivery::{DeliveryNumber, DeliveryState, ProviderReport};
use crate::id::{AppId, CallerId, Identified, Purpose, RecipientKey};
use crate::limit::RuleName;
use crate::reference::ReferenceError;
use crate::time::Timestamp;
use crate::verification::{CheckOutcome, EndReason, StartOutcome, VerificationState};

/// Something that happened. New facts are new variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A start was carried out.
    Started {
        /// Who asked.
        caller: CallerId,
        /// The verification.
        subject: Identified,
        /// What was done.
        outcome: StartOutcome,
    },
    /// A start was refused by a rule.
    StartRefused {
        /// Who asked.
        caller: CallerId,
        /// For which app.
        app: AppId,
        /// For which purpose.
        purpose: Purpose,
        /// The rule.
        rule: RuleName,
        /// How long until it may be asked again, if ever.
        retry_after: Option<Duration>,
    },
    /// A check was answered.
    Checked {
        /// Who asked.
        caller: CallerId,
        /// The verification.
        subject: Identified,
        /// What was answered.
        outcome: CheckOutcome,
    },
    /// A verification ended.
    Ended {
        /// The verification.
        subject: Identified,
        /// How it ended.
        state: VerificationState,
        /// Why.
        reason: EndReason,
        /// How long it had been open.
        open_for: Duration,
    },
    /// A delivery's state changed.
    DeliveryMoved {
        /// The verification.
        subject: Identified,
        /// The delivery within it.
        delivery: DeliveryNumber,
        /// The state before; `None` when the delivery is new.
        from: Option<DeliveryState>,
        /// The state now.
        to: DeliveryState,
        /// How many times it was handed to the messenger.
        tries: u8,
        /// What the provider said, when it failed.
        report: Option<ProviderReport>,
    },
    /// The result of an attempt could not be recorded. The lease will run out and the delivery be settled.
    ResultLost {
        /// The verification.
        subject: Identified,
        /// The delivery within it.
        delivery: DeliveryNumber,
    },
    /// A webhook's status named no delivery of ours.
    ReportIgnored {
        /// Why.
        why: IgnoredReport,
    },
    /// A charge could not be given back. It comes back by itself with time.
    GiveBackLost {
        /// The rule that was charged.
        rule: RuleName,
    },
    /// A recipient could not be looked after; the next round tries again.
    WakeFailed {
        /// The recipient.
        recipient: RecipientKey,
        /// When it was tried.
        at: Timestamp,
    },
}

/// Why a status was not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoredReport {
    /// It carried no reference.
    Unreferenced,
    /// Its reference is not one of this installation's.
    Reference(ReferenceError),
    /// Its recipient, verification or delivery is no longer known.
    Forgotten,
    /// It says nothing new: a repeat, or older than what is known.
    Stale,
}
