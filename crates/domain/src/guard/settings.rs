//! The numbers of the guard.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::limit::{ChargeMode, Quota};
use crate::policy::{CODE_LIFE_MAX, Mistake};
use crate::time::DAY;

/// How long a send counts as unfinished for the velocity gate: the longest life of a code. The same for every app,
/// because the counters are those of the whole service.
pub const UNFINISHED_LIFE: Duration = CODE_LIFE_MAX;

/// How many characters a new code has at least while guesses are sprayed (A4).
pub const SPRAYED_CODE_LENGTH_MIN: u8 = 8;

/// The numbers of the guard. The defaults are those of the security reference (3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// Whether alarms stop anything ([`ChargeMode::Refuse`]) or are told only ([`ChargeMode::Shadow`]).
    pub mode: ChargeMode,
    /// Unfinished sends at a time to ten thousand numbers, 1 to 10 000.
    pub unfinished_per_block_max: u32,
    /// Unfinished sends at a time to a country, at least; 1 to 1 000 000, and not fewer than to a block.
    pub unfinished_per_country_min: u32,
    /// After how long a send that nobody finished counts as unfinished for the score: 30 seconds to 5 minutes.
    pub maturity: Duration,
    /// How long a person who gave a code back counts as returning: a day to 400 days.
    pub returning_memory: Duration,
    /// How long starts of a bucket are challenged, the lowest rung: 5 minutes to a day.
    pub challenge_length: Duration,
    /// How long without an alarm steps the memory of a bucket down one rung: an hour to 30 days.
    pub clean_period: Duration,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self {
            mode: ChargeMode::Refuse,
            unfinished_per_block_max: 20,
            unfinished_per_country_min: 100,
            maturity: Duration::from_secs(120),
            returning_memory: DAY * 90,
            challenge_length: Duration::from_secs(15 * 60),
            clean_period: DAY,
        }
    }
}

impl GuardSettings {
    /// Everything that is wrong with the numbers, each alone and against each other; empty when they hold together.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let Self {
            mode,
            unfinished_per_block_max,
            unfinished_per_country_min,
            maturity,
            returning_memory,
            challenge_length,
            clean_period,
        } = self;
        let mut mistakes = Vec::new();
        let mut check = |fits: bool, field: &'static str, problem: &str| {
            if !fits {
                mistakes.push(Mistake {
                    field,
                    problem: problem.to_owned(),
                });
            }
        };
        let seconds = Duration::from_secs;
        check(
            *mode != ChargeMode::Always,
            "action",
            "must be to refuse or to shadow: what the guard counts can still be stopped",
        );
        check(
            (1..=10_000).contains(unfinished_per_block_max),
            "unfinished_per_block_max",
            "must be 1 to 10000",
        );
        check(
            (1..=1_000_000).contains(unfinished_per_country_min),
            "unfinished_per_country_min",
            "must be 1 to 1000000",
        );
        check(
            unfinished_per_country_min >= unfinished_per_block_max,
            "unfinished_per_country_min",
            "must be at least unfinished_per_block_max: a country is more than one block",
        );
        check(
            (seconds(30)..=seconds(300)).contains(maturity),
            "maturity",
            "must be 30 s to 5 minutes",
        );
        check(
            (DAY..=DAY * 400).contains(returning_memory),
            "returning_memory",
            "must be 1 to 400 days",
        );
        check(
            (seconds(300)..=DAY).contains(challenge_length),
            "challenge_length",
            "must be 5 minutes to 24 hours",
        );
        check(
            (seconds(3_600)..=DAY * 30).contains(clean_period),
            "clean_period",
            "must be 1 hour to 30 days",
        );
        mistakes
    }

    /// The quota of unfinished sends with room for `most`.
    pub fn unfinished(most: u32) -> Quota {
        Quota::Unfinished {
            amount: NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN),
            life: UNFINISHED_LIFE,
        }
    }
}
