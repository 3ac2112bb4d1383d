//! Recipients in memory: a lock, a wake-up index and an eviction index per shard.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use countersign_domain::id::{RecipientKey, Shard, ShardCount};
use countersign_domain::ports::{Erased, RecipientStore, Replaced, StoreError, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::Timestamp;

use crate::lock::lock;

/// How many records one write may evict. More than one, so that evictions keep up with writes; few, so that no write
/// pays for a long silence before it.
pub const EVICTIONS_PER_WRITE: usize = 4;

/// Keeps recipients until the process ends or their time is over.
///
/// A record is dropped by later writes to its shard, [`EVICTIONS_PER_WRITE`] at a time, once the writers' `now` has
/// reached its `keep_until`. Reads drop nothing.
pub struct MemoryStore {
    count: ShardCount,
    /// One lock per shard, so that recipients of different shards never wait for each other.
    shards: Vec<Mutex<ShardState>>,
}

#[derive(Default)]
struct ShardState {
    records: BTreeMap<RecipientKey, Stored>,
    wake_ups: BTreeSet<(Timestamp, RecipientKey)>,
    evictions: BTreeSet<(Timestamp, RecipientKey)>,
    last_version: u64,
}

impl MemoryStore {
    /// An empty store with that many shards.
    pub fn new(count: ShardCount) -> Self {
        let shards = count.shards().map(|_| Mutex::default()).collect();
        Self { count, shards }
    }

    /// How many records are held, those included whose time is over and which no write has dropped yet.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).records.len()).sum()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: RecipientKey) -> &Mutex<ShardState> {
        &self.shards[usize::from(key.shard(self.count).number())]
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("shards", &self.count.get())
            .field("len", &self.len())
            .finish()
    }
}

#[async_trait]
impl RecipientStore for MemoryStore {
    async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, StoreError> {
        Ok(lock(self.shard(key)).records.get(&key).cloned())
    }

    async fn replace(
        &self,
        key: RecipientKey,
        seen: Option<Version>,
        new: &Recipient,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let mut shard = lock(self.shard(key));
        let stored = shard.records.get(&key);
        if stored.map(|it| it.version) != seen {
            return Ok(Replaced::Conflict(stored.cloned().map(Box::new)));
        }
        let version = shard.put(key, new.clone());
        // After the write, because a record that is being written again is still wanted.
        shard.evict(now);
        Ok(Replaced::Written(version))
    }

    async fn due(&self, now: Timestamp, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, StoreError> {
        // A shard this store does not have holds nobody.
        let Some(shard) = self.shards.get(usize::from(shard.number())) else {
            return Ok(Vec::new());
        };
        let shard = lock(shard);
        let due = shard.wake_ups.iter().take_while(|(at, _)| *at <= now);
        Ok(due.map(|(_, key)| *key).take(limit).collect())
    }

    async fn erase(&self, key: RecipientKey, seen: Version) -> Result<Erased, StoreError> {
        let mut shard = lock(self.shard(key));
        match shard.records.get(&key) {
            Some(stored) if stored.version != seen => Ok(Erased::Conflict(Box::new(stored.clone()))),
            _ => {
                shard.remove(key);
                Ok(Erased::Gone)
            }
        }
    }

    async fn backlog(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due = |shard: &Mutex<ShardState>| lock(shard).wake_ups.iter().take_while(|(at, _)| *at <= now).count();
        let due: usize = self.shards.iter().map(due).sum();
        Ok(u64::try_from(due).unwrap_or(u64::MAX))
    }
}

impl ShardState {
    /// Writes a record and moves both of its index entries.
    ///
    /// Versions are counted per shard and not per record, so that a record that comes back after its eviction never
    /// gets a version that somebody has seen before.
    fn put(&mut self, key: RecipientKey, recipient: Recipient) -> Version {
        self.remove(key);
        self.last_version += 1;
        let version = Version(self.last_version);
        self.wake_ups.extend(recipient.wake_at().map(|at| (at, key)));
        self.evictions.insert((recipient.keep_until, key));
        self.records.insert(key, Stored { version, recipient });
        version
    }

    fn remove(&mut self, key: RecipientKey) {
        let Some(Stored { recipient, .. }) = self.records.remove(&key) else {
            return;
        };
        if let Some(at) = recipient.wake_at() {
            self.wake_ups.remove(&(at, key));
        }
        self.evictions.remove(&(recipient.keep_until, key));
    }

    fn evict(&mut self, now: Timestamp) {
        for _ in 0..EVICTIONS_PER_WRITE {
            match self.evictions.first() {
                Some((keep_until, key)) if *keep_until <= now => self.remove(*key),
                _ => return,
            }
        }
    }
}
