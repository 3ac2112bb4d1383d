//! Several charges at once are taken whole or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_domain::limit::{
    self, Charge, ChargeMode, KeyParts, LimitKey, LimitState, Quota, Refusal, RuleName, Taken,
};
use countersign_domain::time::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::{HISTORIES, SECOND, any_quota, any_state, eve, many, seeded};

fn any_charges(random: &mut StdRng, quotas: &[Quota]) -> Vec<Charge> {
    let modes = [
        ChargeMode::Refuse,
        ChargeMode::Refuse,
        ChargeMode::Shadow,
        ChargeMode::Always,
    ];
    let one = |random: &mut StdRng| {
        let key = random.random_range(0..quotas.len());
        Charge {
            rule: RuleName::UnansweredSends,
            parts: KeyParts::EVERYTHING,
            key: LimitKey::from_bytes([u8::try_from(key).unwrap(); 16]),
            quota: quotas[key],
            amount: many(random.random_range(1..=4)),
            mode: modes[random.random_range(0..modes.len())],
        }
    };
    (0..random.random_range(0..=6)).map(|_| one(random)).collect()
}

/// Written down once more, as simply as can be: in turn, on a copy.
fn weighed_in_turn(
    charges: &[Charge],
    held: &BTreeMap<LimitKey, LimitState>,
    now: Timestamp,
) -> (BTreeMap<LimitKey, LimitState>, Vec<bool>, Option<Refusal>) {
    let mut states = held.clone();
    let (mut over, mut refusals) = (Vec::new(), Vec::new());
    for (place, charge) in charges.iter().enumerate() {
        let state = states.get(&charge.key).copied();
        let taken = limit::take(state, charge.quota, charge.amount, now);
        over.push(taken.is_err());
        match (taken, charge.mode) {
            (Ok(after), _) => drop(states.insert(charge.key, after)),
            (Err(_), ChargeMode::Always) => {
                let after = limit::take_anyway(state, charge.quota, charge.amount, now);
                states.insert(charge.key, after);
            }
            (Err(_), ChargeMode::Shadow) => {}
            (Err(refused), ChargeMode::Refuse) => {
                let retry_after = refused.retry_after;
                refusals.push(Refusal { place, retry_after });
            }
        }
    }
    let longest = |it: &Refusal| (it.retry_after.unwrap_or(Duration::MAX), std::cmp::Reverse(it.place));
    (states, over, refusals.into_iter().max_by_key(longest))
}

#[test]
fn charges_are_taken_whole_or_not_at_all_and_the_refusal_named_waits_longest() {
    let mut random = seeded();
    let (mut all, mut none) = (0, 0);
    for _ in 0..HISTORIES * 10 {
        let quotas: Vec<_> = (0..4).map(|_| any_quota(&mut random)).collect();
        let mut held = BTreeMap::new();
        for (key, quota) in (0..).zip(&quotas) {
            if let (Some(state), _) = any_state(&mut random, *quota, ChargeMode::Refuse) {
                held.insert(LimitKey::from_bytes([key; 16]), state);
            }
        }
        let charges = any_charges(&mut random, &quotas);
        let now = eve().plus(SECOND.mul_f64(random.random_range(0.0..500.0)));
        let weighed = limit::weigh(&charges, |key| held.get(&key).copied(), now);
        let (states, over, refusal) = weighed_in_turn(&charges, &held, now);
        let place = format!("{charges:?} on {held:?} at {now:?}");
        match weighed.taken {
            Taken::All(standings) => {
                all += 1;
                assert_eq!(refusal, None, "{place}");
                let is_over: Vec<_> = standings.iter().map(|it| it.is_over).collect();
                assert_eq!(is_over, over, "{place}");
                held.extend(weighed.states);
                assert_eq!(held, states, "{place}");
                for (charge, standing) in charges.iter().zip(standings) {
                    assert!(!standing.is_over || charge.mode != ChargeMode::Refuse, "{place}");
                }
            }
            Taken::Refused(named) => {
                none += 1;
                assert_eq!(Some(named), refusal, "{place}");
                assert_eq!(charges[named.place].mode, ChargeMode::Refuse, "{place}");
                assert!(weighed.states.is_empty(), "{place}");
            }
        }
    }
    assert!(all > HISTORIES && none > HISTORIES, "{all} taken, {none} refused");
}
