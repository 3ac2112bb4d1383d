//! A clock that moves only when a test says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_domain::ports::Clock;
use countersign_domain::time::Timestamp;

/// A clock that stands still until it is told otherwise. Share it as an `Arc`.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at that moment.
    pub const fn at(moment: Timestamp) -> Self {
        Self(AtomicU64::new(moment.unix_millis()))
    }

    /// Moves the clock forward, in whole milliseconds.
    pub fn advance(&self, span: Duration) {
        let moved = |now| Some(Timestamp::from_unix_millis(now).plus(span).unix_millis());
        // The closure always moves, so there is no refusal to look at.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }

    /// Sets the clock. It may step back, as real ones do.
    pub fn set(&self, moment: Timestamp) {
        self.0.store(moment.unix_millis(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// A clock that stands at [`crate::fixture::now`].
    fn default() -> Self {
        Self::at(crate::fixture::now())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.0.load(Ordering::SeqCst))
    }
}
