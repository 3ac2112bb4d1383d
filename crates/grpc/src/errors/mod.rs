//! The one table from a failure to what callers see: code, stable reason, details.
//!
//! Every status made here carries a `google.rpc.ErrorInfo`. Its message is for people and holds nothing internal; the
//! causes go to the log, once, and nowhere else.

mod refusals;
mod row;
mod templates;

use std::error::Error as StdError;
use std::time::Duration;

use countersign_domain::delivery::{Fault, ProviderReport};
use countersign_domain::id::CallerId;
use countersign_domain::ports::StoreError;
use countersign_domain::use_case::Error;
use tonic::{Code, Status};
use tonic_types::{FieldViolation, PreconditionViolation};

use crate::call::{Call, Method};
use crate::reason;

pub(crate) use refusals::start_refusal;
use row::Row;
pub(crate) use templates::{applied_long_enough, apply_running, templates_status};

/// What a caller sees of a use case's failure. Logs the failure with all its causes when an operator should know.
pub(crate) fn status(error: &Error, call: &Call) -> Status {
    let row = row(error, call.method);
    log(error, call, &row);
    row.status()
}

/// The table (`docs/api.md`).
fn row(error: &Error, method: Method) -> Row {
    match error {
        Error::Invalid(violation) => invalid(vec![FieldViolation::new(
            method.path(violation.field),
            violation.problem.clone(),
        )]),
        Error::NotFound if method == Method::Unblock => Row::new(
            Code::NotFound,
            reason::NOT_FOUND,
            "there is no such block, or the caller may not know of it",
        ),
        Error::NotFound => Row::new(Code::NotFound, reason::NOT_FOUND, error.to_string()),
        Error::RequestIdReused => Row::new(Code::Aborted, reason::REQUEST_ID_REUSED, error.to_string()),
        Error::Contended => Row::new(Code::Aborted, reason::CONTENDED, error.to_string()),
        Error::DeadlineExceeded => Row::new(Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED, error.to_string()),
        Error::LimitReached {
            rule,
            parts,
            retry_after,
        } => refusals::limit_reached(*rule, *parts, *retry_after),
        Error::Blocked {
            area,
            alarm,
            retry_after,
        } => refusals::blocked(area, alarm, *retry_after),
        Error::ChallengeRequired {
            area,
            refusal,
            challenge,
        } => refusals::challenge_required(area, *refusal, challenge.as_ref()),
        Error::MayNotOperate => refusals::may_not_operate(),
        Error::CountryNotAllowed { country } => refusals::country_not_allowed(*country, error),
        Error::TemplateMissing => template_missing(error),
        Error::CannotSend {
            fault,
            report,
            retry_after,
        } => cannot_send(*fault, report.as_ref(), *retry_after, error),
        Error::Store(StoreError::Unavailable(_)) => Row::new(
            Code::Unavailable,
            reason::STORE_UNAVAILABLE,
            "the store is unavailable; repeat the call with the same request id",
        ),
        Error::Store(StoreError::Corrupt(_)) => Row::new(
            Code::Internal,
            reason::RECORD_UNREADABLE,
            "what is stored about this recipient cannot be read; an operator has to look",
        ),
    }
}

fn invalid(violations: Vec<FieldViolation>) -> Row {
    let mut fields: Vec<&str> = violations.iter().map(|it| it.field.as_str()).collect();
    fields.dedup();
    let message = format!("malformed: {}; see the field violations", fields.join(", "));
    let mut row = Row::new(Code::InvalidArgument, reason::INVALID_FIELD, message);
    row.details.set_bad_request(violations);
    row
}

fn template_missing(error: &Error) -> Row {
    let mut row = Row::new(Code::FailedPrecondition, reason::TEMPLATE_MISSING, error.to_string());
    row.details.set_precondition_failure(vec![PreconditionViolation::new(
        "TEMPLATE",
        "template",
        "give the app a template that exists in its default language",
    )]);
    row
}

fn cannot_send(fault: Fault, report: Option<&ProviderReport>, retry_after: Duration, error: &Error) -> Row {
    let reason = match fault {
        Fault::Template => reason::TEMPLATE_UNUSABLE,
        Fault::Account => reason::ACCOUNT_UNUSABLE,
        Fault::Request => reason::MESSAGE_REFUSED,
    };
    let row = Row::new(Code::FailedPrecondition, reason, error.to_string()).retry_after(Some(retry_after));
    row.reported(report)
}

/// Fields of a request are malformed, all of them named at once. Nothing was counted, sent or charged.
pub(crate) fn malformed(violations: Vec<FieldViolation>) -> Status {
    invalid(violations).status()
}

