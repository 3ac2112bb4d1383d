//! What becomes of a template: review, pauses, archiving, and whatever a person orders. Kept out: what a caller of the
//! management endpoints may do (see `store`).

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::catalogue::Catalogue;
use crate::catalogue::changes::{About, Alarm, Changes, Then};
use crate::catalogue::entry::{Entry, Pause, PauseCause, TemplateStatus};
use crate::catalogue::refusal::{STATUS_FIXED, refused_as, unknown};
use crate::catalogue::store::State;
use crate::senders::Quality;
use crate::wire::GraphError;

/// What a person or a test has done to one template, which at Meta a reviewer, people's complaints or somebody in
/// WhatsApp Manager would do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case", deny_unknown_fields)]
pub enum TemplateOrder {
    /// Ends the review well, or makes it approved from whatever it is.
    Approve,
    /// Ends the review badly, or withdraws what was approved.
    Reject {
        /// Meta's word for the reason, such as `INVALID_FORMAT`.
        reason: String,
    },
    /// Pauses it for low quality: the first time for 3 hours, the second for 6; the third time it is disabled.
    Pause,
    /// Pauses it until somebody lifts the pause, which a caller may do after 5 minutes.
    PauseForPacing,
    /// Lifts a pause of either kind at once.
    Unpause,
    /// Disables it for good.
    Disable,
    /// Archives it; 28 days later it is deleted.
    Archive,
    /// Takes it back from the archive, to the status it had.
    Unarchive,
    /// Changes its quality score.
    SetQuality {
        /// The new score.
        quality: Quality,
    },
    /// Changes the life of its messages, of which no webhook tells.
    SetLife {
        /// From 30 to 900 seconds; null is 30 days. What is given is not checked.
        seconds: Option<u64>,
    },
    /// Changes the minutes in its footer, of which no webhook tells.
    SetExpiry {
        /// From 1 to 90; null takes the footer away. What is given is not checked.
        minutes: Option<u8>,
    },
    /// Changes whether the body advises not to share the code, of which no webhook tells.
    SetSecurity {
        /// Whether it does.
        advised: bool,
    },
    /// Gives it any status, also one that Meta does not use yet. It cannot be sent, whatever the word.
    SetStatus {
        /// Such as `IN_APPEAL`.
        status: String,
    },
    /// Announces that it will be in another category a day later, which only [`TemplateOrder::SetCategory`] does.
    AnnounceCategory {
        /// The category to come, such as `UTILITY`.
        category: String,
    },
    /// Puts it into another category, as Meta does by itself.
    SetCategory {
        /// The new category, such as `MARKETING`.
        category: String,
    },
    /// Deletes it, and locks its name in this language if it was approved.
    Delete,
}

/// Why an order was not carried out.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OrderRefused {
    /// There is no template with this id.
    #[error("there is no template with this id")]
    NotFound,
    /// Its status does not allow the order.
    #[error("the template is not in a status for this order")]
    Status,
}

const HOUR: Duration = Duration::from_secs(3_600);
/// Meta: template pausing page.
const FIRST_PAUSE: Duration = Duration::from_secs(3 * 3_600);
const SECOND_PAUSE: Duration = Duration::from_secs(6 * 3_600);
const UNPAUSABLE_AFTER_MS: u64 = 5 * 60_000;
/// Meta: template archival page.
const ARCHIVED_FOR: Duration = HOUR.saturating_mul(28 * 24);

