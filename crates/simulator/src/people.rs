//! Who holds a phone number, as far as Meta lets a sender see it: a hash that changes with the holder. Kept out: what
//! they were sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wire::identity_hash;

/// Holders by the digits of their number.
#[derive(Default)]
pub(crate) struct People {
    /// How often each number changed hands; numbers that never did are not here.
    changes: Mutex<BTreeMap<String, u64>>,
}

impl People {
    /// The hash of who holds the number now.
    pub(crate) fn identity_of(&self, digits: &str) -> String {
        identity_hash(digits, self.changes().get(digits).copied().unwrap_or_default())
    }

    /// From now on somebody else holds the number.
    pub(crate) fn change_identity(&self, digits: &str) {
        *self.changes().entry(digits.to_owned()).or_default() += 1;
    }

    fn changes(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
