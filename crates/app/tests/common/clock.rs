//! The wall clock of the tests: the stand-in for Meta stamps its messages with it, and figures are measured with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of these tests that reads the clock"
)]
pub(crate) fn wall_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_millis()).unwrap()
}

/// How long something took.
pub(crate) struct Stopwatch(u64);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(wall_millis())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_millis(wall_millis().saturating_sub(self.0))
    }
}
