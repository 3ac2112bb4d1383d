//! The rows for what a rule, a budget or the guard refuses: who says no, what is told apart, and until when.

use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::limit::{KeyPart, KeyParts, RuleName};
use countersign_domain::ports::{ChallengeRefusal, IssuedChallenge};
use countersign_domain::use_case::Error;
use tonic::Code;
use tonic_types::{PreconditionViolation, QuotaViolation};

use crate::call::Method;
use crate::convert;
use crate::errors::{Row, row};
use crate::reason;
use crate::v1;

pub(super) fn limit_reached(rule: RuleName, parts: KeyParts, retry_after: Option<Duration>) -> Row {
    let description = match retry_after {
        Some(wait) => format!("the limit {rule} is reached; it lets go in {} s", seconds(wait)),
        None => format!("the limit {rule} is reached, and never lets this through"),
    };
    let mut row = Row::new(Code::ResourceExhausted, reason::LIMIT_REACHED, description.clone())
        .with("rule", rule.as_str())
        .with("key", parts.to_string())
        .retry_after(retry_after);
    row.details
        .set_quota_failure(vec![QuotaViolation::new(rule.as_str().to_owned(), description)]);
    row
}

pub(super) fn country_not_allowed(country: Option<CountryCode>, error: &Error) -> Row {
    let row = Row::new(Code::PermissionDenied, reason::COUNTRY_NOT_ALLOWED, error.to_string())
        .with("rule", RuleName::Countries.as_str())
        .with("key", KeyPart::Country.name());
    match country {
        Some(country) => row.with("country", country.to_string()),
        None => row,
    }
}

pub(super) fn blocked(area: &'static str, alarm: &'static str, retry_after: Option<Duration>) -> Row {
    let until = match retry_after {
        Some(wait) => format!("it lets go in {} s", seconds(wait)),
        None => "it lets go when an operator lifts the block".to_owned(),
    };
    let message = format!(
        "the guard sends no codes to {} because {}; {until}",
        place(area),
        cause(alarm)
    );
    Row::new(Code::PermissionDenied, reason::BLOCKED_BY_GUARD, message)
        .with("rule", RuleName::Guard.as_str())
        .with("area", area)
        .with("alarm", alarm)
        .retry_after(retry_after)
}

pub(super) fn challenge_required(
    area: &'static str,
    refusal: ChallengeRefusal,
    challenge: Option<&IssuedChallenge>,
) -> Row {
    let why = match refusal {
        ChallengeRefusal::Missing => "a challenge has to be met first",
        ChallengeRefusal::Malformed => "what was given answers no challenge of this service",
        ChallengeRefusal::Wrong => "the answer to the challenge is wrong, or for another app or phone",
        ChallengeRefusal::Expired => "the answer to the challenge came too late",
        ChallengeRefusal::Used => "the answer to the challenge has passed before",
    };
    let (subject, what) = match challenge {
        Some(_) => (
            "client.challenge_answer",
            "have the person's device answer the challenge that comes with this, and start again with its answer",
        ),
        None => (
            "client.challenged",
            "challenge the person by your own means, and start again with client.challenged",
        ),
    };
    let message = format!("{why}: the guard watches {}; {what}", place(area));
    let mut row = Row::new(Code::FailedPrecondition, reason::CHALLENGE_REQUIRED, message)
        .with("rule", RuleName::Guard.as_str())
        .with("area", area)
        .with("refusal", refusal.name());
    row.details
        .set_precondition_failure(vec![PreconditionViolation::new("CHALLENGE", subject, what)]);
    match challenge {
        Some(IssuedChallenge { text, expires_at }) => row
            .with("challenge", text.as_str())
            .with("challenge_expire_time", convert::time(*expires_at).to_string()),
        None => row,
    }
}

pub(super) fn may_not_operate() -> Row {
    Row::new(
        Code::PermissionDenied,
        reason::MAY_NOT_OPERATE,
        "the caller may not operate this; its `operates` is not set in the service's configuration, or it does not \
         speak for every app",
    )
}

/// What `StartVerification` would say in this error, as data. A challenge is not handed out here.
pub(crate) fn start_refusal(error: &Error) -> v1::StartRefusal {
    let mut row = row(error, Method::Start);
    let message = match error {
        Error::Invalid(violation) => format!("{} {}", Method::Start.path(violation.field), violation.problem),
        _ => row.message,
    };
    let retry_after = row.details.retry_info().and_then(|it| it.retry_delay);
    let mut told = |key| row.metadata.remove(key).unwrap_or_default();
    v1::StartRefusal {
        reason: row.reason.to_owned(),
        message,
        rule: told("rule"),
        key: told("key"),
        retry_after: retry_after.map(convert::span),
        area: told("area"),
        alarm: told("alarm"),
        challenge_refusal: told("refusal"),
    }
}

fn seconds(wait: Duration) -> f64 {
    wait.as_secs_f64().ceil()
}

