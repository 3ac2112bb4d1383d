//! One verification from start to end, and what a person and a program read on the way.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::common::calls::other_than;
use crate::common::dev::{Dev, text};
use countersign_testkit::wait::eventually;

const PERSON: &str = "+5511987654321";

fn instant(value: &Value) -> Timestamp {
    text(value).parse().unwrap()
}

#[tokio::test]
async fn a_newcomer_starts_reads_the_phone_guesses_wrong_and_is_approved_once() {
    let dev = Dev::start().await;
    let started = dev.run(&["start", PERSON, "--language", "pt-BR"]).await;
    assert_eq!((started.code, started.stderr.as_str()), (Some(0), ""));
    let said = started.stdout;
    assert!(said.starts_with("The code is on its way\n"), "{said}");
    let row = |name: &str| {
        let row = said.lines().find_map(|line| line.trim().strip_prefix(name));
        row.unwrap_or_else(|| panic!("no {name}: {said}")).trim().to_owned()
    };
    let id = row("id ");
    assert!(id.starts_with("cs_") && id.len() == 42, "{id}");
    assert_eq!(row("for "), "demo / sign_in");
    assert_eq!(row("state "), "open");
    assert!(row("expires ").ends_with("in 10 min"), "{said}");
    let resend = row("resend ");
    assert!(resend.ends_with("s (send_wait)") && resend.contains(", in "), "{said}");
    assert_eq!(row("guesses "), "5 left");
    assert!(row("message 1 ").ends_with("in pt_BR"), "{said}");
    let why = "verification_code (copy code); pt_BR is the language asked for";
    assert_eq!(row("template "), why);
    assert!(said.contains(&format!("check {id} <code>")), "{said}");

    let message = dev.message_to(PERSON).await;
    assert_eq!(
        (&message["to"], &message["language"]),
        (&json!(PERSON), &json!("pt_BR"))
    );
    let words = &message["text"];
    assert_eq!(words["before"], "Seu código de verificação é ");
    assert_eq!(words["security"], "Para sua segurança, não o compartilhe.");
    assert_eq!(words["footer"], "Este código expira em 10 minutos.");
    let code = text(&message["code"]);
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));

    let wrong = dev.run(&["check", &id, &other_than(&code)]).await;
    let said = (wrong.code, wrong.stdout.as_str(), wrong.stderr.as_str());
    assert_eq!(said, (Some(3), "Wrong code; 4 guesses left\n", ""));
    let right = dev.run(&["check", &id, &code]).await;
    assert_eq!((right.code, right.stderr.as_str()), (Some(0), ""));
    assert!(right.stdout.starts_with("Approved at "), "{}", right.stdout);
    let again = dev.run(&["check", &id, &code]).await;
    assert_eq!(again.code, Some(3));
    assert!(again.stdout.starts_with("Already approved at "), "{}", again.stdout);
    assert_eq!(dev.messages().await.len(), 1);
}

#[tokio::test]
async fn a_program_reads_the_same_walk_in_json() {
    let dev = Dev::start().await;
    let (exit, started) = dev.json(&["start", PERSON]).await;
    assert_eq!((exit, &started["outcome"]), (0, &json!("OPENED")));
    let opened = &started["verification"];
    let id = text(&opened["id"]);
    assert_eq!((&opened["state"], &opened["reason"]), (&json!("OPEN"), &Value::Null));
    let created = instant(&opened["create_time"]);
    let life = instant(&opened["expire_time"]).duration_since(created);
    assert_eq!(life.as_secs(), 600);
    let send = &opened["send"];
    assert_eq!((&send["allowed"], &send["rule"]), (&json!(false), &json!("send_wait")));
    assert_eq!(instant(&send["next_time"]).duration_since(created).as_secs(), 60);
    assert_eq!(opened["check"]["allowed"], true);

    let (exit, joined) = dev.json(&["start", PERSON]).await;
    assert_eq!((exit, &joined["outcome"]), (0, &json!("JOINED")));
    assert_eq!(joined["verification"]["id"], opened["id"]);

    let code = text(&dev.message_to(PERSON).await["code"]);
    let (exit, wrong) = dev.json(&["check", &id, &other_than(&code)]).await;
    assert_eq!((exit, &wrong["outcome"]), (3, &json!("INCORRECT")));
    assert_eq!(wrong["verification"]["guesses_left"], 4);
    assert_eq!(wrong["approve_time"], Value::Null);
    let (exit, right) = dev.json(&["check", &id, &code]).await;
    assert_eq!((exit, &right["outcome"]), (0, &json!("APPROVED")));
    assert!(instant(&right["approve_time"]) >= created);
    assert_eq!(right["verification"]["reason"], "CODE_CORRECT");
    let (exit, again) = dev.json(&["check", &id, &code]).await;
    assert_eq!((exit, &again["outcome"]), (3, &json!("ALREADY_APPROVED")));
    assert_eq!(again["approve_time"], right["approve_time"]);
    assert_eq!(dev.messages().await.len(), 1);
}

