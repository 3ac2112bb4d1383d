//! `explain` beside the start it speaks of: the same verdict, and nothing changed.

use std::time::Duration;

use countersign_domain::guard::Rung;
use countersign_grpc::v1;
use serde_json::{Value, json};
use tonic::Status;

use crate::common::calls::{by_id, start, start_request};
use crate::hand::around;
use crate::stage::{Stage, details, opened, phone, request_for, word};

/// One start that is explained and then made.
struct Case {
    what: &'static str,
    request: v1::StartVerificationRequest,
    /// What explaining and starting come to: the outcome, or the reason and the rule.
    verdict: [&'static str; 2],
}

fn case(what: &'static str, phone: &str, verdict: [&'static str; 2]) -> Case {
    let request = start_request("shop", phone);
    Case { what, request, verdict }
}

/// The command line of a start.
fn args(request: &v1::StartVerificationRequest) -> Vec<&str> {
    let recipient = request.recipient.as_ref().unwrap();
    let mut args = vec!["explain", &recipient.app, &recipient.phone, &recipient.purpose];
    args.extend(["--as", "shop", "--language", &request.language]);
    if let Some(client) = &request.client {
        args.extend(["--device", &client.device_id]);
    }
    args
}

/// What a start came to, in the words of an explanation.
fn came_to(answer: &Result<v1::StartVerificationResponse, Status>) -> Value {
    let status = match answer {
        Ok(answer) => {
            let outcome = answer.outcome().as_str_name().trim_start_matches("START_OUTCOME_");
            return json!({ "outcome": outcome, "refusal": null });
        }
        Err(status) => status,
    };
    let details = details(status);
    let word = |key| Some(word(&details, key)).filter(|it| !it.is_empty());
    json!({
        "outcome": null,
        "refusal": {
            "reason": details.error_info().unwrap().reason,
            "rule": word("rule"),
            "key": word("key"),
            "area": word("area"),
            "alarm": word("alarm"),
            "challenge_refusal": word("refusal"),
        },
    })
}

/// The same of an explanation.
fn explained(answer: &Value) -> Value {
    let refusal = answer["refusal"].as_object().map(|it| {
        let mut it = it.clone();
        it.remove("message");
        it.remove("retry_after_seconds");
        it
    });
    json!({ "outcome": answer["outcome"], "refusal": refusal })
}

