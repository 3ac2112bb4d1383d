//! Resends and wrong guesses in parallel: the newest open verification is never lost, and its code is approved. Most of
//! it is waiting for resends to be allowed, so it runs beside the other races.

use std::sync::Arc;

use crate::common::clock::Stopwatch;
use crate::common::crowd::{Crowd, print};
use crate::common::lives::{SHORTEST_WAITS, live_all};
use crate::common::meta::Meta;
use crate::common::plan::Plan;
use crate::common::serve::Serve;

/// Recipients, all at the same time.
const PEOPLE: u64 = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resends_among_wrong_guesses_never_lose_the_open_verification() {
    let meta = Arc::new(Meta::start_silent().await);
    let serve = Serve::start_logging(
        &Plan::new(meta.base_url()).policy(SHORTEST_WAITS),
        "info,countersign::telemetry=warn",
    )
    .await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(serve.client().await);
    }
    let crowd = Crowd::new(clients);
    let watch = Stopwatch::start();
    let all = live_all(&crowd, &meta, PEOPLE).await;
    print(
        "60 recipients x 2 resends among wrong guesses",
        &all,
        crowd.calls(),
        &watch,
    );
    assert_eq!(all["APPROVED"], PEOPLE);
}
