//! `countersign templates`: against a running service, and with a configuration alone.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::dev::{Dev, text};
use crate::common::meta::Meta;
use crate::common::plan::{CALLER_TOKEN, META_TOKEN, Plan, write_config};
use crate::common::process::{Ended, countersign, run};
use crate::common::serve::Serve;

/// The account of the stand-in for Meta, as a configuration names it.
const ACCOUNT: &str = "[whatsapp.accounts.shop]\nbusiness_account_id = \"102290129340398\"\ntoken = { file = \"token\" }\n\n\
    [whatsapp.webhook]";
/// What the app describes, and what it is to describe instead.
const DESCRIBED: &str = "name = \"verification_code\"\nlanguages = [\"en_US\", \"pt_BR\"]";

/// A configuration in a folder of its own, and the stand-in for Meta it names.
struct Desk {
    _meta: Meta,
    folder: TempDir,
    config: PathBuf,
}

impl Desk {
    async fn with(described: &str) -> Self {
        let meta = Meta::start_silent().await;
        let text = Plan::new(meta.base_url()).text();
        let text = text
            .replace("[whatsapp.webhook]", ACCOUNT)
            .replace(DESCRIBED, described);
        let folder = tempfile::tempdir().unwrap();
        let config = write_config(folder.path(), &text);
        Self {
            _meta: meta,
            folder,
            config,
        }
    }

    /// Runs `templates` with these arguments and the configuration.
    async fn run(&self, args: &[&str]) -> Ended {
        let mut command = countersign(self.folder.path());
        command.arg("templates").args(args).arg("--config").arg(&self.config);
        run(&mut command).await
    }
}

/// Each line as JSON.
fn lines(ended: &Ended) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    ended.stdout.lines().map(read).collect()
}

/// The members of an object, in order.
fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn with_a_configuration_templates_are_planned_applied_and_checked_and_nothing_has_to_run() {
    let desk = Desk::with("name = \"shop_code\"\nlanguages = [\"en_US\", \"pt_BR\"]\nfooter_minutes = 5").await;
    let plan = desk.run(&["plan"]).await;
    assert_eq!((plan.code, plan.stderr.as_str()), (Some(3), ""), "{}", plan.stdout);
    assert!(
        plan.stdout.starts_with("account shop\n  +  create  shop_code "),
        "{}",
        plan.stdout
    );
    assert!(plan.stdout.contains("\n2 to create, "), "{}", plan.stdout);
    let faults = desk.run(&["check"]).await;
    assert_eq!(
        (faults.code, faults.stdout.lines().count()),
        (Some(3), 2),
        "{}",
        faults.stdout
    );
    assert!(faults.stdout.starts_with("shop shop_code en_US: "), "{}", faults.stdout);

    let applied = desk.run(&["apply"]).await;
    assert_eq!(
        (applied.code, applied.stderr.as_str()),
        (Some(0), ""),
        "{}",
        applied.stdout
    );
    let made = applied
        .stdout
        .lines()
        .filter(|line| line.contains("  +  created  "))
        .count();
    assert_eq!(made, 2, "{}", applied.stdout);
    for settled in [
        desk.run(&["plan"]).await,
        desk.run(&["apply"]).await,
        desk.run(&["check"]).await,
    ] {
        assert_eq!(
            (settled.code, settled.stderr.as_str()),
            (Some(0), ""),
            "{}",
            settled.stdout
        );
    }
    let listed = desk.run(&["list"]).await.stdout;
    let row = listed
        .lines()
        .find(|line| line.contains("shop_code") && line.contains("pt_BR"))
        .unwrap();
    assert!(row.contains("copy code  5 min") && row.contains("600 s"), "{listed}");
}

#[tokio::test]
async fn an_apply_says_each_step_on_a_line_of_its_own_also_in_json() {
    let desk = Desk::with("name = \"shop_code\"\nlanguages = [\"en_US\"]").await;
    let applied = desk.run(&["apply", "--json"]).await;
    assert_eq!(applied.code, Some(0), "{}", applied.stdout);
    let lines = lines(&applied);
    let (summary, steps) = lines.split_last().unwrap();
    assert_eq!(summary["summary"]["settled"], true);
    let made: Vec<_> = steps
        .iter()
        .filter(|it| it["progress"]["result"] == "CREATED")
        .collect();
    let [made] = made.as_slice() else { panic!("{steps:?}") };
    let progress = &made["progress"];
    let wanted = ["account", "done", "failure", "result", "retry_time", "step", "total"];
    assert_eq!(keys(progress), wanted);
    assert_eq!(progress["total"], json!(steps.len()));
    let step = &progress["step"];
    assert_eq!(
        (&step["template"], &step["language"], &step["action"]),
        (&json!("shop_code"), &json!("en_US"), &json!("CREATE"))
    );
}

#[tokio::test]
async fn what_is_asked_of_dev_is_answered_at_once_and_in_stable_shapes() {
    let dev = Dev::start().await;
    let (code, plan) = dev.json(&["templates", "plan"]).await;
    assert_eq!((code, keys(&plan)), (0, vec!["accounts", "app", "settled"]));
    assert_eq!((&plan["app"], &plan["settled"]), (&json!("demo"), &json!(true)));
    let (code, list) = dev.json(&["templates", "list"]).await;
    let template = &list["accounts"][0]["templates"][0];
    assert_eq!(
        (code, keys(template)),
        (0, vec!["configured", "faults", "language", "provider", "template"])
    );
    assert_eq!(
        (&template["provider"]["status"], &template["faults"]),
        (&json!("approved"), &json!([]))
    );
    let (code, faults) = dev.json(&["templates", "check"]).await;
    assert_eq!((code, faults), (0, json!({ "app": "demo", "faults": [] })));
    let (code, previews) = dev.json(&["templates", "preview", "--language", "he"]).await;
    let preview = &previews["previews"][0];
    assert_eq!(
        (code, &preview["right_to_left"], &preview["language"]),
        (0, &json!(true), &json!("he"))
    );
    assert!(text(&preview["body"]).contains("{{1}}"), "{preview}");
    let drawn = dev
        .run(&["templates", "preview", "verification_code", "--language", "en-us"])
        .await;
    assert_eq!(drawn.code, Some(0), "{}", drawn.stderr);
    let widest = drawn.stdout.lines().map(|line| line.chars().count()).max();
    assert_eq!(widest, Some(48), "{}", drawn.stdout);
    assert!(
        drawn.stdout.contains("│ 123456 is your verification code."),
        "{}",
        drawn.stdout
    );
}

