//! Check: approve once, count every guess, and never beyond a budget.

use std::time::Duration;

use countersign_domain::code::Guess;
use countersign_domain::key::{KeyId, KeyRing, SecretKey};
use countersign_domain::policy::PolicySettings;
use countersign_domain::recipient::Allowance;
use countersign_domain::use_case::{CheckRequest, Error, Field, StartRequest, VerificationName};
use countersign_domain::verification::{CanceledBy, CheckOutcome, StartOutcome, VerificationState};
use countersign_testkit::fixture;

use crate::{Walk, pairs, request_id};

#[tokio::test]
async fn the_right_code_is_approved_exactly_once() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.wait(5);
    walk.approve(id).await;
    let approved_at = fixture::now().plus(Duration::from_secs(5));
    walk.wait(10);
    assert_eq!(
        walk.outcome(id, &walk.code()).await,
        CheckOutcome::AlreadyApproved { at: approved_at }
    );
    assert_eq!(
        walk.outcome(id, &walk.wrong()).await,
        CheckOutcome::AlreadyApproved { at: approved_at }
    );
}

#[tokio::test]
async fn a_verification_bears_five_wrong_guesses() {
    let walk = Walk::new();
    let id = walk.opened().await;
    for left in [4, 3, 2, 1] {
        let answer = walk.check(id, &walk.wrong()).await.unwrap();
        assert_eq!(
            (answer.outcome, answer.view.guesses_left),
            (CheckOutcome::Incorrect, left)
        );
    }
    assert_eq!(walk.outcome(id, &walk.wrong()).await, CheckOutcome::Exhausted);
    assert_eq!(
        walk.outcome(id, &walk.code()).await,
        CheckOutcome::Exhausted,
        "the right code comes too late"
    );
}

#[tokio::test]
async fn a_code_lives_until_its_last_millisecond_and_not_after() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.house.clock.advance(Duration::from_millis(600_000 - 1));
    assert_eq!(walk.outcome(id, &walk.wrong()).await, CheckOutcome::Incorrect);
    walk.house.clock.advance(Duration::from_millis(1));
    assert_eq!(walk.outcome(id, &walk.code()).await, CheckOutcome::Expired);
}

#[tokio::test]
async fn a_clock_that_steps_back_does_not_revive_a_code() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.wait(601);
    walk.wake().await;
    walk.house.clock.set(fixture::now());
    assert_eq!(walk.outcome(id, &walk.code()).await, CheckOutcome::Expired);
}

