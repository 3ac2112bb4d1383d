//! Hints at changes within one process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use countersign_domain::id::RecipientKey;
use countersign_domain::ports::{ChangeFeed, ChangeHints, StoreError};
use tokio::sync::watch;

use crate::lock::lock;

/// Tells listeners of the same process. Holds one entry per recipient somebody listens to, and none else.
#[derive(Default)]
pub struct MemoryFeed(Arc<Mutex<Topics>>);

/// Listening receivers hold no sender, so dropping the feed ends every subscription.
type Topics = BTreeMap<RecipientKey, watch::Sender<()>>;

struct MemoryHints {
    key: RecipientKey,
    receiver: watch::Receiver<()>,
    topics: Weak<Mutex<Topics>>,
}

impl MemoryFeed {
    /// A feed nobody listens to yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many recipients somebody listens to.
    pub fn len(&self) -> usize {
        lock(&self.0).len()
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for MemoryFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFeed").field("len", &self.len()).finish()
    }
}

#[async_trait]
impl ChangeFeed for MemoryFeed {
    fn publish(&self, key: RecipientKey) {
        if let Some(topic) = lock(&self.0).get(&key) {
            // A watch keeps one hint however many are sent, so a slow listener costs nothing.
            topic.send_replace(());
        }
    }

    async fn subscribe(&self, key: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError> {
        let mut topics = lock(&self.0);
        let topic = topics.entry(key).or_insert_with(|| watch::Sender::new(()));
        Ok(Box::new(MemoryHints {
            key,
            receiver: topic.subscribe(),
            topics: Arc::downgrade(&self.0),
        }))
    }
}

#[async_trait]
impl ChangeHints for MemoryHints {
    async fn next(&mut self) -> Option<()> {
        self.receiver.changed().await.ok()
    }
}

impl Drop for MemoryHints {
    fn drop(&mut self) {
        let Some(topics) = self.topics.upgrade() else { return };
        let mut topics = lock(&topics);
        // This listener is still counted; under the lock nobody else can begin to listen.
        if topics.get(&self.key).is_some_and(|topic| topic.receiver_count() <= 1) {
            topics.remove(&self.key);
        }
    }
}
