//! Parallel charges, on one store or on several instances of one.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Charge, Taken};
use countersign_domain::ports::LimitStore;
use countersign_domain::time::DAY;
use tokio::task::JoinSet;

use super::{budget, charge, every_shape, left, rate};
use crate::contract::PARALLEL;
use crate::fixture::now;

/// And no less.
pub async fn of_64_parallel_takes_no_more_than_the_quota_are_granted(store: Arc<dyn LimitStore>) {
    const ALLOWED: u32 = 10;
    for (n, quota) in (1..).zip(every_shape(ALLOWED)) {
        let granted = granted_of_parallel(&store, vec![charge(n, quota)]).await;
        assert_eq!(granted, ALLOWED);
    }
}

/// The tightest limit decides, and the others lose nothing to those it refuses.
pub async fn of_64_parallel_takes_each_takes_all_or_nothing(store: Arc<dyn LimitStore>) {
    let (wide, tight) = (charge(1, rate(40, Duration::from_secs(60))), charge(2, budget(7, DAY)));
    assert_eq!(granted_of_parallel(&store, vec![wide, tight]).await, 7);
    assert_eq!(left(&*store, &[wide, tight], now()).await, [33, 0]);
}

async fn granted_of_parallel(store: &Arc<dyn LimitStore>, charges: Vec<Charge>) -> u32 {
    assert!(charges.iter().all(|it| it.amount == NonZeroU64::MIN));
    let mut race = JoinSet::new();
    for _ in 0..PARALLEL {
        let (store, charges) = (Arc::clone(store), charges.clone());
        race.spawn(async move { store.take(&charges, now()).await.expect("the store answers") });
    }
    let answers = race.join_all().await;
    let granted = answers.iter().filter(|it| matches!(it, Taken::All(_))).count();
    u32::try_from(granted).expect("at most 64")
}
