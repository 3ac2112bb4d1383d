//! `[money]`: the prices of messages, and the budgets that are spent at them. What fits together is the domain's.

use std::collections::BTreeMap;
use std::path::Path;

use countersign_domain::app::Apps;
use countersign_domain::country::CountryCode;
use countersign_domain::id::AppId;
use countersign_domain::limit::{ChargeMode, KeyPart, KeyParts, RuleLabel, Window};
use countersign_domain::money::{
    Amount, BudgetMistake, BudgetSettings, Currency, Money, PriceList, PriceTable, Rate, Region,
};
use countersign_domain::rule::Rules;
use toml::Table;

use crate::config::reader::{Mistakes, Section};
use crate::config::syntax_mistake;

/// The prices that hold where the configuration names no file.
const DEFAULT_PRICES: &str = include_str!("../../../../deploy/prices/whatsapp-authentication-2026-10-01.toml");
/// From how much of a budget on it is told that it runs out, in percent.
const SOFT_PERCENT: u8 = 80;

/// What the budgets have to fit to.
pub(super) struct Surroundings<'a> {
    /// Relative price files are looked for here.
    pub(super) folder: &'a Path,
    /// The rules of the configuration.
    pub(super) rules: &'a Rules,
    /// The apps.
    pub(super) apps: &'a Apps,
}

/// Reads `[money]`. There are always prices, so that what is spent is counted without a budget, too.
pub(super) fn read_money(
    mut section: Section,
    surroundings: &Surroundings<'_>,
    mistakes: &mut Mistakes,
) -> Option<Money> {
    let before = mistakes.0.len();
    let list = read_prices(&mut section, surroundings.folder, mistakes);
    let international = section.list("international", country, mistakes).unwrap_or_default();
    let (path, prices_path) = (section.path("international"), section.path("prices"));
    let table = list.and_then(|mut list| {
        list.international.extend(international);
        let complain = |wrong: Vec<countersign_domain::policy::Mistake>| {
            for mistake in wrong {
                match mistake.field {
                    "international" => mistakes.add(&path, mistake.problem),
                    _ => mistakes.add(&prices_path, mistake.to_string()),
                }
            }
        };
        PriceTable::new(list).map_err(complain).ok()
    });
    let budgets_path = section.path("budgets");
    let budgets: Vec<_> = section
        .sections("budgets", mistakes)
        .into_iter()
        .filter_map(|(name, section)| read_budget(&name, section, mistakes))
        .collect();
    section.end(mistakes);
    let table = table?;
    let complain = |mistake: BudgetMistake, mistakes: &mut Mistakes| {
        let BudgetMistake { budget, mistake } = mistake;
        let path = format!("{budgets_path}.{}.{}", budget.as_str(), mistake.field);
        mistakes.add(&path, mistake.problem);
    };
    for mistake in Money::misfits(&table, &budgets, surroundings.rules, surroundings.apps) {
        complain(mistake, mistakes);
    }
    let money =
        Money::new(table, budgets).map_err(|wrong| wrong.into_iter().for_each(|mistake| complain(mistake, mistakes)));
    money.ok().filter(|_| mistakes.0.len() == before)
}

/// The prices that hold where nobody says otherwise, and no budget: what is spent is counted.
pub(crate) fn default_money() -> Result<Money, Vec<String>> {
    let mut mistakes = Mistakes::default();
    let table = parse_prices(DEFAULT_PRICES, &mut mistakes).map(PriceTable::new);
    match table {
        Some(Ok(table)) if mistakes.0.is_empty() => {
            Money::new(table, Vec::new()).map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
        }
        Some(Err(wrong)) => Err(wrong.iter().map(ToString::to_string).collect()),
        _ => Err(mistakes.0),
    }
}

/// What should be seen although it is allowed.
pub(super) fn warning(money: &Money) -> Option<String> {
    let refuses = money.budgets().iter().any(|it| it.mode == ChargeMode::Refuse);
    (!refuses).then(|| "money.budgets has none that refuses: nothing bounds the bill but the limits".to_owned())
}

/// Reads the file of `prices`, or the one that is compiled in.
fn read_prices(money: &mut Section, folder: &Path, mistakes: &mut Mistakes) -> Option<PriceList> {
    let is_named = money.has("prices");
    let path = money.path("prices");
    let name = money.parsed("prices", |text| Ok::<_, String>(text.to_owned()), mistakes);
    if !is_named {
        return parse_prices(DEFAULT_PRICES, mistakes);
    }
    let name = name?;
    let file = folder.join(&name);
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) => {
            mistakes.add(&path, format!("cannot read {}: {error}", file.display()));
            return None;
        }
    };
    let mut wrong = Mistakes::default();
    let list = parse_prices(&text, &mut wrong);
    for mistake in &wrong.0 {
        mistakes.add(&path, format!("{name}: {mistake}"));
    }
    list.filter(|_| wrong.0.is_empty())
}

