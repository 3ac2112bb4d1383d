//! Senders as this instance knows them: which of an app's numbers a message goes out from, and what stands in the way.
//!
//! Health and quality are this instance's own: another one learns with its next message. The throughput is shared.

mod health;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::delivery::{Fault, NextStep, ProviderReport, ThrottleScope};
use crate::event::Event;
use crate::id::AppId;
use crate::limit::{Charge, LimitKey, RuleName};
use crate::policy::Policy;
use crate::ports::{LimitStore, Message, Observer, SenderDirectory, Taken};
use crate::recipient::Detour;
use crate::sender::{AccountId, Sender, SenderId, pick};
use crate::template::Language;
use crate::time::Timestamp;
use crate::use_case::senders::health::{Hindrance, Known};
use crate::use_case::{Error, Ports, Rulebook};

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

/// What a message failed with, and from whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct SenderFailure<'a> {
    pub(super) app: &'a AppId,
    pub(super) sender: &'a SenderId,
    pub(super) language: &'a Language,
    pub(super) step: NextStep,
    pub(super) report: Option<&'a ProviderReport>,
    /// When the message set out, as far as that is known.
    pub(super) began_at: Timestamp,
}

/// What a message sets out with.
#[derive(Clone, Copy)]
pub(super) struct Departure<'a> {
    pub(super) id: &'a AppId,
    pub(super) app: &'a App,
    pub(super) language: &'a Language,
    pub(super) policy: &'a Policy,
}

impl Departure<'_> {
    /// For how long a message may wait and still be of use.
    fn useful(&self) -> Duration {
        self.policy.code_life.saturating_sub(self.policy.useful_life_min)
    }
}

/// The senders of the installation.
pub struct Senders {
    rulebook: Arc<Rulebook>,
    limits: Arc<dyn LimitStore>,
    directory: Arc<dyn SenderDirectory>,
    observer: Arc<dyn Observer>,
    known: Mutex<Known>,
}

impl Senders {
    /// Wires the senders to their ports.
    pub fn new(rulebook: &Arc<Rulebook>, ports: &Ports) -> Self {
        Self {
            rulebook: Arc::clone(rulebook),
            limits: Arc::clone(&ports.limits),
            directory: Arc::clone(&ports.directory),
            observer: Arc::clone(&ports.observer),
            known: Mutex::default(),
        }
    }

