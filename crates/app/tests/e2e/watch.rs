//! `watch`: what a person and a program read of a verification while it goes on.

use countersign_grpc::v1::{CheckOutcome, DeliveryState};
use countersign_simulator::Message;
use countersign_testkit::redis_server::RedisServer;
use countersign_testkit::wait::eventually;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::common::calls::{check, get, open, other_than};
use crate::common::dev::Dev;
use crate::common::gate::Gate;
use crate::common::meta::{Meta, error_answer, post_signed, status_webhook};
use crate::common::plan::{CALLER_TOKEN, Plan};
use crate::common::process::{Ended, Process, countersign};
use crate::common::serve::Serve;

const PERSON: &str = "+5511987654321";

/// A running `watch` of a service.
struct Watch {
    process: Process,
    _state: TempDir,
}

impl Watch {
    fn start(server: &str, args: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut command = countersign(state.path());
        command.env("COUNTERSIGN_TOKEN", CALLER_TOKEN).env("TZ", "UTC");
        command.arg("watch").args(args).args(["--server", server]);
        Self {
            process: Process::start(&mut command),
            _state: state,
        }
    }

    /// Waits until it printed a line with these words.
    async fn says(&self, words: &str) {
        let find = |lines: &[String]| lines.iter().any(|line| line.contains(words)).then_some(());
        self.process.wait_for(words, |written| find(&written.stdout)).await;
    }

    /// Waits until it complained with these words.
    async fn complains(&self, words: &str) {
        let find = |lines: &[String]| lines.iter().any(|line| line.contains(words)).then_some(());
        self.process.wait_for(words, |written| find(&written.stderr)).await;
    }

    async fn ended(&mut self) -> Ended {
        self.process.ended().await
    }
}

/// A service with one open verification whose message Meta has accepted and tells nothing about.
struct Scene {
    meta: Meta,
    serve: Serve,
    client: countersign_grpc::Client,
    id: String,
}

impl Scene {
    async fn set(plan: impl FnOnce(Plan) -> Plan) -> Self {
        let meta = Meta::start_silent().await;
        let serve = Serve::start(&plan(Plan::new(meta.base_url()))).await;
        let client = serve.client().await;
        let id = open(&client, PERSON).await.id;
        eventually("that the message is accepted", async || {
            let delivery = get(&client, &id).await.deliveries.pop()?;
            (delivery.state() == DeliveryState::Accepted).then_some(())
        })
        .await;
        Self {
            meta,
            serve,
            client,
            id,
        }
    }

    fn server(&self) -> String {
        format!("http://{}", self.serve.grpc)
    }

    fn message(&self) -> Message {
        (*self.meta.phone.messages_to(PERSON)[0]).clone()
    }

    async fn tell(&self, status: &str) {
        let body = status_webhook(&self.message(), status).to_string();
        assert_eq!(post_signed(&self.serve.callback(), &body).await.status, 200);
    }

    async fn guess(&self, code: &str) -> CheckOutcome {
        check(&self.client, &self.id, code).await
    }
}

/// The lines without their times, which have to be there.
fn lines(printed: &str) -> Vec<String> {
    let line = |line: &str| {
        let (time, text) = line.split_once("  ").unwrap_or_else(|| panic!("no time: {line}"));
        assert!(time.len() == 8 && time.matches(':').count() == 2, "{line}");
        text.to_owned()
    };
    printed.lines().skip(2).map(line).collect()
}

#[tokio::test]
async fn each_change_is_a_line_as_it_happens_and_an_approval_ends_with_0() {
    let scene = Scene::set(|plan| plan).await;
    let mut watch = Watch::start(&scene.server(), &[&scene.id]);
    watch.says("resend allowed from").await;
    scene.tell("delivered").await;
    watch.says("message 1 delivered").await;
    let code = scene.message().code;
    assert_eq!(scene.guess(&other_than(&code)).await, CheckOutcome::Incorrect);
    watch.says("wrong guess").await;
    scene.tell("read").await;
    watch.says("message 1 read").await;
    assert_eq!(scene.guess(&code).await, CheckOutcome::Approved);
    let ended = watch.ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let heading = format!("Watching {}, shop / sign_in\n\n", scene.id);
    assert!(ended.stdout.starts_with(&heading), "{}", ended.stdout);
    let said = lines(&ended.stdout);
    let clock = |line: &str, before: &str, after: &str| {
        let clock = line.strip_prefix(before).and_then(|it| it.strip_suffix(after));
        assert_eq!(clock.map(str::len), Some(8), "{line}");
    };
    clock(&said[0], "opened, lives until ", "");
    clock(&said[4], "resend allowed from ", " on (send_wait)");
    let wording = "message 1 in en_US, the language asked for, with verification_code (copy code)";
    assert_eq!(said[1..4], [wording, "message 1 accepted", "5 guesses left"]);
    let told = [
        "message 1 delivered",
        "wrong guess, 4 left",
        "message 1 read",
        "approved, code correct",
    ];
    assert_eq!(said[5..], told);
    assert!(!ended.stdout.contains(&code) && !ended.stdout.contains("55119"));
}

