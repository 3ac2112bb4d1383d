//! What a message cost, for as long as any of it may come back, and whether the message was finished.
//!
//! Charges are booked on the delivery they were taken for. Whoever moves a delivery need not think of them: before every
//! write the books are balanced, once, by what became of each delivery.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::code::LENGTH_MAX;
use crate::delivery::{Delivery, DeliveryState, FailureReason};
use crate::guard::PersonKey;
use crate::limit::{LimitKey, Quota, RuleName};
use crate::recipient::effects::{ChargeTag, Charged, Conversion, Converted, Effects, Freed, MessagePrice, Settles};
use crate::recipient::{Claim, Recipient};
use crate::rule::period_number;
use crate::time::Timestamp;
use crate::verification::Verification;

/// What a message costs and how it is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendCost {
    /// The charges that are kept until they are settled.
    pub charges: Vec<Charged>,
    /// When they are taken.
    pub charged_at: Timestamp,
    /// What is reserved for it.
    pub price: Option<MessagePrice>,
    /// After how long it counts as missed; `None` when the guard does not count it.
    pub maturity: Option<Duration>,
    /// How many characters a new code has at least.
    pub code_length_min: u8,
    /// The line it is charged to, when the phone is another spelling of it.
    pub line: Option<PersonKey>,
}

impl ChargeTag {
    /// The tag of a quota of a rule: four bytes of a digest of the rule's name and the quota's shape and period, as its
    /// keys are made of them, too. What is built in has one quota, whatever its numbers. With a thousand quotas one in
    /// ten thousand installations would have two of one tag, and then only of different keys.
    pub fn of(rule: RuleName, quota: Quota) -> Self {
        match rule {
            RuleName::Named(_) => Self::numbered(rule, period_number(quota)),
            _ => Self::numbered(rule, 0),
        }
    }

    fn numbered(rule: RuleName, number: u64) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"countersign charge v1\0");
        digest.update(rule.as_str().as_bytes());
        digest.update([0]);
        digest.update(number.to_be_bytes());
        let [a, b, c, d, ..] = <[u8; 32]>::from(digest.finalize());
        Self([a, b, c, d])
    }
}

impl Recipient {
    /// Books what a message costs on its delivery. A code that is new gets its length here, too.
    ///
    /// Of a message that this one replaced before it left goes back what this one is charged for, too. What is left
    /// there is for opening the verification.
    pub fn book(&mut self, claim: Claim, cost: SendCost) {
        let Some(verification) = self.verifications.iter_mut().find(|it| it.serial == claim.serial) else {
            return;
        };
        self.line = cost.line;
        if verification.deliveries.len() == 1 {
            let length = verification.recipe.length.max(cost.code_length_min).min(LENGTH_MAX);
            verification.recipe.length = length;
        }
        let is_again = |it: &Charged| match it.settles {
            Settles::Acceptance => cost.charges.iter().any(|again| again.tag == it.tag),
            Settles::Approval => true,
            Settles::Price => false,
        };
        for replaced in verification.deliveries.iter_mut().filter(|it| it.is_replaced()) {
            let charges = replaced.hand_out(is_again);
            self.unanswered_sends = self.unanswered_sends.saturating_sub(unanswered_of(&charges));
            self.effects.free(charges, replaced.charged_at);
        }
        let Some(delivery) = verification
            .deliveries
            .iter_mut()
            .find(|it| it.number == claim.delivery)
        else {
            return;
        };
        delivery.charges = cost.charges;
        delivery.charged_at = cost.charged_at;
        delivery.price = cost.price;
        if let Some(maturity) = cost.maturity {
            let now = delivery.created_at;
            delivery.matures_at = Some(now.plus(maturity));
            self.effects.convert(delivery, Conversion::Awaited);
        }
    }

    /// Takes charges off the books again that were not taken in the end: shadow charges beyond their quota.
    pub(crate) fn leave_out(&mut self, keys: &[LimitKey]) {
        let Some(delivery) = self.verifications.last_mut().and_then(|it| it.deliveries.last_mut()) else {
            return;
        };
        delivery.charges.retain(|it| !keys.contains(&it.key));
    }

