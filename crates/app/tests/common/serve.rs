//! `countersign serve` under a plan.

use countersign_grpc::{Client, ClientToken, connect};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::plan::{CALLER_TOKEN, Plan, write_config};
use crate::common::process::{Process, countersign};
use countersign_testkit::wait::PATIENCE;

/// A running `serve`.
pub(crate) struct Serve {
    pub(crate) process: Process,
    /// The address of gRPC.
    pub(crate) grpc: String,
    /// The address of webhooks and health.
    pub(crate) http: String,
    _folder: TempDir,
}

impl Serve {
    /// Starts under a plan and waits until it serves.
    pub(crate) async fn start(plan: &Plan) -> Self {
        Self::start_logging(plan, "info").await
    }

    /// Like [`Serve::start`], as talkative as asked.
    pub(crate) async fn start_logging(plan: &Plan, level: &str) -> Self {
        Self::start_from(&plan.text(), level).await
    }

    /// Like [`Serve::start`], with the text of a configuration that names the secrets of every plan.
    pub(crate) async fn start_with(config: &str) -> Self {
        Self::start_from(config, "info").await
    }

    async fn start_from(config: &str, level: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = write_config(folder.path(), config);
        let mut command = countersign(folder.path());
        command.arg("serve").arg("--config").arg(config);
        command.env("COUNTERSIGN_LOG", level);
        let process = Process::start(&mut command);
        let (grpc, http) = process
            .wait_for("the line with the addresses", |written| {
                written.stderr.iter().find_map(|line| addresses(line))
            })
            .await;
        process
            .wait_for("the word that it serves", |written| {
                let mut lines = written.stderr.iter();
                lines.any(|line| message(line) == "serving").then_some(())
            })
            .await;
        Self {
            process,
            grpc,
            http,
            _folder: folder,
        }
    }

    /// Where webhooks go.
    pub(crate) fn callback(&self) -> String {
        format!("http://{}/webhooks/whatsapp", self.http)
    }

    /// A gRPC client of the caller `shop`, on a connection of its own.
    pub(crate) async fn client(&self) -> Client {
        let token = ClientToken::new(CALLER_TOKEN).unwrap();
        connect(&format!("http://{}", self.grpc), Some(token), PATIENCE)
            .await
            .unwrap()
    }

    /// Waits until a line of the log, in JSON, is one that `is_it` looks for.
    pub(crate) async fn log_line(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.process
            .wait_for(what, |written| {
                let mut lines = written.stderr.iter().filter_map(|line| serde_json::from_str(line).ok());
                lines.find(|line| is_it(line))
            })
            .await
    }
}

/// The addresses in the line that tells them, in either format.
fn addresses(line: &str) -> Option<(String, String)> {
    if let Ok(line) = serde_json::from_str::<Value>(line) {
        let address = |name: &str| line[name].as_str().map(str::to_owned);
        return (line["message"] == "listening").then_some((address("grpc")?, address("http")?));
    }
    let fields = line.split_once(" listening ")?.1;
    let address = |name: &str| {
        let field = fields.split_whitespace().find_map(|field| field.strip_prefix(name));
        field.map(str::to_owned)
    };
    Some((address("grpc=")?, address("http=")?))
}

/// What a line of the log says, in either format.
fn message(line: &str) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(line) => line["message"].as_str().unwrap_or_default().to_owned(),
        Err(_) => line.split_whitespace().skip(2).collect::<Vec<_>>().join(" "),
    }
}
