//! What goes on behind the answers: errands that were handed over, and the loop that wakes recipients.
//!
//! Neither contains a rule: *that* somebody keeps trying is decided here, *when* and *whether* in the domain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use countersign_domain::id::{RecipientKey, ShardCount};
use countersign_domain::ports::{Courier, Errand};
use countersign_domain::use_case::{Dispatch, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Errands that may wait for a place; more are handed back and go through the store instead.
const WAITING_MAX: usize = 1_024;
/// Errands that run at a time. With an answer in 200 ms this is 1,280 messages a second.
const RUNNING_MAX: usize = 256;
/// Recipients that are woken at a time, and at most per shard and round.
const WAKING_MAX: usize = 64;
/// How many rounds a recipient rests that could not be woken: 5 s when nothing else is to do.
const REST_ROUNDS: u32 = 25;
/// How long the loop waits when a round found nothing.
const IDLE_WAIT: Duration = Duration::from_millis(200);
/// How long the loop waits when the store is away.
const AWAY_WAIT: Duration = Duration::from_secs(1);

/// Runs errands in this process: at once while there is a place, from a bounded queue when there is none.
pub(crate) struct QueueCourier {
    queue: mpsc::Sender<Errand>,
    places: Arc<Places>,
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

/// A courier, and the errands that are handed to it.
pub(crate) fn courier() -> (Arc<QueueCourier>, Errands) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let places = Arc::new(Places {
        free: Arc::new(Semaphore::new(RUNNING_MAX)),
        running: TaskTracker::new(),
        dispatch: OnceLock::new(),
    });
    let courier = QueueCourier {
        queue: sender,
        places: Arc::clone(&places),
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
}

impl Places {
    fn run(&self, dispatch: &Arc<Dispatch>, errand: Errand, place: OwnedSemaphorePermit) {
        let dispatch = Arc::clone(dispatch);
        self.running.spawn(async move {
            dispatch.run(errand).await;
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

/// Wakes recipients whose time has come until `stop`, then finishes those that are being woken.
///
/// Every instance runs this over every shard: who is first has the work, the others a wasted read.
pub(crate) async fn wake_recipients(dispatch: Arc<Dispatch>, shards: ShardCount, stop: CancellationToken) {
    let mut rounds = Rounds {
        dispatch,
        shards,
        waking: JoinSet::new(),
        under_way: BTreeSet::new(),
        resting: BTreeMap::new(),
    };
    let mut away = false;
    loop {
        let round = rounds.next(&stop).await;
        let was_away = std::mem::replace(&mut away, round.is_err());
        let wait = match round {
            Ok(0) => IDLE_WAIT,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                // Said once: whoever watches the store says the rest.
                if !was_away {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "the store cannot say who is due");
                }
                AWAY_WAIT
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
    }
    rounds.waking.join_all().await;
}

/// Who is being woken, and who has to rest because waking failed.
struct Rounds {
    dispatch: Arc<Dispatch>,
    shards: ShardCount,
    waking: JoinSet<Woken>,
    under_way: BTreeSet<RecipientKey>,
    /// For how many more rounds each rests. Without this a record that cannot be read would be tried without a pause.
    resting: BTreeMap<RecipientKey, u32>,
}

struct Woken {
    key: RecipientKey,
    failed: bool,
}

impl Rounds {
    /// Starts to wake who is due and neither being woken nor resting; answers how many.
    async fn next(&mut self, stop: &CancellationToken) -> Result<usize, Error> {
        while let Some(woken) = self.waking.try_join_next() {
            self.finished(woken);
        }
        self.resting.retain(|_, rounds| {
            *rounds -= 1;
            *rounds > 0
        });
        let mut found = 0;
        for shard in self.shards.shards() {
            // Those that are passed over must not hide the others behind them.
            let limit = WAKING_MAX + self.under_way.len() + self.resting.len();
            for key in self.dispatch.due(shard, limit).await? {
                if stop.is_cancelled() {
                    return Ok(found);
                }
                if self.resting.contains_key(&key) || !self.under_way.insert(key) {
                    continue;
                }
                found += 1;
                self.wake(key).await;
            }
        }
        Ok(found)
    }

    async fn wake(&mut self, key: RecipientKey) {
        while self.waking.len() >= WAKING_MAX {
            let Some(woken) = self.waking.join_next().await else {
                break;
            };
            self.finished(woken);
        }
        let dispatch = Arc::clone(&self.dispatch);
        self.waking.spawn(async move {
            // What went wrong was observed by the use case.
            let failed = dispatch.wake(key).await.is_err();
            Woken { key, failed }
        });
    }

    fn finished(&mut self, woken: Result<Woken, JoinError>) {
        match woken {
            Ok(Woken { key, failed }) => {
                self.under_way.remove(&key);
                if failed {
                    self.resting.insert(key, REST_ROUNDS);
                }
            }
            // Which one it was is lost with it: all may be woken again, and the store decides who has the work.
            Err(error) => {
                tracing::error!(%error, "waking a recipient ended unexpectedly");
                self.under_way.clear();
            }
        }
    }
}
