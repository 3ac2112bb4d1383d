//! One template in one language, and what may become of it. Kept out: the rest of the account (see `store`), and how
//! any of it is written.

use std::time::Duration;

use serde_json::Value;

use crate::catalogue::rules::{Draft, Life};
use crate::senders::Quality;
use crate::template::{Button, Template};

/// The life of messages of a template that says nothing about it (Meta: time-to-live page).
const LIFE_UNASKED: Duration = Duration::from_secs(600);

/// Where a template stands. Only an approved one can be sent (Meta: template management page).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateStatus {
    /// Can be sent.
    Approved,
    /// Waits for its review.
    Pending,
    /// Did not pass its review.
    Rejected,
    /// Cannot be sent for a while.
    Paused,
    /// Cannot be sent any more, nor deleted.
    Disabled,
    /// Put away; deleted after 28 days.
    Archived,
    /// Whatever [`crate::TemplateOrder::SetStatus`] said, which may be a word that Meta does not use yet.
    Other,
}

impl TemplateStatus {
    /// The word Meta uses. For [`TemplateStatus::Other`] it is [`CatalogueEntry::status_word`] that counts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Pending => "PENDING",
            Self::Rejected => "REJECTED",
            Self::Paused => "PAUSED",
            Self::Disabled => "DISABLED",
            Self::Archived => "ARCHIVED",
            Self::Other => "OTHER",
        }
    }
}

/// A template in one language as the account has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// The id in paths, digits only.
    pub id: String,
    /// The name, which it shares with its other languages.
    pub name: String,
    /// The language as the API writes it, such as `en_US`.
    pub language: String,
    /// `AUTHENTICATION`, unless it was ordered otherwise.
    pub category: String,
    /// Where it stands.
    pub status: TemplateStatus,
    /// The same in the word with which it is read.
    pub status_word: String,
    /// How long a message may take to be delivered; `None` for 30 days.
    pub message_life: Option<Duration>,
    /// Minutes in the footer; `None` for no footer.
    pub code_expiration_minutes: Option<u8>,
    /// Whether the body advises not to share the code.
    pub add_security_recommendation: bool,
    /// Its button.
    pub button: Button,
    /// `components` of the request that created it or last edited it; null for a template of the configuration.
    pub components_sent: Value,
    /// How people receive it.
    pub quality: Quality,
    /// Why it was rejected, while it is.
    pub rejected_reason: Option<String>,
    /// When it was created, in Unix milliseconds.
    pub created_at_ms: u64,
    /// When anything about it last changed, in Unix milliseconds.
    pub changed_at_ms: u64,
    /// When it was edited, in Unix milliseconds, oldest first. Creation is not an edit.
    pub edited_at_ms: Vec<u64>,
}

/// What a template says, in every language alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) security: bool,
    pub(crate) minutes: Option<u8>,
    pub(crate) button: Button,
}

/// A template with what its life needs.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) category: String,
    pub(crate) status: TemplateStatus,
    /// The word of [`TemplateStatus::Other`].
    pub(crate) other_word: String,
    pub(crate) content: Content,
    pub(crate) life: Option<Duration>,
    pub(crate) sent: Value,
    pub(crate) quality: Quality,
    pub(crate) quality_at_ms: Option<u64>,
    pub(crate) rejected_reason: Option<String>,
    pub(crate) created_at_ms: u64,
    pub(crate) changed_at_ms: u64,
    pub(crate) edits: Vec<Edit>,
    /// Pauses for quality so far.
    pub(crate) pauses: u32,
    pub(crate) pause: Option<Pause>,
    pub(crate) before_archiving: Option<TemplateStatus>,
    /// Moves with every change of status, so that an alarm that was set before is about nothing any more.
    pub(crate) turn: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit {
    pub(crate) at_ms: u64,
    /// Whether it counts towards the limits, which are for approved templates.
    pub(crate) counts: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub(crate) since_ms: u64,
    pub(crate) cause: PauseCause,
}

/// Why a template is paused. Only the second kind can be lifted with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseCause {
    Quality,
    Pacing,
}

impl Entry {
    /// One language of a template of the configuration, approved.
    pub(crate) fn configured(template: &Template, language: &str, now_ms: u64) -> Self {
        let content = Content {
            security: template.add_security_recommendation,
            minutes: template.code_expiration_minutes,
            button: template.button.clone(),
        };
        Self {
            status: TemplateStatus::Approved,
            ..Self::new(&template.name, language, content, template.message_life, now_ms)
        }
    }

    /// A template that is still to be reviewed.
    pub(crate) fn drafted(draft: &Draft, language: &str, now_ms: u64) -> Self {
        let life = draft.life.map_or(Some(LIFE_UNASKED), |Life(life)| life);
        Self {
            sent: draft.components.clone(),
            ..Self::new(&draft.name, language, draft.content.clone(), life, now_ms)
        }
    }

    /// Changes the status, which makes alarms that were set before be about nothing.
    pub(crate) fn become_now(&mut self, status: TemplateStatus, at_ms: u64) {
        self.status = status;
        self.turn += 1;
        self.changed_at_ms = at_ms;
        if status != TemplateStatus::Paused {
            self.pause = None;
        }
        if status != TemplateStatus::Rejected {
            self.rejected_reason = None;
        }
        if status != TemplateStatus::Archived {
            self.before_archiving = None;
        }
    }

    /// The status as it is read.
    pub(crate) fn status_word(&self) -> &str {
        match self.status {
            TemplateStatus::Other => &self.other_word,
            known => known.word(),
        }
    }

    /// Edits of an approved template since `from_ms`.
    pub(crate) fn edits_since(&self, from_ms: u64) -> usize {
        let recent = self.edits.iter().filter(|edit| edit.counts && edit.at_ms > from_ms);
        recent.count()
    }

    pub(crate) fn view(&self) -> CatalogueEntry {
        CatalogueEntry {
            id: self.id.to_string(),
            name: self.name.clone(),
            language: self.language.clone(),
            category: self.category.clone(),
            status: self.status,
            status_word: self.status_word().into(),
            message_life: self.life,
            code_expiration_minutes: self.content.minutes,
            add_security_recommendation: self.content.security,
            button: self.content.button.clone(),
            components_sent: self.sent.clone(),
            quality: self.quality,
            rejected_reason: self.rejected_reason.clone(),
            created_at_ms: self.created_at_ms,
            changed_at_ms: self.changed_at_ms,
            edited_at_ms: self.edits.iter().map(|edit| edit.at_ms).collect(),
        }
    }

    fn new(name: &str, language: &str, content: Content, life: Option<Duration>, now_ms: u64) -> Self {
        Self {
            id: 0,
            name: name.into(),
            language: language.into(),
            category: "AUTHENTICATION".into(),
            status: TemplateStatus::Pending,
            other_word: String::new(),
            content,
            life,
            sent: Value::Null,
            quality: Quality::Unknown,
            quality_at_ms: None,
            rejected_reason: None,
            created_at_ms: now_ms,
            changed_at_ms: now_ms,
            edits: Vec::new(),
            pauses: 0,
            pause: None,
            before_archiving: None,
            turn: 0,
        }
    }
}
