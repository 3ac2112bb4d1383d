//! Replay: what other rules would have decided about what was recorded. Pure: no store, no clock, no phone.
//!
//! A record holds what was asked and what became of it. What other rules would have let through that was refused then
//! has no outcome: it is charged and otherwise unknown, so that a replay says rather too little of a looser policy than
//! too much. What they would have refused that was sent then has one: how many of those people gave their code back
//! says what a rule costs in sign-ins.

mod recorded;
mod referee;
mod stand_ins;
mod table;
mod tell;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::id::{RecipientKey, Serial};
use crate::time::{DAY, Timestamp};
use crate::use_case::Rulebook;
use crate::verification::StartOutcome;

pub use recorded::{Mark, RecordedEvent, RecordedSubject, RecordedVerdict};
pub use table::{ReplayRow, ReplayTable};
pub(in crate::use_case) use tell::{tell, tell_country, verdict_of};

use recorded::CHALLENGE;
use referee::{Judged, Referee, Then};

/// How long something may still be heard of a message: a code lives 90 minutes at most, and providers repeat their posts
/// for longer.
const REMEMBERED: Duration = DAY;

/// Goes through a record under the rules of a rulebook.
///
/// Events have to come in the order in which they were recorded; those of several instances have to be merged by time.
pub struct Replay<'a> {
    referee: Referee<'a>,
    table: ReplayTable,
    /// The sends of each verification that were recorded, with what the replay made of them.
    sends: BTreeMap<(RecipientKey, Serial), Vec<Judged>>,
    /// Those verifications, the oldest first.
    order: VecDeque<(Timestamp, (RecipientKey, Serial))>,
    /// Whom a rule refused, to count people and not starts.
    people: BTreeSet<(String, Mark)>,
    last: Timestamp,
}

impl<'a> Replay<'a> {
    /// Nothing has happened yet.
    pub fn new(rulebook: &'a Rulebook) -> Self {
        Self {
            referee: Referee::new(rulebook),
            table: ReplayTable::default(),
            sends: BTreeMap::new(),
            order: VecDeque::new(),
            people: BTreeSet::new(),
            last: Timestamp::EPOCH,
        }
    }

    /// Takes one event in.
    pub fn feed(&mut self, event: &RecordedEvent) {
        let now = event.at().max(self.last);
        self.last = now;
        self.referee.pass(now);
        self.forget_old(now);
        match event {
            RecordedEvent::Start {
                subject,
                is_returning,
                verdict,
                ..
            } => self.start(subject, *is_returning, verdict, now),
            RecordedEvent::Guess {
                app,
                recipient,
                comparison,
                ..
            } => self.referee.guess(app, *recipient, *comparison, now),
            RecordedEvent::Failed {
                recipient,
                serial,
                delivery,
                had_left,
                ..
            } => {
                let sends = self.sends.get_mut(&(*recipient, *serial));
                let failed = sends.and_then(|it| it.iter_mut().find(|it| it.delivery == *delivery));
                if let Some(failed) = failed {
                    self.referee.failed(*recipient, failed, *had_left, now);
                }
            }
            RecordedEvent::Ended {
                recipient,
                serial,
                is_approved,
                ..
            } => {
                let verification = (*recipient, *serial);
                // Kept: that a message failed may be heard later.
                let Some(sends) = self.sends.get_mut(&verification) else {
                    return;
                };
                if !*is_approved {
                    return self.referee.ended(sends, now);
                }
                if let Some(rule) = turned_away_by(sends) {
                    self.table.row(&rule).approved_then += 1;
                }
                self.referee.approved(*recipient, sends, now);
            }
        }
    }

    /// What came of it so far.
    pub fn table(&self) -> &ReplayTable {
        &self.table
    }

    fn start(&mut self, subject: &RecordedSubject, is_returning: bool, verdict: &RecordedVerdict, now: Timestamp) {
        let (was_sent, outcome) = match verdict {
            RecordedVerdict::Sent { outcome, .. } => (true, *outcome),
            RecordedVerdict::Refused { outcome, .. } => (false, outcome.unwrap_or(StartOutcome::Opened)),
        };
        if let RecordedVerdict::Refused { rule, .. } = verdict {
            self.table.row(rule).refused_then += 1;
        }
        let then = match verdict {
            RecordedVerdict::Sent { .. } => Then::Sent,
            RecordedVerdict::Refused { rule, .. } if rule == CHALLENGE => Then::Challenged,
            RecordedVerdict::Refused { .. } => Then::Refused,
        };
        let mut judged = self.referee.start(subject, is_returning, outcome, then, now);
        self.table.count(was_sent, &judged);
        if let Some(rule) = &judged.refused_by {
            let is_new = self.people.insert((rule.clone(), subject.phone));
            let row = self.table.row(rule);
            row.refused_now += 1;
            row.people += u64::from(is_new);
            row.first_at.get_or_insert(now);
        }
        for rule in &judged.shadowed {
            self.table.row(rule).shadowed += 1;
        }
        if let RecordedVerdict::Sent { serial, delivery, .. } = verdict {
            judged.delivery = *delivery;
            let verification = (subject.recipient, *serial);
            self.order.push_back((now, verification));
            self.sends.entry(verification).or_default().push(judged);
        }
    }

    /// Forgets verifications of which nothing more is heard.
    fn forget_old(&mut self, now: Timestamp) {
        while let Some(&(at, verification)) = self.order.front()
            && now.since(at) >= REMEMBERED
        {
            self.order.pop_front();
            if let Some(sends) = self.sends.remove(&verification) {
                self.referee.forget(&sends);
            }
        }
    }
}

/// The rule that turned a person away who was approved then. One whose every message would have been refused would not
/// have got in, and it was the first refusal that turned them away.
fn turned_away_by(sends: &[Judged]) -> Option<String> {
    let all_refused = sends.iter().all(|it| it.refused_by.is_some());
    let first = sends.first().filter(|_| all_refused)?;
    first.refused_by.clone()
}
