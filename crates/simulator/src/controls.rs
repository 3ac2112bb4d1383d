//! What can be changed while the simulator runs: where webhooks go, how sends go wrong, what becomes of messages, what
//! people do. Kept out: how any of it is carried out, and templates (see `catalogue::controls`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::check::{Mistake, check_international, parse_callback_url};
use crate::fate::Telling;
use crate::fault::Fault;
use crate::mischief::{Mischief, MischiefDone};
use crate::scenario::Scenario;
use crate::senders::{LOCKED, Quality};
use crate::shared::Shared;
use crate::telling;
use crate::webhook::{Handshake, Webhooks};
use crate::wire::digits_of;

/// A handle that changes a running simulator. Cheap to clone.
#[derive(Clone)]
pub struct Controls {
    pub(crate) shared: Arc<Shared>,
}

impl Controls {
    /// Sends webhooks to `url` from now on, repeated ones included. The address must be `http://host[:port]/path`.
    pub fn set_callback_url(&self, url: &str) -> Result<(), Mistake> {
        self.shared.set_callback_url(Some(parse_callback_url(url)?));
        Ok(())
    }

    /// Sends no webhooks from now on.
    pub fn clear_callback_url(&self) {
        self.shared.set_callback_url(None);
    }

    /// Does Meta's verification handshake with the callback now, once.
    pub async fn verify_callback(&self) -> Handshake {
        let Some(target) = self.shared.callback_url() else {
            return Handshake::NotTried;
        };
        let outcome = self.shared.courier.shake_hands(&target, self.shared.now_ms()).await;
        self.shared.set_handshake(outcome);
        outcome
    }

    /// How the last handshake went, the one at the start included.
    pub fn handshake(&self) -> Handshake {
        self.shared.handshake()
    }

    /// How webhooks fared since the start, forged ones included.
    pub fn webhooks(&self) -> Webhooks {
        self.shared.tally.read()
    }

    /// Makes the next `times` sends fail, after those already ordered. Every `POST` to a messages path counts, valid
    /// or not. The same as a [`Scenario`] with a fault alone.
    pub fn fail_next(&self, times: u32, fault: Fault) {
        self.add_scenario(Scenario::next(times).fault(fault));
    }

    /// Forgets every fault that was not used, and the fates ordered together with one.
    pub fn clear_faults(&self) {
        self.shared.scenarios.clear_faults();
    }

    /// Orders what happens to the messages to come. Returns the number of the scenario.
    pub fn add_scenario(&self, scenario: Scenario) -> u64 {
        self.shared.scenarios.add(scenario)
    }

    /// The scenarios still to come, by number and with what is left of their times.
    pub fn scenarios(&self) -> Vec<(u64, Scenario)> {
        self.shared.scenarios.list()
    }

    /// Forgets one scenario. Says false when it was not there any more.
    pub fn remove_scenario(&self, number: u64) -> bool {
        self.shared.scenarios.remove(number)
    }

    /// Forgets every scenario.
    pub fn clear_scenarios(&self) {
        self.shared.scenarios.clear();
    }

    /// Makes trouble for everybody from now on, or for nobody any more. Scenarios and magic numbers go before it.
    /// Setting one starts its draws and its counts from the beginning.
    pub fn set_mischief(&self, mischief: Option<Mischief>) {
        self.shared.mischief.set(mischief);
    }

    /// What was drawn since a mischief was last set.
    pub fn mischief_done(&self) -> MischiefDone {
        self.shared.mischief.done()
    }

    /// Lets the person press "I didn't request a code" under a message, which posts Meta's inbound webhook in the
    /// background. Works before delivery, too, and as often as called. Says false when no such message is kept.
    pub fn press_did_not_request(&self, message_number: u64) -> bool {
        let at_ms = self.shared.now_ms();
        let Some(message) = self.shared.phone.disown(message_number, at_ms) else {
            return false;
        };
        if let Some(post) = telling::did_not_request(&self.shared, &message, at_ms, Telling::default()) {
            post.deliver_aside(&self.shared, Duration::ZERO);
        }
        true
    }

    /// The hash of who holds a phone now, as webhooks tell it. `None` for what is not a phone.
    pub fn identity_of(&self, phone: &str) -> Option<String> {
        digits_of(phone).map(|digits| self.shared.people.identity_of(&digits))
    }

    /// From now on somebody else holds this phone: its hash is another one, and a message for the old one fails with
    /// 137000 after it was accepted. What is not a phone has no holder.
    pub fn change_identity(&self, phone: &str) {
        if let Some(digits) = digits_of(phone) {
            self.shared.people.change_identity(&digits);
        }
    }

    /// From now on WhatsApp knows whoever holds `phone` by the number `known`, as it does with some lines of countries
    /// whose numbers grew: answers to sends and webhooks name that one (Meta: `wa_id`, `recipient_id`, `from`). By its
    /// own number, as in the beginning, when both are the same. Says false, and changes nothing, when one of them is
    /// not a phone.
    pub fn know_by(&self, phone: &str, known: &str) -> bool {
        let Some((digits, wa_id)) = digits_of(phone).zip(digits_of(known)) else {
            return false;
        };
        self.shared.people.know_by(&digits, wa_id);
        true
    }

    /// From now on messages to these calling codes are billed as international, and to no others; see
    /// [`crate::Config::international`].
    pub fn set_international(&self, calling_codes: &[&str]) -> Result<(), Mistake> {
        check_international(calling_codes)?;
        let calling_codes = calling_codes.iter().map(|code| (*code).to_owned());
        self.shared.set_international(calling_codes.collect());
        Ok(())
    }

    /// Sets the quality rating of a sender number. Says false when there is no such number.
    pub fn set_quality(&self, phone_number_id: &str, quality: Quality) -> bool {
        let is_known = self.shared.sender(phone_number_id).is_some();
        if is_known {
            self.shared.senders.set_quality(phone_number_id, quality);
        }
        is_known
    }

    /// Refuses every valid send from a number with this code until [`Controls::resume_sender`]; with 131031, account
    /// locked, when `None`. Says false when there is no such number.
    pub fn pause_sender(&self, phone_number_id: &str, code: Option<u32>) -> bool {
        self.set_pause(phone_number_id, Some(code.unwrap_or(LOCKED)))
    }

    /// Lifts a pause. Says false when there is no such number.
    pub fn resume_sender(&self, phone_number_id: &str) -> bool {
        self.set_pause(phone_number_id, None)
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn set_pause(&self, phone_number_id: &str, code: Option<u32>) -> bool {
        let is_known = self.shared.sender(phone_number_id).is_some();
        if is_known {
            self.shared.senders.pause(phone_number_id, code);
        }
        is_known
    }
}

impl fmt::Debug for Controls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Controls").finish_non_exhaustive()
    }
}
