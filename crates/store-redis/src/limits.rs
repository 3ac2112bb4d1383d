//! Shared limits on Redis: one string each, charged in one script.
//!
//! A rate is kept as the moment it is full again, in milliseconds; a budget as `window:used`; unfinished things as
//! `newest/a,b,c`: the number of the newest slice, how many began in it, in the one before it, and so on, without the
//! zeros at the end. A limit without a key is full, and a state of another shape is none. What a charge costs and where
//! it is in the calendar is worked out here and added up there, so that parallel charges of any instance count one
//! after the other.
//!
//! On one node every charge goes in one call, whatever their slots. A node of a cluster takes one slot at a time: there
//! charges are first weighed with what is held, so that a refusal changes nothing and names the longest wait. If none is
//! refused they go shard by shard, and when a shard refuses after all, because somebody was faster, what the shards
//! before it took is given back. Only then others may see for a moment what was never taken, and only then the refusal
//! is the longest of one shard.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use countersign_domain::limit::{
    self, AHEAD_MAX, COUNT_MAX, Charge, ChargeMode, LimitKey, LimitState, Quota, Refusal, SLICES, Standing, Taken,
};
use countersign_domain::ports::{GiveBack, LimitStore, StoreError};
use countersign_domain::time::Timestamp;
use redis::{Script, ScriptInvocation, Value, cmd, pipe};

use crate::keys::{Keys, LIMIT_GRACE};
use crate::link::{Link, Trouble};

pub(crate) static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/take.lua")));
pub(crate) static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/give_back.lua")));

/// Keeps the state of shared limits on Redis.
///
/// Every call is one round trip, whatever was taken when. On a cluster, charges of several shards are one more for each
/// shard they are in; a refusal is still one.
#[derive(Debug)]
pub struct RedisLimits {
    pub(crate) link: Arc<Link>,
    pub(crate) keys: Arc<Keys>,
}

#[async_trait]
impl LimitStore for RedisLimits {
    async fn take(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        match &self.groups(charges)[..] {
            [] => Ok(Taken::All(Vec::new())),
            [_] => self.take_at_once(charges, now).await,
            groups => self.take_by_group(charges, groups, now).await,
        }
    }

    async fn give_back(&self, owed: &[GiveBack], now: Timestamp) -> Result<(), StoreError> {
        let each = |it: &GiveBack| {
            it.charges
                .iter()
                .map(|charge| (*charge, it.taken_at))
                .collect::<Vec<_>>()
        };
        let owed: Vec<_> = owed.iter().flat_map(each).collect();
        for places in self.groups(owed.iter().map(|(charge, _)| charge)) {
            self.give_back_at_once(&chosen(&owed, &places), now).await?;
        }
        Ok(())
    }

    async fn peek(&self, charges: &[Charge]) -> Result<Vec<Option<LimitState>>, StoreError> {
        let groups = self.groups(charges);
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let mut queries = pipe();
        for places in &groups {
            let query = queries.cmd("MGET");
            for place in places {
                query.arg(self.keys.limit(charges[*place].key));
            }
        }
        let states: Vec<Vec<Option<Vec<u8>>>> = self.link.ask_all(&queries).await?;
        let mut held = vec![None; charges.len()];
        for (place, state) in groups.into_iter().flatten().zip(states.into_iter().flatten()) {
            let state = state.as_deref().and_then(read);
            held[place] = state.filter(|state| state.fits(charges[place].quota));
        }
        Ok(held)
    }

    async fn forget(&self, keys: &[LimitKey]) -> Result<u64, StoreError> {
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        for key in keys {
            let group = self.link.is_cluster().then(|| key.shard(self.keys.shard_count()));
            groups.entry(group).or_default().push(self.keys.limit(*key));
        }
        let mut forgotten = 0;
        for group in groups.into_values() {
            let deleted: u64 = self.link.ask(cmd("DEL").arg(group)).await?;
            forgotten += deleted;
        }
        Ok(forgotten)
    }
}

