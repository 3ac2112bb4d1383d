//! Who listens to what, and the one connection on which their channels are subscribed.
//!
//! That connection has a task of its own, so that a caller who gives up halfway leaves it as it is. It is hung up when
//! it breaks and when it does not answer in time, and made anew at once: then every channel somebody listens to is
//! subscribed again, and everybody gets a hint, because what changed meanwhile was not heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use countersign_domain::id::RecipientKey;
use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, RedisResult, Value};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::keys::Keys;
use crate::link::Trouble;

/// The wait between two attempts to connect again while somebody listens.
const RECONNECT_WAIT: Duration = Duration::from_millis(500);
/// Wishes that are told to the server together.
const BATCH_MAX: usize = 1_024;

/// Who listens to what. Receivers hold no sender, so dropping it ends every subscription.
pub(crate) struct Topics {
    keys: Arc<Keys>,
    listened: Mutex<BTreeMap<RecipientKey, watch::Sender<()>>>,
}

/// What the server has to be told.
pub(crate) enum Wish {
    /// Somebody began to listen and waits until every later change will be heard.
    Listen(RecipientKey, oneshot::Sender<Result<(), Trouble>>),
    /// The last one who listened left.
    Leave(RecipientKey),
}

/// The connection, and how to make it.
pub(crate) struct Channels {
    client: Client,
    topics: Weak<Topics>,
    timeout: Duration,
    line: Option<Line>,
    /// Whether there was a connection before, and so listeners that may have missed something.
    was_connected: bool,
}

struct Line {
    connection: MultiplexedConnection,
    broke: Arc<Notify>,
}

impl Topics {
    pub(crate) fn new(keys: Arc<Keys>) -> Self {
        Self {
            keys,
            listened: Mutex::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(crate) fn listen(&self, key: RecipientKey) -> watch::Receiver<()> {
        let mut listened = self.lock();
        listened
            .entry(key)
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe()
    }

    /// Forgets a listener that is about to go. Answers whether it was the last one of that recipient.
    pub(crate) fn leave(&self, key: RecipientKey) -> bool {
        let mut listened = self.lock();
        // The one who goes is still counted; under the lock nobody else can begin to listen.
        let is_last = listened.get(&key).is_some_and(|topic| topic.receiver_count() <= 1);
        if is_last {
            listened.remove(&key);
        }
        is_last
    }

    /// Passes on what the server pushed.
    fn hear(&self, push: &PushInfo) {
        let (PushKind::Message, Some(Value::BulkString(channel))) = (&push.kind, push.data.first()) else {
            return;
        };
        let Some(key) = self.keys.recipient_of_channel(channel) else {
            return;
        };
        if let Some(topic) = self.lock().get(&key) {
            topic.send_replace(());
        }
    }

    fn hint_all(&self) {
        for topic in self.lock().values() {
            topic.send_replace(());
        }
    }

    fn channels(&self) -> Vec<Vec<u8>> {
        self.lock().keys().map(|key| self.keys.channel(*key)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RecipientKey, watch::Sender<()>>> {
        self.listened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channels {
    /// A connection that is made when the first one listens.
    pub(crate) fn new(client: Client, topics: &Arc<Topics>, timeout: Duration) -> Self {
        Self {
            client,
            topics: Arc::downgrade(topics),
            timeout,
            line: None,
            was_connected: false,
        }
    }

    /// Tells the server what is wished, until the feed is gone.
    pub(crate) async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) {
        let mut batch = Vec::new();
        loop {
            let broke = self.line.as_ref().map(|line| Arc::clone(&line.broke));
            let is_listened = self.topics.upgrade().is_some_and(|topics| topics.len() > 0);
            tokio::select! {
                count = wishes.recv_many(&mut batch, BATCH_MAX) => {
                    if count == 0 {
                        return;
                    }
                }
                () = broken(broke.as_deref()), if broke.is_some() => self.line = None,
                () = tokio::time::sleep(RECONNECT_WAIT), if self.line.is_none() && is_listened => {}
            }
            let Some(topics) = self.topics.upgrade() else { return };
            self.fulfill(&topics, std::mem::take(&mut batch)).await;
        }
    }

    async fn fulfill(&mut self, topics: &Topics, wishes: Vec<Wish>) {
        let (mut listening, mut left, mut waiting) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for wish in wishes {
            match wish {
                Wish::Listen(key, waiter) => {
                    listening.insert(key);
                    waiting.push(waiter);
                }
                Wish::Leave(key) => {
                    left.insert(key);
                }
            }
        }
        let told = self.tell(topics, &listening, &left).await;
        if let Err(trouble) = &told {
            tracing::debug!(%trouble, "listeners hear nothing until there is a connection again");
            self.line = None;
        }
        for waiter in waiting {
            // Whoever does not wait any more has left already.
            let _ = waiter.send(told.clone());
        }
    }

    async fn tell(
        &mut self,
        topics: &Topics,
        listening: &BTreeSet<RecipientKey>,
        left: &BTreeSet<RecipientKey>,
    ) -> Result<(), Trouble> {
        let channels = |keys: &mut dyn Iterator<Item = &RecipientKey>| -> Vec<_> {
            keys.map(|key| topics.keys.channel(*key)).collect()
        };
        let timeout = self.timeout;
        let Some(line) = &mut self.line else {
            return self.connect(topics).await;
        };
        let listening = channels(&mut listening.iter());
        if !listening.is_empty() {
            within(timeout, line.connection.subscribe(listening)).await?;
        }
        // Whoever listens again by now is behind this in the queue, or was just subscribed.
        let left = {
            let listened = topics.lock();
            channels(&mut left.iter().filter(|key| !listened.contains_key(key)))
        };
        if !left.is_empty() {
            within(timeout, line.connection.unsubscribe(left)).await?;
        }
        Ok(())
    }

    /// Connects and subscribes to all that is listened to.
    async fn connect(&mut self, topics: &Topics) -> Result<(), Trouble> {
        let channels = topics.channels();
        if channels.is_empty() {
            return Ok(());
        }
        let broke = Arc::new(Notify::new());
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(listener(self.topics.clone(), Arc::clone(&broke)));
        let connecting = async {
            let mut connection = self
                .client
                .get_multiplexed_async_connection_with_config(&settings)
                .await?;
            connection.subscribe(channels).await?;
            Ok(connection)
        };
        let connection = within(self.timeout, connecting).await?;
        self.line = Some(Line { connection, broke });
        if std::mem::replace(&mut self.was_connected, true) {
            topics.hint_all();
        }
        Ok(())
    }
}

async fn broken(broke: Option<&Notify>) {
    match broke {
        Some(broke) => broke.notified().await,
        None => std::future::pending().await,
    }
}

async fn within<T>(timeout: Duration, telling: impl Future<Output = RedisResult<T>>) -> Result<T, Trouble> {
    match tokio::time::timeout(timeout, telling).await {
        Ok(told) => Ok(told?),
        Err(_) => Err(Trouble::Late(timeout)),
    }
}

/// Hears what one connection pushes, as long as the feed lives.
fn listener(topics: Weak<Topics>, broke: Arc<Notify>) -> impl Fn(PushInfo) -> Result<(), SendError> + Send + Sync {
    move |push| {
        if push.kind == PushKind::Disconnection {
            broke.notify_one();
        }
        let topics = topics.upgrade().ok_or(SendError)?;
        topics.hear(&push);
        Ok(())
    }
}