#[tokio::test]
async fn neither_resends_nor_new_verifications_refill_the_days_guesses() {
    let walk = Walk::under(PolicySettings {
        send_waits: vec![Duration::from_secs(6); 30],
        sends_per_window_max: 50,
        sends_per_day_max: 50,
        unanswered_sends_max: 100,
        ..fixture::policy_settings()
    });
    let mut compared = 0;
    let mut held = 0;
    for _ in 0..30 {
        if let Ok(answer) = walk.start().await {
            for _ in 0..3 {
                match walk.outcome(answer.view.id, &walk.wrong()).await {
                    CheckOutcome::Incorrect | CheckOutcome::Exhausted => compared += 1,
                    CheckOutcome::Held { .. } => held += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        walk.wait(700);
    }
    assert_eq!(compared, 15, "15 a day, whatever is started in between");
    assert_eq!(
        held, 0,
        "once the day is used up nothing is sent that could be guessed at"
    );
}

#[tokio::test]
async fn a_held_recipient_is_told_until_when_and_nothing_is_compared() {
    let walk = Walk::under(PolicySettings {
        guesses_max: 3,
        wrong_guesses_per_day_max: 4,
        ..fixture::policy_settings()
    });
    let first = walk.opened().await;
    for _ in 0..3 {
        walk.outcome(first, &walk.wrong()).await;
    }
    walk.wait(60);
    let second = walk.opened().await;
    let last = walk.check(second, &walk.wrong()).await.unwrap();
    assert_eq!((last.outcome, last.view.guesses_left), (CheckOutcome::Incorrect, 0));
    let until = fixture::now().plus(Duration::from_secs(24 * 3_600));
    assert_eq!(walk.outcome(second, &walk.code()).await, CheckOutcome::Held { until });
    assert!(matches!(walk.view(second).await.check, Allowance::Later(it) if it.until == until));
}

#[tokio::test]
async fn thirty_wrong_guesses_in_a_row_hold_a_recipient_and_only_success_clears_the_row() {
    let walk = Walk::under(PolicySettings {
        guesses_max: 10,
        wrong_guesses_per_day_max: 100,
        sends_per_window_max: 10,
        send_waits: vec![Duration::from_secs(6); 30],
        ..fixture::policy_settings()
    });
    for _ in 0..3 {
        let id = walk.opened().await;
        for _ in 0..10 {
            walk.outcome(id, &walk.wrong()).await;
        }
        walk.wait(6);
    }
    let refused = walk.start().await;
    assert!(matches!(refused, Err(Error::LimitReached { .. })), "held: {refused:?}");
    walk.wait(24 * 3_600);
    let id = walk.opened().await;
    assert_eq!(
        walk.check(id, &walk.wrong()).await.unwrap().view.guesses_left,
        1,
        "the row is still full"
    );
    assert!(
        matches!(walk.outcome(id, &walk.code()).await, CheckOutcome::Held { .. }),
        "held again at once"
    );
    walk.wait(24 * 3_600);
    let id = walk.opened().await;
    walk.approve(id).await;
    walk.wait(60);
    let id = walk.opened().await;
    for left in (1..10).rev() {
        assert_eq!(
            walk.check(id, &walk.wrong()).await.unwrap().view.guesses_left,
            left,
            "cleared by success"
        );
    }
}

#[tokio::test]
async fn another_context_is_refused_and_costs_a_guess() {
    let walk = Walk::new();
    let bound = StartRequest {
        context: pairs("10"),
        ..Walk::request()
    };
    let id = walk.start_as(bound).await.unwrap().view.id;
    for (context, left) in [(pairs("100"), 4), (std::collections::BTreeMap::new(), 3)] {
        let guess = CheckRequest {
            context,
            ..Walk::guess(id, &walk.code())
        };
        let answer = walk.check_as(guess).await.unwrap();
        assert_eq!(
            (answer.outcome, answer.view.guesses_left),
            (CheckOutcome::ContextMismatch, left)
        );
    }
    let guess = CheckRequest {
        context: pairs("10"),
        ..Walk::guess(id, &walk.code())
    };
    assert_eq!(walk.check_as(guess).await.unwrap().outcome, CheckOutcome::Approved);
}

#[tokio::test]
async fn the_same_request_is_answered_again_and_costs_one_guess() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let guess = |code: &str, name: &str| CheckRequest {
        request_id: request_id(name),
        ..Walk::guess(id, code)
    };
    for _ in 0..10 {
        let answer = walk.check_as(guess(&walk.wrong(), "w")).await.unwrap();
        assert_eq!((answer.outcome, answer.view.guesses_left), (CheckOutcome::Incorrect, 4));
    }
    for _ in 0..3 {
        assert_eq!(
            walk.check_as(guess(&walk.code(), "r")).await.unwrap().outcome,
            CheckOutcome::Approved
        );
    }
    let reused = walk.check_as(guess(&walk.wrong(), "r")).await;
    assert!(matches!(reused, Err(Error::RequestIdReused)));
    let other = walk.check_as(guess(&walk.code(), "s")).await.unwrap().outcome;
    assert!(matches!(other, CheckOutcome::AlreadyApproved { .. }));
}

#[tokio::test]
async fn a_guess_of_the_wrong_shape_costs_nothing() {
    let walk = Walk::new();
    let id = walk.opened().await;
    for code in ["12345", "1234567", "12345A"] {
        let Err(Error::Invalid(violation)) = walk.check(id, code).await else {
            panic!("{code} was compared")
        };
        assert_eq!(violation.field, Field::Code);
    }
    assert_eq!(walk.view(id).await.guesses_left, 5);
}

#[tokio::test]
async fn a_code_is_worthless_for_another_purpose_phone_or_verification() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let code = walk.code();
    let payment = countersign_domain::id::Purpose::parse("payment").unwrap();
    let other = walk
        .start_as(StartRequest {
            purpose: payment,
            ..Walk::request()
        })
        .await
        .unwrap()
        .view
        .id;
    assert_eq!(walk.outcome(other, &code).await, CheckOutcome::Incorrect);
    let neighbour = StartRequest {
        phone: fixture::phone_number(7),
        ..Walk::request()
    };
    let neighbour = walk.start_as(neighbour).await.unwrap().view.id;
    assert_eq!(walk.outcome(neighbour, &code).await, CheckOutcome::Incorrect);
    walk.wait(700);
    let next = walk.opened().await;
    assert_eq!(
        walk.outcome(next, &code).await,
        CheckOutcome::Incorrect,
        "the code of the verification before"
    );
    assert_eq!(walk.outcome(id, &code).await, CheckOutcome::Expired);
}

#[tokio::test]
async fn the_newest_verification_can_be_named_by_its_recipient() {
    let walk = Walk::new();
    walk.opened().await;
    let name = VerificationName::Newest {
        app: fixture::app_id(),
        phone: fixture::phone(),
        purpose: fixture::purpose(),
    };
    let guess = CheckRequest {
        name,
        ..Walk::guess(walk.start().await.unwrap().view.id, &walk.code())
    };
    assert_eq!(walk.check_as(guess).await.unwrap().outcome, CheckOutcome::Approved);
}

#[tokio::test]
async fn a_foreign_id_looks_like_an_unknown_one() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let stranger = countersign_domain::app::Caller {
        apps: std::collections::BTreeSet::new(),
        ..fixture::caller()
    };
    let foreign = walk
        .house
        .use_cases
        .get
        .execute(&stranger, &VerificationName::Id(id))
        .await;
    assert!(matches!(foreign, Err(Error::NotFound)));
    let forged =
        countersign_domain::id::VerificationId::new(&fixture::identity(), id.recipient(), id.serial(), &[0; 16]);
    assert!(matches!(walk.check(forged, "123456").await, Err(Error::NotFound)));
    assert_eq!(walk.view(id).await.guesses_left, 5);
}

