//! When a failed attempt is made again: exponential back-off with full jitter, bounded in tries and in time.

use std::time::Duration;

use crate::roll::below;

/// How many attempts a message gets whose failure nobody explains, the first included (Meta: code 1).
pub const UNCLEAR_TRIES_MAX: u8 = 2;

/// How attempts are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// How many attempts one message gets in all, the first included; 1 to 20.
    pub tries_max: u8,
    /// The ceiling of the wait after the first failed attempt; it doubles with each further one.
    pub first_wait: Duration,
    /// The highest ceiling.
    pub wait_max: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            tries_max: 6,
            first_wait: Duration::from_secs(1),
            wait_max: Duration::from_secs(30),
        }
    }
}

impl RetrySettings {
    /// How long to wait after `failed` attempts: a point of `0..=ceiling` chosen by `jitter`, a uniform 64-bit number.
    pub fn wait(&self, failed: u8, jitter: u64) -> Duration {
        let doublings = u32::from(failed.saturating_sub(1)).min(30);
        let ceiling = self.first_wait.saturating_mul(1 << doublings).min(self.wait_max);
        let span = crate::time::millis(ceiling).saturating_add(1);
        Duration::from_millis(below(span, jitter))
    }
}

/// How long Meta asks to wait after the pair limit (131056) was hit: 4^n seconds, `n` from 0.
pub fn pair_wait(failed: u8) -> Duration {
    Duration::from_secs(4_u64.saturating_pow(u32::from(failed.saturating_sub(1)).min(15)))
}
