//! The throughput of one sender, shared by all instances without asking for each message.
//!
//! An instance takes slices of a shared rate and hands their messages out by itself: at 1,000 messages a second that is
//! 20 questions to the store, and none while nothing is sent. A slice that is not used within a second is lost, so what
//! leaves in any second is at most the throughput and two slices of each instance.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use crate::limit::Quota;
use crate::time::Timestamp;

/// How many slices a second of throughput is cut into.
pub const SLICES_PER_SECOND: u16 = 20;
/// How many slices may be taken at once, over all instances: what one instance did not use in time, another may.
const BURST: NonZeroU32 = NonZeroU32::new(2).expect("not zero");
/// How long the messages of a slice may be used.
const SLICE_LIFE: Duration = Duration::from_secs(1);
/// How long a store takes to answer at most, as a rule.
const ANSWER_WAIT: Duration = Duration::from_millis(20);
/// A refusal that is longer than this is no busy sender but a clock that is far ahead somewhere. Then this instance
/// keeps the pace by its own clock alone: a wrong clock must not silence a sender.
const REFUSAL_MAX: Duration = Duration::from_secs(5);
/// The longest queue that is believed. No message waits that long for its turn: its code would be dead.
const QUEUE_MAX: Duration = Duration::from_secs(3_600);

/// What one instance may send from one sender now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    throughput: NonZeroU16,
    /// What is left of the slices that were taken.
    left: u32,
    /// Until when that may be used.
    left_until: Timestamp,
    /// Before this, the store need not be asked.
    refill_at: Timestamp,
    /// When everything that was told to wait will have gone.
    queue_end: Timestamp,
    /// When a slice was last taken.
    refilled_at: Timestamp,
}

impl Pace {
    /// A pace of so many messages a second.
    pub const fn new(throughput: NonZeroU16) -> Self {
        Self {
            throughput,
            left: 0,
            left_until: Timestamp::EPOCH,
            refill_at: Timestamp::EPOCH,
            queue_end: Timestamp::EPOCH,
            refilled_at: Timestamp::EPOCH,
        }
    }

    /// How many messages a slice holds.
    pub fn slice(&self) -> u32 {
        u32::from((self.throughput.get() / SLICES_PER_SECOND).max(1))
    }

    /// What a slice is taken from: never more than the throughput, because its interval is rounded up to whole
    /// milliseconds.
    pub fn quota(&self) -> Quota {
        Quota::Rate {
            burst: BURST,
            interval: self.interval(),
        }
    }

    /// Takes one message from the slices at hand; false when there is none.
    pub fn take(&mut self, now: Timestamp) -> bool {
        if self.left == 0 || self.left_until <= now {
            return false;
        }
        self.left -= 1;
        true
    }

    /// Whether asking the store for a slice may succeed. A clock that was set back does not lock the sender.
    pub fn may_refill(&self, now: Timestamp) -> bool {
        self.refill_at <= now || self.refill_at > now.plus(REFUSAL_MAX)
    }

    /// Somebody asks the store now; nobody else needs to until the answer can be expected.
    pub fn ask(&mut self, now: Timestamp) {
        self.refill_at = now.plus(ANSWER_WAIT);
        // Nobody needed a slice for a while, so whoever was told to wait is gone: sent elsewhere, or ended.
        if self.refilled_at.plus(self.interval() * 4) < now {
            self.queue_end = now;
        }
    }

    /// A slice was taken.
    pub fn refilled(&mut self, now: Timestamp) {
        self.refill_at = Timestamp::EPOCH;
        let kept = if self.left_until > now { self.left } else { 0 };
        self.left = kept.saturating_add(self.slice());
        self.left_until = now.plus(SLICE_LIFE);
        self.refilled_at = now;
    }

    /// Nobody can be asked for a slice: this instance takes one of its own, at its own pace.
    pub fn refilled_alone(&mut self, now: Timestamp) {
        self.refilled(now);
        self.refill_at = now.plus(self.interval());
    }

    /// The store gave no slice, and says when to ask again.
    pub fn refused(&mut self, retry_after: Option<Duration>, now: Timestamp) {
        let retry_after = retry_after.unwrap_or(SLICE_LIFE);
        if retry_after > REFUSAL_MAX {
            self.refilled_alone(now);
            return;
        }
        self.refill_at = now.plus(retry_after.max(Duration::from_millis(1)));
    }

    /// How long a message has to wait that was not let go: until the next slice, and behind those that wait already.
    /// Takes its place among them, unless it would wait for longer than `useful`: then it is not going to.
    pub fn queue(&mut self, useful: Duration, now: Timestamp) -> Duration {
        let begin = if self.may_refill(now) { now } else { self.refill_at };
        let begin = begin.max(now.plus(self.waiting(now)));
        if begin.since(now) <= useful {
            let apart = Duration::from_millis(1_000_u64.div_ceil(u64::from(self.throughput.get())));
            self.queue_end = begin.plus(apart);
        }
        begin.since(now).max(Duration::from_millis(1))
    }

