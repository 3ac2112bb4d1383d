//! What format 2 added at the end of format 1: which messages a delivery became, and who is behind the number.
//!
//! A record of format 1 is read as one without any of it.

use countersign_domain::delivery::{IdentityHash, MessageTag};
use countersign_domain::recipient::{BoundIdentity, Recipient};
use countersign_domain::verification::Verification;
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::convert::Base;
use super::stored::Offset;

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Extras<'a> {
    #[serde(borrow)]
    identity: Option<StoredIdentity<'a>>,
    /// One for each verification, in its order.
    #[serde(borrow)]
    verifications: Vec<VerificationExtras<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredIdentity<'a> {
    hash: &'a str,
    approved_at: Offset,
}

#[derive(Serialize, Deserialize)]
struct VerificationExtras<'a> {
    identity: Option<&'a str>,
    /// One list for each delivery, in its order.
    messages: Vec<Vec<[u8; 8]>>,
}

impl<'a> Extras<'a> {
    /// What format 1 does not say of a recipient.
    pub(super) fn of(recipient: &'a Recipient) -> Self {
        let base = Base::of(recipient);
        Self {
            identity: recipient.identity.as_ref().map(|it| StoredIdentity {
                hash: it.hash.as_str(),
                approved_at: base.offset(it.approved_at),
            }),
            verifications: recipient.verifications.iter().map(VerificationExtras::of).collect(),
        }
    }

    /// Completes a recipient that was read as format 1.
    pub(super) fn complete(self, recipient: &mut Recipient) -> Result<(), RecordError> {
        let base = Base::of(recipient);
        if let Some(StoredIdentity { hash, approved_at }) = self.identity {
            recipient.identity = Some(BoundIdentity {
                hash: read_hash(hash)?,
                approved_at: base.moment(approved_at),
            });
        }
        for (verification, extras) in recipient.verifications.iter_mut().zip(self.verifications) {
            extras.complete(verification)?;
        }
        Ok(())
    }
}

impl<'a> VerificationExtras<'a> {
    fn of(verification: &'a Verification) -> Self {
        let tags = |tags: &Vec<MessageTag>| tags.iter().map(|tag| tag.0).collect();
        Self {
            identity: verification.identity.as_ref().map(IdentityHash::as_str),
            messages: verification.deliveries.iter().map(|it| tags(&it.messages)).collect(),
        }
    }

    fn complete(self, verification: &mut Verification) -> Result<(), RecordError> {
        verification.identity = self.identity.map(read_hash).transpose()?;
        for (delivery, tags) in verification.deliveries.iter_mut().zip(self.messages) {
            delivery.messages = tags.into_iter().map(MessageTag).collect();
        }
        Ok(())
    }
}

fn read_hash(text: &str) -> Result<IdentityHash, RecordError> {
    IdentityHash::new(text).ok_or(RecordError::Value("identity hash"))
}
