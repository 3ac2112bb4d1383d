//! What the endpoint, the page and the background work share. Kept out: any behaviour beyond keeping it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::Uri;
use tokio::sync::{Semaphore, watch};

use crate::config::Config;
use crate::controls::Fault;
use crate::phone::Phone;
use crate::webhook::{Courier, Handshake};
use crate::wire::trace_id;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) phone: Phone,
    /// Differs between two runs, so that a page notices that message numbers began again.
    pub(crate) instance: String,
    pub(crate) courier: Courier,
    /// Places for messages whose statuses are still to come.
    pub(crate) in_flight: Arc<Semaphore>,
    /// Places for followers of `/events`.
    pub(crate) viewers: Arc<Semaphore>,
    variable: Mutex<Variable>,
    requests: AtomicU64,
    webhooks_taken: AtomicU64,
    webhooks_given_up: AtomicU64,
    /// Turns true, or loses its sender, when the simulator ends.
    ending: watch::Receiver<bool>,
}

/// What [`crate::Controls`] changes.
struct Variable {
    callback_url: Option<Uri>,
    handshake: Handshake,
    faults: VecDeque<(u32, Fault)>,
}

impl Shared {
    pub(crate) fn new(config: Config, callback_url: Option<Uri>, ending: watch::Receiver<bool>) -> Self {
        Self {
            phone: Phone::new(config.messages_max),
            instance: trace_id(0, (config.clock)()),
            courier: Courier::new(&config),
            in_flight: Arc::new(Semaphore::new(config.in_flight_max)),
            viewers: Arc::new(Semaphore::new(config.viewers_max)),
            variable: Mutex::new(Variable {
                callback_url,
                handshake: Handshake::NotTried,
                faults: VecDeque::new(),
            }),
            requests: AtomicU64::new(1),
            webhooks_taken: AtomicU64::new(0),
            webhooks_given_up: AtomicU64::new(0),
            ending,
            config,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.config.clock)()
    }

    /// Returns when the simulator ends.
    pub(crate) async fn ended(&self) {
        // An error means that the simulator is gone altogether.
        let _ = self.ending.clone().wait_for(|ending| *ending).await;
    }

    /// A number for each request, for trace ids.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn display_of(&self, phone_number_id: &str) -> &str {
        let mut numbers = self.config.phone_numbers.iter();
        numbers
            .find(|number| number.id == phone_number_id)
            .map_or("", |number| &number.display)
    }

    pub(crate) fn callback_url(&self) -> Option<Uri> {
        self.variable().callback_url.clone()
    }

    pub(crate) fn set_callback_url(&self, url: Option<Uri>) {
        let mut variable = self.variable();
        variable.callback_url = url;
        variable.handshake = Handshake::NotTried;
    }

    pub(crate) fn handshake(&self) -> Handshake {
        self.variable().handshake
    }

    pub(crate) fn set_handshake(&self, handshake: Handshake) {
        self.variable().handshake = handshake;
    }

    pub(crate) fn add_fault(&self, times: u32, fault: Fault) {
        if times > 0 {
            self.variable().faults.push_back((times, fault));
        }
    }

    pub(crate) fn clear_faults(&self) {
        self.variable().faults.clear();
    }

    /// The fault for the request at hand, used up by asking.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        let mut variable = self.variable();
        let (times, fault) = variable.faults.front_mut()?;
        *times -= 1;
        let fault = fault.clone();
        if *times == 0 {
            variable.faults.pop_front();
        }
        Some(fault)
    }

    pub(crate) fn note_webhook(&self, taken: bool) {
        let counter = if taken {
            &self.webhooks_taken
        } else {
            &self.webhooks_given_up
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Webhooks that were taken, and those that were given up.
    pub(crate) fn webhooks(&self) -> (u64, u64) {
        (
            self.webhooks_taken.load(Ordering::Relaxed),
            self.webhooks_given_up.load(Ordering::Relaxed),
        )
    }

    fn variable(&self) -> MutexGuard<'_, Variable> {
        self.variable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
