//! Rules over guesses: a flood of wrong ones is stopped whatever purpose it is for, and a right one costs nothing.

use countersign_grpc::{Client, v1};
use countersign_testkit::wait::eventually;
use tonic::Status;

use crate::common::calls::{check_request, other_than, start};
use crate::scene::{Scene, Setting, assert_limited, from};

const PERSON: &str = "+5511987654321";

/// A service with a rule that lets so many guesses pass in a month, and open verifications of a phone for both purposes.
async fn guessing(key: &str, most: u32) -> (Scene, Vec<(String, String)>) {
    let limits = format!(
        "defaults = false\n[limits.rules.guesses]\nkey = {key}\nquotas = [\"{most}/month\"]\napplies_to = \"check\""
    );
    let scene = Scene::set(Setting {
        limits: &limits,
        ..Setting::default()
    })
    .await;
    let mut open = Vec::new();
    for (count, purpose) in (1..).zip(["sign_in", "payment"]) {
        let answer = start(&scene.client, from(PERSON, purpose, "")).await.unwrap();
        scene.meta.phone.wait_until(count).await;
        let code = scene.meta.phone.code_for(PERSON).unwrap();
        open.push((answer.verification.unwrap().id, code));
    }
    (scene, open)
}

/// Guesses from an address.
async fn guess(client: &Client, id: &str, code: &str, address: &str) -> Result<v1::CheckOutcome, Status> {
    let mut request = check_request(id, code);
    request.client = Some(v1::Client {
        ip_address: address.to_owned(),
        ..v1::Client::default()
    });
    let answer = client.clone().check_verification(request).await?;
    Ok(answer.into_inner().outcome())
}

#[tokio::test]
async fn a_flood_of_wrong_guesses_is_refused_over_all_purposes_and_then_even_the_right_one() {
    let (scene, open) = guessing("[\"phone\"]", 4).await;
    for (id, code) in &open {
        for _ in 0..2 {
            let outcome = guess(&scene.client, id, &other_than(code), "").await;
            assert_eq!(outcome.unwrap(), v1::CheckOutcome::Incorrect);
        }
    }
    for (id, code) in &open {
        for code in [other_than(code), code.clone()] {
            let status = guess(&scene.client, id, &code, "").await.unwrap_err();
            assert_limited(&status, "guesses", "phone");
        }
    }
    // What was refused was not compared.
    let seen = crate::common::calls::get(&scene.client, &open[0].0).await;
    assert_eq!((seen.state(), seen.guesses_left), (v1::VerificationState::Open, 3));
}

#[tokio::test]
async fn an_address_that_guesses_too_often_is_refused_and_another_one_is_not() {
    let (scene, open) = guessing("[\"client_ip\"]", 2).await;
    for (id, code) in &open {
        let outcome = guess(&scene.client, id, &other_than(code), "203.0.113.7").await;
        assert_eq!(outcome.unwrap(), v1::CheckOutcome::Incorrect);
    }
    let (id, code) = &open[1];
    let status = guess(&scene.client, id, code, "203.0.113.7").await.unwrap_err();
    assert_limited(&status, "guesses", "client_ip");
    let outcome = guess(&scene.client, id, code, "203.0.113.8").await;
    assert_eq!(outcome.unwrap(), v1::CheckOutcome::Approved);
}

#[tokio::test]
async fn a_right_guess_gives_back_what_it_was_charged() {
    let (scene, open) = guessing("[\"phone\"]", 1).await;
    for (id, code) in &open {
        // It comes back behind the answer, and a guess that is refused meanwhile costs nothing.
        let outcome = eventually("room for a guess", async || {
            guess(&scene.client, id, code, "").await.ok()
        })
        .await;
        assert_eq!(outcome, v1::CheckOutcome::Approved);
    }
}
