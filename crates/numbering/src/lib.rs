//! The world's numbering plan behind the domain's port: the metadata of Google's libphonenumber, compiled in.
//!
//! Kept out: parsing what people type. The domain's `PhoneNumber` is strict E.164 before this crate sees it (A18), and
//! which countries an app sends to is the policy's business.

mod spelling;

use countersign_domain::country::CountryCode;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{NumberFacts, NumberKind, NumberingPlan};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

use crate::spelling::Spellings;

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
        let Some(Spellings { canonical, other }) = Spellings::of(phone) else {
            return Vec::new();
        };
        vec![if canonical == *phone { other } else { canonical }]
    }

    /// Brazil with the ninth digit, Mexico without the 1, Argentina with the 9; every other number as it is.
    fn canonical(&self, phone: &PhoneNumber) -> PhoneNumber {
        Spellings::of(phone).map_or_else(|| phone.clone(), |it| it.canonical)
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
