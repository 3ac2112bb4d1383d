//! What an apply makes of a provider that refuses, slows down, is away or loses an answer.

use std::time::Duration;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::CatalogError;
use countersign_domain::template::{Action, Category, MessageLife, Said, TemplateStatus};
use countersign_domain::time::DAY;
use countersign_domain::use_case::{ApplyResult, TemplatesError};
use countersign_testkit::catalog::{CatalogFault, Review};
use countersign_testkit::fixture::{now, template};

use crate::apply::{HOUR, agreeing_but, in_languages, with_label};
use crate::world::{World, account, account_named};

fn report() -> ProviderReport {
    ProviderReport::new(100, "Invalid parameter", "no")
}

#[tokio::test]
async fn a_bulk_order_that_is_refused_is_tried_language_by_language() {
    let world = World::of(vec![template()]);
    world.catalog.fail_order(1, CatalogFault::Refuse(report()));
    world.catalog.fail_order(3, CatalogFault::Refuse(report()));
    let applied = world.apply().await;
    assert_eq!(
        world.orders(),
        [
            "upsert otp en_US,pt_BR,es",
            "create otp en_US",
            "create otp pt_BR",
            "create otp es"
        ]
    );
    assert_eq!(
        applied.words(),
        [
            "otp en_US created",
            "otp pt_BR failed: Meta refuses: 100 Invalid parameter: no",
            "otp es created"
        ]
    );
    assert_eq!(applied.open().len(), 1);
}

#[tokio::test]
async fn an_edit_within_a_day_of_the_last_is_refused_with_the_limit_and_a_time() {
    let world = World::of(vec![in_languages(&["en_US"])]);
    world.apply().await;
    let lengthen = |world: &World| {
        world
            .catalog
            .change_all(|it| it.message_life = Said::Yes(MessageLife::Unlimited));
    };
    lengthen(&world);
    assert_eq!(world.apply().await.words(), ["otp en_US edited"]);
    lengthen(&world);
    world.clock.advance(HOUR);
    let applied = world.apply().await;
    let ApplyResult::Failed { why, retry_at } = &applied.told[0].result else {
        panic!("not what was expected: {:?}", applied.told);
    };
    assert_eq!(
        why,
        "Meta refuses: 100 Invalid parameter: an approved template is edited once in 24 hours. Meta lets an approved \
         template be edited once in 24 hours and ten times in 30 days: apply again later"
    );
    assert_eq!(*retry_at, Some(now().plus(DAY)));
    assert!(!applied.is_settled());
    world.clock.advance(DAY);
    assert!(world.apply().await.is_settled());
}

#[tokio::test]
async fn what_cannot_be_edited_is_told_with_what_to_do() {
    for (status, words) in [
        (TemplateStatus::Archived, "unarchive it at Meta"),
        (TemplateStatus::Deleted, "for up to 30 days"),
        (TemplateStatus::PendingDeletion, "for up to 30 days"),
        (TemplateStatus::Disabled, "under another name"),
        (TemplateStatus::InAppeal, "after the decision"),
        (TemplateStatus::LimitExceeded, "delete some"),
        (TemplateStatus::Locked, "ask Meta"),
        (TemplateStatus::Other("SHELVED".to_owned()), "while it is shelved"),
    ] {
        let world = agreeing_but(&in_languages(&["en_US"]), |entry| {
            entry.status = status.clone();
            entry.message_life = Said::Yes(MessageLife::Unlimited);
        });
        let applied = world.apply().await;
        assert!(applied.words()[0].contains(words), "{:?}", applied.words());
        assert_eq!((world.orders().len(), applied.open().len()), (0, 1));
    }
}

#[tokio::test]
async fn a_name_that_meta_has_as_something_else_is_told() {
    let world = agreeing_but(&in_languages(&["en_US"]), |entry| entry.category = Category::Other);
    let applied = world.apply().await;
    assert!(applied.words()[0].starts_with("otp en_US failed: Meta has it as something else than an authentication"));
    assert_eq!(world.orders().len(), 0);
}

#[tokio::test]
async fn the_name_of_a_deleted_template_is_locked_and_that_is_explained() {
    for (details, words) in [
        (
            "(2388023)",
            "Meta is deleting it, or has deleted it. Meta locks the name",
        ),
        (
            "exists (2388024)",
            "most likely it is being deleted. Meta locks the name",
        ),
    ] {
        let world = World::of(vec![in_languages(&["en_US"])]);
        let report = ProviderReport::new(100, "Invalid parameter", details);
        world.catalog.fail_order(1, CatalogFault::Refuse(report));
        let applied = world.apply().await;
        assert!(applied.words()[0].contains(words), "{:?}", applied.words());
    }
}

