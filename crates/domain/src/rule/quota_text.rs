//! Quotas as people write them: `5/10m` for a rate, `10/day` for a budget of the calendar.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use thiserror::Error;

use crate::limit::{Quota, Window};
use crate::rule::{AMOUNT_MAX, SPAN_MAX};
use crate::time::millis;

/// The units of a period, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// The windows of the calendar, by their words.
const WINDOWS: [(&str, Window); 3] = [("hour", Window::HOUR), ("day", Window::DAY), ("month", Window::Month)];

/// Reads a quota: `N/PERIOD` with a period in `s`, `m`, `h` or `d` (or `ms`) is a rate of N at once that refills evenly
/// within the period; `N/hour`, `N/day` and `N/month` are budgets of the calendar in UTC.
///
/// One of a rate comes back each N-th part of the period, rounded up to a whole millisecond: never more than N come back
/// within the period, and with thousands in seconds noticeably fewer. N is at least 1 and at most a thousand for each
/// second of the period; the period is at most 400 days; a budget is at most 2^52.
pub fn parse_quota(text: &str) -> Result<Quota, QuotaTextError> {
    let (number, period) = text.split_once('/').ok_or(QuotaTextError::Shape)?;
    let amount = parse_number(number)?;
    let amount = NonZeroU64::new(amount).ok_or(QuotaTextError::Nothing)?;
    if let Some((_, window)) = WINDOWS.iter().find(|(word, _)| *word == period) {
        if amount.get() > AMOUNT_MAX {
            return Err(QuotaTextError::TooMany);
        }
        let window = *window;
        return Ok(Quota::Budget { amount, window });
    }
    let period = parse_period(period)?;
    let burst = NonZeroU32::try_from(amount).map_err(|_| QuotaTextError::TooMany)?;
    if u64::from(burst.get()) > period {
        return Err(QuotaTextError::TooFast);
    }
    let interval = Duration::from_millis(period.div_ceil(u64::from(burst.get())));
    Ok(Quota::Rate { burst, interval })
}

/// A quota as [`parse_quota`] reads it, with the period in the longest unit that says the same. What no configuration can
/// write reads `20 unfinished within 10m` or `10 in each 15m`.
pub fn quota_text(quota: Quota) -> String {
    match quota {
        Quota::Rate { burst, interval } => {
            let (number, (unit, _)) = period_of(burst, interval);
            format!("{burst}/{number}{unit}")
        }
        Quota::Budget { amount, window } => match WINDOWS.iter().find(|(_, it)| *it == window) {
            Some((word, _)) => format!("{amount}/{word}"),
            None => format!("{amount} in each {}", span_text(window)),
        },
        Quota::Unfinished { amount, life } => {
            format!("{amount} unfinished within {}", span_text(Window::Every(life)))
        }
    }
}

/// A number for the shape and the period of a quota, whatever its amount. Of two quotas with the same number one always
/// implies the other, so those of one rule differ in it.
pub(crate) fn period_number(quota: Quota) -> u64 {
    let (shape, period) = match quota {
        Quota::Rate { burst, interval } => {
            let (number, (_, unit)) = period_of(burst, interval);
            (1, number.saturating_mul(unit))
        }
        Quota::Budget { window, .. } => match window {
            Window::Every(length) => (2, millis(length)),
            Window::Month => (3, 0),
        },
        Quota::Unfinished { life, .. } => (4, millis(life)),
    };
    // Periods take 36 bits.
    shape << 56 | period
}

/// Why a text is not a quota. Says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuotaTextError {
    /// It is not a number, a slash and a period.
    #[error(
        "must be a number, a slash and a period, without spaces: 5/10m or 10/1d refill evenly; 10/hour, 10/day or 10/month start anew with the clock"
    )]
    Shape,
    /// The number is zero.
    #[error("allows nothing: the number before the slash must be at least 1")]
    Nothing,
    /// The number is larger than can be counted exactly.
    #[error(
        "allows too many: the number before the slash must be at most 4294967295, or 4503599627370496 with hour, day or month"
    )]
    TooMany,
    /// The period is zero.
    #[error("has no period: the number after the slash must be at least 1")]
    NoPeriod,
    /// More than one of a rate would come back each millisecond.
    #[error("refills too fast: at most 1000 before the slash for each second of the period")]
    TooFast,
    /// The period is longer than limits are kept for.
    #[error("has too long a period: at most 400d")]
    TooLong,
}

/// A number of ASCII digits and nothing else.
fn parse_number(text: &str) -> Result<u64, QuotaTextError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(QuotaTextError::Shape);
    }
    text.parse().map_err(|_| QuotaTextError::TooMany)
}

/// A period in milliseconds, at least one.
fn parse_period(text: &str) -> Result<u64, QuotaTextError> {
    let unit_at = text
        .find(|character: char| !character.is_ascii_digit())
        .ok_or(QuotaTextError::Shape)?;
    let (number, unit) = text.split_at(unit_at);
    let (_, length) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or(QuotaTextError::Shape)?;
    let number = match parse_number(number) {
        Err(QuotaTextError::TooMany) => return Err(QuotaTextError::TooLong),
        number => number?,
    };
    match number.saturating_mul(*length) {
        0 => Err(QuotaTextError::NoPeriod),
        period if period > millis(SPAN_MAX) => Err(QuotaTextError::TooLong),
        period => Ok(period),
    }
}

/// The period in which `burst` come back at one each `interval`: of all that would be rounded to this interval, the one
/// that needs the longest unit.
fn period_of(burst: NonZeroU32, interval: Duration) -> (u64, (&'static str, u64)) {
    let (burst, interval) = (u64::from(burst.get()), millis(interval).max(1));
    let (shorter, longest) = (burst.saturating_mul(interval - 1), burst.saturating_mul(interval));
    let fits = |(name, unit): &(&'static str, u64)| {
        let number = longest / unit;
        (number.saturating_mul(*unit) > shorter).then_some((number, (*name, *unit)))
    };
    // A whole number of milliseconds always fits.
    UNITS.iter().find_map(fits).unwrap_or((longest, ("ms", 1)))
}

fn span_text(window: Window) -> String {
    let Window::Every(span) = window else {
        return "month".to_owned();
    };
    let span = millis(span);
    let unit = UNITS.iter().find(|(_, unit)| span > 0 && span.is_multiple_of(*unit));
    let (name, unit) = unit.unwrap_or(&("ms", 1));
    format!("{}{name}", span / unit)
}
