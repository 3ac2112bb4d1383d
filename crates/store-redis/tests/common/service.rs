//! Whole use cases over an instance, and what a caller says to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign_domain::client::Client;
use countersign_domain::code::Guess;
use countersign_domain::delivery::DeliveryReport;
use countersign_domain::guard::GuardSettings;
use countersign_domain::limit::{ChargeMode, KeyParts, RuleLabel, Window};
use countersign_domain::money::{Amount, BudgetSettings, Currency, Money, PriceList, PriceTable, Rate};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::rule::{Rules, default_rules};
use countersign_domain::template::Platform;
use countersign_domain::use_case::{
    CheckAnswer, CheckRequest, Error, ReportedDelivery, Rulebook, StartAnswer, StartRequest, VerificationName,
};
use countersign_store_redis::Redis;
use countersign_store_redis::config::Config;
use countersign_testkit::contract::recipient_store::SHARDS;
use countersign_testkit::fixture::{app_id, caller, identity, key_ring, purpose, rulebook};
use countersign_testkit::house::House;

use super::instance_of;

/// An instance with the keys of the fixture, not yet looked at.
pub(crate) fn instance_of_house(config: &Config) -> Redis {
    instance_of(config, SHARDS, &identity(), &key_ring())
}

/// Every use case over an instance.
pub(crate) fn house_on(redis: &Redis) -> House {
    House::builder(Arc::new(redis.recipients()), Arc::new(redis.limits()), redis.feed())
        .guard(Arc::new(redis.guard()), Arc::new(redis.tallies()))
        .build()
}

/// The same with all that is on unless the configuration says otherwise: the default rules, the guard, and prices; and
/// a budget beside them.
pub(crate) fn guarded_house_on(redis: &Redis) -> House {
    let rulebook = Rulebook {
        rules: Rules::new(default_rules()).unwrap(),
        money: Some(money()),
        guard: Some(GuardSettings::default()),
        ..rulebook()
    };
    House::builder(Arc::new(redis.recipients()), Arc::new(redis.limits()), redis.feed())
        .guard(Arc::new(redis.guard()), Arc::new(redis.tallies()))
        .rulebook(rulebook)
        .build()
}

/// One price for everybody, and a budget over everything.
fn money() -> Money {
    let prices = PriceList {
        currency: Currency::parse("USD").unwrap(),
        as_of: "2026-10-01".to_owned(),
        countries: BTreeMap::new(),
        regions: Vec::new(),
        other: Some(Rate {
            authentication: Amount::from_micros(6_800),
            international: None,
        }),
        international: BTreeSet::new(),
    };
    let budget = BudgetSettings {
        name: RuleLabel::parse("day").unwrap(),
        parts: KeyParts::EVERYTHING,
        amount: Amount::from_micros(75_000_000),
        window: Window::DAY,
        soft_percent: 80,
        mode: ChargeMode::Refuse,
        apps: BTreeSet::new(),
    };
    Money::new(PriceTable::new(prices).unwrap(), vec![budget]).unwrap()
}

/// What asks a phone for a code.
pub(crate) fn start_of(phone: &PhoneNumber) -> StartRequest {
    StartRequest {
        app: app_id(),
        phone: phone.clone(),
        purpose: purpose(),
        language: None,
        platform: Platform::Unknown,
        package: None,
        context: BTreeMap::new(),
        accept_identity_change: false,
        client: Client::default(),
        request_id: None,
        deadline: None,
    }
}

pub(crate) async fn start(house: &House, phone: &PhoneNumber) -> Result<StartAnswer, Error> {
    house.use_cases.start.execute(&caller(), start_of(phone)).await
}

pub(crate) async fn check(house: &House, name: VerificationName, code: &str) -> Result<CheckAnswer, Error> {
    let request = CheckRequest {
        name,
        guess: Guess::parse(code).unwrap(),
        context: BTreeMap::new(),
        client: Client::default(),
        request_id: None,
        deadline: None,
    };
    house.use_cases.check.execute(&caller(), request).await
}

/// What a post says of the newest message to a phone.
pub(crate) fn said_of(house: &House, phone: &PhoneNumber, report: DeliveryReport) -> ReportedDelivery {
    let sent = house.messenger.sent();
    let newest = sent.iter().rfind(|it| it.to == *phone);
    ReportedDelivery {
        message: newest.map(|it| it.id.clone()),
        sender: newest.map(|it| it.sender.clone()),
        ..ReportedDelivery::new(newest.map(|it| it.reference.clone()), report)
    }
}

/// Applies a whole post, recipient by recipient.
pub(crate) async fn post(house: &House, reports: Vec<ReportedDelivery>) {
    let apply = &house.use_cases.apply_delivery;
    for reports in apply.by_recipient(reports) {
        apply.execute(&reports).await.unwrap();
    }
}
