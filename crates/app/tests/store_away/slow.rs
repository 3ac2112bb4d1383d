//! A network that is slow, cuts answers, or leads somewhere else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_grpc::{Client, reason, v1};
use countersign_testkit::redis_server::RedisServer;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tonic::Code;

use crate::common::calls::{assert_refused, check_request, open, start, start_request};
use crate::common::clock::Stopwatch;
use crate::common::crowd::phone;
use crate::proxy::{Mode, Proxy};
use crate::scene::{AWAY, BACK, OTHER, Scene, ask_for, assert_within, told, until_ready};

/// The time-out of the store here.
const TIMEOUT: &str = "timeout = \"300ms\"";
/// When a call has to be answered at the latest, on a busy machine: it may ask the store twice.
const SOON: Duration = Duration::from_secs(3);
/// Several looks at the store.
const A_WHILE: Duration = Duration::from_secs(4);

async fn set() -> (Scene, Proxy) {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.socket()).await;
    let scene = Scene::set_at(redis, proxy.address(), TIMEOUT).await;
    (scene, proxy)
}

/// Everything fails in time while the network is in this mode, and is well when it is over.
async fn get_through(mode: Mode) {
    let (scene, proxy) = set().await;
    proxy.set(mode);
    let noticed = until_ready(&scene.serve, false).await;
    ask_for(A_WHILE, async || {
        let read = scene.get().await.unwrap_err();
        assert_refused(&read, Code::Unavailable, reason::STORE_UNAVAILABLE);
    })
    .await;
    let started = start(&scene.client, start_request("shop", OTHER));
    let watch = Stopwatch::start();
    assert_refused(
        &started.await.unwrap_err(),
        Code::Unavailable,
        reason::STORE_UNAVAILABLE,
    );
    assert_within(&watch, SOON);
    let during = told(&scene.serve);
    assert_eq!(scene.meta.phone.accepted(), 1, "a message was sent");
    proxy.set(Mode::Through);
    let back = until_ready(&scene.serve, true).await;
    println!("{mode:?}: noticed within {noticed:.1?}, back within {back:.1?}; the log: {during:?}");
    scene.assert_well().await;
    // One line for each cause, of which a broken connection has several; never one for each look.
    let after = told(&scene.serve);
    assert!(after.len() <= 4, "{after:#?}");
    assert!(
        after
            .iter()
            .take(after.len() - 1)
            .all(|line| line.1.starts_with(AWAY.1)),
        "{after:#?}"
    );
    assert!(after.last().unwrap().1.starts_with(BACK.1), "{after:#?}");
}

#[tokio::test]
async fn answers_that_come_too_late_are_no_answers_and_nothing_is_mixed_up_afterwards() {
    get_through(Mode::Hold).await;
}

#[tokio::test]
async fn answers_that_trickle_are_given_up_in_time() {
    get_through(Mode::Trickle).await;
}

#[tokio::test]
async fn a_redis_with_too_many_connections_is_tried_again_until_it_has_room() {
    get_through(Mode::Full).await;
}

#[tokio::test]
async fn something_that_is_no_redis_is_tried_again_until_redis_is_there() {
    get_through(Mode::Garbage).await;
}

/// Gives the right code until it was answered five times: how often what was said.
async fn insist(client: &Client, id: &str, code: &str) -> BTreeMap<String, u64> {
    let (mut told, mut answered) = (BTreeMap::<String, u64>::new(), 0);
    while answered < 5 {
        let word = match client.clone().check_verification(check_request(id, code)).await {
            Ok(answer) => {
                answered += 1;
                answer.into_inner().outcome().as_str_name().to_owned()
            }
            Err(status) => {
                assert_refused(&status, Code::Unavailable, reason::STORE_UNAVAILABLE);
                "UNAVAILABLE".to_owned()
            }
        };
        *told.entry(word).or_default() += 1;
    }
    let approved = told.get("CHECK_OUTCOME_APPROVED");
    assert!(approved.is_none_or(|it| *it == 1), "{told:?}");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_cut_in_the_middle_never_approve_a_code_twice() {
    const PEOPLE: u64 = 100;
    const AT_ONCE: usize = 8;
    let (scene, proxy) = set().await;
    let mut opened = Vec::new();
    for person in 0..PEOPLE {
        let id = open(&scene.client, &phone(person)).await.id;
        opened.push((id, scene.meta.code_for(&phone(person)).await));
    }
    proxy.set(Mode::Cut);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut people = JoinSet::new();
    for (id, code) in opened {
        let (client, places) = (scene.client.clone(), Arc::clone(&places));
        people.spawn(async move {
            let _place = places.acquire().await.unwrap();
            insist(&client, &id, &code).await
        });
    }
    let mut all = BTreeMap::<String, u64>::new();
    for (word, count) in people.join_all().await.into_iter().flatten() {
        *all.entry(word).or_default() += count;
    }
    println!(
        "{PEOPLE} right codes through {} connections cut in an answer: {all:?}",
        proxy.cuts()
    );
    assert!(proxy.cuts() > 30 && all["UNAVAILABLE"] > 50, "little was cut");
    let known = [
        "CHECK_OUTCOME_APPROVED",
        "CHECK_OUTCOME_ALREADY_APPROVED",
        "UNAVAILABLE",
    ];
    assert!(all.keys().all(|it| known.contains(&it.as_str())), "{all:?}");
    proxy.set(Mode::Through);
    until_ready(&scene.serve, true).await;
    assert_eq!(scene.get().await.unwrap().state(), v1::VerificationState::Open);
    scene.assert_well_after(PEOPLE + 1).await;
}
