//! Start: ask a person for a code, once, whatever runs in parallel.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::app::{App, Caller};
use crate::code::Salt;
use crate::context::ContextDigest;
use crate::country::CountryCode;
use crate::event::Event;
use crate::id::{AppId, Identified, Purpose, RecipientKey};
use crate::limit::{Charge, LimitKey, RuleName};
use crate::phone::{PhoneError, PhoneNumber};
use crate::policy::Policy;
use crate::ports::{ClaimedDelivery, Courier, Errand, NumberingPlan, Random, Stored};
use crate::recipient::{Claim, Recipient, StartDecision, StartOrder, VerificationView};
use crate::request::{RequestDigest, RequestId};
use crate::supported_app::PackageName;
use crate::template::{Audience, Language, Pick, Platform};
use crate::time::Timestamp;
use crate::use_case::records::{Decided, Decision, Moment};
use crate::use_case::senders::Departure;
use crate::use_case::{ContextPairs, Error, Field, Ports, Records, Senders, context_digest};
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
    records: Arc<Records>,
    senders: Arc<Senders>,
    numbering: Arc<dyn NumberingPlan>,
    random: Arc<dyn Random>,
    courier: Arc<dyn Courier>,
}

struct Answer {
    outcome: StartOutcome,
    view: VerificationView,
    claim: Option<Claim>,
}

