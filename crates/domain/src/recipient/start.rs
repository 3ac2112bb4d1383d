//! Start: join what is open, send it again, or open a new verification.

use std::time::Duration;

use crate::code::CodeRecipe;
use crate::context::ContextDigest;
use crate::delivery::{Delivery, DeliveryNumber, DeliveryState, FailureReason};
use crate::id::Serial;
use crate::key::{KeyId, KeyRing};
use crate::phone::PhoneNumber;
use crate::policy::{Policy, ResendCode};
use crate::recipient::{Claim, Recipient, Restraint};
use crate::request::{JOINS_REMEMBERED_MAX, RememberedAnswer, RememberedRequest, RequestDigest};
use crate::template::Wording;
use crate::time::Timestamp;
use crate::verification::{CanceledBy, StartOutcome, Verification, VerificationState};

/// What a start asks for.
#[derive(Clone, Debug)]
pub struct StartOrder {
    /// Whom to send to.
    pub phone: PhoneNumber,
    /// The template and the language that were chosen.
    pub wording: Wording,
    /// What the code is bound to.
    pub context: Option<ContextDigest>,
    /// The key a new code is derived with.
    pub key: KeyId,
    /// Whether whoever is behind the number now is welcome: what was known of the person before is forgotten.
    pub accept_identity_change: bool,
    /// How a repeat of this request is recognised.
    pub request: Option<RequestDigest>,
}

/// What a start decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartDecision {
    /// A message is to be sent: the record changed, and whoever writes it holds the claim.
    Send {
        /// Whether a verification was opened or sent again.
        outcome: StartOutcome,
        /// The claimed delivery.
        claim: Claim,
    },
    /// One is open and the wait is not over.
    Join {
        /// The open one.
        serial: Serial,
        /// Whether the record changed, to remember the request.
        remembered: bool,
    },
    /// The same request was carried out before, with this answer.
    Repeat {
        /// What it did.
        outcome: StartOutcome,
        /// The verification it was about.
        serial: Serial,
    },
    /// The request id was used for something else.
    RequestIdReused,
    /// A rule of the recipient stands in the way.
    Refused(Restraint),
}

impl Recipient {
    /// Decides a start on a settled record.
    pub fn start(&mut self, order: &StartOrder, policy: &Policy, keys: &KeyRing, now: Timestamp) -> StartDecision {
        if let Some(decision) = self.repeated_start(order.request) {
            return decision;
        }
        let restraint = self.send_restraint(policy, now);
        match (self.open_for(order, keys), restraint) {
            (Some(open), Some(_)) => {
                let serial = open.serial;
                self.join(serial, order.request, now)
            }
            (None, Some(restraint)) => StartDecision::Refused(restraint),
            (Some(open), None) if open.is_sendable(policy, now) => self.resend(order, policy, now),
            (_, None) => self.open_new(order, policy, now),
        }
    }

    /// Whether a start that sends would send the open verification again, and not open another one.
    pub fn would_resend(&self, order: &StartOrder, policy: &Policy, keys: &KeyRing, now: Timestamp) -> bool {
        self.open_for(order, keys).is_some_and(|it| it.is_sendable(policy, now))
    }

    /// The open verification if a start may join it or send it again. A code bound to something else, or whose key is
    /// gone, would never be accepted.
    fn open_for(&self, order: &StartOrder, keys: &KeyRing) -> Option<&Verification> {
        let of_use = |it: &&Verification| it.recipe.context == order.context && keys.holds(&it.recipe.key);
        self.open().filter(of_use)
    }

    fn repeated_start(&self, request: Option<RequestDigest>) -> Option<StartDecision> {
        let request = request?;
        let known = self.requests.iter().find(|it| it.digest.id == request.id)?;
        match known.answer {
            RememberedAnswer::Start { outcome, .. } if known.digest.body == request.body => {
                Some(StartDecision::Repeat {
                    outcome,
                    serial: known.serial,
                })
            }
            _ => Some(StartDecision::RequestIdReused),
        }
    }