#[tokio::test]
async fn a_start_again_joins_and_says_that_nothing_was_sent() {
    let dev = Dev::start().await;
    let (id, _) = dev.open(PERSON, &[]).await;
    let joined = dev.run(&["start", PERSON]).await;
    assert_eq!(joined.code, Some(0));
    let said = &joined.stdout;
    assert!(
        said.starts_with("A verification is already open; nothing was sent\n"),
        "{said}"
    );
    assert!(said.contains(&id) && said.contains("(send_wait)"), "{said}");
    assert_eq!(dev.messages().await.len(), 1);
}

#[tokio::test]
async fn signed_webhooks_bring_a_message_from_accepted_to_read() {
    let dev = Dev::start().await;
    let (id, _) = dev.open(PERSON, &[]).await;
    let mut seen = Vec::new();
    eventually("that the message is read", async || {
        let (_, verification) = dev.json(&["get", &id]).await;
        let state = text(&verification["deliveries"][0]["state"]);
        if seen.last() != Some(&state) {
            seen.push(state);
        }
        (seen.last()? == "READ").then_some(())
    })
    .await;
    let order = ["SENDING", "ACCEPTED", "SENT", "DELIVERED", "READ"];
    let places: Vec<_> = seen
        .iter()
        .map(|it| order.iter().position(|known| known == it).unwrap())
        .collect();
    assert!(
        places.is_sorted() && seen.iter().any(|it| it == "DELIVERED"),
        "{seen:?}"
    );
    let message = dev.message_to(PERSON).await;
    assert_eq!(message["status"], "read");
    let (exit, verification) = dev.json(&["get", &id]).await;
    // A webhook informs; it never approves.
    assert_eq!((exit, &verification["state"]), (0, &json!("OPEN")));
}

#[tokio::test]
async fn guesses_run_out_and_the_right_code_comes_too_late() {
    let dev = Dev::start().await;
    let (id, code) = dev.open(PERSON, &[]).await;
    let wrong = other_than(&code);
    let mut said = Vec::new();
    for _ in 0..5 {
        let ended = dev.run(&["check", &id, &wrong]).await;
        assert_eq!(ended.code, Some(3));
        said.push(ended.stdout);
    }
    let expected = [
        "Wrong code; 4 guesses left\n",
        "Wrong code; 3 guesses left\n",
        "Wrong code; 2 guesses left\n",
        "Wrong code; 1 guess left\n",
        "Wrong code; no guesses are left. Start a new verification\n",
    ];
    assert_eq!(said, expected);
    let (exit, late) = dev.json(&["check", &id, &code]).await;
    assert_eq!((exit, &late["outcome"]), (3, &json!("EXHAUSTED")));
    let (_, verification) = dev.json(&["get", &id]).await;
    assert_eq!(verification["reason"], "GUESSES_USED_UP");
}

#[tokio::test]
async fn a_canceled_verification_says_so_and_its_code_is_worthless() {
    let dev = Dev::start().await;
    let (id, code) = dev.open(PERSON, &[]).await;
    let canceled = dev.run(&["cancel", &id]).await;
    assert_eq!(canceled.code, Some(0));
    assert!(
        canceled.stdout.contains("canceled, canceled by caller"),
        "{}",
        canceled.stdout
    );
    let late = dev.run(&["check", &id, &code]).await;
    let said = (late.code, late.stdout.as_str());
    assert_eq!(said, (Some(3), "The code is worthless now: canceled by caller\n"));
    let (exit, again) = dev.json(&["cancel", &id]).await;
    assert_eq!((exit, &again["state"]), (0, &json!("CANCELED")));
    assert_eq!(again["reason"], "CANCELED_BY_CALLER");
    let shown = dev.run(&["get", &id]).await;
    assert!(
        shown.stdout.contains("ended") && !shown.stdout.contains("guesses"),
        "{}",
        shown.stdout
    );
}
