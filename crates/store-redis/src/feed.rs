//! Hints at changes, by Redis' publish and subscribe: one channel per recipient, subscribed only while somebody listens.
//!
//! A hint is published behind the caller's back, many in one round trip, and lost when Redis is away: whoever listens
//! looks for itself every few seconds anyway.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::id::RecipientKey;
use countersign_domain::ports::{ChangeFeed, ChangeHints, StoreError};
use redis::{Client, pipe};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::channels::{Channels, Topics, Wish};
use crate::keys::Keys;
use crate::link::{Link, Trouble};

/// Recipients whose hints may wait to be published; those of more are lost.
const WAITING_MAX: usize = 16_384;
/// Hints that are published in one round trip.
const BATCH_MAX: usize = 256;

/// Tells listeners of every instance on the same Redis.
pub struct RedisFeed {
    link: Arc<Link>,
    topics: Arc<Topics>,
    changes: Arc<Changes>,
    wishes: mpsc::UnboundedSender<Wish>,
    timeout: Duration,
    /// Ended when the feed is dropped.
    _tasks: JoinSet<()>,
}

/// Who changed and was not told of yet. A recipient that changes again and again is told of once.
#[derive(Default)]
struct Changes {
    waiting: Mutex<BTreeSet<RecipientKey>>,
    came: Notify,
}

struct RedisHints {
    key: RecipientKey,
    receiver: watch::Receiver<()>,
    topics: Weak<Topics>,
    wishes: mpsc::UnboundedSender<Wish>,
}

impl RedisFeed {
    /// A feed nobody listens to yet. Connects when the first one does. Must be called within a runtime.
    pub(crate) fn new(client: Client, keys: Arc<Keys>, link: Arc<Link>, timeout: Duration) -> Self {
        let topics = Arc::new(Topics::new(Arc::clone(&keys)));
        let changes = Arc::<Changes>::default();
        let (wishes, queue) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(publish_changes(Arc::clone(&changes), Arc::clone(&link), keys));
        tasks.spawn(Channels::new(client, &topics, timeout).run(queue));
        Self {
            link,
            topics,
            changes,
            wishes,
            timeout,
            _tasks: tasks,
        }
    }

    /// Has the channel subscribed, and waits until it is.
    async fn listen(&self, key: RecipientKey) -> Result<(), Trouble> {
        let (waiter, told) = oneshot::channel();
        let _ = self.wishes.send(Wish::Listen(key, waiter));
        match tokio::time::timeout(self.timeout, told).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Err(Trouble::Broken("it was hung up".to_owned())),
            Err(_) => Err(Trouble::Late(self.timeout)),
        }
    }
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed")
            .field("topics", &self.topics.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ChangeFeed for RedisFeed {
    fn publish(&self, key: RecipientKey) {
        let mut waiting = self.changes.lock();
        if waiting.len() < WAITING_MAX {
            waiting.insert(key);
            drop(waiting);
            self.changes.came.notify_one();
        }
    }

    async fn subscribe(&self, key: RecipientKey) -> Result<Box<dyn ChangeHints>, StoreError> {
        self.link.gate()?;
        let hints = RedisHints {
            key,
            receiver: self.topics.listen(key),
            topics: Arc::downgrade(&self.topics),
            wishes: self.wishes.clone(),
        };
        self.listen(key).await?;
        Ok(Box::new(hints))
    }
}

#[async_trait]
impl ChangeHints for RedisHints {
    async fn next(&mut self) -> Option<()> {
        self.receiver.changed().await.ok()
    }
}

impl Drop for RedisHints {
    fn drop(&mut self) {
        if self.topics.upgrade().is_some_and(|topics| topics.leave(self.key)) {
            let _ = self.wishes.send(Wish::Leave(self.key));
        }
    }
}

impl Changes {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<RecipientKey>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes what changed. What changes during one round trip goes with the next.
async fn publish_changes(changes: Arc<Changes>, link: Arc<Link>, keys: Arc<Keys>) {
    loop {
        changes.came.notified().await;
        let batch = std::mem::take(&mut *changes.lock());
        let batch: Vec<_> = batch.into_iter().collect();
        for batch in batch.chunks(BATCH_MAX) {
            let mut messages = pipe();
            for key in batch {
                messages.cmd("PUBLISH").arg(keys.channel(*key)).arg("").ignore();
            }
            if let Err(error) = link.ask_all::<()>(&messages).await {
                tracing::debug!(%error, "hints at changes were lost");
            }
        }
    }
}
