//! The windows of budgets, counted from the Unix epoch in UTC.

use std::time::Duration;

use crate::time::{DAY, Timestamp, millis};

/// A stretch of the calendar in which a budget holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// Windows of one length, at least a millisecond; an hour is one of the clock, a day one of UTC.
    Every(Duration),
    /// The months of the Gregorian calendar, in UTC.
    Month,
}

impl Window {
    /// An hour of the clock.
    pub const HOUR: Self = Self::Every(Duration::from_secs(60 * 60));
    /// A day of UTC.
    pub const DAY: Self = Self::Every(DAY);

    /// The number of the window that holds `at`.
    pub fn number(self, at: Timestamp) -> u64 {
        match self {
            Self::Every(length) => at.unix_millis() / step(length),
            Self::Month => month_of(at.unix_millis() / millis(DAY)),
        }
    }

    /// When the window of that number ends, and the next one begins.
    pub fn end(self, number: u64) -> Timestamp {
        let end = match self {
            Self::Every(length) => number.saturating_add(1).saturating_mul(step(length)),
            Self::Month => first_day_of(number.saturating_add(1)).saturating_mul(millis(DAY)),
        };
        Timestamp::from_unix_millis(end)
    }
}

fn step(length: Duration) -> u64 {
    millis(length).max(1)
}

/// The last month that is told apart: the calendar repeats every 400 years, and nobody's clock is further.
const MONTH_MAX: u64 = 12 * 400 * 1_000;
/// Days in 400 years of the Gregorian calendar.
const ERA_DAYS: u64 = 146_097;
/// Days between 1 March of the year 0 and the Unix epoch.
const EPOCH_DAYS: u64 = 719_468;

/// Months since January 1970 of a day since the epoch. Years begin in March here, so that the odd day is the last one.
fn month_of(day: u64) -> u64 {
    let day = day.min(ERA_DAYS * 1_000) + EPOCH_DAYS;
    let (era, of_era) = (day / ERA_DAYS, day % ERA_DAYS);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA_DAYS - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    // Months since March of the year 0; January 1970 is the 23,638th.
    (era * 400 + year) * 12 + month - (1_970 * 12 - 2)
}

/// The first day, since the epoch, of a month since January 1970.
fn first_day_of(month: u64) -> u64 {
    let since_march = month.min(MONTH_MAX) + 1_970 * 12 - 2;
    let (year, month) = (since_march / 12, since_march % 12);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::AHEAD_MAX;

    #[test]
    fn months_are_those_of_the_calendar() {
        // Days since the epoch of the first of a month, from `date -u -d 2024-03-01 +%s`.
        for (day, month) in [
            (0, 0),
            (31, 1),
            (365, 12),
            (19_782, 54 * 12 + 1),
            (19_783, 54 * 12 + 2),
            (20_758, 56 * 12 + 10),
            (47_541, 130 * 12 + 2),
        ] {
            assert_eq!(month_of(day), month, "day {day}");
        }
        assert_eq!(month_of(19_782), month_of(19_754), "29 February 2024 is of February");
    }

    #[test]
    fn every_month_begins_where_the_one_before_ends() {
        for month in 0..12 * 800 {
            let first = first_day_of(month);
            assert_eq!(month_of(first), month);
            assert!(first == 0 || month_of(first - 1) == month - 1, "month {month}");
            assert!((28..=31).contains(&(first_day_of(month + 1) - first)));
        }
    }

    /// What a store that knows no calendar counts on: it is handed the ends of this month and of the next.
    #[test]
    fn a_month_that_still_counts_is_at_most_the_next_one() {
        for day in 0..146_097 {
            let now = Timestamp::from_unix_millis(day * millis(DAY));
            let latest = Window::Month.number(now.plus(DAY).plus(AHEAD_MAX).minus(Duration::from_millis(1)));
            assert!(latest <= Window::Month.number(now) + 1, "day {day}");
        }
    }

    #[test]
    fn a_clock_beyond_all_calendars_has_a_window_and_no_panic() {
        let last = Timestamp::from_unix_millis(u64::MAX);
        for window in [Window::Month, Window::DAY, Window::Every(Duration::ZERO)] {
            let _ = window.end(window.number(last));
        }
    }
}
