//! What stands in the way of a command: said in words that say what to do, with the exit code, and as JSON.

use std::time::Duration;

use countersign_simulator::{Calls, Fault};
use serde_json::{Value, json};

use crate::business::Business;
use crate::common::gate::Gate;
use crate::common::plan::META_TOKEN;
use crate::common::process::{Ended, countersign, run};
use crate::common::serve::Serve;

const DESCRIBED: &str = "[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en_US\"]\n";
/// Every verb that asks Meta and needs its answer.
const ASKING: [&[&str]; 6] = [
    &["plan"],
    &["apply"],
    &["list"],
    &["check"],
    &["delete", "otp"],
    &["delete", "otp", "--yes"],
];

/// Demands that every verb ends with this code and says this, and nothing on standard output; and that programs are
/// told the same with this code and reason.
async fn assert_all_say(business: &Business, exit: i32, said: &str, code: &str, reason: &Value) {
    for verb in ASKING {
        let ended = business.run(verb).await;
        assert_eq!((ended.stderr.as_str(), ended.stdout.as_str()), (said, ""), "{verb:?}");
        assert_eq!(ended.code, Some(exit), "{verb:?}");
        let (code_json, answer) = business.json(verb).await;
        let error = &answer["error"];
        assert_eq!(
            (code_json, &error["code"], &error["reason"]),
            (exit, &json!(code), reason),
            "{answer}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            message.len() > 20 && !answer.to_string().contains(META_TOKEN),
            "{answer}"
        );
    }
    assert_eq!(business.changes(), [], "nothing is changed on the way to a refusal");
}

#[tokio::test]
async fn without_a_token_it_is_said_where_to_write_one() {
    let business = Business::of(DESCRIBED).await;
    business.reconfigure(|text| {
        text.replacen(
            "\ntoken = { file = \"token\" }\n\n[whatsapp.webhook]",
            "\n\n[whatsapp.webhook]",
            1,
        )
    });
    let said = "countersign: account shop: there is no business_account_id or no token for it; write both into \
                [whatsapp.accounts.shop]\n";
    assert_all_say(&business, 1, said, "FAILED_PRECONDITION", &json!("TEMPLATES_NOT_HELD")).await;
    assert_eq!(business.meta.controls.management_calls(), [], "nobody was asked");
    // The words of a message are no secret, and this version has them.
    let preview = business.run(&["preview"]).await;
    assert_eq!(preview.code, Some(0), "{}", preview.stderr);
    assert!(preview.stdout.contains("Meta did not tell"), "{}", preview.stdout);
}

#[tokio::test]
async fn with_a_wrong_token_metas_words_and_the_place_of_the_token_are_said() {
    let business = Business::of(DESCRIBED).await;
    std::fs::write(business.folder.path().join("token"), "EAAanother").unwrap();
    let said = "countersign: account shop: the provider refuses the token; give [whatsapp.accounts.shop] a token that \
                may manage the templates of that business_account_id\n  \
                Meta 190 Invalid OAuth access token - Cannot parse access token\n";
    assert_all_say(&business, 1, said, "FAILED_PRECONDITION", &json!("TEMPLATES_DENIED")).await;
}

#[tokio::test]
async fn with_another_business_account_the_token_is_told_to_be_that_ones() {
    let business = Business::of(DESCRIBED).await;
    business.reconfigure(|text| text.replace("\"102290129340398\"", "\"102290129340399\""));
    let ended = business.run(&["plan"]).await;
    let said = "account shop: the provider refuses the token; give [whatsapp.accounts.shop] a token that may manage \
                the templates of that business_account_id\n";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn with_meta_away_it_is_said_that_nothing_was_changed() {
    let business = Business::of(DESCRIBED).await;
    let nobody = Gate::shut();
    let base_url = business.meta.base_url();
    business.reconfigure(|text| text.replace(&base_url, &nobody.base_url()));
    let said = "countersign: account shop: the provider did not answer; nothing was changed, so try again later\n";
    for verb in ASKING.iter().filter(|it| it.last() != Some(&"--yes")) {
        let ended = business.run(verb).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(1), "", said)
        );
        let (code, answer) = business.json(verb).await;
        let error = &answer["error"];
        assert_eq!(
            (code, &error["code"], &error["reason"]),
            (1, &json!("UNAVAILABLE"), &json!("PROVIDER_UNAVAILABLE"))
        );
    }
    let preview = business.run(&["preview"]).await;
    assert_eq!(preview.code, Some(0), "{}", preview.stderr);
    assert!(preview.stdout.contains("Meta did not tell"), "{}", preview.stdout);
}

#[tokio::test]
async fn with_too_many_calls_it_is_said_how_long_to_wait() {
    let business = Business::of(DESCRIBED).await;
    let slow = || Fault::Throttle {
        code: 80_008,
        regain: Duration::from_secs(300),
    };
    business.meta.controls.fail_management(Calls::Next(1), slow());
    let ended = business.run(&["plan"]).await;
    let said = "countersign: account shop: the provider asks to slow down\n  Meta 80008 Rate limit issues\n  \
                try again in 5 min\n";
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(1), "", said)
    );
    // In the middle of an apply it is a step's failure, and the next apply goes on.
    business.meta.controls.fail_management(Calls::NthChange(1), slow());
    let applied = business.run(&["apply"]).await;
    let why = "the provider asks to slow down: apply again later; not before ";
    assert_eq!((applied.code, applied.stderr.as_str()), (Some(3), ""));
    assert!(
        applied.stdout.contains(why) && applied.stdout.contains(", in 5 min\n"),
        "{}",
        applied.stdout
    );
    business.settle().await;
}

