//! Modes: what charges do that cannot be taken, and what each of them hears.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{ChargeMode, Remaining, RuleName, Standing};
use countersign_domain::ports::LimitStore;
use countersign_domain::time::DAY;

use super::{budget, charge, every_shape, give_back, in_mode, left, peek, rate, refused, take_all, times, under};
use crate::fixture::now;

const MINUTE: Duration = Duration::from_secs(60);

fn is_over(standings: &[Standing]) -> Vec<bool> {
    standings.iter().map(|it| it.is_over).collect()
}

/// It is left out, and those beside it are taken.
pub async fn a_shadow_charge_that_is_over_takes_nothing_and_stops_nothing(store: Arc<dyn LimitStore>) {
    for (n, quota) in [1, 3, 5].into_iter().zip(every_shape(3)) {
        let (shadow, other) = (in_mode(ChargeMode::Shadow, charge(n, quota)), charge(n + 1, quota));
        let standings = take_all(&*store, &[times(2, shadow), other], now()).await;
        assert_eq!(is_over(&standings), [false, false]);
        for amount in [2, 4] {
            let standings = take_all(&*store, &[times(amount, shadow)], now()).await;
            assert_eq!(is_over(&standings), [true]);
        }
        let standings = take_all(&*store, &[times(2, shadow), other, shadow], now()).await;
        assert_eq!(is_over(&standings), [true, false, false]);
        assert_eq!(left(&*store, &[shadow, other], now()).await, [0, 1]);
    }
}

/// More than there was is used then, and giving it back returns what it took.
pub async fn a_charge_that_has_happened_is_taken_even_when_it_is_over(store: Arc<dyn LimitStore>) {
    for (n, quota) in (1..).zip(every_shape(3)) {
        let (one, happened) = (charge(n, quota), in_mode(ChargeMode::Always, charge(n, quota)));
        assert_eq!(is_over(&take_all(&*store, &[times(2, happened)], now()).await), [false]);
        assert_eq!(is_over(&take_all(&*store, &[times(2, happened)], now()).await), [true]);
        assert_eq!(is_over(&take_all(&*store, &[times(5, happened)], now()).await), [true]);
        let Remaining { left: rest, used, .. } = peek(&*store, &[one], now()).await[0];
        assert_eq!((rest, used), (0, 9));
        refused(&*store, &[one], now()).await;
        give_back(&*store, &[times(7, happened)], now()).await;
        assert_eq!(left(&*store, &[one], now()).await, [1]);
        take_all(&*store, &[one], now()).await;
        refused(&*store, &[one], now()).await;
    }
}

/// All or nothing is meant of all of them.
pub async fn a_refusal_leaves_out_charges_of_every_mode(store: Arc<dyn LimitStore>) {
    let closed = charge(9, budget(1, DAY));
    take_all(&*store, &[closed], now()).await;
    for (n, quota) in [1, 3, 5].into_iter().zip(every_shape(3)) {
        let shadow = in_mode(ChargeMode::Shadow, charge(n, quota));
        let happened = in_mode(ChargeMode::Always, charge(n + 1, quota));
        for charges in [[closed, shadow, happened], [shadow, happened, closed]] {
            refused(&*store, &charges, now()).await;
            assert_eq!(left(&*store, &[shadow, happened], now()).await, [3, 3]);
        }
    }
}

/// However long they would have to wait.
pub async fn a_refusal_names_no_shadow_charge_and_none_that_has_happened(store: Arc<dyn LimitStore>) {
    let shadow = in_mode(ChargeMode::Shadow, charge(1, rate(1, DAY)));
    let happened = in_mode(ChargeMode::Always, charge(2, rate(1, DAY)));
    let short = under(RuleName::SendWait, charge(3, rate(1, MINUTE)));
    take_all(&*store, &[shadow, happened, short], now()).await;
    let named = refused(&*store, &[times(2, shadow), happened, short], now()).await;
    assert_eq!(named, (RuleName::SendWait, Some(MINUTE)));
}

/// After those before it and itself, in the order of the charges.
pub async fn each_charge_hears_what_its_quota_has_left(store: Arc<dyn LimitStore>) {
    for (n, quota) in [1, 3, 5].into_iter().zip(every_shape(9)) {
        let (one, other) = (charge(n, quota), charge(n + 1, quota));
        let standings = take_all(&*store, &[one, times(4, other), times(2, one)], now()).await;
        let rest: Vec<_> = standings.iter().map(|it| it.remaining.left).collect();
        assert_eq!(rest, [8, 5, 6]);
        let standings = take_all(&*store, &[other, times(6, one)], now()).await;
        let remaining: Vec<_> = standings.iter().map(|it| it.remaining).collect();
        assert_eq!(remaining, peek(&*store, &[other, one], now()).await);
    }
}
