//! A service whose Redis gets into trouble.

use std::process::Command;
use std::time::Duration;

use countersign_grpc::{Client, reason, v1};
use countersign_testkit::redis_server::RedisServer;
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::common::calls::{assert_refused, by_id, check, check_request, open, start, start_request};
use crate::common::clock::Stopwatch;
use crate::common::http;
use crate::common::meta::{Meta, post_signed, status_webhook};
use crate::common::plan::Plan;
use crate::common::serve::Serve;
use countersign_testkit::wait::eventually;

pub(crate) const PERSON: &str = "+5511987654321";
pub(crate) const OTHER: &str = "+5511987654322";
/// What the log says when Redis goes, and when it comes back.
pub(crate) const AWAY: (&str, &str) = ("WARN", "Redis is away");
pub(crate) const BACK: (&str, &str) = ("INFO", "Redis works again");
/// What `/readyz` says of a store in trouble.
const TROUBLE: &str = "away, or not fit: see the log";

/// A service with one open verification.
pub(crate) struct Scene {
    pub(crate) redis: RedisServer,
    pub(crate) meta: Meta,
    pub(crate) serve: Serve,
    pub(crate) client: Client,
    pub(crate) id: String,
    pub(crate) code: String,
}

impl Scene {
    /// One on a server of its own, with these further lines of `[store]`.
    pub(crate) async fn set(lines: &str) -> Self {
        let redis = RedisServer::start();
        let address = redis.address();
        Self::set_at(redis, &address, lines).await
    }

    /// One that reaches its server at another address.
    pub(crate) async fn set_at(redis: RedisServer, address: &str, lines: &str) -> Self {
        let meta = Meta::start_silent().await;
        let serve = Serve::start(&Plan::new(meta.base_url()).redis(address, lines)).await;
        let client = serve.client().await;
        let id = open(&client, PERSON).await.id;
        let code = meta.code_for(PERSON).await;
        let scene = Self {
            redis,
            meta,
            serve,
            client,
            id,
            code,
        };
        // Its message is done with, so that nothing goes on behind the test.
        eventually("that the message is accepted", async || {
            let seen = scene.get().await.ok()?;
            (seen.deliveries[0].state() == v1::DeliveryState::Accepted).then_some(())
        })
        .await;
        scene
    }

    pub(crate) async fn get(&self) -> Result<v1::Verification, Status> {
        let request = v1::GetVerificationRequest {
            verification: Some(by_id(&self.id)),
        };
        let answer = self.client.clone().get_verification(request).await?;
        Ok(answer.into_inner().verification.unwrap())
    }

    pub(crate) async fn check(&self, code: &str) -> Result<v1::CheckVerificationResponse, Status> {
        let request = check_request(&self.id, code);
        Ok(self.client.clone().check_verification(request).await?.into_inner())
    }

    /// Demands that what has to be written is refused as unavailable, each within this time, and not carried out.
    pub(crate) async fn assert_no_writes(&self, within: Duration) {
        let watch = Stopwatch::start();
        let started = start(&self.client, start_request("shop", OTHER)).await;
        assert_refused(&started.unwrap_err(), Code::Unavailable, reason::STORE_UNAVAILABLE);
        assert_within(&watch, within);
        let watch = Stopwatch::start();
        let checked = self.check(&self.code).await;
        assert_refused(&checked.unwrap_err(), Code::Unavailable, reason::STORE_UNAVAILABLE);
        assert_within(&watch, within);
        let watch = Stopwatch::start();
        let request = v1::CancelVerificationRequest {
            verification: Some(by_id(&self.id)),
        };
        let canceled = self.client.clone().cancel_verification(request).await;
        assert_refused(&canceled.unwrap_err(), Code::Unavailable, reason::STORE_UNAVAILABLE);
        assert_within(&watch, within);
        // Meta is asked to repeat what could not be written down.
        let message = self.meta.phone.messages_to(PERSON)[0].clone();
        let webhook = status_webhook(&message, "delivered").to_string();
        assert_eq!(post_signed(&self.serve.callback(), &webhook).await.status, 503);
        assert_eq!(self.meta.phone.accepted(), 1, "a message was sent");
    }

