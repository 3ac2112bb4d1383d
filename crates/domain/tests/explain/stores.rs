//! Stores that may only be read while they are frozen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use countersign_domain::guard::{Block, BucketKey, PersonKey};
use countersign_domain::id::{RecipientKey, Shard};
use countersign_domain::limit::{Charge, LimitKey, LimitState, Taken};
use countersign_domain::ports::{
    BatchId, Erased, GiveBack, GuardStore, GuardView, LimitStore, RecipientStore, Replaced, ScoreChange, StoreError,
    Stored, StoredBlock, Version,
};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::Timestamp;

/// A store that panics when it is written while it is frozen.
pub(crate) struct Frozen<S> {
    inner: S,
    is_frozen: Arc<AtomicBool>,
}

impl<S> Frozen<S> {
    pub(crate) fn new(inner: S, is_frozen: &Arc<AtomicBool>) -> Self {
        Self {
            inner,
            is_frozen: Arc::clone(is_frozen),
        }
    }

    fn written(&self) -> &S {
        assert!(!self.is_frozen.load(Ordering::Relaxed), "explaining wrote something");
        &self.inner
    }
}

#[async_trait]
impl<S: RecipientStore> RecipientStore for Frozen<S> {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        self.inner.load(key).await
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        self.written().replace(key, seen, new, now).await
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        self.inner.due(now, shard, limit).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.inner.backlog(now).await
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        self.written().erase(key, seen).await
    }
}

#[async_trait]
impl<S: LimitStore> LimitStore for Frozen<S> {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        self.written().take(charges, now).await
    }

    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError> {
        self.written().give_back(owed, now).await
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        self.inner.peek(charges).await
    }

    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError> {
        self.written().forget(keys).await
    }
}

#[async_trait]
impl<S: GuardStore> GuardStore for Frozen<S> {
    async fn look(&self, buckets: &[BucketKey], person: Option<PersonKey>) -> Result<GuardView, StoreError> {
        self.inner.look(buckets, person).await
    }

    async fn score(&self, batch: BatchId, changes: &[ScoreChange], now: Timestamp) -> Result<Vec<i64>, StoreError> {
        self.written().score(batch, changes, now).await
    }

    async fn replace<'a>(
        &self,
        bucket: BucketKey,
        seen: Option<Version>,
        block: Option<&'a Block>,
        kept_until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.written().replace(bucket, seen, block, kept_until, now).await
    }

    async fn scores(&self, buckets: &[BucketKey]) -> Result<Vec<i64>, StoreError> {
        self.inner.scores(buckets).await
    }

    async fn blocks(&self, limit: usize) -> Result<Vec<StoredBlock>, StoreError> {
        self.inner.blocks(limit).await
    }

    async fn remember(&self, person: PersonKey, until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.written().remember(person, until, now).await
    }

    async fn learn_line(
        &self,
        person: PersonKey,
        line: PersonKey,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.written().learn_line(person, line, until, now).await
    }

    async fn forget(&self, person: PersonKey) -> Result<(), StoreError> {
        self.written().forget(person).await
    }
}
