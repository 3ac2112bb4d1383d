//! A thousand verifications with everything that can happen to them, and the search for what they leave behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_grpc::v1;
use countersign_simulator::Message;
use countersign_testkit::redis_server::RedisServer;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use serde_json::json;
use tokio::task::JoinSet;

use crate::common::calls::{by_id, check_request, other_than, start_request};
use crate::common::clock::Stopwatch;
use crate::common::crowd::{Crowd, Opened};
use crate::common::meta::{Meta, error_answer, post_signed, status_webhook};
use crate::common::plan::{CALLER_TOKEN, CODE_KEY, IDENTITY_KEY, META_APP_SECRET, META_TOKEN, META_VERIFY_TOKEN, Plan};
use crate::common::serve::Serve;
use crate::held::{everything, immortal};
use crate::needles::{Needles, written};
use countersign_testkit::wait::{eventually, soon};

/// How many verifications there are.
const PEOPLE: u64 = 1_000;
/// How many different things happen to them.
const FATES: usize = 10;
/// What codes are bound to.
const PAYEE: &str = "ACME-of-Springfield-0815";

/// A mobile number in Brazil whose digits look random.
fn phone(person: u64) -> String {
    format!("+551197{:07}", (person * 7_368_787 + 4_021_963) % 10_000_000)
}

/// The context and the id of a start; most have both.
fn start_of(person: u64) -> v1::StartVerificationRequest {
    let mut request = start_request("shop", &phone(person));
    if !person.is_multiple_of(3) {
        request.context = [("payee".to_owned(), PAYEE.to_owned())].into();
    }
    if !person.is_multiple_of(5) {
        request.request_id = request_id("start", person);
    }
    request
}

fn request_id(what: &str, person: u64) -> String {
    format!("request-of-{what}-{person:08}")
}

/// Everything of the run.
struct Walk {
    redis: RedisServer,
    meta: Meta,
    serve: Serve,
    crowd: Arc<Crowd>,
    needles: Needles,
}

impl Walk {
    async fn begin() -> Self {
        // What is compressed cannot be searched.
        let redis = RedisServer::start_with(&[("rdbcompression", "no")]);
        let meta = Meta::start_silent().await;
        let policy = "code_length = 15\nretry = { tries_max = 6, first_wait = \"10ms\", wait_max = \"10ms\" }";
        let plan = Plan::new(meta.base_url()).policy(policy).redis(&redis.address(), "");
        let serve = Serve::start_logging(&plan, "warn,countersign=info").await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(serve.client().await);
        }
        let mut needles = Needles::default();
        for (what, secret) in [
            ("Meta's token", META_TOKEN),
            ("the app secret", META_APP_SECRET),
            ("the verify token", META_VERIFY_TOKEN),
            ("a caller's token", CALLER_TOKEN),
            ("the key of codes", CODE_KEY),
            ("the key of the installation", IDENTITY_KEY),
            ("a context", PAYEE),
            ("a request id", "request-of-"),
        ] {
            needles.add_text(what, secret);
        }
        for key in [CODE_KEY, IDENTITY_KEY] {
            needles.add_bytes("a key", &HEXLOWER_PERMISSIVE.decode(key.as_bytes()).unwrap());
        }
        Self {
            redis,
            meta,
            serve,
            crowd: Crowd::patient(clients),
            needles,
        }
    }

    /// Opens a verification for everybody. Now and then Meta refuses first, with words that repeat the phone.
    async fn open(&mut self) -> Vec<(u64, Opened)> {
        for person in 0..PEOPLE {
            self.needles.add_phone(&phone(person));
        }
        for person in (0..20).map(|it| it * 50) {
            let spoken = written(&phone(person)).join(", ");
            let text = format!("{} ({spoken})", phone(person));
            let fault = error_answer(500, 131_016, &text, &format!("details: {text}"));
            self.meta.controls.fail_next(1, fault);
        }
        let mut starts = JoinSet::new();
        for person in 0..PEOPLE {
            let crowd = Arc::clone(&self.crowd);
            starts.spawn(async move {
                let request = start_of(person);
                let started = crowd.call(|mut client| {
                    let request = request.clone();
                    async move { client.start_verification(request).await }
                });
                let answer = started.await.into_inner();
                assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
                (person, answer.verification.unwrap().id)
            });
        }
        let ids = starts.join_all().await;
        let messages = soon("every message", self.meta.phone.wait_until(PEOPLE)).await;
        let mut codes = BTreeMap::new();
        for message in messages {
            self.needles.add_code(&message.code);
            let id = message.id.trim_start_matches("wamid.");
            self.needles.add_text("a message id", id);
            self.needles
                .add_bytes("a message id", &BASE64.decode(id.as_bytes()).unwrap());
            codes.insert(message.to.clone(), message.code.clone());
        }
        let opened = ids.into_iter().map(|(person, id)| {
            let code = codes[&phone(person)].clone();
            (person, Opened { id, code })
        });
        opened.collect()
    }

    /// Lets its fate come to each of them; all but the webhooks at once.
    async fn live(&self, opened: &[(u64, Opened)]) {
        let mut lives = JoinSet::new();
        for (place, (person, it)) in opened.iter().enumerate() {
            let (crowd, person, it) = (Arc::clone(&self.crowd), *person, it.clone());
            match place % FATES {
                0..=3 => lives.spawn(async move {
                    assert_eq!(
                        guess(&crowd, person, &it.id, &it.code, 0).await,
                        v1::CheckOutcome::Approved
                    );
                }),
                4 => lives.spawn(async move {
                    for turn in 0..2 {
                        guess(&crowd, person, &it.id, &other_than(&it.code), turn).await;
                    }
                }),
                5 => lives.spawn(async move {
                    for turn in 0..4 {
                        guess(&crowd, person, &it.id, &other_than(&it.code), turn).await;
                    }
                    let last = guess(&crowd, person, &it.id, &other_than(&it.code), 4).await;
                    assert_eq!(last, v1::CheckOutcome::Exhausted);
                }),
                6 => lives.spawn(async move {
                    let request = v1::CancelVerificationRequest {
                        verification: Some(by_id(&it.id)),
                    };
                    let canceled = crowd.call(|mut client| {
                        let request = request.clone();
                        async move { client.cancel_verification(request).await }
                    });
                    canceled.await;
                }),
                // Left open, or told about by webhooks.
                _ => continue,
            };
        }
        lives.join_all().await;
        for (_, (person, it)) in opened.iter().enumerate().filter(|(place, _)| place % FATES >= 8) {
            let message = self.meta.phone.messages_to(&phone(*person)).pop().unwrap();
            self.tell_failure(&message, &it.id).await;
        }
    }

    /// Tells by webhook that a message failed, in words that repeat everything.
    async fn tell_failure(&self, message: &Message, id: &str) {
        let people = written(&message.to).join(", ");
        let spoken = format!("{} ({people}) code {} message {}", message.to, message.code, message.id);
        let mut failed = status_webhook(message, "failed");
        failed["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"] = json!([{
            "code": 131_026, "title": spoken, "message": spoken, "error_data": { "details": spoken },
        }]);
        let posted = post_signed(&self.serve.callback(), &failed.to_string()).await;
        assert_eq!(posted.status, 200);
        assert_eq!(self.crowd.get(id).await.state(), v1::VerificationState::Failed);
    }

    /// Looks through everything Redis holds: how much, and what was found.
    fn search(&self) -> (usize, Vec<String>) {
        let (mut bytes, mut found) = (0, Vec::new());
        for held in everything(&self.redis) {
            bytes += held.bytes.len();
            let hits = self.needles.found_in(&held.bytes);
            found.extend(hits.iter().map(|hit| format!("{} in {}", hit.what, held.place)));
        }
        (bytes, found)
    }

    /// Lets Redis write its append-only file anew: what it holds, in the form of a snapshot.
    async fn rewrite(&self) {
        self.redis.ask_text("BGREWRITEAOF");
        eventually("the new append-only file", async || {
            let info = self.redis.ask_text("INFO persistence");
            let has = |line: &str| info.text().lines().any(|it| it.trim_end() == line);
            (has("aof_rewrite_in_progress:0") && has("aof_rewrite_scheduled:0")).then_some(())
        })
        .await;
    }
}

