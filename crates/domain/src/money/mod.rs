//! What messages cost, and how much may be spent.

mod amount;
mod budget;
mod price;

use std::num::NonZeroU64;

use crate::app::Apps;
use crate::country::CountryCode;
use crate::key::Identity;
use crate::limit::{Charge, Quota, RuleName};
use crate::rule::{Rules, Subject};

pub use amount::{Amount, AmountError, Currency, CurrencyError};
pub use budget::{BudgetMistake, BudgetSettings};
pub use price::{PriceCategory, PriceList, PriceTable, Pricing, Rate, Region};

/// Prices, and the budgets that are spent at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money {
    prices: PriceTable,
    budgets: Vec<BudgetSettings>,
}

impl Money {
    /// Checks the budgets, each alone and against each other, and reports every mistake at once. Without budgets the
    /// money is counted, and nothing is refused.
    pub fn new(prices: PriceTable, budgets: Vec<BudgetSettings>) -> Result<Self, Vec<BudgetMistake>> {
        let mistakes = budget::mistakes(&budgets);
        if mistakes.is_empty() {
            Ok(Self { prices, budgets })
        } else {
            Err(mistakes)
        }
    }

    /// What is wrong with budgets beside the rules and the apps they live with: names that a rule has, apps that there
    /// are not, and budgets of less than one message. Apart from [`Money::new`], so that all mistakes can be told at
    /// once, although a mistake of one kind is no obstacle to finding the others.
    pub fn misfits(prices: &PriceTable, budgets: &[BudgetSettings], rules: &Rules, apps: &Apps) -> Vec<BudgetMistake> {
        budget::misfits(prices, budgets, rules, apps)
    }

    /// The prices.
    pub fn prices(&self) -> &PriceTable {
        &self.prices
    }

    /// The budgets.
    pub fn budgets(&self) -> &[BudgetSettings] {
        &self.budgets
    }

    /// What a message to `subject` is expected to cost, and as what it is billed. Where the table does not say, it is
    /// the dearest price of the table. Never `None` as long as money is counted.
    pub fn price(&self, subject: &Subject<'_>) -> Option<(PriceCategory, Amount)> {
        let category = self.prices.category(subject.country);
        Some((category, self.price_of(subject.country, category)))
    }

    /// What a message to `country` costs as `category`; the dearest price of the table where it does not say.
    pub fn price_of(&self, country: Option<CountryCode>, category: PriceCategory) -> Amount {
        self.prices
            .price(country, category)
            .unwrap_or_else(|| self.prices.dearest())
    }

    /// What a message of that price takes from every budget that is about it, in the order of the budgets. A message
    /// that costs nothing takes nothing.
    ///
    /// The key of a budget follows from its name, its parts and its windows, and not from its amount: an amount that is
    /// changed in the configuration goes on from what is spent, and other windows start anew.
    pub fn charges(&self, identity: &Identity, price: Amount, subject: &Subject<'_>) -> Vec<Charge> {
        let Some(amount) = NonZeroU64::new(price.micros()) else {
            return Vec::new();
        };
        let about = self.budgets.iter().filter(|it| it.is_about(subject.app));
        let charge = |budget: &BudgetSettings| {
            let rule = RuleName::Named(budget.name);
            Some(Charge {
                rule,
                parts: budget.parts,
                key: subject.key(identity, rule, budget.parts, budget::span(budget.window)),
                quota: budget.quota()?,
                amount,
                mode: budget.mode,
            })
        };
        about.filter_map(charge).collect()
    }

    /// The budget of that name.
    pub fn budget(&self, rule: RuleName) -> Option<&BudgetSettings> {
        self.budgets.iter().find(|it| RuleName::Named(it.name) == rule)
    }
}

impl BudgetSettings {
    /// The quota every key of the budget has; `None` for a budget of nothing, which [`Money::new`] refuses.
    pub fn quota(&self) -> Option<Quota> {
        Some(Quota::Budget {
            amount: NonZeroU64::new(self.amount.micros())?,
            window: self.window,
        })
    }
}
