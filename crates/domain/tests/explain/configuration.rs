//! Random rules, budgets and settings of the guard, tight enough to be met.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use countersign_domain::guard::GuardSettings;
use countersign_domain::limit::{ChargeMode, KeyPart, KeyParts, Quota, RuleLabel, Window};
use countersign_domain::money::{Amount, BudgetSettings, Currency, Money, PriceList, PriceTable, Rate};
use countersign_domain::policy::{Policy, PolicySettings};
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules};
use countersign_domain::use_case::Rulebook;
use countersign_testkit::fixture;
use rand::RngExt;
use rand::rngs::StdRng;

/// A configuration that holds together.
pub(crate) fn rulebook(rng: &mut StdRng) -> Rulebook {
    let policy = Policy::new(PolicySettings {
        unanswered_sends_max: rng.random_range(3..12),
        sends_per_window_max: 8,
        ..fixture::policy_settings()
    });
    let mut rulebook = fixture::rulebook_with(policy.unwrap());
    // Of rules drawn at random some contradict each other: then they are drawn again.
    let rules = (0..50).find_map(|_| Rules::new(rules(rng)).ok());
    rulebook.rules = rules.unwrap_or_default();
    if rng.random_bool(0.6) {
        let budgets = (0..50).find_map(|_| Money::new(prices(), budgets(rng)).ok());
        rulebook.money = budgets;
    }
    if rng.random_bool(0.8) {
        rulebook.guard = Some(GuardSettings {
            mode: mode(rng),
            unfinished_per_block_max: rng.random_range(1..10),
            ..GuardSettings::default()
        });
    }
    rulebook
}

fn rules(rng: &mut StdRng) -> Vec<RuleSettings> {
    let count = rng.random_range(0..4);
    let rule = |number| RuleSettings {
        name: RuleLabel::parse(&format!("rule-{number}")).unwrap(),
        parts: parts(rng, &KeyPart::ALL),
        quotas: (0..rng.random_range(1..3)).map(|_| quota(rng)).collect(),
        applies_to: [Action::Start, Action::Send, Action::Send, Action::Check][rng.random_range(0..4)],
        mode: mode(rng),
        absent: [Absent::Shared, Absent::Free][rng.random_range(0..2)],
        apps: BTreeSet::new(),
    };
    (0..count).map(rule).collect()
}

fn quota(rng: &mut StdRng) -> Quota {
    if rng.random_bool(0.5) {
        return Quota::Budget {
            amount: NonZeroU64::new(rng.random_range(2..9)).unwrap(),
            window: [Window::HOUR, Window::DAY, Window::Month][rng.random_range(0..3)],
        };
    }
    Quota::Rate {
        burst: NonZeroU32::new(rng.random_range(1..6)).unwrap(),
        interval: Duration::from_secs(rng.random_range(10..2_000)),
    }
}

fn budgets(rng: &mut StdRng) -> Vec<BudgetSettings> {
    let count = rng.random_range(0..3);
    let budget = |number| BudgetSettings {
        name: RuleLabel::parse(&format!("budget-{number}")).unwrap(),
        parts: parts(rng, &[KeyPart::App, KeyPart::Country, KeyPart::NumberBlock]),
        amount: Amount::from_micros(rng.random_range(60_000..600_000)),
        window: [Window::HOUR, Window::DAY, Window::Month][rng.random_range(0..3)],
        soft_percent: 80,
        mode: mode(rng),
        apps: BTreeSet::new(),
    };
    (0..count).map(budget).collect()
}

fn prices() -> PriceTable {
    PriceTable::new(PriceList {
        currency: Currency::parse("USD").unwrap(),
        as_of: "2026-10-01".to_owned(),
        countries: BTreeMap::new(),
        regions: Vec::new(),
        other: Some(Rate {
            authentication: Amount::from_micros(31_500),
            international: None,
        }),
        international: BTreeSet::new(),
    })
    .unwrap()
}

fn parts(rng: &mut StdRng, of: &[KeyPart]) -> KeyParts {
    of.iter().copied().filter(|_| rng.random_bool(0.2)).collect()
}

fn mode(rng: &mut StdRng) -> ChargeMode {
    if rng.random_bool(0.75) {
        ChargeMode::Refuse
    } else {
        ChargeMode::Shadow
    }
}
