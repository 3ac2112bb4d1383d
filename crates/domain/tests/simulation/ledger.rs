//! Two sets of books that must agree: what the limit store was asked to take and give back, and what the committed
//! records say should be held. The second is kept from what became of each message, and not from what the records book.

use std::collections::BTreeMap;
use std::sync::Mutex;

use countersign_domain::delivery::{Delivery, DeliveryState, FailureReason};
use countersign_domain::id::RecipientKey;
use countersign_domain::limit::{Charge, ChargeMode, LimitKey, RuleLabel, RuleName, Standing};
use countersign_domain::recipient::{ChargeTag, Charged, Recipient, Settles};
use countersign_domain::verification::Verification;

use crate::world::{BUDGET, PRICE, SENDS_MAX, pace, year};

/// A record, which may be forgotten and made anew under the same key.
type Who = (RecipientKey, [u8; 16]);
/// A message: its record, its verification, its number.
type Name = (Who, u32, u16);

#[derive(Default)]
pub(crate) struct Ledger(Mutex<Books>);

#[derive(Default)]
struct Books {
    /// What was taken and not given back.
    held: BTreeMap<LimitKey, i128>,
    rules: BTreeMap<LimitKey, RuleName>,
    messages: BTreeMap<Name, Entry>,
    /// What stands for good, by the recipient it was charged for.
    standing: BTreeMap<(Who, LimitKey), u64>,
    /// Wrong guesses that were committed.
    guesses: i128,
    /// What is billed for messages that had failed.
    late: u64,
}

/// What of a message may still go back.
#[derive(Default)]
struct Entry {
    charges: Vec<Charged>,
    /// The budgets it is charged to, and what it costs now.
    budgets: Vec<LimitKey>,
    price: u64,
}

impl Ledger {
    pub(crate) fn took(&self, charges: &[Charge], standings: &[Standing]) {
        let mut books = self.0.lock().unwrap();
        for (charge, standing) in charges.iter().zip(standings) {
            if charge.mode == ChargeMode::Shadow && standing.is_over {
                continue;
            }
            books.rules.insert(charge.key, charge.rule);
            *books.held.entry(charge.key).or_default() += i128::from(charge.amount.get());
        }
    }

    pub(crate) fn gave_back(&self, charges: &[Charge]) {
        let mut books = self.0.lock().unwrap();
        for charge in charges {
            let held = books.held.entry(charge.key).or_default();
            *held -= i128::from(charge.amount.get());
            assert!(*held >= 0, "more of {} was given back than was taken", charge.rule);
        }
    }

    /// A write was committed.
    pub(crate) fn wrote(&self, key: RecipientKey, before: Option<&Recipient>, after: &Recipient, by_webhook: bool) {
        let mut books = self.0.lock().unwrap();
        let who = (key, after.salt.0);
        for verification in &after.verifications {
            let old = before.and_then(|it| it.verification(verification.serial));
            books.guesses += i128::from(verification.wrong_guesses - old.map_or(0, |it| it.wrong_guesses));
            for delivery in &verification.deliveries {
                let name = (who, verification.serial, delivery.number);
                let is_new = old.is_none_or(|it| it.deliveries.iter().all(|it| it.number != delivery.number));
                if is_new {
                    books.begin(name, delivery);
                }
            }
            for delivery in &verification.deliveries {
                books.follow((who, verification.serial, delivery.number), delivery, by_webhook);
            }
            books.follow_opening(who, verification);
            let was_approved = old.is_some_and(|it| it.state.is_approved());
            if verification.state.is_approved() && !was_approved {
                books.approve(who, verification);
            }
        }
        books.check_quotas();
    }

    /// Whether both sets of books agree at the end. In a calm history they are the same; in a troubled one some charges
    /// may stand whose write or whose return is of unknown fate, and nothing is ever held too little of.
    pub(crate) fn check(&self, is_calm: bool) {
        let books = self.0.lock().unwrap();
        let expected = books.expected();
        let mut guesses = 0;
        for (key, held) in &books.held {
            let rule = books.rules[key];
            if rule.as_str() == "guesses" {
                guesses += held;
                continue;
            }
            if rule == RuleName::SenderThroughput {
                continue;
            }
            let expected = expected.get(key).copied().unwrap_or_default();
            // What is billed beyond a reservation is told to the budget behind the write, and may be lost there.
            let untold = match rule.as_str() {
                "money" if !is_calm => i128::from(books.unforeseen() + books.late),
                _ => 0,
            };
            assert!(
                *held >= expected - untold,
                "{rule}: {held} is held, and {expected} should be"
            );
            assert!(
                !is_calm || *held == expected,
                "{rule}: {held} is held, and {expected} should be"
            );
        }
        assert!(
            guesses >= books.guesses,
            "{guesses} guesses are charged of {}",
            books.guesses
        );
        assert!(
            !is_calm || guesses == books.guesses,
            "{guesses} guesses are charged of {}",
            books.guesses
        );
    }
}

impl Books {
    /// A message of a start is born claimed, with everything it was charged for; one that takes the place of a failed one
    /// has what that one still had.
    fn begin(&mut self, name: Name, delivery: &Delivery) {
        let mut entry = Entry::default();
        if matches!(delivery.state, DeliveryState::Sending { .. }) {
            let (budgets, charges) = delivery.charges.iter().partition(|it| it.settles == Settles::Price);
            entry.charges = charges;
            entry.budgets = Vec::<Charged>::into_iter(budgets).map(|it| it.key).collect();
            for rule in ["unanswered_sends", "sends", "pace"] {
                let tag = tag_of(rule);
                assert!(
                    entry.charges.iter().any(|it| it.tag == tag),
                    "nothing was charged for {rule}"
                );
            }
            assert_eq!(entry.budgets.len(), 1, "no money was reserved");
        } else {
            let (who, serial, number) = name;
            let failed = self
                .messages
                .get_mut(&(who, serial, number - 1))
                .expect("somebody failed");
            // Whatever a webhook says of a message, the provider has had it.
            let (standing, inherited) = std::mem::take(&mut failed.charges)
                .into_iter()
                .partition(|it| it.settles == Settles::Acceptance);
            entry.charges = inherited;
            // The failed one may arrive after all, and is billed then.
            entry.budgets.clone_from(&failed.budgets);
            failed.price = 0;
            self.stand(who, standing);
        }
        self.messages.insert(name, entry);
    }

