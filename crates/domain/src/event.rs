//! What happened, for logs, metrics, audit and tallies. No event holds a phone, a code, a guess or a token.

use std::time::Duration;

use crate::country::CountryCode;
use crate::delivery::{DeliveryNumber, DeliveryState, Fault, ProviderReport};
use crate::guard::{Alarm, Rung};
use crate::id::{AppId, CallerId, Identified, Purpose, RecipientKey};
use crate::limit::{KeyParts, RuleName};
use crate::money::Amount;
use crate::ports::ChallengeRefusal;
use crate::recipient::Comparison;
use crate::reference::ReferenceError;
use crate::sender::{AccountId, Quality, SenderId};
use crate::template::{Drift, Language, TemplateName};
use crate::time::Timestamp;
use crate::use_case::{RecordedEvent, TemplateFault};
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
        /// What it tells apart.
        parts: KeyParts,
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
        /// What the guess was to the verification, if one was compared just now.
        comparison: Option<Comparison>,
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
    /// A message whose fate nobody knew is accounted for.
    UncertainSettled {
        /// The verification.
        subject: Identified,
        /// The delivery within it.
        delivery: DeliveryNumber,
        /// How.
        by: Settlement,
    },
    /// The provider says that a sender of ours cannot send: nothing goes out from it for a while. An operator has to
    /// act. Said once, whatever else was under way and fails for the same; and again when a later message finds out.
    SenderShut {
        /// The sender.
        sender: SenderId,
        /// For which app it was used.
        app: AppId,
        /// What of ours is wrong.
        fault: Fault,
        /// What the provider said.
        report: Option<ProviderReport>,
        /// How long until the next message may find out.
        retry_after: Duration,
    },
    /// The provider slows a sender of ours down.
    SenderSlowed {
        /// The sender.
        sender: SenderId,
        /// What the provider said.
        report: Option<ProviderReport>,
        /// For how long nothing goes out from it.
        retry_after: Duration,
    },
    /// A sender that was shut works again.
    SenderRecovered {
        /// The sender.
        sender: SenderId,
    },
    /// The provider thinks otherwise of a sender than before.
    SenderRated {
        /// The sender.
        sender: SenderId,
        /// What it thinks now.
        quality: Quality,
    },
    /// The provider does not say how a sender is. Its share of the messages stays as it was.
    SenderUnseen {
        /// The sender.
        sender: SenderId,
    },
    /// Something is wrong with a template. Said when it begins, and again when it is wrong in another way.
    TemplateFaulty {
        /// What is wrong.
        fault: TemplateFault,
    },
    /// Something that was wrong with a template no longer is.
    TemplateWell {
        /// The app.
        app: AppId,
        /// The account.
        account: AccountId,
        /// The template.
        template: TemplateName,
        /// The language.
        language: Language,
        /// What was wrong.
        was: Drift,
    },
    /// People think otherwise of a template than before. That the first word is a good one is not said.
    TemplateRated {
        /// The account.
        account: AccountId,
        /// The template.
        template: TemplateName,
        /// The language.
        language: Language,
        /// What they think now.
        quality: Quality,
    },
    /// The provider does not say which templates an account has. What was known goes on being believed. Said when it
    /// begins, and again when it is for another reason.
    TemplatesUnseen {
        /// The account.
        account: AccountId,
        /// Why, as one word.
        why: &'static str,
        /// What the provider said.
        report: Option<ProviderReport>,
    },
    /// The provider says again which templates an account has.
    TemplatesSeen {
        /// The account.
        account: AccountId,
    },
    /// A webhook said something about a template.
    TemplateHeard {
        /// The template.
        template: TemplateName,
        /// The language.
        language: Language,
        /// What about it, as one word.
        word: &'static str,
        /// What became of it.
        outcome: HeardNews,
    },
    /// A person says that they did not ask for a code: somebody else typed their number.
    Disowned {
        /// The verification the message belongs to.
        subject: Identified,
        /// Whether it was still open, and so was canceled.
        canceled: bool,
    },
    /// A person's answer is about no message of ours that is still known.
    AnswerIgnored,
    /// A webhook's status named no delivery of ours.
    ReportIgnored {
        /// Why.
        why: IgnoredReport,
    },
    /// A shadow rule or budget would have refused a start or a check.
    Shadowed {
        /// For which app.
        app: AppId,
        /// For which purpose.
        purpose: Purpose,
        /// The rule.
        rule: RuleName,
        /// What it tells apart.
        parts: KeyParts,
    },
    /// A guard that only tells would have refused a start, or asked for a challenge.
    GuardShadowed {
        /// For which app.
        app: AppId,
        /// The kind of area.
        area: &'static str,
        /// The rung in force.
        rung: Rung,
    },
    /// A start was refused until a challenge is met.
    ChallengeAsked {
        /// For which app.
        app: AppId,
        /// Why the answer that was given, if any, does not count.
        refusal: ChallengeRefusal,
    },
    /// A bucket raised an alarm: it is challenged or stopped from now on.
    GuardAlarmed {
        /// The app; `None` for the whole service.
        app: Option<AppId>,
        /// The kind of area.
        area: &'static str,
        /// The country, when the area is one.
        country: Option<CountryCode>,
        /// Why.
        alarm: Alarm,
        /// How hard it is stopped.
        rung: Rung,
        /// The score, in thousandths.
        score: i64,
    },
    /// What the guard heard could not be counted yet; it is tried again.
    GuardUnheard,
    /// A number turned out to be another spelling of a line: from now on both have one budget.
    LineLearnt,
    /// A message was reserved for on a budget: so much of its window is spent by now, reservations included.
    BudgetCharged {
        /// For which app.
        app: AppId,
        /// The country of the phone.
        country: Option<CountryCode>,
        /// The budget.
        rule: RuleName,
        /// What it tells apart.
        parts: KeyParts,
        /// How much is spent or reserved.
        spent: Amount,
        /// How much there is.
        amount: Amount,
    },
    /// A budget is used beyond its soft limit. Said once for each window by each instance.
    BudgetNear {
        /// The budget.
        rule: RuleName,
        /// What it tells apart.
        parts: KeyParts,
        /// How much is spent or reserved.
        spent: Amount,
        /// How much there is.
        amount: Amount,
    },
    /// Money was reserved for a message.
    Reserved {
        /// For which app.
        app: AppId,
        /// The country of the phone.
        country: Option<CountryCode>,
        /// How much.
        amount: Amount,
    },
    /// What a message costs is known: the reservation is settled.
    Settled {
        /// For which app.
        app: AppId,
        /// How much was reserved.
        reserved: Amount,
        /// How much it costs; nothing when it failed.
        actual: Amount,
    },
    /// An operator held a recipient.
    RecipientHeld {
        /// Who asked.
        caller: CallerId,
        /// The recipient.
        recipient: RecipientKey,
        /// Until when.
        until: Timestamp,
    },
    /// An operator released a recipient.
    RecipientReleased {
        /// Who asked.
        caller: CallerId,
        /// The recipient.
        recipient: RecipientKey,
    },
    /// An operator had everything erased that is known about a phone.
    PhoneErased {
        /// Who asked.
        caller: CallerId,
        /// How many records there were.
        records: usize,
        /// How many limits and memories were cleared with them.
        traces: usize,
    },
    /// An operator lifted a block.
    Unblocked {
        /// Who asked.
        caller: CallerId,
        /// The app; `None` for the whole service.
        app: Option<AppId>,
        /// The kind of area.
        area: &'static str,
    },
    /// A start that wanted a message sent was decided. Told only where decisions are recorded
    /// ([`crate::use_case::Rulebook::records_decisions`]).
    Decided(Box<RecordedEvent>),
    /// A charge could not be given back. It comes back by itself with time.
    GiveBackLost {
        /// The rule that was charged.
        rule: RuleName,
    },
    /// What nobody may refuse could not be charged: what a message was billed beyond its reservation, or its part at a
    /// line that was learnt with it. It is spent, and the quota may not know of it until its window is over.
    ChargeLost {
        /// The budget that was to be charged.
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

/// How a message was accounted for whose fate nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// A webhook said that the provider has it: nothing was sent twice.
    Webhook,
    /// Nobody said anything, so it was sent once more: the person may have got it twice.
    Repeat,
}

impl Settlement {
    /// The settlement as one word, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Repeat => "repeat",
        }
    }
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

impl IgnoredReport {
    /// The reason as one word, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreferenced => "unreferenced",
            Self::Reference(ReferenceError::NotOurs) => "not_ours",
            Self::Reference(ReferenceError::OtherEnvironment) => "other_environment",
            Self::Reference(ReferenceError::Forged) => "forged",
            Self::Forgotten => "forgotten",
            Self::Stale => "stale",
        }
    }
}

/// What became of a webhook's word about a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeardNews {
    /// It is believed.
    Taken,
    /// Something newer is known.
    Old,
    /// No app describes the template there.
    NotOurs,
}

impl HeardNews {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Taken, Self::Old, Self::NotOurs];

    /// The outcome as one word, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Old => "old",
            Self::NotOurs => "not_ours",
        }
    }
}
