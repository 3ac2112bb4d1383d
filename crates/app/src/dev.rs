//! `dev`: everything on one machine, with no account, no Redis and nothing to configure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::app::{App, Apps};
use countersign_domain::guard::GuardSettings;
use countersign_domain::id::{AppId, CallerId, Environment as EnvironmentName, Purpose, ShardCount};
use countersign_domain::key::{Identity, KeyId, KeyRing, SecretKey};
use countersign_domain::limit::{ChargeMode, KeyPart};
use countersign_domain::policy::{Countries, Policy, PolicySettings};
use countersign_domain::ports::{Clock, Random};
use countersign_domain::rule::{RuleSettings, Rules, default_rules};
use countersign_domain::sender::{AccountId, Sender as DomainSender, SenderId, THROUGHPUT_MAX};
use countersign_domain::template::{Button, Language, Template, TemplateName, Templates};
use countersign_domain::use_case::Rulebook;
use countersign_grpc::{CallerEntry, token_sha256};
use countersign_simulator::{Config as SimulatorConfig, Simulator};
use countersign_whatsapp::webhook::WebhookConfig;
use countersign_whatsapp::{Account, Config as WhatsappConfig, Secret, Sender};
use tokio_util::sync::CancellationToken;

use crate::cli::DevArgs;
use crate::config::{ChallengeKind, LogFormat, Settings, StoreSettings, default_money};
use crate::environment::Environment;
use crate::profile::Profile;
use crate::serve::stop_signal;
use crate::service::Service;
use crate::system::{SystemClock, SystemRandom};
use crate::telemetry;

/// The demo app.
const APP: &str = "demo";
/// What the demo app's codes are for.
const PURPOSES: [&str; 4] = ["sign_in", "sign_up", "password_change", "payment"];

/// Secrets of this run. Drawn anew each time, so that a `dev` somebody can reach is not open to everybody.
struct RunSecrets {
    caller_token: String,
    meta_token: String,
    app_secret: String,
    verify_token: String,
}

impl RunSecrets {
    fn draw() -> Self {
        let draw = || data_encoding::HEXLOWER.encode(&random_bytes());
        Self {
            caller_token: draw(),
            meta_token: draw(),
            app_secret: draw(),
            verify_token: draw(),
        }
    }
}

/// The stand-in for Meta, as the service has to know it.
struct Provider {
    address: SocketAddr,
    phone_number_id: String,
    business_account_id: String,
    /// Those of its template.
    languages: Vec<String>,
}

