//! Mistakes: all of them at once, one line each, each with the path of its key and what to write instead.

use serde_json::Value;

use crate::asked::{Asked, BAD, Wrong, assert_one_line_each, right, with};

/// Ten mistakes that have nothing to do with each other.
const TEN: [Wrong; 10] = [
    (
        "environment = \"test\"",
        "environment = \"test\"
enviroment = 1",
        "enviroment: ",
        "did you mean environment?",
    ),
    (
        "format = \"json\"",
        "format = 7",
        "log.format: ",
        "must be a text in quotes, not a number",
    ),
    (
        "\"20s\"",
        "\"twenty\"",
        "listen.shutdown_grace: ",
        "must be a span such as \"90s\"",
    ),
    (
        "countries = [\"BR\"]",
        "",
        "apps.shop.policy.countries: ",
        "[\"*\"] for all",
    ),
    (
        "[apps.shop.policy]",
        "[apps.shop.policy]\nsends_per_window_max = 11",
        "apps.shop.policy.sends_per_window_max: ",
        "must be at most sends_per_day_max",
    ),
    (
        "file = \"identity\"",
        "file = \"nowhere\"",
        "keys.identity: ",
        "cannot read ",
    ),
    (
        "apps = [\"shop\"]",
        "apps = [\"shop\", \"shpo\"]",
        "callers.shop.apps[1]: ",
        "there is no app \"shpo\"",
    ),
    (
        "\"pt_BR\"",
        "\"brazilian\"",
        "apps.shop.template.languages[1]: ",
        "must ",
    ),
    (
        "https://graph.facebook.com",
        "http://graph.facebook.com",
        "whatsapp.base_url: ",
        "must be https",
    ),
    (
        "purposes.sign_in]",
        "purposes.\"sign in\"]",
        "apps.shop.purposes.sign in: ",
        "must ",
    ),
];