impl Catalogue {
    /// Carries out an order.
    pub(crate) fn order(
        &self,
        id: u64,
        order: TemplateOrder,
        now_ms: u64,
        changes: &mut Changes,
    ) -> Result<(), OrderRefused> {
        let mut state = self.state();
        let entry = state.entries.get_mut(&id).ok_or(OrderRefused::NotFound)?;
        match order {
            TemplateOrder::Approve => entry.approve(None, now_ms, changes),
            TemplateOrder::Reject { reason } => entry.reject(&reason, now_ms, changes),
            TemplateOrder::Pause => entry.pause_for_quality(now_ms, changes),
            TemplateOrder::PauseForPacing => {
                entry.pause(PauseCause::Pacing, now_ms);
                changes.status(entry, "PAUSED", Some(About::Pacing));
            }
            TemplateOrder::Unpause if entry.status != TemplateStatus::Paused => return Err(OrderRefused::Status),
            TemplateOrder::Unpause => entry.approve(Some(About::Unpaused), now_ms, changes),
            TemplateOrder::Disable => entry.disable(now_ms, changes),
            TemplateOrder::Archive if entry.status == TemplateStatus::Archived => return Err(OrderRefused::Status),
            TemplateOrder::Archive => entry.archive(now_ms, changes),
            TemplateOrder::Unarchive if entry.status != TemplateStatus::Archived => return Err(OrderRefused::Status),
            TemplateOrder::Unarchive => entry.unarchive(now_ms, changes),
            TemplateOrder::SetQuality { quality } => {
                let before = std::mem::replace(&mut entry.quality, quality);
                entry.quality_at_ms = Some(now_ms);
                entry.changed_at_ms = now_ms;
                changes.quality(entry, before);
            }
            TemplateOrder::SetLife { seconds } => {
                entry.life = seconds.map(Duration::from_secs);
                entry.changed_at_ms = now_ms;
            }
            TemplateOrder::SetExpiry { minutes } => {
                entry.content.minutes = minutes;
                entry.changed_at_ms = now_ms;
            }
            TemplateOrder::SetSecurity { advised } => {
                entry.content.security = advised;
                entry.changed_at_ms = now_ms;
            }
            TemplateOrder::SetStatus { status } => {
                entry.become_now(TemplateStatus::Other, now_ms);
                changes.status(entry, &status, None);
                entry.other_word = status;
            }
            TemplateOrder::AnnounceCategory { category } => changes.category_to_come(entry, &category, now_ms),
            TemplateOrder::SetCategory { category } => {
                let before = std::mem::replace(&mut entry.category, category);
                entry.changed_at_ms = now_ms;
                changes.category(entry, &before);
            }
            TemplateOrder::Delete => state.remove(id, now_ms, changes),
        }
        Ok(())
    }

    /// Lifts a pause for a caller: one for pacing, five minutes after it began.
    pub(crate) fn unpause(&self, id: u64, now_ms: u64, changes: &mut Changes) -> Result<(), GraphError> {
        let mut state = self.state();
        let entry = state.entries.get_mut(&id).ok_or_else(|| unknown("post"))?;
        let refusal = |message| Err(refused_as(STATUS_FIXED, "Template cannot be unpaused", message));
        match entry.pause {
            None => refusal("The template is not paused."),
            Some(pause) if pause.cause == PauseCause::Quality => {
                refusal("The template is paused for low quality: wait until the pause is over, or edit it.")
            }
            Some(pause) if pause.since_ms.saturating_add(UNPAUSABLE_AFTER_MS) > now_ms => {
                refusal("The template was paused less than 5 minutes ago: wait that long.")
            }
            Some(_) => {
                entry.approve(Some(About::Unpaused), now_ms, changes);
                Ok(())
            }
        }
    }

    /// Archives a template for a caller, or says why not, in Meta's words.
    pub(crate) fn archive(&self, id: u64, now_ms: u64, changes: &mut Changes) -> Result<(), &'static str> {
        let mut state = self.state();
        match state.entries.get_mut(&id) {
            None => Err("Template does not exist"),
            Some(entry) if matches!(entry.status, TemplateStatus::Approved | TemplateStatus::Rejected) => {
                entry.archive(now_ms, changes);
                Ok(())
            }
            Some(_) => Err("Only approved or rejected templates can be archived"),
        }
    }

    /// Takes a template back from the archive for a caller, or says why not, in Meta's words.
    pub(crate) fn unarchive(&self, id: u64, now_ms: u64, changes: &mut Changes) -> Result<(), &'static str> {
        let mut state = self.state();
        match state.entries.get_mut(&id) {
            None => Err("Template does not exist"),
            Some(entry) if entry.status == TemplateStatus::Archived => {
                entry.unarchive(now_ms, changes);
                Ok(())
            }
            Some(_) => Err("Template is not archived"),
        }
    }
}

