//! An observer that remembers.

use std::sync::Mutex;

use countersign_domain::event::Event;
use countersign_domain::ports::Observer;

use crate::sync::lock;

/// Remembers every event, in the order they happened.
#[derive(Debug, Default)]
pub struct EventRecorder(Mutex<Vec<Event>>);

impl EventRecorder {
    /// Every event so far.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.0).clone()
    }

    /// Every event since the last take, which forgets them.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Observer for EventRecorder {
    fn record(&self, event: &Event) {
        lock(&self.0).push(event.clone());
    }
}
