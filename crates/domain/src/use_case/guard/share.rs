//! What an instance does behind the answers: shares what it heard, raises alarms, learns what is usual.

use crate::event::Event;
use crate::guard::{ALARM, Alarm, Area, Baseline, Block, Bucket, GuardSettings};
use crate::ports::{BatchId, ScoreChange, StoreError, Tally};
use crate::use_case::Error;
use crate::use_case::guard::Guard;
use crate::use_case::guard::heard::{Batch, TallyOf};
use crate::use_case::guard::usual::series_of;

/// Batches one flush shares at most; the next one goes on.
const BATCHES_MAX: usize = 100;
/// Buckets whose history one flush reads at most: each is four weeks of two series. The next one goes on.
const READS_MAX: usize = 32;

impl Guard {
    /// Shares what was heard since the last time, and raises the alarms that follow from it. What could not be shared is
    /// kept and shared next time, once. Reads what is usual where this instance has not read it within the hour.
    ///
    /// What fails is observed once, when it begins to fail, and again when so much has been heard since that the oldest
    /// was dropped.
    pub async fn flush(&self) -> Result<(), Error> {
        let Some(settings) = &self.rulebook.guard else {
            return Ok(());
        };
        let flushed = self.share(settings).await;
        let is_news = {
            let mut heard = self.heard();
            let was_away = std::mem::replace(&mut heard.is_away, flushed.is_err());
            (heard.is_away && !was_away) || heard.has_dropped()
        };
        if is_news {
            self.observer.record(&Event::GuardUnheard);
        }
        Ok(flushed?)
    }

    async fn share(&self, settings: &GuardSettings) -> Result<(), StoreError> {
        for _ in 0..BATCHES_MAX {
            let batch = self
                .heard()
                .next(|| [self.batch_id(), self.batch_id()], self.clock.now());
            let Some(batch) = batch else { break };
            let alarms = self.hand_over(&batch).await?;
            self.heard().acknowledge(&batch, alarms);
        }
        let alarms = self.heard().alarms();
        for (bucket, score) in alarms {
            self.raise(&bucket, score, settings).await?;
            self.heard().raised(&bucket);
        }
        self.learn(settings).await
    }

    /// Hands a batch to the stores; answers with the buckets whose score is too high then. May be repeated.
    async fn hand_over(&self, batch: &Batch) -> Result<Vec<(Bucket, i64)>, StoreError> {
        let (identity, now) = (&self.rulebook.identity, self.clock.now());
        let mut owners = Vec::new();
        let mut changes = Vec::new();
        for (bucket, sum) in &batch.changes {
            let key = bucket.key(identity);
            for points in sum.changes() {
                owners.push(bucket);
                changes.push(ScoreChange { bucket: key, points });
            }
        }
        let scores = if changes.is_empty() {
            Vec::new()
        } else {
            self.store.score(batch.scores, &changes, now).await?
        };
        let tally = |((bucket, what, hour), count): &(TallyOf, u64)| Tally {
            series: bucket.series(identity, what),
            at: *hour,
            count: *count,
        };
        let tallies: Vec<_> = batch.counts.iter().map(tally).collect();
        if !tallies.is_empty() {
            self.tallies.add(batch.tallies, &tallies, now).await?;
        }
        for (person, until) in &batch.persons {
            self.store.remember(*person, *until, now).await?;
        }
        let known = owners.into_iter().zip(scores);
        let too_high = known.filter(|(_, score)| *score >= ALARM);
        Ok(too_high.map(|(bucket, score)| (bucket.clone(), score)).collect())
    }

    /// Raises an alarm: of several instances that do so at once, one writes the block. Either way the score begins anew.
    async fn raise(&self, bucket: &Bucket, score: i64, settings: &GuardSettings) -> Result<(), StoreError> {
        let (key, now) = (bucket.key(&self.rulebook.identity), self.clock.now());
        let view = self.store.look(&[key], None).await?;
        let stored = view.blocks.into_iter().flatten().next();
        let (seen, before) = (
            stored.as_ref().map(|it| it.version),
            stored.as_ref().map(|it| &it.block),
        );
        let alarm = Alarm::of(&bucket.area);
        let raised = Block::raised(before, bucket, alarm, score, settings, now);
        let Some(block) = raised.as_ref().or(before) else {
            return Ok(());
        };
        let kept_until = block.kept_until(settings);
        self.heard().alarmed(block);
        let is_written = self.store.replace(key, seen, Some(block), kept_until, now).await?;
        if let (true, Some(block)) = (is_written, &raised) {
            self.observer.record(&Event::GuardAlarmed {
                app: bucket.app.clone(),
                area: bucket.area.name(),
                country: match bucket.area {
                    Area::Country(country) => Some(country),
                    Area::TenThousand(_) | Area::Thousand(_) | Area::Guesses => None,
                },
                alarm,
                rung: block.rung,
                score,
            });
        }
        Ok(())
    }

    async fn learn(&self, settings: &GuardSettings) -> Result<(), StoreError> {
        let (identity, now) = (&self.rulebook.identity, self.clock.now());
        let unread = self.usual().unread(READS_MAX, now);
        if unread.is_empty() {
            return Ok(());
        }
        let both = unread
            .iter()
            .flat_map(|it| series_of(it).map(|what| it.series(identity, what)));
        let series: Vec<_> = both.collect();
        let read = self.tallies.read(&series, now.minus(Baseline::REACH), now).await?;
        let mut counts = read.into_iter();
        let mut usual = self.usual();
        for bucket in unread {
            let (all, part) = (counts.next().unwrap_or_default(), counts.next().unwrap_or_default());
            usual.learn(bucket, all, part, settings, now);
        }
        Ok(())
    }

    fn batch_id(&self) -> BatchId {
        let mut id = [0; 16];
        self.random.fill(&mut id);
        BatchId(id)
    }
}
