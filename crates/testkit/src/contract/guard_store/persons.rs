//! Persons: who gave a code back is remembered for a while, and which line their number is another spelling of.

use std::sync::Arc;

use countersign_domain::guard::PersonKey;
use countersign_domain::ports::GuardStore;
use countersign_domain::time::{DAY, Timestamp};

use super::{bucket, person};
use crate::fixture::now;

async fn is_returning(store: &dyn GuardStore, person: PersonKey) -> bool {
    let view = store.look(&[bucket(1)], Some(person)).await;
    view.expect("the store answers").is_returning
}

async fn remember(store: &dyn GuardStore, person: PersonKey, until: Timestamp) {
    let remembered = store.remember(person, until, now()).await;
    remembered.expect("the store answers");
}

/// Forgetting twice, or somebody unknown, is lawful.
pub async fn a_person_is_returning_until_forgotten(store: Arc<dyn GuardStore>) {
    let forget = async || store.forget(person(1)).await.expect("the store answers");
    forget().await;
    for _ in 0..2 {
        remember(&*store, person(1), now().plus(DAY * 90)).await;
        remember(&*store, person(1), now().plus(DAY * 91)).await;
        assert!(is_returning(&*store, person(1)).await);
        let view = store.look(&[], Some(person(1))).await.expect("the store answers");
        assert!(view.is_returning && view.blocks.is_empty());
        let view = store.look(&[bucket(1)], None).await.expect("the store answers");
        assert!(!view.is_returning);
        forget().await;
        assert!(!is_returning(&*store, person(1)).await);
    }
    forget().await;
}

/// And what was remembered before goes with it. The line is another matter.
pub async fn a_person_whose_time_is_over_is_not_remembered(store: Arc<dyn GuardStore>) {
    remember(&*store, person(1), now()).await;
    assert!(!is_returning(&*store, person(1)).await);
    remember(&*store, person(1), now().plus(DAY)).await;
    learn_line(&*store, person(1), person(2), now().plus(DAY)).await;
    remember(&*store, person(1), now().minus(DAY)).await;
    assert!(!is_returning(&*store, person(1)).await);
    assert_eq!(line(&*store, person(1)).await, Some(person(2)));
}

/// In the same shard and in others; and a bucket of the same bytes is something else.
pub async fn one_person_is_not_another(store: Arc<dyn GuardStore>) {
    remember(&*store, person(1), now().plus(DAY)).await;
    for other in [person(2), person(17), PersonKey::from_bytes(*bucket(1).as_bytes())] {
        assert!(!is_returning(&*store, other).await);
        store.forget(other).await.expect("the store answers");
    }
    assert!(is_returning(&*store, person(1)).await);
}

async fn line(store: &dyn GuardStore, person: PersonKey) -> Option<PersonKey> {
    let view = store.look(&[bucket(1)], Some(person)).await;
    view.expect("the store answers").line
}

async fn learn_line(store: &dyn GuardStore, person: PersonKey, line: PersonKey, until: Timestamp) {
    let learnt = store.learn_line(person, line, until, now()).await;
    learnt.expect("the store answers");
}

/// The last one that was learnt; whether the person gave a code back is another matter, which is forgotten with it.
pub async fn a_line_is_known_until_the_person_is_forgotten(store: Arc<dyn GuardStore>) {
    for _ in 0..2 {
        learn_line(&*store, person(1), person(3), now().plus(DAY * 400)).await;
        learn_line(&*store, person(1), person(2), now().plus(DAY * 400)).await;
        assert_eq!(line(&*store, person(1)).await, Some(person(2)));
        assert!(!is_returning(&*store, person(1)).await);
        remember(&*store, person(1), now().plus(DAY)).await;
        let view = store.look(&[], Some(person(1))).await.expect("the store answers");
        assert!(view.is_returning && view.line == Some(person(2)));
        let view = store.look(&[bucket(1)], None).await.expect("the store answers");
        assert_eq!(view.line, None);
        store.forget(person(1)).await.expect("the store answers");
        assert_eq!(line(&*store, person(1)).await, None);
        assert!(!is_returning(&*store, person(1)).await);
    }
}

/// And the line that was known before goes with it. Returning is another matter.
pub async fn a_line_whose_time_is_over_is_not_known(store: Arc<dyn GuardStore>) {
    remember(&*store, person(1), now().plus(DAY)).await;
    learn_line(&*store, person(1), person(2), now()).await;
    assert_eq!(line(&*store, person(1)).await, None);
    learn_line(&*store, person(1), person(2), now().plus(DAY)).await;
    learn_line(&*store, person(1), person(2), now().minus(DAY)).await;
    assert_eq!(line(&*store, person(1)).await, None);
    assert!(is_returning(&*store, person(1)).await);
}

/// In the same shard and in others: what one person's number is says nothing about that line itself, or anybody else.
pub async fn the_line_of_one_person_is_not_that_of_another(store: Arc<dyn GuardStore>) {
    learn_line(&*store, person(1), person(2), now().plus(DAY)).await;
    learn_line(&*store, person(3), person(2), now().plus(DAY)).await;
    for other in [person(2), person(17), PersonKey::from_bytes(*bucket(1).as_bytes())] {
        assert_eq!(line(&*store, other).await, None);
        store.forget(other).await.expect("the store answers");
    }
    for spelling in [person(1), person(3)] {
        assert_eq!(line(&*store, spelling).await, Some(person(2)));
    }
}
