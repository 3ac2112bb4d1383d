//! Amounts as people write them.

use countersign_domain::money::{Amount, AmountError, Currency};
use proptest::prelude::*;

use crate::amount;

#[test]
fn an_amount_is_read_to_the_last_millionth() {
    for (text, micros) in [
        ("0.0314", 31_400),
        ("0.000001", 1),
        ("50.00", 50_000_000),
        ("50", 50_000_000),
        ("007.5", 7_500_000),
        ("0", 0),
        ("4503599627.370496", 1 << 52),
    ] {
        assert_eq!(Amount::parse(text), Ok(Amount::from_micros(micros)), "{text}");
    }
}

#[test]
fn what_would_have_to_be_rounded_or_guessed_is_refused() {
    for (text, why) in [
        ("0.0000001", AmountError::TooFine),
        ("0.0314000", AmountError::TooFine),
        ("4503599627.370497", AmountError::TooMuch),
        ("99999999999999999999999999", AmountError::TooMuch),
        ("", AmountError::Shape),
        (".5", AmountError::Shape),
        ("5.", AmountError::Shape),
        ("-5", AmountError::Shape),
        ("+5", AmountError::Shape),
        ("5,00", AmountError::Shape),
        ("5e3", AmountError::Shape),
        ("1.2.3", AmountError::Shape),
        (" 5", AmountError::Shape),
        ("٥", AmountError::Shape),
    ] {
        assert_eq!(Amount::parse(text), Err(why), "{text:?}");
    }
}

#[test]
fn an_amount_is_shown_exactly_and_with_its_cents() {
    for (text, shown) in [
        ("50", "50.00"),
        ("0.0314", "0.0314"),
        ("0.5", "0.50"),
        ("0.000001", "0.000001"),
    ] {
        assert_eq!(amount(text).to_string(), shown);
    }
}

#[test]
fn a_currency_is_three_capital_letters() {
    assert_eq!(Currency::parse("EUR").unwrap().as_str(), "EUR");
    for text in ["eur", "EU", "EURO", "E1R", "", "€"] {
        assert!(Currency::parse(text).is_err(), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_reads_back_as_itself(micros in 0..=1_u64 << 52) {
        let amount = Amount::from_micros(micros);
        prop_assert_eq!(Amount::parse(&amount.to_string()), Ok(amount));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}") {
        let _ = Amount::parse(&text);
    }
}