#[tokio::test]
async fn an_order_whose_answer_was_lost_is_looked_at_and_not_repeated() {
    for fault in [CatalogFault::LoseAnswer, CatalogFault::LoseOrder] {
        let world = World::of(vec![template()]);
        world.catalog.fail_order(1, fault.clone());
        let applied = world.apply().await;
        let expected = if fault == CatalogFault::LoseAnswer { 1 } else { 2 };
        assert_eq!(world.orders().len(), expected, "{:?}", world.orders());
        assert_eq!(
            applied.words(),
            ["otp en_US created", "otp pt_BR created", "otp es created"]
        );
        assert!(applied.is_settled());
    }
}

#[tokio::test]
async fn an_order_is_placed_three_times_at_most() {
    let world = World::of(vec![in_languages(&["en_US"])]);
    for nth in 1..=4 {
        world.catalog.fail_order(nth, CatalogFault::LoseOrder);
    }
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["create otp en_US"; 3]);
    assert_eq!(
        applied.words(),
        ["otp en_US failed: the provider did not answer: apply again later"]
    );
    assert_eq!(applied.open().len(), 1);
}

#[tokio::test]
async fn a_throttle_stops_its_account_and_no_other() {
    let world = World::sending_from(vec![with_label()], &["a1", "a2"]);
    for account in ["a1", "a2"] {
        world.catalog.hold(&account_named(account));
    }
    world
        .catalog
        .fail_order(2, CatalogFault::Throttle(Some(Duration::from_secs(60))));
    let applied = world.apply().await;
    assert_eq!(
        world.orders(),
        [
            "upsert otp en_US,es",
            "create otp pt_BR",
            "upsert otp en_US,es",
            "create otp pt_BR"
        ]
    );
    assert_eq!(
        applied.words()[..3],
        [
            "otp en_US created",
            "otp pt_BR failed: the provider asks to slow down: apply again later",
            "otp es created",
        ]
    );
    let ApplyResult::Failed { retry_at, .. } = applied.told[1].result else {
        panic!("not what was expected: {:?}", applied.told);
    };
    assert_eq!(retry_at, Some(now().plus(Duration::from_secs(60))));
    let left = applied.left.unwrap();
    let actions: Vec<_> = left[0].plan.steps.iter().map(|it| &it.action).collect();
    let status = TemplateStatus::Approved;
    let unchanged = Action::Unchanged { status };
    assert_eq!(actions, [&unchanged, &Action::Create, &unchanged]);
    assert!(left[1].plan.is_settled());
}

#[tokio::test]
async fn a_token_that_is_refused_stops_its_account() {
    let world = World::of(vec![with_label()]);
    let report = ProviderReport::new(190, "Session has expired", "");
    world.catalog.fail_order(1, CatalogFault::Deny(report));
    let applied = world.apply().await;
    assert_eq!(world.orders().len(), 1);
    assert_eq!(
        applied.words()[0],
        "otp en_US failed: the provider refuses the token (190 Session has expired): \
         give the account a token that may manage templates"
    );
    assert_eq!((applied.told.len(), applied.open().len()), (3, 3));
}

#[tokio::test]
async fn a_look_that_is_not_answered_is_repeated() {
    let world = World::of(vec![template()]);
    world.catalog.lose_looks(0, 2);
    assert!(world.apply().await.is_settled());
    assert!(
        world
            .plan()
            .await
            .iter()
            .all(|it| matches!(it.action, Action::Unchanged { .. }))
    );
    world.catalog.lose_looks(0, 3);
    let Err(TemplatesError::Catalog { account: of, source }) = world.apply().await.left else {
        panic!("a provider that is away was not told");
    };
    assert!(of == account() && matches!(source, CatalogError::Unavailable(_)));
}

#[tokio::test]
async fn a_provider_that_goes_away_after_an_order_leaves_what_it_answered() {
    let world = World::of(vec![template()]);
    world.catalog.behave(|it| it.review = Review::ByHand);
    world.catalog.lose_looks(1, usize::MAX - 10);
    let applied = world.apply().await;
    assert_eq!(world.orders().len(), 1);
    assert_eq!(
        applied.words(),
        ["otp en_US created", "otp pt_BR created", "otp es created"]
    );
    let status = TemplateStatus::Pending;
    assert_eq!(applied.left()[2].action, Action::Unchanged { status });
}

#[tokio::test]
async fn an_apply_that_was_dropped_is_finished_by_the_next() {
    for (fault, orders) in [(CatalogFault::HangBefore, 2), (CatalogFault::HangAfter, 1)] {
        let world = World::of(vec![template()]);
        world.catalog.fail_order(1, fault);
        assert!(!world.apply_until_it_hangs().await);
        assert!(world.apply().await.is_settled());
        assert_eq!(world.orders().len(), orders);
    }
}

#[tokio::test]
async fn an_account_that_is_not_held_is_named_before_anything_is_ordered() {
    let world = World::sending_from(vec![template()], &["a1", "a2"]);
    world.catalog.hold(&account_named("a1"));
    let applied = world.apply().await;
    let error = applied.left.expect_err("a2 is not held");
    assert_eq!(
        error.to_string(),
        "account a2: this process may not manage the templates of that account"
    );
    assert_eq!((world.orders().len(), applied.told.len()), (0, 0));
}
