//! Prices, budgets, and what becomes of a reservation.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and its helpers with it"
)]

mod amounts;
mod budgets;
mod charges;
mod histories;
mod prices;
mod settlement;

use std::collections::{BTreeMap, BTreeSet};

use countersign_domain::code::Salt;
use countersign_domain::country::CountryCode;
use countersign_domain::delivery::{Delivery, MessageTag};
use countersign_domain::limit::{ChargeMode, KeyPart, KeyParts, RuleLabel, Window};
use countersign_domain::money::{Amount, BudgetSettings, Currency, Money, PriceList, PriceTable, Rate, Region};
use countersign_domain::policy::Policy;
use countersign_domain::recipient::{AttemptResult, ChargeTag, Charged, Claim, MessagePrice, Recipient, Settles};
use countersign_domain::recipient::{StartDecision, StartOrder};
use countersign_domain::template::Wording;
use countersign_domain::time::Timestamp;
use countersign_testkit::fixture;

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn country(code: &str) -> CountryCode {
    CountryCode::parse(code).unwrap()
}

fn countries(codes: &[&str]) -> BTreeSet<CountryCode> {
    codes.iter().map(|code| country(code)).collect()
}

fn rate(authentication: &str) -> Rate {
    Rate {
        authentication: amount(authentication),
        international: None,
    }
}

/// Brazil and India have prices of their own, Bolivia and Peru that of a region, everybody else that of all others.
fn price_list() -> PriceList {
    let india = Rate {
        authentication: amount("0.0014"),
        international: Some(amount("0.0304")),
    };
    PriceList {
        currency: Currency::parse("USD").unwrap(),
        as_of: "2026-10-01".to_owned(),
        countries: BTreeMap::from([(country("BR"), rate("0.0068")), (country("IN"), india)]),
        regions: vec![Region {
            name: "Rest of Latin America".to_owned(),
            countries: countries(&["BO", "PE", "BR"]),
            rate: rate("0.0113"),
        }],
        other: Some(rate("0.0077")),
        international: BTreeSet::new(),
    }
}

fn prices() -> PriceTable {
    PriceTable::new(price_list()).unwrap()
}

fn money() -> Money {
    Money::new(prices(), Vec::new()).unwrap()
}

fn budget(name: &str, text: &str, window: Window) -> BudgetSettings {
    BudgetSettings {
        name: RuleLabel::parse(name).unwrap(),
        parts: KeyParts::EVERYTHING,
        amount: amount(text),
        window,
        soft_percent: 80,
        mode: ChargeMode::Refuse,
        apps: BTreeSet::new(),
    }
}

fn per(parts: &[KeyPart], budget: BudgetSettings) -> BudgetSettings {
    BudgetSettings {
        parts: KeyParts::of(parts),
        ..budget
    }
}

/// A recipient whose first message was handed over at `now`, with what was reserved for it.
fn sent_recipient(price: Option<MessagePrice>, charges: Vec<Charged>, now: Timestamp) -> (Recipient, Claim, Policy) {
    let policy = fixture::policy();
    let mut recipient = Recipient::new(fixture::app_id(), fixture::purpose(), Salt([5; 16]));
    let order = StartOrder {
        phone: fixture::phone(),
        wording: Wording {
            language: fixture::language("en_US"),
            template: None,
        },
        context: None,
        key: fixture::key_ring().current().clone(),
        accept_identity_change: false,
        request: None,
    };
    let StartDecision::Send { claim, .. } = recipient.start(&order, &policy, &fixture::key_ring(), now) else {
        panic!("the first start sends");
    };
    let delivery = delivery_of(&mut recipient, claim);
    (delivery.price, delivery.charges) = (price, charges);
    let accepted = AttemptResult::Accepted {
        held: false,
        message: Some(MessageTag([1; 8])),
        line: None,
    };
    recipient.record_attempt(claim, &accepted, &policy, 0, now);
    (recipient, claim, policy)
}

fn delivery_of(recipient: &mut Recipient, claim: Claim) -> &mut Delivery {
    let verification = recipient.verifications.iter_mut().find(|it| it.serial == claim.serial);
    let mut deliveries = verification.unwrap().deliveries.iter_mut();
    deliveries.find(|it| it.number == claim.delivery).unwrap()
}

fn reserved(text: &str, code: &str) -> MessagePrice {
    MessagePrice {
        amount: amount(text),
        is_settled: false,
        country: Some(country(code)),
    }
}

fn held(tag: u8, text: &str) -> Charged {
    Charged {
        tag: ChargeTag([tag; 4]),
        key: countersign_domain::limit::LimitKey::from_bytes([tag; 16]),
        amount: amount(text).micros(),
        settles: Settles::Price,
    }
}
