//! Time: limits refill as their quotas say, by the caller's clock alone.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Quota, Remaining};
use countersign_domain::ports::LimitStore;
use countersign_domain::time::{DAY, Timestamp};

use super::{STEP_BACK_MAX, budget, charge, left, midnight, monthly, peek, rate, refused, take_all, times, unfinished};
use crate::fixture::now;

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// One unit each interval, to the millisecond, and no more than the burst.
pub async fn a_rate_refills_evenly(store: Arc<dyn LimitStore>) {
    let one = charge(1, rate(3, MINUTE));
    take_all(&*store, &[times(3, one)], now()).await;
    for (after, expected) in [
        (MINUTE.saturating_sub(MILLISECOND), 0),
        (MINUTE, 1),
        (MINUTE * 2, 2),
        (MINUTE * 3, 3),
        (DAY, 3),
    ] {
        assert_eq!(left(&*store, &[one], now().plus(after)).await, [expected]);
    }
    let half = peek(&*store, &[one], now().plus(MINUTE * 3 / 2)).await;
    let full_after = MINUTE * 3 / 2;
    assert_eq!(
        half,
        [Remaining {
            left: 1,
            used: 2,
            full_after
        }]
    );
    take_all(&*store, &[one], now().plus(MINUTE)).await;
    refused(&*store, &[one], now().plus(MINUTE)).await;
    take_all(&*store, &[one], now().plus(MINUTE * 2)).await;
}

/// All at once, at a multiple of the window since the Unix epoch, and not a window after the first charge.
pub async fn a_budget_refills_when_its_window_turns(store: Arc<dyn LimitStore>) {
    let one = charge(1, budget(2, DAY));
    let turn = midnight(now()).plus(DAY);
    let before = turn.minus(MILLISECOND);
    take_all(&*store, &[one], now()).await;
    take_all(&*store, &[one], before).await;
    refused(&*store, &[one], before).await;
    let full_after = MILLISECOND;
    assert_eq!(
        peek(&*store, &[one], before).await,
        [Remaining {
            left: 0,
            used: 2,
            full_after
        }]
    );
    assert_eq!(left(&*store, &[one], turn).await, [2]);
    take_all(&*store, &[times(2, one)], turn).await;
    refused(&*store, &[one], turn).await;
}

/// At its first midnight by UTC, however long the month before was.
pub async fn a_budget_of_a_month_refills_on_the_first(store: Arc<dyn LimitStore>) {
    // 2028-02-29 23:59:59.999, 2028-03-01, 2028-03-31 23:59:59.999 and 2028-04-01.
    let moments = [
        1_835_481_599_999,
        1_835_481_600_000,
        1_838_159_999_999,
        1_838_160_000_000,
    ];
    let [leap_day, march, last_of_march, april] = moments.map(Timestamp::from_unix_millis);
    let one = charge(1, monthly(1));
    for (first, last) in [(leap_day, leap_day), (march, last_of_march), (april, april)] {
        take_all(&*store, &[one], first).await;
        refused(&*store, &[one], last).await;
    }
    let (_, wait) = refused(&*store, &[one], last_of_march).await;
    assert_eq!(wait, Some(MILLISECOND + DAY * 30));
}

/// Not shorter, and not for ever: an approval may get lost.
pub async fn what_is_unfinished_counts_for_its_life_and_up_to_a_tenth_longer(store: Arc<dyn LimitStore>) {
    for n in 0..20_u8 {
        let one = charge(n, unfinished(2, MINUTE));
        let begun = now().plus(Duration::from_millis(613) * u32::from(n));
        take_all(&*store, &[times(2, one)], begun).await;
        refused(&*store, &[one], begun.plus(MINUTE)).await;
        let over = begun.plus(MINUTE * 11 / 10);
        assert_eq!(left(&*store, &[one], over).await, [2]);
        take_all(&*store, &[times(2, one)], over).await;
        refused(&*store, &[one], over).await;
    }
}

/// A rule by the hour that becomes one by the month, say: the number of an hour is that of a month in far-off times.
pub async fn windows_of_another_length_do_not_count_for_ever(store: Arc<dyn LimitStore>) {
    let changes = [
        (budget(1, MINUTE), monthly(1)),
        (budget(1, DAY), monthly(1)),
        (budget(1, MINUTE), budget(1, DAY)),
        (unfinished(1, MINUTE), unfinished(1, DAY)),
        (budget(1, DAY), budget(1, MINUTE)),
        (unfinished(1, DAY), unfinished(1, MINUTE)),
    ];
    let mut at = now();
    for (n, (before, after)) in (1..).zip(changes) {
        take_all(&*store, &[charge(n, before)], at).await;
        at = at.plus(DAY * 400);
        take_all(&*store, &[charge(n, after)], at).await;
        let (_, wait) = refused(&*store, &[charge(n, after)], at).await;
        assert!(wait.is_some_and(|wait| wait <= DAY * 31), "{wait:?}");
    }
}

