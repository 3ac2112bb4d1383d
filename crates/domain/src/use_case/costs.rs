//! What a message is charged for, and what a charge in a record means.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use crate::guard::{GuardSettings, PersonKey};
use crate::limit::{Charge, ChargeMode, KeyPart, KeyParts, LimitKey, Quota, RuleName};
use crate::money::{Amount, Money};
use crate::policy::Policy;
use crate::recipient::{ChargeTag, Charged, MessagePrice, SendCost, Settles};
use crate::rule::{Action, Subject};
use crate::time::Timestamp;
use crate::use_case::Rulebook;
use crate::use_case::guard::Clearance;
use crate::verification::StartOutcome;

/// What follows from a record: who asked, and from where, is nothing that it keeps.
const OF_RECORD: [KeyPart; 4] = [KeyPart::Phone, KeyPart::App, KeyPart::Purpose, KeyPart::Country];

/// What one message costs, before it is taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Costs {
    /// Everything that is taken at once, in a fixed order: unanswered sends, rules, the guard, budgets.
    pub(super) charges: Vec<Charge>,
    /// What of it is kept with the delivery.
    kept: Vec<Charged>,
    /// What is reserved.
    pub(super) price: Option<MessagePrice>,
    /// Whether the guard counts the message.
    is_counted: bool,
    code_length_min: u8,
}

impl Costs {
    /// What a message to `subject` costs that opens a verification or sends an open one again.
    pub(super) fn of(
        rulebook: &Rulebook,
        policy: &Policy,
        subject: &Subject<'_>,
        outcome: StartOutcome,
        clearance: &Clearance,
    ) -> Self {
        let identity = &rulebook.identity;
        let mut costs = Self {
            is_counted: clearance.counts,
            code_length_min: clearance.code_length_min,
            ..Self::default()
        };
        costs.add(
            vec![rulebook.unanswered_charge(subject.line, policy)],
            Settles::Acceptance,
        );
        let opened = (outcome == StartOutcome::Opened).then_some(Action::Start);
        for action in opened.into_iter().chain([Action::Send]) {
            costs.add(rulebook.rules.charges(identity, action, subject), Settles::Acceptance);
        }
        costs.add(clearance.charges.clone(), Settles::Approval);
        let price = rulebook.money.as_ref().and_then(|it| Some((it, it.price(subject)?.1)));
        if let Some((money, amount)) = price {
            costs.add(money.charges(identity, amount, subject), Settles::Price);
            costs.price = Some(MessagePrice {
                amount,
                is_settled: false,
                country: subject.country,
            });
        }
        costs
    }

    /// What is booked on the delivery when the charges are taken at `charged_at`.
    pub(super) fn booked(&self, rulebook: &Rulebook, charged_at: Timestamp) -> SendCost {
        let guard = rulebook.guard.as_ref().filter(|_| self.is_counted);
        SendCost {
            charges: self.kept.clone(),
            charged_at,
            price: self.price,
            maturity: guard.map(|it| it.maturity),
            code_length_min: self.code_length_min,
            line: None,
        }
    }

    /// What a message counts for at a line that was learnt with it, and so after it was decided: whatever the record
    /// alone leads to. It refuses nothing.
    pub(super) fn counted_at_line(
        rulebook: &Rulebook,
        policy: &Policy,
        subject: &Subject<'_>,
        outcome: StartOutcome,
    ) -> Vec<Charge> {
        let costs = Self::of(rulebook, policy, subject, outcome, &Clearance::default());
        let follows = |parts: KeyParts| parts.has(KeyPart::Phone) && parts.iter().all(|it| OF_RECORD.contains(&it));
        let charges = costs.charges.into_iter().filter(|it| follows(it.parts));
        let counted = charges.map(|it| Charge {
            mode: ChargeMode::Always,
            ..it
        });
        counted.collect()
    }

