//! Shared limits on Redis: one string each, charged in one script.
//!
//! A rate is kept as the moment it is full again, in milliseconds; a budget as `window:used`. A limit without a key is
//! full. What a charge costs is worked out here and added up there, so that parallel charges of any instance count one
//! after the other. On one node every charge of a start goes in one call; their keys may be in different slots, so a
//! cluster will want one call per shard.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::limit::{self, Charge, LimitState, Quota, Remaining};
use countersign_domain::ports::{LimitStore, StoreError, Taken};
use countersign_domain::time::Timestamp;
use redis::{Script, ScriptInvocation, cmd};

use crate::keys::{Keys, LIMIT_GRACE};
use crate::link::{Link, Trouble};

pub(crate) static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/take.lua")));
pub(crate) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/give_back.lua")));

/// The largest span and moment a script tells apart, in milliseconds: 140,000 years. Numbers are doubles there, exact
/// to twice of it.
const SPAN_MAX: u64 = 1 << 52;

/// Keeps the state of shared limits on Redis. Every call is one round trip.
#[derive(Debug)]
pub struct RedisLimits {
    pub(crate) link: Arc<Link>,
    pub(crate) keys: Arc<Keys>,
}

#[async_trait]
impl LimitStore for RedisLimits {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        if charges.is_empty() {
            return Ok(Taken::All);
        }
        let answer: Vec<i64> = self.link.run(&self.charging(&TAKE, charges, now)).await?;
        let place = answer.first().and_then(|place| usize::try_from(*place).ok());
        match (place, answer.get(1)) {
            (Some(0), None) => Ok(Taken::All),
            (Some(place @ 1..), Some(wait)) if place <= charges.len() => Ok(Taken::Refused {
                rule: charges[place - 1].rule,
                retry_after: u64::try_from(*wait).ok().map(Duration::from_millis),
            }),
            _ => Err(Trouble::Failed("the script of charges answered something else".to_owned()).into()),
        }
    }

    async fn give_back(&self, charges: &[Charge], now: Timestamp) -> Result<(), StoreError> {
        if charges.is_empty() {
            return Ok(());
        }
        let () = self.link.run(&self.charging(&GIVE_BACK, charges, now)).await?;
        Ok(())
    }

    async fn peek(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Remaining>, StoreError> {
        if charges.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = cmd("MGET");
        for charge in charges {
            query.arg(self.keys.limit(charge.key));
        }
        let states: Vec<Option<String>> = self.link.ask(&query).await?;
        let remaining = charges.iter().zip(states).map(|(charge, state)| {
            let state = state.and_then(|text| read(&text));
            limit::peek(state, charge.quota, now)
        });
        Ok(remaining.collect())
    }
}

impl RedisLimits {
    fn charging<'a>(&self, script: &'a Script, charges: &[Charge], now: Timestamp) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.arg(now.unix_millis().min(SPAN_MAX)).arg(LIMIT_GRACE);
        for charge in charges {
            call.key(self.keys.limit(charge.key));
            let amount = u64::from(charge.amount.get());
            match charge.quota {
                Quota::Rate { burst, interval } => {
                    let step = millis(interval);
                    let all = step.saturating_mul(u64::from(burst.get())).min(SPAN_MAX);
                    call.arg("rate")
                        .arg(all)
                        .arg(step.saturating_mul(amount).min(SPAN_MAX + 1))
                        .arg(0);
                }
                Quota::Budget {
                    amount: allowed,
                    window,
                } => {
                    call.arg("budget").arg(allowed.get()).arg(amount).arg(millis(window));
                }
            }
        }
        call
    }
}

/// A state as the scripts write it. What is neither is none: a rule whose shape was changed starts anew.
fn read(text: &str) -> Option<LimitState> {
    if let Some((window, used)) = text.split_once(':') {
        return Some(LimitState::Budget {
            window: window.parse().ok()?,
            used: used.parse().ok()?,
        });
    }
    Some(LimitState::Rate {
        full_at: Timestamp::from_unix_millis(text.parse().ok()?),
    })
}

/// Whole milliseconds, at least one, as the domain counts them.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).clamp(1, SPAN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_the_scripts_write_them() {
        let full_at = Timestamp::from_unix_millis(1_763_771_234_567);
        assert_eq!(read("1763771234567"), Some(LimitState::Rate { full_at }));
        assert_eq!(
            read("20414:3"),
            Some(LimitState::Budget {
                window: 20_414,
                used: 3
            })
        );
        for odd in ["", ":", "a", "1:", ":1", "-5"] {
            assert_eq!(read(odd), None, "{odd:?}");
        }
    }
}
