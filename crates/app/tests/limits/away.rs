//! Redis killed and started again with its data: meanwhile nothing is sent and nothing approved, and afterwards rules,
//! budgets and the guard have counted what was accepted, once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_grpc::{Client, reason, v1};
use countersign_testkit::redis_server::RedisServer;
use countersign_testkit::wait::eventually;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tonic::Code;

use crate::common::calls::{assert_refused, check, check_request, open, other_than, start};
use crate::common::crowd::phone;
use crate::common::http;
use crate::common::meta::post_signed;
use crate::scene::{PRICE, Scene, Setting, plain, priced_webhook, until_taken};

/// What Redis has answered is on its disk, so that a kill loses none of it.
const SAFE: [(&str, &str); 1] = [("appendfsync", "always")];
/// One of each kind, with far more room than these tests need.
const RULES: &str = "defaults = false\n\
                     [limits.rules.starts]\nkey = \"everything\"\nquotas = [\"90000/month\"]\napplies_to = \"start\"\n\
                     [limits.rules.sends]\nkey = [\"purpose\"]\nquotas = [\"80000/400d\"]\napplies_to = \"send\"";
const MONEY: &str = "[money.budgets.purse]\nper = \"all\"\namount = \"500.00\"\nwindow = \"month\"";
/// Callers of the crowd.
const CALLERS: u64 = 12;
/// How often Redis is killed under them.
const KILLS: u64 = 4;
/// How many starts are answered between two kills.
const BETWEEN: u64 = 60;

async fn scene(instances: usize) -> Scene {
    Scene::set(Setting {
        limits: RULES,
        tables: MONEY,
        instances,
        redis: &SAFE,
        ..Setting::default()
    })
    .await
}

impl Scene {
    /// Kills Redis and waits until every instance has noticed.
    async fn kill_redis(&mut self) {
        self.redis.kill();
        self.until_ready(503).await;
    }

    /// Starts Redis on what it had and waits until every instance serves again.
    async fn restart_redis(&mut self) {
        self.redis.restart();
        self.until_ready(200).await;
    }

    async fn until_ready(&self, wanted: u16) {
        for serve in &self.serves {
            let url = format!("http://{}/readyz", serve.http);
            eventually("what /readyz should say", async || {
                (http::get(&url).await.status == wanted).then_some(())
            })
            .await;
        }
    }

    /// What is used of the rule over starts, the one over sends, and the budget.
    async fn used_of_all(&self) -> [i64; 3] {
        let standings = self.standings(plain("+5521987654321")).await;
        ["starts", "sends", "purse"].map(|rule| standings[rule].used)
    }
}

#[tokio::test]
async fn while_redis_is_gone_nothing_is_sent_or_approved_and_afterwards_every_rule_has_counted_once() {
    let mut scene = scene(1).await;
    let mut opened = Vec::new();
    for number in 0..10 {
        opened.push(open(&scene.client, &phone(number)).await.id);
    }
    let messages = scene.meta.phone.wait_until(10).await;
    assert_eq!(scene.used_of_all().await, [10, 10, 10 * PRICE]);
    for round in 1..=3 {
        scene.kill_redis().await;
        for (id, message) in opened.iter().zip(&messages) {
            let status = start(&scene.client, plain(&phone(500))).await.unwrap_err();
            assert_refused(&status, Code::Unavailable, reason::STORE_UNAVAILABLE);
            let right = check_request(id, &message.code);
            let status = scene.client.clone().check_verification(right).await.unwrap_err();
            assert_refused(&status, Code::Unavailable, reason::STORE_UNAVAILABLE);
        }
        assert_eq!(scene.meta.phone.accepted(), 10 + (round - 1) * 10, "a message was sent");
        scene.restart_redis().await;
        let so_far = 10 * i64::try_from(round).unwrap();
        assert_eq!(scene.used_of_all().await, [so_far, so_far, so_far * PRICE]);
        for number in 0..10 {
            open(&scene.client, &phone(round * 10 + number)).await;
        }
        assert_eq!(
            scene.used_of_all().await,
            [so_far + 10, so_far + 10, (so_far + 10) * PRICE]
        );
        scene.meta.phone.wait_until(10 + round * 10).await;
    }
}

