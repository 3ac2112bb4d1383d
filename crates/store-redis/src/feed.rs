//! Hints at changes, by Redis' publish and subscribe: one channel per recipient, subscribed only while somebody listens.
//!
//! A hint is published behind the caller's back, many in one round trip, and lost when Redis is away: whoever listens
//! looks for itself every few seconds anyway.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::id::RecipientKey;
use countersign_domain::ports::{ChangeFeed, ChangeHints, StoreError};
use redis::aio::{ConnectionManager, ConnectionManagerConfig, SendError};
use redis::{Client, PushInfo, PushKind, RedisResult, Value, pipe};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::keys::Keys;
use crate::link::{Link, Trouble};

/// Recipients whose hints may wait to be published; those of more are lost.
const WAITING_MAX: usize = 16_384;
/// Hints that are published in one round trip.
const BATCH_MAX: usize = 256;
/// The longest wait between two attempts to connect again.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(1);

/// Tells listeners of every instance on the same Redis.
pub struct RedisFeed {
    topics: Arc<Topics>,
    channels: Arc<Channels>,
    changes: Arc<Changes>,
    left: mpsc::UnboundedSender<RecipientKey>,
    /// Ended when the feed is dropped.
    _tasks: JoinSet<()>,
}

/// Who changed and was not told of yet. A recipient that changes again and again is told of once.
#[derive(Default)]
struct Changes {
    waiting: Mutex<BTreeSet<RecipientKey>>,
    came: Notify,
}

/// Who listens to what. Receivers hold no sender, so dropping the feed ends every subscription.
struct Topics {
    keys: Arc<Keys>,
    listened: Mutex<BTreeMap<RecipientKey, Topic>>,
}

struct Topic {
    sender: watch::Sender<()>,
    /// Whether hints may have been lost since the channel was last subscribed.
    missed: bool,
}

/// The connection on which channels are subscribed. It has a connection of its own, so that hints and calls do not
/// wait for each other.
struct Channels {
    /// Held while the server is told, so that whoever comes is never unsubscribed with the one who left.
    line: tokio::sync::Mutex<ConnectionManager>,
    timeout: Duration,
}

struct RedisHints {
    key: RecipientKey,
    receiver: watch::Receiver<()>,
    topics: Weak<Topics>,
    left: mpsc::UnboundedSender<RecipientKey>,
}

impl RedisFeed {
    /// A feed nobody listens to yet. Connects when the first one does. Must be called within a runtime.
    pub(crate) fn new(client: Client, keys: Arc<Keys>, link: Arc<Link>, timeout: Duration) -> RedisResult<Self> {
        let topics = Arc::new(Topics {
            keys: Arc::clone(&keys),
            listened: Mutex::default(),
        });
        let settings = ConnectionManagerConfig::new()
            // For ever: nothing but a hint would notice that this connection is gone.
            .set_number_of_retries(usize::MAX)
            .set_max_delay(RECONNECT_WAIT_MAX)
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(None)
            .set_automatic_resubscription()
            .set_push_sender(listener(&topics));
        let channels = Arc::new(Channels {
            line: tokio::sync::Mutex::new(ConnectionManager::new_lazy_with_config(client, settings)?),
            timeout,
        });
        let changes = Arc::<Changes>::default();
        let (left, leavers) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(publish_changes(Arc::clone(&changes), link, keys));
        tasks.spawn(unsubscribe_leavers(
            leavers,
            Arc::downgrade(&topics),
            Arc::clone(&channels),
        ));
        Ok(Self {
            topics,
            channels,
            changes,
            left,
            _tasks: tasks,
        })
    }
}

impl fmt::Debug for RedisFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFeed")
            .field("topics", &self.topics.lock().len())
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
        let receiver = self.topics.listen(key);
        let hints = RedisHints {
            key,
            receiver,
            topics: Arc::downgrade(&self.topics),
            left: self.left.clone(),
        };
        self.channels.subscribe(self.topics.keys.channel(key)).await?;
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
        let Some(topics) = self.topics.upgrade() else { return };
        let mut listened = topics.lock();
        // This listener is still counted; under the lock nobody else can begin to listen.
        if listened
            .get(&self.key)
            .is_some_and(|topic| topic.sender.receiver_count() <= 1)
        {
            listened.remove(&self.key);
            let _ = self.left.send(self.key);
        }
    }
}

impl Channels {
    async fn subscribe(&self, channel: Vec<u8>) -> Result<(), Trouble> {
        let subscribing = async { self.line.lock().await.subscribe(channel).await };
        match tokio::time::timeout(self.timeout, subscribing).await {
            Ok(subscribed) => Ok(subscribed?),
            Err(_) => Err(Trouble::Late(self.timeout)),
        }
    }

    /// Unsubscribes from the recipient's channel, unless somebody listens to it again.
    async fn unsubscribe(&self, topics: &Topics, key: RecipientKey) {
        let unsubscribing = async {
            let mut line = self.line.lock().await;
            if topics.lock().contains_key(&key) {
                return Ok(());
            }
            line.unsubscribe(topics.keys.channel(key)).await
        };
        if !matches!(tokio::time::timeout(self.timeout, unsubscribing).await, Ok(Ok(()))) {
            tracing::debug!("a channel nobody listens to stays subscribed until its connection ends");
        }
    }
}

impl Changes {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<RecipientKey>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Topics {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RecipientKey, Topic>> {
        self.listened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, key: RecipientKey) -> watch::Receiver<()> {
        let new = || Topic {
            sender: watch::Sender::new(()),
            missed: false,
        };
        self.lock().entry(key).or_insert_with(new).sender.subscribe()
    }

    /// Passes on what the server pushed.
    fn hear(&self, push: &PushInfo) {
        let mut listened = self.lock();
        // Whatever is told while the connection is gone is lost: everybody looks now, and once more when it is back.
        if push.kind == PushKind::Disconnection {
            for topic in listened.values_mut() {
                topic.missed = true;
                topic.sender.send_replace(());
            }
            return;
        }
        let Some(Value::BulkString(channel)) = push.data.first() else {
            return;
        };
        let key = self.keys.recipient_of_channel(channel);
        let Some(topic) = key.and_then(|key| listened.get_mut(&key)) else {
            return;
        };
        let is_news = match push.kind {
            PushKind::Message => true,
            PushKind::Subscribe => std::mem::take(&mut topic.missed),
            _ => false,
        };
        if is_news {
            topic.sender.send_replace(());
        }
    }
}

/// Hears what the server pushes, as long as the feed lives.
fn listener(topics: &Arc<Topics>) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync + 'static {
    let topics = Arc::downgrade(topics);
    move |push| match topics.upgrade() {
        Some(topics) => {
            topics.hear(&push);
            Ok(())
        }
        None => Err(SendError),
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

/// Unsubscribes from what nobody listens to any more.
async fn unsubscribe_leavers(
    mut leavers: mpsc::UnboundedReceiver<RecipientKey>,
    topics: Weak<Topics>,
    channels: Arc<Channels>,
) {
    while let Some(key) = leavers.recv().await {
        let Some(topics) = topics.upgrade() else { return };
        channels.unsubscribe(&topics, key).await;
    }
}
