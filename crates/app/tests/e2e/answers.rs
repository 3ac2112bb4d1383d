//! Languages, contexts and repeated requests.

use serde_json::json;

use crate::common::calls::other_than;
use crate::common::dev::{Dev, text};

#[tokio::test]
async fn a_language_that_does_not_exist_falls_back_to_its_base_its_kin_or_the_countrys() {
    let dev = Dev::start().await;
    let asked = [
        ("", "pt_BR", "Seu código de verificação é "),
        ("en", "en", " is your verification code."),
        ("de", "de", " ist dein Verifizierungscode."),
        ("de-AT", "de", " ist dein Verifizierungscode."),
        ("pt_PT", "pt_PT", "O seu código de verificação é "),
        ("fr-CA", "fr", "Votre code de vérification est "),
        ("cy", "pt_BR", "Seu código de verificação é "),
    ];
    for (index, (language, chosen, words)) in asked.into_iter().enumerate() {
        let person = format!("+551198765{index:04}");
        let (id, _) = dev.open(&person, &["--language", language]).await;
        let (_, verification) = dev.json(&["get", &id]).await;
        assert_eq!(verification["deliveries"][0]["language"], chosen, "{language}");
        let message = dev.message_to(&person).await;
        assert_eq!(message["language"], chosen);
        let text = format!(
            "{}{}",
            text(&message["text"]["before"]),
            text(&message["text"]["after"])
        );
        assert!(text.contains(words), "{text}");
    }
    let kin = "+5511987659999";
    dev.open(kin, &["--language", "pt-MZ"]).await;
    let chosen = text(&dev.message_to(kin).await["language"]);
    assert!(chosen.starts_with("pt_"), "{chosen}");
}

#[tokio::test]
async fn a_payment_is_approved_only_for_the_amount_it_was_started_for() {
    let dev = Dev::start().await;
    let bound = [
        "--purpose",
        "payment",
        "--context",
        "amount=100.00",
        "--context",
        "payee=ACME",
    ];
    let (id, code) = dev.open("+5511987654321", &bound).await;
    let check = |context: &[&'static str]| {
        let mut args = vec!["check".to_owned(), id.clone(), code.clone()];
        args.extend(
            context
                .iter()
                .flat_map(|pair| ["--context".to_owned(), (*pair).to_owned()]),
        );
        args
    };
    let run = async |context: &[&'static str]| {
        let args = check(context);
        dev.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let other = run(&["amount=900.00", "payee=ACME"]).await;
    let said = (other.code, other.stdout.as_str());
    assert_eq!(said, (Some(3), "The code is bound to something else; 4 guesses left\n"));
    let none = run(&[]).await;
    assert_eq!(none.stdout, "The code is bound to something else; 3 guesses left\n");
    let args = check(&["amount=100.00"]);
    let (exit, less) = dev.json(&args.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!((exit, &less["outcome"]), (3, &json!("CONTEXT_MISMATCH")));
    // The order of the pairs says nothing.
    let right = run(&["payee=ACME", "amount=100.00"]).await;
    assert_eq!(right.code, Some(0), "{right:?}");
}

#[tokio::test]
async fn a_code_for_one_purpose_is_worthless_for_another() {
    let dev = Dev::start().await;
    let person = "+5511987654321";
    let (sign_in, first) = dev.open(person, &["--purpose", "sign_in"]).await;
    let (exit, started) = dev.json(&["start", person, "--purpose", "payment"]).await;
    assert_eq!((exit, &started["outcome"]), (0, &json!("OPENED")));
    let payment = text(&started["verification"]["id"]);
    assert_ne!(payment, sign_in);
    let crossed = dev.json(&["check", &payment, &first]).await;
    // Two codes of six digits are equal once in a million runs; then there is nothing to tell apart.
    let codes: Vec<_> = dev
        .messages_to(person)
        .await
        .iter()
        .map(|it| text(&it["code"]))
        .collect();
    let approved = codes.iter().all(|code| *code == first);
    assert_eq!(
        (crossed.0 == 0, &crossed.1["verification"]["purpose"]),
        (approved, &json!("payment"))
    );
    assert_eq!(dev.json(&["check", &sign_in, &first]).await.0, 0);
}

#[tokio::test]
async fn the_same_request_again_gets_the_first_answer_and_another_body_is_refused() {
    let dev = Dev::start().await;
    let person = "+5511987654321";
    let (id, code) = dev.open(person, &["--request-id", "order-1"]).await;
    let (exit, again) = dev.json(&["start", person, "--request-id", "order-1"]).await;
    assert_eq!((exit, &again["outcome"]), (0, &json!("OPENED")));
    assert_eq!(again["verification"]["id"], json!(id));
    let other_body = ["start", person, "--request-id", "order-1", "--language", "de"];
    let (exit, reused) = dev.json(&other_body).await;
    assert_eq!((exit, &reused["error"]["reason"]), (1, &json!("REQUEST_ID_REUSED")));
    assert_eq!(reused["error"]["code"], "ABORTED");

    for _ in 0..2 {
        let (exit, wrong) = dev
            .json(&["check", &id, &other_than(&code), "--request-id", "guess-1"])
            .await;
        assert_eq!((exit, &wrong["outcome"]), (3, &json!("INCORRECT")));
        assert_eq!(wrong["verification"]["guesses_left"], 4);
    }
    for _ in 0..2 {
        let (exit, right) = dev.json(&["check", &id, &code, "--request-id", "guess-2"]).await;
        assert_eq!((exit, &right["outcome"]), (0, &json!("APPROVED")));
    }
    let (exit, other) = dev.json(&["check", &id, &code, "--request-id", "guess-3"]).await;
    assert_eq!((exit, &other["outcome"]), (3, &json!("ALREADY_APPROVED")));
    assert_eq!(dev.messages().await.len(), 1);
}
