//! The only place of the benchmark that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The time that measures.
#[expect(clippy::disallowed_methods, reason = "measuring is what this program is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the floor writes the times a service would write, and a result says when it was measured"
)]
pub(crate) fn wall_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