    /// What stands in the way of every such message that would set out now: every sender is shut, or rests for longer
    /// than a code is of use.
    pub(super) fn standing(&self, departure: Departure<'_>, now: Timestamp) -> Option<StandingFault> {
        let Departure { id, app, language, .. } = departure;
        let mut known = self.known();
        let mut first: Option<StandingFault> = None;
        for sender in &app.senders {
            let standing = match known.hindrance(id, sender, language, now) {
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
        first.or_else(|| app.senders.is_empty().then(|| no_sender(departure.policy)))
    }

    /// How long until a message could join the queue, when so many wait for their turn that it would come too late from
    /// every sender that can send.
    pub(super) fn overcrowded(&self, departure: Departure<'_>, now: Timestamp) -> Option<Duration> {
        let Departure { id, app, language, .. } = departure;
        let useful = departure.useful();
        let mut known = self.known();
        let wait = |sender: &Sender| {
            let is_free = known.hindrance(id, sender, language, now).is_none();
            is_free.then(|| known.condition(sender).pace.waiting(now))
        };
        let shortest = app.senders.iter().filter_map(wait).min()?;
        shortest.checked_sub(useful).filter(|over| !over.is_zero())
    }

    /// Chooses who sends a message now: by weight and quality among those that can, whoever has throughput left. `roll`
    /// is a uniform 64-bit number. Whoever is chosen is counted as sending.
    pub(super) async fn choose(&self, departure: Departure<'_>, roll: u64, now: Timestamp) -> Choice {
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
        match self.candidates(departure, 0, now) {
            Err(Choice::Rest(wait, report)) => Some((wait, report)),
            _ => None,
        }
    }

    /// The provider took a message that set out at `began_at`.
    pub(super) fn succeeded(&self, message: &Message, began_at: Timestamp, now: Timestamp) {
        let way = (message.app.clone(), message.sender.clone(), message.language.clone());
        let recovered = {
            let mut known = self.known();
            let template = known.templates.get_mut(&way);
            let had_fallen = template.is_some_and(|it| it.breaker.close(began_at, now));
            let was_shut = known.senders.get_mut(&message.sender).is_some_and(|it| {
                it.is_taken_from(now);
                it.shutter.breaker.close(began_at, now)
            });
            had_fallen || was_shut
        };
        if recovered {
            let sender = message.sender.clone();
            self.observer.record(&Event::SenderRecovered { sender });
        }
    }

    /// Takes note of a failure, and says what else could carry the message at once.
    pub(super) fn failed(&self, failure: SenderFailure<'_>, policy: &Policy, now: Timestamp) -> Option<Detour> {
        let app = self.rulebook.apps.get(failure.app)?;
        let fallback = app.template.as_ref().map(|it| &it.default_language);
        let fallback = fallback.filter(|it| *it != failure.language).cloned();
        match failure.step {
            NextStep::AnotherLanguage if fallback.is_some() => return fallback.map(Detour::Language),
            NextStep::AnotherLanguage => self.shut(failure, Fault::Template, policy, now),
            NextStep::Misconfigured(fault @ (Fault::Template | Fault::Account)) => {
                self.shut(failure, fault, policy, now);
            }
            NextStep::Throttled {
                scope: scope @ (ThrottleScope::Sender | ThrottleScope::Account),
                retry_after,
            } => self.slow_down(app, failure, scope, retry_after, now),
            step => {
                self.probed(failure, step, now);
                return None;
            }
        }
        let mut known = self.known();
        let mut others = app.senders.iter().filter(|it| it.id != *failure.sender);
        if others.any(|it| known.hindrance(failure.app, it, failure.language, now).is_none()) {
            return Some(Detour::Sender);
        }
        let is_template = failure.step == NextStep::Misconfigured(Fault::Template);
        fallback.filter(|_| is_template).map(Detour::Language)
    }

    /// A failure that is not the sender's: either it shows that the sender works, or the next message finds out.
    fn probed(&self, failure: SenderFailure<'_>, step: NextStep, now: Timestamp) {
        let works = matches!(step, NextStep::Rejected(_) | NextStep::Throttled { .. });
        let mut known = self.known();
        let way = (failure.app.clone(), failure.sender.clone(), failure.language.clone());
        if let Some(template) = known.templates.get_mut(&way) {
            template.breaker.give_up_probe(now);
        }
        let Some(condition) = known.senders.get_mut(failure.sender) else {
            return;
        };
        let breaker = &mut condition.shutter.breaker;
        if !works {
            breaker.give_up_probe(now);
            return;
        }
        let recovered = breaker.close(failure.began_at, now);
        drop(known);
        if recovered {
            let sender = failure.sender.clone();
            self.observer.record(&Event::SenderRecovered { sender });
        }
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
        let Departure {
            id,
            app,
            language,
            policy,
        } = departure;
        let mut known = self.known();
        let (mut free, mut shares) = (Vec::new(), Vec::new());
        let (mut resting, mut shut) = (None::<(Duration, _)>, None::<StandingFault>);
        for sender in &app.senders {
            match known.hindrance(id, sender, language, now) {
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
            amount: std::num::NonZeroU32::MIN,
        };
        let taken = self.limits.take(&[slice], now).await;
        let mut known = self.known();
        let pace = &mut known.condition(sender).pace;
        match taken {
            Ok(Taken::All) => pace.refilled(now),
            Ok(Taken::Refused { retry_after, .. }) => pace.refused(retry_after, now),
            // A claim that waits in vain counts as sent once its lease is over. So this instance keeps the pace alone.
            Err(_) => pace.refilled_alone(now),
        }
        pace.take(now)
    }

    /// Counts a message as sent from there, unless the sender can no longer send: while the store was asked, somebody
    /// else may have begun to probe it, or found out that it is shut. Then the turn is lost.
    fn sets_out(&self, departure: Departure<'_>, sender: &Sender, now: Timestamp) -> bool {
        let Departure {
            id, language, policy, ..
        } = departure;
        let mut known = self.known();
        let is_free = known.hindrance(id, sender, language, now).is_none();
        if is_free {
            known.begin(id, sender, language, policy.send_timeout, now);
        }
        is_free
    }

    fn shut(&self, failure: SenderFailure<'_>, fault: Fault, policy: &Policy, now: Timestamp) {
        let SenderFailure {
            app, sender, report, ..
        } = failure;
        // A webhook may come to an instance that has not sent from there yet, or speak of a number that left the
        // configuration.
        let Some(ours) = self.rulebook.apps.senders().remove(sender) else {
            return;
        };
        let until = {
            let mut known = self.known();
            let shutter = if fault == Fault::Template {
                let way = (app.clone(), sender.clone(), failure.language.clone());
                known.templates.entry(way).or_default()
            } else {
                &mut known.condition(ours).shutter
            };
            let until = shutter.breaker.open(policy.fault_memory, failure.began_at, now);
            if until.is_some() {
                shutter.report = report.cloned();
            }
            until
        };
        // Messages that were under way fail too, and that is no news.
        let Some(until) = until else { return };
        self.observer.record(&Event::SenderShut {
            sender: sender.clone(),
            app: app.clone(),
            fault,
            report: report.cloned(),
            retry_after: until.since(now),
        });
    }

    fn slow_down(
        &self,
        app: &App,
        failure: SenderFailure<'_>,
        scope: ThrottleScope,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) {
        let account = app
            .senders
            .iter()
            .find(|it| it.id == *failure.sender)
            .map(|it| &it.account);
        let shares = |account: Option<&AccountId>, it: &Sender| Some(&it.account) == account;
        let whole_account = scope == ThrottleScope::Account;
        for sender in self.rulebook.apps.senders().into_values() {
            if sender.id != *failure.sender && !(whole_account && shares(account, sender)) {
                continue;
            }
            let mut known = self.known();
            let condition = known.condition(sender);
            let slowed = condition.rest(failure.report, retry_after, failure.began_at, now);
            drop(known);
            if let Some(retry_after) = slowed {
                self.observer.record(&Event::SenderSlowed {
                    sender: sender.id.clone(),
                    report: failure.report.cloned(),
                    retry_after,
                });
            }
        }
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
