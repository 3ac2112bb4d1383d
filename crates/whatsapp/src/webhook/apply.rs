//! Handing what a post says to the use cases. Kept out: everything they decide.

use std::sync::Arc;

use countersign_domain::delivery::DeliveryReport;
use countersign_domain::event::HeardNews;
use countersign_domain::sender::AccountId;
use countersign_domain::template::{Category, TemplateNews};
use countersign_domain::use_case::{
    Applied, ApplyDelivery, Disown, Disowned, RecipientReports, ReportedDelivery, TemplateBoard, UseCases,
};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::webhook::BusinessAccounts;
use crate::webhook::parse::Post;
use crate::webhook::templates::{Said, TemplateSaid};

/// Applies posts.
pub(super) struct Applier {
    apply_delivery: Arc<ApplyDelivery>,
    disown: Arc<Disown>,
    board: Arc<TemplateBoard>,
    business_accounts: BusinessAccounts,
    at_once: usize,
}

/// What became of a post.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct IntakeReport {
    /// Statuses that moved a delivery forward, and words about templates that are believed.
    pub(super) moved: usize,
    /// What says nothing new, is not about us, or is of a kind that moves nothing.
    pub(super) ignored: usize,
    /// What could not be read.
    pub(super) skipped: usize,
    /// Statuses that could not be recorded; the whole post should come again.
    pub(super) failed: usize,
}

impl Applier {
    pub(super) fn new(use_cases: &UseCases, business_accounts: BusinessAccounts, at_once: usize) -> Self {
        Self {
            apply_delivery: Arc::clone(&use_cases.apply_delivery),
            disown: Arc::clone(&use_cases.disown),
            board: Arc::clone(&use_cases.board),
            business_accounts,
            at_once,
        }
    }

    /// Applies every status: those of one recipient together, some recipients at once, so that they share the way to
    /// the store. One that fails does not keep the others from being applied. When this is given up, what runs is
    /// stopped.
    pub(super) async fn apply(&self, post: Post) -> IntakeReport {
        for error in &post.account_errors {
            tracing::warn!(
                code = error.code,
                title = error.title,
                "Meta reports a problem of the account"
            );
        }
        let mut report = IntakeReport {
            ignored: post.ignored,
            skipped: post.skipped,
            ..IntakeReport::default()
        };
        // First and without waiting: messages of this very moment may be written with one of them.
        for said in post.templates {
            self.hear(said, &mut report);
        }
        let mut running = JoinSet::new();
        post.statuses.iter().for_each(log_failure);
        for reports in self.apply_delivery.by_recipient(post.statuses) {
            if running.len() >= self.at_once
                && let Some(done) = running.join_next().await
            {
                // A task that panicked recorded an unknown part of its statuses.
                report.add(&done.unwrap_or(IntakeReport::ONE_FAILED));
            }
            let applied = together(Arc::clone(&self.apply_delivery), reports);
            running.spawn(applied.in_current_span());
        }
        while let Some(done) = running.join_next().await {
            report.add(&done.unwrap_or(IntakeReport::ONE_FAILED));
        }
        // After the statuses: one of them may be the first to name the message that a person answers to.
        for disowned in &post.disowned {
            self.disown(disowned, &mut report).await;
        }
        report
    }

    fn hear(&self, said: TemplateSaid, report: &mut IntakeReport) {
        let TemplateSaid {
            business_account,
            name,
            language,
            at,
            what,
        } = said;
        let accounts = self.accounts(business_account.as_deref());
        let word = match what {
            Said::Now(word) => word,
            Said::Soon(category) => {
                if !accounts.is_empty() && category == Category::Other {
                    tracing::warn!(%name, %language, "Meta is going to take a template out of the authentication templates");
                }
                report.ignored += 1;
                return;
            }
        };
        let mut is_taken = false;
        for account in accounts {
            let news = TemplateNews {
                account,
                name: name.clone(),
                language: language.clone(),
                at,
                word: word.clone(),
            };
            is_taken |= self.board.hear(&news) == HeardNews::Taken;
        }
        *(if is_taken {
            &mut report.moved
        } else {
            &mut report.ignored
        }) += 1;
    }

    /// The accounts that a business account is here; whichever, when none is configured.
    fn accounts(&self, business_account: Option<&str>) -> Vec<Option<AccountId>> {
        if self.business_accounts.is_empty() {
            return vec![None];
        }
        let ours = business_account.and_then(|it| self.business_accounts.get(it));
        ours.into_iter().flatten().cloned().map(Some).collect()
    }

    async fn disown(&self, disowned: &Disowned, report: &mut IntakeReport) {
        match self.disown.execute(disowned).await {
            Ok(true) => report.moved += 1,
            Ok(false) => report.ignored += 1,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "a person's word that they did not ask for a code was not recorded"
                );
                report.failed += 1;
            }
        }
    }
}

impl IntakeReport {
    const ONE_FAILED: Self = Self {
        moved: 0,
        ignored: 0,
        skipped: 0,
        failed: 1,
    };

    fn add(&mut self, other: &Self) {
        let Self {
            moved,
            ignored,
            skipped,
            failed,
        } = other;
        self.moved += moved;
        self.ignored += ignored;
        self.skipped += skipped;
        self.failed += failed;
    }

    /// One line per post, in numbers only.
    pub(super) fn log(&self) {
        let Self {
            moved,
            ignored,
            skipped,
            failed,
        } = self;
        if *failed > 0 {
            tracing::warn!(
                moved,
                ignored,
                skipped,
                failed,
                "webhook not wholly recorded; Meta will repeat it"
            );
        } else if *moved == 0 {
            tracing::debug!(ignored, skipped, "webhook moved nothing");
        } else {
            tracing::debug!(moved, ignored, skipped, "webhook applied");
        }
    }
}

fn log_failure(status: &ReportedDelivery) {
    if let DeliveryReport::Failed { step, report } = &status.report {
        tracing::info!(
            ?step,
            code = report.code,
            title = report.title,
            "message failed, says a webhook"
        );
    }
}

async fn together(apply_delivery: Arc<ApplyDelivery>, reports: RecipientReports) -> IntakeReport {
    let mut done = IntakeReport::default();
    match apply_delivery.execute(&reports).await {
        Ok(applied) => {
            for applied in applied {
                match applied {
                    Applied::Moved => done.moved += 1,
                    Applied::Ignored(_) => done.ignored += 1,
                }
            }
        }
        Err(error) => {
            // Also a record that cannot be read: during a change of versions another instance may be able to.
            let (error, statuses) = (&error as &dyn std::error::Error, reports.count());
            tracing::warn!(error, statuses, "statuses of a recipient were not recorded");
            done.failed += reports.count();
        }
    }
    done
}
