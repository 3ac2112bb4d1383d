//! Apps, callers and the provider: who may ask for what, and as whom it is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign_domain::app::{App, Apps};
use countersign_domain::id::{AppId, CallerId, Purpose};
use countersign_domain::policy::PolicySettings;
use countersign_grpc::{CallerEntry, Callers};
use countersign_whatsapp::webhook::WebhookConfig;
use countersign_whatsapp::{Config, Secret};

use crate::config::reader::{Mistakes, SecretSources, Section};
use crate::config::senders::ReadSenders;
use crate::config::{accounts, hex, policy, templates};

/// The apps, and as whom each sends.
pub(super) struct ReadApps {
    pub(super) apps: Apps,
    /// The names in the file, those of apps with mistakes included.
    pub(super) known: BTreeSet<AppId>,
    /// How their senders prove themselves.
    pub(super) senders: ReadSenders,
}

/// Reads every `[apps.NAME]`.
pub(super) fn read_apps(root: &mut Section, secrets: &SecretSources<'_>, mistakes: &mut Mistakes) -> ReadApps {
    let mut read = ReadApps {
        apps: Apps::default(),
        known: BTreeSet::new(),
        senders: ReadSenders::default(),
    };
    let mut apps = BTreeMap::new();
    let sections = root.sections("apps", mistakes);
    if sections.is_empty() {
        mistakes.add("apps", "there is none; describe at least one as [apps.NAME]");
    }
    for (name, section) in sections {
        match AppId::parse(&name) {
            Ok(id) => {
                let app = read_app(&name, section, &mut read.senders, secrets, mistakes);
                read.known.insert(id.clone());
                apps.insert(id, app);
            }
            Err(error) => mistakes.add(&format!("apps.{name}"), error.to_string()),
        }
    }
    read.apps = Apps::new(apps);
    let before = mistakes.0.len();
    for mistake in read.apps.mistakes() {
        // What differs between the places of one sender was said there, with both of them.
        match mistake.field {
            "senders" if before > 0 => {}
            "senders" => mistakes.add("apps.*.senders", mistake.problem),
            field => mistakes.add(&format!("apps.*.policy.{field}"), mistake.problem),
        }
    }
    read
}

