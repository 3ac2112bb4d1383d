//! That operators can look every number up.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_domain::delivery::{DeliveryState, FailureReason, Fault};
use countersign_domain::event::Event;
use countersign_domain::limit::{KeyParts, RuleName};
use countersign_domain::ports::Observer;
use countersign_domain::recipient::Comparison;
use countersign_domain::sender::Quality;
use countersign_domain::template::Drift;
use countersign_domain::verification::{CheckOutcome, EndReason, StartOutcome, VerificationState};
use countersign_testkit::fixture;

use crate::counting::{moved, shut, subject};
use crate::protection;
use crate::samples::{metrics, rendered};
use crate::templates::{faulty, rated};

const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

#[test]
fn the_tables_of_operations_name_every_metric_and_no_other() {
    let metrics = metrics();
    for event in appearing().into_iter().chain(protection::appearing()) {
        metrics.record(&event);
    }
    let page = rendered(&metrics);
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE countersign_"));
    let shown: BTreeSet<_> = types
        .map(|line| match line.split_once(' ').expect("a name and a type") {
            (name, "counter") => format!("{name}_total"),
            (name, _) => name.to_owned(),
        })
        .collect();
    let section = OPERATIONS.split_once("\n## Metrics\n").expect("a section").1;
    let section = section.split_once("\n## ").expect("another section").0;
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: BTreeSet<_> = rows
        .map(|row| row.split('`').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(shown, named);
}

/// One event for each metric that is not there before its first one.
fn appearing() -> Vec<Event> {
    let failed = DeliveryState::Failed(FailureReason::Undeliverable);
    vec![
        Event::Started {
            caller: fixture::caller().id,
            subject: subject(),
            outcome: StartOutcome::Opened,
        },
        Event::StartRefused {
            caller: fixture::caller().id,
            app: fixture::app_id(),
            purpose: fixture::purpose(),
            rule: RuleName::SendWait,
            parts: KeyParts::RECIPIENT,
            retry_after: None,
        },
        Event::Checked {
            caller: fixture::caller().id,
            subject: subject(),
            outcome: CheckOutcome::Approved,
            comparison: Some(Comparison::Right),
        },
        Event::Ended {
            subject: subject(),
            state: VerificationState::Approved { at: fixture::now() },
            reason: EndReason::CodeCorrect,
            open_for: Duration::from_secs(20),
        },
        moved(Some(DeliveryState::Sent), failed, None),
        moved(Some(failed), DeliveryState::Delivered, None),
        shut(Fault::Account),
        faulty(Drift::Missing),
        rated(Quality::Red),
        Event::GiveBackLost {
            rule: RuleName::UnansweredSends,
        },
        Event::ChargeLost {
            rule: RuleName::UnansweredSends,
        },
    ]
}
