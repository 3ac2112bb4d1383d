//! What must hold after every step, seen from outside: each committed write, each message, each answer.

mod answers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use countersign_domain::delivery::{Delivery, DeliveryState, FailureReason};
use countersign_domain::id::{RecipientKey, VerificationId};
use countersign_domain::key::Identity;
use countersign_domain::policy::Policy;
use countersign_domain::ports::Message;
use countersign_domain::recipient::Recipient;
use countersign_domain::reference::DeliveryReference;
use countersign_domain::time::{DAY, Timestamp};
use countersign_domain::verification::{CheckOutcome, Verification, VerificationState};
use countersign_testkit::fixture;

use crate::ledger::Ledger;
use crate::schedule::Actor;

pub(crate) use answers::Asked;

/// Watches one history.
pub(crate) struct Oracle {
    policy: Policy,
    identity: Identity,
    pub(crate) ledger: Ledger,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    acting: Option<Actor>,
    /// Codes that messages carried, and when each verification expires.
    codes: BTreeMap<String, BTreeSet<String>>,
    expiries: BTreeMap<String, Timestamp>,
    /// References in the order their messages were taken; webhooks speak about these.
    taken: Vec<String>,
    taken_times: BTreeMap<String, u32>,
    /// Attempts that were not answered yet, since when, and whose they are.
    live: BTreeMap<String, Timestamp>,
    stepped_back: bool,
    of_instance: BTreeMap<usize, Vec<String>>,
    /// What each verification was bound to.
    contexts: BTreeMap<String, BTreeMap<String, String>>,
    /// The first answer to each request that was compared.
    first_answers: BTreeMap<String, (CheckOutcome, Timestamp)>,
    approvals: BTreeMap<String, u32>,
    wrong_answers: BTreeMap<String, u32>,
    /// In the order they were first answered with.
    opened: Vec<VerificationId>,
    /// Every wrong guess that was ever counted, and every send that was ever decided, per recipient.
    misses: BTreeMap<RecipientKey, Vec<Timestamp>>,
    sends: BTreeMap<RecipientKey, Vec<Timestamp>>,
    unanswered: BTreeMap<String, Unanswered>,
    /// Messages of starts that the provider is not known to have had, and that nobody answered: when they fail, their
    /// charge goes back.
    unsent: BTreeSet<(RecipientKey, u32, u16)>,
    /// Whose record it is; the record itself forgets it.
    phones: BTreeMap<RecipientKey, String>,
}

/// Sends to a phone, over all its recipients, since its last approval.
#[derive(Default)]
struct Unanswered {
    count: u64,
    /// Since when the phone owed something without a break. An approval does not end it: what it gives back may have
    /// come back by itself already, once.
    since: Timestamp,
    last: Timestamp,
}

impl State {
    /// How many messages of starts failed with this write that the provider never had, as far as anybody knows. What a
    /// webhook speaks of it has had.
    fn unsent_that_failed(&mut self, key: RecipientKey, after: &Recipient) -> u64 {
        let mut failed = 0;
        for verification in &after.verifications {
            for delivery in &verification.deliveries {
                let is_waiting = matches!(
                    delivery.state,
                    DeliveryState::Due { .. } | DeliveryState::Sending { .. } | DeliveryState::Unknown { .. }
                );
                let name = (key, verification.serial, delivery.number);
                if is_waiting || !self.unsent.remove(&name) {
                    continue;
                }
                let too_late = DeliveryState::Failed(FailureReason::TooLate);
                let was_taken = self.acting == Some(Actor::Webhook) && delivery.state != too_late;
                failed += u64::from(matches!(delivery.state, DeliveryState::Failed(_)) && !was_taken);
            }
        }
        failed
    }
}

