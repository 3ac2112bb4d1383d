//! How the callback learns of a step: once or more, late, with others, after a lie. Kept out: when a step comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::bodies::{self, StatusEntry};
use crate::fate::Telling;
use crate::phone::{Message, StatusChange};
use crate::shared::Shared;
use crate::time::Busy;

/// A webhook that is due.
pub(crate) struct Post {
    body: Vec<u8>,
    /// What is posted first with a wrong signature.
    forged: Option<Vec<u8>>,
    times: u8,
    /// Until it was answered or given up; `None` while it has to let others go first.
    busy: Option<Busy>,
}

/// Statuses that wait for others, by sender number.
#[derive(Default)]
pub(crate) struct Batches {
    waiting: Mutex<BTreeMap<String, Vec<Value>>>,
}

/// How long the first status of a batch waits for others.
const BATCHED_FOR: Duration = Duration::from_millis(250);
/// Most statuses in one post (Meta: webhooks overview, 1,000 updates).
const BATCH_MAX: usize = 1_000;

/// Tells the status of a message, and with it what the message is billed as, if this is where Meta says so. Returns the
/// webhook if it has to keep its turn among those of the message.
pub(crate) fn status(
    shared: &Arc<Shared>,
    message: &Message,
    change: StatusChange,
    is_priced: bool,
    told: Telling,
) -> Option<Post> {
    let sender = shared.sender(&message.phone_number_id)?;
    let entry = StatusEntry {
        message,
        change,
        names_recipient: !told.without_recipient,
        identity: shared.identity_to_tell(&message.to),
        pricing: is_priced.then(|| shared.pricing_of(message)),
    };
    let account = &shared.config.business_account_id;
    let whole = |entry: Value| bodies::statuses(account, sender, &[entry]);
    let forged = told.forged.then(|| whole(entry.lie()));
    if told.batched {
        for _ in 0..told.times {
            batch(shared, &sender.id, entry.value());
        }
        return post(shared, Vec::new(), forged, Telling { times: 0, ..told });
    }
    post(shared, whole(entry.value()), forged, told)
}

/// Tells that the person pressed "I didn't request a code".
pub(crate) fn did_not_request(shared: &Arc<Shared>, message: &Message, at_ms: u64, told: Telling) -> Option<Post> {
    let sender = shared.sender(&message.phone_number_id)?;
    let identity = shared.identity_to_tell(&message.to);
    let account = &shared.config.business_account_id;
    let body = bodies::did_not_request(account, sender, message, identity, shared.next_request(), at_ms);
    let forged = told.forged.then(|| body.clone());
    post(shared, body, forged, told)
}

/// Tells what is no message's business, in this order, in the background.
pub(crate) fn in_order(shared: &Arc<Shared>, bodies: Vec<Vec<u8>>) {
    let posts = bodies.into_iter();
    let posts: Vec<_> = posts
        .filter_map(|body| post(shared, body, None, Telling::default()))
        .collect();
    if posts.is_empty() {
        return;
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let delivered = async {
            for post in posts {
                post.deliver(&shared).await;
            }
        };
        tokio::select! {
            () = delivered => {}
            () = shared.ended() => {}
        }
    });
}

impl Post {
    /// Lets others go first: nobody waits for it until it is due again.
    pub(crate) fn kept_back(self) -> Self {
        Self { busy: None, ..self }
    }

    /// Has its turn after all.
    pub(crate) fn due_again(self, shared: &Shared) -> Self {
        Self {
            busy: Some(shared.time.busy()),
            ..self
        }
    }

    /// Posts it until it is taken or given up, to wherever the callback is by then.
    pub(crate) async fn deliver(self, shared: &Shared) {
        let _busy = self.busy;
        if let (Some(lie), Some(target)) = (self.forged, shared.callback_url()) {
            let taken = shared.courier.post_forged(target, lie).await;
            shared.tally.note_forged(taken);
        }
        for _ in 0..self.times {
            if shared.callback_url().is_none() {
                return;
            }
            let taken = shared
                .courier
                .post(&shared.time, || shared.callback_url(), self.body.clone())
                .await;
            shared.tally.note(taken);
        }
    }

    /// Posts it in the background, until the end of the simulator.
    pub(crate) fn deliver_aside(self, shared: &Arc<Shared>, late: Duration) {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            let delivered = async {
                if !late.is_zero() {
                    shared.time.sleep(late).await;
                }
                self.deliver(&shared).await;
            };
            tokio::select! {
                () = delivered => {}
                () = shared.ended() => {}
            }
        });
    }
}

fn post(shared: &Arc<Shared>, body: Vec<u8>, forged: Option<Vec<u8>>, told: Telling) -> Option<Post> {
    if told.times == 0 && forged.is_none() {
        return None;
    }
    let post = Post {
        body,
        forged,
        times: told.times,
        busy: Some(shared.time.busy()),
    };
    if told.late.is_zero() {
        return Some(post);
    }
    post.deliver_aside(shared, told.late);
    None
}

/// Puts a status into the batch of its sender number. The first one sees to it that the batch leaves.
fn batch(shared: &Arc<Shared>, sender: &str, entry: Value) {
    let first = {
        let mut waiting = shared.batches.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = waiting.entry(sender.to_owned()).or_default();
        batch.push(entry);
        batch.len() == 1
    };
    if !first {
        return;
    }
    let busy = shared.time.busy();
    let (shared, sender) = (Arc::clone(shared), sender.to_owned());
    tokio::spawn(async move {
        tokio::select! {
            () = send_batch(&shared, &sender, busy) => {}
            () = shared.ended() => {}
        }
    });
}

async fn send_batch(shared: &Arc<Shared>, sender: &str, _busy: Busy) {
    shared.time.sleep(BATCHED_FOR).await;
    let batch = {
        let mut waiting = shared.batches.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(sender).unwrap_or_default()
    };
    let Some(sender) = shared.sender(sender) else { return };
    for statuses in batch.chunks(BATCH_MAX) {
        let body = bodies::statuses(&shared.config.business_account_id, sender, statuses);
        if let Some(post) = post(shared, body, None, Telling::default()) {
            post.deliver(shared).await;
        }
    }
}
