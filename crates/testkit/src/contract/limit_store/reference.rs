//! The reference: a map of states and the functions of the domain, with nothing clever about it.

use std::collections::BTreeMap;

use countersign_domain::limit::{self, Charge, LimitKey, LimitState, Remaining, Taken, Weighed};
use countersign_domain::ports::GiveBack;
use countersign_domain::time::Timestamp;

/// What every limit store is compared with. It forgets nothing.
#[derive(Clone, Debug, Default)]
pub struct ReferenceLimits(BTreeMap<LimitKey, LimitState>);

impl ReferenceLimits {
    /// What [`countersign_domain::ports::LimitStore::take`] has to answer.
    pub fn take(&mut self, charges: &[Charge], now: Timestamp) -> Taken {
        let Weighed { taken, states } = limit::weigh(charges, |key| self.0.get(&key).copied(), now);
        self.0.extend(states);
        taken
    }

    /// What [`countersign_domain::ports::LimitStore::give_back`] has to do.
    pub fn give_back(&mut self, owed: &[GiveBack], now: Timestamp) {
        for GiveBack { charges, taken_at } in owed {
            for charge in charges {
                match limit::give_back(self.state(charge), charge.quota, charge.amount, *taken_at, now) {
                    Some(state) => self.0.insert(charge.key, state),
                    None => self.0.remove(&charge.key),
                };
            }
        }
    }

    /// What [`countersign_domain::ports::LimitStore::peek`] has to answer.
    pub fn peek(&self, charges: &[Charge], now: Timestamp) -> Vec<Remaining> {
        let peek = |charge: &Charge| limit::peek(self.state(charge), charge.quota, now);
        charges.iter().map(peek).collect()
    }

    fn state(&self, charge: &Charge) -> Option<LimitState> {
        self.0.get(&charge.key).copied()
    }
}
