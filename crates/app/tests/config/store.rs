//! `[store]`: each mistake has its line, and a password is never repeated.

use crate::asked::{Asked, with};

const MEMORY: &str = "kind = \"memory\"";

/// A right Redis store, and one more line.
fn redis(line: &str) -> String {
    format!("kind = \"redis\"\naddress = \"redis://localhost:6379\"\n{line}")
}

/// Demands that this `[store]` is refused with one line that begins and goes on like this.
async fn assert_refused(store: &str, path: &str, advice: &str) {
    let ended = Asked::new(&with(&[(MEMORY, store)])).check(&[]).await;
    assert_eq!(ended.code, Some(64), "{store}: {ended:?}");
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert!(
        lines.len() == 1 && lines[0].starts_with(path) && lines[0].contains(advice),
        "{store}: {lines:#?}"
    );
}

#[tokio::test]
async fn a_redis_store_is_right_with_an_address_alone_and_with_everything() {
    let everything = "kind = \"redis\"\naddress = \"rediss://redis.internal:6379/2\"\nusername = \"countersign\"\n\
        password = { file = \"token\" }\ncertificate_authorities = \"identity\"\ntimeout = \"500ms\"\n\
        prefix = \"staging\"\naccept_data_loss = true\nshards = 64";
    for store in [redis(""), redis("address_is_a_socket"), everything.to_owned()] {
        let store = store.replace(
            "redis://localhost:6379\"\naddress_is_a_socket",
            "unix:///run/redis.sock\"",
        );
        let ended = Asked::new(&with(&[(MEMORY, &store)])).check(&[]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{store}");
        assert!(!ended.stdout.contains("memory"), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn each_mistake_in_a_redis_store_has_one_line_that_says_what_to_write() {
    for (line, path, advice) in [
        ("timeout = \"10ms\"", "store.timeout: ", "must be 50ms to 4s"),
        ("timeout = \"5s\"", "store.timeout: ", "must be 50ms to 4s"),
        ("prefix = \"a:b\"", "store.prefix: ", "1 to 16 characters"),
        ("username = \"a b\"", "store.username: ", "without spaces"),
        ("password = \"hunter2\"", "store.password: ", "{ file = "),
        (
            "certificate_authorities = \"identity\"",
            "store.certificate_authorities: ",
            "rediss://",
        ),
        ("accept_data_loss = 1", "store.accept_data_loss: ", "true or false"),
        ("shards = 2000", "store.shards: ", "must be 1 to 1024"),
        ("adress = \"x\"", "store.adress: ", "did you mean address?"),
    ] {
        assert_refused(&redis(line), path, advice).await;
    }
    assert_refused("kind = \"redis\"", "store.address: ", "is missing").await;
    let nowhere = "kind = \"redis\"\naddress = \"rediss://a\"\ncertificate_authorities = \"nowhere.pem\"";
    assert_refused(nowhere, "store.certificate_authorities: ", "cannot read ").await;
}

#[tokio::test]
async fn an_address_is_neither_a_guess_nor_a_place_for_a_password() {
    for (address, advice) in [
        ("localhost:6379", "redis://host:port/db"),
        ("http://localhost", "redis://host:port/db"),
        ("rediss://localhost/#insecure", "redis://host:port/db"),
        ("redis://:hunter2@localhost", "neither a user nor a password"),
    ] {
        let store = format!("kind = \"redis\"\naddress = \"{address}\"");
        let ended = Asked::new(&with(&[(MEMORY, &store)])).check(&[]).await;
        assert_eq!(ended.code, Some(64), "{address}");
        assert!(ended.stderr.starts_with("store.address: must "), "{}", ended.stderr);
        assert!(ended.stderr.contains(advice), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_memory_store_says_which_settings_are_not_its_own() {
    for line in [
        "address = \"redis://localhost\"",
        "prefix = \"a\"",
        "accept_data_loss = true",
    ] {
        let key = line.split(' ').next().unwrap();
        let store = format!("{MEMORY}\n{line}");
        assert_refused(&store, &format!("store.{key}: "), "is a setting of kind = \"redis\"").await;
    }
}
