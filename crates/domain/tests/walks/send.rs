//! Send: retries that respect the code's life, lost leases, uncertain answers, and honest ends.

use std::time::Duration;

use countersign_domain::delivery::{
    DeliveryState, FailureReason, Fault, NextStep, ProviderReport, Rejection, ThrottleScope,
};
use countersign_domain::event::Event;
use countersign_domain::id::VerificationId;
use countersign_domain::policy::PolicySettings;
use countersign_domain::ports::Accepted;
use countersign_domain::use_case::Error;
use countersign_domain::verification::{CheckOutcome, VerificationState};
use countersign_testkit::courier::ManualCourier;
use countersign_testkit::fixture;
use countersign_testkit::house::House;

use crate::Walk;

impl Walk {
    async fn delivery(&self, id: VerificationId) -> DeliveryState {
        self.view(id)
            .await
            .verification
            .deliveries
            .last()
            .expect("a delivery")
            .state
    }

    fn attempts(&self) -> usize {
        self.house.messenger.sent().len()
    }
}

fn failed(reason: FailureReason) -> DeliveryState {
    DeliveryState::Failed(reason)
}

#[tokio::test]
async fn an_accepted_message_is_accepted_and_one_that_is_held_is_held() {
    let walk = Walk::new();
    let id = walk.opened().await;
    assert_eq!(walk.delivery(id).await, DeliveryState::Accepted);

    let walk = Walk::new();
    walk.house.messenger.answer_next(Ok(Accepted {
        held: true,
        message: None,
        number: None,
    }));
    let id = walk.opened().await;
    assert_eq!(walk.delivery(id).await, DeliveryState::Held);
}

#[tokio::test]
async fn an_unavailable_provider_is_tried_again_with_the_same_code() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    let id = walk.opened().await;
    assert!(matches!(walk.delivery(id).await, DeliveryState::Due { .. }));
    let code = walk.code();
    walk.wait(1);
    walk.wake().await;
    assert_eq!(walk.delivery(id).await, DeliveryState::Accepted);
    assert_eq!((walk.attempts(), walk.code()), (2, code));
}

#[tokio::test]
async fn tries_are_bounded_and_the_end_says_why() {
    let walk = Walk::new();
    walk.house.messenger.answer_always(Err(NextStep::Unavailable));
    let id = walk.opened().await;
    for _ in 0..300 {
        walk.wait(1);
        walk.wake().await;
    }
    assert_eq!(walk.attempts(), 6);
    let state = walk.view(id).await.verification.state;
    let reason = FailureReason::ProviderUnavailable;
    assert!(
        matches!(state, VerificationState::Failed { reason: it, .. } if it == reason),
        "{state:?}"
    );
    assert_eq!(walk.outcome(id, &walk.code()).await, CheckOutcome::Failed);
}

#[tokio::test]
async fn nothing_is_sent_in_the_last_minute_of_a_code() {
    let walk = Walk::under(PolicySettings {
        retry: countersign_domain::retry::RetrySettings {
            tries_max: 20,
            first_wait: Duration::from_secs(600),
            wait_max: Duration::from_secs(600),
        },
        ..fixture::policy_settings()
    });
    walk.house.messenger.answer_always(Err(NextStep::Throttled {
        scope: ThrottleScope::Sender,
        retry_after: Some(Duration::from_secs(541)),
    }));
    let id = walk.opened().await;
    assert_eq!(
        walk.delivery(id).await,
        failed(FailureReason::Throttled),
        "541 s later is too late"
    );

    let walk = Walk::new();
    let retry_after = Some(Duration::from_secs(540));
    walk.house.messenger.answer_next(Err(NextStep::Throttled {
        scope: ThrottleScope::Sender,
        retry_after,
    }));
    let id = walk.opened().await;
    walk.wait(541);
    walk.wake().await;
    assert_eq!(walk.attempts(), 1, "the loop came a second too late");
    assert_eq!(walk.delivery(id).await, failed(FailureReason::TooLate));
}

