//! The command line: what a person may ask the binary for.

pub(crate) mod operators;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use operators::{BlocksArgs, EraseArgs, ExplainArgs, HoldArgs, ReleaseArgs};

/// Self-hosted one-time codes over WhatsApp.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: the service on a memory store, and a stand-in for Meta with a phone to look at
    Dev(DevArgs),
    /// Run the service as a configuration says
    Serve(ConfigArgs),
    /// Say everything that is wrong with a configuration, and start nothing
    CheckConfig(CheckConfigArgs),
    /// Ask a person for a code
    Start(StartArgs),
    /// Compare what a person typed with the code; ends with 0 when it is right, 3 when it is not
    Check(CheckArgs),
    /// Show a verification
    Get(IdArgs),
    /// End an open verification
    Cancel(IdArgs),
    /// Follow a verification until it ends; ends with 0 when it was approved, 3 when it was not
    Watch(WatchArgs),
    /// Say what a start would come to now, and why; sends and charges nothing. Ends with 0 when it would be carried out, 3
    /// when it would be refused
    Explain(ExplainArgs),
    /// Show what the guard has stopped, challenges or remembers, or lift a block
    Blocks(BlocksArgs),
    /// Hold a phone in an app: nothing is sent to it, no guess at it is compared, and what is open is blocked
    Hold(HoldArgs),
    /// End every hold of a phone in an app, also that for wrong guesses in a row
    Release(ReleaseArgs),
    /// Erase everything that is known about a phone; without --yes, only say what would be erased and end with 3
    Erase(EraseArgs),
    /// Say what another policy would have decided about recorded starts; asks nobody and changes nothing
    Replay(ReplayArgs),
    /// Prepare the templates of an app
    #[command(subcommand)]
    Templates(TemplatesCommand),
}

/// Where `dev` listens.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Where gRPC listens; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:50051")]
    pub(crate) grpc: SocketAddr,
    /// Where webhooks and health listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub(crate) http: SocketAddr,
    /// Where the phone can be looked at; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub(crate) simulator: SocketAddr,
    /// Write what happens to standard error
    #[arg(long)]
    pub(crate) log: bool,
}

/// Which configuration to read.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file; deploy/countersign.toml is a sample with every setting
    #[arg(long, default_value = "countersign.toml")]
    pub(crate) config: PathBuf,
}

/// Which configuration to check, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// Which file.
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which policy, and which records.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The configuration whose limits, budgets, guard and countries decide; its secrets are not read
    #[arg(long)]
    pub(crate) policy: PathBuf,
    /// Records of `[decisions]`, one file for each instance; `-` is standard input
    #[arg(required = true)]
    pub(crate) records: Vec<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to reach the service, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// The service's gRPC address, such as `http://127.0.0.1:50051` [default: `$COUNTERSIGN_SERVER`, else
    /// the running `countersign dev`]
    #[arg(long, global = true)]
    pub(crate) server: Option<String>,
    /// A file with the caller's token [default: `$COUNTERSIGN_TOKEN`, else that of the running `countersign dev`]
    #[arg(long, global = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Whom to ask, and how.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The phone number with its plus, such as +5511987654321
    pub(crate) phone: String,
    /// The app that asks
    #[arg(long, default_value = "demo")]
    pub(crate) app: String,
    /// What the code is for
    #[arg(long, default_value = "sign_in")]
    pub(crate) purpose: String,
    /// The message, and whose device asks.
    #[command(flatten)]
    pub(crate) order: OrderArgs,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What to write, what it is bound to, and whose device asks.
#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// The language to write in, such as pt-BR
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) language: String,
    /// What the person uses the app on
    #[arg(long, value_enum)]
    pub(crate) platform: Option<PlatformArg>,
    /// The package name of the Android app that asked WhatsApp for the code, such as com.example.shop
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) package: String,
    /// Makes a repeated call safe
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) request_id: String,
    /// What the code is bound to, as name=value; may be given several times
    #[arg(long = "context", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) context: Vec<(String, String)>,
    /// Send although somebody else is behind the number now; make sure who it is first
    #[arg(long)]
    pub(crate) accept_identity_change: bool,
    /// Whose device asks.
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// What is known of the person's device.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    /// The address of the person's device, such as `203.0.113.7` or `2001:db8::7`
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub(crate) client_ip: String,
    /// Your own id of the person's device
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) device: String,
    /// The device's answer to a challenge that a start was refused with
    #[arg(long, value_name = "ANSWER", default_value = "", hide_default_value = true)]
    pub(crate) challenge_answer: String,
    /// Say that the person has met a challenge of your own just now
    #[arg(long)]
    pub(crate) challenged: bool,
}

