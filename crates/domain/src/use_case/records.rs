//! The one loop over a record: load, decide, charge, replace, and decide again when somebody was faster.

use std::sync::Arc;

use crate::delivery::{Delivery, DeliveryState};
use crate::event::{Event, Settlement};
use crate::id::{Identified, RecipientKey, Serial, VerificationId};
use crate::limit::Charge;
use crate::policy::Policy;
use crate::ports::{
    ChangeFeed, ChangeHints, Clock, LimitStore, Observer, RecipientStore, Replaced, Stored, Taken, Version,
};
use crate::recipient::Recipient;
use crate::time::Timestamp;
use crate::use_case::turns::Turns;
use crate::use_case::{DECISIONS_MAX, Error, Ports, Rulebook};
use crate::verification::Verification;

/// How often a refused charge is looked at again with a newer record before the caller is told.
const REFUSALS_MAX: usize = 3;

/// Recipients behind their store, and the loop that changes them.
pub struct Records {
    pub(super) rulebook: Arc<Rulebook>,
    store: Arc<dyn RecipientStore>,
    limits: Arc<dyn LimitStore>,
    feed: Arc<dyn ChangeFeed>,
    turns: Turns,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
}

/// What a decision sees.
pub(super) struct Moment {
    /// The time of the decision: the clock's, or the record's last change if that is later.
    pub(super) now: Timestamp,
    /// The policy of the record, when there is a record.
    pub(super) policy: Arc<Policy>,
    /// Whether the stored record's wake-up has come.
    pub(super) is_due: bool,
}

/// What a decision wants.
#[expect(
    clippy::large_enum_variant,
    reason = "lives for one round of the loop; a box would cost more than the copy"
)]
pub(super) enum Decision<T> {
    /// Leave the record as it is.
    Keep(T),
    /// Write this, once the charges are taken.
    Replace {
        /// The record to write.
        recipient: Recipient,
        /// What the write costs against shared limits.
        charges: Vec<Charge>,
        /// The answer, if the write succeeds.
        answer: T,
    },
}

/// What became of a decision.
pub(super) struct Decided<T> {
    /// The decision's answer.
    pub(super) answer: T,
    /// The record as it was written, with its version; `None` when it was left as it is.
    pub(super) written: Option<(Version, Recipient)>,
    /// What the written record cost.
    charges: Vec<Charge>,
}

impl Records {
    /// Wires the loop to its ports.
    pub fn new(rulebook: Arc<Rulebook>, ports: &Ports) -> Self {
        Self {
            rulebook,
            store: Arc::clone(&ports.recipients),
            limits: Arc::clone(&ports.limits),
            feed: Arc::clone(&ports.feed),
            turns: Turns::default(),
            clock: Arc::clone(&ports.clock),
            observer: Arc::clone(&ports.observer),
        }
    }

    /// Loads a record and settles it, without writing.
    pub(super) async fn read(&self, key: RecipientKey) -> Result<(Option<Recipient>, Moment), Error> {
        let stored = self.store.load(key).await?;
        Ok(self.settled(stored.as_ref()))
    }

    /// The record as it is in the store.
    pub(super) async fn load(&self, key: RecipientKey) -> Result<Option<Stored>, Error> {
        Ok(self.store.load(key).await?)
    }

    /// Listens for changes of a record: every write from now on is hinted at, by whichever instance, unless the hint
    /// is lost.
    pub(super) async fn listen(&self, key: RecipientKey) -> Result<Box<dyn ChangeHints>, Error> {
        Ok(self.feed.subscribe(key).await?)
    }

    /// The recipients of a shard whose wake-up has come.
    pub(super) async fn due(&self, shard: crate::id::Shard, limit: usize) -> Result<Vec<RecipientKey>, Error> {
        Ok(self.store.due(self.clock.now(), shard, limit).await?)
    }

    /// How many recipients' wake-ups have come.
    pub(super) async fn backlog(&self) -> Result<u64, Error> {
        Ok(self.store.backlog(self.clock.now()).await?)
    }

