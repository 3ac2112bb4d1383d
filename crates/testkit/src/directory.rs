//! What the provider thinks of senders, as a test says.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use countersign_domain::ports::{LookError, SenderDirectory, SenderFacts};
use countersign_domain::sender::{Quality, SenderId};

use crate::sync::lock;

/// Knows only the senders it was told about; of every other one it does not say.
#[derive(Debug, Default)]
pub struct FakeDirectory(Mutex<BTreeMap<SenderId, Quality>>);

impl FakeDirectory {
    /// Says that of a sender from now on.
    pub fn rate(&self, sender: &SenderId, quality: Quality) {
        lock(&self.0).insert(sender.clone(), quality);
    }
}

#[async_trait]
impl SenderDirectory for FakeDirectory {
    async fn look(&self, sender: &SenderId) -> Result<SenderFacts, LookError> {
        let known = lock(&self.0).get(sender).copied();
        known
            .map(|quality| SenderFacts { quality })
            .ok_or_else(|| LookError("nobody said".into()))
    }
}
