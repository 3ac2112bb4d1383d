//! What can be changed while the simulator runs: where webhooks go, and how the next sends fail. Kept out: scenarios
//! of many steps.

use std::fmt;
use std::sync::Arc;

use crate::check::{Mistake, parse_callback_url};
use crate::shared::Shared;
use crate::webhook::Handshake;

/// How a send goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this HTTP status and body as they are; nothing is accepted. A status outside 100–599 becomes 500.
    Answer {
        /// HTTP status.
        status: u16,
        /// The raw body, sent as `application/json` whatever it is.
        body: String,
    },
    /// Never answers; nothing is accepted. The connection stays open until the caller or the simulator ends it.
    Silence,
    /// Closes the connection without an answer; nothing is accepted.
    HangUp,
    /// Accepts a valid message, so that webhooks come and the phone shows it, and never answers.
    AcceptThenSilence,
    /// Accepts a valid message, so that webhooks come and the phone shows it, and closes the connection without an
    /// answer.
    AcceptThenHangUp,
}

/// A handle that changes a running simulator. Cheap to clone.
#[derive(Clone)]
pub struct Controls {
    shared: Arc<Shared>,
}

impl Controls {
    /// Sends webhooks to `url` from now on, repeated ones included. The address must be `http://host[:port]/path`.
    pub fn set_callback_url(&self, url: &str) -> Result<(), Mistake> {
        self.shared.set_callback_url(Some(parse_callback_url(url)?));
        Ok(())
    }

    /// Sends no webhooks from now on.
    pub fn clear_callback_url(&self) {
        self.shared.set_callback_url(None);
    }

    /// Does Meta's verification handshake with the callback now, once.
    pub async fn verify_callback(&self) -> Handshake {
        let Some(target) = self.shared.callback_url() else {
            return Handshake::NotTried;
        };
        let outcome = self.shared.courier.shake_hands(&target, self.shared.now_ms()).await;
        self.shared.set_handshake(outcome);
        outcome
    }

    /// How the last handshake went, the one at the start included.
    pub fn handshake(&self) -> Handshake {
        self.shared.handshake()
    }

    /// Makes the next `times` sends fail, after those already ordered. Every `POST` to a messages path counts, valid
    /// or not.
    pub fn fail_next(&self, times: u32, fault: Fault) {
        self.shared.add_fault(times, fault);
    }

    /// Forgets every fault that was not used.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl fmt::Debug for Controls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Controls").finish_non_exhaustive()
    }
}
