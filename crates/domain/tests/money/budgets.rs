//! Budgets that hold together, and those that do not.

use countersign_domain::app::{App, Apps};
use countersign_domain::id::AppId;
use countersign_domain::limit::{ChargeMode, KeyPart, RuleLabel, Window};
use countersign_domain::money::{Amount, BudgetMistake, BudgetSettings, Money};
use countersign_domain::policy::{Countries, Policy};
use countersign_domain::rule::Rules;
use countersign_testkit::fixture;

use crate::{amount, budget, countries, per, prices};

fn told(mistakes: &[BudgetMistake]) -> Vec<String> {
    mistakes.iter().map(ToString::to_string).collect()
}

fn refused(budgets: Vec<BudgetSettings>) -> Vec<String> {
    Money::new(prices(), budgets).map_or_else(|mistakes| told(&mistakes), |_| Vec::new())
}

fn of_app(app: &str, mut budget: BudgetSettings) -> BudgetSettings {
    budget.apps = [AppId::parse(app).unwrap()].into();
    budget
}

fn shadow(budget: BudgetSettings) -> BudgetSettings {
    BudgetSettings {
        mode: ChargeMode::Shadow,
        ..budget
    }
}

/// Apps that send to these countries.
fn apps(allowed: &[(&str, Countries)]) -> Apps {
    let app = |(name, countries): &(&str, Countries)| {
        let mut settings = fixture::policy_settings();
        settings.countries = countries.clone();
        let policy = Policy::new(settings).unwrap();
        let app = App {
            templates: fixture::templates(),
            senders: vec![fixture::sender()],
            purposes: [(fixture::purpose(), policy.into())].into(),
        };
        (AppId::parse(name).unwrap(), app)
    };
    Apps::new(allowed.iter().map(app))
}

#[test]
fn budgets_that_each_bound_something_hold_together() {
    let budgets = vec![
        budget("month", "500", Window::Month),
        budget("day", "50", Window::DAY),
        budget("hour", "10", Window::HOUR),
        per(&[KeyPart::Country], budget("country", "20", Window::DAY)),
        per(
            &[KeyPart::App, KeyPart::NumberBlock],
            budget("block", "0.5", Window::DAY),
        ),
        of_app("shop", budget("shop", "30", Window::DAY)),
        shadow(budget("watched", "40", Window::DAY)),
    ];
    assert_eq!(refused(budgets), [""; 0]);
}

#[test]
fn a_budget_alone_tells_every_mistake_at_once() {
    let wrong = BudgetSettings {
        name: RuleLabel::parse("guard").unwrap(),
        amount: Amount::ZERO,
        window: Window::Every(std::time::Duration::from_secs(60)),
        soft_percent: 101,
        mode: ChargeMode::Always,
        ..per(
            &[KeyPart::Phone, KeyPart::App],
            of_app("shop", budget("x", "1", Window::DAY)),
        )
    };
    assert_eq!(
        refused(vec![wrong]),
        [
            "guard.name: is the name of a rule that is built in",
            "guard.amount: is nothing; to send nothing, allow no country or leave the app out",
            "guard.soft_percent: is 101, must be 1 to 100",
            "guard.window: must be hour, day or month",
            "guard.action: must be refuse or shadow",
            "guard.per: must be of app, country and number_block, or all",
            "guard.per: app says nothing in a budget of one app",
        ]
    );
    let beyond = BudgetSettings {
        amount: Amount::from_micros((1 << 52) + 1),
        soft_percent: 0,
        ..per(
            &[KeyPart::Country, KeyPart::NumberBlock],
            budget("beyond", "1", Window::DAY),
        )
    };
    assert_eq!(
        refused(vec![beyond]),
        [
            "beyond.amount: is more than 4503599627.370496, the most that is counted",
            "beyond.soft_percent: is 0, must be 1 to 100",
            "beyond.per: country says nothing beside number_block, which is of one country",
        ]
    );
}

