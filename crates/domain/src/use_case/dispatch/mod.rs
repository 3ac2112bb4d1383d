//! Dispatch: send what is due, and record what became of it. *That* somebody keeps calling is the loop in `app`.

mod attempt;

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::ProviderReport;
use crate::event::Event;
use crate::id::{RecipientKey, Shard};
use crate::policy::Policy;
use crate::ports::{ClaimedDelivery, Courier, Errand, Messenger, Random, Stored};
use crate::recipient::{AttemptResult, Delay, Recipient};
use crate::roll::below;
use crate::time::{Timestamp, millis};
use crate::use_case::lines::Lines;
use crate::use_case::records::{Decision, Moment};
use crate::use_case::{Error, Ports, Records, Senders, roll};

/// The most that is added to a rest, so that nobody waits in vain.
const SPREAD_MAX: Duration = Duration::from_secs(5);

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
