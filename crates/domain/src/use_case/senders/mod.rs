//! Senders as this instance knows them: which of an app's numbers a message goes out from, and what stands in the way.
//!
//! Health and quality are this instance's own: another one learns with its next message. The throughput is shared.

mod departure;
mod health;
mod outcome;
mod wording;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::{Fault, ProviderReport};
use crate::event::Event;
use crate::limit::{Charge, ChargeMode, KeyParts, LimitKey, RuleName, Taken};
use crate::policy::Policy;
use crate::ports::{LimitStore, Observer, SenderDirectory};
use crate::sender::{Sender, SenderId, pick};
use crate::time::Timestamp;
use crate::use_case::senders::health::{Hindrance, Known};
use crate::use_case::{Error, Ports, Rulebook, TemplateBoard};

pub(super) use departure::{Departure, SenderFailure};

/// What stands in the way of an app's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingFault {
    /// What of ours is wrong.
    pub fault: Fault,
    /// The provider's words.
    pub report: Option<ProviderReport>,
    /// How long it stands before the next start may probe.
    pub retry_after: Duration,
}

impl From<StandingFault> for Error {
    fn from(standing: StandingFault) -> Self {
        let StandingFault {
            fault,
            report,
            retry_after,
        } = standing;
        Self::CannotSend {
            fault,
            report,
            retry_after,
        }
    }
}

/// Who sends a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// This sender, now.
    Send(SenderId),
    /// Nobody yet: each is at its throughput, and the message's turn comes in a while.
    Queue(Duration),
    /// Nobody yet: each rests, the first of them for so long, because the provider said so.
    Rest(Duration, Option<ProviderReport>),
    /// Nobody: an operator has to act.
    Shut(StandingFault),
}

/// The senders of the installation.
pub struct Senders {
    rulebook: Arc<Rulebook>,
    limits: Arc<dyn LimitStore>,
    directory: Arc<dyn SenderDirectory>,
    observer: Arc<dyn Observer>,
    board: Arc<TemplateBoard>,
    known: Mutex<Known>,
}

impl Senders {
    /// Wires the senders to their ports.
    pub fn new(rulebook: &Arc<Rulebook>, board: &Arc<TemplateBoard>, ports: &Ports) -> Self {
        Self {
            rulebook: Arc::clone(rulebook),
            board: Arc::clone(board),
            limits: Arc::clone(&ports.limits),
            directory: Arc::clone(&ports.directory),
            observer: Arc::clone(&ports.observer),
            known: Mutex::default(),
        }
    }

    /// What stands in the way of every such message that would set out now: every sender is shut, or rests for longer
    /// than a code is of use.
    pub(super) fn standing(&self, departure: Departure<'_>, now: Timestamp) -> Option<StandingFault> {
        let mut known = self.known();
        let mut first: Option<StandingFault> = None;
        for sender in &departure.app.senders {
            let standing = match self.hindrance(&mut known, departure, sender, now) {
                Some(Hindrance::Shut(standing)) => standing,
                Some(Hindrance::Resting(wait, report)) if wait > departure.useful() => StandingFault {
                    fault: Fault::Account,
                    report,
                    retry_after: wait,
                },
                Some(Hindrance::Resting(..)) | None => return None,
            };
            if first.as_ref().is_none_or(|it| standing.retry_after < it.retry_after) {
                first = Some(standing);
            }
        }
        first.or_else(|| departure.app.senders.is_empty().then(|| no_sender(departure.policy)))
    }

    /// How long until a message could join the queue, when so many wait for their turn that it would come too late from
    /// every sender that can send.
    pub(super) fn overcrowded(&self, departure: Departure<'_>, now: Timestamp) -> Option<Duration> {
        let useful = departure.useful();
        let mut known = self.known();
        let wait = |sender: &Sender| {
            let is_free = self.hindrance(&mut known, departure, sender, now).is_none();
            is_free.then(|| known.condition(sender).pace.waiting(now))
        };
        let shortest = departure.app.senders.iter().filter_map(wait).min()?;
        shortest.checked_sub(useful).filter(|over| !over.is_zero())
    }

    /// Chooses who sends a message now: by weight and quality among those that can, whoever has throughput left. `roll`
    /// is a uniform 64-bit number. Whoever is chosen is counted as sending.
    pub(super) async fn choose(&self, departure: Departure<'_>, roll: u64, now: Timestamp) -> Choice {
        let departure = self.resigned(departure, now);
        let candidates = match self.candidates(departure, roll, now) {
            Ok(candidates) => candidates,
            Err(choice) => return choice,
        };
        for sender in &candidates {
            if self.has_turn(sender, now).await && self.sets_out(departure, sender, now) {
                return Choice::Send(sender.id.clone());
            }
        }
        let mut known = self.known();
        let queue = |sender: &&Sender| known.condition(sender).pace.queue(departure.useful(), now);
        Choice::Queue(candidates.first().map(queue).unwrap_or_default())
    }

    /// How long every sender rests that is not shut, and what the provider said. `None` when one of them can send, and
    /// when none ever will without an operator.
    pub(super) fn resting(
        &self,
        departure: Departure<'_>,
        now: Timestamp,
    ) -> Option<(Duration, Option<ProviderReport>)> {
        match self.candidates(self.resigned(departure, now), 0, now) {
            Err(Choice::Rest(wait, report)) => Some((wait, report)),
            _ => None,
        }
    }

