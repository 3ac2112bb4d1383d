//! A map whose entries have a time, after which later writes drop them.

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::time::Timestamp;

/// How many entries one write may drop. More than one, so that dropping keeps up with writing; few, so that no write
/// pays for a long silence before it.
pub(crate) const EVICTIONS_PER_WRITE: usize = 4;

/// Entries by key, each until its time.
#[derive(Debug)]
pub(crate) struct Kept<K, V> {
    entries: BTreeMap<K, (V, Timestamp)>,
    evictions: BTreeSet<(Timestamp, K)>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            evictions: BTreeSet::new(),
        }
    }
}

impl<K: Copy + Ord, V> Kept<K, V> {
    /// How many entries are held, those included whose time is over and which no write has dropped yet.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, key: K) -> Option<&V> {
        self.entries.get(&key).map(|(value, _)| value)
    }

    /// Every entry, by key.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.entries.iter().map(|(key, (value, _))| (*key, value))
    }

    /// The entries of a range of keys, by key.
    pub(crate) fn range(&self, from: K, to: K) -> impl Iterator<Item = (K, &V)> {
        self.entries.range(from..=to).map(|(key, (value, _))| (*key, value))
    }

    /// Writes an entry, unless its time is over already, and drops some of those whose time is.
    pub(crate) fn put(&mut self, key: K, value: V, until: Timestamp, now: Timestamp) {
        self.remove(key);
        if until > now {
            self.entries.insert(key, (value, until));
            self.evictions.insert((until, key));
        }
        self.evict(now);
    }

    pub(crate) fn remove(&mut self, key: K) {
        if let Some((_, until)) = self.entries.remove(&key) {
            self.evictions.remove(&(until, key));
        }
    }

    fn evict(&mut self, now: Timestamp) {
        for _ in 0..EVICTIONS_PER_WRITE {
            match self.evictions.first() {
                Some(&(until, key)) if until <= now => self.remove(key),
                _ => return,
            }
        }
    }
}
