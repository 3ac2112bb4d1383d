//! The labels of every metric. Each is one of few words: a name from the configuration, or a word of the domain. There
//! is no field here that could hold a phone, a code or the id of anything.

use std::borrow::Cow;

use countersign_domain::event::Settlement;
use countersign_domain::id::{AppId, Identified};
use countersign_domain::sender::{AccountId, SenderId};
use countersign_domain::template::{Drift, Language, TemplateName};
use prometheus_client::encoding::EncodeLabelSet;

/// What happened for one app and purpose, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Answer {
    app: String,
    purpose: String,
    outcome: &'static str,
}

impl Answer {
    pub(super) fn of(subject: &Identified, outcome: &'static str) -> Self {
        Self {
            app: subject.app.to_string(),
            purpose: subject.purpose.to_string(),
            outcome,
        }
    }
}

/// What a rule refused for one app and purpose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Refusal {
    pub(super) app: String,
    pub(super) purpose: String,
    pub(super) rule: String,
}

/// How a verification ended, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct End {
    pub(super) app: String,
    pub(super) purpose: String,
    pub(super) state: &'static str,
    pub(super) reason: &'static str,
}

/// A state of something of one app.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct State {
    pub(super) app: String,
    pub(super) state: &'static str,
}

/// Why a message failed, with the provider's own code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Failure {
    pub(super) app: String,
    pub(super) reason: &'static str,
    pub(super) code: Cow<'static, str>,
}

/// From one state to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Move {
    pub(super) app: String,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

/// One app.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfApp {
    app: String,
}

impl OfApp {
    pub(super) fn new(app: &AppId) -> Self {
        Self { app: app.to_string() }
    }
}

/// How a message of one app was accounted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Settled {
    app: String,
    by: &'static str,
}

impl Settled {
    pub(super) fn new(app: &AppId, by: Settlement) -> Self {
        Self {
            app: app.to_string(),
            by: by.name(),
        }
    }
}

/// Whether a person's no found a verification that was still open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct No {
    app: String,
    canceled: bool,
}

impl No {
    pub(super) fn new(app: &AppId, canceled: bool) -> Self {
        Self {
            app: app.to_string(),
            canceled,
        }
    }
}

/// Why a webhook's status was not applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Why {
    pub(super) why: &'static str,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Rule {
    pub(super) rule: String,
}

/// One sender.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfSender {
    sender: String,
}

impl OfSender {
    pub(super) fn new(sender: &SenderId) -> Self {
        Self {
            sender: sender.to_string(),
        }
    }
}

/// What shut a sender.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Shut {
    pub(super) sender: String,
    pub(super) app: String,
    pub(super) fault: &'static str,
}

/// One word the provider may have for a sender.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Rating {
    pub(super) sender: String,
    pub(super) quality: &'static str,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfAccount {
    account: String,
}

impl OfAccount {
    pub(super) fn new(account: &AccountId) -> Self {
        Self {
            account: account.to_string(),
        }
    }
}

/// One way in which a template of an app is wrong in one language.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Drifted {
    app: String,
    account: String,
    template: String,
    language: String,
    drift: &'static str,
}

impl Drifted {
    pub(super) fn new(
        app: &AppId,
        account: &AccountId,
        template: &TemplateName,
        language: &Language,
        drift: &Drift,
    ) -> Self {
        Self {
            app: app.to_string(),
            account: account.to_string(),
            template: template.to_string(),
            language: language.to_string(),
            drift: drift.name(),
        }
    }
}

/// One word people may have for a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TemplateRating {
    pub(super) account: String,
    pub(super) template: String,
    pub(super) language: String,
    pub(super) quality: &'static str,
}

/// What a webhook spoke of, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct News {
    pub(super) word: &'static str,
    pub(super) outcome: &'static str,
}
