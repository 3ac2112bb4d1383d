//! The stage: one `serve` with an app for each case, the stand-in for Meta that knows their senders, and the log.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign_grpc::{Client, token_sha256};
use serde_json::Value;
use tempfile::TempDir;

use crate::cases::{Case, Path, Phase, Trouble};
use crate::common::meta::Meta;
use crate::common::plan::CALLER_TOKEN;
use crate::common::serve::Serve;
use crate::seen::Seen;

/// The next try is minutes away.
const PATIENT: &str = r#"retry = { tries_max = 6, first_wait = "500s", wait_max = "500s" }"#;
/// The next try is at once.
const HASTY: &str = r#"settle_wait = "1s"
retry = { tries_max = 3, first_wait = "1ms", wait_max = "1ms" }"#;

/// What is read in the log: of an answer by its app, of a webhook by its code.
type Steps = BTreeMap<String, Vec<(String, String)>>;

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) cases: Vec<Case>,
    pub(crate) meta: Meta,
    pub(crate) serve: Serve,
    pub(crate) client: Client,
    /// Where the command line keeps nothing.
    pub(crate) state: TempDir,
}

impl Stage {
    /// Starts everything that these cases need.
    pub(crate) async fn set(cases: Vec<Case>) -> Self {
        let senders: Vec<_> = cases.iter().flat_map(Case::senders).collect();
        let meta = Meta::start_silent_for(&senders).await;
        let serve = Serve::start_with(&config(&meta.base_url(), &cases)).await;
        meta.controls.set_callback_url(&serve.callback()).unwrap();
        let client = serve.client().await;
        let state = tempfile::tempdir().unwrap();
        Self {
            cases,
            meta,
            serve,
            client,
            state,
        }
    }

    /// Demands that the log names, for each case, the step of its class and no other.
    pub(crate) async fn took_each_for_its_class(&self, played: &[(Case, Seen)]) {
        let process = &self.serve.process;
        let (answers, webhooks) = process
            .wait_for("a line of the log for each case", |written| {
                let (answers, webhooks) = steps(&written.stderr);
                let is_there = |case: &Case| match case.path {
                    Path::Http => answers.contains_key(&case.app()),
                    Path::Webhook => webhooks.contains_key(&code_of(case)),
                };
                self.cases.iter().all(is_there).then_some((answers, webhooks))
            })
            .await;
        for (case, seen) in played {
            let steps = match case.path {
                Path::Http => &answers[&case.app()],
                Path::Webhook => &webhooks[&code_of(case)],
            };
            for (step, sender) in steps {
                assert_eq!(step, case.class.step(), "{case}");
                if (case.path, case.phase) == (Path::Http, Phase::AnotherSender) {
                    assert_ne!(Some(sender), seen.carried_by.as_ref(), "{case}");
                }
            }
        }
    }
}

fn code_of(case: &Case) -> String {
    match case.trouble {
        Trouble::Code(code) => code.to_string(),
        Trouble::Answer(_) => String::new(),
    }
}

/// The step and the sender of each line about a failure.
fn steps(log: &[String]) -> (Steps, Steps) {
    let (mut answers, mut webhooks) = (Steps::new(), Steps::new());
    for line in log.iter().filter(|line| line.contains("\"step\"")) {
        let Ok(line) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let step = (text("step"), text("sender"));
        if line["message"] == "message failed, says a webhook" {
            webhooks.entry(line["code"].to_string()).or_default().push(step);
        } else {
            answers.entry(text("app")).or_default().push(step);
        }
    }
    (answers, webhooks)
}

/// The configuration: an app for each case, whose senders nobody else has.
fn config(base_url: &str, cases: &[Case]) -> String {
    let digest = data_encoding::HEXLOWER.encode(&token_sha256(CALLER_TOKEN).unwrap());
    let apps: Vec<_> = cases.iter().map(|case| format!("\"{}\"", case.app())).collect();
    let mut text = format!(
        r#"environment = "test"

[listen]
grpc = "127.0.0.1:0"
http = "127.0.0.1:0"

[store]
kind = "memory"

[guard]
action = "shadow"

[keys]
identity = {{ file = "identity" }}
current = "k1"
codes.k1 = {{ file = "k1" }}

[whatsapp]
base_url = "{base_url}"

[whatsapp.webhook]
verify_token = {{ file = "verify_token" }}
app_secrets = [{{ file = "app_secret" }}]

[limits]
defaults = false

[callers.shop]
token_sha256 = ["{digest}"]
apps = [{}]
"#,
        apps.join(", ")
    );
    for case in cases {
        write!(text, "{}", app(case)).unwrap();
    }
    text
}

fn app(case: &Case) -> String {
    let name = case.app();
    let retry = match case.phase {
        Phase::AtFirst | Phase::AnotherSender | Phase::Once => PATIENT,
        Phase::EveryTime | Phase::Asked => HASTY,
    };
    let mut text = format!(
        r#"
[apps.{name}]
throughput = 1000
token = {{ file = "token" }}

[apps.{name}.template]
name = "verification_code"
languages = ["en_US", "pt_BR"]

[apps.{name}.policy]
countries = ["BR"]
fault_memory = "1h"
{retry}

[apps.{name}.purposes.sign_in]
"#
    );
    for (number, sender) in case.senders().iter().enumerate() {
        let lines = format!("\n[apps.{name}.senders.s{number}]\nphone_number_id = \"{sender}\"\n");
        text.push_str(&lines);
    }
    text
}
