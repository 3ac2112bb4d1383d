//! Tells decisions to whoever records them.

use crate::app::Caller;
use crate::country::CountryCode;
use crate::event::Event;
use crate::guard::PersonKey;
use crate::id::RecipientKey;
use crate::limit::RuleName;
use crate::ports::NumberingPlan;
use crate::recipient::Claim;
use crate::rule::Subject;
use crate::time::Timestamp;
use crate::use_case::replay::recorded::{CHALLENGE, RecordedEvent, RecordedSubject, RecordedVerdict};
use crate::use_case::{Error, Records, StartRequest};
use crate::verification::StartOutcome;

/// What a start came to, as far as it is recorded: joins and repeats cost nothing and are not, nor is what no rule
/// decided.
pub(in crate::use_case) fn verdict_of(
    answer: Result<(StartOutcome, Option<Claim>), &Error>,
) -> Option<RecordedVerdict> {
    let rule = match answer {
        Ok((outcome, claim)) => {
            return claim.map(|claim| RecordedVerdict::Sent {
                outcome,
                serial: claim.serial,
                delivery: claim.delivery,
            });
        }
        Err(Error::LimitReached { rule, .. }) => *rule,
        Err(Error::CountryNotAllowed { .. }) => RuleName::Countries,
        Err(Error::Blocked { .. }) => RuleName::Guard,
        Err(Error::ChallengeRequired { .. }) => {
            return Some(RecordedVerdict::Refused {
                rule: CHALLENGE.to_owned(),
                outcome: None,
            });
        }
        Err(_) => return None,
    };
    Some(RecordedVerdict::Refused {
        rule: rule.as_str().to_owned(),
        outcome: None,
    })
}

/// Tells what a start came to, where decisions are recorded.
pub(in crate::use_case) fn tell(
    records: &Records,
    subject: &Subject<'_>,
    is_returning: bool,
    verdict: Option<RecordedVerdict>,
    at: Timestamp,
) {
    if !records.rulebook.records_decisions {
        return;
    }
    let Some(verdict) = verdict else { return };
    let identity = &records.rulebook.identity;
    let recipient = RecipientKey::derive(identity, subject.app, subject.purpose, subject.phone);
    records.observer.record(&Event::Decided(Box::new(RecordedEvent::Start {
        at,
        subject: RecordedSubject::of(identity, recipient, subject),
        is_returning,
        verdict,
    })));
}

/// Tells that a start was refused for its country, which is found out before anything else is looked up.
pub(in crate::use_case) fn tell_country(
    records: &Records,
    numbering: &dyn NumberingPlan,
    caller: &Caller,
    request: &StartRequest,
    country: Option<CountryCode>,
) {
    if !records.rulebook.records_decisions {
        return;
    }
    let phone = numbering.canonical(&request.phone);
    let subject = Subject {
        phone: &phone,
        line: PersonKey::of(&records.rulebook.identity, &phone),
        country,
        client: &request.client,
        app: &request.app,
        purpose: &request.purpose,
        caller: &caller.id,
    };
    let verdict = verdict_of(Err(&Error::CountryNotAllowed { country }));
    tell(records, &subject, false, verdict, records.clock.now());
}