    /// Demands that nothing is answered at all.
    pub(crate) async fn assert_no_calls(&self, within: Duration) {
        self.assert_no_writes(within).await;
        let watch = Stopwatch::start();
        let read = self.get().await.unwrap_err();
        assert_refused(&read, Code::Unavailable, reason::STORE_UNAVAILABLE);
        assert_within(&watch, within);
    }

    /// Demands that everything is well again, and nothing of the trouble left: no guess counted, nobody asked.
    pub(crate) async fn assert_well(&self) {
        self.assert_well_after(1).await;
    }

    /// Like [`Scene::assert_well`], when so many messages were sent before.
    pub(crate) async fn assert_well_after(&self, messages: u64) {
        let seen = self.get().await.unwrap();
        assert_eq!(
            (seen.state(), seen.guesses_left),
            (v1::VerificationState::Open, 5),
            "the trouble left something behind"
        );
        assert_eq!(
            check(&self.client, &self.id, &self.code).await,
            v1::CheckOutcome::Approved
        );
        let other = open(&self.client, OTHER).await.id;
        let code = self.meta.code_for(OTHER).await;
        assert_eq!(check(&self.client, &other, &code).await, v1::CheckOutcome::Approved);
        assert_eq!(self.meta.phone.accepted(), messages + 1);
    }
}

#[track_caller]
pub(crate) fn assert_within(watch: &Stopwatch, within: Duration) {
    let took = watch.elapsed();
    assert!(took <= within, "the answer took {took:?}, longer than {within:?}");
}

/// Waits until `/readyz` says yes or no because of the store.
pub(crate) async fn until_ready(serve: &Serve, wanted: bool) -> Duration {
    let watch = Stopwatch::start();
    let url = format!("http://{}/readyz", serve.http);
    let (status, store) = if wanted { (200, "ok") } else { (503, TROUBLE) };
    eventually("what /readyz should say", async || {
        let reply = http::get(&url).await;
        (reply.status == status).then(|| {
            let conditions = json!({ "serving": "ok", "store": store });
            assert_eq!(reply.json(), json!({ "ready": wanted, "conditions": conditions }));
        })
    })
    .await;
    watch.elapsed()
}

/// What the log says of the store, line by line: level and message.
pub(crate) fn told(serve: &Serve) -> Vec<(String, String)> {
    let lines = serve.process.written().stderr;
    let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_the_store = lines.filter(|line| line["target"] == "countersign::stores");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_the_store
        .map(|line| {
            let message = format!("{} {}", text(&line["message"]), text(&line["error"]));
            (text(&line["level"]), message.trim().to_owned())
        })
        .filter(|(_, message)| !message.starts_with("Redis has no maxmemory"))
        .collect()
}

/// Demands that the log says of the store what is listed, a beginning each, and nothing else.
#[track_caller]
pub(crate) fn assert_told(serve: &Serve, wanted: &[(&str, &str)]) {
    let told = told(serve);
    let as_wanted = told.len() == wanted.len()
        && told
            .iter()
            .zip(wanted)
            .all(|(told, wanted)| told.0 == wanted.0 && told.1.starts_with(wanted.1));
    assert!(as_wanted, "the log says {told:#?}, and not {wanted:#?}");
}

/// Asks again and again for a while, over several looks at the store: whether each call failed as wanted.
pub(crate) async fn ask_for(span: Duration, ask: impl AsyncFn()) {
    let watch = Stopwatch::start();
    while watch.elapsed() < span {
        ask().await;
    }
}

/// Sends a signal to the Redis server.
pub(crate) fn signal(redis: &RedisServer, signal: &str) {
    let kill = format!("kill -s {signal} {}", redis.pid());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}