impl RedisLimits {
    /// The places of the charges that may go in one call, call by call: all of them on one node, and those of one shard
    /// on a cluster, by the numbers of the shards.
    fn groups<'a>(&self, charges: impl IntoIterator<Item = &'a Charge>) -> Vec<Vec<usize>> {
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        let is_cluster = self.link.is_cluster();
        for (place, charge) in charges.into_iter().enumerate() {
            let shard = is_cluster.then(|| charge.key.shard(self.keys.shard_count()));
            groups.entry(shard).or_default().push(place);
        }
        groups.into_values().collect()
    }

    async fn take_at_once(&self, charges: &[Charge], now: Timestamp) -> Result<Taken, StoreError> {
        let mut script = TAKE.prepare_invoke();
        script.arg(exact(now.unix_millis())).arg(LIMIT_GRACE);
        for charge in charges {
            script.key(self.keys.limit(charge.key));
            add_charge(&mut script, charge, now);
        }
        let answer: Vec<Value> = self.link.run(&script).await?;
        answered(&answer, charges, now).ok_or_else(|| {
            let words = "the script that takes charges answered something else";
            Trouble::Failed(words.to_owned()).into()
        })
    }

    /// Each charge, and when it was taken.
    async fn give_back_at_once(&self, owed: &[(Charge, Timestamp)], now: Timestamp) -> Result<(), StoreError> {
        let mut script = GIVE_BACK.prepare_invoke();
        for (charge, taken_at) in owed {
            script.key(self.keys.limit(charge.key));
            add_return(&mut script, charge, *taken_at, now);
        }
        let () = self.link.run(&script).await?;
        Ok(())
    }

    /// Weighs the charges with what is held, then takes group after group. What was taken before a group refuses, or
    /// fails, is given back.
    async fn take_by_group(
        &self,
        charges: &[Charge],
        groups: &[Vec<usize>],
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let held: BTreeMap<_, _> = charges.iter().map(|it| it.key).zip(self.peek(charges).await?).collect();
        let weighed = limit::weigh(charges, |key| held.get(&key).copied().flatten(), now);
        if let Taken::Refused(refusal) = weighed.taken {
            return Ok(Taken::Refused(refusal));
        }
        let mut standings = vec![None; charges.len()];
        for places in groups {
            match self.take_at_once(&chosen(charges, places), now).await {
                Ok(Taken::All(of_group)) => {
                    for (place, standing) in places.iter().zip(of_group) {
                        standings[*place] = Some(standing);
                    }
                }
                refused => {
                    self.take_back(charges, &standings, now).await?;
                    return Ok(match refused? {
                        Taken::Refused(refusal) => Taken::Refused(Refusal {
                            place: places[refusal.place],
                            ..refusal
                        }),
                        Taken::All(standings) => Taken::All(standings),
                    });
                }
            }
        }
        Ok(Taken::All(standings.into_iter().flatten().collect()))
    }

    /// Gives back the charges that were taken: those with a standing, but for shadow charges that were left out.
    async fn take_back(
        &self,
        charges: &[Charge],
        standings: &[Option<Standing>],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let was_taken = |(charge, standing): (&Charge, &Option<Standing>)| {
            let is_left_out = |it: &Standing| it.is_over && charge.mode == ChargeMode::Shadow;
            standing.is_some_and(|it| !is_left_out(&it)).then_some(*charge)
        };
        let owed = GiveBack {
            charges: charges.iter().zip(standings).filter_map(was_taken).collect(),
            taken_at: now,
        };
        self.give_back(&[owed], now).await
    }
}

fn chosen<T: Copy>(all: &[T], places: &[usize]) -> Vec<T> {
    places.iter().map(|place| all[*place]).collect()
}

/// The arguments of a charge, as `take.lua` has them.
fn add_charge(script: &mut ScriptInvocation<'_>, charge: &Charge, now: Timestamp) {
    let now = told_apart(now);
    let mode = match charge.mode {
        ChargeMode::Refuse => "refuse",
        ChargeMode::Shadow => "shadow",
        ChargeMode::Always => "always",
    };
    let (amount, latest) = (charge.amount.get(), now.plus(AHEAD_MAX));
    let most = charge.quota.most();
    match charge.quota {
        Quota::Rate { burst, interval } => {
            let all = limit::rate_capacity(interval, burst, now);
            script.arg("rate").arg(mode).arg(all);
            script.arg(limit::rate_cost(interval, amount));
        }
        Quota::Budget { window, .. } => {
            let number = window.number(now);
            let ends = |number| exact(window.end(number).unix_millis());
            let place = [number, ends(number), ends(number + 1), window.number(latest)];
            script.arg("budget").arg(mode).arg(most).arg(exact(amount)).arg(&place);
        }
        Quota::Unfinished { life, .. } => {
            let slice = |at| limit::slice_of(at, life);
            let place = [slice(now), exact(limit::slice_length(life)), slice(latest)];
            script
                .arg("unfinished")
                .arg(mode)
                .arg(most)
                .arg(exact(amount))
                .arg(&place);
        }
    }
}

