//! What a message costs in the end: the reservation, the provider's word, and a failure that makes it free.
//!
//! A delivery holds an amount, and each of its charges that settles with the price holds the same amount. Whatever
//! changes the one changes the other, and puts the difference into [`crate::recipient::Effects::repriced`]. So what the
//! budgets say is at any time what was billed and what may still be.

use std::num::NonZeroU64;

use crate::delivery::{Delivery, DeliveryNumber, DeliveryState};
use crate::id::Serial;
use crate::limit::{Charge, ChargeMode, Quota};
use crate::money::{Amount, Money, Pricing};
use crate::ports::GiveBack;
use crate::recipient::{Charged, Effects, MessagePrice, Recipient, Repriced, Settles};
use crate::time::Timestamp;
use crate::verification::Verification;

/// What a price that is known at last changes at the budgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What was reserved and is not needed; goes back.
    pub give_back: Option<GiveBack>,
    /// What is spent beyond the reservation. Each is to be taken whether or not it fits: it is billed already.
    pub take: Vec<Charge>,
}

impl Recipient {
    /// Applies what a provider says a message is billed as. Returns whether the record changed.
    ///
    /// To be called after the status that carried it was applied. A message that failed is not billed, whatever was
    /// said before it failed. Said once, a price only grows until the message arrived, and is final then: neither a
    /// repeated post nor a late one changes anything. A delivery that became two messages, because nobody knew of the
    /// first, is billed twice. One of before money was counted stays uncounted.
    pub fn apply_pricing(&mut self, serial: Serial, number: DeliveryNumber, pricing: Pricing, money: &Money) -> bool {
        let Some(verification) = self.verifications.iter_mut().find(|it| it.serial == serial) else {
            return false;
        };
        let Some(delivery) = verification.deliveries.iter_mut().find(|it| it.number == number) else {
            return false;
        };
        let Some(price) = delivery.price else { return false };
        if matches!(delivery.state, DeliveryState::Failed(_)) || delivery.is_paid_for() {
            return false;
        }
        let said = if pricing.is_billable {
            let messages = u64::try_from(delivery.messages.len()).unwrap_or(u64::MAX);
            money.price_of(price.country, pricing.category).times(messages.max(1))
        } else {
            Amount::ZERO
        };
        let actual = if price.is_settled { said.max(price.amount) } else { said };
        let is_news = !price.is_settled || actual != price.amount;
        if is_news {
            delivery.reprice(actual, true, serial, &mut self.effects);
        }
        delivery.forget_reservation() || is_news
    }

    /// Frees what was reserved for messages that failed since. To be called once before every write.
    pub fn follow_failures(&mut self) {
        for verification in &mut self.verifications {
            for delivery in &mut verification.deliveries {
                delivery.follow_failure(verification.serial, &mut self.effects);
            }
        }
    }
}

impl Verification {
    /// Lets the newest message take over what is reserved for one that failed: nothing goes back, and nothing is taken
    /// again.
    pub(super) fn hand_reservation_on(&mut self, failed: DeliveryNumber) {
        let Some((heir, earlier)) = self.deliveries.split_last_mut() else {
            return;
        };
        let Some(failed) = earlier.iter_mut().find(|it| it.number == failed) else {
            return;
        };
        let is_price = |it: &&Charged| it.settles == Settles::Price;
        heir.charges.extend(failed.charges.iter().filter(is_price));
        heir.price = failed.price.map(|price| MessagePrice {
            is_settled: false,
            ..price
        });
        // It holds nothing any more, and keeps the keys: when it arrives after all, it is billed beside the new one.
        let of_failed = failed.charges.iter_mut().filter(|it| it.settles == Settles::Price);
        of_failed.for_each(|charge| charge.amount = 0);
        failed.price = failed.price.map(|price| MessagePrice {
            amount: Amount::ZERO,
            is_settled: false,
            ..price
        });
    }
}