    fn join(&mut self, serial: Serial, request: Option<RequestDigest>, now: Timestamp) -> StartDecision {
        if let Some(digest) = request {
            let answer = RememberedAnswer::Start {
                outcome: StartOutcome::Joined,
                delivery: None,
            };
            self.remember(RememberedRequest {
                digest,
                at: now,
                serial,
                answer,
            });
        }
        StartDecision::Join {
            serial,
            remembered: request.is_some(),
        }
    }

    fn resend(&mut self, order: &StartOrder, policy: &Policy, now: Timestamp) -> StartDecision {
        let Some(open) = self.open_mut() else {
            return self.open_new(order, policy, now);
        };
        if policy.resend_code != ResendCode::Same {
            open.recipe.generation = open.recipe.generation.saturating_add(1);
            open.recipe.keep_previous = policy.resend_code == ResendCode::FreshKeepPrevious;
        }
        for earlier in &mut open.deliveries {
            earlier.withdraw(FailureReason::Superseded, now);
        }
        self.send_claimed(StartOutcome::Resent, order, policy, now)
    }

    fn open_new(&mut self, order: &StartOrder, policy: &Policy, now: Timestamp) -> StartDecision {
        self.finish(VerificationState::Canceled {
            at: now,
            by: CanceledBy::Newer,
        });
        self.last_serial += 1;
        self.phone = Some(order.phone.clone());
        self.verifications.push(Verification {
            serial: self.last_serial,
            opened_at: now,
            expires_at: now.plus(policy.code_life),
            recipe: CodeRecipe {
                key: order.key.clone(),
                generation: 0,
                keep_previous: false,
                length: policy.code_length,
                alphabet: policy.alphabet,
                context: order.context,
            },
            wrong_guesses: 0,
            guesses_max: policy.guesses_max,
            deliveries: Vec::new(),
            identity: None,
            state: VerificationState::Open,
        });
        self.send_claimed(StartOutcome::Opened, order, policy, now)
    }

    /// Adds a message to the open verification, already claimed by whoever writes the record.
    fn send_claimed(
        &mut self,
        outcome: StartOutcome,
        order: &StartOrder,
        policy: &Policy,
        now: Timestamp,
    ) -> StartDecision {
        let serial = self.last_serial;
        if order.accept_identity_change {
            self.identity = None;
        }
        let state = DeliveryState::Sending {
            lease_until: now.plus(policy.lease()),
        };
        let number = self
            .open_mut()
            .map_or(1, |open| open.add_delivery(order.wording.clone(), state, 1, now));
        // A clock that was set back freezes the record's time. A send in the very moment of an approval still counts
        // as one after it, or the waits would not.
        let after_approval = self.approved_at.map(|at| at.plus(Duration::from_millis(1)));
        self.sends.push(after_approval.map_or(now, |at| at.max(now)));
        self.unanswered_sends = self.unanswered_sends.saturating_add(1);
        if let Some(digest) = order.request {
            let answer = RememberedAnswer::Start {
                outcome,
                delivery: Some(number),
            };
            self.remember(RememberedRequest {
                digest,
                at: now,
                serial,
                answer,
            });
        }
        StartDecision::Send {
            outcome,
            claim: Claim {
                serial,
                delivery: number,
                attempt: 1,
            },
        }
    }

    /// Remembers a request. Joins are many and cost nothing, so only the newest of them are kept.
    pub(super) fn remember(&mut self, request: RememberedRequest) {
        self.requests.push(request);
        let is_join = |it: &RememberedRequest| matches!(it.answer, RememberedAnswer::Start { delivery: None, .. });
        if self.requests.iter().filter(|it| is_join(it)).count() > JOINS_REMEMBERED_MAX
            && let Some(oldest) = self.requests.iter().position(is_join)
        {
            self.requests.remove(oldest);
        }
    }
}

impl Verification {
    /// Adds a message that was handed to the messenger `tries` times so far, if only as the one it replaces.
    pub(super) fn add_delivery(
        &mut self,
        wording: Wording,
        state: DeliveryState,
        tries: u8,
        now: Timestamp,
    ) -> DeliveryNumber {
        let number = self.deliveries.last().map_or(1, |last| last.number.saturating_add(1));
        self.deliveries.push(Delivery::new(
            number,
            self.recipe.generation,
            wording,
            state,
            tries,
            now,
        ));
        number
    }
}
