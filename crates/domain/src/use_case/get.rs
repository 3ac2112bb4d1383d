//! Get: read a verification and change nothing.

use std::sync::Arc;

use crate::app::Caller;
use crate::recipient::VerificationView;
use crate::use_case::{Error, Records, VerificationName};

/// Reads a verification.
pub struct Get {
    records: Arc<Records>,
}

impl Get {
    /// Wires the use case to its records.
    pub fn new(records: &Arc<Records>) -> Self {
        Self {
            records: Arc::clone(records),
        }
    }

    /// The verification as it is now, whether or not anybody recorded it yet.
    pub async fn execute(&self, caller: &Caller, name: &VerificationName) -> Result<VerificationView, Error> {
        let identity = &self.records.rulebook.identity;
        let key = name.key(&self.records);
        let (recipient, moment) = self.records.read(key).await?;
        let serial = name.resolve(recipient.as_ref(), caller, identity)?;
        recipient
            .and_then(|it| it.view(identity, key, serial, &moment.policy, moment.now))
            .ok_or(Error::NotFound)
    }
}