/// The five arguments of what is given back, as `give_back.lua` has them.
fn add_return(script: &mut ScriptInvocation<'_>, charge: &Charge, taken_at: Timestamp, now: Timestamp) {
    let (taken_at, now) = (told_apart(taken_at), told_apart(now));
    let amount = exact(charge.amount.get());
    let (shape, numbers) = match charge.quota {
        Quota::Rate { .. } => {
            let credit = limit::rate_credit(charge.quota, charge.amount, taken_at, now);
            let credit = u64::try_from(credit.as_millis()).unwrap_or(u64::MAX);
            ("rate", [exact(credit), 0, 0, 0])
        }
        Quota::Budget { window, .. } => ("budget", [amount, window.number(taken_at), 0, 0]),
        Quota::Unfinished { life, .. } => {
            let slice = |at| limit::slice_of(at, life);
            let slices = [amount, slice(taken_at), slice(now), slice(now.plus(AHEAD_MAX))];
            ("unfinished", slices)
        }
    };
    script.arg(shape).arg(&numbers);
}

/// What `take.lua` answered.
fn answered(answer: &[Value], charges: &[Charge], now: Timestamp) -> Option<Taken> {
    let (Value::Int(place), rest) = answer.split_first()? else {
        return None;
    };
    if let Some(place) = usize::try_from(*place).ok()?.checked_sub(1) {
        let [Value::Int(wait)] = rest else {
            return None;
        };
        let retry_after = u64::try_from(*wait).ok().map(Duration::from_millis);
        return Some(Taken::Refused(Refusal { place, retry_after }));
    }
    let standing = |(charge, pair): (&Charge, &[Value])| {
        let [state, Value::Int(is_over)] = pair else {
            return None;
        };
        let state = match state {
            Value::Int(full_at) => Some(LimitState::Rate {
                full_at: Timestamp::from_unix_millis(u64::try_from(*full_at).ok()?),
            }),
            Value::BulkString(state) => read(state),
            _ => return None,
        };
        let state = state.filter(|state| state.fits(charge.quota));
        Some(Standing {
            remaining: limit::peek(state, charge.quota, now),
            is_over: *is_over != 0,
        })
    };
    let (pairs, odd) = rest.as_chunks::<2>();
    if pairs.len() != charges.len() || !odd.is_empty() {
        return None;
    }
    let standings = charges
        .iter()
        .zip(pairs.iter().map(<[Value; 2]>::as_slice))
        .map(standing);
    standings.collect::<Option<_>>().map(Taken::All)
}

/// A state as the scripts write it; none when it is none.
fn read(text: &[u8]) -> Option<LimitState> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some((window, used)) = text.split_once(':') {
        return Some(LimitState::Budget {
            window: number(window)?,
            used: number(used)?,
        });
    }
    let Some((newest, amounts)) = text.split_once('/') else {
        let full_at = Timestamp::from_unix_millis(number(text)?);
        return Some(LimitState::Rate { full_at });
    };
    let mut begun = [0; SLICES];
    for (place, amount) in amounts.split(',').enumerate() {
        *begun.get_mut(place)? = number(amount)?.try_into().ok()?;
    }
    Some(LimitState::Unfinished {
        newest: number(newest)?,
        begun,
    })
}

/// Digits, of a number that counts exactly.
fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number)?;
    (number <= COUNT_MAX).then_some(number)
}

/// The moment, or the last one the scripts can count to.
fn told_apart(moment: Timestamp) -> Timestamp {
    moment.min(Timestamp::from_unix_millis(COUNT_MAX))
}

/// A number as the scripts can count it: they have doubles.
fn exact(number: u64) -> u64 {
    number.min(COUNT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_the_scripts_write_them() {
        let full_at = Timestamp::from_unix_millis(1_763_771_234_567);
        assert_eq!(read(b"1763771234567"), Some(LimitState::Rate { full_at }));
        let (window, used) = (20_414, 3);
        assert_eq!(read(b"20414:3"), Some(LimitState::Budget { window, used }));
        let unfinished = |begun| Some(LimitState::Unfinished { newest: 77, begun });
        assert_eq!(read(b"77/3,0,1"), unfinished([3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(
            read(b"77/0,0,0,0,0,0,0,0,0,0,4294967295").map(|it| it == unfinished([0; SLICES]).unwrap()),
            Some(false)
        );
        for odd in [
            "",
            ":",
            "a",
            "1:",
            ":1",
            "-5",
            "+5",
            "1:2:3",
            "9007199254740993",
            "77/",
            "/1",
            "7/1,",
            "7/4294967296",
            "7/1,2,3,4,5,6,7,8,9,10,11,12",
        ] {
            assert_eq!(read(odd.as_bytes()), None, "{odd:?}");
        }
    }
}
