//! Histories: whatever is counted in whatever order, a store answers like a map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::{COUNT_MAX, Tally, TallyStore};
use countersign_domain::time::{DAY, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{add, hour_of, read, tally};
use crate::fixture::now;
use crate::random::seed_or;

const OPERATIONS: usize = 1_000;
/// Few series, so that operations meet.
const SERIES: u32 = 5;
/// Few batches, so that many are repeated.
const BATCHES: u32 = 400;

/// Random batches, of which many are repeated, and random ranges. `COUNTERSIGN_SEED` replays one history.
pub async fn tallies_equal_the_reference_for_seeded_histories(store: Arc<dyn TallyStore>) {
    let seed = seed_or(0x5EED);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut batches = BTreeMap::<u32, Vec<(u32, Tally)>>::new();
    let mut counted = BTreeSet::new();
    let mut counts = BTreeMap::<(u32, Timestamp), u64>::new();
    for step in 0..OPERATIONS {
        if random.random_bool(0.6) {
            let name = random.random_range(0..BATCHES);
            let tallies = batches.entry(name).or_insert_with(|| any_tallies(&mut random));
            let asked: Vec<_> = tallies.iter().map(|(_, tally)| *tally).collect();
            add(&*store, name, &asked).await;
            if counted.insert(name) {
                for (n, tally) in tallies.iter().filter(|(_, it)| it.count > 0) {
                    let count = counts.entry((*n, hour_of(tally.at))).or_default();
                    *count = count.saturating_add(tally.count).min(COUNT_MAX);
                }
            }
            continue;
        }
        let n = random.random_range(0..SERIES);
        let from = ago(&mut random, 30 * 86_400);
        let to = from.plus(Duration::from_secs(random.random_range(0..10 * 86_400)));
        let expected: Vec<_> = counts
            .range((n, hour_of(from))..=(n, to))
            .map(|((_, hour), count)| (*hour, *count))
            .collect();
        assert_eq!(
            read(&*store, n, from, to).await,
            expected,
            "step {step}: {from:?} to {to:?}"
        );
    }
}

fn any_tallies(random: &mut StdRng) -> Vec<(u32, Tally)> {
    let mut tallies = Vec::new();
    for _ in 0..random.random_range(1..6) {
        let n = random.random_range(0..SERIES);
        let count = match random.random_range(0..20) {
            0 => 0,
            1 => u64::MAX,
            _ => random.random_range(1..100),
        };
        tallies.push((n, tally(n, ago(random, 34 * 86_400), count)));
    }
    tallies
}

/// A moment of the last so many seconds, mostly of the last day.
fn ago(random: &mut StdRng, most: u64) -> Timestamp {
    let most = if random.random_bool(0.5) { most } else { DAY.as_secs() };
    now().minus(Duration::from_secs(random.random_range(0..most)))
}
