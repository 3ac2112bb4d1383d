//! Charges: all of them are taken or none is, and giving back is no way to more than the quota.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Charge, Quota, Remaining, RuleName};
use countersign_domain::ports::{LimitStore, Taken};
use countersign_domain::time::DAY;
use tokio::task::JoinSet;

use super::{budget, charge, give_back, left, peek, rate, refused, take_all, times, under};
use crate::contract::PARALLEL;
use crate::fixture::now;

const MINUTE: Duration = Duration::from_secs(60);

fn both_shapes(amount: u32) -> [Quota; 2] {
    [rate(amount, MINUTE), budget(amount, DAY)]
}

/// A key without state is full.
pub async fn an_untouched_limit_is_full(store: Arc<dyn LimitStore>) {
    let full = Remaining {
        left: 7,
        full_after: Duration::ZERO,
    };
    let charges = both_shapes(7).map(|quota| charge(1, quota));
    assert_eq!(peek(&*store, &charges, now()).await, [full, full]);
}

/// Nothing asked, nothing refused.
pub async fn no_charges_are_always_taken(store: Arc<dyn LimitStore>) {
    take_all(&*store, &[], now()).await;
    give_back(&*store, &[], now()).await;
    assert_eq!(peek(&*store, &[], now()).await, []);
}

/// Whichever of them is refused.
pub async fn all_charges_are_taken_or_none_is(store: Arc<dyn LimitStore>) {
    let open = [charge(1, rate(5, MINUTE)), charge(2, budget(5, DAY))];
    let closed = charge(3, budget(1, DAY));
    take_all(&*store, &[open[0], closed, open[1]], now()).await;
    assert_eq!(left(&*store, &[open[0], open[1], closed], now()).await, [4, 4, 0]);
    for charges in [
        [closed, open[0], open[1]],
        [open[0], closed, open[1]],
        [open[0], open[1], closed],
    ] {
        refused(&*store, &charges, now()).await;
        assert_eq!(left(&*store, &open, now()).await, [4, 4]);
    }
}

/// In the order given, not in that of keys or of waits.
pub async fn a_refusal_names_the_first_refused_rule_in_the_order_given(store: Arc<dyn LimitStore>) {
    let open = under(RuleName::Countries, charge(9, rate(5, MINUTE)));
    let short = under(RuleName::SendsPerWindow, charge(2, rate(1, MINUTE)));
    let long = under(RuleName::SendsPerDay, charge(1, rate(1, DAY)));
    take_all(&*store, &[short, long], now()).await;
    let first = refused(&*store, &[open, short, long], now()).await;
    assert_eq!(first, (RuleName::SendsPerWindow, Some(MINUTE)));
    let first = refused(&*store, &[open, long, short], now()).await;
    assert_eq!(first, (RuleName::SendsPerDay, Some(DAY)));
}

/// It has no wait, and it costs nothing.
pub async fn a_charge_beyond_its_quota_is_never_taken(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(both_shapes(3)) {
        let (_, wait) = refused(&*store, &[times(4, charge(n, quota))], now()).await;
        assert_eq!(wait, None);
        take_all(&*store, &[times(3, charge(n, quota))], now()).await;
    }
}

/// Each sees what those before it have taken.
pub async fn charges_on_one_key_count_one_after_the_other(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(both_shapes(5)) {
        let one = charge(n, quota);
        take_all(&*store, &[one, times(2, one), one], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [1]);
        give_back(&*store, &[one, times(2, one)], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [4]);
    }
}

/// When they exceed the quota together, none of them is taken, and the one that did not fit is named.
pub async fn charges_on_one_key_are_refused_together(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(both_shapes(2)) {
        let fits = times(2, charge(n, quota));
        let too_much = under(RuleName::SendWait, charge(n, quota));
        let (rule, _) = refused(&*store, &[fits, too_much], now()).await;
        assert_eq!(rule, RuleName::SendWait);
        assert_eq!(left(&*store, &[fits], now()).await, [2]);
    }
}

