//! What each event counts, and that nothing else moves.

use std::time::Duration;

use countersign_domain::delivery::{DeliveryState, FailureReason, Fault, ProviderReport};
use countersign_domain::event::{Event, IgnoredReport, Settlement};
use countersign_domain::id::{Identified, VerificationId};
use countersign_domain::limit::{KeyParts, RuleLabel, RuleName};
use countersign_domain::reference::ReferenceError;
use countersign_domain::sender::Quality;
use countersign_domain::verification::{CheckOutcome, EndReason, StartOutcome, VerificationState};
use countersign_testkit::fixture;

use crate::samples::{Samples, metrics, moved_by, rendered, samples};

const SENDER: &str = r#"sender="106540352242922""#;

pub(crate) fn subject() -> Identified {
    Identified {
        app: fixture::app_id(),
        purpose: fixture::purpose(),
        verification: VerificationId::new(&fixture::identity(), fixture::recipient_key(), 1, &[7; 16]),
    }
}

pub(crate) fn moved(from: Option<DeliveryState>, to: DeliveryState, report: Option<ProviderReport>) -> Event {
    Event::DeliveryMoved {
        subject: subject(),
        delivery: 1,
        from,
        to,
        tries: 1,
        report,
    }
}

pub(crate) fn shut(fault: Fault) -> Event {
    Event::SenderShut {
        sender: fixture::sender().id,
        app: fixture::app_id(),
        fault,
        report: Some(ProviderReport::new(190, "Error validating access token", "")),
        retry_after: Duration::from_secs(60),
    }
}

fn recovered() -> Event {
    Event::SenderRecovered {
        sender: fixture::sender().id,
    }
}

/// Demands that `event`, as the first one, moves these series to these numbers and no other series.
#[track_caller]
pub(crate) fn assert_counts(event: &Event, wanted: &[(&str, &str)]) {
    assert_eq!(moved_by(&metrics(), event), as_samples(wanted), "{event:?}");
}

