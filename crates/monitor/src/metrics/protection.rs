//! Numbers about limits, money, the guard, and what operators do.

use countersign_domain::country::CountryCode;
use countersign_domain::event::Event;
use countersign_domain::id::{AppId, Purpose};
use countersign_domain::limit::{KeyPart, KeyParts, RuleName};
use countersign_domain::money::Amount;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::{OfApp, Refusal, Rule};

/// What stands for the whole service where an app is named, and for a phone of no country.
const NONE: &str = "*";

/// What an operator may do about recipients and blocks.
const ACTIONS: [&str; 4] = ["hold", "release", "erase", "lift"];

/// A start that the guard would have stopped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Spared {
    app: String,
    area: &'static str,
    rung: &'static str,
}

/// A start that was refused until a challenge is met, and what was wrong with the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    app: String,
    answer: &'static str,
}

/// An alarm of the guard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Alarmed {
    app: String,
    area: &'static str,
    country: String,
    alarm: &'static str,
    rung: &'static str,
}

/// An app and a country.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    app: String,
    country: String,
}

/// A budget, as far as it tells apps and countries apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Budget {
    rule: String,
    app: String,
    country: String,
}

/// What an operator did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Done {
    action: &'static str,
}

/// The metrics, each a handle on what the registry renders.
#[derive(Default)]
pub(super) struct Protection {
    shadowed: Family<Refusal, Counter>,
    spared: Family<Spared, Counter>,
    asked: Family<Asked, Counter>,
    alarms: Family<Alarmed, Counter>,
    unheard: Counter,
    lines: Counter,
    budgets_near: Family<Rule, Counter>,
    budget_spent: Family<Budget, Gauge>,
    charges_lost: Family<Rule, Counter>,
    reserved: Family<Place, Counter>,
    cleared: Family<OfApp, Counter>,
    billed: Family<OfApp, Counter>,
    done: Family<Done, Counter>,
}

