//! The real binary under a configuration of its own, with the settings it comes with.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign_grpc::token_sha256;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::Outcome;
use crate::process::Process;

/// The token of the benchmark as a caller.
pub(crate) const CALLER_TOKEN: &str = "caller-token-of-the-bench-81c4f0aa2d";
/// The one app.
pub(crate) const APP: &str = "bench";
/// Its purpose.
pub(crate) const PURPOSE: &str = "sign_in";
/// What webhooks are signed with.
pub(crate) const APP_SECRET: &str = "9f3c1be2a7d64508b1e2benchappsecret";
/// As whom is sent: the first sender, and the one that webhooks speak of.
pub(crate) const PHONE_NUMBER_ID: &str = "106540352242922";
/// The token with which messages are handed in.
pub(crate) const META_TOKEN: &str = "EAABenchTokenOfTheSystemUser7Qx2";

/// How many messages a second each sender may send: the most that Meta takes from a number.
pub(crate) const THROUGHPUT: u32 = 1_000;
/// How many senders the app has. With one, its throughput would be measured and not the service.
pub(crate) const SENDERS: usize = 24;

/// How often one looks whether it serves, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 500;

/// What stands in the way of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Every rule that is on by default, and the guard.
    Default,
    /// No rule and no guard; what a recipient may get is left, which cannot be taken out.
    Off,
}

impl Rules {
    /// The lines of the configuration. The guard refuses, as it does by default. More may be unfinished, because no
    /// person comes twice and most give no code back; for the same reason what is alarming is looked at as late as can be
    /// ([`REFUSES_AFTER`]).
    fn lines(self) -> &'static str {
        match self {
            Self::Default => {
                "[guard]\nunfinished_per_block_max = 10000\nunfinished_per_country_min = 1000000\nmaturity = \"5m\"\n"
            }
            Self::Off => "[guard]\nenabled = false\n\n[limits]\ndefaults = false\n",
        }
    }
}

/// How long after its first start the guard of a service sees how few codes come back, and challenges everybody.
pub(crate) const REFUSES_AFTER: Duration = Duration::from_secs(5 * 60);

/// A running `countersign serve`.
pub(crate) struct Service {
    pub(crate) process: Process,
    /// Where gRPC listens.
    pub(crate) grpc: SocketAddr,
    /// Where webhooks are taken.
    pub(crate) callback: String,
    _folder: TempDir,
}

impl Service {
    /// Starts one with these lines of `[store]`, these rules and so many senders, whose messages go to `sink`, and waits
    /// until it serves.
    pub(crate) async fn start(store: &str, rules: Rules, senders: usize, sink: SocketAddr) -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let config = write_config(folder.path(), store, rules, senders, sink)
            .map_err(|error| format!("cannot write a configuration: {error}"))?;
        let log = folder.path().join("log");
        let stderr = File::create(&log).map_err(|error| format!("cannot write a log: {error}"))?;
        let binary = binary()?;
        let mut command = Command::new(&binary);
        command
            .args(["serve", "--config"])
            .arg(config)
            .env_clear()
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(stderr);
        let mut process = Process::start("countersign", &mut command)?;
        for _ in 0..LOOKS_MAX {
            let text = fs::read_to_string(&log).unwrap_or_default();
            process
                .demand_running()
                .map_err(|message| format!("{message}; it said:\n{text}"))?;
            if let Some((grpc, http)) = serving(&text) {
                return Ok(Self {
                    process,
                    grpc,
                    callback: format!("http://{http}/webhooks/whatsapp"),
                    _folder: folder,
                });
            }
            sleep(LOOK_EVERY).await;
        }
        let text = fs::read_to_string(&log).unwrap_or_default();
        Err(format!(
            "countersign did not say in time that it serves; it said:\n{text}"
        ))
    }
}

