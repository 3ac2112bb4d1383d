//! Numbers out of many numbers: medians, percentiles, rates. Pure.

use std::time::Duration;

/// The middle of these values, or the mean of the two in the middle; nothing for none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(*lower, upper))
}

/// The smallest of these sorted values that so many thousandths of them do not exceed (nearest rank); zero for none.
pub(crate) fn percentile(sorted: &[Duration], thousandths: usize) -> Duration {
    let rank = (sorted.len() * thousandths).div_ceil(1000).max(1);
    sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or_default()
}

/// How many of these offsets are in each whole second of a span.
pub(crate) fn each_second(offsets: &[Duration], span: Duration) -> Vec<f64> {
    let count = |second| {
        let during = offsets.iter().filter(|it| it.as_secs() == second);
        number(u64::try_from(during.count()).unwrap_or(u64::MAX))
    };
    (0..span.as_secs()).map(count).collect()
}

/// The most of these sorted offsets that lie within one second of each other, wherever that second begins.
pub(crate) fn busiest_second(sorted: &[Duration]) -> u64 {
    let within = |(first, from): (usize, &Duration)| {
        let end = sorted.partition_point(|it| *it < *from + Duration::from_secs(1));
        u64::try_from(end - first).unwrap_or(u64::MAX)
    };
    sorted.iter().enumerate().map(within).max().unwrap_or_default()
}

/// A count as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and bytes of a benchmark stay far below 2^53"
)]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// How many items there are, as a number to calculate with.
pub(crate) fn length<T>(items: &[T]) -> f64 {
    number(u64::try_from(items.len()).unwrap_or(u64::MAX))
}

/// Microseconds of a span for each of so many; zero for none.
pub(crate) fn micros_each(span: Duration, count: f64) -> f64 {
    if count > 0.0 {
        span.as_secs_f64() * 1e6 / count
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: Option<f64>, other: f64) -> bool {
        one.is_some_and(|one| (one - other).abs() < 1e-9)
    }

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(median([]), None);
        assert!(close(median([7.0]), 7.0));
        assert!(close(median([9.0, 1.0, 5.0]), 5.0));
        assert!(close(median([9.0, 1.0, 5.0, 6.0]), 5.5));
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let millis: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&millis, 500), Duration::from_millis(100));
        assert_eq!(percentile(&millis, 990), Duration::from_millis(198));
        assert_eq!(percentile(&millis, 1000), Duration::from_millis(200));
        assert_eq!(percentile(&millis, 0), Duration::from_millis(1));
        assert_eq!(percentile(&millis[..1], 990), Duration::from_millis(1));
        assert_eq!(percentile(&[], 500), Duration::ZERO);
    }

    #[test]
    fn what_comes_after_the_last_whole_second_is_in_none() {
        let offsets = [0, 999, 1_000, 2_000].map(Duration::from_millis);
        let counts = each_second(&offsets, Duration::from_millis(2_500));
        assert_eq!(counts.len(), 2);
        assert!(close(counts.first().copied(), 2.0) && close(counts.last().copied(), 1.0));
    }

    #[test]
    fn the_busiest_second_may_begin_anywhere_and_ends_before_the_next() {
        let busiest = |millis: &[u64]| {
            let offsets: Vec<_> = millis.iter().map(|it| Duration::from_millis(*it)).collect();
            busiest_second(&offsets)
        };
        assert_eq!(busiest(&[]), 0);
        assert_eq!(busiest(&[0, 1_000]), 1);
        assert_eq!(busiest(&[0, 700, 800, 1_699, 1_700]), 3);
    }

    #[test]
    fn nothing_costs_nothing_each() {
        assert!(close(Some(micros_each(Duration::from_millis(3), 1000.0)), 3.0));
        assert!(close(Some(micros_each(Duration::from_millis(3), 0.0)), 0.0));
    }
}
