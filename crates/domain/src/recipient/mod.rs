//! The aggregate: one phone as one app uses it for one purpose, and every decision about it.
//!
//! A recipient is one versioned record. Its methods are pure: they take `now` and change the value they are called
//! on; [`crate::use_case`] writes it back if nobody was faster. Counters live here and not in a verification, so that
//! neither a resend nor a new start refills anything.

mod budget;
mod charges;
mod check;
mod effects;
mod failure;
mod hold;
mod identity;
mod pricing;
mod send;
mod settle;
mod start;
mod view;

pub use budget::Restraint;
pub use charges::SendCost;
pub use check::{CheckDecision, CheckOrder, Comparison};
pub use effects::{ChargeTag, Charged, Conversion, Converted, Effects, Freed, MessagePrice, Repriced, Settles};
pub use failure::Detour;
pub use identity::BoundIdentity;
pub use pricing::Difference;
pub use send::{AttemptResult, Claim, Delay, NotSendable, StatusReport};
pub use start::{StartDecision, StartOrder};
pub use view::{Allowance, VerificationView};

use crate::code::{Code, CodeOwner, Salt};
use crate::delivery::{Delivery, DeliveryNumber, DeliveryState, FailureReason, MessageTag};
use crate::guard::PersonKey;
use crate::id::{AppId, Purpose, Serial};
use crate::key::KeyRing;
use crate::phone::PhoneNumber;
use crate::policy::Policy;
use crate::request::RememberedRequest;
use crate::template::{LanguageStep, Wording};
use crate::time::{DAY, Timestamp};
use crate::verification::{CanceledBy, Verification, VerificationState};

/// How many messages of one delivery are remembered: the first and the repeat of an uncertain one, and two that a
/// provider sent although it said that it had not.
const MESSAGES_MAX: usize = 4;

/// One phone number as one app uses it for one purpose.
///
/// Fields are public because stores must write and read every one; only this crate's decisions change them.
/// At most one verification is open, and it is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The app.
    pub app: AppId,
    /// The purpose.
    pub purpose: Purpose,
    /// The phone, only while a verification is open (R35): nothing else needs it.
    pub phone: Option<PhoneNumber>,
    /// The line that `phone` is another spelling of, as far as it was known when the last message was decided or taken.
    pub line: Option<PersonKey>,
    /// The salt of every code of this record.
    pub salt: Salt,
    /// The number of the newest verification ever opened.
    pub last_serial: Serial,
    /// The open verification, and the finished ones that are still readable; oldest first.
    pub verifications: Vec<Verification>,
    /// When messages were decided, within the last day; oldest first.
    pub sends: Vec<Timestamp>,
    /// Messages decided since the last approval whose charge nobody gave back.
    pub unanswered_sends: u32,
    /// When the last approval was, while a send before it still counts.
    pub approved_at: Option<Timestamp>,
    /// When wrong guesses were made, within the last day; oldest first.
    pub wrong_guesses: Vec<Timestamp>,
    /// Wrong guesses since the last approval.
    pub consecutive_wrong_guesses: u32,
    /// When the last wrong guess was made, while it is remembered.
    pub last_wrong_guess_at: Option<Timestamp>,
    /// Until when the recipient is held for wrong guesses in a row.
    pub held_until: Option<Timestamp>,
    /// Until when an operator holds the recipient.
    pub operator_hold_until: Option<Timestamp>,
    /// Requests that may be repeated; oldest first.
    pub requests: Vec<RememberedRequest>,
    /// Who was behind the number when a verification was approved, while the policy keeps it.
    pub identity: Option<BoundIdentity>,
    /// When the record last changed. Its time never runs backwards.
    pub changed_at: Timestamp,
    /// Until when a store has to keep the record readable.
    pub keep_until: Timestamp,
    /// What follows from the decisions made on this value. Stores neither write nor read it.
    pub effects: Effects,
}

