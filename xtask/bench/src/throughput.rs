//! How fast Meta lets each number send, as the sink enforces it, and when messages came. Kept out: what is answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much a number may send at once: a second's worth, as the simulator has it.
const BUCKET: Duration = Duration::from_secs(1);

/// The throughput of each number, and everything that came.
pub(crate) struct Throughput {
    /// What one message takes out of a bucket.
    each: Duration,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// When the bucket of each number will be full again.
    full_at: BTreeMap<String, Instant>,
    arrivals: Vec<Arrival>,
}

/// A message that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// The number it is for.
    pub(crate) number: u64,
    /// Whether there was room for it.
    pub(crate) taken: bool,
}

impl Throughput {
    /// So many messages a second of each number, at least one.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / per_second.max(1),
            seen: Mutex::default(),
        }
    }

    /// Whether there is room for a message that came now, from this path to that number. One that is refused takes no
    /// room.
    pub(crate) fn take(&self, path: &str, number: u64, at: Instant) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = seen.full_at.get(path).map_or(at, |full_at| at.max(*full_at)) + self.each;
        let taken = full_at.duration_since(at) <= BUCKET;
        if taken {
            seen.full_at.insert(path.to_owned(), full_at);
        }
        seen.arrivals.push(Arrival { at, number, taken });
        taken
    }

    /// Everything that came so far, in the order in which it came.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        let mut arrivals = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .arrivals
            .clone();
        // A message is stamped before it gets the lock.
        arrivals.sort_by_key(|it| it.at);
        arrivals
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    #[test]
    fn a_number_may_send_a_seconds_worth_at_once_and_then_its_throughput() {
        let (throughput, begin) = (Throughput::new(10), now());
        let taken = |millis| throughput.take("a", 1, begin + Duration::from_millis(millis));
        assert!((0..10).all(|_| taken(0)));
        assert!(!taken(0) && !taken(99));
        assert!(taken(100) && !taken(100));
        assert!((0..10).all(|_| taken(60_000)));
        assert!(!taken(60_000));
    }

    #[test]
    fn numbers_do_not_share_their_room_and_what_is_refused_is_remembered_too() {
        let (throughput, begin) = (Throughput::new(1), now());
        let taken = ["a", "a", "b"].map(|path| throughput.take(path, 7, begin));
        assert_eq!(taken, [true, false, true]);
        let remembered: Vec<_> = throughput.arrivals().iter().map(|it| it.taken).collect();
        assert_eq!(remembered, taken);
    }
}