fn read_app(
    name: &str,
    mut section: Section,
    senders: &mut ReadSenders,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> App {
    let senders = senders.read(name, &mut section, secrets, mistakes);
    let base = policy::read(
        section.section("policy", mistakes),
        &PolicySettings::default(),
        mistakes,
    );
    let purposes = read_purposes(&mut section, &base, mistakes);
    let templates = templates::read_templates(&mut section, &purposes, mistakes);
    section.end(mistakes);
    App {
        templates,
        senders,
        purposes,
    }
}

/// Reads every `[apps.NAME.purposes.PURPOSE]`; what it does not say is as in the app's policy.
fn read_purposes(
    app: &mut Section,
    base: &PolicySettings,
    mistakes: &mut Mistakes,
) -> BTreeMap<Purpose, Arc<countersign_domain::policy::Policy>> {
    let policy_path = app.path("policy");
    let purposes_path = app.path("purposes");
    let sections = app.sections("purposes", mistakes);
    if sections.is_empty() {
        mistakes.add(
            &purposes_path,
            format!("there is none; name at least one as [{purposes_path}.sign_in]"),
        );
    }
    policy::check(base.clone(), None, &policy_path, mistakes);
    let mut purposes = BTreeMap::new();
    for (name, section) in sections {
        let path = format!("{purposes_path}.{name}");
        let settings = policy::read(section, base, mistakes);
        let checked = policy::check(settings, Some(base), &path, mistakes);
        match Purpose::parse(&name) {
            Ok(purpose) => purposes.extend(checked.map(|policy| (purpose, Arc::new(policy)))),
            Err(error) => mistakes.add(&path, error.to_string()),
        }
    }
    purposes
}

/// Reads every `[callers.NAME]`.
pub(super) fn read_callers(root: &mut Section, apps: &BTreeSet<AppId>, mistakes: &mut Mistakes) -> Vec<CallerEntry> {
    let mut callers = Vec::new();
    let sections = root.sections("callers", mistakes);
    if sections.is_empty() {
        mistakes.add(
            "callers",
            "there is none; nobody could call. Describe at least one as [callers.NAME]",
        );
    }
    for (name, mut section) in sections {
        let path = format!("callers.{name}");
        let expected = "must be the SHA-256 of the token as 64 hexadecimal digits: printf %s \"$TOKEN\" | sha256sum";
        let digest = |text: &str| hex(text).ok_or(expected);
        let has_tokens = section.has("token_sha256");
        let token_sha256 = section.list("token_sha256", digest, mistakes);
        if !has_tokens {
            mistakes.add(
                &format!("{path}.token_sha256"),
                "is missing; it is a list, each item the SHA-256 of a token",
            );
        }
        let known = |text: &str| {
            let app = AppId::parse(text).map_err(|error| error.to_string())?;
            if apps.contains(&app) {
                Ok(app)
            } else {
                Err(format!("there is no app {text:?}"))
            }
        };
        let apps = section.list("apps", known, mistakes).unwrap_or_default();
        if apps.is_empty() {
            mistakes.add(
                &format!("{path}.apps"),
                "must list at least one app the caller may speak for",
            );
        }
        let manages_templates = section.flag("manage_templates", mistakes).unwrap_or_default();
        let operates = section.flag("operates", mistakes).unwrap_or_default();
        section.end(mistakes);
        match CallerId::parse(&name) {
            Ok(id) => callers.push(CallerEntry {
                id,
                token_sha256: token_sha256.unwrap_or_default(),
                apps: apps.into_iter().collect(),
                manages_templates,
                operates,
            }),
            Err(error) => mistakes.add(&path, error.to_string()),
        }
    }
    if mistakes.0.is_empty()
        && let Err(wrong) = Callers::new(callers.clone())
    {
        for mistake in wrong {
            mistakes.add(mistake.field, mistake.problem);
        }
    }
    callers
}

/// Reads `[whatsapp]`, but for the webhook.
pub(super) fn read_whatsapp(
    mut section: Section,
    senders: &ReadSenders,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> Config {
    let text = |text: &str| Ok::<_, String>(text.to_owned());
    let mut config = Config {
        senders: senders.credentials(),
        accounts: accounts::read_accounts(&mut section, senders, secrets, mistakes),
        ..Config::default()
    };
    if let Some(base_url) = section.parsed("base_url", text, mistakes) {
        config.base_url = base_url;
    }
    if let Some(path_prefix) = section.parsed("path_prefix", text, mistakes) {
        config.path_prefix = path_prefix;
    }
    if let Some(version) = section.parsed("version", text, mistakes) {
        config.version = (!version.is_empty()).then_some(version);
    }
    if let Some(number_in_path) = section.flag("number_in_path", mistakes) {
        config.number_in_path = number_in_path;
    }
    if let Some(name) = section.parsed("auth_header", text, mistakes) {
        config.auth.name = name;
    }
    if let Some(scheme) = section.parsed("auth_scheme", text, mistakes) {
        config.auth.scheme = (!scheme.is_empty()).then_some(scheme);
    }
    if let Some(connect_timeout) = section.duration("connect_timeout", mistakes) {
        config.connect_timeout = connect_timeout;
    }
    section.end(mistakes);
    let mut said = BTreeSet::new();
    for mistake in config.check().err().unwrap_or_default() {
        let path = key_of(&mistake.field, senders);
        // An app whose secret could not be read has no sender; that was said where it is wrong. And what several
        // senders have of their app is one mistake.
        if (mistake.field != "senders" || mistakes.0.is_empty()) && said.insert((path.clone(), mistake.problem.clone()))
        {
            mistakes.add(&path, mistake.problem);
        }
    }
    config
}

/// The key in the file that a field of the adapter's configuration was read from.
fn key_of(field: &str, senders: &ReadSenders) -> String {
    match field {
        "senders" => "apps".to_owned(),
        "auth.name" => "whatsapp.auth_header".to_owned(),
        "auth.scheme" => "whatsapp.auth_scheme".to_owned(),
        _ => match field.strip_prefix("senders.").and_then(|it| it.rsplit_once('.')) {
            Some((id, key)) => senders.path_of(id, key).unwrap_or_else(|| "apps".to_owned()),
            None => format!("whatsapp.{field}"),
        },
    }
}

/// Reads `[whatsapp.webhook]`.
pub(super) fn read_webhook(
    mut section: Section,
    secrets: &SecretSources<'_>,
    mistakes: &mut Mistakes,
) -> WebhookConfig {
    let before = mistakes.0.len();
    let mut config = WebhookConfig::default();
    if let Some(path) = section.parsed("path", |text| Ok::<_, String>(text.to_owned()), mistakes) {
        if countersign_monitor::PATHS.contains(&path.as_str()) {
            let problem = format!("is {path}, which operators read; choose another, for example /webhooks/whatsapp");
            mistakes.add("whatsapp.webhook.path", problem);
        }
        config.path = path;
    }
    config.verify_token = Secret::new(&section.secret("verify_token", secrets, mistakes).unwrap_or_default());
    config.app_secrets = section
        .secrets("app_secrets", secrets, mistakes)
        .iter()
        .map(|secret| Secret::new(secret))
        .collect();
    section.end(mistakes);
    // A secret that could not be read was reported as such already.
    if mistakes.0.len() == before {
        for mistake in config.check().err().unwrap_or_default() {
            mistakes.add(&format!("whatsapp.webhook.{}", mistake.field), mistake.problem);
        }
    }
    config
}
