//! Lines that have two spellings, and which of the two they are counted, held and remembered under.
//!
//! Plain arithmetic on digits, without the library: both spellings of a line have to come to the same pair whatever the
//! metadata of the day says about either of them.

use countersign_domain::phone::PhoneNumber;

/// The two spellings of one line.
///
/// The canonical one is what the numbering plan of today calls the line and what most people write, so that records
/// from before there was a canonical form keep their key for nearly everybody. Whoever was recorded under the other
/// spelling is a stranger once: the open verification, the counted guesses and sends of that record are found no more
/// and run out where they are.
#[derive(Debug)]
pub(crate) struct Spellings {
    pub(crate) canonical: PhoneNumber,
    pub(crate) other: PhoneNumber,
}

impl Spellings {
    /// The spellings of the line of `phone`; `None` when it has but one.
    pub(crate) fn of(phone: &PhoneNumber) -> Option<Self> {
        let (country, national) = phone.expose().trim_start_matches('+').split_at_checked(2)?;
        let (canonical, other) = match country {
            "55" => brazil(national)?,
            "52" => mexico(national)?,
            "54" => argentina(national)?,
            _ => return None,
        };
        let spelled = |national: &str| PhoneNumber::parse(&format!("+{country}{national}")).ok();
        Some(Self {
            canonical: spelled(&canonical)?,
            other: spelled(&other)?,
        })
    }
}

/// Two digits of area and a mobile line: nine digits since 2016, of which the first is a 9, and the eight after it
/// before.
///
/// Only lines whose eight digits begin with 6 to 9 were mobile ones. 2 to 5 are fixed lines, which never grew: 3333-4444
/// and 93333-4444 are two persons. Lines in 7 without the ninth digit were also a radio network's, which was shut down
/// in 2018; the metadata still knows them.
fn brazil(national: &str) -> Option<(String, String)> {
    let (area, line) = national.split_at_checked(2)?;
    let short = match line.len() {
        8 => line,
        9 => line.strip_prefix('9')?,
        _ => return None,
    };
    let is_mobile = short.starts_with(['6', '7', '8', '9']);
    (is_mobile && !area.contains('0')).then(|| (format!("{area}9{short}"), format!("{area}{short}")))
}

/// Ten digits, and a 1 before them when a mobile was called from abroad, until 2019. Areas begin with 2 to 9, and
/// mobiles and fixed lines share one range of numbers, so that both spellings can only mean one line.
fn mexico(national: &str) -> Option<(String, String)> {
    let line = with_or_without(national, '1')?;
    line.starts_with(|first| ('2'..='9').contains(&first))
        .then(|| (line.to_owned(), format!("1{line}")))
}

/// Ten digits, and a 9 before them when a mobile is called from abroad. Areas begin with 1, 2 or 3.
///
/// Mobiles and fixed lines share one range of numbers: inside the country a mobile reaches either by the ten digits
/// alone, so that both spellings can only mean one line. The metadata calls the ten digits a fixed line, because
/// nothing in them says otherwise. The form with the 9 is how a mobile is written and what WhatsApp calls it, and
/// nearly everybody who is sent a code has a mobile; the fixed lines that use WhatsApp are the strangers once.
fn argentina(national: &str) -> Option<(String, String)> {
    let line = with_or_without(national, '9')?;
    line.starts_with(['1', '2', '3'])
        .then(|| (format!("9{line}"), line.to_owned()))
}

/// The ten digits of a national number that may have one more in front.
fn with_or_without(national: &str, prefix: char) -> Option<&str> {
    match national.len() {
        10 => Some(national),
        11 => national.strip_prefix(prefix),
        _ => None,
    }
}
