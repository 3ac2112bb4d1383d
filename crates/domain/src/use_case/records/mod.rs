//! The one loop over a record: load, decide, charge, replace, and decide again when somebody was faster.

mod aftermath;
mod erase;

use std::sync::Arc;

use crate::id::{AppId, Identified, Purpose, RecipientKey, Serial, VerificationId};
use crate::limit::{Charge, ChargeMode, Quota, Refusal, Standing, Taken, slice_of};
use crate::phone::PhoneNumber;
use crate::policy::Policy;
use crate::ports::{
    ChangeFeed, ChangeHints, Clock, Courier, GiveBack, LimitStore, NumberingPlan, Observer, RecipientStore, Replaced,
    Stored, Version,
};
use crate::recipient::Recipient;
use crate::time::Timestamp;
use crate::use_case::costs::ChargeBook;
use crate::use_case::turns::Turns;
use crate::use_case::{DECISIONS_MAX, Error, Guard, Ports, Rulebook};

/// How often a refused charge is looked at again with a newer record before the caller is told.
const REFUSALS_MAX: usize = 3;

/// Recipients behind their store, and the loop that changes them.
pub struct Records {
    pub(super) rulebook: Arc<Rulebook>,
    store: Arc<dyn RecipientStore>,
    limits: Arc<dyn LimitStore>,
    feed: Arc<dyn ChangeFeed>,
    courier: Arc<dyn Courier>,
    guard: Arc<Guard>,
    numbering: Arc<dyn NumberingPlan>,
    turns: Turns,
    book: ChargeBook,
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
    /// When what this decision costs is taken: by the clock alone, or when an earlier round took it that lost its race.
    /// Limits and the guard are shared, and a record that was written by a clock that was ahead must not move theirs.
    pub(super) charged_at: Timestamp,
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
    pub(super) charges: Vec<Charge>,
    /// How each of those charges stood, in order.
    pub(super) standings: Vec<Standing>,
    /// When they were taken.
    pub(super) charged_at: Timestamp,
}

/// A charge that was taken, for this decision or one before it that lost its race.
struct TakenCharge {
    charge: Charge,
    standing: Standing,
    at: Timestamp,
}

impl TakenCharge {
    fn is(&self, charge: &Charge, at: Timestamp) -> bool {
        self.charge == *charge && self.at == at
    }
}

impl Records {
    /// Wires the loop to its ports.
    pub fn new(rulebook: Arc<Rulebook>, guard: &Arc<Guard>, ports: &Ports) -> Self {
        Self {
            book: ChargeBook::of(&rulebook),
            rulebook,
            guard: Arc::clone(guard),
            courier: Arc::clone(&ports.courier),
            numbering: Arc::clone(&ports.numbering),
            store: Arc::clone(&ports.recipients),
            limits: Arc::clone(&ports.limits),
            feed: Arc::clone(&ports.feed),
            turns: Turns::default(),
            clock: Arc::clone(&ports.clock),
            observer: Arc::clone(&ports.observer),
        }
    }

    /// Where the record of a phone lives, whichever of its spellings is given (A13).
    pub(super) fn key_of(&self, app: &AppId, purpose: &Purpose, phone: &PhoneNumber) -> RecipientKey {
        let canonical = self.numbering.canonical(phone);
        RecipientKey::derive(&self.rulebook.identity, app, purpose, &canonical)
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
        // What was taken for a decision that lost its race and became another one goes back.
        let is_owed = |it: &TakenCharge| match &decided {
            Ok(decided) => decided.charges.iter().any(|charge| it.is(charge, decided.charged_at)),
            Err(_) => false,
        };
        if matches!(decided, Err(Error::Store(_))) {
            // After a failed write nobody knows whether the record was written: then the charges stand.
            return decided;
        }
        let surplus = taken
            .iter()
            .filter(|it| !is_owed(it) && !was_left_out(&it.charge, &it.standing));
        let mut owed: Vec<GiveBack> = Vec::new();
        for TakenCharge { charge, at, .. } in surplus {
            match owed.iter_mut().find(|it| it.taken_at == *at) {
                Some(known) => known.charges.push(*charge),
                None => owed.push(GiveBack {
                    charges: vec![*charge],
                    taken_at: *at,
                }),
            }
        }
        self.give_back(&owed).await;
        decided
    }

