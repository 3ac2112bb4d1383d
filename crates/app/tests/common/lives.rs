//! The lives of verifications that are resent and guessed at in parallel.

use std::sync::Arc;
use std::time::Duration;

use countersign_grpc::v1::{DeliveryState, VerificationState};
use tokio::task::{JoinSet, LocalSet};

use crate::common::calls::other_than;
use crate::common::crowd::{Crowd, Tally, phone};
use crate::common::meta::Meta;
use countersign_testkit::wait::{eventually, eventually_every};

/// The shortest waits there may be: Meta takes one message in 6 s to the same person.
pub(crate) const SHORTEST_WAITS: &str = "send_waits = [\"6s\", \"6s\", \"6s\"]";
/// Starts for each in each round.
const STARTS: usize = 10;
/// How often each looks whether a resend is allowed.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Starts and guesses wrong for one person, all at once: what was answered.
async fn round(crowd: &Arc<Crowd>, person: u64, id: &str, wrong: &str, guesses: usize) -> Tally {
    let mut calls = JoinSet::new();
    for index in 0..STARTS + guesses {
        let (crowd, id, wrong) = (Arc::clone(crowd), id.to_owned(), wrong.to_owned());
        calls.spawn(async move {
            if index % 5 == 4 && index / 5 < guesses {
                crowd.check(&id, &wrong).await
            } else {
                let (outcome, verification) = crowd.start("shop", &phone(person)).await;
                assert_eq!(verification.id, id, "another verification took its place");
                outcome
            }
        });
    }
    let mut tally = Tally::new();
    while let Some(outcome) = calls.join_next().await {
        *tally.entry(outcome.unwrap()).or_default() += 1;
    }
    tally
}

/// One person: three messages under one id, four wrong guesses between them, and the right code at the end.
async fn live(crowd: Arc<Crowd>, meta: Arc<Meta>, person: u64) -> Tally {
    let (outcome, opened) = crowd.start("shop", &phone(person)).await;
    assert_eq!(outcome, "OPENED");
    let code = meta.code_for(&phone(person)).await;
    let wrong = other_than(&code);
    let mut all = Tally::new();
    for messages in 2..=3 {
        eventually_every(LOOK_EVERY, "that a resend is allowed", async || {
            let verification = crowd.get(&opened.id).await;
            verification.send.unwrap().allowed.then_some(())
        })
        .await;
        let tally = round(&crowd, person, &opened.id, &wrong, 2).await;
        let expected = Tally::from([("RESENT", 1), ("JOINED", STARTS as u64 - 1), ("INCORRECT", 2)]);
        assert_eq!(tally, expected);
        for (outcome, count) in tally {
            *all.entry(outcome).or_default() += count;
        }
        let seen = crowd.get(&opened.id).await;
        assert_eq!(
            (seen.state(), seen.deliveries.len()),
            (VerificationState::Open, messages)
        );
        assert_eq!(seen.guesses_left, 5 - 2 * (i32::try_from(messages).unwrap() - 1));
    }
    eventually("the last message", async || {
        let seen = crowd.get(&opened.id).await;
        let last = seen.deliveries.last()?.state();
        (last == DeliveryState::Accepted).then_some(())
    })
    .await;
    let sent = meta.phone.messages_to(&phone(person));
    assert!(
        sent.len() == 3 && sent.iter().all(|it| it.code == code),
        "three messages, one code"
    );
    let outcome = crowd.check(&opened.id, &code).await;
    assert_eq!(outcome, "APPROVED");
    all.insert(outcome, 1);
    all
}

/// Lives as many lives, all at the same time: what was answered.
pub(crate) async fn live_all(crowd: &Arc<Crowd>, meta: &Arc<Meta>, people: u64) -> Tally {
    // Each person waits and looks here; the calls of a round run on every thread.
    let (local, mut lives) = (LocalSet::new(), JoinSet::new());
    for person in 0..people {
        lives.spawn_local_on(live(Arc::clone(crowd), Arc::clone(meta), person), &local);
    }
    let mut all = Tally::new();
    while let Some(tally) = local.run_until(lives.join_next()).await {
        for (outcome, count) in tally.unwrap() {
            *all.entry(outcome).or_default() += count;
        }
    }
    all
}
