//! Measures the service against the physical floor: what gRPC, Redis and the network cost without it.
//!
//! `cargo xtask bench` builds the release binaries and runs this. It starts everything it measures by itself, on the
//! loopback interface and in folders of its own, and ends what it started. Kept out: any knowledge of the service
//! beyond its configuration file, its gRPC contract and its keys in Redis.

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

mod arena;
mod cells;
mod clock;
mod cost;
mod ends;
mod exchange;
mod fill;
mod floor;
mod footprint;
mod intake;
mod load;
mod options;
mod paced;
mod posters;
mod process;
mod proxy;
mod redis_server;
mod report;
mod run;
mod runtime;
mod service;
mod sink;
mod slow;
mod stats;
mod steady;
mod table;
mod target;
mod throughput;
mod webhook;

use options::{Command, Options};

/// A value, or a sentence about why there is none.
type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    match started(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn started(options: Options) -> Outcome<()> {
    runtime::build()?.block_on(async {
        match options.command {
            Some(Command::Floor(floor)) => floor::serve(floor).await,
            Some(Command::WebhookFloor { checks }) => floor::serve_webhooks(checks).await,
            None => until_stopped(run::run(&options.settings)).await,
        }
    })
}

/// Runs the benchmark until it ends or somebody ends it. Whatever it started is killed when its owner is dropped.
async fn until_stopped(running: impl Future<Output = Outcome<()>>) -> Outcome<()> {
    let stopped = || "cannot listen for signals".to_owned();
    let mut terminate = signal(SignalKind::terminate()).map_err(|_| stopped())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|_| stopped())?;
    tokio::select! {
        outcome = running => outcome,
        _ = terminate.recv() => Err("ended by SIGTERM; nothing was written".to_owned()),
        _ = interrupt.recv() => Err("ended by Ctrl-C; nothing was written".to_owned()),
    }
}
