//! A provider tells everything several times and in any order: where each message ends, and what becomes of the
//! verification, is what came of the one true order.

use countersign_domain::delivery::{DeliveryReport, DeliveryState, NextStep, Rejection};
use countersign_domain::ports::Accepted;
use countersign_domain::recipient::Recipient;
use countersign_domain::use_case::ReportedDelivery;
use countersign_domain::verification::{EndReason, Verification, VerificationState};
use countersign_testkit::fixture;
use countersign_testkit::random::seed_or;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use crate::Walk;
use crate::posts::failed_with;

/// How many histories are replayed.
const HISTORIES: u64 = 2_000;
/// How often each status is told.
const TELLINGS: usize = 5;
/// The most that one post says.
const POST_MAX: usize = 8;

/// What became of one message, in the order in which it did.
type Story = Vec<DeliveryReport>;

/// A verification of one or two messages, some of them held, and some whose answer was lost. With a third, whether one
/// that failed is tried again depends on how many failures are known by then, and so on the order.
async fn sent(seed: u64) -> Walk {
    let mut rng = StdRng::seed_from_u64(seed);
    let walk = Walk::still();
    for message in 0..rng.random_range(1..=2) {
        let answer = match rng.random_range(0..6) {
            0 => Ok(Accepted {
                held: true,
                message: None,
                number: None,
            }),
            1 => Err(NextStep::Uncertain),
            _ => Ok(Accepted {
                held: false,
                message: None,
                number: None,
            }),
        };
        walk.house.messenger.answer_next(answer);
        walk.start().await.expect("the waits are over");
        walk.wait(60 << message);
    }
    walk
}

/// What becomes of each message: the ways that Meta is known to tell of, and some that skip what came before.
fn stories(rng: &mut StdRng, messages: usize) -> Vec<Story> {
    use DeliveryReport::{Delivered, Read, Sent};
    let (never, later) = (
        failed_with(NextStep::Rejected(Rejection::Undeliverable)),
        failed_with(NextStep::Unavailable),
    );
    let told = [
        vec![Sent, Delivered, Read],
        vec![Sent, Delivered],
        vec![Sent],
        vec![Sent, Read],
        vec![Delivered, Read],
        vec![Read],
        vec![never.clone()],
        vec![Sent, never.clone()],
        vec![later.clone()],
        vec![Sent, later],
        vec![never.clone(), Delivered],
        vec![Sent, never, Delivered, Read],
    ];
    (0..messages)
        .map(|_| told[rng.random_range(0..told.len())].clone())
        .collect()
}

/// Whether a message failed and arrived all the same. Then the verification may have ended in between, or not.
fn is_contradictory(story: &Story) -> bool {
    let failed = |it: &DeliveryReport| matches!(it, DeliveryReport::Failed { .. });
    story.iter().any(failed) && !story.last().is_some_and(failed)
}

/// Everything that is told, in the true order.
fn in_order(references: &[String], stories: &[Story]) -> Vec<ReportedDelivery> {
    let told = references.iter().zip(stories);
    told.flat_map(|(reference, story)| {
        story
            .iter()
            .map(|report| ReportedDelivery::new(Some(reference.clone()), report.clone()))
    })
    .collect()
}

/// Tells everything several times, in any order, in posts of any length; no end is ever taken back.
async fn replay(walk: &Walk, told: &[ReportedDelivery], rng: &mut StdRng) {
    let mut tellings: Vec<_> = (0..TELLINGS).flat_map(|_| told.to_vec()).collect();
    tellings.shuffle(rng);
    let mut end = None;
    while !tellings.is_empty() {
        let length = rng.random_range(1..=POST_MAX).min(tellings.len());
        let post = tellings.drain(..length).collect();
        for applied in walk.hears_post(post).await {
            applied.expect("the store is there");
        }
        let state = recipient(walk).await.newest().expect("one is there").state;
        assert!(end.is_none_or(|end| end == state), "an end was taken back");
        end = end.or_else(|| state.ended_at().map(|_| state));
    }
}

async fn recipient(walk: &Walk) -> Recipient {
    walk.stored(&fixture::phone()).await.expect("a record")
}

/// Where each of the messages ended, in the order in which they were sent.
fn ends(recipient: &Recipient, messages: usize) -> Vec<DeliveryState> {
    let deliveries = recipient.verifications.iter().flat_map(|it| &it.deliveries);
    deliveries.take(messages).map(|it| it.state).collect()
}

fn reason(recipient: &Recipient) -> Option<EndReason> {
    recipient.newest().and_then(Verification::end_reason)
}

#[tokio::test]
async fn every_status_told_five_times_in_random_order_comes_to_the_same_end() {
    let first = seed_or(1);
    println!("seeds {first} to {}", first + HISTORIES - 1);
    let (mut contradictory, mut failed, mut tried_again) = (0, 0, 0);
    for seed in first..first + HISTORIES {
        let (once, over_and_over) = (sent(seed).await, sent(seed).await);
        let references = once.references();
        assert_eq!(references, over_and_over.references(), "COUNTERSIGN_SEED={seed}");
        let mut rng = StdRng::seed_from_u64(!seed);
        let stories = stories(&mut rng, references.len());
        let told = in_order(&references, &stories);
        once.hears_post(told.clone()).await;
        replay(&over_and_over, &told, &mut rng).await;

        let (right, found) = (recipient(&once).await, recipient(&over_and_over).await);
        let count = references.len();
        assert_eq!(
            ends(&found, count),
            ends(&right, count),
            "COUNTERSIGN_SEED={seed}: {stories:?}"
        );
        if stories.iter().any(is_contradictory) {
            contradictory += 1;
            continue;
        }
        assert_eq!(found, right, "COUNTERSIGN_SEED={seed}: {stories:?}");
        let newest = right.newest().expect("one is there");
        failed += usize::from(matches!(newest.state, VerificationState::Failed { .. }));
        tried_again += usize::from(newest.deliveries.len() > count);

        // Told once more when everything is over, it says no more than it did.
        for walk in [&once, &over_and_over] {
            walk.house
                .messenger
                .answer_always(Err(NextStep::Rejected(Rejection::Undeliverable)));
            walk.wait(3_600);
            walk.wake().await;
        }
        replay(&over_and_over, &told, &mut rng).await;
        let (right, found) = (recipient(&once).await, recipient(&over_and_over).await);
        assert_eq!(found, right, "COUNTERSIGN_SEED={seed}: {stories:?}, told late");
        assert!(reason(&found).is_some(), "COUNTERSIGN_SEED={seed}: it never ended");
    }
    println!("{contradictory} contradictory, {failed} that failed, {tried_again} that were tried again");
    let rarest = [contradictory, failed, tried_again]
        .into_iter()
        .min()
        .unwrap_or_default();
    assert!(rarest as u64 > HISTORIES / 50, "something hardly ever happened");
}
