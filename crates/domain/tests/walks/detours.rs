//! Detours: what a message does that fails for a reason of ours, and whom a slow or shut sender leaves alone.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_domain::delivery::{
    DeliveryReport, DeliveryState, FailureReason, Fault, NextStep, ProviderReport, ThrottleScope,
};
use countersign_domain::event::Event;
use countersign_domain::id::VerificationId;
use countersign_domain::ports::Clock;
use countersign_domain::sender::OPEN_MAX;
use countersign_domain::sender::SenderId;
use countersign_domain::use_case::{Applied, Error, ReportedDelivery, StartRequest};
use countersign_domain::verification::VerificationState;
use countersign_testkit::fixture;

use crate::Walk;
use crate::posts::{failed_with, to};
use crate::senders::{ACCOUNT, apps, in_english_only, of_account};

const TEMPLATE: NextStep = NextStep::Misconfigured(Fault::Template);
const HOUR: Duration = Duration::from_secs(3_600);

const fn throttled(scope: ThrottleScope, retry_after: Option<Duration>) -> NextStep {
    NextStep::Throttled { scope, retry_after }
}

impl Walk {
    async fn reason(&self, id: VerificationId) -> FailureReason {
        match self.view(id).await.verification.state {
            VerificationState::Failed { reason, .. } => reason,
            state => panic!("not failed: {state:?}"),
        }
    }

    async fn tries(&self, id: VerificationId) -> (DeliveryState, u8) {
        let delivery = self.view(id).await.verification.deliveries.pop().expect("a delivery");
        (delivery.state, delivery.tries)
    }

    /// Starts in Portuguese, which is not the default.
    async fn opened_in_portuguese(&self) -> VerificationId {
        let request = StartRequest {
            language: Some(fixture::language("pt_BR")),
            ..Self::request()
        };
        self.start_as(request).await.expect("nothing stands in the way").view.id
    }

    fn languages(&self) -> Vec<String> {
        let sent = self.house.messenger.sent();
        sent.iter().map(|it| it.language.to_string()).collect()
    }

    fn shut(&self) -> Vec<(SenderId, Fault)> {
        let events = self.house.recorder.events().into_iter();
        let shut = events.filter_map(|event| match event {
            Event::SenderShut { sender, fault, .. } => Some((sender, fault)),
            _ => None,
        });
        shut.collect()
    }

    fn slowed_down(&self) -> Vec<(String, Duration)> {
        let events = self.house.recorder.take().into_iter();
        let slowed = events.filter_map(|event| match event {
            Event::SenderSlowed {
                sender, retry_after, ..
            } => Some((sender.to_string(), retry_after)),
            _ => None,
        });
        slowed.collect()
    }

    /// Hears that the newest message failed, and from whom it had gone out.
    pub(crate) async fn hears_failure_from(&self, sender: &SenderId, step: NextStep) -> Applied {
        let newest = self.house.messenger.sent().pop().expect("a message was sent");
        let reported = ReportedDelivery {
            sender: Some(sender.clone()),
            ..ReportedDelivery::new(Some(newest.reference), failed_with(step))
        };
        let applied = self
            .hears_post(vec![reported])
            .await
            .remove(0)
            .expect("the store is there");
        self.house.run_errands().await;
        applied[0]
    }
}

#[tokio::test]
async fn a_sender_is_said_to_be_shut_once_for_everything_that_was_under_way() {
    for step in [TEMPLATE, ACCOUNT] {
        let walk = Walk::new();
        walk.opened_to(0).await;
        walk.opened_to(1).await;
        let references: Vec<_> = walk.house.messenger.sent().into_iter().map(|it| it.reference).collect();
        walk.house.messenger.answer_next(Err(step));
        walk.opened_to(2).await;
        assert_eq!(walk.shut().len(), 1);
        for reference in references {
            let reported = ReportedDelivery {
                sender: Some(fixture::sender().id),
                ..ReportedDelivery::new(Some(reference), failed_with(step))
            };
            walk.hears_post(vec![reported]).await;
        }
        assert_eq!(walk.shut().len(), 1, "{step:?}: what was under way is no news");
        walk.wait(61);
        walk.house.messenger.answer_next(Err(step));
        walk.opened_to(3).await;
        assert_eq!(walk.shut().len(), 2, "{step:?}: what fails after the rest is news");
    }
}

