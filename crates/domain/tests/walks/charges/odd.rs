//! Charges in what seldom happens: a message that was replaced before or after it left, and clocks that were wrong.

use std::num::NonZeroU32;
use std::time::Duration;

use countersign_domain::delivery::{DeliveryReport, NextStep, Rejection};
use countersign_domain::event::Event;
use countersign_domain::limit::{KeyParts, Quota};
use countersign_domain::money::{PriceCategory, Pricing};
use countersign_domain::rule::{Action, RuleSettings, Rules};
use countersign_domain::time::DAY;
use countersign_domain::use_case::ReportedDelivery;
use countersign_domain::verification::StartOutcome;
use countersign_testkit::fixture;

use crate::charges::decided;
use crate::charges::scene::{Counting, PRICE, everything_on, rule, used};
use crate::posts::failed_with;

fn delivered(reference: &str) -> ReportedDelivery {
    let mut report = ReportedDelivery::new(Some(reference.to_owned()), DeliveryReport::Delivered);
    report.pricing = Some(Pricing {
        category: PriceCategory::Authentication,
        is_billable: true,
    });
    report
}

#[tokio::test]
async fn a_message_that_failed_was_sent_anew_and_arrives_after_all_is_paid_for_beside_the_new_one() {
    let scene = Counting::under(everything_on());
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    let first = scene.walk.references().remove(0);
    scene
        .walk
        .hears_of(Some(&first), &failed_with(NextStep::Unavailable))
        .await;
    scene.walk.wait(5);
    scene.walk.wake().await;
    scene.walk.house.run_errands().await;
    let second = scene.walk.references().remove(1);
    for (reference, spent) in [(&first, 2 * PRICE), (&second, 2 * PRICE), (&first, 2 * PRICE)] {
        scene.walk.hears_post(vec![delivered(reference)]).await;
        scene.walk.house.run_errands().await;
        assert_eq!(scene.used(&record).await["money"], spent);
    }
}

/// What comes back by itself and what does not are told apart.
#[tokio::test]
async fn spend_that_a_budget_cannot_be_told_of_is_said_and_so_is_what_cannot_go_back() {
    let scene = Counting::under(everything_on());
    let record = decided(&scene).await;
    let house = &scene.walk.house;
    house.run_errands().await;
    let first = scene.walk.references().remove(0);
    let failed = failed_with(NextStep::Unavailable);
    scene.walk.hears_of(Some(&first), &failed).await;
    scene.walk.wait(5);
    scene.walk.wake().await;
    house.run_errands().await;
    house.recorder.take();
    let lost = || -> Vec<String> {
        let said = |it: &Event| match it {
            Event::ChargeLost { rule } => Some(format!("charge {rule}")),
            Event::GiveBackLost { rule } => Some(format!("give back {rule}")),
            _ => None,
        };
        house.recorder.take().iter().filter_map(said).collect()
    };
    // The first was taken for lost, and arrives beside the one that was sent for it.
    scene.limits_are_away(true);
    scene.walk.hears_post(vec![delivered(&first)]).await;
    assert_eq!(lost(), ["charge money"]);
    assert_eq!(scene.used(&record).await["money"], PRICE);
    let mut free = delivered(&scene.walk.references().remove(1));
    free.pricing = free.pricing.map(|pricing| Pricing {
        is_billable: false,
        ..pricing
    });
    scene.walk.hears_post(vec![free]).await;
    house.run_errands().await;
    assert_eq!(lost(), ["give back money"]);
}

#[tokio::test]
async fn an_opened_verification_stays_counted_when_its_first_message_was_replaced_before_it_left() {
    let scene = Counting::under(everything_on());
    scene.walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    scene.walk.wait(60);
    let resent = scene.walk.start().await.expect("nothing stands in the way");
    assert_eq!(resent.outcome, StartOutcome::Resent);
    assert_eq!(scene.walk.house.messenger.sent().len(), 2, "tried, and sent");
    assert_eq!(scene.used(&record).await, used(1, 1, PRICE, 1, 1));
    assert_eq!(scene.record().await.unanswered_sends, 1);
}

#[tokio::test]
async fn an_opened_verification_none_of_whose_messages_left_costs_nothing_in_the_end() {
    let scene = Counting::under(everything_on());
    scene.walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    scene.walk.wait(60);
    let rejected = NextStep::Rejected(Rejection::Undeliverable);
    scene.walk.house.messenger.answer_always(Err(rejected));
    scene.walk.start().await.expect("nothing stands in the way");
    assert_eq!(scene.used(&record).await, used(0, 0, 0, 0, 0));
    assert_eq!(scene.record().await.unanswered_sends, 0);
}

#[tokio::test]
async fn a_record_of_a_clock_that_was_ahead_does_not_use_up_the_limits_of_others() {
    let mut rulebook = everything_on();
    rulebook.rules = Rules::new(vec![RuleSettings {
        parts: KeyParts::EVERYTHING,
        quotas: vec![Quota::Rate {
            burst: NonZeroU32::new(5).unwrap(),
            interval: Duration::from_secs(60),
        }],
        ..rule("everybody", Action::Send, 1)
    }])
    .unwrap();
    let scene = Counting::under(rulebook);
    let id = scene.walk.opened().await;
    scene.walk.approve(id).await;
    let store = &scene.walk.house.ports.recipients;
    let stored = store.load(fixture::recipient_key()).await.unwrap().unwrap();
    let mut ahead = stored.recipient;
    ahead.changed_at = scene.now().plus(DAY);
    let written = store.replace(fixture::recipient_key(), Some(stored.version), &ahead, scene.now());
    written.await.unwrap();
    scene.walk.start().await.expect("nothing stands in the way");
    scene.walk.start_to(7).await.expect("somebody else is not kept waiting");
}
