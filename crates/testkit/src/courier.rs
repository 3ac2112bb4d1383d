//! A courier whose errands a test runs by hand.

use std::sync::Mutex;

use countersign_domain::ports::{Courier, Errand};
use countersign_domain::time::Timestamp;

use crate::sync::lock;

/// Keeps errands until a test takes them and runs them, or drops them as a crash would.
#[derive(Debug)]
pub struct ManualCourier {
    waiting: Mutex<Vec<Errand>>,
    room: usize,
    expected: Mutex<Vec<Timestamp>>,
}

impl ManualCourier {
    /// A courier that hands an errand back once `room` of them wait.
    pub const fn with_room(room: usize) -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            room,
            expected: Mutex::new(Vec::new()),
        }
    }

    /// The moments at which somebody expects something to be due, in the order they were told.
    pub fn expected(&self) -> Vec<Timestamp> {
        lock(&self.expected).clone()
    }

    /// Lets errands wait that were taken, room or not.
    pub fn put_back(&self, errands: impl IntoIterator<Item = Errand>) {
        lock(&self.waiting).extend(errands);
    }

    /// Every waiting errand, oldest first. They wait no longer.
    pub fn take(&self) -> Vec<Errand> {
        std::mem::take(&mut *lock(&self.waiting))
    }
}

impl Default for ManualCourier {
    /// A courier that always has room.
    fn default() -> Self {
        Self::with_room(usize::MAX)
    }
}

impl Courier for ManualCourier {
    fn hand_over(&self, errand: Errand) -> Result<(), Errand> {
        let mut waiting = lock(&self.waiting);
        if waiting.len() >= self.room {
            return Err(errand);
        }
        waiting.push(errand);
        Ok(())
    }

    /// Only remembers it: tests wake recipients by hand.
    fn expect(&self, at: Timestamp) {
        lock(&self.expected).push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_back_what_it_has_no_room_for() {
        let courier = ManualCourier::with_room(1);
        assert!(courier.hand_over(Errand::GiveBack(Vec::new())).is_ok());
        assert!(courier.hand_over(Errand::GiveBack(Vec::new())).is_err());
        assert_eq!(courier.take().len(), 1);
        assert!(courier.hand_over(Errand::GiveBack(Vec::new())).is_ok());
    }
}
