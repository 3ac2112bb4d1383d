//! What callers are told about a verification: the whole of it, and what they may do next and when.

use crate::delivery::Delivery;
use crate::id::{AppId, Purpose, RecipientKey, Serial, VerificationId};
use crate::key::Identity;
use crate::policy::Policy;
use crate::recipient::{Recipient, Restraint};
use crate::time::Timestamp;
use crate::verification::Verification;

/// Whether something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Now.
    Now,
    /// Later: this rule stands in the way until then.
    Later(Restraint),
    /// Never: the verification ended.
    Never,
}

/// A verification as callers see it. Holds neither the phone nor anything of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationView {
    /// Its id.
    pub id: VerificationId,
    /// The app.
    pub app: AppId,
    /// The purpose.
    pub purpose: Purpose,
    /// The verification itself, without the books of its deliveries: what is charged and counted is no caller's
    /// business, and no change that anybody who watches has to be told.
    pub verification: Verification,
    /// Wrong guesses left, whichever budget is the tightest.
    pub guesses_left: u8,
    /// Whether a start would send to this recipient.
    pub send: Allowance,
    /// Whether a check would compare a guess.
    pub check: Allowance,
}

impl Recipient {
    /// The view of one verification of a settled record.
    pub fn view(
        &self,
        identity: &Identity,
        key: RecipientKey,
        serial: Serial,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<VerificationView> {
        let verification = self.verification(serial)?;
        let mut shown = verification.clone();
        shown.deliveries.iter_mut().for_each(Delivery::close_books);
        let check = match self.guess_restraint(policy, now) {
            _ if !verification.is_open() => Allowance::Never,
            Some(restraint) => Allowance::Later(restraint),
            None => Allowance::Now,
        };
        Some(VerificationView {
            id: VerificationId::new(identity, key, serial, &self.salt.0),
            app: self.app.clone(),
            purpose: self.purpose.clone(),
            guesses_left: self.guesses_left(verification, policy),
            send: self
                .send_restraint(policy, now)
                .map_or(Allowance::Now, Allowance::Later),
            check,
            verification: shown,
        })
    }
}