#[tokio::test]
async fn a_price_that_is_told_while_redis_is_gone_is_asked_for_again_and_settled_once() {
    let mut scene = scene(1).await;
    for number in 0..4 {
        open(&scene.client, &phone(number)).await;
    }
    let messages = scene.meta.phone.wait_until(4).await;
    let webhooks = messages
        .iter()
        .map(|message| priced_webhook(message, "delivered", message.number % 2 == 0));
    let webhooks: Vec<_> = webhooks.map(|it| it.to_string()).collect();
    let callback = scene.serves[0].callback();
    scene.kill_redis().await;
    for webhook in &webhooks {
        assert_eq!(post_signed(&callback, webhook).await.status, 503);
    }
    scene.restart_redis().await;
    assert_eq!(scene.used_of_all().await, [4, 4, 4 * PRICE]);
    for _ in 0..2 {
        for webhook in &webhooks {
            until_taken(&callback, webhook).await;
        }
        scene.until_used("purse", plain("+5521987654321"), 2 * PRICE).await;
        scene.kill_redis().await;
        scene.restart_redis().await;
        assert_eq!(scene.used_of_all().await, [4, 4, 2 * PRICE]);
    }
}

/// Callers who start for one phone after the other, and for the same one again when they got no answer.
struct Crowd {
    /// Whether to go on: false while Redis is gone.
    goes: watch::Sender<bool>,
    answered: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    running: JoinSet<BTreeSet<String>>,
    end: watch::Sender<bool>,
}

