//! What failing calls leave behind: nothing.

use countersign_grpc::v1::CheckOutcome;
use tokio::task::JoinSet;
use tonic::Code;

use crate::common::calls::{check_request, start_request};
use crate::common::crowd::phone;
use crate::scene::{Scene, signal, until_ready};

/// Calls in flight.
const AT_ONCE: u64 = 50;
/// By how much the process may grow, in KiB: what the allocator keeps goes up and down by some thousand; a leak of six
/// hundred bytes for each of twenty thousand calls would be more.
const GROWTH_MAX: u64 = 12_288;

/// The memory of the process in use, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn fail(scene: &Scene, calls: u64) {
    let mut failing = JoinSet::new();
    for worker in 0..AT_ONCE {
        let (mut client, id, code) = (scene.client.clone(), scene.id.clone(), scene.code.clone());
        failing.spawn(async move {
            for turn in 0..calls / AT_ONCE {
                let failed = if turn % 2 == 0 {
                    let request = start_request("shop", &phone(worker * 10_000 + turn));
                    client.start_verification(request).await.map(drop)
                } else {
                    client.check_verification(check_request(&id, &code)).await.map(drop)
                };
                assert_eq!(failed.unwrap_err().code(), Code::Unavailable);
            }
        });
    }
    failing.join_all().await;
}

/// Fails this many calls twice over, and demands that the process does not grow in the second round.
async fn leave_nothing_behind(scene: &Scene, first: u64, then: u64) {
    let pid = scene.serve.process.id();
    fail(scene, first).await;
    let before = resident(pid);
    fail(scene, then).await;
    let after = resident(pid);
    println!("{then} failing calls: {before} KiB before, {after} KiB after");
    assert!(after <= before + GROWTH_MAX, "from {before} KiB to {after} KiB");
    assert_eq!(scene.meta.phone.accepted(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_calls_that_fail_while_redis_is_gone_leave_no_memory_behind() {
    let mut scene = Scene::set("").await;
    scene.redis.kill();
    until_ready(&scene.serve, false).await;
    leave_nothing_behind(&scene, 4_000, 20_000).await;
    scene.redis.restart();
    until_ready(&scene.serve, true).await;
    scene.assert_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_calls_that_wait_for_a_silent_redis_leave_no_memory_behind() {
    let scene = Scene::set("timeout = \"50ms\"").await;
    signal(&scene.redis, "STOP");
    until_ready(&scene.serve, false).await;
    leave_nothing_behind(&scene, 2_000, 5_000).await;
    signal(&scene.redis, "CONT");
    until_ready(&scene.serve, true).await;
    // What was asked may have been carried out late; it is answered consistently.
    let outcome = scene.check(&scene.code).await.unwrap().outcome();
    assert!(
        matches!(outcome, CheckOutcome::Approved | CheckOutcome::AlreadyApproved),
        "{outcome:?}"
    );
}
