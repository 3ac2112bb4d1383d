//! What a message takes from which budgets.

use countersign_domain::client::Client;
use countersign_domain::country::CountryCode;
use countersign_domain::guard::PersonKey;
use countersign_domain::id::{AppId, CallerId};
use countersign_domain::limit::{Charge, ChargeMode, KeyPart, Quota, Window};
use countersign_domain::money::{Amount, BudgetSettings, Money};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::rule::Subject;
use countersign_testkit::fixture;

use crate::{amount, budget, country, per, prices};

fn charges(budgets: &[BudgetSettings], app: &str, phone: &str, country: Option<CountryCode>) -> Vec<Charge> {
    priced(budgets, app, phone, country, amount("0.0068"))
}

fn priced(
    budgets: &[BudgetSettings],
    app: &str,
    phone: &str,
    country: Option<CountryCode>,
    price: Amount,
) -> Vec<Charge> {
    let money = Money::new(prices(), budgets.to_vec()).unwrap();
    let phone = PhoneNumber::parse(phone).unwrap();
    let subject = Subject {
        phone: &phone,
        line: PersonKey::of(&fixture::identity(), &phone),
        country,
        client: &Client::default(),
        app: &AppId::parse(app).unwrap(),
        purpose: &fixture::purpose(),
        caller: &CallerId::parse("storefront").unwrap(),
    };
    money.charges(&fixture::identity(), price, &subject)
}

#[test]
fn a_message_takes_its_price_from_every_budget_that_is_about_it() {
    let mut watched = budget("watched", "40", Window::DAY);
    watched.mode = ChargeMode::Shadow;
    let mut bank = budget("bank", "5", Window::HOUR);
    bank.apps = [AppId::parse("bank").unwrap()].into();
    let budgets = [budget("day", "50", Window::DAY), watched, bank];
    let taken = charges(&budgets, "shop", "+5511987654321", Some(country("BR")));
    let names: Vec<_> = taken
        .iter()
        .map(|it| (it.rule.as_str(), it.mode, it.amount.get()))
        .collect();
    assert_eq!(
        names,
        [
            ("day", ChargeMode::Refuse, 6_800),
            ("watched", ChargeMode::Shadow, 6_800)
        ]
    );
    let fifty = |it: Quota| matches!(it, Quota::Budget { amount, window: Window::DAY } if amount.get() == 50_000_000);
    assert!(fifty(taken[0].quota));
}

#[test]
fn a_message_that_costs_nothing_takes_nothing() {
    let budgets = [budget("day", "50", Window::DAY)];
    let taken = priced(&budgets, "shop", "+5511987654321", Some(country("BR")), Amount::ZERO);
    assert_eq!(taken, []);
}

#[test]
fn a_budget_has_one_key_for_all_that_it_does_not_tell_apart() {
    let budgets = [
        budget("all", "50", Window::DAY),
        per(&[KeyPart::Country], budget("country", "20", Window::DAY)),
        per(&[KeyPart::NumberBlock], budget("block", "1", Window::DAY)),
        per(&[KeyPart::App], budget("app", "30", Window::DAY)),
    ];
    let keys = |app: &str, phone: &str, code: &str| -> Vec<_> {
        let taken = charges(&budgets, app, phone, Some(country(code)));
        taken.iter().map(|it| it.key).collect()
    };
    let one = keys("shop", "+5511987654321", "BR");
    for (other, same) in [
        (keys("shop", "+5511987664321", "BR"), [true, true, false, true]),
        (keys("shop", "+5511987654999", "BR"), [true, true, true, true]),
        (keys("shop", "+919876543210", "IN"), [true, false, false, true]),
        (keys("bank", "+5511987654321", "BR"), [true, true, true, false]),
    ] {
        let seen: Vec<_> = one.iter().zip(&other).map(|(one, other)| one == other).collect();
        // A block of ten thousand: the last four digits say nothing.
        assert_eq!(seen, same);
    }
}

#[test]
fn another_amount_goes_on_from_what_is_spent_and_other_windows_start_anew() {
    let key = |budget: BudgetSettings| charges(&[budget], "shop", "+5511987654321", None)[0].key;
    let day = key(budget("spend", "50", Window::DAY));
    assert_eq!(day, key(budget("spend", "70", Window::DAY)));
    assert_ne!(day, key(budget("spend", "50", Window::Month)));
    assert_ne!(day, key(budget("spend", "50", Window::HOUR)));
    assert_ne!(day, key(budget("other", "50", Window::DAY)));
}
