//! An app that describes templates, its business account at the stand-in for Meta, and the command line beside it.
//! Kept out: what any test demands.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use countersign_simulator::{CatalogueEntry, Config, Pace, Template, TemplateOrder};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::clock::wall_millis;
use crate::common::meta::Meta;
use crate::common::plan::{CALLER_TOKEN, Plan, write_config};
use crate::common::process::{Ended, countersign, run};
use crate::common::serve::Serve;

/// The account, as the stand-in for Meta knows it.
pub(crate) const ACCOUNT_ID: &str = "102290129340398";
/// What the plan of every test describes.
const DESCRIBED: &str = "[apps.shop.template]\nname = \"verification_code\"\nlanguages = [\"en_US\", \"pt_BR\"]\n";
/// A template that is there until the account is empty.
const PASSING: &str = "passing";
/// Longer than Meta lets pass between two edits of an approved template.
const TWO_DAYS_MS: u64 = 2 * 24 * 60 * 60 * 1_000;

/// The app `shop` with the account `shop`.
pub(crate) struct Business {
    pub(crate) meta: Meta,
    pub(crate) folder: TempDir,
    pub(crate) config: PathBuf,
}

impl Business {
    /// The app describes this, in TOML, and its account has nothing.
    pub(crate) async fn of(described: &str) -> Self {
        Self::with(described, |_| {}).await
    }

    /// Like [`Business::of`], with something else about the stand-in for Meta.
    pub(crate) async fn with(described: &str, change: impl FnOnce(&mut Config)) -> Self {
        let meta = Meta::start_with(Pace::default(), |config| {
            config.templates = vec![Template::new(PASSING, ["en_US"])];
            change(config);
        })
        .await;
        // The stand-in never starts with nothing.
        if let Some(passing) = meta.controls.template_in(PASSING, "en_US") {
            meta.controls
                .order_template(&passing.id, TemplateOrder::Delete)
                .unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let config = write_config(folder.path(), &text(&meta.base_url(), described));
        Self { meta, folder, config }
    }

    /// From now on the app describes this.
    pub(crate) fn describe(&self, described: &str) {
        write_config(self.folder.path(), &text(&self.meta.base_url(), described));
    }

    /// Changes the text of the configuration.
    pub(crate) fn reconfigure(&self, change: impl FnOnce(&str) -> String) {
        let text = std::fs::read_to_string(&self.config).unwrap();
        std::fs::write(&self.config, change(&text)).unwrap();
    }

    /// `templates` with these arguments and the configuration.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = countersign(self.folder.path());
        command.arg("templates").args(args).arg("--config").arg(&self.config);
        command
    }

    /// A service for the same app and account, whose caller `shop` may manage templates.
    pub(crate) async fn serve(&self) -> Serve {
        let leave = "apps = [\"shop\"]\nmanage_templates = true";
        self.reconfigure(|text| text.replace("apps = [\"shop\"]", leave));
        Serve::start_with(&std::fs::read_to_string(&self.config).unwrap()).await
    }

    /// `templates` with these arguments for an app, asked of a running service as the caller `shop`.
    pub(crate) fn command_at(&self, serve: &Serve, app: &str, args: &[&str]) -> Command {
        let mut command = countersign(self.folder.path());
        command.arg("templates").args(args).args(["--app", app]);
        command.arg("--server").arg(format!("http://{}", serve.grpc));
        command.env("COUNTERSIGN_TOKEN", CALLER_TOKEN);
        command
    }

    /// Runs `templates`. What it printed names the binary and the configuration as a person would.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        self.readable(&run(&mut self.command(args)).await)
    }

    /// Runs `templates` with `--json`: the exit code and the one answer. Nothing else may be written.
    pub(crate) async fn json(&self, args: &[&str]) -> (i32, Value) {
        let ended = self.run(&[args, &["--json"]].concat()).await;
        assert_eq!(ended.stderr, "", "{args:?}");
        let answer = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
        (ended.code.unwrap(), answer)
    }

    /// Applies, which has to bring everything into agreement.
    pub(crate) async fn settle(&self) {
        let applied = self.run(&["apply"]).await;
        assert_eq!(
            (applied.code, applied.stderr.as_str()),
            (Some(0), ""),
            "{}",
            applied.stdout
        );
    }

    /// Has something done to a template at Meta.
    pub(crate) fn order(&self, name: &str, language: &str, order: TemplateOrder) {
        let id = self.entry(name, language).id;
        self.meta.controls.order_template(&id, order).unwrap();
    }

    /// Runs `templates`, which has to end with this code, say nothing of a failure, and print exactly this.
    pub(crate) async fn assert_prints(&self, args: &[&str], code: i32, page: &str) {
        let ended = self.run(args).await;
        assert_eq!(ended.stdout, page, "{args:?}: {}", ended.stderr);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(code), ""), "{args:?}");
    }

    /// The template of this name in this language, as the account has it.
    pub(crate) fn entry(&self, name: &str, language: &str) -> CatalogueEntry {
        self.meta.controls.template_in(name, language).unwrap()
    }

    /// The calls that ask for a change, each with its method, its path without the version, and its body.
    pub(crate) fn changes(&self) -> Vec<(String, Value)> {
        let calls = self.meta.controls.management_calls();
        let changes = calls.into_iter().filter(|it| it.method != "GET");
        changes
            .map(|it| {
                assert_eq!(it.query, [], "an order stands in the body");
                (format!("{} {}", it.method, unversioned(&it.path)), it.body)
            })
            .collect()
    }

    fn readable(&self, ended: &Ended) -> Ended {
        let config = self.config.display().to_string();
        let readable = |text: &str| {
            text.replace(&config, "countersign.toml")
                .replace(env!("CARGO_BIN_EXE_countersign"), "countersign")
        };
        Ended {
            code: ended.code,
            stdout: readable(&ended.stdout),
            stderr: readable(&ended.stderr),
        }
    }
}

/// A path without the version of the Graph in front.
pub(crate) fn unversioned(path: &str) -> &str {
    let (version, rest) = path.trim_start_matches('/').split_once('/').unwrap();
    assert!(version.starts_with('v') && version.ends_with(".0"), "{path}");
    rest
}

/// Makes everything the account had at the start two days old, so that Meta's limits on edits are none.
pub(crate) fn two_days_ago(config: &mut Config) {
    config.clock = Arc::new(|| wall_millis() - TWO_DAYS_MS);
}

/// The words for the moment a day after the account's template last changed, as a person reads it.
pub(crate) fn a_day_after(entry: &CatalogueEntry) -> String {
    let changed = jiff::Timestamp::from_second(i64::try_from(entry.changed_at_ms / 1_000).unwrap()).unwrap();
    let then = (changed + jiff::SignedDuration::from_hours(24)).to_zoned(jiff::tz::TimeZone::system());
    format!("{}, in 24 h", then.strftime("%Y-%m-%d %H:%M:%S"))
}

/// Each line as JSON.
pub(crate) fn lines(ended: &Ended) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    ended.stdout.lines().map(read).collect()
}

/// The members of an object, by name.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn text(base_url: &str, described: &str) -> String {
    let account = format!(
        "[whatsapp.accounts.shop]\nbusiness_account_id = \"{ACCOUNT_ID}\"\ntoken = {{ file = \"token\" }}\n\n\
         [whatsapp.webhook]"
    );
    let text = Plan::new(base_url.to_owned()).text();
    assert!(text.contains(DESCRIBED), "{text}");
    text.replace("[whatsapp.webhook]", &account)
        .replace(DESCRIBED, described)
}
