//! One apply: a task does the steps and tells each, and the caller reads at its own pace.
//!
//! The task keeps the apply's limits. When the caller goes, the answers are dropped, and with them the task: the apply
//! stops where it waits for the provider. What the provider was being asked may have been done; the next plan sees it.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use countersign_domain::id::AppId;
use countersign_domain::use_case::{ApplyProgress, ManageTemplates};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tonic::Status;

use crate::convert;
use crate::errors;
use crate::templates::TemplateCall;
use crate::v1;
use crate::watch::Limits;

type Event = Result<v1::ApplyTemplatesResponse, Status>;

/// The apps whose templates are being applied.
#[derive(Clone, Default)]
pub(super) struct Applies(Arc<Mutex<BTreeSet<AppId>>>);

/// One app's apply, over when it is dropped.
pub(super) struct Turn {
    applies: Applies,
    app: AppId,
}

/// What a caller who applies is answered: each step, and then what is left or why it ended.
pub(crate) struct Applying {
    /// As many as the configuration has templates and languages and the accounts others, and one: that is the limit.
    events: UnboundedReceiver<Event>,
    task: JoinHandle<()>,
    /// Whether the end was told.
    ended: bool,
}

impl Applies {
    /// The turn of an app, unless somebody has it.
    pub(super) fn begin(&self, app: &AppId) -> Option<Turn> {
        let is_free = self.apps().insert(app.clone());
        is_free.then(|| Turn {
            applies: self.clone(),
            app: app.clone(),
        })
    }

    fn apps(&self) -> std::sync::MutexGuard<'_, BTreeSet<AppId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.applies.apps().remove(&self.app);
    }
}

impl Applying {
    /// Applies in a task of its own, until all is done, a limit is reached or the answers are dropped.
    pub(super) fn begin(
        manage: Arc<ManageTemplates>,
        app: AppId,
        turn: Option<Turn>,
        call: TemplateCall,
        limits: Limits,
    ) -> Self {
        let (told, events) = unbounded_channel();
        let task = tokio::spawn(async move {
            let end = tokio::select! {
                // First, so that what has ended is told as ended, whatever else happens in that moment.
                biased;
                end = apply(&manage, &app, &call, &told) => end,
                reached = limits.reached(errors::applied_long_enough) => Err(reached),
            };
            // Given back before the end is told: whoever hears it may begin again at once.
            drop(turn);
            let _ = told.send(end);
        });
        Self {
            events,
            task,
            ended: false,
        }
    }
}

/// Does the steps, tells each, and answers with the summary.
async fn apply(manage: &ManageTemplates, app: &AppId, call: &TemplateCall, told: &UnboundedSender<Event>) -> Event {
    let tell = |progress: ApplyProgress| {
        // Nobody listens any more: the task is about to be ended.
        let _ = told.send(Ok(convert::apply_progress(&progress)));
    };
    match manage.apply(&call.caller, app, &tell).await {
        Ok(left) => Ok(convert::apply_summary(&left)),
        Err(error) => Err(errors::templates_status(&error, call)),
    }
}

impl Stream for Applying {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        let event = ready!(self.events.poll_recv(context));
        let is_end = match &event {
            Some(Ok(told)) => matches!(told.event, Some(v1::apply_templates_response::Event::Summary(_))),
            Some(Err(_)) => true,
            None => false,
        };
        if event.is_none() && !self.ended {
            self.ended = true;
            return Poll::Ready(Some(Err(errors::broken("an apply panicked"))));
        }
        self.ended |= is_end;
        Poll::Ready(event)
    }
}

impl Drop for Applying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_has_one_turn_at_a_time_and_another_app_its_own() {
        let applies = Applies::default();
        let [shop, bank] = ["shop", "bank"].map(|it| AppId::parse(it).unwrap());
        let turn = applies.begin(&shop);
        assert!(turn.is_some() && applies.begin(&shop).is_none());
        assert!(applies.begin(&bank).is_some());
        drop(turn);
        assert!(applies.begin(&shop).is_some());
    }
}