#[tokio::test]
async fn a_program_reads_one_object_a_line_and_the_last_is_the_end() {
    let scene = Scene::set(|plan| plan).await;
    let by_phone = ["--phone", PERSON, "--app", "shop", "--purpose", "sign_in", "--json"];
    let mut watch = Watch::start(&scene.server(), &by_phone);
    watch.says("ACCEPTED").await;
    scene.tell("sent").await;
    watch.says("SENT").await;
    for _ in 0..5 {
        scene.guess(&other_than(&scene.message().code)).await;
    }
    let ended = watch.ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(3), ""));
    let seen: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(seen.iter().all(|it| it["id"] == json!(scene.id)));
    let last = seen.last().unwrap();
    assert_eq!(
        (&last["state"], &last["reason"]),
        (&json!("EXHAUSTED"), &json!("GUESSES_USED_UP"))
    );
    assert_eq!(last["deliveries"][0]["state"], "SENT");
}

#[tokio::test]
async fn a_failure_is_told_in_metas_own_words_and_ends_with_3() {
    let meta = Meta::start_silent().await;
    let undeliverable = error_answer(
        400,
        131_026,
        "Message undeliverable",
        "Receiver is incapable of receiving this message",
    );
    meta.controls.fail_next(1, undeliverable);
    let serve = Serve::start(&Plan::new(meta.base_url())).await;
    let id = open(&serve.client().await, PERSON).await.id;
    let mut watch = Watch::start(&format!("http://{}", serve.grpc), &[&id]);
    let ended = watch.ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(3), ""));
    let said = lines(&ended.stdout);
    let [.., message, end] = &said[..] else {
        panic!("{}", ended.stdout)
    };
    assert!(message.starts_with("message 1 failed"), "{message}");
    assert!(
        message.contains("undeliverable (Meta 131026 Message undeliverable"),
        "{message}"
    );
    assert_eq!(
        end,
        "failed, undeliverable: Meta does not deliver to this person; offer another way"
    );
}

#[tokio::test]
async fn a_cut_connection_is_made_again_and_what_was_missed_is_told() {
    let scene = Scene::set(|plan| plan).await;
    let gate = Gate::open_to(scene.serve.grpc.parse().unwrap());
    let mut watch = Watch::start(&gate.base_url(), &[&scene.id]);
    watch.says("guesses left").await;
    gate.cut();
    scene.tell("delivered").await;
    watch.complains("the connection is lost; calling again").await;
    watch.says("message 1 delivered").await;
    assert_eq!(scene.guess(&scene.message().code).await, CheckOutcome::Approved);
    let ended = watch.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.matches("Watching").count(), 1);
    assert_eq!(ended.stdout.matches("message 1 delivered").count(), 1);
}

#[tokio::test]
async fn a_store_that_goes_away_and_comes_back_is_waited_for() {
    let mut redis = RedisServer::start_with(&[("appendfsync", "always")]);
    let address = redis.address();
    let scene = Scene::set(|plan| plan.redis(&address, "")).await;
    let mut watch = Watch::start(&scene.server(), &[&scene.id]);
    watch.says("guesses left").await;
    redis.kill();
    watch.complains("calling again").await;
    let _redis = spawn_blocking(move || {
        redis.restart();
        redis
    })
    .await
    .unwrap();
    eventually("that the service answers again", async || {
        let request = countersign_grpc::v1::GetVerificationRequest {
            verification: Some(crate::common::calls::by_id(&scene.id)),
        };
        scene.client.clone().get_verification(request).await.ok()
    })
    .await;
    assert_eq!(scene.guess(&scene.message().code).await, CheckOutcome::Approved);
    let ended = watch.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[tokio::test]
async fn a_watch_whose_time_is_up_says_so_and_ends_with_3() {
    let scene = Scene::set(|plan| plan).await;
    let ended = Watch::start(&scene.server(), &[&scene.id, "--timeout", "3"])
        .ended()
        .await;
    assert_eq!(ended.code, Some(3));
    assert_eq!(
        ended.stderr,
        "countersign: still open after 3 s, and no longer watched\n"
    );
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused_at_once() {
    let dev = Dev::start().await;
    let unknown = format!("cs_{}", "a".repeat(39));
    let refused = dev.run(&["watch", &unknown]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert_eq!(refused.stderr, "countersign: there is no such verification or app\n");
    let (code, refused) = dev.json(&["watch", "--phone", PERSON]).await;
    assert_eq!((code, &refused["error"]["reason"]), (1, &json!("NOT_FOUND")));
    // Nobody ever answered there, so waiting would be in vain.
    let nobody = dev.run(&["watch", &unknown, "--server", "http://127.0.0.1:1"]).await;
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("nobody answers at that address"), "{nobody:?}");
    let neither = dev.run(&["watch"]).await;
    assert_eq!(neither.code, Some(2));
    let both = dev.run(&["watch", &unknown, "--phone", PERSON]).await;
    assert_eq!(both.code, Some(2));
}
