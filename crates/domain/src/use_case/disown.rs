//! Disown: a person says "I didn't request a code", and the code they were sent is worthless from then on.
//!
//! The provider gives no reference of ours back with an answer, only the id of the message it is about. So the person's
//! own number leads to the record, and the tag of the id to the message in it.

use std::sync::Arc;

use crate::delivery::{MessageId, MessageTag};
use crate::event::Event;
use crate::id::{AppId, Purpose, RecipientKey};
use crate::phone::PhoneNumber;
use crate::sender::SenderId;
use crate::use_case::records::Decision;
use crate::use_case::{Error, Records};
use crate::verification::CanceledBy;

/// A person's word that they did not ask for a code.
#[derive(Clone, Debug)]
pub struct Disowned {
    /// The sender they answered to; `None` when the provider did not say.
    pub sender: Option<SenderId>,
    /// Their number, as the provider knows it.
    pub from: PhoneNumber,
    /// The message they answered to.
    pub message: MessageId,
}

/// Believes a person who did not ask: cancels the verification their answer is about, if it is still open.
pub struct Disown {
    records: Arc<Records>,
}

impl Disown {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>) -> Self {
        Self {
            records: Arc::clone(records),
        }
    }

    /// Carries it out. An answer to a message that is not known any more is observed and no error. Says whether a
    /// message of ours was found. Fails only when the store does, or every race was lost: then the provider should
    /// repeat.
    pub async fn execute(&self, disowned: &Disowned) -> Result<bool, Error> {
        let tag = disowned.message.tag(&self.records.rulebook.identity);
        for key in self.possible_keys(disowned) {
            if self.disown(key, tag).await? {
                return Ok(true);
            }
        }
        self.records.observer.record(&Event::AnswerIgnored);
        Ok(false)
    }

    /// Where the record may be: one key for each purpose of the apps that send from where the person answered to.
    fn possible_keys(&self, disowned: &Disowned) -> Vec<RecipientKey> {
        let rulebook = &self.records.rulebook;
        // A number that left the configuration may still be answered to; then every app is looked at.
        let known = rulebook.apps.senders();
        let sender = disowned.sender.as_ref().filter(|it| known.contains_key(it));
        let uses = |app: &crate::app::App| sender.is_none_or(|sender| app.senders.iter().any(|it| it.id == *sender));
        let places: Vec<(&AppId, &Purpose)> = rulebook
            .apps
            .iter()
            .filter(|(_, app)| uses(app))
            .flat_map(|(id, app)| app.purposes.keys().map(move |purpose| (id, purpose)))
            .collect();
        let key = |(app, purpose): (&AppId, &Purpose)| self.records.key_of(app, purpose, &disowned.from);
        places.into_iter().map(key).collect()
    }

    async fn disown(&self, key: RecipientKey, tag: MessageTag) -> Result<bool, Error> {
        let decided = self
            .records
            .decide(key, None, None, |recipient, moment| {
                let Some(mut recipient) = recipient else {
                    return Ok(Decision::Keep(None));
                };
                let Some(serial) = recipient.verification_of(tag).map(|it| it.serial) else {
                    return Ok(Decision::Keep(None));
                };
                let canceled = recipient.cancel(serial, CanceledBy::Person, moment.now);
                let answer = Some((self.records.subject(key, serial, &recipient), canceled));
                if !canceled {
                    return Ok(Decision::Keep(answer));
                }
                Ok(Decision::Replace {
                    recipient,
                    charges: Vec::new(),
                    answer,
                })
            })
            .await?;
        let Some((subject, canceled)) = decided.answer else {
            return Ok(false);
        };
        self.records.observer.record(&Event::Disowned { subject, canceled });
        Ok(true)
    }
}
