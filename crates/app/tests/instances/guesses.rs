//! Guesses in parallel at every instance: approved once, compared no more often than the budget says, and the right one
//! wins in time.

use crate::common::crowd::track;
use crate::common::guesses::{approve_each_once, compare_within_the_budget, let_the_right_code_win};
use crate::fleet::{Fleet, print_contended};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_a_thousand_verifications_with_50_right_codes_each_are_approved_a_thousand_times() {
    let _track = track().await;
    let fleet = Fleet::start("", &[]).await;
    let crowd = fleet.crowd().await;
    let opened = crowd.open_by(&fleet.meta, 1_000).await;
    approve_each_once("3 instances, 1000 verifications x 50 right codes", &crowd, &opened).await;
    print_contended(&crowd);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_no_more_than_5_of_200_wrong_guesses_at_each_of_a_thousand_are_compared() {
    let _track = track().await;
    let fleet = Fleet::start("", &[]).await;
    let crowd = fleet.crowd().await;
    let opened = crowd.open_by(&fleet.meta, 1_000).await;
    compare_within_the_budget("3 instances, 1000 verifications x 200 wrong guesses", &crowd, &opened).await;
    print_contended(&crowd);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_a_right_code_among_4_wrong_ones_always_wins() {
    let _track = track().await;
    let fleet = Fleet::start("", &[]).await;
    let crowd = fleet.crowd().await;
    let opened = crowd.open_by(&fleet.meta, 400).await;
    let_the_right_code_win("3 instances, 400 verifications x 4 wrong and 1 right", &crowd, &opened).await;
    print_contended(&crowd);
}
