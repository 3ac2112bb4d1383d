//! Starts in parallel: one opens, the others join it, and one message goes out.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::common::clock::Stopwatch;
use crate::common::crowd::{Crowd, Tally, phone, print, track};
use crate::common::dev::Dev;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_50_parallel_starts_one_opens_49_join_it_and_one_message_is_sent() {
    const PEOPLE: u64 = 100;
    let _track = track().await;
    let dev = Dev::start().await;
    let crowd = Crowd::of(&dev).await;
    let watch = Stopwatch::start();
    let mut all = Tally::new();
    for person in 0..PEOPLE {
        let mut starts = JoinSet::new();
        for _ in 0..50 {
            let crowd = Arc::clone(&crowd);
            starts.spawn(async move { crowd.start("demo", &phone(person)).await });
        }
        let answers = starts.join_all().await;
        let count = |wanted: &str| answers.iter().filter(|(outcome, _)| *outcome == wanted).count();
        assert_eq!((count("OPENED"), count("JOINED")), (1, 49));
        let (_, first) = &answers[0];
        assert!(
            answers
                .iter()
                .all(|(_, it)| it.id == first.id && it.expire_time == first.expire_time)
        );
        for (outcome, _) in &answers {
            *all.entry(*outcome).or_default() += 1;
        }
        let message = dev.message_to(&phone(person)).await;
        // An approval ends the verification, after which nothing more can be sent for it.
        let code = message["code"].as_str().unwrap();
        assert_eq!(crowd.check(&first.id, code).await, "APPROVED");
    }
    print("100 recipients x 50 parallel starts", &all, crowd.calls(), &watch);
    assert_eq!(dev.messages().await.len(), 100, "one message each");
}
