//! What a start would come to, as the admin service says it.

use countersign_domain::limit::Remaining;
use countersign_domain::money::Currency;
use countersign_domain::recipient::Restraint;
use countersign_domain::use_case::{ExplainedBucket, ExplainedQuota, StartExplanation};

use crate::convert::quota;
use crate::convert::response::{span, start_outcome, time};
use crate::errors;
use crate::v1;

/// The code of ISO 4217 for no currency.
const NO_CURRENCY: &str = "XXX";

/// Writes what a start would come to. `currency` is that of prices and budgets.
pub(crate) fn explain_response(explanation: &StartExplanation, currency: Option<Currency>) -> v1::ExplainStartResponse {
    let StartExplanation {
        verdict,
        country,
        restraint,
        quotas,
        buckets,
        price,
        is_returning,
    } = explanation;
    let currency = currency.as_ref().map_or(NO_CURRENCY, Currency::as_str);
    let (outcome, refusal) = match verdict {
        Ok(outcome) => (start_outcome(*outcome), None),
        Err(error) => (v1::StartOutcome::Unspecified, Some(errors::start_refusal(error))),
    };
    let restrained = |Restraint { rule, until }: &Restraint| v1::RecipientRestraint {
        rule: rule.to_string(),
        end_time: Some(time(*until)),
    };
    v1::ExplainStartResponse {
        outcome: outcome.into(),
        refusal,
        country: country.map(|it| it.to_string()).unwrap_or_default(),
        restraint: restraint.as_ref().map(restrained),
        quotas: quotas.iter().map(|it| standing(it, currency)).collect(),
        buckets: buckets.iter().map(bucket).collect(),
        price: price.map(|it| v1::Price {
            currency: currency.to_owned(),
            amount_micros: number(it.micros()),
        }),
        returning: *is_returning,
    }
}

fn standing(it: &ExplainedQuota, currency: &str) -> v1::QuotaStanding {
    let ExplainedQuota {
        rule,
        parts,
        quota,
        cost,
        remaining: Remaining { left, used, full_after },
        refuses,
        is_shadow,
        retry_after,
        is_money,
    } = it;
    let (text, currency) = if *is_money {
        (quota::budget(*quota, currency), currency)
    } else {
        (quota::quota(*quota), "")
    };
    v1::QuotaStanding {
        rule: rule.to_string(),
        key: parts.to_string(),
        quota: text,
        cost: number(*cost),
        used: number(*used),
        left: number(*left),
        reset_after: Some(span(*full_after)),
        refuses: *refuses,
        shadow: *is_shadow,
        retry_after: retry_after.map(span),
        currency: currency.to_owned(),
    }
}

fn bucket(it: &ExplainedBucket) -> v1::GuardBucket {
    let ExplainedBucket {
        is_own,
        area,
        score,
        threshold,
        block,
    } = it;
    let scope = if *is_own {
        v1::GuardScope::App
    } else {
        v1::GuardScope::Service
    };
    v1::GuardBucket {
        scope: scope.into(),
        area: (*area).to_owned(),
        score: *score,
        threshold: *threshold,
        block: block.as_ref().map(|(alarm, rung, ends_at)| v1::GuardBlock {
            alarm: alarm.name().to_owned(),
            rung: rung.name().to_owned(),
            end_time: ends_at.map(time),
        }),
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};
    use std::time::Duration;

    use countersign_domain::country::CountryCode;
    use countersign_domain::guard::{Alarm, Rung};
    use countersign_domain::limit::{KeyPart, KeyParts, Quota, RuleLabel, RuleName, Window};
    use countersign_domain::money::Amount;
    use countersign_domain::time::Timestamp;
    use countersign_domain::use_case::Error;
    use countersign_domain::verification::StartOutcome;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_700_000_000_000);

    fn explanation(verdict: Result<StartOutcome, Error>) -> StartExplanation {
        StartExplanation {
            verdict,
            country: CountryCode::parse("BR"),
            restraint: None,
            quotas: Vec::new(),
            buckets: Vec::new(),
            price: Some(Amount::from_micros(31_500)),
            is_returning: true,
        }
    }

    fn explained(quota: Quota, is_money: bool) -> ExplainedQuota {
        ExplainedQuota {
            rule: RuleName::Named(RuleLabel::parse("daily").unwrap()),
            parts: KeyParts::of(&[KeyPart::App]),
            quota,
            cost: 31_500,
            remaining: Remaining {
                left: 7,
                used: u64::MAX,
                full_after: Duration::from_millis(1_500),
            },
            refuses: true,
            is_shadow: false,
            retry_after: None,
            is_money,
        }
    }

    #[test]
    fn an_explanation_is_written_whole() {
        let mut it = explanation(Ok(StartOutcome::Resent));
        it.restraint = Some(Restraint {
            rule: RuleName::SendWait,
            until: NOW,
        });
        it.buckets = vec![ExplainedBucket {
            is_own: false,
            area: "country",
            score: 14_200,
            threshold: 14_000,
            block: Some((Alarm::Conversion, Rung::Manual, None)),
        }];
        let said = explain_response(&it, Currency::parse("USD").ok());
        assert_eq!(
            (said.outcome(), &said.refusal, said.country.as_str(), said.returning),
            (v1::StartOutcome::Resent, &None, "BR", true)
        );
        let price = said.price.unwrap();
        assert_eq!((price.currency.as_str(), price.amount_micros), ("USD", 31_500));
        assert_eq!(said.restraint.unwrap().end_time, Some(time(NOW)));
        let bucket = &said.buckets[0];
        assert_eq!((bucket.scope(), bucket.score), (v1::GuardScope::Service, 14_200));
        let block = bucket.block.clone().unwrap();
        assert_eq!(
            (block.alarm.as_str(), block.rung.as_str(), block.end_time),
            ("conversion", "manual", None)
        );
    }

    #[test]
    fn a_quota_of_money_has_a_currency_and_one_of_things_has_none() {
        let day = Quota::Budget {
            amount: NonZeroU64::new(25_000_000).unwrap(),
            window: Window::DAY,
        };
        let money = standing(&explained(day, true), "EUR");
        assert_eq!(
            (money.quota.as_str(), money.currency.as_str(), money.cost),
            ("25.00 EUR/day", "EUR", 31_500)
        );
        assert_eq!((money.used, money.left), (i64::MAX, 7), "the wire has no larger number");
        assert_eq!(money.reset_after, Some(span(Duration::from_millis(1_500))));
        let rate = Quota::Rate {
            burst: NonZeroU32::new(5).unwrap(),
            interval: Duration::from_secs(120),
        };
        let things = standing(&explained(rate, false), "EUR");
        assert_eq!(
            (things.quota.as_str(), things.currency.as_str(), things.key.as_str()),
            ("5/10m", "", "app")
        );
    }

    #[test]
    fn a_refusal_is_data() {
        let error = Error::Blocked {
            area: "country",
            alarm: "conversion",
            retry_after: None,
        };
        let said = explain_response(&explanation(Err(error)), None);
        let refusal = said.refusal.unwrap();
        assert_eq!(
            (refusal.reason.as_str(), refusal.area.as_str(), refusal.alarm.as_str()),
            (crate::reason::BLOCKED_BY_GUARD, "country", "conversion")
        );
        assert_eq!(said.outcome, i32::from(v1::StartOutcome::Unspecified));
    }
}
