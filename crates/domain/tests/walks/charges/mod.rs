//! What a message costs lives with it: what goes back, when, and how often the stores are asked.

mod odd;
pub(crate) mod scene;

use countersign_domain::delivery::{DeliveryReport, NextStep, Rejection};
use countersign_domain::event::Event;
use countersign_domain::limit::{ChargeMode, KeyPart, KeyParts, RuleName};
use countersign_domain::money::{PriceCategory, Pricing};
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::Accepted;
use countersign_domain::recipient::{Conversion, Recipient};
use countersign_domain::rule::{Action, RuleSettings, Rules};
use countersign_domain::time::DAY;
use countersign_domain::use_case::{Error, ReportedDelivery, StartRequest};
use countersign_domain::verification::{CheckOutcome, StartOutcome};
use countersign_testkit::fixture;

use crate::Walk;
use crate::charges::scene::{Counting, PRICE, everything_on, money, rule, used};
use crate::posts::failed_with;

/// Starts without letting the message out, and hands out the record with all its charges.
async fn decided(scene: &Counting) -> Recipient {
    let start = &scene.walk.house.use_cases.start;
    let answer = start.execute(&fixture::caller(), Walk::request()).await;
    answer.expect("nothing stands in the way");
    scene.record().await
}

#[tokio::test]
async fn what_is_sent_stands_until_it_is_approved_and_then_only_its_velocity_goes_back() {
    let scene = Counting::under(everything_on());
    let record = decided(&scene).await;
    assert_eq!(scene.used(&record).await, used(1, 1, PRICE, 1, 1));
    scene.walk.house.run_errands().await;
    assert_eq!(scene.used(&record).await, used(1, 1, PRICE, 1, 1));
    let sent = scene.record().await;
    let kept: Vec<_> = scene.used(&sent).await.into_keys().collect();
    assert_eq!(kept, ["money", "unfinished_per_block", "unfinished_per_country"]);
    let id = Counting::id(&record);
    scene.walk.approve(id).await;
    assert_eq!(scene.used(&record).await, used(1, 1, PRICE, 0, 0));
    assert_eq!(scene.conversions().await, [Conversion::Finished]);
}

#[tokio::test]
async fn a_message_that_was_never_sent_costs_nothing_in_the_end() {
    let scene = Counting::under(everything_on());
    let rejected = NextStep::Rejected(Rejection::Undeliverable);
    scene.walk.house.messenger.answer_always(Err(rejected));
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    assert_eq!(scene.used(&record).await, used(0, 0, 0, 0, 0));
    assert_eq!(scene.record().await.unanswered_sends, 0);
    assert_eq!(scene.conversions().await, [Conversion::NotCounted]);
}

#[tokio::test]
async fn a_message_that_fails_after_it_was_sent_gives_back_its_price_and_its_velocity_once() {
    let scene = Counting::under(everything_on());
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    let reference = scene.walk.references().remove(0);
    let failed = failed_with(NextStep::Rejected(Rejection::Undeliverable));
    for report in [&failed, &failed, &DeliveryReport::Delivered] {
        scene.walk.hears_of(Some(&reference), report).await;
        scene.walk.house.run_errands().await;
        assert_eq!(scene.used(&record).await, used(1, 1, 0, 0, 1), "{report:?}");
    }
}

#[tokio::test]
async fn what_takes_the_place_of_a_failed_message_takes_its_charges_over() {
    let scene = Counting::under(everything_on());
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    let reference = scene.walk.references().remove(0);
    let failed = failed_with(NextStep::Unavailable);
    scene.walk.hears_of(Some(&reference), &failed).await;
    scene.walk.wait(5);
    scene.walk.wake().await;
    scene.walk.house.run_errands().await;
    assert_eq!(scene.walk.house.messenger.sent().len(), 2, "sent anew");
    assert_eq!(scene.used(&record).await, used(1, 1, PRICE, 1, 1));
    assert_eq!(
        scene.conversions().await,
        [Conversion::NotCounted, Conversion::Awaited],
        "one send is counted once"
    );
    scene.walk.approve(Counting::id(&record)).await;
    assert_eq!(scene.used(&record).await, used(1, 1, PRICE, 0, 0));
}

#[tokio::test]
async fn a_message_nobody_knows_the_fate_of_keeps_what_it_cost() {
    let scene = Counting::under(everything_on());
    scene.walk.house.messenger.answer_always(Err(NextStep::Uncertain));
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    for _ in 0..4 {
        scene.walk.wait(60);
        scene.walk.wake().await;
        scene.walk.house.run_errands().await;
    }
    assert_eq!(scene.used(&record).await, used(1, 1, PRICE, 1, 1));
}

