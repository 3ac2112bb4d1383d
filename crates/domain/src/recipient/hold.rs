//! Holds: an operator keeps a recipient from being sent to and guessed at, and lets it go again.

use crate::recipient::Recipient;
use crate::time::Timestamp;
use crate::verification::VerificationState;

impl Recipient {
    /// Holds the recipient until `until`, by an operator's word: nothing is sent to it, and no guess at it is compared.
    /// What is open ends as blocked. A hold before is replaced, whether it was longer or shorter.
    pub fn hold(&mut self, until: Timestamp, now: Timestamp) {
        self.operator_hold_until = Some(until);
        self.finish(VerificationState::Blocked { at: now });
    }

    /// Ends every hold, an operator's and that for wrong guesses in a row. Answers whether one was in force.
    ///
    /// The row of wrong guesses goes on: only success clears it (R6), so the next wrong guess may hold the recipient
    /// again.
    pub fn end_holds(&mut self, now: Timestamp) -> bool {
        let ended = [self.held_until.take(), self.operator_hold_until.take()];
        ended.into_iter().flatten().any(|until| until > now)
    }
}
