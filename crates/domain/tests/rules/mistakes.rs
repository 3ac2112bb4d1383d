//! Rules that cannot stand: names, quotas that cannot be counted, and more of them than a call may cost.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_domain::limit::{ChargeMode, KeyPart, Quota, RuleName, Window};
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules};
use countersign_domain::time::DAY;

use crate::{apps, budget, mistakes, rate, rule};

#[test]
fn names_that_are_taken_are_refused() {
    let phones = |name: &str, quota: &str| rule(name, &[KeyPart::Phone], Action::Send, &[quota]);
    let countries = rule("guard", &[KeyPart::Country], Action::Send, &["10/day"]);
    let (fields, text) = mistakes(vec![
        phones("mine", "1/1m"),
        rule("mine", &[], Action::Send, &["9/1m"]),
        countries,
    ]);
    assert_eq!(fields, ["mine.name", "guard.name"], "{text}");
    for built_in in RuleName::BUILT_IN {
        assert_eq!(
            mistakes(vec![phones(built_in.as_str(), "1/1m")]).0,
            [format!("{built_in}.name")]
        );
    }
}

#[test]
fn a_rule_without_a_quota_or_with_one_that_cannot_be_counted_is_refused() {
    let of = |quotas: Vec<Quota>| {
        let mut rule = rule("mine", &[KeyPart::Phone], Action::Send, &[]);
        rule.quotas = quotas;
        Rules::new(vec![rule])
    };
    let life = Duration::from_secs(600);
    let amount = NonZeroU32::new(20).unwrap();
    let halves = Quota::Rate {
        burst: amount,
        interval: Duration::from_micros(1_500),
    };
    for wrong in [
        vec![],
        vec![rate(401, 86_400_000)],
        vec![halves],
        vec![Quota::Rate {
            burst: amount,
            interval: Duration::ZERO,
        }],
        vec![budget((1 << 52) + 1, Window::Month)],
        vec![budget(1, Window::Every(DAY * 401))],
        vec![budget(1, Window::Every(Duration::ZERO))],
        vec![Quota::Unfinished { amount, life }],
    ] {
        let text = format!("{wrong:?}");
        let fields: Vec<_> = of(wrong).err().unwrap_or_default().iter().map(|it| it.field).collect();
        assert_eq!(fields, ["quotas"], "{text}");
    }
    assert!(of(vec![rate(400, 86_400_000)]).is_ok());
    assert!(of(vec![budget(1 << 52, Window::Month)]).is_ok());
}

#[test]
fn every_quota_that_can_be_written_can_be_counted() {
    for text in [
        "1/400d",
        "7/400d",
        "4294967295/400d",
        "1000/1s",
        "1/1s",
        "4503599627370496/hour",
    ] {
        let rules = Rules::new(vec![rule("mine", &[KeyPart::Phone], Action::Send, &[text])]);
        assert_eq!(rules.err(), None, "{text}");
    }
}

#[test]
fn only_a_device_may_be_absent_for_free() {
    for part in [
        KeyPart::ClientIp,
        KeyPart::ClientNetwork,
        KeyPart::Country,
        KeyPart::Phone,
    ] {
        let free = RuleSettings {
            absent: Absent::Free,
            ..rule("mine", &[part], Action::Send, &["5/10m"])
        };
        assert_eq!(mistakes(vec![free]).0, ["mine.absent"]);
    }
}

#[test]
fn a_rule_that_charges_what_it_cannot_refuse_is_refused() {
    let always = RuleSettings {
        mode: ChargeMode::Always,
        ..rule("mine", &[], Action::Send, &["5/10m"])
    };
    assert_eq!(mistakes(vec![always]).0, ["mine.action"]);
}

#[test]
fn more_quotas_than_one_call_may_cost_are_refused_with_their_number() {
    let parts = [
        KeyPart::Phone,
        KeyPart::Device,
        KeyPart::Caller,
        KeyPart::Purpose,
        KeyPart::ClientIp,
    ];
    let quotas = ["1/1s", "2/1m", "4/2h", "8/2d"];
    let of = |count: usize, applies_to| {
        let named = |(place, part): (usize, &KeyPart)| rule(&format!("rule{place}"), &[*part], applies_to, &quotas);
        parts.iter().enumerate().take(count).map(named).collect::<Vec<_>>()
    };
    assert!(Rules::new(of(4, Action::Send)).is_ok());
    let (fields, text) = mistakes(of(5, Action::Send));
    assert_eq!(fields, ["rule4.quotas"]);
    assert!(
        text.contains("a start that sends would be charged against 20 quotas"),
        "{text}"
    );

    // A start that sends pays for both; a check pays for itself; and one app does not pay for another.
    let mut mixed = of(5, Action::Send);
    mixed[4].applies_to = Action::Start;
    assert_eq!(mistakes(mixed.clone()).0, ["rule4.quotas"]);
    mixed[4].applies_to = Action::Check;
    assert!(Rules::new(mixed.clone()).is_ok());
    mixed[4].applies_to = Action::Send;
    mixed[4].apps = apps(&["shop"]);
    assert_eq!(mistakes(mixed.clone()).0, ["rule4.quotas"]);
    mixed[3].apps = apps(&["bank"]);
    assert!(Rules::new(mixed).is_ok());
}

#[test]
fn every_mistake_is_named_at_once() {
    let mut first = rule(
        "guard",
        &[KeyPart::Phone, KeyPart::Country],
        Action::Send,
        &["10/10m", "20/10m"],
    );
    first.absent = Absent::Free;
    first.mode = ChargeMode::Always;
    let second = rule("empty", &[], Action::Check, &[]);
    let (mut fields, text) = mistakes(vec![first, second]);
    fields.sort_unstable();
    let expected = [
        "empty.quotas",
        "guard.absent",
        "guard.action",
        "guard.key",
        "guard.name",
        "guard.quotas",
    ];
    assert_eq!(fields, expected, "{text}");
}
