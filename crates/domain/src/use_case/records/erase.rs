//! A record that is to be gone, whatever it is by then.

use crate::id::RecipientKey;
use crate::ports::Erased;
use crate::use_case::{DECISIONS_MAX, Error, Records};
use crate::verification::CanceledBy;

impl Records {
    /// Erases a record. What is open is canceled by the caller with it: everybody is told, and what is owed goes back.
    /// Answers whether there was a record.
    pub(in crate::use_case) async fn erase(&self, key: RecipientKey) -> Result<bool, Error> {
        let mut stored = self.store.load(key).await?;
        for _ in 0..DECISIONS_MAX {
            let Some(known) = stored else { return Ok(false) };
            let (Some(mut last), moment) = self.settled(Some(&known)) else {
                return Ok(false);
            };
            if let Some(serial) = last.open().map(|it| it.serial) {
                last.cancel(serial, CanceledBy::Caller, moment.now);
            }
            // Closes the books of what ended, as a write would.
            last.seal(&moment.policy, moment.now);
            match self.store.erase(key, known.version).await? {
                Erased::Gone => {
                    self.tell(key, Some(&known.recipient), &last);
                    let now = self.clock.now();
                    self.guard.hear(Some(&known.recipient), &last, now);
                    let effects = std::mem::take(&mut last.effects);
                    self.carry_out(&last.app, effects, None, now).await;
                    return Ok(true);
                }
                Erased::Conflict(newer) => stored = Some(*newer),
            }
        }
        Err(Error::Contended)
    }
}