impl Oracle {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            identity: fixture::identity(),
            ledger: Ledger::default(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn acts(&self, actor: Actor) {
        self.state.lock().unwrap().acting = Some(actor);
    }

    /// A reference of a message the provider took, for a webhook to speak about.
    pub(crate) fn reference(&self, roll: impl FnOnce(usize) -> usize) -> Option<String> {
        let state = self.state.lock().unwrap();
        let count = state.taken.len();
        (count > 0).then(|| state.taken[roll(count)].clone())
    }

    pub(crate) fn codes_of(&self, id: &str) -> Vec<String> {
        self.state
            .lock()
            .unwrap()
            .codes
            .get(id)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    pub(crate) fn all_codes(&self) -> Vec<String> {
        self.state.lock().unwrap().codes.values().flatten().cloned().collect()
    }

    pub(crate) fn opened(&self) -> Vec<VerificationId> {
        self.state.lock().unwrap().opened.clone()
    }

    /// A write was committed. Every rule about one recipient can be seen here.
    pub(crate) fn wrote(&self, key: RecipientKey, before: Option<&Recipient>, after: &Recipient, now: Timestamp) {
        let mut state = self.state.lock().unwrap();
        assert!(after.keep_until >= now, "8: a record without a life ahead of it");
        assert!(
            after.wake_at().is_none_or(|at| at <= after.keep_until),
            "5: would be forgotten before it is due"
        );
        assert_eq!(after.changed_at, now, "time of the record");
        let open: Vec<_> = after.verifications.iter().filter(|it| it.is_open()).collect();
        assert!(open.len() <= 1, "9: two verifications are open");
        if let Some(open) = open.first() {
            assert_eq!(open.serial, after.last_serial, "9: an older verification is open");
            assert!(
                after.phone.is_some() && after.wake_at().is_some(),
                "5: an open verification nobody will end"
            );
        }
        assert!(
            !open.is_empty() || after.phone.is_none(),
            "4: a phone is kept that nothing needs"
        );
        for verification in &after.verifications {
            let id = VerificationId::new(&self.identity, key, verification.serial, &after.salt.0).to_string();
            state.expiries.insert(id, verification.expires_at);
        }
        if let Some(before) = before {
            assert!(after.changed_at >= before.changed_at, "time runs backwards");
            assert!(after.last_serial >= before.last_serial, "9: a verification was lost");
            for old in &before.verifications {
                self.moved(&state, old, after, now);
            }
        }
        let by_webhook = state.acting == Some(Actor::Webhook);
        self.ledger.wrote(key, before, after, by_webhook);
        self.counted(&mut state, key, before, after, now);
        self.sent(&mut state, key, before, after, now);
    }

    /// One verification, before and after a write.
    fn moved(&self, state: &State, old: &Verification, after: &Recipient, now: Timestamp) {
        let Some(new) = after.verification(old.serial) else {
            assert!(
                old.state
                    .ended_at()
                    .is_some_and(|at| at.plus(self.policy.finished_retention) <= now),
                "9: verification {} vanished",
                old.serial
            );
            return;
        };
        if old.is_open() {
            assert!(new.wrong_guesses >= old.wrong_guesses, "2: guesses were refilled");
            assert!(new.expires_at == old.expires_at, "3: the life of a code was changed");
        } else {
            assert_eq!(old.state, new.state, "5: a final state changed");
        }
        if let (VerificationState::Open, VerificationState::Approved { at }) = (old.state, new.state) {
            assert_eq!(
                state.acting,
                Some(Actor::Check),
                "10: approved by something that is not a check"
            );
            assert!(at < old.expires_at, "3: approved after its life");
            assert!(
                old.wrong_guesses < self.policy.guesses_max,
                "2: approved beyond the guesses"
            );
        }
        for old in &old.deliveries {
            let new = new
                .deliveries
                .iter()
                .find(|it| it.number == old.number)
                .expect("a delivery vanished");
            assert!(
                new.state.rank() >= old.state.rank(),
                "7: {:?} became {:?}",
                old.state,
                new.state
            );
            // A claim that nobody carried out is given back.
            let given_back = matches!(old.state, DeliveryState::Sending { .. }) && new.tries + 1 == old.tries;
            assert!(new.tries >= old.tries || given_back, "7: an attempt was forgotten");
            assert!(new.tries <= self.policy.retry.tries_max, "6: {} attempts", new.tries);
        }
    }

    /// Guesses: what was counted stays counted, and never beyond the budgets.
    fn counted(
        &self,
        state: &mut State,
        key: RecipientKey,
        before: Option<&Recipient>,
        after: &Recipient,
        now: Timestamp,
    ) {
        let sum = |it: &Recipient| {
            it.verifications
                .iter()
                .map(|it| (it.serial, u32::from(it.wrong_guesses)))
                .collect()
        };
        let (old, new): (BTreeMap<u32, u32>, BTreeMap<u32, u32>) = (before.map(sum).unwrap_or_default(), sum(after));
        let fresh: u32 = new
            .iter()
            .map(|(serial, count)| count - old.get(serial).unwrap_or(&0))
            .sum();
        let approved = after.verifications.iter().any(|it| {
            matches!(it.state, VerificationState::Approved { .. })
                && before
                    .and_then(|old| old.verification(it.serial))
                    .is_none_or(Verification::is_open)
        });
        let misses = state.misses.entry(key).or_default();
        if fresh > 0 || approved {
            let held = before.and_then(|it| it.held_until).is_some_and(|until| until > now);
            assert!(!held, "2: compared while held");
            let of_the_day = misses.iter().filter(|at| at.plus(DAY) > now).count();
            assert!(
                of_the_day < usize::from(self.policy.wrong_guesses_per_day_max),
                "2: {of_the_day} in a day"
            );
        }
        misses.extend((0..fresh).map(|_| now));
        let of_the_day = misses.iter().filter(|at| at.plus(DAY) > now).count();
        assert_eq!(
            after.wrong_guesses.len(),
            of_the_day,
            "2: the day's wrong guesses do not add up"
        );
        if let Some(before) = before.filter(|_| !approved) {
            let lapsed = before
                .last_wrong_guess_at
                .is_some_and(|at| at.plus(self.policy.wrong_guess_memory) <= now);
            let at_least = if lapsed { 0 } else { before.consecutive_wrong_guesses };
            assert!(
                after.consecutive_wrong_guesses >= at_least + fresh,
                "2: the row of wrong guesses was cut"
            );
        }
        if after.consecutive_wrong_guesses >= u32::from(self.policy.consecutive_wrong_guesses_max) && fresh > 0 {
            assert_eq!(
                after.held_until,
                Some(now.plus(self.policy.hold)),
                "2: not held after a full row"
            );
        }
    }

    /// Sends: never beyond a limit of the recipient or of its phone.
    fn sent(
        &self,
        state: &mut State,
        key: RecipientKey,
        before: Option<&Recipient>,
        after: &Recipient,
        now: Timestamp,
    ) {
        let phone = after.phone.as_ref().or(before.and_then(|it| it.phone.as_ref()));
        if let Some(phone) = phone {
            state.phones.insert(key, phone.expose().to_owned());
        }
        let Some(phone) = state.phones.get(&key).cloned() else {
            return;
        };
        let sends = state.sends.entry(key).or_default();
        // Counted by the messages there are, not by what the record says of them. A start's are born claimed; what a
        // failure schedules anew is not a send of its own.
        let claimed = |it: &Recipient| -> Vec<_> {
            let born = |it: &Delivery| matches!(it.state, DeliveryState::Sending { .. });
            let of = |it: &Verification| {
                it.deliveries
                    .iter()
                    .filter(|it| born(it))
                    .map(|it| it.number)
                    .collect::<Vec<_>>()
            };
            it.verifications
                .iter()
                .flat_map(|it| of(it).into_iter().map(|number| (it.serial, number)))
                .collect()
        };
        let known = |serial, number| {
            let old = before.and_then(|it| it.verification(serial));
            old.is_some_and(|it| it.deliveries.iter().any(|it| it.number == number))
        };
        let is_fresh = |(serial, number): &(u32, u16)| !known(*serial, *number);
        for (serial, number) in claimed(after).into_iter().filter(is_fresh) {
            state.unsent.insert((key, serial, number));
            let next = self.next_send(sends, after.approved_at, now);
            assert!(next <= now, "6: sent before the wait was over");
            sends.push(now);
            let within = |span: Duration| sends.iter().filter(|at| at.plus(span) > now).count();
            assert!(
                within(self.policy.send_window) <= usize::from(self.policy.sends_per_window_max),
                "6: window"
            );
            assert!(within(DAY) <= usize::from(self.policy.sends_per_day_max), "6: day");
            let unanswered = state.unanswered.entry(phone.clone()).or_default();
            if unanswered
                .last
                .plus(self.policy.silence * self.policy.unanswered_sends_max)
                <= now
            {
                unanswered.since = now;
                unanswered.count = 0;
            }
            // A write that was held up between its charge and its record was charged when it was decided.
            let late = now < unanswered.last;
            unanswered.last = now.max(unanswered.last);
            unanswered.count += 1;
            let refilled = now.since(unanswered.since).as_millis() / self.policy.silence.as_millis();
            let allowed = u128::from(self.policy.unanswered_sends_max) + refilled;
            assert!(
                late || u128::from(unanswered.count) <= allowed,
                "6: {} sends nobody answered",
                unanswered.count
            );
        }
        if after.approved_at == Some(now) {
            state.unsent.retain(|(of, ..)| *of != key);
            state.unanswered.entry(phone.clone()).or_default().count = 0;
        }
        let freed = state.unsent_that_failed(key, after);
        let unanswered = state.unanswered.entry(phone).or_default();
        unanswered.count = unanswered.count.saturating_sub(freed);
    }

    /// When the ladder allows the next send after these: a wait for each since the approval, and then the day.
    fn next_send(&self, sends: &[Timestamp], approved_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let counts = |at: &&Timestamp| at.plus(DAY) > now && approved_at.is_none_or(|approved| **at > approved);
        let rungs: Vec<Timestamp> = sends.iter().filter(counts).copied().collect();
        match (rungs.last(), self.policy.send_waits.get(rungs.len().wrapping_sub(1))) {
            (None, _) => Timestamp::EPOCH,
            (Some(last), Some(wait)) => last.plus(*wait),
            (Some(_), None) => rungs[rungs.len() - 1 - self.policy.send_waits.len()].plus(DAY),
        }
    }

    /// A message was handed to the provider.
    pub(crate) fn attempted(&self, message: &Message, instance: usize, now: Timestamp) {
        let mut state = self.state.lock().unwrap();
        let live = state.live.get(&message.reference);
        assert!(
            state.stepped_back || live.is_none_or(|it| it.plus(message.timeout) <= now),
            "6: two attempts of one delivery at a time"
        );
        state.live.insert(message.reference.clone(), now);
        state
            .of_instance
            .entry(instance)
            .or_default()
            .push(message.reference.clone());
        let id = self.id_of(&message.reference);
        let expires_at = *state
            .expiries
            .get(&id)
            .expect("6: a message of a verification nobody wrote");
        assert!(
            now.plus(self.policy.useful_life_min) <= expires_at,
            "6: sent after its useful life"
        );
        let codes = state.codes.entry(id).or_default();
        codes.insert(message.code.expose().to_owned());
        if self.policy.resend_code == countersign_domain::policy::ResendCode::Same {
            assert_eq!(codes.len(), 1, "3: two codes for one verification");
        }
    }

    /// An attempt was answered, whatever the answer was.
    pub(crate) fn answered_attempt(&self, message: &Message) {
        self.state.lock().unwrap().live.remove(&message.reference);
    }

    /// From now on nobody can tell how long a claim has waited, and so whether its attempt is the only one.
    pub(crate) fn clock_stepped_back(&self) {
        self.state.lock().unwrap().stepped_back = true;
    }

    /// An instance is gone, and with it what it was doing.
    pub(crate) fn crashed(&self, instance: usize) {
        let mut state = self.state.lock().unwrap();
        for reference in state.of_instance.remove(&instance).unwrap_or_default() {
            state.live.remove(&reference);
        }
    }

    /// The provider took a message.
    pub(crate) fn took(&self, message: &Message) {
        let mut state = self.state.lock().unwrap();
        state.taken.push(message.reference.clone());
        let times = state.taken_times.entry(message.reference.clone()).or_default();
        *times += 1;
        assert!(*times <= 2, "6: one delivery reached the provider {times} times");
    }

    fn id_of(&self, reference: &str) -> String {
        let reference = DeliveryReference::open(&self.identity, &fixture::environment(), reference);
        reference.expect("a reference of our own").verification.to_string()
    }
}
