//! The templates at the provider.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::delivery::ProviderReport;
use crate::ports::Cause;
use crate::sender::AccountId;
use crate::template::{CatalogEntry, Language, Template, TemplateId, TemplateName, TemplateStatus};

/// A template to be made or changed: what one description says in some of its languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateOrder {
    /// The description.
    pub template: Template,
    /// The languages this is about; at least one, and each of the description's.
    pub languages: Vec<Language>,
}

/// What the provider made of an order, in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateReceipt {
    /// What it calls the template.
    pub id: TemplateId,
    /// The language.
    pub language: Language,
    /// Whether it can be sent already.
    pub status: TemplateStatus,
}

/// What a message would say, to be asked of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewOrder {
    /// In which languages; empty for all the provider has.
    pub languages: Vec<Language>,
    /// Whether the body advises not to share the code.
    pub security_recommendation: bool,
    /// The minutes of the footer, if there is one.
    pub footer_minutes: Option<u8>,
}

/// What a message says in one language. `{{1}}` stands for the code, and `*` around it for bold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The language.
    pub language: Language,
    /// The body.
    pub body: String,
    /// The footer, if there is one.
    pub footer: Option<String>,
    /// The label that copies.
    pub copy_text: String,
    /// The label that hands the code to an app.
    pub autofill_text: Option<String>,
}

/// Why the provider's catalogue did not do what was asked.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// This process has no business account or no token for managing that account. Nothing was asked.
    #[error("this process may not manage the templates of that account")]
    NotHeld,
    /// The provider refuses the token. An operator has to act.
    #[error("the provider refuses the token")]
    Denied(ProviderReport),
    /// The provider refuses the order; repeating it does not help, unless the report says when.
    #[error("the provider refuses: {0}")]
    Refused(ProviderReport),
    /// The provider has no such template.
    #[error("the provider has no such template")]
    Gone,
    /// The provider does not answer such questions (any more).
    #[error("the provider does not offer this")]
    NotOffered,
    /// Too many calls.
    #[error("the provider asks to slow down")]
    Throttled {
        /// For how long, when it said so.
        retry_after: Option<Duration>,
        /// What it said.
        report: Option<ProviderReport>,
    },
    /// It cannot be reached, failed, or its answer was lost: what was asked for may have been done. Look before
    /// repeating it.
    #[error("the provider did not answer")]
    Unavailable(#[source] Cause),
}

/// The templates an account has at the provider.
///
/// Promises: `list` answers with every authentication template and every other of the account, in every language,
/// whatever number of pages it takes; what was created is listed afterwards; an order that failed with anything but
/// `Unavailable` changed nothing. An upsert is one call for all its languages: those that exist are changed, the others
/// made. No token appears in an error.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait TemplateCatalog: Send + Sync {
    /// Every template of the account.
    async fn list(&self, account: &AccountId) -> Result<Vec<CatalogEntry>, CatalogError>;

    /// One template in one language.
    async fn get(&self, account: &AccountId, id: &TemplateId) -> Result<CatalogEntry, CatalogError>;

    /// Makes a template in exactly one language, with the labels of its button.
    async fn create(&self, account: &AccountId, order: &TemplateOrder) -> Result<TemplateReceipt, CatalogError>;

    /// Makes or changes a template in several languages at once. The labels of the button are the provider's.
    async fn upsert(&self, account: &AccountId, order: &TemplateOrder) -> Result<Vec<TemplateReceipt>, CatalogError>;

    /// Changes a template in exactly one language, with the labels of its button.
    async fn edit(&self, account: &AccountId, id: &TemplateId, order: &TemplateOrder) -> Result<(), CatalogError>;

    /// Deletes a template in all its languages, or in the one of that id.
    async fn delete(
        &self,
        account: &AccountId,
        name: &TemplateName,
        id: Option<TemplateId>,
    ) -> Result<(), CatalogError>;

    /// What messages would say. [`CatalogError::NotOffered`] when the provider does not tell.
    async fn preview(&self, account: &AccountId, order: &PreviewOrder) -> Result<Vec<Preview>, CatalogError>;
}
