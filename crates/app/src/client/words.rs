//! How answers are written: lines, moments, spans and the words of the protocol.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Writes a line to standard output. Whoever reads it may stop early, as `head` does; that is no failure.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

pub(crate) use say;

/// A moment as the protocol writes it.
pub(crate) type Moment = prost_types::Timestamp;

/// `InvalidArgument` as `INVALID_ARGUMENT`, as the protocol writes its codes.
pub(crate) fn upper_snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

/// `VERIFICATION_STATE_OPEN` as `OPEN`.
pub(crate) fn bare(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}

/// `VERIFICATION_REASON_CODE_CORRECT` as `code correct`.
pub(crate) fn words(name: &str, prefix: &str) -> String {
    bare(name, prefix).to_ascii_lowercase().replace('_', " ")
}

pub(crate) fn moment(it: &Moment) -> Timestamp {
    Timestamp::new(it.seconds, it.nanos).unwrap_or_default()
}

/// A moment for programs.
pub(crate) fn instant(it: &Moment) -> String {
    moment(it).to_string()
}

/// A moment for people, in their time zone, with how far away it is, and with its day when that is not today.
pub(crate) fn local(it: &Moment) -> String {
    local_at(moment(it))
}

/// Like [`local`].
pub(crate) fn local_at(then: Timestamp) -> String {
    let now = now();
    let seconds = then.as_second() - now.as_second();
    let clock = if day_of(then) == day_of(now) {
        clock(then)
    } else {
        format!("{} {}", day_of(then), clock(then))
    };
    match seconds {
        1.. => format!("{clock}, in {}", span(seconds)),
        -1..=0 => format!("{clock}, just now"),
        _ => format!("{clock}, {} ago", span(-seconds)),
    }
}

/// A moment for people, in their time zone, as a clock shows it.
pub(crate) fn clock(it: Timestamp) -> String {
    it.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

/// A day for people, in their time zone.
pub(crate) fn day(it: &Moment) -> String {
    day_of(moment(it))
}

fn day_of(it: Timestamp) -> String {
    it.to_zoned(TimeZone::system()).strftime("%Y-%m-%d").to_string()
}

pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds + 1_800) / 3_600),
    }
}

/// How long something is still ahead, in days when it is long.
pub(crate) fn ahead(seconds: i64) -> String {
    const DAY: i64 = 24 * 60 * 60;
    match seconds {
        ..=0 => "0 s".to_owned(),
        seconds if seconds < 2 * DAY => span(seconds),
        seconds => format!("{} d", (seconds + DAY / 2) / DAY),
    }
}

/// What is not there is `null` and no empty text.
pub(crate) fn none_if_empty(text: &str) -> Option<&str> {
    Some(text).filter(|it| !it.is_empty())
}

pub(crate) fn now() -> Timestamp {
    use countersign_domain::ports::Clock;
    let millis = crate::system::SystemClock.now().unix_millis();
    i64::try_from(millis)
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .unwrap_or_default()
}
