//! What an instance costs that has nothing to do, and how soon it notices that it has.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_grpc::v1;
use countersign_testkit::redis_server::RedisServer;

use crate::common::clock::Stopwatch;
use crate::common::crowd::phone;
use crate::common::meta::{Meta, error_answer};
use crate::scene::{SILENT, Scene};
use countersign_testkit::wait::{eventually, soon};

/// How long is listened.
const LISTENED: Duration = Duration::from_secs(3);
/// The most commands a second that an idle instance may ask, its once-a-second look at the server included.
const COMMANDS_MAX: u32 = 90;
/// The most keys the guard reads to learn what is usual about guesses: two series for the app and two for the service, a
/// key for each of 29 days, and the looks at the server beside them.
const HOURLY_COUNTS_MAX: u32 = 4 * 29 + 10;
/// How much later than due a message may leave an instance that had nothing to do, as a rule: far less than the
/// quarter of a second for which it sleeps between its looks.
const LATE_AS_A_RULE_MAX: Duration = Duration::from_millis(100);
/// The same on a machine that was busy with something else.
const LATE_MAX: Duration = Duration::from_secs(1);
/// Messages that are refused once.
const PEOPLE: u64 = 6;

/// One instance that has been left alone for long enough to look only now and then.
async fn idle_scene(redis: &RedisServer, policy: &str) -> Scene {
    let meta = Meta::start_with(SILENT, |_| {}).await;
    let scene = Scene::set_before(meta, policy, |plan| plan.redis(&redis.address(), "")).await;
    be_left_alone(Duration::from_secs(1)).await;
    scene
}

/// Lets time pass.
async fn be_left_alone(long: Duration) {
    let watch = Stopwatch::start();
    eventually("the end of a while", async || (watch.elapsed() >= long).then_some(())).await;
}

#[tokio::test]
async fn an_idle_instance_asks_redis_for_little() {
    let redis = RedisServer::start();
    let scene = idle_scene(&redis, "").await;
    let (monitor, watch) = (redis.monitor(), Stopwatch::start());
    be_left_alone(LISTENED).await;
    let (heard, listened) = (monitor.finish(), watch.elapsed());
    let mut commands = BTreeMap::<_, u32>::new();
    for it in heard.iter().filter(|it| !it.from_script) {
        *commands.entry(it.command.as_str()).or_default() += 1;
    }
    // The guard reads the counts of four weeks at once, when it begins and when the hour turns.
    let read_at_once = commands.remove("HGETALL").unwrap_or_default();
    assert!(read_at_once <= HOURLY_COUNTS_MAX, "{read_at_once}");
    let per_second = f64::from(commands.values().sum::<u32>()) / listened.as_secs_f64();
    println!("{per_second:.1} commands a second while idle: {commands:?} in {listened:?}");
    assert!(per_second > 0.5, "nothing was heard, so nothing was measured");
    assert!(per_second <= f64::from(COMMANDS_MAX), "{per_second:.1}");
    scene.end().await;
}

/// When a message is due again that was refused, in milliseconds since the epoch; `None` when it went out before
/// anybody looked.
async fn due_at(scene: &Scene, id: &str) -> Option<u64> {
    eventually("that it was refused", async || {
        let delivery = scene.get(id).await.deliveries.pop()?;
        match (delivery.state(), delivery.tries) {
            (v1::DeliveryState::Due, 1..) => {
                let at = delivery.next_try_time?;
                let millis = at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000;
                Some(Some(u64::try_from(millis).unwrap()))
            }
            (v1::DeliveryState::Accepted, _) => Some(None),
            _ => None,
        }
    })
    .await
}

/// Everybody is refused once with `code` while nothing else goes on: how late each message left after that.
async fn delays(scene: &Scene, people: std::ops::Range<u64>, code: u32) -> Vec<Duration> {
    let mut delays = Vec::new();
    for person in people {
        let refusal = error_answer(500, code, "Something went wrong", "");
        scene.meta.controls.fail_next(1, refusal);
        let id = scene.open(&phone(person)).await;
        let due_at = due_at(scene, &id).await;
        soon("the message", scene.meta.phone.wait_for_code(&phone(person))).await;
        let left_at = scene.message_to(&phone(person)).history[0].at_ms;
        delays.extend(due_at.map(|due_at| Duration::from_millis(left_at.saturating_sub(due_at))));
    }
    delays
}

#[tokio::test]
async fn a_message_leaves_an_idle_instance_when_it_is_due() {
    let redis = RedisServer::start();
    let policy = "retry = { tries_max = 6, first_wait = \"200ms\", wait_max = \"200ms\" }";
    let scene = idle_scene(&redis, policy).await;
    // 131000 is tried again somewhere within 200 ms, 131056 after a second, when the loop has long gone idle.
    let mut all = Vec::new();
    for (code, people) in [(131_000, 0..PEOPLE), (131_056, PEOPLE..PEOPLE * 2)] {
        let delays = delays(&scene, people, code).await;
        println!("after {code}: late by {delays:?}");
        assert!(!delays.is_empty(), "everything went out before anybody looked");
        all.extend(delays);
    }
    all.sort_unstable();
    let (median, most) = (all[all.len() / 2], all[all.len() - 1]);
    assert!(median <= LATE_AS_A_RULE_MAX && most <= LATE_MAX, "{all:?}");
    scene.end().await;
}
