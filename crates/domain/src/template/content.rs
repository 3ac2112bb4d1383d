//! What an app's template says. The rules Meta has for it are in `settings`.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::supported_app::SupportedApps;
use crate::template::{Drift, Language, TemplateFacts, TemplateName};

/// One authentication template of an app, as the configuration describes it. Right as a whole: see [`Template::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// The languages it is to exist in; at least one, none twice.
    pub languages: Vec<Language>,
    /// Whether its body advises not to share the code (Meta: `add_security_recommendation`).
    pub security_recommendation: bool,
    /// The minutes its footer promises, 1 to 90; `None` for no footer (Meta: `code_expiration_minutes`).
    pub footer_minutes: Option<u8>,
    /// Its one button.
    pub button: Button,
    /// What the button says, in the languages in which it does not say what Meta prefers.
    pub button_texts: BTreeMap<Language, ButtonTexts>,
    /// How long the provider tries to deliver a message, 30 s to 15 min (Meta: `message_send_ttl_seconds`).
    pub message_life: Duration,
}

impl Template {
    /// Whether some language would have to be two things if one account had both descriptions: they have it in common
    /// and say something else about it. The order of languages says nothing.
    pub fn contradicts(&self, other: &Self) -> bool {
        let mut shared = self.languages.iter().filter(|it| other.languages.contains(it));
        let says_the_same = Self {
            languages: self.languages.clone(),
            button_texts: self.button_texts.clone(),
            ..other.clone()
        } == *self;
        let texts = |it: &Self, language| it.button_texts.get(language).cloned().unwrap_or_default();
        shared.any(|it| !says_the_same || texts(self, it) != texts(other, it))
    }

    /// What of the description itself is wrong for codes that live so long: its clocks, the message life first.
    pub fn drifts(&self, code_life: Duration) -> Vec<Drift> {
        TemplateFacts::described(self).drifts(code_life).collect()
    }
}

/// The button of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Button {
    /// The person copies the code.
    CopyCode,
    /// One tap hands the code to an Android app.
    OneTap(SupportedApps),
    /// The code reaches an Android app by itself. Meta's terms were accepted, or there is none such.
    ZeroTap(SupportedApps),
}

impl Button {
    /// Its kind alone.
    pub const fn kind(&self) -> ButtonKind {
        match self {
            Self::CopyCode => ButtonKind::CopyCode,
            Self::OneTap(_) => ButtonKind::OneTap,
            Self::ZeroTap(_) => ButtonKind::ZeroTap,
        }
    }

    /// The apps it hands codes to.
    pub const fn apps(&self) -> Option<&SupportedApps> {
        match self {
            Self::CopyCode => None,
            Self::OneTap(apps) | Self::ZeroTap(apps) => Some(apps),
        }
    }
}

/// How a code gets from the message into the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ButtonKind {
    /// The person copies it.
    CopyCode,
    /// The person taps once.
    OneTap,
    /// By itself.
    ZeroTap,
}

impl ButtonKind {
    /// The kind as one word, for logs, metrics and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CopyCode => "copy_code",
            Self::OneTap => "one_tap",
            Self::ZeroTap => "zero_tap",
        }
    }
}

/// A label of a button: one line of 1 to 25 characters that neither begins nor ends with a space (Meta: authentication
/// templates).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ButtonText(String);

impl ButtonText {
    /// The most characters a label may have (Meta: authentication templates).
    pub const CHARACTERS_MAX: usize = 25;

    /// Takes a label. The error says what is wrong with it, and what to write.
    pub fn parse(text: &str) -> Result<Self, ButtonTextError> {
        if text.trim().is_empty() {
            return Err(ButtonTextError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(ButtonTextError::NotOneLine);
        }
        if text.trim() != text {
            return Err(ButtonTextError::Space);
        }
        match text.chars().count() {
            count if count > Self::CHARACTERS_MAX => Err(ButtonTextError::TooLong(count)),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a label of a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ButtonTextError {
    /// There is nothing to read.
    #[error("must not be empty; leave it out for the label Meta has in that language")]
    Empty,
    /// It has a line break or another control character.
    #[error("must be one line, without line breaks and tabs")]
    NotOneLine,
    /// It begins or ends with a space, which the provider may drop.
    #[error("must not begin or end with a space")]
    Space,
    /// It has more than [`ButtonText::CHARACTERS_MAX`] characters; this is how many.
    #[error("must be at most {max} characters, not {0}", max = ButtonText::CHARACTERS_MAX)]
    TooLong(usize),
}

/// What a button says; what is `None` is what Meta prefers in that language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ButtonTexts {
    /// The label that copies the code.
    pub copy: Option<ButtonText>,
    /// The label that hands the code to the app; one-tap and zero-tap alone.
    pub autofill: Option<ButtonText>,
}