    /// Balances the books: says what goes back and what was finished, by what became of each delivery. Called once
    /// before every write.
    ///
    /// Of a message that failed goes back whatever is not settled yet. One whose fate nobody knows keeps its charges:
    /// it may have been sent. A message that is said to be delivered after it was said to have failed takes nothing
    /// again: what went back was little, and its quota may be used up by others since. Of one that a newer message
    /// replaced before it left, what opening the verification cost waits for what becomes of the newer one.
    pub(super) fn balance(&mut self) {
        let mut freed_sends = 0;
        for verification in &mut self.verifications {
            let (is_open, is_approved) = (verification.is_open(), verification.state.is_approved());
            let opening = Opening::of(verification);
            for delivery in &mut verification.deliveries {
                let charges = if delivery.is_replaced() {
                    delivery.opening_charges(&opening)
                } else {
                    delivery.settled_charges(is_approved)
                };
                freed_sends += unanswered_of(&charges);
                self.effects.free(charges, delivery.charged_at);
                if let Some(to) = delivery.conversion_by(is_open, is_approved) {
                    self.effects.convert(delivery, to);
                }
            }
        }
        self.unanswered_sends = self.unanswered_sends.saturating_sub(freed_sends);
    }

    /// Every unanswered send is answered: none of them goes back by itself later.
    pub(super) fn answer_sends(&mut self) -> u32 {
        let tag = unanswered_tag();
        for delivery in self.verifications.iter_mut().flat_map(|it| &mut it.deliveries) {
            delivery.charges.retain(|it| it.tag != tag);
        }
        std::mem::take(&mut self.unanswered_sends)
    }

    /// Whether no message of its verification left before the claimed one: the first that leaves stands for opening it.
    pub fn opens_with(&self, claim: Claim) -> bool {
        let deliveries = self
            .verification(claim.serial)
            .into_iter()
            .flat_map(|it| &it.deliveries);
        let mut earlier = deliveries.filter(|it| it.number < claim.delivery);
        earlier.all(|it| !it.has_ever_left())
    }

    /// Counts open sends as missed that are old enough. A late success gives back what a miss counts.
    pub(super) fn miss_matured(&mut self, now: Timestamp) {
        let Self {
            verifications, effects, ..
        } = self;
        let Some(open) = verifications.last_mut().filter(|it| it.is_open()) else {
            return;
        };
        for delivery in &mut open.deliveries {
            if delivery.maturity_at().is_some_and(|at| at <= now) {
                effects.convert(delivery, Conversion::Missed);
            }
        }
    }
}

/// What decides over the charges for opening a verification, when the message they are booked on was replaced.
struct Opening {
    /// Whether the provider may have a message.
    has_left: bool,
    /// Whether a message can still reach the phone.
    is_hopeful: bool,
}

impl Opening {
    fn of(verification: &Verification) -> Self {
        let any = |is: fn(&Delivery) -> bool| verification.deliveries.iter().any(is);
        Self {
            has_left: any(Delivery::has_ever_left),
            is_hopeful: any(|it| it.state.is_hopeful()),
        }
    }
}

impl Effects {
    /// Notes what goes back, if anything does.
    fn free(&mut self, charges: Vec<Charged>, taken_at: Timestamp) {
        if !charges.is_empty() {
            self.freed.push(Freed { charges, taken_at });
        }
    }

    /// Counts a send otherwise than before.
    fn convert(&mut self, delivery: &mut Delivery, to: Conversion) {
        let from = std::mem::replace(&mut delivery.conversion, to);
        if to != Conversion::Awaited {
            delivery.matures_at = None;
        }
        self.converted.push(Converted {
            sent_at: delivery.created_at,
            from,
            to,
        });
    }
}

impl Verification {
    /// When the first of its sends is old enough to count as missed.
    pub(super) fn matures_at(&self) -> Option<Timestamp> {
        let deliveries = self.deliveries.iter().filter(|_| self.is_open());
        deliveries.filter_map(Delivery::maturity_at).min()
    }

    /// Lets the newest message stand for one that failed: what was charged for that one and is not settled yet is
    /// charged for this one now, so nothing goes back and nothing is taken again. The reservation of the price is
    /// handed on beside it.
    pub(super) fn inherit(&mut self, effects: &mut Effects, failed: crate::delivery::DeliveryNumber) {
        let Some((heir, earlier)) = self.deliveries.split_last_mut() else {
            return;
        };
        let Some(failed) = earlier.iter_mut().find(|it| it.number == failed) else {
            return;
        };
        heir.charges = failed.hand_out(|it| it.settles != Settles::Price);
        heir.charged_at = failed.charged_at;
        if matches!(failed.conversion, Conversion::Awaited | Conversion::Missed) {
            let waited = failed.matures_at.map(|it| it.since(failed.created_at));
            heir.matures_at = waited.map(|waited| heir.created_at.plus(waited));
            if heir.matures_at.is_some() {
                effects.convert(heir, Conversion::Awaited);
            }
            effects.convert(failed, Conversion::NotCounted);
        }
    }
}

