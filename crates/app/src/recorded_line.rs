//! One line of a record: the JSON form of what was decided, and what became of it. docs/replay.md describes it.

use countersign_domain::country::CountryCode;
use countersign_domain::id::{AppId, CallerId, Purpose, RecipientKey};
use countersign_domain::recipient::Comparison;
use countersign_domain::time::Timestamp;
use countersign_domain::use_case::{Mark, RecordedEvent, RecordedSubject, RecordedVerdict};
use countersign_domain::verification::StartOutcome;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Line {
    /// A start that wanted a message sent.
    Start(Box<StartLine>),
    /// A guess was compared.
    Guess {
        at: u64,
        app: String,
        recipient: String,
        right: bool,
        /// Whether its verification had a wrong one before; older records do not say it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// A message failed for good.
    Failed {
        at: u64,
        recipient: String,
        serial: u32,
        delivery: u16,
        /// Whether the provider had taken it before; older records do not say it.
        #[serde(default)]
        left: bool,
    },
    /// A verification ended.
    Ended {
        at: u64,
        recipient: String,
        serial: u32,
        approved: bool,
    },
}

/// A start that wanted a message sent.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartLine {
    at: u64,
    caller: String,
    app: String,
    purpose: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    recipient: String,
    phone: String,
    block: String,
    thousand: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    returning: bool,
    /// `opened` or `resent`; with `refused` what it would have done, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery: Option<u16>,
    /// The rule that refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

impl Line {
    /// The line of an event.
    pub(crate) fn of(event: &RecordedEvent) -> Self {
        match event {
            RecordedEvent::Start {
                at,
                subject,
                is_returning,
                verdict,
            } => Self::Start(Box::new(StartLine::of(*at, subject, *is_returning, verdict))),
            RecordedEvent::Guess {
                at,
                app,
                recipient,
                comparison,
            } => Self::Guess {
                at: at.unix_millis(),
                app: app.to_string(),
                recipient: key(*recipient),
                right: *comparison == Comparison::Right,
                again: *comparison == Comparison::WrongAgain,
            },
            RecordedEvent::Failed {
                at,
                recipient,
                serial,
                delivery,
                had_left,
            } => Self::Failed {
                at: at.unix_millis(),
                recipient: key(*recipient),
                serial: *serial,
                delivery: *delivery,
                left: *had_left,
            },
            RecordedEvent::Ended {
                at,
                recipient,
                serial,
                is_approved,
            } => Self::Ended {
                at: at.unix_millis(),
                recipient: key(*recipient),
                serial: *serial,
                approved: *is_approved,
            },
        }
    }

    /// The event of a line. The error names the field that is not one.
    pub(crate) fn into_event(self) -> Result<RecordedEvent, &'static str> {
        Ok(match self {
            Self::Start(start) => start.into_event()?,
            Self::Guess {
                at,
                app,
                recipient,
                right,
                again,
            } => RecordedEvent::Guess {
                at: Timestamp::from_unix_millis(at),
                app: AppId::parse(&app).map_err(|_| "app")?,
                recipient: recipient_of(&recipient)?,
                comparison: match (right, again) {
                    (true, _) => Comparison::Right,
                    (false, false) => Comparison::FirstWrong,
                    (false, true) => Comparison::WrongAgain,
                },
            },
            Self::Failed {
                at,
                recipient,
                serial,
                delivery,
                left,
            } => RecordedEvent::Failed {
                at: Timestamp::from_unix_millis(at),
                recipient: recipient_of(&recipient)?,
                serial,
                delivery,
                had_left: left,
            },
            Self::Ended {
                at,
                recipient,
                serial,
                approved,
            } => RecordedEvent::Ended {
                at: Timestamp::from_unix_millis(at),
                recipient: recipient_of(&recipient)?,
                serial,
                is_approved: approved,
            },
        })
    }
}

impl StartLine {
    fn of(at: Timestamp, subject: &RecordedSubject, is_returning: bool, verdict: &RecordedVerdict) -> Self {
        let (outcome, serial, delivery, refused) = match verdict {
            RecordedVerdict::Sent {
                outcome,
                serial,
                delivery,
            } => (Some(*outcome), Some(*serial), Some(*delivery), None),
            RecordedVerdict::Refused { rule, outcome } => (*outcome, None, None, Some(rule.clone())),
        };
        Self {
            at: at.unix_millis(),
            caller: subject.caller.to_string(),
            app: subject.app.to_string(),
            purpose: subject.purpose.to_string(),
            country: subject.country.map(|it| it.to_string()),
            recipient: key(subject.recipient),
            phone: mark(subject.phone),
            block: mark(subject.ten_thousand),
            thousand: mark(subject.thousand),
            ip: subject.address.map(mark),
            network: subject.network.map(mark),
            device: subject.device.map(mark),
            returning: is_returning,
            outcome: outcome.map(|it| it.name().to_owned()),
            serial,
            delivery,
            refused,
        }
    }

    fn into_event(self) -> Result<RecordedEvent, &'static str> {
        let country = self
            .country
            .as_deref()
            .map(|it| CountryCode::parse(it).ok_or("country"));
        let outcome = match self.outcome.as_deref() {
            None => None,
            Some("opened") => Some(StartOutcome::Opened),
            Some("resent") => Some(StartOutcome::Resent),
            Some(_) => return Err("outcome"),
        };
        let verdict = match self.refused {
            Some(rule) => RecordedVerdict::Refused { rule, outcome },
            None => RecordedVerdict::Sent {
                outcome: outcome.ok_or("outcome")?,
                serial: self.serial.ok_or("serial")?,
                delivery: self.delivery.ok_or("delivery")?,
            },
        };
        let optional = |text: Option<String>, field| text.map(|it| mark_of(&it, field)).transpose();
        let subject = RecordedSubject {
            caller: CallerId::parse(&self.caller).map_err(|_| "caller")?,
            app: AppId::parse(&self.app).map_err(|_| "app")?,
            purpose: Purpose::parse(&self.purpose).map_err(|_| "purpose")?,
            country: country.transpose()?,
            recipient: recipient_of(&self.recipient)?,
            phone: mark_of(&self.phone, "phone")?,
            ten_thousand: mark_of(&self.block, "block")?,
            thousand: mark_of(&self.thousand, "thousand")?,
            address: optional(self.ip, "ip")?,
            network: optional(self.network, "network")?,
            device: optional(self.device, "device")?,
        };
        Ok(RecordedEvent::Start {
            at: Timestamp::from_unix_millis(self.at),
            subject,
            is_returning: self.returning,
            verdict,
        })
    }
}

fn mark(mark: Mark) -> String {
    HEXLOWER.encode(&mark.0)
}

fn mark_of(text: &str, field: &'static str) -> Result<Mark, &'static str> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| field)?;
    bytes.try_into().map(Mark).map_err(|_| field)
}

fn key(recipient: RecipientKey) -> String {
    HEXLOWER.encode(recipient.as_bytes())
}

fn recipient_of(text: &str) -> Result<RecipientKey, &'static str> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| "recipient")?;
    let bytes = bytes.try_into().map_err(|_| "recipient")?;
    Ok(RecipientKey::from_bytes(bytes))
}
