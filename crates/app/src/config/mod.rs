//! The configuration: one TOML file, read whole, with every mistake reported at once.
//!
//! Knows the shape of the file and nothing of what its numbers mean: their limits are the domain's and the adapters'.

mod accounts;
mod apps;
mod decisions;
mod guard;
mod limits;
mod money;
mod policy;
mod reader;
mod senders;
mod store;
mod templates;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use countersign_domain::id::{Environment as EnvironmentName, ShardCount};
use countersign_domain::key::{Identity, KEY_BYTES, KeyId, KeyRing, SecretKey};
use countersign_domain::use_case::Rulebook;
use countersign_grpc::{CallerEntry, Config as GrpcConfig};
use toml::Table;

use crate::environment::Environment;
use crate::recording::RecordTo;
pub(crate) use guard::ChallengeKind;
pub(crate) use money::default_money;
use reader::{Mistakes, SecretSources, Section};

pub(crate) use reader::parse_duration;
pub(crate) use store::StoreSettings;

/// What an installation is told to be.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where the gRPC socket listens.
    pub(crate) grpc_address: SocketAddr,
    /// Where the HTTP socket listens: webhooks, health, metrics.
    pub(crate) http_address: SocketAddr,
    /// How the log is written.
    pub(crate) log_format: LogFormat,
    /// How long running calls and sends may take to finish at the end.
    pub(crate) shutdown_grace: Duration,
    /// Where state is kept.
    pub(crate) store: StoreSettings,
    /// How many shards the store has.
    pub(crate) shards: ShardCount,
    /// The rules.
    pub(crate) rulebook: Rulebook,
    /// Who tells people from programs.
    pub(crate) challenge: ChallengeKind,
    /// Who may call.
    pub(crate) callers: Vec<CallerEntry>,
    /// How to reach the provider.
    pub(crate) whatsapp: countersign_whatsapp::Config,
    /// How webhooks prove themselves.
    pub(crate) webhook: countersign_whatsapp::webhook::WebhookConfig,
    /// Where decisions are recorded, if they are.
    pub(crate) record_to: Option<RecordTo>,
    /// What is allowed but should be seen, such as a secret in the environment.
    pub(crate) warnings: Vec<String>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For collectors, one object a line.
    Json,
}

/// Reads and checks the file at `path`. The error is one line per mistake.
pub(crate) fn load(path: &Path, environment: &Environment) -> Result<Settings, Vec<String>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| vec![format!("{}: cannot be read: {error}", path.display())])?;
    let folder = path.parent().unwrap_or(Path::new("."));
    parse(&text, folder, environment)
}

/// Reads the rules of the file at `path` and none of its secrets. The error is one line per mistake.
pub(crate) fn load_rules(path: &Path, environment: &Environment) -> Result<Rulebook, Vec<String>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| vec![format!("{}: cannot be read: {error}", path.display())])?;
    let folder = path.parent().unwrap_or(Path::new("."));
    parse_with(&text, folder, &SecretSources::stand_ins(folder, environment)).map(|settings| settings.rulebook)
}

/// Checks the text of a configuration; relative secret files are looked for in `folder`.
pub(crate) fn parse(text: &str, folder: &Path, environment: &Environment) -> Result<Settings, Vec<String>> {
    parse_with(text, folder, &SecretSources::new(folder, environment))
}

fn parse_with(text: &str, folder: &Path, secrets: &SecretSources<'_>) -> Result<Settings, Vec<String>> {
    let table: Table = text.parse().map_err(|error| vec![syntax_mistake(text, &error)])?;
    let mut mistakes = Mistakes::default();
    let settings = read(Section::root(table), folder, secrets, &mut mistakes);
    match settings {
        Some(settings) if mistakes.0.is_empty() => Ok(settings),
        _ => Err(mistakes.0),
    }
}

/// A mistake of syntax and where it is. The line itself may hold a secret and is not repeated.
fn syntax_mistake(text: &str, error: &toml::de::Error) -> String {
    let before = &text[..error.span().map_or(0, |span| span.start.min(text.len()))];
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.chars().rev().take_while(|character| *character != '\n').count();
    format!("line {line}, column {column}: {}", error.message().replace('\n', "; "))
}

