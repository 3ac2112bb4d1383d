//! Check: compare one guess. It is counted before anybody hears the answer.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::app::Caller;
use crate::code::{Guess, LENGTH_MAX};
use crate::context::ContextDigest;
use crate::event::Event;
use crate::id::{Identified, Serial};
use crate::limit::Charge;
use crate::ports::{Courier, Errand};
use crate::recipient::{CheckDecision, CheckOrder, Recipient, VerificationView};
use crate::request::{RequestDigest, RequestId};
use crate::time::Timestamp;
use crate::use_case::records::{Decision, Moment};
use crate::use_case::start::unanswered_charge;
use crate::use_case::{ContextPairs, Error, Field, Ports, Records, VerificationName, context_digest};
use crate::verification::CheckOutcome;

/// What a caller brings. `Debug` leaves the context out.
pub struct CheckRequest {
    /// Which verification.
    pub name: VerificationName,
    /// What the person typed.
    pub guess: Guess,
    /// What the caller says the code is bound to.
    pub context: ContextPairs,
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
    courier: Arc<dyn Courier>,
}

struct Answer {
    outcome: CheckOutcome,
    view: VerificationView,
    answered: Option<Charge>,
}

impl Check {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            courier: Arc::clone(&ports.courier),
        }
    }

    /// Carries a check out. Every outcome of a comparison is an answer; errors are those of [`Error`].
    pub async fn execute(&self, caller: &Caller, request: CheckRequest) -> Result<CheckAnswer, Error> {
        let identity = &self.records.rulebook.identity;
        let context = context_digest(identity, &request.context)?;
        let key = request.name.key(identity);
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
                self.decide_once(recipient, key, &order, moment)
            })
            .await?;
        let Answer {
            outcome,
            view,
            answered,
        } = decided.answer;
        if let Some(charge) = answered
            && let Err(Errand::GiveBack(charges)) = self.courier.hand_over(Errand::GiveBack(vec![charge]))
        {
            self.records.give_back(&charges).await;
        }
        let subject = Identified {
            app: view.app.clone(),
            purpose: view.purpose.clone(),
            verification: view.id,
        };
        self.records.observer.record(&Event::Checked {
            caller: caller.id.clone(),
            subject,
            outcome,
        });
        Ok(CheckAnswer { outcome, view })
    }

    fn decide_once(
        &self,
        mut recipient: Recipient,
        key: crate::id::RecipientKey,
        order: &CheckOrder<'_>,
        moment: &Moment,
    ) -> Result<Decision<Answer>, Error> {
        let rulebook = &self.records.rulebook;
        // The phone leaves the record with the approval, and its charge goes back under its name.
        let phone = recipient.phone.clone();
        let (outcome, serial, answered_sends, write) =
            match recipient.check(order, &moment.policy, &rulebook.keys, moment.now) {
                CheckDecision::Compared {
                    outcome,
                    answered_sends,
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
        let answered = phone
            .zip(NonZeroU32::new(answered_sends))
            .map(|(phone, amount)| Charge {
                amount,
                ..unanswered_charge(&self.records, &phone, &moment.policy)
            });
        let answer = Answer {
            outcome,
            view,
            answered,
        };
        Ok(if write {
            Decision::Replace {
                recipient,
                charges: Vec::new(),
                answer,
            }
        } else {
            Decision::Keep(answer)
        })
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