/// An area in words for people.
fn place(area: &'static str) -> &'static str {
    match area {
        "number_block_10000" => "the ten thousand numbers around this one",
        "number_block_1000" => "the thousand numbers around this one",
        "country" => "this number's country",
        "guesses" => "guesses at codes",
        other => other,
    }
}

/// An alarm in words for people.
fn cause(alarm: &'static str) -> &'static str {
    match alarm {
        "conversion" => "too few of them are given back",
        "wrong_guesses" => "too many guesses are wrong",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::country::CountryCode;
    use countersign_domain::guard::{Alarm, Area, NumberBlock};
    use countersign_domain::phone::PhoneError;
    use countersign_domain::time::Timestamp;
    use countersign_domain::use_case::Field;
    use countersign_testkit::fixture;
    use tonic_types::StatusExt;

    use super::*;

    const WAIT: Option<Duration> = Some(Duration::from_millis(90_500));

    #[test]
    fn a_limit_that_never_lets_go_promises_no_retry() {
        let row = limit_reached(RuleName::UnansweredSends, KeyParts::EVERYTHING, None);
        assert!(row.details.retry_info().is_none() && row.details.quota_failure().is_some());
    }

    #[test]
    fn every_refusal_names_its_rule_and_what_it_tells_apart() {
        let country = Error::CountryNotAllowed {
            country: CountryCode::parse("DE"),
        };
        let parts = KeyParts::of(&[KeyPart::Phone, KeyPart::App]);
        let rows = [
            (
                limit_reached(RuleName::SendsPerDay, parts, WAIT),
                ["sends_per_day", "phone+app", ""],
            ),
            (
                country_not_allowed(CountryCode::parse("DE"), &country),
                ["countries", "country", ""],
            ),
            (blocked("country", "conversion", WAIT), ["guard", "", "country"]),
            (
                challenge_required("guesses", ChallengeRefusal::Wrong, None),
                ["guard", "", "guesses"],
            ),
        ];
        for (row, wanted) in rows {
            let status = row.status();
            let metadata = status.get_details_error_info().unwrap().metadata;
            let told = ["rule", "key", "area"].map(|key| metadata.get(key).map_or("", String::as_str));
            assert_eq!(told, wanted, "{status:?}");
        }
    }

    #[test]
    fn a_block_says_until_when_as_far_as_that_is_known() {
        let hour = blocked("number_block_10000", "conversion", WAIT);
        assert_eq!(hour.details.retry_info().unwrap().retry_delay, WAIT);
        assert!(hour.message.ends_with("it lets go in 91 s"), "{}", hour.message);
        let manual = blocked("number_block_10000", "conversion", None);
        assert!(manual.details.retry_info().is_none());
        assert!(manual.message.contains("operator"), "{}", manual.message);
    }

    #[test]
    fn a_challenge_comes_with_its_text_and_its_end_or_is_the_callers_own() {
        let issued = IssuedChallenge {
            text: "a-challenge".to_owned(),
            expires_at: Timestamp::from_unix_millis(1_700_000_000_000),
        };
        let ours = challenge_required("country", ChallengeRefusal::Expired, Some(&issued));
        let status = ours.status();
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!(metadata["challenge"], "a-challenge");
        assert_eq!(metadata["challenge_expire_time"], "2023-11-14T22:13:20Z");
        assert_eq!(metadata["refusal"], "expired");
        assert!(!status.message().contains("a-challenge"), "what is logged holds none");
        let theirs = challenge_required("country", ChallengeRefusal::Missing, None);
        assert!(!theirs.metadata.contains_key("challenge"));
        let violations = theirs.details.precondition_failure().unwrap().violations.clone();
        assert_eq!(violations[0].subject, "client.challenged");
    }

    #[test]
    fn every_area_and_every_alarm_has_words() {
        let block = NumberBlock::of(&fixture::phone(), 4);
        let country = CountryCode::parse("BR").unwrap();
        let areas = [
            Area::TenThousand(block.clone()),
            Area::Thousand(block),
            Area::Country(country),
            Area::Guesses,
        ];
        for area in areas {
            assert_ne!(place(area.name()), area.name());
        }
        for alarm in [Alarm::Conversion, Alarm::WrongGuesses] {
            assert_ne!(cause(alarm.name()), alarm.name());
        }
    }

    #[test]
    fn an_explained_refusal_says_what_the_error_would() {
        let limit = Error::LimitReached {
            rule: RuleName::SendWait,
            parts: KeyParts::RECIPIENT,
            retry_after: WAIT,
        };
        let told = start_refusal(&limit);
        let row = row(&limit, Method::Start);
        assert_eq!((told.reason.as_str(), &told.message), (row.reason, &row.message));
        assert_eq!(
            (told.rule.as_str(), told.key.as_str()),
            ("send_wait", "phone+app+purpose")
        );
        assert_eq!(told.retry_after, WAIT.map(convert::span));
        let field = Error::invalid(Field::Phone, &PhoneError::Impossible);
        assert!(start_refusal(&field).message.starts_with("recipient.phone "));
        let issued = IssuedChallenge {
            text: "a-challenge".to_owned(),
            expires_at: Timestamp::EPOCH,
        };
        let challenge = Error::ChallengeRequired {
            area: "country",
            refusal: ChallengeRefusal::Missing,
            challenge: Some(issued),
        };
        let told = start_refusal(&challenge);
        assert_eq!(told.challenge_refusal, "missing");
        assert!(!format!("{told:?}").contains("a-challenge"));
    }
}
