//! What a person reads: the lines of `countersign get` that say how far it got, without times.

use std::process::Command;

use crate::common::plan::CALLER_TOKEN;
use crate::common::process::{countersign, run};
use crate::stage::Stage;

/// The rows that are kept: the others name the verification, the app and moments.
const ROWS: [&str; 3] = ["state ", "resend ", "message "];

/// What the real command line prints of a verification, as one line.
pub(crate) async fn of(stage: &Stage, id: &str) -> String {
    let mut command = command(stage);
    command
        .args(["get", id, "--server"])
        .arg(format!("http://{}", stage.serve.grpc));
    let printed = run(&mut command).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    let rows = printed.stdout.lines().map(str::trim);
    let kept = rows.filter(|row| ROWS.iter().any(|name| row.starts_with(name)));
    let kept: Vec<_> = kept.map(|row| without_times(&squeezed(row))).collect();
    kept.join(" / ")
}

/// What it prints of a start that is refused, as one line.
pub(crate) async fn of_refused_start(stage: &Stage, app: &str, phone: &str) -> String {
    let mut command = command(stage);
    command.args(["start", phone, "--app", app, "--purpose", "sign_in", "--server"]);
    command.arg(format!("http://{}", stage.serve.grpc));
    let printed = run(&mut command).await;
    assert_eq!((printed.code, printed.stdout.as_str()), (Some(1), ""));
    printed.stderr.lines().map(squeezed).collect::<Vec<_>>().join(" / ")
}

fn command(stage: &Stage) -> Command {
    let mut command = countersign(stage.state.path());
    command.env("COUNTERSIGN_TOKEN", CALLER_TOKEN).env("TZ", "UTC");
    command
}

fn squeezed(row: &str) -> String {
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `06:15:33, in 60 s (send_wait)` as `<time> (send_wait)`.
fn without_times(row: &str) -> String {
    let mut words = row.split(' ').peekable();
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        if !is_clock(word) {
            kept.push(word);
            continue;
        }
        kept.push("<time>");
        // How far away that is: `just now`, `in 60 s`, `60 s ago`.
        let rest = if words.peek() == Some(&"just") { 2 } else { 3 };
        words.by_ref().take(rest).for_each(drop);
    }
    kept.join(" ")
}

/// Whether a word is a clock's, with the comma that follows one.
fn is_clock(word: &str) -> bool {
    let is_pair = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = word.trim_end_matches(',').split(':').collect();
    parts.len() == 3 && parts.into_iter().all(is_pair)
}
