//! What can be asked of the benchmark.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures the service against the physical floor.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", max_term_width = 100)]
pub(crate) struct Options {
    /// A floor, when this process is one.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// What to measure.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What to measure.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// Finished recipients in Redis before anything is measured. Several fills are measured side by side, each with a
    /// Redis of its own.
    #[arg(long, value_delimiter = ',', default_value = "0", value_name = "N,…")]
    pub(crate) stored: Vec<u64>,
    /// Calls in flight; each number is a row of its own.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256", value_name = "N,…")]
    pub(crate) clients: Vec<usize>,
    /// How long one cell is measured [default: 3, and 10 for `paced`, which takes at least 2]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<f64>,
    /// How often everything is measured, each time with fresh processes; the tables show medians.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) rounds: usize,
    /// Starts a second: those of `paced`, and those that go on while webhooks are measured [default: 1300 and 200]
    #[arg(long, value_name = "N")]
    pub(crate) starts: Option<u32>,
    /// Only these parts.
    #[arg(long, value_delimiter = ',', value_enum, value_name = "PART,…")]
    pub(crate) only: Vec<Part>,
    /// Only these targets.
    #[arg(
        long,
        value_delimiter = ',',
        value_enum,
        default_value = "floor,redis,rules-off,memory",
        value_name = "TARGET,…"
    )]
    pub(crate) targets: Vec<Kind>,
    /// Where the figures go as JSON [default: target/bench/<seconds since 1970>.json]
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
}

impl Settings {
    /// Whether a part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// How long one cell is measured.
    pub(crate) fn span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(3.0))
    }

    /// How long a sender is kept busy: so long that there are whole seconds to count.
    pub(crate) fn paced_span(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(10.0).max(2.0))
    }

    /// Starts a second beside webhooks.
    pub(crate) fn starts(&self) -> u32 {
        self.starts.unwrap_or(200)
    }

    /// Starts a second that keep a sender busy: more than it may send.
    pub(crate) fn paced_starts(&self) -> u32 {
        self.starts.unwrap_or(1_300)
    }

    /// Says what cannot be measured, in words.
    pub(crate) fn mistake(&self) -> Option<&'static str> {
        if self.clients.iter().any(|clients| !(1..=256).contains(clients)) {
            return Some("--clients must be 1 to 256: the service takes 64 calls on each of 4 connections");
        }
        if self.seconds.is_some_and(|seconds| !(0.1..=60.0).contains(&seconds)) || self.rounds == 0 {
            return Some("--seconds must be 0.1 to 60, and --rounds at least 1");
        }
        if self.starts.is_some_and(|starts| !(1..=5_000).contains(&starts)) {
            return Some("--starts must be 1 to 5000");
        }
        if self.stored.is_empty() || self.clients.is_empty() || self.targets.is_empty() {
            return Some("--stored, --clients and --targets must name something");
        }
        None
    }
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// A bare gRPC call with a request and an answer of a start's size.
    Echo,
    /// Starts, each for a number of its own.
    Start,
    /// Checks with the right code.
    Check,
    /// A start, its message, and the check of its code.
    Pairs,
    /// Starts, each with its message: until Meta has it. And, on Redis, while Meta takes two seconds for an answer.
    Sends,
    /// Signed webhooks about messages while others are being sent.
    Webhooks,
    /// More starts than one sender may send messages, until each is sent; and the same with a pool of senders.
    Paced,
    /// Processor time, round trips and bytes of one call.
    Cost,
}

/// A kind of server that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// gRPC and the round trips to Redis, and nothing else.
    Floor,
    /// The service on Redis, with every rule that is on by default and the guard.
    Redis,
    /// The same without rules and guard.
    RulesOff,
    /// The service on its memory store.
    Memory,
}

/// What else this binary is.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// A server that does nothing but what physics asks for. The benchmark starts it by itself.
    #[command(hide = true)]
    Floor(FloorOptions),
    /// A server that takes webhooks and records nothing. The benchmark starts it by itself.
    #[command(hide = true)]
    WebhookFloor {
        /// Checks the signature of each.
        #[arg(long)]
        checks: bool,
    },
}

/// What a floor is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct FloorOptions {
    /// The answer to a start that the service gave, in hexadecimal.
    #[arg(long)]
    pub(crate) start_answer: String,
    /// The answer to a check that the service gave, in hexadecimal.
    #[arg(long)]
    pub(crate) check_answer: String,
    /// Makes the round trips of the service to this Redis; without it the floor only echoes.
    #[arg(long)]
    pub(crate) redis: Option<String>,
    /// Where messages are handed in.
    #[arg(long, requires = "redis")]
    pub(crate) sink: Option<std::net::SocketAddr>,
    /// How long a reference is.
    #[arg(long, default_value_t = 80)]
    pub(crate) reference_bytes: usize,
    /// How long a record is.
    #[arg(long, default_value_t = 190)]
    pub(crate) record_bytes: usize,
}
