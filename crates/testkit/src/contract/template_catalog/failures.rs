//! Failures: whoever asked knows what to do next, and what did not happen.

use std::error::Error;
use std::sync::Arc;

use countersign_domain::ports::CatalogError;
use countersign_domain::sender::AccountId;
use countersign_domain::template::{CatalogEntry, Category, TemplateId, TemplateName};

use super::{
    Behaviour, CatalogHarness, SLOW_DOWN, every_failure, every_order_failure, listed, order, preview_order, seed,
};
use crate::fixture;

/// The provider hears nothing of it.
pub async fn an_account_that_is_not_held_is_not_asked_about(harness: Arc<dyn CatalogHarness>) {
    let id = seeded(&*harness).await;
    let before = harness.calls().await;
    let other = AccountId::parse("somebody_elses").expect("a name");
    let catalog = harness.catalog();
    let (order, name) = (order(&["es"]), fixture::template_name());
    let errors = [
        catalog.list(&other).await.err(),
        catalog.get(&other, &id).await.err(),
        catalog.create(&other, &order).await.err(),
        catalog.upsert(&other, &order).await.err(),
        catalog.edit(&other, &id, &order).await.err(),
        catalog.delete(&other, &name, None).await.err(),
        catalog.preview(&other, &preview_order(&["es"])).await.err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(CatalogError::NotHeld)), "{error:?}");
    }
    assert_eq!(harness.calls().await, before);
}

/// An operator has to act.
pub async fn a_refused_token_is_denied(harness: Arc<dyn CatalogHarness>) {
    for (call, error) in failures(&*harness, Behaviour::DeniesToken).await {
        assert!(matches!(error, CatalogError::Denied(_)), "{call}: {error:?}");
    }
}

/// In words for people.
pub async fn a_refused_order_says_why(harness: Arc<dyn CatalogHarness>) {
    let id = seeded(&*harness).await;
    harness.behave(Behaviour::Refuses).await;
    for (call, error) in every_order_failure(&*harness, &id).await {
        match error {
            CatalogError::Refused(report) => assert!(!report.title.is_empty(), "{call}"),
            other => panic!("{call}: {other:?}"),
        }
    }
}

/// And it is not taken for a refusal.
pub async fn a_throttle_says_for_how_long(harness: Arc<dyn CatalogHarness>) {
    for (call, error) in failures(&*harness, Behaviour::Throttles).await {
        match error {
            CatalogError::Throttled { retry_after, .. } => assert_eq!(retry_after, Some(SLOW_DOWN), "{call}"),
            other => panic!("{call}: {other:?}"),
        }
    }
}

/// Whether it says so or says nothing.
pub async fn a_provider_that_fails_or_is_away_is_unavailable(harness: Arc<dyn CatalogHarness>) {
    let lost = Behaviour::LOST_ANSWERS;
    for behaviour in [Behaviour::Fails, Behaviour::Unreachable, lost[0], lost[1]] {
        let harness = &*harness;
        let id = seeded(harness).await;
        harness.behave(behaviour).await;
        for (call, error) in every_failure(harness, &id).await {
            let unavailable = matches!(error, CatalogError::Unavailable(_));
            assert!(unavailable, "{call} {behaviour:?}: {error:?}");
        }
    }
}

/// So that it can be repeated, or left.
pub async fn an_order_that_failed_otherwise_changed_nothing(harness: Arc<dyn CatalogHarness>) {
    let id = seeded(&*harness).await;
    let before = listed(&*harness).await;
    for behaviour in Behaviour::REFUSALS {
        harness.behave(behaviour).await;
        every_order_failure(&*harness, &id).await;
        harness.behave(Behaviour::Obeys).await;
        assert_eq!(listed(&*harness).await, before, "{behaviour:?}");
    }
}

