//! What is counted about limits, money, the guard and operators.

use countersign_domain::country::CountryCode;
use countersign_domain::event::Event;
use countersign_domain::guard::{Alarm, Rung};
use countersign_domain::limit::{KeyPart, KeyParts, RuleLabel, RuleName};
use countersign_domain::money::Amount;
use countersign_domain::ports::{ChallengeRefusal, Observer};
use countersign_testkit::fixture;

use crate::counting::{as_samples, assert_counts};
use crate::samples::{metrics, moved_by};

fn budget() -> RuleName {
    RuleName::Named(RuleLabel::parse("shop_daily").expect("a slug"))
}

fn brazil() -> Option<CountryCode> {
    CountryCode::parse("BR")
}

pub(crate) fn alarmed(app: bool) -> Event {
    Event::GuardAlarmed {
        app: app.then(fixture::app_id),
        area: "country",
        country: brazil(),
        alarm: Alarm::Conversion,
        rung: Rung::Challenge,
        score: 14_020,
    }
}

pub(crate) fn reserved(micros: u64) -> Event {
    Event::Reserved {
        app: fixture::app_id(),
        country: brazil(),
        amount: Amount::from_micros(micros),
    }
}

/// One event for each metric that is not there before its first one.
pub(crate) fn appearing() -> Vec<Event> {
    vec![
        shadowed(),
        Event::GuardShadowed {
            app: fixture::app_id(),
            area: "country",
            rung: Rung::Hour,
        },
        asked(),
        alarmed(true),
        near(),
        charged(&[], 1),
        reserved(1),
    ]
}

fn shadowed() -> Event {
    Event::Shadowed {
        app: fixture::app_id(),
        purpose: fixture::purpose(),
        rule: budget(),
        parts: KeyParts::of(&[KeyPart::App]),
    }
}

fn asked() -> Event {
    Event::ChallengeAsked {
        app: fixture::app_id(),
        refusal: ChallengeRefusal::Wrong,
    }
}

fn near() -> Event {
    Event::BudgetNear {
        rule: budget(),
        parts: KeyParts::EVERYTHING,
        spent: Amount::from_micros(80),
        amount: Amount::from_micros(100),
    }
}

#[test]
fn what_would_have_been_refused_is_counted_by_rule_and_by_area() {
    assert_counts(
        &shadowed(),
        &[(
            r#"limits_shadowed_total{app="demo",purpose="sign_in",rule="shop_daily"}"#,
            "1",
        )],
    );
    let spared = Event::GuardShadowed {
        app: fixture::app_id(),
        area: "number_block_10000",
        rung: Rung::SixHours,
    };
    assert_counts(
        &spared,
        &[(
            r#"guard_shadowed_total{app="demo",area="number_block_10000",rung="6h"}"#,
            "1",
        )],
    );
    assert_counts(
        &asked(),
        &[(r#"challenges_asked_total{app="demo",answer="wrong"}"#, "1")],
    );
}

#[test]
fn an_alarm_names_its_app_or_the_whole_service() {
    for (own, name) in [(true, "demo"), (false, "*")] {
        let series = format!(
            r#"guard_alarms_total{{app="{name}",area="country",country="BR",alarm="conversion",rung="challenge"}}"#
        );
        assert_counts(&alarmed(own), &[(&series, "1")]);
    }
    assert_counts(&Event::GuardUnheard, &[("guard_unheard_total", "1")]);
    assert_counts(&Event::LineLearnt, &[("lines_learnt_total", "1")]);
}

#[test]
fn money_that_is_under_way_is_what_was_reserved_and_not_cleared() {
    let metrics = metrics();
    metrics.record(&reserved(31_500));
    metrics.record(&reserved(8_500));
    let settled = Event::Settled {
        app: fixture::app_id(),
        reserved: Amount::from_micros(31_500),
        actual: Amount::from_micros(7_700),
    };
    let wanted = [
        (r#"money_cleared_micros_total{app="demo"}"#, "31500"),
        (r#"money_billed_micros_total{app="demo"}"#, "7700"),
    ];
    assert_eq!(moved_by(&metrics, &settled), as_samples(&wanted));
    let more = [(r#"money_reserved_micros_total{app="demo",country="BR"}"#, "40001")];
    assert_eq!(moved_by(&metrics, &reserved(1)), as_samples(&more));
    assert_counts(&near(), &[(r#"budgets_near_total{rule="shop_daily"}"#, "1")]);
}

fn charged(parts: &[KeyPart], micros: u64) -> Event {
    Event::BudgetCharged {
        app: fixture::app_id(),
        country: brazil(),
        rule: budget(),
        parts: KeyParts::of(parts),
        spent: Amount::from_micros(micros),
        amount: Amount::from_micros(1_000),
    }
}

#[test]
fn what_is_spent_of_a_budget_stands_as_it_was_last_charged_for_what_the_budget_tells_apart() {
    for (parts, app, country) in [
        (&[][..], "*", "*"),
        (&[KeyPart::App][..], "demo", "*"),
        (&[KeyPart::App, KeyPart::Country][..], "demo", "BR"),
    ] {
        let series = format!(r#"budget_spent_micros{{rule="shop_daily",app="{app}",country="{country}"}}"#);
        let metrics = metrics();
        metrics.record(&charged(parts, 900));
        assert_eq!(moved_by(&metrics, &charged(parts, 40)), as_samples(&[(&series, "40")]));
    }
    assert_counts(&charged(&[KeyPart::NumberBlock], 40), &[]);
}

#[test]
fn what_operators_do_is_counted_by_action() {
    let caller = fixture::caller().id;
    let recipient = fixture::recipient_key();
    let events = [
        (
            "hold",
            Event::RecipientHeld {
                caller: caller.clone(),
                recipient,
                until: fixture::now(),
            },
        ),
        (
            "release",
            Event::RecipientReleased {
                caller: caller.clone(),
                recipient,
            },
        ),
        (
            "erase",
            Event::PhoneErased {
                caller: caller.clone(),
                records: 2,
                traces: 3,
            },
        ),
        (
            "lift",
            Event::Unblocked {
                caller,
                app: None,
                area: "country",
            },
        ),
    ];
    for (action, event) in events {
        let series = format!(r#"operator_actions_total{{action="{action}"}}"#);
        assert_counts(&event, &[(&series, "1")]);
    }
}