    /// Loads the record, lets `decide` look at a settled copy, and writes what it wants if nobody was faster;
    /// otherwise decides again on what is there now, at most [`DECISIONS_MAX`] times.
    ///
    /// `known` spares the load when the caller just wrote the record. Charges are taken before the write and given
    /// back when nothing was written. Nothing is written after `deadline`.
    pub(super) async fn decide<T>(
        &self,
        key: RecipientKey,
        known: Option<Stored>,
        deadline: Option<Timestamp>,
        mut decide: impl FnMut(Option<Recipient>, &Moment) -> Result<Decision<T>, Error> + Send,
    ) -> Result<Decided<T>, Error> {
        let mut taken = Vec::new();
        let decided = self
            .decide_charging(key, known, deadline, &mut decide, &mut taken)
            .await;
        // What was taken for a decision that lost its race and became another one goes back. After a failed write
        // nobody knows whether the record was written: then the charge stands.
        let owed = match &decided {
            Ok(decided) => &decided.charges[..],
            Err(Error::Store(_)) => &taken[..],
            Err(_) => &[],
        };
        let surplus: Vec<_> = taken.iter().filter(|charge| !owed.contains(charge)).copied().collect();
        if !surplus.is_empty() {
            self.give_back(&surplus).await;
        }
        decided
    }

    /// Gives charges back. A failure is only noted: what was taken comes back by itself with time.
    pub(super) async fn give_back(&self, charges: &[Charge]) {
        if self.limits.give_back(charges, self.clock.now()).await.is_ok() {
            return;
        }
        for charge in charges {
            self.observer.record(&Event::GiveBackLost { rule: charge.rule });
        }
    }

