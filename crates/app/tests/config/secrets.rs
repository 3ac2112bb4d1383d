//! What is secret stays secret, even where it is wrong or in the wrong place.

use crate::asked::{Asked, with};

/// Looks like a token, and is one.
const MISPLACED: &str = "EAAMisplacedTokenThatNobodyMayRead42";

/// Demands a refusal that repeats no misplaced secret.
async fn assert_unsaid(text: &str, path: &str) {
    let asked = Asked::new(text);
    for ended in [
        asked.check(&[]).await,
        asked.check(&["--json"]).await,
        asked.serve().await,
    ] {
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(64), "{said}");
        assert!(said.contains(path), "{path}: {said}");
        assert!(!said.contains(MISPLACED), "a secret was written: {said}");
    }
}

#[tokio::test]
async fn a_secret_written_into_the_file_is_refused_and_not_repeated() {
    let inline = format!("\"{MISPLACED}\"");
    let table = format!("{{ value = \"{MISPLACED}\" }}");
    for to in [&inline, &table] {
        let token = with(&[("token = { file = \"token\" }", &format!("token = {to}"))]);
        assert_unsaid(&token, "apps.shop.token").await;
        let key = with(&[("codes.k1 = { file = \"k1\" }", &format!("codes.k1 = {to}"))]);
        assert_unsaid(&key, "keys.codes.k1").await;
        let list = with(&[(
            "app_secrets = [{ file = \"app_secret\" }]",
            &format!("app_secrets = [{to}]"),
        )]);
        assert_unsaid(&list, "whatsapp.webhook.app_secrets[0]").await;
        let sender = with(&[(
            "[apps.shop.template]",
            &format!("[apps.shop.senders.one]\ntoken = {to}\n[apps.shop.template]"),
        )]);
        assert_unsaid(&sender, "apps.shop.senders.one.token").await;
        let bare = with(&[(
            "app_secrets = [{ file = \"app_secret\" }]",
            &format!("app_secrets = {to}"),
        )]);
        assert_unsaid(&bare, "whatsapp.webhook.app_secrets").await;
    }
}

#[tokio::test]
async fn a_token_where_its_digest_belongs_is_refused_and_not_repeated() {
    let text = with(&[("token_sha256 = [", &format!("token_sha256 = [\"{MISPLACED}\", "))]);
    assert_unsaid(&text, "callers.shop.token_sha256[0]").await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_and_not_repeated() {
    let asked = Asked::new(&with(&[]));
    for wrong in [MISPLACED, "0123", &"zz".repeat(32), &"00".repeat(33)] {
        std::fs::write(asked.folder.path().join("k1"), wrong).unwrap();
        let ended = asked.check(&[]).await;
        assert_eq!(ended.code, Some(64));
        let said = ended.stderr;
        assert!(
            said.starts_with("keys.codes.k1: must be 64 hexadecimal digits"),
            "{said}"
        );
        assert!(!said.contains(wrong), "{said}");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_a_header_is_refused_and_not_repeated() {
    let asked = Asked::new(&with(&[]));
    std::fs::write(asked.folder.path().join("token"), format!("{MISPLACED}\nsecond line\n")).unwrap();
    let ended = asked.check(&[]).await;
    assert_eq!(ended.code, Some(64));
    let said = ended.stderr;
    assert!(said.contains("one line of printable characters"), "{said}");
    assert!(!said.contains(MISPLACED) && !said.contains("second line"), "{said}");
}