/// The key alone says what is limited.
pub async fn two_limits_do_not_touch_each_other(store: Arc<dyn LimitStore>) {
    for (n, quota) in [1, 3].into_iter().zip(both_shapes(2)) {
        let (used, untouched) = (charge(n, quota), charge(n + 1, quota));
        take_all(&*store, &[times(2, used)], now()).await;
        assert_eq!(left(&*store, &[used, untouched], now()).await, [0, 2]);
        give_back(&*store, &[untouched], now()).await;
        refused(&*store, &[used], now()).await;
        take_all(&*store, &[untouched], now()).await;
    }
}

/// As if it had never been taken.
pub async fn what_is_given_back_can_be_taken_again(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(both_shapes(3)) {
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
    for (n, quota) in (1..).zip(both_shapes(3)) {
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
    for (n, quota) in (1..).zip(both_shapes(2)) {
        let one = charge(n, quota);
        give_back(&*store, &[one, one], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [2]);
        take_all(&*store, &[times(2, one)], now()).await;
        refused(&*store, &[one], now()).await;
    }
}

/// However often it is asked.
pub async fn peek_changes_nothing(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(both_shapes(2)) {
        let one = charge(n, quota);
        take_all(&*store, &[one], now()).await;
        let first = peek(&*store, &[one], now()).await;
        for _ in 0..3 {
            // A look from a later moment leaves nothing behind either.
            peek(&*store, &[times(2, one)], now().plus(DAY * 2)).await;
            assert_eq!(peek(&*store, &[one], now()).await, first);
        }
        take_all(&*store, &[one], now()).await;
        refused(&*store, &[one], now()).await;
    }
}

/// One answer per charge, the same for the same key, whatever the amounts.
pub async fn peek_answers_in_the_order_asked(store: Arc<dyn LimitStore>) {
    let (one, other) = (charge(1, budget(5, DAY)), charge(2, rate(9, MINUTE)));
    take_all(&*store, &[times(2, one), other], now()).await;
    let asked = [other, one, times(4, one), other];
    assert_eq!(left(&*store, &asked, now()).await, [8, 3, 3, 8]);
}

/// A rule whose shape was changed in the configuration forgets what it counted in the other shape.
pub async fn a_quota_of_another_shape_starts_afresh(store: Arc<dyn LimitStore>) {
    let [as_rate, as_budget] = both_shapes(2).map(|quota| times(2, charge(1, quota)));
    for charge in [as_rate, as_budget, as_rate] {
        take_all(&*store, &[charge], now()).await;
        refused(&*store, &[charge], now()).await;
    }
}

/// And no less.
pub async fn of_64_parallel_takes_no_more_than_the_quota_are_granted(store: Arc<dyn LimitStore>) {
    const ALLOWED: u32 = 10;
    for (n, quota) in (1..).zip(both_shapes(ALLOWED)) {
        let granted = granted_of_parallel(&store, vec![charge(n, quota)]).await;
        assert_eq!(granted, ALLOWED);
    }
}

/// The tightest limit decides, and the others lose nothing to those it refuses.
pub async fn of_64_parallel_takes_each_takes_all_or_nothing(store: Arc<dyn LimitStore>) {
    let (wide, tight) = (charge(1, rate(40, MINUTE)), charge(2, budget(7, DAY)));
    assert_eq!(granted_of_parallel(&store, vec![wide, tight]).await, 7);
    assert_eq!(left(&*store, &[wide, tight], now()).await, [33, 0]);
}

async fn granted_of_parallel(store: &Arc<dyn LimitStore>, charges: Vec<Charge>) -> u32 {
    assert!(charges.iter().all(|it| it.amount == NonZeroU32::MIN));
    let mut race = JoinSet::new();
    for _ in 0..PARALLEL {
        let (store, charges) = (Arc::clone(store), charges.clone());
        race.spawn(async move { store.take(&charges, now()).await.expect("the store answers") });
    }
    let answers = race.join_all().await;
    let granted = answers.iter().filter(|it| **it == Taken::All).count();
    u32::try_from(granted).expect("at most 64")
}