    async fn decide_charging<T>(
        &self,
        key: RecipientKey,
        known: Option<Stored>,
        deadline: Option<Timestamp>,
        decide: &mut (impl FnMut(Option<Recipient>, &Moment) -> Result<Decision<T>, Error> + Send),
        taken: &mut Vec<TakenCharge>,
    ) -> Result<Decided<T>, Error> {
        let mut stored = match known {
            Some(known) => Some(known),
            None => self.store.load(key).await?,
        };
        let (mut refusals, mut waited) = (0, false);
        for _ in 0..DECISIONS_MAX {
            let (recipient, mut moment) = self.settled(stored.as_ref());
            moment.charged_at = reusable_since(taken, moment.charged_at).unwrap_or(moment.charged_at);
            if deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                return Err(Error::DeadlineExceeded);
            }
            let (mut next, charges, answer) = match decide(recipient, &moment)? {
                Decision::Keep(answer) => {
                    return Ok(Decided {
                        answer,
                        written: None,
                        charges: Vec::new(),
                        standings: Vec::new(),
                        charged_at: moment.charged_at,
                    });
                }
                Decision::Replace {
                    recipient,
                    charges,
                    answer,
                } => (recipient, charges, answer),
            };
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
            if let Some(refusal) = self.charge(&charges, taken, moment.charged_at).await? {
                // Whoever took the last of it may have opened what this request only has to join.
                refusals += 1;
                stored = self.store.load(key).await?;
                if refusals >= REFUSALS_MAX && stored.as_ref().map(|it| it.version) == seen {
                    return Err(refusal);
                }
                continue;
            }
            let standings = standings_of(&charges, taken, moment.charged_at);
            let left_out = charges
                .iter()
                .zip(&standings)
                .filter(|(charge, it)| was_left_out(charge, it));
            next.leave_out(&left_out.map(|(charge, _)| charge.key).collect::<Vec<_>>());
            next.seal(&self.rulebook.policy_of(&next), moment.now);
            let effects = std::mem::take(&mut next.effects);
            match self.store.replace(key, seen, &next, moment.now).await? {
                Replaced::Written(version) => {
                    let before = stored.as_ref().map(|it| &it.recipient);
                    self.tell(key, before, &next);
                    next.effects = effects;
                    let now = self.clock.now();
                    self.guard.hear(before, &next, now);
                    let effects = std::mem::take(&mut next.effects);
                    let taken = taken_of(&charges, &standings, moment.charged_at);
                    self.carry_out(&next.app, effects, Some(taken), now).await;
                    return Ok(Decided {
                        answer,
                        written: Some((version, next)),
                        standings,
                        charges,
                        charged_at: moment.charged_at,
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
        taken: &mut Vec<TakenCharge>,
        now: Timestamp,
    ) -> Result<Option<Error>, Error> {
        let missing: Vec<_> = charges
            .iter()
            .filter(|charge| !taken.iter().any(|it| it.is(charge, now)))
            .copied()
            .collect();
        if missing.is_empty() {
            return Ok(None);
        }
        match self.limits.take(&missing, now).await? {
            Taken::All(standings) => {
                let fresh = missing.into_iter().zip(standings);
                taken.extend(fresh.map(|(charge, standing)| TakenCharge {
                    charge,
                    standing,
                    at: now,
                }));
                Ok(None)
            }
            Taken::Refused(refusal) => Ok(refused(&missing, refusal)),
        }
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
                    charged_at: now,
                },
            );
        };
        let mut recipient = stored.recipient.clone();
        recipient.distrust(now);
        let charged_at = now;
        let now = now.max(recipient.changed_at);
        let policy = self.rulebook.policy_of(&recipient);
        let is_due = recipient.wake_at().is_some_and(|at| at <= now);
        recipient.settle(&policy, now);
        let moment = Moment {
            now,
            policy,
            is_due,
            charged_at,
        };
        (Some(recipient), moment)
    }
}

/// How each charge stood when it was taken.
fn standings_of(charges: &[Charge], taken: &[TakenCharge], at: Timestamp) -> Vec<Standing> {
    let standing = |charge: &Charge| taken.iter().find(|it| it.is(charge, at)).map(|it| it.standing);
    charges.iter().filter_map(standing).collect()
}

/// The charges that were taken, which shadow charges are not that did not fit.
fn taken_of(charges: &[Charge], standings: &[Standing], taken_at: Timestamp) -> GiveBack {
    let was_taken = |(charge, standing): &(&Charge, &Standing)| !was_left_out(charge, standing);
    let charges = charges.iter().zip(standings).filter(was_taken);
    GiveBack {
        charges: charges.map(|(charge, _)| *charge).collect(),
        taken_at,
    }
}

/// Whether a shadow charge did not fit, so that it was reported and not taken.
pub(super) fn was_left_out(charge: &Charge, standing: &Standing) -> bool {
    charge.mode == ChargeMode::Shadow && standing.is_over
}

/// What a caller is told when charges are refused.
pub(super) fn refused(charges: &[Charge], refusal: Refusal) -> Option<Error> {
    let charge = charges.get(refusal.place).or(charges.first())?;
    Some(Error::LimitReached {
        rule: charge.rule,
        parts: charge.parts,
        retry_after: refusal.retry_after,
    })
}

/// When the charges were taken that a later round may still use. In another window or slice they count for another one,
/// and the round takes its own.
fn reusable_since(taken: &[TakenCharge], now: Timestamp) -> Option<Timestamp> {
    let last = taken.last()?.at;
    let same = |it: &TakenCharge| match it.charge.quota {
        Quota::Rate { .. } => true,
        Quota::Budget { window, .. } => window.number(it.at) == window.number(now),
        Quota::Unfinished { life, .. } => slice_of(it.at, life) == slice_of(now, life),
    };
    taken.iter().filter(|it| it.at == last).all(same).then_some(last)
}
