//! Sending: claim a due message, record what the attempt came to, and apply what webhooks say.

use std::time::Duration;

use crate::code::Code;
use crate::delivery::{
    Delivery, DeliveryNumber, DeliveryReport, DeliveryState, FailureReason, NextStep, ProviderReport, ThrottleScope,
};
use crate::id::Serial;
use crate::key::KeyRing;
use crate::policy::Policy;
use crate::recipient::Recipient;
use crate::recipient::settle::drop_time;
use crate::retry::pair_wait;
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
    },
    /// It did not, or nobody knows.
    Failed {
        /// What to do next.
        step: NextStep,
        /// What the provider said.
        report: Option<ProviderReport>,
    },
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
            AttemptResult::Accepted { held } => delivery.accept(*held, policy, now),
            // Only the claimer of the moment may say that an attempt failed.
            AttemptResult::Failed { .. } if !delivery.is_attempt(claim) => false,
            AttemptResult::Failed { step, report } => {
                delivery.report.clone_from(report);
                delivery.fail(*step, policy, deadline, jitter, now);
                true
            }
        };
        if moved {
            self.after_move(claim.serial, now);
        }
        moved
    }

    /// Applies what a webhook says. Returns whether anything changed: truth only moves forward.
    pub fn apply_report(
        &mut self,
        serial: Serial,
        number: DeliveryNumber,
        report: &DeliveryReport,
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
        let state = match report {
            DeliveryReport::Sent => DeliveryState::Sent,
            DeliveryReport::Delivered => DeliveryState::Delivered,
            DeliveryReport::Read => DeliveryState::Read,
            DeliveryReport::Failed { step, .. } => DeliveryState::Failed(failure_reason(*step)),
        };
        if state.rank() <= delivery.state.rank() {
            return false;
        }
        if let DeliveryReport::Failed { report, .. } = report {
            delivery.report = Some(report.clone());
        }
        if state == DeliveryState::Sent {
            delivery.drop_at.get_or_insert(drop_time(policy, now));
        }
        delivery.put(state, now);
        let (tries, language) = (delivery.tries, delivery.language.clone());
        if let DeliveryReport::Failed { step, .. } = report {
            // What failed was taken before, whether or not we heard of it.
            delivery.drop_at.get_or_insert(now);
            let failed = Failed {
                number,
                step: *step,
                tries,
            };
            if let Some(at) = verification.next_try(&failed, policy, jitter, now) {
                // The failed message stays failed; what is tried again is a new one with the same code.
                verification.add_delivery(language, DeliveryState::Due { at }, tries, now);
            }
        }
        self.after_move(serial, now);
        true
    }

    fn after_move(&mut self, serial: Serial, now: Timestamp) {
        if self.open().is_some_and(|it| it.serial == serial) {
            self.give_up_if_hopeless(now);
        }
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
    fn next_try(&self, failed: &Failed, policy: &Policy, jitter: u64, now: Timestamp) -> Option<Timestamp> {
        let taken_and_failed = |it: &&Delivery| it.drop_at.is_some() && matches!(it.state, DeliveryState::Failed(_));
        if self.deliveries.iter().filter(taken_and_failed).count() > RETRIES_AFTER_ACCEPTANCE_MAX {
            return None;
        }
        let last_useful = self.last_useful_moment(failed.number, policy);
        retry_time(failed.step, failed.tries.max(1), policy, last_useful, jitter, now)
    }
}

/// A message the provider took and then failed to deliver.
struct Failed {
    number: DeliveryNumber,
    step: NextStep,
    tries: u8,
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
        self.drop_at = Some(drop_time(policy, now));
        self.report = None;
        self.put(state, now);
        true
    }

    fn fail(&mut self, step: NextStep, policy: &Policy, last_useful: Option<Timestamp>, jitter: u64, now: Timestamp) {
        if step == NextStep::Uncertain {
            self.drop_at = Some(drop_time(policy, now));
            let settle_at = (!self.repeated).then(|| now.plus(policy.settle_wait));
            self.put(DeliveryState::Unknown { settle_at }, now);
            return;
        }
        let state = match retry_time(step, self.tries, policy, last_useful, jitter, now) {
            Some(at) => DeliveryState::Due { at },
            // The attempt before this one may have been taken: what is not known to have failed is not called failed.
            None if self.drop_at.is_some() && step != NextStep::Rejected => DeliveryState::Unknown { settle_at: None },
            None => DeliveryState::Failed(failure_reason(step)),
        };
        self.put(state, now);
    }
}

/// When the same message is tried again; `None`: never, or not in time to be of use.
fn retry_time(
    step: NextStep,
    failed: u8,
    policy: &Policy,
    last_useful: Option<Timestamp>,
    jitter: u64,
    now: Timestamp,
) -> Option<Timestamp> {
    let asked = match step {
        NextStep::Throttled {
            retry_after: Some(asked),
            ..
        } => asked,
        NextStep::Throttled {
            scope: ThrottleScope::Recipient,
            ..
        } => pair_wait(failed),
        NextStep::Throttled { .. } | NextStep::Unavailable => Duration::ZERO,
        NextStep::Rejected | NextStep::Misconfigured(_) | NextStep::Uncertain => return None,
    };
    if failed >= policy.retry.tries_max {
        return None;
    }
    let at = now.plus(policy.retry.wait(failed, jitter).max(asked));
    last_useful.is_some_and(|last| at <= last).then_some(at)
}

fn failure_reason(step: NextStep) -> FailureReason {
    match step {
        NextStep::Rejected => FailureReason::Undeliverable,
        NextStep::Misconfigured(_) => FailureReason::Misconfigured,
        NextStep::Throttled { .. } => FailureReason::Throttled,
        NextStep::Unavailable | NextStep::Uncertain => FailureReason::ProviderUnavailable,
    }
}
