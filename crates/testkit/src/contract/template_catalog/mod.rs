//! What every catalogue of templates promises, proved against a stage of its provider.
//!
//! The adapter's tests implement [`CatalogHarness`]: a stage that holds templates, obeys the provider's protocol, and
//! behaves as the suite asks it to, and the adapter pointed at it. A double that holds templates itself is its own
//! stage. That a call whose answer never comes ends is the adapter's to prove: its time-outs are its own, and the suite
//! does not wait for them.

mod failures;
mod looks;
mod orders;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::ports::{CatalogError, PreviewOrder, TemplateCatalog, TemplateOrder};
use countersign_domain::sender::AccountId;
use countersign_domain::template::{CatalogEntry, Category, Language, Said, Template, TemplateId, TemplateName};

use crate::fixture;

pub use failures::*;
pub use looks::*;
pub use orders::*;

/// How the stage behaves until it is told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Does what it is asked.
    Obeys,
    /// Refuses the token and does nothing. Its words repeat the token.
    DeniesToken,
    /// Refuses whatever it is asked as wrong, and does nothing. Its words repeat the token.
    Refuses,
    /// Asks to slow down for [`SLOW_DOWN`], and does nothing. Its words repeat the token.
    Throttles,
    /// Says that it has failed, and does nothing. Its words repeat the token.
    Fails,
    /// Cannot be reached, so that nothing of a call can leave.
    Unreachable,
    /// Does what it is asked, begins its answer and closes the connection.
    LosesAnswers,
    /// Does what it is asked, and reports success in a body that nobody can read and that repeats the token.
    AnswersGarbage,
    /// Does what it is asked, and offers no previews.
    NoPreviews,
}

impl Behaviour {
    /// The behaviours under which every call fails and nothing is done.
    pub const REFUSALS: [Self; 5] = [
        Self::DeniesToken,
        Self::Refuses,
        Self::Throttles,
        Self::Fails,
        Self::Unreachable,
    ];

    /// The behaviours under which a call is carried out and its answer is lost.
    pub const LOST_ANSWERS: [Self; 2] = [Self::LosesAnswers, Self::AnswersGarbage];
}

/// For how long a stage that throttles asks to slow down.
pub const SLOW_DOWN: Duration = Duration::from_secs(17);

/// A template that is at the provider, whoever made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Its name.
    pub name: TemplateName,
    /// Its language.
    pub language: Language,
    /// What it is for.
    pub category: Category,
}

/// An adapter and the stage it calls.
#[async_trait]
pub trait CatalogHarness: Send + Sync {
    /// The adapter. It holds [`CatalogHarness::account`] and no other account.
    fn catalog(&self) -> Arc<dyn TemplateCatalog>;

    /// The account it holds; empty at the start.
    fn account(&self) -> AccountId;

    /// The token it manages the account with. A double without one answers with any text that is in no error.
    fn token(&self) -> String;

    /// Puts templates into the account, approved, beside those that are there.
    async fn seed(&self, seeds: &[Seed]);

    /// Lets the stage behave so from now on.
    async fn behave(&self, behaviour: Behaviour);

    /// Lets lists have so many templates on a page. A stage without pages has nothing to do.
    async fn page(&self, templates: usize);

    /// How many calls have reached the stage, whatever it answered.
    async fn calls(&self) -> usize;
}

