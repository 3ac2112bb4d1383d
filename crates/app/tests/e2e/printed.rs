//! The commands that are printed are commands that work.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::common::dev::{Dev, text};
use crate::common::http::get;
use crate::common::process::run;

const PERSON: &str = "+5511987654321";

/// The two commands the welcome proposes.
fn proposed(dev: &Dev) -> (String, String) {
    let line = |part: &str| {
        let line = dev.welcome.lines().find(|line| line.contains(part)).unwrap();
        line.trim().to_owned()
    };
    (line(" start +"), line(" check <id> <code>"))
}

#[tokio::test]
async fn the_welcome_proposes_commands_that_can_be_pasted_as_they_are() {
    let dev = Dev::start().await;
    let (start, check) = proposed(&dev);
    let paste = async |line: &str| {
        let mut shell = Command::new("sh");
        shell.env_clear().env("XDG_STATE_HOME", dev.state.path());
        run(shell.args(["-c", line])).await
    };
    let started = paste(&start).await;
    assert_eq!((started.code, started.stderr.as_str()), (Some(0), ""), "{start}");
    let message = dev.message_to(PERSON).await;
    let id = started
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("id "))
        .unwrap();
    // The welcome also says where the numbers are.
    let page = get(&format!("http://{}/metrics", dev.http)).await;
    let opened = "countersign_starts_total{app=\"demo\",purpose=\"sign_in\",outcome=\"opened\"} 1";
    assert!(
        dev.welcome.contains("/metrics") && page.body.contains(opened),
        "{}",
        page.body
    );
    // The answer to a start proposes the same, with the id filled in.
    let then = started
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("Then: "))
        .unwrap();
    assert_eq!(then, check.replace("<id>", id.trim()));
    let check = then.replace("<code>", &text(&message["code"]));
    let checked = paste(&check).await;
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{check}");
    assert!(checked.stdout.starts_with("Approved at "), "{}", checked.stdout);
}

#[tokio::test]
async fn the_commands_begin_with_what_dev_was_called_by_and_with_cargo_under_cargo() {
    let dev = Dev::start_with(|command| {
        command.arg0("countersign");
    })
    .await;
    let expected = ["countersign start +5511987654321", "countersign check <id> <code>"];
    let (start, check) = proposed(&dev);
    assert_eq!([start, check], expected);

    let dev = Dev::start_with(|command| {
        command.env("CARGO", "/somewhere/cargo");
    })
    .await;
    let (start, check) = proposed(&dev);
    let expected = ["start +5511987654321", "check <id> <code>"].map(|it| format!("cargo run --release -- {it}"));
    assert_eq!([start, check], expected);
}

#[tokio::test]
async fn the_profile_is_readable_by_its_owner_only_and_holds_what_the_welcome_says() {
    use std::os::unix::fs::PermissionsExt;
    let dev = Dev::start().await;
    let profile = dev.profile();
    assert!(dev.welcome.contains(profile.to_str().unwrap()), "{}", dev.welcome);
    let mode = std::fs::metadata(&profile).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = std::fs::read_to_string(&profile).unwrap();
    assert!(written.contains(&dev.grpc), "{written}");
    assert!(!dev.welcome.contains(&dev.token()), "the welcome shows the token");
}
