//! The three clocks: how long a code lives, what the footer promises, and how long the provider tries to deliver.

use std::fmt;
use std::time::Duration;

use crate::delivery::ProviderReport;
use crate::policy::{MESSAGE_LIFE_RANGE, OnDrift, Policy};
use crate::template::{CatalogEntry, Category, MessageLife, Said, Template, TemplateStatus};

/// What an operator runs to bring the provider into agreement with the configuration.
const APPLY: &str = "run `countersign templates apply`";

/// What keeps a template in one language from being what the configuration promises. `Display` is one line for people:
/// what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The provider has no such template in that language (Meta 132001).
    Missing,
    /// It cannot be sent now.
    NotSendable {
        /// Its status.
        status: TemplateStatus,
        /// The provider's reason, empty when there is none.
        reason: String,
    },
    /// It is no authentication template any more.
    Category,
    /// Messages live longer than the code they carry.
    MessageLife {
        /// How long messages live.
        life: MessageLife,
        /// How long codes live.
        code_life: Duration,
    },
    /// The footer promises more than the code lives.
    Footer {
        /// The minutes it promises.
        minutes: u8,
        /// How long codes live.
        code_life: Duration,
    },
}

impl Drift {
    /// Every [`Drift::name`], the worst first.
    pub const NAMES: [&'static str; 5] = ["missing", "not_sendable", "category", "message_life", "footer"];

    /// The drift as one word, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotSendable { .. } => "not_sendable",
            Self::Category => "category",
            Self::MessageLife { .. } => "message_life",
            Self::Footer { .. } => "footer",
        }
    }

    /// Whether clocks disagree. The provider sends such a template all the same; with every other drift it refuses, or
    /// sends what may not carry a code.
    pub const fn is_clock(&self) -> bool {
        match self {
            Self::MessageLife { .. } | Self::Footer { .. } => true,
            Self::Missing | Self::NotSendable { .. } | Self::Category => false,
        }
    }

    /// Whether a template that is like this is not used under a policy.
    pub fn is_refused_under(&self, policy: &Policy) -> bool {
        !self.is_clock() || policy.on_drift == OnDrift::Refuse
    }

    /// The drift as a report, for where a provider's refusal would stand. Without a code, since nobody was asked.
    pub fn report(&self) -> ProviderReport {
        ProviderReport::new(0, self.name(), &self.to_string())
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(f, "the account has no such template in this language: {APPLY}"),
            Self::NotSendable { status, reason } => {
                write!(f, "cannot be sent, its status is {}", status.name())?;
                if !reason.is_empty() {
                    write!(f, " ({reason})")?;
                }
                write!(f, ": {}", what_to_do_about(status))
            }
            Self::Category => write!(
                f,
                "is no authentication template any more, and no other may carry a code: describe it under a new name \
                 and {APPLY}"
            ),
            Self::MessageLife { life, code_life } => write!(
                f,
                "messages live {life}, longer than codes ({} s): set message_life to at most {} s and {APPLY}",
                code_life.as_secs(),
                code_life.min(&MESSAGE_LIFE_RANGE.1).as_secs(),
            ),
            Self::Footer { minutes, code_life } => write!(
                f,
                "the footer promises {minutes} min, more than codes live ({} s): set footer_minutes to at most {} and \
                 {APPLY}",
                code_life.as_secs(),
                code_life.as_secs() / 60,
            ),
        }
    }
}

/// How a template comes out of a status, or what takes its place (Meta: template management, template archival).
const fn what_to_do_about(status: &TemplateStatus) -> &'static str {
    match status {
        TemplateStatus::Approved => "nothing",
        TemplateStatus::Pending | TemplateStatus::InAppeal => "wait for Meta's review",
        TemplateStatus::Rejected => {
            "change what Meta objects to and run `countersign templates apply`, or appeal in WhatsApp Manager"
        }
        TemplateStatus::Paused => "it comes back by itself; find out what people complain about",
        TemplateStatus::Disabled | TemplateStatus::PendingDeletion | TemplateStatus::Deleted => {
            "it does not come back; describe it under a new name and run `countersign templates apply`"
        }
        TemplateStatus::LimitExceeded => {
            "delete templates that nobody uses in WhatsApp Manager and run `countersign templates apply`"
        }
        TemplateStatus::Archived => "bring it back in WhatsApp Manager within 28 days, after which it is deleted",
        TemplateStatus::Locked | TemplateStatus::Other(_) => "look at it in WhatsApp Manager",
    }
}