impl Recipient {
    /// A recipient nobody has asked yet.
    pub fn new(app: AppId, purpose: Purpose, salt: Salt) -> Self {
        Self {
            app,
            purpose,
            phone: None,
            line: None,
            salt,
            last_serial: 0,
            verifications: Vec::new(),
            sends: Vec::new(),
            unanswered_sends: 0,
            approved_at: None,
            wrong_guesses: Vec::new(),
            consecutive_wrong_guesses: 0,
            last_wrong_guess_at: None,
            held_until: None,
            operator_hold_until: None,
            requests: Vec::new(),
            identity: None,
            changed_at: Timestamp::EPOCH,
            keep_until: Timestamp::EPOCH,
            effects: Effects::default(),
        }
    }

    /// When somebody has to look again: a due send, a lease that may have been lost, an unknown send to settle, a
    /// drop to presume, an expiry to record, a send that nobody finished. `None`: only a caller can make something
    /// happen.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let expiries = self
            .verifications
            .iter()
            .filter(|it| it.is_open())
            .map(|it| it.expires_at);
        let deliveries = self
            .verifications
            .iter()
            .flat_map(|it| &it.deliveries)
            .filter_map(delivery_wake_at);
        let maturities = self.verifications.iter().filter_map(Verification::matures_at);
        expiries.chain(deliveries).chain(maturities).min()
    }

    /// When the next message of the open verification is due, if one is.
    pub fn next_send_at(&self) -> Option<Timestamp> {
        let due = |it: &Delivery| match it.state {
            DeliveryState::Due { at } => Some(at),
            _ => None,
        };
        self.open()?.deliveries.iter().filter_map(due).min()
    }

    /// The newest verification, open or finished.
    pub fn newest(&self) -> Option<&Verification> {
        self.verifications.last()
    }

    /// The verification of that number, while it is readable.
    pub fn verification(&self, serial: Serial) -> Option<&Verification> {
        self.verifications.iter().find(|it| it.serial == serial)
    }

    /// The delivery of a claim.
    pub fn delivery(&self, claim: Claim) -> Option<&Delivery> {
        let verification = self.verification(claim.serial)?;
        verification.deliveries.iter().find(|it| it.number == claim.delivery)
    }

    /// The open verification.
    pub fn open(&self) -> Option<&Verification> {
        self.verifications.last().filter(|it| it.is_open())
    }

    /// Ends the open verification at somebody's wish. A finished one stays as it is.
    pub fn cancel(&mut self, serial: Serial, by: CanceledBy, now: Timestamp) -> bool {
        let open = self.open().is_some_and(|it| it.serial == serial);
        if open {
            self.finish(VerificationState::Canceled { at: now, by });
        }
        open
    }

    /// The verification one of whose messages has this tag, open or finished.
    pub fn verification_of(&self, message: MessageTag) -> Option<&Verification> {
        let has = |it: &&Verification| it.deliveries.iter().any(|it| it.messages.contains(&message));
        self.verifications.iter().rev().find(has)
    }

    /// Marks the record as changed now, says how long it has to be kept, and what follows from what changed. Called
    /// once before every write.
    pub(crate) fn seal(&mut self, policy: &Policy, now: Timestamp) {
        self.follow_failures();
        self.balance();
        self.changed_at = now;
        let retention = policy.finished_retention;
        let verifications = self
            .verifications
            .iter()
            .map(|it| it.state.ended_at().unwrap_or(it.expires_at).plus(retention));
        let sends = self.sends.last().map(|at| at.plus(DAY));
        let guesses = self.last_wrong_guess_at.map(|at| at.plus(policy.wrong_guess_memory));
        let requests = self
            .requests
            .last()
            .map(|it| it.at.plus(crate::request::REMEMBERED_FOR));
        let identity = self.identity_until(policy);
        self.keep_until = verifications
            .chain(
                [
                    sends,
                    guesses,
                    requests,
                    identity,
                    self.held_until,
                    self.operator_hold_until,
                    self.wake_at(),
                ]
                .into_iter()
                .flatten(),
            )
            .fold(now.plus(DAY), Timestamp::max);
    }

    fn open_mut(&mut self) -> Option<&mut Verification> {
        self.verifications.last_mut().filter(|it| it.is_open())
    }

    /// Ends the open verification: nothing more is sent for it, and the phone is no longer needed.
    fn finish(&mut self, state: VerificationState) {
        self.phone = None;
        self.line = None;
        let Some(open) = self.open_mut() else { return };
        open.state = state;
        let ended_at = state.ended_at().unwrap_or(open.opened_at);
        for delivery in &mut open.deliveries {
            delivery.withdraw(FailureReason::TooLate, ended_at);
        }
    }

    /// The code of one generation of a verification; `None` when its key or its phone is gone.
    fn code(&self, verification: &Verification, generation: u16, keys: &KeyRing) -> Option<Code> {
        let key = keys.get(&verification.recipe.key)?;
        let owner = CodeOwner {
            app: &self.app,
            purpose: &self.purpose,
            phone: self.phone.as_ref()?,
            salt: &self.salt,
            serial: verification.serial,
        };
        Some(Code::derive(key, &owner, &verification.recipe, generation))
    }
}