pub(crate) fn as_samples(pairs: &[(&str, &str)]) -> Samples {
    let owned = |(name, value): &(&str, &str)| (format!("countersign_{name}"), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn starts_and_checks_are_counted_by_outcome_and_refusals_by_rule() {
    let started = Event::Started {
        caller: fixture::caller().id,
        subject: subject(),
        outcome: StartOutcome::Resent,
    };
    assert_counts(
        &started,
        &[(r#"starts_total{app="demo",purpose="sign_in",outcome="resent"}"#, "1")],
    );
    let refused = Event::StartRefused {
        caller: fixture::caller().id,
        app: fixture::app_id(),
        purpose: fixture::purpose(),
        rule: RuleName::SendsPerDay,
        parts: KeyParts::RECIPIENT,
        retry_after: None,
    };
    assert_counts(
        &refused,
        &[(
            r#"starts_refused_total{app="demo",purpose="sign_in",rule="sends_per_day"}"#,
            "1",
        )],
    );
    let checked = Event::Checked {
        caller: fixture::caller().id,
        subject: subject(),
        outcome: CheckOutcome::Held { until: fixture::now() },
        comparison: None,
    };
    assert_counts(
        &checked,
        &[(r#"checks_total{app="demo",purpose="sign_in",outcome="held"}"#, "1")],
    );
}

#[test]
fn an_end_is_counted_with_its_reason_and_how_long_the_verification_was_open() {
    let ended = Event::Ended {
        subject: subject(),
        state: VerificationState::Expired { at: fixture::now() },
        reason: EndReason::NotEntered,
        open_for: Duration::from_millis(45_500),
    };
    let moved = moved_by(&metrics(), &ended);
    let end =
        r#"countersign_verifications_ended_total{app="demo",purpose="sign_in",state="expired",reason="not_entered"}"#;
    assert_eq!(moved[end], "1");
    let open = |what: &str, more: &str| {
        let name = format!(r#"countersign_verification_open_seconds_{what}{{{more}app="demo",state="expired"}}"#);
        moved
            .get(&name)
            .unwrap_or_else(|| panic!("no {name} in {moved:#?}"))
            .clone()
    };
    assert_eq!(
        (open("sum", ""), open("count", "")),
        ("45.5".to_owned(), "1".to_owned())
    );
    assert_eq!(open("bucket", r#"le="30.0","#), "0");
    assert_eq!(open("bucket", r#"le="60.0","#), "1");
    assert_eq!(open("bucket", r#"le="5400.0","#), "1");
}

#[test]
fn a_failed_message_is_counted_with_the_providers_code() {
    let failed = DeliveryState::Failed(FailureReason::Misconfigured);
    let report = ProviderReport::new(132_001, "Template name does not exist", "");
    assert_counts(
        &moved(Some(DeliveryState::Accepted), failed, Some(report)),
        &[
            (r#"deliveries_moved_total{app="demo",state="failed"}"#, "1"),
            (
                r#"deliveries_failed_total{app="demo",reason="misconfigured",code="132001"}"#,
                "1",
            ),
        ],
    );
    let failed = DeliveryState::Failed(FailureReason::TooLate);
    assert_counts(
        &moved(None, failed, None),
        &[
            (r#"deliveries_moved_total{app="demo",state="failed"}"#, "1"),
            (
                r#"deliveries_failed_total{app="demo",reason="too_late",code="none"}"#,
                "1",
            ),
        ],
    );
}

#[test]
fn truth_that_comes_late_is_counted_apart_and_truth_in_time_is_not() {
    let reached = [
        (DeliveryState::Dropped, DeliveryState::Delivered, "dropped", "delivered"),
        (
            DeliveryState::Failed(FailureReason::Undeliverable),
            DeliveryState::Read,
            "failed",
            "read",
        ),
    ];
    for (from, to, from_name, to_name) in reached {
        let state = format!(r#"deliveries_moved_total{{app="demo",state="{to_name}"}}"#);
        let late = format!(r#"late_truth_total{{app="demo",from="{from_name}",to="{to_name}"}}"#);
        assert_counts(&moved(Some(from), to, None), &[(&state, "1"), (&late, "1")]);
    }
    assert_counts(
        &moved(Some(DeliveryState::Sent), DeliveryState::Delivered, None),
        &[(r#"deliveries_moved_total{app="demo",state="delivered"}"#, "1")],
    );
}

#[test]
fn an_uncertain_send_is_counted_when_it_begins_when_it_is_left_and_by_how_it_was_settled() {
    let sending = Some(DeliveryState::Sending {
        lease_until: fixture::now(),
    });
    let unknown = |settle_at| DeliveryState::Unknown { settle_at };
    let state = (r#"deliveries_moved_total{app="demo",state="unknown"}"#, "1");
    assert_counts(
        &moved(sending, unknown(Some(fixture::now())), None),
        &[state, (r#"uncertain_sends_total{app="demo"}"#, "1")],
    );
    assert_counts(
        &moved(sending, unknown(None), None),
        &[state, (r#"uncertain_left_total{app="demo"}"#, "1")],
    );
    for (by, name) in [(Settlement::Webhook, "webhook"), (Settlement::Repeat, "repeat")] {
        let settled = Event::UncertainSettled {
            subject: subject(),
            delivery: 1,
            by,
        };
        let name = format!(r#"uncertain_settled_total{{app="demo",by="{name}"}}"#);
        assert_counts(&settled, &[(&name, "1")]);
    }
}

#[test]
fn what_went_wrong_on_the_way_is_counted() {
    let lost = Event::ResultLost {
        subject: subject(),
        delivery: 1,
    };
    assert_counts(&lost, &[(r#"results_lost_total{app="demo"}"#, "1")]);
    let give_back = Event::GiveBackLost {
        rule: RuleName::UnansweredSends,
    };
    assert_counts(
        &give_back,
        &[(r#"give_backs_lost_total{rule="unanswered_sends"}"#, "1")],
    );
    let charge = Event::ChargeLost {
        rule: RuleName::Named(RuleLabel::parse("spend_per_day").unwrap()),
    };
    assert_counts(&charge, &[(r#"charges_lost_total{rule="spend_per_day"}"#, "1")]);
    let wake = Event::WakeFailed {
        recipient: fixture::recipient_key(),
        at: fixture::now(),
    };
    assert_counts(&wake, &[("wakes_failed_total", "1")]);
}

#[test]
fn what_webhooks_say_to_nobody_is_counted_by_why() {
    for (why, name) in [
        (IgnoredReport::Unreferenced, "unreferenced"),
        (IgnoredReport::Reference(ReferenceError::NotOurs), "not_ours"),
        (
            IgnoredReport::Reference(ReferenceError::OtherEnvironment),
            "other_environment",
        ),
        (IgnoredReport::Reference(ReferenceError::Forged), "forged"),
        (IgnoredReport::Forgotten, "forgotten"),
        (IgnoredReport::Stale, "stale"),
    ] {
        let name = format!(r#"reports_ignored_total{{why="{name}"}}"#);
        assert_counts(&Event::ReportIgnored { why }, &[(&name, "1")]);
    }
    assert_counts(&Event::AnswerIgnored, &[("answers_ignored_total", "1")]);
    for canceled in [false, true] {
        let name = format!(r#"disowned_total{{app="demo",canceled="{canceled}"}}"#);
        let disowned = Event::Disowned {
            subject: subject(),
            canceled,
        };
        assert_counts(&disowned, &[(&name, "1")]);
    }
}

#[test]
fn a_sender_is_shut_from_its_refusal_until_it_works_again() {
    let metrics = metrics();
    let gauge = format!("sender_shut{{{SENDER}}}");
    let counted = format!(r#"senders_shut_total{{{SENDER},app="demo",fault="account"}}"#);
    let wanted = as_samples(&[(&gauge, "1"), (&counted, "1")]);
    assert_eq!(moved_by(&metrics, &shut(Fault::Account)), wanted);
    // Refused once more, it is as shut as before.
    assert_eq!(
        moved_by(&metrics, &shut(Fault::Account)),
        as_samples(&[(&counted, "2")])
    );
    let recovery = format!("senders_recovered_total{{{SENDER}}}");
    let wanted = as_samples(&[(&gauge, "0"), (&recovery, "1")]);
    assert_eq!(moved_by(&metrics, &recovered()), wanted);
}

#[test]
fn what_shut_a_sender_is_counted_by_fault() {
    for (fault, name) in [
        (Fault::Template, "template"),
        (Fault::Request, "request"),
        (Fault::Account, "account"),
    ] {
        let counted = format!(r#"countersign_senders_shut_total{{{SENDER},app="demo",fault="{name}"}}"#);
        assert_eq!(moved_by(&metrics(), &shut(fault))[&counted], "1");
    }
}

#[test]
fn a_sender_has_one_quality_at_a_time() {
    let metrics = metrics();
    let rated = |quality| Event::SenderRated {
        sender: fixture::sender().id,
        quality,
    };
    let gauge = |quality: &str| format!(r#"sender_quality{{{SENDER},quality="{quality}"}}"#);
    let wanted = as_samples(&[(&gauge("unknown"), "0"), (&gauge("yellow"), "1")]);
    assert_eq!(moved_by(&metrics, &rated(Quality::Yellow)), wanted);
    let wanted = as_samples(&[(&gauge("yellow"), "0"), (&gauge("red"), "1")]);
    assert_eq!(moved_by(&metrics, &rated(Quality::Red)), wanted);
}

#[test]
fn a_sender_that_is_slowed_or_not_spoken_of_is_counted() {
    let sender = fixture::sender().id;
    let slowed = Event::SenderSlowed {
        sender: sender.clone(),
        report: None,
        retry_after: Duration::from_secs(1),
    };
    assert_counts(&slowed, &[(&format!("senders_slowed_total{{{SENDER}}}"), "1")]);
    let unseen = Event::SenderUnseen { sender };
    assert_counts(&unseen, &[(&format!("senders_unseen_total{{{SENDER}}}"), "1")]);
}

#[test]
fn what_is_rare_stands_at_zero_before_it_ever_happens() {
    let samples = samples(&rendered(&metrics()));
    for rare in [
        r#"uncertain_sends_total{app="demo"}"#,
        r#"uncertain_settled_total{app="demo",by="webhook"}"#,
        r#"uncertain_settled_total{app="demo",by="repeat"}"#,
        r#"uncertain_left_total{app="demo"}"#,
        r#"results_lost_total{app="demo"}"#,
        r#"disowned_total{app="demo",canceled="true"}"#,
        r#"reports_ignored_total{why="forged"}"#,
        r#"sender_shut{sender="106540352242922"}"#,
        "wakes_failed_total",
    ] {
        let value = samples.get(&format!("countersign_{rare}"));
        assert_eq!(value.map(String::as_str), Some("0"), "{rare}");
    }
    let unrated = r#"countersign_sender_quality{sender="106540352242922",quality="unknown"}"#;
    assert_eq!(samples[unrated], "1");
}
