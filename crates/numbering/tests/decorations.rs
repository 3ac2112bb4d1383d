//! One phone has one bucket, however it is written: a million decorated forms of numbers of every calling code are
//! refused, or are counted as the number they decorate (A13), and none makes anything panic (A18).
//!
//! A form is a number with one to three decorations. Many decorations are what people and their keyboards do, the others
//! are what somebody does who wants a second budget.

use std::collections::BTreeSet;

use countersign_domain::id::{AppId, Purpose, RecipientKey};
use countersign_domain::key::{Identity, SecretKey};
use countersign_domain::limit::{LimitKey, RuleName};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{NumberingPlan, Random};
use countersign_numbering::WorldNumbering;
use countersign_testkit::random::{SeededRandom, seed_or};
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};

const FORMS: usize = 1_000_000;

/// What stands between digits in what people write, and what nobody sees.
const SEPARATORS: [&str; 26] = [
    " ", "-", ".", "/", ",", "(", ")", "(0)", "~", "_", "*", "#", ";", "\t", "\r\n", "\0", "\u{a0}", "\u{2009}",
    "\u{200b}", "\u{200d}", "\u{200e}", "\u{200f}", "\u{202e}", "\u{2060}", "\u{feff}", "\u{2011}",
];

/// What is put before a number, instead of its plus or beside it.
const PREFIXES: [&str; 19] = [
    "",
    "+",
    "++",
    "+ ",
    "+0",
    "+00",
    "00",
    "011",
    "0011",
    "810",
    "+00 ",
    "\u{ff0b}",
    "\u{207a}",
    "tel:+",
    "tel:",
    "sip:+",
    "\u{202a}+",
    "whatsapp:+",
    "+\u{200f}",
];

/// What is put behind it.
const SUFFIXES: [&str; 20] = [
    " ext 7",
    "x7",
    ";ext=7",
    "#7",
    ",7",
    ";phone-context=+1",
    ";phone-context=",
    ".;phone-context=",
    "@s.whatsapp.net",
    " ",
    "\n",
    "\0",
    "\u{202c}",
    "p7",
    "w7",
    "+",
    "%00",
    "\u{660}",
    "e0",
    ".0",
];

/// Where the ten digits of a script begin.
const SCRIPTS: [u32; 8] = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0xff10, 0x1d7ce, 0x1d7f6];

/// Lines with two spellings, beside the few among the examples of the metadata.
const RESPELLED: [&str; 12] = [
    "+5511987654321",
    "+5521971234567",
    "+5531960001234",
    "+5585998765432",
    "+551187654321",
    "+553171234567",
    "+525512345678",
    "+5218112345678",
    "+523312345678",
    "+5491123456789",
    "+542966123456",
    "+5493511234567",
];

/// Calling codes whose numbers may begin with a zero that is theirs: with one more they are somebody else's.
const ZERO_IS_THEIRS: [i32; 2] = [39, 247];

const TYPES: [PhoneNumberType; 8] = [
    PhoneNumberType::FixedLine,
    PhoneNumberType::Mobile,
    PhoneNumberType::TollFree,
    PhoneNumberType::PremiumRate,
    PhoneNumberType::SharedCost,
    PhoneNumberType::VoIP,
    PhoneNumberType::PersonalNumber,
    PhoneNumberType::UAN,
];

#[test]
fn a_million_decorated_forms_are_refused_or_counted_as_the_number_they_decorate() {
    let seed = seed_or(0x5eed_0006);
    println!("COUNTERSIGN_SEED={seed}");
    let mut dice = Dice::new(seed);
    let plan = WorldNumbering::new();
    let keys = Keys::new();
    let numbers = example_numbers(plan);
    let codes: BTreeSet<i32> = PHONE_NUMBER_UTIL.get_supported_calling_codes().collect();
    assert!(codes.len() > 200, "{}", codes.len());
    assert!(numbers.len() > 600, "{}", numbers.len());

    let [mut refused, mut impossible, mut counted, mut respelled] = [0_usize; 4];
    for form in 0..FORMS {
        let number = &numbers[form % numbers.len()];
        let text = decorated(number, plan, &mut dice);
        let Ok(phone) = PhoneNumber::parse(&text) else {
            refused += 1;
            continue;
        };
        let canonical = plan.canonical(&phone);
        if canonical == number.canonical {
            counted += 1;
            respelled += usize::from(phone.expose() != number.text);
            assert!(keys.of(&canonical) == number.keys, "form {form} of {}", number.text);
            continue;
        }
        // A digit came or went: another number, and a start refuses it unless it exists.
        assert!(
            !plan.lookup(&phone).possible,
            "form {form}: {text:?} is not {}",
            number.text
        );
        impossible += 1;
    }
    println!(
        "{FORMS} forms of {} numbers of {} calling codes: {refused} refused by their shape, {impossible} by the plan, \
         {counted} counted as the number, {respelled} of them in another spelling",
        numbers.len(),
        codes.len(),
    );
    assert_eq!(refused + impossible + counted, FORMS);
    assert!(refused > FORMS / 2 && impossible > 1_000 && counted > 10_000 && respelled > 100);
}

