//! `explain`: the sentence, the tables, and the same for programs.

use countersign_grpc::v1::{Client, Platform, StartOutcome, StartRefusal};
use serde_json::json;

use crate::answers::{opened, refused, without_times};
use crate::service::Service;

const ARGS: [&str; 4] = ["explain", "shop", "+5511987654321", "sign_in"];

const OPENED: &str = "\
A start would open a verification and send its code.

  recipient  no rule of its own stands in the way
  person     gave a code back lately, and so passes the guard
  address    none given; all who give none share one bucket
  country    BR
  price      0.0315 USD

Rules and budgets

     RULE                    KEY             QUOTA          USED  FULL IN
     per_phone               phone           5/10m             1  2 min
     per_network             client_network  30/1h             0  -
     daily_spend             app             25.00 USD/day  3.15  7 h
     unfinished_per_country  country         100 at a time    12  118 min

The guard

     AREA            OF        SCORE  ALARM AT  IN FORCE
     10,000 numbers  the app     3.2  14.0      -
     10,000 numbers  all apps    3.2  14.0      -
     country         the app     0.0  14.0      -
     guesses         all apps    0.0  14.0      -
";

const REFUSED: &str = "\
A start would be refused with LIMIT_REACHED: the limit per_phone is reached; it
lets go in 120 s.

  try again  in 2 min
  recipient  operator_hold until <time>
  person     gave no code back lately
  address    none given; all who give none share one bucket
  country    BR
  price      0.0315 USD

Rules and budgets

     RULE                    KEY             QUOTA          USED  FULL IN
  x  per_phone               phone           5/10m             5  10 min
       refuses; has room for it in 2 min
  ~  per_network             client_network  30/1h            30  60 min
       has no room for it; only counts, and refuses nothing
     daily_spend             app             25.00 USD/day  3.15  7 h
     unfinished_per_country  country         100 at a time    12  118 min

The guard

     AREA            OF        SCORE  ALARM AT  IN FORCE
  x  10,000 numbers  the app    14.2  14.0      6h stop
       too few codes given back; until <time>
     10,000 numbers  all apps    3.2  14.0      -
     country         the app     0.0  14.0      -
     guesses         all apps    0.0  14.0      -
";

#[tokio::test]
async fn a_start_that_would_be_sent_is_said_in_one_sentence_and_then_in_numbers() {
    let service = Service::start(|it| it.explanation = opened()).await;
    let ended = service.run(&ARGS).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, OPENED);
}

#[tokio::test]
async fn nothing_is_said_of_a_missing_address_where_one_is_given() {
    let service = Service::start(|it| it.explanation = opened()).await;
    let mut args = ARGS.to_vec();
    args.extend(["--client-ip", "203.0.113.7"]);
    let ended = service.run(&args).await;
    assert_eq!(ended.code, Some(0));
    assert!(!ended.stdout.contains("address"), "{}", ended.stdout);
}

#[tokio::test]
async fn what_refuses_a_start_is_marked_and_says_until_when_and_the_command_ends_with_3() {
    let service = Service::start(|it| it.explanation = refused()).await;
    let ended = service.run(&ARGS).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(3), ""));
    assert_eq!(without_times(&ended.stdout), REFUSED);
}

#[tokio::test]
async fn of_a_country_that_is_not_allowed_nothing_else_is_said() {
    let refusal = StartRefusal {
        reason: "COUNTRY_NOT_ALLOWED".to_owned(),
        message: "the app does not send to this number's country".to_owned(),
        ..StartRefusal::default()
    };
    let service = Service::start(|it| {
        it.explanation.refusal = Some(refusal);
        it.explanation.country = "DE".to_owned();
    })
    .await;
    let said = "A start would be refused with COUNTRY_NOT_ALLOWED: the app does not send to this\nnumber's country.\n\n  \
                try again  not by waiting\n  country    DE\n";
    let ended = service.run(&ARGS).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), said));
}

#[tokio::test]
async fn no_line_is_wider_than_a_terminal() {
    for explanation in [opened(), refused()] {
        let service = Service::start(|it| it.explanation = explanation).await;
        let ended = service.run(&ARGS).await;
        for line in ended.stdout.lines() {
            assert!(line.len() <= 80, "{line}");
        }
    }
}