#[tokio::test]
async fn the_pair_limit_is_waited_out_as_the_provider_asks() {
    let walk = Walk::new();
    let pair = NextStep::Throttled {
        scope: ThrottleScope::Recipient,
        retry_after: None,
    };
    walk.house.messenger.answer_always(Err(pair));
    walk.opened().await;
    // 4^0, 4^1, 4^2 seconds, and never less than the back-off's own point.
    for wait in [1, 4, 16] {
        let before = walk.attempts();
        walk.house.clock.advance(Duration::from_millis(wait * 1_000 - 1));
        walk.wake().await;
        assert_eq!(walk.attempts(), before, "{wait} s are not over");
        walk.wait(16);
        walk.wake().await;
        assert_eq!(walk.attempts(), before + 1, "{wait} s are over");
    }
}

#[tokio::test]
async fn what_can_never_be_delivered_ends_the_verification_at_once() {
    let walk = Walk::new();
    let report = ProviderReport::new(131_026, "Message undeliverable", "");
    walk.house
        .messenger
        .refuse_next(NextStep::Rejected(Rejection::Undeliverable), report.clone());
    let id = walk.opened().await;
    let view = walk.view(id).await;
    let reason = FailureReason::Undeliverable;
    assert!(matches!(view.verification.state, VerificationState::Failed { reason: it, .. } if it == reason));
    assert_eq!(view.verification.deliveries[0].report, Some(report));
    let ended = walk
        .house
        .recorder
        .events()
        .iter()
        .filter(|it| matches!(it, Event::Ended { .. }))
        .count();
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn a_fault_of_ours_refuses_new_starts_until_it_was_probed() {
    let walk = Walk::new();
    walk.house
        .messenger
        .answer_next(Err(NextStep::Misconfigured(Fault::Account)));
    walk.opened().await;
    walk.wait(59);
    let neighbour = || countersign_domain::use_case::StartRequest {
        phone: fixture::phone_number(9),
        ..Walk::request()
    };
    let refused = walk.start_as(neighbour()).await;
    assert!(
        matches!(
            refused,
            Err(Error::CannotSend {
                fault: Fault::Account,
                ..
            })
        ),
        "{refused:?}"
    );
    walk.wait(1);
    walk.start_as(neighbour())
        .await
        .expect("a minute later one start may probe");
    walk.start_as(countersign_domain::use_case::StartRequest {
        phone: fixture::phone_number(8),
        ..Walk::request()
    })
    .await
    .expect("and its success lets everybody in");
}

#[tokio::test]
async fn a_malformed_request_says_nothing_about_the_next_one() {
    let walk = Walk::new();
    walk.house
        .messenger
        .answer_next(Err(NextStep::Misconfigured(Fault::Request)));
    walk.opened().await;
    let neighbour = countersign_domain::use_case::StartRequest {
        phone: fixture::phone_number(9),
        ..Walk::request()
    };
    walk.start_as(neighbour).await.expect("not refused");
}

#[tokio::test]
async fn an_uncertain_send_waits_for_word_and_is_repeated_once() {
    let walk = Walk::new();
    walk.house.messenger.answer_always(Err(NextStep::Uncertain));
    let id = walk.opened().await;
    let code = walk.code();
    walk.wait(9);
    walk.wake().await;
    assert_eq!(walk.attempts(), 1, "a webhook may still settle it");
    walk.wait(1);
    walk.wake().await;
    assert_eq!(
        (walk.attempts(), walk.code()),
        (2, code.clone()),
        "once more, with the same code"
    );
    for _ in 0..40 {
        walk.wait(10);
        walk.wake().await;
    }
    assert_eq!(walk.attempts(), 2, "never a third time");
    assert_eq!(walk.delivery(id).await, DeliveryState::Unknown { settle_at: None });
    assert_eq!(
        walk.outcome(id, &code).await,
        CheckOutcome::Approved,
        "it may have arrived"
    );
}

#[tokio::test]
async fn a_message_without_word_counts_as_dropped_after_its_life_and_a_buffer() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.wait(629);
    walk.wake().await;
    assert_eq!(walk.delivery(id).await, DeliveryState::Accepted);
    walk.wait(1);
    walk.wake().await;
    assert_eq!(walk.delivery(id).await, DeliveryState::Dropped);
    assert_eq!(walk.wake().await, 0, "nothing is left to do");
}