/// Runs every promise against what `$make` makes: a function without arguments whose answer is a future of
/// `Fresh<dyn CatalogHarness>`.
#[macro_export]
macro_rules! template_catalog_contract {
    (@$then:ident $($make:path)?) => {
        $crate::$then! { template_catalog $(, $make)?:
            an_account_without_templates_lists_none,
            every_template_is_listed_once_whatever_the_pages,
            templates_of_every_category_and_language_are_listed,
            a_template_is_found_by_its_id,
            previews_come_in_the_languages_asked_for,
            previews_are_not_offered_when_the_provider_does_not_tell,
            what_was_created_is_listed_as_it_was_ordered,
            a_template_exists_in_each_language_by_itself,
            an_upsert_changes_what_exists_and_makes_the_rest,
            an_edit_changes_one_language,
            a_deletion_by_name_takes_every_language,
            a_deletion_by_id_takes_one_language,
            a_template_nobody_has_is_gone,
            an_account_that_is_not_held_is_not_asked_about,
            a_refused_token_is_denied,
            a_refused_order_says_why,
            a_throttle_says_for_how_long,
            a_provider_that_fails_or_is_away_is_unavailable,
            an_order_that_failed_otherwise_changed_nothing,
            an_order_whose_answer_is_lost_may_have_been_done,
            one_order_is_one_call,
            a_failure_does_not_outlast_its_cause,
            no_error_shows_the_token,
        }
    };
    ($make:path) => {
        $crate::template_catalog_contract! { @__promise_tests $make }
    };
}

/// The order of [`fixture::template`] in these languages.
fn order(languages: &[&str]) -> TemplateOrder {
    order_of(fixture::template(), languages)
}

fn order_of(template: Template, languages: &[&str]) -> TemplateOrder {
    TemplateOrder {
        template,
        languages: languages.iter().map(|it| fixture::language(it)).collect(),
    }
}

fn preview_order(languages: &[&str]) -> PreviewOrder {
    PreviewOrder {
        languages: languages.iter().map(|it| fixture::language(it)).collect(),
        security_recommendation: true,
        footer_minutes: Some(10),
    }
}

fn seed(name: &str, language: &str, category: Category) -> Seed {
    Seed {
        name: TemplateName::parse(name).expect("a template's name"),
        language: fixture::language(language),
        category,
    }
}

/// What the account has, in the order of names and languages.
async fn listed(harness: &dyn CatalogHarness) -> Vec<CatalogEntry> {
    let mut entries = harness.catalog().list(&harness.account()).await.expect("a list");
    entries.sort_by(|left, right| (&left.name, &left.language).cmp(&(&right.name, &right.language)));
    entries
}

/// The entry of [`fixture::template`] in that language.
async fn entry(harness: &dyn CatalogHarness, language: &str) -> CatalogEntry {
    let of_it = |it: &CatalogEntry| it.name == fixture::template_name() && it.language == fixture::language(language);
    let found = listed(harness).await.into_iter().find(of_it);
    found.unwrap_or_else(|| panic!("{language} is not listed"))
}

/// What the provider did not say cannot contradict.
fn assert_said<T: PartialEq + std::fmt::Debug>(said: &Said<T>, expected: &T) {
    if let Said::Yes(said) = said {
        assert_eq!(said, expected);
    }
}

/// An id that no template has.
fn no_id() -> TemplateId {
    TemplateId::new("999999999999").expect("an id")
}

/// Makes every call there is, under the behaviour the stage has, and expects each to fail.
async fn every_failure(harness: &dyn CatalogHarness, id: &TemplateId) -> Vec<(&'static str, CatalogError)> {
    let (catalog, account) = (harness.catalog(), harness.account());
    let mut failures = every_order_failure(harness, id).await;
    failures.extend([
        ("list", catalog.list(&account).await.expect_err("list")),
        ("get", catalog.get(&account, id).await.expect_err("get")),
    ]);
    failures
}

/// Makes every order there is, under the behaviour the stage has, and expects each to fail.
async fn every_order_failure(harness: &dyn CatalogHarness, id: &TemplateId) -> Vec<(&'static str, CatalogError)> {
    let (catalog, account) = (harness.catalog(), harness.account());
    let mut changed = order(&["en_US"]);
    changed.template.footer_minutes = Some(5);
    let new = order(&["es"]);
    let name = fixture::template_name();
    vec![
        ("create", catalog.create(&account, &new).await.expect_err("create")),
        ("upsert", catalog.upsert(&account, &new).await.expect_err("upsert")),
        ("edit", catalog.edit(&account, id, &changed).await.expect_err("edit")),
        (
            "delete",
            catalog.delete(&account, &name, None).await.expect_err("delete"),
        ),
    ]
}
