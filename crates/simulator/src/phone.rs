//! The phone: the messages that arrived, how far each got, and who waits for news of them. Kept out: HTTP, JSON and
//! the rules of what Meta accepts.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::{broadcast, oneshot, watch};

use crate::fate::Fate;
use crate::wire::digits_of;

/// What became of a message. Ordered: a later status never gives way to an earlier one, and what arrived did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Taken by the Graph endpoint.
    Accepted,
    /// Taken, and held for quality assessment.
    Held,
    /// On its way; one tick.
    Sent,
    /// Its life ended on the way, of which nothing is told.
    Dropped,
    /// It could not be delivered, or its life ended on the way and that is told.
    Failed,
    /// On the phone; two ticks.
    Delivered,
    /// Seen; two blue ticks.
    Read,
}

/// A status and when it was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    /// The status.
    pub status: Status,
    /// Unix milliseconds.
    pub at_ms: u64,
    /// Meta's code, for [`Status::Failed`] only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u32>,
}

impl StatusChange {
    /// A change without an error code.
    pub(crate) fn new(status: Status, at_ms: u64) -> Self {
        Self {
            status,
            at_ms,
            code: None,
        }
    }
}

/// One message on the phone. Its `Debug` shows neither code nor phone nor id, for a `wamid` spells out the phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Counts accepted messages from 1, without gaps.
    pub number: u64,
    /// Meta's message id: `wamid.` and Base64 that contains the recipient's digits.
    pub id: String,
    /// Recipient in E.164, with `+`.
    pub to: String,
    /// The digits WhatsApp knows the recipient by; nearly always those of `to`.
    pub wa_id: String,
    /// The code the person would type.
    pub code: String,
    /// Name of the template.
    pub template: String,
    /// Language of the template as the sender named it.
    pub language: String,
    /// Id of the sender number.
    pub phone_number_id: String,
    /// `biz_opaque_callback_data` of the request.
    pub reference: Option<String>,
    /// Minutes in the footer; `None` when the template has no footer.
    pub expires_in_minutes: Option<u8>,
    /// Whether the body advises not to share the code.
    pub security_recommendation: bool,
    /// The label of the button, where the template has one of its own.
    pub copy_label: Option<String>,
    /// When its life ends unless it is delivered, in Unix milliseconds; `None` when its life has no end.
    pub lives_until_ms: Option<u64>,
    /// The fate ordered or drawn for it; `None` when it goes the usual way.
    pub fate: Option<Arc<Fate>>,
    /// When the person last pressed "I didn't request a code", in Unix milliseconds.
    pub did_not_request_at_ms: Option<u64>,
    /// Every status reached, in order. Never empty.
    pub history: Vec<StatusChange>,
}

/// A view of the phone. Cheap to clone; all clones see the same messages.
///
/// The waiting methods wait for ever when nothing comes: put a time-out around them where that is possible.
#[derive(Clone)]
pub struct Phone {
    inner: Arc<Inner>,
}

struct Inner {
    messages_max: usize,
    state: Mutex<State>,
    /// Moves with every change, so that waiters look again.
    revision: watch::Sender<u64>,
    /// What the page follows. Bounded: a slow follower loses changes and is told so.
    changes: broadcast::Sender<Arc<Message>>,
}

#[derive(Default)]
struct State {
    /// Messages accepted since the start, forgotten ones included.
    accepted: u64,
    /// Oldest first, with consecutive numbers.
    kept: VecDeque<Kept>,
}

struct Kept {
    message: Arc<Message>,
    /// Used up when the page shows the message; dropped with the message.
    shown: Option<oneshot::Sender<()>>,
}

/// Changes a follower of `/events` may be behind before it has to load everything again.
const CHANGES_MAX: usize = 256;

