//! The rules at work on a record: the same functions that decide about real starts, over states kept in memory.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::code::Salt;
use crate::delivery::DeliveryNumber;
use crate::guard::Rung;
use crate::id::{AppId, RecipientKey};
use crate::limit::{Charge, ChargeMode, LimitKey, LimitState, RuleName, Taken, give_back, weigh};
use crate::money::Amount;
use crate::policy::Policy;
use crate::recipient::{Comparison, Conversion, Recipient, Settles};
use crate::rule::Subject;
use crate::time::{DAY, Timestamp};
use crate::use_case::Rulebook;
use crate::use_case::costs::Costs;
use crate::use_case::guard::{Clearance, strongest, unfinished};
use crate::use_case::replay::recorded::{CHALLENGE, RecordedSubject};
use crate::use_case::replay::stand_ins::{StandIn, StandIns};
use crate::use_case::replay::watch::Watch;
use crate::verification::StartOutcome;

/// What stands for a purpose that the replay's configuration does not know.
const UNKNOWN_PURPOSE: &str = "unknown_purpose";
/// How long an answer to a challenge counts, and so how long a start may take that was challenged.
const ANSWER_LIFE: Duration = Duration::from_secs(10 * 60);

/// What became of a start when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Its message was sent.
    Sent,
    /// A challenge was asked for. Who met it comes back with a start of its own, which is the same one to a replay.
    Challenged,
    /// A rule refused it.
    Refused,
}

/// What a replay made of one start.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    /// The message of the record.
    pub(super) delivery: DeliveryNumber,
    /// The rule that refuses it; `None` when it is sent.
    pub(super) refused_by: Option<String>,
    /// Rules that would have, were they no shadow.
    pub(super) shadowed: Vec<String>,
    /// What the message costs.
    pub(super) price: Amount,
    /// Whether its message is that of an earlier start, which was challenged then and is sent by the replay.
    pub(super) is_second: bool,
    at: Timestamp,
    /// What it holds of the shared limits until something comes of it.
    held: Vec<(Charge, Settles)>,
    /// The number under which it waits to be old enough, if the guard counts it.
    waits: Option<u64>,
}

/// The rules, and what they have seen.
pub(super) struct Referee<'a> {
    rulebook: &'a Rulebook,
    stand_ins: StandIns,
    limits: BTreeMap<LimitKey, LimitState>,
    recipients: BTreeMap<RecipientKey, Recipient>,
    guard: Watch<'a>,
    /// What the replay sent to those who were challenged then, until they come with an answer.
    unanswered: BTreeMap<RecipientKey, Judged>,
}

impl<'a> Referee<'a> {
    pub(super) fn new(rulebook: &'a Rulebook) -> Self {
        Self {
            rulebook,
            stand_ins: StandIns::default(),
            limits: BTreeMap::new(),
            recipients: BTreeMap::new(),
            guard: Watch::new(rulebook),
            unanswered: BTreeMap::new(),
        }
    }

