//! What an action costs, and the rules that are on by default.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use countersign_domain::id::ShardCount;
use countersign_domain::limit::{ChargeMode, KeyPart};
use countersign_domain::rule::{Absent, Action, RuleSettings, Rules, default_rules, quota_text};

use proptest::prelude::*;

use crate::{Request, apps, identity, name, rate, rule};

#[test]
fn an_action_is_charged_once_for_each_quota_of_each_rule_that_is_about_it() {
    let mut shop = rule(
        "shop_only",
        &[KeyPart::Phone, KeyPart::Purpose],
        Action::Send,
        &["3/1h"],
    );
    shop.apps = apps(&["shop"]);
    shop.mode = ChargeMode::Shadow;
    let rules = Rules::new(vec![
        rule(
            "phones",
            &[KeyPart::Phone],
            Action::Send,
            &["10/1d", "5/10m", "40/month"],
        ),
        shop,
        rule("starts", &[], Action::Start, &["1000/hour"]),
        rule("guesses", &[KeyPart::ClientIp], Action::Check, &["100/1h"]),
    ])
    .unwrap();
    let told = |action, request: &Request| {
        let charges = rules.charges(&identity(), action, &request.subject());
        let texts = charges.iter().map(|it| {
            assert_eq!(it.amount, NonZeroU64::MIN);
            format!("{} {} {} {:?}", it.rule, it.parts, quota_text(it.quota), it.mode)
        });
        texts.collect::<Vec<_>>()
    };
    let phones = [
        "phones phone 5/10m Refuse",
        "phones phone 10/1d Refuse",
        "phones phone 40/month Refuse",
    ];
    let shop = "shop_only phone+purpose 3/1h Shadow";
    let request = Request::new();
    assert_eq!(told(Action::Send, &request), [&phones[..], &[shop]].concat());
    assert_eq!(told(Action::Send, &request.clone().app("bank")), phones);
    assert_eq!(told(Action::Start, &request), ["starts everything 1000/hour Refuse"]);
    assert_eq!(told(Action::Check, &request), ["guesses client_ip 100/1h Refuse"]);

    let charges = rules.charges(&identity(), Action::Send, &request.subject());
    let keys: BTreeSet<_> = charges.iter().map(|it| it.key).collect();
    assert_eq!(keys.len(), charges.len());
}

#[test]
fn a_quota_keeps_its_key_when_its_number_changes_or_another_one_comes() {
    let keys = |quotas: &[&str]| {
        let rules = Rules::new(vec![rule("phones", &[KeyPart::Phone], Action::Send, quotas)]).unwrap();
        let charges = rules.charges(&identity(), Action::Send, &Request::new().subject());
        let by_period = charges.into_iter().map(|it| {
            let text = quota_text(it.quota);
            (text.split_once('/').unwrap().1.to_owned(), it.key)
        });
        by_period.collect::<BTreeMap<_, _>>()
    };
    let before = keys(&["5/10m", "10/1d", "100/month"]);
    let after = keys(&["1/1m", "7/10m", "17/1d", "12/day", "110/month"]);
    assert_eq!(before.len(), 3);
    for (period, key) in before {
        assert_eq!(after.get(&period), Some(&key), "{period}");
    }
    let shards: BTreeSet<_> = after.values().map(|it| it.shard(ShardCount::DEFAULT)).collect();
    assert_eq!(shards.len(), 1, "the quotas of a rule are kept together");
}

proptest! {
    #[test]
    fn quotas_that_stand_in_one_rule_never_share_a_key(
        quotas in prop::collection::vec((1_u32..3_000, 1_u64..400_000), 2..6),
    ) {
        let mut settings = rule("phones", &[KeyPart::Phone], Action::Send, &[]);
        settings.quotas = quotas.into_iter().map(|(burst, interval_ms)| rate(burst, interval_ms)).collect();
        if let Ok(rules) = Rules::new(vec![settings]) {
            let charges = rules.charges(&identity(), Action::Send, &Request::new().subject());
            let keys: BTreeSet<_> = charges.iter().map(|it| it.key).collect();
            prop_assert_eq!(keys.len(), charges.len());
        }
    }
}

