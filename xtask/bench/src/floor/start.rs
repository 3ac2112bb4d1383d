//! Starts a floor as a process of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign_grpc::v1;
use data_encoding::HEXLOWER;
use prost::Message as _;
use serde::Serialize;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::Outcome;
use crate::process::Process;

/// How often one looks whether it serves, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS_MAX: usize = 500;

/// What the service answers, for a floor to say after it, and how long what it writes is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answers {
    #[serde(skip)]
    pub(crate) start: v1::StartVerificationResponse,
    #[serde(skip)]
    pub(crate) check: v1::CheckVerificationResponse,
    /// Bytes of a message's reference.
    pub(crate) reference_bytes: usize,
    /// Bytes of a record.
    pub(crate) record_bytes: usize,
}

/// A running floor.
pub(crate) struct FloorServer {
    pub(crate) process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl FloorServer {
    /// Starts one that echoes, or one that works on the Redis at this address and hands messages to this sink.
    pub(crate) async fn start(answers: &Answers, work: Option<(&str, SocketAddr)>) -> Outcome<Self> {
        let mut command = this_program()?;
        command
            .arg("floor")
            .args(["--start-answer", &HEXLOWER.encode(&answers.start.encode_to_vec())])
            .args(["--check-answer", &HEXLOWER.encode(&answers.check.encode_to_vec())])
            .args(["--reference-bytes", &answers.reference_bytes.to_string()])
            .args(["--record-bytes", &answers.record_bytes.to_string()]);
        if let Some((redis, sink)) = work {
            command.args(["--redis", redis, "--sink", &sink.to_string()]);
        }
        Self::spawn(command).await
    }

    /// Starts one that takes webhooks, and checks their signatures or nothing.
    pub(crate) async fn webhooks(checks: bool) -> Outcome<Self> {
        let mut command = this_program()?;
        command.arg("webhook-floor");
        if checks {
            command.arg("--checks");
        }
        Self::spawn(command).await
    }

    async fn spawn(mut command: Command) -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let said = folder.path().join("said");
        let stdout = File::create(&said).map_err(|error| format!("cannot write a file: {error}"))?;
        command.stdout(stdout).stderr(Stdio::inherit());
        let mut process = Process::start("the floor", &mut command)?;
        for _ in 0..LOOKS_MAX {
            process.demand_running()?;
            let text = fs::read_to_string(&said).unwrap_or_default();
            if let Some(Ok(address)) = text.strip_suffix('\n').map(str::parse) {
                return Ok(Self {
                    process,
                    address,
                    _folder: folder,
                });
            }
            sleep(LOOK_EVERY).await;
        }
        Err("the floor did not say its address in time".to_owned())
    }
}

fn this_program() -> Outcome<Command> {
    let this = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    Ok(Command::new(this))
}
