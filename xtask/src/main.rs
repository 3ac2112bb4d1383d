//! The repository's own commands. `cargo xtask help` lists them.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod cargo;
mod ci;
mod codegen;
mod files;
mod layers;
mod redis;

/// The repository's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every test of the workspace. Needs `redis-server` 7.0 or newer, and installs it with apt-get when it is
    /// missing and root or a sudo without password allows that.
    Test {
        /// Goes to `cargo test` as it is, for example the name of a test.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
    /// Passes everything a change has to pass: format, lints, documentation, layers, generated code, dependencies,
    /// tests.
    Ci {
        /// Leaves the tests to `cargo xtask test`.
        #[arg(long)]
        no_test: bool,
    },
    /// Checks the law of the house: edges, manifests, the domain's tree, the architecture page, the style of files.
    Layers,
    /// Builds the release binaries and measures the service against the physical floor. Needs `redis-server`.
    #[command(disable_help_flag = true)]
    Bench {
        /// Goes to the benchmark as it is; `cargo xtask bench --help` lists what it takes.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        more: Vec<String>,
    },
    /// Writes the bindings of `proto/` into `crates/grpc/src/generated`.
    Codegen {
        /// Writes nothing; fails when the committed output is not what the protos give.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match run(&files::root(), Arguments::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one command and answers with the exit code; a failure is told in words.
fn run(root: &Path, command: Command) -> Result<u8, String> {
    match command {
        Command::Test { more } => redis::provide().and_then(|()| ci::test_call(&more).run(root)),
        Command::Ci { no_test } => ci::run(root, !no_test).map(|()| 0),
        Command::Layers => layers::run(root).map(|()| 0),
        Command::Bench { more } => bench::run(root, &more),
        Command::Codegen { check } => codegen::run(root, check).map(|()| 0),
    }
}
