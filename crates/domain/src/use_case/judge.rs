//! What a start comes to: the one judgement that starting and explaining share. Reads, and changes nothing but the
//! value it is given.

use std::sync::Arc;

use crate::app::{App, Caller};
use crate::context::ContextDigest;
use crate::country::CountryCode;
use crate::event::Event;
use crate::guard::PersonKey;
use crate::id::{Purpose, RecipientKey, Serial};
use crate::limit::{KeyParts, RuleName};
use crate::phone::{PhoneError, PhoneNumber};
use crate::policy::Policy;
use crate::ports::NumberingPlan;
use crate::recipient::{Claim, Recipient, SendCost, StartDecision, StartOrder};
use crate::request::{RequestDigest, RequestId};
use crate::rule::Subject;
use crate::template::{Audience, Pick};
use crate::time::Timestamp;
use crate::use_case::costs::Costs;
use crate::use_case::guard::{Clearance, Outlook};
use crate::use_case::records::Moment;
use crate::use_case::senders::Departure;
use crate::use_case::{Error, Field, Guard, Records, Senders, StartRequest, context_digest};
use crate::verification::StartOutcome;

/// What judges starts.
pub(super) struct Judge {
    pub(super) records: Arc<Records>,
    pub(super) senders: Arc<Senders>,
    pub(super) guard: Arc<Guard>,
    pub(super) numbering: Arc<dyn NumberingPlan>,
}

/// A start with everything that is looked up before its record is seen.
pub(super) struct Case<'a> {
    pub(super) caller: &'a Caller,
    pub(super) request: &'a StartRequest,
    pub(super) key: RecipientKey,
    /// The country of the phone, if it has one.
    pub(super) country: Option<CountryCode>,
    pub(super) policy: &'a Policy,
    app: &'a App,
    pick: Pick<'a>,
    pub(super) order: StartOrder,
    /// The phone in its canonical form.
    phone: PhoneNumber,
    /// The line it is a number of; its own until [`Judge::look`] knows better.
    line: PersonKey,
}

impl Case<'_> {
    /// What rules tell apart about it.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            phone: &self.phone,
            line: self.line,
            country: self.country,
            client: &self.request.client,
            app: &self.request.app,
            purpose: &self.request.purpose,
            caller: &self.caller.id,
        }
    }
}

/// What a start comes to on one record.
pub(super) struct Judgement {
    pub(super) outcome: StartOutcome,
    pub(super) serial: Serial,
    /// The message that is to be sent, if one is.
    pub(super) claim: Option<Claim>,
    /// Whether the record changed.
    pub(super) is_changed: bool,
    /// What is to be taken before it is written; nothing when nothing is sent.
    pub(super) costs: Costs,
    /// What a guard that only tells would have done.
    pub(super) shadowed: Option<Event>,
}

