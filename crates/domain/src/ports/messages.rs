//! Sending messages, and what the provider says of who sends them.

use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::code::Code;
use crate::delivery::{IdentityHash, MessageId, NextStep, ProviderReport};
use crate::id::AppId;
use crate::phone::PhoneNumber;
use crate::ports::Cause;
use crate::sender::{Quality, SenderId};
use crate::template::{Language, TemplateName};

/// One message to be sent.
#[derive(Debug)]
pub struct Message {
    /// For which app.
    pub app: AppId,
    /// To whom.
    pub to: PhoneNumber,
    /// The secret it carries.
    pub code: Code,
    /// From whom.
    pub sender: SenderId,
    /// Who has to be behind the number, if that is known; somebody else does not get the message.
    pub identity: Option<IdentityHash>,
    /// The template it is written with.
    pub template: TemplateName,
    /// The language of the template.
    pub language: Language,
    /// What every webhook about it must carry back.
    pub reference: String,
    /// How long the attempt may take.
    pub timeout: Duration,
}

/// The provider took a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether it holds it for a quality assessment first.
    pub held: bool,
    /// What it calls the message.
    pub message: Option<MessageId>,
    /// The number it knows the person by, if it said one. It may be another spelling of the one that was asked for
    /// (Meta: `wa_id`).
    pub number: Option<PhoneNumber>,
}

/// Why a message was not taken, or may not have been.
#[derive(Debug, Error)]
#[error("the message was not accepted: {step:?}")]
pub struct SendError {
    /// What to do next.
    pub step: NextStep,
    /// What the provider said, if it said anything.
    pub report: Option<ProviderReport>,
    /// What went wrong underneath.
    #[source]
    pub cause: Option<Cause>,
}

/// Sends messages.
///
/// Promises: one call is one attempt; it ends within the message's time-out; an answer that was lost is `Uncertain`
/// and never `Unavailable`; the code and the phone appear in no error.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Messenger: Send + Sync {
    /// Makes one attempt.
    async fn send(&self, message: &Message) -> Result<Accepted, SendError>;
}

/// What the provider says about a sender of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderFacts {
    /// What it thinks of the number.
    pub quality: Quality,
}

/// Why the provider did not say.
#[derive(Debug, Error)]
#[error("the provider does not say how the sender is")]
pub struct LookError(#[source] pub Cause);

/// Knows how the provider thinks of our senders.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SenderDirectory: Send + Sync {
    /// Looks once. Providers count these calls and allow few (Meta: 200 an hour), so nobody asks more than once in a
    /// few minutes.
    async fn look(&self, sender: &SenderId) -> Result<SenderFacts, LookError>;
}
