//! What the endpoint, the page and the background work share. Kept out: any behaviour beyond keeping it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::Uri;
use tokio::sync::{Semaphore, watch};

use crate::catalogue::Catalogue;
use crate::catalogue::book::ManagementBook;
use crate::config::{Config, PhoneNumber};
use crate::limits::LimitBook;
use crate::mischief::MischiefBook;
use crate::people::People;
use crate::phone::{Message, Phone};
use crate::pricing::Pricing;
use crate::scenario::Scenarios;
use crate::senders::Senders;
use crate::telling::Batches;
use crate::time::Time;
use crate::webhook::{Courier, Handshake, Tally};
use crate::wire::trace_id;

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) time: Time,
    pub(crate) phone: Phone,
    /// Differs between two runs, so that a page notices that message numbers began again.
    pub(crate) instance: String,
    pub(crate) courier: Courier,
    pub(crate) tally: Tally,
    pub(crate) batches: Batches,
    pub(crate) scenarios: Scenarios,
    pub(crate) mischief: MischiefBook,
    pub(crate) limits: LimitBook,
    pub(crate) senders: Senders,
    pub(crate) catalogue: Catalogue,
    pub(crate) management: ManagementBook,
    pub(crate) people: People,
    /// Places for messages whose statuses are still to come.
    pub(crate) in_flight: Arc<Semaphore>,
    /// Places for followers of `/events`.
    pub(crate) viewers: Arc<Semaphore>,
    variable: Mutex<Variable>,
    requests: AtomicU64,
    /// Turns true, or loses its sender, when the simulator ends.
    ending: watch::Receiver<bool>,
}

/// Where webhooks go and what they say, which [`crate::Controls`] changes.
struct Variable {
    callback_url: Option<Uri>,
    handshake: Handshake,
    /// Calling codes for which the international price is paid.
    international: BTreeSet<String>,
}

impl Shared {
    pub(crate) fn new(config: Config, callback_url: Option<Uri>, ending: watch::Receiver<bool>) -> Self {
        let time = Time::of(&config);
        Self {
            phone: Phone::new(config.messages_max),
            instance: trace_id(0, time.now_ms()),
            courier: Courier::new(&config),
            tally: Tally::default(),
            batches: Batches::default(),
            scenarios: Scenarios::default(),
            mischief: MischiefBook::default(),
            limits: LimitBook::default(),
            senders: Senders::default(),
            catalogue: Catalogue::new(&config, time.now_ms()),
            management: ManagementBook::default(),
            people: People::default(),
            in_flight: Arc::new(Semaphore::new(config.in_flight_max)),
            viewers: Arc::new(Semaphore::new(config.viewers_max)),
            variable: Mutex::new(Variable {
                callback_url,
                handshake: Handshake::NotTried,
                international: config.international.iter().cloned().collect(),
            }),
            requests: AtomicU64::new(1),
            ending,
            time,
            config,
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.time.now_ms()
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

    pub(crate) fn sender(&self, phone_number_id: &str) -> Option<&PhoneNumber> {
        let mut numbers = self.config.phone_numbers.iter();
        numbers.find(|number| number.id == phone_number_id)
    }

    /// The hash of who holds a number, where webhooks are to tell it.
    pub(crate) fn identity_to_tell(&self, to: &str) -> Option<String> {
        let digits = to.trim_start_matches('+');
        self.config.identity_key_check.then(|| self.people.identity_of(digits))
    }

    /// What webhooks say a message is billed as.
    pub(crate) fn pricing_of(&self, message: &Message) -> Pricing {
        let kind = message.fate.as_ref().map(|fate| fate.pricing).unwrap_or_default();
        let digits = message.to.trim_start_matches('+');
        Pricing::of(digits, kind, &self.variable().international)
    }

    pub(crate) fn set_international(&self, calling_codes: BTreeSet<String>) {
        self.variable().international = calling_codes;
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

    fn variable(&self) -> MutexGuard<'_, Variable> {
        self.variable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