    /// What keeps a sender from being used for a message: what its template is known for, or how the sender is.
    fn hindrance(
        &self,
        known: &mut Known,
        departure: Departure<'_>,
        sender: &Sender,
        now: Timestamp,
    ) -> Option<Hindrance> {
        let Departure {
            template,
            language,
            policy,
            ..
        } = departure;
        let drift = self.board.why_unusable(&sender.account, template, language, policy);
        if let Some(drift) = drift.filter(|_| !departure.regardless) {
            return Some(Hindrance::Shut(StandingFault {
                fault: Fault::Template,
                report: Some(drift.report()),
                retry_after: policy.fault_memory,
            }));
        }
        let well_since = || self.board.well_since(&sender.account, template, language);
        known.hindrance(sender, || departure.way(&sender.id), well_since, now)
    }

    /// Asks the provider how each sender is. One that the provider does not speak of keeps the share it had.
    pub async fn look_around(&self) {
        for (id, sender) in self.rulebook.apps.senders() {
            let facts = self.directory.look(id).await;
            let Ok(facts) = facts else {
                self.observer.record(&Event::SenderUnseen { sender: id.clone() });
                continue;
            };
            let before = std::mem::replace(&mut self.known().condition(sender).quality, facts.quality);
            if before != facts.quality {
                self.observer.record(&Event::SenderRated {
                    sender: id.clone(),
                    quality: facts.quality,
                });
            }
        }
    }

    /// The senders that can send now, the one that is chosen first.
    fn candidates<'a>(&self, departure: Departure<'a>, roll: u64, now: Timestamp) -> Result<Vec<&'a Sender>, Choice> {
        let Departure { app, policy, .. } = departure;
        let mut known = self.known();
        let (mut free, mut shares) = (Vec::new(), Vec::new());
        let (mut resting, mut shut) = (None::<(Duration, _)>, None::<StandingFault>);
        for sender in &app.senders {
            match self.hindrance(&mut known, departure, sender, now) {
                None => {
                    free.push(sender);
                    shares.push(u64::from(sender.weight.get()) * known.condition(sender).quality.eighths());
                }
                Some(Hindrance::Resting(wait, report)) => {
                    resting = Some(resting.filter(|(first, _)| *first <= wait).unwrap_or((wait, report)));
                }
                Some(Hindrance::Shut(standing)) => {
                    let is_first = |it: &StandingFault| it.retry_after <= standing.retry_after;
                    shut = Some(shut.filter(is_first).unwrap_or(standing));
                }
            }
        }
        let Some(chosen) = pick(&shares, roll) else {
            return Err(match resting {
                Some((wait, report)) => {
                    // A sender that is shut may be probed before the others have rested.
                    let probe = shut.map_or(wait, |it| it.retry_after);
                    Choice::Rest(wait.min(probe), report)
                }
                None => Choice::Shut(shut.unwrap_or_else(|| no_sender(policy))),
            });
        };
        free.swap(0, chosen);
        Ok(free)
    }

    /// Whether the sender's throughput has room for one message now; if so, the room is taken.
    async fn has_turn(&self, sender: &Sender, now: Timestamp) -> bool {
        let quota = {
            let mut known = self.known();
            let pace = &mut known.condition(sender).pace;
            if pace.take(now) {
                return true;
            }
            if !pace.may_refill(now) {
                return false;
            }
            pace.ask(now);
            pace.quota()
        };
        let rule = RuleName::SenderThroughput;
        let slice = Charge {
            rule,
            key: LimitKey::derive(&self.rulebook.identity, rule, sender.id.as_str().as_bytes()),
            quota,
            parts: KeyParts::EVERYTHING,
            mode: ChargeMode::Refuse,
            amount: std::num::NonZeroU64::MIN,
        };
        let taken = self.limits.take(&[slice], now).await;
        let mut known = self.known();
        let pace = &mut known.condition(sender).pace;
        match taken {
            Ok(Taken::All(_)) => pace.refilled(now),
            Ok(Taken::Refused(refusal)) => pace.refused(refusal.retry_after, now),
            // A claim that waits in vain counts as sent once its lease is over. So this instance keeps the pace alone.
            Err(_) => pace.refilled_alone(now),
        }
        pace.take(now)
    }

    /// Counts a message as sent from there, unless the sender can no longer send: while the store was asked, somebody
    /// else may have begun to probe it, or found out that it is shut. Then the turn is lost.
    fn sets_out(&self, departure: Departure<'_>, sender: &Sender, now: Timestamp) -> bool {
        let mut known = self.known();
        let is_free = self.hindrance(&mut known, departure, sender, now).is_none();
        if is_free {
            known.begin(sender, &departure.way(&sender.id), departure.policy.send_timeout, now);
        }
        is_free
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An app without senders, as long as a fault of the account.
fn no_sender(policy: &Policy) -> StandingFault {
    StandingFault {
        fault: Fault::Account,
        report: None,
        retry_after: policy.fault_memory,
    }
}
