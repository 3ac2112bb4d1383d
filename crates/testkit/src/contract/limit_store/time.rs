//! Time: limits refill as their quotas say, by the caller's clock alone.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::limit::{Quota, Remaining};
use countersign_domain::ports::LimitStore;
use countersign_domain::time::{DAY, Timestamp};

use super::{STEP_BACK_MAX, budget, charge, left, peek, rate, refused, take_all, times};
use crate::fixture::now;

const MINUTE: Duration = Duration::from_secs(60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// The first moment of the day of `moment`, UTC.
fn midnight(moment: Timestamp) -> Timestamp {
    let day = u64::try_from(DAY.as_millis()).expect("a day");
    Timestamp::from_unix_millis(moment.unix_millis() / day * day)
}

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
    assert_eq!(half, [Remaining { left: 1, full_after }]);
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
    assert_eq!(peek(&*store, &[one], before).await, [Remaining { left: 0, full_after }]);
    assert_eq!(left(&*store, &[one], turn).await, [2]);
    take_all(&*store, &[times(2, one)], turn).await;
    refused(&*store, &[one], turn).await;
}

/// A millisecond earlier the same charge is still refused.
pub async fn the_wait_of_a_refusal_is_exact(store: Arc<dyn LimitStore>) {
    let quotas: [(Quota, u32); 4] = [
        (rate(1, MINUTE), 1),
        (rate(5, MINUTE), 3),
        (budget(1, DAY), 1),
        (budget(5, MINUTE), 3),
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
