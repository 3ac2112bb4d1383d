//! The walk on Redis, and everything that can go wrong with Redis itself.

use std::process::Command;

use countersign_grpc::{reason, v1};
use countersign_testkit::redis_server::RedisServer;
use tonic::{Code, Status};

use crate::common::calls::{assert_refused, by_id, check_request, start, start_request};
use crate::common::meta::{post_signed, status_webhook};
use crate::common::plan::{Plan, STORE_PASSWORD};
use crate::walk::{MARKS, Walk, shifted};
use countersign_testkit::wait::eventually;

const PERSON: &str = "+5511987650021";
const OTHER: &str = "+5511987650022";

/// Somebody whose verification is open, and whose code is known.
struct Asked {
    id: String,
    code: String,
}

impl Walk {
    /// Asks for everything at once: the refusals.
    async fn ask(&mut self, asked: &Asked) -> Vec<Status> {
        let wrong = shifted(&asked.code, 3);
        self.secrets.add("a guess", &wrong);
        let mut refused = Vec::new();
        for code in [&asked.code, &wrong] {
            let request = check_request(&asked.id, code);
            refused.extend(self.client.clone().check_verification(request).await.err());
        }
        refused.extend(start(&self.client, start_request("shop", OTHER)).await.err());
        let message = self.meta.phone.messages_to(PERSON)[0].clone();
        post_signed(
            &self.serve.callback(),
            &status_webhook(&message, "delivered").to_string(),
        )
        .await;
        refused
    }

    async fn be_unavailable(&mut self, asked: &Asked) {
        let refused = self.ask(asked).await;
        assert_eq!(refused.len(), 3, "{refused:?}");
        for status in refused {
            assert_refused(&status, Code::Unavailable, reason::STORE_UNAVAILABLE);
        }
    }

    /// Waits until the verification can be read.
    async fn be_well(&self, asked: &Asked) {
        eventually("that all is well", async || {
            let request = v1::GetVerificationRequest {
                verification: Some(by_id(&asked.id)),
            };
            self.client.clone().get_verification(request).await.ok()
        })
        .await;
    }

    /// Redis is killed, silent, full and read-only, and holds things that nobody here wrote.
    async fn lose_the_store(&mut self, redis: &mut RedisServer) {
        self.secrets.add_phone(OTHER);
        let (id, code) = self.open(PERSON).await;
        let asked = Asked { id, code };
        redis.wait_until_written();
        redis.kill();
        self.be_unavailable(&asked).await;
        self.serve
            .log_line("that Redis is away", |line| {
                let said = line["message"].as_str().unwrap_or_default();
                said.starts_with("Redis is away")
            })
            .await;
        redis.restart();
        self.be_well(&asked).await;
        signal(redis, "STOP");
        self.be_unavailable(&asked).await;
        signal(redis, "CONT");
        self.be_well(&asked).await;
        // What was asked of a silent server may have been carried out; so somebody else is asked now.
        for (command, again) in [
            ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"),
            ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE"),
        ] {
            redis.ask_text(command);
            self.ask(&asked).await;
            redis.ask_text(again);
            self.be_well(&asked).await;
        }
        self.read_what_nobody_wrote(redis, &asked).await;
    }

    /// Records that are no records, with secrets in them.
    async fn read_what_nobody_wrote(&mut self, redis: &RedisServer, asked: &Asked) {
        let spoken = format!("{PERSON} {}", asked.code);
        let keys = redis.every_key().into_iter();
        let records: Vec<_> = keys.filter(|key| key.windows(3).any(|it| it == b":r:")).collect();
        for body in [
            format!("version8\u{1}{spoken}"),
            format!("version8\u{7f}{spoken}"),
            spoken.clone(),
        ] {
            for key in &records {
                redis.ask(&[b"SET", key, body.as_bytes(), b"PX", b"600000"]);
            }
            for status in self.ask(asked).await {
                assert_refused(&status, Code::Internal, reason::RECORD_UNREADABLE);
            }
        }
        for key in &records {
            redis.ask(&[b"DEL", key]);
            redis.ask(&[b"LPUSH", key, spoken.as_bytes()]);
        }
        let refused = self.ask(asked).await;
        assert!(refused.len() >= 2, "{refused:?}");
    }
}

/// Sends a signal to the Redis server.
fn signal(redis: &RedisServer, signal: &str) {
    let kill = format!("kill -s {signal} {}", redis.pid());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

#[tokio::test]
async fn on_redis_a_log_at_trace_level_tells_no_secret_whatever_is_wrong_with_redis() {
    let mut redis = RedisServer::start_with(&[("requirepass", STORE_PASSWORD)]);
    let lines = "password = { file = \"store_password\" }\ntimeout = \"300ms\"";
    let mut walk = Walk::begin_with(|plan: Plan| plan.redis(&redis.address(), lines)).await;
    walk.go_everywhere().await;
    walk.lose_the_store(&mut redis).await;
    let of_the_store = [
        "Redis is away",
        "OOM",
        "replica",
        "WRONGTYPE",
        "its body cannot be read",
    ];
    walk.end(&[&["\"TRACE\""][..], &MARKS, &of_the_store].concat()).await;
}