impl Crowd {
    fn start(clients: Vec<Client>) -> Self {
        let mut crowd = Self {
            goes: watch::Sender::new(true),
            answered: Arc::default(),
            lost: Arc::default(),
            running: JoinSet::new(),
            end: watch::Sender::new(false),
        };
        for (caller, client) in (0..).zip(clients) {
            let (mut goes, end) = (crowd.goes.subscribe(), crowd.end.subscribe());
            let (answered, lost) = (Arc::clone(&crowd.answered), Arc::clone(&crowd.lost));
            crowd.running.spawn(async move {
                let mut opened = BTreeSet::new();
                while !*end.borrow() {
                    let phone = phone(caller * 100_000 + u64::try_from(opened.len()).unwrap());
                    loop {
                        goes.wait_for(|it| *it).await.unwrap();
                        let Err(status) = start(&client, plain(&phone)).await else {
                            break;
                        };
                        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                        lost.fetch_add(1, Ordering::Relaxed);
                        // The next try is for when Redis is back, so that each loses one answer a kill.
                        goes.wait_for(|it| !*it).await.unwrap();
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                    opened.insert(phone);
                }
                opened
            });
        }
        crowd
    }

    async fn until_answered(&self, more: u64) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        eventually("answers", async || {
            (self.answered.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_starts_that_lost_their_answer_at_most_one_more_is_counted_and_none_that_was_answered_is_lost() {
    let mut scene = scene(3).await;
    let mut clients = Vec::new();
    for caller in 0..CALLERS {
        clients.push(scene.serves[usize::try_from(caller % 3).unwrap()].client().await);
    }
    let crowd = Crowd::start(clients);
    for kill in 1..=KILLS {
        crowd.until_answered(BETWEEN).await;
        scene.redis = killed(scene.redis).await;
        scene.until_ready(503).await;
        eventually("that everybody has lost an answer", async || {
            (crowd.lost.load(Ordering::Relaxed) == kill * CALLERS).then_some(())
        })
        .await;
        crowd.goes.send_replace(false);
        let before = scene.meta.phone.accepted();
        for serve in &scene.serves {
            let status = start(&serve.client().await, plain("+5521987654322")).await.unwrap_err();
            assert_refused(&status, Code::Unavailable, reason::STORE_UNAVAILABLE);
        }
        assert_eq!(
            scene.meta.phone.accepted(),
            before,
            "a message was sent without a store"
        );
        scene.restart_redis().await;
        crowd.goes.send_replace(true);
    }
    crowd.until_answered(BETWEEN).await;
    crowd.end.send_replace(true);
    let lost = crowd.lost.load(Ordering::Relaxed);
    let opened: BTreeSet<_> = crowd.running.join_all().await.into_iter().flatten().collect();
    let least = i64::try_from(opened.len()).unwrap();
    let most = least + i64::try_from(lost).unwrap();
    let [starts, sends, purse] = scene.used_of_all().await;
    println!("{least} phones, {lost} answers lost: {starts} starts, {sends} sends, {purse} millionths are counted");
    assert_eq!(lost, KILLS * CALLERS);
    assert!((least..=most).contains(&starts), "{starts} starts");
    assert!((least..=most).contains(&sends), "{sends} sends");
    assert_eq!(purse, sends * PRICE);
    eventually("a message to each", async || {
        let sent: BTreeSet<_> = scene.meta.phone.messages().iter().map(|it| it.to.clone()).collect();
        assert!(sent.is_subset(&opened), "somebody got a message that nobody asked for");
        (sent == opened).then_some(())
    })
    .await;
}

/// Kills Redis without holding up those who ask it.
async fn killed(mut redis: RedisServer) -> RedisServer {
    let kill = move || {
        redis.kill();
        redis
    };
    spawn_blocking(kill).await.unwrap()
}

/// The score of all guesses at the app, and the sum of every count that is kept.
async fn heard(scene: &Scene) -> (i64, u64) {
    let buckets = scene.explain(plain("+5521987654321")).await.buckets;
    let mut guesses = buckets
        .iter()
        .filter(|it| it.area == "guesses" && it.scope() == v1::GuardScope::App);
    let score = guesses.next().unwrap().score;
    let mut sum = 0;
    for key in scene.redis.every_key() {
        if key.windows(4).any(|it| it == b"}:t:") {
            let counts = scene.redis.ask(&[b"HVALS", &key]);
            let counts = counts.items().iter().map(|it| it.text().parse::<u64>().unwrap());
            sum += counts.sum::<u64>();
        }
    }
    (score, sum)
}

/// Opens verifications and guesses wrong at each, and has Redis killed after every few guesses if `kills` says so.
async fn guessed_wrong(people: u64, kills: bool) -> Scene {
    let mut scene = scene(1).await;
    for person in 0..people {
        let id = open(&scene.client, &phone(person)).await.id;
        let code = scene.meta.code_for(&phone(person)).await;
        for _ in 0..3 {
            let outcome = check(&scene.client, &id, &other_than(&code)).await;
            assert_eq!(outcome, v1::CheckOutcome::Incorrect);
        }
        if kills {
            scene.kill_redis().await;
            scene.restart_redis().await;
        }
    }
    scene
}

#[tokio::test]
async fn what_the_guard_heard_is_shared_once_however_often_redis_is_gone() {
    const PEOPLE: u64 = 5;
    let calm = guessed_wrong(PEOPLE, false).await;
    let stormy = guessed_wrong(PEOPLE, true).await;
    let mut people = i64::try_from(PEOPLE).unwrap();
    assert_same(&calm, &stormy, people).await;
    // What is heard later is shared after everything else: nothing comes twice behind it.
    for number in 0..2 {
        for scene in [&calm, &stormy] {
            let id = open(&scene.client, &phone(900 + number)).await.id;
            let code = scene.meta.code_for(&phone(900 + number)).await;
            check(&scene.client, &id, &other_than(&code)).await;
        }
        people += 1;
        assert_same(&calm, &stormy, people).await;
    }
}

/// Waits until two services have heard the same, which is wrong guesses of so many people, each as bad as the other: the
/// first of each counts.
async fn assert_same(calm: &Scene, stormy: &Scene, people: i64) {
    let mut last = None;
    eventually("that both have heard the same", async || {
        let both = (heard(calm).await, heard(stormy).await);
        if last != Some(both) {
            println!("score and counts of wrong guesses of {people}, without kills and with them: {both:?}");
            last = Some(both);
        }
        let (calm, stormy) = both;
        (calm == stormy && calm.0 > 0 && calm.0 % people == 0).then_some(())
    })
    .await;
}
