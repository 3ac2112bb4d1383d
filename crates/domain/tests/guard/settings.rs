//! The numbers of the guard, right and wrong.

use std::time::Duration;

use countersign_domain::guard::GuardSettings;
use countersign_domain::limit::ChargeMode;

#[test]
fn the_default_numbers_hold_together() {
    assert_eq!(GuardSettings::default().mistakes(), []);
}

#[test]
fn numbers_beyond_their_limits_are_told_all_at_once() {
    let settings = GuardSettings {
        mode: ChargeMode::Always,
        unfinished_per_block_max: 0,
        unfinished_per_country_min: 0,
        maturity: Duration::from_secs(29),
        returning_memory: Duration::from_secs(60),
        challenge_length: Duration::from_secs(60),
        clean_period: Duration::from_secs(60),
    };
    let fields: Vec<_> = settings.mistakes().iter().map(|it| it.field).collect();
    let all = [
        "action",
        "unfinished_per_block_max",
        "unfinished_per_country_min",
        "maturity",
        "returning_memory",
        "challenge_length",
        "clean_period",
    ];
    assert_eq!(fields, all);
}

#[test]
fn a_country_may_have_no_fewer_unfinished_sends_than_one_of_its_blocks() {
    let settings = GuardSettings {
        unfinished_per_block_max: 200,
        ..GuardSettings::default()
    };
    let mistakes = settings.mistakes();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].field, "unfinished_per_country_min");
}
