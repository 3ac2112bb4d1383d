//! Resends and wrong guesses in parallel at every instance: the newest open verification is never lost, and its code is
//! approved. Most of it is waiting for resends to be allowed, so it runs beside the races.

use crate::common::clock::Stopwatch;
use crate::common::crowd::print;
use crate::common::lives::{SHORTEST_WAITS, live_all};
use crate::fleet::{Fleet, print_contended};

/// Recipients, all at the same time.
const PEOPLE: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_resends_among_wrong_guesses_never_lose_the_open_verification() {
    let fleet = Fleet::start(SHORTEST_WAITS, &[]).await;
    let crowd = fleet.crowd().await;
    let watch = Stopwatch::start();
    let all = live_all(&crowd, &fleet.meta, PEOPLE).await;
    print(
        "3 instances, 60 recipients x 2 resends among wrong guesses",
        &all,
        crowd.calls(),
        &watch,
    );
    print_contended(&crowd);
    assert_eq!(all["APPROVED"], PEOPLE);
}
