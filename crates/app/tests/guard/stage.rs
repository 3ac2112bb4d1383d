//! The service with its guard on, on a Redis of its own, and an operator at the command line.

use std::path::{Path, PathBuf};

use countersign_grpc::{Client, reason, token_sha256, v1};
use countersign_testkit::redis_server::RedisServer;
use countersign_testkit::wait::eventually;
use serde_json::Value;
use tempfile::TempDir;
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

use crate::common::calls::{assert_refused, check, start, start_request};
use crate::common::meta::Meta;
use crate::common::plan::{CALLER_TOKEN, Plan};
use crate::common::process::{Ended, countersign, run};
use crate::common::serve::Serve;
use crate::hand::Hand;

/// The token of the caller `desk`, which operates.
pub(crate) const DESK_TOKEN: &str = "desk-token-of-the-operators-5f0c9a11e2";
/// The least time after which an unanswered send counts, so that the tests wait as little as can be.
pub(crate) const MATURITY: &str = "maturity = \"30s\"";

/// Everything of one test.
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) serve: Serve,
    pub(crate) client: Client,
    pub(crate) meta: Meta,
    pub(crate) redis: RedisServer,
    pub(crate) folder: TempDir,
}

/// A plan whose guard refuses, with a caller that operates; and with these changes.
pub(crate) fn guarded(meta: &Meta, redis: &RedisServer, change: impl FnOnce(&mut Plan)) -> Plan {
    let mut plan = Plan::new(meta.base_url()).redis(&redis.address(), "");
    plan.guard = format!("action = \"refuse\"\n{MATURITY}");
    let digest = data_encoding::HEXLOWER.encode(&token_sha256(DESK_TOKEN).unwrap());
    plan.tables = format!("[callers.desk]\ntoken_sha256 = [\"{digest}\"]\napps = [\"shop\"]\noperates = true\n");
    change(&mut plan);
    plan
}

impl Stage {
    /// Begins with these changes of the plan.
    pub(crate) async fn begin(change: impl FnOnce(&mut Plan)) -> Self {
        Self::begin_logging("info", change).await
    }

    /// Like [`Stage::begin`], as talkative as asked.
    pub(crate) async fn begin_logging(level: &str, change: impl FnOnce(&mut Plan)) -> Self {
        let redis = RedisServer::start();
        let meta = Meta::start_silent().await;
        let plan = guarded(&meta, &redis, change);
        let serve = Serve::start_logging(&plan, level).await;
        let folder = tempfile::tempdir().unwrap();
        for (name, token) in [("desk", DESK_TOKEN), ("shop", CALLER_TOKEN)] {
            std::fs::write(folder.path().join(name), token).unwrap();
        }
        Self {
            client: serve.client().await,
            plan,
            serve,
            meta,
            redis,
            folder,
        }
    }

    /// Another instance of the same installation.
    pub(crate) async fn another(&self) -> Serve {
        Serve::start(&self.plan).await
    }

    /// The same stores in the hand of this test.
    pub(crate) async fn hand(&self) -> Hand {
        Hand::on(&self.redis).await
    }

    /// Runs a command as the operator.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        self.run_as("desk", args).await
    }

    /// Runs a command as one of the callers.
    pub(crate) async fn run_as(&self, caller: &str, args: &[&str]) -> Ended {
        let mut command = countersign(self.folder.path());
        command
            .args(args)
            .arg("--server")
            .arg(format!("http://{}", self.serve.grpc));
        run(command.arg("--token-file").arg(self.token_file(caller))).await
    }

    fn token_file(&self, caller: &str) -> PathBuf {
        self.folder.path().join(caller)
    }

    /// Runs a command as the operator and reads its answer as a program would.
    pub(crate) async fn json(&self, args: &[&str]) -> (i32, Value) {
        let ended = self.run(&[args, &["--json"]].concat()).await;
        let answer = serde_json::from_str(&ended.stdout);
        (
            ended.code.unwrap(),
            answer.unwrap_or_else(|_| panic!("no JSON: {ended:?}")),
        )
    }

    /// Every block the guard has.
    pub(crate) async fn blocks(&self) -> Vec<Value> {
        let (code, answer) = self.json(&["blocks"]).await;
        assert_eq!(code, 0, "{answer}");
        answer["blocks"].as_array().unwrap().clone()
    }

    /// Starts, and demands that a message is sent: the verification.
    pub(crate) async fn open(&self, phone: &str) -> v1::Verification {
        opened(start(&self.client, start_request("shop", phone)).await)
    }

    /// Starts, and demands a refusal with a code and a reason.
    pub(crate) async fn refused(&self, phone: &str, code: Code, reason: &str) -> ErrorDetails {
        let answer = start(&self.client, start_request("shop", phone)).await;
        assert_refused(&answer.unwrap_err(), code, reason)
    }

    /// Lets a phone start and give its code back.
    pub(crate) async fn approve(&self, phone: &str) -> String {
        let id = self.open(phone).await.id;
        self.give_back(&id, phone).await;
        id
    }

    /// Waits until every instance knows that a phone gave a code back, which takes a second.
    pub(crate) async fn wait_until_known(&self, phone: &str) {
        eventually("that the person is known", async || {
            let (_, answer) = self.json(&["explain", "shop", phone, "payment"]).await;
            answer["returning"].as_bool().unwrap().then_some(())
        })
        .await;
    }

    /// Gives the code of the newest message to a phone back, which has to be right.
    pub(crate) async fn give_back(&self, id: &str, phone: &str) {
        let code = self.meta.code_for(phone).await;
        let outcome = check(&self.client, id, &code).await;
        assert_eq!(outcome, v1::CheckOutcome::Approved);
    }
}

/// Demands that a start opened.
#[track_caller]
pub(crate) fn opened(answer: Result<v1::StartVerificationResponse, Status>) -> v1::Verification {
    let answer = answer.unwrap_or_else(|status| panic!("{status:?} {:?}", details(&status)));
    assert_eq!(answer.outcome(), v1::StartOutcome::Opened);
    answer.verification.unwrap()
}

/// What a refusal says beside its words.
pub(crate) fn details(status: &Status) -> ErrorDetails {
    tonic_types::StatusExt::get_error_details(status)
}

/// A word of the metadata of a refusal, empty when it has none.
pub(crate) fn word<'a>(details: &'a ErrorDetails, key: &str) -> &'a str {
    details
        .error_info()
        .unwrap()
        .metadata
        .get(key)
        .map_or("", String::as_str)
}

/// Demands that a limit refused, and that it says when to ask again.
#[track_caller]
pub(crate) fn assert_limit(status: &Status, rule: &str, key: &str) {
    let details = assert_refused(status, Code::ResourceExhausted, reason::LIMIT_REACHED);
    assert_eq!((word(&details, "rule"), word(&details, "key")), (rule, key));
    assert!(details.retry_info().unwrap().retry_delay.is_some());
}

/// A mobile number of one block of ten thousand in São Paulo.
pub(crate) fn phone(block: u32, number: u32) -> String {
    assert!(block < 1_000 && number < 10_000);
    format!("+551197{block:03}{number:04}")
}

/// Asks a number for a purpose of the app.
pub(crate) fn request_for(phone: &str, purpose: &str) -> v1::StartVerificationRequest {
    let mut request = start_request("shop", phone);
    purpose.clone_into(&mut request.recipient.as_mut().unwrap().purpose);
    request
}

/// The table that has decisions recorded to a file.
pub(crate) fn recorded_to(record: &Path) -> String {
    format!("[decisions]\nto = \"{}\"\n", record.display())
}
