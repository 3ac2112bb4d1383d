//! What callers were told, kept until the end.

use std::collections::{BTreeMap, BTreeSet};

use countersign_grpc::v1::{self, VerificationState};
use tonic::Status;
use tonic_types::StatusExt;

/// A verification that a caller was told of.
pub(crate) struct Started {
    pub(crate) phone: String,
    /// How often each outcome of a start was heard.
    pub(crate) starts: BTreeMap<&'static str, u64>,
    /// Which outcomes of a check were heard.
    pub(crate) checks: BTreeSet<&'static str>,
    /// The requests that were answered with `APPROVED`. Repeats of one request are one.
    pub(crate) approvals: BTreeSet<String>,
    /// The end that was seen first: the state, and when it ended.
    pub(crate) end: Option<(VerificationState, Option<prost_types::Timestamp>)>,
    pub(crate) was_canceled: bool,
    /// Whether another one was opened for the same phone later.
    pub(crate) was_superseded: bool,
}

/// Everything callers were told.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) started: BTreeMap<String, Started>,
    /// The newest verification of each phone.
    newest: BTreeMap<String, String>,
    /// How often each method was answered how.
    pub(crate) statuses: BTreeMap<(&'static str, String), u64>,
    /// What must not be.
    pub(crate) wrongs: Vec<String>,
}

impl Book {
    /// Notes a start and the verification it was answered with.
    pub(crate) fn note_start(&mut self, outcome: &'static str, phone: &str, verification: &v1::Verification) {
        let started = self.started.entry(verification.id.clone()).or_insert_with(|| Started {
            phone: phone.to_owned(),
            starts: BTreeMap::new(),
            checks: BTreeSet::new(),
            approvals: BTreeSet::new(),
            end: None,
            was_canceled: false,
            was_superseded: false,
        });
        *started.starts.entry(outcome).or_default() += 1;
        let newest = self.newest.insert(phone.to_owned(), verification.id.clone());
        if let Some(older) = newest.filter(|it| *it != verification.id) {
            self.started.get_mut(&older).unwrap().was_superseded = true;
        }
        self.note_state(verification);
    }

    /// Notes a check and what it came to.
    pub(crate) fn note_check(&mut self, id: &str, request: &str, outcome: &'static str) {
        let started = self.started.get_mut(id).unwrap();
        started.checks.insert(outcome);
        if outcome == "APPROVED" {
            started.approvals.insert(request.to_owned());
        }
    }

    /// Notes how far a verification is. An end is one for ever.
    pub(crate) fn note_state(&mut self, verification: &v1::Verification) {
        let state = verification.state();
        let started = self.started.get_mut(&verification.id).unwrap();
        match started.end {
            None if state == VerificationState::Open => {}
            None => started.end = Some((state, verification.end_time)),
            Some(end) if end == (state, verification.end_time) => {}
            Some((end, _)) => self.wrongs.push(format!("ended as {end:?}, and is {state:?} later")),
        }
    }

    /// Notes how a call was answered, and says whether it may be repeated: every call has a request id.
    pub(crate) fn note_status(&mut self, method: &'static str, status: Option<&Status>) -> bool {
        let told = status.map_or("OK".to_owned(), |status| {
            let details = status.get_error_details();
            let reason = details.error_info().map_or("no answer", |info| &info.reason);
            format!("{:?} {reason}", status.code())
        });
        let may_repeat = told.ends_with(" no answer")
            || told.ends_with(" STORE_UNAVAILABLE")
            || told.ends_with(" CONTENDED")
            || told.ends_with(" OVERLOADED")
            || told.ends_with(" DEADLINE_EXCEEDED");
        *self.statuses.entry((method, told)).or_default() += 1;
        may_repeat
    }
}
