//! Check: compare one guess. It is counted before anybody hears the answer.

use std::fmt;
use std::sync::Arc;

use crate::app::Caller;
use crate::client::Client;
use crate::code::{Guess, LENGTH_MAX};
use crate::context::ContextDigest;
use crate::event::Event;
use crate::guard::PersonKey;
use crate::id::{Identified, RecipientKey, Serial};
use crate::limit::Charge;
use crate::phone::PhoneNumber;
use crate::ports::NumberingPlan;
use crate::recipient::{
    ChargeTag, Charged, CheckDecision, CheckOrder, Comparison, Freed, Recipient, Settles, VerificationView,
};
use crate::request::{RequestDigest, RequestId};
use crate::rule::{Action, Subject};
use crate::time::Timestamp;
use crate::use_case::records::{Decided, Decision, Moment, was_left_out};
use crate::use_case::{ContextPairs, Error, Field, Guard, Ports, Records, VerificationName, context_digest};
use crate::verification::CheckOutcome;

/// What a caller brings. `Debug` leaves the context out.
pub struct CheckRequest {
    /// Which verification.
    pub name: VerificationName,
    /// What the person typed.
    pub guess: Guess,
    /// What the caller says the code is bound to.
    pub context: ContextPairs,
    /// What the caller says about the person's device.
    pub client: Client,
    /// Makes a repeat safe.
    pub request_id: Option<RequestId>,
    /// After this, nothing is compared.
    pub deadline: Option<Timestamp>,
}

impl fmt::Debug for CheckRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What the check said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckAnswer {
    /// What was said.
    pub outcome: CheckOutcome,
    /// The verification after it.
    pub view: VerificationView,
}

/// Compares a guess with the code of a verification.
pub struct Check {
    records: Arc<Records>,
    guard: Arc<Guard>,
    numbering: Arc<dyn NumberingPlan>,
}

struct Answer {
    outcome: CheckOutcome,
    view: VerificationView,
    /// What the guess was to the verification, if one was compared just now.
    comparison: Option<Comparison>,
}

