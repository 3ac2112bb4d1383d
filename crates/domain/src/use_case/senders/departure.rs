//! What a message sets out with, and what it failed with.

use std::time::Duration;

use crate::app::App;
use crate::delivery::{NextStep, ProviderReport};
use crate::id::AppId;
use crate::policy::Policy;
use crate::sender::SenderId;
use crate::template::{Language, LanguageStep, TemplateName};
use crate::time::Timestamp;
use crate::use_case::senders::health::Way;

/// What a message failed with, and from whom.
#[derive(Clone, Copy, Debug)]
pub(in crate::use_case) struct SenderFailure<'a> {
    pub(in crate::use_case) app: &'a AppId,
    pub(in crate::use_case) sender: &'a SenderId,
    pub(in crate::use_case) template: &'a TemplateName,
    pub(in crate::use_case) language: &'a Language,
    /// How the language was found.
    pub(in crate::use_case) language_step: LanguageStep,
    pub(in crate::use_case) step: NextStep,
    pub(in crate::use_case) report: Option<&'a ProviderReport>,
    /// When the message set out, as far as that is known.
    pub(in crate::use_case) began_at: Timestamp,
}

impl SenderFailure<'_> {
    pub(super) fn way(&self) -> Way {
        Way {
            app: self.app.clone(),
            sender: self.sender.clone(),
            template: self.template.clone(),
            language: self.language.clone(),
        }
    }
}

/// What a message sets out with.
#[derive(Clone, Copy)]
pub(in crate::use_case) struct Departure<'a> {
    pub(in crate::use_case) id: &'a AppId,
    pub(in crate::use_case) app: &'a App,
    pub(in crate::use_case) template: &'a TemplateName,
    pub(in crate::use_case) language: &'a Language,
    /// How the language was found.
    pub(in crate::use_case) language_step: LanguageStep,
    pub(in crate::use_case) policy: &'a Policy,
    /// Whether it is tried although the template is thought to be unusable: there is nothing else, and the policy would
    /// rather try than refuse.
    pub(in crate::use_case) regardless: bool,
}

impl Departure<'_> {
    /// What a message goes by from one of the senders.
    pub(super) fn way(&self, sender: &SenderId) -> Way {
        Way {
            app: self.id.clone(),
            sender: sender.clone(),
            template: self.template.clone(),
            language: self.language.clone(),
        }
    }

    /// For how long a message may wait and still be of use.
    pub(super) fn useful(&self) -> Duration {
        self.policy.code_life.saturating_sub(self.policy.useful_life_min)
    }
}
