//! Sending: claim a due message, record what the attempt came to, and apply what webhooks say.

use std::time::Duration;

use crate::code::Code;
use crate::delivery::{
    Delivery, DeliveryNumber, DeliveryReport, DeliveryState, FailureReason, IdentityHash, MessageTag, NextStep,
    ProviderReport,
};
use crate::guard::PersonKey;
use crate::id::Serial;
use crate::key::KeyRing;
use crate::policy::Policy;
use crate::recipient::Recipient;
use crate::recipient::failure::{Detour, Failure};
use crate::recipient::settle::drop_time;
use crate::template::Wording;
use crate::time::Timestamp;
use crate::verification::Verification;

/// How many messages a verification sends anew because one failed after the provider had accepted it.
const RETRIES_AFTER_ACCEPTANCE_MAX: usize = 2;

/// A delivery that whoever wrote the record may send, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The verification.
    pub serial: Serial,
    /// The delivery within it.
    pub delivery: DeliveryNumber,
    /// Which attempt this is, from 1. A result of an earlier attempt moves nothing back.
    pub attempt: u8,
}

/// Why a claimed message is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSendable {
    /// The claim is lost, the verification ended, or too little of its life is left.
    Late,
    /// The app, its template or the key of the code left the configuration.
    Unconfigured,
}

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The provider took the message.
    Accepted {
        /// Whether it holds it first.
        held: bool,
        /// What the message is recognised by.
        message: Option<MessageTag>,
        /// The line the phone is another spelling of, as far as that is known by now.
        line: Option<PersonKey>,
    },
    /// It did not, or nobody knows.
    Failed {
        /// What to do next.
        step: NextStep,
        /// What the provider said.
        report: Option<ProviderReport>,
        /// What else could carry the message.
        detour: Option<Detour>,
    },
}

/// For how long no sender is free.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delay {
    /// Until then nobody can send.
    pub wait: Duration,
    /// How much longer a message may wait, so that not all set out in the same moment.
    pub spread: Duration,
    /// What the provider said.
    pub report: Option<ProviderReport>,
}

/// What a webhook says about one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport<'a> {
    /// What became of it.
    pub report: &'a DeliveryReport,
    /// What the message is recognised by.
    pub message: Option<MessageTag>,
    /// Who received it.
    pub identity: Option<&'a IdentityHash>,
    /// What else could carry it, if it failed.
    pub detour: Option<Detour>,
}

impl<'a> StatusReport<'a> {
    /// A status with nothing beside what became of the message.
    pub const fn new(report: &'a DeliveryReport) -> Self {
        Self {
            report,
            message: None,
            identity: None,
            detour: None,
        }
    }
}

impl Recipient {
    /// Claims the first message that is due, on a settled record. The claim holds for the policy's lease.
    pub fn claim_due(&mut self, policy: &Policy, now: Timestamp) -> Option<Claim> {
        let open = self.open_mut()?;
        let serial = open.serial;
        let due = open
            .deliveries
            .iter_mut()
            .find(|it| matches!(it.state, DeliveryState::Due { at } if at <= now))?;
        due.tries = due.tries.saturating_add(1);
        due.put(
            DeliveryState::Sending {
                lease_until: now.plus(policy.lease()),
            },
            now,
        );
        Some(Claim {
            serial,
            delivery: due.number,
            attempt: due.tries,
        })
    }

    /// Gives a claim back that nobody could carry out, so that the message is due at once.
    pub fn release(&mut self, claim: Claim, now: Timestamp) -> bool {
        let Some(delivery) = self.claimed(claim) else {
            return false;
        };
        delivery.tries = delivery.tries.saturating_sub(1);
        delivery.put(DeliveryState::Due { at: now }, now);
        true
    }