#[tokio::test]
async fn ten_mistakes_are_ten_lines_and_exit_64() {
    // The missing countries are the app's, so the purposes that share them stay silent.
    let changes: Vec<_> = TEN.iter().map(|(from, to, ..)| (*from, *to)).collect();
    let asked = Asked::new(&with(&changes));
    let checked = asked.check(&[]).await;
    assert_eq!((checked.code, checked.stdout.as_str()), (BAD, ""), "{}", checked.stderr);
    let lines: Vec<_> = checked.stderr.lines().collect();
    for (_, _, path, advice) in TEN {
        let named = lines.iter().any(|line| line.starts_with(path) && line.contains(advice));
        assert!(named, "{path} … {advice}: {lines:#?}");
    }
    assert_eq!(lines.len(), TEN.len(), "{lines:#?}");

    let served = asked.serve().await;
    assert_eq!((served.code, &served.stderr), (BAD, &checked.stderr));
    let json = asked.check(&["--json"]).await;
    let said: Value = serde_json::from_str(&json.stdout).unwrap();
    let listed: Vec<_> = said["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!((json.code, listed, json.stderr.as_str()), (BAD, lines, ""));
    assert_eq!(said["warnings"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn each_of_the_ten_alone_is_one_line() {
    assert_one_line_each(&TEN).await;
}

#[tokio::test]
async fn what_is_missing_is_named_and_said_once() {
    assert_one_line_each(&[
        ("token = { file = \"token\" }", "", "apps.shop.token: ", "{ file = "),
        (
            "file = \"token\"",
            "file = \"nowhere\"",
            "apps.shop.token: ",
            "cannot read ",
        ),
        (
            "phone_number_id = \"106540352242922\"",
            "",
            "apps.shop.phone_number_id: ",
            "is missing",
        ),
        ("environment = \"test\"", "", "environment: ", "is missing"),
        ("kind = \"memory\"", "", "store.kind: ", "is missing"),
        (
            "kind = \"memory\"",
            "kind = \"disk\"",
            "store.kind: ",
            "must be \"redis\" or \"memory\"",
        ),
        ("current = \"k1\"", "", "keys.current: ", "is missing"),
        ("identity = { file = \"identity\" }", "", "keys.identity: ", "{ file = "),
        (
            "name = \"verification_code\"",
            "",
            "apps.shop.template.name: ",
            "is missing",
        ),
        (
            "verify_token = { file = \"verify_token\" }",
            "",
            "whatsapp.webhook.verify_token: ",
            "{ file = ",
        ),
        (
            "app_secrets = [{ file = \"app_secret\" }]",
            "",
            "whatsapp.webhook.app_secrets: ",
            "must be a list",
        ),
        ("apps = [\"shop\"]", "", "callers.shop.apps: ", "at least one app"),
    ])
    .await;
}

#[tokio::test]
async fn numbers_and_spans_beyond_their_limits_say_the_limits() {
    let policy = |line: &'static str, path: &'static str, advice: &'static str| -> Wrong {
        ("countries = [\"BR\"]", line, path, advice)
    };
    assert_one_line_each(&[
        policy(
            "countries=[\"BR\"]\ncode_length = 3",
            "apps.shop.policy.code_length: ",
            "must be 4 to 15",
        ),
        policy(
            "countries=[\"BR\"]\ncode_length = -6",
            "apps.shop.policy.code_length: ",
            "whole number",
        ),
        policy(
            "countries=[\"BR\"]\ncode_length = \"6\"",
            "apps.shop.policy.code_length: ",
            "whole number",
        ),
        policy(
            "countries=[\"BR\"]\nguesses_max = 11",
            "apps.shop.policy.guesses_max: ",
            "must be 1 to 10",
        ),
        policy(
            "countries=[\"BR\"]\ncode_life = \"20m\"",
            "apps.shop.policy.code_life: ",
            "accept_long_life = true",
        ),
        policy(
            "countries=[\"BR\"]\ncode_life = \"-1m\"",
            "apps.shop.policy.code_life: ",
            "must be a span",
        ),
        policy(
            "countries=[\"BR\"]\ncode_life = 600",
            "apps.shop.policy.code_life: ",
            "must be a text in quotes",
        ),
        policy(
            "countries=[\"BR\"]\nsend_waits = [\"5s\"]",
            "apps.shop.policy.send_waits: ",
            "6 to 86400 s",
        ),
        policy(
            "countries=[\"BR\"]\nmessage_life = \"15m\"",
            "apps.shop.policy.message_life: ",
            "at most code_life",
        ),
        policy(
            "countries=[\"BR\"]\nfooter_minutes = 11",
            "apps.shop.policy.footer_minutes: ",
            "code_life",
        ),
        policy(
            "countries=[\"BR\"]\nalphabet = \"emoji\"",
            "apps.shop.policy.alphabet: ",
            "\"unambiguous\"",
        ),
        policy(
            "countries=[\"BR\"]\ncode_lenght = 6",
            "apps.shop.policy.code_lenght: ",
            "did you mean code_length?",
        ),
        policy(
            "countries=[\"BR\"]\nretry.tries_max = 0",
            "apps.shop.policy.retry.tries_max: ",
            "must be 1 to 20",
        ),
    ])
    .await;
}

#[tokio::test]
async fn addresses_and_names_say_what_to_write() {
    assert_one_line_each(&[
        ("\"20s\"", "\"1s\"", "listen.shutdown_grace: ", "must be at least"),
        (
            "grpc = \"127.0.0.1:0\"",
            "grpc = \"localhost\"",
            "listen.grpc: ",
            "such as \"127.0.0.1:50051\"",
        ),
        (
            "http = \"127.0.0.1:0\"",
            "http = 8080",
            "listen.http: ",
            "must be a text in quotes",
        ),
        (
            "environment = \"test\"",
            "environment = \"Test!\"",
            "environment: ",
            "must ",
        ),
        (
            "kind = \"memory\"",
            "kind = \"memory\"\nshards = 0",
            "store.shards: ",
            "must be 1 to 1024",
        ),
        (
            "format = \"json\"",
            "format = \"xml\"",
            "log.format: ",
            "must be \"text\" or \"json\"",
        ),
        (
            "name = \"verification_code\"",
            "name = \"Code!\"",
            "apps.shop.template.name: ",
            "a-z, 0-9 and '_'",
        ),
        (
            "token_sha256 = [",
            "token_sha256 = [\"abc\", ",
            "callers.shop.token_sha256[0]: ",
            "64 hexadecimal digits",
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_way_to_the_provider_says_what_to_write() {
    assert_one_line_each(&[
        (
            "106540352242922",
            "+5511987654321",
            "apps.shop.phone_number_id: ",
            "and not the number itself",
        ),
        (
            "[whatsapp.webhook]",
            "auth_header = \"a b\"\n[whatsapp.webhook]",
            "whatsapp.auth_header: ",
            "HTTP header",
        ),
        (
            "https://graph.facebook.com",
            "graph.facebook.com",
            "whatsapp.base_url: ",
            "must be a URL",
        ),
        (
            "https://graph.facebook.com",
            "https://host/v23.0",
            "whatsapp.base_url: ",
            "path_prefix",
        ),
        (
            "[whatsapp.webhook]",
            "version = \"23\"\n[whatsapp.webhook]",
            "whatsapp.version: ",
            "'v23.0'",
        ),
        (
            "[whatsapp.webhook]",
            "[whatsapp.webhook]\npath = \"/metrics\"",
            "whatsapp.webhook.path: ",
            "which operators read",
        ),
        (
            "[whatsapp.webhook]",
            "[whatsapp.webhook]\npath = \"hook\"",
            "whatsapp.webhook.path: ",
            "must start with '/'",
        ),
    ])
    .await;
}

#[tokio::test]
async fn broken_toml_is_refused_with_its_position() {
    let asked = Asked::new(&with(&[("[log]\n", "[log\n")]));
    let line = 1 + right().lines().position(|line| line == "[log]").unwrap();
    for ended in [asked.check(&[]).await, asked.serve().await] {
        assert_eq!((ended.code, ended.stdout.as_str()), (BAD, ""));
        let said = &ended.stderr;
        assert!(said.contains(&format!("line {line}, column ")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let twice = Asked::new(&format!("{}\nenvironment = \"twice\"\n[log]\n", right()))
        .check(&[])
        .await;
    assert_eq!(twice.code, BAD);
    assert!(twice.stderr.contains("duplicate key"), "{}", twice.stderr);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let asked = Asked::new("");
    std::fs::remove_file(&asked.config).unwrap();
    let expected = format!("{}: cannot be read: ", asked.config.display());
    for ended in [asked.check(&[]).await, asked.serve().await] {
        assert_eq!((ended.code, ended.stderr.lines().count()), (BAD, 1));
        assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
    }
    let json = asked.check(&["--json"]).await;
    let said: Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(
        json.code == BAD && said["mistakes"][0].as_str().unwrap().starts_with(&expected),
        "{said}"
    );
}

#[tokio::test]
async fn an_empty_file_is_told_everything_it_lacks() {
    let ended = Asked::new("").check(&[]).await;
    assert_eq!(ended.code, BAD);
    for path in [
        "environment: ",
        "store.kind: ",
        "keys.identity: ",
        "keys.current: ",
        "apps: ",
        "callers: ",
    ] {
        let lines = ended.stderr.lines().filter(|line| line.starts_with(path)).count();
        assert_eq!(lines, 1, "{path}{}", ended.stderr);
    }
}
