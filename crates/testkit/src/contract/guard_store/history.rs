//! Histories: whatever is scored and raised in whatever order, a store answers like a map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::guard::Block;
use countersign_domain::ports::{COUNT_MAX, GuardStore, ScoreChange};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{blocks, bucket, change, look, raised, replace, score, scores};
use crate::fixture::now;
use crate::random::seed_or;

const OPERATIONS: usize = 2_000;
/// Few buckets, so that operations meet.
const BUCKETS: u32 = 6;
/// Few batches, so that many are repeated.
const BATCHES: u32 = 400;

#[derive(Default)]
struct Model {
    scores: BTreeMap<u32, i64>,
    blocks: BTreeMap<u32, Block>,
    batches: BTreeSet<u32>,
}

impl Model {
    fn score(&self, n: u32) -> i64 {
        self.scores.get(&n).copied().unwrap_or(0)
    }

    /// The scores after each change, or as they are when the batch counted before.
    fn add(&mut self, batch: u32, changes: &[(u32, i64)]) -> Vec<i64> {
        let is_new = self.batches.insert(batch);
        let most = i64::try_from(COUNT_MAX).expect("it fits");
        let mut after = Vec::new();
        for (n, points) in changes {
            if is_new {
                let score = self.score(*n).saturating_add(*points).clamp(0, most);
                self.scores.insert(*n, score);
            }
            after.push(self.score(*n));
        }
        after
    }

    fn replace(&mut self, n: u32, block: Option<Block>) {
        self.scores.remove(&n);
        self.blocks.remove(&n);
        self.blocks.extend(block.map(|block| (n, block)));
    }
}

/// Thousands of random operations, each answer compared. `COUNTERSIGN_SEED` replays one history.
pub async fn scores_and_blocks_equal_the_reference_for_seeded_histories(store: Arc<dyn GuardStore>) {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut model = Model::default();
    let mut batches = BTreeMap::new();
    for step in 0..OPERATIONS {
        let n = random.random_range(0..BUCKETS);
        match random.random_range(0..8) {
            0..4 => {
                let name = random.random_range(0..BATCHES);
                let changes = batches.entry(name).or_insert_with(|| any_changes(&mut random)).clone();
                let asked: Vec<ScoreChange> = changes.iter().map(|(n, points)| change(*n, *points)).collect();
                let expected = model.add(name, &changes);
                assert_eq!(score(&*store, name, &asked).await, expected, "step {step}");
            }
            4 => {
                let there = look(&*store, n).await;
                assert_eq!(there.map(|it| it.block).as_ref(), model.blocks.get(&n), "step {step}");
            }
            5 => {
                let all: Vec<_> = (0..BUCKETS).map(bucket).collect();
                let expected: Vec<_> = (0..BUCKETS).map(|n| model.score(n)).collect();
                assert_eq!(scores(&*store, &all).await, expected, "step {step}");
            }
            6 => {
                let limit = random.random_range(0..8);
                let listed = blocks(&*store, limit).await;
                let listed: Vec<_> = listed.iter().map(|it| it.block.raised_at).collect();
                // Blocks of one moment may come in any order, so moments are compared.
                let mut expected: Vec<_> = model.blocks.values().map(|it| it.raised_at).collect();
                expected.sort_unstable_by(|one, other| other.cmp(one));
                expected.truncate(limit);
                assert_eq!(listed, expected, "step {step}");
            }
            _ => {
                let seconds = Duration::from_secs(random.random_range(0..20));
                let new = random
                    .random_bool(0.7)
                    .then(|| raised(random.random(), now().plus(seconds)));
                let there = look(&*store, n).await.map(|it| it.version);
                assert!(replace(&*store, n, there, new.as_ref()).await, "step {step}");
                model.replace(n, new);
            }
        }
    }
}

fn any_changes(random: &mut StdRng) -> Vec<(u32, i64)> {
    let count = random.random_range(1..6);
    let any_points = |random: &mut StdRng| match random.random_range(0..20) {
        0 => i64::MAX,
        1 => i64::MIN,
        _ => random.random_range(-3_000..3_000),
    };
    let mut changes = Vec::new();
    for _ in 0..count {
        changes.push((random.random_range(0..BUCKETS), any_points(random)));
    }
    changes
}
