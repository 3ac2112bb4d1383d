//! The simulation: seeded interleavings of starts, guesses, cancellations, webhooks, sends, crashes, lost answers and
//! clock jumps over two instances and one store. After each step the invariants of `docs/ARCHITECTURE.md` hold (1–3 and 5–10).
//!
//! `COUNTERSIGN_SEED=n` replays from history `n`; `COUNTERSIGN_SEED` is printed, and so is the seed of a failure.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

mod history;
mod ledger;
mod oracle;
mod schedule;
mod tally;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use countersign_testkit::random::seed_or;

use crate::history::History;
use crate::tally::Tally;

/// How many histories the normal test run plays.
const HISTORIES: u64 = 20_000;

#[test]
fn every_history_keeps_the_invariants() {
    let first = seed_or(1);
    println!("seeds {first} to {}", first + HISTORIES - 1);
    let middle = first + HISTORIES / 2;
    let tally = std::thread::scope(|scope| {
        let halves = [first..middle, middle..first + HISTORIES].map(|seeds| scope.spawn(|| play(seeds)));
        halves.map(|half| half.join().expect("a history broke an invariant; its seed is above"))
    });
    let tally = tally.into_iter().fold(Tally::default(), Tally::plus);
    println!("{tally:#?}");
    tally.assert_the_histories_were_worth_playing();
}

/// The oracle has to see what it is there to see: with a store that ignores versions, histories must fail.
#[test]
fn a_store_that_ignores_versions_is_noticed() {
    let noticed = (1..=300).filter(|seed| catch_unwind(AssertUnwindSafe(|| History::careless(*seed).play())).is_err());
    let noticed = noticed.count();
    println!("noticed in {noticed} of 300 histories");
    assert!(noticed > 100, "the oracle saw only {noticed} of 300");
}

fn play(seeds: std::ops::Range<u64>) -> Tally {
    let mut sum = Tally::default();
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| History::new(seed).play())) {
            Ok(tally) => sum = sum.plus(tally),
            Err(cause) => {
                println!("failed with COUNTERSIGN_SEED={seed}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    sum
}