#[tokio::test]
async fn a_template_fault_shuts_only_the_use_that_one_app_makes_of_the_sender() {
    let shared = vec![fixture::sender()];
    let rules = in_english_only(apps([("demo", shared.clone()), ("other", shared)]));
    let walk = Walk::ruled_by(rules, 1);
    walk.house.messenger.answer_next(Err(TEMPLATE));
    let id = walk.opened_to(0).await;
    assert_eq!(walk.reason(id).await, FailureReason::Misconfigured);
    assert_eq!(walk.shut(), [(fixture::sender().id, Fault::Template)]);
    assert_eq!(walk.refusal(1).await.0, Fault::Template);
    walk.start_for("other", 2).await.expect("has a template of its own");
    assert_eq!(
        walk.refusal(1).await.0,
        Fault::Template,
        "the other app's success says nothing about it"
    );
    walk.wait(60);
    walk.opened_to(1).await;
    assert_eq!(walk.recovered(), 1);
}

#[tokio::test]
async fn an_account_fault_shuts_the_sender_for_every_app() {
    let shared = vec![fixture::sender()];
    let walk = Walk::ruled_by(apps([("demo", shared.clone()), ("other", shared)]), 1);
    walk.house.messenger.answer_next(Err(ACCOUNT));
    walk.opened_to(0).await;
    let refused = walk.start_for("other", 1).await;
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
}

#[tokio::test]
async fn a_template_fault_of_one_sender_sends_the_message_from_another() {
    let walk = Walk::sending_from(["1", "2"].map(fixture::sender_named));
    walk.house.messenger.answer_next(Err(TEMPLATE));
    let id = walk.opened_to(0).await;
    assert_eq!(walk.tries(id).await, (DeliveryState::Accepted, 2));
    for n in 1..20 {
        walk.opened_to(n).await;
    }
    let used = walk.used();
    assert!(used[1..].iter().all(|it| *it != used[0]));
}

#[tokio::test]
async fn a_throttled_sender_rests_and_another_is_used() {
    for (asked, rest) in [(None, 1), (Some(Duration::from_secs(30)), 30)] {
        let walk = Walk::sending_from(["1", "2"].map(fixture::sender_named));
        walk.house
            .messenger
            .answer_next(Err(throttled(ThrottleScope::Sender, asked)));
        let id = walk.opened_to(0).await;
        assert_eq!(walk.tries(id).await, (DeliveryState::Accepted, 2));
        let tired = walk.used()[0].clone();
        assert_eq!(walk.slowed_down(), [(tired.to_string(), Duration::from_secs(rest))]);
        walk.house.clock.advance(Duration::from_millis(rest * 1_000 - 1));
        for n in 1..20 {
            walk.opened_to(n).await;
        }
        assert!(walk.used()[1..].iter().all(|it| *it != tired), "{rest} s are not over");
        walk.house.clock.advance(Duration::from_millis(1));
        for n in 20..40 {
            walk.opened_to(n).await;
        }
        assert!(walk.used()[20..].contains(&tired), "{rest} s are over");
    }
}

#[tokio::test]
async fn an_account_that_is_throttled_rests_with_all_its_senders_and_no_other_does() {
    let senders = [("a1", "1"), ("a1", "2"), ("a2", "3")].map(|(account, id)| of_account(account, id));
    let (demo, other) = (senders.to_vec(), vec![of_account("a1", "4")]);
    let walk = Walk::ruled_by(apps([("demo", demo), ("other", other)]), 1);
    let rest = Duration::from_secs(30);
    walk.house
        .messenger
        .answer_next(Err(throttled(ThrottleScope::Account, Some(rest))));
    walk.start_for("other", 0).await.expect("nothing stands in the way");
    let slowed = ["1", "2", "4"].map(|it| (it.to_owned(), rest));
    assert_eq!(walk.slowed_down(), slowed);
    for n in 1..20 {
        walk.opened_to(n).await;
    }
    assert!(walk.used()[1..].iter().all(|it| it.as_str() == "3"));
    walk.wait(30);
    for n in 20..60 {
        walk.opened_to(n).await;
    }
    let used: BTreeSet<_> = walk.used().iter().skip(20).map(ToString::to_string).collect();
    assert_eq!(used.len(), 3, "rested");
}

