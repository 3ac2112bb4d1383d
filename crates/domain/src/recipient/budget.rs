//! What a recipient may still be sent, and how often it may still be guessed at.

use crate::limit::RuleName;
use crate::policy::Policy;
use crate::recipient::Recipient;
use crate::time::{DAY, Timestamp};
use crate::verification::Verification;

/// A rule of the recipient that stands in the way, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restraint {
    /// The rule.
    pub rule: RuleName,
    /// When it lets go.
    pub until: Timestamp,
}

impl Recipient {
    /// What keeps the next message from being sent now; of several rules the one that lasts longest.
    ///
    /// A recipient that may not be guessed at is not sent to either: its code could not be given back.
    pub fn send_restraint(&self, policy: &Policy, now: Timestamp) -> Option<Restraint> {
        [
            self.ladder(policy),
            window(
                &self.sends,
                policy.sends_per_window_max,
                policy.send_window,
                RuleName::SendsPerWindow,
            ),
            window(&self.sends, policy.sends_per_day_max, DAY, RuleName::SendsPerDay),
            self.guess_restraint(policy, now),
        ]
        .into_iter()
        .flatten()
        .filter(|it| it.until > now)
        .max_by_key(|it| it.until)
    }

    /// What keeps the next guess from being compared now; of several rules the one that lasts longest.
    pub fn guess_restraint(&self, policy: &Policy, now: Timestamp) -> Option<Restraint> {
        let held = self.held_until.map(|until| Restraint {
            rule: RuleName::ConsecutiveWrongGuesses,
            until,
        });
        let by_operator = self.operator_hold_until.map(|until| Restraint {
            rule: RuleName::OperatorHold,
            until,
        });
        let day = window(
            &self.wrong_guesses,
            policy.wrong_guesses_per_day_max,
            DAY,
            RuleName::WrongGuessesPerDay,
        );
        [held, by_operator, day]
            .into_iter()
            .flatten()
            .filter(|it| it.until > now)
            .max_by_key(|it| it.until)
    }

    /// How many wrong guesses are left: the least of what the verification, the day and the row of wrong ones leave.
    pub fn guesses_left(&self, verification: &Verification, policy: &Policy) -> u8 {
        if !verification.is_open() {
            return 0;
        }
        let own = verification.guesses_max.saturating_sub(verification.wrong_guesses);
        let day = usize::from(policy.wrong_guesses_per_day_max).saturating_sub(self.wrong_guesses.len());
        let row = u32::from(policy.consecutive_wrong_guesses_max).saturating_sub(self.consecutive_wrong_guesses);
        // Past the row each further guess is the last one until the next hold is over.
        let row = u8::try_from(row).unwrap_or(u8::MAX).max(1);
        own.min(u8::try_from(day).unwrap_or(u8::MAX)).min(row)
    }

    /// Counts a wrong guess against every budget.
    pub(super) fn count_wrong_guess(&mut self, policy: &Policy, now: Timestamp) {
        self.wrong_guesses.push(now);
        self.last_wrong_guess_at = Some(now);
        self.consecutive_wrong_guesses = self.consecutive_wrong_guesses.saturating_add(1);
        // Only success clears the row (R6), so once it is full every further wrong guess holds the recipient again.
        if self.consecutive_wrong_guesses >= u32::from(policy.consecutive_wrong_guesses_max) {
            self.held_until = Some(now.plus(policy.hold));
        }
    }

    /// The growing wait: each unanswered send of the day makes the next one later, and a success starts over.
    fn ladder(&self, policy: &Policy) -> Option<Restraint> {
        let rung: Vec<Timestamp> = self
            .sends
            .iter()
            .copied()
            .filter(|at| self.approved_at.is_none_or(|approved| *at > approved))
            .collect();
        let last = *rung.last()?;
        let waits = &policy.send_waits;
        let until = match rung.len().checked_sub(1 + waits.len()) {
            // No wait is left: the oldest sends have to leave the day first.
            Some(too_many) => rung[too_many].plus(DAY),
            None => last.plus(waits[rung.len() - 1]),
        };
        Some(Restraint {
            rule: RuleName::SendWait,
            until,
        })
    }
}

/// At most `max` of `times` in any stretch of `length`: when the next one fits.
fn window(times: &[Timestamp], max: u8, length: std::time::Duration, rule: RuleName) -> Option<Restraint> {
    let oldest_that_counts = times.len().checked_sub(usize::from(max))?;
    Some(Restraint {
        rule,
        until: times[oldest_that_counts].plus(length),
    })
}
