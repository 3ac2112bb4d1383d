//! What the guard heard and has not shared yet. Bounded: what a store that is away keeps from being shared is dropped in
//! the end, the oldest first.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::guard::{Block, Bucket, FlooredSum, PersonKey, is_outdated};
use crate::ports::BatchId;
use crate::time::Timestamp;

/// Buckets whose changes are kept, 10,000 sends to blocks of their own at least.
const BUCKETS_MAX: usize = 40_000;
/// Persons that are kept.
const PERSONS_MAX: usize = 40_000;
/// Counts that are kept; there is one for each country, app and hour.
const TALLIES_MAX: usize = 40_000;
/// Buckets, persons and counts of one batch.
const BATCH_MAX: usize = 500;
/// Alarms that wait to be raised.
const ALARMS_MAX: usize = 1_000;
/// Buckets whose last alarm is remembered.
const BLOCKS_MAX: usize = 10_000;
/// How long a batch is repeated whose answer was lost; the stores know it for ten minutes.
const REPEATED: Duration = Duration::from_secs(9 * 60);

/// A count of something in the hour that begins then.
pub(super) type TallyOf = (Bucket, &'static str, Timestamp);

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct Heard {
    scores: BTreeMap<Bucket, FlooredSum>,
    /// The buckets of `scores`, the one that was heard of first in front.
    order: VecDeque<Bucket>,
    tallies: BTreeMap<TallyOf, u64>,
    persons: BTreeMap<PersonKey, Timestamp>,
    /// What was handed to the stores and not acknowledged.
    batches: VecDeque<Arc<Batch>>,
    /// Buckets whose score is too high, and the score.
    alarms: BTreeMap<Bucket, i64>,
    /// When the last alarm of buckets was, as far as this instance knows.
    alarmed_at: BTreeMap<Bucket, Timestamp>,
    /// Whether the stores did not answer last time.
    pub(super) is_away: bool,
    /// Whether something was dropped since.
    dropped: bool,
}

/// What is shared at once, and repeated as it is.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) scores: BatchId,
    pub(super) tallies: BatchId,
    began_at: Timestamp,
    pub(super) changes: Vec<(Bucket, FlooredSum)>,
    pub(super) counts: Vec<(TallyOf, u64)>,
    pub(super) persons: Vec<(PersonKey, Timestamp)>,
}

impl Heard {
    /// Takes note of a change to a score.
    pub(super) fn score(&mut self, bucket: Bucket, points: i64) {
        if points == 0 {
            return;
        }
        if let Some(sum) = self.scores.get_mut(&bucket) {
            sum.add(points);
            return;
        }
        if self.order.len() >= BUCKETS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.scores.remove(&oldest);
            self.dropped = true;
        }
        let mut sum = FlooredSum::default();
        sum.add(points);
        self.order.push_back(bucket.clone());
        self.scores.insert(bucket, sum);
    }

    /// Takes note of something that happened `count` times in the hour of `at`.
    pub(super) fn tally(&mut self, bucket: &Bucket, what: &'static str, at: Timestamp, count: u64) {
        if count == 0 {
            return;
        }
        let tally = self.tallies.entry((bucket.clone(), what, at.hour())).or_default();
        *tally = tally.saturating_add(count);
        if self.tallies.len() > TALLIES_MAX {
            let oldest = self.tallies.keys().min_by_key(|(_, _, hour)| *hour).cloned();
            oldest.and_then(|it| self.tallies.remove(&it));
            self.dropped = true;
        }
    }

    /// Takes note of a person who gave a code back.
    pub(super) fn person(&mut self, person: PersonKey, until: Timestamp) {
        self.persons.insert(person, until);
        if self.persons.len() > PERSONS_MAX {
            let oldest = self.persons.iter().min_by_key(|(_, until)| **until).map(|(it, _)| *it);
            oldest.and_then(|it| self.persons.remove(&it));
            self.dropped = true;
        }
    }

    /// Takes note of an alarm, whoever raised it.
    pub(super) fn alarmed(&mut self, block: &Block) {
        self.alarmed_at.insert(block.bucket.clone(), block.raised_at);
        if self.alarmed_at.len() > BLOCKS_MAX {
            let oldest = self
                .alarmed_at
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(it, _)| it.clone());
            oldest.and_then(|it| self.alarmed_at.remove(&it));
        }
    }

    /// Whether the bucket raised an alarm since: then the score began anew, and what was sent before is no news.
    pub(super) fn is_outdated(&self, bucket: &Bucket, sent_at: Timestamp) -> bool {
        self.alarmed_at.get(bucket).is_some_and(|at| is_outdated(sent_at, *at))
    }

    /// What is to be shared next: the oldest batch that is not acknowledged, or a new one. `None` when there is nothing.
    ///
    /// A batch that was first tried too long ago is given up: if it had arrived then, it would count twice.
    pub(super) fn next(&mut self, ids: impl FnOnce() -> [BatchId; 2], now: Timestamp) -> Option<Arc<Batch>> {
        self.batches.retain(|it| now.since(it.began_at) < REPEATED);
        if let Some(batch) = self.batches.front() {
            return Some(Arc::clone(batch));
        }
        let buckets: Vec<_> = self.order.drain(..self.order.len().min(BATCH_MAX)).collect();
        let sum = |it: Bucket| self.scores.remove(&it).map(|sum| (it, sum));
        let changes: Vec<_> = buckets.into_iter().filter_map(sum).collect();
        let counts: Vec<_> = std::iter::from_fn(|| self.tallies.pop_first())
            .take(BATCH_MAX)
            .collect();
        let persons: Vec<_> = std::iter::from_fn(|| self.persons.pop_first())
            .take(BATCH_MAX)
            .collect();
        if changes.is_empty() && counts.is_empty() && persons.is_empty() {
            return None;
        }
        let [scores, tallies] = ids();
        let batch = Arc::new(Batch {
            scores,
            tallies,
            began_at: now,
            changes,
            counts,
            persons,
        });
        self.batches.push_back(Arc::clone(&batch));
        Some(batch)
    }

    /// The batch was shared, and these scores are too high.
    pub(super) fn acknowledge(&mut self, batch: &Batch, alarms: Vec<(Bucket, i64)>) {
        self.batches.retain(|it| it.scores != batch.scores);
        for (bucket, score) in alarms {
            if self.alarms.len() < ALARMS_MAX {
                self.alarms.insert(bucket, score);
            }
        }
    }

    /// The alarms that wait to be raised.
    pub(super) fn alarms(&self) -> Vec<(Bucket, i64)> {
        self.alarms
            .iter()
            .map(|(bucket, score)| (bucket.clone(), *score))
            .collect()
    }

    /// The alarm was raised.
    pub(super) fn raised(&mut self, bucket: &Bucket) {
        self.alarms.remove(bucket);
    }

    /// Whether something was dropped since this was asked last.
    pub(super) fn has_dropped(&mut self) -> bool {
        std::mem::take(&mut self.dropped)
    }
}
