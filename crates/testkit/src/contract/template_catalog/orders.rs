//! Orders: what was ordered is what is listed afterwards.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ports::CatalogError;
use countersign_domain::supported_app::{PackageName, SignatureHash, SupportedApp, SupportedApps};
use countersign_domain::template::{Button, CatalogEntry, Category, MessageLife, Template, TemplateName};

use super::{CatalogHarness, assert_said, entry, listed, no_id, order, order_of};
use crate::fixture;

/// Each button, with and without what can be left out, under the id of the receipt.
pub async fn what_was_created_is_listed_as_it_was_ordered(harness: Arc<dyn CatalogHarness>) {
    let plain = Template {
        security_recommendation: false,
        footer_minutes: None,
        message_life: Duration::from_secs(30),
        ..fixture::template()
    };
    let buttons = [
        ("copied", Button::CopyCode),
        ("tapped", Button::OneTap(apps())),
        ("untouched", Button::ZeroTap(apps())),
    ];
    for (name, button) in buttons {
        for (suffix, base) in [("full", fixture::template()), ("plain", plain.clone())] {
            let template = Template {
                name: TemplateName::parse(&format!("{name}_{suffix}")).expect("a name"),
                button: button.clone(),
                ..base
            };
            let order = order_of(template.clone(), &["pt_BR"]);
            let receipt = harness
                .catalog()
                .create(&harness.account(), &order)
                .await
                .expect("created");
            assert_eq!(receipt.language, fixture::language("pt_BR"));
            let entries = listed(&*harness).await;
            let entry = entries.iter().find(|it| it.name == template.name).expect("listed");
            assert_eq!((&entry.id, &entry.status), (&receipt.id, &receipt.status));
            assert_eq!(entry.language, receipt.language);
            assert_is(entry, &template);
        }
    }
}

/// One language is one template, and one order makes one of them.
pub async fn a_template_exists_in_each_language_by_itself(harness: Arc<dyn CatalogHarness>) {
    let mut ids = Vec::new();
    for language in ["en_US", "es", "pt_BR"] {
        let order = order(&[language]);
        let receipt = harness
            .catalog()
            .create(&harness.account(), &order)
            .await
            .expect("created");
        ids.push((receipt.language, receipt.id));
    }
    let told: Vec<_> = listed(&*harness)
        .await
        .into_iter()
        .map(|it| (it.language, it.id))
        .collect();
    assert_eq!(told, ids);
}

/// In one call, and what exists keeps its id.
pub async fn an_upsert_changes_what_exists_and_makes_the_rest(harness: Arc<dyn CatalogHarness>) {
    let created = harness.catalog().create(&harness.account(), &order(&["en_US"])).await;
    let created = created.expect("created");
    let mut changed = order(&["en_US", "es", "pt_BR"]);
    changed.template.footer_minutes = Some(5);
    changed.template.security_recommendation = false;
    let before = harness.calls().await;
    let receipts = harness.catalog().upsert(&harness.account(), &changed).await;
    let mut receipts = receipts.expect("upserted");
    assert_eq!(harness.calls().await, before + 1, "one call for all languages");
    receipts.sort_by(|left, right| left.language.cmp(&right.language));
    let entries = listed(&*harness).await;
    let told = entries.iter().map(|it| (&it.language, &it.id));
    let receipted = receipts.iter().map(|it| (&it.language, &it.id));
    assert_eq!(told.collect::<Vec<_>>(), receipted.collect::<Vec<_>>());
    assert_eq!(entries.len(), 3);
    assert_eq!(entry(&*harness, "en_US").await.id, created.id);
    for entry in &entries {
        assert_said(&entry.content.footer_minutes, &Some(5));
        assert_said(&entry.content.security_recommendation, &false);
    }
}