/// The version of the binary, as it says itself.
pub(crate) fn version() -> Outcome<String> {
    let output = Command::new(binary()?).arg("--version").output();
    let output = output.map_err(|error| format!("cannot run countersign: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The service's binary, which lies beside this one.
fn binary() -> Outcome<PathBuf> {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let binary = this.with_file_name("countersign");
    if binary.exists() {
        Ok(binary)
    } else {
        Err(format!(
            "{} does not exist; `cargo xtask bench` builds it",
            binary.display()
        ))
    }
}

/// The addresses of gRPC and HTTP, once the log says that it serves.
fn serving(log: &str) -> Option<(SocketAddr, SocketAddr)> {
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.iter().find(|line| line["message"] == "serving")?;
    let listening = lines.iter().find(|line| line["message"] == "listening")?;
    let address = |name: &str| listening[name].as_str()?.parse().ok();
    Some((address("grpc")?, address("http")?))
}

fn write_config(
    folder: &Path,
    store: &str,
    rules: Rules,
    senders: usize,
    sink: SocketAddr,
) -> std::io::Result<PathBuf> {
    for (file, secret) in [
        (
            "identity",
            "c0ffee11d15ea5edc0ffee22d15ea5edc0ffee33d15ea5edc0ffee44d15ea5ed",
        ),
        ("k1", "5e1fa3c9d70b2846e1fa3c9d70b28465e1fa3c9d70b2846e1fa3c9d70b28465e"),
        ("verify_token", "verify-me-5b1d0c7e-with-care"),
        ("app_secret", APP_SECRET),
        ("token", META_TOKEN),
    ] {
        fs::write(folder.join(file), secret)?;
    }
    let path = folder.join("countersign.toml");
    fs::write(&path, config(store, rules, senders, sink))?;
    Ok(path)
}

/// Nothing but what has no default, the throughput, and the numbers that let the crowd of a benchmark pass.
fn config(store: &str, rules: Rules, senders: usize, sink: SocketAddr) -> String {
    let rules = rules.lines();
    let senders = sender_tables(senders);
    let digest = token_sha256(CALLER_TOKEN).map(|digest| data_encoding::HEXLOWER.encode(&digest));
    let digest = digest.unwrap_or_default();
    format!(
        r#"environment = "bench"

[listen]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"

[log]
format = "json"

[store]
{store}

{rules}
[keys]
identity = {{ file = "identity" }}
current = "k1"
codes.k1 = {{ file = "k1" }}

[whatsapp]
base_url = "http://{sink}"

[whatsapp.webhook]
verify_token = {{ file = "verify_token" }}
app_secrets = [{{ file = "app_secret" }}]

[apps.{APP}]
token = {{ file = "token" }}
app_secret = {{ file = "app_secret" }}

{senders}
[apps.{APP}.template]
name = "verification_code"
languages = ["en_US", "pt_BR"]

[apps.{APP}.policy]
countries = ["BR"]

[apps.{APP}.purposes.{PURPOSE}]

[callers.bench]
token_sha256 = ["{digest}"]
apps = ["{APP}"]
"#
    )
}

/// A table for each of so many senders, the first of which is [`PHONE_NUMBER_ID`].
fn sender_tables(senders: usize) -> String {
    let table = |index: usize| {
        let more = if index == 0 {
            String::new()
        } else {
            format!("{index:02}")
        };
        format!(
            "[apps.{APP}.senders.s{index:02}]\nphone_number_id = \"{PHONE_NUMBER_ID}{more}\"\nthroughput = \
             {THROUGHPUT}\n\n"
        )
    };
    (0..senders).map(table).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_sender_has_a_number_of_its_own_and_webhooks_speak_of_one_of_them() {
        let tables = sender_tables(SENDERS);
        let numbers: BTreeSet<_> = tables.lines().filter(|it| it.starts_with("phone_number_id")).collect();
        assert_eq!(numbers.len(), SENDERS);
        assert!(numbers.contains(&*format!("phone_number_id = \"{PHONE_NUMBER_ID}\"")));
    }

    #[test]
    fn rules_are_off_only_where_the_configuration_says_so() {
        let sink = SocketAddr::from(([127, 0, 0, 1], 9));
        let config = |rules| config("kind = \"memory\"", rules, 1, sink);
        let (on, off) = (config(Rules::Default), config(Rules::Off));
        assert!(off.contains("enabled = false") && off.contains("defaults = false"));
        assert!(!on.contains("enabled") && !on.contains("defaults") && !on.contains("shadow"));
    }

    #[test]
    fn the_addresses_are_known_once_it_serves() {
        let listening = r#"{"level":"INFO","message":"listening","grpc":"127.0.0.1:5","http":"127.0.0.1:6"}"#;
        assert_eq!(serving(listening), None);
        let log = format!("not json\n{listening}\n{{\"message\":\"serving\"}}\n");
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(serving(&log), Some((address(5), address(6))));
    }
}