impl Delivery {
    /// Changes what the delivery costs, and tells the budgets.
    fn reprice(&mut self, actual: Amount, is_settled: bool, serial: Serial, effects: &mut Effects) {
        let Some(price) = &mut self.price else { return };
        let reserved = price.amount;
        (price.amount, price.is_settled) = (actual, is_settled);
        let held = self.charges.iter().filter(|it| it.settles == Settles::Price);
        effects.reprice(Repriced {
            serial,
            delivery: self.number,
            charges: held.copied().collect(),
            taken_at: self.charged_at,
            reserved,
            actual,
        });
        // Kept with what is held now, so that a word to the contrary finds the keys.
        for charge in self.charges.iter_mut().filter(|it| it.settles == Settles::Price) {
            charge.amount = actual.micros();
        }
    }

    /// Frees what was reserved, if the message failed. The charges stay with the delivery and hold nothing: some
    /// messages that failed are delivered after all, and then they are billed.
    fn follow_failure(&mut self, serial: Serial, effects: &mut Effects) {
        let holds = self.price.is_some_and(|it| it.amount > Amount::ZERO);
        if holds && matches!(self.state, DeliveryState::Failed(_)) {
            self.reprice(Amount::ZERO, false, serial, effects);
        }
    }

    /// Drops the charges of a price that is final: the message arrived, and it was said what it costs. Returns whether
    /// there were any.
    fn forget_reservation(&mut self) -> bool {
        // What was handed over twice may be billed twice.
        let is_final = self.state.reached() && self.tries <= 1 && self.price.is_some_and(|it| it.is_settled);
        let before = self.charges.len();
        if is_final {
            self.charges.retain(|it| it.settles != Settles::Price);
        }
        self.charges.len() < before
    }

    /// Whether nothing can change any more what it costs, since nothing is left that could be charged.
    fn is_paid_for(&self) -> bool {
        let is_price = |it: &Charged| it.settles == Settles::Price;
        let is_settled = self.price.is_some_and(|it| it.is_settled);
        is_settled && self.state.reached() && !self.charges.iter().any(is_price)
    }
}

impl Effects {
    /// Notes a price. One message has one entry, from what the budgets hold to what they should.
    fn reprice(&mut self, next: Repriced) {
        let same = |it: &&mut Repriced| (it.serial, it.delivery) == (next.serial, next.delivery);
        match self.repriced.iter_mut().find(same) {
            Some(known) => known.actual = next.actual,
            None => self.repriced.push(next),
        }
    }
}

impl Repriced {
    /// What the price changes at the budgets. `charge_of` is what a charge of a record means in the configuration of
    /// today, if it still means something; its amount and mode are not looked at.
    ///
    /// A difference that belongs to a window which is over changes nothing: what was reserved in it stays spent in it,
    /// and the next window is not charged for it. (Giving back does the same: [`crate::limit::give_back`].)
    pub fn difference(&self, charge_of: impl Fn(&Charged) -> Option<Charge>, now: Timestamp) -> Difference {
        let mut difference = Difference::default();
        let mut owed = Vec::new();
        for charged in &self.charges {
            let Some(charge) = charge_of(charged) else { continue };
            let (held, actual) = (charged.amount, self.actual.micros());
            if let Some(amount) = NonZeroU64::new(held.saturating_sub(actual)) {
                owed.push(Charge { amount, ..charge });
            } else if let Some(amount) = NonZeroU64::new(actual.saturating_sub(held))
                && is_same_window(charge.quota, self.taken_at, now)
            {
                difference.take.push(Charge {
                    amount,
                    mode: ChargeMode::Always,
                    ..charge
                });
            }
        }
        difference.give_back = (!owed.is_empty()).then_some(GiveBack {
            charges: owed,
            taken_at: self.taken_at,
        });
        difference
    }
}

fn is_same_window(quota: Quota, taken_at: Timestamp, now: Timestamp) -> bool {
    match quota {
        Quota::Budget { window, .. } => window.number(taken_at) == window.number(now),
        Quota::Rate { .. } | Quota::Unfinished { .. } => false,
    }
}
