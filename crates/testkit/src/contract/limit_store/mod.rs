//! What every limit store promises: the answers of the functions in [`countersign_domain::limit`], whatever happened
//! before and whatever runs in parallel.
//!
//! A store may forget a state that equals no state at all ([`countersign_domain::limit::kept_until`]). It has to keep
//! it [`STEP_BACK_MAX`] longer, so that a clock which steps back by no more than that is granted nothing.

mod charges;
mod history;
mod modes;
mod parallel;
mod reference;
mod returns;
mod time;

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use countersign_domain::limit::{
    self, Charge, ChargeMode, KeyParts, LimitKey, Quota, Remaining, RuleName, Standing, Taken, Window,
};
use countersign_domain::ports::{GiveBack, LimitStore};
use countersign_domain::time::{DAY, Timestamp};

pub use charges::*;
pub use history::*;
pub use modes::*;
pub use parallel::*;
pub use reference::ReferenceLimits;
pub use returns::*;
pub use time::*;

use crate::fixture::owed;

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
            a_refusal_names_the_charge_that_waits_longest,
            a_charge_beyond_its_quota_is_never_taken,
            charges_on_one_key_count_one_after_the_other,
            charges_on_one_key_are_refused_together,
            two_limits_do_not_touch_each_other,
            amounts_count_exactly_up_to_two_to_the_53,
            a_shadow_charge_that_is_over_takes_nothing_and_stops_nothing,
            a_charge_that_has_happened_is_taken_even_when_it_is_over,
            a_refusal_leaves_out_charges_of_every_mode,
            a_refusal_names_no_shadow_charge_and_none_that_has_happened,
            each_charge_hears_what_its_quota_has_left,
            what_is_given_back_can_be_taken_again,
            what_time_has_given_back_is_not_given_back_again,
            charges_of_several_moments_go_back_in_one_call,
            a_window_that_is_full_again_is_not_forgotten_by_a_clock_that_is_behind,
            giving_back_never_goes_beyond_full,
            giving_back_to_an_untouched_limit_is_harmless,
            peek_changes_nothing,
            peek_answers_in_the_order_asked,
            a_limit_that_is_forgotten_is_full,
            a_quota_of_another_shape_starts_afresh,
            of_64_parallel_takes_no_more_than_the_quota_are_granted,
            of_64_parallel_takes_each_takes_all_or_nothing,
            a_rate_refills_evenly,
            a_budget_refills_when_its_window_turns,
            a_budget_of_a_month_refills_on_the_first,
            what_is_unfinished_counts_for_its_life_and_up_to_a_tenth_longer,
            windows_of_another_length_do_not_count_for_ever,
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
        parts: KeyParts::EVERYTHING,
        mode: ChargeMode::Refuse,
        amount: NonZeroU64::MIN,
    }
}

/// The same charge under another rule.
fn under(rule: RuleName, charge: Charge) -> Charge {
    Charge { rule, ..charge }
}

/// The same charge for another amount.
fn times(amount: u32, charge: Charge) -> Charge {
    Charge {
        amount: NonZeroU64::from(number(amount)),
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
        amount: NonZeroU64::from(number(amount)),
        window: Window::Every(window),
    }
}

fn monthly(amount: u64) -> Quota {
    Quota::Budget {
        amount: NonZeroU64::new(amount).expect("a quota is above zero"),
        window: Window::Month,
    }
}

fn unfinished(amount: u32, life: Duration) -> Quota {
    Quota::Unfinished {
        amount: number(amount),
        life,
    }
}

/// One quota of each shape.
fn every_shape(amount: u32) -> [Quota; 3] {
    [
        rate(amount, Duration::from_secs(60)),
        budget(amount, DAY),
        unfinished(amount, Duration::from_secs(600)),
    ]
}

/// The same charge in another mode.
fn in_mode(mode: ChargeMode, charge: Charge) -> Charge {
    Charge { mode, ..charge }
}

/// The first moment of the day of `moment`, UTC.
fn midnight(moment: Timestamp) -> Timestamp {
    let day = u64::try_from(DAY.as_millis()).expect("a day");
    Timestamp::from_unix_millis(moment.unix_millis() / day * day)
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("a quota and a charge are above zero")
}

async fn take(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Taken {
    store.take(charges, now).await.expect("the store answers")
}

/// Takes, and expects that nothing stands in the way.
async fn take_all(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Vec<Standing> {
    match take(store, charges, now).await {
        Taken::All(standings) => standings,
        Taken::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// Takes, and expects a refusal: its rule and its wait.
async fn refused(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> (RuleName, Option<Duration>) {
    match take(store, charges, now).await {
        Taken::Refused(refusal) => (charges[refusal.place].rule, refusal.retry_after),
        Taken::All(_) => panic!("taken beyond the quota"),
    }
}

/// Gives back what was taken a moment ago.
async fn give_back(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) {
    give_back_of(store, charges, now, now).await;
}

/// Gives back what was taken at `taken_at`.
async fn give_back_of(store: &dyn LimitStore, charges: &[Charge], taken_at: Timestamp, now: Timestamp) {
    give_back_together(store, &owed(charges, taken_at), now).await;
}

/// Gives back what was taken at several moments, in one call.
async fn give_back_together(store: &dyn LimitStore, owed: &[GiveBack], now: Timestamp) {
    store.give_back(owed, now).await.expect("the store answers");
}

async fn peek(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Vec<Remaining> {
    let states = store.peek(charges).await.expect("the store answers");
    let each = charges.iter().zip(states);
    each.map(|(charge, state)| limit::peek(state, charge.quota, now))
        .collect()
}

/// How much is left for each charge.
async fn left(store: &dyn LimitStore, charges: &[Charge], now: Timestamp) -> Vec<u64> {
    peek(store, charges, now).await.iter().map(|it| it.left).collect()
}
