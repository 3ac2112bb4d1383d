//! How much may be spent.

use std::collections::BTreeSet;
use std::fmt;

use crate::app::Apps;
use crate::country::CountryCode;
use crate::id::AppId;
use crate::limit::{ChargeMode, KeyPart, KeyParts, RuleLabel, RuleName, Window};
use crate::money::{Amount, PriceTable};
use crate::policy::{Countries, Mistake};
use crate::rule::Rules;

/// One budget, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSettings {
    /// Its name.
    pub name: RuleLabel,
    /// What it tells apart: app, country and number block, or nothing.
    pub parts: KeyParts,
    /// How much may be spent in one window.
    pub amount: Amount,
    /// The windows: hours, days or months of UTC.
    pub window: Window,
    /// From how much of it on, in percent, it is told that it runs out.
    pub soft_percent: u8,
    /// [`ChargeMode::Refuse`] to stop, or [`ChargeMode::Shadow`] to tell only.
    pub mode: ChargeMode,
    /// The apps it is about; empty for all.
    pub apps: BTreeSet<AppId>,
}

impl BudgetSettings {
    /// Whether the messages of `app` are charged to it.
    pub fn is_about(&self, app: &AppId) -> bool {
        self.apps.is_empty() || self.apps.contains(app)
    }

    /// From how much spent on it is told that the budget runs out.
    pub const fn soft_limit(&self) -> Amount {
        // Rounded up, so that the limit is never told of before its percentage is reached.
        let hundredths = self.amount.micros().saturating_mul(self.soft_percent as u64);
        Amount::from_micros(hundredths.div_ceil(100))
    }

    /// Whether all that is charged to this budget is charged to `other`, too, under a key that is no finer and for a
    /// window that is no shorter.
    fn is_within(&self, other: &Self) -> bool {
        let apps = other.apps.is_empty() || (!self.apps.is_empty() && self.apps.is_subset(&other.apps));
        let tells_apart = |part| match part {
            KeyPart::App => self.parts.has(part) || self.apps.len() == 1,
            // A block is of one country.
            KeyPart::Country => self.parts.has(part) || self.parts.has(KeyPart::NumberBlock),
            _ => self.parts.has(part),
        };
        apps && other.parts.iter().all(tells_apart) && span(self.window) <= span(other.window)
    }
}

/// One thing that is wrong with a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetMistake {
    /// The budget.
    pub budget: RuleLabel,
    /// What is wrong with it.
    pub mistake: Mistake,
}

impl fmt::Display for BudgetMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.budget.as_str(), self.mistake)
    }
}

/// What is wrong with budgets, each alone and beside the others.
pub(super) fn mistakes(budgets: &[BudgetSettings]) -> Vec<BudgetMistake> {
    let mut mistakes = Mistakes::default();
    for (place, budget) in budgets.iter().enumerate() {
        mistakes.check_alone(budget);
        let earlier = &budgets[..place];
        if earlier.iter().any(|it| it.name == budget.name) {
            mistakes.add(budget, "name", "is the name of another budget");
        }
        let useless = |(at, other): &(usize, &BudgetSettings)| {
            // Of two that say the same the later one is useless. Else only one that refuses keeps another from its end.
            let is_same = budget.amount == other.amount && budget.mode == other.mode && other.is_within(budget);
            let ends_first = if is_same {
                *at < place
            } else {
                other.mode == ChargeMode::Refuse
            };
            *at != place
                && other.amount > Amount::ZERO
                && ends_first
                && budget.is_within(other)
                && budget.amount >= other.amount
        };
        if let Some((_, other)) = budgets.iter().enumerate().find(useless) {
            let (name, amount) = (other.name.as_str(), other.amount);
            mistakes.add(
                budget,
                "amount",
                format!("is never reached: {name} counts the same messages and ends at {amount}"),
            );
        }
    }
    mistakes.0
}

