//! Holds: what they keep from happening, how long, and who may begin and end them.

use super::*;

#[tokio::test]
async fn who_is_held_is_neither_sent_to_nor_compared_with_and_what_was_open_is_blocked() {
    let office = Office::new();
    let id = office.opened(PHONE).await;
    office.take_events();
    let until = office.now().plus(HOUR);
    let admin = &office.house.use_cases.admin;
    let held = admin
        .hold_recipient(&here(), &fixture::app_id(), &number(PHONE), None, HOUR)
        .await;
    assert_eq!(held.expect("operates"), until);
    assert!(matches!(office.state(id).await, Ok(VerificationState::Blocked { .. })));
    let outcome = office
        .check(id, &office.code(PHONE))
        .await
        .expect("an outcome is data")
        .outcome;
    assert_eq!(outcome, CheckOutcome::Held { until });
    for (app, purpose, is_held) in [
        (fixture::app_id(), "sign_in", true),
        (fixture::app_id(), "payment", true),
        (other_app(), "sign_in", false),
    ] {
        let answer = office.start(&app, PHONE, purpose).await;
        let is_refused = matches!(
            answer,
            Err(Error::LimitReached { rule: RuleName::OperatorHold, retry_after: Some(wait), .. }) if wait == HOUR
        );
        assert_eq!(is_refused, is_held, "{app} {purpose}: {answer:?}");
    }
    let said = |event: &Event| matches!(event, Event::RecipientHeld { caller, until: at, .. } if *caller == here().id && *at == until);
    assert_eq!(office.take_events().iter().filter(|it| said(it)).count(), 2);
    office.house.clock.advance(HOUR);
    assert!(office.start(&fixture::app_id(), PHONE, "payment").await.is_ok());
}

#[tokio::test]
async fn a_phone_that_nobody_asked_yet_can_be_held_for_one_purpose_until_the_hold_is_over() {
    let office = Office::new();
    let (admin, payment) = (
        &office.house.use_cases.admin,
        Purpose::parse("payment").expect("a slug"),
    );
    let app = fixture::app_id();
    let until = office.now().plus(HOLD_MAX);
    // Whichever spelling is given, it is the same recipient.
    let held = admin
        .hold_recipient(&here(), &app, &number(ALIAS), Some(&payment), HOLD_MAX)
        .await;
    assert_eq!(held.expect("operates"), until);
    assert_eq!(office.records.len(), 1);
    assert!(office.start(&app, PHONE, "sign_in").await.is_ok());
    for _ in 0..399 {
        office.house.clock.advance(DAY);
        // Writes, so that the store evicts what it may.
        office.start(&other_app(), OTHER, "sign_in").await.ok();
    }
    let refused = office.start(&app, PHONE, "payment").await;
    assert!(matches!(
        refused,
        Err(Error::LimitReached {
            rule: RuleName::OperatorHold,
            ..
        })
    ));
    office.house.clock.advance(DAY);
    assert!(office.start(&app, PHONE, "payment").await.is_ok());
}

#[tokio::test]
async fn a_hold_that_makes_no_sense_or_is_not_the_callers_to_give_changes_nothing() {
    let office = Office::new();
    let (admin, app, phone) = (&office.house.use_cases.admin, fixture::app_id(), number(PHONE));
    for hold in [
        Duration::ZERO,
        HOLD_MIN.saturating_sub(Duration::from_millis(1)),
        HOLD_MAX + Duration::from_millis(1),
    ] {
        let held = admin.hold_recipient(&here(), &app, &phone, None, hold).await;
        assert!(matches!(held, Err(Error::Invalid(it)) if it.field == Field::Hold));
    }
    let purpose = Purpose::parse("gardening").expect("a slug");
    let held = admin.hold_recipient(&here(), &app, &phone, Some(&purpose), HOUR).await;
    assert!(matches!(held, Err(Error::Invalid(it)) if it.field == Field::Purpose));
    let foreign = admin.hold_recipient(&here(), &other_app(), &phone, None, HOUR).await;
    assert!(matches!(foreign, Err(Error::NotFound)));
    let mine = caller("shop", &[fixture::app_id()], false);
    let held = admin.hold_recipient(&mine, &app, &phone, None, HOUR).await;
    assert!(matches!(held, Err(Error::MayNotOperate)));
    let released = admin.release_recipient(&mine, &app, &phone, None).await;
    assert!(matches!(released, Err(Error::MayNotOperate)));
    let released = admin.release_recipient(&here(), &other_app(), &phone, None).await;
    assert!(matches!(released, Err(Error::NotFound)));
    assert!(matches!(
        admin.erase_recipient(&mine, &phone).await,
        Err(Error::MayNotOperate)
    ));
    assert!(office.records.is_empty() && office.take_events().is_empty());
}

#[tokio::test]
async fn a_release_ends_the_hold_of_an_operator_and_says_whether_there_was_one() {
    let office = Office::new();
    let (admin, app) = (&office.house.use_cases.admin, fixture::app_id());
    let (desk, phone) = (here(), number(ALIAS));
    let release = || admin.release_recipient(&desk, &app, &phone, None);
    assert!(!release().await.expect("operates"));
    let held = admin.hold_recipient(&here(), &app, &number(PHONE), None, HOUR).await;
    held.expect("operates");
    office.take_events();
    assert!(release().await.expect("operates"));
    let said = |event: &Event| matches!(event, Event::RecipientReleased { caller, .. } if *caller == here().id);
    assert_eq!(office.take_events().iter().filter(|it| said(it)).count(), 2);
    assert!(office.start(&app, PHONE, "sign_in").await.is_ok());
    assert!(!release().await.expect("operates"));
    assert!(!office.take_events().iter().any(said));
}

#[tokio::test]
async fn a_release_ends_the_hold_for_wrong_guesses_in_a_row() {
    let office = Office::with(
        PolicySettings {
            guesses_max: 5,
            consecutive_wrong_guesses_max: 5,
            ..fixture::policy_settings()
        },
        None,
    );
    let (admin, app) = (&office.house.use_cases.admin, fixture::app_id());
    let id = office.opened(PHONE).await;
    let code: u32 = office.code(PHONE).parse().expect("digits");
    for wrong in 1..=5 {
        let guess = format!("{:06}", (code + wrong) % 1_000_000);
        office.check(id, &guess).await.expect("an outcome is data");
    }
    let refused = office.start(&app, PHONE, "sign_in").await;
    assert!(matches!(
        refused,
        Err(Error::LimitReached {
            rule: RuleName::ConsecutiveWrongGuesses,
            ..
        })
    ));
    let released = admin.release_recipient(&here(), &app, &number(PHONE), None).await;
    assert!(released.expect("operates"));
    // The wait between two messages is no hold.
    office.house.clock.advance(Duration::from_secs(60));
    assert!(office.start(&app, PHONE, "sign_in").await.is_ok());
}
