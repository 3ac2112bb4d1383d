//! The policy: the defaults hold, and every contradiction is refused together with all the others.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_domain::policy::{Countries, Policy, PolicySettings};
use countersign_domain::retry::{RetrySettings, pair_wait};
use countersign_testkit::fixture;
use proptest::prelude::*;

fn mistakes(settings: PolicySettings) -> Vec<&'static str> {
    Policy::new(settings)
        .expect_err("should be refused")
        .iter()
        .map(|it| it.field)
        .collect()
}

#[test]
fn the_defaults_are_the_designs() {
    let policy = fixture::policy();
    assert_eq!((policy.code_length, policy.guesses_max), (6, 5));
    assert_eq!(policy.code_life, Duration::from_secs(600));
    assert_eq!(
        (policy.wrong_guesses_per_day_max, policy.consecutive_wrong_guesses_max),
        (15, 30)
    );
    assert_eq!((policy.sends_per_window_max, policy.sends_per_day_max), (5, 10));
    assert_eq!(policy.message_life(), Duration::from_secs(600));
    assert_eq!(policy.footer_minutes(), 10);
}

#[test]
fn a_policy_that_names_no_country_is_refused() {
    assert_eq!(mistakes(PolicySettings::default()), ["countries"]);
}

#[test]
fn ten_mistakes_are_ten_lines() {
    let wrong = PolicySettings {
        code_length: 3,
        code_life: Duration::from_secs(900),
        guesses_max: 11,
        consecutive_wrong_guesses_max: 101,
        sends_per_window_max: 0,
        send_waits: Vec::new(),
        message_life: Some(Duration::from_secs(20)),
        footer_minutes: Some(16),
        send_timeout: Duration::from_secs(31),
        countries: Countries::Only(BTreeSet::new()),
        ..PolicySettings::default()
    };
    let mut fields = mistakes(wrong);
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(fields.len(), 10, "{fields:?}");
}

#[test]
fn a_long_life_has_to_be_accepted_in_so_many_words() {
    let long = |accept_long_life| PolicySettings {
        code_life: Duration::from_secs(5_400),
        accept_long_life,
        ..fixture::policy_settings()
    };
    assert_eq!(mistakes(long(false)), ["code_life"]);
    assert!(Policy::new(long(true)).is_ok());
    let longer = PolicySettings {
        code_life: Duration::from_secs(5_401),
        ..long(true)
    };
    assert_eq!(mistakes(longer), ["code_life"]);
}

#[test]
fn a_message_or_a_footer_may_not_outlive_its_code() {
    let short = PolicySettings {
        code_life: Duration::from_secs(300),
        ..fixture::policy_settings()
    };
    let policy = Policy::new(short.clone()).unwrap();
    assert_eq!(
        (policy.message_life(), policy.footer_minutes()),
        (Duration::from_secs(300), 5)
    );
    let late = PolicySettings {
        message_life: Some(Duration::from_secs(301)),
        footer_minutes: Some(6),
        ..short
    };
    assert_eq!(mistakes(late), ["message_life", "footer_minutes"]);
}

#[test]
fn the_pair_limit_is_waited_out_in_powers_of_four() {
    assert_eq!([1, 2, 3, 4].map(|failed| pair_wait(failed).as_secs()), [1, 4, 16, 64]);
}

proptest! {
    #[test]
    fn a_retrys_wait_lies_between_zero_and_its_ceiling(failed in 1_u8..=255, jitter: u64) {
        let retry = RetrySettings::default();
        let ceiling = Duration::from_secs(1 << (failed - 1).min(10)).min(retry.wait_max);
        prop_assert!(retry.wait(failed, jitter) <= ceiling);
        prop_assert_eq!(retry.wait(failed, 0), Duration::ZERO);
        prop_assert_eq!(retry.wait(failed, u64::MAX), ceiling);
    }
}
