//! How a template is deleted.

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::CatalogError;
use countersign_domain::template::{Action, CatalogEntry, Category, Template, TemplateStatus};
use countersign_domain::use_case::{DeleteTemplate, TemplatesError};
use countersign_testkit::catalog::{CatalogFault, agreeing_entry};
use countersign_testkit::fixture::{app_id, caller, language, template, template_name};

use crate::world::{World, account, account_named, name};

fn request(language_code: Option<&str>) -> DeleteTemplate {
    DeleteTemplate {
        app: app_id(),
        name: template_name(),
        language: language_code.map(language),
    }
}

/// A world in which everything agrees, and the account has `old` in Italian besides.
fn world() -> World {
    let world = World::of(vec![template()]);
    fill(&world, "a1");
    world
}

fn fill(world: &World, account: &str) {
    for language in &template().languages {
        let entry = agreeing_entry(&template(), language);
        world.catalog.seed(&account_named(account), entry);
    }
    let old = Template {
        name: name("old"),
        ..template()
    };
    let entry = agreeing_entry(&old, &language("it"));
    world.catalog.seed(&account_named(account), entry);
}

async fn delete(world: &World, request: &DeleteTemplate) -> Result<usize, TemplatesError> {
    world.manage.delete(&caller(), request).await
}

#[tokio::test]
async fn a_template_goes_in_all_its_languages_by_one_order() {
    let world = world();
    assert_eq!(delete(&world, &request(None)).await.unwrap(), 3);
    assert_eq!(world.orders(), ["delete otp"]);
    assert_eq!(world.entries().len(), 1);
}

#[tokio::test]
async fn a_template_goes_in_one_language_by_its_id() {
    let world = world();
    assert_eq!(delete(&world, &request(Some("es"))).await.unwrap(), 1);
    assert_eq!(world.orders(), ["delete otp otp-es"]);
    assert_eq!(world.entries().len(), 3);
}

#[tokio::test]
async fn a_template_goes_in_each_account_that_has_it() {
    let world = World::sending_from(vec![template()], &["a1", "a2", "a3"]);
    world.catalog.hold(&account_named("a1"));
    fill(&world, "a2");
    fill(&world, "a3");
    assert_eq!(delete(&world, &request(None)).await.unwrap(), 6);
    assert_eq!(world.orders().len(), 2);
}

#[tokio::test]
async fn a_deleted_name_is_locked_and_an_apply_says_so() {
    let world = world();
    delete(&world, &request(Some("es"))).await.unwrap();
    let applied = world.apply().await;
    assert_eq!(applied.open().len(), 1);
    assert_eq!(applied.open()[0].action, Action::Create);
    let words = applied.words();
    let es = words.iter().find(|it| it.starts_with("otp es")).unwrap();
    assert!(
        es.contains("Meta locks the name of a deleted template for up to 30 days"),
        "{es}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_what_is() {
    let world = world();
    let marketing = Template {
        name: name("sale"),
        ..template()
    };
    let marketing = CatalogEntry {
        category: Category::Other,
        ..agreeing_entry(&marketing, &language("en"))
    };
    world.catalog.seed(&account(), marketing);
    for unknown in ["unknown", "sale"] {
        let request = DeleteTemplate {
            name: name(unknown),
            ..request(None)
        };
        assert_eq!(
            delete(&world, &request).await.unwrap_err().to_string(),
            "name is no template of the app's accounts, which have old, otp"
        );
    }
    assert_eq!(
        delete(&world, &request(Some("fr"))).await.unwrap_err().to_string(),
        "language must be one in which otp exists: en_US, es, pt_BR"
    );
    assert_eq!(world.orders().len(), 0);
}

#[tokio::test]
async fn a_described_template_can_go_whatever_the_provider_says_it_is_for() {
    let world = world();
    world.catalog.change_all(|it| it.category = Category::Other);
    assert_eq!(delete(&world, &request(None)).await.unwrap(), 3);
}

#[tokio::test]
async fn a_lost_order_is_looked_at_before_it_is_repeated() {
    for (fault, orders) in [(CatalogFault::LoseAnswer, 1), (CatalogFault::LoseOrder, 2)] {
        let world = world();
        world.catalog.fail_order(1, fault);
        assert_eq!(delete(&world, &request(None)).await.unwrap(), 3);
        assert_eq!((world.orders().len(), world.entries().len()), (orders, 1));
    }
    let world = world();
    for nth in 1..=4 {
        world.catalog.fail_order(nth, CatalogFault::LoseOrder);
    }
    let Err(TemplatesError::Catalog { source, .. }) = delete(&world, &request(None)).await else {
        panic!("three lost orders were told as done");
    };
    assert!(matches!(source, CatalogError::Unavailable(_)));
    assert_eq!(world.orders().len(), 3);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_providers_words() {
    let world = world();
    world.catalog.change_all(|it| it.status = TemplateStatus::Disabled);
    assert_eq!(
        delete(&world, &request(None)).await.unwrap_err().to_string(),
        "account a1: the provider refuses: 100 Invalid parameter: a disabled template cannot be deleted"
    );
    let world = self::world();
    let report = ProviderReport::new(190, "expired", "");
    world.catalog.fail_order(1, CatalogFault::Deny(report));
    assert_eq!(
        delete(&world, &request(None)).await.unwrap_err().to_string(),
        "account a1: the provider refuses the token"
    );
}

#[tokio::test]
async fn only_a_caller_who_may_manage_templates_deletes() {
    let world = world();
    let mut user = caller();
    user.manages_templates = false;
    let refused = world.manage.delete(&user, &request(None)).await;
    assert!(matches!(refused, Err(TemplatesError::NotAllowed)));
    user.apps.clear();
    let refused = world.manage.delete(&user, &request(None)).await;
    assert!(matches!(refused, Err(TemplatesError::NotFound)));
    assert_eq!(world.catalog.calls().len(), 0);
}

#[tokio::test]
async fn a_template_that_another_app_of_the_account_describes_goes_only_for_who_may_manage_both() {
    let other = countersign_domain::id::AppId::parse("other").unwrap();
    let world = World::of_two_apps(vec![template()], &other);
    fill(&world, "a1");
    let refused = delete(&world, &request(None)).await;
    assert!(matches!(refused, Err(TemplatesError::NotAllowed)), "{refused:?}");
    assert_eq!(world.catalog.calls().len(), 0);
    let mut both = caller();
    both.apps.insert(other);
    assert_eq!(world.manage.delete(&both, &request(None)).await.unwrap(), 3);
}
