//! What the provider has: templates as they are read back, and what webhooks say about them.

use std::fmt;
use std::time::Duration;

use crate::sender::{AccountId, Quality};
use crate::supported_app::SupportedApp;
use crate::template::{ButtonKind, Language, TemplateName};
use crate::time::Timestamp;

/// What the provider calls one template in one language. Digits at Meta, and never read as a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateId(String);

impl TemplateId {
    /// Takes an id: 1 to 64 characters of `a-z`, `A-Z`, `0-9`, `_` and `-`. `None` for anything else.
    pub fn new(id: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        ((1..=64).contains(&id.len()) && id.bytes().all(fits)).then(|| Self(id.to_owned()))
    }

    /// The id as the provider wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One template in one language, as the provider has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// What the provider calls it.
    pub id: TemplateId,
    /// Its name.
    pub name: TemplateName,
    /// Its language.
    pub language: Language,
    /// Whether it is an authentication template.
    pub category: Category,
    /// Whether it can be sent.
    pub status: TemplateStatus,
    /// Why it was rejected, in the provider's word, if it was.
    pub rejected_reason: Option<String>,
    /// What it says, as far as the provider tells.
    pub content: SeenContent,
    /// How long the provider tries to deliver its messages, as far as it tells.
    pub message_life: Said<MessageLife>,
    /// What people think of it.
    pub quality: Quality,
    /// When it was last changed, as far as the provider tells.
    pub changed_at: Option<Timestamp>,
}

/// Whether the provider said something. What it did not say is compared with nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Said<T> {
    /// It said this.
    Yes(T),
    /// It did not say.
    #[default]
    No,
}

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// One-time codes.
    Authentication,
    /// Anything else, also a category nobody knows: codes may not be sent with it (Meta: template categorization).
    Other,
}

/// How long the provider tries to deliver a message of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageLife {
    /// So long.
    Limited(Duration),
    /// 30 days, which Meta writes as -1 and gives templates of before 2024-10-23 (Meta: time-to-live).
    Unlimited,
}

impl fmt::Display for MessageLife {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited(life) => write!(f, "{} s", life.as_secs()),
            Self::Unlimited => f.write_str("30 days"),
        }
    }
}

/// What a template says, as read back. The body comes back rendered and the button as a link, so that only what the
/// provider tells apart is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenContent {
    /// Whether the body advises not to share the code.
    pub security_recommendation: Said<bool>,
    /// The minutes of the footer; `None` for no footer.
    pub footer_minutes: Said<Option<u8>>,
    /// Its button, when there is one that hands codes over.
    pub button: Option<SeenButton>,
    /// The body as it is shown, with `{{1}}` for the code.
    pub body: Option<String>,
    /// The footer as it is shown.
    pub footer: Option<String>,
}

/// A button, as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenButton {
    /// Its kind.
    pub kind: Said<ButtonKind>,
    /// The label that copies.
    pub copy_text: Option<String>,
    /// The label that hands the code to the app.
    pub autofill_text: Option<String>,
    /// The apps it hands codes to.
    pub apps: Said<Vec<SupportedApp>>,
}

/// Whether a template can be sent. Only [`TemplateStatus::Approved`] can (Meta: templates overview).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateStatus {
    /// It can be sent.
    Approved,
    /// It is being reviewed.
    Pending,
    /// It was refused.
    Rejected,
    /// People complained; it comes back by itself.
    Paused,
    /// It is gone for good.
    Disabled,
    /// The business objected to the refusal.
    InAppeal,
    /// It is being deleted.
    PendingDeletion,
    /// It was deleted.
    Deleted,
    /// The account has more templates than it may.
    LimitExceeded,
    /// Nobody used it for a year; it can be brought back within 28 days.
    Archived,
    /// The provider locked it.
    Locked,
    /// Something newer than this code, in the provider's word, at most 40 characters.
    Other(String),
}

impl TemplateStatus {
    /// Reads the provider's word, in any case. Never fails: a word nobody knows cannot be sent.
    pub fn read(word: &str) -> Self {
        match word.to_ascii_uppercase().as_str() {
            "APPROVED" | "REINSTATED" | "UNARCHIVED" | "FLAGGED" => Self::Approved,
            "PENDING" => Self::Pending,
            "REJECTED" => Self::Rejected,
            "PAUSED" => Self::Paused,
            "DISABLED" => Self::Disabled,
            "IN_APPEAL" => Self::InAppeal,
            "PENDING_DELETION" => Self::PendingDeletion,
            "DELETED" => Self::Deleted,
            "LIMIT_EXCEEDED" => Self::LimitExceeded,
            "ARCHIVED" => Self::Archived,
            "LOCKED" => Self::Locked,
            other => Self::Other(other.chars().take(40).collect()),
        }
    }

    /// Whether messages can be sent with it.
    pub const fn is_sendable(&self) -> bool {
        matches!(self, Self::Approved)
    }

    /// Whether it can be edited (Meta: template management).
    pub const fn is_editable(&self) -> bool {
        matches!(self, Self::Approved | Self::Rejected | Self::Paused)
    }

    /// The status as one word, for logs, metrics and people.
    pub fn name(&self) -> String {
        match self {
            Self::Approved => "approved".to_owned(),
            Self::Pending => "pending".to_owned(),
            Self::Rejected => "rejected".to_owned(),
            Self::Paused => "paused".to_owned(),
            Self::Disabled => "disabled".to_owned(),
            Self::InAppeal => "in_appeal".to_owned(),
            Self::PendingDeletion => "pending_deletion".to_owned(),
            Self::Deleted => "deleted".to_owned(),
            Self::LimitExceeded => "limit_exceeded".to_owned(),
            Self::Archived => "archived".to_owned(),
            Self::Locked => "locked".to_owned(),
            Self::Other(word) => word.to_ascii_lowercase(),
        }
    }
}

/// What a webhook says about one template in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateNews {
    /// The account, when the webhook names one that is configured.
    pub account: Option<AccountId>,
    /// The template's name.
    pub name: TemplateName,
    /// Its language.
    pub language: Language,
    /// When the provider says it happened, as far as it tells. Webhooks come in any order, and for days (Meta: webhooks
    /// overview).
    pub at: Option<Timestamp>,
    /// What is new.
    pub word: TemplateWord,
}

/// What is new about a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateWord {
    /// Its status (Meta: `message_template_status_update`).
    Status {
        /// The status now.
        status: TemplateStatus,
        /// The provider's reason, masked and cut, empty when there is none.
        reason: String,
    },
    /// What people think of it (Meta: `message_template_quality_update`).
    Quality(Quality),
    /// What it is for, now (Meta: `template_category_update`).
    Category(Category),
    /// It says something else; what, only a look tells (Meta: `message_template_components_update`).
    Components,
}

impl TemplateWord {
    /// Every [`TemplateWord::name`].
    pub const NAMES: [&'static str; 4] = ["status", "quality", "category", "components"];

    /// What is new as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Quality(_) => "quality",
            Self::Category(_) => "category",
            Self::Components => "components",
        }
    }
}