#[test]
fn the_order_in_which_quotas_are_written_does_not_matter() {
    let of = |quotas: &[&str]| Rules::new(vec![rule("phones", &[KeyPart::Phone], Action::Send, quotas)]).unwrap();
    let (one, other) = (of(&["5/10m", "10/1d", "30/month"]), of(&["30/month", "10/1d", "5/10m"]));
    assert_eq!(one, other);
}

#[test]
fn a_rule_that_lets_absent_devices_pass_counts_those_that_are_there() {
    let free = RuleSettings {
        absent: Absent::Free,
        ..rule(
            "devices",
            &[KeyPart::Device, KeyPart::ClientIp],
            Action::Send,
            &["5/10m"],
        )
    };
    let rules = Rules::new(vec![free.clone()]).unwrap();
    let count = |rules: &Rules, request: Request| rules.charges(&identity(), Action::Send, &request.subject()).len();
    assert_eq!(count(&rules, Request::new()), 1);
    assert_eq!(
        count(&rules, Request::new().address(None)),
        1,
        "an absent address is never free"
    );
    assert_eq!(count(&rules, Request::new().device("")), 0);
    let shared = Rules::new(vec![RuleSettings {
        absent: Absent::Shared,
        ..free
    }])
    .unwrap();
    assert_eq!(count(&shared, Request::new().device("")), 1);
}

#[test]
fn the_default_rules_are_the_designs_and_hold_together() {
    let rules = Rules::new(default_rules()).unwrap();
    let told: Vec<_> = rules
        .iter()
        .map(|it| {
            let quotas: Vec<_> = it.quotas.iter().map(|quota| quota_text(*quota)).collect();
            let (name, action) = (it.name.as_str(), it.applies_to.name());
            format!(
                "{name} {} {action} {:?} {:?} {}",
                it.parts,
                it.mode,
                it.absent,
                quotas.join(" ")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "sends_per_phone phone send Refuse Shared 5/10m 10/1d",
            "sends_per_ip client_ip send Refuse Shared 30/10m 200/1d",
            "sends_per_network client_network send Refuse Shared 100/10m 1000/1d",
            "sends_per_device device send Refuse Free 5/10m 10/1d",
        ]
    );
    assert!(rules.iter().all(|it| it.apps.is_empty()));
}

#[test]
fn the_default_rules_cost_a_send_eight_charges_and_a_check_none() {
    let rules = Rules::new(default_rules()).unwrap();
    let count = |action, request: &Request| rules.charges(&identity(), action, &request.subject()).len();
    let request = Request::new();
    assert_eq!(
        [Action::Start, Action::Send, Action::Check].map(|it| count(it, &request)),
        [0, 8, 0]
    );
    let bare = request.address(None).device("");
    assert_eq!(count(Action::Send, &bare), 6, "all but the device's");
}

#[test]
fn no_purpose_no_app_and_no_device_makes_a_way_around_the_phone() {
    let rules = Rules::new(default_rules()).unwrap();
    let phone_keys = |request: Request| {
        let charges = rules.charges(&identity(), Action::Send, &request.subject());
        let of_phone = charges.into_iter().filter(|it| it.rule == name("sends_per_phone"));
        of_phone.map(|it| it.key).collect::<Vec<_>>()
    };
    let base = phone_keys(Request::new());
    assert_eq!(base.len(), 2);
    let other = Request::new().purpose("payment").app("bank").caller("backend");
    assert_eq!(phone_keys(other.device("another").address(None)), base);
}

#[test]
fn the_sample_and_the_page_about_limits_say_the_defaults() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let (sample, page) = (read("deploy/countersign.toml"), read("docs/limits.md"));
    for rule in default_rules() {
        let name = rule.name.as_str();
        let quotas: Vec<_> = rule.quotas.iter().map(|quota| quota_text(*quota)).collect();
        let row = format!("| `{name}` | {} | `{}` |", rule.parts, quotas.join("`, `"));
        assert!(page.contains(&row), "{row}");

        let header = format!("# [limits.rules.{name}]\n");
        let (_, table) = sample.split_once(&header).unwrap();
        let table = table.split("# [limits.rules.").next().unwrap();
        let mut lines = vec![
            format!("# key = [\"{}\"]", rule.parts),
            format!("# quotas = [\"{}\"]", quotas.join("\", \"")),
        ];
        if rule.absent == Absent::Free {
            lines.push("# absent = \"free\"".to_owned());
        }
        for line in lines {
            assert!(table.lines().any(|it| it == line), "{name}: {line}");
        }
    }
}