#[tokio::test]
async fn every_verdict_has_its_sentence() {
    for (outcome, said) in [
        (
            StartOutcome::Resent,
            "A start would send the code of the open verification again.",
        ),
        (
            StartOutcome::Joined,
            "A start would join the open verification: nothing would be sent or charged.",
        ),
    ] {
        let service = Service::start(|it| {
            it.explanation = opened();
            it.explanation.outcome = outcome.into();
        })
        .await;
        let ended = service.run(&ARGS).await;
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.starts_with(said), "{}", ended.stdout);
    }
    for (refusal, said) in [
        (
            StartRefusal {
                challenge_refusal: "missing".to_owned(),
                ..StartRefusal::default()
            },
            "as soon as a challenge is met",
        ),
        (StartRefusal::default(), "not by waiting"),
    ] {
        let service = Service::start(|it| it.explanation.refusal = Some(refusal)).await;
        let ended = service.run(&ARGS).await;
        assert_eq!(ended.code, Some(3));
        assert!(ended.stdout.contains(said), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn what_is_asked_is_the_start_that_the_command_line_describes() {
    let service = Service::start(|it| it.explanation = opened()).await;
    let more = [
        "--as",
        "storefront",
        "--language",
        "pt-BR",
        "--platform",
        "web",
        "--context",
        "amount=19",
        "--request-id",
        "r-1",
        "--client-ip",
        "203.0.113.7",
        "--device",
        "device-7",
        "--challenge-answer",
        "an-answer",
        "--challenged",
    ];
    assert_eq!(service.run(&[&ARGS[..], &more].concat()).await.code, Some(0));
    let (start, caller) = service.asked(|it| (it.starts[0].clone(), it.callers[0].clone()));
    let recipient = start.recipient.clone().unwrap();
    assert_eq!(
        [recipient.app, recipient.phone, recipient.purpose],
        ["shop", "+5511987654321", "sign_in"]
    );
    assert_eq!(
        [caller, start.language.clone(), start.request_id.clone()],
        ["storefront", "pt-BR", "r-1"]
    );
    assert_eq!(
        (start.platform(), start.context["amount"].as_str()),
        (Platform::Web, "19")
    );
    let client = Client {
        ip_address: "203.0.113.7".to_owned(),
        device_id: "device-7".to_owned(),
        challenge_answer: "an-answer".to_owned(),
        challenged: true,
    };
    assert!(start.client == Some(client));
}

#[tokio::test]
async fn programs_read_every_number_as_it_is() {
    let service = Service::start(|it| it.explanation = refused()).await;
    let (code, answer) = service.json(&ARGS).await;
    assert_eq!((code, &answer["outcome"]), (3, &json!(null)));
    let refusal = json!({
        "reason": "LIMIT_REACHED",
        "message": "the limit per_phone is reached; it lets go in 120 s",
        "rule": "per_phone",
        "key": "phone",
        "retry_after_seconds": 120.0,
        "area": null,
        "alarm": null,
        "challenge_refusal": null,
    });
    assert_eq!(answer["refusal"], refusal);
    let restraint = json!({ "rule": "operator_hold", "end_time": "2100-01-01T00:00:00Z" });
    assert_eq!(answer["restraint"], restraint);
    let budget = json!({
        "rule": "daily_spend",
        "key": "app",
        "quota": "25.00 USD/day",
        "cost": 31_500,
        "used": 3_150_000,
        "left": 21_850_000,
        "reset_after_seconds": 26_400.0,
        "refuses": false,
        "shadow": false,
        "retry_after_seconds": null,
        "currency": "USD",
    });
    assert_eq!(answer["quotas"][2], budget);
    assert_eq!(answer["quotas"][0]["currency"], json!(null));
    let bucket = json!({
        "scope": "APP",
        "area": "number_block_10000",
        "score": 14_210,
        "threshold": 14_000,
        "block": { "alarm": "conversion", "rung": "6h", "end_time": "2100-01-01T00:00:00Z" },
    });
    assert_eq!(answer["buckets"][0], bucket);
    assert_eq!(answer["price"], json!({ "currency": "USD", "amount_micros": 31_500 }));
    assert_eq!(
        (&answer["country"], &answer["returning"]),
        (&json!("BR"), &json!(false))
    );
    let service = Service::start(|it| it.explanation = opened()).await;
    let (code, answer) = service.json(&ARGS).await;
    assert_eq!(
        (code, &answer["outcome"], &answer["refusal"]),
        (0, &json!("OPENED"), &json!(null))
    );
}
