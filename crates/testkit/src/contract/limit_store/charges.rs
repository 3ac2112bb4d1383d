//! Charges: all of them are taken or none is.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Charge, Remaining, RuleName};
use countersign_domain::ports::LimitStore;
use countersign_domain::time::DAY;

use super::{budget, charge, every_shape, give_back, left, monthly, peek, rate, refused, take_all, times, under};
use crate::fixture::now;

const MINUTE: Duration = Duration::from_secs(60);

/// A key without state is full.
pub async fn an_untouched_limit_is_full(store: Arc<dyn LimitStore>) {
    let full = Remaining {
        left: 7,
        used: 0,
        full_after: Duration::ZERO,
    };
    let charges = every_shape(7).map(|quota| charge(1, quota));
    assert_eq!(peek(&*store, &charges, now()).await, [full; 3]);
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

/// Whatever the order they are given in.
pub async fn a_refusal_names_the_charge_that_waits_longest(store: Arc<dyn LimitStore>) {
    let open = under(RuleName::Countries, charge(9, rate(5, MINUTE)));
    let short = under(RuleName::SendsPerWindow, charge(2, rate(1, MINUTE)));
    let long = under(RuleName::SendsPerDay, charge(1, rate(1, DAY)));
    take_all(&*store, &[short, long], now()).await;
    let first = refused(&*store, &[open, short, long], now()).await;
    assert_eq!(first, (RuleName::SendsPerDay, Some(DAY)));
    let first = refused(&*store, &[open, long, short], now()).await;
    assert_eq!(first, (RuleName::SendsPerDay, Some(DAY)));
}

/// It has no wait, and it costs nothing.
pub async fn a_charge_beyond_its_quota_is_never_taken(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(3)) {
        let (_, wait) = refused(&*store, &[times(4, charge(n, quota))], now()).await;
        assert_eq!(wait, None);
        take_all(&*store, &[times(3, charge(n, quota))], now()).await;
    }
}

/// Each sees what those before it have taken.
pub async fn charges_on_one_key_count_one_after_the_other(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(5)) {
        let one = charge(n, quota);
        take_all(&*store, &[one, times(2, one), one], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [1]);
        give_back(&*store, &[one, times(2, one)], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [4]);
    }
}

/// When they exceed the quota together, none of them is taken, and the one that did not fit is named.
pub async fn charges_on_one_key_are_refused_together(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(2)) {
        let fits = times(2, charge(n, quota));
        let too_much = under(RuleName::SendWait, charge(n, quota));
        let (rule, _) = refused(&*store, &[fits, too_much], now()).await;
        assert_eq!(rule, RuleName::SendWait);
        assert_eq!(left(&*store, &[fits], now()).await, [2]);
    }
}

/// The key alone says what is limited.
pub async fn two_limits_do_not_touch_each_other(store: Arc<dyn LimitStore>) {
    for (n, quota) in [1, 3, 5].into_iter().zip(every_shape(2)) {
        let (used, untouched) = (charge(n, quota), charge(n + 1, quota));
        take_all(&*store, &[times(2, used)], now()).await;
        assert_eq!(left(&*store, &[used, untouched], now()).await, [0, 2]);
        give_back(&*store, &[untouched], now()).await;
        refused(&*store, &[used], now()).await;
        take_all(&*store, &[untouched], now()).await;
    }
}

/// However often it is asked.
pub async fn peek_changes_nothing(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(2)) {
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

/// As if nothing had ever been taken from it. The others keep what they hold.
pub async fn a_limit_that_is_forgotten_is_full(store: Arc<dyn LimitStore>) {
    let charges = [
        charge(1, rate(2, MINUTE)),
        charge(2, budget(2, DAY)),
        charge(3, rate(2, DAY)),
    ];
    take_all(&*store, &charges.map(|it| times(2, it)), now()).await;
    let keys = [charges[0].key, charges[1].key, charge(9, rate(2, MINUTE)).key];
    assert_eq!(store.forget(&keys).await.expect("the store answers"), 2);
    assert_eq!(left(&*store, &charges, now()).await, [2, 2, 0]);
    assert_eq!(store.forget(&keys).await.expect("the store answers"), 0);
    assert_eq!(store.forget(&[]).await.expect("the store answers"), 0);
    take_all(&*store, &charges[..2], now()).await;
}

/// A rule whose shape was changed in the configuration forgets what it counted in the other shape.
pub async fn a_quota_of_another_shape_starts_afresh(store: Arc<dyn LimitStore>) {
    let [as_rate, as_budget, as_unfinished] = every_shape(2).map(|quota| times(2, charge(1, quota)));
    for charge in [
        as_rate,
        as_budget,
        as_unfinished,
        as_rate,
        as_unfinished,
        as_budget,
        as_rate,
    ] {
        assert_eq!(left(&*store, &[charge], now()).await, [2]);
        // There is nothing to give back of that shape.
        give_back(&*store, &[charge], now()).await;
        take_all(&*store, &[charge], now()).await;
        refused(&*store, &[charge], now()).await;
    }
}

/// Micro-units of money, for example. What is more than that fits into no quota.
pub async fn amounts_count_exactly_up_to_two_to_the_53(store: Arc<dyn LimitStore>) {
    let of = |amount: u64| Charge {
        amount: NonZeroU64::new(amount).expect("above zero"),
        ..charge(1, monthly((1 << 53) - 1))
    };
    take_all(&*store, &[of((1 << 53) - 4)], now()).await;
    assert_eq!(left(&*store, &[of(1)], now()).await, [3]);
    refused(&*store, &[of(4)], now()).await;
    take_all(&*store, &[of(1), of(2)], now()).await;
    assert_eq!(left(&*store, &[of(1)], now()).await, [0]);
    give_back(&*store, &[of((1 << 53) - 2)], now()).await;
    let used = peek(&*store, &[of(1)], now()).await[0].used;
    assert_eq!(used, 1);
    for amount in [1 << 53, u64::MAX] {
        let (_, wait) = refused(&*store, &[of(amount)], now()).await;
        assert_eq!(wait, None);
    }
}
