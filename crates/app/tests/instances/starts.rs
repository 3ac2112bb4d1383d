//! Starts in parallel at every instance: one opens, the others join it, and one message goes out.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::common::clock::Stopwatch;
use crate::common::crowd::{Tally, phone, print, track};
use crate::fleet::{Fleet, print_contended};

/// Recipients, one after the other.
const PEOPLE: u64 = 100;
/// Starts for each, all at once.
const STARTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_three_instances_one_of_50_parallel_starts_opens_49_join_it_and_one_message_is_sent() {
    let _track = track().await;
    // There is room for ten messages, and each start charges one before it knows whether it is the one that sends it.
    let fleet = Fleet::start("", &[]).await;
    let crowd = fleet.crowd().await;
    let watch = Stopwatch::start();
    let mut all = Tally::new();
    for person in 0..PEOPLE {
        let mut starts = JoinSet::new();
        for _ in 0..STARTS {
            let crowd = Arc::clone(&crowd);
            starts.spawn(async move { crowd.start("shop", &phone(person)).await });
        }
        let answers = starts.join_all().await;
        let (_, first) = &answers[0];
        assert!(
            answers
                .iter()
                .all(|(_, it)| it.id == first.id && it.expire_time == first.expire_time)
        );
        for (outcome, _) in &answers {
            *all.entry(*outcome).or_default() += 1;
        }
        // An approval ends the verification, after which nothing more can be sent for it.
        let code = fleet.meta.code_for(&phone(person)).await;
        assert_eq!(crowd.check(&first.id, &code).await, "APPROVED");
    }
    print(
        "3 instances, 100 recipients x 50 parallel starts",
        &all,
        crowd.calls(),
        &watch,
    );
    print_contended(&crowd);
    assert_eq!(all, Tally::from([("OPENED", PEOPLE), ("JOINED", PEOPLE * 49)]));
    assert_eq!(fleet.meta.phone.accepted(), PEOPLE, "one message each");
}
