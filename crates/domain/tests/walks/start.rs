//! Start: open, join, resend, refuse.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_domain::country::CountryCode;
use countersign_domain::limit::RuleName;
use countersign_domain::policy::{Countries, PolicySettings, ResendCode};
use countersign_domain::recipient::Allowance;
use countersign_domain::supported_app::PackageName;
use countersign_domain::template::Platform;
use countersign_domain::use_case::{Error, Field, StartRequest};
use countersign_domain::verification::{CanceledBy, CheckOutcome, StartOutcome, VerificationState};
use countersign_testkit::fixture;

use crate::{Walk, pairs, request_id};

/// The rule that refused, and how long it asks to wait.
fn limit(answer: Result<countersign_domain::use_case::StartAnswer, Error>) -> (RuleName, u64) {
    match answer {
        Err(Error::LimitReached {
            rule,
            retry_after: Some(wait),
            ..
        }) => (rule, wait.as_secs()),
        other => panic!("expected a limit, got {other:?}"),
    }
}

#[tokio::test]
async fn a_start_while_one_is_open_joins_it_and_sends_nothing() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.wait(59);
    let joined = walk.start().await.unwrap();
    assert_eq!((joined.outcome, joined.view.id), (StartOutcome::Joined, id));
    assert!(matches!(joined.view.send, Allowance::Later(it) if it.rule == RuleName::SendWait));
    assert_eq!(walk.house.messenger.sent().len(), 1);
}

#[tokio::test]
async fn a_start_after_the_wait_sends_the_same_code_again() {
    let walk = Walk::new();
    let id = walk.opened().await;
    let code = walk.code();
    walk.wait(60);
    let resent = walk.start().await.unwrap();
    assert_eq!((resent.outcome, resent.view.id), (StartOutcome::Resent, id));
    assert_eq!(walk.house.messenger.sent().len(), 2);
    assert_eq!(walk.code(), code);
    walk.approve(id).await;
}

#[tokio::test]
async fn each_wait_is_longer_than_the_one_before_until_none_is_left() {
    let walk = Walk::under(PolicySettings {
        code_life: Duration::from_secs(3_600),
        accept_long_life: true,
        sends_per_window_max: 10,
        ..fixture::policy_settings()
    });
    walk.opened().await;
    for wait in [60, 120, 300, 600] {
        walk.wait(wait - 1);
        assert_eq!(
            walk.start().await.unwrap().outcome,
            StartOutcome::Joined,
            "{wait} s are not over"
        );
        walk.wait(1);
        assert_eq!(
            walk.start().await.unwrap().outcome,
            StartOutcome::Resent,
            "{wait} s are over"
        );
    }
    walk.wait(3_600);
    let (rule, wait) = limit(walk.start().await);
    assert_eq!(rule, RuleName::SendWait);
    assert_eq!(
        wait,
        24 * 3_600 - 60 - 120 - 300 - 600 - 3_600,
        "until the first send of the day is a day old"
    );
}

#[tokio::test]
async fn a_success_starts_the_waits_over_and_the_day_goes_on() {
    let walk = Walk::under(PolicySettings {
        sends_per_window_max: 3,
        sends_per_day_max: 4,
        ..fixture::policy_settings()
    });
    for _ in 0..3 {
        let id = walk.opened().await;
        walk.wait(1);
        walk.approve(id).await;
    }
    let (rule, wait) = limit(walk.start().await);
    assert_eq!((rule, wait), (RuleName::SendsPerWindow, 600 - 3));
    walk.wait(600);
    let id = walk.opened().await;
    walk.wait(1);
    walk.approve(id).await;
    assert_eq!(limit(walk.start().await).0, RuleName::SendsPerDay);
    walk.wait(24 * 3_600);
    walk.opened().await;
}

#[tokio::test]
async fn too_little_life_opens_a_new_verification_instead_of_sending_again() {
    let walk = Walk::new();
    let old = walk.opened().await;
    walk.wait(541);
    let new = walk.opened().await;
    assert_ne!(new, old);
    let ended = walk.view(old).await.verification.state;
    assert!(matches!(
        ended,
        VerificationState::Canceled {
            by: CanceledBy::Newer,
            ..
        }
    ));
    walk.approve(new).await;
}

