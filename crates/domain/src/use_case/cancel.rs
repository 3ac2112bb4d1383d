//! Cancel: end an open verification at its caller's wish.

use std::sync::Arc;

use crate::app::Caller;
use crate::recipient::VerificationView;
use crate::use_case::records::Decision;
use crate::use_case::{Error, Records, VerificationName};
use crate::verification::CanceledBy;

/// Ends an open verification; a finished one stays as it is and comes back as it is.
pub struct Cancel {
    records: Arc<Records>,
}

impl Cancel {
    /// Wires the use case to its records.
    pub fn new(records: &Arc<Records>) -> Self {
        Self {
            records: Arc::clone(records),
        }
    }

    /// Carries a cancellation out.
    pub async fn execute(&self, caller: &Caller, name: &VerificationName) -> Result<VerificationView, Error> {
        let identity = &self.records.rulebook.identity;
        let key = name.key(&self.records);
        let decided = self
            .records
            .decide(key, None, None, |recipient, moment| {
                let serial = name.resolve(recipient.as_ref(), caller, identity)?;
                let mut recipient = recipient.ok_or(Error::NotFound)?;
                let canceled = recipient.cancel(serial, CanceledBy::Caller, moment.now);
                let view = recipient
                    .view(identity, key, serial, &moment.policy, moment.now)
                    .ok_or(Error::NotFound)?;
                if !canceled {
                    return Ok(Decision::Keep(view));
                }
                Ok(Decision::Replace {
                    recipient,
                    charges: Vec::new(),
                    answer: view,
                })
            })
            .await?;
        Ok(decided.answer)
    }
}
