//! Trouble while the service runs: Redis killed, read-only, full.

use std::time::Duration;

use countersign_grpc::reason;
use tonic::Code;

use crate::common::calls::assert_refused;
use crate::scene::{AWAY, BACK, Scene, ask_for, assert_told, told, until_ready};
use countersign_testkit::wait::eventually;

/// Longer than any answer takes from a server that is gone, on a busy machine, and shorter than a call may take.
const AT_ONCE: Duration = Duration::from_secs(3);
/// Several looks at the store.
const A_WHILE: Duration = Duration::from_secs(4);

#[tokio::test]
async fn while_redis_is_gone_everything_is_unavailable_and_nothing_happens() {
    let mut scene = Scene::set("").await;
    scene.redis.kill();
    scene.assert_no_calls(AT_ONCE).await;
    let noticed = until_ready(&scene.serve, false).await;
    ask_for(A_WHILE, async || {
        let read = scene.get().await.unwrap_err();
        assert_refused(&read, Code::Unavailable, reason::STORE_UNAVAILABLE);
    })
    .await;
    scene.assert_no_calls(AT_ONCE).await;
    assert_told(&scene.serve, &[AWAY]);
    scene.redis.restart();
    let back = until_ready(&scene.serve, true).await;
    println!(
        "killed: noticed within {noticed:.1?}, back within {back:.1?}; the log: {:?}",
        told(&scene.serve)
    );
    scene.assert_well().await;
    assert_told(&scene.serve, &[AWAY, BACK]);
}

#[tokio::test]
async fn a_redis_that_becomes_read_only_is_not_ready_until_it_takes_writes_again() {
    let scene = Scene::set("").await;
    scene.redis.ask_text("REPLICAOF 127.0.0.1 1");
    scene.assert_no_writes(AT_ONCE).await;
    let noticed = until_ready(&scene.serve, false).await;
    ask_for(A_WHILE, async || {
        assert_refused(
            &scene.check(&scene.code).await.unwrap_err(),
            Code::Unavailable,
            reason::STORE_UNAVAILABLE,
        );
    })
    .await;
    scene.assert_no_calls(AT_ONCE).await;
    let unfit = ("ERROR", "Redis does not fit this Redis is a replica");
    assert_told(&scene.serve, &[unfit]);
    scene.redis.ask_text("REPLICAOF NO ONE");
    let back = until_ready(&scene.serve, true).await;
    println!(
        "read-only: noticed within {noticed:.1?}, back within {back:.1?}; the log: {:?}",
        told(&scene.serve)
    );
    scene.assert_well().await;
    assert_told(&scene.serve, &[unfit, BACK]);
}

#[tokio::test]
async fn a_redis_that_is_full_is_not_ready_until_it_has_room_again() {
    let scene = Scene::set("").await;
    scene.redis.ask_text("CONFIG SET maxmemory 1");
    scene.assert_no_writes(AT_ONCE).await;
    let noticed = until_ready(&scene.serve, false).await;
    ask_for(A_WHILE, async || {
        assert_refused(
            &scene.check(&scene.code).await.unwrap_err(),
            Code::Unavailable,
            reason::STORE_UNAVAILABLE,
        );
    })
    .await;
    scene.get().await.unwrap();
    assert_told(&scene.serve, &[AWAY]);
    assert!(told(&scene.serve)[0].1.contains("OOM"), "{:?}", told(&scene.serve));
    scene.redis.ask_text("CONFIG SET maxmemory 0");
    let back = until_ready(&scene.serve, true).await;
    println!(
        "full: noticed within {noticed:.1?}, back within {back:.1?}; the log: {:?}",
        told(&scene.serve)
    );
    scene.assert_well().await;
    assert_told(&scene.serve, &[AWAY, BACK]);
}

#[tokio::test]
async fn a_redis_that_evicts_meanwhile_goes_on_and_is_complained_about() {
    let mut scene = Scene::set("").await;
    scene.redis.kill();
    until_ready(&scene.serve, false).await;
    let conf = scene.redis.folder().join("redis.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    std::fs::write(&conf, text.replace("noeviction", "allkeys-lru")).unwrap();
    scene.redis.restart();
    let unfit = ("ERROR", "Redis does not fit Redis evicts keys");
    eventually("the complaint", async || (told(&scene.serve).len() == 2).then_some(())).await;
    assert_told(&scene.serve, &[AWAY, unfit]);
    // It is still the server with the data.
    until_ready(&scene.serve, true).await;
    scene.get().await.unwrap();
    scene.redis.ask_text("CONFIG SET maxmemory-policy noeviction");
    eventually("that it fits", async || (told(&scene.serve).len() == 3).then_some(())).await;
    assert_told(&scene.serve, &[AWAY, unfit, BACK]);
    scene.assert_well().await;
}
