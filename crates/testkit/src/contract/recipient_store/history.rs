//! Histories: whatever is asked in whatever order, a store answers like a map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::id::{RecipientKey, Shard};
use countersign_domain::ports::{RecipientStore, Replaced, Stored, Version};
use countersign_domain::recipient::Recipient;
use countersign_domain::time::{DAY, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{SHARDS, backlog, due, key_in, load, record};
use crate::fixture::{now, recipient_with_everything};
use crate::random::seed_or;

const OPERATIONS: usize = 3_000;
/// Few keys in few shards, so that operations meet.
const KEYS_PER_SHARD: u32 = 4;
const SHARDS_USED: u16 = 3;

/// The versions differ from store to store, so the model keeps those it was given.
#[derive(Default)]
struct Model {
    records: BTreeMap<RecipientKey, Stored>,
    /// Versions that were overtaken.
    stale: BTreeMap<RecipientKey, Vec<Version>>,
}

/// Thousands of random operations, each answer compared. `COUNTERSIGN_SEED` replays one history.
pub async fn recipients_equal_the_reference_for_seeded_histories(store: Arc<dyn RecipientStore>) {
    let start = seed_or(0x5EED);
    println!("seed {start}");
    let mut random = StdRng::seed_from_u64(start);
    let mut model = Model::default();
    let mut clock = now();
    for step in 0..OPERATIONS {
        let span = Duration::from_millis(random.random_range(0..5_000));
        clock = if random.random_bool(0.2) {
            clock.minus(span)
        } else {
            clock.plus(span)
        };
        let key = key_in(
            random.random_range(0..SHARDS_USED),
            random.random_range(0..KEYS_PER_SHARD),
        );
        match random.random_range(0..10) {
            0..6 => {
                let seen = model.seen(&mut random, key);
                let new = any_record(&mut random, clock);
                let replaced = store.replace(key, seen, &new, clock).await;
                model.assert_replaced(step, key, seen, new, replaced.expect("the store answers"));
            }
            6 => assert_eq!(
                load(&*store, key).await.as_ref(),
                model.records.get(&key),
                "step {step}"
            ),
            7 => assert_eq!(backlog(&*store, clock).await, model.backlog(clock), "step {step}"),
            _ => {
                let limit = random.random_range(0..6);
                let listed = due(&*store, clock, key.shard(SHARDS), limit).await;
                model.assert_due(step, clock, key.shard(SHARDS), limit, &listed);
            }
        }
    }
}

fn any_record(random: &mut StdRng, now: Timestamp) -> Recipient {
    if random.random_bool(0.1) {
        let mut everything = recipient_with_everything();
        everything.keep_until = now.plus(DAY);
        return everything;
    }
    let wait = Duration::from_millis(random.random_range(0..20_000));
    let wake_at = random.random_bool(0.7).then(|| now.plus(wait));
    let mut recipient = record(now, wake_at);
    recipient.unanswered_sends = random.random();
    recipient
}

impl Model {
    /// What a caller may have seen: mostly what is there, sometimes what was, sometimes nothing.
    fn seen(&self, random: &mut StdRng, key: RecipientKey) -> Option<Version> {
        match random.random_range(0..8) {
            0 => None,
            1 => self.stale.get(&key).and_then(|it| it.last()).copied(),
            _ => self.records.get(&key).map(|it| it.version),
        }
    }

    fn assert_replaced(
        &mut self,
        step: usize,
        key: RecipientKey,
        seen: Option<Version>,
        recipient: Recipient,
        replaced: Replaced,
    ) {
        let there = self.records.get(&key);
        let fits = there.map(|it| it.version) == seen;
        match replaced {
            Replaced::Written(version) => {
                assert!(fits, "step {step}: written over what was not seen");
                let stale = self.stale.entry(key).or_default();
                stale.extend(seen);
                assert!(!stale.contains(&version), "step {step}: {version:?} was given before");
                self.records.insert(key, Stored { version, recipient });
            }
            Replaced::Conflict(handed_back) => {
                assert!(!fits, "step {step}: a conflict over what was seen");
                assert_eq!(handed_back.as_deref(), there, "step {step}");
            }
        }
    }

    fn wake_ups(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, RecipientKey)> {
        let wake_ups = self.records.iter().map(|(key, it)| (it.recipient.wake_at(), *key));
        wake_ups.filter_map(move |(at, key)| at.filter(|at| *at <= now).map(|at| (at, key)))
    }

    fn backlog(&self, now: Timestamp) -> u64 {
        u64::try_from(self.wake_ups(now).count()).expect("a small number")
    }

    /// Wake-ups of one moment may come in any order, so times are compared and not keys.
    fn assert_due(&self, step: usize, now: Timestamp, shard: Shard, limit: usize, listed: &[RecipientKey]) {
        let due: BTreeMap<_, _> = self
            .wake_ups(now)
            .filter(|(_, key)| key.shard(SHARDS) == shard)
            .map(|(at, key)| (key, at))
            .collect();
        let mut times: Vec<_> = due.values().copied().collect();
        times.sort_unstable();
        times.truncate(limit);
        let listed_times: Vec<_> = listed.iter().filter_map(|key| due.get(key).copied()).collect();
        assert_eq!(listed_times, times, "step {step}");
        let distinct: BTreeSet<_> = listed.iter().collect();
        assert_eq!(
            distinct.len(),
            times.len(),
            "step {step}: somebody was listed twice, or is not due"
        );
        assert_eq!(listed.len(), times.len(), "step {step}");
    }
}
