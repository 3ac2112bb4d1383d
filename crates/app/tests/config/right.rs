//! What is right is called right, and what should be seen is said.

use std::path::Path;

use serde_json::{Value, json};
use toml::Table;

use crate::asked::{Asked, assert_one_line_each, right, with};
use crate::common::plan::META_TOKEN;
use crate::common::process::{Process, countersign};

/// Why a memory store is worth a note.
const MEMORY: &str =
    "store.kind is \"memory\": what is open is lost when the process ends, and only one instance may run";
/// Why it is worth another that there is no budget.
const UNBOUNDED: &str = "money.budgets has none that refuses: nothing bounds the bill but the limits";

#[tokio::test]
async fn a_right_configuration_ends_with_0_and_says_what_should_be_seen() {
    let asked = Asked::new(&right());
    let ended = asked.check(&[]).await;
    let expected = format!(
        "note: {UNBOUNDED}\nnote: {MEMORY}\n{} is right\n",
        asked.config.display()
    );
    assert_eq!(
        (ended.code, ended.stdout, ended.stderr.as_str()),
        (Some(0), expected, "")
    );
    let ended = asked.check(&["--json"]).await;
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (ended.code, said),
        (Some(0), json!({ "mistakes": [], "warnings": [UNBOUNDED, MEMORY] }))
    );
}

#[tokio::test]
async fn a_caller_operates_when_it_is_said() {
    let apps = "apps = [\"shop\"]";
    let operator = with(&[(apps, "apps = [\"shop\"]\noperates = true")]);
    let ended = Asked::new(&operator).check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_one_line_each(&[(
        apps,
        "apps = [\"shop\"]\noperates = \"yes\"",
        "callers.shop.operates: ",
        "must be true or false",
    )])
    .await;
}

#[tokio::test]
async fn the_sample_is_right_once_its_secrets_are_there() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/countersign.toml");
    let text = std::fs::read_to_string(sample).unwrap();
    let asked = Asked::new(&text);
    // Without its secrets every one that is missing is named by its file.
    let ended = asked.check(&[]).await;
    assert_eq!(ended.code, Some(64));
    let files = secret_files(&Table::try_from(text.parse::<Table>().unwrap()).unwrap().into());
    assert!(files.len() >= 5, "{files:?}");
    for file in &files {
        assert!(ended.stderr.contains(file), "{file}: {}", ended.stderr);
        let path = asked.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // 64 hexadecimal digits are a key, and a token as well.
        std::fs::write(path, "0123456789abcdef".repeat(4)).unwrap();
    }
    let ended = asked.check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(ended.stdout.contains("holds the sample's zeros"), "{}", ended.stdout);
}

#[tokio::test]
async fn every_line_that_is_commented_out_in_the_sample_is_a_setting_and_right() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/countersign.toml");
    let text = std::fs::read_to_string(sample).unwrap();
    // A table of senders stands in the place of the one number, and one of templates in that of the one template;
    // certificates want another address, and prices a file; and payment's shorter code_life wants its own numbers beside
    // these two.
    let not_both = [
        "phone_number_id = \"123456789012345\"",
        "# certificate_authorities = ",
        "# prices = ",
        "# message_life = ",
        "# footer_minutes = ",
    ];
    let mut uncommented = 0;
    let mut all = String::new();
    for line in text.lines() {
        if not_both.iter().any(|it| line.starts_with(it)) {
            continue;
        }
        let setting = line.strip_prefix("# ").filter(|it| is_setting(it));
        uncommented += usize::from(setting.is_some());
        let line = match setting.unwrap_or(line) {
            "[apps.shop.template]" => "[apps.shop.templates.copy]",
            line => line,
        };
        all.push_str(line);
        all.push('\n');
    }
    assert!(uncommented >= 70, "{uncommented}");
    let asked = Asked::new(&all);
    for file in secret_files(&Table::try_from(all.parse::<Table>().unwrap()).unwrap().into()) {
        let path = asked.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "0123456789abcdef".repeat(4)).unwrap();
    }
    let ended = asked.check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
}

/// Whether a line is `name = …` or `[table]`, and no sentence.
fn is_setting(line: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
    let is_table = line.starts_with('[') && line.ends_with(']');
    is_table || line.split_once(" = ").is_some_and(|(name, _)| is_name(name))
}

/// The files every `{ file = "…" }` points to.
fn secret_files(value: &toml::Value) -> Vec<String> {
    match value {
        toml::Value::Table(table) => match table.get("file").and_then(toml::Value::as_str) {
            Some(file) if table.len() == 1 => vec![file.to_owned()],
            _ => table.values().flat_map(secret_files).collect(),
        },
        toml::Value::Array(items) => items.iter().flat_map(secret_files).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_secret_from_the_environment_is_taken_and_warned_about() {
    let text = with(&[("token = { file = \"token\" }", "token = { env = \"WA_TOKEN\" }")]);
    let warning = "apps.shop.token comes from the environment; a file only the service can read is safer";
    let asked = Asked::new(&text).env("WA_TOKEN", META_TOKEN);
    let ended = asked.check(&[]).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(
        ended.stdout.starts_with(&format!("note: {warning}\n")),
        "{}",
        ended.stdout
    );

    let mut command = countersign(asked.folder.path());
    command
        .arg("serve")
        .arg("--config")
        .arg(&asked.config)
        .env("WA_TOKEN", META_TOKEN);
    let serve = Process::start(&mut command);
    let warned = |line: &String| line.contains("\"WARN\"") && line.contains(warning);
    let served = |line: &String| line.contains("\"serving\"");
    serve
        .wait_for("the warning, and then service", |written| {
            let place = |is_it: &dyn Fn(&String) -> bool| written.stderr.iter().position(is_it);
            (place(&warned)? < place(&served)?).then_some(())
        })
        .await;
    drop(serve);

    let missing = Asked::new(&text).check(&[]).await;
    let line = "apps.shop.token: the environment variable WA_TOKEN is not set";
    assert_eq!(missing.code, Some(64));
    assert!(missing.stderr.lines().any(|it| it == line), "{}", missing.stderr);
}
