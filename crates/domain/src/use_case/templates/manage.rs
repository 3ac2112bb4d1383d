//! Managing templates: plan, apply, list, preview, delete, for callers who may.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::app::{App, Caller};
use crate::id::AppId;
use crate::ports::{CatalogError, Clock, Preview, TemplateCatalog};
use crate::sender::AccountId;
use crate::template::{CatalogEntry, Drift, Language, Plan, PlanStep, Template, TemplateName, drifts, plan};
use crate::time::Timestamp;
use crate::use_case::Rulebook;
use crate::use_case::templates::apply::Apply;
use crate::use_case::templates::listing::joined;
use crate::use_case::templates::telling::Telling;
use crate::use_case::templates::{deletion, previews};

/// Why templates could not be managed.
#[derive(Debug, Error)]
pub enum TemplatesError {
    /// There is no such app, or the caller may not know of it.
    #[error("there is no such app")]
    NotFound,
    /// The caller may use the app and not manage its templates.
    #[error("the caller may not manage templates")]
    NotAllowed,
    /// A field of the request is wrong; the text follows the field's name.
    #[error("{field} {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// The provider's catalogue did not do it.
    #[error("account {account}: {source}")]
    Catalog {
        /// The account.
        account: AccountId,
        /// Why.
        source: CatalogError,
    },
}

/// What would have to be done in one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPlan {
    /// The account.
    pub account: AccountId,
    /// The steps.
    pub plan: Plan,
}

/// What became of a step of an apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyResult {
    /// Nothing had to be done.
    Unchanged,
    /// It was made.
    Created,
    /// It was changed.
    Edited,
    /// It could not be done; the text says why, what Meta's limit is, and what to do.
    Failed {
        /// Why, for people.
        why: String,
        /// When it may be tried again, if that is known.
        retry_at: Option<Timestamp>,
    },
}

/// One step of an apply that was carried out, or is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyProgress {
    /// The account.
    pub account: AccountId,
    /// How many steps are done, this one included.
    pub done: usize,
    /// How many there are.
    pub total: usize,
    /// The step.
    pub step: PlanStep,
    /// What became of it.
    pub result: ApplyResult,
}

/// The templates of an app in one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTemplates {
    /// The account.
    pub account: AccountId,
    /// What the account has, and what of the configuration it lacks.
    pub templates: Vec<ListedTemplate>,
}

/// One template in one language, as configured, as the provider has it, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTemplate {
    /// Its name.
    pub name: TemplateName,
    /// Its language.
    pub language: Language,
    /// Whether the app describes it.
    pub configured: bool,
    /// What the provider has.
    pub entry: Option<CatalogEntry>,
    /// What is wrong with it for the app's codes, worst purpose first; empty when it is as it should be or not the
    /// app's.
    pub drifts: Vec<Drift>,
}

/// What to preview.
#[derive(Clone, Debug)]
pub struct PreviewTemplates {
    /// The app.
    pub app: AppId,
    /// One of its templates; `None` for all.
    pub template: Option<TemplateName>,
    /// Some languages of it; empty for all.
    pub languages: Vec<Language>,
}

/// Where a preview comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreviewSource {
    /// The provider rendered it.
    Provider,
    /// The provider does not tell: these are Meta's fixed texts as this version knows them.
    Own,
    /// The provider does not tell, and this version knows no texts of that language: English, marked as such.
    OwnInEnglish,
}

/// A message as it would be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPreview {
    /// The template.
    pub template: TemplateName,
    /// What it says.
    pub preview: Preview,
    /// Where that comes from.
    pub source: PreviewSource,
    /// Whether the language runs from right to left.
    pub right_to_left: bool,
}

/// What to delete.
#[derive(Clone, Debug)]
pub struct DeleteTemplate {
    /// The app, in whose accounts.
    pub app: AppId,
    /// The template.
    pub name: TemplateName,
    /// In one language alone; `None` for all.
    pub language: Option<Language>,
}

/// Plans, applies, lists, previews and deletes the templates of an app.
///
/// Nothing is kept here: what was done is known from the provider alone, so that every call may be interrupted at any
/// point and made again.
pub struct ManageTemplates {
    rulebook: Arc<Rulebook>,
    catalog: Arc<dyn TemplateCatalog>,
    clock: Arc<dyn Clock>,
}

impl ManageTemplates {
    /// Wires the use case to the two ports it needs, so that a process that only manages templates needs no other.
    pub fn new(rulebook: &Arc<Rulebook>, catalog: Arc<dyn TemplateCatalog>, clock: Arc<dyn Clock>) -> Self {
        Self {
            rulebook: Arc::clone(rulebook),
            catalog,
            clock,
        }
    }

    /// What would have to be done, in each account the app sends from. Changes nothing.
    pub async fn plan(&self, caller: &Caller, app: &AppId) -> Result<Vec<AccountPlan>, TemplatesError> {
        let app = self.app(caller, app)?;
        let wanted = described(app);
        let mut plans = Vec::new();
        for account in accounts(app) {
            let has = self.look(account).await?;
            plans.push(AccountPlan {
                account: account.clone(),
                plan: plan(&wanted, &has, self.clock.now()),
            });
        }
        Ok(plans)
    }

