//! A messenger that sends nothing, remembers everything, and answers as it is told.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use countersign_domain::delivery::{IdentityHash, MessageId, NextStep, ProviderReport};
use countersign_domain::id::AppId;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::ports::{Accepted, Message, Messenger, SendError};
use countersign_domain::sender::SenderId;
use countersign_domain::template::{Language, TemplateName};

use crate::sync::lock;

/// What a scripted attempt comes to.
pub type Answer = Result<Accepted, NextStep>;

/// One attempt, whatever was answered. `Debug` shows neither the phone nor the code.
#[derive(Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// For which app.
    pub app: AppId,
    /// To whom.
    pub to: PhoneNumber,
    /// The code it carried.
    pub code: String,
    /// From whom.
    pub sender: SenderId,
    /// Who has to be behind the number.
    pub identity: Option<IdentityHash>,
    /// The template it was written with.
    pub template: TemplateName,
    /// The language of the template.
    pub language: Language,
    /// What webhooks about it carry back.
    pub reference: String,
    /// What the provider would call it.
    pub id: MessageId,
}

impl fmt::Debug for SentMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentMessage")
            .field("app", &self.app)
            .field("to", &self.to)
            .field("code", &"redacted")
            .field("sender", &self.sender)
            .field("identity", &self.identity)
            .field("template", &self.template)
            .field("language", &self.language)
            .field("reference", &self.reference)
            .field("id", &self.id)
            .finish()
    }
}

/// Accepts every message unless it is told otherwise.
#[derive(Debug)]
pub struct FakeMessenger(Mutex<State>);

#[derive(Debug)]
struct State {
    sent: Vec<SentMessage>,
    next: VecDeque<Scripted>,
    always: Scripted,
}

#[derive(Clone, Debug)]
struct Scripted {
    answer: Answer,
    report: Option<ProviderReport>,
}

impl From<Answer> for Scripted {
    fn from(answer: Answer) -> Self {
        Self { answer, report: None }
    }
}

impl FakeMessenger {
    /// Every attempt so far, whatever was answered.
    pub fn sent(&self) -> Vec<SentMessage> {
        lock(&self.0).sent.clone()
    }

    /// The code in the newest attempt to that phone.
    pub fn last_code_for(&self, phone: &PhoneNumber) -> Option<String> {
        let state = lock(&self.0);
        let newest = state.sent.iter().rfind(|it| it.to == *phone);
        newest.map(|it| it.code.clone())
    }

    /// Answers so once, after the answers that already wait.
    pub fn answer_next(&self, answer: Answer) {
        lock(&self.0).next.push_back(answer.into());
    }

    /// Refuses once with the provider's words, after the answers that already wait.
    pub fn refuse_next(&self, step: NextStep, report: ProviderReport) {
        let (answer, report) = (Err(step), Some(report));
        lock(&self.0).next.push_back(Scripted { answer, report });
    }

    /// Answers so whenever no single answer waits.
    pub fn answer_always(&self, answer: Answer) {
        lock(&self.0).always = answer.into();
    }
}

/// The answer that takes a message without holding it; the messenger names the message itself.
pub const fn accepted() -> Accepted {
    Accepted {
        held: false,
        message: None,
        number: None,
    }
}

impl Default for FakeMessenger {
    fn default() -> Self {
        Self(Mutex::new(State {
            sent: Vec::new(),
            next: VecDeque::new(),
            always: Ok(accepted()).into(),
        }))
    }
}

#[async_trait]
impl Messenger for FakeMessenger {
    async fn send(&self, message: &Message) -> Result<Accepted, SendError> {
        let mut state = lock(&self.0);
        // As long as Meta's, so that a store that keeps it whole is noticed.
        let id = format!("wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEj{:020}AA==", state.sent.len());
        let id = MessageId::new(&id).expect("an id");
        state.sent.push(SentMessage {
            app: message.app.clone(),
            to: message.to.clone(),
            code: message.code.expose().to_owned(),
            sender: message.sender.clone(),
            identity: message.identity.clone(),
            template: message.template.clone(),
            language: message.language.clone(),
            reference: message.reference.clone(),
            id: id.clone(),
        });
        let Scripted { answer, report } = state.next.pop_front().unwrap_or_else(|| state.always.clone());
        answer
            .map(|accepted| Accepted {
                message: accepted.message.or(Some(id)),
                ..accepted
            })
            .map_err(|step| SendError {
                step,
                report,
                cause: None,
            })
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::delivery::Rejection;

    use super::*;
    use crate::fixture;

    #[tokio::test]
    async fn answers_as_scripted_and_then_as_always() {
        let messenger = FakeMessenger::default();
        messenger.answer_next(Err(NextStep::Uncertain));
        messenger.refuse_next(
            NextStep::Rejected(Rejection::Undeliverable),
            ProviderReport::new(1, "no", ""),
        );
        let message = fixture::message();
        let lost = messenger.send(&message).await.expect_err("scripted");
        let refused = messenger.send(&message).await.expect_err("scripted");
        assert_eq!((lost.step, lost.report), (NextStep::Uncertain, None));
        assert_eq!(refused.report.map(|it| it.code), Some(1));
        assert!(messenger.send(&message).await.is_ok());
        assert_eq!(messenger.sent().len(), 3);
    }

    #[tokio::test]
    async fn debug_shows_neither_phone_nor_code() {
        let messenger = FakeMessenger::default();
        let message = fixture::message();
        messenger.send(&message).await.expect("accepts");
        let text = format!("{messenger:?}");
        assert!(!text.contains(message.code.expose()));
        assert!(!text.contains(&message.to.expose()[1..]));
        assert_eq!(
            messenger.last_code_for(&message.to).as_deref(),
            Some(message.code.expose())
        );
    }
}
