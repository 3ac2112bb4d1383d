//! Start: ask a person for a code, once, whatever runs in parallel.

use std::fmt;
use std::sync::Arc;

use crate::app::Caller;
use crate::client::Client;
use crate::code::Salt;
use crate::event::Event;
use crate::id::{AppId, Identified, Purpose};
use crate::limit::{KeyPart, KeyParts, RuleName};
use crate::money::Amount;
use crate::phone::PhoneNumber;
use crate::ports::{ClaimedDelivery, Courier, Errand, Random, Stored};
use crate::recipient::{Claim, Recipient, VerificationView};
use crate::request::RequestId;
use crate::supported_app::PackageName;
use crate::template::{Language, Platform};
use crate::time::Timestamp;
use crate::use_case::budgets::BudgetWatch;
use crate::use_case::guard::Outlook;
use crate::use_case::judge::{Case, Judge, Judgement};
use crate::use_case::records::{Decided, Decision, Moment, was_left_out};
use crate::use_case::{ContextPairs, Error, Guard, Ports, Records, Senders, replay};
use crate::verification::StartOutcome;

/// What a caller asks for. `Debug` leaves the context out.
#[derive(Clone)]
pub struct StartRequest {
    /// For which app.
    pub app: AppId,
    /// Whom to ask.
    pub phone: PhoneNumber,
    /// What for.
    pub purpose: Purpose,
    /// The language to write in, if the caller cares.
    pub language: Option<Language>,
    /// What the person uses the app on, if the caller knows.
    pub platform: Platform,
    /// The Android app that asked WhatsApp for the code.
    pub package: Option<PackageName>,
    /// What the code is bound to.
    pub context: ContextPairs,
    /// Whether whoever is behind the number now is welcome, although somebody else was approved before (Meta 137000).
    pub accept_identity_change: bool,
    /// What the caller says about the person's device.
    pub client: Client,
    /// Makes a repeat safe.
    pub request_id: Option<RequestId>,
    /// After this, nothing is written and nothing sent.
    pub deadline: Option<Timestamp>,
}

impl fmt::Debug for StartRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartRequest")
            .field("app", &self.app)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartAnswer {
    /// What was done.
    pub outcome: StartOutcome,
    /// The verification.
    pub view: VerificationView,
}

/// Asks a person for a code: joins what is open, sends it again, or opens a new verification.
///
/// Answers once the decision is written; the message goes out in the background.
pub struct Start {
    judge: Judge,
    records: Arc<Records>,
    random: Arc<dyn Random>,
    courier: Arc<dyn Courier>,
    budgets: BudgetWatch,
}

struct Answer {
    outcome: StartOutcome,
    view: VerificationView,
    claim: Option<Claim>,
    reserved: Option<Amount>,
    shadowed: Option<Event>,
}

