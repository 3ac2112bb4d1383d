//! The command line for operators: why, blocks, and recipients.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::{ClientArgs, OrderArgs};
use crate::config::parse_duration;

/// Which start to explain, and as whose.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The app that would ask
    pub(crate) app: String,
    /// The phone number with its plus, such as +5511987654321
    pub(crate) phone: String,
    /// What the code would be for, such as `sign_in`
    pub(crate) purpose: String,
    /// Judge it as if this caller of the configuration asked [default: whose token it is]
    #[arg(long = "as", value_name = "CALLER", default_value = "", hide_default_value = true)]
    pub(crate) caller: String,
    /// The message, and whose device would ask.
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What to do about blocks.
#[derive(Debug, Args)]
pub(crate) struct BlocksArgs {
    /// What to do; without it, show every block
    #[command(subcommand)]
    pub(crate) command: Option<BlocksCommand>,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What to do about a block.
#[derive(Debug, Subcommand)]
pub(crate) enum BlocksCommand {
    /// Lift a block and empty its score; a block of the whole service needs a caller that operates every app
    Lift {
        /// The block's id, as `blocks` shows it
        id: String,
    },
}

/// Whom to hold, and for how long.
#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// The app
    pub(crate) app: String,
    /// The phone number with its plus, such as +5511987654321
    pub(crate) phone: String,
    /// For this purpose alone [default: for all of the app's]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) purpose: String,
    /// How long, such as 30m or 24h
    #[arg(long = "for", value_name = "SPAN", default_value = "24h", value_parser = parse_duration)]
    pub(crate) span: Duration,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Whom to release.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// The app
    pub(crate) app: String,
    /// The phone number with its plus, such as +5511987654321
    pub(crate) phone: String,
    /// For this purpose alone [default: for all of the app's]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) purpose: String,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What to erase.
#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    /// The phone number with its plus, such as +5511987654321
    pub(crate) phone: String,
    /// Do it; it cannot be undone
    #[arg(long)]
    pub(crate) yes: bool,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