    fn follow(&mut self, name: Name, delivery: &Delivery, by_webhook: bool) {
        let Some(entry) = self.messages.get_mut(&name) else {
            return;
        };
        if delivery.state.reached() && entry.price == 0 {
            self.late += PRICE;
        }
        entry.price = delivery.price.map_or(0, |it| it.amount.micros());
        let is_failed = matches!(delivery.state, DeliveryState::Failed(_));
        let is_taken = matches!(
            delivery.state,
            DeliveryState::Accepted
                | DeliveryState::Held
                | DeliveryState::Sent
                | DeliveryState::Delivered
                | DeliveryState::Read
        );
        // What a webhook's write finds too late, or replaced, was never handed to anybody: that the webhook did not say.
        let is_replaced = delivery.state == DeliveryState::Failed(FailureReason::Superseded);
        let by_webhook = by_webhook && !is_replaced && delivery.state != DeliveryState::Failed(FailureReason::TooLate);
        let (mut standing, mut rest) = (Vec::new(), std::mem::take(&mut entry.charges));
        if is_taken || (is_failed && by_webhook) {
            (standing, rest) = rest.into_iter().partition(|it| it.settles == Settles::Acceptance);
        }
        if is_replaced {
            rest.retain(|it| it.tag == tag_of("starts"));
        }
        if is_replaced || !is_failed {
            entry.charges = rest;
        }
        self.stand(name.0, standing);
    }

    /// A verification was opened once any of its messages may have left, and never when all of them failed before.
    fn follow_opening(&mut self, who: Who, verification: &Verification) {
        let deliveries = &verification.deliveries;
        let is_failed = |it: &Delivery| matches!(it.state, DeliveryState::Failed(_));
        let is_undecided = deliveries.iter().any(|it| !is_failed(it));
        let has_left = deliveries
            .iter()
            .any(|it| it.drop_at.is_some() || (!is_failed(it) && it.state.rank() > 0));
        let is_replaced = |it: &&Delivery| it.state == DeliveryState::Failed(FailureReason::Superseded);
        for delivery in deliveries.iter().filter(is_replaced) {
            let entry = self.messages.get_mut(&(who, verification.serial, delivery.number));
            let Some(entry) = entry.filter(|_| has_left || !is_undecided) else {
                continue;
            };
            let charges = std::mem::take(&mut entry.charges);
            if has_left {
                self.stand(who, charges);
            }
        }
    }

    /// An approval frees what is unfinished of its own messages, and every unanswered send of the recipient.
    fn approve(&mut self, who: Who, verification: &Verification) {
        let unanswered = tag_of("unanswered_sends");
        for ((of, serial, _), entry) in &mut self.messages {
            if *of != who {
                continue;
            }
            let is_own = *serial == verification.serial;
            entry
                .charges
                .retain(|it| it.tag != unanswered && !(is_own && it.settles == Settles::Approval));
        }
        let rules = &self.rules;
        self.standing
            .retain(|(of, limit), _| *of != who || rules.get(limit) != Some(&RuleName::UnansweredSends));
    }

    fn stand(&mut self, who: Who, charges: Vec<Charged>) {
        for charged in charges {
            *self.standing.entry((who, charged.key)).or_default() += charged.amount;
        }
    }

    /// What messages cost that became two.
    fn unforeseen(&self) -> u64 {
        self.messages.values().map(|it| it.price.saturating_sub(PRICE)).sum()
    }

    fn expected(&self) -> BTreeMap<LimitKey, i128> {
        let mut expected = BTreeMap::<_, i128>::new();
        for ((_, key), amount) in &self.standing {
            *expected.entry(*key).or_default() += i128::from(*amount);
        }
        for entry in self.messages.values() {
            for charged in &entry.charges {
                *expected.entry(charged.key).or_default() += i128::from(charged.amount);
            }
            for budget in &entry.budgets {
                *expected.entry(*budget).or_default() += i128::from(entry.price);
            }
        }
        expected
    }

    /// No committed message is beyond a quota, and what is spent is within the budget but for what nobody could refuse:
    /// a message that became two, or one that was delivered after all.
    fn check_quotas(&self) {
        let unforeseen = self.unforeseen();
        for (key, amount) in self.expected() {
            match self.rules.get(&key).map(RuleName::as_str) {
                Some("sends") => assert!(amount <= i128::from(SENDS_MAX), "6: {amount} sends to one phone"),
                Some("money") => assert!(
                    amount <= i128::from(BUDGET + unforeseen + self.late),
                    "6: {amount} spent of {BUDGET}"
                ),
                _ => {}
            }
        }
    }
}

fn tag_of(rule: &str) -> ChargeTag {
    let named = || RuleName::Named(RuleLabel::parse(rule).unwrap());
    match rule {
        "pace" => ChargeTag::of(named(), pace()),
        "unanswered_sends" => ChargeTag::of(RuleName::UnansweredSends, pace()),
        _ => ChargeTag::of(named(), year(1)),
    }
}
