//! Rules that say nothing: parts beside parts, quotas beside quotas, and rules beside rules.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::limit::{Charge, ChargeMode, KeyPart, Taken, take, weigh};
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules, parse_quota};
use countersign_domain::time::Timestamp;

use proptest::prelude::*;

use crate::{Request, apps, identity, keys, mistakes, rule};

#[test]
fn a_part_that_says_nothing_beside_another_one_is_refused() {
    use KeyPart::{App, ClientIp, ClientNetwork, Country, NumberBlock, Phone, Purpose};
    for (parts, useless) in [
        (&[Phone, NumberBlock][..], "number_block"),
        (&[Phone, Country], "country"),
        (&[NumberBlock, Country], "country"),
        (&[ClientIp, ClientNetwork], "client_network"),
    ] {
        let (fields, text) = mistakes(vec![rule("mine", parts, Action::Send, &["5/10m"])]);
        assert_eq!(fields, ["mine.key"], "{text}");
        assert!(
            text.contains(&format!("key: {useless} tells nothing apart beside")),
            "{text}"
        );
    }
    // A purpose is a word of the installation: all payments together are as good a bucket as those of one app.
    for parts in [&[Purpose][..], &[Phone, ClientIp], &[Country, App], &[]] {
        assert!(Rules::new(vec![rule("mine", parts, Action::Send, &["5/10m"])]).is_ok());
    }
    let mut one_app = rule("mine", &[Phone, App], Action::Send, &["5/10m"]);
    one_app.apps = apps(&["shop"]);
    assert_eq!(mistakes(vec![one_app.clone()]).0, ["mine.key"]);
    one_app.apps = apps(&["shop", "bank"]);
    assert!(Rules::new(vec![one_app]).is_ok());
}

#[test]
fn quotas_that_can_never_refuse_are_refused() {
    let useless = |quotas: &[&str]| {
        let wrong = Rules::new(vec![rule("mine", &[KeyPart::Phone], Action::Send, quotas)]).err();
        let problems = wrong.unwrap_or_default().into_iter().map(|it| it.problem);
        problems
            .map(|it| it.split_once(' ').unwrap().0.to_owned())
            .collect::<Vec<_>>()
    };
    for (quotas, expected) in [
        // Rates: neither more at once nor more in the long run.
        (&["10/10m", "20/10m"][..], &["20/10m"][..]),
        (&["10/10m", "10/5m"], &["10/5m"]),
        (&["10/10m", "10/10m"], &["10/10m"]),
        (&["5/10m", "10/1d"], &[]),
        (&["10/1d", "9/10m"], &[]),
        // Budgets of one calendar.
        (&["10/day", "20/day"], &["20/day"]),
        (&["10/day", "240/month"], &[]),
        (&["10/day", "309/month"], &[]),
        (&["10/day", "310/month"], &["310/month"]),
        (&["10/hour", "239/day"], &[]),
        (&["10/hour", "240/day"], &["240/day"]),
        (&["10/day", "10/hour"], &["10/hour"]),
        (&["10/month", "10/day"], &["10/day"]),
        (&["10/day", "9/hour"], &[]),
        // Across the shapes: a rate of 5/10m lets 149 pass in a day, a budget its double around midnight.
        (&["5/10m", "724/day"], &[]),
        (&["5/10m", "725/day"], &["725/day"]),
        (&["10/day", "20/1h"], &["20/1h"]),
        (&["10/day", "19/1h"], &[]),
        (&["10/day", "20/20d"], &[]),
    ] {
        assert_eq!(useless(quotas), expected, "{quotas:?}");
    }
}

#[test]
fn two_rules_that_count_the_same_should_be_one() {
    let phones = |name: &str, quota: &str| rule(name, &[KeyPart::Phone], Action::Send, &[quota]);
    let (fields, text) = mistakes(vec![phones("short", "5/10m"), phones("long", "10/1d")]);
    assert_eq!(fields, ["long.name"]);
    assert!(text.contains("counts the same as short"), "{text}");
    // One that only counts may stand beside one that refuses, to try a stricter number.
    let trial = RuleSettings {
        mode: ChargeMode::Shadow,
        ..phones("trial", "3/10m")
    };
    assert!(Rules::new(vec![phones("short", "5/10m"), trial]).is_ok());
    let mut shop = phones("shop", "3/10m");
    shop.apps = apps(&["shop"]);
    assert!(Rules::new(vec![phones("short", "5/10m"), shop]).is_ok());
}