/// An example number, and where it is counted.
struct Number {
    text: String,
    trunk: Option<String>,
    canonical: PhoneNumber,
    keys: (RecipientKey, LimitKey),
}

/// Numbers of every kind of every region, and of the calling codes that belong to none.
fn example_numbers(plan: WorldNumbering) -> Vec<Number> {
    let util = &PHONE_NUMBER_UTIL;
    let of_regions = util.get_supported_regions().flat_map(|region| {
        let of = move |kind| util.get_example_number_for_type_and_region(region, kind).ok();
        TYPES.into_iter().filter_map(of)
    });
    let of_none = util
        .get_supported_global_network_calling_codes()
        .filter_map(|code| util.get_example_number_for_non_geo_entity(code).ok());
    let respelled = RESPELLED.iter().filter_map(|it| util.parse(it, None).ok());
    let numbers: BTreeSet<_> = of_regions
        .chain(of_none)
        .chain(respelled)
        .map(|it| (it.format_as(PhoneNumberFormat::E164).to_string(), it.country_code))
        .collect();
    let keys = Keys::new();
    numbers
        .into_iter()
        .filter_map(|(text, code)| {
            let phone = PhoneNumber::parse(&text).ok()?;
            let canonical = plan.canonical(&phone);
            Some(Number {
                trunk: text
                    .strip_prefix(&format!("+{code}"))
                    .filter(|_| !ZERO_IS_THEIRS.contains(&code))
                    .map(|rest| format!("+{code}0{rest}")),
                keys: keys.of(&canonical),
                canonical,
                text,
            })
        })
        .collect()
}

/// A form of the number with one to three decorations.
fn decorated(number: &Number, plan: WorldNumbering, dice: &mut Dice) -> String {
    let mut text = number.text.clone();
    for _ in 0..=dice.below(3) {
        text = match dice.below(11) {
            0..=2 => separated(&text, dice),
            3 => format!(
                "{}{}",
                PREFIXES[dice.below(PREFIXES.len())],
                text.trim_start_matches('+')
            ),
            4 => format!("{text}{}", SUFFIXES[dice.below(SUFFIXES.len())]),
            5 => in_other_digits(&text, dice),
            6 => format!("{}{text}", SEPARATORS[dice.below(SEPARATORS.len())]),
            7 => other_spelling(&text, plan),
            8 => number.trunk.clone().unwrap_or(text),
            9 => doubled(&text, dice),
            // As it is: a form of none is what everything else is compared with.
            _ => text,
        };
    }
    text
}

/// With one to four separators anywhere.
fn separated(text: &str, dice: &mut Dice) -> String {
    let mut text = text.to_owned();
    for _ in 0..=dice.below(4) {
        let place = place(&text, dice);
        text.insert_str(place, SEPARATORS[dice.below(SEPARATORS.len())]);
    }
    text
}

/// With some or all digits of another script.
fn in_other_digits(text: &str, dice: &mut Dice) -> String {
    let zero = SCRIPTS[dice.below(SCRIPTS.len())];
    let all = dice.below(2) == 0;
    let other = |it: char, dice: &mut Dice| match it.to_digit(10) {
        Some(digit) if all || dice.below(3) == 0 => char::from_u32(zero + digit).unwrap_or(it),
        _ => it,
    };
    text.chars().map(|it| other(it, dice)).collect()
}

/// As WhatsApp may know the same line.
fn other_spelling(text: &str, plan: WorldNumbering) -> String {
    let aliases = PhoneNumber::parse(text).map(|it| plan.aliases(&it)).unwrap_or_default();
    aliases
        .first()
        .map_or_else(|| text.to_owned(), |it| it.expose().to_owned())
}

/// With a character twice, or the whole of it.
fn doubled(text: &str, dice: &mut Dice) -> String {
    if dice.below(4) == 0 {
        return format!("{text}{text}");
    }
    let place = place(text, dice);
    let again = text[place..].chars().next().unwrap_or('+');
    // A digit twice would be another number that may well exist.
    let again = if again.is_ascii_digit() { '+' } else { again };
    format!("{}{again}{}", &text[..place], &text[place..])
}

/// A place between two characters.
fn place(text: &str, dice: &mut Dice) -> usize {
    let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
    places.get(dice.below(places.len() + 1)).copied().unwrap_or(text.len())
}

/// Where a phone is counted and remembered.
struct Keys {
    identity: Identity,
    app: AppId,
    purpose: Purpose,
}

impl Keys {
    fn new() -> Self {
        Self {
            identity: Identity::new(SecretKey::new([7; 32])),
            app: AppId::parse("shop").expect("a slug"),
            purpose: Purpose::parse("sign_in").expect("a slug"),
        }
    }

    fn of(&self, canonical: &PhoneNumber) -> (RecipientKey, LimitKey) {
        let subject = canonical.expose().as_bytes();
        (
            RecipientKey::derive(&self.identity, &self.app, &self.purpose, canonical),
            LimitKey::derive(&self.identity, RuleName::UnansweredSends, subject),
        )
    }
}

/// Dice that fall the same way for the same seed.
struct Dice(SeededRandom);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed))
    }

    fn below(&mut self, count: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        // A test does not mind the bias.
        u32::from_le_bytes(bytes) as usize % count
    }
}
