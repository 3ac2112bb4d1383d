//! The circuit breaker of one sender: after an account-level error nothing goes through it, then one message probes.

use std::time::Duration;

use crate::time::Timestamp;

/// The longest a breaker stays open before the next probe.
pub const OPEN_MAX: Duration = Duration::from_secs(15 * 60);

/// Whether a sender may be used. Closed at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// When it opened last.
    opened_at: Timestamp,
    /// How often it opened since it was last closed.
    openings: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        until: Timestamp,
    },
    /// One message is on its way to find out; nobody else goes before `until`.
    Probing {
        until: Timestamp,
    },
}

impl Breaker {
    /// Whether a message may go now. The first one after an opening has to call [`Breaker::begin`].
    pub fn lets_through(&self, now: Timestamp) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } | State::Probing { until } => until <= now,
        }
    }

    /// Whether nothing went wrong since the last message that was taken.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Until when it is open; `None` when it is closed, when its time is over, or while a probe is under way.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Open { until } if until > now => Some(until),
            _ => None,
        }
    }

    /// Until when others wait for the probe that is under way.
    pub fn probing_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Probing { until } if until > now => Some(until),
            _ => None,
        }
    }

    /// A message that was let through sets out, and may take `timeout`. Unless the breaker is closed, it is the probe.
    pub fn begin(&mut self, timeout: Duration, now: Timestamp) {
        if !self.is_closed() {
            self.state = State::Probing {
                until: now.plus(timeout),
            };
        }
    }

    /// The provider took a message that set out at `began_at`: everything is well. One that set out before the
    /// breaker opened says nothing about now. Says whether it was open before.
    pub fn close(&mut self, began_at: Timestamp) -> bool {
        if self.is_closed() || began_at <= self.opened_at {
            return false;
        }
        *self = Self::default();
        true
    }

    /// The provider says that this sender cannot send. Stays open for `first`, then each time for twice as long, at
    /// most [`OPEN_MAX`]. Messages that were under way when it opened and now fail too do not make it longer. Answers
    /// until when it is open.
    pub fn open(&mut self, first: Duration, now: Timestamp) -> Timestamp {
        if let Some(until) = self.open_until(now) {
            return until;
        }
        let wait = first
            .saturating_mul(1 << self.openings.min(16))
            .min(OPEN_MAX.max(first));
        let until = now.plus(wait);
        self.state = State::Open { until };
        self.opened_at = now;
        self.openings = self.openings.saturating_add(1);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_000_000_000 + seconds * 1_000)
    }

    #[test]
    fn an_open_breaker_lets_one_probe_through_when_its_time_is_over() {
        let mut breaker = Breaker::default();
        assert!(breaker.lets_through(at(0)) && breaker.is_closed());
        assert_eq!(breaker.open(MINUTE, at(0)), at(60));
        assert!(!breaker.lets_through(at(59)));
        assert!(breaker.lets_through(at(60)));
        breaker.begin(Duration::from_secs(5), at(60));
        assert!(!breaker.lets_through(at(64)));
        assert_eq!(breaker.probing_until(at(64)), Some(at(65)));
        assert!(!breaker.close(at(0)), "it set out before");
        assert!(breaker.close(at(60)));
        assert!(breaker.lets_through(at(64)) && !breaker.close(at(64)));
    }

    #[test]
    fn a_probe_that_never_ends_lets_the_next_one_through() {
        let mut breaker = Breaker::default();
        breaker.open(MINUTE, at(0));
        breaker.begin(Duration::from_secs(5), at(60));
        assert!(breaker.lets_through(at(65)));
    }

    #[test]
    fn each_failed_probe_doubles_the_wait_up_to_the_longest() {
        let mut breaker = Breaker::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..6 {
            let until = breaker.open(MINUTE, now);
            waits.push(until.since(now).as_secs());
            now = until;
            breaker.begin(Duration::from_secs(5), now);
        }
        assert_eq!(waits, [60, 120, 240, 480, 900, 900]);
        breaker.close(now);
        assert_eq!(breaker.open(MINUTE, now).since(now), MINUTE);
    }

    #[test]
    fn what_was_under_way_when_it_opened_does_not_make_it_longer() {
        let mut breaker = Breaker::default();
        breaker.open(MINUTE, at(0));
        assert_eq!(breaker.open(MINUTE, at(1)), at(60));
        assert_eq!(breaker.open(MINUTE, at(2)), at(60));
        assert_eq!(breaker.open(MINUTE, at(60)), at(180));
    }
}