impl Delivery {
    /// Takes note that the provider may have it from now on: only then does it begin to mature.
    pub(super) fn leaves(&mut self, now: Timestamp) {
        if !self.has_left() {
            let waited = now.since(self.created_at);
            self.matures_at = self.matures_at.map(|at| at.plus(waited));
        }
    }

    /// Leaves out what was charged for it and how it is counted.
    pub(super) fn close_books(&mut self) {
        self.charges = Vec::new();
        self.charged_at = self.created_at;
        self.price = None;
        self.conversion = Conversion::NotCounted;
        self.matures_at = None;
    }

    /// Whether the provider may have it.
    const fn has_left(&self) -> bool {
        self.drop_at.is_some() || self.state.rank() > 0
    }

    /// Whether the provider may have it, or may have had it before it failed.
    const fn has_ever_left(&self) -> bool {
        self.drop_at.is_some() || (self.state.is_hopeful() && self.has_left())
    }

    /// When it is old enough to count as missed; `None` while it does not mature.
    fn maturity_at(&self) -> Option<Timestamp> {
        let matures = self.has_left() && !matches!(self.state, DeliveryState::Failed(_));
        self.matures_at
            .filter(|_| matures && self.conversion == Conversion::Awaited)
    }

    /// Strikes what is settled off the books, and hands out what of it goes back.
    fn settled_charges(&mut self, is_approved: bool) -> Vec<Charged> {
        match self.state {
            DeliveryState::Failed(_) => return self.hand_out(|it| it.settles != Settles::Price),
            DeliveryState::Accepted
            | DeliveryState::Held
            | DeliveryState::Sent
            | DeliveryState::Delivered
            | DeliveryState::Read => self.settle_acceptance(),
            DeliveryState::Due { .. }
            | DeliveryState::Sending { .. }
            | DeliveryState::Unknown { .. }
            | DeliveryState::Dropped => {}
        }
        self.hand_out(|it| is_approved && it.settles == Settles::Approval)
    }

    /// The same for a message that a newer one replaced before it left: what is left there is for opening the
    /// verification. It stands once any message has left, and goes back when none can leave any more.
    fn opening_charges(&mut self, opening: &Opening) -> Vec<Charged> {
        if opening.has_left {
            self.settle_acceptance();
        }
        self.hand_out(|it| it.settles == Settles::Acceptance && !opening.is_hopeful)
    }

    /// Whether a newer message took its place before it left.
    fn is_replaced(&self) -> bool {
        self.state == DeliveryState::Failed(FailureReason::Superseded)
    }

    /// The provider has it: what was charged for a message that is sent stands.
    pub(super) fn settle_acceptance(&mut self) {
        self.charges.retain(|it| it.settles != Settles::Acceptance);
    }

    fn hand_out(&mut self, which: impl Fn(&Charged) -> bool) -> Vec<Charged> {
        self.charges.extract_if(.., |it| which(it)).collect()
    }

    /// How it counts from now on, if otherwise than so far.
    fn conversion_by(&self, is_open: bool, is_approved: bool) -> Option<Conversion> {
        let is_counted = matches!(self.conversion, Conversion::Awaited | Conversion::Missed);
        match self.state {
            _ if !is_counted => None,
            // It reached nobody, so it says nothing about the people there.
            DeliveryState::Failed(_) => Some(Conversion::NotCounted),
            _ if is_approved => Some(Conversion::Finished),
            // Nobody can give its code back any more.
            _ if !is_open && self.conversion == Conversion::Awaited => Some(Conversion::Missed),
            _ => None,
        }
    }
}

/// The tag of a phone's unanswered sends.
fn unanswered_tag() -> ChargeTag {
    ChargeTag::numbered(RuleName::UnansweredSends, 0)
}

fn unanswered_of(freed: &[Charged]) -> u32 {
    let count = freed.iter().filter(|it| it.tag == unanswered_tag()).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