impl Check {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, guard: &Arc<Guard>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            guard: Arc::clone(guard),
            numbering: Arc::clone(&ports.numbering),
        }
    }

    /// Carries a check out. Every outcome of a comparison is an answer; errors are those of [`Error`]. A rule about
    /// guesses that is used up is [`Error::LimitReached`], and then nothing was compared.
    pub async fn execute(&self, caller: &Caller, request: CheckRequest) -> Result<CheckAnswer, Error> {
        let identity = &self.records.rulebook.identity;
        let context = context_digest(identity, &request.context)?;
        let key = request.name.key(&self.records);
        let decided = self
            .records
            .decide(key, None, request.deadline, |recipient, moment| {
                let serial = request.name.resolve(recipient.as_ref(), caller, identity)?;
                let recipient = recipient.ok_or(Error::NotFound)?;
                let order = CheckOrder {
                    serial,
                    guess: &request.guess,
                    context,
                    request: request
                        .request_id
                        .as_ref()
                        .map(|id| self.digest(caller, id, &request, context)),
                };
                self.decide_once(recipient, key, &order, (caller, &request.client), moment)
            })
            .await?;
        self.follow_up(&decided);
        let Answer {
            outcome,
            view,
            comparison,
        } = decided.answer;
        let subject = Identified {
            app: view.app.clone(),
            purpose: view.purpose.clone(),
            verification: view.id,
        };
        self.records.observer.record(&Event::Checked {
            caller: caller.id.clone(),
            subject,
            outcome,
            comparison,
        });
        Ok(CheckAnswer { outcome, view })
    }

    fn decide_once(
        &self,
        mut recipient: Recipient,
        key: RecipientKey,
        order: &CheckOrder<'_>,
        asking: (&Caller, &Client),
        moment: &Moment,
    ) -> Result<Decision<Answer>, Error> {
        let rulebook = &self.records.rulebook;
        // The phone leaves the record with the approval, and what is charged and goes back does so under its name.
        let phone = recipient.phone.as_ref().map(|it| self.numbering.canonical(it));
        let line = |phone| {
            recipient
                .line
                .unwrap_or_else(|| PersonKey::of(&rulebook.identity, phone))
        };
        let whose = phone.as_ref().map(|it| (it, line(it)));
        let decision = recipient.check(order, &moment.policy, &rulebook.keys, moment.now);
        let comparison = match decision {
            CheckDecision::Compared { comparison, .. } => Some(comparison),
            _ => None,
        };
        let (outcome, serial, answered_sends, write) = match decision {
            CheckDecision::Compared {
                outcome,
                answered_sends,
                ..
            } => (outcome, order.serial, answered_sends, true),
            // An approval is said again only after another confirmed write: the first one may have been lost with
            // the answer that told of it.
            CheckDecision::Repeated { outcome, serial } => (outcome, serial, 0, outcome == CheckOutcome::Approved),
            CheckDecision::KeyWithdrawn => (CheckOutcome::Canceled, order.serial, 0, false),
            // What time did to the record since it was written is written with the answer that tells of it, so that a
            // clock that steps back cannot revive a code that was called expired.
            CheckDecision::Unchanged(outcome) => (outcome, order.serial, 0, moment.is_due),
            CheckDecision::Malformed => return Err(malformed(&recipient, order.serial)),
            CheckDecision::RequestIdReused => return Err(Error::RequestIdReused),
            CheckDecision::Unknown => return Err(Error::NotFound),
        };
        let view = recipient
            .view(&rulebook.identity, key, serial, &moment.policy, moment.now)
            .ok_or(Error::NotFound)?;
        if let Some((_, line)) = whose.filter(|_| answered_sends > 0) {
            let unanswered = rulebook.unanswered_charge(line, &moment.policy);
            recipient.effects.freed.push(Freed {
                charges: vec![Charged {
                    tag: ChargeTag::of(unanswered.rule, unanswered.quota),
                    key: unanswered.key,
                    amount: u64::from(answered_sends),
                    settles: Settles::Approval,
                }],
                // Answered, they count no more, whenever they were sent: all of it goes back.
                taken_at: moment.charged_at,
            });
        }
        recipient.effects.is_free = comparison == Some(Comparison::Right);
        let charges = match whose {
            Some(whose) if comparison.is_some() => self.charges(&recipient, whose, asking),
            _ => Vec::new(),
        };
        let answer = Answer {
            outcome,
            view,
            comparison,
        };
        Ok(if write {
            Decision::Replace {
                recipient,
                charges,
                answer,
            }
        } else {
            Decision::Keep(answer)
        })
    }

    /// What comparing a guess costs.
    fn charges(
        &self,
        recipient: &Recipient,
        (phone, line): (&PhoneNumber, PersonKey),
        (caller, client): (&Caller, &Client),
    ) -> Vec<Charge> {
        let rulebook = &self.records.rulebook;
        let subject = Subject {
            phone,
            line,
            country: self.numbering.lookup(phone).country,
            client,
            app: &recipient.app,
            purpose: &recipient.purpose,
            caller: &caller.id,
        };
        rulebook.rules.charges(&rulebook.identity, Action::Check, &subject)
    }

    /// What follows from a guess that was compared, beside what goes back.
    fn follow_up(&self, decided: &Decided<Answer>) {
        let Answer { view, comparison, .. } = &decided.answer;
        let Some(comparison) = *comparison else { return };
        let now = self.records.clock.now();
        self.guard.hear_guess(&view.app, comparison, now);
        let charged = decided.charges.iter().zip(&decided.standings);
        for (charge, standing) in charged {
            if was_left_out(charge, standing) {
                self.records.observer.record(&Event::Shadowed {
                    app: view.app.clone(),
                    purpose: view.purpose.clone(),
                    rule: charge.rule,
                    parts: charge.parts,
                });
            }
        }
    }

    fn digest(
        &self,
        caller: &Caller,
        id: &RequestId,
        request: &CheckRequest,
        context: Option<ContextDigest>,
    ) -> RequestDigest {
        // As the caller named it: what is newest may be another verification when the request is repeated.
        let name = request.name.as_given();
        let body: [&[u8]; 3] = [
            name.as_bytes(),
            request.guess.as_bytes(),
            context.as_ref().map_or(b"", |it| it.as_bytes()),
        ];
        RequestDigest::new(&self.records.rulebook.identity, "check", &caller.id, id, &body)
    }
}

fn malformed(recipient: &Recipient, serial: Serial) -> Error {
    let recipe = recipient.verification(serial).map(|it| &it.recipe);
    let length = recipe.map_or(LENGTH_MAX, |it| it.length);
    let symbols = recipe.map_or("", |it| std::str::from_utf8(it.alphabet.symbols()).unwrap_or_default());
    Error::invalid(
        Field::Code,
        &format!("must be exactly {length} characters of {symbols}"),
    )
}
