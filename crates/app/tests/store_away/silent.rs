//! A Redis that is there and says nothing: deadlines, and the end of the process.

use std::time::Duration;

use countersign_grpc::reason;
use countersign_grpc::v1;
use tonic::{Code, Request};

use crate::common::calls::{assert_refused, check, check_request, open, start, start_request};
use crate::common::clock::Stopwatch;
use crate::common::http::get;
use crate::scene::{AWAY, OTHER, Scene, assert_told, assert_within, signal, until_ready};

/// A caller's short deadline.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_caller_with_a_short_deadline_hears_at_its_deadline_that_it_passed() {
    let scene = Scene::set("timeout = \"4s\"").await;
    signal(&scene.redis, "STOP");
    for _ in 0..5 {
        let mut request = Request::new(check_request(&scene.id, &scene.code));
        request.set_timeout(SHORT);
        let watch = Stopwatch::start();
        let late = scene.client.clone().check_verification(request).await.unwrap_err();
        let took = watch.elapsed();
        // A client that is as fast as the server says so itself, without details.
        assert!(
            matches!(
                late.code(),
                Code::DeadlineExceeded | Code::Unavailable | Code::Cancelled
            ),
            "{late:?}"
        );
        assert!(took >= SHORT.mul_f32(0.9), "{took:?}: {late:?}");
        println!("with a deadline of {SHORT:?}: {:?} after {took:.1?}", late.code());
        assert_within(&watch, SHORT + Duration::from_secs(2));
    }
    signal(&scene.redis, "CONT");
    until_ready(&scene.serve, true).await;
    // What was begun may be finished when Redis goes on; it is never finished twice.
    let mut approved = 0;
    for _ in 0..3 {
        let outcome = scene.check(&scene.code).await.unwrap().outcome();
        assert!(matches!(
            outcome,
            v1::CheckOutcome::Approved | v1::CheckOutcome::AlreadyApproved
        ));
        approved += u32::from(outcome == v1::CheckOutcome::Approved);
    }
    println!("approved {approved} times afterwards");
    assert!(approved <= 1);
}

#[tokio::test]
async fn while_redis_says_nothing_calls_fail_when_the_time_of_the_store_is_up() {
    let scene = Scene::set("timeout = \"200ms\"").await;
    signal(&scene.redis, "STOP");
    until_ready(&scene.serve, false).await;
    for _ in 0..10 {
        let watch = Stopwatch::start();
        assert_refused(
            &scene.get().await.unwrap_err(),
            Code::Unavailable,
            reason::STORE_UNAVAILABLE,
        );
        assert_within(&watch, Duration::from_secs(3));
    }
    assert_told(&scene.serve, &[AWAY]);
    // Whoever reads the numbers gets those that need no store, and is not kept waiting either.
    let watch = Stopwatch::start();
    let page = get(&format!("http://{}/metrics", scene.serve.http)).await;
    assert_within(&watch, Duration::from_secs(3));
    assert!(
        page.status == 200 && page.body.contains("countersign_starts_total{"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("countersign_backlog"), "{}", page.body);
    signal(&scene.redis, "CONT");
    let back = until_ready(&scene.serve, true).await;
    println!("silent: back within {back:.1?}");
    scene.assert_well().await;
}

#[tokio::test]
async fn sigterm_ends_the_process_in_order_while_redis_is_gone() {
    let mut scene = Scene::set("").await;
    scene.redis.kill();
    until_ready(&scene.serve, false).await;
    let watch = Stopwatch::start();
    scene.serve.process.signal("TERM");
    let ended = scene.serve.process.ended().await;
    println!("SIGTERM while Redis is gone: ended after {:.1?}", watch.elapsed());
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.stderr.contains("\"stopped\"") && !ended.stderr.contains("are cut"),
        "{}",
        ended.stderr
    );
    assert_within(&watch, Duration::from_secs(15));
}

#[tokio::test]
async fn sigterm_ends_the_process_in_order_while_redis_says_nothing() {
    let mut scene = Scene::set("").await;
    let waiting = scene.client.clone();
    signal(&scene.redis, "STOP");
    until_ready(&scene.serve, false).await;
    let waiting = tokio::spawn(async move {
        let request = start_request("shop", OTHER);
        start(&waiting, request).await.unwrap_err()
    });
    let watch = Stopwatch::start();
    scene.serve.process.signal("TERM");
    let ended = scene.serve.process.ended().await;
    println!("SIGTERM while Redis is silent: ended after {:.1?}", watch.elapsed());
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.stderr.contains("\"stopped\"") && !ended.stderr.contains("are cut"),
        "{}",
        ended.stderr
    );
    assert_within(&watch, Duration::from_secs(20));
    println!("the call that waited was told {:?}", waiting.await.unwrap().code());
    signal(&scene.redis, "CONT");
}

#[tokio::test]
async fn what_was_handed_over_before_redis_fell_silent_is_settled_when_it_speaks_again() {
    let scene = Scene::set("").await;
    let id = open(&scene.client, OTHER).await.id;
    signal(&scene.redis, "STOP");
    let code = scene.meta.code_for(OTHER).await;
    signal(&scene.redis, "CONT");
    until_ready(&scene.serve, true).await;
    let outcome = check(&scene.client, &id, &code).await;
    assert_eq!(outcome, v1::CheckOutcome::Approved);
}
