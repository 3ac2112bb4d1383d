//! What is asked wrongly is said before anybody is called, and every command says what it does.

use serde_json::{Value, json};

use crate::common::process::{countersign, run};

const PHONE: &str = "+5511987654321";

#[tokio::test]
async fn a_wrong_usage_ends_with_2_and_says_what_is_missing() {
    let state = tempfile::tempdir().unwrap();
    for (args, said) in [
        (&["explain", "shop", PHONE][..], "<PURPOSE>"),
        (&["explain"], "<APP>"),
        (&["blocks", "lift"], "<ID>"),
        (&["blocks", "raise"], "raise"),
        (&["hold", "shop"], "<PHONE>"),
        (&["hold", "shop", PHONE, "--for", "soon"], "must be a span such as"),
        (&["release", "shop"], "<PHONE>"),
        (&["erase"], "<PHONE>"),
        (
            &["explain", "shop", PHONE, "sign_in", "--context", "amount"],
            "name=value",
        ),
    ] {
        let ended = run(countersign(state.path()).args(args)).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn without_a_service_every_command_says_how_to_get_one() {
    let state = tempfile::tempdir().unwrap();
    for args in [
        &["explain", "shop", PHONE, "sign_in"][..],
        &["blocks"],
        &["blocks", "lift", "mfrggzdfmztwq2lknnwg23tpoa"],
        &["hold", "shop", PHONE],
        &["release", "shop", PHONE],
        &["erase", PHONE, "--yes"],
    ] {
        let ended = run(countersign(state.path()).args(args)).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{args:?}");
        assert!(
            ended.stderr.contains("start one with `countersign dev`"),
            "{args:?}: {ended:?}"
        );
        let json = run(countersign(state.path()).args(args).arg("--json")).await;
        let said: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!((json.code, &said["error"]["code"]), (Some(1), &json!("UNREACHABLE")));
    }
}

#[tokio::test]
async fn every_argument_of_every_command_is_explained() {
    let state = tempfile::tempdir().unwrap();
    for args in [
        &["explain"][..],
        &["blocks"],
        &["blocks", "lift"],
        &["hold"],
        &["release"],
        &["erase"],
        &["start"],
        &["check"],
    ] {
        let help = run(countersign(state.path()).args(args).arg("--help")).await;
        assert_eq!(help.code, Some(0), "{args:?}");
        let mut lines = help.stdout.lines().peekable();
        while let Some(line) = lines.next() {
            let line = line.trim_start();
            let names_one = line.starts_with("--") || line.starts_with("-h") || line.starts_with('<');
            if !names_one || line.starts_with("-h") {
                continue;
            }
            let beside = line.split("  ").skip(1).any(|it| !it.trim().is_empty());
            let below = lines.peek().is_some_and(|it| it.starts_with("          "));
            assert!(beside || below, "{args:?}: {line}");
        }
    }
}
