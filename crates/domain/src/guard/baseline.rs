//! What is usual: learnt from the hourly counts of the last weeks.
//!
//! An attacker writes in these counts, too. So the share of a fortnight is that of its median day, the usual of an hour
//! leaves the busiest week out, and whatever is learnt is cut to bounds: who sends for days teaches little, and who
//! sends for weeks gets at most as far as the bounds.

use std::time::Duration;

use crate::guard::GuardSettings;
use crate::guard::score::{FINISHED_MAX, FINISHED_MIN, WRONG_MAX, WRONG_MIN};
use crate::guard::settings::UNFINISHED_LIFE;
use crate::time::{DAY, HOUR, Timestamp, millis};

/// How far back shares are learnt from, in days.
const SHARE_DAYS: usize = 14;
/// How far back the usual of an hour is learnt from, in weeks.
const WEEKS: u64 = 4;
/// How much of the usual may be unfinished at a time.
const TIMES_USUAL: u64 = 5;
/// With fewer observations in all, nothing is learnt.
const OBSERVATIONS_MIN: u64 = 200;
/// Days with fewer observations are no day of their own.
const DAY_MIN: u64 = 20;
/// With fewer days, the share is that of all of them together.
const DAYS_MIN: usize = 7;

/// Hourly counts: the beginning of each hour, and how many; oldest first.
pub type Hours = Vec<(Timestamp, u64)>;

/// What is usual in one country, for one app or the whole service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// p0, in thousandths: the share of sends that are finished, as far as the score is concerned.
    pub finished: u16,
    /// Unfinished sends at a time that are allowed in this hour.
    pub unfinished_max: u32,
    /// Whether `finished` was learnt, or is what holds until it is.
    pub is_learnt: bool,
}

/// What is known of one country.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CountryHistory {
    /// Sends, by the hour in which they were decided.
    pub sends: Hours,
    /// Those of them that were finished, by the hour in which they were decided.
    pub finished: Hours,
}

impl Baseline {
    /// How far back a history has to reach.
    pub const REACH: Duration = Duration::from_secs(28 * 24 * 60 * 60);

    /// p0 until it is learnt, in thousandths.
    pub const FINISHED_UNLEARNT: u16 = 450;

    /// Until it is learnt: p0 = 0.45, and the least of unfinished sends.
    pub const fn unlearnt(settings: &GuardSettings) -> Self {
        Self {
            finished: Self::FINISHED_UNLEARNT,
            unfinished_max: settings.unfinished_per_country_min,
            is_learnt: false,
        }
    }

    /// What the history of a country teaches at `now`.
    ///
    /// p0 follows from the share that was finished in the last 14 days; with fewer than 200 sends it is what holds
    /// until it is learnt. Unfinished may be five times the usual of this hour of the week, at least the configured
    /// minimum.
    pub fn learn(history: &CountryHistory, settings: &GuardSettings, now: Timestamp) -> Self {
        let share = usual_share(&history.sends, &history.finished, now);
        let unlearnt = Self::unlearnt(settings);
        let usual = usual_unfinished(&history.sends, now);
        let most = u32::try_from(usual.saturating_mul(TIMES_USUAL)).unwrap_or(u32::MAX);
        Self {
            finished: share.map_or(unlearnt.finished, usual_finished),
            unfinished_max: most.max(settings.unfinished_per_country_min),
            is_learnt: share.is_some(),
        }
    }
}

/// The honest share of wrong guesses, in thousandths, as far as the score is concerned: 1.5 of the share of the last 14
/// days, cut to 0.10–0.35; the most until there were 200 guesses.
pub fn usual_wrong(guesses: &[(Timestamp, u64)], wrong: &[(Timestamp, u64)], now: Timestamp) -> u16 {
    usual_share(guesses, wrong, now).map_or(WRONG_MAX, |share| cut(share * 3 / 2, WRONG_MIN, WRONG_MAX))
}

/// p0 of a country that finishes `share` thousandths: 0.7 of it, but where half and more are finished no less than until
/// it was learnt, and below one half no less than 0.9 of it; cut to 0.30–0.75.
///
/// 0.7 alone would have a country of 50 % learn to be slower than one that nobody knows, and is not needed against false
/// alarms: at 0.9 of the share they are equally rare for every share from a third to a half (ADR 0026).
fn usual_finished(share: u64) -> u16 {
    let least = (share * 9 / 10).min(u64::from(Baseline::FINISHED_UNLEARNT));
    cut(least.max(share * 7 / 10), FINISHED_MIN, FINISHED_MAX)
}

fn cut(share: u64, least: u16, most: u16) -> u16 {
    u16::try_from(share).unwrap_or(most).clamp(least, most)
}

/// How many thousandths of `all` are `part`, in the last 14 days: on their median day, or over all of them as long as
/// fewer than seven have enough to be a day of their own. `None` while there is too little to tell.
fn usual_share(all: &[(Timestamp, u64)], part: &[(Timestamp, u64)], now: Timestamp) -> Option<u64> {
    let (all, part) = (by_day(all, now), by_day(part, now));
    let share = |part: u64, all: u64| part.min(all).saturating_mul(1_000) / all.max(1);
    let total: u64 = all.iter().sum();
    if total < OBSERVATIONS_MIN {
        return None;
    }
    let days = all.iter().zip(&part).filter(|(all, _)| **all >= DAY_MIN);
    let mut shares: Vec<_> = days.map(|(all, part)| share(*part, *all)).collect();
    if shares.len() < DAYS_MIN {
        return Some(share(part.iter().sum(), total));
    }
    shares.sort_unstable();
    shares.get(shares.len() / 2).copied()
}

/// The counts of the last 14 days, the last first.
fn by_day(hours: &[(Timestamp, u64)], now: Timestamp) -> [u64; SHARE_DAYS] {
    let mut days = [0; SHARE_DAYS];
    for (hour, count) in hours {
        let age = millis(now.since(*hour)) / millis(DAY);
        let day = usize::try_from(age).ok().and_then(|age| days.get_mut(age));
        if let Some(day) = day {
            *day += count;
        }
    }
    days
}

/// How many sends usually begin within the life of an unfinished one, at this hour: the mean of the same hour of the
/// last four weeks, without the busiest of three or more. In the first week of a history the same hour of its days.
fn usual_unfinished(sends: &[(Timestamp, u64)], now: Timestamp) -> u64 {
    let Some((first, _)) = sends.first() else { return 0 };
    let this_hour = now.hour();
    let same_hours = |step: Duration, steps: u64| -> Vec<u64> {
        let before = (1..=steps).map(|back| this_hour.minus(Duration::from_millis(millis(step) * back)));
        let count = |hour| {
            let at = sends.binary_search_by_key(&hour, |(hour, _)| *hour);
            at.map_or(0, |at| sends[at].1)
        };
        before.take_while(|hour| hour >= first).map(count).collect()
    };
    let mut counts = same_hours(DAY * 7, WEEKS);
    if counts.is_empty() {
        counts = same_hours(DAY, 6);
    }
    counts.sort_unstable();
    if counts.len() >= 3 {
        counts.pop();
    }
    let sum = u128::from(counts.iter().sum::<u64>()) * u128::from(millis(UNFINISHED_LIFE));
    let of = u128::from(millis(HOUR)) * (counts.len().max(1) as u128);
    u64::try_from(sum.div_ceil(of)).unwrap_or(u64::MAX)
}
