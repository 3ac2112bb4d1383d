//! Guesses in parallel: approved once, compared no more often than the budget says, and the right one wins in time.

use std::sync::Arc;

use countersign_grpc::v1::VerificationState;

use crate::common::clock::Stopwatch;
use crate::common::crowd::{Crowd, Tally, of, print, race_each, sum, track, with_junk, wrong_codes};
use crate::common::dev::Dev;

/// The wrong guesses a verification bears by default.
const BUDGET: u64 = 5;
/// Verifications that are raced for at a time.
const AT_ONCE: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_verifications_with_50_right_codes_each_are_approved_a_thousand_times() {
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let opened = crowd.open(&dev, 1_000).await;
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(&opened, AT_ONCE, |it| {
        Arc::clone(&crowd).check_all(it.id, vec![it.code; 50])
    })
    .await;
    let all = sum(&tallies);
    print(
        "1000 verifications x 50 right codes",
        &all,
        crowd.calls() - before,
        &watch,
    );
    assert!(
        tallies.iter().all(|it| of(it, "APPROVED") == 1),
        "one was approved twice, or never"
    );
    assert_eq!(all, Tally::from([("APPROVED", 1_000), ("ALREADY_APPROVED", 49_000)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_wrong_guesses_at_each_of_a_thousand_no_more_than_5_are_compared() {
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let opened = crowd.open(&dev, 1_000).await;
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(&opened, AT_ONCE, |it| {
        let wrong = wrong_codes(200, &it.code);
        Arc::clone(&crowd).check_all(it.id, wrong)
    })
    .await;
    let all = sum(&tallies);
    print(
        "1000 verifications x 200 wrong guesses",
        &all,
        crowd.calls() - before,
        &watch,
    );
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
        Tally::from([("EXHAUSTED", 1_000)]),
        "a right code, too late"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_among_as_many_wrong_ones_as_are_allowed_always_wins() {
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let opened = crowd.open(&dev, 400).await;
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(&opened, 32, |it| {
        let codes = with_junk(it.code, 4);
        Arc::clone(&crowd).check_all(it.id, codes)
    })
    .await;
    print(
        "400 verifications x 4 wrong and 1 right",
        &sum(&tallies),
        crowd.calls() - before,
        &watch,
    );
    for tally in &tallies {
        assert_eq!(of(tally, "APPROVED"), 1, "{tally:?}");
        assert_eq!(of(tally, "INCORRECT") + of(tally, "ALREADY_APPROVED"), 4, "{tally:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_in_a_flood_of_wrong_ones_wins_in_time_or_not_at_all() {
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let opened = crowd.open(&dev, 400).await;
    let (before, watch) = (crowd.calls(), Stopwatch::start());
    let tallies = race_each(&opened, AT_ONCE, |it| {
        let codes = with_junk(it.code, 49);
        Arc::clone(&crowd).check_all(it.id, codes)
    })
    .await;
    let all = sum(&tallies);
    print(
        "400 verifications x 49 wrong and 1 right",
        &all,
        crowd.calls() - before,
        &watch,
    );
    for tally in &tallies {
        let (approved, incorrect) = (of(tally, "APPROVED"), of(tally, "INCORRECT"));
        let lost = approved == 0 && incorrect == BUDGET - 1 && of(tally, "EXHAUSTED") == 50 - incorrect;
        let won = approved == 1 && incorrect < BUDGET && of(tally, "ALREADY_APPROVED") == 49 - incorrect;
        assert!(lost || won, "{tally:?}");
    }
    let won = of(&all, "APPROVED");
    assert!(
        (1..400).contains(&won),
        "one side always won, so nothing was raced: {all:?}"
    );
}
