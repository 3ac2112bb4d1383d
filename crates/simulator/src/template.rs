//! A template of the configuration, and the button every authentication template has. Kept out: what becomes of
//! templates once the simulator runs (see `catalogue`).

use std::collections::BTreeSet;
use std::time::Duration;

/// An approved authentication template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// 1 to 512 of `a-z`, `0-9`, `_`.
    pub name: String,
    /// Languages in which it is approved, such as `en_US`. At least one.
    pub languages: BTreeSet<String>,
    /// Minutes in the footer, 1 to 90; `None` leaves the footer out. Default: 10.
    pub code_expiration_minutes: Option<u8>,
    /// Whether the body advises not to share the code. Default: `true`.
    pub add_security_recommendation: bool,
    /// `message_send_ttl_seconds`: a message that is not delivered within this time is dropped. 30 s to 15 min, or
    /// `None` for 30 days. Default: 10 min.
    pub message_life: Option<Duration>,
    /// Default: copies the code.
    pub button: Button,
}

/// The one button of an authentication template (Meta: authentication templates pages).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Button {
    /// Copies the code.
    CopyCode {
        /// The label, 1 to 25 characters; Meta's in each language when `None`.
        text: Option<String>,
    },
    /// Fills the code in once it is tapped.
    OneTap(Tap),
    /// Fills the code in by itself.
    ZeroTap(Tap),
}

/// What a button that fills in the code needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The apps that may take the code, 1 to 5.
    pub apps: Vec<SupportedApp>,
    /// The label of the button that copies, which is shown where no app takes the code; 1 to 25 characters, Meta's
    /// when `None`.
    pub text: Option<String>,
    /// The label of the button that fills in, 1 to 25 characters; Meta's when `None`.
    pub autofill_text: Option<String>,
}

/// An Android app that may take a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportedApp {
    /// Such as `com.example.app`; at most 224 characters.
    pub package_name: String,
    /// 11 characters of Base64.
    pub signature_hash: String,
}

impl Template {
    /// A template in which everything else has its documented default.
    pub fn new<L: Into<String>>(name: &str, languages: impl IntoIterator<Item = L>) -> Self {
        Self {
            name: name.into(),
            languages: languages.into_iter().map(Into::into).collect(),
            code_expiration_minutes: Some(10),
            add_security_recommendation: true,
            message_life: Some(Duration::from_secs(600)),
            button: Button::copy_code(),
        }
    }
}

impl Button {
    /// Copies the code, with Meta's label.
    pub fn copy_code() -> Self {
        Self::CopyCode { text: None }
    }

    /// Fills the code into one of these apps once it is tapped, with Meta's labels.
    pub fn one_tap(apps: impl IntoIterator<Item = SupportedApp>) -> Self {
        Self::OneTap(Tap::of(apps))
    }

    /// Fills the code into one of these apps by itself, with Meta's labels.
    pub fn zero_tap(apps: impl IntoIterator<Item = SupportedApp>) -> Self {
        Self::ZeroTap(Tap::of(apps))
    }

    /// `otp_type`, as Meta writes it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::CopyCode { .. } => "COPY_CODE",
            Self::OneTap(_) => "ONE_TAP",
            Self::ZeroTap(_) => "ZERO_TAP",
        }
    }

    /// The label of the button that copies, unless it is Meta's.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::CopyCode { text } => text.as_deref(),
            Self::OneTap(tap) | Self::ZeroTap(tap) => tap.text.as_deref(),
        }
    }

    /// The apps that may take the code; none for a button that copies.
    pub(crate) fn apps(&self) -> &[SupportedApp] {
        match self {
            Self::CopyCode { .. } => &[],
            Self::OneTap(tap) | Self::ZeroTap(tap) => &tap.apps,
        }
    }
}

impl Tap {
    fn of(apps: impl IntoIterator<Item = SupportedApp>) -> Self {
        Self {
            apps: apps.into_iter().collect(),
            text: None,
            autofill_text: None,
        }
    }
}
