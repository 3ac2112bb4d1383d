//! What the plan says about numbers of real shape, and that no well-formed number makes it panic.
//!
//! The numbers are example numbers of the metadata, numbers set aside for fiction, or made up in a real range.

use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{NumberFacts, NumberKind, NumberingPlan};
use countersign_numbering::WorldNumbering;
use proptest::prelude::*;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

use NumberKind::{Fixed, FixedOrMobile, Mobile, Other};

fn lookup(number: &str) -> NumberFacts {
    WorldNumbering::new().lookup(&PhoneNumber::parse(number).expect("E.164"))
}

fn country(facts: NumberFacts) -> Option<String> {
    facts.country.map(|it| it.to_string())
}

#[test]
fn numbers_that_exist_have_their_country_and_kind() {
    let table = [
        ("+5511987654321", "BR", Mobile),
        ("+5521998765432", "BR", Mobile),
        ("+551133334444", "BR", Fixed),
        ("+38344123456", "XK", Mobile),
        ("+38338234567", "XK", Fixed),
        ("+79161234567", "RU", Mobile),
        ("+77012345678", "KZ", Mobile),
        ("+16505551234", "US", FixedOrMobile),
        ("+14165550123", "CA", FixedOrMobile),
        ("+18765550123", "JM", Mobile),
        ("+18092345678", "DO", FixedOrMobile),
        ("+18005550199", "US", Other),
        ("+447400123456", "GB", Mobile),
        ("+447624123456", "IM", Mobile),
        ("+442079460123", "GB", Fixed),
        ("+4915123456789", "DE", Mobile),
        ("+33612345678", "FR", Mobile),
        ("+390612345678", "IT", Fixed),
        ("+393123456789", "IT", Mobile),
        ("+34612345678", "ES", Mobile),
        ("+351912345678", "PT", Mobile),
        ("+31612345678", "NL", Mobile),
        ("+48501234567", "PL", Mobile),
        ("+380501234567", "UA", Mobile),
        ("+905321234567", "TR", Mobile),
        ("+525512345678", "MX", FixedOrMobile),
        ("+5491123456789", "AR", Mobile),
        ("+541123456789", "AR", Fixed),
        ("+919876543210", "IN", Mobile),
        ("+8613812345678", "CN", Mobile),
        ("+818012345678", "JP", Mobile),
        ("+821012345678", "KR", Mobile),
        ("+6281234567890", "ID", Mobile),
        ("+2348012345678", "NG", Mobile),
        ("+27821234567", "ZA", Mobile),
        ("+201001234567", "EG", Mobile),
        ("+971501234567", "AE", Mobile),
        ("+966501234567", "SA", Mobile),
        ("+590690001234", "GP", Mobile),
    ];
    for (number, expected, kind) in table {
        let facts = lookup(number);
        assert!(facts.possible, "{number}");
        assert_eq!(country(facts).as_deref(), Some(expected), "{number}");
        assert_eq!(facts.kind, kind, "{number}");
    }
}

#[test]
fn numbers_of_no_country_are_possible_and_have_none() {
    for (number, kind) in [
        ("+870773123456", Mobile),
        ("+881612345678", Mobile),
        ("+883510012345678", Other),
        ("+80012345678", Other),
        ("+80812345678", Other),
        ("+979123456789", Other),
    ] {
        let facts = lookup(number);
        let expected = NumberFacts {
            country: None,
            kind,
            possible: true,
        };
        assert_eq!(facts, expected, "{number}");
    }
}

#[test]
fn numbers_that_cannot_exist_are_not_possible() {
    let table = [
        ("+999123456789", "a country code that nobody has"),
        ("+210123456789", "a country code that nobody has"),
        ("+1234567", "too short for North America"),
        ("+1000000000", "an area code of zeroes"),
        ("+551187654321", "a Brazilian mobile without its ninth digit"),
        ("+5215512345678", "a Mexican mobile with the prefix of before 2019"),
        ("+44740012345678", "too long for the United Kingdom"),
        (
            "+123456789012345",
            "as long as E.164 allows, and longer than any number of North America",
        ),
    ];
    for (number, why) in table {
        assert!(!lookup(number).possible, "{number}: {why}");
    }
}

/// A trunk zero after the country code is dropped by the library, and the phone network would not. It would give one
/// person two spellings and with them two sets of limits (A13).
#[test]
fn a_number_that_would_have_to_be_repaired_is_not_possible() {
    for number in ["+55011987654321", "+640211234567", "+4407400123456"] {
        let facts = lookup(number);
        assert!(!facts.possible, "{number}");
        assert_eq!(facts.country, None, "{number}");
    }
}

/// Numbers set aside for films and manuals. Where they are cut out of a real range the metadata knows them; Ofcom's
/// mobile ones and the French ones it refuses, so examples in documentation have to be chosen among the others.
#[test]
fn numbers_of_fiction() {
    for (number, expected) in [
        ("+12025550123", "US"),
        ("+13125550100", "US"),
        ("+442079460958", "GB"),
        ("+61491570156", "AU"),
        ("+46701740605", "SE"),
    ] {
        let facts = lookup(number);
        assert!(facts.possible, "{number}");
        assert_eq!(country(facts).as_deref(), Some(expected), "{number}");
    }
    for number in ["+447700900123", "+33639981234"] {
        assert!(!lookup(number).possible, "{number}");
    }
}

