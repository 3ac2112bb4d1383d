//! How long a call may take: the caller's `grpc-timeout`, or the server's own limit when that is shorter.

use std::time::Duration;

use countersign_domain::time::Timestamp;
use hyper::HeaderMap;
use tokio::time::Instant;

/// The header a caller says its patience in.
const HEADER: &str = "grpc-timeout";
/// The most digits the protocol allows.
const DIGITS_MAX: usize = 8;

/// When a call's answer is of no more use. In the extensions of every request that reaches a handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(pub(crate) Timestamp);

/// When a caller who is answered again and again wants to hear no more; `None` when it never said. Beside
/// [`Deadline`], which is for the first answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(pub(crate) Option<Instant>);

impl Patience {
    /// Counted from now.
    pub(crate) fn from_now(headers: &HeaderMap) -> Self {
        // A timer knows when it goes off, and nobody here may ask what time it is.
        Self(callers(headers).map(|patience| tokio::time::sleep(patience).deadline()))
    }
}

/// How long the call may take: the shorter of what its caller and the server say.
pub(crate) fn patience(headers: &HeaderMap, server: Duration) -> Duration {
    callers(headers).map_or(server, |caller| caller.min(server))
}

/// How long the caller waits. A header that cannot be read counts as none, as the protocol's other servers have it.
fn callers(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(HEADER)?;
    value.to_str().ok().and_then(parse)
}

/// Reads `TimeoutValue TimeoutUnit`: 1 to 8 digits and one of `H`, `M`, `S`, `m`, `u`, `n`.
fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = &text[..text.len() - unit.len_utf8()];
    let fits = (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value: u64 = if fits { digits.parse().ok()? } else { return None };
    match unit {
        'H' => Some(Duration::from_secs(value * 60 * 60)),
        'M' => Some(Duration::from_secs(value * 60)),
        'S' => Some(Duration::from_secs(value)),
        'm' => Some(Duration::from_millis(value)),
        'u' => Some(Duration::from_micros(value)),
        'n' => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_the_protocol_is_read() {
        let read: Vec<_> = ["2H", "2M", "2S", "2m", "2u", "2n"]
            .map(parse)
            .into_iter()
            .flatten()
            .collect();
        let wanted = [
            Duration::from_secs(7200),
            Duration::from_secs(120),
            Duration::from_secs(2),
            Duration::from_millis(2),
            Duration::from_micros(2),
            Duration::from_nanos(2),
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn what_cannot_be_read_counts_as_none() {
        for text in ["", "S", "5", "-5S", "123456789S", "5s", "٥S", "5 S", "5é"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_shorter_of_caller_and_server_counts() {
        let server = Duration::from_secs(5);
        let mut headers = HeaderMap::new();
        assert_eq!(patience(&headers, server), server);
        headers.insert(HEADER, hyper::header::HeaderValue::from_static("100m"));
        assert_eq!(patience(&headers, server), Duration::from_millis(100));
        headers.insert(HEADER, hyper::header::HeaderValue::from_static("99999999H"));
        assert_eq!(patience(&headers, server), server);
    }
}