#[tokio::test]
async fn a_sender_that_must_rest_longer_than_a_code_lives_fails_the_message_and_refuses_starts() {
    let walk = Walk::new();
    let report = ProviderReport::new(131_048, "Spam rate limit hit", "");
    walk.house
        .messenger
        .refuse_next(throttled(ThrottleScope::Sender, Some(HOUR)), report.clone());
    let id = walk.opened_to(0).await;
    assert_eq!(walk.reason(id).await, FailureReason::Throttled);
    // However long it asks for, after a quarter of an hour somebody finds out.
    assert_eq!(walk.refusal(1).await, (Fault::Account, Some(report), OPEN_MAX));
    walk.wait(900 - 541);
    assert_eq!(walk.refusal(1).await.2, Duration::from_secs(541));

    // From here on a message that waits for the sender is still of use when it goes out.
    walk.wait(1);
    let id = walk.opened_to(1).await;
    walk.wait(539);
    walk.wake().await;
    assert_eq!(walk.used().len(), 1);
    walk.wait(1);
    walk.wake().await;
    assert_eq!(walk.tries(id).await, (DeliveryState::Accepted, 1));
}

#[tokio::test]
async fn a_message_that_finds_its_only_sender_resting_for_too_long_fails_as_throttled_unsent() {
    let walk = Walk::new();
    let report = ProviderReport::new(131_048, "Spam rate limit hit", "");
    walk.house
        .messenger
        .refuse_next(throttled(ThrottleScope::Sender, Some(HOUR)), report.clone());
    let mut ids = Vec::new();
    for n in [0, 1] {
        let request = to(fixture::phone_number(n));
        let answer = walk.house.use_cases.start.execute(&fixture::caller(), request).await;
        ids.push(answer.expect("nothing stands in the way").view.id);
    }
    walk.house.run_errands().await;
    assert_eq!(walk.used().len(), 1);
    assert_eq!(walk.reason(ids[1]).await, FailureReason::Throttled);
    let delivery = walk.view(ids[1]).await.verification.deliveries.remove(0);
    assert_eq!((delivery.tries, delivery.report), (0, Some(report)));
}

#[tokio::test]
async fn the_pair_limit_waits_powers_of_four_and_holds_up_nobody_else() {
    let walk = Walk::new();
    walk.house
        .messenger
        .answer_always(Err(throttled(ThrottleScope::Recipient, None)));
    let id = walk.opened_to(0).await;
    for (tries, wait) in [(1, 1), (2, 4), (3, 16), (4, 64)] {
        let due = walk.house.clock.now().plus(Duration::from_secs(wait));
        assert_eq!(walk.tries(id).await, (DeliveryState::Due { at: due }, tries));
        walk.wait(wait);
        walk.wake().await;
    }
    assert!(walk.slowed_down().is_empty());
    walk.house
        .messenger
        .answer_next(Ok(countersign_testkit::messenger::accepted()));
    let neighbour = walk.opened_to(1).await;
    assert_eq!(walk.tries(neighbour).await, (DeliveryState::Accepted, 1));
}

#[tokio::test]
async fn a_language_that_is_missing_is_replaced_by_the_default_at_once() {
    let walk = Walk::new();
    walk.house.messenger.answer_next(Err(NextStep::AnotherLanguage));
    let id = walk.opened_in_portuguese().await;
    assert_eq!(walk.tries(id).await, (DeliveryState::Accepted, 2));
    assert_eq!(walk.languages(), ["pt_BR", "en_US"]);
    assert_eq!(walk.shut(), [(fixture::sender().id, Fault::Template)]);
    let next = StartRequest {
        language: Some(fixture::language("pt_BR")),
        ..to(fixture::phone_number(1))
    };
    walk.start_as(next).await.expect("there is another language");
    assert_eq!(walk.languages(), ["pt_BR", "en_US", "en_US"], "nobody finds out again");
}