/// Gives one code, bound to what the start was bound to; every other guess has a request id of its own.
async fn guess(crowd: &Crowd, person: u64, id: &str, code: &str, turn: u32) -> v1::CheckOutcome {
    let mut request = check_request(id, code);
    request.context = start_of(person).context;
    if turn.is_multiple_of(2) {
        request.request_id = request_id(&format!("guess-{turn}"), person);
    }
    let checked = crowd.call(|mut client| {
        let request = request.clone();
        async move { client.check_verification(request).await }
    });
    checked.await.into_inner().outcome()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_thousand_verifications_redis_holds_no_secret_in_any_form() {
    let mut walk = Walk::begin().await;
    let watch = Stopwatch::start();
    let opened = walk.open().await;
    walk.live(&opened).await;
    let lived = watch.elapsed();

    let searching = Stopwatch::start();
    let keys = walk.redis.every_key().len();
    assert!(keys > 1_000, "{keys} keys, so little was looked at");
    assert_eq!(immortal(&walk.redis), Vec::<String>::new(), "keys that live for ever");
    let (bytes, found) = walk.search();
    assert!(
        found.is_empty(),
        "{}: {:#?}",
        found.len(),
        &found[..found.len().min(20)]
    );
    walk.rewrite().await;
    let (rewritten, found) = walk.search();
    assert!(
        found.is_empty(),
        "{}: {:#?}",
        found.len(),
        &found[..found.len().min(20)]
    );
    println!(
        "{PEOPLE} verifications in {lived:.1?}: {keys} keys, each with an expiry; {bytes} bytes, and {rewritten} \
         after a rewrite of the file, looked at for {} byte strings in {:.1?}",
        walk.needles.count(),
        searching.elapsed()
    );
    assert!(bytes > 1_000_000 && rewritten > 500_000);

    // What is there is found: in a value, in a key, in an index, in a hash, and in the file.
    let planted = [0x55, 0x11, 0x97, 0x40, 0x21, 0x96, 0x3f];
    assert_eq!(phone(0), "+5511974021963");
    walk.redis.ask(&[b"SET", b"cs:planted", &planted]);
    walk.redis.ask(&[b"ZADD", b"cs:index", b"5511974021963", b"member"]);
    walk.redis
        .ask(&[b"HSET", b"cs:hash", b"field", opened[0].1.code.as_bytes()]);
    walk.redis.ask(&[b"SET", b"cs:11974021963", b""]);
    let (_, found) = walk.search();
    for place in [
        "the value of cs:planted",
        "the dump of cs:planted",
        "the value of cs:index",
        "the dump of cs:index",
        "the value of cs:hash",
        "the key cs:11974021963",
        "the append-only file",
    ] {
        assert!(found.iter().any(|it| it.ends_with(place)), "nothing found in {place}");
    }
    assert_eq!(immortal(&walk.redis).len(), 4);
}