fn parse_prices(text: &str, mistakes: &mut Mistakes) -> Option<PriceList> {
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            mistakes.0.push(syntax_mistake(text, &error));
            return None;
        }
    };
    let mut file = Section::root(table);
    let currency = file.required("currency", Currency::parse, mistakes);
    let as_of = file.required("as_of", |text| Ok::<_, String>(text.to_owned()), mistakes);
    let mut countries = BTreeMap::new();
    for (code, mut section) in file.sections("countries", mistakes) {
        match country(&code) {
            Ok(country) => countries.extend(read_rate(&mut section, mistakes).map(|rate| (country, rate))),
            Err(problem) => mistakes.add(&format!("countries.{code}"), problem),
        }
        section.end(mistakes);
    }
    let mut regions = Vec::new();
    for (name, mut section) in file.sections("regions", mistakes) {
        let countries = section.list("countries", country, mistakes).unwrap_or_default();
        regions.extend(read_rate(&mut section, mistakes).map(|rate| Region {
            name,
            countries: countries.into_iter().collect(),
            rate,
        }));
        section.end(mistakes);
    }
    let other = file.has("other").then(|| file.section("other", mistakes));
    let other = other.and_then(|mut section| {
        let rate = read_rate(&mut section, mistakes);
        section.end(mistakes);
        rate
    });
    file.end(mistakes);
    Some(PriceList {
        currency: currency?,
        as_of: as_of?,
        countries,
        regions,
        other,
        international: [].into(),
    })
}

fn read_rate(section: &mut Section, mistakes: &mut Mistakes) -> Option<Rate> {
    let authentication = section.required("authentication", Amount::parse, mistakes);
    let international = section.parsed("authentication_international", Amount::parse, mistakes);
    Some(Rate {
        authentication: authentication?,
        international,
    })
}

fn read_budget(name: &str, mut section: Section, mistakes: &mut Mistakes) -> Option<BudgetSettings> {
    let name_path = section.path("");
    let label = RuleLabel::parse(name)
        .map_err(|error| mistakes.add(name_path.trim_end_matches('.'), error.to_string()))
        .ok();
    let parts = read_parts(&mut section, mistakes);
    let amount = section.required("amount", Amount::parse, mistakes);
    let window = section.required("window", window, mistakes);
    let soft_percent = section.number("soft_percent", mistakes).unwrap_or(SOFT_PERCENT);
    let mode = section.parsed("action", action, mistakes).unwrap_or(ChargeMode::Refuse);
    let apps = section.list("apps", AppId::parse, mistakes).unwrap_or_default();
    section.end(mistakes);
    Some(BudgetSettings {
        name: label?,
        parts: parts?,
        amount: amount?,
        window: window?,
        soft_percent,
        mode,
        apps: apps.into_iter().collect(),
    })
}

/// `"all"`, or a list of what is told apart.
fn read_parts(section: &mut Section, mistakes: &mut Mistakes) -> Option<KeyParts> {
    let everything = |text: &str| match text {
        "all" => Ok(KeyParts::EVERYTHING),
        _ => Err(PER),
    };
    if section.is_list("per") {
        let before = mistakes.0.len();
        let parts = section.list("per", part, mistakes)?;
        if mistakes.0.len() > before {
            return None;
        }
        if parts.is_empty() {
            mistakes.add(&section.path("per"), PER);
            return None;
        }
        return Some(parts.into_iter().collect());
    }
    section.required("per", everything, mistakes)
}

const PER: &str = "must be \"all\", or a list of \"app\", \"country\" and \"number_block\"";

fn part(text: &str) -> Result<KeyPart, &'static str> {
    match text {
        "app" => Ok(KeyPart::App),
        "country" => Ok(KeyPart::Country),
        "number_block" => Ok(KeyPart::NumberBlock),
        _ => Err("must be \"app\", \"country\" or \"number_block\""),
    }
}

fn window(text: &str) -> Result<Window, &'static str> {
    match text {
        "hour" => Ok(Window::HOUR),
        "day" => Ok(Window::DAY),
        "month" => Ok(Window::Month),
        _ => Err("must be \"hour\", \"day\" or \"month\""),
    }
}

fn action(text: &str) -> Result<ChargeMode, &'static str> {
    match text {
        "refuse" => Ok(ChargeMode::Refuse),
        "shadow" => Ok(ChargeMode::Shadow),
        _ => Err("must be \"refuse\" or \"shadow\""),
    }
}

fn country(text: &str) -> Result<CountryCode, &'static str> {
    CountryCode::parse(text).ok_or("must be two letters of ISO 3166, for example \"IN\"")
}

#[cfg(test)]
mod tests {
    use countersign_domain::money::PriceCategory::{Authentication, AuthenticationInternational};

    use super::*;

    fn shipped(code: &str) -> (Option<Amount>, Option<Amount>) {
        let money = default_money().unwrap();
        let country = Some(country(code).unwrap());
        let price = |category| money.prices().price(country, category);
        (price(Authentication), price(AuthenticationInternational))
    }

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    #[test]
    fn the_shipped_prices_are_those_of_metas_rate_card() {
        let money = default_money().unwrap();
        assert_eq!(
            (money.prices().currency().as_str(), money.prices().as_of()),
            ("USD", "2026-10-01")
        );
        for (code, authentication, international) in [
            ("IN", "0.0014", "0.0304"),
            ("MA", "0.023", "0.0811"),
            ("BR", "0.0068", "0.0068"),
            ("US", "0.0034", "0.0034"),
            ("KE", "0.004", "0.004"),
            ("BO", "0.0113", "0.0113"),
            ("AT", "0.0171", "0.0171"),
            ("KR", "0.0077", "0.0077"),
        ] {
            let expected = (Some(amount(authentication)), Some(amount(international)));
            assert_eq!(shipped(code), expected, "{code}");
        }
        assert_eq!(money.prices().dearest(), amount("0.16"));
    }

    #[test]
    fn a_territory_costs_what_its_calling_code_costs() {
        for (territory, country) in [("GG", "GB"), ("VA", "IT"), ("EH", "MA"), ("AX", "FI"), ("CX", "AU")] {
            assert_eq!(shipped(territory), shipped(country), "{territory}");
        }
    }
}