    /// How long it takes until everybody who waits has gone.
    pub fn waiting(&self, now: Timestamp) -> Duration {
        // A queue that ends absurdly late was counted by another clock.
        Some(self.queue_end.since(now))
            .filter(|it| *it <= QUEUE_MAX)
            .unwrap_or_default()
    }

    fn interval(&self) -> Duration {
        let millis = (u64::from(self.slice()) * 1_000).div_ceil(u64::from(self.throughput.get()));
        Duration::from_millis(millis)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::limit::{self, LimitState, Refused};

    const MINUTE: Duration = Duration::from_secs(60);

    fn pace(throughput: u16) -> Pace {
        Pace::new(NonZeroU16::new(throughput).unwrap())
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_unix_millis(1_760_000_000_000 + millis)
    }

    /// Several instances that want to send all the time, for ten seconds. Answers when messages left.
    fn sent(throughput: u16, instances: usize) -> Vec<u64> {
        let mut paces = vec![pace(throughput); instances];
        let mut shared: Option<LimitState> = None;
        let mut sent = Vec::new();
        for now in 0..10_000 {
            for pace in &mut paces {
                loop {
                    if pace.take(at(now)) {
                        sent.push(now);
                        continue;
                    }
                    if !pace.may_refill(at(now)) {
                        break;
                    }
                    match limit::take(shared, pace.quota(), NonZeroU64::MIN, at(now)) {
                        Ok(state) => {
                            shared = Some(state);
                            pace.refilled(at(now));
                        }
                        Err(Refused { retry_after }) => pace.refused(retry_after, at(now)),
                    }
                }
            }
        }
        sent
    }

    #[test]
    fn no_second_has_more_than_the_throughput_and_two_slices_and_the_throughput_is_reached() {
        for throughput in [1, 7, 20, 75, 77, 80, 250, 999, 1_000] {
            for instances in [1, 3] {
                let sent = sent(throughput, instances);
                let bound = usize::from(throughput) + 2 * usize::try_from(pace(throughput).slice()).unwrap();
                let busiest = (0..9_000)
                    .map(|from| sent.iter().filter(|at| (from..from + 1_000).contains(*at)).count())
                    .max();
                assert!(busiest <= Some(bound), "{throughput}/s, {instances}: {busiest:?}");
                let all = 10 * usize::from(throughput);
                assert!(
                    sent.len() * 100 >= all * 95,
                    "{throughput}/s, {instances}: {}",
                    sent.len()
                );
            }
        }
    }

    #[test]
    fn a_slice_that_was_not_used_within_a_second_is_lost() {
        let mut pace = pace(80);
        pace.refilled(at(0));
        assert!(pace.take(at(999)));
        assert!(!pace.take(at(1_000)));
    }

    #[test]
    fn those_who_wait_are_told_to_come_one_after_the_other() {
        let mut pace = pace(100);
        pace.refused(Some(Duration::from_millis(40)), at(0));
        let waits: Vec<_> = (0..4).map(|_| pace.queue(MINUTE, at(0)).as_millis()).collect();
        assert_eq!(waits, [40, 50, 60, 70]);
        assert_eq!(pace.queue(MINUTE, at(1_000)).as_millis(), 1);
    }

    #[test]
    fn nobody_waits_behind_those_who_would_have_come_too_late_or_are_gone() {
        let mut pace = pace(10);
        pace.refilled(at(0));
        pace.refused(Some(Duration::from_millis(100)), at(0));
        for _ in 0..10_000 {
            pace.queue(MINUTE, at(0));
        }
        assert!(pace.waiting(at(0)) <= MINUTE + Duration::from_millis(100));
        // The flood is over, and they were sent by others: whoever asks next is the first again.
        assert!(pace.may_refill(at(1_000)));
        pace.ask(at(1_000));
        assert_eq!(pace.queue(MINUTE, at(1_000)), ANSWER_WAIT);
    }

    #[test]
    fn a_clock_that_is_far_ahead_somewhere_does_not_silence_a_sender() {
        let mut pace = pace(80);
        pace.refused(Some(Duration::from_secs(3_600)), at(0));
        assert!(pace.take(at(0)));
        while pace.take(at(0)) {}
        assert!(!pace.may_refill(at(49)) && pace.may_refill(at(50)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lock_a_sender() {
        let mut pace = pace(80);
        pace.refused(Some(Duration::from_secs(1)), at(3_600_000));
        assert!(pace.may_refill(at(0)));
        pace.queue(MINUTE, at(3_600_000 * 3));
        assert_eq!(pace.queue(MINUTE, at(0)).as_millis(), 1);
    }
}
