//! Random histories of reservations, prices and failures, against books that are kept apart: what a budget says is what
//! was billed and what may still be, and never more than there is of it but for what turned out dearer.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use countersign_domain::delivery::{DeliveryReport, MessageTag, NextStep, ProviderReport, Rejection};
use countersign_domain::limit::{
    Charge, ChargeMode, KeyParts, LimitKey, LimitState, Quota, RuleLabel, RuleName, Taken, Window, give_back, peek,
    weigh,
};
use countersign_domain::money::{Amount, PriceCategory, Pricing};
use countersign_domain::policy::Policy;
use countersign_domain::recipient::{ChargeTag, Charged, Claim, MessagePrice, Recipient, Settles, StatusReport};
use countersign_domain::time::Timestamp;
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{country, money, sent_recipient};

const HISTORIES: u64 = 300;
const STEPS: usize = 120;
const CODES: [&str; 4] = ["BR", "IN", "PE", "FR"];
/// In millionths: small enough that both are reached.
const BUDGETS: [(u64, Window); 2] = [(60_000, Window::HOUR), (400_000, Window::DAY)];

#[test]
fn what_is_spent_is_what_was_billed_and_what_may_still_be() {
    let first = seed_or(1);
    println!("COUNTERSIGN_SEED={first} to {}", first + HISTORIES - 1);
    let mut refused = 0;
    for seed in first..first + HISTORIES {
        let mut world = World::new(seed);
        for _ in 0..STEPS {
            world.step();
            world.check(seed);
        }
        refused += world.refused;
        assert!(
            world.is_surprising || world.beyond.is_empty(),
            "COUNTERSIGN_SEED={seed}"
        );
    }
    assert!(refused > 100, "the budgets were hardly reached: {refused}");
}

/// A message, and what our own books say of it.
struct Sent {
    recipient: Recipient,
    claim: Claim,
    policy: Policy,
    reserved_at: Timestamp,
    reserved: u64,
    country: &'static str,
    failed: bool,
    delivered: bool,
    billed: Option<u64>,
    was_priced_on_arrival: bool,
    /// What each budget holds for it: what was so when its window ended.
    counted: [u64; 2],
}

struct World {
    rng: StdRng,
    now: Timestamp,
    store: BTreeMap<LimitKey, LimitState>,
    sent: Vec<Sent>,
    refused: usize,
    /// Whether messages cost something else than expected, and some that failed are delivered after all.
    is_surprising: bool,
    /// What each budget was charged in each window although nobody asked whether it fits.
    beyond: BTreeMap<(usize, u64), u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        // Somewhere in a day, so that its end comes at another moment each time.
        let now = Timestamp::from_unix_millis(20_000 * 86_400_000 + rng.random_range(0..86_400_000));
        Self {
            rng,
            now,
            store: BTreeMap::new(),
            sent: Vec::new(),
            refused: 0,
            is_surprising: seed.is_multiple_of(2),
            beyond: BTreeMap::new(),
        }
    }

    fn step(&mut self) {
        match self.rng.random_range(0..10) {
            0..=3 => self.send(),
            4 => self.now = self.now.plus(Duration::from_secs(self.rng.random_range(0..3_000))),
            _ => self.hear(),
        }
    }

    fn send(&mut self) {
        let code = CODES[self.rng.random_range(0..CODES.len())];
        let price = money().price_of(Some(country(code)), PriceCategory::Authentication);
        let charges: Vec<_> = (0..BUDGETS.len()).map(|place| charge(place, price.micros())).collect();
        let weighed = weigh(&charges, |key| self.store.get(&key).copied(), self.now);
        let Taken::All(_) = weighed.taken else {
            self.refused += 1;
            return;
        };
        self.store.extend(weighed.states);
        let held = charges.iter().enumerate().map(|(place, charge)| Charged {
            tag: tag(place),
            key: charge.key,
            amount: price.micros(),
            settles: Settles::Price,
        });
        let reserved = MessagePrice {
            amount: price,
            is_settled: false,
            country: Some(country(code)),
        };
        let (recipient, claim, policy) = sent_recipient(Some(reserved), held.collect(), self.now);
        self.sent.push(Sent {
            recipient,
            claim,
            policy,
            reserved_at: self.now,
            reserved: price.micros(),
            country: code,
            failed: false,
            delivered: false,
            billed: None,
            was_priced_on_arrival: false,
            counted: [price.micros(); 2],
        });
    }

    /// A post about some message, perhaps one that says nothing new, perhaps with a price.
    fn hear(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        let place = self.rng.random_range(0..self.sent.len());
        let is_free = place.is_multiple_of(10);
        let hopeless = self.sent[place].failed && !self.is_surprising;
        let report = match self.rng.random_range(0..6) {
            2 | 3 if hopeless => DeliveryReport::Sent,
            0 | 1 => DeliveryReport::Sent,
            2 => DeliveryReport::Delivered,
            3 => DeliveryReport::Read,
            _ => DeliveryReport::Failed {
                step: NextStep::Rejected(Rejection::Undeliverable),
                report: ProviderReport::new(131_026, "Undeliverable", ""),
            },
        };
        let carries_price = !matches!(report, DeliveryReport::Failed { .. }) && self.rng.random_bool(0.8);
        let pricing = carries_price.then(|| self.pricing(is_free));
        let now = self.now;
        let sent = &mut self.sent[place];
        let status = StatusReport {
            message: Some(MessageTag([1; 8])),
            ..StatusReport::new(&report)
        };
        let Claim { serial, delivery, .. } = sent.claim;
        sent.recipient
            .apply_report(serial, delivery, &status, &sent.policy, 0, now);
        if let Some(pricing) = pricing {
            sent.recipient.apply_pricing(serial, delivery, pricing, &money());
        }
        sent.recipient.follow_failures();
        sent.note(&report, pricing, now);
        for repriced in std::mem::take(&mut sent.recipient.effects.repriced) {
            let difference = repriced.difference(charge_of, now);
            if let Some(owed) = difference.give_back {
                for charge in owed.charges {
                    let state = self.store.get(&charge.key).copied();
                    match give_back(state, charge.quota, charge.amount, owed.taken_at, now) {
                        Some(state) => self.store.insert(charge.key, state),
                        None => self.store.remove(&charge.key),
                    };
                }
            }
            for charge in &difference.take {
                let place = (0..BUDGETS.len()).find(|place| self::charge(*place, 1).key == charge.key);
                let place = place.unwrap();
                let window = BUDGETS[place].1.number(now);
                *self.beyond.entry((place, window)).or_default() += charge.amount.get();
            }
            let weighed = weigh(&difference.take, |key| self.store.get(&key).copied(), now);
            assert!(
                matches!(weighed.taken, Taken::All(_)),
                "what is billed is never refused"
            );
            self.store.extend(weighed.states);
        }
    }

    fn pricing(&mut self, is_free: bool) -> Pricing {
        if !self.is_surprising {
            return Pricing {
                category: PriceCategory::Authentication,
                is_billable: !is_free,
            };
        }
        let category = match self.rng.random_range(0..8) {
            0 => PriceCategory::AuthenticationInternational,
            1 => PriceCategory::Other,
            _ => PriceCategory::Authentication,
        };
        Pricing {
            category,
            is_billable: self.rng.random_bool(0.9),
        }
    }

    fn check(&self, seed: u64) {
        for (place, (amount, window)) in BUDGETS.into_iter().enumerate() {
            let charge = charge(place, 1);
            let used = peek(self.store.get(&charge.key).copied(), charge.quota, self.now).used;
            let is_current = |it: &&Sent| window.number(it.reserved_at) == window.number(self.now);
            let expected: u64 = self.sent.iter().filter(is_current).map(|it| it.counted[place]).sum();
            assert_eq!(
                used, expected,
                "COUNTERSIGN_SEED={seed} at {:?}, budget {place}",
                self.now
            );
            let beyond = self.beyond.get(&(place, window.number(self.now))).copied();
            assert!(
                used <= amount + beyond.unwrap_or(0),
                "COUNTERSIGN_SEED={seed}: {used} of {amount} and {beyond:?}"
            );
        }
    }
}

