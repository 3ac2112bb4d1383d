//! What the oracle makes of answers to starts and checks.

use std::collections::BTreeMap;

use countersign_domain::id::VerificationId;
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::verification::CheckOutcome;

use super::Oracle;

/// What a check asked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) at: Timestamp,
    pub(crate) request_id: String,
    pub(crate) guess: String,
    pub(crate) context: BTreeMap<String, String>,
}

impl Oracle {
    pub(crate) fn answered_start(&self, id: VerificationId, context: &BTreeMap<String, String>) {
        let mut state = self.state.lock().unwrap();
        // A repeat, a join and a resend all ask for the same context, or are refused.
        let bound = state.contexts.entry(id.to_string()).or_insert_with(|| context.clone());
        assert_eq!(
            bound, context,
            "3: answered with a verification bound to something else"
        );
        if !state.opened.contains(&id) {
            state.opened.push(id);
        }
    }

    /// What a verification was bound to, as far as its starts were answered.
    pub(crate) fn context_of(&self, id: &VerificationId) -> BTreeMap<String, String> {
        self.state
            .lock()
            .unwrap()
            .contexts
            .get(&id.to_string())
            .cloned()
            .unwrap_or_default()
    }

    /// A check was answered.
    pub(crate) fn answered_check(&self, id: VerificationId, outcome: CheckOutcome, asked: &Asked, now: Timestamp) {
        let id = id.to_string();
        let mut state = self.state.lock().unwrap();
        let compared = matches!(
            outcome,
            CheckOutcome::Approved | CheckOutcome::Incorrect | CheckOutcome::ContextMismatch
        );
        // Requests are remembered for a day; a repeat that took its time may be a new request by then.
        let remembered = |(_, at): &(CheckOutcome, Timestamp)| at.plus(DAY / 2) > now;
        let first = state.first_answers.get(&asked.request_id).copied().filter(remembered);
        if let Some((first, _)) = first {
            assert_eq!(first, outcome, "2: a repeat was answered otherwise");
        }
        let again = state.first_answers.contains_key(&asked.request_id);
        if compared && !again {
            state
                .first_answers
                .insert(asked.request_id.clone(), (outcome, asked.at));
        }
        match outcome {
            CheckOutcome::Approved => {
                let bound = state.contexts.get(&id).cloned().unwrap_or_default();
                assert_eq!(bound, asked.context, "3: approved under another context");
                assert!(
                    state.codes.get(&id).is_some_and(|codes| codes.contains(&asked.guess)),
                    "3: approved another code"
                );
                let approvals = state.approvals.entry(id).or_default();
                *approvals += u32::from(!again);
                assert!(*approvals <= 1, "1: approved twice");
            }
            CheckOutcome::Incorrect | CheckOutcome::ContextMismatch if !again => {
                let wrong = state.wrong_answers.entry(id).or_default();
                *wrong += 1;
                assert!(
                    *wrong <= u32::from(self.policy.guesses_max),
                    "2: {wrong} wrong guesses were compared"
                );
            }
            _ => {}
        }
    }
}
