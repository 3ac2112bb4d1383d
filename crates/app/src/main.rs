//! Countersign: self-hosted one-time codes over WhatsApp.
//!
//! Wiring only. Every rule is in `countersign-domain`, every technology in an adapter; what is here reads the
//! configuration, connects the two, runs the loops and ends in order.

mod alarm;
mod background;
mod cli;
mod client;
mod config;
mod dev;
mod environment;
mod http;
mod looks;
mod operators;
mod profile;
mod recorded_line;
mod recording;
mod replay;
mod serve;
mod service;
mod stores;
mod system;
mod table;
mod telemetry;
mod templates;
mod wake;
mod watchman;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use environment::Environment;

/// A call makes about two hundred small allocations, many of them freed on the other core; the system's allocator spends a
/// fifth of the processor on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let environment = Environment::of_process();
    let command = Cli::parse().command;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("countersign: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match command {
            Command::Dev(args) => dev::run(&args, &environment).await,
            Command::Serve(args) => serve::run(&args, &environment).await,
            Command::CheckConfig(args) => serve::check_config(&args, &environment),
            Command::Start(args) => client::start(args, &environment).await,
            Command::Check(args) => client::check(args, &environment).await,
            Command::Get(args) => client::get(args, &environment).await,
            Command::Cancel(args) => client::cancel(args, &environment).await,
            Command::Watch(args) => client::watch(args, &environment).await,
            Command::Explain(args) => operators::explain(args, &environment).await,
            Command::Blocks(args) => operators::blocks(&args, &environment).await,
            Command::Hold(args) => operators::hold(args, &environment).await,
            Command::Release(args) => operators::release(args, &environment).await,
            Command::Erase(args) => operators::erase(args, &environment).await,
            Command::Replay(args) => replay::run(&args, &environment),
            Command::Templates(command) => templates::run(&command, &environment).await,
        }
    })
}
