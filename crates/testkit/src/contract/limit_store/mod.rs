//! What every limit store promises: the answers of the functions in [`countersign_domain::limit`], whatever happened
//! before and whatever runs in parallel.
//!
//! A store may forget a state that equals no state at all ([`countersign_domain::limit::kept_until`]). It has to keep
//! it [`STEP_BACK_MAX`] longer, so that a clock which steps back by no more than that is granted nothing.

mod charges;
mod history;
mod reference;
mod time;

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_domain::limit::{Charge, LimitKey, Quota, Remaining, RuleName};
use countersign_domain::ports::{LimitStore, Taken};
use countersign_domain::time::Timestamp;

pub use charges::*;
pub use history::*;
pub use reference::ReferenceLimits;
pub use time::*;

/// How far a clock may step back behind the latest moment a store has heard of without being granted anything.
pub const STEP_BACK_MAX: Duration = Duration::from_secs(5 * 60);

/// Runs every promise against what `$make` makes: a function without arguments whose answer is a future of
/// `Fresh<dyn LimitStore>`.
#[macro_export]
macro_rules! limit_store_contract {
    (@$then:ident $($make:path)?) => {
        $crate::$then! { limit_store $(, $make)?:
            an_untouched_limit_is_full,
            no_charges_are_always_taken,
            all_charges_are_taken_or_none_is,
            a_refusal_names_the_first_refused_rule_in_the_order_given,
            a_charge_beyond_its_quota_is_never_taken,
            charges_on_one_key_count_one_after_the_other,
            charges_on_one_key_are_refused_together,
            two_limits_do_not_touch_each_other,
            what_is_given_back_can_be_taken_again,
            giving_back_never_goes_beyond_full,
            giving_back_to_an_untouched_limit_is_harmless,
            peek_changes_nothing,
            peek_answers_in_the_order_asked,
            a_quota_of_another_shape_starts_afresh,
            of_64_parallel_takes_no_more_than_the_quota_are_granted,
            of_64_parallel_takes_each_takes_all_or_nothing,
            a_rate_refills_evenly,
            a_budget_refills_when_its_window_turns,
            the_wait_of_a_refusal_is_exact,
            a_clock_that_steps_back_is_granted_nothing,
            a_callers_clock_far_from_the_present_counts_the_same,
            limits_equal_the_reference_for_seeded_histories,
        }
    };
    ($make:path) => {
        $crate::limit_store_contract! { @__promise_tests $make }
    };
}

/// A charge of one on the `n`-th of many keys.
fn charge(n: u8, quota: Quota) -> Charge {
    Charge {
        rule: RuleName::UnansweredSends,
        key: LimitKey::from_bytes([n; 16]),
        quota,
        amount: NonZeroU32::MIN,
    }
}

/// The same charge under another rule.
fn under(rule: RuleName, charge: Charge) -> Charge {
    Charge { rule, ..charge }
}

/// The same charge for another amount.
fn times(amount: u32, charge: Charge) -> Charge {
    Charge {
        amount: number(amount),
        ..charge
    }
}

fn rate(burst: u32, interval: Duration) -> Quota {
    Quota::Rate {
        burst: number(burst),
        interval,
    }
}

fn budget(amount: u32, window: Duration) -> Quota {
    Quota::Budget {
        amount: number(amount),
        window,
    }
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("a quota and a charge are above zero")
}

async fn take(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Taken {
    store.take(charges, now).await.expect("the store answers")
}

/// Takes, and expects that nothing stands in the way.
async fn take_all(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) {
    assert_eq!(take(store, charges, now).await, Taken::All);
}

/// Takes, and expects a refusal: its rule and its wait.
async fn refused(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> (RuleName, Option<Duration>) {
    match take(store, charges, now).await {
        Taken::Refused { rule, retry_after } => (rule, retry_after),
        Taken::All => panic!("taken beyond the quota"),
    }
}

async fn give_back(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) {
    store.give_back(charges, now).await.expect("the store answers");
}

async fn peek(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Vec<Remaining> {
    store.peek(charges, now).await.expect("the store answers")
}

/// How much is left for each charge.
async fn left(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Vec<u64> {
    peek(store, charges, now).await.iter().map(|it| it.left).collect()
}