/// What is wrong with an entry for codes that live so long, the worst first. `None` for an entry the provider does not
/// have. What the provider does not say is taken to be right.
pub fn drifts(entry: Option<&CatalogEntry>, code_life: Duration) -> Vec<Drift> {
    let facts = entry.map_or(TemplateFacts::MISSING, TemplateFacts::of);
    facts.drifts(code_life).collect()
}

/// What of an entry keeps it from being used, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateFacts {
    /// Whether the provider has no such entry.
    pub(crate) is_missing: bool,
    /// Its status, and the provider's reason for it, empty when there is none.
    pub(crate) status: Said<(TemplateStatus, String)>,
    pub(crate) category: Said<Category>,
    pub(crate) message_life: Said<MessageLife>,
    pub(crate) footer_minutes: Said<Option<u8>>,
}

impl TemplateFacts {
    /// Of an entry that nobody has spoken of.
    pub(crate) const UNKNOWN: Self = Self {
        is_missing: false,
        status: Said::No,
        category: Said::No,
        message_life: Said::No,
        footer_minutes: Said::No,
    };

    /// Of an entry that the provider does not have.
    pub(crate) const MISSING: Self = Self {
        is_missing: true,
        ..Self::UNKNOWN
    };

    /// What a description says, whatever the provider makes of it.
    pub(crate) fn described(template: &Template) -> Self {
        Self {
            message_life: Said::Yes(MessageLife::Limited(template.message_life)),
            footer_minutes: Said::Yes(template.footer_minutes),
            ..Self::UNKNOWN
        }
    }

    /// What an entry says.
    pub(crate) fn of(entry: &CatalogEntry) -> Self {
        let reason = entry.rejected_reason.clone().unwrap_or_default();
        Self {
            is_missing: false,
            status: Said::Yes((entry.status.clone(), reason)),
            category: Said::Yes(entry.category),
            message_life: entry.message_life,
            footer_minutes: entry.content.footer_minutes,
        }
    }

    /// What is wrong for codes that live so long, the worst first. Allocates only when the status is wrong.
    pub(crate) fn drifts(&self, code_life: Duration) -> impl Iterator<Item = Drift> + use<> {
        let found = if self.is_missing {
            [Some(Drift::Missing), None, None, None]
        } else {
            [
                self.not_sendable(),
                self.other_category(),
                self.long_life(code_life),
                self.long_promise(code_life),
            ]
        };
        found.into_iter().flatten()
    }

    /// Whether the provider would send codes with it, as far as it is known.
    pub(crate) fn is_sendable(&self) -> bool {
        self.drifts(Duration::MAX).all(|it| it.is_clock())
    }

    fn not_sendable(&self) -> Option<Drift> {
        match &self.status {
            Said::Yes((status, reason)) if !status.is_sendable() => Some(Drift::NotSendable {
                status: status.clone(),
                reason: reason.clone(),
            }),
            Said::Yes(_) | Said::No => None,
        }
    }

    fn other_category(&self) -> Option<Drift> {
        (self.category == Said::Yes(Category::Other)).then_some(Drift::Category)
    }

    fn long_life(&self, code_life: Duration) -> Option<Drift> {
        match self.message_life {
            Said::Yes(life) if life > MessageLife::Limited(code_life) => Some(Drift::MessageLife { life, code_life }),
            Said::Yes(_) | Said::No => None,
        }
    }

    fn long_promise(&self, code_life: Duration) -> Option<Drift> {
        match self.footer_minutes {
            Said::Yes(Some(minutes)) if Duration::from_secs(u64::from(minutes) * 60) > code_life => {
                Some(Drift::Footer { minutes, code_life })
            }
            Said::Yes(_) | Said::No => None,
        }
    }
}
