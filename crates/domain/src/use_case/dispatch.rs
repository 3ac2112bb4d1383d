//! Dispatch: send what is due, and record what became of it. *That* somebody keeps calling is the loop in `app`.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{Delivery, NextStep, ProviderReport};
use crate::event::Event;
use crate::id::{RecipientKey, Shard};
use crate::policy::Policy;
use crate::ports::{ClaimedDelivery, Courier, Errand, Message, Messenger, Random, Stored};
use crate::recipient::{AttemptResult, Delay, Detour, NotSendable, Recipient};
use crate::reference::DeliveryReference;
use crate::roll::below;
use crate::sender::SenderId;
use crate::template::LanguageStep;
use crate::time::{Timestamp, millis};
use crate::use_case::lines::Lines;
use crate::use_case::records::{Decision, Moment};
use crate::use_case::senders::{Choice, Departure, SenderFailure};
use crate::use_case::{Error, Ports, Records, Senders, roll};

/// How long a claim may wait for its turn before the record is read again.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// The longest a claimed message waits in this process for its turn; what has to wait longer goes back to the store.
/// Short, because a claim whose instance is lost counts as one that may have been sent.
const PATIENCE: Duration = Duration::from_millis(200);
/// The most that is added to a rest, so that nobody waits in vain.
const SPREAD_MAX: Duration = Duration::from_secs(5);
/// What callers read when no instance that tried knew the app, its template or the key of the code.
const NOT_CONFIGURED: &str = "this instance knows no such app, template or key";

impl ClaimedDelivery {
    /// Gives the claim back, so that the loop sends the message, at once. A failure costs the lease and nothing else.
    pub(super) async fn release(self, records: &Records, courier: &dyn Courier) {
        let claim = self.claim;
        let released = records
            .decide(self.key, Some(self.stored), None, |recipient, moment| {
                let Some(mut recipient) = recipient else {
                    return Ok(Decision::Keep(()));
                };
                if !recipient.release(claim, moment.now) {
                    return Ok(Decision::Keep(()));
                }
                Ok(Decision::Replace {
                    recipient,
                    charges: Vec::new(),
                    answer: (),
                })
            })
            .await;
        let at = records.clock.now();
        match released {
            Ok(_) => courier.expect(at),
            Err(_) => records.observer.record(&Event::WakeFailed {
                recipient: self.key,
                at,
            }),
        }
    }
}

/// An errand that has to wait for a sender. Whoever runs errands runs it again then.
#[derive(Debug)]
pub struct Postponed {
    /// The errand.
    pub errand: Errand,
    /// How long it waits, at most a fifth of a second.
    pub wait: Duration,
}

/// What became of a claimed message.
enum Sent {
    /// It is accounted for, until somebody has to look again.
    Done,
    /// It is due again at once, in another way.
    DueAgain,
    /// It waits for a sender.
    Waits(Postponed),
}

/// Sends claimed messages, and looks after recipients whose wake-up has come.
pub struct Dispatch {
    records: Arc<Records>,
    lines: Lines,
    senders: Arc<Senders>,
    messenger: Arc<dyn Messenger>,
    courier: Arc<dyn Courier>,
    random: Arc<dyn Random>,
}

