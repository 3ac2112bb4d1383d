//! The way of one accepted message: its fate, step by step, each told to the callback in that order. Kept out: what a
//! fate is, how a webhook is posted and what the page shows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::fate::{Event, Fate, LifeEnd, Step, Telling};
use crate::phone::{Message, Status, StatusChange};
use crate::shared::Shared;
use crate::telling::{self, Post};
use crate::time::Busy;

/// The code of a message whose life ended on the way.
const UNDELIVERABLE: u32 = 131_026;

/// Lets a message go its way in the background, until its last step or the end of the simulator. `place` is its
/// place among the messages in flight.
pub(crate) fn begin(
    shared: &Arc<Shared>,
    message: Arc<Message>,
    was_shown: oneshot::Receiver<()>,
    place: OwnedSemaphorePermit,
) {
    let fate = match &message.fate {
        Some(fate) => Arc::clone(fate),
        None => Arc::new(Fate::usual(shared.config.pace)),
    };
    // Room for every step: a slow callback does not hold up the phone.
    let (posts, due) = mpsc::channel(fate.steps.len() + 2);
    let walk = Walk {
        shared: Arc::clone(shared),
        message,
        was_shown: Some(was_shown),
        posts,
        kept_back: None,
        _busy: shared.time.busy(),
    };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let journey = async { tokio::join!(walk.through(&fate), post_in_order(&shared, due)) };
        tokio::select! {
            _ = journey => {}
            () = shared.ended() => {}
        }
        drop(place);
    });
}

async fn post_in_order(shared: &Shared, mut due: mpsc::Receiver<Post>) {
    while let Some(post) = due.recv().await {
        post.deliver(shared).await;
    }
}

struct Walk {
    shared: Arc<Shared>,
    message: Arc<Message>,
    /// Used up by the first step that waits for it.
    was_shown: Option<oneshot::Receiver<()>>,
    posts: mpsc::Sender<Post>,
    /// A webhook that lets the next one go first.
    kept_back: Option<Post>,
    _busy: Busy,
}

impl Walk {
    async fn through(mut self, fate: &Fate) {
        let mut is_delivered = false;
        for step in &fate.steps {
            let delivers = matches!(step.event, Event::Delivered | Event::Read);
            if delivers && !is_delivered && self.outlives(step) {
                self.end_life(fate.life_end).await;
                break;
            }
            if !self.wait_for(step).await {
                break;
            }
            // Meta tells the price when a message is sent, and once more when it first arrives.
            let is_priced = step.event == Event::Sent || (delivers && !is_delivered);
            is_delivered |= delivers;
            let post = self.take(step, is_priced);
            self.tell(post, step.told.reversed).await;
        }
        self.post_kept_back().await;
    }

    /// Waits until the step is due. Says false when it never will be.
    async fn wait_for(&mut self, step: &Step) -> bool {
        let time = &self.shared.time;
        let was_shown = self.was_shown.take_if(|_| step.event == Event::Read);
        match (step.after, was_shown) {
            (None, None) => false,
            (None, Some(was_shown)) => time.wait_for(was_shown).await.is_ok(),
            (Some(after), None) => {
                time.sleep(after).await;
                true
            }
            (Some(after), Some(was_shown)) => {
                tokio::select! {
                    () = time.sleep(after) => {}
                    // A forgotten message is not shown any more, but time passes for it too.
                    Ok(()) = was_shown => {}
                }
                true
            }
        }
    }

    /// Lets the step happen. Returns the webhook that is due for it now.
    fn take(&self, step: &Step, is_priced: bool) -> Option<Post> {
        let (status, code) = match step.event {
            Event::Sent => (Status::Sent, None),
            Event::Delivered => (Status::Delivered, None),
            Event::Read => (Status::Read, None),
            Event::Failed { code } => (Status::Failed, Some(code)),
            Event::DidNotRequest => {
                let at_ms = self.shared.now_ms();
                self.shared.phone.disown(self.message.number, at_ms);
                return telling::did_not_request(&self.shared, &self.message, at_ms, step.told);
            }
            Event::NewIdentity => {
                let digits = self.message.to.trim_start_matches('+');
                self.shared.people.change_identity(digits);
                return None;
            }
        };
        self.reach(status, code, is_priced, step.told)
    }

    fn reach(&self, status: Status, code: Option<u32>, is_priced: bool, told: Telling) -> Option<Post> {
        let at_ms = self.shared.now_ms();
        let change = StatusChange { status, at_ms, code };
        self.shared.phone.advance(self.message.number, change);
        telling::status(&self.shared, &self.message, change, is_priced, told)
    }

