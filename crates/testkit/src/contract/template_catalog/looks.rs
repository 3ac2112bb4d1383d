//! Looks: everything is told, and told as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_domain::ports::CatalogError;
use countersign_domain::template::Category;

use super::{Behaviour, CatalogHarness, listed, preview_order, seed};
use crate::fixture;

/// And that is no error.
pub async fn an_account_without_templates_lists_none(harness: Arc<dyn CatalogHarness>) {
    assert_eq!(listed(&*harness).await, []);
}

/// One page that is full, one that is not, and many.
pub async fn every_template_is_listed_once_whatever_the_pages(harness: Arc<dyn CatalogHarness>) {
    let name = |n: usize| format!("otp_{n:02}");
    let seeds: Vec<_> = (0..12)
        .map(|n| seed(&name(n), "en_US", Category::Authentication))
        .collect();
    harness.seed(&seeds).await;
    for page in [1, 5, 6, 12, 100] {
        harness.page(page).await;
        let entries = listed(&*harness).await;
        let names: Vec<_> = entries.iter().map(|it| it.name.as_str().to_owned()).collect();
        assert_eq!(names, (0..12).map(name).collect::<Vec<_>>(), "{page} on a page");
        let ids: BTreeSet<_> = entries.iter().map(|it| &it.id).collect();
        assert_eq!(ids.len(), 12, "each has an id of its own");
    }
}

/// Nothing is left out because codes are not sent with it: a name that is taken is taken.
pub async fn templates_of_every_category_and_language_are_listed(harness: Arc<dyn CatalogHarness>) {
    let seeds = [
        seed("news", "en_US", Category::Other),
        seed("otp", "en_US", Category::Authentication),
        seed("otp", "pt_BR", Category::Authentication),
    ];
    harness.seed(&seeds).await;
    let entries = listed(&*harness).await;
    let told = entries.iter().map(|it| (&it.name, &it.language, it.category));
    let expected = seeds.iter().map(|it| (&it.name, &it.language, it.category));
    assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert!(entries.iter().all(|it| it.status.is_sendable()), "seeds are approved");
}

/// And is told as the list tells it.
pub async fn a_template_is_found_by_its_id(harness: Arc<dyn CatalogHarness>) {
    let seeds = [
        seed("otp", "en_US", Category::Authentication),
        seed("otp", "pt_BR", Category::Authentication),
    ];
    harness.seed(&seeds).await;
    for entry in listed(&*harness).await {
        let found = harness.catalog().get(&harness.account(), &entry.id).await;
        assert_eq!(found.expect("found"), entry);
    }
}

/// With `{{1}}` where the code will be.
pub async fn previews_come_in_the_languages_asked_for(harness: Arc<dyn CatalogHarness>) {
    let order = preview_order(&["en_US", "pt_BR"]);
    let previews = harness.catalog().preview(&harness.account(), &order).await;
    let previews = previews.expect("previews");
    let languages: BTreeSet<_> = previews.iter().map(|it| it.language.clone()).collect();
    assert_eq!(languages, ["en_US", "pt_BR"].map(fixture::language).into());
    for preview in &previews {
        assert!(preview.body.contains("{{1}}"), "{preview:?}");
        assert!(
            preview.footer.as_ref().is_some_and(|it| it.contains("10")),
            "{preview:?}"
        );
        assert!(!preview.copy_text.is_empty(), "{preview:?}");
    }
    let mut without = order;
    without.footer_minutes = None;
    let previews = harness.catalog().preview(&harness.account(), &without).await;
    assert!(previews.expect("previews").iter().all(|it| it.footer.is_none()));
}

/// Whatever else it tells.
pub async fn previews_are_not_offered_when_the_provider_does_not_tell(harness: Arc<dyn CatalogHarness>) {
    harness.behave(Behaviour::NoPreviews).await;
    let order = preview_order(&["en_US"]);
    match harness.catalog().preview(&harness.account(), &order).await {
        Err(CatalogError::NotOffered) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(listed(&*harness).await, []);
}