impl State {
    /// Begins a review, and ends it where it takes no time.
    pub(super) fn enter_review(&mut self, id: u64, now_ms: u64, changes: &mut Changes) {
        let review = self.review.clone();
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.become_now(TemplateStatus::Pending, now_ms);
        match review.after {
            None => {}
            Some(Duration::ZERO) => entry.end_review(review.rejected_with.as_deref(), now_ms, changes),
            Some(after) => changes.alarm(entry, after, Then::EndReview),
        }
    }

    pub(super) fn ring(&mut self, alarm: Alarm, now_ms: u64) -> Changes {
        let mut changes = Changes::default();
        let rejected_with = self.review.rejected_with.clone();
        let meant = self.entries.get_mut(&alarm.id).filter(|entry| entry.turn == alarm.turn);
        let Some(entry) = meant else { return changes };
        match alarm.then {
            Then::EndReview => entry.end_review(rejected_with.as_deref(), now_ms, &mut changes),
            Then::EndPause => entry.approve(Some(About::Unpaused), now_ms, &mut changes),
            Then::DeleteArchived => self.remove(alarm.id, now_ms, &mut changes),
        }
        changes
    }
}

impl Entry {
    fn end_review(&mut self, rejected_with: Option<&str>, now_ms: u64, changes: &mut Changes) {
        match rejected_with {
            Some(reason) => self.reject(reason, now_ms, changes),
            None => self.approve(None, now_ms, changes),
        }
    }

    fn approve(&mut self, about: Option<About>, now_ms: u64, changes: &mut Changes) {
        self.become_now(TemplateStatus::Approved, now_ms);
        changes.status(self, "APPROVED", about);
    }

    fn reject(&mut self, reason: &str, now_ms: u64, changes: &mut Changes) {
        self.become_now(TemplateStatus::Rejected, now_ms);
        self.rejected_reason = Some(reason.into());
        changes.status(self, "REJECTED", None);
    }

    fn pause_for_quality(&mut self, now_ms: u64, changes: &mut Changes) {
        self.pauses += 1;
        let (wait, about) = match self.pauses {
            1 => (FIRST_PAUSE, About::FirstPause),
            2 => (SECOND_PAUSE, About::SecondPause),
            _ => return self.disable(now_ms, changes),
        };
        self.pause(PauseCause::Quality, now_ms);
        changes.status(self, "PAUSED", Some(about));
        changes.alarm(self, wait, Then::EndPause);
    }

    fn pause(&mut self, cause: PauseCause, now_ms: u64) {
        self.become_now(TemplateStatus::Paused, now_ms);
        self.pause = Some(Pause {
            since_ms: now_ms,
            cause,
        });
    }

    fn disable(&mut self, now_ms: u64, changes: &mut Changes) {
        self.become_now(TemplateStatus::Disabled, now_ms);
        changes.status(self, "DISABLED", Some(About::Disabled));
    }

    fn archive(&mut self, now_ms: u64, changes: &mut Changes) {
        let before = self.status;
        let reason = self.rejected_reason.take();
        self.become_now(TemplateStatus::Archived, now_ms);
        self.before_archiving = Some(before);
        changes.status(self, "ARCHIVED", None);
        changes.alarm(self, ARCHIVED_FOR, Then::DeleteArchived);
        // Kept for its return.
        self.rejected_reason = reason;
    }

    fn unarchive(&mut self, now_ms: u64, changes: &mut Changes) {
        let before = self.before_archiving.unwrap_or(TemplateStatus::Approved);
        let reason = self.rejected_reason.take();
        self.become_now(before, now_ms);
        changes.status(self, "UNARCHIVED", None);
        self.rejected_reason = reason.filter(|_| before == TemplateStatus::Rejected);
    }
}
