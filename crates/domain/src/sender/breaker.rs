//! The circuit breaker of one sender: after an account-level error nothing goes through it, then one message probes.

use std::time::Duration;

use crate::time::Timestamp;

/// The longest a breaker stays open before the next probe, unless its first wait is longer.
pub const OPEN_MAX: Duration = Duration::from_secs(15 * 60);
/// No breaker is ever open for longer. What says so was written by a clock that was set back since.
const BELIEVED_MAX: Duration = Duration::from_secs(3_600);

/// Whether a sender may be used. Closed at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// When it last opened or closed. What set out before says nothing about now.
    turned_at: Timestamp,
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
    /// Until when it is open; `None` when it is closed, when its time is over, or while a probe is under way.
    pub fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Open { until } if is_ahead(until, now) => Some(until),
            _ => None,
        }
    }

    /// Until when others wait for the probe that is under way.
    pub fn probing_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.state {
            State::Probing { until } if is_ahead(until, now) => Some(until),
            _ => None,
        }
    }

    /// A message sets out, and may take `timeout`. Unless the breaker is closed, it is the probe.
    pub fn begin(&mut self, timeout: Duration, now: Timestamp) {
        if !self.is_closed() {
            self.state = State::Probing {
                until: now.plus(timeout),
            };
        }
    }

    /// The probe ended without a word about the sender: the next message may probe at once.
    pub fn give_up_probe(&mut self, now: Timestamp) {
        if matches!(self.state, State::Probing { .. }) {
            self.state = State::Open { until: now };
        }
    }

    /// What it opened for is over since `at`, as somebody else says: the next message may probe at once. What opened
    /// it later goes on.
    pub fn relent(&mut self, at: Timestamp, now: Timestamp) {
        if self.open_until(now).is_some() && !self.is_old(at, now) {
            self.state = State::Open { until: now };
        }
    }

    /// The provider takes messages: everything is well, says one that set out at `began_at`. One that set out before
    /// the breaker opened says nothing about now: webhooks overtake answers. Says whether it was open before.
    pub fn close(&mut self, began_at: Timestamp, now: Timestamp) -> bool {
        if self.is_closed() || self.is_old(began_at, now) {
            return false;
        }
        *self = Self {
            turned_at: now,
            ..Self::default()
        };
        true
    }

    /// The provider says of a message that set out at `began_at` that this sender cannot send. Stays open for `first`,
    /// then each time for twice as long, at most [`OPEN_MAX`]. What set out before it last opened or closed changes
    /// nothing: it is told late. Answers until when it is open, if it opened now.
    pub fn open(&mut self, first: Duration, began_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if self.open_until(now).is_some() || self.is_old(began_at, now) {
            return None;
        }
        let wait = first
            .saturating_mul(1 << self.openings.min(16))
            .min(OPEN_MAX.max(first));
        let until = now.plus(wait);
        *self = Self {
            state: State::Open { until },
            turned_at: now,
            openings: self.openings.saturating_add(1),
        };
        Some(until)
    }

    /// Whether nothing went wrong since the last message that was taken.
    fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    fn is_old(&self, began_at: Timestamp, now: Timestamp) -> bool {
        // A turn that is still to come was written by a clock that was set back since.
        began_at <= self.turned_at && self.turned_at <= now
    }
}

/// Whether a moment is still to come, and can be.
fn is_ahead(until: Timestamp, now: Timestamp) -> bool {
    until > now && until <= now.plus(BELIEVED_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_000_000_000 + seconds * 1_000)
    }

    impl Breaker {
        fn is_free(&self, now: Timestamp) -> bool {
            self.open_until(now).is_none() && self.probing_until(now).is_none()
        }
    }

    /// A breaker that opened at 0 for a minute.
    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.open(MINUTE, at(0), at(0)), Some(at(60)));
        breaker
    }

    #[test]
    fn an_open_breaker_lets_one_probe_through_when_its_time_is_over() {
        assert!(Breaker::default().is_free(at(0)));
        let mut breaker = opened();
        assert!(!breaker.is_free(at(59)));
        assert!(breaker.is_free(at(60)));
        breaker.begin(Duration::from_secs(5), at(60));
        assert!(!breaker.is_free(at(64)));
        assert_eq!(breaker.probing_until(at(64)), Some(at(65)));
        assert!(breaker.close(at(60), at(64)));
        assert!(breaker.is_free(at(64)) && !breaker.close(at(64), at(65)));
    }

    #[test]
    fn a_probe_that_never_ends_or_says_nothing_lets_the_next_one_through() {
        let mut breaker = opened();
        breaker.begin(Duration::from_secs(5), at(60));
        assert!(breaker.is_free(at(65)));
        breaker.begin(Duration::from_secs(5), at(65));
        breaker.give_up_probe(at(66));
        assert!(breaker.is_free(at(66)) && !breaker.is_closed());
    }

    #[test]
    fn each_failed_probe_doubles_the_wait_up_to_the_longest() {
        let mut breaker = Breaker::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..6 {
            let until = breaker.open(MINUTE, now, now).unwrap();
            waits.push(until.since(now).as_secs());
            now = until;
            breaker.begin(Duration::from_secs(5), now);
        }
        assert_eq!(waits, [60, 120, 240, 480, 900, 900]);
        breaker.close(now, now);
        let later = now.plus(MINUTE);
        assert_eq!(breaker.open(MINUTE, later, later), Some(later.plus(MINUTE)));
    }

    #[test]
    fn what_set_out_before_it_opened_neither_closes_it_nor_makes_it_longer() {
        let mut breaker = opened();
        assert_eq!(breaker.open(MINUTE, at(0), at(1)), None);
        assert!(!breaker.close(at(0), at(2)));
        assert_eq!(breaker.open(MINUTE, at(0), at(61)), None, "told late");
        assert!(breaker.close(at(60), at(61)));
        assert_eq!(breaker.open(MINUTE, at(30), at(62)), None, "told later still");
        assert!(breaker.is_free(at(62)));
    }

    #[test]
    fn somebody_who_says_that_it_is_over_lets_one_probe_through_unless_it_opened_later() {
        let mut breaker = opened();
        breaker.relent(at(0), at(10));
        assert!(!breaker.is_free(at(10)), "said before it opened");
        breaker.relent(at(5), at(10));
        assert!(breaker.is_free(at(10)) && !breaker.is_closed());
        breaker.begin(Duration::from_secs(5), at(10));
        breaker.relent(at(5), at(11));
        assert!(!breaker.is_free(at(11)), "one probe at a time");
        assert_eq!(breaker.open(MINUTE, at(10), at(12)), Some(at(132)));
        breaker.relent(at(5), at(13));
        assert!(!breaker.is_free(at(13)), "the probe knows better");
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut breaker = Breaker::default();
        breaker.open(MINUTE, at(7_200), at(7_200));
        assert!(breaker.is_free(at(0)));
        breaker.begin(Duration::from_secs(5), at(0));
        assert!(breaker.close(at(0), at(1)));
    }
}
