//! Webhooks: truth that only moves forward, and can never approve.

use countersign_domain::delivery::{
    DeliveryReport, DeliveryState, FailureReason, Fault, NextStep, ProviderReport, Rejection,
};
use countersign_domain::event::IgnoredReport;
use countersign_domain::id::VerificationId;
use countersign_domain::reference::ReferenceError;
use countersign_domain::use_case::{Applied, Error};
use countersign_domain::verification::{CheckOutcome, EndReason, VerificationState};
use countersign_testkit::fixture;

use crate::Walk;

impl Walk {
    fn reference(&self) -> String {
        self.house
            .messenger
            .sent()
            .last()
            .expect("a message was sent")
            .reference
            .clone()
    }

    async fn hears(&self, report: &DeliveryReport) -> Applied {
        self.hears_of(Some(&self.reference()), report).await
    }

    async fn states(&self, id: VerificationId) -> Vec<DeliveryState> {
        self.view(id)
            .await
            .verification
            .deliveries
            .iter()
            .map(|it| it.state)
            .collect()
    }
}

fn failed_with(step: NextStep) -> DeliveryReport {
    DeliveryReport::Failed {
        step,
        report: ProviderReport::new(1, "title", "details"),
    }
}

const STALE: Applied = Applied::Ignored(IgnoredReport::Stale);

#[tokio::test]
async fn statuses_in_any_order_end_in_the_same_state() {
    use DeliveryReport::{Delivered, Read, Sent};
    let orders = [
        [Sent, Delivered, Read],
        [Read, Delivered, Sent],
        [Delivered, Sent, Read],
        [Read, Sent, Delivered],
    ];
    for order in orders {
        let walk = Walk::new();
        let id = walk.opened().await;
        for report in order.iter().chain(&order) {
            walk.hears(report).await;
        }
        assert_eq!(walk.states(id).await, [DeliveryState::Read], "{order:?}");
    }
}

#[tokio::test]
async fn a_repeated_status_changes_nothing() {
    let walk = Walk::new();
    walk.opened().await;
    assert_eq!(walk.hears(&DeliveryReport::Sent).await, Applied::Moved);
    assert_eq!(walk.hears(&DeliveryReport::Sent).await, STALE);
}

#[tokio::test]
async fn delivered_overrides_failed_because_the_provider_reports_both() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.hears(&failed_with(NextStep::Rejected(Rejection::Undeliverable)))
        .await;
    assert_eq!(
        walk.states(id).await,
        [DeliveryState::Failed(FailureReason::Undeliverable)]
    );
    assert!(matches!(
        walk.view(id).await.verification.state,
        VerificationState::Failed { .. }
    ));
    assert_eq!(walk.hears(&DeliveryReport::Delivered).await, Applied::Moved);
    assert_eq!(walk.states(id).await, [DeliveryState::Delivered]);
    assert_eq!(
        walk.hears(&failed_with(NextStep::Rejected(Rejection::Undeliverable)))
            .await,
        STALE,
        "and is not overridden by it"
    );
}

#[tokio::test]
async fn late_truth_upgrades_what_was_presumed_dropped() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.wait(700);
    walk.wake().await;
    assert_eq!(walk.states(id).await, [DeliveryState::Dropped]);
    walk.hears(&DeliveryReport::Delivered).await;
    assert_eq!(walk.states(id).await, [DeliveryState::Delivered]);
}

#[tokio::test]
async fn an_expiry_says_whether_the_message_had_reached_the_phone() {
    for (heard, reason) in [
        (DeliveryReport::Sent, EndReason::NotConfirmed),
        (DeliveryReport::Delivered, EndReason::NotEntered),
    ] {
        let walk = Walk::new();
        let id = walk.opened().await;
        walk.hears(&heard).await;
        walk.wait(600);
        assert_eq!(walk.view(id).await.verification.end_reason(), Some(reason));
    }
}

#[tokio::test]
async fn a_webhook_that_is_faster_than_the_answer_stands() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Uncertain));
    let id = walk.opened().await;
    walk.hears(&DeliveryReport::Sent).await;
    walk.wait(60);
    walk.wake().await;
    assert_eq!(walk.states(id).await, [DeliveryState::Sent]);
    assert_eq!(walk.house.messenger.sent().len(), 1, "settled: nothing is sent twice");
}

#[tokio::test]
async fn a_temporary_failure_after_acceptance_is_tried_again_as_a_new_message() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let code = walk.code();
    walk.hears(&failed_with(NextStep::Unavailable)).await;
    walk.wait(1);
    walk.wake().await;
    let unavailable = DeliveryState::Failed(FailureReason::ProviderUnavailable);
    assert_eq!(walk.states(id).await, [unavailable, DeliveryState::Accepted]);
    assert_eq!(walk.code(), code);
    walk.approve(id).await;
}

#[tokio::test]
async fn repeating_a_failure_for_ever_makes_no_endless_messages() {
    let walk = Walk::new();
    let id = walk.opened().await;
    for _ in 0..50 {
        walk.hears(&failed_with(NextStep::Unavailable)).await;
        walk.wait(10);
        walk.wake().await;
    }
    assert!(
        walk.house.messenger.sent().len() <= 6,
        "{} messages",
        walk.house.messenger.sent().len()
    );
    assert!(matches!(
        walk.view(id).await.verification.state,
        VerificationState::Failed { .. }
    ));
}

#[tokio::test]
async fn a_fault_told_by_webhook_refuses_new_starts() {
    let walk = Walk::new();
    walk.opened().await;
    walk.hears(&failed_with(NextStep::Misconfigured(Fault::Account))).await;
    let neighbour = countersign_domain::use_case::StartRequest {
        phone: fixture::phone_number(9),
        ..Walk::request()
    };
    assert!(matches!(walk.start_as(neighbour).await, Err(Error::CannotSend { .. })));
}

#[tokio::test]
async fn foreign_unknown_and_forged_references_are_ignored() {
    let walk = Walk::new();
    walk.opened().await;
    let forged = walk.reference().replace(".1.", ".2.");
    let unknown = fixture::reference(1);
    let cases = [
        (None, IgnoredReport::Unreferenced),
        (
            Some("somebody else's"),
            IgnoredReport::Reference(ReferenceError::NotOurs),
        ),
        (Some(forged.as_str()), IgnoredReport::Reference(ReferenceError::Forged)),
        (Some(unknown.as_str()), IgnoredReport::Forgotten),
    ];
    for (reference, why) in cases {
        let applied = walk.hears_of(reference, &DeliveryReport::Read).await;
        assert_eq!(applied, Applied::Ignored(why), "{reference:?}");
    }
}

#[tokio::test]
async fn no_webhook_approves_anything() {
    let walk = Walk::new();
    let id = walk.opened().await;
    for report in [DeliveryReport::Sent, DeliveryReport::Delivered, DeliveryReport::Read] {
        walk.hears(&report).await;
        assert!(walk.view(id).await.verification.is_open());
    }
    assert_eq!(walk.outcome(id, &walk.wrong()).await, CheckOutcome::Incorrect);
}
