//! How an account is brought into agreement with a description: which orders are placed, what is told, what is left.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::template::{
    Action, ButtonText, ButtonTexts, CatalogEntry, MessageLife, Said, Template, TemplateStatus,
};
use countersign_domain::use_case::TemplatesError;
use countersign_testkit::catalog::{Review, Unsaid, agreeing_entry};
use countersign_testkit::fixture::{app_id, caller, language, now, template, template_name};

use crate::world::{World, account, account_named, name};

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

pub(crate) fn in_languages(codes: &[&str]) -> Template {
    Template {
        languages: codes.iter().map(|it| language(it)).collect(),
        ..template()
    }
}

/// [`template`] with a label of its own in Portuguese.
pub(crate) fn with_label() -> Template {
    let texts = ButtonTexts {
        copy: Some(ButtonText::parse("Copie").unwrap()),
        autofill: None,
    };
    Template {
        button_texts: BTreeMap::from([(language("pt_BR"), texts)]),
        ..template()
    }
}

/// A world in which everything agrees but what `change` changes.
pub(crate) fn agreeing_but(template: &Template, mut change: impl FnMut(&mut CatalogEntry)) -> World {
    let world = World::of(vec![template.clone()]);
    for language in &template.languages {
        let mut entry = agreeing_entry(template, language);
        change(&mut entry);
        world.catalog.seed(&account(), entry);
    }
    world
}

#[tokio::test]
async fn what_is_missing_in_several_languages_is_one_order() {
    let world = World::of(vec![template()]);
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["upsert otp en_US,pt_BR,es"]);
    assert_eq!(world.looks(), 2, "one before the order, and one for what became of it");
    assert_eq!(
        applied.words(),
        ["otp en_US created", "otp pt_BR created", "otp es created"]
    );
    assert!(applied.is_settled());
}

#[tokio::test]
async fn what_is_missing_in_one_language_is_made_alone() {
    let world = World::of(vec![in_languages(&["en_US"])]);
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["create otp en_US"]);
    assert_eq!(applied.words(), ["otp en_US created"]);
}

#[tokio::test]
async fn a_language_with_a_label_of_its_own_is_made_alone_and_gets_it() {
    let world = World::of(vec![with_label()]);
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["upsert otp en_US,es", "create otp pt_BR"]);
    let entry = world.entry(&template_name(), &language("pt_BR"));
    assert_eq!(entry.content.button.unwrap().copy_text.as_deref(), Some("Copie"));
    assert!(applied.is_settled());
}

#[tokio::test]
async fn a_second_apply_orders_nothing_and_looks_once() {
    let world = World::of(vec![with_label()]);
    world.apply().await;
    let (orders, looks) = (world.orders().len(), world.looks());
    let applied = world.apply().await;
    assert_eq!((world.orders().len(), world.looks()), (orders, looks + 1));
    assert_eq!(
        applied.words(),
        ["otp en_US unchanged", "otp pt_BR unchanged", "otp es unchanged"]
    );
}

#[tokio::test]
async fn each_step_is_told_once_and_counted_over_all_accounts() {
    let world = World::sending_from(vec![template()], &["a1", "a2", "a1"]);
    for account in ["a1", "a2"] {
        world.catalog.hold(&account_named(account));
    }
    let applied = world.apply().await;
    let counts: Vec<_> = applied.told.iter().map(|it| (it.done, it.total)).collect();
    assert_eq!(counts, [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]);
    let accounts: Vec<_> = applied.told.iter().map(|it| it.account.as_str()).collect();
    assert_eq!(accounts, ["a1", "a1", "a1", "a2", "a2", "a2"]);
    assert_eq!(applied.left.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_unchanged_is_left_out_of_the_order() {
    let world = World::of(vec![in_languages(&["en_US", "pt_BR", "es", "fr"])]);
    world
        .catalog
        .seed(&account(), agreeing_entry(&template(), &language("pt_BR")));
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["upsert otp en_US,es,fr"]);
    assert_eq!(applied.words()[0], "otp pt_BR unchanged");
    assert!(applied.is_settled());
}

#[tokio::test]
async fn an_edit_goes_along_with_what_is_missing_unless_it_is_about_the_message_life() {
    let world = World::of(vec![in_languages(&["en_US", "pt_BR", "es"])]);
    let mut footer = agreeing_entry(&template(), &language("pt_BR"));
    footer.content.footer_minutes = Said::Yes(None);
    let mut life = agreeing_entry(&template(), &language("es"));
    life.message_life = Said::Yes(MessageLife::Unlimited);
    for entry in [footer, life] {
        world.catalog.seed(&account(), entry);
    }
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["upsert otp en_US,pt_BR", "edit otp es"]);
    let mut words = applied.words();
    words.sort_unstable();
    assert_eq!(words, ["otp en_US created", "otp es edited", "otp pt_BR edited"]);
    assert!(applied.is_settled());
}

