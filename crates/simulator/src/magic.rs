//! Phone numbers that misbehave by themselves, told by their last eight digits in any country. Kept out: numbers that
//! do not; every number that is not in a table here behaves as usual.

use std::time::Duration;

use serde::Serialize;

use crate::config::Pace;
use crate::errors::ErrorCode;
use crate::fate::{Event, Fate, LifeEnd, Step, Telling};
use crate::fault::Fault;
use crate::pricing::PricingType;

/// What a magic number does to a message to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Magic {
    pub(crate) fault: Option<Fault>,
    pub(crate) fate: Option<Fate>,
}

/// One of the named behaviors.
#[derive(Serialize)]
pub(crate) struct Behavior {
    /// The last eight digits of the phone.
    pub(crate) digits: &'static str,
    /// What happens, in words.
    pub(crate) does: &'static str,
    #[serde(skip)]
    act: fn(Pace) -> Magic,
}

/// The whole table, as the page shows it.
#[derive(Serialize)]
pub(crate) struct Table {
    /// Whether magic numbers act at all.
    enabled: bool,
    /// A phone on which any eight digits can be tried.
    example: &'static str,
    behaviors: &'static [Behavior],
    /// Codes for the two families that take one.
    codes: Vec<CodeRow>,
}

#[derive(Serialize)]
struct CodeRow {
    code: u32,
    title: &'static str,
    refused: String,
    failed: String,
}

/// A send to this family is answered with the code in its last six digits.
const REFUSED: &str = "10";
/// A message to this family is accepted and then fails with the code in its last six digits.
const FAILED: &str = "20";
/// How long held messages are held, and how long after the last status the person presses or moves.
const SOON: Duration = Duration::from_secs(3);
/// How late the late ones are.
const LATE: Duration = Duration::from_secs(20);

/// What a phone does by itself. `digits` without plus.
pub(crate) fn magic_of(digits: &str, pace: Pace) -> Option<Magic> {
    let last = digits.get(digits.len().checked_sub(8)?..)?;
    let (family, rest) = last.split_at_checked(2)?;
    let code = || rest.parse().ok().and_then(ErrorCode::of).map(|row| row.code);
    match family {
        REFUSED => Some(fault(Fault::Error { code: code()? })),
        FAILED => Some(fate(Fate::failed(code()?, pace.to_sent.unwrap_or_default()))),
        _ => {
            let behavior = BEHAVIORS.iter().find(|behavior| behavior.digits == last)?;
            Some((behavior.act)(pace))
        }
    }
}

pub(crate) fn table(enabled: bool) -> Table {
    let code = |row: &ErrorCode| CodeRow {
        code: row.code,
        title: row.title,
        refused: format!("{REFUSED}{:06}", row.code),
        failed: format!("{FAILED}{:06}", row.code),
    };
    Table {
        enabled,
        example: "+5511930000001",
        behaviors: BEHAVIORS,
        codes: ErrorCode::all().iter().map(code).collect(),
    }
}

fn fault(fault: Fault) -> Magic {
    Magic {
        fault: Some(fault),
        fate: None,
    }
}

fn fate(fate: Fate) -> Magic {
    Magic {
        fault: None,
        fate: Some(fate),
    }
}

fn told(pace: Pace, told: Telling) -> Magic {
    fate(Fate::usual(pace).told(told))
}

/// The usual way with another way of telling some of its steps.
fn retold(pace: Pace, change: impl Fn(&mut Step)) -> Magic {
    let mut usual = Fate::usual(pace);
    usual.steps.iter_mut().for_each(change);
    fate(usual)
}

/// The usual way as far as the phone, and then this.
fn delivered_then(pace: Pace, event: Event) -> Magic {
    let mut usual = Fate::usual(Pace { to_read: None, ..pace });
    usual.steps.retain(|step| step.event != Event::Read);
    usual.steps.push(Step::new(event, SOON));
    fate(usual)
}

fn failed_then_delivered(pace: Pace) -> Magic {
    fate(Fate::of([
        Step::new(Event::Failed { code: 131_026 }, pace.to_sent.unwrap_or_default()),
        Step::new(Event::Delivered, SOON),
    ]))
}

