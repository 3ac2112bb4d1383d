//! The loop that wakes recipients whose time has come. Contains no rule: *that* somebody looks is decided here, *when*
//! something is due in the domain.
//!
//! Every instance runs it over every shard, and nobody leads: who claims first has the work, the others a wasted read.
//! Each begins its rounds at a shard of its own choosing, so that they seldom meet. What an instance knows will be due
//! it looks for at that moment; what others left behind it finds with the next of its regular looks, which become rare
//! while nothing is found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::id::{RecipientKey, Shard, ShardCount};
use countersign_domain::ports::{Clock, Random};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Dispatch, Error};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarm;
use crate::background::carry_on;
use crate::system::{SystemClock, SystemRandom};

/// Recipients that are woken at a time.
const WAKING_MAX: usize = 64;
/// The fewest recipients of a shard that a round asks for.
const SHARE_MIN: usize = 4;
/// How long a recipient rests that could not be woken.
const REST: Duration = Duration::from_secs(5);
/// How long the loop waits after a round that found nothing, at first; twice as long after each further one.
const IDLE_WAIT_FIRST: Duration = Duration::from_millis(50);
/// The longest such wait: how much later than its lease the work of a lost instance may be taken over.
const IDLE_WAIT_MAX: Duration = Duration::from_millis(250);
/// How long the loop waits when the store is away.
const AWAY_WAIT: Duration = Duration::from_secs(1);

/// Wakes recipients whose time has come until `stop`, then finishes those that are being woken.
pub(crate) async fn wake_recipients(
    dispatch: Arc<Dispatch>,
    shards: ShardCount,
    alarm: Arc<Alarm>,
    stop: CancellationToken,
) {
    let mut rounds = Rounds {
        dispatch,
        shards: shards.shards().collect(),
        waking: JoinSet::new(),
        under_way: BTreeSet::new(),
        resting: BTreeMap::new(),
    };
    let (mut away, mut idle_wait) = (false, IDLE_WAIT_FIRST);
    loop {
        alarm.clear(SystemClock.now());
        let round = rounds.next(&stop).await;
        let was_away = std::mem::replace(&mut away, round.is_err());
        let wait = match round {
            Ok(0) => {
                let wait = idle_wait;
                idle_wait = (idle_wait * 2).min(IDLE_WAIT_MAX);
                wait
            }
            Ok(_) => {
                idle_wait = IDLE_WAIT_FIRST;
                Duration::ZERO
            }
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
            () = until_next(&alarm, wait), if !away => {}
            () = tokio::time::sleep(wait), if away => {}
        }
    }
    rounds.waking.join_all().await;
}

/// Waits so long, or until something is expected before.
async fn until_next(alarm: &Alarm, wait: Duration) {
    let over = tokio::time::sleep(wait);
    tokio::pin!(over);
    loop {
        let expected = alarm.next().map(|at| at.since(SystemClock.now()));
        tokio::select! {
            () = &mut over => return,
            () = tokio::time::sleep(expected.unwrap_or(wait)), if expected.is_some() => return,
            () = alarm.changed() => {}
        }
    }
}

/// Who is being woken, and who has to rest because waking failed.
struct Rounds {
    dispatch: Arc<Dispatch>,
    shards: Vec<Shard>,
    waking: JoinSet<Woken>,
    under_way: BTreeSet<RecipientKey>,
    /// Until when each rests. Without this a record that cannot be read would be tried without a pause.
    resting: BTreeMap<RecipientKey, Timestamp>,
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
        let now = SystemClock.now();
        self.resting.retain(|_, until| *until > now);
        let mut found = 0;
        for key in self.due().await? {
            if stop.is_cancelled() {
                return Ok(found);
            }
            if self.resting.contains_key(&key) || !self.under_way.insert(key) {
                continue;
            }
            found += 1;
            self.wake(key).await;
        }
        Ok(found)
    }

    /// Who is due in any shard. All shards are asked at once, which the store answers in one go.
    async fn due(&mut self) -> Result<Vec<RecipientKey>, Error> {
        let first = random_below(self.shards.len());
        self.shards.rotate_left(first);
        // No more than this instance can begin with soon, so that the others find something too; and those that are
        // passed over must not hide the others behind them.
        let share = (WAKING_MAX / self.shards.len().max(1)).max(SHARE_MIN);
        let limit = share + self.under_way.len() + self.resting.len();
        let mut asked = JoinSet::new();
        for shard in self.shards.iter().copied() {
            let dispatch = Arc::clone(&self.dispatch);
            asked.spawn(async move { dispatch.due(shard, limit).await });
        }
        let mut due = Vec::new();
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(keys) => due.extend(keys?),
                Err(error) => tracing::error!(%error, "asking who is due ended unexpectedly"),
            }
        }
        Ok(due)
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
            let woken = dispatch.wake(key).await;
            let failed = woken.is_err();
            carry_on(&dispatch, woken.unwrap_or_default()).await;
            Woken { key, failed }
        });
    }

    fn finished(&mut self, woken: Result<Woken, JoinError>) {
        match woken {
            Ok(Woken { key, failed }) => {
                self.under_way.remove(&key);
                if failed {
                    self.resting.insert(key, SystemClock.now().plus(REST));
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

fn random_below(count: usize) -> usize {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    usize::try_from(u64::from_be_bytes(bytes) % (count.max(1) as u64)).unwrap_or(0)
}
