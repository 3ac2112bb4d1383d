//! Posters: so many at a time, each with posts about the same messages in their order, as fast as they are answered or
//! at a pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::Outcome;
use crate::cells::rounded;
use crate::clock::now;
use crate::exchange::Exchange;
use crate::stats::length;
use crate::target::Opened;
use crate::webhook::Post;

/// Posts in flight: flat out, and at most at a pace.
pub(crate) const IN_FLIGHT: usize = 16;
const IN_FLIGHT_PACED: usize = 64;
/// Statuses that are prepared for each second flat out; when they run out early, the cell is shorter.
const STOCK: f64 = 20_000.0;
/// The words of a message's life, in their order.
const WORDS: [&str; 3] = ["sent", "delivered", "read"];

/// How statuses come.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// In one post.
    pub(crate) size: usize,
    /// Statuses a second, or as many as go.
    pub(crate) pace: Option<u32>,
    /// For how long it is counted, after a tenth of it that is not.
    pub(crate) span: Duration,
}

impl Load {
    /// Messages that are needed, with those of the warm-up.
    pub(crate) fn messages(self) -> u64 {
        let per_second = self.pace.map_or(STOCK, f64::from);
        let words = length(&WORDS);
        rounded(per_second * self.span.as_secs_f64() * 1.15 / words) + 1
    }

    /// The time from one post to the next.
    fn interval(self) -> Option<Duration> {
        let size = u32::try_from(self.size).unwrap_or(u32::MAX);
        self.pace.map(|pace| Duration::from_secs(1) * size / pace)
    }

    const fn in_flight(self) -> usize {
        if self.pace.is_some() {
            IN_FLIGHT_PACED
        } else {
            IN_FLIGHT
        }
    }
}

/// Posts about the same messages, in their order.
pub(crate) struct Lane {
    posts: Vec<Post>,
    ids: Vec<String>,
}

/// Posters on their way.
pub(crate) struct Posters {
    lanes: Vec<Lane>,
    once: bool,
    load: Load,
    callback: String,
    exchange: Exchange,
    next_lane: AtomicUsize,
    next_post: AtomicU32,
    begin: Instant,
}

/// What posters saw.
#[derive(Default)]
pub(crate) struct Posted {
    /// How long each counted post took, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// How long was counted.
    pub(crate) window: Duration,
    /// Verifications of which everything was posted.
    pub(crate) finished: Vec<String>,
}

impl Posters {
    /// Posters of these lanes, each posted once, or again and again.
    pub(crate) fn new(callback: &str, load: Load, lanes: Vec<Lane>, once: bool) -> Arc<Self> {
        Arc::new(Self {
            lanes,
            once,
            load,
            callback: callback.to_owned(),
            exchange: Exchange::new(),
            next_lane: AtomicUsize::new(0),
            next_post: AtomicU32::new(0),
            begin: now(),
        })
    }

    /// Posts until the time is over, or nothing is left. Fails with the first post that is not answered with 200.
    pub(crate) async fn run(self: Arc<Self>) -> Outcome<Posted> {
        let mut running = JoinSet::new();
        for _ in 0..self.load.in_flight() {
            running.spawn(Arc::clone(&self).one());
        }
        let mut posted = Posted::default();
        while let Some(ended) = running.join_next().await {
            let ended = ended.map_err(|error| format!("a poster panicked: {error}"))??;
            posted.latencies.extend(ended.latencies);
            posted.window = posted.window.max(ended.window);
            posted.finished.extend(ended.finished);
        }
        posted.latencies.sort_unstable();
        Ok(posted)
    }

    /// Posts lane after lane until the time is over or nothing is left.
    async fn one(self: Arc<Self>) -> Outcome<Posted> {
        let counted_from = self.begin + self.load.span / 10;
        let end = counted_from + self.load.span;
        let mut posted = Posted::default();
        loop {
            let at = self.next_lane.fetch_add(1, Ordering::Relaxed);
            let at = if self.once { at } else { at % self.lanes.len().max(1) };
            let Some(lane) = self.lanes.get(at) else {
                return Ok(posted);
            };
            for post in &lane.posts {
                let asked = self.due().await;
                if asked >= end {
                    return Ok(posted);
                }
                post.hand_in(&self.exchange, &self.callback).await?;
                let answered = now();
                if (counted_from..end).contains(&answered) {
                    posted.latencies.push(answered.duration_since(asked));
                    posted.window = answered.duration_since(counted_from);
                }
            }
            posted.finished.extend(lane.ids.iter().cloned());
        }
    }

    /// Waits until the next post is due, if there is a pace; answers from when its time counts.
    async fn due(&self) -> Instant {
        let Some(interval) = self.load.interval() else {
            return now();
        };
        let due = self.begin + interval * self.next_post.fetch_add(1, Ordering::Relaxed);
        sleep_until(due.into()).await;
        due
    }
}

/// The posts about these messages, so many in each: one lane for each group.
pub(crate) fn lanes(messages: &[Opened], size: usize) -> Outcome<Vec<Lane>> {
    let lane = |messages: &[Opened]| {
        let posts = WORDS.iter().map(|word| Post::about(messages, word));
        Ok(Lane {
            posts: posts.collect::<Outcome<_>>()?,
            ids: messages.iter().map(|it| it.id.clone()).collect(),
        })
    };
    messages
        .chunks_exact(size.min(messages.len().max(1)))
        .map(lane)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_kept_by_posts_of_every_size() {
        let load = |size, pace| Load {
            size,
            pace,
            span: Duration::from_secs(1),
        };
        assert_eq!(load(1, Some(1_000)).interval(), Some(Duration::from_millis(1)));
        assert_eq!(load(100, Some(1_000)).interval(), Some(Duration::from_millis(100)));
        assert_eq!(load(100, None).interval(), None);
        assert_eq!(load(1, Some(3_000)).messages(), 1_151);
    }
}