/// Whoever looks finds what was ordered.
pub async fn an_order_whose_answer_is_lost_may_have_been_done(harness: Arc<dyn CatalogHarness>) {
    for (n, behaviour) in Behaviour::LOST_ANSWERS.into_iter().enumerate() {
        let name = TemplateName::parse(&format!("otp_{n}")).expect("a name");
        let order_in = |language: &str| {
            let mut order = order(&[language]);
            order.template.name = name.clone();
            order
        };
        let (catalog, account) = (harness.catalog(), harness.account());
        harness.behave(behaviour).await;
        catalog.create(&account, &order_in("en_US")).await.expect_err("lost");
        catalog.upsert(&account, &order_in("es")).await.expect_err("lost");
        harness.behave(Behaviour::Obeys).await;
        let made = listed(&*harness).await.into_iter().filter(|it| it.name == name);
        let languages: Vec<_> = made.map(|it| it.language).collect();
        assert_eq!(languages, ["en_US", "es"].map(fixture::language), "{behaviour:?}");
    }
}

/// Nothing is repeated by itself, whatever comes of it.
pub async fn one_order_is_one_call(harness: Arc<dyn CatalogHarness>) {
    for behaviour in Behaviour::REFUSALS.into_iter().chain(Behaviour::LOST_ANSWERS) {
        let id = seeded(&*harness).await;
        harness.behave(behaviour).await;
        let before = harness.calls().await;
        let orders = every_order_failure(&*harness, &id).await.len();
        let calls = harness.calls().await - before;
        match behaviour {
            Behaviour::Unreachable => assert_eq!(calls, 0),
            _ => assert_eq!(calls, orders, "{behaviour:?}"),
        }
    }
}

/// No fault is kept, and no broken connection used again.
pub async fn a_failure_does_not_outlast_its_cause(harness: Arc<dyn CatalogHarness>) {
    for behaviour in Behaviour::REFUSALS.into_iter().chain(Behaviour::LOST_ANSWERS) {
        harness.behave(behaviour).await;
        let account = harness.account();
        harness.catalog().list(&account).await.expect_err("a failure");
        harness.behave(Behaviour::Obeys).await;
        let list = harness.catalog().list(&account).await;
        assert!(list.is_ok(), "after {behaviour:?}: {list:?}");
    }
}

/// Neither in `Display` nor in `Debug`, of the error and of every cause beneath it. The stage's words repeat it.
pub async fn no_error_shows_the_token(harness: Arc<dyn CatalogHarness>) {
    let token = harness.token();
    for behaviour in Behaviour::REFUSALS.into_iter().chain(Behaviour::LOST_ANSWERS) {
        for (call, error) in failures(&*harness, behaviour).await {
            let text = everything_said(&error);
            assert!(!text.contains(&token), "{call} {behaviour:?} shows the token");
        }
    }
}

/// What every call fails with under that behaviour.
async fn failures(harness: &dyn CatalogHarness, behaviour: Behaviour) -> Vec<(&'static str, CatalogError)> {
    let id = seeded(harness).await;
    harness.behave(behaviour).await;
    every_failure(harness, &id).await
}

/// Lets the stage obey, and hold a template in English that can be sent.
async fn seeded(harness: &dyn CatalogHarness) -> TemplateId {
    harness.behave(Behaviour::Obeys).await;
    if let Some(entry) = in_english(harness).await {
        return entry.id;
    }
    harness.seed(&[seed("otp", "en_US", Category::Authentication)]).await;
    in_english(harness).await.expect("seeded").id
}

async fn in_english(harness: &dyn CatalogHarness) -> Option<CatalogEntry> {
    let english = fixture::language("en_US");
    let entries = listed(harness).await.into_iter();
    let mut sendable = entries.filter(|it| it.status.is_sendable());
    sendable.find(|it| it.name == fixture::template_name() && it.language == english)
}

fn everything_said(error: &CatalogError) -> String {
    let mut said = vec![format!("{error} {error:?} {error:#?}")];
    let mut source = error.source();
    while let Some(cause) = source {
        said.push(format!("{cause} {cause:?} {cause:#?}"));
        source = cause.source();
    }
    said.join("\n")
}