/// The instance that started it is gone before it sent anything.
#[tokio::test]
async fn a_lost_lease_is_taken_over_by_another_instance() {
    let walk = Walk::new();
    let id = walk
        .house
        .use_cases
        .start
        .execute(&fixture::caller(), Walk::request())
        .await
        .unwrap()
        .view
        .id;
    walk.house.courier.take();
    let other = walk.house.second_instance();
    walk.wait(14);
    assert_eq!(
        other
            .wake_due(countersign_domain::id::ShardCount::DEFAULT)
            .await
            .unwrap(),
        0,
        "the lease holds"
    );
    walk.wait(1);
    other
        .wake_due(countersign_domain::id::ShardCount::DEFAULT)
        .await
        .unwrap();
    assert_eq!(walk.attempts(), 1);
    walk.approve(id).await;
}

#[tokio::test]
async fn a_courier_without_room_leaves_the_message_to_the_loop_at_once() {
    let base = Walk::new();
    let ports = &base.house.ports;
    let (recipients, limits, feed) = (ports.recipients.clone(), ports.limits.clone(), ports.feed.clone());
    let house = House::builder(recipients, limits, feed)
        .courier(ManualCourier::with_room(0))
        .build();
    house
        .use_cases
        .start
        .execute(&fixture::caller(), Walk::request())
        .await
        .unwrap();
    assert_eq!(house.messenger.sent().len(), 0);
    assert_eq!(house.courier.expected(), [house.ports.clock.now()]);
    house
        .wake_due(countersign_domain::id::ShardCount::DEFAULT)
        .await
        .unwrap();
    assert_eq!(house.messenger.sent().len(), 1);
}

#[tokio::test]
async fn two_instances_that_wake_one_recipient_send_once() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    walk.opened().await;
    walk.wait(1);
    let other = walk.house.second_instance();
    let shards = countersign_domain::id::ShardCount::DEFAULT;
    let (first, second) = tokio::join!(walk.house.wake_due(shards), other.wake_due(shards));
    first.unwrap();
    second.unwrap();
    assert_eq!(walk.attempts(), 2, "the failed one and one more");
}

#[tokio::test]
async fn nothing_is_sent_for_a_verification_that_ended() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    let id = walk.opened().await;
    let name = countersign_domain::use_case::VerificationName::Id(id);
    walk.house
        .use_cases
        .cancel
        .execute(&fixture::caller(), &name)
        .await
        .unwrap();
    walk.wait(30);
    walk.wake().await;
    assert_eq!(walk.attempts(), 1);
    assert_eq!(walk.delivery(id).await, failed(FailureReason::TooLate));
}

#[tokio::test]
async fn what_ends_while_nobody_looks_is_told_once_somebody_does() {
    let walk = Walk::new();
    walk.opened().await;
    walk.wait(3 * 24 * 3_600);
    walk.wake().await;
    let events = walk.house.recorder.events();
    let ended = events.iter().filter(|it| {
        matches!(
            it,
            Event::Ended {
                state: VerificationState::Expired { .. },
                ..
            }
        )
    });
    assert_eq!(ended.count(), 1);
}

#[tokio::test]
async fn the_backlog_is_who_waits_to_be_looked_after() {
    let walk = Walk::new();
    let backlog = async || {
        walk.house
            .use_cases
            .dispatch
            .backlog()
            .await
            .expect("the store is there")
    };
    walk.house.messenger.answer_next(Err(NextStep::Uncertain));
    walk.opened().await;
    assert_eq!(backlog().await, 0);
    walk.wait(11);
    assert_eq!(backlog().await, 1);
    assert_eq!(walk.wake().await, 1);
    assert_eq!(backlog().await, 0);
}
