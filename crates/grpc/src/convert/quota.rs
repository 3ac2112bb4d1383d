//! Quotas in words, as the configuration writes them.

use countersign_domain::limit::{Quota, Window};
use countersign_domain::time::DAY;

const SECOND: u128 = 1_000;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;

/// A quota that counts things: `5/10m`, `10/day`, `20 at a time`.
pub(super) fn quota(quota: Quota) -> String {
    match quota {
        Quota::Rate { burst, interval } => {
            let burst = u128::from(burst.get());
            // Intervals are whole milliseconds, so that the period they came from may be a little more.
            format!("{burst}/{}", period(interval.as_millis() * burst, burst))
        }
        Quota::Budget { amount, window } => format!("{amount}/{}", name(window)),
        Quota::Unfinished { amount, .. } => format!("{amount} at a time"),
    }
}

/// A quota that counts money, in millionths of `currency`: `25.00 USD/day`.
pub(super) fn budget(quota: Quota, currency: &str) -> String {
    match quota {
        Quota::Budget { amount, window } => format!("{} {currency}/{}", money(amount.get()), name(window)),
        Quota::Rate { .. } | Quota::Unfinished { .. } => self::quota(quota),
    }
}

/// Millionths as a decimal number of two to six digits behind the point.
fn money(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let mut digits = format!("{rest:06}");
    while digits.len() > 2 && digits.ends_with('0') {
        digits.pop();
    }
    format!("{whole}.{digits}")
}

fn name(window: Window) -> String {
    match window {
        Window::HOUR => "hour".to_owned(),
        Window::DAY => "day".to_owned(),
        Window::Month => "month".to_owned(),
        Window::Every(length) => format!("{} of the clock", period(length.as_millis(), 0)),
    }
}

/// A length of time in the largest unit that says it to within `tolerance` milliseconds.
fn period(millis: u128, tolerance: u128) -> String {
    let units = [(DAY.as_millis(), "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")];
    for (unit, name) in units {
        let count = (millis + unit / 2) / unit;
        if count > 0 && millis.abs_diff(count * unit) <= tolerance {
            return format!("{count}{name}");
        }
    }
    format!("{millis}ms")
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};
    use std::time::Duration;

    use super::*;

    fn rate(burst: u32, period: Duration) -> Quota {
        Quota::Rate {
            burst: NonZeroU32::new(burst).unwrap(),
            interval: Duration::from_millis(u64::try_from(period.as_millis()).unwrap() / u64::from(burst)),
        }
    }

    fn per(amount: u64, window: Window) -> Quota {
        Quota::Budget {
            amount: NonZeroU64::new(amount).unwrap(),
            window,
        }
    }

    #[test]
    fn a_quota_is_written_as_the_configuration_writes_it() {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        for (quota_given, wanted) in [
            (rate(5, minutes(10)), "5/10m"),
            (rate(10, DAY), "10/1d"),
            (rate(7, minutes(60)), "7/1h"),
            (rate(3, Duration::from_secs(90)), "3/90s"),
            (rate(7_777, DAY), "7777/1d"),
            (rate(1, Duration::from_millis(250)), "1/250ms"),
            (per(10, Window::HOUR), "10/hour"),
            (per(10, Window::DAY), "10/day"),
            (per(10, Window::Month), "10/month"),
            (per(10, Window::Every(minutes(5))), "10/5m of the clock"),
        ] {
            assert_eq!(quota(quota_given), wanted);
        }
        let unfinished = Quota::Unfinished {
            amount: NonZeroU32::new(20).unwrap(),
            life: minutes(10),
        };
        assert_eq!(quota(unfinished), "20 at a time");
    }

    #[test]
    fn money_is_written_with_its_currency_and_without_idle_digits() {
        for (micros, wanted) in [
            (25_000_000, "25.00 USD/day"),
            (31_500, "0.0315 USD/day"),
            (1, "0.000001 USD/day"),
        ] {
            assert_eq!(budget(per(micros, Window::DAY), "USD"), wanted);
        }
    }
}
