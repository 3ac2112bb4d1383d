//! What follows from an alarm: a challenge, then longer and longer stops, and steps down in clean times.
//!
//! A rung is in force for as long as it lasts, and then starts are free again. It is remembered: the next alarm brings
//! the rung above. With each clean period without an alarm, counted from the end of the stop, what is remembered steps
//! down one rung, until nothing is.
//!
//! A country is not stopped as lightly as a block of numbers, because everybody new in it would be. As long as
//! challenges keep the attacker out, the next alarm brings a challenge again, for as long as the whole row has lasted,
//! so that each is about twice as long as the one before. Only an alarm in the midst of a challenge says that those who
//! meet it do not finish either; then the ladder begins.

use std::time::Duration;

use crate::guard::{Area, Bucket, GuardSettings};
use crate::time::{DAY, Timestamp, millis};

/// How long a block is kept that only an operator lifts: nothing is kept for ever.
const MANUAL_KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How much longer than the maturity of a send it may take until its score is shared.
const HEARING: Duration = Duration::from_secs(60);

/// How hard a bucket is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Starts need a challenge, for a quarter of an hour.
    Challenge,
    /// Nothing is sent for an hour.
    Hour,
    /// Nothing is sent for six hours.
    SixHours,
    /// Nothing is sent for a day.
    Day,
    /// Nothing is sent until an operator says so.
    Manual,
}

impl Rung {
    /// Every rung, the mildest first.
    pub const ALL: [Self; 5] = [Self::Challenge, Self::Hour, Self::SixHours, Self::Day, Self::Manual];

    /// The rung as one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Hour => "1h",
            Self::SixHours => "6h",
            Self::Day => "24h",
            Self::Manual => "manual",
        }
    }

    /// How long it is in force, at least; `None` when an operator ends it.
    pub fn length(self, settings: &GuardSettings) -> Option<Duration> {
        match self {
            Self::Challenge => Some(settings.challenge_length),
            Self::Hour => Some(DAY / 24),
            Self::SixHours => Some(DAY / 4),
            Self::Day => Some(DAY),
            Self::Manual => None,
        }
    }

    /// The rung above, at most the highest.
    #[must_use]
    pub const fn above(self) -> Self {
        match self {
            Self::Challenge => Self::Hour,
            Self::Hour => Self::SixHours,
            Self::SixHours => Self::Day,
            Self::Day | Self::Manual => Self::Manual,
        }
    }

    /// The rung so many steps below, if there is one.
    fn below(self, steps: u64) -> Option<Self> {
        let place = u64::try_from(Self::ALL.iter().position(|it| *it == self)?).ok()?;
        let place = usize::try_from(place.checked_sub(steps)?).ok()?;
        Self::ALL.get(place).copied()
    }
}

/// Why a bucket was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alarm {
    /// Too few of its sends are finished.
    Conversion,
    /// Too many of its guesses are wrong.
    WrongGuesses,
}

impl Alarm {
    /// What an alarm of such an area is about.
    pub const fn of(area: &Area) -> Self {
        match area {
            Area::Guesses => Self::WrongGuesses,
            Area::TenThousand(_) | Area::Thousand(_) | Area::Country(_) => Self::Conversion,
        }
    }

    /// The alarm as one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conversion => "conversion",
            Self::WrongGuesses => "wrong_guesses",
        }
    }
}

/// Whether a send is no news to a bucket that raised an alarm at `raised_at`: then the score began anew.
pub const fn is_outdated(sent_at: Timestamp, raised_at: Timestamp) -> bool {
    sent_at.unix_millis() <= raised_at.unix_millis()
}

/// A bucket that raised an alarm, as long as that is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What is stopped.
    pub bucket: Bucket,
    /// Why.
    pub alarm: Alarm,
    /// The rung of the last alarm.
    pub rung: Rung,
    /// The score of the last alarm, in thousandths.
    pub score: i64,
    /// When the last alarm was.
    pub raised_at: Timestamp,
    /// When the first alarm of this row was.
    pub since: Timestamp,
}

impl Block {
    /// What an alarm makes of a bucket: the lowest rung, or one above that which is remembered. A country is stopped
    /// only by an alarm in the midst of a challenge, and guesses are challenged and never more.
    ///
    /// An alarm changes nothing, `None`, while a stop is in force: whatever it is about was decided before the stop.
    /// Nor does it in the first minutes of a challenge, as long as sends from before it mature and another instance may
    /// raise the same alarm.
    pub fn raised(
        before: Option<&Self>,
        bucket: &Bucket,
        alarm: Alarm,
        score: i64,
        settings: &GuardSettings,
        now: Timestamp,
    ) -> Option<Self> {
        let in_force = before.and_then(|it| it.in_force(settings, now));
        let raised_at = before.map_or(now, |it| it.raised_at);
        match in_force {
            Some(Rung::Challenge) if now.since(raised_at) < settings.maturity + HEARING => return None,
            Some(Rung::Challenge) | None => {}
            Some(_) => return None,
        }
        let remembered = before.and_then(|it| it.remembered(settings, now));
        let rung = match (&bucket.area, remembered) {
            (Area::Guesses, _) | (_, None) => Rung::Challenge,
            (Area::Country(_), Some(Rung::Challenge)) if in_force.is_none() => Rung::Challenge,
            (_, Some(rung)) => rung.above(),
        };
        let since = before.filter(|_| remembered.is_some()).map_or(now, |it| it.since);
        Some(Self {
            bucket: bucket.clone(),
            alarm,
            rung,
            score,
            raised_at: now,
            since,
        })
    }

    /// The rung in force now; `None` when none is.
    pub fn in_force(&self, settings: &GuardSettings, now: Timestamp) -> Option<Rung> {
        let ends_at = self.ends_at(settings).unwrap_or(self.kept_until(settings));
        (now < ends_at).then_some(self.rung)
    }

    /// The rung the next alarm is measured by: that of the last alarm, one less for each clean period since its stop
    /// ended. `None` once everything is forgotten.
    pub fn remembered(&self, settings: &GuardSettings, now: Timestamp) -> Option<Rung> {
        let Some(ends_at) = self.ends_at(settings) else {
            return self.in_force(settings, now);
        };
        let clean_periods = millis(now.since(ends_at)) / millis(settings.clean_period).max(1);
        self.rung.below(clean_periods)
    }

    /// When the rung in force ends; `None` when only an operator ends it.
    pub fn ends_at(&self, settings: &GuardSettings) -> Option<Timestamp> {
        let length = self.rung.length(settings)?;
        let grows = matches!(self.bucket.area, Area::Country(_) | Area::Guesses) && self.rung == Rung::Challenge;
        let row = self.raised_at.since(self.since);
        Some(self.raised_at.plus(if grows {
            row.clamp(length, length.max(DAY))
        } else {
            length
        }))
    }

    /// Until when a store has to keep it: from then on it equals no block at all. One that waits for an operator is kept
    /// for a year.
    pub fn kept_until(&self, settings: &GuardSettings) -> Timestamp {
        let Some(ends_at) = self.ends_at(settings) else {
            return self.raised_at.plus(MANUAL_KEPT);
        };
        let rungs = Rung::ALL.iter().filter(|it| **it <= self.rung);
        rungs.fold(ends_at, |at, _| at.plus(settings.clean_period))
    }
}
