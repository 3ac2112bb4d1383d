//! The catalogue keeps Meta's rules, or what is tested with it is worth nothing.

use std::time::Duration;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::{CatalogError, PreviewOrder, TemplateCatalog, TemplateOrder};
use countersign_domain::sender::AccountId;
use countersign_domain::template::{Category, MessageLife, Said, Template, TemplateId, TemplateStatus};
use countersign_domain::time::DAY;

use super::*;
use crate::fixture::{language, template, template_name};

fn account() -> AccountId {
    AccountId::parse("a1").unwrap()
}

fn held() -> FakeCatalog {
    let catalog = FakeCatalog::default();
    catalog.hold(&account());
    catalog
}

fn order(languages: &[&str]) -> TemplateOrder {
    TemplateOrder {
        template: Template {
            message_life: Duration::from_secs(300),
            ..template()
        },
        languages: languages.iter().map(|it| language(it)).collect(),
    }
}

fn is_refused<T>(answer: &Result<T, CatalogError>) -> bool {
    matches!(answer, Err(CatalogError::Refused(_)))
}

async fn edit(catalog: &FakeCatalog, id: &TemplateId) -> Result<(), CatalogError> {
    catalog.edit(&account(), id, &order(&["es"])).await
}

#[tokio::test]
async fn an_account_that_nobody_named_is_not_held() {
    let catalog = FakeCatalog::default();
    assert!(matches!(catalog.list(&account()).await, Err(CatalogError::NotHeld)));
    let answer = catalog.create(&account(), &order(&["es"])).await;
    assert!(matches!(answer, Err(CatalogError::NotHeld)));
    assert_eq!((catalog.calls().len(), catalog.orders().len()), (2, 1));
}

#[tokio::test]
async fn what_was_made_is_read_back_and_cannot_be_made_again() {
    let catalog = held();
    let receipt = catalog.create(&account(), &order(&["es"])).await.unwrap();
    let [entry] = catalog.list(&account()).await.unwrap().try_into().unwrap();
    assert_eq!(
        (&entry.id, entry.status.clone()),
        (&receipt.id, TemplateStatus::Approved)
    );
    assert_eq!(
        entry.message_life,
        Said::Yes(MessageLife::Limited(Duration::from_secs(300)))
    );
    assert_eq!(catalog.get(&account(), &receipt.id).await.unwrap(), entry);
    assert!(is_refused(&catalog.create(&account(), &order(&["es"])).await));
}

#[tokio::test]
async fn an_approved_template_is_edited_once_in_a_day_and_ten_times_in_thirty() {
    let (catalog, clock) = (held(), Arc::<ManualClock>::default());
    catalog.read_clock(&clock);
    let id = catalog.create(&account(), &order(&["es"])).await.unwrap().id;
    for _ in 0..10 {
        assert!(edit(&catalog, &id).await.is_ok());
        assert!(is_refused(&edit(&catalog, &id).await));
        clock.advance(DAY);
    }
    assert!(is_refused(&edit(&catalog, &id).await));
    clock.advance(DAY * 20);
    assert!(edit(&catalog, &id).await.is_ok());
    let unknown = TemplateId::new("unknown").unwrap();
    assert!(matches!(edit(&catalog, &unknown).await, Err(CatalogError::Gone)));
}

#[tokio::test]
async fn what_waits_for_a_review_cannot_be_edited_before_it() {
    let catalog = held();
    catalog.behave(|it| it.review = Review::ByHand);
    let receipt = catalog.create(&account(), &order(&["es"])).await.unwrap();
    assert_eq!(receipt.status, TemplateStatus::Pending);
    assert!(is_refused(&edit(&catalog, &receipt.id).await));
    catalog.review_all();
    assert!(edit(&catalog, &receipt.id).await.is_ok());
}

#[tokio::test]
async fn an_upsert_is_done_as_a_whole_or_not_at_all_and_counts_as_an_edit() {
    let catalog = held();
    let receipts = catalog.upsert(&account(), &order(&["es", "pt_BR"])).await.unwrap();
    assert_eq!(receipts.len(), 2);
    assert!(catalog.upsert(&account(), &order(&["es"])).await.is_ok());
    assert!(is_refused(&catalog.upsert(&account(), &order(&["en_US", "es"])).await));
    assert_eq!(catalog.entries(&account()).len(), 2);
    catalog.behave(|it| it.ignores_message_life_in_upserts = true);
    let made = catalog.upsert(&account(), &order(&["en_US"])).await.unwrap();
    let entry = catalog.get(&account(), &made[0].id).await.unwrap();
    assert_eq!(
        entry.message_life,
        Said::Yes(MessageLife::Limited(Duration::from_secs(600)))
    );
}

