//! Who holds a phone number, as far as Meta lets a sender see it: a hash that changes with the holder, and the number
//! WhatsApp knows them by. Kept out: what they were sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wire::identity_hash;

/// Holders by the digits of their number.
#[derive(Default)]
pub(crate) struct People {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// How often each number changed hands; numbers that never did are not here.
    changes: BTreeMap<String, u64>,
    /// The digits WhatsApp knows a number's holder by; numbers that are their own are not here.
    wa_ids: BTreeMap<String, String>,
}

impl People {
    /// The hash of who holds the number now.
    pub(crate) fn identity_of(&self, digits: &str) -> String {
        identity_hash(digits, self.known().changes.get(digits).copied().unwrap_or_default())
    }

    /// From now on somebody else holds the number.
    pub(crate) fn change_identity(&self, digits: &str) {
        *self.known().changes.entry(digits.to_owned()).or_default() += 1;
    }

    /// The digits WhatsApp knows the holder by.
    pub(crate) fn wa_id_of(&self, digits: &str) -> String {
        let known = self.known();
        known.wa_ids.get(digits).map_or(digits, String::as_str).to_owned()
    }

    /// From now on WhatsApp knows the holder by these digits.
    pub(crate) fn know_by(&self, digits: &str, wa_id: String) {
        self.known().wa_ids.insert(digits.to_owned(), wa_id);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
