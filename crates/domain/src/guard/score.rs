//! Scores: a CUSUM in thousandths of a natural logarithm, never below zero.
//!
//! Each observation adds how much better "this is abuse" explains it than "this is as usual". Good news takes away, and
//! a score of zero is as good as it gets: nobody saves up for later.

use crate::recipient::{Comparison, Conversion};

/// The score at which a bucket raises an alarm: 14 (security reference 3.3).
pub const ALARM: i64 = 14_000;

/// p0 of sends, in thousandths, is never below: it bounds what an attacker can teach the guard, who sends for weeks.
pub const FINISHED_MIN: u16 = 300;
/// p0 of sends, in thousandths, is never above.
pub const FINISHED_MAX: u16 = 750;
/// The honest share of wrong guesses, in thousandths, is never taken to be lower.
pub const WRONG_MIN: u16 = 100;
/// The honest share of wrong guesses, in thousandths, is never taken to be higher.
pub const WRONG_MAX: u16 = 350;

/// What one observation adds to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points {
    /// A good one; negative.
    pub good: i64,
    /// A bad one; positive.
    pub bad: i64,
}

/// The points of a finished and of an unfinished send, where a share of `usual` (p0, in thousandths, cut to 300–750) is
/// finished honestly.
///
/// Abuse is p1 = max(0.02, p0 / 11): an unfinished send adds ln((1−p1)/(1−p0)), a finished one ln(p1/p0).
pub fn send_points(usual: u16) -> Points {
    let p0 = f64::from(usual.clamp(FINISHED_MIN, FINISHED_MAX)) / 1_000.0;
    let p1 = (p0 / 11.0).max(0.02);
    Points {
        good: thousandths(ln(p1 / p0)),
        bad: thousandths(ln((1.0 - p1) / (1.0 - p0))),
    }
}

/// The points of a right and of a wrong guess, where a share of `usual` (q0, in thousandths, cut to 100–350) is wrong
/// honestly.
///
/// Abuse is twice the odds: q1 = 2·q0 / (1 + q0). So the score drifts up once more than a share between q0 and q1 is
/// wrong: 0.14 where q0 = 0.10, 0.43 where q0 = 0.35. Both are below one half, so that spraying is found even where each
/// of its guesses hides beside an honest one, however few of those are wrong. A greater ratio would find pure spraying a
/// few guesses sooner and would not find that mixture in time.
pub fn guess_points(usual: u16) -> Points {
    let q0 = f64::from(usual.clamp(WRONG_MIN, WRONG_MAX)) / 1_000.0;
    let q1 = 2.0 * q0 / (1.0 + q0);
    Points {
        good: thousandths(ln((1.0 - q1) / (1.0 - q0))),
        bad: thousandths(ln(q1 / q0)),
    }
}

/// What a send that is counted otherwise than before adds to a score: what it counts now, less what it counted.
pub const fn send_change(points: Points, from: Conversion, to: Conversion) -> i64 {
    worth(points, to) - worth(points, from)
}

/// What a send that is counted otherwise than before adds to the hourly counts of its country: to those whose fate is
/// known, so that the share is never one of sends still under way, and to those of them that were finished.
pub fn send_counts(from: Conversion, to: Conversion) -> [u64; 2] {
    let is_known = |it| matches!(it, Conversion::Missed | Conversion::Finished);
    let is_finished = from != Conversion::Finished && to == Conversion::Finished;
    [!is_known(from) && is_known(to), is_finished].map(u64::from)
}

/// What a guess adds to a score.
///
/// A verification is wrong once, whatever is tried at it after that: spraying is few guesses at very many phones, and
/// five at one phone, which its own budgets bound, are worth no more than one.
pub const fn guess_change(points: Points, comparison: Comparison) -> i64 {
    match comparison {
        Comparison::Right => points.good,
        Comparison::FirstWrong => points.bad,
        Comparison::WrongAgain => 0,
    }
}

/// What a guess adds to the hourly counts: to those that count, and to those of them that were wrong.
pub const fn guess_counts(comparison: Comparison) -> [u64; 2] {
    match comparison {
        Comparison::Right => [1, 0],
        Comparison::FirstWrong => [1, 1],
        Comparison::WrongAgain => [0, 0],
    }
}

const fn worth(points: Points, conversion: Conversion) -> i64 {
    match conversion {
        Conversion::NotCounted | Conversion::Awaited => 0,
        Conversion::Missed => points.bad,
        Conversion::Finished => points.good,
    }
}