/// No credentials, or none we know: one answer for both, so that a caller's name cannot be tried out.
pub(crate) fn unauthenticated() -> Status {
    Row::new(
        Code::Unauthenticated,
        reason::UNAUTHENTICATED,
        "give the metadata `authorization: Bearer <token>` with a token of this installation",
    )
    .status()
}

/// The server carries out all the calls it may.
pub(crate) fn overloaded(caller: &CallerId, method: &str) -> Status {
    tracing::warn!(%caller, method, "a call was shed: too many are in flight");
    Row::new(
        Code::Unavailable,
        reason::OVERLOADED,
        "the server is carrying out as many calls as it may; nothing was done",
    )
    .status()
}

/// The server has as many watches as it takes.
pub(crate) fn too_many_watches(call: &Call) -> Status {
    tracing::warn!(caller = %call.caller.id, "a watch was refused: there are too many");
    Row::new(
        Code::ResourceExhausted,
        reason::TOO_MANY_WATCHES,
        "the server has as many watches as it takes; ask with GetVerification, or watch later",
    )
    .status()
}

/// The caller's deadline passed while it watched, as it had asked for.
pub(crate) fn watched_long_enough() -> Status {
    Row::new(
        Code::DeadlineExceeded,
        reason::DEADLINE_EXCEEDED,
        "the deadline passed before the verification ended; it goes on, and may be watched again",
    )
    .status()
}

/// The connection of a watch or an apply is to end.
pub(crate) fn connection_ending() -> Status {
    Row::new(
        Code::Unavailable,
        reason::CONNECTION_ENDING,
        "the connection is about to end",
    )
    .status()
}

/// The deadline passed while the call was carried out. The call goes on; what became of it is not known here.
pub(crate) fn too_slow(path: &str) -> Status {
    tracing::warn!(method = path, "a call was not answered before its deadline");
    Row::new(
        Code::DeadlineExceeded,
        reason::DEADLINE_EXCEEDED,
        "the deadline passed before there was an answer; repeat with the same request id to learn what became of it",
    )
    .status()
}

/// Something of ours broke. `what` is for the log only.
pub(crate) fn broken(what: &str) -> Status {
    tracing::error!("{what}");
    Row::new(
        Code::Internal,
        reason::INTERNAL,
        "the service is broken; an operator has to look",
    )
    .status()
}

/// A failure that comes from the protocol's library and not from us, with the details every error of ours has.
///
/// `before_handler` tells that no handler answered: what the library calls an internal error is then a message it
/// could not read, and that is the caller's.
pub(crate) fn framework(status: &Status, before_handler: bool) -> Status {
    let (code, reason) = match status.code() {
        Code::Internal if before_handler => {
            let row = Row::new(
                Code::InvalidArgument,
                reason::MESSAGE_MALFORMED,
                "the bytes are no message of this method",
            );
            return row.status();
        }
        Code::Unimplemented => (Code::Unimplemented, reason::METHOD_UNKNOWN),
        Code::OutOfRange | Code::ResourceExhausted => (Code::ResourceExhausted, reason::MESSAGE_TOO_LARGE),
        Code::NotFound => (Code::NotFound, reason::NOT_FOUND),
        Code::DeadlineExceeded => (Code::DeadlineExceeded, reason::DEADLINE_EXCEEDED),
        Code::InvalidArgument => (Code::InvalidArgument, reason::MESSAGE_MALFORMED),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => {
            tracing::error!(code = ?status.code(), "the protocol's library failed");
            return Row::new(
                Code::Internal,
                reason::INTERNAL,
                "the service is broken; an operator has to look",
            )
            .status();
        }
    };
    let message = if status.message().is_empty() {
        code.description()
    } else {
        status.message()
    };
    Row::new(code, reason, message).status()
}

/// Writes a failure down, once: what an operator has to act on as an error, what may pass as a warning. What callers
/// do wrong is told to them and, where a rule refused, to the observers.
fn log(error: &Error, call: &Call, row: &Row) {
    let (caller, method, reason) = (&call.caller.id, call.method.name(), row.reason);
    match error {
        // Every watch ends when the store goes away. Whoever looks after the store says so, once.
        Error::Store(StoreError::Unavailable(_)) if call.method == Method::Watch => {
            tracing::debug!(%caller, method, reason, error = chain(error), "a call failed");
        }
        Error::Store(_) | Error::CannotSend { .. } | Error::TemplateMissing => {
            tracing::error!(%caller, method, reason, error = chain(error), "a call failed");
        }
        Error::Contended | Error::DeadlineExceeded => {
            tracing::warn!(%caller, method, reason, error = chain(error), "a call failed");
        }
        Error::Invalid(_)
        | Error::NotFound
        | Error::RequestIdReused
        | Error::LimitReached { .. }
        | Error::Blocked { .. }
        | Error::ChallengeRequired { .. }
        | Error::MayNotOperate
        | Error::CountryNotAllowed { .. } => {
            tracing::debug!(%caller, method, reason, "a call was refused");
        }
    }
}

