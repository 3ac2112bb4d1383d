//! What a replay comes to: a table with a row for each rule.

use std::collections::BTreeMap;

use crate::money::Amount;
use crate::time::Timestamp;
use crate::use_case::replay::referee::Judged;

/// What a replay comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayTable {
    /// Starts that wanted a message sent.
    pub starts: u64,
    /// Those of them that were sent then.
    pub sent_then: u64,
    /// Those that would be sent under the rules of the replay.
    pub sent_now: u64,
    /// Sent then, and refused under the rules of the replay.
    pub newly_refused: u64,
    /// Refused then, and sent under the rules of the replay.
    pub newly_sent: u64,
    /// What the messages that were sent then would cost at the prices of the replay.
    pub spent_then: Amount,
    /// What the messages that would be sent would cost.
    pub spent_now: Amount,
    /// A row for each rule that refused anything, then or in the replay, or that would have as a shadow.
    pub rules: BTreeMap<String, ReplayRow>,
}

/// What one rule did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayRow {
    /// Starts it refused then.
    pub refused_then: u64,
    /// Starts it would refuse.
    pub refused_now: u64,
    /// Starts it would have refused, were it no shadow.
    pub shadowed: u64,
    /// Phones it would refuse.
    pub people: u64,
    /// Verifications that were approved then, and none of whose messages would be sent: people it would turn away.
    pub approved_then: u64,
    /// When it would refuse for the first time.
    pub first_at: Option<Timestamp>,
}

impl ReplayTable {
    pub(super) fn row(&mut self, rule: &str) -> &mut ReplayRow {
        self.rules.entry(rule.to_owned()).or_default()
    }

    pub(super) fn count(&mut self, was_sent: bool, judged: &Judged) {
        let is_sent = judged.refused_by.is_none();
        if judged.is_second {
            // The challenge and its answer are one start, which was counted as refused then and sent now.
            self.sent_then += 1;
            self.newly_sent = self.newly_sent.saturating_sub(1);
            self.spent_then = Amount::from_micros(self.spent_then.micros() + judged.price.micros());
            return;
        }
        self.starts += 1;
        self.sent_then += u64::from(was_sent);
        self.sent_now += u64::from(is_sent);
        self.newly_refused += u64::from(was_sent && !is_sent);
        self.newly_sent += u64::from(is_sent && !was_sent);
        let price = judged.price.micros();
        let add = |sum: Amount, counts: bool| Amount::from_micros(sum.micros() + if counts { price } else { 0 });
        self.spent_then = add(self.spent_then, was_sent);
        self.spent_now = add(self.spent_now, is_sent);
    }
}