impl Phone {
    /// Every message kept, newest first.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.state()
            .kept
            .iter()
            .rev()
            .map(|kept| Arc::clone(&kept.message))
            .collect()
    }

    /// Every message kept for one recipient, newest first. Takes a phone as `to` takes it: plus, spaces and dashes do
    /// not matter. What is not a phone has no messages.
    pub fn messages_to(&self, phone: &str) -> Vec<Arc<Message>> {
        let wanted = digits_of(phone);
        let mut messages = self.messages();
        messages.retain(|message| message.to.strip_prefix('+') == wanted.as_deref());
        messages
    }

    /// The code in the newest message to `phone`.
    pub fn code_for(&self, phone: &str) -> Option<String> {
        self.messages_to(phone).first().map(|message| message.code.clone())
    }

    /// How many messages were accepted since the start, forgotten ones included.
    pub fn accepted(&self) -> u64 {
        self.state().accepted
    }

    /// Waits for a message to `phone` and returns the code of the newest.
    pub async fn wait_for_code(&self, phone: &str) -> String {
        self.wait_for(|| self.code_for(phone)).await
    }

    /// Waits for the first message with a number above `after`; 0 means the first of all. Give the number of the
    /// last message seen to get the one after it, whether or not it has arrived by now.
    pub async fn next_message(&self, after: u64) -> Arc<Message> {
        self.wait_for(|| {
            let state = self.state();
            state
                .kept
                .iter()
                .find(|kept| kept.message.number > after)
                .map(|kept| Arc::clone(&kept.message))
        })
        .await
    }

    /// Waits until `count` messages were accepted since the start and returns those kept, newest first.
    pub async fn wait_until(&self, count: u64) -> Vec<Arc<Message>> {
        self.wait_for(|| (self.accepted() >= count).then(|| self.messages()))
            .await
    }

    /// Waits until message `number` has reached `status` or a later one, and returns it.
    pub async fn wait_for_status(&self, number: u64, status: Status) -> Arc<Message> {
        self.wait_for(|| self.find(number).filter(|message| message.status() >= status))
            .await
    }

    pub(crate) fn new(messages_max: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                messages_max,
                state: Mutex::default(),
                revision: watch::Sender::new(0),
                changes: broadcast::Sender::new(CHANGES_MAX),
            }),
        }
    }

    /// Follows every change from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<Message>> {
        self.inner.changes.subscribe()
    }

    /// Keeps a new message, forgetting the oldest when there is no room. `write` is told the message's number. Also
    /// returns what fires when the page shows the message, and fails when the message is forgotten.
    pub(crate) fn keep(&self, write: impl FnOnce(u64) -> Message) -> (Arc<Message>, oneshot::Receiver<()>) {
        let (shown, was_shown) = oneshot::channel();
        let message = {
            let mut state = self.state();
            state.accepted += 1;
            let message = Arc::new(write(state.accepted));
            if state.kept.len() == self.inner.messages_max {
                state.kept.pop_front();
            }
            state.kept.push_back(Kept {
                message: Arc::clone(&message),
                shown: Some(shown),
            });
            // Announced under the lock, so that followers see changes in the order in which they happened.
            self.announce(&message);
            message
        };
        (message, was_shown)
    }

    /// Records a status. A forgotten message stays forgotten.
    pub(crate) fn advance(&self, number: u64, change: StatusChange) {
        let mut state = self.state();
        let Some(kept) = state.get_mut(number) else { return };
        if kept.message.status() < change.status {
            Arc::make_mut(&mut kept.message).history.push(change);
            self.announce(&kept.message);
        }
    }

    /// Notes that the person says they did not ask for this message, and returns it. `None` when no such message is
    /// kept.
    pub(crate) fn disown(&self, number: u64, at_ms: u64) -> Option<Arc<Message>> {
        let mut state = self.state();
        let kept = state.get_mut(number)?;
        Arc::make_mut(&mut kept.message).did_not_request_at_ms = Some(at_ms);
        self.announce(&kept.message);
        Some(Arc::clone(&kept.message))
    }

    /// Notes that the page shows a message. Returns false when no such message is kept.
    pub(crate) fn show(&self, number: u64) -> bool {
        let mut state = self.state();
        let Some(kept) = state.get_mut(number) else {
            return false;
        };
        if let Some(shown) = kept.shown.take() {
            // Nobody listens when the message is past being read.
            let _ = shown.send(());
        }
        true
    }

    fn find(&self, number: u64) -> Option<Arc<Message>> {
        self.state().get_mut(number).map(|kept| Arc::clone(&kept.message))
    }

    fn announce(&self, message: &Arc<Message>) {
        self.inner.revision.send_modify(|revision| *revision += 1);
        // Nobody follows when no page is open.
        let _ = self.inner.changes.send(Arc::clone(message));
    }

    async fn wait_for<T>(&self, look: impl Fn() -> Option<T>) -> T {
        let mut revision = self.inner.revision.subscribe();
        loop {
            revision.borrow_and_update();
            if let Some(found) = look() {
                return found;
            }
            if revision.changed().await.is_err() {
                // Cannot happen: this handle keeps the sender alive.
                std::future::pending::<()>().await;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get_mut(&mut self, number: u64) -> Option<&mut Kept> {
        let oldest = self.kept.front()?.message.number;
        let index = usize::try_from(number.checked_sub(oldest)?).ok()?;
        self.kept.get_mut(index)
    }
}

impl Message {
    /// The latest status.
    pub fn status(&self) -> Status {
        self.history.last().map_or(Status::Accepted, |change| change.status)
    }
}

#[cfg(test)]
impl Message {
    /// A message of the usual kind, accepted at `at_ms`.
    pub(crate) fn sample(number: u64, to: &str, code: &str, at_ms: u64) -> Self {
        Self {
            number,
            id: format!("wamid.{number}"),
            to: to.into(),
            wa_id: to.trim_start_matches('+').into(),
            code: code.into(),
            template: "verification_code".into(),
            language: "en_US".into(),
            phone_number_id: "106540352242922".into(),
            reference: None,
            expires_in_minutes: None,
            security_recommendation: false,
            copy_label: None,
            lives_until_ms: None,
            fate: None,
            did_not_request_at_ms: None,
            history: vec![StatusChange::new(Status::Accepted, at_ms)],
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Message")
            .field("number", &self.number)
            .field("template", &self.template)
            .field("language", &self.language)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Phone")
            .field("accepted", &self.accepted())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(phone: &Phone, to: &str, code: &str) -> (Arc<Message>, oneshot::Receiver<()>) {
        phone.keep(|number| Message::sample(number, to, code, 0))
    }

    #[test]
    fn the_oldest_message_is_forgotten_when_there_is_no_room() {
        let phone = Phone::new(2);
        for code in ["111111", "222222", "333333"] {
            arrive(&phone, "+5511987654321", code);
        }
        let codes: Vec<_> = phone.messages().iter().map(|message| message.code.clone()).collect();
        assert_eq!(codes, ["333333", "222222"]);
        assert_eq!(phone.accepted(), 3);
        assert!(!phone.show(1));
        phone.advance(1, StatusChange::new(Status::Sent, 1));
    }

    #[test]
    fn a_status_never_goes_back() {
        let phone = Phone::new(2);
        arrive(&phone, "+5511987654321", "111111");
        for status in [Status::Delivered, Status::Sent, Status::Delivered] {
            phone.advance(1, StatusChange::new(status, 1));
        }
        assert_eq!(phone.messages()[0].history.len(), 2);
        assert_eq!(phone.messages()[0].status(), Status::Delivered);
    }

    #[test]
    fn a_phone_is_found_however_it_is_written() {
        let phone = Phone::new(2);
        arrive(&phone, "+5511987654321", "111111");
        for written in ["+5511987654321", "5511987654321", "+55 (11) 98765-4321"] {
            assert_eq!(phone.code_for(written).as_deref(), Some("111111"));
        }
        assert_eq!(phone.code_for("nobody"), None);
        assert_eq!(phone.code_for("+15550100"), None);
    }

    #[test]
    fn debug_shows_neither_code_nor_phone_nor_id() {
        let phone = Phone::new(2);
        let (message, _) = arrive(&phone, "+5511987654321", "482913");
        let shown = format!("{message:?} {phone:?}");
        assert!(!shown.contains("482913") && !shown.contains("5511") && !shown.contains("wamid"));
    }

    #[tokio::test]
    async fn a_waiter_gets_a_message_that_came_before_or_comes_after() {
        let phone = Phone::new(10);
        arrive(&phone, "+5511987654321", "111111");
        assert_eq!(phone.next_message(0).await.number, 1);
        let (second, ()) = tokio::join!(phone.next_message(1), async {
            arrive(&phone, "+15550100123", "222222");
        });
        assert_eq!(second.code, "222222");
        assert_eq!(phone.wait_until(2).await.len(), 2);
        assert_eq!(phone.wait_for_code("+15550100123").await, "222222");
    }
}
