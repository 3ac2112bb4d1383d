//! Giving back is no way to more than the quota.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::{GiveBack, LimitStore};
use countersign_domain::time::DAY;

use super::{
    STEP_BACK_MAX, budget, charge, every_shape, give_back, give_back_of, give_back_together, left, midnight, rate,
    refused, take_all, times, unfinished,
};
use crate::fixture::{now, owed};

const SECOND: Duration = Duration::from_secs(1);

/// As if it had never been taken.
pub async fn what_is_given_back_can_be_taken_again(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(3)) {
        let one = charge(n, quota);
        take_all(&*store, &[times(3, one)], now()).await;
        refused(&*store, &[one], now()).await;
        give_back(&*store, &[times(2, one)], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [2]);
        take_all(&*store, &[times(2, one)], now()).await;
        refused(&*store, &[one], now()).await;
    }
}

/// More than was taken is not more than was allowed.
pub async fn giving_back_never_goes_beyond_full(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(3)) {
        let one = charge(n, quota);
        take_all(&*store, &[one], now()).await;
        give_back(&*store, &[times(100, one)], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [3]);
        take_all(&*store, &[times(3, one)], now()).await;
        refused(&*store, &[one], now()).await;
    }
}

/// It stays full.
pub async fn giving_back_to_an_untouched_limit_is_harmless(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(2)) {
        let one = charge(n, quota);
        give_back(&*store, &[one, one], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [2]);
        take_all(&*store, &[times(2, one)], now()).await;
        refused(&*store, &[one], now()).await;
    }
}

/// What a rate has refilled since, what is of an earlier window, and what is so old that it counts as finished.
pub async fn what_time_has_given_back_is_not_given_back_again(store: Arc<dyn LimitStore>) {
    let even = charge(1, rate(3, SECOND * 60));
    take_all(&*store, &[times(2, even)], now()).await;
    let later = now().plus(SECOND * 90);
    take_all(&*store, &[times(2, even)], later).await;
    // Of the two minutes one and a half have refilled.
    give_back_of(&*store, &[times(2, even)], now(), later).await;
    assert_eq!(left(&*store, &[even], later).await, [1]);
    assert_eq!(left(&*store, &[even], later.plus(SECOND * 30)).await, [1]);
    assert_eq!(left(&*store, &[even], later.plus(SECOND * 60)).await, [2]);

    let daily = charge(2, budget(3, DAY));
    let turn = midnight(now()).plus(DAY);
    take_all(&*store, &[times(2, daily)], turn.minus(SECOND)).await;
    take_all(&*store, &[times(2, daily)], turn).await;
    give_back_of(&*store, &[times(2, daily)], turn.minus(SECOND), turn).await;
    assert_eq!(left(&*store, &[daily], turn).await, [1]);

    let open = charge(3, unfinished(3, SECOND * 10));
    take_all(&*store, &[times(2, open)], now()).await;
    let later = now().plus(SECOND * 11);
    take_all(&*store, &[times(2, open)], later).await;
    give_back_of(&*store, &[times(2, open)], now(), later).await;
    assert_eq!(left(&*store, &[open], later).await, [1]);
    give_back_of(&*store, &[open], later, later.plus(SECOND)).await;
    assert_eq!(left(&*store, &[open], later.plus(SECOND)).await, [2]);
}

/// Each as of its own moment, on one key as on many, and also where one of them has come back by itself.
pub async fn charges_of_several_moments_go_back_in_one_call(store: Arc<dyn LimitStore>) {
    let later = midnight(now()).plus(DAY);
    let earlier = later.minus(SECOND * 90);
    let even = charge(1, rate(5, SECOND * 60));
    let daily = charge(2, budget(5, DAY));
    let open = charge(3, unfinished(5, SECOND * 600));
    let other = charge(4, rate(5, SECOND * 60));
    for moment in [earlier, later] {
        let charges = [even, daily, open].map(|it| times(2, it));
        take_all(&*store, &charges, moment).await;
    }
    take_all(&*store, &[times(2, other)], later).await;
    assert_eq!(left(&*store, &[even, daily, open, other], later).await, [2, 3, 1, 3]);
    let [of_earlier] = owed(&[even, daily, open], earlier);
    let [of_later] = owed(&[even, other, daily, open], later);
    let nothing = GiveBack {
        charges: Vec::new(),
        taken_at: later,
    };
    give_back_together(&*store, &[of_earlier, nothing, of_later], later).await;
    // A minute and a half later one of the earlier is back in the rate, and yesterday is over.
    assert_eq!(left(&*store, &[even, daily, open, other], later).await, [3, 4, 3, 4]);
    give_back_together(&*store, &[], later).await;
    assert_eq!(left(&*store, &[even, daily, open, other], later).await, [3, 4, 3, 4]);
}

/// Giving back the last of a later window opens no earlier one.
pub async fn a_window_that_is_full_again_is_not_forgotten_by_a_clock_that_is_behind(store: Arc<dyn LimitStore>) {
    let daily = charge(1, budget(1, DAY));
    let turn = midnight(now()).plus(DAY);
    let before = turn.minus(SECOND);
    take_all(&*store, &[daily], before).await;
    // Nothing of this window is there to be given back.
    give_back_of(&*store, &[daily], turn, turn).await;
    refused(&*store, &[daily], before).await;
    take_all(&*store, &[daily], turn).await;
    give_back(&*store, &[daily], turn).await;
    take_all(&*store, &[daily], before).await;
    refused(&*store, &[daily], turn).await;

    let even = charge(2, rate(1, SECOND * 60));
    take_all(&*store, &[even], now()).await;
    give_back(&*store, &[even], now()).await;
    let back = now().minus(STEP_BACK_MAX);
    refused(&*store, &[even], back).await;
    take_all(&*store, &[even], now()).await;
    refused(&*store, &[even], now()).await;
}
