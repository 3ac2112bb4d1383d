//! Persons: who gave a code back is remembered for a while.

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

/// And what was remembered before goes with it.
pub async fn a_person_whose_time_is_over_is_not_remembered(store: Arc<dyn GuardStore>) {
    remember(&*store, person(1), now()).await;
    assert!(!is_returning(&*store, person(1)).await);
    remember(&*store, person(1), now().plus(DAY)).await;
    remember(&*store, person(1), now().minus(DAY)).await;
    assert!(!is_returning(&*store, person(1)).await);
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
