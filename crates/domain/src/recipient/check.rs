//! Check: compare one guess, at most once, and count it before anybody hears the answer.

use crate::code::Guess;
use crate::context::ContextDigest;
use crate::id::Serial;
use crate::key::KeyRing;
use crate::policy::Policy;
use crate::recipient::Recipient;
use crate::request::{RememberedAnswer, RememberedRequest, RequestDigest};
use crate::time::Timestamp;
use crate::verification::{CanceledBy, CheckOutcome, Verification, VerificationState};

/// What a check brings.
#[derive(Clone, Copy, Debug)]
pub struct CheckOrder<'a> {
    /// The verification it is about.
    pub serial: Serial,
    /// What the person typed.
    pub guess: &'a Guess,
    /// What the caller says the code is bound to.
    pub context: Option<ContextDigest>,
    /// How a repeat of this request is recognised.
    pub request: Option<RequestDigest>,
}

/// What a comparison was to its verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Right: it approved the verification.
    Right,
    /// The first wrong one.
    FirstWrong,
    /// Wrong again.
    WrongAgain,
}

/// What a check decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckDecision {
    /// A guess was compared and counted: the record changed.
    Compared {
        /// What the comparison said.
        outcome: CheckOutcome,
        /// What it was to the verification.
        comparison: Comparison,
        /// How many sends the approval answered, whose charge goes back.
        answered_sends: u32,
    },
    /// Nothing was compared; the record is as it was.
    Unchanged(CheckOutcome),
    /// The same request was carried out before, with this answer.
    Repeated {
        /// What the comparison said.
        outcome: CheckOutcome,
        /// The verification it was about.
        serial: Serial,
    },
    /// This instance does not hold the key of the code: nothing was compared, and the record in the store stays as it
    /// is, because another instance may hold the key.
    KeyWithdrawn,
    /// The guess has not the shape of this verification's codes. Nothing was counted.
    Malformed,
    /// The request id was used for something else.
    RequestIdReused,
    /// There is no such verification.
    Unknown,
}

impl Recipient {
    /// Decides a check on a settled record.
    pub fn check(&mut self, order: &CheckOrder<'_>, policy: &Policy, keys: &KeyRing, now: Timestamp) -> CheckDecision {
        if let Some(decision) = self.repeated_check(order.request) {
            return decision;
        }
        let Some(verification) = self.verification(order.serial) else {
            return CheckDecision::Unknown;
        };
        if let Some(outcome) = self.final_outcome(verification, now) {
            return CheckDecision::Unchanged(outcome);
        }
        if let Some(restraint) = self.guess_restraint(policy, now) {
            return CheckDecision::Unchanged(CheckOutcome::Held { until: restraint.until });
        }
        if !order.guess.fits(&verification.recipe) {
            return CheckDecision::Malformed;
        }
        let Some(right) = self.is_right(verification, order.guess, keys) else {
            // Shown to the caller, and written by nobody: see `CheckDecision::KeyWithdrawn`.
            self.finish(VerificationState::Canceled {
                at: now,
                by: CanceledBy::KeyWithdrawn,
            });
            return CheckDecision::KeyWithdrawn;
        };
        let wrong = if verification.wrong_guesses == 0 {
            Comparison::FirstWrong
        } else {
            Comparison::WrongAgain
        };
        let same_context = verification.recipe.context == order.context;
        let (outcome, comparison, answered_sends) = match (right, same_context) {
            (true, true) => (CheckOutcome::Approved, Comparison::Right, self.approve(policy, now)),
            (_, false) => {
                self.miss(policy, now);
                (CheckOutcome::ContextMismatch, wrong, 0)
            }
            (false, true) if self.miss(policy, now) => (CheckOutcome::Exhausted, wrong, 0),
            (false, true) => (CheckOutcome::Incorrect, wrong, 0),
        };
        if let Some(digest) = order.request {
            let answer = RememberedAnswer::Check(outcome);
            self.remember(RememberedRequest {
                digest,
                at: now,
                serial: order.serial,
                answer,
            });
        }
        CheckDecision::Compared {
            outcome,
            comparison,
            answered_sends,
        }
    }

    fn repeated_check(&self, request: Option<RequestDigest>) -> Option<CheckDecision> {
        let request = request?;
        let known = self.requests.iter().find(|it| it.digest.id == request.id)?;
        match known.answer {
            RememberedAnswer::Check(outcome) if known.digest.body == request.body => Some(CheckDecision::Repeated {
                outcome,
                serial: known.serial,
            }),
            _ => Some(CheckDecision::RequestIdReused),
        }
    }

    /// Whether the guess is an accepted code; `None` when the key is gone. Every accepted generation is compared,
    /// whatever the others said.
    fn is_right(&self, verification: &Verification, guess: &Guess, keys: &KeyRing) -> Option<bool> {
        let current = verification.recipe.generation;
        let first = if verification.recipe.keep_previous {
            current.saturating_sub(1)
        } else {
            current
        };
        let mut right = false;
        for generation in first..=current {
            right |= self.code(verification, generation, keys)?.matches(guess);
        }
        Some(right)
    }

    fn approve(&mut self, policy: &Policy, now: Timestamp) -> u32 {
        self.finish(VerificationState::Approved { at: now });
        self.bind_identity(policy);
        self.approved_at = Some(now);
        self.consecutive_wrong_guesses = 0;
        self.last_wrong_guess_at = None;
        self.answer_sends()
    }

    /// Counts a wrong guess; true when it was the verification's last.
    fn miss(&mut self, policy: &Policy, now: Timestamp) -> bool {
        self.count_wrong_guess(policy, now);
        let Some(open) = self.open_mut() else { return true };
        open.wrong_guesses = open.wrong_guesses.saturating_add(1);
        let exhausted = open.wrong_guesses >= open.guesses_max;
        if exhausted {
            self.finish(VerificationState::Exhausted { at: now });
        }
        exhausted
    }

    fn final_outcome(&self, verification: &Verification, now: Timestamp) -> Option<CheckOutcome> {
        match verification.state {
            VerificationState::Open => None,
            VerificationState::Approved { at } => Some(CheckOutcome::AlreadyApproved { at }),
            VerificationState::Expired { .. } => Some(CheckOutcome::Expired),
            VerificationState::Exhausted { .. } => Some(CheckOutcome::Exhausted),
            VerificationState::Canceled { .. } => Some(CheckOutcome::Canceled),
            VerificationState::Failed { .. } => Some(CheckOutcome::Failed),
            // As long as the hold lasts that ended it, the hold is what the caller has to know of.
            VerificationState::Blocked { .. } => {
                let held = self.operator_hold_until.filter(|until| *until > now);
                Some(held.map_or(CheckOutcome::Failed, |until| CheckOutcome::Held { until }))
            }
        }
    }
}