#[tokio::test]
async fn nothing_is_deleted_without_a_yes_and_a_plan_knows_afterwards() {
    let dev = Dev::start().await;
    let delete = ["templates", "delete", "verification_code", "--language", "pt-br"];
    let proposed = dev.run(&delete).await;
    assert_eq!((proposed.code, proposed.stderr.as_str()), (Some(3), ""));
    assert!(
        proposed.stdout.contains("  account demo: pt_BR\n"),
        "{}",
        proposed.stdout
    );
    assert!(
        proposed.stdout.contains("30 days") && proposed.stdout.contains(" --yes\n"),
        "{}",
        proposed.stdout
    );
    let (code, proposed) = dev.json(&delete).await;
    let expected = json!([{ "account": "demo", "languages": ["pt_BR"] }]);
    assert_eq!((code, &proposed["would_delete"]), (3, &expected));
    assert_eq!(dev.json(&["templates", "plan"]).await.0, 0);

    let (code, deleted) = dev.json(&[&delete[..], &["--yes"]].concat()).await;
    let expected = json!({ "app": "demo", "template": "verification_code", "deleted_count": 1 });
    assert_eq!((code, deleted), (0, expected));
    let plan = dev.run(&["templates", "plan"]).await;
    assert_eq!(plan.code, Some(3));
    // Meta does not give a deleted name back so soon, and the apply says so.
    let applied = dev.run(&["templates", "apply"]).await;
    assert_eq!(
        (applied.code, applied.stderr.as_str()),
        (Some(3), ""),
        "{}",
        applied.stdout
    );
    let failed = applied
        .stdout
        .lines()
        .any(|line| line.contains("  !  failed ") && line.contains(" pt_BR "));
    assert!(failed && applied.stdout.contains("30"), "{}", applied.stdout);

    let unknown = dev.run(&["templates", "delete", "never_heard_of"]).await;
    let said = "No account of demo has never_heard_of: nothing would be deleted.\n";
    assert_eq!((unknown.code, unknown.stdout.as_str()), (Some(3), said));
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_with_its_exit_code() {
    let desk = Desk::with(DESCRIBED).await;
    std::fs::write(desk.folder.path().join("token"), "EAAanother").unwrap();
    let denied = desk.run(&["plan"]).await;
    assert_eq!((denied.code, denied.stdout.as_str()), (Some(1), ""));
    assert!(
        denied.stderr.contains("refuses the token") && denied.stderr.contains("Meta 190"),
        "{}",
        denied.stderr
    );
    assert!(!denied.stderr.contains("EAA"), "{}", denied.stderr);
    let other = desk.run(&["plan", "--app", "bank", "--json"]).await;
    let said: Value = serde_json::from_str(&other.stdout).unwrap();
    assert_eq!(
        (other.code, &said["error"]["code"]),
        (Some(64), &json!("MISCONFIGURED"))
    );
    let failed = desk.run(&["apply", "--json"]).await;
    let said = lines(&failed);
    assert_eq!(
        (failed.code, &said[0]["error"]["reason"]),
        (Some(1), &json!("TEMPLATES_DENIED")),
        "{said:?}"
    );

    let wrong = Desk::with("name = \"Shop\"\nlanguages = []").await;
    let refused = wrong.run(&["plan"]).await;
    assert_eq!(
        (refused.code, refused.stderr.lines().count()),
        (Some(64), 2),
        "{}",
        refused.stderr
    );
    let refused = wrong.run(&["plan", "--json"]).await;
    let said: Value = serde_json::from_str(&refused.stdout).unwrap();
    let mistakes = said["error"]["mistakes"].as_array().map(Vec::len);
    assert_eq!((refused.code, mistakes), (Some(64), Some(2)), "{said}");
}

#[tokio::test]
async fn a_service_without_a_business_account_and_a_caller_without_leave_are_told_apart() {
    let meta = Meta::start_silent().await;
    let text = Plan::new(meta.base_url()).text();
    let managing = text.replace("apps = [\"shop\"]", "apps = [\"shop\"]\nmanage_templates = true");
    for (config, reason) in [(text, "TEMPLATES_NOT_ALLOWED"), (managing, "TEMPLATES_NOT_HELD")] {
        let serve = Serve::start_with(&config).await;
        let folder = tempfile::tempdir().unwrap();
        let mut command = countersign(folder.path());
        command.args(["templates", "plan", "--app", "shop", "--json", "--server"]);
        command
            .arg(format!("http://{}", serve.grpc))
            .env("COUNTERSIGN_TOKEN", CALLER_TOKEN);
        let refused = run(&mut command).await;
        let said: Value = serde_json::from_str(&refused.stdout).unwrap();
        assert_eq!((refused.code, &said["error"]["reason"]), (Some(1), &json!(reason)));
        assert!(!refused.stdout.contains(META_TOKEN));
    }
}
