//! The rows for what can go wrong with templates.

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::CatalogError;
use countersign_domain::sender::AccountId;
use countersign_domain::use_case::TemplatesError;
use tonic::{Code, Status};
use tonic_types::FieldViolation;

use crate::errors::{Row, chain, invalid};
use crate::reason;
use crate::templates::{TemplateCall, TemplateMethod};

/// What a caller sees of a failure. Logs it with all its causes when an operator should know.
pub(crate) fn templates_status(error: &TemplatesError, call: &TemplateCall) -> Status {
    let row = row(error, call.method);
    let (caller, method, reason) = (&call.caller.id, call.method.name(), row.reason);
    match error {
        TemplatesError::Catalog { account, source } => {
            tracing::warn!(%caller, method, reason, %account, error = chain(source), "a call failed");
        }
        TemplatesError::NotFound | TemplatesError::NotAllowed | TemplatesError::Invalid { .. } => {
            tracing::debug!(%caller, method, reason, "a call was refused");
        }
    }
    row.status()
}

/// The table (`docs/api.md`).
fn row(error: &TemplatesError, method: TemplateMethod) -> Row {
    match error {
        TemplatesError::NotFound => Row::new(
            Code::NotFound,
            reason::NOT_FOUND,
            "there is no such app, or the caller may not use it",
        ),
        TemplatesError::NotAllowed => Row::new(
            Code::PermissionDenied,
            reason::TEMPLATES_NOT_ALLOWED,
            "the caller may not manage templates; its `manage_templates` is not set in the service's configuration",
        ),
        TemplatesError::Invalid { field, problem } => invalid(vec![FieldViolation::new(*field, problem.clone())]),
        TemplatesError::Catalog { account, source } => {
            catalog(account, source, method).with("account", account.as_str())
        }
    }
}

fn catalog(account: &AccountId, error: &CatalogError, method: TemplateMethod) -> Row {
    let precondition = |reason, report: Option<&ProviderReport>| {
        Row::new(Code::FailedPrecondition, reason, format!("account {account}: {error}")).reported(report)
    };
    // An apply fails only before its first order; from then on a failure is a step's.
    let unavailable = match method {
        TemplateMethod::Delete => "what it was asked to change may have been changed, so plan again",
        TemplateMethod::Plan | TemplateMethod::Apply | TemplateMethod::List | TemplateMethod::Preview => {
            "nothing was changed, so try again later"
        }
    };
    match error {
        CatalogError::NotHeld => Row::new(
            Code::FailedPrecondition,
            reason::TEMPLATES_NOT_HELD,
            format!(
                "account {account}: there is no business_account_id or no token for it; write both into \
                 [whatsapp.accounts.{account}]"
            ),
        ),
        CatalogError::Denied(report) => Row::new(
            Code::FailedPrecondition,
            reason::TEMPLATES_DENIED,
            format!(
                "account {account}: {error}; give [whatsapp.accounts.{account}] a token that may manage the templates \
                 of that business_account_id"
            ),
        )
        .reported(Some(report)),
        CatalogError::Refused(report) => precondition(reason::TEMPLATES_REFUSED, Some(report)),
        CatalogError::NotOffered => precondition(reason::TEMPLATES_NOT_OFFERED, None),
        CatalogError::Gone => Row::new(
            Code::NotFound,
            reason::TEMPLATE_NOT_FOUND,
            format!("account {account}: {error}"),
        ),
        CatalogError::Throttled { retry_after, report } => Row::new(
            Code::ResourceExhausted,
            reason::PROVIDER_THROTTLED,
            format!("account {account}: {error}"),
        )
        .retry_after(*retry_after)
        .reported(report.as_ref()),
        CatalogError::Unavailable(_) => Row::new(
            Code::Unavailable,
            reason::PROVIDER_UNAVAILABLE,
            format!("account {account}: {error}; {unavailable}"),
        ),
    }
}

/// Another apply for the app is under way in this instance.
pub(crate) fn apply_running() -> Status {
    Row::new(
        Code::Aborted,
        reason::APPLY_RUNNING,
        "another apply for this app is under way; wait for its end, and plan again",
    )
    .status()
}

/// The caller's deadline passed while templates were applied, as it had asked for.
pub(crate) fn applied_long_enough() -> Status {
    Row::new(
        Code::DeadlineExceeded,
        reason::DEADLINE_EXCEEDED,
        "the deadline passed before everything was applied; what is done stays done, so apply again",
    )
    .status()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_testkit::fixture;
    use tonic_types::StatusExt;

    use super::*;

    const SECRET: &str = "https://graph.facebook.com refused EAAtoken";

    #[test]
    fn every_failure_has_its_row_and_tells_nothing_internal() {
        let report = || ProviderReport::new(100, "Invalid parameter", "");
        let retry_after = Some(Duration::from_secs(60));
        let table = [
            (
                CatalogError::NotHeld,
                Code::FailedPrecondition,
                reason::TEMPLATES_NOT_HELD,
            ),
            (
                CatalogError::Denied(report()),
                Code::FailedPrecondition,
                reason::TEMPLATES_DENIED,
            ),
            (
                CatalogError::Refused(report()),
                Code::FailedPrecondition,
                reason::TEMPLATES_REFUSED,
            ),
            (
                CatalogError::NotOffered,
                Code::FailedPrecondition,
                reason::TEMPLATES_NOT_OFFERED,
            ),
            (CatalogError::Gone, Code::NotFound, reason::TEMPLATE_NOT_FOUND),
            (
                CatalogError::Throttled {
                    retry_after,
                    report: None,
                },
                Code::ResourceExhausted,
                reason::PROVIDER_THROTTLED,
            ),
            (
                CatalogError::Unavailable(SECRET.into()),
                Code::Unavailable,
                reason::PROVIDER_UNAVAILABLE,
            ),
        ];
        let account = fixture::sender().account;
        for (source, code, reason) in table {
            let waits = matches!(source, CatalogError::Throttled { .. });
            let account = account.clone();
            let status = row(&TemplatesError::Catalog { account, source }, TemplateMethod::Plan).status();
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!((status.code(), info.reason.as_str()), (code, reason));
            assert_eq!(info.metadata["account"], fixture::sender().account.as_str());
            assert_eq!(details.retry_info().is_some(), waits, "{reason}");
            let said = format!("{status:?} {details:?}");
            assert!(!said.contains("graph"), "{said}");
        }
    }

    #[test]
    fn only_a_deletion_without_an_answer_may_have_changed_something() {
        let said = |method| {
            let source = CatalogError::Unavailable(SECRET.into());
            let account = fixture::sender().account;
            let status = row(&TemplatesError::Catalog { account, source }, method).status();
            status.message().to_owned()
        };
        assert!(said(TemplateMethod::Delete).ends_with("may have been changed, so plan again"));
        for method in [
            TemplateMethod::Plan,
            TemplateMethod::Apply,
            TemplateMethod::List,
            TemplateMethod::Preview,
        ] {
            assert!(
                said(method).ends_with("nothing was changed, so try again later"),
                "{method:?}"
            );
        }
    }

    #[test]
    fn a_refusal_has_metas_words() {
        let source = CatalogError::Refused(ProviderReport::new(100, "Invalid parameter", "The name is locked."));
        let account = fixture::sender().account;
        let status = row(&TemplatesError::Catalog { account, source }, TemplateMethod::Apply).status();
        assert!(status.message().contains("100 Invalid parameter: The name is locked."));
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!(
            (metadata["provider_code"].as_str(), metadata["provider_title"].as_str()),
            ("100", "Invalid parameter")
        );
    }
}
