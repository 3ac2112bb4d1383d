//! A post comes to the same as its statuses one after the other, whatever they are and in whatever order.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_domain::delivery::{DeliveryReport, DeliveryState, Fault, NextStep, ProviderReport, Rejection};
use countersign_domain::event::Event;
use countersign_domain::ports::Random;
use countersign_domain::recipient::Recipient;
use countersign_domain::reference::DeliveryReference;
use countersign_domain::use_case::{Applied, Error, Ports, ReportedDelivery, UseCases};
use countersign_testkit::fixture;
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::Walk;
use crate::posts::{failed_with, to};

/// How many posts are told in both ways.
const POSTS: u64 = 2_000;

/// Always draws the same, so that two walks that draw differently often still come to the same.
struct Still;

impl Random for Still {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

impl Walk {
    pub(crate) fn still() -> Self {
        let mut walk = Self::new();
        let ports = Ports {
            random: Arc::new(Still),
            ..walk.house.ports.clone()
        };
        walk.house.use_cases = UseCases::new(&walk.house.rulebook, &ports);
        walk
    }
}

/// A few verifications of two recipients, by that seed, some of them with more than one message.
async fn prepared(seed: u64) -> Walk {
    let mut rng = StdRng::seed_from_u64(seed);
    let walk = Walk::still();
    for _ in 0..rng.random_range(1..=5) {
        match rng.random_range(0..8) {
            0 => walk.house.messenger.answer_next(Err(NextStep::Uncertain)),
            1 => walk.house.messenger.answer_next(Err(NextStep::Unavailable)),
            _ => {}
        }
        // What is refused is refused in both walks.
        let started = walk.start_as(to(fixture::phone_number(rng.random_range(1..=2)))).await;
        if let (Ok(started), true) = (started, rng.random_bool(0.2)) {
            let newest = walk.house.messenger.sent().pop().expect("a message was sent");
            let _ = walk.check(started.view.id, &newest.code).await;
        }
        walk.wait([1, 30, 61, 300][rng.random_range(0..4)]);
        if rng.random_bool(0.5) {
            walk.wake().await;
        }
    }
    walk
}

/// A post about what was sent, and now and then about what was not.
fn random_post(rng: &mut StdRng, sent: &[String]) -> Vec<ReportedDelivery> {
    let (identity, environment) = (fixture::identity(), fixture::environment());
    let reports = (0..rng.random_range(1..=12)).map(|_| {
        let ours = &sent[rng.random_range(0..sent.len())];
        let reference = match rng.random_range(0..16) {
            0 => None,
            1 => Some("somebody else's".to_owned()),
            2 => Some(fixture::reference(1)),
            3 => {
                let ours = DeliveryReference::open(&identity, &environment, ours).expect("ours");
                let unknown = DeliveryReference { delivery: 99, ..ours };
                Some(unknown.seal(&identity, &environment))
            }
            _ => Some(ours.clone()),
        };
        let report = match rng.random_range(0..8) {
            0 | 1 => DeliveryReport::Sent,
            2 | 3 => DeliveryReport::Delivered,
            4 => DeliveryReport::Read,
            5 => failed_with(NextStep::Rejected(Rejection::Undeliverable)),
            6 => failed_with(NextStep::Unavailable),
            _ => failed_with(NextStep::Misconfigured(Fault::Account)),
        };
        ReportedDelivery::new(reference, report)
    });
    reports.collect()
}

/// Everything that can be seen once a post was applied: what is stored, what was told, and what a start then meets.
#[derive(Debug, PartialEq)]
struct Aftermath {
    records: Vec<Option<Recipient>>,
    applied: Vec<String>,
    ended: Vec<String>,
    /// Where each message ended, whatever was told of its way there.
    last_moves: BTreeMap<(String, u16), (DeliveryState, Option<ProviderReport>)>,
    ignored: usize,
    next_start: String,
}

impl Aftermath {
    async fn of(walk: &Walk, applied: Vec<Result<Vec<Applied>, Error>>) -> Self {
        let mut records = Vec::new();
        for n in [1, 2] {
            records.push(walk.stored(&fixture::phone_number(n)).await);
        }
        let applied = applied.into_iter().flat_map(|it| it.expect("the store is there"));
        let mut aftermath = Self {
            records,
            applied: applied.map(|it| format!("{it:?}")).collect(),
            ended: Vec::new(),
            last_moves: BTreeMap::new(),
            ignored: 0,
            next_start: String::new(),
        };
        for event in walk.house.recorder.take() {
            match event {
                Event::DeliveryMoved {
                    subject,
                    delivery,
                    to,
                    report,
                    ..
                } => {
                    let name = (subject.verification.to_string(), delivery);
                    aftermath.last_moves.insert(name, (to, report));
                }
                Event::ReportIgnored { .. } => aftermath.ignored += 1,
                // Said of what a write changed: one after the other, an earlier write may have presumed it dropped.
                // And what is said of a sender is said with each failure, however many a write brings.
                Event::UncertainSettled { .. } | Event::SenderShut { .. } => {}
                // An expiry that is written late says what was known at that write. One after the other, a report
                // that comes second is not known yet; at once, it is. What is stored says the same either way.
                Event::Ended { subject, state, .. } => aftermath.ended.push(format!("{subject:?} {state:?}")),
                event => panic!("{event:?}"),
            }
        }
        aftermath.applied.sort();
        aftermath.ended.sort();
        let next = walk.start_as(to(fixture::phone_number(9))).await;
        aftermath.next_start = format!("{:?}", next.map(|it| it.outcome));
        aftermath
    }
}

#[tokio::test]
async fn a_post_comes_to_the_same_as_its_statuses_one_after_the_other() {
    let first = seed_or(1);
    println!("seeds {first} to {}", first + POSTS - 1);
    let (mut several_moves, mut new_messages, mut ends) = (0, 0, 0);
    for seed in first..first + POSTS {
        let (together, one_by_one) = (prepared(seed).await, prepared(seed).await);
        let sent = together.references();
        assert_eq!(sent, one_by_one.references(), "COUNTERSIGN_SEED={seed}");
        let post = random_post(&mut StdRng::seed_from_u64(!seed), &sent);
        for walk in [&together, &one_by_one] {
            walk.house.recorder.take();
        }

        let at_once = together.hears_post(post.clone()).await;
        let mut in_turn = Vec::new();
        for report in post.clone() {
            in_turn.extend(one_by_one.hears_post(vec![report]).await);
        }

        let moves = |it: &Vec<Applied>| it.iter().filter(|it| **it == Applied::Moved).count();
        several_moves += usize::from(at_once.iter().flatten().any(|it| moves(it) > 1));
        let (at_once, in_turn) = (
            Aftermath::of(&together, at_once).await,
            Aftermath::of(&one_by_one, in_turn).await,
        );
        assert_eq!(at_once, in_turn, "COUNTERSIGN_SEED={seed}: {post:?}");
        let due = |(state, _): &(DeliveryState, _)| matches!(state, DeliveryState::Due { .. });
        new_messages += usize::from(at_once.last_moves.values().any(due));
        ends += usize::from(!at_once.ended.is_empty());
    }
    println!("{several_moves} with several moves of a recipient, {new_messages} with new messages, {ends} with ends");
    let rarest = [several_moves, new_messages, ends]
        .into_iter()
        .min()
        .unwrap_or_default();
    assert!(rarest as u64 > POSTS / 50, "something hardly ever happened");
}