    /// Does it, and tells each step as it is done. Safe to interrupt and to repeat. Answers with what is left: steps
    /// that Meta does not allow yet, or that wait for a review.
    ///
    /// Fails only before the first order, when an account cannot be looked at; from then on a failure is a step's.
    pub async fn apply(
        &self,
        caller: &Caller,
        app: &AppId,
        progress: &(dyn Fn(ApplyProgress) + Send + Sync),
    ) -> Result<Vec<AccountPlan>, TemplatesError> {
        let app = self.app(caller, app)?;
        let wanted = described(app);
        let mut applies = Vec::new();
        for account in accounts(app) {
            let has = self.look(account).await?;
            applies.push(Apply::new(&*self.catalog, &*self.clock, account, &wanted, has));
        }
        let mut telling = Telling::new(progress, applies.iter().map(Apply::len).sum());
        let mut left = Vec::new();
        for apply in applies {
            left.push(apply.run(&mut telling).await);
        }
        Ok(left)
    }

    /// What the accounts of the app have, and what of the configuration they lack, with everything that is wrong.
    pub async fn list(&self, caller: &Caller, app: &AppId) -> Result<Vec<AccountTemplates>, TemplatesError> {
        let app = self.app(caller, app)?;
        let wanted = described(app);
        let lives = app.purposes.values().map(|policy| policy.code_life);
        // Without a purpose there are no codes that anything could outlive.
        let code_life = lives.min().unwrap_or(Duration::MAX);
        let mut lists = Vec::new();
        for account in accounts(app) {
            let has = self.look(account).await?;
            lists.push(AccountTemplates {
                account: account.clone(),
                templates: joined(&wanted, &has, |entry| drifts(entry, code_life)),
            });
        }
        Ok(lists)
    }

    /// How messages would look: as the provider renders them, or, when it does not tell, in this version's own words.
    pub async fn preview(
        &self,
        caller: &Caller,
        request: &PreviewTemplates,
    ) -> Result<Vec<ShownPreview>, TemplatesError> {
        let app = self.app(caller, &request.app)?;
        let accounts: Vec<_> = accounts(app).collect();
        previews::shown(&*self.catalog, &accounts, &described(app), request).await
    }

    /// Deletes a template, in each account that has it. Answers with how many languages went.
    ///
    /// A template that another app of the same account describes goes only for a caller who may manage that app's
    /// templates, too: its codes would stop.
    ///
    /// Repeating a call that failed half-way goes on where it ended, as long as an account is left that has it.
    pub async fn delete(&self, caller: &Caller, request: &DeleteTemplate) -> Result<usize, TemplatesError> {
        let app = self.app(caller, &request.app)?;
        if self.is_anothers(caller, app, &request.name) {
            return Err(TemplatesError::NotAllowed);
        }
        let mut accounts_and_entries = Vec::new();
        for account in accounts(app) {
            accounts_and_entries.push((account, self.look(account).await?));
        }
        deletion::delete(&*self.catalog, accounts_and_entries, &described(app), request).await
    }

    fn is_anothers(&self, caller: &Caller, app: &App, name: &TemplateName) -> bool {
        let of_app: BTreeSet<_> = accounts(app).collect();
        let shares_account = |other: &App| accounts(other).any(|it| of_app.contains(it));
        let mut apps = self.rulebook.apps.iter();
        apps.any(|(id, other)| {
            !caller.may_manage_templates(id) && other.templates.get(name).is_some() && shares_account(other)
        })
    }

    fn app(&self, caller: &Caller, id: &AppId) -> Result<&App, TemplatesError> {
        let app = self.rulebook.apps.get(id).filter(|_| caller.may_use(id));
        let app = app.ok_or(TemplatesError::NotFound)?;
        if caller.may_manage_templates(id) {
            Ok(app)
        } else {
            Err(TemplatesError::NotAllowed)
        }
    }

    async fn look(&self, account: &AccountId) -> Result<Vec<CatalogEntry>, TemplatesError> {
        let looked = look(&*self.catalog, account).await;
        looked.map_err(|source| TemplatesError::of(account, source))
    }
}

impl TemplatesError {
    pub(super) fn of(account: &AccountId, source: CatalogError) -> Self {
        Self::Catalog {
            account: account.clone(),
            source,
        }
    }
}

/// How often one question or one order is put to a provider that does not answer. Without a wait: time is not the
/// domain's, and the adapter's time-out is one already.
pub(super) const TRIES_MAX: u8 = 3;

/// What the account has. An answer that was lost is asked for again: looking changes nothing.
pub(super) async fn look(
    catalog: &dyn TemplateCatalog,
    account: &AccountId,
) -> Result<Vec<CatalogEntry>, CatalogError> {
    let mut tries = 1;
    loop {
        match catalog.list(account).await {
            Err(CatalogError::Unavailable(_)) if tries < TRIES_MAX => tries += 1,
            answer => return answer,
        }
    }
}

/// The accounts the app sends from, each once, in the order of its senders.
fn accounts(app: &App) -> impl Iterator<Item = &AccountId> {
    let mut seen = BTreeSet::new();
    let accounts = app.senders.iter().map(|it| &it.account);
    accounts.filter(move |it| seen.insert(*it))
}

fn described(app: &App) -> Vec<Template> {
    app.templates.iter().cloned().collect()
}
