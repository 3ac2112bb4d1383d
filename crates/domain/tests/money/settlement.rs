//! What becomes of a reservation: the provider's word, a failure, and neither of them twice.

use std::num::NonZeroU64;
use std::time::Duration;

use countersign_domain::delivery::{DeliveryReport, DeliveryState, MessageTag, NextStep, ProviderReport, Rejection};
use countersign_domain::limit::{Charge, ChargeMode, KeyParts, Quota, RuleLabel, RuleName, Window};
use countersign_domain::money::{Amount, PriceCategory, Pricing};
use countersign_domain::policy::Policy;
use countersign_domain::recipient::{Charged, Claim, Difference, Recipient, Repriced, Settles, StatusReport};
use countersign_domain::time::Timestamp;

use crate::{amount, delivery_of, held, money, reserved, sent_recipient};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// An hour before midnight.
const EVENING: Timestamp = Timestamp::from_unix_millis(20_000 * DAY_MS - 3_600_000);

const DOMESTIC: Pricing = Pricing {
    category: PriceCategory::Authentication,
    is_billable: true,
};
const ABROAD: Pricing = Pricing {
    category: PriceCategory::AuthenticationInternational,
    is_billable: true,
};
const FREE: Pricing = Pricing {
    category: PriceCategory::Authentication,
    is_billable: false,
};

/// A message to India, for which two budgets hold 0.0014.
struct Scene {
    recipient: Recipient,
    claim: Claim,
    policy: Policy,
}

impl Scene {
    fn new() -> Self {
        let charges = vec![held(1, "0.0014"), held(2, "0.0014")];
        let (recipient, claim, policy) = sent_recipient(Some(reserved("0.0014", "IN")), charges, EVENING);
        Self {
            recipient,
            claim,
            policy,
        }
    }

    /// What one post leads to.
    fn hear(&mut self, report: &DeliveryReport, pricing: Option<Pricing>) -> Vec<Repriced> {
        self.hear_of(1, report, pricing)
    }

    fn hear_of(&mut self, message: u8, report: &DeliveryReport, pricing: Option<Pricing>) -> Vec<Repriced> {
        let status = StatusReport {
            message: Some(MessageTag([message; 8])),
            ..StatusReport::new(report)
        };
        let Claim { serial, delivery, .. } = self.claim;
        self.recipient
            .apply_report(serial, delivery, &status, &self.policy, 0, EVENING);
        if let Some(pricing) = pricing {
            self.recipient.apply_pricing(serial, delivery, pricing, &money());
        }
        self.recipient.follow_failures();
        std::mem::take(&mut self.recipient.effects.repriced)
    }

    fn costs(&mut self) -> Amount {
        delivery_of(&mut self.recipient, self.claim).price.unwrap().amount
    }
}

fn failed() -> DeliveryReport {
    DeliveryReport::Failed {
        step: NextStep::Rejected(Rejection::Undeliverable),
        report: ProviderReport::new(131_026, "Undeliverable", ""),
    }
}

/// A failure after which the message is tried once more.
fn failed_for_now() -> DeliveryReport {
    DeliveryReport::Failed {
        step: NextStep::Unavailable,
        report: ProviderReport::new(131_000, "Something went wrong", ""),
    }
}

/// A budget per day of ten, under the key the charge was taken from.
#[expect(clippy::unnecessary_wraps, reason = "what `difference` asks for")]
fn daily(charged: &Charged) -> Option<Charge> {
    Some(Charge {
        rule: RuleName::Named(RuleLabel::parse("day").unwrap()),
        parts: KeyParts::EVERYTHING,
        key: charged.key,
        quota: Quota::Budget {
            amount: NonZeroU64::new(10_000_000).unwrap(),
            window: Window::DAY,
        },
        amount: NonZeroU64::MIN,
        mode: ChargeMode::Refuse,
    })
}

fn step(entries: &[Repriced]) -> (Amount, Amount) {
    let [entry] = entries else {
        panic!("one entry, not {entries:?}")
    };
    (entry.reserved, entry.actual)
}

#[test]
fn a_price_as_expected_settles_the_reservation_and_moves_no_money() {
    let mut scene = Scene::new();
    let entries = scene.hear(&DeliveryReport::Delivered, Some(DOMESTIC));
    assert_eq!(step(&entries), (amount("0.0014"), amount("0.0014")));
    assert_eq!(entries[0].difference(daily, EVENING), Difference::default());
    let delivery = delivery_of(&mut scene.recipient, scene.claim);
    assert!(delivery.price.unwrap().is_settled);
    assert!(delivery.charges.is_empty(), "nothing can change it any more");
}