    /// Each charge, and when it is settled.
    pub(super) fn settled(&self) -> impl Iterator<Item = (&Charge, Settles)> {
        let lasting = self.charges.iter().filter(|it| it.rule != RuleName::ChallengeOnce);
        lasting.zip(self.kept.iter().map(|it| it.settles))
    }

    /// What is reserved, if anything is.
    pub(super) fn reserved(&self) -> Option<Amount> {
        self.price.map(|it| it.amount)
    }

    fn add(&mut self, charges: Vec<Charge>, settles: Settles) {
        for charge in charges {
            // A challenge counts once, also when nothing was sent for it in the end.
            if charge.rule != RuleName::ChallengeOnce {
                self.kept.push(Charged {
                    tag: ChargeTag::of(charge.rule, charge.quota),
                    key: charge.key,
                    amount: charge.amount.get(),
                    settles,
                });
            }
            self.charges.push(charge);
        }
    }
}

impl Rulebook {
    /// One unanswered send to a line, whatever app asked for it (R15).
    pub(super) fn unanswered_charge(&self, line: PersonKey, policy: &Policy) -> Charge {
        let rule = RuleName::UnansweredSends;
        Charge {
            rule,
            parts: KeyParts::of(&[KeyPart::Phone]),
            mode: ChargeMode::Refuse,
            key: LimitKey::derive(&self.identity, rule, line.as_bytes()),
            quota: policy.unanswered_quota(),
            amount: NonZeroU64::MIN,
        }
    }

    /// What a charge of a record means in this configuration. `None` when its rule is not of it any more: then it
    /// comes back by itself with time.
    pub fn charge_of(&self, charged: &Charged) -> Option<Charge> {
        ChargeBook::of(self).charge_of(charged)
    }
}

/// What the charges of records mean in one configuration.
#[derive(Debug)]
pub(super) struct ChargeBook(BTreeMap<ChargeTag, (RuleName, KeyParts, Quota)>);

impl ChargeBook {
    pub(super) fn of(rulebook: &Rulebook) -> Self {
        let mut book = BTreeMap::new();
        let mut know = |rule, parts, quota| {
            book.insert(ChargeTag::of(rule, quota), (rule, parts, quota));
        };
        // The same for every app and purpose (`Apps::mistakes`).
        if let Some(policy) = rulebook.apps.iter().find_map(|(_, app)| app.purposes.values().next()) {
            let parts = KeyParts::of(&[KeyPart::Phone]);
            know(RuleName::UnansweredSends, parts, policy.unanswered_quota());
        }
        for rule in rulebook.rules.iter() {
            for quota in &rule.quotas {
                know(RuleName::Named(rule.name), rule.parts, *quota);
            }
        }
        if let Some(guard) = &rulebook.guard {
            let per_block = GuardSettings::unfinished(guard.unfinished_per_block_max);
            let parts = KeyParts::of(&[KeyPart::NumberBlock]);
            know(RuleName::UnfinishedPerBlock, parts, per_block);
            // How many there may be is learnt, and does not matter for what goes back.
            let per_country = GuardSettings::unfinished(guard.unfinished_per_country_min);
            let parts = KeyParts::of(&[KeyPart::Country]);
            know(RuleName::UnfinishedPerCountry, parts, per_country);
        }
        for budget in rulebook.money.iter().flat_map(Money::budgets) {
            if let Some(quota) = budget.quota() {
                know(RuleName::Named(budget.name), budget.parts, quota);
            }
        }
        Self(book)
    }

    pub(super) fn charge_of(&self, charged: &Charged) -> Option<Charge> {
        let (rule, parts, quota) = *self.0.get(&charged.tag)?;
        Some(Charge {
            rule,
            parts,
            key: charged.key,
            quota,
            // A price that turned out to be nothing is kept as nothing; whoever asks puts an amount of his own.
            amount: NonZeroU64::new(charged.amount).unwrap_or(NonZeroU64::MIN),
            mode: ChargeMode::Refuse,
        })
    }
}