impl Start {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, senders: &Arc<Senders>, guard: &Arc<Guard>, ports: &Ports) -> Self {
        Self {
            judge: Judge {
                records: Arc::clone(records),
                senders: Arc::clone(senders),
                guard: Arc::clone(guard),
                numbering: Arc::clone(&ports.numbering),
            },
            records: Arc::clone(records),
            random: Arc::clone(&ports.random),
            courier: Arc::clone(&ports.courier),
            budgets: BudgetWatch::default(),
        }
    }

    /// Carries a start out. Errors are those of [`Error`]; every refusal by a rule or the guard is observed.
    pub async fn execute(&self, caller: &Caller, request: StartRequest) -> Result<StartAnswer, Error> {
        let answer = self.decide(caller, &request).await;
        if let Err(error) = &answer {
            self.observe_refusal(caller, &request, error);
        }
        answer
    }

    async fn decide(&self, caller: &Caller, request: &StartRequest) -> Result<StartAnswer, Error> {
        let mut case = self.judge.case(caller, request, self.records.clock.now())?;
        let outlook = self.judge.look(&mut case).await?;
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        let decided = self
            .records
            .decide(case.key, None, request.deadline, |recipient, moment| {
                let fresh = || Recipient::new(request.app.clone(), request.purpose.clone(), Salt(salt));
                self.decide_once(&case, &outlook, recipient.unwrap_or_else(fresh), moment)
            })
            .await;
        let now = self.records.clock.now();
        let decided = decided.map_err(|refusal| self.judge.told(refusal, &case, &outlook, now));
        let came_to = decided.as_ref().map(|it| (it.answer.outcome, it.answer.claim));
        let (subject, is_returning) = (case.subject(), outlook.view.is_returning);
        replay::tell(&self.records, &subject, is_returning, replay::verdict_of(came_to), now);
        Ok(self.answer(&case, decided?).await)
    }

    /// One round of the loop: the pure decision, and what it needs to be written.
    fn decide_once(
        &self,
        case: &Case<'_>,
        outlook: &Outlook,
        mut recipient: Recipient,
        moment: &Moment,
    ) -> Result<Decision<Answer>, Error> {
        let Judgement {
            outcome,
            serial,
            claim,
            is_changed,
            costs,
            shadowed,
        } = self.judge.judge(case, outlook, &mut recipient, moment)?;
        let identity = &self.records.rulebook.identity;
        let view = recipient
            .view(identity, case.key, serial, case.policy, moment.now)
            .ok_or(Error::NotFound)?;
        let answer = Answer {
            outcome,
            view,
            claim,
            reserved: costs.reserved(),
            shadowed,
        };
        Ok(if is_changed {
            Decision::Replace {
                recipient,
                charges: costs.charges,
                answer,
            }
        } else {
            Decision::Keep(answer)
        })
    }

    /// Hands the claimed message over and answers. When there is no room to send it now, it is given back to the loop.
    async fn answer(&self, case: &Case<'_>, decided: Decided<Answer>) -> StartAnswer {
        self.observe_charges(case, &decided);
        let Answer {
            outcome, view, claim, ..
        } = decided.answer;
        if let (Some(claim), Some((version, recipient))) = (claim, decided.written) {
            let stored = Stored { version, recipient };
            let key = case.key;
            let claimed = Box::new(ClaimedDelivery { key, claim, stored });
            if let Err(Errand::Send(claimed)) = self.courier.hand_over(Errand::Send(claimed)) {
                claimed.release(&self.records, &*self.courier).await;
            }
        }
        let subject = Identified {
            app: view.app.clone(),
            purpose: view.purpose.clone(),
            verification: view.id,
        };
        self.records.observer.record(&Event::Started {
            caller: case.caller.id.clone(),
            subject,
            outcome,
        });
        StartAnswer { outcome, view }
    }

    /// Tells what was reserved, which budgets run out, and which rules would have refused if they were not in the
    /// shadow.
    fn observe_charges(&self, case: &Case<'_>, decided: &Decided<Answer>) {
        let observer = &self.records.observer;
        let app = &case.request.app;
        if let Some(event) = &decided.answer.shadowed {
            observer.record(event);
        }
        if let Some(amount) = decided.answer.reserved {
            observer.record(&Event::Reserved {
                app: app.clone(),
                country: case.country,
                amount,
            });
        }
        let money = self.records.rulebook.money.as_ref();
        for (charge, standing) in decided.charges.iter().zip(&decided.standings) {
            if was_left_out(charge, standing) {
                observer.record(&Event::Shadowed {
                    app: app.clone(),
                    purpose: case.request.purpose.clone(),
                    rule: charge.rule,
                    parts: charge.parts,
                });
            }
            let budget = money.and_then(|it| it.budget(charge.rule));
            if let Some(budget) = budget {
                observer.record(&Event::BudgetCharged {
                    app: app.clone(),
                    country: case.country,
                    rule: charge.rule,
                    parts: charge.parts,
                    spent: Amount::from_micros(standing.remaining.used),
                    amount: budget.amount,
                });
            }
            let near = budget.and_then(|it| self.budgets.near(it, charge, standing, decided.charged_at));
            if let Some(event) = near {
                observer.record(&event);
            }
        }
    }

    fn observe_refusal(&self, caller: &Caller, request: &StartRequest, error: &Error) {
        let (rule, parts, retry_after) = match error {
            Error::LimitReached {
                rule,
                parts,
                retry_after,
            } => (*rule, *parts, *retry_after),
            Error::CountryNotAllowed { country } => {
                replay::tell_country(&self.records, &*self.judge.numbering, caller, request, *country);
                (RuleName::Countries, KeyParts::of(&[KeyPart::Country]), None)
            }
            Error::Blocked { retry_after, .. } => (RuleName::Guard, KeyParts::EVERYTHING, *retry_after),
            Error::ChallengeRequired { refusal, .. } => {
                self.records.observer.record(&Event::ChallengeAsked {
                    app: request.app.clone(),
                    refusal: *refusal,
                });
                return;
            }
            _ => return,
        };
        self.records.observer.record(&Event::StartRefused {
            caller: caller.id.clone(),
            app: request.app.clone(),
            purpose: request.purpose.clone(),
            rule,
            parts,
            retry_after,
        });
    }
}
