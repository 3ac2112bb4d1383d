//! The way of one accepted message: sent, delivered, read, each told to the callback in that order. Kept out: how a
//! webhook is posted and what the page shows.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::sleep;

use crate::phone::{Message, Status, StatusChange};
use crate::shared::Shared;
use crate::wire::status_webhook;

/// Lets a message go its way in the background, until its last status or the end of the simulator. `place` is its
/// place among the messages in flight.
pub(crate) fn begin(
    shared: &Arc<Shared>,
    message: Arc<Message>,
    was_shown: oneshot::Receiver<()>,
    place: OwnedSemaphorePermit,
) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        // Room for every status: a slow callback does not hold up the phone.
        let (changes, to_tell) = mpsc::channel(4);
        let journey = async {
            tokio::join!(
                walk(&shared, &message, was_shown, changes),
                tell(&shared, &message, to_tell)
            )
        };
        tokio::select! {
            _ = journey => {}
            () = shared.ended() => {}
        }
        drop(place);
    });
}

async fn walk(
    shared: &Shared,
    message: &Message,
    was_shown: oneshot::Receiver<()>,
    changes: mpsc::Sender<StatusChange>,
) {
    let pace = shared.config.pace;
    let reach = async |status| {
        let change = StatusChange {
            status,
            at_ms: shared.now_ms(),
        };
        shared.phone.advance(message.number, change);
        // Fails only when the teller is gone, and it goes after the walk.
        let _ = changes.send(change).await;
    };
    let Some(to_sent) = pace.to_sent else { return };
    sleep(to_sent).await;
    reach(Status::Sent).await;
    let Some(to_delivered) = pace.to_delivered else { return };
    sleep(to_delivered).await;
    reach(Status::Delivered).await;
    if is_read(pace.to_read, was_shown).await {
        reach(Status::Read).await;
    }
}

/// Waits for the page to show the message or the time to pass. Says false when neither can happen any more.
async fn is_read(to_read: Option<Duration>, was_shown: oneshot::Receiver<()>) -> bool {
    match to_read {
        None => was_shown.await.is_ok(),
        Some(to_read) => {
            tokio::select! {
                () = sleep(to_read) => {}
                // A forgotten message is not shown any more, but time passes for it too.
                Ok(()) = was_shown => {}
            }
            true
        }
    }
}

async fn tell(shared: &Shared, message: &Message, mut changes: mpsc::Receiver<StatusChange>) {
    while let Some(change) = changes.recv().await {
        if shared.callback_url().is_none() {
            continue;
        }
        let display = shared.display_of(&message.phone_number_id);
        let body = status_webhook(&shared.config.business_account_id, display, message, change);
        let taken = shared.courier.post(|| shared.callback_url(), body).await;
        shared.note_webhook(taken);
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
        let (message, was_shown) = shared.phone.keep(|number| Message {
            number,
            id: String::new(),
            to: "+5511987654321".into(),
            code: "482913".into(),
            template: String::new(),
            language: "en".into(),
            phone_number_id: String::new(),
            reference: None,
            expires_in_minutes: None,
            security_recommendation: false,
            history: vec![StatusChange {
                status: Status::Accepted,
                at_ms: shared.now_ms(),
            }],
        });
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
