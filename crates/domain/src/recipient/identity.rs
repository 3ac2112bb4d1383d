//! Who is behind the number: what the provider said when a verification was approved is sent along with later codes, so
//! that a code never reaches the next owner of a recycled number.

use crate::delivery::IdentityHash;
use crate::policy::Policy;
use crate::recipient::Recipient;
use crate::time::Timestamp;

/// Who was behind a number when a verification was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundIdentity {
    /// The provider's word for the person.
    pub hash: IdentityHash,
    /// When a verification of that person was last approved.
    pub approved_at: Timestamp,
}

impl Recipient {
    /// What later codes are sent along with; nothing when the policy does not ask for it.
    pub fn expected_identity(&self, policy: &Policy) -> Option<&IdentityHash> {
        policy.identity_memory?;
        self.identity.as_ref().map(|it| &it.hash)
    }

    /// Until when the identity is kept.
    pub(super) fn identity_until(&self, policy: &Policy) -> Option<Timestamp> {
        let memory = policy.identity_memory?;
        self.identity.as_ref().map(|it| it.approved_at.plus(memory))
    }

    /// Binds the person of the newest verification if it was approved. Who is bound already stays bound: a hash that
    /// changed without the provider refusing the message is not a reason to trust the new one.
    pub(super) fn bind_identity(&mut self, policy: &Policy) {
        let approved = self.verifications.last().filter(|it| it.state.is_approved());
        let known = approved.and_then(|it| it.identity.clone().zip(it.state.ended_at()));
        let Some((hash, approved_at)) = known else {
            return;
        };
        if policy.identity_memory.is_none() || self.identity.as_ref().is_some_and(|it| it.hash != hash) {
            return;
        }
        self.identity = Some(BoundIdentity { hash, approved_at });
    }
}
