//! Waiting with an end: for something that happens, or by looking again and again.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longer than anything a test waits for on a busy machine; whoever waits this long has found a bug.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How often one looks at what cannot be waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits for `event`, and fails with `what` when it does not come.
#[track_caller]
pub fn soon<T>(what: impl Display, event: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let came = timeout(PATIENCE, event).await;
        came.unwrap_or_else(|_| panic!("at {caller}: {what} did not come within {PATIENCE:?}"))
    }
}

/// Looks until there is something to see, and fails with `what` when there never is.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_every(LOOK_EVERY, what, look).await
}

/// Like [`eventually`], for what takes long and is looked at by many.
pub async fn eventually_every<T>(every: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = async {
        loop {
            ticks.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    soon(what, looking).await
}
