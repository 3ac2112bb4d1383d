//! Templates as the provider has them: what this instance knows of them, and what callers may do about them.

mod apply;
mod board;
mod deletion;
mod explain;
mod known;
mod listing;
mod manage;
mod previews;
mod telling;

pub use board::{TemplateBoard, TemplateFault};
pub use manage::{
    AccountPlan, AccountTemplates, ApplyProgress, ApplyResult, DeleteTemplate, ListedTemplate, ManageTemplates,
    PreviewSource, PreviewTemplates, ShownPreview, TemplatesError,
};