    async fn decide_charging<T>(
        &self,
        key: RecipientKey,
        known: Option<Stored>,
        deadline: Option<Timestamp>,
        decide: &mut (impl FnMut(Option<Recipient>, &Moment) -> Result<Decision<T>, Error> + Send),
        taken: &mut Vec<Charge>,
    ) -> Result<Decided<T>, Error> {
        let mut stored = match known {
            Some(known) => Some(known),
            None => self.store.load(key).await?,
        };
        let (mut refusals, mut waited) = (0, false);
        for _ in 0..DECISIONS_MAX {
            let (recipient, moment) = self.settled(stored.as_ref());
            if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                return Err(Error::DeadlineExceeded);
            }
            let (mut next, charges, answer) = match decide(recipient, &moment)? {
                Decision::Keep(answer) => {
                    return Ok(Decided {
                        answer,
                        written: None,
                        charges: Vec::new(),
                    });
                }
                Decision::Replace {
                    recipient,
                    charges,
                    answer,
                } => (recipient, charges, answer),
            };
            next.seal(&self.rulebook.policy_of(&next), moment.now);
            let seen = stored.as_ref().map(|it| it.version);
            // Held until the write is through.
            let turn = if charges.is_empty() { None } else { self.turns.take(key) };
            if turn.is_none() && !charges.is_empty() && !waited {
                // What this one would charge for is probably being opened, and then there is only to join. Whoever
                // waited in vain goes on without a turn, so that a flood of refused starts does not queue up.
                waited = true;
                self.turns.end_of(key).await;
                stored = self.store.load(key).await?;
                continue;
            }
            if let Some(refusal) = self.charge(&charges, taken, moment.now).await? {
                // Whoever took the last of it may have opened what this request only has to join.
                refusals += 1;
                stored = self.store.load(key).await?;
                if refusals >= REFUSALS_MAX && stored.as_ref().map(|it| it.version) == seen {
                    return Err(refusal);
                }
                continue;
            }
            match self.store.replace(key, seen, &next, moment.now).await? {
                Replaced::Written(version) => {
                    self.tell(key, stored.as_ref().map(|it| &it.recipient), &next);
                    return Ok(Decided {
                        answer,
                        written: Some((version, next)),
                        charges,
                    });
                }
                Replaced::Conflict(newer) => stored = newer.map(|it| *it),
            }
        }
        Err(Error::Contended)
    }

    /// Takes what this round wants and no earlier one took. Answers with the refusal, if there is one.
    async fn charge(
        &self,
        charges: &[Charge],
        taken: &mut Vec<Charge>,
        now: Timestamp,
    ) -> Result<Option<Error>, Error> {
        let missing: Vec<_> = charges
            .iter()
            .filter(|charge| !taken.contains(charge))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(None);
        }
        match self.limits.take(&missing, now).await? {
            Taken::All => taken.extend(missing),
            Taken::Refused { rule, retry_after } => return Ok(Some(Error::LimitReached { rule, retry_after })),
        }
        Ok(None)
    }

    /// A verification of a record as events name it.
    pub(super) fn subject(&self, key: RecipientKey, serial: Serial, recipient: &Recipient) -> Identified {
        Identified {
            app: recipient.app.clone(),
            purpose: recipient.purpose.clone(),
            verification: self.id(key, serial, recipient),
        }
    }

    /// The id of a verification of a record.
    pub(super) fn id(&self, key: RecipientKey, serial: Serial, recipient: &Recipient) -> VerificationId {
        VerificationId::new(&self.rulebook.identity, key, serial, &recipient.salt.0)
    }

    fn settled(&self, stored: Option<&Stored>) -> (Option<Recipient>, Moment) {
        let now = self.clock.now();
        let Some(stored) = stored else {
            return (
                None,
                Moment {
                    now,
                    policy: Arc::clone(super::default_policy()),
                    is_due: false,
                },
            );
        };
        let mut recipient = stored.recipient.clone();
        recipient.distrust(now);
        let now = now.max(recipient.changed_at);
        let policy = self.rulebook.policy_of(&recipient);
        let is_due = recipient.wake_at().is_some_and(|at| at <= now);
        recipient.settle(&policy, now);
        (Some(recipient), Moment { now, policy, is_due })
    }

    /// Tells everybody what the write changed. Events come from comparing before and after, so that no decision can
    /// forget one.
    fn tell(&self, key: RecipientKey, before: Option<&Recipient>, after: &Recipient) {
        self.feed.publish(key);
        for verification in &after.verifications {
            let known = before.and_then(|it| it.verification(verification.serial));
            let subject = || self.subject(key, verification.serial, after);
            self.tell_deliveries(known, verification, &subject);
            let was_open = known.is_none_or(Verification::is_open);
            if let (true, Some(ended_at), Some(reason)) =
                (was_open, verification.state.ended_at(), verification.end_reason())
            {
                self.observer.record(&Event::Ended {
                    subject: subject(),
                    state: verification.state,
                    reason,
                    open_for: ended_at.since(verification.opened_at),
                });
            }
        }
    }

    fn tell_deliveries(
        &self,
        known: Option<&Verification>,
        verification: &Verification,
        subject: &dyn Fn() -> Identified,
    ) {
        for delivery in &verification.deliveries {
            let before = known.and_then(|it| it.deliveries.iter().find(|it| it.number == delivery.number));
            if let Some(by) = before.and_then(|before| settlement(before, delivery)) {
                self.observer.record(&Event::UncertainSettled {
                    subject: subject(),
                    delivery: delivery.number,
                    by,
                });
            }
            let from = before.map(|it| it.state);
            if from == Some(delivery.state) {
                continue;
            }
            self.observer.record(&Event::DeliveryMoved {
                subject: subject(),
                delivery: delivery.number,
                from,
                to: delivery.state,
                tries: delivery.tries,
                report: delivery.report.clone(),
            });
        }
    }
}

/// How a message was accounted for whose fate nobody knew, if it was.
fn settlement(before: &Delivery, after: &Delivery) -> Option<Settlement> {
    let wait_is_over = after.repeated && !before.repeated;
    let was_unknown = matches!(before.state, DeliveryState::Unknown { .. }) || wait_is_over;
    // Beyond what we can find out ourselves, and not presumed: only a webhook says so. It may come after the wait and
    // before the loop; then nothing was sent twice.
    let is_told = after.state.rank() >= DeliveryState::Sent.rank() && after.state != DeliveryState::Dropped;
    if is_told {
        return was_unknown.then_some(Settlement::Webhook);
    }
    // A verification that ended with the same write repeats nothing.
    let goes_out = matches!(after.state, DeliveryState::Due { .. } | DeliveryState::Sending { .. });
    (wait_is_over && goes_out).then_some(Settlement::Repeat)
}