/// Any number of changes to a score, as the two that come to the same, whatever the score was.
///
/// A score is floored at zero after each change, so that changes cannot simply be summed: what is lost at the floor does
/// not come back. But one fall and one rise are enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlooredSum {
    /// What all changes would come to without a floor.
    sum: i64,
    /// What they come to from zero.
    rise: i64,
}

impl FlooredSum {
    /// Adds a change.
    pub fn add(&mut self, points: i64) {
        self.sum = self.sum.saturating_add(points);
        self.rise = self.rise.saturating_add(points).max(0);
    }

    /// The changes to make, in order: a fall, then a rise, where there is one.
    pub fn changes(self) -> impl Iterator<Item = i64> {
        let fall = self.sum.saturating_sub(self.rise);
        [fall, self.rise].into_iter().filter(|points| *points != 0)
    }
}

/// In thousandths, rounded up: what is lost in rounding brings an alarm sooner and not later.
#[expect(
    clippy::cast_possible_truncation,
    reason = "logarithms of shares between 0.02 and 0.9 are a few thousand thousandths"
)]
fn thousandths(points: f64) -> i64 {
    (points * 1_000.0).ceil() as i64
}

/// The natural logarithm of a positive number, from additions, multiplications and divisions alone: those are exact to
/// the last bit on every machine (IEEE 754), and a library's logarithm is not. Instances of one installation must agree.
fn ln(number: f64) -> f64 {
    let (mut mantissa, mut twos) = (number, 0.0);
    while mantissa < 0.75 {
        mantissa *= 2.0;
        twos -= 1.0;
    }
    while mantissa > 1.5 {
        mantissa /= 2.0;
        twos += 1.0;
    }
    // ln m = 2 · artanh((m − 1) / (m + 1)); with m of 0.75 to 1.5 each term is at most a twenty-fifth of the last.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let (mut power, mut sum, mut odd) = (ratio, 0.0, 1.0);
    for _ in 0..16 {
        sum += power / odd;
        power *= ratio * ratio;
        odd += 2.0;
    }
    2.0 * sum + twos * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_the_library_as_far_as_a_billionth() {
        for thousandth in 1..=5_000 {
            let number = f64::from(thousandth) / 1_000.0;
            assert!((ln(number) - number.ln()).abs() < 1e-9, "{number}");
        }
    }

    #[test]
    fn a_fall_and_a_rise_come_to_the_same_as_all_changes_one_by_one() {
        let mut roll = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |span: i64| {
            roll ^= roll << 13;
            roll ^= roll >> 7;
            roll ^= roll << 17;
            i64::try_from(roll % 1_000_003).unwrap_or(0) % span
        };
        for _ in 0..10_000 {
            let (start, length) = (next(20_000), next(12));
            let changes: Vec<_> = (0..length).map(|_| next(6_000) - 3_000).collect();
            let one_by_one = changes.iter().fold(start, |score, points| (score + points).max(0));
            let mut sum = FlooredSum::default();
            for points in &changes {
                sum.add(*points);
            }
            let at_once = sum.changes().fold(start, |score, points| (score + points).max(0));
            assert_eq!(at_once, one_by_one, "{start} {changes:?}");
            assert!(sum.changes().count() <= 2);
        }
    }

    #[test]
    fn points_are_the_same_numbers_for_ever() {
        let sends = |usual| (send_points(usual).good, send_points(usual).bad);
        assert_eq!(sends(450), (-2_397, 557));
        assert_eq!(sends(300), (-2_397, 330));
        assert_eq!(sends(750), (-2_397, 1_316));
        let guesses = |usual| (guess_points(usual).good, guess_points(usual).bad);
        assert_eq!(guesses(100), (-95, 598));
        assert_eq!(guesses(350), (-300, 394));
    }

    #[test]
    fn shares_beyond_the_bounds_count_as_the_bounds() {
        assert_eq!(send_points(0), send_points(FINISHED_MIN));
        assert_eq!(send_points(1_000), send_points(FINISHED_MAX));
        assert_eq!(guess_points(0), guess_points(WRONG_MIN));
        assert_eq!(guess_points(u16::MAX), guess_points(WRONG_MAX));
    }

    #[test]
    fn good_news_always_takes_and_bad_news_always_adds() {
        for usual in 0..=1_000 {
            for points in [send_points(usual), guess_points(usual)] {
                assert!(points.good < 0 && points.bad > 0, "{usual}: {points:?}");
            }
        }
    }
}