impl Judge {
    /// Looks up everything a start needs beside its record, or refuses what could never be sent.
    pub(super) fn case<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a StartRequest,
        now: Timestamp,
    ) -> Result<Case<'a>, Error> {
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
        let pick = self.senders.pick(&request.app, app, &audience, policy, now);
        let pick = pick.ok_or(Error::TemplateMissing)?;
        let context = context_digest(&rulebook.identity, &request.context)?;
        let order = StartOrder {
            // As it was given: in some countries WhatsApp knows a line under one of its spellings only.
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
        let phone = self.numbering.canonical(&request.phone);
        Ok(Case {
            caller,
            request,
            key: RecipientKey::derive(&rulebook.identity, &request.app, &request.purpose, &phone),
            country,
            policy,
            app,
            pick,
            order,
            line: PersonKey::of(&rulebook.identity, &phone),
            phone,
        })
    }

    /// Looks up what is known before a send, and whose line the phone is.
    pub(super) async fn look(&self, case: &mut Case<'_>) -> Result<Outlook, Error> {
        let outlook = self.guard.look(&case.subject()).await?;
        case.line = outlook.view.line.unwrap_or(case.line);
        Ok(outlook)
    }

    /// Decides on a settled record, and books on it what the message costs. Joining and repeating cost nothing, and
    /// neither the guard nor a limit stands in their way.
    pub(super) fn judge(
        &self,
        case: &Case<'_>,
        outlook: &Outlook,
        recipient: &mut Recipient,
        moment: &Moment,
    ) -> Result<Judgement, Error> {
        let rulebook = &self.records.rulebook;
        let now = moment.now;
        let free = |outcome, serial, is_changed| Judgement {
            outcome,
            serial,
            claim: None,
            is_changed,
            costs: Costs::default(),
            shadowed: None,
        };
        let (outcome, claim) = match recipient.start(&case.order, case.policy, &rulebook.keys, now) {
            StartDecision::Send { outcome, claim } => (outcome, claim),
            StartDecision::Join { serial, remembered } => return Ok(free(StartOutcome::Joined, serial, remembered)),
            StartDecision::Repeat { outcome, serial } => return Ok(free(outcome, serial, false)),
            StartDecision::RequestIdReused => return Err(Error::RequestIdReused),
            StartDecision::Refused(restraint) => {
                return Err(Error::LimitReached {
                    rule: restraint.rule,
                    parts: KeyParts::RECIPIENT,
                    retry_after: Some(restraint.until.since(now)),
                });
            }
        };
        self.check_senders(case)?;
        let clearance = self.guard.clear(outlook, &case.subject(), moment.charged_at)?;
        let costs = self.costs(case, outcome, &clearance);
        let cost = SendCost {
            line: outlook.view.line,
            ..costs.booked(rulebook, moment.charged_at)
        };
        recipient.book(claim, cost);
        Ok(Judgement {
            outcome,
            serial: claim.serial,
            claim: Some(claim),
            is_changed: true,
            costs,
            shadowed: clearance.shadowed,
        })
    }

    /// What a caller is told of a refusal. A challenge that passed before is charged like a limit, and is none for
    /// whoever answered it: it has to be met anew.
    pub(super) fn told(&self, refusal: Error, case: &Case<'_>, outlook: &Outlook, now: Timestamp) -> Error {
        let is_used = matches!(
            refusal,
            Error::LimitReached {
                rule: RuleName::ChallengeOnce,
                ..
            }
        );
        let anew = is_used.then(|| self.guard.ask_anew(outlook, &case.subject(), now));
        anew.flatten().unwrap_or(refusal)
    }

    /// What a message costs that the guard lets pass.
    pub(super) fn costs(&self, case: &Case<'_>, outcome: StartOutcome, clearance: &Clearance) -> Costs {
        Costs::of(&self.records.rulebook, case.policy, &case.subject(), outcome, clearance)
    }

    /// Refuses honestly what could not be sent in time.
    fn check_senders(&self, case: &Case<'_>) -> Result<(), Error> {
        let now = self.records.clock.now();
        let departure = Departure {
            id: &case.request.app,
            app: case.app,
            template: &case.pick.template.name,
            language: case.pick.language,
            language_step: case.pick.step,
            policy: case.policy,
            regardless: false,
        };
        let departure = self.senders.resigned(departure, now);
        if let Some(standing) = self.senders.standing(departure, now) {
            return Err(standing.into());
        }
        match self.senders.overcrowded(departure, now) {
            Some(wait) => Err(Error::LimitReached {
                rule: RuleName::SenderThroughput,
                parts: KeyParts::EVERYTHING,
                retry_after: Some(wait),
            }),
            None => Ok(()),
        }
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
}

fn unknown_purpose(app: &App) -> Error {
    let known: Vec<_> = app.purposes.keys().map(Purpose::as_str).collect();
    Error::invalid(
        Field::Purpose,
        &format!("is not a purpose of this app; it knows {}", known.join(", ")),
    )
}