#[test]
fn a_quota_that_a_wider_rule_always_stands_before_is_refused() {
    let wide = rule("wide", &[KeyPart::ClientNetwork], Action::Send, &["100/10m"]);
    let narrow = |quota: &str| rule("narrow", &[KeyPart::ClientIp], Action::Send, &[quota]);
    let (fields, text) = mistakes(vec![narrow("100/10m"), wide.clone()]);
    assert_eq!(fields, ["narrow.quotas"]);
    assert!(
        text.contains("100/10m never refuses what 100/10m of wide lets pass"),
        "{text}"
    );
    assert!(Rules::new(vec![narrow("99/10m"), wide.clone()]).is_ok());

    // Whoever only counts, counts something else, or is about fewer requests, stands before nobody.
    let shadow = RuleSettings {
        mode: ChargeMode::Shadow,
        ..wide.clone()
    };
    let checks = RuleSettings {
        applies_to: Action::Check,
        ..wide.clone()
    };
    let starts = RuleSettings {
        applies_to: Action::Start,
        ..wide.clone()
    };
    let shop = RuleSettings {
        apps: apps(&["shop"]),
        ..wide.clone()
    };
    let country = rule("wide", &[KeyPart::Country], Action::Send, &["100/10m"]);
    for other in [shadow, checks, starts, shop.clone(), country] {
        assert!(Rules::new(vec![narrow("100/10m"), other]).is_ok());
    }
    // But every start sends, and an app is one of all.
    let starts = RuleSettings {
        applies_to: Action::Start,
        ..narrow("100/10m")
    };
    assert_eq!(mistakes(vec![starts, wide.clone()]).0, ["narrow.quotas"]);
    let only_shop = RuleSettings {
        apps: apps(&["shop"]),
        ..narrow("100/10m")
    };
    assert_eq!(mistakes(vec![only_shop, shop]).0, ["narrow.quotas"]);

    // A rule that lets absent devices pass does not stand before one that counts them.
    let devices = |name: &str, parts: &[KeyPart], absent| RuleSettings {
        absent,
        ..rule(name, parts, Action::Send, &["5/10m"])
    };
    let both = &[KeyPart::Device, KeyPart::App];
    let free = devices("free", &[KeyPart::Device], Absent::Free);
    assert!(Rules::new(vec![free.clone(), devices("narrow", both, Absent::Shared)]).is_ok());
    assert_eq!(
        mistakes(vec![free, devices("narrow", both, Absent::Free)]).0,
        ["narrow.quotas"]
    );
}

proptest! {
    // Most pairs are both of use.
    #![proptest_config(ProptestConfig { cases: 128, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn a_quota_that_is_refused_as_useless_never_would_have_refused(
        strict in quota(),
        loose in quota(),
        begins_ms in 0_u64..4_000_000_000,
        waits_ms in prop::collection::vec(
            prop_oneof![Just(0), Just(1_u64), 1..5_000_u64, 1_000..400_000_u64, 1_000_000..100_000_000_u64],
            1..150,
        ),
    ) {
        let both = vec![rule("mine", &[KeyPart::Phone], Action::Send, &[&strict, &loose])];
        let wrong = Rules::new(both).err().unwrap_or_default();
        let is_useless = strict != loose && wrong.iter().any(|it| it.problem.starts_with(&format!("{loose} never")));
        prop_assume!(is_useless);
        let (strict, loose) = (parse_quota(&strict).unwrap(), parse_quota(&loose).unwrap());
        let (mut held, mut now) = ((None, None), Timestamp::from_unix_millis(begins_ms));
        for wait in waits_ms {
            now = now.plus(Duration::from_millis(wait));
            // As many as go at once.
            while let Ok(state) = take(held.0, strict, NonZeroU64::MIN, now) {
                let other = take(held.1, loose, NonZeroU64::MIN, now);
                prop_assert!(other.is_ok(), "at {now:?}");
                held = (Some(state), other.ok());
            }
        }
    }
}

