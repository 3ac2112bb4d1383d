//! Guesses in parallel: approved once, compared no more often than the budget says, and the right one wins in time.

use std::sync::Arc;

use crate::common::clock::Stopwatch;
use crate::common::crowd::{Crowd, of, print, race_each, sum, track, with_junk};
use crate::common::dev::Dev;
use crate::common::guesses::{AT_ONCE, BUDGET, approve_each_once, compare_within_the_budget, let_the_right_code_win};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_verifications_with_50_right_codes_each_are_approved_a_thousand_times() {
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let opened = crowd.open(&dev, 1_000).await;
    approve_each_once("1000 verifications x 50 right codes", &crowd, &opened).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_wrong_guesses_at_each_of_a_thousand_no_more_than_5_are_compared() {
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let opened = crowd.open(&dev, 1_000).await;
    compare_within_the_budget("1000 verifications x 200 wrong guesses", &crowd, &opened).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_among_as_many_wrong_ones_as_are_allowed_always_wins() {
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let opened = crowd.open(&dev, 400).await;
    let_the_right_code_win("400 verifications x 4 wrong and 1 right", &crowd, &opened).await;
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