/// An error and everything under it, since `Display` never prints a source.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use countersign_domain::country::CountryCode;
    use countersign_domain::limit::{KeyParts, RuleName};
    use countersign_domain::phone::PhoneError;
    use countersign_domain::ports::ChallengeRefusal;
    use countersign_domain::time::Timestamp;
    use countersign_domain::use_case::Field;
    use tonic_types::StatusExt;

    use super::*;

    const SECRET: &str = "redis://10.0.0.7 refused +5511900000007";

    fn cannot_send(fault: Fault) -> Error {
        Error::CannotSend {
            fault,
            report: Some(ProviderReport::new(190, "Access token has expired", SECRET)),
            retry_after: Duration::from_secs(60),
        }
    }

    #[test]
    fn every_failure_has_its_row_and_tells_nothing_internal() {
        let limit = |retry_after| Error::LimitReached {
            rule: RuleName::SendWait,
            parts: KeyParts::RECIPIENT,
            retry_after,
        };
        let challenge = Error::ChallengeRequired {
            area: "country",
            refusal: ChallengeRefusal::Missing,
            challenge: None,
        };
        let blocked = Error::Blocked {
            area: "country",
            alarm: "conversion",
            retry_after: None,
        };
        let country = CountryCode::parse("DE");
        let table = [
            (
                Error::invalid(Field::Phone, &PhoneError::NoPlus),
                Code::InvalidArgument,
                reason::INVALID_FIELD,
            ),
            (Error::NotFound, Code::NotFound, reason::NOT_FOUND),
            (Error::RequestIdReused, Code::Aborted, reason::REQUEST_ID_REUSED),
            (Error::Contended, Code::Aborted, reason::CONTENDED),
            (
                Error::DeadlineExceeded,
                Code::DeadlineExceeded,
                reason::DEADLINE_EXCEEDED,
            ),
            (
                limit(Some(Duration::from_secs(1))),
                Code::ResourceExhausted,
                reason::LIMIT_REACHED,
            ),
            (limit(None), Code::ResourceExhausted, reason::LIMIT_REACHED),
            (
                Error::CountryNotAllowed { country },
                Code::PermissionDenied,
                reason::COUNTRY_NOT_ALLOWED,
            ),
            (blocked, Code::PermissionDenied, reason::BLOCKED_BY_GUARD),
            (challenge, Code::FailedPrecondition, reason::CHALLENGE_REQUIRED),
            (Error::MayNotOperate, Code::PermissionDenied, reason::MAY_NOT_OPERATE),
            (
                Error::TemplateMissing,
                Code::FailedPrecondition,
                reason::TEMPLATE_MISSING,
            ),
            (
                cannot_send(Fault::Template),
                Code::FailedPrecondition,
                reason::TEMPLATE_UNUSABLE,
            ),
            (
                cannot_send(Fault::Account),
                Code::FailedPrecondition,
                reason::ACCOUNT_UNUSABLE,
            ),
            (
                cannot_send(Fault::Request),
                Code::FailedPrecondition,
                reason::MESSAGE_REFUSED,
            ),
            (
                StoreError::Unavailable(SECRET.into()).into(),
                Code::Unavailable,
                reason::STORE_UNAVAILABLE,
            ),
            (
                StoreError::Corrupt(SECRET.into()).into(),
                Code::Internal,
                reason::RECORD_UNREADABLE,
            ),
        ];
        let call = Call {
            method: Method::Start,
            caller: Arc::new(countersign_testkit::fixture::caller()),
            deadline: Timestamp::EPOCH,
        };
        for (error, code, reason) in table {
            let status = status(&error, &call);
            let info = status.get_details_error_info().unwrap();
            assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{error:?}");
            assert_eq!(info.domain, reason::DOMAIN);
            let said = format!("{status:?} {:?}", status.get_error_details());
            assert!(!said.contains("redis"), "{said}");
        }
    }

    #[test]
    fn the_log_has_the_whole_chain() {
        let error = Error::from(StoreError::Unavailable("connection refused".into()));
        assert_eq!(chain(&error), "the store is unavailable: connection refused");
    }
}