#[tokio::test]
async fn what_is_deleted_locks_its_name_for_thirty_days() {
    let (catalog, clock) = (held(), Arc::<ManualClock>::default());
    catalog.read_clock(&clock);
    let receipts = catalog.upsert(&account(), &order(&["es", "pt_BR"])).await.unwrap();
    let one = Some(receipts[0].id.clone());
    catalog.delete(&account(), &template_name(), one).await.unwrap();
    assert_eq!(catalog.entries(&account()).len(), 1);
    assert!(is_refused(&catalog.create(&account(), &order(&["es"])).await));
    clock.advance(DAY * 30);
    assert!(catalog.create(&account(), &order(&["es"])).await.is_ok());
    catalog.delete(&account(), &template_name(), None).await.unwrap();
    let again = catalog.delete(&account(), &template_name(), None).await;
    assert!(matches!(again, Err(CatalogError::Gone)));
}

#[tokio::test]
async fn what_is_disabled_is_neither_edited_nor_deleted_and_another_category_not_edited() {
    let catalog = held();
    let id = catalog.create(&account(), &order(&["es"])).await.unwrap().id;
    catalog.change_all(|it| it.category = Category::Other);
    assert!(is_refused(&edit(&catalog, &id).await));
    catalog.change_all(|it| {
        it.category = Category::Authentication;
        it.status = TemplateStatus::Disabled;
    });
    assert!(is_refused(&edit(&catalog, &id).await));
    assert!(is_refused(&catalog.delete(&account(), &template_name(), None).await));
}

#[tokio::test]
async fn what_is_not_said_is_kept_all_the_same() {
    let catalog = held();
    catalog.create(&account(), &order(&["es"])).await.unwrap();
    let unsaid = [
        Unsaid::SecurityRecommendation,
        Unsaid::FooterMinutes,
        Unsaid::ButtonKind,
        Unsaid::ButtonTexts,
        Unsaid::Apps,
        Unsaid::MessageLife,
        Unsaid::ChangedAt,
    ];
    catalog.behave(|it| it.unsaid = unsaid.into());
    let [told] = catalog.list(&account()).await.unwrap().try_into().unwrap();
    let button = told.content.button.unwrap();
    assert_eq!(
        (told.content.security_recommendation, told.content.footer_minutes),
        (Said::No, Said::No)
    );
    assert_eq!((button.kind, button.apps, button.copy_text), (Said::No, Said::No, None));
    assert_eq!((told.message_life, told.changed_at), (Said::No, None));
    assert_ne!(catalog.entries(&account())[0].message_life, Said::No);
}

#[tokio::test]
async fn faults_come_up_where_they_were_put_and_then_no_more() {
    let catalog = held();
    catalog.fail_order(1, CatalogFault::LoseOrder);
    catalog.fail_order(2, CatalogFault::LoseAnswer);
    catalog.fail_order(3, CatalogFault::Throttle(None));
    catalog.fail_order(4, CatalogFault::Deny(ProviderReport::new(190, "no", "")));
    let mut made = Vec::new();
    for code in ["es", "es", "pt_BR", "pt_BR", "pt_BR"] {
        let answer = catalog.create(&account(), &order(&[code])).await;
        made.push((answer.is_ok(), catalog.entries(&account()).len()));
    }
    assert_eq!(made, [(false, 0), (false, 1), (false, 1), (false, 1), (true, 2)]);
    catalog.lose_looks(1, 1);
    let mut looks = Vec::new();
    for _ in 0..3 {
        looks.push(catalog.list(&account()).await.is_ok());
    }
    assert_eq!(looks, [true, false, true]);
}

#[tokio::test]
async fn a_copy_goes_its_own_way() {
    let catalog = held();
    catalog.fail_order(1, CatalogFault::LoseOrder);
    let copy = catalog.copy();
    assert!(copy.create(&account(), &order(&["es"])).await.is_ok());
    assert_eq!(
        (copy.entries(&account()).len(), catalog.entries(&account()).len()),
        (1, 0)
    );
    assert_eq!((copy.calls().len(), catalog.calls().len()), (1, 0));
}

#[tokio::test]
async fn previews_are_told_or_not_offered() {
    let catalog = held();
    let order = PreviewOrder {
        languages: vec![language("es")],
        security_recommendation: true,
        footer_minutes: None,
    };
    let previews = catalog.preview(&account(), &order).await.unwrap();
    assert_eq!((previews.len(), previews[0].footer.clone()), (1, None));
    catalog.behave(|it| it.withholds_previews = true);
    let withheld = catalog.preview(&account(), &order).await;
    assert!(matches!(withheld, Err(CatalogError::NotOffered)));
}
