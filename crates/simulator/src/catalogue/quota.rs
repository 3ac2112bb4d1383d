//! Whether the account allows a creation or a change now: locked names, counts, and how often. Kept out: the change
//! itself (see `store`).
//!
//! Meta: template management page.

use crate::catalogue::entry::{Entry, TemplateStatus};
use crate::catalogue::refusal::{NAME_LOCKED, STATUS_FIXED, TEMPLATES_FULL, refused, refused_as};
use crate::catalogue::rules::Draft;
use crate::catalogue::settings::ManagementLimits;
use crate::catalogue::store::State;
use crate::wire::GraphError;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const CREATIONS_AN_HOUR: usize = 100;
const EDITS_A_DAY: usize = 1;
const EDITS_A_MONTH: usize = 10;

impl State {
    /// Whether a name may have this language, as far as deletions go.
    pub(super) fn check_name(&mut self, draft: &Draft, language: &str, now_ms: u64) -> Result<(), GraphError> {
        self.locks.retain(|_, until_ms| *until_ms > now_ms);
        let whole = (draft.name.clone(), None);
        let single = (draft.name.clone(), Some(language.to_owned()));
        if self.locks.contains_key(&whole) || self.locks.contains_key(&single) {
            return Err(refused_as(
                NAME_LOCKED,
                "Message template language is being deleted",
                format!(
                    "The template {} was deleted in {language}: wait 30 days, or choose another name.",
                    draft.name
                ),
            ));
        }
        Ok(())
    }

    /// Whether so many more templates may be created now.
    pub(super) fn check_room(&mut self, limits: ManagementLimits, count: usize, now_ms: u64) -> Result<(), GraphError> {
        if count == 0 {
            return Ok(());
        }
        self.creations.retain(|at_ms| at_ms.saturating_add(HOUR_MS) > now_ms);
        if limits.creations && self.creations.len() + count > CREATIONS_AN_HOUR {
            let error = GraphError::documented(80_008);
            return Err(error.with_details("An account creates at most 100 templates an hour."));
        }
        if self.entries.len() + count > limits.templates_max {
            return Err(refused_as(
                TEMPLATES_FULL,
                "Template limit reached",
                format!(
                    "The account may have {} templates, each language counted.",
                    limits.templates_max
                ),
            ));
        }
        Ok(())
    }
}

/// Whether a template may be edited now.
pub(super) fn check_editable(entry: &Entry, limits: ManagementLimits, now_ms: u64) -> Result<(), GraphError> {
    match entry.status {
        TemplateStatus::Approved => {}
        TemplateStatus::Rejected | TemplateStatus::Paused => return Ok(()),
        TemplateStatus::Pending | TemplateStatus::Disabled | TemplateStatus::Archived | TemplateStatus::Other => {
            let status = entry.status_word();
            return Err(refused_as(
                STATUS_FIXED,
                "Template cannot be edited",
                format!(
                    "The template is {status} in {}: only APPROVED, REJECTED and PAUSED ones can be edited.",
                    entry.language
                ),
            ));
        }
    }
    let day = entry.edits_since(now_ms.saturating_sub(DAY_MS));
    let month = entry.edits_since(now_ms.saturating_sub(30 * DAY_MS));
    if limits.edits && (day >= EDITS_A_DAY || month >= EDITS_A_MONTH) {
        return Err(refused(
            "Template edited too often",
            format!(
                "An approved template can be edited once in 24 hours and 10 times in 30 days; the one in {} was.",
                entry.language
            ),
        ));
    }
    Ok(())
}
