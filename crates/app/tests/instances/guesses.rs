//! Guesses in parallel at every instance: approved once, compared no more often than the budget says, and the right one
//! wins in time.

use std::sync::Arc;

use countersign_grpc::v1::VerificationState;

use crate::common::clock::Stopwatch;
use crate::common::crowd::{Tally, of, print, race_each, sum, track, with_junk, wrong_codes};
use crate::fleet::{Fleet, print_contended};

/// The wrong guesses a verification bears by default.
const BUDGET: u64 = 5;
/// Verifications that are raced for at a time.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_a_thousand_verifications_with_50_right_codes_each_are_approved_a_thousand_times() {
    let _track = track().await;
    let fleet = Fleet::start("", &[]).await;
    let crowd = fleet.crowd().await;
    let opened = crowd.open_by(&fleet.meta, 1_000).await;
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(&opened, AT_ONCE, |it| {
        Arc::clone(&crowd).check_all(it.id, vec![it.code; 50])
    })
    .await;
    let all = sum(&tallies);
    print(
        "3 instances, 1000 verifications x 50 right codes",
        &all,
        crowd.calls() - before,
        &watch,
    );
    print_contended(&crowd);
    assert!(
        tallies.iter().all(|it| of(it, "APPROVED") == 1),
        "one was approved twice, or never"
    );
    assert_eq!(all, Tally::from([("APPROVED", 1_000), ("ALREADY_APPROVED", 49_000)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_no_more_than_5_of_200_wrong_guesses_at_each_of_a_thousand_are_compared() {
    const PEOPLE: u64 = 1_000;
    let _track = track().await;
    let fleet = Fleet::start("", &[]).await;
    let crowd = fleet.crowd().await;
    let opened = crowd.open_by(&fleet.meta, PEOPLE).await;
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(&opened, AT_ONCE, |it| {
        let wrong = wrong_codes(200, &it.code);
        Arc::clone(&crowd).check_all(it.id, wrong)
    })
    .await;
    print(
        "3 instances, 1000 verifications x 200 wrong guesses",
        &sum(&tallies),
        crowd.calls() - before,
        &watch,
    );
    print_contended(&crowd);
    // The guess that uses up the last is answered like all that come after it.
    let within = |it: &Tally| of(it, "INCORRECT") == BUDGET - 1 && of(it, "EXHAUSTED") == 200 - (BUDGET - 1);
    assert!(tallies.iter().all(within), "one had more guesses compared, or fewer");
    let late = race_each(&opened, AT_ONCE * 8, |it| {
        let crowd = Arc::clone(&crowd);
        async move {
            let verification = crowd.get(&it.id).await;
            let left = (verification.state(), verification.guesses_left);
            assert_eq!(left, (VerificationState::Exhausted, 0));
            Tally::from([(crowd.check(&it.id, &it.code).await, 1)])
        }
    })
    .await;
    assert_eq!(
        sum(&late),
        Tally::from([("EXHAUSTED", PEOPLE)]),
        "a right code, too late"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_a_right_code_among_4_wrong_ones_always_wins() {
    let _track = track().await;
    let fleet = Fleet::start("", &[]).await;
    let crowd = fleet.crowd().await;
    let opened = crowd.open_by(&fleet.meta, 400).await;
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(&opened, 32, |it| {
        let codes = with_junk(it.code, 4);
        Arc::clone(&crowd).check_all(it.id, codes)
    })
    .await;
    print(
        "3 instances, 400 verifications x 4 wrong and 1 right",
        &sum(&tallies),
        crowd.calls() - before,
        &watch,
    );
    print_contended(&crowd);
    for tally in &tallies {
        assert_eq!(of(tally, "APPROVED"), 1, "{tally:?}");
        assert_eq!(of(tally, "INCORRECT") + of(tally, "ALREADY_APPROVED"), 4, "{tally:?}");
    }
}