#[tokio::test]
async fn a_finished_verification_stays_readable_for_a_day_and_then_goes() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.approve(id).await;
    walk.wait(24 * 3_600 - 1);
    assert!(matches!(
        walk.view(id).await.verification.state,
        VerificationState::Approved { .. }
    ));
    walk.wait(1);
    let gone = walk
        .house
        .use_cases
        .get
        .execute(&fixture::caller(), &VerificationName::Id(id))
        .await;
    assert!(matches!(gone, Err(Error::NotFound)));
}

#[tokio::test]
async fn canceling_ends_an_open_verification_and_changes_no_finished_one() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let cancel = &walk.house.use_cases.cancel;
    let view = cancel
        .execute(&fixture::caller(), &VerificationName::Id(id))
        .await
        .unwrap();
    let canceled = VerificationState::Canceled {
        at: fixture::now(),
        by: CanceledBy::Caller,
    };
    assert_eq!(view.verification.state, canceled);
    assert_eq!(walk.outcome(id, &walk.code()).await, CheckOutcome::Canceled);
    walk.wait(5);
    let again = cancel
        .execute(&fixture::caller(), &VerificationName::Id(id))
        .await
        .unwrap();
    assert_eq!(again.verification.state, canceled);
}

/// Both instances share a store; the second one's ring no longer holds the key of the open code.
#[tokio::test]
async fn a_withdrawn_key_ends_what_was_derived_with_it() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let mut rulebook = fixture::rulebook();
    let key = KeyId::parse("k3").unwrap();
    rulebook.keys = KeyRing::new(key.clone(), [(key, SecretKey::new([9; 32]))]).unwrap();
    let ports = &walk.house.ports;
    let (recipients, limits, feed) = (ports.recipients.clone(), ports.limits.clone(), ports.feed.clone());
    let rotated = countersign_testkit::house::House::builder(recipients, limits, feed)
        .rulebook(rulebook)
        .build();
    let guess = CheckRequest {
        guess: Guess::parse(&walk.code()).unwrap(),
        ..Walk::guess(id, "123456")
    };
    let answer = rotated
        .use_cases
        .check
        .execute(&fixture::caller(), guess)
        .await
        .unwrap();
    assert_eq!(answer.outcome, CheckOutcome::Canceled);
    let by = CanceledBy::KeyWithdrawn;
    assert!(matches!(answer.view.verification.state, VerificationState::Canceled { by: it, .. } if it == by));
}

#[tokio::test]
async fn a_right_code_among_junk_wins_while_guesses_are_left() {
    let walk = Walk::new();
    let id = walk.opened().await;
    for _ in 0..4 {
        assert_eq!(walk.outcome(id, &walk.wrong()).await, CheckOutcome::Incorrect);
    }
    walk.approve(id).await;
    walk.wait(1);
    assert_eq!(
        walk.start().await.unwrap().outcome,
        StartOutcome::Opened,
        "no wait after a success"
    );
}
