//! Authentication templates: what an app describes, what the provider has, and what is chosen for one message.
//!
//! - [`Template`] is what the configuration describes, checked as a whole by [`Template::new`].
//! - [`CatalogEntry`] is what the provider has in one language; [`TemplateNews`] is what its webhooks say about it.
//! - [`plan`] compares the two; [`drifts`] compares the clocks: code life, footer and message life.
//! - [`Templates`] are those of one app, and choose the template and the language of a message.

mod catalog;
mod choice;
mod clocks;
mod content;
mod country;
mod language;
mod meta_languages;
mod name;
pub(crate) mod plan;
mod settings;
pub(crate) mod texts;

pub use catalog::{
    CatalogEntry, Category, MessageLife, Said, SeenButton, SeenContent, TemplateId, TemplateNews, TemplateStatus,
    TemplateWord,
};
pub use choice::{Audience, ChosenTemplate, LanguageStep, Pick, Platform, Templates, Wording};
pub(crate) use clocks::TemplateFacts;
pub use clocks::{Drift, drifts};
pub use content::{Button, ButtonKind, ButtonText, ButtonTextError, ButtonTexts, Template};
pub use language::{Language, LanguageError};
pub use meta_languages::META_LANGUAGES;
pub use name::{TemplateName, TemplateNameError};
pub use plan::{Action, Difference, Plan, PlanStep, plan};
pub use settings::{TemplateMistake, TemplateSettings};