    /// A claimed delivery and the code it carries, if it may still be sent.
    pub fn code_to_send(
        &self,
        claim: Claim,
        keys: &KeyRing,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(&Delivery, Code), NotSendable> {
        let open = self
            .open()
            .filter(|it| it.serial == claim.serial && it.is_sendable(policy, now));
        let open = open.ok_or(NotSendable::Late)?;
        let delivery = open
            .deliveries
            .iter()
            .find(|it| it.is_claimed_by(claim, policy.send_timeout, now))
            .ok_or(NotSendable::Late)?;
        let code = self
            .code(open, delivery.generation, keys)
            .ok_or(NotSendable::Unconfigured)?;
        Ok((delivery, code))
    }

    /// Records what an attempt came to. Returns whether the record changed.
    ///
    /// `jitter` is a uniform 64-bit number. A webhook may have been faster; then its truth stands.
    pub fn record_attempt(
        &mut self,
        claim: Claim,
        result: &AttemptResult,
        policy: &Policy,
        jitter: u64,
        now: Timestamp,
    ) -> bool {
        let Some(verification) = self.verifications.iter_mut().find(|it| it.serial == claim.serial) else {
            return false;
        };
        let deadline = verification.last_useful_moment(claim.delivery, policy);
        let Some(delivery) = verification
            .deliveries
            .iter_mut()
            .find(|it| it.number == claim.delivery)
        else {
            return false;
        };
        let moved = match result {
            AttemptResult::Accepted { held, message, line: _ } => {
                let is_news = delivery.know(*message);
                delivery.accept(*held, policy, now) || is_news
            }
            // Only the claimer of the moment may say that an attempt failed.
            AttemptResult::Failed { .. } if !delivery.is_attempt(claim) => false,
            AttemptResult::Failed { step, report, detour } => {
                delivery.report.clone_from(report);
                let failure = Failure {
                    step: *step,
                    tries: delivery.tries,
                    detour: detour.as_ref(),
                };
                delivery.fail(&failure, policy, deadline, jitter, now);
                true
            }
        };
        if moved {
            self.after_move(claim.serial, now);
        }
        moved | self.know_line(claim.serial, result)
    }

    /// Puts a claimed message off, because no sender is free. It was not handed to anybody and costs no try; when it
    /// would come too late then, it fails now. Returns whether the record changed.
    pub fn postpone(&mut self, claim: Claim, delay: &Delay, policy: &Policy, now: Timestamp) -> bool {
        let open = self.verification(claim.serial);
        let last_useful = open.and_then(|it| it.last_useful_moment(claim.delivery, policy));
        let Some(delivery) = self.claimed(claim) else {
            return false;
        };
        delivery.tries = delivery.tries.saturating_sub(1);
        delivery.put_off(delay, last_useful, now);
        self.after_move(claim.serial, now);
        true
    }

    /// The same for messages that are due and claimed by nobody.
    pub fn put_off_due(&mut self, delay: &Delay, policy: &Policy, now: Timestamp) {
        let Some(open) = self.open_mut() else { return };
        let (serial, last_useful) = (open.serial, open.expires_at.minus(policy.useful_life_min));
        for delivery in &mut open.deliveries {
            if matches!(delivery.state, DeliveryState::Due { at } if at <= now) {
                delivery.put_off(delay, Some(last_useful), now);
            }
        }
        self.after_move(serial, now);
    }

    /// Applies what a webhook says. Returns whether anything changed: truth only moves forward.
    pub fn apply_report(
        &mut self,
        serial: Serial,
        number: DeliveryNumber,
        status: &StatusReport<'_>,
        policy: &Policy,
        jitter: u64,
        now: Timestamp,
    ) -> bool {
        let Some(verification) = self.verifications.iter_mut().find(|it| it.serial == serial) else {
            return false;
        };
        let Some(delivery) = verification.deliveries.iter_mut().find(|it| it.number == number) else {
            return false;
        };
        let state = status.report.state();
        // Of two messages that one delivery became, the slower one's statuses say nothing else that is new.
        let is_news = delivery.know(status.message);
        if state.rank() <= delivery.state.rank() {
            return is_news;
        }
        delivery.leaves(now);
        // Whatever the provider says of it, it has had the message. So the order in which it says it does not matter.
        delivery.settle_acceptance();
        if state == DeliveryState::Sent {
            delivery.drop_at.get_or_insert(drop_time(policy, now));
        }
        delivery.put(state, now);
        if let DeliveryReport::Failed { step, report } = status.report {
            delivery.report = Some(report.clone());
            // What failed was taken before, whether or not we heard of it.
            delivery.drop_at.get_or_insert(now);
            let failure = Failure {
                step: *step,
                tries: delivery.tries.max(1),
                detour: status.detour.as_ref(),
            };
            let tries = delivery.tries;
            let wording = failure.wording().unwrap_or_else(|| delivery.wording());
            if let Some(at) = verification.next_try(number, &failure, policy, jitter, now) {
                // The failed message stays failed; what is tried again is a new one with the same code.
                verification.add_delivery(wording, DeliveryState::Due { at }, tries, now);
                verification.inherit(&mut self.effects, number);
                verification.hand_reservation_on(number);
            }
        } else if policy.identity_memory.is_some() && status.identity.is_some() {
            // Late word of an older message may be about the phone before.
            let is_newest = verification.deliveries.last().is_some_and(|it| it.number == number);
            if is_newest || verification.identity.is_none() {
                verification.identity = status.identity.cloned();
            }
            self.bind_identity(policy);
        }
        self.after_move(serial, now);
        true
    }

    fn after_move(&mut self, serial: Serial, now: Timestamp) {
        if self.open().is_some_and(|it| it.serial == serial) {
            self.give_up_if_hopeless(now);
        }
    }

    /// Takes note of the line, for as long as the phone is kept. Returns whether that is news.
    fn know_line(&mut self, serial: Serial, result: &AttemptResult) -> bool {
        let AttemptResult::Accepted { line, .. } = result else {
            return false;
        };
        let is_news = self.line != *line && self.open().is_some_and(|it| it.serial == serial);
        if is_news {
            self.line = *line;
        }
        is_news
    }

    fn claimed(&mut self, claim: Claim) -> Option<&mut Delivery> {
        let verification = self.verifications.iter_mut().find(|it| it.serial == claim.serial)?;
        verification.deliveries.iter_mut().find(|it| it.is_attempt(claim))
    }
}

impl Verification {
    /// Until when sending that message again is of use; never, once a newer one took its place.
    fn last_useful_moment(&self, number: DeliveryNumber, policy: &Policy) -> Option<Timestamp> {
        let is_newest = self.deliveries.last().is_some_and(|it| it.number == number);
        (self.is_open() && is_newest).then(|| self.expires_at.minus(policy.useful_life_min))
    }

