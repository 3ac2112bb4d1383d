//! Explain: what a start would come to, and why. Changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::Caller;
use crate::code::Salt;
use crate::country::CountryCode;
use crate::guard::{ALARM, Alarm, Rung};
use crate::limit::{Charge, ChargeMode, KeyParts, LimitState, Quota, Remaining, RuleName, Taken, peek, take, weigh};
use crate::money::{Amount, Currency};
use crate::ports::{GuardStore, LimitStore};
use crate::recipient::{Recipient, Restraint};
use crate::time::Timestamp;
use crate::use_case::costs::Costs;
use crate::use_case::guard::Outlook;
use crate::use_case::judge::Judge;
use crate::use_case::records::refused;
use crate::use_case::{Error, Guard, Ports, Records, Senders, StartRequest};
use crate::verification::StartOutcome;

/// What a start would come to.
#[derive(Debug)]
pub struct StartExplanation {
    /// What would be answered.
    pub verdict: Result<StartOutcome, Error>,
    /// The country of the phone, if it has one.
    pub country: Option<CountryCode>,
    /// The rule of the recipient itself that stands in the way longest.
    pub restraint: Option<Restraint>,
    /// Every shared quota a message would be charged against, rules, budgets and the guard's.
    pub quotas: Vec<ExplainedQuota>,
    /// Every bucket of the guard the message would belong to.
    pub buckets: Vec<ExplainedBucket>,
    /// What the message is expected to cost.
    pub price: Option<Amount>,
    /// Whether the person gave a code back lately, and so passes the guard.
    pub is_returning: bool,
}

/// How one quota stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedQuota {
    /// The rule.
    pub rule: RuleName,
    /// What it tells apart.
    pub parts: KeyParts,
    /// How much is allowed.
    pub quota: Quota,
    /// How much the message would cost.
    pub cost: u64,
    /// How much is left before it.
    pub remaining: Remaining,
    /// Whether it would refuse the message.
    pub refuses: bool,
    /// Whether it only counts and reports.
    pub is_shadow: bool,
    /// How long until the message would fit; `None` when it fits now, or never will.
    pub retry_after: Option<std::time::Duration>,
    /// Whether it is a budget of money, in millionths of the currency.
    pub is_money: bool,
}

/// How one bucket of the guard stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedBucket {
    /// Whether it is the app's own, or of the whole service.
    pub is_own: bool,
    /// The kind of area, as one word.
    pub area: &'static str,
    /// Its score, in thousandths.
    pub score: i64,
    /// The score at which it raises an alarm, in thousandths.
    pub threshold: i64,
    /// Why it was stopped, how hard it is now, and until when; `None` when it is not.
    pub block: Option<(Alarm, Rung, Option<Timestamp>)>,
}

/// Says what a start would come to.
pub struct ExplainStart {
    judge: Judge,
    records: Arc<Records>,
    limits: Arc<dyn LimitStore>,
    scores: Arc<dyn GuardStore>,
}

impl ExplainStart {
    /// Wires the use case to its ports.
    pub fn new(records: &Arc<Records>, senders: &Arc<Senders>, guard: &Arc<Guard>, ports: &Ports) -> Self {
        Self {
            judge: Judge {
                records: Arc::clone(records),
                senders: Arc::clone(senders),
                guard: Arc::clone(guard),
                numbering: Arc::clone(&ports.numbering),
            },
            records: Arc::clone(records),
            limits: Arc::clone(&ports.limits),
            scores: Arc::clone(&ports.guard),
        }
    }

    /// The currency of prices and budgets; `None` when no prices are configured.
    pub fn currency(&self) -> Option<Currency> {
        self.records.rulebook.money.as_ref().map(|it| it.prices().currency())
    }

