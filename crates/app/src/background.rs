//! What goes on behind the answers: errands that were handed over, and the loop that wakes recipients.
//!
//! Neither contains a rule: *that* somebody keeps trying is decided here, *when* and *whether* in the domain.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::id::{RecipientKey, ShardCount};
use countersign_domain::ports::{Courier, Errand};
use countersign_domain::use_case::Dispatch;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Errands that may wait for a place; more are handed back and go through the store instead.
const WAITING_MAX: usize = 1_024;
/// Errands that run at a time. With an answer in 200 ms this is 1,280 messages a second.
const RUNNING_MAX: usize = 256;
/// Recipients that are woken at a time, and at most per shard and round.
const WAKING_MAX: usize = 64;
/// How long the loop waits when a round found nothing.
const IDLE_WAIT: Duration = Duration::from_millis(200);
/// How long the loop waits when the store is away.
const AWAY_WAIT: Duration = Duration::from_secs(1);

/// Takes errands into a bounded queue in this process.
#[derive(Debug)]
pub(crate) struct QueueCourier(mpsc::Sender<Errand>);

/// The other end of the queue.
pub(crate) struct Errands(mpsc::Receiver<Errand>);

/// A courier, and the errands that are handed to it.
pub(crate) fn courier() -> (Arc<QueueCourier>, Errands) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Arc::new(QueueCourier(sender)), Errands(receiver))
}

impl Courier for QueueCourier {
    fn hand_over(&self, errand: Errand) -> Result<(), Errand> {
        self.0.try_send(errand).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(errand) | mpsc::error::TrySendError::Closed(errand) => errand,
        })
    }
}

impl Errands {
    /// Runs errands until `stop`, then takes no more and finishes what was taken.
    pub(crate) async fn run(mut self, dispatch: Arc<Dispatch>, stop: CancellationToken) {
        let running = TaskTracker::new();
        let places = Arc::new(Semaphore::new(RUNNING_MAX));
        loop {
            let errand = tokio::select! {
                errand = self.0.recv() => errand,
                () = stop.cancelled(), if !self.0.is_closed() => {
                    // What waits is still handed out; only new errands are refused.
                    self.0.close();
                    continue;
                }
            };
            let Some(errand) = errand else { break };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                break;
            };
            let dispatch = Arc::clone(&dispatch);
            running.spawn(async move {
                dispatch.run(errand).await;
                drop(place);
            });
        }
        running.close();
        running.wait().await;
    }
}

/// Wakes recipients whose time has come until `stop`, then finishes those that are being woken.
///
/// Every instance runs this over every shard: who is first has the work, the others a wasted read.
pub(crate) async fn wake_recipients(dispatch: Arc<Dispatch>, shards: ShardCount, stop: CancellationToken) {
    let mut waking = JoinSet::new();
    let mut under_way = BTreeSet::new();
    loop {
        let wait = match round(&dispatch, shards, &mut waking, &mut under_way, &stop).await {
            Ok(0) => IDLE_WAIT,
            Ok(_) => Duration::ZERO,
            Err(()) => AWAY_WAIT,
        };
        // Without this a send that takes its whole time-out would hold up everybody else's round.
        while let Some(woken) = waking.try_join_next() {
            forget_finished(Some(woken), &mut under_way);
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
    }
    waking.join_all().await;
}

/// Starts to wake who is due and not being woken already; answers how many were found.
async fn round(
    dispatch: &Arc<Dispatch>,
    shards: ShardCount,
    waking: &mut JoinSet<RecipientKey>,
    under_way: &mut BTreeSet<RecipientKey>,
    stop: &CancellationToken,
) -> Result<usize, ()> {
    let mut found = 0;
    for shard in shards.shards() {
        let due = dispatch.due(shard, WAKING_MAX).await.map_err(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store cannot say who is due"
            );
        })?;
        for key in due {
            if stop.is_cancelled() {
                return Ok(found);
            }
            if !under_way.insert(key) {
                continue;
            }
            found += 1;
            while waking.len() >= WAKING_MAX {
                forget_finished(waking.join_next().await, under_way);
            }
            let dispatch = Arc::clone(dispatch);
            waking.spawn(async move {
                // What went wrong was observed; the next round finds the recipient again.
                let _ = dispatch.wake(key).await;
                key
            });
        }
    }
    Ok(found)
}

fn forget_finished(woken: Option<Result<RecipientKey, JoinError>>, under_way: &mut BTreeSet<RecipientKey>) {
    match woken {
        Some(Ok(key)) => {
            under_way.remove(&key);
        }
        // Which one it was is lost with it: all may be woken again, and the store decides who has the work.
        Some(Err(error)) => {
            tracing::error!(%error, "waking a recipient failed unexpectedly");
            under_way.clear();
        }
        None => {}
    }
}
