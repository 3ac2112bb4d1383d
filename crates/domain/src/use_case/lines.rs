//! Learning lines: what the provider calls a person says which numbers are one.

use std::sync::Arc;

use crate::client::Client;
use crate::event::Event;
use crate::guard::{LINE_MEMORY, PersonKey, line_of};
use crate::id::CallerId;
use crate::phone::PhoneNumber;
use crate::ports::{ClaimedDelivery, GuardStore, NumberingPlan};
use crate::rule::Subject;
use crate::time::Timestamp;
use crate::use_case::costs::Costs;
use crate::use_case::{Ports, Records};
use crate::verification::StartOutcome;

/// Stands for the caller, whom a record does not know. No key that is counted here is made of it.
const NOBODY: &str = "nobody";

/// Learns which numbers are one line.
pub(super) struct Lines {
    records: Arc<Records>,
    store: Arc<dyn GuardStore>,
    numbering: Arc<dyn NumberingPlan>,
}

impl Lines {
    pub(super) fn new(records: &Arc<Records>, ports: &Ports) -> Self {
        Self {
            records: Arc::clone(records),
            store: Arc::clone(&ports.guard),
            numbering: Arc::clone(&ports.numbering),
        }
    }

    /// Learns from the number that the provider knows the person by, with which it took a message. Answers with the line
    /// that the phone is another spelling of, as far as that is known by now.
    ///
    /// One call of the store for a phone that is another spelling, and one more to count the message at its line when it
    /// was decided without knowing it; none for any other phone. Never fails: what the store did not take, the next
    /// message says again.
    pub(super) async fn learn(&self, claimed: &ClaimedDelivery, number: Option<&PhoneNumber>) -> Option<PersonKey> {
        let recipient = &claimed.stored.recipient;
        let known = recipient.line;
        let (Some(phone), Some(number)) = (&recipient.phone, number) else {
            return known;
        };
        let identity = &self.records.rulebook.identity;
        let asked = self.numbering.canonical(phone);
        let line = line_of(identity, &asked, &self.numbering.canonical(number));
        if line.is_none() && known.is_none() {
            return None;
        }
        let (person, now) = (PersonKey::of(identity, &asked), self.records.clock.now());
        // A line that is its own again is remembered no longer.
        let until = line.map_or(now, |_| now.plus(LINE_MEMORY));
        let learnt = self.store.learn_line(person, line.unwrap_or(person), until, now);
        if learnt.await.is_err() {
            self.records.observer.record(&Event::GuardUnheard);
        }
        if line != known {
            self.count(claimed, &asked, line.unwrap_or(person), now).await;
        }
        if line.is_some() && line != known {
            self.records.observer.record(&Event::LineLearnt);
        }
        line
    }

    /// Counts a message at its line that was decided without knowing it.
    async fn count(&self, claimed: &ClaimedDelivery, phone: &PhoneNumber, line: PersonKey, now: Timestamp) {
        let (rulebook, recipient) = (&self.records.rulebook, &claimed.stored.recipient);
        let Ok(nobody) = CallerId::parse(NOBODY) else { return };
        let subject = Subject {
            phone,
            line,
            country: self.numbering.lookup(phone).country,
            client: &Client::default(),
            app: &recipient.app,
            purpose: &recipient.purpose,
            caller: &nobody,
        };
        let outcome = if recipient.opens_with(claimed.claim) {
            StartOutcome::Opened
        } else {
            StartOutcome::Resent
        };
        let policy = rulebook.policy_of(recipient);
        let charges = Costs::counted_at_line(rulebook, &policy, &subject, outcome);
        self.records.spend(&charges, now).await;
    }
}
