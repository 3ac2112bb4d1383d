//! What is found out at the start: a Redis that is away, one that does not fit, and a configuration that is wrong.

use std::path::Path;
use std::time::Duration;

use countersign_grpc::{reason, token_sha256, v1};
use countersign_testkit::redis_server::RedisServer;
use tonic::Code;

use crate::common::calls::{assert_refused, check, check_request, open, other_than, start, start_request};
use crate::common::meta::Meta;
use crate::common::plan::{Plan, STORE_PASSWORD};
use crate::common::process::{Ended, countersign, run};
use crate::common::serve::Serve;
use crate::scene::{AWAY, BACK, OTHER, PERSON, ask_for, assert_told, told, until_ready};
use countersign_testkit::wait::eventually;

/// Runs `serve` under a plan that keeps it from starting.
async fn refused(plan: &Plan) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let config = plan.write(folder.path());
    run(countersign(folder.path()).arg("serve").arg("--config").arg(config)).await
}

fn plan(redis: &RedisServer, lines: &str) -> Plan {
    Plan::new("http://127.0.0.1:9".to_owned()).redis(&redis.address(), lines)
}

#[tokio::test]
async fn with_redis_away_the_service_starts_and_serves_as_soon_as_redis_is_there() {
    let mut redis = RedisServer::start();
    redis.kill();
    let meta = Meta::start_silent().await;
    let mut serve = Serve::start(&Plan::new(meta.base_url()).redis(&redis.address(), "")).await;
    let client = serve.client().await;
    until_ready(&serve, false).await;
    // Over several looks at the store.
    ask_for(Duration::from_secs(4), async || {
        let refused = start(&client, start_request("shop", PERSON)).await.unwrap_err();
        assert_refused(&refused, Code::Unavailable, reason::STORE_UNAVAILABLE);
    })
    .await;
    assert_told(&serve, &[AWAY]);
    assert_eq!(meta.phone.accepted(), 0);
    redis.restart();
    let took = until_ready(&serve, true).await;
    println!(
        "ready {took:.1?} after a Redis that was away came; the log: {:?}",
        told(&serve)
    );
    assert_told(&serve, &[AWAY, BACK]);
    let id = open(&client, PERSON).await.id;
    let code = meta.code_for(PERSON).await;
    assert_eq!(check(&client, &id, &code).await, v1::CheckOutcome::Approved);
    assert_eq!(
        meta.phone.accepted(),
        1,
        "only what was asked for while Redis was there"
    );
    serve.process.signal("TERM");
    assert_eq!(serve.process.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_redis_that_does_not_fit_ends_the_start_with_1_and_says_what_to_change() {
    let password = "password = { file = \"store_password\" }";
    for (settings, lines, wanted) in [
        (
            ("maxmemory-policy", "allkeys-lru"),
            "",
            "maxmemory-policy is allkeys-lru",
        ),
        (
            ("appendonly", "no"),
            "",
            "set appendonly yes, or accept it with store.accept_data_loss = true",
        ),
        (("requirepass", "another-password"), password, "WRONGPASS"),
        (("requirepass", "another-password"), "", "NOAUTH"),
        (
            ("requirepass", STORE_PASSWORD),
            "username = \"nobody\"\npassword = { file = \"store_password\" }",
            "WRONGPASS",
        ),
        (("replicaof", "127.0.0.1 1"), "", "is a replica and takes no writes"),
    ] {
        let redis = RedisServer::start_with(&[settings]);
        let ended = refused(&plan(&redis, lines)).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let said = ended
            .stderr
            .lines()
            .skip_while(|line| !line.starts_with("countersign: "));
        let said: Vec<_> = said.collect();
        println!("{}", said.join("\n"));
        assert!(said.len() >= 2 && said[0].contains("does not fit"), "{}", ended.stderr);
        assert!(said[1..].iter().any(|line| line.contains(wanted)), "{}", ended.stderr);
        assert!(!ended.stderr.contains(STORE_PASSWORD) && !ended.stderr.contains("another-password"));
        assert_eq!(redis.every_key(), Vec::<Vec<u8>>::new(), "it left something behind");
    }
}

#[tokio::test]
async fn another_number_of_shards_than_the_first_instance_had_is_refused() {
    let redis = RedisServer::start();
    let _first = Serve::start(&plan(&redis, "")).await;
    let ended = refused(&plan(&redis, "shards = 3")).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("store.shards is 3"), "{}", ended.stderr);
    Serve::start(&plan(&redis, "shards = 3\nprefix = \"other\"")).await;
}

#[tokio::test]
async fn a_server_that_forgets_is_taken_when_the_configuration_accepts_that() {
    let redis = RedisServer::start_with(&[("appendonly", "no")]);
    let serve = Serve::start(&plan(&redis, "accept_data_loss = true")).await;
    until_ready(&serve, true).await;
    assert_told(&serve, &[("WARN", "Redis keeps nothing through a restart")]);
}

#[tokio::test]
async fn a_wrong_store_section_ends_with_64_and_names_every_mistake() {
    let redis = RedisServer::start();
    let lines = "timeout = \"10s\"\nprefix = \"CS\"\nuser = \"me\"\npassword = \"in the clear\"";
    let ended = refused(&plan(&redis, lines)).await;
    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    for mistake in ["store.timeout: ", "store.prefix: ", "store.user: ", "store.password: "] {
        assert!(ended.stderr.contains(mistake), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("in the clear"), "{}", ended.stderr);
    for address in ["localhost:6379", "redis://me:secret-word@localhost", "http://localhost"] {
        let ended = refused(&Plan::new("http://127.0.0.1:9".to_owned()).redis(address, "")).await;
        assert_eq!(ended.code, Some(64), "{}", ended.stderr);
        assert!(ended.stderr.contains("store.address: must "), "{}", ended.stderr);
        assert!(!ended.stderr.contains("secret-word"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn the_user_of_deploy_redis_conf_can_do_everything_the_service_does() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/redis.conf");
    let conf = std::fs::read_to_string(conf).unwrap();
    let digest = data_encoding::HEXLOWER.encode(&token_sha256(STORE_PASSWORD).unwrap());
    let conf = conf.replace(&"0".repeat(64), &digest);
    let lines = conf.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let settings: Vec<_> = lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, value)| (name, value.trim_matches('"')))
        // The test itself looks at the server as that user.
        .filter(|(_, value)| *value != "default off")
        .collect();
    assert!(settings.len() >= 6, "{settings:?}");
    let mut redis = RedisServer::start_with(&settings);
    let meta = Meta::start_silent().await;
    let lines = "username = \"countersign\"\npassword = { file = \"store_password\" }";
    let serve = Serve::start(&Plan::new(meta.base_url()).redis(&redis.address(), lines)).await;
    let client = serve.client().await;
    let id = open(&client, PERSON).await.id;
    let code = meta.code_for(PERSON).await;
    assert_eq!(
        check(&client, &id, &other_than(&code)).await,
        v1::CheckOutcome::Incorrect
    );
    redis.restart();
    // It knows no script any more; the first call may still meet the old connection.
    let approved = eventually("an answer", async || {
        let request = check_request(&id, &code);
        let answer = client.clone().check_verification(request).await.ok()?;
        Some(answer.into_inner().outcome())
    })
    .await;
    assert_eq!(approved, v1::CheckOutcome::Approved);
    // The loop looks for who is due, and forgets whose record is gone.
    open(&client, OTHER).await;
    meta.code_for(OTHER).await;
    let log = serve.process.written().stderr.concat();
    assert!(!log.contains("NOPERM"), "{log}");
    let denied = redis.ask_text("ACL LOG");
    assert!(denied.items().is_empty(), "{denied:?}");
}
