//! Everything the guard asks for, kept in maps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::super::*;
use crate::client::Client;
use crate::guard::{BucketKey, SeriesKey};
use crate::ports::{
    BatchId, ChallengeRefusal, IssuedChallenge, NumberFacts, NumberKind, ScoreChange, StoreError, StoredBlock, Tally,
    Version,
};

/// Everything the guard asks for, on one clock.
#[derive(Default)]
pub(super) struct World {
    pub(super) now: AtomicU64,
    rolls: AtomicU64,
    pub(super) is_away: AtomicBool,
    pub(super) loses_answers: AtomicBool,
    pub(super) calls: AtomicUsize,
    pub(super) kept: Mutex<Kept>,
    events: Mutex<Vec<Event>>,
}

#[derive(Default)]
pub(super) struct Kept {
    pub(super) scores: BTreeMap<BucketKey, i64>,
    pub(super) blocks: BTreeMap<BucketKey, StoredBlock>,
    pub(super) persons: BTreeMap<PersonKey, Timestamp>,
    pub(super) lines: BTreeMap<PersonKey, PersonKey>,
    pub(super) counts: BTreeMap<(SeriesKey, Timestamp), u64>,
    pub(super) batches: Vec<BatchId>,
    versions: u64,
}

impl World {
    fn call(&self) -> Result<MutexGuard<'_, Kept>, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The answer, unless it is lost on its way.
    fn answer<T>(&self, answer: T) -> Result<T, StoreError> {
        if self.loses_answers.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("lost".into()));
        }
        Ok(answer)
    }

    pub(super) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn pass(&self, span: Duration) {
        self.now
            .fetch_add(u64::try_from(span.as_millis()).unwrap_or(0), Ordering::SeqCst);
    }
}

#[async_trait]
impl GuardStore for World {
    async fn look(&self, buckets: &[BucketKey], person: Option<PersonKey>) -> Result<GuardView, StoreError> {
        let kept = self.call()?;
        Ok(GuardView {
            blocks: buckets.iter().map(|it| kept.blocks.get(it).cloned()).collect(),
            is_returning: person.is_some_and(|it| kept.persons.contains_key(&it)),
            line: person.and_then(|it| kept.lines.get(&it).copied()),
        })
    }

    async fn score(&self, batch: BatchId, changes: &[ScoreChange], _: Timestamp) -> Result<Vec<i64>, StoreError> {
        let mut kept = self.call()?;
        let is_new = !kept.batches.contains(&batch);
        kept.batches.push(batch);
        let change = |it: &ScoreChange| {
            let score = kept.scores.entry(it.bucket).or_default();
            if is_new {
                *score = (*score + it.points).max(0);
            }
            *score
        };
        self.answer(changes.iter().map(change).collect())
    }

    async fn replace<'a>(
        &self,
        bucket: BucketKey,
        seen: Option<Version>,
        block: Option<&'a Block>,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut kept = self.call()?;
        if kept.blocks.get(&bucket).map(|it| it.version) != seen {
            return Ok(false);
        }
        kept.versions += 1;
        let version = Version(kept.versions);
        kept.scores.remove(&bucket);
        kept.blocks.remove(&bucket);
        if let Some(block) = block.cloned() {
            kept.blocks.insert(bucket, StoredBlock { version, block });
        }
        Ok(true)
    }

    async fn scores(&self, buckets: &[BucketKey]) -> Result<Vec<i64>, StoreError> {
        let kept = self.call()?;
        Ok(buckets
            .iter()
            .map(|it| kept.scores.get(it).copied().unwrap_or_default())
            .collect())
    }

    async fn blocks(&self, _: usize) -> Result<Vec<StoredBlock>, StoreError> {
        Ok(self.call()?.blocks.values().cloned().collect())
    }

    async fn remember(&self, person: PersonKey, until: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        self.call()?.persons.insert(person, until);
        Ok(())
    }

    async fn learn_line(
        &self,
        person: PersonKey,
        line: PersonKey,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.call()?.lines.insert(person, line);
        Ok(())
    }

    async fn forget(&self, person: PersonKey) -> Result<(), StoreError> {
        self.call()?.persons.remove(&person);
        Ok(())
    }
}

#[async_trait]
impl TallyStore for World {
    async fn add(&self, batch: BatchId, tallies: &[Tally], _: Timestamp) -> Result<(), StoreError> {
        let mut kept = self.call()?;
        if !kept.batches.contains(&batch) {
            kept.batches.push(batch);
            for tally in tallies {
                *kept.counts.entry((tally.series, tally.at)).or_default() += tally.count;
            }
        }
        self.answer(())
    }

    async fn read(
        &self,
        series: &[SeriesKey],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<(Timestamp, u64)>>, StoreError> {
        let kept = self.call()?;
        let counts = |of: &SeriesKey| {
            let range = kept.counts.range((*of, from)..=(*of, to));
            range.map(|((_, at), count)| (*at, *count)).collect()
        };
        Ok(series.iter().map(counts).collect())
    }
}

impl ChallengeVerifier for World {
    fn issue(&self, _: &ChallengeSubject<'_>, nonce: [u8; 16], now: Timestamp) -> Option<IssuedChallenge> {
        Some(IssuedChallenge {
            text: format!("{nonce:?}"),
            expires_at: now,
        })
    }

    fn verify(
        &self,
        _: &ChallengeSubject<'_>,
        client: &Client,
        _: Timestamp,
    ) -> Result<ChallengePass, ChallengeRefusal> {
        match &client.challenge_answer {
            Some(_) => Ok(ChallengePass { once: Some([7; 16]) }),
            None => Err(ChallengeRefusal::Missing),
        }
    }
}

impl NumberingPlan for World {
    fn lookup(&self, _: &PhoneNumber) -> NumberFacts {
        NumberFacts {
            country: super::country(),
            kind: NumberKind::Mobile,
            possible: true,
        }
    }

    fn aliases(&self, _: &PhoneNumber) -> Vec<PhoneNumber> {
        Vec::new()
    }

    fn canonical(&self, phone: &PhoneNumber) -> PhoneNumber {
        phone.clone()
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.now.load(Ordering::SeqCst))
    }
}

impl Random for World {
    fn fill(&self, bytes: &mut [u8]) {
        let roll = self.rolls.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, roll) in bytes.iter_mut().zip(roll.into_iter().rev()) {
            *byte = roll;
        }
    }
}

impl Observer for World {
    fn record(&self, event: &Event) {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event.clone());
    }
}
