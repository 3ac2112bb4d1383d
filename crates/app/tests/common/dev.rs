//! `countersign dev`, and the command line beside it.

use std::path::PathBuf;
use std::process::Command;

use countersign_grpc::{Client, ClientToken, connect};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::http::get;
use crate::common::process::{Ended, Process, countersign, run};
use countersign_testkit::wait::{PATIENCE, eventually};

/// A running `dev` with a state folder of its own.
pub(crate) struct Dev {
    pub(crate) process: Process,
    pub(crate) state: TempDir,
    /// Everything it printed at the start.
    pub(crate) welcome: String,
    /// The address of gRPC.
    pub(crate) grpc: String,
    /// The address of webhooks and health.
    pub(crate) http: String,
    /// The address of the phone.
    pub(crate) phone: String,
}

impl Dev {
    /// Starts on free ports and waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Like [`Dev::start`], with something else about the process.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Command)) -> Self {
        let state = tempfile::tempdir().unwrap();
        let mut command = countersign(state.path());
        let free = "127.0.0.1:0";
        command.args(["dev", "--grpc", free, "--http", free, "--simulator", free]);
        change(&mut command);
        let process = Process::start(&mut command);
        let welcome = process
            .wait_for("the welcome", |written| {
                let lines = &written.stdout;
                let is_last = |line: &String| line.starts_with("Ctrl-C ends it");
                lines.iter().any(is_last).then(|| lines.concat())
            })
            .await;
        let after = |name: &str| {
            let line = welcome.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
            let address = line.split_whitespace().next().unwrap();
            let address = address.strip_prefix("http://").unwrap_or(address);
            address.split('/').next().unwrap().to_owned()
        };
        let (grpc, http, phone) = (after("gRPC "), after("HTTP "), after("phone "));
        let dev = Self {
            process,
            state,
            welcome,
            grpc,
            http,
            phone,
        };
        let ready = format!("http://{}/readyz", dev.http);
        eventually("readiness", async || {
            get(&ready).await.status.is_success().then_some(())
        })
        .await;
        dev
    }

    /// A command of the command line beside it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = countersign(self.state.path());
        command.args(args);
        command
    }

    /// Runs a command of the command line beside it.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        run(&mut self.command(args)).await
    }

    /// Runs a command with `--json`: its exit code and what it printed.
    pub(crate) async fn json(&self, args: &[&str]) -> (i32, Value) {
        let ended = run(self.command(args).arg("--json")).await;
        assert_eq!(ended.stderr, "", "{args:?}");
        let answer = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        (ended.code.unwrap(), answer)
    }

    /// Every message on the phone, newest first.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        let url = format!("http://{}/api/messages", self.phone);
        serde_json::from_value(get(&url).await.json()).unwrap()
    }

    /// The messages to one number, newest first.
    pub(crate) async fn messages_to(&self, number: &str) -> Vec<Value> {
        let to = number.trim_start_matches('+');
        let url = format!("http://{}/api/messages?to={to}", self.phone);
        serde_json::from_value(get(&url).await.json()).unwrap()
    }

    /// The first message to one number, once it is there.
    pub(crate) async fn message_to(&self, number: &str) -> Value {
        eventually("the message", async || self.messages_to(number).await.pop()).await
    }

    /// Starts a verification with the command line: its id, and its code from the phone.
    pub(crate) async fn open(&self, number: &str, args: &[&str]) -> (String, String) {
        let (code, answer) = self.json(&[&["start", number], args].concat()).await;
        assert_eq!((code, &answer["outcome"]), (0, &Value::from("OPENED")), "{answer}");
        let id = text(&answer["verification"]["id"]);
        (id, text(&self.message_to(number).await["code"]))
    }

    /// Where the address and the token of this `dev` are written.
    pub(crate) fn profile(&self) -> PathBuf {
        self.state.path().join("countersign/dev.toml")
    }

    /// The token that it wrote down for other clients.
    pub(crate) fn token(&self) -> String {
        let profile: toml::Table = std::fs::read_to_string(self.profile()).unwrap().parse().unwrap();
        profile["token"].as_str().unwrap().to_owned()
    }

    /// A gRPC client on a connection of its own.
    pub(crate) async fn client(&self) -> Client {
        let token = ClientToken::new(&self.token()).unwrap();
        let address = format!("http://{}", self.grpc);
        connect(&address, Some(token), PATIENCE).await.unwrap()
    }
}

/// A text in JSON.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}
