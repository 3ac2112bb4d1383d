//! What became of a message, and what it says about its sender and its template.

use std::time::Duration;

use crate::app::App;
use crate::delivery::{Fault, NextStep, ThrottleScope};
use crate::event::Event;
use crate::policy::Policy;
use crate::ports::Message;
use crate::recipient::Detour;
use crate::sender::{AccountId, Sender};
use crate::time::Timestamp;
use crate::use_case::Senders;
use crate::use_case::senders::departure::{Departure, SenderFailure};
use crate::use_case::senders::health::Way;

impl Senders {
    /// The provider took a message that set out at `began_at`.
    pub(in crate::use_case) fn succeeded(&self, message: &Message, began_at: Timestamp, now: Timestamp) {
        let way = Way {
            app: message.app.clone(),
            sender: message.sender.clone(),
            template: message.template.clone(),
            language: message.language.clone(),
        };
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
    pub(in crate::use_case) fn failed(
        &self,
        failure: SenderFailure<'_>,
        policy: &Policy,
        now: Timestamp,
    ) -> Option<Detour> {
        let app = self.rulebook.apps.get(failure.app)?;
        let departure = Departure {
            id: failure.app,
            app,
            template: failure.template,
            language: failure.language,
            language_step: failure.language_step,
            policy,
            regardless: false,
        };
        match failure.step {
            NextStep::AnotherLanguage => {
                self.answers(failure, now);
                self.shut(failure, Fault::Template, policy, now);
                let detour = self.rewording(departure, now);
                if detour.is_some() {
                    return detour;
                }
            }
            NextStep::Misconfigured(Fault::Template) => {
                self.answers(failure, now);
                self.shut(failure, Fault::Template, policy, now);
            }
            NextStep::Misconfigured(Fault::Account) => self.shut(failure, Fault::Account, policy, now),
            NextStep::Throttled {
                scope: scope @ (ThrottleScope::Sender | ThrottleScope::Account),
                retry_after,
            } => self.slow_down(app, failure, scope, retry_after, now),
            step => {
                self.probed(failure, step, now);
                return None;
            }
        }
        let departure = self.resigned(departure, now);
        let mut others = app.senders.iter().filter(|it| it.id != *failure.sender);
        let is_free = |it| self.hindrance(&mut self.known(), departure, it, now).is_none();
        if others.any(is_free) {
            return Some(Detour::Sender);
        }
        if failure.step == NextStep::Misconfigured(Fault::Template) {
            return self.rewording(departure, now);
        }
        None
    }

    /// A failure that is not the sender's: either it shows that the sender works, or the next message finds out.
    fn probed(&self, failure: SenderFailure<'_>, step: NextStep, now: Timestamp) {
        let works = matches!(step, NextStep::Rejected(_) | NextStep::Throttled { .. });
        if let Some(template) = self.known().templates.get_mut(&failure.way()) {
            template.breaker.give_up_probe(now);
        }
        if works {
            self.answers(failure, now);
        } else if let Some(condition) = self.known().senders.get_mut(failure.sender) {
            condition.shutter.breaker.give_up_probe(now);
        }
    }

    /// The provider took the sender's word and refused something else: the sender works.
    fn answers(&self, failure: SenderFailure<'_>, now: Timestamp) {
        let recovered = {
            let mut known = self.known();
            let condition = known.senders.get_mut(failure.sender);
            condition.is_some_and(|it| it.shutter.breaker.close(failure.began_at, now))
        };
        if recovered {
            let sender = failure.sender.clone();
            self.observer.record(&Event::SenderRecovered { sender });
        }
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
                known.templates.entry(failure.way()).or_default()
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
        if fault == Fault::Template {
            self.board.doubt(&ours.account);
        }
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
}