#[tokio::test]
async fn a_billed_message_is_spent_and_a_free_one_is_not() {
    for (is_billable, spent) in [(true, PRICE), (false, 0)] {
        let scene = Counting::under(everything_on());
        let record = decided(&scene).await;
        scene.walk.house.run_errands().await;
        let reference = scene.walk.references().remove(0);
        let mut report = ReportedDelivery::new(Some(reference), DeliveryReport::Delivered);
        report.pricing = Some(Pricing {
            category: PriceCategory::Authentication,
            is_billable,
        });
        scene.walk.hears_post(vec![report]).await;
        scene.walk.house.run_errands().await;
        assert_eq!(scene.used(&record).await["money"], spent);
        let settled = |it: &Event| matches!(it, Event::Settled { actual, .. } if actual.micros() == spent);
        assert!(scene.walk.house.recorder.take().iter().any(settled));
    }
}

#[tokio::test]
async fn a_send_that_nobody_finished_in_time_is_missed_and_a_late_success_finishes_it() {
    let scene = Counting::under(everything_on());
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    scene.walk.wait(119);
    assert_eq!(scene.walk.wake().await, 0, "not old enough");
    scene.walk.wait(1);
    assert_eq!(scene.walk.wake().await, 1);
    assert_eq!(scene.conversions().await, [Conversion::Missed]);
    scene.walk.approve(Counting::id(&record)).await;
    assert_eq!(scene.conversions().await, [Conversion::Finished]);
}

#[tokio::test]
async fn a_send_matures_only_once_the_provider_has_it() {
    let scene = Counting::under(everything_on());
    scene.walk.house.messenger.answer_next(Err(NextStep::Unavailable));
    decided(&scene).await;
    scene.walk.house.run_errands().await;
    scene.walk.wait(100);
    scene.walk.wake().await;
    assert_eq!(scene.walk.house.messenger.sent().len(), 2);
    scene.walk.wait(119);
    scene.walk.wake().await;
    assert_eq!(
        scene.conversions().await,
        [Conversion::Awaited],
        "119 s after it was sent"
    );
    scene.walk.wait(1);
    scene.walk.wake().await;
    assert_eq!(scene.conversions().await, [Conversion::Missed]);
}

#[tokio::test]
async fn a_refusal_names_the_rule_and_what_it_tells_apart_and_costs_nothing() {
    let mut rulebook = everything_on();
    rulebook.rules = Rules::new(vec![rule("sends", Action::Send, 1)]).unwrap();
    let scene = Counting::under(rulebook);
    let record = decided(&scene).await;
    scene.walk.house.run_errands().await;
    let before = scene.used(&record).await;
    scene.walk.wait(60);
    let joined = scene.walk.start().await;
    let Err(Error::LimitReached { rule, parts, .. }) = joined else {
        panic!("{joined:?}");
    };
    assert_eq!(rule.to_string(), "sends");
    assert_eq!(parts, KeyParts::of(&[KeyPart::Phone]));
    assert_eq!(scene.used(&record).await, before);
}

#[tokio::test]
async fn the_budget_stops_the_send_it_does_not_cover_and_says_when_it_runs_out() {
    let mut rulebook = fixture::rulebook();
    rulebook.money = Some(money(2 * PRICE));
    let scene = Counting::under(rulebook);
    for n in 1..=2 {
        scene.walk.start_to(n).await.unwrap();
    }
    let refused = scene.walk.start_to(3).await;
    assert!(
        matches!(&refused, Err(Error::LimitReached { rule, .. }) if rule.to_string() == "money"),
        "{refused:?}"
    );
    let events = scene.walk.house.recorder.take();
    let near = events.iter().filter(|it| matches!(it, Event::BudgetNear { .. }));
    assert_eq!(near.count(), 1, "told once in a window");
    let reserved = events.iter().filter(|it| matches!(it, Event::Reserved { .. }));
    assert_eq!(reserved.count(), 2);
}

#[tokio::test]
async fn a_shadow_rule_refuses_nothing_takes_nothing_beyond_its_quota_and_is_told_of() {
    let mut rulebook = fixture::rulebook();
    rulebook.rules = Rules::new(vec![RuleSettings {
        parts: KeyParts::EVERYTHING,
        mode: ChargeMode::Shadow,
        ..rule("everybody", Action::Send, 1)
    }])
    .unwrap();
    let scene = Counting::under(rulebook);
    scene
        .walk
        .house
        .messenger
        .answer_always(Err(NextStep::Rejected(Rejection::Undeliverable)));
    scene.walk.house.messenger.answer_next(Ok(Accepted {
        held: false,
        message: None,
        number: None,
    }));
    scene.walk.start_to(1).await.unwrap();
    scene.walk.house.recorder.take();
    // Beyond the quota, and it fails: nothing was taken for it, so nothing goes back.
    scene.walk.start_to(2).await.unwrap();
    scene.walk.start_to(3).await.unwrap();
    let events = scene.walk.house.recorder.take();
    let shadowed = events.iter().filter(|it| matches!(it, Event::Shadowed { .. }));
    assert_eq!(shadowed.count(), 2);
}