#[test]
fn a_free_message_gives_everything_back_to_every_budget() {
    let entries = Scene::new().hear(&DeliveryReport::Sent, Some(FREE));
    assert_eq!(step(&entries), (amount("0.0014"), Amount::ZERO));
    let difference = entries[0].difference(daily, EVENING);
    let given = difference.give_back.unwrap();
    assert_eq!(given.taken_at, EVENING);
    let amounts: Vec<_> = given.charges.iter().map(|it| (it.key, it.amount.get())).collect();
    assert_eq!(amounts, [(held(1, "0").key, 1_400), (held(2, "0").key, 1_400)]);
    assert!(difference.take.is_empty());
}

#[test]
fn a_price_beyond_the_reservation_is_charged_whether_or_not_it_fits() {
    let entries = Scene::new().hear(&DeliveryReport::Sent, Some(ABROAD));
    assert_eq!(step(&entries), (amount("0.0014"), amount("0.0304")));
    let difference = entries[0].difference(daily, EVENING);
    assert_eq!(difference.give_back, None);
    let taken: Vec<_> = difference.take.iter().map(|it| (it.amount.get(), it.mode)).collect();
    assert_eq!(taken, [(29_000, ChargeMode::Always); 2]);
}

#[test]
fn the_same_price_said_in_any_order_and_number_is_settled_once() {
    use DeliveryReport::{Delivered, Read, Sent};
    for order in [
        [Sent, Delivered, Read],
        [Delivered, Sent, Read],
        [Read, Delivered, Sent],
        [Sent, Sent, Delivered],
    ] {
        let mut scene = Scene::new();
        let first = scene.hear(&order[0], Some(ABROAD));
        assert_eq!(step(&first), (amount("0.0014"), amount("0.0304")), "{order:?}");
        for later in order.iter().chain(&order) {
            assert_eq!(scene.hear(later, Some(ABROAD)), [], "{order:?}");
        }
        assert_eq!(scene.costs(), amount("0.0304"), "{order:?}");
    }
}

#[test]
fn words_that_contradict_each_other_end_at_the_dearest_in_any_order() {
    let words = [FREE, DOMESTIC, ABROAD];
    for (first, second, third) in [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)] {
        let mut scene = Scene::new();
        for place in [first, second, third] {
            scene.hear(&DeliveryReport::Sent, Some(words[place]));
        }
        assert_eq!(scene.costs(), amount("0.0304"), "{first} {second} {third}");
    }
}

#[test]
fn a_message_that_fails_frees_its_reservation_once() {
    let mut scene = Scene::new();
    let entries = scene.hear(&failed(), None);
    assert_eq!(step(&entries), (amount("0.0014"), Amount::ZERO));
    let given = entries[0].difference(daily, EVENING).give_back.unwrap();
    assert!(given.charges.iter().all(|it| it.amount.get() == 1_400));
    assert_eq!(scene.hear(&failed(), None), []);
}

#[test]
fn a_message_that_was_priced_and_then_fails_is_not_billed() {
    let mut scene = Scene::new();
    scene.hear(&DeliveryReport::Sent, Some(ABROAD));
    let entries = scene.hear(&failed(), None);
    assert_eq!(step(&entries), (amount("0.0304"), Amount::ZERO));
    // A repeat of the earlier post comes too late to bring the price back.
    assert_eq!(scene.hear(&DeliveryReport::Sent, Some(ABROAD)), []);
    assert_eq!(scene.costs(), Amount::ZERO);
}

#[test]
fn a_message_that_failed_and_is_delivered_after_all_is_billed_after_all() {
    let mut scene = Scene::new();
    scene.hear(&failed(), None);
    let entries = scene.hear(&DeliveryReport::Delivered, Some(DOMESTIC));
    assert_eq!(step(&entries), (Amount::ZERO, amount("0.0014")));
    let taken = entries[0].difference(daily, EVENING).take;
    let keys: Vec<_> = taken.iter().map(|it| (it.key, it.amount.get())).collect();
    assert_eq!(keys, [(held(1, "0").key, 1_400), (held(2, "0").key, 1_400)]);
}