fn read(mut root: Section, folder: &Path, secrets: &SecretSources<'_>, mistakes: &mut Mistakes) -> Option<Settings> {
    let environment = root.required("environment", EnvironmentName::parse, mistakes);

    let mut listen = root.section("listen", mistakes);
    let address = "an address and a port such as \"127.0.0.1:50051\"";
    let grpc_address = listen
        .read_as("grpc", address, mistakes)
        .unwrap_or(default_address(50051));
    let http_address = listen
        .read_as("http", address, mistakes)
        .unwrap_or(default_address(8080));
    let shutdown_grace = listen
        .duration("shutdown_grace", mistakes)
        .unwrap_or(Duration::from_secs(20));
    let server = GrpcConfig {
        drain_timeout: shutdown_grace,
        ..GrpcConfig::default()
    };
    for mistake in server.mistakes() {
        mistakes.add(&listen.path("shutdown_grace"), mistake.problem);
    }
    listen.end(mistakes);

    let mut log = root.section("log", mistakes);
    let log_format = log.parsed("format", log_format, mistakes).unwrap_or(LogFormat::Json);
    log.end(mistakes);

    let store = store::read_store(root.section("store", mistakes), folder, secrets, mistakes);
    let keys = read_keys(root.section("keys", mistakes), secrets, mistakes);
    let (guard, challenge) = guard::read_guard(root.section("guard", mistakes), mistakes);
    let apps = apps::read_apps(&mut root, secrets, mistakes);
    let callers = apps::read_callers(&mut root, &apps.known, mistakes);
    let rules = limits::read_limits(root.section("limits", mistakes), &apps.known, mistakes);
    let mut whatsapp = root.section("whatsapp", mistakes);
    let webhook = apps::read_webhook(whatsapp.section("webhook", mistakes), secrets, mistakes);
    let whatsapp = apps::read_whatsapp(whatsapp, &apps.senders, secrets, mistakes);
    let record_to = decisions::read_decisions(root.section("decisions", mistakes), folder, mistakes);
    let surroundings = money::Surroundings {
        folder,
        rules: &rules,
        apps: &apps.apps,
    };
    let money = money::read_money(root.section("money", mistakes), &surroundings, mistakes);
    root.end(mistakes);
    accounts::check_templates(&apps.apps, &whatsapp.accounts, mistakes);

    let (keys, identity) = keys?;
    let rulebook = Rulebook {
        rules,
        money: Some(money?),
        guard,
        apps: apps.apps,
        keys,
        identity,
        environment: environment?,
        records_decisions: record_to.is_some(),
    };
    let mut warnings = secrets.warnings();
    for caller in callers.iter().filter(|it| it.token_sha256.contains(&[0; KEY_BYTES])) {
        warnings.push(format!(
            "callers.{}.token_sha256 holds the sample's zeros, which are no token's digest",
            caller.id
        ));
    }
    warnings.extend(rulebook.money.as_ref().and_then(money::warning));
    let (store, shards) = store?;
    if matches!(store, StoreSettings::Memory) {
        warnings.push(
            "store.kind is \"memory\": what is open is lost when the process ends, and only one instance may run"
                .to_owned(),
        );
    }
    Some(Settings {
        grpc_address,
        http_address,
        log_format,
        shutdown_grace,
        store,
        shards,
        rulebook,
        challenge,
        callers,
        whatsapp,
        webhook,
        record_to,
        warnings,
    })
}

/// Reads the key ring and the installation's own key.
fn read_keys(mut keys: Section, secrets: &SecretSources<'_>, mistakes: &mut Mistakes) -> Option<(KeyRing, Identity)> {
    let identity = read_key(
        &keys.path("identity"),
        keys.secret("identity", secrets, mistakes),
        mistakes,
    );
    let current = keys.required("current", KeyId::parse, mistakes);
    let current_path = keys.path("current");
    let before = mistakes.0.len();
    let mut codes = keys.section("codes", mistakes);
    let mut ring = Vec::new();
    for (name, value) in codes.take_all() {
        let path = codes.path(&name);
        let secret = secrets.read(&path, &value, mistakes);
        match KeyId::parse(&name) {
            Ok(id) => ring.extend(read_key(&path, secret, mistakes).map(|key| (id, key))),
            Err(error) => mistakes.add(&path, error.to_string()),
        }
    }
    keys.end(mistakes);
    if mistakes.0.len() > before {
        // A key that could not be read is missing from the ring; that is no second mistake.
        return None;
    }
    let ring = KeyRing::new(current?, ring)
        .map_err(|error| mistakes.add(&current_path, error.to_string()))
        .ok()?;
    Some((ring, Identity::new(identity?)))
}

/// Reads a key of 32 bytes in hexadecimal.
fn read_key(path: &str, text: Option<String>, mistakes: &mut Mistakes) -> Option<SecretKey> {
    let bytes = hex(&text?);
    if bytes.is_none() {
        mistakes.add(
            path,
            "must be 64 hexadecimal digits, for example from: openssl rand -hex 32",
        );
    }
    bytes.map(SecretKey::new)
}

/// 32 bytes written as 64 hexadecimal digits of either case.
fn hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
    bytes.try_into().ok()
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be \"text\" or \"json\""),
    }
}

const fn default_address(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), port)
}
