//! What format 3 added at the end of format 2: which template each delivery is written with, and why.
//!
//! A record of an older format is read as one in which nobody chose.

use countersign_domain::delivery::Delivery;
use countersign_domain::recipient::Recipient;
use countersign_domain::template::{ButtonKind, ChosenTemplate, LanguageStep, TemplateName};
use serde::{Deserialize, Serialize};

use super::RecordError;

/// One list for each verification, and in it one entry for each delivery, in their order.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Chosen<'a>(#[serde(borrow)] Vec<Vec<Option<StoredChoice<'a>>>>);

#[derive(Serialize, Deserialize)]
struct StoredChoice<'a> {
    name: &'a str,
    button: StoredButton,
    step: StoredStep,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum StoredButton {
    CopyCode,
    OneTap,
    ZeroTap,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum StoredStep {
    Exact,
    Kin,
    Country,
    Default,
    English,
}

impl<'a> Chosen<'a> {
    /// What format 2 does not say of a recipient.
    pub(super) fn of(recipient: &'a Recipient) -> Self {
        let choice = |it: &'a Delivery| it.template.as_ref().map(StoredChoice::of);
        let of_verification = |it: &'a [Delivery]| it.iter().map(choice).collect();
        let verifications = recipient.verifications.iter();
        Self(verifications.map(|it| of_verification(&it.deliveries)).collect())
    }

    /// Completes a recipient that was read as format 2.
    pub(super) fn complete(self, recipient: &mut Recipient) -> Result<(), RecordError> {
        for (verification, choices) in recipient.verifications.iter_mut().zip(self.0) {
            for (delivery, choice) in verification.deliveries.iter_mut().zip(choices) {
                delivery.template = choice.map(StoredChoice::into_chosen).transpose()?;
            }
        }
        Ok(())
    }
}

impl<'a> StoredChoice<'a> {
    fn of(chosen: &'a ChosenTemplate) -> Self {
        Self {
            name: chosen.name.as_str(),
            button: match chosen.button {
                ButtonKind::CopyCode => StoredButton::CopyCode,
                ButtonKind::OneTap => StoredButton::OneTap,
                ButtonKind::ZeroTap => StoredButton::ZeroTap,
            },
            step: match chosen.step {
                LanguageStep::Exact => StoredStep::Exact,
                LanguageStep::Kin => StoredStep::Kin,
                LanguageStep::Country => StoredStep::Country,
                LanguageStep::Default => StoredStep::Default,
                LanguageStep::English => StoredStep::English,
            },
        }
    }

    fn into_chosen(self) -> Result<ChosenTemplate, RecordError> {
        Ok(ChosenTemplate {
            name: TemplateName::parse(self.name).map_err(|_| RecordError::Value("template"))?,
            button: match self.button {
                StoredButton::CopyCode => ButtonKind::CopyCode,
                StoredButton::OneTap => ButtonKind::OneTap,
                StoredButton::ZeroTap => ButtonKind::ZeroTap,
            },
            step: match self.step {
                StoredStep::Exact => LanguageStep::Exact,
                StoredStep::Kin => LanguageStep::Kin,
                StoredStep::Country => LanguageStep::Country,
                StoredStep::Default => LanguageStep::Default,
                StoredStep::English => LanguageStep::English,
            },
        })
    }
}
