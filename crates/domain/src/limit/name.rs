//! The names of rules, and the parts their keys are made of.

use std::fmt;

use crate::id::{IdError, is_slug};

/// The name of a rule, as configuration, refusals and metrics write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleName {
    /// The growing wait before the next send to a recipient (R13).
    SendWait,
    /// Sends to a recipient within the short window (R14).
    SendsPerWindow,
    /// Sends to a recipient within a day (R14).
    SendsPerDay,
    /// Wrong guesses at a recipient within a day (R6).
    WrongGuessesPerDay,
    /// Wrong guesses at a recipient in a row (R6).
    ConsecutiveWrongGuesses,
    /// An operator holds the recipient.
    OperatorHold,
    /// Sends to a phone, over all apps, that nobody answered (R15).
    UnansweredSends,
    /// The countries an app may send to (R18).
    Countries,
    /// The messages a second that a sender may send. Never refuses a start: messages wait for it.
    SenderThroughput,
    /// Unfinished sends to a block of ten thousand numbers (the guard's velocity gate).
    UnfinishedPerBlock,
    /// Unfinished sends to a country (the guard's velocity gate).
    UnfinishedPerCountry,
    /// A block or a country that the guard has stopped, or challenges.
    Guard,
    /// The one time that a solved challenge counts (R17).
    ChallengeOnce,
    /// A rule or a budget of the configuration.
    Named(RuleLabel),
}

impl RuleName {
    /// Every name that is not of the configuration.
    pub const BUILT_IN: [Self; 13] = [
        Self::SendWait,
        Self::SendsPerWindow,
        Self::SendsPerDay,
        Self::WrongGuessesPerDay,
        Self::ConsecutiveWrongGuesses,
        Self::OperatorHold,
        Self::UnansweredSends,
        Self::Countries,
        Self::SenderThroughput,
        Self::UnfinishedPerBlock,
        Self::UnfinishedPerCountry,
        Self::Guard,
        Self::ChallengeOnce,
    ];

    /// The name as text, stable.
    pub fn as_str(&self) -> &str {
        match self {
            Self::SendWait => "send_wait",
            Self::SendsPerWindow => "sends_per_window",
            Self::SendsPerDay => "sends_per_day",
            Self::WrongGuessesPerDay => "wrong_guesses_per_day",
            Self::ConsecutiveWrongGuesses => "consecutive_wrong_guesses",
            Self::OperatorHold => "operator_hold",
            Self::UnansweredSends => "unanswered_sends",
            Self::Countries => "countries",
            Self::SenderThroughput => "sender_throughput",
            Self::UnfinishedPerBlock => "unfinished_per_block",
            Self::UnfinishedPerCountry => "unfinished_per_country",
            Self::Guard => "guard",
            Self::ChallengeOnce => "challenge_once",
            Self::Named(label) => label.as_str(),
        }
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a rule of the configuration: a slug, 1 to 32 characters of `a-z`, `0-9`, `_` and `-`, starting with a
/// letter. Kept in place, so that charges stay small and copyable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleLabel {
    bytes: [u8; 32],
    length: u8,
}

impl RuleLabel {
    /// Reads the name of a rule.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if !is_slug(text) {
            return Err(IdError::Slug);
        }
        let mut bytes = [0; 32];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let length = u8::try_from(text.len()).map_err(|_| IdError::Slug)?;
        Ok(Self { bytes, length })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for RuleLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One part of what a rule tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum KeyPart {
    /// The phone, in its one canonical form.
    Phone,
    /// The address of the person's device, as the caller says.
    ClientIp,
    /// The network of that address: /24 of IPv4, /64 of IPv6.
    ClientNetwork,
    /// The caller's id of the person's device.
    Device,
    /// The ten thousand numbers that differ in the last four digits.
    NumberBlock,
    /// The country of the phone.
    Country,
    /// The app.
    App,
    /// The purpose.
    Purpose,
    /// The internal service that asks.
    Caller,
}

impl KeyPart {
    /// Every part, in the order in which keys are written.
    pub const ALL: [Self; 9] = [
        Self::Phone,
        Self::ClientIp,
        Self::ClientNetwork,
        Self::Device,
        Self::NumberBlock,
        Self::Country,
        Self::App,
        Self::Purpose,
        Self::Caller,
    ];

    /// The part as one word, as configuration and refusals write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::ClientIp => "client_ip",
            Self::ClientNetwork => "client_network",
            Self::Device => "device",
            Self::NumberBlock => "number_block",
            Self::Country => "country",
            Self::App => "app",
            Self::Purpose => "purpose",
            Self::Caller => "caller",
        }
    }
}

/// What a rule tells apart: any of the parts, or none, and then everything counts as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KeyParts(u16);

impl KeyParts {
    /// No part: everything counts as one.
    pub const EVERYTHING: Self = Self(0);
    /// What the recipient's own rules tell apart.
    pub const RECIPIENT: Self = Self::of(&[KeyPart::Phone, KeyPart::App, KeyPart::Purpose]);

    /// These parts.
    pub const fn of(parts: &[KeyPart]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < parts.len() {
            bits |= 1 << parts[at] as u16;
            at += 1;
        }
        Self(bits)
    }

    /// Whether the part is one of them.
    pub const fn has(self, part: KeyPart) -> bool {
        self.0 & (1 << part as u16) != 0
    }

    /// The parts, in the order in which keys are written.
    pub fn iter(self) -> impl Iterator<Item = KeyPart> {
        KeyPart::ALL.into_iter().filter(move |part| self.has(*part))
    }
}

impl FromIterator<KeyPart> for KeyParts {
    fn from_iter<T: IntoIterator<Item = KeyPart>>(parts: T) -> Self {
        Self(parts.into_iter().fold(0, |bits, part| bits | (1 << part as u16)))
    }
}

impl fmt::Display for KeyParts {
    /// `phone+app`, or `everything`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::EVERYTHING {
            return f.write_str("everything");
        }
        for (place, part) in self.iter().enumerate() {
            if place > 0 {
                f.write_str("+")?;
            }
            f.write_str(part.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for KeyParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
