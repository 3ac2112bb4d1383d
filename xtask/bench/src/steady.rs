//! A steady load of starts: so many a second, whether or not those before were answered, as long as not too many wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::interval;

use crate::Outcome;
use crate::clock::now;
use crate::stats::{length, percentile};
use crate::target::Caller;

/// Starts in flight, at most: as many as the service takes on the connections of a caller. More are late, and their time
/// counts from when they were due.
const IN_FLIGHT_MAX: usize = 256;

/// Starts that go on. Ends when dropped.
pub(crate) struct Steady {
    stop: oneshot::Sender<()>,
    running: JoinHandle<Outcome<Started>>,
}

/// What came of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Started {
    /// How many were answered.
    pub(crate) starts: f64,
    /// How many a second.
    pub(crate) per_second: f64,
    /// Milliseconds from when each was due to its answer, for half of them.
    pub(crate) p50_ms: f64,
    /// The same for all but one in a hundred.
    pub(crate) p99_ms: f64,
    /// Each of them, in the order of their answers.
    pub(crate) all: Vec<Begun>,
}

/// A start that opened a verification.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    /// The verification's.
    pub(crate) id: String,
    /// The number it is for.
    pub(crate) number: u64,
    /// When it was due.
    pub(crate) due: Instant,
    /// When it was answered.
    pub(crate) answered: Instant,
}

impl Steady {
    /// Starts for fresh numbers, so many a second and at least one, until it is stopped.
    pub(crate) fn begin(caller: &Arc<Caller>, per_second: u32) -> Self {
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(run(Arc::clone(caller), per_second, stopped));
        Self { stop, running }
    }

    /// Starts no more; waits for the answers, and fails if one of them was not what it should be.
    pub(crate) async fn stop(self) -> Outcome<Started> {
        // It fails only when the load has failed already, and then that is said below.
        let _ = self.stop.send(());
        self.running
            .await
            .map_err(|error| format!("the starts panicked: {error}"))?
    }
}

async fn run(caller: Arc<Caller>, per_second: u32, mut stopped: oneshot::Receiver<()>) -> Outcome<Started> {
    let mut due = interval(Duration::from_secs(1) / per_second.max(1));
    let (mut running, mut all) = (JoinSet::new(), Vec::<Begun>::new());
    let begin = now();
    for client in 0.. {
        let due = tokio::select! {
            due = due.tick() => due.into_std(),
            _ = &mut stopped => break,
        };
        let caller = Arc::clone(&caller);
        running.spawn(async move {
            let (id, number) = caller.begin(client, usize::MAX).await?;
            let answered = now();
            Ok::<_, String>(Begun {
                id,
                number,
                due,
                answered,
            })
        });
        while let Some(answered) = running.try_join_next() {
            all.push(answered.map_err(|error| error.to_string())??);
        }
        if running.len() >= IN_FLIGHT_MAX
            && let Some(answered) = running.join_next().await
        {
            all.push(answered.map_err(|error| error.to_string())??);
        }
    }
    let seconds = now().duration_since(begin).as_secs_f64();
    while let Some(answered) = running.join_next().await {
        all.push(answered.map_err(|error| error.to_string())??);
    }
    let mut latencies: Vec<_> = all.iter().map(|it| it.answered.duration_since(it.due)).collect();
    latencies.sort_unstable();
    let millis = |thousandths| percentile(&latencies, thousandths).as_secs_f64() * 1e3;
    Ok(Started {
        starts: length(&latencies),
        per_second: length(&latencies) / seconds.max(1e-3),
        p50_ms: millis(500),
        p99_ms: millis(990),
        all,
    })
}