impl Start {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, senders: &Arc<Senders>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            senders: Arc::clone(senders),
            numbering: Arc::clone(&ports.numbering),
            random: Arc::clone(&ports.random),
            courier: Arc::clone(&ports.courier),
        }
    }

    /// Carries a start out. Errors are those of [`Error`]; every refusal by a rule is observed.
    pub async fn execute(&self, caller: &Caller, request: StartRequest) -> Result<StartAnswer, Error> {
        let answer = self.decide(caller, &request).await;
        if let Err(error) = &answer {
            self.observe_refusal(caller, &request, error);
        }
        answer
    }

    async fn decide(&self, caller: &Caller, request: &StartRequest) -> Result<StartAnswer, Error> {
        let rulebook = &self.records.rulebook;
        let app = rulebook
            .apps
            .get(&request.app)
            .filter(|_| caller.may_use(&request.app))
            .ok_or(Error::NotFound)?;
        let policy = app.purposes.get(&request.purpose).ok_or_else(|| unknown_purpose(app))?;
        let country = self.check_number(&request.phone, policy)?;
        let audience = Audience {
            language: request.language.as_ref(),
            country,
            platform: request.platform,
            package: request.package.as_ref(),
        };
        let now = self.records.clock.now();
        let pick = self.senders.pick(&request.app, app, &audience, policy, now);
        let pick = pick.ok_or(Error::TemplateMissing)?;
        let context = context_digest(&rulebook.identity, &request.context)?;
        let order = StartOrder {
            phone: request.phone.clone(),
            wording: pick.wording(),
            context,
            key: rulebook.keys.current().clone(),
            accept_identity_change: request.accept_identity_change,
            request: request
                .request_id
                .as_ref()
                .map(|id| self.digest(caller, id, request, context)),
        };
        let key = RecipientKey::derive(&rulebook.identity, &request.app, &request.purpose, &request.phone);
        let charges = vec![unanswered_charge(&self.records, &request.phone, policy)];
        let salt = self.fresh_salt();
        let decided = self
            .records
            .decide(key, None, request.deadline, |recipient, moment| {
                let recipient =
                    recipient.unwrap_or_else(|| Recipient::new(request.app.clone(), request.purpose.clone(), salt));
                self.decide_once(recipient, key, &order, &charges, (app, pick, policy), moment)
            })
            .await?;
        Ok(self.answer(caller, key, decided).await)
    }

    /// One round of the loop: the pure decision, and what it needs to be written.
    fn decide_once(
        &self,
        mut recipient: Recipient,
        key: RecipientKey,
        order: &StartOrder,
        charges: &[Charge],
        (app, pick, policy): (&App, Pick<'_>, &Policy),
        moment: &Moment,
    ) -> Result<Decision<Answer>, Error> {
        let now = moment.now;
        let (outcome, serial, claim, write) = match recipient.start(order, policy, &self.records.rulebook.keys, now) {
            StartDecision::Send { outcome, claim } => (outcome, claim.serial, Some(claim), true),
            StartDecision::Join { serial, remembered } => (StartOutcome::Joined, serial, None, remembered),
            StartDecision::Repeat { outcome, serial } => (outcome, serial, None, false),
            StartDecision::RequestIdReused => return Err(Error::RequestIdReused),
            StartDecision::Refused(restraint) => {
                let retry_after = Some(restraint.until.since(now));
                return Err(Error::LimitReached {
                    rule: restraint.rule,
                    retry_after,
                });
            }
        };
        if claim.is_some() {
            self.check_senders(Departure {
                id: &recipient.app,
                app,
                template: &pick.template.name,
                language: pick.language,
                language_step: pick.step,
                policy,
                regardless: false,
            })?;
        }
        let identity = &self.records.rulebook.identity;
        let view = recipient
            .view(identity, key, serial, policy, now)
            .ok_or(Error::NotFound)?;
        let answer = Answer { outcome, view, claim };
        let charges = if claim.is_some() { charges.to_vec() } else { Vec::new() };
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

    /// Refuses honestly what could not be sent in time.
    fn check_senders(&self, departure: Departure<'_>) -> Result<(), Error> {
        let now = self.records.clock.now();
        let departure = self.senders.resigned(departure, now);
        if let Some(standing) = self.senders.standing(departure, now) {
            return Err(standing.into());
        }
        match self.senders.overcrowded(departure, now) {
            Some(wait) => Err(Error::LimitReached {
                rule: RuleName::SenderThroughput,
                retry_after: Some(wait),
            }),
            None => Ok(()),
        }
    }

    /// Hands the claimed message over and answers. When there is no room to send it now, it is given back to the loop.
    async fn answer(&self, caller: &Caller, key: RecipientKey, decided: Decided<Answer>) -> StartAnswer {
        let Answer { outcome, view, claim } = decided.answer;
        if let (Some(claim), Some((version, recipient))) = (claim, decided.written) {
            let stored = Stored { version, recipient };
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
            caller: caller.id.clone(),
            subject,
            outcome,
        });
        StartAnswer { outcome, view }
    }

    /// Refuses a number that cannot exist or is of no country of the policy; answers with its country.
    fn check_number(&self, phone: &PhoneNumber, policy: &Policy) -> Result<Option<CountryCode>, Error> {
        let facts = self.numbering.lookup(phone);
        if !facts.possible {
            return Err(Error::invalid(Field::Phone, &PhoneError::Impossible));
        }
        if policy.countries.allows(facts.country) {
            return Ok(facts.country);
        }
        Err(Error::CountryNotAllowed { country: facts.country })
    }

    fn digest(
        &self,
        caller: &Caller,
        id: &RequestId,
        request: &StartRequest,
        context: Option<ContextDigest>,
    ) -> RequestDigest {
        let body: [&[u8]; 8] = [
            request.app.as_str().as_bytes(),
            request.purpose.as_str().as_bytes(),
            request.phone.expose().as_bytes(),
            request.language.as_ref().map_or(b"", |it| it.as_str().as_bytes()),
            context.as_ref().map_or(b"", |it| it.as_bytes()),
            &[u8::from(request.accept_identity_change)],
            request.platform.name().as_bytes(),
            request.package.as_ref().map_or(b"", |it| it.as_str().as_bytes()),
        ];
        RequestDigest::new(&self.records.rulebook.identity, "start", &caller.id, id, &body)
    }

    fn fresh_salt(&self) -> Salt {
        let mut salt = [0; 16];
        self.random.fill(&mut salt);
        Salt(salt)
    }

    fn observe_refusal(&self, caller: &Caller, request: &StartRequest, error: &Error) {
        let (rule, retry_after) = match error {
            Error::LimitReached { rule, retry_after } => (*rule, *retry_after),
            Error::CountryNotAllowed { .. } => (RuleName::Countries, None),
            _ => return,
        };
        self.records.observer.record(&Event::StartRefused {
            caller: caller.id.clone(),
            app: request.app.clone(),
            purpose: request.purpose.clone(),
            rule,
            retry_after,
        });
    }
}

/// One unanswered send to a phone, whatever app asked for it (R15).
pub(super) fn unanswered_charge(records: &Records, phone: &PhoneNumber, policy: &Policy) -> Charge {
    Charge {
        rule: RuleName::UnansweredSends,
        key: LimitKey::derive(
            &records.rulebook.identity,
            RuleName::UnansweredSends,
            phone.expose().as_bytes(),
        ),
        quota: policy.unanswered_quota(),
        amount: NonZeroU32::MIN,
    }
}

fn unknown_purpose(app: &App) -> Error {
    let known: Vec<_> = app.purposes.keys().map(Purpose::as_str).collect();
    Error::invalid(
        Field::Purpose,
        &format!("is not a purpose of this app; it knows {}", known.join(", ")),
    )
}