const fn row(digits: &'static str, does: &'static str, act: fn(Pace) -> Magic) -> Behavior {
    Behavior { digits, does, act }
}

#[rustfmt::skip]
const BEHAVIORS: &[Behavior] = &[
    row("30000001", "never answers; nothing is accepted", |_| fault(Fault::Silence)),
    row("30000002", "accepts and never answers", |_| fault(Fault::AcceptThenSilence)),
    row("30000003", "hangs up; nothing is accepted", |_| fault(Fault::HangUp)),
    row("30000004", "accepts and hangs up", |_| fault(Fault::AcceptThenHangUp)),
    row("30000005", "accepts and gives half of the answer", |_| fault(Fault::AcceptThenHalfAnswer)),
    row("30000006", "accepts and answers after 3 s", |_| fault(Fault::AcceptThenAnswerAfter(SOON))),
    row("30000007", "a proxy's HTML page with 502", |_| fault(Fault::Html { status: 502 })),
    row("30000008", "an empty answer with 503", |_| fault(Fault::Empty { status: 503 })),
    row("30000009", "130429 with one minute to wait",
        |_| fault(Fault::Throttle { code: 130_429, regain: Duration::from_secs(60) })),
    row("30000011", "held for 3 s, then released", |pace| fate(Fate::held_then_released(SOON, pace))),
    row("30000012", "held for 3 s, then failed with 132015", |_| fate(Fate::held_then_failed(SOON))),
    row("30000013", "delivered and read, and never a word of it", |pace| told(pace, Telling::missing())),
    row("30000014", "every webhook 20 s late", |pace| told(pace, Telling::late(LATE))),
    row("30000015", "every webhook twice", |pace| told(pace, Telling::twice())),
    row("30000016", "delivered is told before sent", |pace| retold(pace, |step| {
        step.told.reversed = step.event == Event::Sent;
    })),
    row("30000017", "delivered is not told", |pace| retold(pace, |step| {
        step.told.times = u8::from(step.event != Event::Delivered);
    })),
    row("30000018", "read is told, sent and delivered are not", |pace| retold(pace, |step| {
        step.told.times = u8::from(step.event == Event::Read);
    })),
    row("30000019", "failed with 131026, and delivered after all", failed_then_delivered),
    row("30000020", "every webhook after a forged one", |pace| told(pace, Telling::forged())),
    row("30000021", "every webhook without recipient_id", |pace| told(pace, Telling::without_recipient())),
    row("30000022", "every webhook in one post with others", |pace| told(pace, Telling::batched())),
    row("30000023", "sent, never delivered, and nothing told when its life ends",
        |pace| fate(Fate::outlived(pace.to_sent.unwrap_or_default(), LifeEnd::Untold))),
    row("30000024", "sent, never delivered, and failed with 131026 when its life ends",
        |pace| fate(Fate::outlived(pace.to_sent.unwrap_or_default(), LifeEnd::Failed))),
    row("30000031", "the person presses that they did not request a code",
        |pace| delivered_then(pace, Event::DidNotRequest)),
    row("30000032", "the number changes hands once it is delivered",
        |pace| delivered_then(pace, Event::NewIdentity)),
    row("30000041", "free of charge: the person came by way of an advertisement",
        |pace| fate(Fate::usual(pace).billed(PricingType::FreeEntryPoint))),
    row("30000042", "free of charge: the person wrote to the business lately",
        |pace| fate(Fate::usual(pace).billed(PricingType::FreeCustomerService))),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_a_table_is_magic_in_any_country() {
        let magic = |digits: &str| magic_of(digits, Pace::default());
        for country in ["5511", "1", "49151"] {
            let refused = magic(&format!("{country}10131026")).unwrap();
            assert_eq!(refused.fault, Some(Fault::Error { code: 131_026 }));
            let failed = magic(&format!("{country}20131026")).unwrap();
            assert_eq!(failed.fate.unwrap().steps[0].event, Event::Failed { code: 131_026 });
            assert_eq!(magic(&format!("{country}30000003")).unwrap().fault, Some(Fault::HangUp));
        }
        for usual in ["5511987654321", "551110999999", "551120999999", "551130999999", "1010"] {
            assert_eq!(magic(usual), None, "{usual}");
        }
    }
}
