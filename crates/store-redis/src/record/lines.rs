//! What format 5 added at the end of format 4: the line that the phone is another spelling of.
//!
//! A record of an older format is read as one whose phone is its own line.

use countersign_domain::guard::PersonKey;
use countersign_domain::recipient::Recipient;
use serde::{Deserialize, Serialize};

/// One byte, or 17.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Lines {
    line: Option<[u8; 16]>,
}

impl Lines {
    /// What format 4 does not say of a recipient.
    pub(super) fn of(recipient: &Recipient) -> Self {
        Self {
            line: recipient.line.map(|it| *it.as_bytes()),
        }
    }

    /// Completes a recipient that was read as format 4.
    pub(super) fn complete(self, recipient: &mut Recipient) {
        recipient.line = self.line.map(PersonKey::from_bytes);
    }
}
