//! The world's numbering plan behind the domain's port: the metadata of Google's libphonenumber, compiled in.
//!
//! Kept out: parsing what people type. The domain's `PhoneNumber` is strict E.164 before this crate sees it (A18), and
//! which countries an app sends to is the policy's business.

use countersign_domain::country::CountryCode;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{NumberFacts, NumberKind, NumberingPlan};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

// No number may reach a log (R34), and the library traces each one.
const _: () = assert!(
    (log::STATIC_MAX_LEVEL as usize) < (log::LevelFilter::Trace as usize),
    "trace lines of `log` must be compiled out"
);

const NOTHING_KNOWN: NumberFacts = NumberFacts {
    country: None,
    kind: NumberKind::Other,
    possible: false,
};

/// The numbering plan of every country and of the numbers that belong to none.
///
/// A lookup takes microseconds and touches nothing but memory. The patterns of a country are compiled the first time
/// one of its numbers is seen, which takes a few milliseconds once.
#[derive(Clone, Copy, Debug)]
pub struct WorldNumbering(());

impl WorldNumbering {
    /// Reads the metadata, which takes tens of milliseconds once per process, so that no request waits for it.
    pub fn new() -> Self {
        std::sync::LazyLock::force(&PHONE_NUMBER_UTIL);
        Self(())
    }
}

impl Default for WorldNumbering {
    fn default() -> Self {
        Self::new()
    }
}

impl NumberingPlan for WorldNumbering {
    /// A number is possible when it matches a pattern that its country has given out; length alone is not enough.
    /// A number whose country code does not exist has no country and is not possible.
    fn lookup(&self, phone: &PhoneNumber) -> NumberFacts {
        // No default region: the domain's numbers always carry their plus.
        let Ok(number) = PHONE_NUMBER_UTIL.parse(phone.expose(), None) else {
            return NOTHING_KNOWN;
        };
        // The parser repairs what people get wrong, such as a national trunk zero after the country code. What was
        // repaired is another number, and WhatsApp would be handed the unrepaired one.
        if !is_spelled(phone, &number) {
            return NOTHING_KNOWN;
        }
        NumberFacts {
            country: PHONE_NUMBER_UTIL
                .get_region_for_number(&number)
                // "001", the region of satellite phones and international toll-free numbers, is no country.
                .and_then(|region| CountryCode::parse(&region.as_region_str())),
            kind: kind(PHONE_NUMBER_UTIL.get_number_type(&number)),
            possible: PHONE_NUMBER_UTIL.is_valid_number(&number),
        }
    }

    /// Brazil's mobile lines got a ninth digit in front, and WhatsApp knows the older ones without it. In Mexico and
    /// Argentina a digit between country code and area (1, and 9) comes and goes.
    fn aliases(&self, phone: &PhoneNumber) -> Vec<PhoneNumber> {
        let digits = phone.expose().trim_start_matches('+');
        let other = match digits.split_at_checked(2) {
            Some(("55", rest)) => ninth_digit(rest).map(|rest| format!("+55{rest}")),
            Some(("52", rest)) => prefixed(rest, "1", 10).map(|rest| format!("+52{rest}")),
            Some(("54", rest)) => prefixed(rest, "9", 10).map(|rest| format!("+54{rest}")),
            _ => None,
        };
        other.and_then(|it| PhoneNumber::parse(&it).ok()).into_iter().collect()
    }
}

/// Two digits of area and eight or nine of line: with the 9 when it has none, and without it when it has.
fn ninth_digit(rest: &str) -> Option<String> {
    let (area, line) = rest.split_at_checked(2)?;
    match (line.len(), line.strip_prefix('9')) {
        (8, _) => Some(format!("{area}9{line}")),
        (9, Some(short)) => Some(format!("{area}{short}")),
        _ => None,
    }
}

/// A national number of `length` digits: with the prefix when it has none, and without it when it has.
fn prefixed(rest: &str, prefix: &str, length: usize) -> Option<String> {
    match rest.strip_prefix(prefix) {
        Some(short) if short.len() == length => Some(short.to_owned()),
        _ if rest.len() == length => Some(format!("{prefix}{rest}")),
        _ => None,
    }
}

/// Whether `phone` is exactly how E.164 writes the number that was read from it.
fn is_spelled(phone: &PhoneNumber, number: &rlibphonenumber::PhoneNumber) -> bool {
    number.format_as(rlibphonenumber::PhoneNumberFormat::E164) == phone.expose()
}

fn kind(kind: PhoneNumberType) -> NumberKind {
    match kind {
        PhoneNumberType::Mobile => NumberKind::Mobile,
        PhoneNumberType::FixedLine => NumberKind::Fixed,
        PhoneNumberType::FixedLineOrMobile => NumberKind::FixedOrMobile,
        PhoneNumberType::TollFree
        | PhoneNumberType::PremiumRate
        | PhoneNumberType::SharedCost
        | PhoneNumberType::VoIP
        | PhoneNumberType::PersonalNumber
        | PhoneNumberType::Pager
        | PhoneNumberType::UAN
        | PhoneNumberType::VoiceMail
        | PhoneNumberType::Unknown => NumberKind::Other,
    }
}