#[tokio::test]
async fn a_right_guess_gives_back_what_it_cost_and_a_refused_one_is_not_compared() {
    let scene = Counting::under(everything_on());
    let id = scene.walk.opened().await;
    for _ in 0..3 {
        assert_eq!(
            scene.walk.outcome(id, &scene.walk.wrong()).await,
            CheckOutcome::Incorrect
        );
    }
    let refused = scene.walk.check(id, &scene.walk.code()).await;
    let Err(Error::LimitReached { rule, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(rule.to_string(), "guesses");
    assert_eq!(scene.walk.view(id).await.verification.wrong_guesses, 3);

    let scene = Counting::under(everything_on());
    for _ in 0..5 {
        scene.walk.wait(600);
        let id = scene.walk.opened().await;
        scene.walk.approve(id).await;
    }
}

#[tokio::test]
async fn another_spelling_of_the_line_joins_what_is_open_and_shares_its_limits() {
    let scene = Counting::under(everything_on());
    let id = scene.walk.opened().await;
    let old_spelling = PhoneNumber::parse("+551187654321").unwrap();
    let request = StartRequest {
        phone: old_spelling.clone(),
        ..Walk::request()
    };
    let joined = scene.walk.start_as(request).await.unwrap();
    assert_eq!((joined.outcome, joined.view.id), (StartOutcome::Joined, id));

    let other = Counting::under(everything_on());
    let request = StartRequest {
        phone: old_spelling,
        ..Walk::request()
    };
    other.walk.start_as(request).await.unwrap();
    let sent = other.walk.house.messenger.sent();
    assert_eq!(
        sent[0].to.expose(),
        "+551187654321",
        "it goes to the phone as it was given"
    );
    assert_eq!(
        other.record().await.unanswered_sends,
        1,
        "kept under the canonical spelling"
    );
}

#[tokio::test]
async fn a_held_recipient_is_neither_sent_to_nor_guessed_at_until_the_hold_ends() {
    let scene = Counting::under(fixture::rulebook());
    let id = scene.walk.opened().await;
    let store = &scene.walk.house.ports.recipients;
    let stored = store.load(fixture::recipient_key()).await.unwrap().unwrap();
    let mut recipient = stored.recipient;
    let until = scene.now().plus(DAY);
    recipient.hold(until, scene.now());
    store
        .replace(fixture::recipient_key(), Some(stored.version), &recipient, scene.now())
        .await
        .unwrap();
    assert_eq!(
        scene.walk.outcome(id, &scene.walk.code()).await,
        CheckOutcome::Held { until }
    );
    scene.walk.wait(3_600);
    let refused = scene.walk.start().await;
    let Err(Error::LimitReached { rule, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(rule, RuleName::OperatorHold);
    let mut recipient = scene.record().await;
    assert!(recipient.end_holds(scene.now()));
    assert!(!recipient.end_holds(scene.now()), "it was ended before");
}

#[tokio::test]
async fn a_start_asks_the_stores_four_times_whatever_is_on() {
    let rules_off = Counting::under(fixture::rulebook());
    let mut rules_on = everything_on();
    rules_on.guard = None;
    let rules_on = Counting::under(rules_on);
    let all_on = Counting::under(everything_on());
    for (scene, opened, joined, what) in [
        (rules_off, 4, 2, "nothing on: look, load, take, replace"),
        (rules_on, 4, 2, "rules and budgets on: look, load, take, replace"),
        (all_on, 4, 2, "everything on: look, load, take, replace"),
    ] {
        let start = &scene.walk.house.use_cases.start;
        start.execute(&fixture::caller(), Walk::request()).await.unwrap();
        assert_eq!(scene.calls_since(), opened, "{what}");
        start.execute(&fixture::caller(), Walk::request()).await.unwrap();
        assert_eq!(
            scene.calls_since(),
            joined,
            "{what}: a join looks and loads, and charges nothing"
        );
    }
}

#[tokio::test]
async fn an_approval_asks_the_stores_three_times_and_gives_everything_back_with_a_fourth() {
    let mut without_rules = everything_on();
    without_rules.rules = Rules::default();
    for (rulebook, checked, what) in [
        (fixture::rulebook(), 2, "nothing on: load, replace"),
        (without_rules, 2, "guard and budgets on: load, replace"),
        (everything_on(), 3, "everything on: load, take, replace"),
    ] {
        let scene = Counting::under(rulebook);
        let record = decided(&scene).await;
        let house = &scene.walk.house;
        house.run_errands().await;
        scene.walk.wait(60);
        assert_eq!(scene.walk.start().await.unwrap().outcome, StartOutcome::Resent);
        let code = scene.walk.code();
        scene.calls_since();
        let guess = Walk::guess(Counting::id(&record), &code);
        let answer = house.use_cases.check.execute(&fixture::caller(), guess).await.unwrap();
        assert_eq!(answer.outcome, CheckOutcome::Approved);
        assert_eq!(scene.calls_since(), checked, "{what}");
        // Two messages of two moments, what is answered, and what the guess cost.
        house.run_errands().await;
        assert_eq!(scene.calls_since(), 1, "{what}");
    }
}