/// The others stay as they were.
pub async fn an_edit_changes_one_language(harness: Arc<dyn CatalogHarness>) {
    for language in ["en_US", "es"] {
        let created = harness.catalog().create(&harness.account(), &order(&[language])).await;
        created.expect("created");
    }
    let (english, spanish) = (entry(&*harness, "en_US").await, entry(&*harness, "es").await);
    let mut changed = order(&["en_US"]);
    changed.template.footer_minutes = None;
    changed.template.message_life = Duration::from_secs(60);
    let edited = harness.catalog().edit(&harness.account(), &english.id, &changed).await;
    edited.expect("edited");
    let after = entry(&*harness, "en_US").await;
    assert_eq!(after.id, english.id);
    assert_is(&after, &changed.template);
    assert_eq!(entry(&*harness, "es").await, spanish);
}

/// And no other name.
pub async fn a_deletion_by_name_takes_every_language(harness: Arc<dyn CatalogHarness>) {
    let kept = super::seed("otp_2", "en_US", Category::Authentication);
    let gone = ["en_US", "es"].map(|it| super::seed("otp", it, Category::Authentication));
    harness.seed(&[kept.clone(), gone[0].clone(), gone[1].clone()]).await;
    let deleted = harness
        .catalog()
        .delete(&harness.account(), &fixture::template_name(), None)
        .await;
    deleted.expect("deleted");
    let left: Vec<_> = remaining(&*harness).await;
    assert_eq!(left, [(kept.name, kept.language)]);
}

/// The other languages of the name stay.
pub async fn a_deletion_by_id_takes_one_language(harness: Arc<dyn CatalogHarness>) {
    harness
        .seed(&["en_US", "es"].map(|it| super::seed("otp", it, Category::Authentication)))
        .await;
    let id = entry(&*harness, "en_US").await.id;
    let name = fixture::template_name();
    let deleted = harness.catalog().delete(&harness.account(), &name, Some(id)).await;
    deleted.expect("deleted");
    assert_eq!(remaining(&*harness).await, [(name, fixture::language("es"))]);
}

/// Whoever looks for it, changes it or deletes it.
pub async fn a_template_nobody_has_is_gone(harness: Arc<dyn CatalogHarness>) {
    let (catalog, account) = (harness.catalog(), harness.account());
    harness
        .seed(&[super::seed("otp", "en_US", Category::Authentication)])
        .await;
    let gone = [
        catalog.get(&account, &no_id()).await.err(),
        catalog.edit(&account, &no_id(), &order(&["en_US"])).await.err(),
        catalog
            .delete(&account, &fixture::template_name(), Some(no_id()))
            .await
            .err(),
    ];
    for error in gone {
        assert!(matches!(error, Some(CatalogError::Gone)), "{error:?}");
    }
    assert_eq!(remaining(&*harness).await.len(), 1);
}

/// Names and languages that are there, without what is on its way out: some providers list it for a while.
async fn remaining(harness: &dyn CatalogHarness) -> Vec<(TemplateName, countersign_domain::template::Language)> {
    let entries = listed(harness).await.into_iter().filter(|it| it.status.is_sendable());
    entries.map(|it| (it.name, it.language)).collect()
}

fn assert_is(entry: &CatalogEntry, template: &Template) {
    assert_eq!(entry.category, Category::Authentication);
    assert_said(&entry.message_life, &MessageLife::Limited(template.message_life));
    let content = &entry.content;
    assert_said(&content.security_recommendation, &template.security_recommendation);
    assert_said(&content.footer_minutes, &template.footer_minutes);
    let button = content.button.as_ref().expect("a button");
    assert_said(&button.kind, &template.button.kind());
    if let Some(apps) = template.button.apps() {
        assert_said(&button.apps, &apps.iter().cloned().collect());
    }
}

/// Two apps; a hash with each character that means something in an address.
fn apps() -> SupportedApps {
    let app = |package: &str, hash: &str| SupportedApp {
        package: PackageName::parse(package).expect("a package"),
        hash: SignatureHash::parse(hash).expect("a hash"),
    };
    let apps = vec![
        app("com.example.luckyshrub", "K8a/AINcGX7"),
        app("com.example.other", "+8a/AINcGX="),
    ];
    SupportedApps::new(apps).expect("two apps")
}