/// What a person uses an app on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PlatformArg {
    /// An Android app
    Android,
    /// An iOS app
    Ios,
    /// A browser
    Web,
}

/// Which verification, and what was typed.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The verification's id, as `start` answered
    pub(crate) id: String,
    /// What the person typed
    pub(crate) code: String,
    /// Makes a repeated call safe
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) request_id: String,
    /// What the code is bound to, as at start
    #[arg(long = "context", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) context: Vec<(String, String)>,
    /// Whose device gives the code back.
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Which verification.
#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// The verification's id, as `start` answered
    pub(crate) id: String,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Which verification to follow, and for how long.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The verification's id, as `start` answered
    #[arg(required_unless_present = "phone", conflicts_with = "phone")]
    pub(crate) id: Option<String>,
    /// Instead of an id: the newest verification of this phone number with its plus, such as +5511987654321
    #[arg(long)]
    pub(crate) phone: Option<String>,
    /// With a phone: the app that asked
    #[arg(long, default_value = "demo")]
    pub(crate) app: String,
    /// With a phone: what the code is for
    #[arg(long, default_value = "sign_in")]
    pub(crate) purpose: String,
    /// How long to follow it, at most a day
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// What to do for templates.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplatesCommand {
    /// Say what would have to be done so that each business account has what the app describes; changes nothing, and ends
    /// with 3 when there is something to do
    Plan(TemplatesArgs),
    /// Do it, step by step; safe to interrupt and to repeat, and ends with 3 when something is left
    Apply(TemplatesArgs),
    /// Show what the accounts have, and what of the app's templates they lack
    List(TemplatesArgs),
    /// Say everything that is wrong with the app's templates, one line each; ends with 3 when something is
    Check(TemplatesArgs),
    /// Show messages as a phone would
    Preview(PreviewArgs),
    /// Delete a template from every account that has it; without --yes, only say what would be deleted and end with 3
    Delete(DeleteArgs),
    /// Print the hash of an Android app's signature, which one-tap and zero-tap need; ends with 64 when a file holds no
    /// certificate
    Hash(HashArgs),
}

/// Whose templates, and how to get at them.
#[derive(Debug, Args)]
pub(crate) struct TemplatesArgs {
    /// The app [default: demo; with --config, the only app of the file]
    #[arg(long)]
    pub(crate) app: Option<String>,
    /// Work straight at Meta as this configuration file says, without a running service
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "token_file"])]
    pub(crate) config: Option<PathBuf>,
    /// How to reach the service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// Which messages to show.
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// One of the app's templates [default: all]
    #[arg(default_value = "", hide_default_value = true)]
    pub(crate) template: String,
    /// A language such as pt-BR; may be given several times [default: all of the template's]
    #[arg(long = "language", value_name = "LANGUAGE")]
    pub(crate) languages: Vec<String>,
    /// Whose templates.
    #[command(flatten)]
    pub(crate) templates: TemplatesArgs,
}

/// Which template to delete.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The name of the template
    pub(crate) name: String,
    /// In this language alone, such as pt-BR [default: in all]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) language: String,
    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
    /// Whose templates.
    #[command(flatten)]
    pub(crate) templates: TemplatesArgs,
}

/// Which app, and what it is signed with.
#[derive(Debug, Args)]
pub(crate) struct HashArgs {
    /// The app's package name, such as com.example.app
    #[arg(long)]
    pub(crate) package: String,
    /// The certificates the app is signed with, in PEM or DER: debug, upload, Play App Signing
    #[arg(required = true, value_name = "CERTIFICATE")]
    pub(crate) certificates: Vec<PathBuf>,
    /// Answer in JSON, one line for each certificate
    #[arg(long)]
    pub(crate) json: bool,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("must be written name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}
