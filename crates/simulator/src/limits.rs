//! The two limits Meta puts on how fast messages are sent: of one number, and to one person. Kept out: what is said to
//! whom they stop.
//!
//! Meta: throughput page (80 messages a second, 1,000 after an upgrade), and about the platform, pair rate limits.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Which of Meta's limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages a second of each sender number, see [`crate::PhoneNumber::throughput`]. Beyond it a send is answered
    /// with 130429.
    pub throughput: bool,
    /// One message every 6 s from a number to the same person, or up to 45 within 6 s that are made up for by a pause
    /// of as many times 6 s. Beyond it a send is answered with 131056.
    pub pair: bool,
}

impl Limits {
    /// Both hold, as at Meta.
    pub fn all() -> Self {
        Self {
            throughput: true,
            pair: true,
        }
    }

    /// None holds, for tests that send more than Meta would take.
    pub fn none() -> Self {
        Self {
            throughput: false,
            pair: false,
        }
    }
}

/// Which limit stops a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    Throughput,
    Pair,
}

/// What a message costs its pair in milliseconds.
const PAIR_MS: u64 = 6_000;
/// Messages to the same person within one window of [`PAIR_MS`].
const PAIR_BURST: u64 = 45;
/// Pairs remembered before those that owe nothing are forgotten.
const PAIRS_SWEPT_AT: usize = 1_024;

#[derive(Default)]
pub(crate) struct LimitBook {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    senders: BTreeMap<String, Bucket>,
    pairs: BTreeMap<(String, String), Debt>,
    sweep_at: usize,
}

/// A second's worth of messages, in thousandths.
struct Bucket {
    left: u64,
    at_ms: u64,
}

/// What a pair has borrowed from the future.
struct Debt {
    window_from_ms: u64,
    in_window: u64,
    paid_at_ms: u64,
}

impl LimitBook {
    /// Takes the place of one message, or says which limit has none. A message that is stopped costs nothing.
    pub(crate) fn take(
        &self,
        limits: Limits,
        throughput: u32,
        sender: &str,
        recipient: &str,
        now_ms: u64,
    ) -> Result<(), Stopped> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.throughput && !state.refilled(sender, throughput, now_ms).has_room() {
            return Err(Stopped::Throughput);
        }
        if limits.pair {
            state.sweep(now_ms);
            let pair = (sender.to_owned(), recipient.to_owned());
            let debt = state.pairs.entry(pair).or_insert(Debt {
                window_from_ms: now_ms,
                in_window: 0,
                paid_at_ms: now_ms,
            });
            if !debt.borrow(now_ms) {
                return Err(Stopped::Pair);
            }
        }
        if limits.throughput {
            state.refilled(sender, throughput, now_ms).left -= 1_000;
        }
        Ok(())
    }
}

impl State {
    fn refilled(&mut self, sender: &str, throughput: u32, now_ms: u64) -> &mut Bucket {
        let full = u64::from(throughput) * 1_000;
        let bucket = self.senders.entry(sender.to_owned()).or_insert(Bucket {
            left: full,
            at_ms: now_ms,
        });
        let passed_ms = now_ms.saturating_sub(bucket.at_ms).min(1_000);
        bucket.left = full.min(bucket.left + passed_ms * u64::from(throughput));
        bucket.at_ms = bucket.at_ms.max(now_ms);
        bucket
    }

    /// Forgets pairs that owe nothing, once there are twice as many as after the last time.
    fn sweep(&mut self, now_ms: u64) {
        if self.pairs.len() < self.sweep_at.max(PAIRS_SWEPT_AT) {
            return;
        }
        self.pairs.retain(|_, debt| debt.paid_at_ms > now_ms);
        self.sweep_at = self.pairs.len() * 2;
    }
}

impl Bucket {
    fn has_room(&self) -> bool {
        self.left >= 1_000
    }
}

impl Debt {
    fn borrow(&mut self, now_ms: u64) -> bool {
        if now_ms >= self.paid_at_ms {
            self.window_from_ms = now_ms;
            self.in_window = 0;
            self.paid_at_ms = now_ms;
        } else if now_ms.saturating_sub(self.window_from_ms) >= PAIR_MS || self.in_window >= PAIR_BURST {
            return false;
        }
        self.in_window += 1;
        self.paid_at_ms += PAIR_MS;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(book: &LimitBook, throughput: u32, recipient: &str, now_ms: u64) -> Result<(), Stopped> {
        book.take(Limits::all(), throughput, "1", recipient, now_ms)
    }

    #[test]
    fn a_number_sends_a_seconds_worth_at_once_and_then_as_time_passes() {
        let book = LimitBook::default();
        let sent = |now_ms: u64, round: &str| {
            let many = 0..1_000;
            many.take_while(|n| taken(&book, 80, &format!("{round}{n}"), now_ms).is_ok())
                .count()
        };
        assert_eq!(sent(0, "a"), 80);
        assert_eq!(sent(12, "b"), 0);
        assert_eq!(sent(13, "c"), 1);
        assert_eq!(sent(513, "d"), 40);
        assert_eq!(sent(60_000, "e"), 80);
    }

    #[test]
    fn a_person_gets_one_message_every_six_seconds_for_ever() {
        let book = LimitBook::default();
        for turn in 0..100 {
            assert_eq!(taken(&book, 80, "5511", turn * 6_000), Ok(()));
        }
        let second = taken(&book, 80, "5511", 99 * 6_000 + 5_999);
        assert_eq!(second, Ok(()), "borrowed from the future");
        assert_eq!(taken(&book, 80, "5511", 100 * 6_000), Err(Stopped::Pair));
        assert_eq!(taken(&book, 80, "5511", 101 * 6_000), Ok(()));
    }

    #[test]
    fn a_burst_of_forty_five_is_followed_by_as_many_pauses() {
        let book = LimitBook::default();
        for _ in 0..45 {
            assert_eq!(taken(&book, 80, "5511", 0), Ok(()));
        }
        assert_eq!(taken(&book, 80, "5511", 1), Err(Stopped::Pair));
        assert_eq!(taken(&book, 80, "5511", 45 * 6_000 - 1), Err(Stopped::Pair));
        assert_eq!(taken(&book, 80, "5522", 1), Ok(()), "another person");
        assert_eq!(taken(&book, 80, "5511", 45 * 6_000), Ok(()));
    }

    #[test]
    fn pairs_that_owe_nothing_are_forgotten() {
        let book = LimitBook::default();
        for turn in 0..10_000 {
            assert_eq!(taken(&book, 1_000, &turn.to_string(), turn * 10), Ok(()));
        }
        assert!(book.state.lock().unwrap().pairs.len() <= 2_048);
    }
}
