//! When the loop that wakes recipients looks next: at the moment somebody expects something, and now and then anyway.

use std::sync::Mutex;
use std::sync::PoisonError;

use countersign_domain::time::Timestamp;
use tokio::sync::Notify;

/// The next moment at which something is expected to be due.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    next: Mutex<Option<Timestamp>>,
    changed: Notify,
}

impl Alarm {
    /// Something will be due then.
    pub(crate) fn set(&self, at: Timestamp) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            self.changed.notify_one();
        }
    }

    /// The next moment, if one is set.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the moment if it has come: whoever looks now sees what was due then.
    pub(crate) fn clear(&self, now: Timestamp) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = next.filter(|next| *next > now);
    }

    /// Waits until an earlier moment is set.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    #[tokio::test]
    async fn the_earliest_moment_counts_and_is_forgotten_once_it_came() {
        let alarm = Alarm::default();
        alarm.set(at(30));
        alarm.set(at(20));
        alarm.set(at(40));
        alarm.changed().await;
        assert_eq!(alarm.next(), Some(at(20)));
        alarm.clear(at(19));
        assert_eq!(alarm.next(), Some(at(20)));
        alarm.clear(at(20));
        assert_eq!(alarm.next(), None);
    }
}