/// What is wrong with budgets beside everything else that is configured.
pub(super) fn misfits(
    prices: &PriceTable,
    budgets: &[BudgetSettings],
    rules: &Rules,
    apps: &Apps,
) -> Vec<BudgetMistake> {
    let mut mistakes = Mistakes::default();
    for budget in budgets {
        if rules.iter().any(|rule| rule.name == budget.name) {
            mistakes.add(
                budget,
                "name",
                "is the name of a rule; their refusals could not be told apart",
            );
        }
        for app in budget.apps.iter().filter(|app| apps.get(app).is_none()) {
            mistakes.add(budget, "apps", format!("there is no app {}", app.as_str()));
        }
        let dearest = allowed(budget, apps)
            .map(|country| (price(prices, country), country))
            .max();
        if let Some((price, country)) =
            dearest.filter(|(price, _)| *price > budget.amount && budget.amount != Amount::ZERO)
        {
            let whom = country.map_or("some country".to_owned(), |it| it.to_string());
            mistakes.add(
                budget,
                "amount",
                format!("is less than one message to {whom}, which costs {price}"),
            );
        }
    }
    mistakes.0
}

/// The countries the budget's apps may send to; none for all that there are.
fn allowed<'a>(budget: &'a BudgetSettings, apps: &'a Apps) -> impl Iterator<Item = Option<CountryCode>> + 'a {
    let policies = apps
        .iter()
        .filter(|(id, _)| budget.is_about(id))
        .flat_map(|(_, app)| app.purposes.values());
    policies.flat_map(|policy| match &policy.countries {
        Countries::All => vec![None],
        Countries::Only(countries) => countries.iter().copied().map(Some).collect(),
    })
}

/// What a message costs that is paid for as this business pays.
fn price(prices: &PriceTable, country: Option<CountryCode>) -> Amount {
    let known = country.and_then(|_| prices.price(country, prices.category(country)));
    known.unwrap_or_else(|| prices.dearest())
}

#[derive(Default)]
struct Mistakes(Vec<BudgetMistake>);

impl Mistakes {
    fn add(&mut self, budget: &BudgetSettings, field: &'static str, problem: impl Into<String>) {
        let mistake = Mistake {
            field,
            problem: problem.into(),
        };
        self.0.push(BudgetMistake {
            budget: budget.name,
            mistake,
        });
    }

    fn check_alone(&mut self, budget: &BudgetSettings) {
        if RuleName::BUILT_IN.iter().any(|it| it.as_str() == budget.name.as_str()) {
            self.add(budget, "name", "is the name of a rule that is built in");
        }
        if budget.amount == Amount::ZERO {
            self.add(
                budget,
                "amount",
                "is nothing; to send nothing, allow no country or leave the app out",
            );
        }
        if budget.amount > Amount::MAX {
            self.add(
                budget,
                "amount",
                format!("is more than {}, the most that is counted", Amount::MAX),
            );
        }
        if !(1..=100).contains(&budget.soft_percent) {
            self.add(
                budget,
                "soft_percent",
                format!("is {}, must be 1 to 100", budget.soft_percent),
            );
        }
        if !WINDOWS.contains(&budget.window) {
            self.add(budget, "window", "must be hour, day or month");
        }
        if budget.mode == ChargeMode::Always {
            self.add(budget, "action", "must be refuse or shadow");
        }
        if budget.parts.iter().any(|part| !PARTS.contains(&part)) {
            self.add(budget, "per", "must be of app, country and number_block, or all");
        }
        if budget.parts.has(KeyPart::NumberBlock) && budget.parts.has(KeyPart::Country) {
            self.add(
                budget,
                "per",
                "country says nothing beside number_block, which is of one country",
            );
        }
        if budget.parts.has(KeyPart::App) && budget.apps.len() == 1 {
            self.add(budget, "per", "app says nothing in a budget of one app");
        }
    }
}

/// What a budget may tell apart.
const PARTS: [KeyPart; 3] = [KeyPart::App, KeyPart::Country, KeyPart::NumberBlock];

/// The windows a budget may have, shortest first; each lies within one of the next.
const WINDOWS: [Window; 3] = [Window::HOUR, Window::DAY, Window::Month];

/// How long a window is, compared with the others.
pub(super) fn span(window: Window) -> usize {
    WINDOWS.iter().position(|it| *it == window).unwrap_or(WINDOWS.len())
}
