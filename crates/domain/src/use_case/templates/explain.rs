//! Why a step of an apply could not be done, for people: what happened, what Meta's limit is, and what to do.

use crate::delivery::ProviderReport;
use crate::ports::CatalogError;
use crate::template::TemplateStatus;
use crate::template::plan::is_going;
use crate::time::Timestamp;

/// A deleted name, or one that is about to be (Meta: template management). Meta's subcodes for it follow below.
const NAME_LOCKED: &str = "Meta locks the name of a deleted template for up to 30 days: wait, or describe the template \
                           under another name";
/// The name is being deleted in that language (Meta: error subcodes of template management).
const SUBCODE_DELETING: u32 = 2_388_023;
/// The name has content in that language already.
const SUBCODE_EXISTS: u32 = 2_388_024;
/// Meta: template management.
const EDIT_LIMIT: &str = "Meta lets an approved template be edited once in 24 hours and ten times in 30 days";

/// Why it failed, and when it may be tried again, if that is known.
pub(super) struct Explanation {
    pub(super) why: String,
    pub(super) retry_at: Option<Timestamp>,
}

impl From<String> for Explanation {
    fn from(why: String) -> Self {
        Self { why, retry_at: None }
    }
}

/// What is known about the step that an order was about.
pub(super) struct Circumstances {
    /// What the provider had, if it had anything.
    pub(super) status: Option<TemplateStatus>,
    /// Until when Meta may refuse to edit it again.
    pub(super) refused_until: Option<Timestamp>,
    /// Whether an earlier order of the same apply was done, and this one should only have finished it.
    pub(super) was_made: bool,
}

/// Why what the provider has cannot be brought into agreement now.
pub(super) fn not_editable(status: &TemplateStatus, is_other_category: bool) -> Explanation {
    if is_going(status) {
        return format!("it was deleted or is being deleted. {NAME_LOCKED}").into();
    }
    let why = match status {
        _ if is_other_category => {
            "Meta has it as something else than an authentication template, and codes may not be sent with it: describe \
             the template under another name, or delete it at Meta first"
        }
        TemplateStatus::Archived => {
            "Meta archived it because nobody used it for a year, and deletes it 28 days later: unarchive it at Meta, then \
             apply again"
        }
        TemplateStatus::Pending => "Meta is reviewing it and does not let it be edited: apply again after the review",
        TemplateStatus::InAppeal => {
            "Meta is looking at an appeal and does not let it be edited: apply again after the decision"
        }
        TemplateStatus::Disabled => {
            "Meta disabled it for good, and it can be neither edited nor deleted: describe the template under another \
             name"
        }
        TemplateStatus::LimitExceeded => {
            "the account has more templates than Meta allows: delete some that nobody needs, then apply again"
        }
        TemplateStatus::Locked => "Meta locked it and does not let it be edited: ask Meta, then apply again",
        TemplateStatus::Approved
        | TemplateStatus::Rejected
        | TemplateStatus::Paused
        | TemplateStatus::PendingDeletion
        | TemplateStatus::Deleted
        | TemplateStatus::Other(_) => {
            return format!(
                "Meta does not let it be edited while it is {}: apply again later",
                status.name()
            )
            .into();
        }
    };
    why.to_owned().into()
}

/// Why an order about one template in one language came to nothing.
pub(super) fn failure(error: &CatalogError, about: &Circumstances, now: Timestamp) -> Explanation {
    let Explanation { why, retry_at } = match error {
        CatalogError::Refused(report) => refusal(report, about),
        CatalogError::Throttled { retry_after, .. } => Explanation {
            why: format!("{error}: apply again later"),
            retry_at: retry_after.map(|it| now.plus(it)),
        },
        CatalogError::Denied(report) => {
            format!("{error} ({report}): give the account a token that may manage templates").into()
        }
        CatalogError::Unavailable(_) => format!("{error}: apply again later").into(),
        CatalogError::NotHeld | CatalogError::Gone | CatalogError::NotOffered => error.to_string().into(),
    };
    let why = if about.was_made {
        format!("it was made, but not as described: {why}")
    } else {
        why
    };
    Explanation { why, retry_at }
}

fn refusal(report: &ProviderReport, about: &Circumstances) -> Explanation {
    if has_code(report, SUBCODE_DELETING) {
        return format!("Meta is deleting it, or has deleted it. {NAME_LOCKED} ({report})").into();
    }
    if has_code(report, SUBCODE_EXISTS) {
        return format!(
            "Meta says that it has this template in this language, and does not list it as such: most likely it is \
             being deleted. {NAME_LOCKED} ({report})"
        )
        .into();
    }
    if about.status == Some(TemplateStatus::Approved) {
        let report = report.to_string();
        let why = format!(
            "Meta refuses: {}. {EDIT_LIMIT}: apply again later",
            report.trim_end_matches('.')
        );
        let retry_at = about.refused_until;
        return Explanation { why, retry_at };
    }
    format!("Meta refuses: {report}").into()
}

/// Whether the report is about that code. Subcodes are in its words: they have no field of their own.
fn has_code(report: &ProviderReport, code: u32) -> bool {
    let text = code.to_string();
    report.code == code || report.title.contains(&text) || report.details.contains(&text)
}
