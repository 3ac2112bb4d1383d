//! Why a use case did not answer. Each variant is one row of the table callers see (`docs/api.md`).

use std::time::Duration;

use thiserror::Error;

use crate::country::CountryCode;
use crate::delivery::{Fault, ProviderReport};
use crate::limit::{KeyParts, RuleName};
use crate::ports::{ChallengeRefusal, IssuedChallenge, StoreError};

/// A field of a request that was malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The app.
    App,
    /// The phone.
    Phone,
    /// The purpose.
    Purpose,
    /// The verification's id.
    Id,
    /// The name of the verification as a whole.
    Verification,
    /// The recipient as a whole.
    Recipient,
    /// The code.
    Code,
    /// The request id.
    RequestId,
    /// The language.
    Language,
    /// The Android app that asked for the code.
    Package,
    /// The context.
    Context,
    /// The address of the person's device.
    ClientIp,
    /// The caller's id of the person's device.
    Device,
    /// The answer to a challenge.
    ChallengeAnswer,
    /// The block that is to be lifted.
    Block,
    /// How long a recipient is to be held.
    Hold,
}

/// What is wrong with one field, and what to write instead. Never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field.
    pub field: Field,
    /// What is wrong, as a fragment that follows the field's name.
    pub problem: String,
}

/// Why a use case did not answer.
#[derive(Debug, Error)]
pub enum Error {
    /// A field is malformed. Nothing was counted, sent or charged.
    #[error("a field of the request is malformed")]
    Invalid(Violation),
    /// There is no such app or verification, or the caller may not know of it.
    #[error("there is no such verification or app")]
    NotFound,
    /// The request id was used with another body.
    #[error("the request id was already used for another request")]
    RequestIdReused,
    /// Somebody else changed the recipient each time. Redo the whole operation.
    #[error("other requests for the same recipient were faster")]
    Contended,
    /// The caller's deadline passed before anything was written. Nothing was sent.
    #[error("the deadline passed before the request was carried out")]
    DeadlineExceeded,
    /// A limit or a budget is reached.
    #[error("the limit {rule} is reached")]
    LimitReached {
        /// The rule.
        rule: RuleName,
        /// What it tells apart.
        parts: KeyParts,
        /// How long until it lets go, if it ever does.
        retry_after: Option<Duration>,
    },
    /// The app does not send to that country.
    #[error("the app does not send to this number's country")]
    CountryNotAllowed {
        /// The country, when the number has one.
        country: Option<CountryCode>,
    },
    /// The guard has stopped the phone's block of numbers or its country.
    #[error("the guard has stopped sends to that {area}")]
    Blocked {
        /// The kind of area, as one word.
        area: &'static str,
        /// Why, as one word.
        alarm: &'static str,
        /// How long until it lets go; `None` when an operator has to.
        retry_after: Option<Duration>,
    },
    /// The guard wants the person to be challenged first.
    #[error("a challenge has to be met first")]
    ChallengeRequired {
        /// The kind of area, as one word.
        area: &'static str,
        /// Why the answer that was given, if any, does not count.
        refusal: ChallengeRefusal,
        /// A challenge to hand to the person's device; `None` when the caller has to challenge by its own means.
        challenge: Option<IssuedChallenge>,
    },
    /// The caller may use the app and not operate it.
    #[error("the caller may not operate the app")]
    MayNotOperate,
    /// The app has no template in any language that would do.
    #[error("the app has no template to send")]
    TemplateMissing,
    /// The provider refused the app's last message for a reason of ours; an operator has to act.
    #[error("messages of this app cannot be sent until an operator acts")]
    CannotSend {
        /// What of ours is wrong.
        fault: Fault,
        /// The provider's words.
        report: Option<ProviderReport>,
        /// How long until the next start may try again.
        retry_after: Duration,
    },
    /// The store failed; nothing was approved and nothing sent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// A malformed field, with the words of whoever read it.
    pub fn invalid(field: Field, problem: &impl ToString) -> Self {
        Self::Invalid(Violation {
            field,
            problem: problem.to_string(),
        })
    }
}