/// A service with a rule of devices and a budget of blocks, and every case there is.
async fn situations() -> (Stage, Vec<Case>) {
    let stage = Stage::begin(|plan| {
        // Nothing becomes due while the tests look.
        "action = \"refuse\"".clone_into(&mut plan.guard);
        plan.limits += "\n[limits.rules.few_per_device]\nkey = [\"device\"]\nquotas = [\"2/1h\"]\napplies_to = \"send\"\nabsent = \"free\"\n";
        plan.tables += "[money.budgets.narrow]\nper = [\"number_block\"]\namount = \"0.10\"\nwindow = \"day\"\n";
    })
    .await;
    let hand = stage.hand().await;
    let mut cases = vec![case("fresh", &phone(20, 1), ["OPENED", ""])];

    stage.open(&phone(20, 2)).await;
    cases.push(case("joined", &phone(20, 2), ["JOINED", ""]));

    let id = stage.open(&phone(20, 3)).await.id;
    let request = v1::CancelVerificationRequest {
        verification: Some(by_id(&id)),
    };
    stage.client.clone().cancel_verification(request).await.unwrap();
    cases.push(case("waiting", &phone(20, 3), ["LIMIT_REACHED", "send_wait"]));

    let from_device = |phone: &str| {
        let device_id = "device-of-somebody-77".to_owned();
        let client = Some(v1::Client {
            device_id,
            ..v1::Client::default()
        });
        v1::StartVerificationRequest {
            client,
            ..start_request("shop", phone)
        }
    };
    for number in [4, 5] {
        opened(start(&stage.client, from_device(&phone(20, number))).await);
    }
    let mut rule = case("a rule is used up", &phone(20, 6), ["LIMIT_REACHED", "few_per_device"]);
    rule.request = from_device(&phone(20, 6));
    cases.push(rule);

    let mut number = 0;
    while start(&stage.client, start_request("shop", &phone(21, number)))
        .await
        .is_ok()
    {
        number += 1;
    }
    cases.push(case("a budget is used up", &phone(21, 99), ["LIMIT_REACHED", "narrow"]));

    for (block, rung, what, verdict) in [
        (22, Rung::Challenge, "challenged", ["CHALLENGE_REQUIRED", "guard"]),
        (23, Rung::Day, "stopped", ["BLOCKED_BY_GUARD", "guard"]),
        (
            24,
            Rung::Manual,
            "stopped until an operator lifts it",
            ["BLOCKED_BY_GUARD", "guard"],
        ),
    ] {
        if block == 23 {
            stage.approve(&phone(block, 2)).await;
            stage.wait_until_known(&phone(block, 2)).await;
        }
        hand.raise(around(&phone(block, 1)), rung, Duration::from_secs(60))
            .await;
        cases.push(case(what, &phone(block, 1), verdict));
    }
    let mut returning = case("returning, where it is stopped", &phone(23, 2), ["OPENED", ""]);
    returning.request = request_for(&phone(23, 2), "payment");
    cases.push(returning);

    assert_eq!(stage.run(&["hold", "shop", &phone(25, 1)]).await.code, Some(0));
    cases.push(case("held", &phone(25, 1), ["LIMIT_REACHED", "operator_hold"]));
    cases.push(case(
        "not allowed",
        "+4915123456789",
        ["COUNTRY_NOT_ALLOWED", "countries"],
    ));
    (stage, cases)
}

#[tokio::test]
async fn a_start_comes_to_what_explain_said_of_it_in_every_situation() {
    let (stage, cases) = situations().await;
    for Case { what, request, verdict } in cases {
        let said = stage.run(&args(&request)).await;
        println!("--- {what}\n{}{}", said.stdout, said.stderr);
        for line in said.stdout.lines() {
            assert!(line.chars().count() <= 80, "{what}: {line}");
        }
        let (code, first) = stage.json(&args(&request)).await;
        let (_, second) = stage.json(&args(&request)).await;
        let used = |it: &Value| -> Vec<_> {
            let quotas = it["quotas"].as_array().unwrap().iter();
            quotas
                .map(|it| (it["rule"].clone(), it["cost"].clone(), it["refuses"].clone()))
                .collect()
        };
        assert_eq!(used(&first), used(&second), "{what}");
        let answer = start(&stage.client, request).await;
        assert_eq!(explained(&second), came_to(&answer), "{what}");
        let is_carried_out = answer.is_ok();
        assert_eq!(
            (code, said.code),
            if is_carried_out { (0, Some(0)) } else { (3, Some(3)) },
            "{what}"
        );
        let told = [
            &second["outcome"],
            &second["refusal"]["reason"],
            &second["refusal"]["rule"],
        ];
        let told: Vec<_> = told.into_iter().filter_map(Value::as_str).collect();
        let verdict: Vec<_> = verdict.into_iter().filter(|it| !it.is_empty()).collect();
        assert_eq!(told, verdict, "{what}");
    }
}

#[tokio::test]
async fn explaining_asks_redis_and_writes_nothing() {
    let (stage, cases) = situations().await;
    let monitor = stage.redis.monitor();
    for case in &cases {
        stage.json(&args(&case.request)).await;
    }
    let seen = monitor.finish();
    // Beside the questions of the explanations stand those of the clock that wakes verifications.
    let reads = ["GET", "MGET", "ZRANGE", "TIME", "PING", "INFO"];
    let writes: Vec<_> = seen.iter().filter(|it| !reads.contains(&it.command.as_str())).collect();
    assert!(writes.is_empty(), "{writes:#?}");
    let asked = seen.iter().filter(|it| it.command == "MGET").count();
    assert!(asked >= 2 * (cases.len() - 1), "only {asked} questions were heard");
}
