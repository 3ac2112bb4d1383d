//! What a message costs, by country and category.

use countersign_domain::client::Client;
use countersign_domain::country::CountryCode;
use countersign_domain::guard::PersonKey;
use countersign_domain::id::CallerId;
use countersign_domain::money::PriceCategory::{Authentication, AuthenticationInternational, Other};
use countersign_domain::money::{Amount, Money, PriceList, PriceTable};
use countersign_domain::rule::Subject;
use countersign_testkit::fixture;

use crate::{amount, countries, country, price_list, prices, rate};

fn in_country(
    money: &Money,
    country: Option<CountryCode>,
) -> Option<(countersign_domain::money::PriceCategory, Amount)> {
    let caller = CallerId::parse("storefront").unwrap();
    money.price(&Subject {
        phone: &fixture::phone(),
        line: PersonKey::of(&fixture::identity(), &fixture::phone()),
        country,
        client: &Client::default(),
        app: &fixture::app_id(),
        purpose: &fixture::purpose(),
        caller: &caller,
    })
}

#[test]
fn a_countrys_own_price_goes_before_its_regions_and_that_before_all_others() {
    let prices = prices();
    for (code, expected) in [("BR", "0.0068"), ("PE", "0.0113"), ("FR", "0.0077")] {
        let price = prices.price(Some(country(code)), Authentication);
        assert_eq!(price, Some(amount(expected)), "{code}");
    }
    assert_eq!(prices.price(None, Authentication), Some(amount("0.0077")));
}

#[test]
fn the_international_price_is_one_of_its_own_where_there_is_one() {
    let prices = prices();
    let (india, peru) = (Some(country("IN")), Some(country("PE")));
    assert_eq!(prices.price(india, AuthenticationInternational), Some(amount("0.0304")));
    assert_eq!(prices.price(peru, AuthenticationInternational), Some(amount("0.0113")));
    // Billed as something nobody expects: the dearer one.
    assert_eq!(prices.price(india, Other), Some(amount("0.0304")));
    assert_eq!(prices.price(peru, Other), Some(amount("0.0113")));
}

#[test]
fn only_a_country_the_operator_names_is_expected_to_be_billed_as_international() {
    let domestic = Money::new(prices(), Vec::new()).unwrap();
    let india = Some(country("IN"));
    assert_eq!(in_country(&domestic, india), Some((Authentication, amount("0.0014"))));
    let list = PriceList {
        international: countries(&["IN"]),
        ..price_list()
    };
    let abroad = Money::new(PriceTable::new(list).unwrap(), Vec::new()).unwrap();
    assert_eq!(
        in_country(&abroad, india),
        Some((AuthenticationInternational, amount("0.0304")))
    );
    let brazil = Some(country("BR"));
    assert_eq!(in_country(&abroad, brazil), Some((Authentication, amount("0.0068"))));
}

#[test]
fn a_country_the_table_does_not_know_costs_as_much_as_the_dearest() {
    let list = PriceList {
        other: None,
        ..price_list()
    };
    let table = PriceTable::new(list).unwrap();
    assert_eq!(table.price(Some(country("FR")), Authentication), None);
    let money = Money::new(table, Vec::new()).unwrap();
    for unknown in [Some(country("FR")), None] {
        assert_eq!(in_country(&money, unknown), Some((Authentication, amount("0.0304"))));
    }
}

#[test]
fn a_price_list_tells_every_mistake_at_once() {
    let mut list = PriceList {
        as_of: "1.10.2026".to_owned(),
        international: countries(&["BR", "FR"]),
        other: Some(rate("0")),
        ..price_list()
    };
    let twin = list.regions[0].clone();
    list.regions.push(twin);
    list.countries.insert(country("CL"), {
        let mut chile = rate("0.02");
        chile.international = Some(Amount::from_micros(Amount::MAX.micros() + 1));
        chile
    });
    let mistakes = PriceTable::new(list).unwrap_err();
    let told: Vec<_> = mistakes.iter().map(|it| (it.field, it.problem.as_str())).collect();
    assert_eq!(
        told,
        [
            ("as_of", "must be a day such as 2026-10-01"),
            (
                "countries",
                "CL: a price is 4503599627.370497, must be above zero and at most 4503599627.370496"
            ),
            (
                "other",
                "other: a price is 0.00, must be above zero and at most 4503599627.370496"
            ),
            ("regions", "Rest of Latin America: BO is in another region, too"),
            ("regions", "Rest of Latin America: BR is in another region, too"),
            ("regions", "Rest of Latin America: PE is in another region, too"),
            ("international", "BR has no international price in the table"),
            ("international", "FR has no international price in the table"),
        ]
    );
}

#[test]
fn a_table_without_any_price_is_none() {
    let list = PriceList {
        countries: [].into(),
        regions: Vec::new(),
        other: None,
        ..price_list()
    };
    let mistakes = PriceTable::new(list).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].field, "prices");
}

#[test]
fn a_day_that_is_none_is_refused() {
    for as_of in [
        "2026-13-01",
        "2026-00-01",
        "2026-1-1",
        "2026-10-32",
        "2026-10-01 ",
        "",
        "2026-10",
        "-2026-10-01",
    ] {
        let list = PriceList {
            as_of: as_of.to_owned(),
            ..price_list()
        };
        assert!(PriceTable::new(list).is_err(), "{as_of:?}");
    }
}
