//! Races: whatever runs in parallel, a write happens over what was seen or not at all.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::{RecipientStore, Replaced, Version};
use countersign_domain::recipient::Recipient;
use tokio::task::JoinSet;

use super::{all_due, key, load, numbered, record, write};
use crate::contract::PARALLEL;
use crate::fixture::now;

/// The others hear who was first.
pub async fn of_64_parallel_replaces_that_saw_one_version_exactly_one_is_written(store: Arc<dyn RecipientStore>) {
    let seen = write(&*store, key(1), None, &numbered(0, now()), now()).await;
    assert_one_winner(&store, Some(seen)).await;
}

/// Nothing seen is one version like any other.
pub async fn of_64_parallel_first_writes_exactly_one_is_written(store: Arc<dyn RecipientStore>) {
    assert_one_winner(&store, None).await;
}

async fn assert_one_winner(store: &Arc<dyn RecipientStore>, seen: Option<Version>) {
    let mut race = JoinSet::new();
    for number in 1..=PARALLEL {
        let store = Arc::clone(store);
        race.spawn(async move { replace(&*store, seen, &numbered(number, now())).await });
    }
    let results = race.join_all().await;
    let there = load(&**store, key(1)).await.expect("somebody won");
    let mut written = Vec::new();
    for result in results {
        match result {
            Replaced::Written(version) => written.push(version),
            Replaced::Conflict(winner) => assert_eq!(winner.as_deref(), Some(&there)),
        }
    }
    assert_eq!(written, [there.version]);
    assert!((1..=PARALLEL).contains(&there.recipient.unanswered_sends));
}

async fn replace(store: &dyn RecipientStore, seen: Option<Version>, new: &Recipient) -> Replaced {
    store
        .replace(key(1), seen, new, now())
        .await
        .expect("the store answers")
}

/// Every task counts up by one, again and again on what its conflict handed back, until it is written.
pub async fn parallel_changes_that_are_decided_again_lose_nothing(store: Arc<dyn RecipientStore>) {
    const TASKS: u32 = 16;
    const EACH: u32 = 8;
    let mut race = JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        race.spawn(async move {
            let mut there = load(&*store, key(1)).await;
            let mut left = EACH;
            while left > 0 {
                let count = there.as_ref().map_or(0, |it| it.recipient.unanswered_sends);
                let seen = there.as_ref().map(|it| it.version);
                match replace(&*store, seen, &numbered(count + 1, now())).await {
                    Replaced::Written(_) => {
                        left -= 1;
                        there = load(&*store, key(1)).await;
                    }
                    Replaced::Conflict(newer) => there = newer.map(|it| *it),
                }
            }
        });
    }
    race.join_all().await;
    let count = load(&*store, key(1)).await.map(|it| it.recipient.unanswered_sends);
    assert_eq!(count, Some(TASKS * EACH));
}

/// Only writes to one recipient compete.
pub async fn parallel_writes_of_different_recipients_do_not_conflict(store: Arc<dyn RecipientStore>) {
    let mut race = JoinSet::new();
    for number in 0..PARALLEL {
        let store = Arc::clone(&store);
        race.spawn(async move {
            let version = write(&*store, key(number), None, &numbered(number, now()), now()).await;
            write(&*store, key(number), Some(version), &numbered(number + 1, now()), now()).await;
        });
    }
    race.join_all().await;
    for number in 0..PARALLEL {
        let count = load(&*store, key(number)).await.map(|it| it.recipient.unanswered_sends);
        assert_eq!(count, Some(number + 1));
    }
}

/// The record and its wake-up move in one step: no loser's wake-up is left behind.
pub async fn after_parallel_replaces_the_wake_up_is_the_winners(store: Arc<dyn RecipientStore>) {
    let wake_at = |number: u32| now().plus(Duration::from_secs(u64::from(number)));
    let seen = write(&*store, key(1), None, &record(now(), Some(wake_at(0))), now()).await;
    let mut race = JoinSet::new();
    for number in 1..=PARALLEL {
        let store = Arc::clone(&store);
        race.spawn(async move { replace(&*store, Some(seen), &record(now(), Some(wake_at(number)))).await });
    }
    race.join_all().await;
    let there = load(&*store, key(1)).await.expect("somebody won");
    let winner = there.recipient.wake_at().expect("every record of this test wakes");
    let before = winner.minus(Duration::from_millis(1));
    assert_eq!(all_due(&*store, before).await, []);
    assert_eq!(all_due(&*store, winner).await, [key(1)]);
    assert_eq!(all_due(&*store, wake_at(PARALLEL)).await, [key(1)]);
}
