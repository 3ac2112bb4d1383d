//! Somebody has codes sent to a block of numbers and gives none back.

use std::time::Duration;

use countersign_domain::guard::Rung;
use countersign_grpc::{Client, reason, v1};
use countersign_testkit::wait::PATIENCE;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::{Code, Status};

use crate::common::calls::{assert_refused, check, other_than, start, start_request};
use crate::hand::around;
use crate::solver::{guess, solve};
use crate::stage::{Stage, assert_limit, details, opened, phone, request_for, word};

/// The least time after which an unanswered send counts.
const MATURITY: Duration = Duration::from_secs(30);
/// How often the blocks are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Starts with an answer to a challenge.
pub(crate) async fn answered(
    client: &Client,
    phone: &str,
    purpose: &str,
    answer: &str,
) -> Result<v1::Verification, Status> {
    let mut request = request_for(phone, purpose);
    request.client = Some(v1::Client {
        challenge_answer: answer.to_owned(),
        ..v1::Client::default()
    });
    Ok(start(client, request).await?.verification.unwrap())
}

/// The challenge a start is refused with.
pub(crate) async fn challenge(client: &Client, phone: &str, area: &str) -> String {
    let status = start(client, start_request("shop", phone)).await.unwrap_err();
    assert_challenged(&status, area, "missing")
}

/// Demands that a challenge is asked for: the challenge.
#[track_caller]
fn assert_challenged(status: &Status, area: &str, refusal: &str) -> String {
    let details = assert_refused(status, Code::FailedPrecondition, reason::CHALLENGE_REQUIRED);
    assert_eq!((word(&details, "area"), word(&details, "refusal")), (area, refusal));
    assert!(!word(&details, "challenge_expire_time").is_empty());
    assert!(details.precondition_failure().is_some());
    word(&details, "challenge").to_owned()
}

impl Stage {
    /// Waits until the guard has what is looked for among its blocks, as long as a send takes to count.
    async fn block_where(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            let mut ticks = interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if let Some(found) = self.blocks().await.into_iter().find(&is_it) {
                    return found;
                }
            }
        };
        let Ok(found) = timeout(MATURITY + PATIENCE, looking).await else {
            panic!("{what} did not come; there is {:#?}", self.blocks().await);
        };
        found
    }

    /// Guesses wrong once at each of forty phones from this block on, which raises an alarm.
    pub(crate) async fn spray(&self, block: u32) {
        for number in 0..40 {
            let phone = phone(block + number / 20, number);
            let id = self.open(&phone).await.id;
            let wrong = other_than(&self.meta.code_for(&phone).await);
            assert_eq!(check(&self.client, &id, &wrong).await, v1::CheckOutcome::Incorrect);
        }
        self.block_where("a challenge", |it| it["area"] == "guesses" && it["app"] == "shop")
            .await;
    }
}

#[tokio::test]
async fn twenty_starts_of_a_block_may_be_unanswered_at_once_over_all_instances_and_one_given_back_makes_room() {
    let stage = Stage::begin(|_| {}).await;
    let other = stage.another().await;
    let clients = [stage.client.clone(), other.client().await];
    let person = phone(1, 9_999);
    stage.approve(&person).await;
    stage.wait_until_known(&person).await;
    let mut first = String::new();
    for number in 0..20 {
        let answer = start(&clients[number as usize % 2], start_request("shop", &phone(1, number))).await;
        let id = opened(answer).id;
        if number == 0 {
            first = id;
        }
    }
    for client in &clients {
        let refused = start(client, start_request("shop", &phone(1, 500))).await.unwrap_err();
        assert_limit(&refused, "unfinished_per_block", "number_block");
    }
    assert_eq!(stage.meta.phone.wait_until(21).await.len(), 21);
    // Another block has its own room, and who gave a code back before needs none.
    stage.open(&phone(2, 0)).await;
    let again = answered(&clients[1], &person, "payment", "").await.unwrap();
    assert_eq!(again.state(), v1::VerificationState::Open);
    stage.give_back(&first, &phone(1, 0)).await;
    stage.open(&phone(1, 500)).await;
    let refused = start(&clients[1], start_request("shop", &phone(1, 501)))
        .await
        .unwrap_err();
    assert_limit(&refused, "unfinished_per_block", "number_block");
}

