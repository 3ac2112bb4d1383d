//! What time alone does to a recipient: expiries, lost leases, presumed drops, and forgetting.

use std::time::Duration;

use crate::delivery::{Delivery, DeliveryState, FailureReason};
use crate::policy::Policy;
use crate::recipient::Recipient;
use crate::request::REMEMBERED_FOR;
use crate::time::{DAY, Timestamp};
use crate::verification::{Verification, VerificationState};

/// How far the clocks of two instances may be apart before what one of them wrote is not believed.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

impl Recipient {
    /// Brings the record up to `now`. Every decision begins with it, so that none depends on a timer having run.
    pub fn settle(&mut self, policy: &Policy, now: Timestamp) {
        // First forget, then end: what ends only now, however late, is written once with its end for all to see.
        self.forget(policy, now);
        self.expire(now);
        for verification in &mut self.verifications {
            let sendable = verification.is_sendable(policy, now);
            let newest = verification.deliveries.last().map(|it| it.number);
            for delivery in &mut verification.deliveries {
                // What a newer message replaced is waited for and never sent again: its code may be dead by now.
                let sendable = sendable && Some(delivery.number) == newest;
                delivery.settle(policy, sendable, now);
            }
        }
        self.give_up_if_hopeless(now);
        self.miss_matured(now);
    }

    /// Ends the open verification when it was opened in the future of `clock`: the clock that opened it was wrong, and
    /// on the right one its code would live for that much longer (R2).
    pub fn distrust(&mut self, clock: Timestamp) {
        let opened_at = self.open().map(|it| it.opened_at);
        if opened_at.is_some_and(|at| at > clock.plus(SKEW_MAX)) {
            self.finish(VerificationState::Expired { at: self.changed_at });
        }
    }

    /// Ends the open verification as failed when no message of it can reach the phone any more.
    pub(super) fn give_up_if_hopeless(&mut self, now: Timestamp) {
        let Some(open) = self.open() else { return };
        if open.deliveries.iter().any(|it| it.state.is_hopeful()) {
            return;
        }
        // The newest message that failed by itself says why; one that was replaced says nothing.
        let reason = open.deliveries.iter().rev().find_map(|it| match it.state {
            DeliveryState::Failed(reason) if reason != FailureReason::Superseded => Some(reason),
            _ => None,
        });
        if let Some(reason) = reason {
            self.finish(VerificationState::Failed { at: now, reason });
        }
    }

    fn expire(&mut self, now: Timestamp) {
        if let Some(expires_at) = self.open().map(|it| it.expires_at).filter(|it| *it <= now) {
            self.finish(VerificationState::Expired { at: expires_at });
        }
    }

    fn forget(&mut self, policy: &Policy, now: Timestamp) {
        let retention = policy.finished_retention;
        self.verifications
            .retain(|it| it.state.ended_at().is_none_or(|at| at.plus(retention) > now));
        self.sends.retain(|at| at.plus(DAY) > now);
        self.wrong_guesses.retain(|at| at.plus(DAY) > now);
        self.held_until = self.held_until.filter(|until| *until > now);
        self.operator_hold_until = self.operator_hold_until.filter(|until| *until > now);
        if self.identity_until(policy).is_none_or(|until| until <= now) {
            self.identity = None;
        }
        if policy.identity_memory.is_none() {
            self.verifications.iter_mut().for_each(|it| it.identity = None);
        }
        self.approved_at = self.approved_at.filter(|_| !self.sends.is_empty());
        if self
            .last_wrong_guess_at
            .is_some_and(|at| at.plus(policy.wrong_guess_memory) <= now)
        {
            self.last_wrong_guess_at = None;
            self.consecutive_wrong_guesses = 0;
        }
        let readable: Vec<_> = self.verifications.iter().map(|it| it.serial).collect();
        self.requests
            .retain(|it| it.at.plus(REMEMBERED_FOR) > now && readable.contains(&it.serial));
    }
}

impl Verification {
    /// Whether a message sent now would still be of use.
    pub(super) fn is_sendable(&self, policy: &Policy, now: Timestamp) -> bool {
        self.is_open() && self.expires_at >= now.plus(policy.useful_life_min)
    }
}

impl Delivery {
    fn settle(&mut self, policy: &Policy, sendable: bool, now: Timestamp) {
        match self.state {
            DeliveryState::Due { .. } if !sendable => self.withdraw(FailureReason::TooLate, now),
            // Whoever claimed it is gone and may or may not have sent it. The lease held the wait for a webhook.
            DeliveryState::Sending { lease_until } if lease_until <= now => {
                self.leaves(lease_until);
                self.drop_at.get_or_insert(drop_time(policy, lease_until));
                self.repeat_or_wait(policy, sendable, now);
            }
            DeliveryState::Unknown {
                settle_at: Some(settle_at),
            } if settle_at <= now => {
                self.repeat_or_wait(policy, sendable, now);
            }
            _ => {}
        }
        if let (
            DeliveryState::Unknown { settle_at: None }
            | DeliveryState::Accepted
            | DeliveryState::Held
            | DeliveryState::Sent,
            Some(drop_at),
        ) = (self.state, self.drop_at)
            && drop_at <= now
        {
            self.put(DeliveryState::Dropped, now);
        }
    }

    /// Sends a message once more whose fate nobody knows, or else waits for word until it counts as dropped.
    fn repeat_or_wait(&mut self, policy: &Policy, sendable: bool, now: Timestamp) {
        if sendable && !self.repeated && self.tries < policy.retry.tries_max {
            self.repeated = true;
            self.put(DeliveryState::Due { at: now }, now);
        } else {
            self.put(DeliveryState::Unknown { settle_at: None }, now);
        }
    }
}

/// When a message that the provider may have taken at `taken_at` counts as dropped.
pub(super) fn drop_time(policy: &Policy, taken_at: Timestamp) -> Timestamp {
    taken_at.plus(policy.message_life()).plus(policy.drop_buffer)
}