#[tokio::test]
async fn an_edit_that_may_be_refused_does_not_endanger_the_others() {
    let world = agreeing_but(&in_languages(&["en_US", "pt_BR", "es"]), |entry| {
        entry.content.footer_minutes = Said::Yes(None);
        if entry.language == language("pt_BR") {
            entry.changed_at = Some(now().minus(HOUR));
        }
    });
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["upsert otp en_US,es", "edit otp pt_BR"]);
    assert!(applied.is_settled());
}

#[tokio::test]
async fn a_message_life_that_the_bulk_order_ignored_is_edited() {
    let template = Template {
        message_life: Duration::from_secs(300),
        ..template()
    };
    let world = World::of(vec![template]);
    world.catalog.behave(|it| it.ignores_message_life_in_upserts = true);
    let applied = world.apply().await;
    assert_eq!(
        world.orders(),
        [
            "upsert otp en_US,pt_BR,es",
            "edit otp en_US",
            "edit otp pt_BR",
            "edit otp es"
        ]
    );
    assert_eq!(
        applied.words(),
        ["otp en_US created", "otp pt_BR created", "otp es created"]
    );
    assert!(applied.is_settled());
}

#[tokio::test]
async fn what_waits_for_a_review_is_made_and_finished_by_a_later_apply() {
    let template = Template {
        message_life: Duration::from_secs(300),
        ..template()
    };
    let world = World::of(vec![template]);
    world.catalog.behave(|it| {
        it.ignores_message_life_in_upserts = true;
        it.review = Review::ByHand;
    });
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["upsert otp en_US,pt_BR,es"]);
    assert_eq!(applied.words()[0], "otp en_US created");
    let Action::NotEditable { differences, status } = &applied.left()[0].action else {
        panic!("not what was expected: {:?}", applied.left());
    };
    assert_eq!(
        (differences[0].field, status),
        ("message_life", &TemplateStatus::Pending)
    );
    let again = world.apply().await;
    assert_eq!(
        again.words()[0],
        "otp en_US failed: Meta is reviewing it and does not let it be edited: apply again after the review"
    );
    world.catalog.review_all();
    assert!(world.apply().await.open().is_empty());
}

#[tokio::test]
async fn what_the_provider_does_not_tell_leads_to_no_order() {
    let world = agreeing_but(&with_label(), |entry| {
        entry.content.footer_minutes = Said::Yes(Some(1));
        entry.message_life = Said::Yes(MessageLife::Unlimited);
        entry.content.button.as_mut().unwrap().copy_text = Some("Other".to_owned());
    });
    world.catalog.behave(|it| {
        it.unsaid = [Unsaid::FooterMinutes, Unsaid::MessageLife, Unsaid::ButtonTexts].into();
    });
    assert!(world.apply().await.is_settled());
    assert_eq!(world.orders().len(), 0);
}

#[tokio::test]
async fn what_the_app_does_not_describe_is_left_alone() {
    let other = Template {
        name: name("other"),
        ..template()
    };
    let world = World::of(vec![in_languages(&["en_US"])]);
    world
        .catalog
        .seed(&account(), agreeing_entry(&other, &language("en_US")));
    let applied = world.apply().await;
    assert_eq!(world.orders(), ["create otp en_US"]);
    assert_eq!(applied.words(), ["other en_US unchanged", "otp en_US created"]);
    assert!(applied.is_settled());
}

#[tokio::test]
async fn only_a_caller_who_may_manage_templates_does() {
    let world = World::of(vec![template()]);
    let mut stranger = caller();
    stranger.apps.clear();
    let unknown = countersign_domain::id::AppId::parse("unknown").unwrap();
    let refused = [
        world.manage.plan(&stranger, &app_id()).await,
        world.manage.plan(&caller(), &unknown).await,
    ];
    assert!(refused.iter().all(|it| matches!(it, Err(TemplatesError::NotFound))));
    let mut user = caller();
    user.manages_templates = false;
    let refused = world.manage.plan(&user, &app_id()).await;
    assert!(matches!(refused, Err(TemplatesError::NotAllowed)));
    let refused = world.manage.apply(&user, &app_id(), &|_| {}).await;
    assert!(matches!(refused, Err(TemplatesError::NotAllowed)));
    assert_eq!(world.catalog.calls().len(), 0);
}

#[tokio::test]
async fn an_apply_can_be_run_by_a_task_of_its_own() {
    let world = World::of(vec![template()]);
    let manage = Arc::clone(&world.manage);
    let apply = tokio::spawn(async move { manage.apply(&caller(), &app_id(), &|_| {}).await });
    let left = apply.await.unwrap().unwrap();
    assert!(left[0].plan.is_settled());
}
