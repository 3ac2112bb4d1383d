//! One attempt at a claimed message: from whom, with what, and what the provider made of it.

use std::time::Duration;

use crate::delivery::{Delivery, NextStep, ProviderReport};
use crate::policy::Policy;
use crate::ports::{ClaimedDelivery, Errand, Message};
use crate::recipient::{AttemptResult, Delay, Detour, NotSendable, Recipient};
use crate::reference::DeliveryReference;
use crate::sender::SenderId;
use crate::template::LanguageStep;
use crate::use_case::dispatch::{Dispatch, Postponed, Sent};
use crate::use_case::senders::{Choice, Departure, SenderFailure};

/// How long a claim may wait for its turn before the record is read again.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// The longest a claimed message waits in this process for its turn; what has to wait longer goes back to the store.
/// Short, because a claim whose instance is lost counts as one that may have been sent.
const PATIENCE: Duration = Duration::from_millis(200);
/// What callers read when no instance that tried knew the app, its template or the key of the code.
const NOT_CONFIGURED: &str = "this instance knows no such app, template or key";

impl Dispatch {
    pub(super) async fn send(&self, claimed: ClaimedDelivery) -> Sent {
        let Some(claimed) = self.refreshed(claimed).await else {
            return Sent::Done;
        };
        // Looked at before anybody is asked: what is not to be sent costs no sender anything.
        let sender = match self.compose(&claimed, None) {
            Ok(_) => self.choose(&claimed).await,
            Err(why) => return self.not_sendable(claimed, why).await,
        };
        match sender {
            Choice::Send(sender) => self.send_from(claimed, &sender).await,
            Choice::Queue(wait) if wait <= PATIENCE && self.has_time_for(&claimed, wait) => {
                let errand = Errand::Send(Box::new(claimed));
                Sent::Waits(Postponed { errand, wait })
            }
            Choice::Queue(wait) => {
                let delay = Delay {
                    wait,
                    ..Delay::default()
                };
                self.postpone(claimed, delay).await
            }
            Choice::Rest(wait, report) => self.postpone(claimed, self.rest(wait, report)).await,
            Choice::Shut(standing) => {
                let result = AttemptResult::Failed {
                    step: NextStep::Misconfigured(standing.fault),
                    detour: self.rewording(&claimed),
                    report: standing.report,
                };
                self.record(claimed, result).await
            }
        }
    }

    async fn send_from(&self, claimed: ClaimedDelivery, sender: &SenderId) -> Sent {
        let message = match self.compose(&claimed, Some(sender)) {
            Ok(message) => message,
            Err(why) => return self.not_sendable(claimed, why).await,
        };
        let result = self.attempt(&message, &claimed).await;
        self.record(claimed, result).await
    }

    async fn choose(&self, claimed: &ClaimedDelivery) -> Choice {
        let recipient = &claimed.stored.recipient;
        let policy = self.records.rulebook.policy_of(recipient);
        let delivery = recipient.delivery(claimed.claim);
        match delivery.and_then(|it| self.departure(recipient, it, &policy)) {
            Some(departure) => {
                let now = self.records.clock.now();
                self.senders.choose(departure, self.roll(), now).await
            }
            // It was there a moment ago, and the rules do not change while the process runs.
            None => Choice::Queue(PATIENCE),
        }
    }

    /// What else could carry a message that nobody can send as it is. Senders may be shut for different reasons, so that
    /// one of them may send it with something else whatever the others are shut for.
    fn rewording(&self, claimed: &ClaimedDelivery) -> Option<Detour> {
        let recipient = &claimed.stored.recipient;
        let policy = self.records.rulebook.policy_of(recipient);
        let departure = self.departure(recipient, recipient.delivery(claimed.claim)?, &policy)?;
        self.senders.rewording(departure, self.records.clock.now())
    }

