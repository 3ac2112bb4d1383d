//! What goes on behind the answers: errands that were handed over. Contains no rule: *that* they are carried out is
//! decided here, *how* in the domain.

use std::sync::{Arc, OnceLock};

use countersign_domain::ports::{Courier, Errand};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Dispatch, Postponed};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarm::Alarm;

/// Errands that may wait for a place; more are handed back and go through the store instead.
const WAITING_MAX: usize = 1_024;
/// Errands that run at a time. With an answer in 200 ms this is 1,280 messages a second.
const RUNNING_MAX: usize = 256;

/// Runs errands in this process: at once while there is a place, from a bounded queue when there is none.
pub(crate) struct QueueCourier {
    queue: mpsc::Sender<Errand>,
    places: Arc<Places>,
    alarm: Arc<Alarm>,
}

/// The other end of the queue.
pub(crate) struct Errands {
    queue: mpsc::Receiver<Errand>,
    places: Arc<Places>,
}

/// Where errands run.
struct Places {
    free: Arc<Semaphore>,
    running: TaskTracker,
    /// Who carries errands out; nobody before [`Errands::run`].
    dispatch: OnceLock<Arc<Dispatch>>,
}

/// A courier, and the errands that are handed to it. What will be due it tells `alarm`.
pub(crate) fn courier(alarm: &Arc<Alarm>) -> (Arc<QueueCourier>, Errands) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let places = Arc::new(Places {
        free: Arc::new(Semaphore::new(RUNNING_MAX)),
        running: TaskTracker::new(),
        dispatch: OnceLock::new(),
    });
    let courier = QueueCourier {
        queue: sender,
        places: Arc::clone(&places),
        alarm: Arc::clone(alarm),
    };
    let errands = Errands {
        queue: receiver,
        places,
    };
    (Arc::new(courier), errands)
}

impl Courier for QueueCourier {
    fn hand_over(&self, errand: Errand) -> Result<(), Errand> {
        if self.queue.is_closed() {
            return Err(errand);
        }
        // Nobody overtakes: while somebody waits for a place, none is free.
        if let (Some(dispatch), Ok(place)) = (
            self.places.dispatch.get(),
            Arc::clone(&self.places.free).try_acquire_owned(),
        ) {
            self.places.run(dispatch, errand, place);
            return Ok(());
        }
        self.queue.try_send(errand).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(errand) | mpsc::error::TrySendError::Closed(errand) => errand,
        })
    }

    fn expect(&self, at: Timestamp) {
        self.alarm.set(at);
    }
}

/// Waits as long as an errand has to that waits for a sender, and runs it again, to its end.
pub(crate) async fn carry_on(dispatch: &Dispatch, mut postponed: Option<Postponed>) {
    while let Some(Postponed { errand, wait }) = postponed {
        tokio::time::sleep(wait).await;
        postponed = dispatch.run(errand).await;
    }
}

impl Places {
    fn run(&self, dispatch: &Arc<Dispatch>, errand: Errand, place: OwnedSemaphorePermit) {
        let dispatch = Arc::clone(dispatch);
        self.running.spawn(async move {
            carry_on(&dispatch, dispatch.run(errand).await).await;
            drop(place);
        });
    }
}

impl Errands {
    /// Runs errands until `stop`, then takes no more and finishes what was taken.
    pub(crate) async fn run(mut self, dispatch: Arc<Dispatch>, stop: CancellationToken) {
        let dispatch = self.places.dispatch.get_or_init(|| dispatch);
        loop {
            let errand = tokio::select! {
                errand = self.queue.recv() => errand,
                () = stop.cancelled(), if !self.queue.is_closed() => {
                    // What waits is still handed out; only new errands are refused.
                    self.queue.close();
                    continue;
                }
            };
            let Some(errand) = errand else { break };
            let Ok(place) = Arc::clone(&self.places.free).acquire_owned().await else {
                break;
            };
            self.places.run(dispatch, errand, place);
        }
        self.places.running.close();
        self.places.running.wait().await;
    }
}
