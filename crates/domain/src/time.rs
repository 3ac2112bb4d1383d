//! Moments in whole milliseconds. Reads no clock: `now` is always an argument.

use std::fmt;
use std::time::Duration;

/// A day, the window of every daily budget.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An hour, the grain of what the guard learns from.
pub const HOUR: Duration = Duration::from_secs(60 * 60);

/// A moment, in whole milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// The moment `millis` milliseconds after the Unix epoch.
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> u64 {
        self.0
    }

    /// The moment `span` later, cut to whole milliseconds, at most the last one representable.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// The moment `span` earlier, cut to whole milliseconds, at least the epoch.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// The beginning of the hour of UTC that holds it.
    #[must_use]
    pub fn hour(self) -> Self {
        Self(self.0 - self.0 % millis(HOUR))
    }

    /// How long ago `earlier` was; zero when it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}

/// `span` in whole milliseconds, at most `u64::MAX`.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
