//! What the guard remembers, and what is counted for it and for reports.

#![cfg_attr(
    feature = "mocks",
    expect(clippy::ref_option_ref, reason = "mocks keep what they were called with")
)]

use std::time::Duration;

use async_trait::async_trait;

use crate::guard::{Block, BucketKey, PersonKey, SeriesKey};
use crate::id::{Shard, ShardCount};
use crate::ports::{StoreError, Version};
use crate::time::Timestamp;

/// The most a store counts to, for scores and for tallies: 2^52. Beyond it a sum stays there; below it every one is
/// exact, in stores that count in doubles, too.
pub const COUNT_MAX: u64 = 1 << 52;

/// How far back from its end the range of one read of tallies goes: 36 days, which is all that is kept.
pub const TALLY_RANGE_MAX: Duration = Duration::from_secs(36 * 24 * 60 * 60);

/// One batch of additions, drawn at random by whoever makes it. Repeated, it adds nothing more.
///
/// A repetition has to be the same batch: the same changes in the same order. Scores and tallies are counted apart, so
/// that one id may name a batch of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub [u8; 16]);

impl BatchId {
    /// The shard in which a store keeps it that knows one for the whole batch.
    pub const fn shard(&self, count: ShardCount) -> Shard {
        Shard::of(&self.0, count)
    }
}

/// Something that happened so many times within an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What.
    pub series: SeriesKey,
    /// When; the hour that holds it is what counts.
    pub at: Timestamp,
    /// How many times; at most [`COUNT_MAX`] count.
    pub count: u64,
}

/// Counts what happens, hour by hour.
///
/// Promises: a batch counts once, however often it is repeated within ten minutes of its first `now`, also by calls at
/// the same time; all of it or nothing. No parallel addition is lost. Counts stay readable for 35 days after their hour,
/// counted from the `now` of whoever added last, and not for ever. A sum stays at [`COUNT_MAX`].
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TallyStore: Send + Sync {
    /// Adds every tally of the batch, once. What happened longer than 35 days before `now` may be left out.
    async fn add(&self, batch: BatchId, tallies: &[Tally], now: Timestamp) -> Result<(), StoreError>;

    /// The counts of each series by hour, from the hour that holds `from` up to and with the one that holds `to`,
    /// oldest first: one list for each series, in the order asked. Hours without a count are left out, and so are those
    /// longer than [`TALLY_RANGE_MAX`] before `to`. Nothing when `to` is before `from`. Changes nothing.
    async fn read(
        &self,
        series: &[SeriesKey],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Vec<(Timestamp, u64)>>, StoreError>;
}

/// What is added to the score of a bucket. A score never falls below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoreChange {
    /// The bucket.
    pub bucket: BucketKey,
    /// How much, in thousandths; negative for good news. At most [`COUNT_MAX`] counts, either way.
    pub points: i64,
}

/// A block as a store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlock {
    /// The version a later replace has to have seen.
    pub version: Version,
    /// The block.
    pub block: Block,
}

/// What the guard needs to know before a send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardView {
    /// The block of each bucket, in order, if there is one.
    pub blocks: Vec<Option<StoredBlock>>,
    /// Whether the person gave a code back lately.
    pub is_returning: bool,
    /// The line the person's number is another spelling of, if that was learnt.
    pub line: Option<PersonKey>,
}

/// What the guard remembers, for all instances.
///
/// Promises: scores are floored at zero and capped at [`COUNT_MAX`] after each change, in the order given, and no
/// parallel change is lost. A batch of changes counts once, however often it is repeated within ten minutes of its
/// first `now`, also by calls at the same time; all of it or nothing. Of concurrent replaces of one block that saw the
/// same version exactly one is written, and the score of its bucket is zero after it; a refused one changes neither. A
/// version is never given twice for one bucket, not even after its block was taken away. A block stays readable at
/// least until its `kept_until`, a person and a line until their `until`, a score for 35 days after its last change,
/// and none of them for ever.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait GuardStore: Send + Sync {
    /// What is known before a send, all of it as of one moment. Changes nothing.
    async fn look(&self, buckets: &[BucketKey], person: Option<PersonKey>) -> Result<GuardView, StoreError>;

    /// Changes scores; answers with each as it is after its change, in order. For a batch that counted before: as they
    /// are now.
    async fn score(&self, batch: BatchId, changes: &[ScoreChange], now: Timestamp) -> Result<Vec<i64>, StoreError>;

    /// Writes the block of a bucket if the stored version is `seen`, or takes it away with `None`, and empties the score
    /// of the bucket in the same step. Answers whether it was written. Kept until `kept_until`, counted from `now`; one
    /// whose time is over already is not kept at all.
    async fn replace<'a>(
        &self,
        bucket: BucketKey,
        seen: Option<Version>,
        block: Option<&'a Block>,
        kept_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The score of each bucket, in order, in thousandths. Changes nothing.
    async fn scores(&self, buckets: &[BucketKey]) -> Result<Vec<i64>, StoreError>;

    /// Every block that is kept, at most `limit`, those raised last first.
    async fn blocks(&self, limit: usize) -> Result<Vec<StoredBlock>, StoreError>;

    /// Remembers until `until`, counted from `now`, that the person gave a code back; not at all when that is over. What
    /// was remembered before is replaced, whether it was longer or not.
    async fn remember(&self, person: PersonKey, until: Timestamp, now: Timestamp) -> Result<(), StoreError>;

    /// Remembers until `until`, counted from `now`, that the person's number is another spelling of `line`; not at all
    /// when that is over. What was remembered before is replaced, whether it was longer or not.
    async fn learn_line(
        &self,
        person: PersonKey,
        line: PersonKey,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Forgets the person, known or not: that a code was given back, and the line.
    async fn forget(&self, person: PersonKey) -> Result<(), StoreError>;
}
