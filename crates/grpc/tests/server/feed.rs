//! A feed for one recipient that can go deaf, and knows whether somebody listens.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use countersign_domain::id::RecipientKey;
use countersign_domain::ports::{ChangeFeed, ChangeHints, StoreError};
use tokio::sync::watch;

/// The feed of the store with one recipient.
#[derive(Default)]
pub(crate) struct Feed {
    changed: watch::Sender<()>,
    deaf: AtomicBool,
}

impl Feed {
    /// From now on every hint is lost.
    pub(crate) fn go_deaf(&self) {
        self.deaf.store(true, Ordering::SeqCst);
    }

    /// How many listen.
    pub(crate) fn listeners(&self) -> usize {
        self.changed.receiver_count()
    }

    /// Waits until nobody listens.
    pub(crate) async fn deserted(&self) {
        self.changed.closed().await;
    }
}

#[async_trait]
impl ChangeFeed for Feed {
    fn publish(&self, _: RecipientKey) {
        if !self.deaf.load(Ordering::SeqCst) {
            self.changed.send_replace(());
        }
    }

    async fn subscribe(&self, _: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError> {
        Ok(Box::new(Hints(self.changed.subscribe())))
    }
}

struct Hints(watch::Receiver<()>);

#[async_trait]
impl ChangeHints for Hints {
    async fn next(&mut self) -> Option<()> {
        self.0.changed().await.ok()
    }
}