    /// Explains a start as `caller` would make it. `caller` must operate the app; the start is judged as if `asks_for`,
    /// or `caller` itself, had asked. What could never be sent is an error here as it is for a start: a malformed
    /// field, a country that is not allowed, no template.
    pub async fn execute(
        &self,
        caller: &Caller,
        asks_for: Option<&Caller>,
        request: &StartRequest,
    ) -> Result<StartExplanation, Error> {
        if !caller.may_use(&request.app) {
            return Err(Error::NotFound);
        }
        if !caller.may_operate(&request.app) {
            return Err(Error::MayNotOperate);
        }
        let mut case = self
            .judge
            .case(asks_for.unwrap_or(caller), request, self.records.clock.now())?;
        let outlook = self.judge.look(&mut case).await?;
        let (recipient, moment) = self.records.read(case.key).await?;
        // The salt is that of no record; nothing that is derived with it is shown.
        let fresh = || Recipient::new(request.app.clone(), request.purpose.clone(), Salt([0; 16]));
        let mut recipient = recipient.unwrap_or_else(fresh);
        let restraint = recipient.send_restraint(case.policy, moment.now);
        let resends = recipient.would_resend(&case.order, case.policy, &self.records.rulebook.keys, moment.now);
        let judgement = self.judge.judge(&case, &outlook, &mut recipient, &moment);
        let costs = match &judgement {
            Ok(judgement) if judgement.claim.is_some() => judgement.costs.clone(),
            // Nothing would be sent: what a message would cost if nothing but the limits stood in its way.
            _ => {
                let outcome = if resends {
                    StartOutcome::Resent
                } else {
                    StartOutcome::Opened
                };
                let clearance = self.judge.guard.clear(&outlook, &case.subject(), moment.charged_at);
                self.judge.costs(&case, outcome, &clearance.unwrap_or_default())
            }
        };
        let held = self.limits.peek(&costs.charges).await?;
        let verdict = judgement.and_then(|it| match weighed(&costs.charges, &held, moment.charged_at) {
            Taken::Refused(refusal) if it.claim.is_some() => match refused(&costs.charges, refusal) {
                Some(error) => Err(self.judge.told(error, &case, &outlook, moment.charged_at)),
                None => Ok(it.outcome),
            },
            _ => Ok(it.outcome),
        });
        Ok(StartExplanation {
            verdict,
            country: case.country,
            restraint,
            quotas: self.quotas(&costs, &held, moment.charged_at),
            buckets: self.buckets(&outlook, moment.charged_at).await?,
            price: costs.reserved(),
            is_returning: outlook.view.is_returning,
        })
    }

    fn quotas(&self, costs: &Costs, held: &[Option<LimitState>], now: Timestamp) -> Vec<ExplainedQuota> {
        let money = self.records.rulebook.money.as_ref();
        let explained = costs.charges.iter().zip(held).map(|(charge, state)| {
            let taken = take(*state, charge.quota, charge.amount, now);
            ExplainedQuota {
                rule: charge.rule,
                parts: charge.parts,
                quota: charge.quota,
                cost: charge.amount.get(),
                remaining: peek(*state, charge.quota, now),
                refuses: taken.is_err() && charge.mode == ChargeMode::Refuse,
                is_shadow: charge.mode == ChargeMode::Shadow,
                retry_after: taken.err().and_then(|it| it.retry_after),
                is_money: money.is_some_and(|it| it.budget(charge.rule).is_some()),
            }
        });
        explained.collect()
    }

    async fn buckets(&self, outlook: &Outlook, now: Timestamp) -> Result<Vec<ExplainedBucket>, Error> {
        let rulebook = &self.records.rulebook;
        let Some(settings) = rulebook.guard.as_ref().filter(|_| !outlook.buckets.is_empty()) else {
            return Ok(Vec::new());
        };
        let keys: Vec<_> = outlook.buckets.iter().map(|it| it.key(&rulebook.identity)).collect();
        let scores = self.scores.scores(&keys).await?;
        let explained = outlook.buckets.iter().enumerate().map(|(place, bucket)| {
            let stored = outlook.view.blocks.get(place).and_then(Option::as_ref);
            let block = stored.and_then(|it| {
                let rung = it.block.in_force(settings, now)?;
                Some((it.block.alarm, rung, it.block.ends_at(settings)))
            });
            ExplainedBucket {
                is_own: bucket.app.is_some(),
                area: bucket.area.name(),
                score: scores.get(place).copied().unwrap_or_default(),
                threshold: ALARM,
                block,
            }
        });
        Ok(explained.collect())
    }
}

/// What taking the charges would come to.
fn weighed(charges: &[Charge], held: &[Option<LimitState>], now: Timestamp) -> Taken {
    let known: BTreeMap<_, _> = charges.iter().map(|it| it.key).zip(held.iter().copied()).collect();
    weigh(charges, |key| known.get(&key).copied().flatten(), now).taken
}