impl Sent {
    /// Our own books, kept by what Meta bills: what was delivered, or what may still be, at the dearest price said.
    fn note(&mut self, report: &DeliveryReport, pricing: Option<Pricing>, now: Timestamp) {
        match report {
            DeliveryReport::Failed { .. } if !self.delivered => {
                self.failed = true;
                self.billed = None;
            }
            DeliveryReport::Delivered | DeliveryReport::Read => self.delivered = true,
            DeliveryReport::Failed { .. } | DeliveryReport::Sent => {}
        }
        let is_dead = self.failed && !self.delivered;
        let is_paid_for = self.delivered && self.was_priced_on_arrival;
        if let Some(pricing) = pricing.filter(|_| !is_dead && !is_paid_for) {
            let price = if pricing.is_billable {
                money().price_of(Some(country(self.country)), pricing.category)
            } else {
                Amount::ZERO
            };
            self.billed = Some(self.billed.unwrap_or(0).max(price.micros()));
            self.was_priced_on_arrival = self.delivered;
        }
        let freed = if self.failed { 0 } else { self.reserved };
        let counts = self.billed.unwrap_or(freed);
        for (counted, (_, window)) in self.counted.iter_mut().zip(BUDGETS) {
            if window.number(self.reserved_at) == window.number(now) {
                *counted = counts;
            }
        }
    }
}

fn tag(place: usize) -> ChargeTag {
    ChargeTag([u8::try_from(place).unwrap(); 4])
}

fn charge(place: usize, amount: u64) -> Charge {
    let (allowed, window) = BUDGETS[place];
    Charge {
        rule: RuleName::Named(RuleLabel::parse("budget").unwrap()),
        parts: KeyParts::EVERYTHING,
        key: LimitKey::from_bytes([u8::try_from(place).unwrap(); 16]),
        quota: Quota::Budget {
            amount: NonZeroU64::new(allowed).unwrap(),
            window,
        },
        amount: NonZeroU64::new(amount).unwrap(),
        mode: ChargeMode::Refuse,
    }
}

fn charge_of(charged: &Charged) -> Option<Charge> {
    (0..BUDGETS.len())
        .find(|place| tag(*place) == charged.tag)
        .map(|place| charge(place, 1))
}