/// Every pattern of every country is compiled by this test, so that a broken one fails here and not in production.
#[test]
fn every_countrys_example_numbers_are_possible_and_of_their_country_code() {
    let regions: Vec<_> = PHONE_NUMBER_UTIL.get_supported_regions().collect();
    assert!(regions.len() > 200, "{}", regions.len());
    for region in regions {
        let Ok(example) = PHONE_NUMBER_UTIL.get_example_number(region) else {
            continue;
        };
        let facts = lookup(&example.format_as(PhoneNumberFormat::E164));
        assert!(facts.possible, "{region:?}");
        // A few regions share every pattern with a larger neighbour, so a country is certain and which one is not.
        assert!(facts.country.is_some(), "{region:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_well_formed_number_panics(digits in "[1-9][0-9]{6,14}") {
        lookup(&format!("+{digits}"));
    }

    #[test]
    fn what_has_a_kind_and_a_country_is_possible_and_the_answer_is_stable(digits in "(1|44|49|55|7|91|52)[0-9]{7,10}") {
        let number = format!("+{digits}");
        let facts = lookup(&number);
        prop_assert_eq!(facts, lookup(&number));
        if facts.kind != Other {
            prop_assert!(facts.possible);
        }
    }
}

#[test]
fn a_line_that_whatsapp_may_know_by_another_spelling_has_that_alias_and_back() {
    let plan = WorldNumbering::new();
    let phone = |text: &str| PhoneNumber::parse(text).unwrap();
    for (new, old) in [
        ("+5511987654321", "+551187654321"),
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
    ] {
        assert!(plan.aliases(&phone(new)) == [phone(old)], "{new}");
        assert!(plan.aliases(&phone(old)) == [phone(new)], "{old}");
    }
    for none in ["+14155552671", "+551133334444555", "+4930901820", "+55119876543"] {
        assert!(plan.aliases(&phone(none)).is_empty(), "{none}");
    }
}

#[test]
fn a_line_is_counted_under_the_spelling_of_today_whichever_it_is_given_in() {
    let plan = WorldNumbering::new();
    let phone = |text: &str| PhoneNumber::parse(text).unwrap();
    for (canonical, other) in [
        ("+5511987654321", "+551187654321"),
        ("+5531960001234", "+553160001234"),
        ("+5511971234567", "+551171234567"),
        ("+525512345678", "+5215512345678"),
        ("+5491123456789", "+541123456789"),
        ("+5492966123456", "+542966123456"),
    ] {
        assert!(plan.canonical(&phone(other)) == phone(canonical), "{other}");
        assert!(plan.canonical(&phone(canonical)) == phone(canonical), "{canonical}");
    }
    for own in [
        "+14155552671",
        "+4930901820",
        "+551133334444",
        "+5511933334444",
        "+55119876543",
    ] {
        assert!(plan.canonical(&phone(own)) == phone(own), "{own}");
    }
}

/// 3333-4444 is somebody's fixed line and 93333-4444 somebody else's mobile: whoever counts them as one lets one
/// approve for the other.
#[test]
fn a_fixed_line_of_brazil_is_no_other_spelling_of_a_mobile_one() {
    let plan = WorldNumbering::new();
    for first in '2'..='5' {
        let fixed = PhoneNumber::parse(&format!("+5511{first}3334444")).unwrap();
        let mobile = PhoneNumber::parse(&format!("+55119{first}3334444")).unwrap();
        assert_eq!(plan.lookup(&fixed).kind, Fixed);
        assert_eq!(plan.lookup(&mobile).kind, Mobile);
        assert!(plan.aliases(&fixed).is_empty() && plan.aliases(&mobile).is_empty());
        assert!(plan.canonical(&fixed) != plan.canonical(&mobile));
    }
}

#[test]
fn no_other_spelling_of_a_brazilian_line_is_a_fixed_one() {
    let plan = WorldNumbering::new();
    let mut pairs = 0;
    for area in 11..=99 {
        for first in 10..=99 {
            let short = PhoneNumber::parse(&format!("+55{area}{first}123456")).unwrap();
            for alias in plan.aliases(&short) {
                pairs += 1;
                assert_ne!(plan.lookup(&short).kind, Fixed, "+55{area}{first}123456");
                assert_ne!(plan.lookup(&alias).kind, Fixed, "+55{area}9{first}123456");
            }
        }
    }
    assert!(pairs > 3_000, "{pairs}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_spelling_of_a_line_has_one_canonical_form_which_is_one_of_them(
        digits in "(5[245]|5[245][19]|1|49|39)[0-9]{7,11}",
    ) {
        let plan = WorldNumbering::new();
        let phone = PhoneNumber::parse(&format!("+{digits}")).unwrap();
        let canonical = plan.canonical(&phone);
        prop_assert!(plan.canonical(&canonical) == canonical);
        let aliases = plan.aliases(&phone);
        prop_assert!(canonical == phone || aliases.contains(&canonical));
        for alias in &aliases {
            prop_assert!(*alias != phone);
            prop_assert!(plan.canonical(alias) == canonical);
            prop_assert!(plan.aliases(alias) == vec![phone.clone()]);
        }
    }
}