/// Quotas that often imply each other.
fn quota() -> impl Strategy<Value = String> {
    let periods = ["1s", "7s", "1m", "10m", "1h", "1d", "31d", "hour", "day", "month"];
    let amounts = [1, 2, 5, 10, 48, 100, 310, 1_000];
    (
        prop::sample::select(amounts.to_vec()),
        prop::sample::select(periods.to_vec()),
    )
        .prop_map(|(amount, period)| format!("{amount}/{period}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_that_is_refused_as_useless_never_would_have_refused(
        wide in settings("wide"),
        narrow in settings("narrow"),
        calls in prop::collection::vec((request(), any::<bool>(), 0..90_000_u64), 1..150),
    ) {
        let parts = wide.parts.iter().chain(narrow.parts.iter()).collect();
        let narrow = RuleSettings { parts, ..narrow };
        let wrong = Rules::new(vec![wide.clone(), narrow.clone()]).err().unwrap_or_default();
        prop_assume!(!wrong.is_empty() && wrong.iter().all(|it| it.problem.contains("of wide lets pass")));
        let (wide, narrow) = (Rules::new(vec![wide]).unwrap(), Rules::new(vec![narrow]).unwrap());
        let mut held = BTreeMap::new();
        let mut now = Timestamp::from_unix_millis(1_763_800_000_000);
        for (request, opens, wait) in calls {
            now = now.plus(Duration::from_millis(wait));
            // Whatever is opened is sent in the same step.
            let actions = if opens { &[Action::Start, Action::Send][..] } else { &[Action::Send] };
            let cost = |rules: &Rules| -> Vec<Charge> {
                let charges = |action: &Action| rules.charges(&identity(), *action, &request.subject());
                actions.iter().flat_map(charges).collect()
            };
            let taken = weigh(&cost(&wide), |key| held.get(&key).copied(), now);
            if matches!(taken.taken, Taken::All(_)) {
                let other = weigh(&cost(&narrow), |key| held.get(&key).copied(), now);
                let over = |it: &Taken| match it {
                    Taken::All(standings) => standings.iter().any(|it| it.is_over),
                    Taken::Refused(_) => true,
                };
                prop_assert!(!over(&other.taken), "at {now:?}");
                held.extend(taken.states);
                held.extend(other.states);
            }
        }
    }
}

/// Rules over few parts, of which many stand before each other.
fn settings(name: &'static str) -> impl Strategy<Value = RuleSettings> {
    let few = [KeyPart::Phone, KeyPart::ClientIp, KeyPart::Device, KeyPart::App];
    let parts = prop::collection::btree_set(prop::sample::select(few.to_vec()), 0..3);
    let quota = prop::sample::select(vec!["2/1m", "3/1m", "3/10m", "5/1h", "20/hour"]);
    let applies_to = prop::sample::select(vec![Action::Start, Action::Send, Action::Send]);
    let mode = prop::sample::select(vec![ChargeMode::Refuse, ChargeMode::Refuse, ChargeMode::Shadow]);
    let absent = prop::sample::select(vec![Absent::Shared, Absent::Free]);
    let about = prop::sample::select(vec![apps(&[]), apps(&["shop"]), apps(&["shop", "bank"])]);
    (parts, quota, applies_to, mode, absent, about).prop_map(move |(parts, quota, applies_to, mode, absent, apps)| {
        let parts: Vec<_> = parts.into_iter().collect();
        let absent = if parts.contains(&KeyPart::Device) {
            absent
        } else {
            Absent::Shared
        };
        RuleSettings {
            mode,
            absent,
            apps,
            ..rule(name, &parts, applies_to, &[quota])
        }
    })
}

/// Requests whose country follows from their phone.
fn request() -> impl Strategy<Value = Request> {
    keys::request().prop_map(|request| {
        let country = CountryCode::parse(if request.phone.expose().starts_with("+55") {
            "BR"
        } else {
            "ES"
        });
        Request { country, ..request }
    })
}
