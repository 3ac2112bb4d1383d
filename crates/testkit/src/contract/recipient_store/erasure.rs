//! Erasures: what was erased is nowhere, and nobody brings it back who saw it before.

use std::sync::Arc;

use countersign_domain::id::RecipientKey;
use countersign_domain::ports::{Erased, RecipientStore, Replaced, Version};
use tokio::task::JoinSet;

use super::{all_due, backlog, key, load, lose, numbered, record, write};
use crate::contract::PARALLEL;
use crate::fixture::{now, recipient_with_everything};

async fn erase(store: &dyn RecipientStore, key: RecipientKey, seen: Version) -> Erased {
    store.erase(key, seen).await.expect("the store answers")
}

/// Neither can it be loaded, nor is anybody to be woken.
pub async fn an_erased_record_is_gone_from_load_due_and_backlog(store: Arc<dyn RecipientStore>) {
    let kept = record(now(), Some(now()));
    write(&*store, key(17), None, &kept, now()).await;
    for erased in [recipient_with_everything(), kept.clone(), record(now(), None)] {
        let version = write(&*store, key(1), None, &erased, now()).await;
        assert_eq!(erase(&*store, key(1), version).await, Erased::Gone);
        assert_eq!(load(&*store, key(1)).await, None);
        let later = recipient_with_everything().keep_until;
        assert_eq!(
            all_due(&*store, later).await,
            [key(17)],
            "the other one of the shard stays"
        );
        assert_eq!(backlog(&*store, later).await, 1);
    }
    assert_eq!(load(&*store, key(17)).await.map(|it| it.recipient), Some(kept));
}

/// Whoever was faster knew more.
pub async fn an_erasure_with_a_stale_version_is_a_conflict_and_hands_back_what_is_there(
    store: Arc<dyn RecipientStore>,
) {
    let stale = write(&*store, key(1), None, &numbered(1, now()), now()).await;
    let everything = recipient_with_everything();
    write(&*store, key(1), Some(stale), &everything, now()).await;
    let there = load(&*store, key(1)).await.expect("it was written");
    let due = all_due(&*store, everything.keep_until).await;
    assert_eq!(due, [key(1)]);
    assert_eq!(
        erase(&*store, key(1), stale).await,
        Erased::Conflict(Box::new(there.clone()))
    );
    assert_eq!(load(&*store, key(1)).await.as_ref(), Some(&there));
    assert_eq!(all_due(&*store, everything.keep_until).await, due);
    // What was handed back is what to have seen.
    assert_eq!(erase(&*store, key(1), there.version).await, Erased::Gone);
}

/// There is nothing to do, and that is done.
pub async fn erasing_what_is_not_there_is_gone(store: Arc<dyn RecipientStore>) {
    assert_eq!(erase(&*store, key(1), Version(1)).await, Erased::Gone);
    let version = write(&*store, key(2), None, &numbered(1, now()), now()).await;
    for _ in 0..2 {
        assert_eq!(erase(&*store, key(2), version).await, Erased::Gone);
    }
    assert_eq!(load(&*store, key(1)).await, None);
}

/// Neither while nothing is there, nor over the record that came after it.
pub async fn a_slow_writer_that_saw_an_erased_record_writes_nothing(store: Arc<dyn RecipientStore>) {
    let seen = write(&*store, key(1), None, &numbered(1, now()), now()).await;
    assert_eq!(erase(&*store, key(1), seen).await, Erased::Gone);
    let slow = record(now(), Some(now()));
    assert_eq!(lose(&*store, key(1), Some(seen), &slow, now()).await, None);
    assert_eq!(load(&*store, key(1)).await, None);
    let back = write(&*store, key(1), None, &numbered(2, now()), now()).await;
    let there = lose(&*store, key(1), Some(seen), &slow, now()).await;
    assert_eq!(
        there.map(|it| (it.version, it.recipient)),
        Some((back, numbered(2, now())))
    );
    assert_eq!(all_due(&*store, now()).await, []);
}

/// However often it is written and erased.
pub async fn a_version_never_comes_again_after_an_erasure(store: Arc<dyn RecipientStore>) {
    let mut versions = Vec::new();
    for _ in 0..20 {
        let version = write(&*store, key(1), None, &numbered(1, now()), now()).await;
        assert!(!versions.contains(&version), "{version:?} was given before");
        versions.push(version);
        assert_eq!(erase(&*store, key(1), version).await, Erased::Gone);
    }
}

/// Of writers and erasers that all saw one version exactly one has its way.
pub async fn of_parallel_erasures_and_replaces_that_saw_one_version_one_happens(store: Arc<dyn RecipientStore>) {
    for round in 0..8 {
        let seen = write(&*store, key(round), None, &record(now(), Some(now())), now()).await;
        let mut race = JoinSet::new();
        for number in 0..PARALLEL {
            let store = Arc::clone(&store);
            race.spawn(async move {
                if number % 8 == 0 {
                    let erased = erase(&*store, key(round), seen).await;
                    return (erased == Erased::Gone, false);
                }
                let new = numbered(number, now());
                let replaced = store.replace(key(round), Some(seen), &new, now()).await;
                (false, matches!(replaced, Ok(Replaced::Written(_))))
            });
        }
        let done = race.join_all().await;
        let (erased, written) = (
            done.iter().filter(|it| it.0).count(),
            done.iter().filter(|it| it.1).count(),
        );
        let there = load(&*store, key(round)).await;
        match there {
            // Once it is gone, it is gone for every eraser.
            None => assert_eq!((erased, written), (usize::try_from(PARALLEL / 8).expect("few"), 0)),
            Some(_) => assert_eq!((erased, written), (0, 1)),
        }
        assert_eq!(all_due(&*store, now()).await, []);
    }
}