    /// When a message that failed after the provider had accepted it is tried again, if at all. Each such retry is
    /// another message on somebody's phone and bill, so there are few.
    fn next_try(
        &self,
        number: DeliveryNumber,
        failure: &Failure<'_>,
        policy: &Policy,
        jitter: u64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let taken_and_failed = |it: &&Delivery| it.drop_at.is_some() && matches!(it.state, DeliveryState::Failed(_));
        if self.deliveries.iter().filter(taken_and_failed).count() > RETRIES_AFTER_ACCEPTANCE_MAX {
            return None;
        }
        failure.retry_at(policy, self.last_useful_moment(number, policy), jitter, now)
    }
}

impl Delivery {
    fn is_attempt(&self, claim: Claim) -> bool {
        self.number == claim.delivery
            && self.tries == claim.attempt
            && matches!(self.state, DeliveryState::Sending { .. })
    }

    /// Whether an attempt that begins now ends before anybody else may take the delivery over.
    fn is_claimed_by(&self, claim: Claim, send_timeout: Duration, now: Timestamp) -> bool {
        self.is_attempt(claim)
            && matches!(self.state, DeliveryState::Sending { lease_until } if lease_until >= now.plus(send_timeout))
    }

    fn put_off(&mut self, delay: &Delay, last_useful: Option<Timestamp>, now: Timestamp) {
        let at = now.plus(delay.wait);
        if let Some(last) = last_useful.filter(|last| at <= *last) {
            let at = at.plus(delay.spread).min(last);
            self.put(DeliveryState::Due { at }, now);
            return;
        }
        if delay.report.is_some() {
            self.report.clone_from(&delay.report);
        }
        self.end(FailureReason::Throttled, now);
    }

    /// The provider has it. True also for a late answer to an attempt that counted as lost: then nothing is repeated.
    fn accept(&mut self, held: bool, policy: &Policy, now: Timestamp) -> bool {
        let state = if held {
            DeliveryState::Held
        } else {
            DeliveryState::Accepted
        };
        if state.rank() <= self.state.rank() {
            return false;
        }
        self.leaves(now);
        self.drop_at = Some(drop_time(policy, now));
        self.report = None;
        self.put(state, now);
        true
    }

    fn fail(
        &mut self,
        failure: &Failure<'_>,
        policy: &Policy,
        last_useful: Option<Timestamp>,
        jitter: u64,
        now: Timestamp,
    ) {
        if failure.step == NextStep::Uncertain {
            self.leaves(now);
            self.drop_at = Some(drop_time(policy, now));
            let settle_at = (!self.repeated).then(|| now.plus(policy.settle_wait));
            self.put(DeliveryState::Unknown { settle_at }, now);
            return;
        }
        if let Some(at) = failure.retry_at(policy, last_useful, jitter, now) {
            if let Some(Wording { language, template }) = failure.wording() {
                (self.language, self.template) = (language, template);
            }
            self.put(DeliveryState::Due { at }, now);
        } else if matches!(failure.step, NextStep::Rejected(_)) {
            self.put(DeliveryState::Failed(failure.step.failure_reason()), now);
        } else {
            self.end(failure.step.failure_reason(), now);
        }
    }
}