/// Runs everything until SIGTERM or Ctrl-C. Ends with 1 when it cannot start.
pub(crate) async fn run(args: &DevArgs, environment: &Environment) -> ExitCode {
    match start(args, environment).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("countersign: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn start(args: &DevArgs, environment: &Environment) -> Result<(), String> {
    if args.log || environment.get("COUNTERSIGN_LOG").is_some() {
        telemetry::start(LogFormat::Text, environment)?;
    }
    let stop_signal = stop_signal().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let secrets = RunSecrets::draw();
    let simulator_config = simulator_config(&secrets);
    let languages: Vec<_> = simulator_config
        .templates
        .iter()
        .flat_map(|it| it.languages.clone())
        .collect();
    let sender_id = simulator_config
        .phone_numbers
        .first()
        .map(|it| it.id.clone())
        .unwrap_or_default();
    let business_account_id = simulator_config.business_account_id.clone();
    let simulator = Simulator::bind(simulator_config, args.simulator)
        .await
        .map_err(|error| {
            format!(
                "{}; choose another address with --simulator, such as 127.0.0.1:0",
                with_causes(&error)
            )
        })?;
    let provider = Provider {
        address: simulator.local_addr(),
        phone_number_id: sender_id,
        business_account_id,
        languages,
    };
    let settings = settings(args, &secrets, &provider)?;
    let service = Service::bind(settings).await.map_err(|error| error.to_string())?;
    let grpc = service.grpc_address().map_err(|error| error.to_string())?;
    let http = service.http_address().map_err(|error| error.to_string())?;
    let callback = format!("http://{http}{}", WebhookConfig::default().path);
    simulator
        .controls()
        .set_callback_url(&callback)
        .map_err(|mistake| mistake.to_string())?;

    let profile = Profile {
        server: format!("http://{grpc}"),
        token: secrets.caller_token,
    };
    let profile_path = profile.write(environment)?;
    welcome(
        grpc,
        http,
        simulator.local_addr(),
        &profile_path.display().to_string(),
        environment,
    );

    let stop = CancellationToken::new();
    // The socket is bound, so the handshake waits until the service answers; the page shows how it went.
    let controls = simulator.controls();
    tokio::spawn(async move { controls.verify_callback().await });
    let simulated = tokio::spawn(simulator.run(stop.clone().cancelled_owned()));
    service.run(stop_signal).await;
    // The stand-in for Meta ends last: sends under way still have somewhere to go.
    stop.cancel();
    profile.remove(environment);
    simulated
        .await
        .map_err(|error| format!("the simulator failed: {error}"))
}

fn simulator_config(secrets: &RunSecrets) -> SimulatorConfig {
    let mut config = SimulatorConfig::new(Arc::new(|| SystemClock.now().unix_millis()));
    config.tokens = vec![secrets.meta_token.clone()];
    config.app_secret.clone_from(&secrets.app_secret);
    config.verify_token = Some(secrets.verify_token.clone());
    config.magic_numbers = true;
    // The most Meta gives: whoever tries out a crowd here shall not have to wait for it.
    for number in &mut config.phone_numbers {
        number.throughput = 1_000;
    }
    config
}

fn settings(args: &DevArgs, secrets: &RunSecrets, provider: &Provider) -> Result<Settings, String> {
    let app = slug(AppId::parse(APP))?;
    let sender_id = SenderId::parse(&provider.phone_number_id).map_err(|error| error.to_string())?;
    let sender = Sender {
        token: Secret::new(&secrets.meta_token),
        app_secret: None,
    };
    let account = Account {
        business_account_id: provider.business_account_id.clone(),
        token: Some(Secret::new(&secrets.meta_token)),
        app_secret: None,
    };
    let caller = CallerEntry {
        id: slug(CallerId::parse("demo_caller"))?,
        token_sha256: vec![token_sha256(&secrets.caller_token).map_err(|error| error.to_string())?],
        apps: BTreeSet::from([app.clone()]),
        manages_templates: true,
        operates: true,
    };
    Ok(Settings {
        grpc_address: args.grpc,
        http_address: args.http,
        log_format: LogFormat::Text,
        shutdown_grace: Duration::from_secs(10),
        store: StoreSettings::Memory,
        shards: ShardCount::DEFAULT,
        rulebook: rulebook(app, sender_id.clone(), &provider.languages)?,
        challenge: ChallengeKind::default(),
        callers: vec![caller],
        whatsapp: WhatsappConfig {
            base_url: format!("http://{}", provider.address),
            senders: BTreeMap::from([(sender_id, sender)]),
            accounts: BTreeMap::from([(account_id()?, account)]),
            ..WhatsappConfig::default()
        },
        webhook: WebhookConfig {
            verify_token: Secret::new(&secrets.verify_token),
            app_secrets: vec![Secret::new(&secrets.app_secret)],
            ..WebhookConfig::default()
        },
        record_to: None,
        warnings: Vec::new(),
    })
}

/// The default rules. Those of addresses only count and report: whoever tries this out passes none, or the one of the
/// laptop, and a crowd would soon be more than one address may ask for.
fn rules() -> Result<Rules, String> {
    let mut rules = default_rules();
    let of_addresses = |it: &&mut RuleSettings| {
        [KeyPart::ClientIp, KeyPart::ClientNetwork]
            .iter()
            .any(|part| it.parts.has(*part))
    };
    for rule in rules.iter_mut().filter(of_addresses) {
        rule.mode = ChargeMode::Shadow;
    }
    Rules::new(rules).map_err(|mistakes| format!("{mistakes:?}"))
}

/// The demo app: the default numbers, every country, the simulator's template in all its languages.
fn rulebook(app: AppId, sender: SenderId, languages: &[String]) -> Result<Rulebook, String> {
    let policy = Policy::new(PolicySettings {
        countries: Countries::All,
        ..PolicySettings::default()
    });
    let policy = Arc::new(policy.map_err(|mistakes| format!("{mistakes:?}"))?);
    let purposes = PURPOSES
        .iter()
        .map(|it| Ok((slug(Purpose::parse(it))?, Arc::clone(&policy))));
    let template = Template {
        name: TemplateName::parse("verification_code").map_err(|error| error.to_string())?,
        languages: languages.iter().filter_map(|it| Language::parse(it).ok()).collect(),
        security_recommendation: true,
        footer_minutes: Some(policy.footer_minutes()),
        button: Button::CopyCode,
        button_texts: BTreeMap::new(),
        message_life: policy.message_life(),
    };
    let default_language = Language::parse("en_US").map_err(|error| error.to_string())?;
    let key = KeyId::parse("dev").map_err(|error| error.to_string())?;
    let keys = KeyRing::new(key.clone(), [(key, SecretKey::new(random_bytes()))]).map_err(|error| error.to_string())?;
    Ok(Rulebook {
        rules: rules()?,
        money: Some(default_money().map_err(|mistakes| mistakes.join("; "))?),
        records_decisions: false,
        // It tells and stops nobody: a laptop's crowd would soon be more than one block of numbers may ask for.
        guard: Some(GuardSettings {
            mode: ChargeMode::Shadow,
            ..GuardSettings::default()
        }),
        apps: Apps::new([(
            app,
            App {
                templates: Templates::new(vec![template], Some(default_language), BTreeMap::new()),
                senders: vec![DomainSender {
                    id: sender,
                    account: account_id()?,
                    weight: NonZeroU16::MIN,
                    throughput: NonZeroU16::new(THROUGHPUT_MAX).unwrap_or(NonZeroU16::MIN),
                }],
                purposes: purposes.collect::<Result<_, String>>()?,
            },
        )]),
        keys,
        identity: Identity::new(SecretKey::new(random_bytes())),
        environment: slug(EnvironmentName::parse("dev"))?,
    })
}

/// The one business account.
fn account_id() -> Result<AccountId, String> {
    AccountId::parse(APP).map_err(|error| error.to_string())
}

fn slug<T>(parsed: Result<T, countersign_domain::id::IdError>) -> Result<T, String> {
    parsed.map_err(|error| error.to_string())
}

fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom.fill(&mut bytes);
    bytes
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Says where everything is and what to try next.
fn welcome(grpc: SocketAddr, http: SocketAddr, phone: SocketAddr, profile: &str, environment: &Environment) {
    let command = environment.command();
    println!(
        "Countersign runs on this machine, with a memory store and a stand-in for Meta. Nothing leaves it.

  phone    http://{phone}/   shows the messages that would arrive
  gRPC     {grpc}   countersign.v1.VerificationService, with reflection
  HTTP     http://{http}/readyz   health; /metrics; and the webhooks

Open the phone in a browser, then try in another terminal:

  {command} start +5511987654321
  {command} watch <id>
  {command} check <id> <code>
  {command} templates list

Other clients send the token in {profile} as `authorization: Bearer <token>`.
Ctrl-C ends it; nothing is kept."
    );
}
