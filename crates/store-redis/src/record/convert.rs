//! Between the domain's recipient and its stored form. Every field is named on both sides, so that a forgotten one does
//! not compile.

use countersign_domain::code::{Alphabet, CodeRecipe, Salt};
use countersign_domain::context::ContextDigest;
use countersign_domain::delivery::{Delivery, ProviderReport};
use countersign_domain::id::{AppId, Purpose};
use countersign_domain::key::KeyId;
use countersign_domain::phone::PhoneNumber;
use countersign_domain::recipient::{Conversion, Effects, Recipient};
use countersign_domain::request::{RememberedRequest, RequestDigest};
use countersign_domain::template::Language;
use countersign_domain::time::Timestamp;
use countersign_domain::verification::Verification;

use super::RecordError;
use super::seal::SEALED;
use super::stored::{
    Offset, StoredAlphabet, StoredAnswer, StoredDelivery, StoredDeliveryState, StoredRecipient, StoredReport,
    StoredRequest, StoredState, StoredVerification,
};

/// The record's last change, from which all its moments are counted. Exact for every moment there is.
#[derive(Clone, Copy)]
pub(super) struct Base(u64);

impl Base {
    pub(super) const fn of(recipient: &Recipient) -> Self {
        Self(recipient.changed_at.unix_millis())
    }

    pub(super) const fn offset(self, at: Timestamp) -> Offset {
        at.unix_millis().wrapping_sub(self.0).cast_signed()
    }

    pub(super) const fn moment(self, offset: Offset) -> Timestamp {
        Timestamp::from_unix_millis(self.0.wrapping_add(offset.cast_unsigned()))
    }

    fn offsets(self, moments: &[Timestamp]) -> Vec<Offset> {
        moments.iter().map(|at| self.offset(*at)).collect()
    }

    fn moments(self, offsets: Vec<Offset>) -> Vec<Timestamp> {
        offsets.into_iter().map(|offset| self.moment(offset)).collect()
    }
}

impl<'a> StoredRecipient<'a> {
    /// The stored form of a recipient, with its phone already sealed.
    pub(super) fn of(recipient: &'a Recipient, sealed_phone: Option<[u8; SEALED]>) -> Self {
        let Recipient {
            app,
            purpose,
            phone: _,
            salt,
            last_serial,
            verifications,
            sends,
            unanswered_sends,
            approved_at,
            wrong_guesses,
            consecutive_wrong_guesses,
            last_wrong_guess_at,
            held_until,
            requests,
            // In the extras of format 2, as are the identity of a verification and the messages of a delivery.
            identity: _,
            // In the lines of format 5.
            line: _,
            // In the costs of format 4, as are the charges, the price and the conversion of a delivery.
            operator_hold_until: _,
            // Carried out by whoever decided, and never stored.
            effects: _,
            changed_at,
            keep_until,
        } = recipient;
        let base = Base::of(recipient);
        Self {
            changed_at: changed_at.unix_millis(),
            keep_until: base.offset(*keep_until),
            app: app.as_str(),
            purpose: purpose.as_str(),
            salt: salt.0,
            phone: sealed_phone,
            last_serial: *last_serial,
            verifications: verifications
                .iter()
                .map(|it| StoredVerification::of(it, base))
                .collect(),
            sends: base.offsets(sends),
            unanswered_sends: *unanswered_sends,
            approved_at: approved_at.map(|at| base.offset(at)),
            wrong_guesses: base.offsets(wrong_guesses),
            consecutive_wrong_guesses: *consecutive_wrong_guesses,
            last_wrong_guess_at: last_wrong_guess_at.map(|at| base.offset(at)),
            held_until: held_until.map(|at| base.offset(at)),
            requests: requests.iter().map(|it| StoredRequest::of(it, base)).collect(),
        }
    }

    /// The recipient, with its phone already opened.
    pub(super) fn into_recipient(self, phone: Option<PhoneNumber>) -> Result<Recipient, RecordError> {
        let base = Base(self.changed_at);
        let verifications = self.verifications.into_iter().map(|it| it.into_verification(base));
        Ok(Recipient {
            app: AppId::parse(self.app).map_err(|_| RecordError::Value("app"))?,
            purpose: Purpose::parse(self.purpose).map_err(|_| RecordError::Value("purpose"))?,
            phone,
            salt: Salt(self.salt),
            last_serial: self.last_serial,
            verifications: verifications.collect::<Result<_, _>>()?,
            sends: base.moments(self.sends),
            unanswered_sends: self.unanswered_sends,
            approved_at: self.approved_at.map(|at| base.moment(at)),
            wrong_guesses: base.moments(self.wrong_guesses),
            consecutive_wrong_guesses: self.consecutive_wrong_guesses,
            last_wrong_guess_at: self.last_wrong_guess_at.map(|at| base.moment(at)),
            held_until: self.held_until.map(|at| base.moment(at)),
            requests: self.requests.into_iter().map(|it| it.into_request(base)).collect(),
            identity: None,
            line: None,
            changed_at: base.moment(0),
            keep_until: base.moment(self.keep_until),
            operator_hold_until: None,
            effects: Effects::default(),
        })
    }
}

