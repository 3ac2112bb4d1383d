//! One watch: a task follows the verification and keeps its newest state, and the caller reads at its own pace.
//!
//! The task and not the reading keeps the watch's limits: it ends at the deadline and with the connection also when
//! the caller does not read. When the caller goes, the answers are dropped, and with them the task.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use countersign_domain::use_case::{Error, Watching};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Status};

use crate::call::Call;
use crate::connection::Leaving;
use crate::convert;
use crate::deadline::Patience;
use crate::errors;
use crate::v1;

/// How long nothing is heard before a watch looks for itself: hints may be lost, and time changes things without one.
/// Up to a fifth more or less, so that watches which began together do not look together.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Steps by which the watches' patience differs; a prime, so that many watches spread evenly.
const SPREAD: u32 = 401;
/// How many watches look at a time; the others wait. After a feed was away every watch is hinted at in one moment, and
/// calls want the store too.
const LOOKS_MAX: usize = 64;

/// Every watch of a server.
pub(crate) struct Watches {
    limit: usize,
    places: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    begun: AtomicU32,
}

/// Says how many watches a server has open.
#[derive(Clone, Debug)]
pub struct OpenWatches {
    limit: usize,
    places: Arc<Semaphore>,
}

/// One watch's place among the others, given back when it is dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    looks: Arc<Semaphore>,
    look_every: Duration,
}

/// What ends an answer that goes on and on, though there is more to say.
pub(crate) struct Limits {
    until: Option<Instant>,
    leaving: Option<Leaving>,
}

/// What a caller who watches is answered: the newest state as often as it changes, and how the watch ended.
pub(crate) struct Answers {
    states: WatchStream<v1::Verification>,
    /// `None` once its end was told.
    task: Option<JoinHandle<Result<(), Status>>>,
}

impl Watches {
    /// Nobody watches yet; so many may at a time.
    pub(crate) fn new(watches_max: usize) -> Self {
        Self {
            limit: watches_max,
            places: Arc::new(Semaphore::new(watches_max)),
            looks: Arc::new(Semaphore::new(LOOKS_MAX)),
            begun: AtomicU32::new(0),
        }
    }

    /// Who counts them from outside.
    pub(crate) fn open(&self) -> OpenWatches {
        OpenWatches {
            limit: self.limit,
            places: Arc::clone(&self.places),
        }
    }

    /// A place for one more, if there is one.
    pub(crate) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            _permit: permit,
            looks: Arc::clone(&self.looks),
            look_every: look_every(number),
        })
    }
}

impl OpenWatches {
    /// How many there are now, at most [`Config::watches_max`](crate::Config).
    pub fn count(&self) -> usize {
        self.limit.saturating_sub(self.places.available_permits())
    }
}

impl Limits {
    /// What the front door and the connection said.
    pub(crate) fn of<T>(request: &Request<T>) -> Self {
        Self {
            until: request.extensions().get().and_then(|Patience(until)| *until),
            leaving: request.extensions().get().cloned(),
        }
    }

    /// Waits until one is reached, and says which. `overtime` is for the caller's own.
    pub(crate) async fn reached(self, overtime: fn() -> Status) -> Status {
        let patience = async {
            match self.until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let left = async {
            match self.leaving {
                // An error means the connection is gone, which is an end too.
                Some(Leaving(mut leaving)) => drop(leaving.wait_for(|left| *left).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = patience => overtime(),
            () = left => errors::connection_ending(),
        }
    }
}

impl Answers {
    /// Follows a verification in a task of its own, until it ends, a limit is reached or the answers are dropped.
    pub(crate) fn follow(watching: Watching, place: Place, call: Call, limits: Limits) -> Self {
        let (told, states) = watch::channel(convert::verification(watching.view()));
        let task = tokio::spawn(async move {
            tokio::select! {
                // First, so that what has ended is told as ended, whatever else happens in that moment.
                biased;
                ended = tell(watching, &place, &told) => ended.map_err(|error| errors::status(&error, &call)),
                reached = limits.reached(errors::watched_long_enough) => Err(reached),
            }
        });
        Self {
            states: WatchStream::new(states),
            task: Some(task),
        }
    }
}

impl Stream for Answers {
    type Item = Result<v1::WatchVerificationResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(newest) = ready!(Pin::new(&mut self.states).poll_next(context)) {
            return Poll::Ready(Some(Ok(v1::WatchVerificationResponse {
                verification: Some(newest),
            })));
        }
        // The states end with their task, so this is its end, and it comes at once.
        let Some(task) = &mut self.task else {
            return Poll::Ready(None);
        };
        let ended = ready!(Pin::new(task).poll(context));
        self.task = None;
        Poll::Ready(match ended {
            Ok(Ok(())) => None,
            Ok(Err(status)) => Some(Err(status)),
            Err(_) => Some(Err(errors::broken("a watch panicked"))),
        })
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Tells every change, until the verification has ended.
async fn tell(mut watching: Watching, place: &Place, told: &watch::Sender<v1::Verification>) -> Result<(), Error> {
    while !watching.is_final() {
        tokio::select! {
            () = watching.hint() => {}
            () = sleep(place.look_every) => {}
        }
        // Never closed.
        let _turn = place.looks.acquire().await;
        let Some(view) = watching.look().await? else { continue };
        let newest = convert::verification(view);
        // Not everything that changes is told to callers.
        told.send_if_modified(|state| {
            let is_news = *state != newest;
            *state = newest;
            is_news
        });
    }
    Ok(())
}

/// How long the watch of that number waits for a hint: 80 to 120 percent of [`LOOK_EVERY`].
fn look_every(number: u32) -> Duration {
    let step = number % SPREAD * 89 % SPREAD;
    LOOK_EVERY * (800 + step) / 1000
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn watches_that_begin_together_do_not_look_together() {
        let waits: BTreeSet<_> = (0..SPREAD).map(look_every).collect();
        assert_eq!(waits.len(), usize::try_from(SPREAD).unwrap());
        assert_eq!(waits.first(), Some(&Duration::from_millis(1_600)));
        assert_eq!(waits.last(), Some(&Duration::from_millis(2_400)));
        // Neighbours are far apart, so that few watches spread too.
        assert!(look_every(1).abs_diff(look_every(2)) > Duration::from_millis(100));
        assert!(look_every(u32::MAX) <= Duration::from_millis(2_400));
    }

    #[test]
    fn a_place_is_free_again_when_its_watch_is_gone() {
        let watches = Watches::new(1);
        let open = watches.open();
        assert_eq!(open.count(), 0);
        let place = watches.place();
        assert!(place.is_some() && watches.place().is_none());
        assert_eq!(open.count(), 1);
        drop(place);
        assert_eq!(open.count(), 0);
        assert!(watches.place().is_some());
    }
}
