//! What goes wrong is said in words, ends with 1, and leaves nothing behind.

use serde_json::{Value, json};

use crate::common::dev::Dev;
use crate::common::process::{Ended, countersign, run};

const PERSON: &str = "+5511987654321";

/// Demands exit code 1 and one clear text on standard error that names `what`.
#[track_caller]
fn assert_refused(ended: &Ended, what: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.stderr.starts_with("countersign: "), "{ended:?}");
    assert!(ended.stderr.contains(what), "{what}: {ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:?}");
}

#[tokio::test]
async fn malformed_phones_are_refused_in_words_and_nothing_reaches_a_phone() {
    let dev = Dev::start().await;
    let long = format!("+{}", "1".repeat(1000));
    for phone in [
        "",
        "+",
        "5511912345678",
        "0055 11 91234 5678",
        "+55 11 91234-5678",
        "+5511NINE45678",
        "+5511912345678;phone-context=example.com",
        "tel:+5511912345678",
        "+551191234567809876",
        "+٥٥١١٩١٢٣٤٥٦٧٨",
        "+５５11912345678",
        "+5511912345678\n",
        long.as_str(),
    ] {
        let ended = dev.run(&["start", "--", phone]).await;
        assert_refused(&ended, "recipient.phone: ");
        assert!(phone.len() < 3 || !ended.stderr.contains(phone), "repeated: {ended:?}");
    }
    // Well-formed, and of no country's plan.
    assert_refused(
        &dev.run(&["start", "+15551234567"]).await,
        "recipient.phone: cannot exist",
    );
    assert_eq!(dev.messages().await, Vec::<Value>::new());
}

#[tokio::test]
async fn malformed_codes_and_ids_are_refused_in_words_and_cost_no_guess() {
    let dev = Dev::start().await;
    let (id, _) = dev.open(PERSON, &[]).await;
    for code in [
        "",
        "97531",
        "9753186",
        "97 186",
        "97531O",
        "abcdef",
        "１２３４５６",
        "-975318",
    ] {
        let ended = dev.run(&["check", &id, "--", code]).await;
        assert_refused(&ended, "code: ");
        assert!(code.len() < 4 || !ended.stderr.contains(code), "repeated: {ended:?}");
    }
    for bad in [
        "",
        "cs_",
        "1",
        "cs_r4jbt4i2jwd2wc35ekdogzjncuaaaaab6225zeQ",
        "../../etc/passwd",
    ] {
        assert_refused(&dev.run(&["check", "--", bad, "123456"]).await, "verification.id: ");
        assert_refused(&dev.run(&["get", "--", bad]).await, "verification.id: ");
        assert_refused(&dev.run(&["cancel", "--", bad]).await, "verification.id: ");
    }
    let (_, verification) = dev.json(&["get", &id]).await;
    assert_eq!(verification["guesses_left"], 5);
}

#[tokio::test]
async fn unknown_things_are_refused_with_what_there_is() {
    let dev = Dev::start().await;
    let unknown_app = dev.run(&["start", PERSON, "--app", "nobody"]).await;
    assert_refused(&unknown_app, "");
    let unknown_purpose = dev.run(&["start", PERSON, "--purpose", "party"]).await;
    assert_refused(&unknown_purpose, "it knows password_change, payment, sign_in, sign_up");
    assert_refused(
        &dev.run(&["start", PERSON, "--language", "klingon!"]).await,
        "language: ",
    );
    let spaced = dev.run(&["start", PERSON, "--request-id", "with space"]).await;
    assert_refused(&spaced, "request_id: ");
    let (exit, missing) = dev.json(&["start", PERSON, "--app", "nobody"]).await;
    assert_eq!((exit, &missing["error"]["code"]), (1, &json!("NOT_FOUND")));
    let huge = format!("note={}", "x".repeat(100_000));
    let too_large = dev.run(&["start", PERSON, "--context", &huge]).await;
    assert_refused(&too_large, "");
    assert!(too_large.stderr.len() < 1_000, "{}", too_large.stderr);
    let no_pair = dev.run(&["start", PERSON, "--context", "amount"]).await;
    assert!(
        no_pair.code != Some(0) && no_pair.stderr.contains("name=value"),
        "{no_pair:?}"
    );
    assert_eq!(dev.messages().await, Vec::<Value>::new());
}

#[tokio::test]
async fn without_a_service_every_command_says_how_to_get_one() {
    let state = tempfile::tempdir().unwrap();
    let id = "cs_r4jbt4i2jwd2wc35ekdogzjncuaaaaab6225zeq";
    for args in [
        &["start", PERSON][..],
        &["check", id, "123456"],
        &["get", id],
        &["cancel", id],
        &["watch", id],
    ] {
        let ended = run(countersign(state.path()).args(args)).await;
        assert_refused(&ended, "start one with `countersign dev`, or name one with --server");
        let nobody = run(countersign(state.path())
            .args(args)
            .args(["--server", "http://127.0.0.1:1"]))
        .await;
        assert_refused(&nobody, "http://127.0.0.1:1: nobody answers at that address");
        let json = run(countersign(state.path())
            .args(args)
            .args(["--server", "http://127.0.0.1:1", "--json"]))
        .await;
        let said: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!((json.code, &said["error"]["code"]), (Some(1), &json!("UNREACHABLE")));
    }
    let tls = run(countersign(state.path()).args(["get", id, "--server", "https://localhost:1"])).await;
    assert_refused(&tls, "must begin with http://");
}

#[tokio::test]
async fn the_token_of_dev_is_shown_to_no_other_server_and_a_wrong_one_is_refused() {
    let dev = Dev::start().await;
    let server = format!("http://{}", dev.grpc);
    let (id, _) = dev.open(PERSON, &[]).await;
    // Named, even the same server is another one: it has to be given a token.
    let (exit, stranger) = dev.json(&["get", &id, "--server", &server]).await;
    assert_eq!((exit, &stranger["error"]["reason"]), (1, &json!("UNAUTHENTICATED")));
    let file = dev.state.path().join("token");
    std::fs::write(&file, format!("{}\n", dev.token())).unwrap();
    let token = file.to_str().unwrap();
    let (exit, known) = dev
        .json(&["get", &id, "--server", &server, "--token-file", token])
        .await;
    assert_eq!((exit, &known["id"]), (0, &json!(id)));
    std::fs::write(&file, "0".repeat(64)).unwrap();
    let wrong = dev.run(&["get", &id, "--server", &server, "--token-file", token]).await;
    assert_refused(&wrong, "authorization: Bearer");
    let lost = dev.run(&["get", &id, "--token-file", "/nowhere/token"]).await;
    assert_refused(&lost, "cannot read /nowhere/token");
}

#[tokio::test]
async fn a_second_dev_on_a_taken_address_says_which_and_leaves_the_first_alone() {
    let dev = Dev::start().await;
    let taken = [
        ("--simulator", &dev.phone),
        ("--grpc", &dev.grpc),
        ("--http", &dev.http),
    ];
    for (flag, address) in taken {
        let mut command = dev.command(&["dev"]);
        for each in ["--grpc", "--http", "--simulator"] {
            command
                .arg(each)
                .arg(if each == flag { address.as_str() } else { "127.0.0.1:0" });
        }
        let second = run(&mut command).await;
        assert_refused(&second, &format!("cannot listen on {address}"));
        assert!(second.stderr.contains("choose another address"), "{second:?}");
    }
    dev.open(PERSON, &[]).await;
}
