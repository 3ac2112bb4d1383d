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
/// As whom is sent.
pub(crate) const PHONE_NUMBER_ID: &str = "106540352242922";
/// The token with which messages are handed in.
pub(crate) const META_TOKEN: &str = "EAABenchTokenOfTheSystemUser7Qx2";

/// Lines of `[apps.bench]` about the pace at which messages go out. A service that keeps to Meta's rate by itself is
/// told here to keep to the highest, or the rate would be measured and not the service.
const PACE: &str = "";

/// How often one looks whether it serves, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 500;

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
    /// Starts one with these lines of `[store]`, whose messages go to `sink`, and waits until it serves.
    pub(crate) async fn start(store: &str, sink: SocketAddr) -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let config = write_config(folder.path(), store, sink)
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

fn write_config(folder: &Path, store: &str, sink: SocketAddr) -> std::io::Result<PathBuf> {
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
    fs::write(&path, config(store, sink))?;
    Ok(path)
}

/// Nothing but what has no default.
fn config(store: &str, sink: SocketAddr) -> String {
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
phone_number_id = "{PHONE_NUMBER_ID}"
token = {{ file = "token" }}
app_secret = {{ file = "app_secret" }}
{PACE}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_are_known_once_it_serves() {
        let listening = r#"{"level":"INFO","message":"listening","grpc":"127.0.0.1:5","http":"127.0.0.1:6"}"#;
        assert_eq!(serving(listening), None);
        let log = format!("not json\n{listening}\n{{\"message\":\"serving\"}}\n");
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(serving(&log), Some((address(5), address(6))));
    }
}
