//! Quotas as text: what is written is what is counted, and what cannot be counted says what to write.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_domain::limit::{Quota, Window};
use countersign_domain::rule::{QuotaTextError, parse_quota, quota_text};
use proptest::prelude::*;

use crate::{budget, rate};

#[test]
fn a_quota_is_read_as_it_is_written() {
    for (text, quota) in [
        ("5/10m", rate(5, 120_000)),
        ("10/1d", rate(10, 8_640_000)),
        ("1/1s", rate(1, 1_000)),
        ("1000/1s", rate(1_000, 1)),
        ("3/2h", rate(3, 2_400_000)),
        ("1/400d", rate(1, 34_560_000_000)),
        ("10/hour", budget(10, Window::HOUR)),
        ("10/day", budget(10, Window::DAY)),
        ("4503599627370496/month", budget(1 << 52, Window::Month)),
    ] {
        assert_eq!(parse_quota(text), Ok(quota), "{text}");
        assert_eq!(quota_text(quota), text);
    }
}

#[test]
fn what_cannot_be_a_quota_is_told_what_to_write() {
    use QuotaTextError::{NoPeriod, Nothing, Shape, TooFast, TooLong, TooMany};
    for (text, error) in [
        ("", Shape),
        ("5", Shape),
        ("5/", Shape),
        ("/10m", Shape),
        ("5/10", Shape),
        ("5/m", Shape),
        ("5/10M", Shape),
        ("5/10min", Shape),
        ("5/1w", Shape),
        ("5/minute", Shape),
        ("5/Day", Shape),
        ("5 / 10m", Shape),
        (" 5/10m", Shape),
        ("5/10m/1d", Shape),
        ("+5/10m", Shape),
        ("-5/10m", Shape),
        ("5.5/10m", Shape),
        ("5/1.5h", Shape),
        ("٥/10m", Shape),
        ("5/１0m", Shape),
        ("0/10m", Nothing),
        ("0/day", Nothing),
        ("5/0m", NoPeriod),
        ("4294967296/400d", TooMany),
        ("4503599627370497/day", TooMany),
        ("99999999999999999999/day", TooMany),
        ("1001/1s", TooFast),
        ("1/401d", TooLong),
        ("1/99999999999999999999d", TooLong),
        ("1/18446744073709551615d", TooLong),
    ] {
        assert_eq!(parse_quota(text), Err(error), "{text:?}");
    }
}

#[test]
fn a_quota_that_no_configuration_can_write_has_a_text_too() {
    let life = Duration::from_secs(600);
    let amount = NonZeroU32::new(20).unwrap();
    assert_eq!(
        quota_text(Quota::Unfinished { amount, life }),
        "20 unfinished within 10m"
    );
    let quarter = Window::Every(Duration::from_secs(900));
    assert_eq!(quota_text(budget(7, quarter)), "7 in each 15m");
    assert_eq!(quota_text(rate(10, 86_400_000)), "10/10d");
}

proptest! {
    #[test]
    fn a_rate_never_refills_more_than_was_written_within_its_period(
        amount in 1_u32..5_000,
        number in 1_u64..2_000,
        unit in prop::sample::select(vec![("s", 1_000_u64), ("m", 60_000), ("h", 3_600_000)]),
    ) {
        let period = number * unit.1;
        let read = parse_quota(&format!("{amount}/{number}{}", unit.0));
        if u64::from(amount) > period {
            prop_assert_eq!(read, Err(QuotaTextError::TooFast));
        } else {
            let Ok(Quota::Rate { burst, interval }) = read else { panic!("a rate") };
            let interval = u64::try_from(interval.as_millis()).unwrap();
            prop_assert_eq!(burst.get(), amount);
            prop_assert!(period / interval <= u64::from(amount));
            prop_assert!(interval * u64::from(amount) < period + u64::from(amount));
        }
    }

    #[test]
    fn the_text_of_a_rate_reads_as_that_rate(burst in 1_u32..100_000, interval_ms in 1_u64..300_000) {
        let quota = rate(burst, interval_ms);
        let text = quota_text(quota);
        prop_assert_eq!(parse_quota(&text), Ok(quota), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,24}") {
        let _ = parse_quota(&text);
    }
}