#[tokio::test]
async fn a_template_that_is_missing_in_the_default_language_too_is_a_fault_of_ours() {
    let walk = Walk::new();
    walk.house.messenger.answer_always(Err(NextStep::AnotherLanguage));
    let id = walk.opened_in_portuguese().await;
    assert_eq!(walk.languages(), ["pt_BR", "en_US"]);
    assert_eq!(walk.reason(id).await, FailureReason::Misconfigured);
    let fault = (fixture::sender().id, Fault::Template);
    assert_eq!(walk.shut(), [fault.clone(), fault]);
    assert_eq!(walk.refusal(1).await.0, Fault::Template);
}

#[tokio::test]
async fn a_language_that_a_webhook_calls_missing_is_replaced_in_a_new_message() {
    let walk = Walk::new();
    let id = walk.opened_in_portuguese().await;
    let code = walk.code();
    walk.hears_failure_from(&fixture::sender().id, NextStep::AnotherLanguage)
        .await;
    assert_eq!(walk.languages(), ["pt_BR", "en_US"]);
    assert_eq!(walk.code(), code);
    walk.approve(id).await;
}

#[tokio::test]
async fn what_fails_for_a_reason_nobody_knows_is_tried_exactly_twice() {
    let walk = Walk::new();
    walk.house.messenger.answer_always(Err(NextStep::Unclear));
    let id = walk.opened_to(0).await;
    for _ in 0..60 {
        walk.wait(10);
        walk.wake().await;
    }
    assert_eq!(walk.used().len(), 2);
    assert_eq!(walk.reason(id).await, FailureReason::Misconfigured);
}

#[tokio::test]
async fn a_webhook_shuts_the_sender_it_names_and_the_new_message_goes_out_from_another() {
    for fresh_instance in [false, true] {
        let walk = Walk::sending_from(["1", "2"].map(fixture::sender_named));
        let id = walk.opened().await;
        let locked = walk.used()[0].clone();
        // Webhooks come to any instance, also to one that has not sent anything yet.
        let walk = if fresh_instance {
            Walk {
                house: walk.house.second_instance(),
            }
        } else {
            walk
        };
        assert_eq!(walk.hears_failure_from(&locked, ACCOUNT).await, Applied::Moved);
        assert_eq!(
            walk.shut(),
            [(locked.clone(), Fault::Account)],
            "fresh: {fresh_instance}"
        );
        let failed = DeliveryState::Failed(FailureReason::Misconfigured);
        let deliveries = walk.view(id).await.verification.deliveries;
        let states: Vec<_> = deliveries.iter().map(|it| it.state).collect();
        assert_eq!(states, [failed, DeliveryState::Accepted]);
        for n in 1..20 {
            walk.opened_to(n).await;
        }
        assert!(walk.used()[1..].iter().all(|it| *it != locked));
        walk.approve(id).await;
    }
}

#[tokio::test]
async fn a_webhook_about_a_verification_that_ended_changes_no_sender() {
    let steps = [ACCOUNT, TEMPLATE, throttled(ThrottleScope::Account, Some(HOUR))];
    for step in steps {
        let walk = Walk::new();
        let id = walk.opened().await;
        walk.approve(id).await;
        assert_eq!(
            walk.hears_failure_from(&fixture::sender().id, step).await,
            Applied::Moved
        );
        walk.opened_to(1).await;
        assert_eq!((walk.shut(), walk.slowed_down()), (Vec::new(), Vec::new()), "{step:?}");
    }
}

#[tokio::test]
async fn a_failure_of_a_message_that_arrived_changes_no_sender() {
    let walk = Walk::new();
    walk.opened().await;
    let reference = walk.references().remove(0);
    walk.hears_of(Some(&reference), &DeliveryReport::Delivered).await;
    walk.hears_failure_from(&fixture::sender().id, ACCOUNT).await;
    walk.opened_to(1).await;
    assert_eq!(walk.shut(), []);
}

#[tokio::test]
async fn a_webhook_that_names_a_sender_of_nobody_shuts_none() {
    let walk = Walk::new();
    walk.opened().await;
    let stranger = SenderId::parse("9999").expect("a sender's id");
    walk.hears_failure_from(&stranger, ACCOUNT).await;
    walk.hears_failure_from(&stranger, TEMPLATE).await;
    walk.opened_to(1).await;
    assert_eq!(walk.shut(), []);
}