impl Dispatch {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, senders: &Arc<Senders>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            lines: Lines::new(records, ports),
            senders: Arc::clone(senders),
            messenger: Arc::clone(&ports.messenger),
            courier: Arc::clone(&ports.courier),
            random: Arc::clone(&ports.random),
        }
    }

    /// Runs one errand; answers with it when it has to wait. Never fails: what could not be recorded is observed and
    /// settled by its lease.
    pub async fn run(&self, errand: Errand) -> Option<Postponed> {
        match errand {
            Errand::Send(claimed) => {
                let key = claimed.key;
                match self.send(*claimed).await {
                    Sent::Done => None,
                    // What went wrong was observed.
                    Sent::DueAgain => self.wake(key).await.ok().flatten(),
                    Sent::Waits(postponed) => Some(postponed),
                }
            }
            Errand::GiveBack(owed) => {
                self.records.give_back(&owed).await;
                None
            }
            Errand::Wake(key) => self.wake(key).await.ok().flatten(),
        }
    }

    /// The recipients of a shard whose wake-up has come, earliest first, at most `limit`.
    pub async fn due(&self, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, Error> {
        self.records.due(shard, limit).await
    }

    /// How many recipients' wake-ups have come and were not looked after yet, over all shards.
    pub async fn backlog(&self) -> Result<u64, Error> {
        self.records.backlog().await
    }

    /// Looks after one recipient: records what time did to it, and sends what is due, in another way when the first
    /// fails for a reason of ours. One unit of the loop's work; answers with what is left of it when it has to wait.
    ///
    /// Two instances that race here cost a wasted read: one of them wins the replace and with it the claim.
    pub async fn wake(&self, key: RecipientKey) -> Result<Option<Postponed>, Error> {
        // Each round is an attempt of the message, and a message has few.
        while let Some(claimed) = self.claim(key).await? {
            match self.send(claimed).await {
                Sent::Done => break,
                Sent::DueAgain => {}
                Sent::Waits(postponed) => return Ok(Some(postponed)),
            }
        }
        Ok(None)
    }

    /// Settles a recipient whose wake-up has come, and claims what is due.
    async fn claim(&self, key: RecipientKey) -> Result<Option<ClaimedDelivery>, Error> {
        let decided = self
            .records
            .decide(key, None, None, |recipient, moment| {
                let Some(mut recipient) = recipient.filter(|_| moment.is_due) else {
                    return Ok(Decision::Keep(None));
                };
                if let Some(delay) = self.rest_of(&recipient, moment) {
                    recipient.put_off_due(&delay, &moment.policy, moment.now);
                }
                let claim = recipient.claim_due(&moment.policy, moment.now);
                // Without a claim the settled record itself is what has to be written, or the wake-up stays due.
                Ok(Decision::Replace {
                    recipient,
                    charges: Vec::new(),
                    answer: claim,
                })
            })
            .await;
        let decided = match decided {
            Ok(decided) => decided,
            Err(error) => {
                self.records.observer.record(&Event::WakeFailed {
                    recipient: key,
                    at: self.records.clock.now(),
                });
                return Err(error);
            }
        };
        let claimed = decided.answer.zip(decided.written);
        Ok(claimed.map(|(claim, (version, recipient))| ClaimedDelivery {
            key,
            claim,
            stored: Stored { version, recipient },
        }))
    }

    /// How long nobody can send for a recipient, when that is known beforehand: then nothing is claimed.
    fn rest_of(&self, recipient: &Recipient, moment: &Moment) -> Option<Delay> {
        let delivery = recipient.open()?.deliveries.last()?;
        let departure = self.departure(recipient, delivery, &moment.policy)?;
        let (wait, report) = self.senders.resting(departure, self.records.clock.now())?;
        Some(self.rest(wait, report))
    }

    /// A rest, and up to half of it more.
    fn rest(&self, wait: Duration, report: Option<ProviderReport>) -> Delay {
        let most = millis((wait / 2).min(SPREAD_MAX));
        Delay {
            wait,
            spread: Duration::from_millis(below(most, self.roll())),
            report,
        }
    }

    async fn send(&self, claimed: ClaimedDelivery) -> Sent {
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
    fn departure<'a>(
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

    async fn record(&self, claimed: ClaimedDelivery, result: AttemptResult) -> Sent {
        let (claim, jitter) = (claimed.claim, self.roll());
        self.write(claimed, |recipient, policy, now| {
            recipient.record_attempt(claim, &result, policy, jitter, now)
        })
        .await
    }

    /// Puts a message off that nobody can send soon.
    async fn postpone(&self, claimed: ClaimedDelivery, delay: Delay) -> Sent {
        let claim = claimed.claim;
        self.write(claimed, |recipient, policy, now| {
            recipient.postpone(claim, &delay, policy, now)
        })
        .await
    }

    /// Writes what a claim came to. What cannot be written is observed: the lease settles it.
    async fn write(
        &self,
        claimed: ClaimedDelivery,
        mut change: impl FnMut(&mut Recipient, &Policy, Timestamp) -> bool + Send,
    ) -> Sent {
        let ClaimedDelivery { key, claim, stored } = claimed;
        let subject = self.records.subject(key, claim.serial, &stored.recipient);
        let recorded = self
            .records
            .decide(key, Some(stored), None, |recipient, moment| {
                let Some(mut recipient) = recipient else {
                    return Ok(Decision::Keep(None));
                };
                if !change(&mut recipient, &moment.policy, moment.now) {
                    return Ok(Decision::Keep(None));
                }
                let due_at = recipient.next_send_at();
                Ok(Decision::Replace {
                    recipient,
                    charges: Vec::new(),
                    answer: due_at,
                })
            })
            .await;
        let Ok(recorded) = recorded else {
            let delivery = claim.delivery;
            self.records.observer.record(&Event::ResultLost { subject, delivery });
            return Sent::Done;
        };
        match recorded.answer {
            Some(at) if at <= self.records.clock.now() => Sent::DueAgain,
            Some(at) => {
                self.courier.expect(at);
                Sent::Done
            }
            None => Sent::Done,
        }
    }

    /// A uniform 64-bit number.
    fn roll(&self) -> u64 {
        roll(&*self.random)
    }
}