#[tokio::test]
async fn sprayed_guesses_challenge_everybody_and_an_answer_passes_once_for_its_own_phone() {
    let stage = Stage::begin(|_| {}).await;
    let instance = stage.another().await;
    let other = instance.client().await;
    let person = phone(3, 9_999);
    stage.approve(&person).await;
    stage.spray(80).await;
    let sent = stage.meta.phone.accepted();

    // A program that solves nothing gets nothing, from no instance.
    let (stranger, another) = (phone(4, 1), phone(5, 1));
    let mut last = String::new();
    for client in [&stage.client, &other].into_iter().cycle().take(10) {
        last = challenge(client, &stranger, "guesses").await;
    }
    for (answer, refusal) in [("no-answer", "malformed"), (guess(&last).as_str(), "wrong")] {
        let status = answered(&other, &stranger, "sign_in", answer).await.unwrap_err();
        assert_challenged(&status, "guesses", refusal);
    }
    // Nor does a person: it is their phones that are guessed at.
    challenge(&other, &person, "guesses").await;
    assert_eq!(stage.meta.phone.accepted(), sent);

    // An answer is for one phone, whichever instance is asked, and for any purpose of the app, once.
    let answer = solve(&last);
    let status = answered(&stage.client, &another, "sign_in", &answer).await.unwrap_err();
    assert_challenged(&status, "guesses", "wrong");
    let verification = answered(&stage.client, &stranger, "sign_in", &answer).await.unwrap();
    let code = stage.meta.code_for(&stranger).await;
    assert!(
        code.len() >= 8,
        "a code of {} characters while guesses are sprayed",
        code.len()
    );
    for client in [&stage.client, &other] {
        let again = answered(client, &stranger, "payment", &answer).await.unwrap_err();
        let fresh = assert_challenged(&again, "guesses", "used");
        assert_ne!(fresh, last, "another one to be met");
    }
    assert_eq!(stage.meta.phone.accepted(), sent + 1);
    assert_eq!(check(&other, &verification.id, &code).await, v1::CheckOutcome::Approved);
}

#[tokio::test]
async fn codes_that_nobody_gives_back_bring_a_challenge_and_those_that_meet_it_and_give_none_back_a_stop() {
    let stage = Stage::begin(|plan| plan.guard += "\nunfinished_per_block_max = 40").await;
    let instance = stage.another().await;
    let other = instance.client().await;
    let (attacked, returning) = (phone(6, 9_999), phone(6, 9_998));
    stage.approve(&returning).await;
    stage.wait_until_known(&returning).await;
    // What took five minutes there, another instance has seen: a challenge, and one who meets it and gives nothing back.
    let challenged = phone(7, 1);
    let hand = stage.hand().await;
    hand.raise(around(&challenged), Rung::Challenge, Duration::from_secs(300))
        .await;
    hand.score(around(&challenged), 13_900).await;
    let text = challenge(&other, &challenged, "number_block_10000").await;
    answered(&stage.client, &challenged, "sign_in", &solve(&text))
        .await
        .unwrap();
    for number in 0..30 {
        stage.open(&phone(6, number)).await;
    }
    let sent = stage.meta.phone.wait_until(32).await.len() as u64;

    // Both count when they are thirty seconds old.
    let block = stage.block_where("a challenge", |it| {
        it["number_prefix"] == "+551197006" && it["app"] == "shop"
    });
    let block = block.await;
    assert_eq!(
        (&block["rung"], &block["alarm"]),
        (&"challenge".into(), &"conversion".into())
    );
    let stop = stage.block_where("a stop", |it| it["number_prefix"] == "+551197007" && it["rung"] == "1h");
    assert_eq!(stop.await["rung_in_force"], "1h");
    for client in [&stage.client, &other] {
        let status = start(client, start_request("shop", &attacked)).await.unwrap_err();
        let text = details(&status).error_info().unwrap().metadata["challenge"].clone();
        assert_refused(&status, Code::FailedPrecondition, reason::CHALLENGE_REQUIRED);
        let stopped = phone(7, 2);
        for answer in ["", &solve(&text)] {
            let status = answered(client, &stopped, "sign_in", answer).await.unwrap_err();
            let details = assert_refused(&status, Code::PermissionDenied, reason::BLOCKED_BY_GUARD);
            assert_eq!(
                ["rule", "area", "alarm"].map(|key| word(&details, key)),
                ["guard", "number_block_10000", "conversion"]
            );
            let wait = details.retry_info().unwrap().retry_delay.unwrap();
            assert!(
                wait > Duration::from_secs(3_500) && wait <= Duration::from_secs(3_600),
                "{wait:?}"
            );
        }
    }
    assert_eq!(stage.meta.phone.accepted(), sent);
    // Who gave a code back before gets one all the same.
    assert_eq!(
        answered(&other, &returning, "payment", "").await.unwrap().state(),
        v1::VerificationState::Open
    );
}