    fn outlives(&self, step: &Step) -> bool {
        let (Some(ends_ms), Some(after)) = (self.message.lives_until_ms, step.after) else {
            return false;
        };
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.shared.now_ms().saturating_add(after_ms) > ends_ms
    }

    async fn end_life(&mut self, life_end: LifeEnd) {
        let left_ms = self
            .message
            .lives_until_ms
            .map(|ends_ms| ends_ms.saturating_sub(self.shared.now_ms()));
        self.shared
            .time
            .sleep(Duration::from_millis(left_ms.unwrap_or_default()))
            .await;
        match life_end {
            LifeEnd::Untold => {
                let dropped = StatusChange::new(Status::Dropped, self.shared.now_ms());
                self.shared.phone.advance(self.message.number, dropped);
            }
            LifeEnd::Failed => {
                let post = self.reach(Status::Failed, Some(UNDELIVERABLE), false, Telling::default());
                self.tell(post, false).await;
            }
        }
    }

    async fn tell(&mut self, post: Option<Post>, reversed: bool) {
        let Some(post) = post else { return };
        if reversed && self.kept_back.is_none() {
            self.kept_back = Some(post.kept_back());
            return;
        }
        self.post(post).await;
        self.post_kept_back().await;
    }

    async fn post_kept_back(&mut self) {
        if let Some(earlier) = self.kept_back.take() {
            self.post(earlier.due_again(&self.shared)).await;
        }
    }

    async fn post(&self, post: Post) {
        // Fails only when nobody posts any more, and who posts goes after the walk.
        let _ = self.posts.send(post).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Pace};
    use tokio::sync::watch;

    /// A simulator without a socket, whose wall clock is the paused clock of the test, and what keeps it alive.
    #[expect(
        clippy::disallowed_methods,
        reason = "tokio's paused clock is the manual clock of these tests"
    )]
    fn shared(pace: Pace) -> (Arc<Shared>, watch::Sender<bool>) {
        let origin = tokio::time::Instant::now();
        let clock = Arc::new(move || u64::try_from(origin.elapsed().as_millis()).unwrap());
        let (ending, ended) = watch::channel(false);
        (
            Arc::new(Shared::new(
                Config {
                    pace,
                    ..Config::new(clock)
                },
                None,
                ended,
            )),
            ending,
        )
    }

    fn send(shared: &Arc<Shared>) {
        let at_ms = shared.now_ms();
        let keep = |number| Message::sample(number, "+5511987654321", "482913", at_ms);
        let (message, was_shown) = shared.phone.keep(keep);
        begin(
            shared,
            message,
            was_shown,
            Arc::clone(&shared.in_flight).try_acquire_owned().unwrap(),
        );
    }

    fn times(message: &Message) -> Vec<(Status, u64)> {
        message
            .history
            .iter()
            .map(|change| (change.status, change.at_ms))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_sent_delivered_and_read_at_its_pace() {
        let (shared, _ending) = shared(Pace::default());
        send(&shared);
        let message = shared.phone.wait_for_status(1, Status::Read).await;
        assert_eq!(
            times(&message),
            [
                (Status::Accepted, 0),
                (Status::Sent, 300),
                (Status::Delivered, 1_200),
                (Status::Read, 4_200)
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_the_page_shows_is_read_as_soon_as_it_is_delivered() {
        let (shared, _ending) = shared(Pace {
            to_read: None,
            ..Pace::default()
        });
        send(&shared);
        assert!(shared.phone.show(1));
        let message = shared.phone.wait_for_status(1, Status::Read).await;
        assert_eq!(times(&message).last(), Some(&(Status::Read, 1_200)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_journey_gives_its_place_back() {
        let (shared, _ending) = shared(Pace {
            to_delivered: None,
            ..Pace::default()
        });
        let free = shared.in_flight.available_permits();
        send(&shared);
        assert_eq!(shared.in_flight.available_permits(), free - 1);
        let all = u32::try_from(free).unwrap();
        let _every_place = shared.in_flight.acquire_many(all).await.unwrap();
        assert_eq!(shared.phone.messages()[0].status(), Status::Sent);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_simulator_ends_every_journey() {
        let (shared, ending) = shared(Pace {
            to_read: None,
            ..Pace::default()
        });
        let free = shared.in_flight.available_permits();
        send(&shared);
        shared.phone.wait_for_status(1, Status::Delivered).await;
        drop(ending);
        let all = u32::try_from(free).unwrap();
        let _every_place = shared.in_flight.acquire_many(all).await.unwrap();
        assert_eq!(shared.phone.messages()[0].status(), Status::Delivered);
    }
}
