//! Starts in parallel at every instance: one opens, the others join it, and one message goes out.

use std::sync::Arc;

use countersign_grpc::{Client, reason};
use tokio::task::JoinSet;
use tonic::Code;

use crate::common::calls::{assert_refused, start, start_request};
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
    // Each start takes the charge of a message before it knows whether it is the one that sends it: there is room for
    // all of them here. The test below is about less.
    let fleet = Fleet::start("unanswered_sends_max = 50", &[]).await;
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

/// Starts once: the name of the outcome, or that a budget was used up.
async fn start_or_be_refused(client: Client, person: u64) -> &'static str {
    match start(&client, start_request("shop", &phone(person))).await {
        Ok(answer) => answer.outcome().as_str_name().trim_start_matches("START_OUTCOME_"),
        Err(status) => {
            assert_refused(&status, Code::ResourceExhausted, reason::LIMIT_REACHED);
            "REFUSED"
        }
    }
}

/// With fewer unanswered messages allowed than there are parallel starts, those that race may hold every charge for a
/// moment, and others be refused who only had to join. That is told here, and bounded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_room_for_10_messages_one_of_50_parallel_starts_opens_and_whoever_was_refused_joins_at_once() {
    let _track = track().await;
    let fleet = Fleet::start("", &[]).await;
    let clients = fleet.clients().await;
    let watch = Stopwatch::start();
    let mut all = Tally::new();
    for person in 0..PEOPLE {
        let clients = clients.iter().cycle().take(STARTS).cloned();
        let starts: JoinSet<_> = clients.map(|client| start_or_be_refused(client, person)).collect();
        for outcome in starts.join_all().await {
            *all.entry(outcome).or_default() += 1;
        }
        assert_eq!(
            start_or_be_refused(fleet.serves[0].client().await, person).await,
            "JOINED"
        );
    }
    print(
        "3 instances, 100 recipients x 50 parallel starts, room for 10",
        &all,
        PEOPLE * 50,
        &watch,
    );
    assert_eq!(all["OPENED"], PEOPLE);
    let refused = all.get("REFUSED").copied().unwrap_or_default();
    assert!(
        refused * 50 <= PEOPLE * 50,
        "{refused} starts were refused that only had to join"
    );
    assert_eq!(fleet.meta.phone.accepted(), PEOPLE, "one message each");
}