impl<'a> StoredVerification<'a> {
    fn of(verification: &'a Verification, base: Base) -> Self {
        let Verification {
            serial,
            opened_at,
            expires_at,
            recipe,
            wrong_guesses,
            guesses_max,
            deliveries,
            identity: _,
            state,
        } = verification;
        let CodeRecipe {
            key,
            generation,
            keep_previous,
            length,
            alphabet,
            context,
        } = recipe;
        Self {
            serial: *serial,
            opened_at: base.offset(*opened_at),
            expires_at: base.offset(*expires_at),
            key: key.as_str(),
            generation: *generation,
            keep_previous: *keep_previous,
            length: *length,
            alphabet: match alphabet {
                Alphabet::Numeric => StoredAlphabet::Numeric,
                Alphabet::Unambiguous => StoredAlphabet::Unambiguous,
            },
            context: context.as_ref().map(|it| *it.as_bytes()),
            wrong_guesses: *wrong_guesses,
            guesses_max: *guesses_max,
            deliveries: deliveries.iter().map(|it| StoredDelivery::of(it, base)).collect(),
            state: StoredState::of(*state, base),
        }
    }

    fn into_verification(self, base: Base) -> Result<Verification, RecordError> {
        let deliveries = self.deliveries.into_iter().map(|it| it.into_delivery(base));
        Ok(Verification {
            serial: self.serial,
            opened_at: base.moment(self.opened_at),
            expires_at: base.moment(self.expires_at),
            recipe: CodeRecipe {
                key: KeyId::parse(self.key).map_err(|_| RecordError::Value("key id"))?,
                generation: self.generation,
                keep_previous: self.keep_previous,
                length: self.length,
                alphabet: match self.alphabet {
                    StoredAlphabet::Numeric => Alphabet::Numeric,
                    StoredAlphabet::Unambiguous => Alphabet::Unambiguous,
                },
                context: self.context.map(ContextDigest::from_bytes),
            },
            wrong_guesses: self.wrong_guesses,
            guesses_max: self.guesses_max,
            deliveries: deliveries.collect::<Result<_, _>>()?,
            identity: None,
            state: self.state.into_state(base),
        })
    }
}

impl<'a> StoredDelivery<'a> {
    fn of(delivery: &'a Delivery, base: Base) -> Self {
        let Delivery {
            number,
            generation,
            language,
            template: _,
            created_at,
            updated_at,
            tries,
            repeated,
            drop_at,
            state,
            report,
            messages: _,
            charges: _,
            charged_at: _,
            price: _,
            conversion: _,
            matures_at: _,
        } = delivery;
        Self {
            number: *number,
            generation: *generation,
            language: language.as_str(),
            created_at: base.offset(*created_at),
            updated_at: base.offset(*updated_at),
            tries: *tries,
            repeated: *repeated,
            drop_at: drop_at.map(|at| base.offset(at)),
            state: StoredDeliveryState::of(*state, base),
            report: report.as_ref().map(StoredReport::of),
        }
    }

    fn into_delivery(self, base: Base) -> Result<Delivery, RecordError> {
        Ok(Delivery {
            number: self.number,
            generation: self.generation,
            language: Language::parse(self.language).map_err(|_| RecordError::Value("language"))?,
            template: None,
            created_at: base.moment(self.created_at),
            updated_at: base.moment(self.updated_at),
            tries: self.tries,
            repeated: self.repeated,
            drop_at: self.drop_at.map(|at| base.moment(at)),
            state: self.state.into_state(base),
            report: self.report.map(StoredReport::into_report),
            messages: Vec::new(),
            charges: Vec::new(),
            charged_at: base.moment(self.created_at),
            price: None,
            conversion: Conversion::NotCounted,
            matures_at: None,
        })
    }
}

impl<'a> StoredReport<'a> {
    fn of(report: &'a ProviderReport) -> Self {
        let ProviderReport { code, title, details } = report;
        Self {
            code: *code,
            title,
            details,
        }
    }

    fn into_report(self) -> ProviderReport {
        ProviderReport::new(self.code, self.title, self.details)
    }
}

impl StoredRequest {
    const fn of(request: &RememberedRequest, base: Base) -> Self {
        let RememberedRequest {
            digest: RequestDigest { id, body },
            at,
            serial,
            answer,
        } = *request;
        Self {
            id,
            body,
            at: base.offset(at),
            serial,
            answer: StoredAnswer::of(answer, base),
        }
    }

    const fn into_request(self, base: Base) -> RememberedRequest {
        let Self {
            id,
            body,
            at,
            serial,
            answer,
        } = self;
        RememberedRequest {
            digest: RequestDigest { id, body },
            at: base.moment(at),
            serial,
            answer: answer.into_answer(base),
        }
    }
}