/// A millisecond earlier the same charge is still refused.
pub async fn the_wait_of_a_refusal_is_exact(store: Arc<dyn LimitStore>) {
    let quotas: [(Quota, u32); 7] = [
        (rate(1, MINUTE), 1),
        (rate(5, MINUTE), 3),
        (budget(1, DAY), 1),
        (budget(5, MINUTE), 3),
        (monthly(1), 1),
        (unfinished(1, MINUTE), 1),
        (unfinished(5, MINUTE), 3),
    ];
    for (n, (quota, amount)) in (1..).zip(quotas) {
        let charges = [times(amount, charge(n, quota))];
        take_all(&*store, &charges, now()).await;
        let at = now().plus(MILLISECOND * 7);
        if amount > 1 {
            take_all(&*store, &[charge(n, quota)], at).await;
        }
        let (_, wait) = refused(&*store, &charges, at).await;
        let wait = wait.expect("it fits into the quota");
        let (_, shorter) = refused(&*store, &charges, at.plus(wait).minus(MILLISECOND)).await;
        assert_eq!(shorter, Some(MILLISECOND));
        take_all(&*store, &charges, at.plus(wait)).await;
    }
}

/// Neither what was used comes back, nor a window that was over.
pub async fn a_clock_that_steps_back_is_granted_nothing(store: Arc<dyn LimitStore>) {
    let even = charge(1, rate(2, MINUTE));
    take_all(&*store, &[times(2, even)], now()).await;
    let back = now().minus(STEP_BACK_MAX);
    let (_, wait) = refused(&*store, &[even], back).await;
    assert_eq!(wait, Some(STEP_BACK_MAX + MINUTE));
    assert_eq!(left(&*store, &[even], back).await, [0]);

    let daily = charge(2, budget(2, DAY));
    let turn = midnight(now()).plus(DAY);
    take_all(&*store, &[times(2, daily)], turn).await;
    let back = turn.minus(STEP_BACK_MAX);
    let (_, wait) = refused(&*store, &[daily], back).await;
    assert_eq!(wait, Some(STEP_BACK_MAX + DAY));
    assert_eq!(left(&*store, &[daily], back).await, [0]);

    let open = charge(5, unfinished(2, MINUTE));
    take_all(&*store, &[times(2, open)], now()).await;
    let back = now().minus(STEP_BACK_MAX);
    let (_, wait) = refused(&*store, &[open], back).await;
    assert!(wait.is_some_and(|wait| wait >= STEP_BACK_MAX + MINUTE), "{wait:?}");
    assert_eq!(left(&*store, &[open], back).await, [0]);

    // What is full again by the later clock is not full by the earlier one.
    let later = now().plus(MINUTE * 4);
    let others = [times(3, charge(3, rate(3, MINUTE))), charge(4, budget(1, MINUTE))];
    take_all(&*store, &others, now()).await;
    for n in 10..40 {
        take_all(&*store, &[charge(n, rate(1, MINUTE))], later).await;
    }
    refused(&*store, &others[..1], now()).await;
    refused(&*store, &others[1..], now()).await;
}

/// In 1970 and in 2100, whatever the store's own clock says.
pub async fn a_callers_clock_far_from_the_present_counts_the_same(store: Arc<dyn LimitStore>) {
    let moments = [
        Timestamp::EPOCH.plus(DAY),
        Timestamp::from_unix_millis(4_102_444_800_000),
    ];
    for (n, moment) in [1, 3].into_iter().zip(moments) {
        let charges = [charge(n, rate(2, MINUTE)), charge(n + 1, budget(2, DAY))];
        take_all(&*store, &charges, moment).await;
        assert_eq!(left(&*store, &charges, moment.plus(MILLISECOND)).await, [1, 1]);
        take_all(&*store, &charges, moment.plus(MILLISECOND)).await;
        refused(&*store, &charges, moment.plus(MILLISECOND * 2)).await;
        assert_eq!(left(&*store, &charges, moment.plus(DAY)).await, [2, 2]);
    }
}
