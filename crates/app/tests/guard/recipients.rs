//! An operator holds a phone, releases it, and has it erased.

use countersign_grpc::{reason, v1};
use tonic::Code;

use crate::common::calls::{assert_refused, by_id, check, get, start};
use crate::stage::{Stage, assert_limit, phone, request_for};

#[tokio::test]
async fn a_held_phone_gets_nothing_and_passes_no_guess_until_it_is_released() {
    let stage = Stage::begin(|_| {}).await;
    let (held, fresh, beside) = (phone(40, 1), phone(40, 2), phone(40, 3));
    let id = stage.open(&held).await.id;
    let code = stage.meta.code_for(&held).await;
    for phone in [&held, &fresh] {
        let ended = stage.run(&["hold", "shop", phone, "--for", "1h"]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.starts_with("Held until "), "{ended:?}");
    }
    let sent = stage.meta.phone.accepted();
    assert_eq!(get(&stage.client, &id).await.state(), v1::VerificationState::Blocked);
    assert_eq!(check(&stage.client, &id, &code).await, v1::CheckOutcome::Held);
    for phone in [&held, &fresh] {
        for purpose in ["sign_in", "payment"] {
            let refused = start(&stage.client, request_for(phone, purpose)).await.unwrap_err();
            assert_limit(&refused, "operator_hold", "phone+app+purpose");
        }
    }
    assert_eq!(stage.meta.phone.accepted(), sent);
    stage.open(&beside).await;

    for phone in [&held, &fresh] {
        let ended = stage.run(&["release", "shop", phone]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "Released.\n"));
    }
    let again = stage.run(&["release", "shop", &held]).await;
    assert_eq!(again.stdout, "It was not held; nothing was changed.\n");
    stage.approve(&fresh).await;
    // What was blocked stays blocked.
    assert_ne!(check(&stage.client, &id, &code).await, v1::CheckOutcome::Approved);
    assert_eq!(get(&stage.client, &id).await.state(), v1::VerificationState::Blocked);
}

#[tokio::test]
async fn nothing_is_left_of_a_phone_that_is_erased_and_a_start_after_it_is_a_strangers() {
    let mut stage = Stage::begin(|plan| "defaults = true".clone_into(&mut plan.limits)).await;
    let person = phone(41, 1);
    let approved = stage.approve(&person).await;
    stage.wait_until_known(&person).await;
    let request = request_for(&person, "payment");
    let open = start(&stage.client, request).await.unwrap().verification.unwrap().id;
    stage.meta.phone.wait_until(2).await;
    let records = || -> Vec<_> {
        let keys = stage.redis.every_key().into_iter();
        keys.filter(|key| key.windows(3).any(|it| it == b":r:")).collect()
    };
    assert_eq!(records().len(), 2);

    let asked = stage.run(&["erase", &person]).await;
    assert_eq!(asked.code, Some(3));
    assert_eq!(records().len(), 2);
    println!("{}", asked.stdout);
    let erased = stage.run(&["erase", &person, "--yes"]).await;
    assert_eq!(
        (erased.code, erased.stdout.as_str()),
        (
            Some(0),
            "Erased: 2 records, and what limits and the guard knew of it.\n"
        )
    );
    assert_eq!(records().len(), 0);
    for id in [&approved, &open] {
        let request = v1::GetVerificationRequest {
            verification: Some(by_id(id)),
        };
        let answer = stage.client.clone().get_verification(request).await;
        assert_refused(&answer.unwrap_err(), Code::NotFound, reason::NOT_FOUND);
    }
    let told = stage
        .serve
        .log_line("the word about it", |it| {
            it["message"] == "an operator had a phone erased"
        })
        .await;
    assert_eq!((&told["caller"], &told["records"]), (&"desk".into(), &2.into()));

    let (code, explained) = stage.json(&["explain", "shop", &person, "sign_in"]).await;
    assert_eq!(
        (code, &explained["outcome"], &explained["returning"]),
        (0, &"OPENED".into(), &false.into())
    );
    for quota in explained["quotas"].as_array().unwrap() {
        let is_of_the_phone = quota["key"] == "phone";
        assert!(!is_of_the_phone || quota["used"] == 0, "{quota}");
    }
    let id = stage.open(&person).await.id;
    stage.meta.phone.wait_until(3).await;
    stage.give_back(&id, &person).await;
    let again = stage.run(&["erase", &person, "--yes"]).await;
    assert_eq!(again.code, Some(0));
    stage.serve.process.signal("TERM");
    let log = stage.serve.process.ended().await.stderr;
    assert!(!log.contains(&person[1..]) && log.contains("an operator had a phone erased"));
}
