//! What the guard remembers, in memory.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::guard::{Block, BucketKey, PersonKey};
use countersign_domain::ports::{
    BatchId, COUNT_MAX, GuardStore, GuardView, ScoreChange, StoreError, StoredBlock, Version,
};
use countersign_domain::time::Timestamp;

use crate::batches::Batches;
use crate::kept::Kept;
use crate::lock::lock;

/// How long a score is kept that nobody changes (the promise of `GuardStore`).
const SCORE_KEPT: Duration = Duration::from_secs(35 * 24 * 60 * 60);

/// Remembers until the process ends, or until what it remembers counts for nothing.
///
/// What is over is dropped by later writes of its kind, a few entries at a time. Reads drop nothing.
#[derive(Default)]
pub struct MemoryGuard(Mutex<Guard>);

#[derive(Debug, Default)]
struct Guard {
    blocks: Kept<BucketKey, StoredBlock>,
    scores: Kept<BucketKey, u64>,
    persons: Kept<PersonKey, ()>,
    lines: Kept<PersonKey, PersonKey>,
    batches: Batches,
    /// Counted for all buckets together, so that a block that comes back never has a version somebody saw before.
    last_version: u64,
}

impl MemoryGuard {
    /// Nothing is remembered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many blocks, scores, persons, lines and batches are held, those included whose time is over and which no
    /// write has dropped yet.
    pub fn len(&self) -> usize {
        let guard = lock(&self.0);
        guard.blocks.len() + guard.scores.len() + guard.persons.len() + guard.lines.len() + guard.batches.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for MemoryGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryGuard").field("len", &self.len()).finish()
    }
}

#[async_trait]
impl GuardStore for MemoryGuard {
    async fn look(&self, buckets: &[BucketKey], person: Option<PersonKey>) -> Result<GuardView, StoreError> {
        let guard = lock(&self.0);
        Ok(GuardView {
            blocks: buckets.iter().map(|key| guard.blocks.get(*key).cloned()).collect(),
            is_returning: person.is_some_and(|person| guard.persons.get(person).is_some()),
            line: person.and_then(|person| guard.lines.get(person).copied()),
        })
    }

    async fn score(&self, batch: BatchId, changes: &[ScoreChange], now: Timestamp) -> Result<Vec<i64>, StoreError> {
        let mut guard = lock(&self.0);
        if guard.batches.is_new(batch, now) {
            return Ok(changes.iter().map(|change| guard.change(change, now)).collect());
        }
        Ok(changes.iter().map(|change| guard.score(change.bucket)).collect())
    }

    async fn replace<'a>(
        &self,
        bucket: BucketKey,
        seen: Option<Version>,
        block: Option<&'a Block>,
        kept_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut guard = lock(&self.0);
        if guard.blocks.get(bucket).map(|it| it.version) != seen {
            return Ok(false);
        }
        guard.last_version += 1;
        let version = Version(guard.last_version);
        match block.cloned() {
            Some(block) => {
                let stored = StoredBlock { version, block };
                guard.blocks.put(bucket, stored, kept_until, now);
            }
            None => guard.blocks.remove(bucket),
        }
        guard.scores.remove(bucket);
        Ok(true)
    }

    async fn scores(&self, buckets: &[BucketKey]) -> Result<Vec<i64>, StoreError> {
        let guard = lock(&self.0);
        Ok(buckets.iter().map(|key| guard.score(*key)).collect())
    }

    async fn blocks(&self, limit: usize) -> Result<Vec<StoredBlock>, StoreError> {
        let guard = lock(&self.0);
        // Of those raised at one moment the greatest key comes first, as in an index that is read from its end.
        let mut blocks: Vec<_> = guard.blocks.iter().rev().map(|(_, block)| block).collect();
        blocks.sort_by_key(|it| Reverse(it.block.raised_at));
        Ok(blocks.into_iter().take(limit).cloned().collect())
    }

    async fn remember(&self, person: PersonKey, until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        lock(&self.0).persons.put(person, (), until, now);
        Ok(())
    }

    async fn learn_line(
        &self,
        person: PersonKey,
        line: PersonKey,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        lock(&self.0).lines.put(person, line, until, now);
        Ok(())
    }

    async fn forget(&self, person: PersonKey) -> Result<(), StoreError> {
        let mut guard = lock(&self.0);
        guard.persons.remove(person);
        guard.lines.remove(person);
        Ok(())
    }
}

impl Guard {
    fn score(&self, bucket: BucketKey) -> i64 {
        let score = self.scores.get(bucket).copied().unwrap_or(0);
        i64::try_from(score).unwrap_or(i64::MAX)
    }

    fn change(&mut self, change: &ScoreChange, now: Timestamp) -> i64 {
        let ScoreChange { bucket, points } = *change;
        let before = self.scores.get(bucket).copied().unwrap_or(0);
        let score = before.saturating_add_signed(points).min(COUNT_MAX);
        if score == 0 {
            // No score at all is the same.
            self.scores.remove(bucket);
        } else {
            self.scores.put(bucket, score, now.plus(SCORE_KEPT), now);
        }
        self.score(bucket)
    }
}