#[test]
fn what_several_words_of_one_write_come_to_is_one_entry() {
    let mut scene = Scene::new();
    let Claim { serial, delivery, .. } = scene.claim;
    scene.recipient.apply_pricing(serial, delivery, ABROAD, &money());
    let entries = scene.hear(&failed(), None);
    assert_eq!(step(&entries), (amount("0.0014"), Amount::ZERO));
}

#[test]
fn the_message_that_takes_a_failed_ones_place_takes_its_reservation_over() {
    let mut scene = Scene::new();
    assert_eq!(scene.hear(&failed_for_now(), None), [], "nothing goes back");
    let [old, new] = &scene.recipient.verifications[0].deliveries[..] else {
        panic!("one failed, and one takes its place");
    };
    assert!(matches!(old.state, DeliveryState::Failed(_)));
    assert_eq!(
        old.price,
        Some(reserved("0", "IN")),
        "it holds nothing, and keeps the keys"
    );
    assert_eq!(old.charges, [held(1, "0"), held(2, "0")]);
    assert_eq!(new.price, Some(reserved("0.0014", "IN")));
    assert_eq!(new.charges, [held(1, "0.0014"), held(2, "0.0014")]);
    scene.claim.delivery = new.number;
    let entries = scene.hear(&DeliveryReport::Delivered, Some(ABROAD));
    assert_eq!(step(&entries), (amount("0.0014"), amount("0.0304")));
}

#[test]
fn a_delivery_that_became_two_messages_is_billed_twice_and_no_more() {
    let mut scene = Scene::new();
    let delivery = delivery_of(&mut scene.recipient, scene.claim);
    (delivery.tries, delivery.repeated) = (2, true);
    assert_eq!(
        step(&scene.hear_of(1, &DeliveryReport::Delivered, Some(DOMESTIC))),
        (amount("0.0014"), amount("0.0014"))
    );
    assert_eq!(
        step(&scene.hear_of(2, &DeliveryReport::Sent, Some(DOMESTIC))),
        (amount("0.0014"), amount("0.0028"))
    );
    for message in [1, 2, 1, 2] {
        assert_eq!(scene.hear_of(message, &DeliveryReport::Delivered, Some(DOMESTIC)), []);
    }
}

#[test]
fn a_message_of_before_money_was_counted_stays_uncounted() {
    let (mut recipient, claim, _) = sent_recipient(None, Vec::new(), EVENING);
    assert!(!recipient.apply_pricing(claim.serial, claim.delivery, DOMESTIC, &money()));
    assert!(recipient.effects.repriced.is_empty());
}

#[test]
fn a_price_of_a_verification_or_message_nobody_knows_changes_nothing() {
    let mut scene = Scene::new();
    let Claim { serial, delivery, .. } = scene.claim;
    assert!(!scene.recipient.apply_pricing(serial + 1, delivery, DOMESTIC, &money()));
    assert!(!scene.recipient.apply_pricing(serial, delivery + 1, DOMESTIC, &money()));
    assert!(scene.recipient.effects.repriced.is_empty());
}

#[test]
fn charges_that_settle_otherwise_are_left_alone() {
    let mut scene = Scene::new();
    let velocity = Charged {
        settles: Settles::Approval,
        ..held(3, "0.000001")
    };
    delivery_of(&mut scene.recipient, scene.claim).charges.push(velocity);
    let entries = scene.hear(&DeliveryReport::Delivered, Some(DOMESTIC));
    assert_eq!(entries[0].charges.len(), 2);
    assert_eq!(delivery_of(&mut scene.recipient, scene.claim).charges, [velocity]);
}

#[test]
fn a_difference_of_a_day_that_is_over_is_not_charged_to_the_next() {
    let entries = Scene::new().hear(&DeliveryReport::Sent, Some(ABROAD));
    let midnight = EVENING.plus(Duration::from_secs(3_600));
    let last_moment = midnight.minus(Duration::from_millis(1));
    assert_eq!(entries[0].difference(daily, last_moment).take.len(), 2);
    assert_eq!(entries[0].difference(daily, midnight), Difference::default());
}

#[test]
fn a_charge_of_a_budget_that_left_the_configuration_is_passed_over() {
    let entries = Scene::new().hear(&DeliveryReport::Sent, Some(ABROAD));
    let only_first = |charged: &Charged| daily(charged).filter(|it| it.key == held(1, "0").key);
    assert_eq!(entries[0].difference(only_first, EVENING).take.len(), 1);
}