impl Protection {
    /// Puts every metric into `registry`.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "limits_shadowed",
            "Starts and checks that a shadow rule or budget would have refused",
            self.shadowed.clone(),
        );
        registry.register(
            "guard_shadowed",
            "Starts that the guard would have stopped or challenged",
            self.spared.clone(),
        );
        registry.register(
            "challenges_asked",
            "Starts that were refused until a challenge is met",
            self.asked.clone(),
        );
        registry.register(
            "guard_alarms",
            "Alarms of the guard, each with what follows from it",
            self.alarms.clone(),
        );
        registry.register(
            "guard_unheard",
            "Times the guard could not share what it heard",
            self.unheard.clone(),
        );
        registry.register(
            "lines_learnt",
            "Times a number turned out to be another spelling of a line",
            self.lines.clone(),
        );
        registry.register(
            "budgets_near",
            "Times a budget was used beyond its soft limit",
            self.budgets_near.clone(),
        );
        registry.register(
            "budget_spent_micros",
            "Millionths of the currency that were spent or reserved of the budget when it was last charged",
            self.budget_spent.clone(),
        );
        registry.register(
            "charges_lost",
            "Charges of what was spent that a budget could not be told of",
            self.charges_lost.clone(),
        );
        registry.register(
            "money_reserved_micros",
            "Millionths of the currency that were reserved for messages",
            self.reserved.clone(),
        );
        registry.register(
            "money_cleared_micros",
            "Reserved millionths of the currency whose message is priced or failed",
            self.cleared.clone(),
        );
        registry.register(
            "money_billed_micros",
            "Millionths of the currency that messages cost, as the provider said",
            self.billed.clone(),
        );
        registry.register(
            "operator_actions",
            "What operators did about recipients and blocks",
            self.done.clone(),
        );
    }

    /// Puts what is rare at zero.
    pub(super) fn begin<'a>(&self, apps: impl Iterator<Item = &'a AppId>) {
        for action in ACTIONS {
            drop(self.done.get_or_create(&Done { action }));
        }
        for app in apps {
            drop(self.cleared.get_or_create(&OfApp::new(app)));
            drop(self.billed.get_or_create(&OfApp::new(app)));
        }
    }

    /// Counts an event about limits, money, the guard or an operator; nothing for any other.
    pub(super) fn count(&self, event: &Event) {
        match event {
            Event::Shadowed { app, purpose, rule, .. } => self.shadowed(app, purpose, *rule),
            Event::GuardShadowed { app, area, rung } => {
                let spared = Spared {
                    app: app.to_string(),
                    area,
                    rung: rung.name(),
                };
                self.spared.get_or_create(&spared).inc();
            }
            Event::ChallengeAsked { app, refusal } => {
                let asked = Asked {
                    app: app.to_string(),
                    answer: refusal.name(),
                };
                self.asked.get_or_create(&asked).inc();
            }
            Event::GuardAlarmed {
                app,
                area,
                country,
                alarm,
                rung,
                score: _,
            } => {
                let alarmed = Alarmed {
                    app: named(app.as_ref()),
                    area,
                    country: named(country.as_ref()),
                    alarm: alarm.name(),
                    rung: rung.name(),
                };
                self.alarms.get_or_create(&alarmed).inc();
            }
            Event::GuardUnheard => {
                self.unheard.inc();
            }
            Event::LineLearnt => {
                self.lines.inc();
            }
            Event::BudgetNear { rule, .. } => {
                let rule = Rule { rule: rule.to_string() };
                self.budgets_near.get_or_create(&rule).inc();
            }
            Event::BudgetCharged {
                app,
                country,
                rule,
                parts,
                spent,
                amount: _,
            } => self.spent(*rule, *parts, app, *country, *spent),
            Event::ChargeLost { rule } => {
                let rule = Rule { rule: rule.to_string() };
                self.charges_lost.get_or_create(&rule).inc();
            }
            Event::Reserved { app, country, amount } => {
                let place = Place {
                    app: app.to_string(),
                    country: named(country.as_ref()),
                };
                self.reserved.get_or_create(&place).inc_by(amount.micros());
            }
            Event::Settled { app, reserved, actual } => self.settled(app, *reserved, *actual),
            Event::RecipientHeld { .. } => self.done("hold"),
            Event::RecipientReleased { .. } => self.done("release"),
            Event::PhoneErased { .. } => self.done("erase"),
            Event::Unblocked { .. } => self.done("lift"),
            _ => {}
        }
    }

    fn shadowed(&self, app: &AppId, purpose: &Purpose, rule: RuleName) {
        let refusal = Refusal {
            app: app.to_string(),
            purpose: purpose.to_string(),
            rule: rule.to_string(),
        };
        self.shadowed.get_or_create(&refusal).inc();
    }

    /// Blocks of numbers are too many for a metric: a budget for each of them has none.
    fn spent(&self, rule: RuleName, parts: KeyParts, app: &AppId, country: Option<CountryCode>, spent: Amount) {
        if parts.has(KeyPart::NumberBlock) {
            return;
        }
        let budget = Budget {
            rule: rule.to_string(),
            app: named(Some(app).filter(|_| parts.has(KeyPart::App))),
            country: named(country.as_ref().filter(|_| parts.has(KeyPart::Country))),
        };
        let micros = i64::try_from(spent.micros()).unwrap_or(i64::MAX);
        self.budget_spent.get_or_create(&budget).set(micros);
    }

    fn settled(&self, app: &AppId, reserved: Amount, actual: Amount) {
        self.cleared.get_or_create(&OfApp::new(app)).inc_by(reserved.micros());
        self.billed.get_or_create(&OfApp::new(app)).inc_by(actual.micros());
    }

    fn done(&self, action: &'static str) {
        self.done.get_or_create(&Done { action }).inc();
    }
}

fn named<T: ToString>(what: Option<&T>) -> String {
    what.map_or_else(|| NONE.to_owned(), ToString::to_string)
}