#[tokio::test]
async fn the_last_useful_moment_still_sends_again() {
    let walk = Walk::new();
    walk.opened().await;
    walk.wait(540);
    assert_eq!(walk.start().await.unwrap().outcome, StartOutcome::Resent);
}

#[tokio::test]
async fn a_start_bound_to_something_else_is_neither_joined_nor_sent_again() {
    let walk = Walk::new();
    let bound = |amount: &str| StartRequest {
        context: pairs(amount),
        ..Walk::request()
    };
    let first = walk.start_as(bound("10")).await.unwrap().view.id;
    assert_eq!(limit(walk.start_as(bound("20")).await), (RuleName::SendWait, 60));
    walk.wait(60);
    let second = walk.start_as(bound("20")).await.unwrap();
    assert_eq!(second.outcome, StartOutcome::Opened);
    assert_ne!(second.view.id, first);
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_and_sends_nothing_twice() {
    let walk = Walk::new();
    let request = || StartRequest {
        request_id: request_id("r1"),
        ..Walk::request()
    };
    let first = walk.start_as(request()).await.unwrap();
    walk.wait(100);
    let again = walk.start_as(request()).await.unwrap();
    assert_eq!((again.outcome, again.view.id), (StartOutcome::Opened, first.view.id));
    assert_eq!(walk.house.messenger.sent().len(), 1);
    let other = StartRequest {
        context: pairs("10"),
        ..request()
    };
    assert!(matches!(walk.start_as(other).await, Err(Error::RequestIdReused)));
}

#[tokio::test]
async fn a_request_id_is_not_shared_by_starts_from_different_platforms_or_android_apps() {
    let walk = Walk::new();
    let request = |platform, package: Option<&str>| StartRequest {
        platform,
        package: package.map(|it| PackageName::parse(it).unwrap()),
        request_id: request_id("r1"),
        ..Walk::request()
    };
    let package = Some("com.example.shop");
    let first = walk.start_as(request(Platform::Android, package)).await.unwrap();
    let others = [
        request(Platform::Unknown, package),
        request(Platform::Ios, package),
        request(Platform::Web, package),
        request(Platform::Android, None),
        request(Platform::Android, Some("com.example.bank")),
    ];
    for other in others {
        let (platform, package) = (other.platform, other.package.clone());
        let answer = walk.start_as(other).await;
        assert!(
            matches!(answer, Err(Error::RequestIdReused)),
            "{platform:?} {package:?}"
        );
    }
    let again = walk.start_as(request(Platform::Android, package)).await.unwrap();
    assert_eq!((again.outcome, again.view.id), (StartOutcome::Opened, first.view.id));
}

#[tokio::test]
async fn joins_are_remembered_too_and_never_push_out_what_was_sent() {
    let walk = Walk::new();
    let request = |id: &str| StartRequest {
        request_id: request_id(id),
        ..Walk::request()
    };
    walk.start_as(request("opens")).await.unwrap();
    for n in 0..40 {
        assert_eq!(
            walk.start_as(request(&format!("joins-{n}"))).await.unwrap().outcome,
            StartOutcome::Joined
        );
    }
    walk.wait(60);
    assert_eq!(
        walk.start_as(request("joins-39")).await.unwrap().outcome,
        StartOutcome::Joined
    );
    assert_eq!(
        walk.start_as(request("opens")).await.unwrap().outcome,
        StartOutcome::Opened
    );
    assert_eq!(walk.house.messenger.sent().len(), 1);
}

#[tokio::test]
async fn a_phone_nobody_answers_from_is_left_in_peace() {
    let walk = Walk::under(PolicySettings {
        send_waits: vec![Duration::from_secs(6)],
        sends_per_window_max: 10,
        unanswered_sends_max: 3,
        ..fixture::policy_settings()
    });
    walk.opened().await;
    walk.wait(24 * 3_600);
    // One came back with the day; three more, over two purposes, are all there are.
    for purpose in ["sign_in", "payment"] {
        let purpose = countersign_domain::id::Purpose::parse(purpose).unwrap();
        walk.start_as(StartRequest {
            purpose,
            ..Walk::request()
        })
        .await
        .unwrap();
    }
    walk.wait(6);
    assert_eq!(walk.start().await.unwrap().outcome, StartOutcome::Resent);
    walk.wait(1_200);
    let payment = countersign_domain::id::Purpose::parse("payment").unwrap();
    let refused = walk
        .start_as(StartRequest {
            purpose: payment,
            ..Walk::request()
        })
        .await;
    assert_eq!(limit(refused).0, RuleName::UnansweredSends);
}

#[tokio::test]
async fn an_answer_gives_the_phone_its_sends_back() {
    let walk = Walk::under(PolicySettings {
        unanswered_sends_max: 2,
        ..fixture::policy_settings()
    });
    for _ in 0..4 {
        let id = walk.opened().await;
        walk.wait(1);
        walk.approve(id).await;
    }
}

#[tokio::test]
async fn a_refused_start_costs_nothing() {
    let walk = Walk::new();
    let id = walk.opened().await;
    walk.house
        .use_cases
        .cancel
        .execute(
            &fixture::caller(),
            &countersign_domain::use_case::VerificationName::Id(id),
        )
        .await
        .unwrap();
    for _ in 0..20 {
        assert_eq!(limit(walk.start().await).0, RuleName::SendWait);
    }
    walk.wait(60);
    walk.opened().await;
}

#[tokio::test]
async fn only_allowed_countries_are_sent_to() {
    let allowed = Countries::Only(BTreeSet::from([CountryCode::parse("DE").unwrap()]));
    let walk = Walk::under(PolicySettings {
        countries: allowed,
        ..fixture::policy_settings()
    });
    let refused = walk.start().await;
    assert!(matches!(refused, Err(Error::CountryNotAllowed { country: Some(it) }) if it.to_string() == "BR"));
    let german = countersign_domain::phone::PhoneNumber::parse("+4915112345678").unwrap();
    walk.start_as(StartRequest {
        phone: german,
        ..Walk::request()
    })
    .await
    .unwrap();
    assert_eq!(walk.house.messenger.sent().len(), 1);
}

#[tokio::test]
async fn an_unknown_purpose_is_named_together_with_the_known_ones() {
    let walk = Walk::new();
    let purpose = countersign_domain::id::Purpose::parse("sign_on").unwrap();
    let Err(Error::Invalid(violation)) = walk
        .start_as(StartRequest {
            purpose,
            ..Walk::request()
        })
        .await
    else {
        panic!("an unknown purpose was accepted");
    };
    assert_eq!(violation.field, Field::Purpose);
    assert!(violation.problem.contains("payment, sign_in"), "{}", violation.problem);
}

#[tokio::test]
async fn nothing_is_sent_once_the_callers_deadline_has_passed() {
    let walk = Walk::new();
    let late = StartRequest {
        deadline: Some(fixture::now()),
        ..Walk::request()
    };
    assert!(matches!(walk.start_as(late).await, Err(Error::DeadlineExceeded)));
    assert!(walk.house.messenger.sent().is_empty());
}

#[tokio::test]
async fn a_fresh_code_makes_the_one_before_worthless_unless_it_is_kept() {
    for (resend_code, old_code) in [
        (ResendCode::Fresh, CheckOutcome::Incorrect),
        (ResendCode::FreshKeepPrevious, CheckOutcome::Approved),
    ] {
        let walk = Walk::under(PolicySettings {
            resend_code,
            ..fixture::policy_settings()
        });
        let id = walk.opened().await;
        let first = walk.code();
        walk.wait(60);
        walk.start().await.unwrap();
        assert_ne!(walk.code(), first);
        assert_eq!(walk.outcome(id, &first).await, old_code, "{resend_code:?}");
    }
}
