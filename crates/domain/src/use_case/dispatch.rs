//! Dispatch: send what is due, and record what became of it. *That* somebody keeps calling is the loop in `app`.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{NextStep, ProviderReport};
use crate::event::Event;
use crate::id::{Identified, RecipientKey, Shard, VerificationId};
use crate::ports::{ClaimedDelivery, Errand, Message, Messenger, Random, Stored};
use crate::recipient::{AttemptResult, NotSendable};
use crate::reference::DeliveryReference;
use crate::use_case::records::Decision;
use crate::use_case::{Error, Faults, Ports, Records};

/// How long a claim may wait for its turn before the record is read again.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// What callers read when no instance that tried knew the app, its template or the key of the code.
const NOT_CONFIGURED: &str = "this instance knows no such app, template or key";

impl ClaimedDelivery {
    /// Gives the claim back, so that the loop sends the message. A failure costs the lease and nothing else.
    pub(super) async fn release(self, records: &Records) {
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
        if released.is_err() {
            records.observer.record(&Event::WakeFailed {
                recipient: self.key,
                at: records.clock.now(),
            });
        }
    }
}

/// Sends claimed messages, and looks after recipients whose wake-up has come.
pub struct Dispatch {
    records: Arc<Records>,
    faults: Arc<Faults>,
    messenger: Arc<dyn Messenger>,
    random: Arc<dyn Random>,
}

impl Dispatch {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, faults: &Arc<Faults>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            faults: Arc::clone(faults),
            messenger: Arc::clone(&ports.messenger),
            random: Arc::clone(&ports.random),
        }
    }

    /// Runs one errand. Never fails: what could not be recorded is observed and settled by its lease.
    pub async fn run(&self, errand: Errand) {
        match errand {
            Errand::Send(claimed) => self.send(*claimed).await,
            Errand::GiveBack(charges) => self.records.give_back(&charges).await,
        }
    }

    /// The recipients of a shard whose wake-up has come, earliest first, at most `limit`.
    pub async fn due(&self, shard: Shard, limit: usize) -> Result<Vec<RecipientKey>, Error> {
        self.records.due(shard, limit).await
    }

    /// Looks after one recipient: records what time did to it, and sends what is due. One unit of the loop's work.
    ///
    /// Two instances that race here cost a wasted read: one of them wins the replace and with it the claim.
    pub async fn wake(&self, key: RecipientKey) -> Result<(), Error> {
        let decided = self
            .records
            .decide(key, None, None, |recipient, moment| {
                let Some(mut recipient) = recipient.filter(|_| moment.is_due) else {
                    return Ok(Decision::Keep(None));
                };
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
        if let (Some(claim), Some((version, recipient))) = (decided.answer, decided.written) {
            self.send(ClaimedDelivery {
                key,
                claim,
                stored: Stored { version, recipient },
            })
            .await;
        }
        Ok(())
    }

    async fn send(&self, claimed: ClaimedDelivery) {
        let Some(claimed) = self.refreshed(claimed).await else {
            return;
        };
        let result = match self.compose(&claimed) {
            Ok(message) => self.attempt(&message, &claimed).await,
            // Given back, settling the record says that it is too late, and why.
            Err(NotSendable::Late) => return claimed.release(&self.records).await,
            // Another instance may be configured otherwise, during a roll-out for one; so it is tried again.
            Err(NotSendable::Unconfigured) => AttemptResult::Failed {
                step: NextStep::Unavailable,
                report: Some(ProviderReport::new(0, NOT_CONFIGURED, "")),
            },
        };
        self.record(claimed, result).await;
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

    /// The message of a claim, if it may still be sent.
    fn compose(&self, claimed: &ClaimedDelivery) -> Result<Message, NotSendable> {
        let rulebook = &self.records.rulebook;
        let recipient = &claimed.stored.recipient;
        let now = self.records.clock.now().max(recipient.changed_at);
        let app = rulebook.apps.get(&recipient.app).ok_or(NotSendable::Unconfigured)?;
        let policy = app.purposes.get(&recipient.purpose).ok_or(NotSendable::Unconfigured)?;
        let template = app.template.as_ref().ok_or(NotSendable::Unconfigured)?;
        let (delivery, code) = recipient.code_to_send(claimed.claim, &rulebook.keys, policy, now)?;
        let reference = DeliveryReference {
            verification: self.id(claimed),
            delivery: claimed.claim.delivery,
        };
        Ok(Message {
            app: recipient.app.clone(),
            to: recipient.phone.clone().ok_or(NotSendable::Late)?,
            code,
            template: template.name.clone(),
            language: delivery.language.clone(),
            reference: reference.seal(&rulebook.identity, &rulebook.environment),
            timeout: policy.send_timeout,
        })
    }

    async fn attempt(&self, message: &Message, claimed: &ClaimedDelivery) -> AttemptResult {
        let app = &message.app;
        match self.messenger.send(message).await {
            Ok(accepted) => {
                self.faults.clear(app);
                AttemptResult::Accepted { held: accepted.held }
            }
            Err(error) => {
                if let NextStep::Misconfigured(fault) = error.step {
                    let memory = self.records.rulebook.policy_of(&claimed.stored.recipient).fault_memory;
                    self.faults
                        .raise(app, fault, error.report.clone(), memory, self.records.clock.now());
                }
                AttemptResult::Failed {
                    step: error.step,
                    report: error.report,
                }
            }
        }
    }

    async fn record(&self, claimed: ClaimedDelivery, result: AttemptResult) {
        let jitter = self.jitter();
        let (key, claim, verification) = (claimed.key, claimed.claim, self.id(&claimed));
        let (app, purpose) = (
            claimed.stored.recipient.app.clone(),
            claimed.stored.recipient.purpose.clone(),
        );
        let recorded = self
            .records
            .decide(key, Some(claimed.stored), None, |recipient, moment| {
                let Some(mut recipient) = recipient else {
                    return Ok(Decision::Keep(()));
                };
                if recipient.record_attempt(claim, &result, &moment.policy, jitter, moment.now) {
                    Ok(Decision::Replace {
                        recipient,
                        charges: Vec::new(),
                        answer: (),
                    })
                } else {
                    Ok(Decision::Keep(()))
                }
            })
            .await;
        if recorded.is_err() {
            let subject = Identified {
                app,
                purpose,
                verification,
            };
            self.records.observer.record(&Event::ResultLost {
                subject,
                delivery: claim.delivery,
            });
        }
    }

    fn id(&self, claimed: &ClaimedDelivery) -> VerificationId {
        let recipient = &claimed.stored.recipient;
        VerificationId::new(
            &self.records.rulebook.identity,
            claimed.key,
            claimed.claim.serial,
            &recipient.salt.0,
        )
    }

    fn jitter(&self) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }
}
