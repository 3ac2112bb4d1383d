//! Deleting: nothing goes without a yes, and what would go, or went, is said with what it costs.

use countersign_simulator::{Calls, Fault, Template};
use serde_json::{Value, json};

use crate::business::Business;

/// The app describes one template; the account has another one besides.
const DESCRIBED: &str = "[apps.shop.template]\nname = \"otp\"\nlanguages = [\"en_US\", \"pt_BR\"]\n";
/// What a deletion costs, as it is printed.
const CONSEQUENCES: &str =
    "Meta locks the name of an approved template for 30 days: it cannot be made again so long. Messages
that are on their way are still delivered; new ones are refused.
";

async fn business() -> Business {
    Business::with(DESCRIBED, |config| {
        config.templates = ["otp", "older"]
            .map(|name| Template::new(name, ["en_US", "pt_BR"]))
            .into();
    })
    .await
}

/// The templates and languages the account has.
fn has(business: &Business) -> Vec<String> {
    let entries = business.meta.controls.templates();
    let mut has: Vec<_> = entries
        .iter()
        .map(|it| format!("{} {}", it.name, it.language))
        .collect();
    has.sort();
    has
}

/// The query of each deletion that was asked for.
fn deletions(business: &Business) -> Vec<Value> {
    let calls = business.meta.controls.management_calls().into_iter();
    calls
        .filter(|it| it.method == "DELETE")
        .map(|it| json!(it.query))
        .collect()
}

#[tokio::test]
async fn without_a_yes_it_is_said_what_would_go_and_what_to_run() {
    let business = business().await;
    let whole = format!(
        "This would delete older from
  account shop: en_US, pt_BR

{CONSEQUENCES}
Then: countersign templates delete older --config countersign.toml --yes
"
    );
    business.assert_prints(&["delete", "older"], 3, &whole).await;
    let single = format!(
        "This would delete otp from
  account shop: pt_BR

{CONSEQUENCES}
Then: countersign templates delete otp --language pt_BR --config countersign.toml --yes
"
    );
    business
        .assert_prints(&["delete", "otp", "--language", "pt_BR"], 3, &single)
        .await;
    let nothing = "No account of shop has otp in fr: nothing would be deleted.\n";
    business
        .assert_prints(&["delete", "otp", "--language", "fr"], 3, nothing)
        .await;
    assert_eq!(business.changes(), []);
    assert_eq!(has(&business).len(), 4);
}

#[tokio::test]
async fn with_a_yes_one_language_goes_or_all_of_them() {
    let business = business().await;
    let id = business.entry("otp", "pt_BR").id;
    let one = format!("Deleted otp in 1 language.\n{CONSEQUENCES}");
    business
        .assert_prints(&["delete", "otp", "--language", "pt-br", "--yes"], 0, &one)
        .await;
    assert_eq!(has(&business), ["older en_US", "older pt_BR", "otp en_US"]);
    let all = format!("Deleted older in 2 languages.\n{CONSEQUENCES}");
    business.assert_prints(&["delete", "older", "--yes"], 0, &all).await;
    assert_eq!(has(&business), ["otp en_US"]);
    assert_eq!(
        deletions(&business),
        [json!([["name", "otp"], ["hsm_id", id]]), json!([["name", "older"]])]
    );
    // What is gone is missing, and apply would make it again.
    let missing = "shop otp pt_BR: the account has no such template in this language: run `countersign templates \
                   apply`\n";
    business.assert_prints(&["check"], 3, missing).await;
}

#[tokio::test]
async fn what_no_account_has_cannot_be_deleted_and_what_there_is_is_named() {
    let business = business().await;
    let language = business.run(&["delete", "otp", "--language", "fr", "--yes"]).await;
    let said = "countersign: language: must be one in which otp exists: en_US, pt_BR\n";
    assert_eq!((language.code, language.stderr.as_str()), (Some(1), said));
    let name = business.run(&["delete", "opt", "--yes"]).await;
    let said = "countersign: name: is no template of the app's accounts, which have older, otp\n";
    assert_eq!((name.code, name.stderr.as_str()), (Some(1), said));
    assert_eq!(business.changes(), []);
}

#[tokio::test]
async fn a_deletion_whose_answer_is_lost_is_looked_after_and_not_done_twice() {
    let business = business().await;
    business
        .meta
        .controls
        .fail_management(Calls::NthChange(1), Fault::AcceptThenHangUp);
    let page = format!("Deleted older in 2 languages.\n{CONSEQUENCES}");
    business.assert_prints(&["delete", "older", "--yes"], 0, &page).await;
    assert_eq!(has(&business), ["otp en_US", "otp pt_BR"]);
    assert_eq!(deletions(&business).len(), 1);
}

#[tokio::test]
async fn a_deletion_that_meta_never_answers_is_told_to_look_before_it_is_repeated() {
    let business = business().await;
    business.meta.controls.fail_management(Calls::Every(1), Fault::HangUp);
    let ended = business.run(&["delete", "older", "--yes"]).await;
    let said = "countersign: account shop: the provider did not answer; what it was asked to change may have been \
                changed, so plan again\n";
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(1), "", said)
    );
    assert_eq!(has(&business).len(), 4);
}
