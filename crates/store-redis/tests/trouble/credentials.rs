//! A server that does not let us in: what it says is passed on without the password, and once it lets us in, all is
//! well without another instance.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use countersign_domain::ports::RecipientStore;
use countersign_store_redis::Redis;
use countersign_store_redis::check::CheckError;
use countersign_store_redis::config::Config;
use countersign_testkit::redis_server::RedisServer;
use zeroize::Zeroizing;

use crate::calls::{all_work, expect_working};
use crate::common::records::key;
use crate::common::{config, instance};
use countersign_testkit::wait::eventually;

const SECOND: Duration = Duration::from_secs(1);
const GUESSED: &str = "hunter2-guessed";

fn as_user(server: &RedisServer, user: &str) -> Config {
    Config {
        username: Some(user.to_owned()),
        password: Some(Zeroizing::new(GUESSED.to_owned())),
        ..config(server)
    }
}

/// Looks twice, and expects that the server refuses us, in words that hold no password.
async fn expect_forbidden(redis: &Redis) {
    for _ in 0..2 {
        let looked = redis.look().await;
        let Err(refused @ CheckError::Refused(_)) = looked else {
            panic!("it should be refused: {looked:?}");
        };
        let loaded = redis.recipients().load(key(1)).await.unwrap_err();
        for words in [format!("{refused} {refused:?}"), format!("{loaded} {loaded:?}")] {
            assert!(!words.contains("hunter2"), "{words}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_until_it_is_right() {
    let server = RedisServer::start();
    server.ask_text("ACL SETUSER somebody on >another ~* &* +@all");
    let redis = instance(&as_user(&server, "somebody"));
    expect_forbidden(&redis).await;
    server.ask_text(&format!("ACL SETUSER somebody >{GUESSED}"));
    eventually("a good look", async || redis.look().await.ok()).await;
    eventually("working calls", async || all_work(&redis, SECOND).await.then_some(())).await;
}

#[tokio::test]
async fn an_unknown_user_is_refused_until_it_is_made() {
    let server = RedisServer::start();
    let redis = instance(&as_user(&server, "somebody"));
    expect_forbidden(&redis).await;
    server.ask_text(&format!("ACL SETUSER somebody on >{GUESSED} ~* &* +@all"));
    eventually("a good look", async || redis.look().await.ok()).await;
    eventually("working calls", async || all_work(&redis, SECOND).await.then_some(())).await;
}

#[tokio::test]
async fn a_server_that_wants_a_password_refuses_whoever_has_none() {
    let server = RedisServer::start_with(&[("requirepass", "hunter2-real")]);
    expect_forbidden(&instance(&config(&server))).await;
    let known = Config {
        password: Some(Zeroizing::new("hunter2-real".to_owned())),
        ..config(&server)
    };
    let redis = instance(&known);
    redis.look().await.unwrap();
    expect_working(&redis, SECOND).await;
}

#[tokio::test]
async fn a_user_that_may_not_do_enough_is_refused_and_told_what_is_missing() {
    let server = RedisServer::start();
    server.ask_text(&format!(
        "ACL SETUSER somebody on >{GUESSED} ~* &* +@all -evalsha -script -info"
    ));
    let redis = instance(&as_user(&server, "somebody"));
    let refused = redis.look().await.unwrap_err().to_string();
    assert!(refused.contains("'info'"), "{refused}");
    server.ask_text("ACL SETUSER somebody +info");
    let refused = redis.look().await.unwrap_err().to_string();
    assert!(refused.contains("'script|load'"), "{refused}");
    server.ask_text("ACL SETUSER somebody +script +evalsha");
    redis.look().await.unwrap();
    expect_working(&redis, SECOND).await;
}

#[tokio::test]
async fn a_user_that_is_taken_away_while_it_is_used_comes_back() {
    let server = RedisServer::start();
    let make = format!("ACL SETUSER somebody on >{GUESSED} ~* &* +@all");
    server.ask_text(&make);
    let redis = instance(&as_user(&server, "somebody"));
    redis.look().await.unwrap();
    expect_working(&redis, SECOND).await;
    server.ask_text("ACL DELUSER somebody");
    eventually("a refusal", async || redis.look().await.err()).await;
    assert!(redis.recipients().load(key(1)).await.is_err());
    server.ask_text(&make);
    eventually("a good look", async || redis.look().await.ok()).await;
    eventually("working calls", async || all_work(&redis, SECOND).await.then_some(())).await;
}

/// Connections of others until the server takes none any more.
fn crowd(server: &RedisServer) -> Vec<UnixStream> {
    let mut crowd = Vec::new();
    loop {
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        let mut answer = [0; 5];
        // Whom it does not take it tells so and hangs up, maybe before the question came.
        let asked = stream
            .write_all(b"PING\r\n")
            .and_then(|()| stream.read_exact(&mut answer));
        if asked.is_err() || &answer != b"+PONG" {
            return crowd;
        }
        crowd.push(stream);
    }
}

#[tokio::test]
async fn a_server_that_had_no_place_for_another_connection_is_used_once_it_has() {
    let server = RedisServer::start_with(&[("maxclients", "20")]);
    let others = crowd(&server);
    let redis = instance(&config(&server));
    for _ in 0..2 {
        let looked = redis.look().await;
        assert!(matches!(looked, Err(CheckError::Away(_))), "{looked:?}");
    }
    drop(others);
    eventually("a good look", async || redis.look().await.ok()).await;
    eventually("working calls", async || all_work(&redis, SECOND).await.then_some(())).await;
}
