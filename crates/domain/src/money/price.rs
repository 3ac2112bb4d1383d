//! Prices by country and category.

use std::collections::{BTreeMap, BTreeSet};

use crate::country::CountryCode;
use crate::money::{Amount, Currency};
use crate::policy::Mistake;

/// What a provider bills a message as (Meta: `pricing.category`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriceCategory {
    /// `authentication`.
    Authentication,
    /// `authentication-international`.
    AuthenticationInternational,
    /// Any other, for example `service`. Nothing of ours should be billed like that.
    Other,
}

impl PriceCategory {
    /// The category as one word, for explanations and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::AuthenticationInternational => "authentication_international",
            Self::Other => "other",
        }
    }
}

/// What a webhook says a message is billed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pricing {
    /// As what.
    pub category: PriceCategory,
    /// Whether it costs anything.
    pub is_billable: bool,
}

/// What one message costs somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// As [`PriceCategory::Authentication`].
    pub authentication: Amount,
    /// As [`PriceCategory::AuthenticationInternational`], where there is such a price.
    pub international: Option<Amount>,
}

impl Rate {
    fn of(&self, category: PriceCategory) -> Amount {
        match category {
            PriceCategory::Authentication => self.authentication,
            PriceCategory::AuthenticationInternational => self.international.unwrap_or(self.authentication),
            // Nobody knows at which price: the dearer one errs towards stopping early.
            PriceCategory::Other => self.dearest(),
        }
    }

    fn dearest(&self) -> Amount {
        self.international.unwrap_or_default().max(self.authentication)
    }
}

/// Countries with one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its name, for mistakes only.
    pub name: String,
    /// Its countries.
    pub countries: BTreeSet<CountryCode>,
    /// What a message to one of them costs.
    pub rate: Rate,
}

/// A price list, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// The currency of every price.
    pub currency: Currency,
    /// The day from which on the prices hold, as `2026-10-01`.
    pub as_of: String,
    /// Countries with a price of their own.
    pub countries: BTreeMap<CountryCode, Rate>,
    /// Countries that share a price. A price of a country's own goes before that of its region.
    pub regions: Vec<Region>,
    /// What a message to any other country costs.
    pub other: Option<Rate>,
    /// Countries to which this business pays the international price, because it is based elsewhere and the provider
    /// has told it so (Meta: `auth_international_rate_eligibility`).
    pub international: BTreeSet<CountryCode>,
}

/// Prices of one currency, as of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable {
    list: PriceList,
    regions: BTreeMap<CountryCode, Rate>,
    dearest: Amount,
}

impl PriceTable {
    /// Checks a price list and reports every mistake at once: prices of nothing or beyond [`Amount::MAX`], a country in
    /// two regions, a date that is none, an international country without such a price, no price at all.
    pub fn new(list: PriceList) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut add = |field, problem: String| mistakes.push(Mistake { field, problem });
        if !is_date(&list.as_of) {
            add("as_of", "must be a day such as 2026-10-01".to_owned());
        }
        for (field, name, rate) in rates(&list) {
            let prices = [Some(rate.authentication), rate.international];
            let is_wrong = |it: &Amount| *it == Amount::ZERO || *it > Amount::MAX;
            if let Some(wrong) = prices.into_iter().flatten().find(is_wrong) {
                let max = Amount::MAX;
                add(
                    field,
                    format!("{name}: a price is {wrong}, must be above zero and at most {max}"),
                );
            }
        }
        let mut regions = BTreeMap::new();
        for region in &list.regions {
            for country in &region.countries {
                if regions.insert(*country, region.rate).is_some() {
                    add(
                        "regions",
                        format!("{}: {country} is in another region, too", region.name),
                    );
                }
            }
        }
        for country in &list.international {
            let rate = list.countries.get(country).or_else(|| regions.get(country));
            if rate.or(list.other.as_ref()).is_none_or(|it| it.international.is_none()) {
                add(
                    "international",
                    format!("{country} has no international price in the table"),
                );
            }
        }
        let dearest = rates(&list).map(|(_, _, rate)| rate.dearest()).max();
        if dearest.is_none() {
            add(
                "prices",
                "the table has no price; a country, a region or other must have one".to_owned(),
            );
        }
        match dearest.filter(|_| mistakes.is_empty()) {
            Some(dearest) => Ok(Self { list, regions, dearest }),
            None => Err(mistakes),
        }
    }

    /// The currency.
    pub const fn currency(&self) -> Currency {
        self.list.currency
    }

    /// The day from which on the prices hold, as `2026-10-01`.
    pub fn as_of(&self) -> &str {
        &self.list.as_of
    }

    /// What a message to `country` costs: the country's own price, else its region's, else that of all others. `None`
    /// when the table does not say.
    ///
    /// Where there is no international price, it is the ordinary one; [`PriceCategory::Other`] is the dearer of both.
    pub fn price(&self, country: Option<CountryCode>, category: PriceCategory) -> Option<Amount> {
        let own = country.and_then(|it| self.list.countries.get(&it).or_else(|| self.regions.get(&it)));
        own.or(self.list.other.as_ref()).map(|rate| rate.of(category))
    }

    /// The dearest price of the table: what a message costs, as far as we count, where the table does not say. A budget
    /// then ends too early rather than too late.
    pub const fn dearest(&self) -> Amount {
        self.dearest
    }

    /// As what this business is expected to be billed for a message to `country`.
    pub fn category(&self, country: Option<CountryCode>) -> PriceCategory {
        match country {
            Some(country) if self.list.international.contains(&country) => PriceCategory::AuthenticationInternational,
            _ => PriceCategory::Authentication,
        }
    }
}

/// Every rate of a list, with the setting and the name it goes by.
fn rates(list: &PriceList) -> impl Iterator<Item = (&'static str, String, &Rate)> {
    let countries = list
        .countries
        .iter()
        .map(|(country, rate)| ("countries", country.to_string(), rate));
    let regions = list.regions.iter().map(|it| ("regions", it.name.clone(), &it.rate));
    let other = list.other.iter().map(|rate| ("other", "other".to_owned(), rate));
    countries.chain(regions).chain(other)
}

/// Whether a text is a day as ISO 8601 writes it.
fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, length: usize| {
        let fits = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| fits)
    };
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|it| (1..=12).contains(&it))
        && number(day, 2).is_some_and(|it| (1..=31).contains(&it))
}
