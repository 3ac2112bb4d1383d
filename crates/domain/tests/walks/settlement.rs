//! Settlement: attempts whose answer was lost, and how they are accounted for.

use countersign_domain::delivery::{DeliveryReport, DeliveryState, FailureReason, NextStep, Rejection};
use countersign_domain::event::{Event, Settlement};
use countersign_domain::use_case::Applied;
use countersign_domain::verification::CheckOutcome;

use crate::Walk;
use crate::posts::failed_with;

impl Walk {
    /// How uncertain messages were accounted for since somebody last asked.
    fn settled_by(&self) -> Vec<Settlement> {
        let events = self.house.recorder.take().into_iter();
        let settled = events.filter_map(|event| match event {
            Event::UncertainSettled { by, .. } => Some(by),
            _ => None,
        });
        settled.collect()
    }

    fn attempted(&self) -> usize {
        self.house.messenger.sent().len()
    }

    /// A walk whose first attempt's answer was lost.
    async fn uncertain() -> Self {
        let walk = Self::new();
        walk.house.messenger.answer_next(Err(NextStep::Uncertain));
        walk.opened().await;
        walk
    }

    async fn hears_first(&self, report: &DeliveryReport) {
        let reference = self.references().remove(0);
        assert_eq!(self.hears_of(Some(&reference), report).await, Applied::Moved);
    }
}

#[tokio::test]
async fn a_webhook_settles_an_uncertain_attempt_and_nothing_is_sent_twice() {
    let rejected = failed_with(NextStep::Rejected(Rejection::Undeliverable));
    for report in [
        DeliveryReport::Sent,
        DeliveryReport::Delivered,
        DeliveryReport::Read,
        rejected,
    ] {
        let walk = Walk::uncertain().await;
        walk.wait(9);
        walk.hears_first(&report).await;
        assert_eq!(walk.settled_by(), [Settlement::Webhook], "{report:?}");
        for _ in 0..10 {
            walk.wait(5);
            walk.wake().await;
        }
        assert_eq!((walk.attempted(), walk.settled_by()), (1, Vec::new()), "{report:?}");
    }
}

#[tokio::test]
async fn a_webhook_that_comes_after_the_wait_and_before_the_loop_settles_it_too() {
    let walk = Walk::uncertain().await;
    walk.wait(11);
    walk.hears_first(&DeliveryReport::Sent).await;
    walk.wake().await;
    assert_eq!(walk.attempted(), 1);
    assert_eq!(walk.settled_by(), [Settlement::Webhook]);
}

#[tokio::test]
async fn an_approval_after_the_wait_repeats_nothing_and_says_so() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Uncertain));
    let id = walk.opened().await;
    walk.wait(11);
    walk.approve(id).await;
    walk.wake().await;
    assert_eq!((walk.attempted(), walk.settled_by()), (1, Vec::new()));
}

#[tokio::test]
async fn without_word_an_uncertain_attempt_is_repeated_once_with_the_same_code() {
    let walk = Walk::uncertain().await;
    let code = walk.code();
    walk.wait(10);
    walk.wake().await;
    assert_eq!((walk.attempted(), walk.code()), (2, code));
    assert_eq!(walk.settled_by(), [Settlement::Repeat]);
    walk.hears_first(&DeliveryReport::Delivered).await;
    assert_eq!(walk.settled_by(), [], "it had been accounted for");
}

#[tokio::test]
async fn two_uncertain_attempts_never_lead_to_a_third() {
    let walk = Walk::new();
    walk.house.messenger.answer_always(Err(NextStep::Uncertain));
    let id = walk.opened().await;
    for _ in 0..65 {
        walk.wait(10);
        walk.wake().await;
    }
    assert_eq!((walk.attempted(), walk.settled_by()), (2, vec![Settlement::Repeat]));
    assert_eq!(walk.outcome(id, &walk.code()).await, CheckOutcome::Expired);
}

#[tokio::test]
async fn a_webhook_settles_the_repeat_whose_answer_was_lost_too() {
    let walk = Walk::new();
    walk.house.messenger.answer_always(Err(NextStep::Uncertain));
    let id = walk.opened().await;
    walk.wait(10);
    walk.wake().await;
    walk.wait(60);
    walk.hears_first(&DeliveryReport::Delivered).await;
    assert_eq!(walk.settled_by(), [Settlement::Repeat, Settlement::Webhook]);
    walk.approve(id).await;
}

/// Twice the instance that claimed the message is gone before it says what came of it.
#[tokio::test]
async fn two_lost_claims_never_lead_to_a_third() {
    let walk = Walk::new();
    let request = Walk::request();
    let caller = countersign_testkit::fixture::caller();
    let id = walk
        .house
        .use_cases
        .start
        .execute(&caller, request)
        .await
        .expect("opens")
        .view
        .id;
    drop(walk.house.courier.take());
    walk.wait(15);
    walk.house.messenger.answer_always(Err(NextStep::Uncertain));
    walk.wake().await;
    for _ in 0..20 {
        walk.wait(15);
        walk.wake().await;
    }
    assert_eq!((walk.attempted(), walk.settled_by()), (1, vec![Settlement::Repeat]));
    let delivery = walk.view(id).await.verification.deliveries.remove(0);
    assert_eq!(
        (delivery.state, delivery.tries),
        (DeliveryState::Unknown { settle_at: None }, 2)
    );
}

#[tokio::test]
async fn an_uncertain_attempt_that_the_provider_failed_is_a_new_message_and_no_repeat() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Uncertain));
    let id = walk.opened().await;
    let code = walk.code();
    walk.hears_first(&failed_with(NextStep::Unavailable)).await;
    walk.wait(1);
    walk.wake().await;
    assert_eq!((walk.attempted(), walk.code()), (2, code));
    assert_eq!(walk.settled_by(), [Settlement::Webhook]);
    let states: Vec<_> = walk
        .view(id)
        .await
        .verification
        .deliveries
        .iter()
        .map(|it| it.state)
        .collect();
    let failed = DeliveryState::Failed(FailureReason::ProviderUnavailable);
    assert_eq!(states, [failed, DeliveryState::Accepted]);
}