#[test]
fn two_budgets_of_one_name_are_refused() {
    let budgets = vec![
        budget("day", "50", Window::DAY),
        per(&[KeyPart::App], budget("day", "5", Window::DAY)),
    ];
    assert_eq!(refused(budgets), ["day.name: is the name of another budget"]);
}

#[test]
fn a_budget_that_another_one_ends_before_is_refused() {
    let day = || budget("day", "50", Window::DAY);
    let never_reached =
        |name: &str| format!("{name}.amount: is never reached: day counts the same messages and ends at 50.00");
    for useless in [
        budget("hour", "50", Window::HOUR),
        per(&[KeyPart::Country], budget("country", "60", Window::DAY)),
        of_app("shop", budget("shop", "50", Window::DAY)),
        shadow(budget("watched", "50.01", Window::HOUR)),
    ] {
        let name = useless.name.as_str().to_owned();
        assert_eq!(refused(vec![useless.clone(), day()]), [never_reached(&name)]);
        assert_eq!(refused(vec![day(), useless]), [never_reached(&name)]);
    }
    let same = budget("twin", "50", Window::DAY);
    assert_eq!(refused(vec![day(), same]), [never_reached("twin")]);
}

#[test]
fn a_budget_that_only_tells_keeps_no_other_from_its_end() {
    let budgets = vec![
        shadow(budget("day", "50", Window::DAY)),
        budget("hour", "60", Window::HOUR),
    ];
    assert_eq!(refused(budgets), [""; 0]);
}

#[test]
fn a_budget_of_one_app_says_nothing_about_another() {
    let budgets = vec![
        of_app("shop", budget("shop", "10", Window::DAY)),
        of_app("bank", budget("bank", "20", Window::HOUR)),
        budget("hour", "15", Window::HOUR),
    ];
    assert_eq!(
        refused(budgets),
        ["bank.amount: is never reached: hour counts the same messages and ends at 15.00"]
    );
}

#[test]
fn a_block_is_of_one_country_and_an_app_alone_is_its_own_key() {
    let country = per(&[KeyPart::App, KeyPart::Country], budget("country", "5", Window::DAY));
    let block = per(
        &[KeyPart::NumberBlock],
        of_app("shop", budget("block", "5", Window::DAY)),
    );
    assert_eq!(
        refused(vec![country, block]),
        ["block.amount: is never reached: country counts the same messages and ends at 5.00"]
    );
}

#[test]
fn a_budget_of_less_than_one_message_to_an_allowed_country_is_refused() {
    let apps = apps(&[
        ("shop", Countries::Only(countries(&["BR", "PE"]))),
        ("bank", Countries::All),
    ]);
    let small = [
        of_app("shop", budget("peru", "0.0112", Window::DAY)),
        of_app("shop", budget("enough", "0.0113", Window::DAY)),
        of_app("bank", budget("anywhere", "0.0303", Window::DAY)),
    ];
    assert_eq!(
        told(&Money::misfits(&prices(), &small, &Rules::default(), &apps)),
        [
            "peru.amount: is less than one message to PE, which costs 0.0113",
            "anywhere.amount: is less than one message to some country, which costs 0.0304",
        ]
    );
}

#[test]
fn a_budget_about_an_app_that_there_is_not_is_refused() {
    let apps = apps(&[("shop", Countries::Only(countries(&["BR"])))]);
    let budgets = [of_app("shoop", budget("day", "5", Window::DAY))];
    assert_eq!(
        told(&Money::misfits(&prices(), &budgets, &Rules::default(), &apps)),
        ["day.apps: there is no app shoop"]
    );
}

#[test]
fn the_soft_limit_is_told_of_at_its_percentage_and_never_before() {
    let mut budget = budget("day", "0.000007", Window::DAY);
    budget.soft_percent = 50;
    assert_eq!(budget.soft_limit(), amount("0.000004"));
    budget.soft_percent = 100;
    assert_eq!(budget.soft_limit(), budget.amount);
}