#[tokio::test]
async fn an_app_the_file_does_not_have_is_answered_with_those_it_has() {
    let business = Business::of(DESCRIBED).await;
    for app in ["bank", "Bank !"] {
        let ended = business.run(&["plan", "--app", app]).await;
        let said = format!("countersign.toml has no app {app:?}; name one with --app: shop\n");
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(64), "", said.as_str())
        );
    }
    let (code, answer) = business.json(&["apply", "--app", "bank"]).await;
    assert_eq!((code, &answer["error"]["code"]), (64, &json!("MISCONFIGURED")));
    let mistake = answer["error"]["mistakes"][0].as_str().unwrap();
    assert!(
        mistake.ends_with("has no app \"bank\"; name one with --app: shop"),
        "{mistake}"
    );
}

#[tokio::test]
async fn what_an_app_does_not_have_is_answered_with_what_it_has() {
    let business = Business::of(DESCRIBED).await;
    for (args, said) in [
        (
            &["preview", "opt"][..],
            "countersign: template: is none of the app's, which are otp\n",
        ),
        (
            &["preview", "--language", "fr"],
            "countersign: languages: must be those of the app's templates, which are en_US; fr is not\n",
        ),
    ] {
        let ended = business.run(args).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(1), "", said)
        );
        let (code, answer) = business.json(args).await;
        let error = &answer["error"];
        assert_eq!((code, &error["code"]), (1, &json!("INVALID_ARGUMENT")));
        assert_eq!(error["field_violations"].as_array().map(Vec::len), Some(1), "{answer}");
    }
    let name = business.run(&["delete", "Otp", "--yes"]).await;
    assert_eq!(name.code, Some(1));
    assert!(
        name.stderr.starts_with("countersign: name: ") && name.stderr.lines().count() == 1,
        "{}",
        name.stderr
    );
}

/// Asks a running service as the caller `shop`.
async fn ask(business: &Business, serve: &Serve, args: &[&str]) -> Ended {
    run(&mut business.command_at(serve, "shop", args)).await
}

#[tokio::test]
async fn a_caller_without_leave_is_told_which_setting_gives_it() {
    let business = Business::of(DESCRIBED).await;
    let text = std::fs::read_to_string(&business.config).unwrap();
    let serve = Serve::start_with(&text).await;
    let said = "countersign: the caller may not manage templates; its `manage_templates` is not set in the service's \
                configuration\n";
    for verb in ASKING.iter().copied().chain([&["preview"][..]]) {
        let ended = ask(&business, &serve, verb).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (Some(1), "", said),
            "{verb:?}"
        );
        let ended = ask(&business, &serve, &[verb, &["--json"]].concat()).await;
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        let error = &answer["error"];
        assert_eq!(
            (&error["code"], &error["reason"]),
            (&json!("PERMISSION_DENIED"), &json!("TEMPLATES_NOT_ALLOWED"))
        );
    }
    assert_eq!(business.changes(), []);
}

#[tokio::test]
async fn a_service_does_for_a_caller_with_leave_what_the_configuration_does_alone() {
    let business = Business::of(DESCRIBED).await;
    let serve = business.serve().await;
    let planned = ask(&business, &serve, &["plan"]).await;
    let planned = planned.stdout.replace(env!("CARGO_BIN_EXE_countersign"), "countersign");
    let page = "account shop\n  +  create  otp  en_US\n\n1 to create.\nThen: countersign templates apply --app shop\n";
    assert_eq!(planned, page);
    let applied = ask(&business, &serve, &["apply"]).await;
    let page = "1/1  +  created     otp  en_US  shop\n\n1 created.\n";
    assert_eq!(
        (applied.code, applied.stdout.as_str(), applied.stderr.as_str()),
        (Some(0), page, "")
    );
    let deleted = ask(&business, &serve, &["delete", "otp", "--yes"]).await;
    assert!(
        deleted.stdout.starts_with("Deleted otp in 1 language.\n"),
        "{}",
        deleted.stderr
    );
    let unknown = run(&mut business.command_at(&serve, "bank", &["plan"])).await;
    let said = "countersign: there is no such app, or the caller may not use it\n";
    assert_eq!((unknown.code, unknown.stderr.as_str()), (Some(1), said));
}

#[tokio::test]
async fn without_a_service_it_is_said_how_to_reach_one() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(countersign(folder.path()).args(["templates", "plan"])).await;
    let said = "countersign: no service is known here: start one with `countersign dev`, or name one with --server\n";
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(1), "", said)
    );
    let both = [
        "templates",
        "plan",
        "--config",
        "a.toml",
        "--server",
        "http://127.0.0.1:1",
    ];
    let ended = run(countersign(folder.path()).args(both)).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let missing = run(countersign(folder.path()).args(["templates", "plan", "--config", "nowhere.toml"])).await;
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(64), ""));
    assert!(missing.stderr.contains("nowhere.toml"), "{}", missing.stderr);
}