    /// Lets time pass: sends grow old, and once an hour what is usual is learnt anew.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.guard.pass(now);
    }

    /// Decides about a start. One that was refused then has no outcome, and so counts for no score.
    pub(super) fn start(
        &mut self,
        recorded: &RecordedSubject,
        is_returning: bool,
        outcome: StartOutcome,
        then: Then,
        now: Timestamp,
    ) -> Judged {
        let judged = Judged {
            at: now,
            ..Judged::default()
        };
        let rulebook = self.rulebook;
        let Some(policy) = rulebook.apps.policy(&recorded.app, &recorded.purpose) else {
            return refused(judged, UNKNOWN_PURPOSE);
        };
        let Some(StandIn { phone, line, client }) = self.stand_ins.of(recorded) else {
            return judged;
        };
        let counts = rulebook.guard.is_some() && then == Then::Sent && !is_returning;
        let is_fresh = |it: &Judged| now.since(it.at) < ANSWER_LIFE;
        if then != Then::Refused && self.unanswered.get(&recorded.recipient).is_some_and(is_fresh) {
            if then == Then::Challenged {
                // Asked again, or answered wrongly: the replay sent to it already.
                return refused(judged, CHALLENGE);
            }
            let first = self.unanswered.remove(&recorded.recipient).unwrap_or_default();
            let waits = counts.then(|| self.guard.await_fate(&phone, recorded, now));
            return Judged {
                is_second: true,
                shadowed: Vec::new(),
                waits: waits.flatten(),
                ..first
            };
        }
        if !policy.countries.allows(recorded.country) {
            return refused(judged, RuleName::Countries.as_str());
        }
        let recipient = self.recipients.entry(recorded.recipient);
        let recipient = recipient.or_insert_with(|| fresh(recorded));
        forget_old(recipient, now);
        if let Some(restraint) = recipient.send_restraint(policy, now) {
            return refused(judged, restraint.rule.as_str());
        }
        let subject = Subject {
            phone: &phone,
            line,
            country: recorded.country,
            client: &client,
            app: &recorded.app,
            purpose: &recorded.purpose,
            caller: &recorded.caller,
        };
        let mut judged = self.weigh(judged, &subject, policy, (is_returning, outcome, then), now);
        if judged.refused_by.is_some() {
            return judged;
        }
        if let Some(recipient) = self.recipients.get_mut(&recorded.recipient) {
            recipient.sends.push(now);
            recipient.unanswered_sends += unanswered_of(&judged.held);
        }
        if then == Then::Challenged {
            self.unanswered.insert(recorded.recipient, judged.clone());
        }
        if counts {
            judged.waits = self.guard.await_fate(&phone, recorded, now);
        }
        judged
    }

    /// Takes what a message costs, if the guard and every quota let it pass.
    fn weigh(
        &mut self,
        mut judged: Judged,
        subject: &Subject<'_>,
        policy: &Policy,
        (is_returning, outcome, then): (bool, StartOutcome, Then),
        now: Timestamp,
    ) -> Judged {
        let rulebook = self.rulebook;
        let mut clearance = Clearance::default();
        if let Some(settings) = &rulebook.guard {
            let outlook = self.guard.outlook(subject, is_returning);
            if let Some(obstacle) = strongest(&outlook, settings, now) {
                match (obstacle.rung, settings.mode) {
                    (Rung::Challenge, ChargeMode::Refuse) if then == Then::Challenged => {
                        return refused(judged, CHALLENGE);
                    }
                    (Rung::Challenge, _) => judged.shadowed.push(CHALLENGE.to_owned()),
                    (_, ChargeMode::Shadow) => {
                        judged.shadowed.push(RuleName::Guard.as_str().to_owned());
                    }
                    _ => return refused(judged, RuleName::Guard.as_str()),
                }
            }
            if !is_returning {
                // There is nothing to be read first: what is usual follows from the record itself.
                let most = self.guard.unfinished_max(settings, subject.country);
                let charges = unfinished(&rulebook.identity, settings, subject, (most, true));
                clearance.charges.extend(charges);
            }
        }
        let costs = Costs::of(rulebook, policy, subject, outcome, &clearance);
        judged.price = costs.reserved().unwrap_or_default();
        let weighed = weigh(&costs.charges, |key| self.limits.get(&key).copied(), now);
        match weighed.taken {
            Taken::Refused(refusal) => {
                let rule = costs.charges.get(refusal.place).map(|it| it.rule);
                refused(judged, rule.unwrap_or(RuleName::Guard).as_str())
            }
            Taken::All(standings) => {
                self.limits.extend(weighed.states);
                for ((charge, settles), standing) in costs.settled().zip(standings) {
                    if standing.is_over {
                        judged.shadowed.push(charge.rule.as_str().to_owned());
                    } else {
                        judged.held.push((*charge, settles));
                    }
                }
                judged
            }
        }
    }

    /// A compared guess.
    pub(super) fn guess(&mut self, app: &AppId, recipient: RecipientKey, comparison: Comparison, now: Timestamp) {
        if let Some(recipient) = self.recipients.get_mut(&recipient)
            && comparison != Comparison::Right
        {
            recipient.wrong_guesses.push(now);
        }
        self.guard.guess(app, comparison, now);
    }

    /// A message that failed: what it holds goes back, but for what is settled once the provider had it. It reached
    /// nobody, so it says nothing about the people there.
    pub(super) fn failed(&mut self, recipient: RecipientKey, judged: &mut Judged, had_left: bool, now: Timestamp) {
        let goes_back = |it: &mut (Charge, Settles)| !had_left || it.1 != Settles::Acceptance;
        let owed: Vec<_> = judged.held.extract_if(.., goes_back).collect();
        if let Some(recipient) = self.recipients.get_mut(&recipient) {
            recipient.unanswered_sends = recipient.unanswered_sends.saturating_sub(unanswered_of(&owed));
        }
        for (charge, _) in owed {
            self.give_back(&charge, judged.at, now);
        }
        if let Some(number) = judged.waits.take() {
            self.guard.settle(number, Conversion::NotCounted, now);
        }
    }

    /// A verification that ended without an approval: nobody can give its code back any more.
    pub(super) fn ended(&mut self, sends: &[Judged], now: Timestamp) {
        for number in sends.iter().filter_map(|it| it.waits) {
            self.guard.miss(number, now);
        }
    }

    /// Forgets sends of which nothing more is heard.
    pub(super) fn forget(&mut self, sends: &[Judged]) {
        for number in sends.iter().filter_map(|it| it.waits) {
            self.guard.forget(number);
        }
    }

    /// A verification that was approved: its sends are finished, and every send to the recipient is answered.
    pub(super) fn approved(&mut self, recipient: RecipientKey, sends: &mut [Judged], now: Timestamp) {
        let mut answered = 0;
        if let Some(recipient) = self.recipients.get_mut(&recipient) {
            recipient.approved_at = Some(now);
            answered = u64::from(std::mem::take(&mut recipient.unanswered_sends));
        }
        for judged in sends {
            let is_owed = |it: &mut (Charge, Settles)| it.1 == Settles::Approval || is_unanswered(&it.0);
            for (charge, _) in judged.held.extract_if(.., is_owed).collect::<Vec<_>>() {
                if !is_unanswered(&charge) {
                    self.give_back(&charge, judged.at, now);
                } else if let Some(amount) = NonZeroU64::new(std::mem::take(&mut answered)) {
                    self.give_back(&Charge { amount, ..charge }, now, now);
                }
            }
            if let Some(number) = judged.waits.take() {
                self.guard.settle(number, Conversion::Finished, now);
            }
        }
    }

    fn give_back(&mut self, charge: &Charge, taken_at: Timestamp, now: Timestamp) {
        let before = self.limits.get(&charge.key).copied();
        match give_back(before, charge.quota, charge.amount, taken_at, now) {
            Some(state) => self.limits.insert(charge.key, state),
            None => self.limits.remove(&charge.key),
        };
    }
}

fn is_unanswered(charge: &Charge) -> bool {
    charge.rule == RuleName::UnansweredSends
}

/// How many unanswered sends are among the charges: one or none.
fn unanswered_of(charges: &[(Charge, Settles)]) -> u32 {
    u32::from(charges.iter().any(|(charge, _)| is_unanswered(charge)))
}

fn refused(judged: Judged, rule: &str) -> Judged {
    Judged {
        refused_by: Some(rule.to_owned()),
        ..judged
    }
}

fn fresh(recorded: &RecordedSubject) -> Recipient {
    Recipient::new(recorded.app.clone(), recorded.purpose.clone(), Salt([0; 16]))
}

/// As a record is settled before every decision.
fn forget_old(recipient: &mut Recipient, now: Timestamp) {
    let begin = now.minus(DAY);
    recipient.sends.retain(|at| *at > begin);
    recipient.wrong_guesses.retain(|at| *at > begin);
}