    /// What a delivery sets out with.
    pub(super) fn departure<'a>(
        &'a self,
        recipient: &'a Recipient,
        delivery: &'a Delivery,
        policy: &'a Policy,
    ) -> Option<Departure<'a>> {
        let app = self.records.rulebook.apps.get(&recipient.app)?;
        let language = &delivery.language;
        let template = app.templates.of_message(delivery.template.as_ref(), language)?;
        Some(Departure {
            id: &recipient.app,
            app,
            template: &template.name,
            language,
            language_step: delivery.language_step(),
            policy,
            regardless: false,
        })
    }

    async fn not_sendable(&self, claimed: ClaimedDelivery, why: NotSendable) -> Sent {
        match why {
            // Given back, settling the record says that it is too late, and why.
            NotSendable::Late => {
                claimed.release(&self.records, &*self.courier).await;
                Sent::Done
            }
            // Another instance may be configured otherwise, during a roll-out for one; so it is tried again.
            NotSendable::Unconfigured => {
                let result = AttemptResult::Failed {
                    step: NextStep::Unavailable,
                    report: Some(ProviderReport::new(0, NOT_CONFIGURED, "")),
                    detour: None,
                };
                self.record(claimed, result).await
            }
        }
    }

    /// Whether the claim still holds for a whole attempt after waiting so long.
    fn has_time_for(&self, claimed: &ClaimedDelivery, wait: Duration) -> bool {
        let recipient = &claimed.stored.recipient;
        let policy = self.records.rulebook.policy_of(recipient);
        let then = self.records.clock.now().max(recipient.changed_at).plus(wait);
        recipient
            .code_to_send(claimed.claim, &self.records.rulebook.keys, &policy, then)
            .is_ok()
    }

    /// The claim with the record as it is now, when it waited so long that the record may have moved on. `None` when
    /// the store cannot say: then nothing is sent, and the lease leaves it to whoever can.
    async fn refreshed(&self, mut claimed: ClaimedDelivery) -> Option<ClaimedDelivery> {
        let age = self.records.clock.now().since(claimed.stored.recipient.changed_at);
        if age >= STALE_AFTER {
            claimed.stored = self.records.load(claimed.key).await.ok()??;
        }
        Some(claimed)
    }

    /// The message of a claim, if it may still be sent; from the first sender when none was chosen yet.
    fn compose(&self, claimed: &ClaimedDelivery, sender: Option<&SenderId>) -> Result<Message, NotSendable> {
        let rulebook = &self.records.rulebook;
        let recipient = &claimed.stored.recipient;
        let now = self.records.clock.now().max(recipient.changed_at);
        let app = rulebook.apps.get(&recipient.app).ok_or(NotSendable::Unconfigured)?;
        let policy = app.purposes.get(&recipient.purpose).ok_or(NotSendable::Unconfigured)?;
        let sender = sender
            .or(app.senders.first().map(|it| &it.id))
            .ok_or(NotSendable::Unconfigured)?;
        let (delivery, code) = recipient.code_to_send(claimed.claim, &rulebook.keys, policy, now)?;
        let template = app.templates.of_message(delivery.template.as_ref(), &delivery.language);
        let template = template.ok_or(NotSendable::Unconfigured)?;
        let reference = DeliveryReference {
            verification: self.records.id(claimed.key, claimed.claim.serial, recipient),
            delivery: claimed.claim.delivery,
        };
        Ok(Message {
            app: recipient.app.clone(),
            to: recipient.phone.clone().ok_or(NotSendable::Late)?,
            code,
            sender: sender.clone(),
            identity: recipient.expected_identity(policy).cloned(),
            template: template.name.clone(),
            language: delivery.language.clone(),
            reference: reference.seal(&rulebook.identity, &rulebook.environment),
            timeout: policy.send_timeout,
        })
    }

    async fn attempt(&self, message: &Message, claimed: &ClaimedDelivery) -> AttemptResult {
        let began_at = self.records.clock.now();
        let sent = self.messenger.send(message).await;
        let now = self.records.clock.now();
        match sent {
            Ok(accepted) => {
                self.senders.succeeded(message, began_at, now);
                AttemptResult::Accepted {
                    held: accepted.held,
                    line: self.lines.learn(claimed, accepted.number.as_ref()).await,
                    message: accepted.message.map(|it| it.tag(&self.records.rulebook.identity)),
                }
            }
            Err(error) => {
                let recipient = &claimed.stored.recipient;
                let delivery = recipient.delivery(claimed.claim);
                let failure = SenderFailure {
                    app: &message.app,
                    sender: &message.sender,
                    template: &message.template,
                    language: &message.language,
                    language_step: delivery.map_or(LanguageStep::Exact, Delivery::language_step),
                    step: error.step,
                    report: error.report.as_ref(),
                    began_at,
                };
                let policy = self.records.rulebook.policy_of(recipient);
                AttemptResult::Failed {
                    detour: self.senders.failed(failure, &policy, now),
                    step: error.step,
                    report: error.report,
                }
            }
        }
    }
}
