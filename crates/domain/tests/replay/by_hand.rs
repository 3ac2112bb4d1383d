//! Records made by hand, of what a seeded crowd does too rarely.

use std::num::NonZeroU64;

use countersign_domain::delivery::{DeliveryState, FailureReason};
use countersign_domain::event::Event;
use countersign_domain::guard::GuardSettings;
use countersign_domain::id::{Identified, Serial, VerificationId};
use countersign_domain::limit::{ChargeMode, KeyPart, Quota, Window};
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{RecordedEvent, RecordedSubject, RecordedVerdict};
use countersign_domain::verification::StartOutcome;
use countersign_testkit::fixture;

use crate::{recorded, replayed, rule, rulebook};

/// Somebody who is sent codes.
struct Person(RecordedSubject);

impl Person {
    /// Two people a service has met.
    async fn two() -> [Self; 2] {
        let record = recorded(rulebook(Vec::new(), None), 17).await;
        let mut subjects = record.into_iter().filter_map(|it| match it {
            RecordedEvent::Start { subject, .. } => Some(subject),
            _ => None,
        });
        let one = subjects.next().expect("somebody");
        let other = subjects.find(|it| it.phone != one.phone).expect("somebody else");
        [Self(one), Self(other)]
    }

    fn start(&self, verdict: RecordedVerdict, second: u64) -> RecordedEvent {
        RecordedEvent::Start {
            at: at(second),
            subject: self.0.clone(),
            is_returning: false,
            verdict,
        }
    }

    fn sent(&self, outcome: StartOutcome, serial: Serial, delivery: u16, second: u64) -> RecordedEvent {
        let verdict = RecordedVerdict::Sent {
            outcome,
            serial,
            delivery,
        };
        self.start(verdict, second)
    }

    fn opened(&self, serial: Serial, second: u64) -> RecordedEvent {
        self.sent(StartOutcome::Opened, serial, 1, second)
    }

    fn challenged(&self, second: u64) -> RecordedEvent {
        let verdict = RecordedVerdict::Refused {
            rule: "guard_challenge".to_owned(),
            outcome: None,
        };
        self.start(verdict, second)
    }

    fn ended(&self, serial: Serial, is_approved: bool, second: u64) -> RecordedEvent {
        RecordedEvent::Ended {
            at: at(second),
            recipient: self.0.recipient,
            serial,
            is_approved,
        }
    }

    fn failed(&self, serial: Serial, delivery: u16, second: u64) -> RecordedEvent {
        RecordedEvent::Failed {
            at: at(second),
            recipient: self.0.recipient,
            serial,
            delivery,
            had_left: false,
        }
    }
}

/// So many seconds after the beginning.
fn at(second: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_900_000_000_000 + second * 1_000)
}

#[tokio::test]
async fn who_met_a_challenge_then_is_not_turned_away_for_having_asked_twice() {
    let [person, other] = Person::two().await;
    let record = [
        person.challenged(0),
        other.challenged(1),
        person.challenged(2),
        person.opened(1, 5),
        person.ended(1, true, 30),
    ];
    for guard in [None, Some(GuardSettings::default())] {
        let table = replayed(&rulebook(Vec::new(), guard), &record);
        assert_eq!((table.sent_then, table.newly_refused), (1, 0), "{table:#?}");
        assert_eq!(
            (table.sent_now, table.newly_sent),
            (2, 1),
            "the other one meets none: {table:#?}"
        );
        let row = table.rules["guard_challenge"];
        assert_eq!(
            (row.refused_then, row.refused_now, row.approved_then),
            (3, 1, 0),
            "{table:#?}"
        );
        assert_eq!(table.rules.len(), 1, "{table:#?}");
    }
}

#[tokio::test]
async fn an_approval_answers_what_was_sent_to_the_recipient_before() {
    let [person, _] = Person::two().await;
    let mut record = Vec::new();
    // Four times a day a code is left alone, and the next one is given back: far more than ten unanswered in ten days.
    for serial in (0..40).step_by(2) {
        let second = u64::from(serial) * 3 * 3_600;
        record.extend([
            person.opened(serial + 1, second),
            person.ended(serial + 1, false, second + 600),
            person.opened(serial + 2, second + 3_600),
            person.ended(serial + 2, true, second + 3_620),
        ]);
    }
    let table = replayed(&rulebook(Vec::new(), None), &record);
    assert_eq!((table.sent_then, table.newly_refused), (40, 0), "{table:#?}");
    // Who answers nothing is silenced.
    record.retain(|it| !matches!(it, RecordedEvent::Ended { is_approved: true, .. }));
    let table = replayed(&rulebook(Vec::new(), None), &record);
    assert!(table.rules["unanswered_sends"].refused_now > 10, "{table:#?}");
}

#[tokio::test]
async fn a_message_that_fails_after_the_approval_goes_back_like_any_other() {
    let [person, _] = Person::two().await;
    let two_an_hour = Quota::Budget {
        amount: NonZeroU64::new(2).expect("above zero"),
        window: Window::HOUR,
    };
    let rules = || {
        let per_phone = rule("per_phone", &[KeyPart::Phone], two_an_hour, ChargeMode::Refuse);
        rulebook(vec![per_phone], None)
    };
    let approved = [
        person.opened(1, 0),
        person.sent(StartOutcome::Resent, 1, 2, 120),
        person.ended(1, true, 130),
    ];
    let (failed, next) = (person.failed(1, 2, 140), person.opened(2, 200));
    let refused = |events: &[&[RecordedEvent]]| replayed(&rules(), &events.concat()).newly_refused;
    assert_eq!(refused(&[&approved, std::slice::from_ref(&next)]), 1);
    assert_eq!(refused(&[&approved, &[failed, next]]), 0);
}

#[test]
fn a_failed_message_had_left_when_it_is_the_providers_word() {
    let had_left = |from| {
        let moved = Event::DeliveryMoved {
            subject: Identified {
                app: fixture::app_id(),
                purpose: fixture::purpose(),
                verification: VerificationId::new(&fixture::identity(), fixture::recipient_key(), 1, &[7; 16]),
            },
            delivery: 1,
            from: Some(from),
            to: DeliveryState::Failed(FailureReason::Throttled),
            tries: 1,
            report: None,
        };
        match RecordedEvent::of(&moved, at(0)) {
            Some(RecordedEvent::Failed { had_left, .. }) => had_left,
            other => panic!("{other:?}"),
        }
    };
    for theirs in [
        DeliveryState::Unknown { settle_at: None },
        DeliveryState::Accepted,
        DeliveryState::Sent,
    ] {
        assert!(had_left(theirs), "{theirs:?}");
    }
    for ours in [
        DeliveryState::Due { at: at(0) },
        DeliveryState::Sending { lease_until: at(60) },
    ] {
        assert!(!had_left(ours), "{ours:?}");
    }
}