impl Delivery {
    fn new(
        number: DeliveryNumber,
        generation: u16,
        wording: Wording,
        state: DeliveryState,
        tries: u8,
        now: Timestamp,
    ) -> Self {
        let Wording { language, template } = wording;
        Self {
            number,
            generation,
            language,
            template,
            created_at: now,
            updated_at: now,
            tries,
            repeated: false,
            drop_at: None,
            state,
            report: None,
            messages: Vec::new(),
            charges: Vec::new(),
            charged_at: now,
            price: None,
            conversion: Conversion::NotCounted,
            matures_at: None,
        }
    }

    /// How its language was found; as if it had been asked for in a record of before that was kept.
    pub(crate) fn language_step(&self) -> LanguageStep {
        self.template.as_ref().map_or(LanguageStep::Exact, |it| it.step)
    }

    /// What it is written with.
    fn wording(&self) -> Wording {
        Wording {
            language: self.language.clone(),
            template: self.template.clone(),
        }
    }

    /// Remembers a message the delivery became. Answers whether that is news.
    fn know(&mut self, message: Option<MessageTag>) -> bool {
        let Some(message) = message.filter(|it| !self.messages.contains(it)) else {
            return false;
        };
        if self.messages.len() >= MESSAGES_MAX {
            return false;
        }
        self.messages.push(message);
        true
    }

    /// Moves the delivery, whatever its state was.
    fn put(&mut self, state: DeliveryState, now: Timestamp) {
        self.state = state;
        self.updated_at = now.max(self.updated_at);
    }

    /// Gives up the next attempt of a delivery. What an earlier attempt may have sent is still waited for.
    fn withdraw(&mut self, reason: FailureReason, now: Timestamp) {
        if !matches!(self.state, DeliveryState::Due { .. }) {
            return;
        }
        self.end(reason, now);
    }

    /// Gives up. An attempt before may have been taken: what is not known to have failed is not called failed.
    fn end(&mut self, reason: FailureReason, now: Timestamp) {
        let state = match self.drop_at {
            Some(_) => DeliveryState::Unknown { settle_at: None },
            None => DeliveryState::Failed(reason),
        };
        self.put(state, now);
    }
}

fn delivery_wake_at(delivery: &Delivery) -> Option<Timestamp> {
    match delivery.state {
        DeliveryState::Due { at }
        | DeliveryState::Sending { lease_until: at }
        | DeliveryState::Unknown { settle_at: Some(at) } => Some(at),
        DeliveryState::Unknown { settle_at: None }
        | DeliveryState::Accepted
        | DeliveryState::Held
        | DeliveryState::Sent => delivery.drop_at,
        DeliveryState::Dropped | DeliveryState::Failed(_) | DeliveryState::Delivered | DeliveryState::Read => None,
    }
}
