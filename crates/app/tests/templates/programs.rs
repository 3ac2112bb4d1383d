//! `--json`: every verb answers in a shape that stays, whatever there is to say.

use std::time::Duration;

use countersign_simulator::{Review, Template, TemplateOrder};
use serde_json::{Value, json};

use crate::business::{Business, keys, lines};

const DESCRIBED: &str = r#"[apps.shop.template]
name = "otp"
languages = ["en_US", "pt_BR", "fr", "de"]
button = "one_tap"
supported_apps = [{ package = "com.example.app", hash = "6hJDclzb7Pi" }]
"#;

/// One language is as described, one is another, one is archived, one is missing, and one template is nobody's.
async fn business() -> Business {
    let business = Business::of(&DESCRIBED.replace(", \"de\"", "")).await;
    business.settle().await;
    business.order("otp", "pt_BR", TemplateOrder::SetExpiry { minutes: Some(3) });
    business.order("otp", "fr", TemplateOrder::Archive);
    business.describe(DESCRIBED);
    business
}

/// A step without its moments, which differ from run to run.
fn steady(step: &Value) -> Value {
    let mut step = step.clone();
    for moment in ["edit_time", "template_id"] {
        if let Some(text) = step[moment].as_str() {
            assert!(
                text.parse::<jiff::Timestamp>().is_ok() || text.parse::<u64>().is_ok(),
                "{text}"
            );
            step[moment] = json!("there");
        }
    }
    step
}

fn step(action: &str, language: &str, status: Option<&str>) -> Value {
    json!({
        "action": action,
        "template": "otp",
        "language": language,
        "status": status,
        "template_id": null,
        "differences": [],
        "edit_time": null,
    })
}

fn edit() -> Value {
    let mut edit = step("EDIT", "pt_BR", None);
    edit["template_id"] = json!("there");
    edit["edit_time"] = json!("there");
    edit["differences"] = json!([{ "field": "footer_minutes", "has": "3", "wanted": "10" }]);
    edit
}

#[tokio::test]
async fn a_plan_has_a_step_for_each_language_of_each_account() {
    let business = business().await;
    let (code, plan) = business.json(&["plan"]).await;
    assert_eq!((code, keys(&plan)), (3, vec!["accounts", "app", "settled"]));
    assert_eq!((&plan["app"], &plan["settled"]), (&json!("shop"), &json!(false)));
    let account = &plan["accounts"][0];
    assert_eq!(keys(account), ["account", "settled", "steps"]);
    assert_eq!(
        (&account["account"], &account["settled"]),
        (&json!("shop"), &json!(false))
    );
    let steps: Vec<_> = account["steps"].as_array().unwrap().iter().map(steady).collect();
    let expected = [
        step("UNCHANGED", "en_US", Some("approved")),
        edit(),
        step("NOT_EDITABLE", "fr", Some("archived")),
        step("CREATE", "de", None),
    ];
    assert_eq!(steps, expected);

    business.describe(&DESCRIBED.replace("\"en_US\", \"pt_BR\", \"fr\", \"de\"", "\"en_US\""));
    let (code, plan) = business.json(&["plan"]).await;
    let extras = plan["accounts"][0]["steps"].as_array().unwrap();
    let extras = extras.iter().filter(|it| it["action"] == "EXTRA").count();
    assert_eq!((code, &plan["settled"], extras), (0, &json!(true), 2));
}

#[tokio::test]
async fn an_apply_is_an_object_a_line_and_the_last_is_the_summary() {
    let business = business().await;
    let applied = business.run(&["apply", "--json"]).await;
    assert_eq!((applied.code, applied.stderr.as_str()), (Some(3), ""));
    let lines = lines(&applied);
    let (summary, steps) = lines.split_last().unwrap();
    let mut results = Vec::new();
    for (index, line) in steps.iter().enumerate() {
        assert_eq!(keys(line), ["progress"]);
        let progress = &line["progress"];
        let members = ["account", "done", "failure", "result", "retry_time", "step", "total"];
        assert_eq!(keys(progress), members);
        assert_eq!((&progress["done"], &progress["total"]), (&json!(index + 1), &json!(4)));
        assert_eq!(progress["failure"].is_string(), progress["result"] == "FAILED");
        results.push((
            progress["step"]["language"].as_str().unwrap(),
            progress["result"].as_str().unwrap(),
        ));
    }
    results.sort_unstable();
    let expected = [
        ("de", "CREATED"),
        ("en_US", "UNCHANGED"),
        ("fr", "FAILED"),
        ("pt_BR", "EDITED"),
    ];
    assert_eq!(results, expected);
    let edited = steps.iter().find(|it| it["progress"]["result"] == "EDITED").unwrap();
    assert_eq!(steady(&edited["progress"]["step"]), edit());
    assert_eq!(
        (keys(summary), keys(&summary["summary"])),
        (vec!["summary"], vec!["accounts", "settled"])
    );
    assert_eq!(summary["summary"]["settled"], false);
    let left = summary["summary"]["accounts"][0]["steps"].as_array().unwrap();
    let left: Vec<_> = left
        .iter()
        .filter(|it| it["action"] != "UNCHANGED")
        .map(steady)
        .collect();
    assert_eq!(left, [step("NOT_EDITABLE", "fr", Some("archived"))]);
}

#[tokio::test]
async fn a_refused_edit_says_when_it_may_be_tried_again() {
    let business = business().await;
    business.run(&["apply"]).await;
    business.order("otp", "pt_BR", TemplateOrder::SetExpiry { minutes: Some(4) });
    let applied = business.run(&["apply", "--json"]).await;
    let lines = lines(&applied);
    let failed = lines
        .iter()
        .map(|it| &it["progress"])
        .find(|it| it["step"]["language"] == "pt_BR")
        .unwrap();
    let again: jiff::Timestamp = failed["retry_time"].as_str().unwrap().parse().unwrap();
    let changed = business.entry("otp", "pt_BR").changed_at_ms / 1_000;
    let a_day = Duration::from_secs(24 * 60 * 60).as_secs();
    assert_eq!(u64::try_from(again.as_second()).unwrap(), changed + a_day, "{failed}");
    assert_eq!(
        (&failed["result"], &failed["step"]["edit_time"]),
        (&json!("FAILED"), &failed["retry_time"])
    );
}

#[tokio::test]
async fn a_list_has_everything_that_is_known_of_a_template_and_null_where_there_is_nothing() {
    let business = Business::with(DESCRIBED, |config| {
        config.templates = vec![Template::new("older", ["en_US"])];
    })
    .await;
    let (code, list) = business.json(&["list"]).await;
    let account = &list["accounts"][0];
    assert_eq!(
        (code, keys(&list), keys(account)),
        (0, vec!["accounts", "app"], vec!["account", "templates"])
    );
    let templates = account["templates"].as_array().unwrap();
    assert_eq!(templates.len(), 5, "{list}");
    let description = "the account has no such template in this language: run `countersign templates apply`";
    let missing = json!({
        "template": "otp",
        "language": "en_US",
        "configured": true,
        "provider": null,
        "faults": [{ "kind": "MISSING", "description": description }],
    });
    assert_eq!(templates[0], missing);
    let mut older = templates[4].clone();
    let changed = older["provider"]["change_time"].take();
    assert!(
        changed.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(),
        "{changed}"
    );
    let provider = json!({
        "id": business.entry("older", "en_US").id,
        "status": "approved",
        "category": "AUTHENTICATION",
        "rejected_reason": null,
        "quality": null,
        "change_time": null,
        "message_life_seconds": 600,
        "security_recommendation": true,
        "footer_minutes": 10,
        "button": "COPY_CODE",
        "copy_text": "Copy code",
        "autofill_text": null,
        "supported_apps": [],
        "body": "*{{1}}* is your verification code. For your security, do not share this code.",
        "footer": "This code expires in 10 minutes.",
    });
    let expected = json!({
        "template": "older", "language": "en_US", "configured": false, "provider": provider, "faults": [],
    });
    assert_eq!(older, expected);
    business.settle().await;
    let (_, list) = business.json(&["list"]).await;
    let apps = &list["accounts"][0]["templates"][0]["provider"]["supported_apps"];
    assert_eq!(
        *apps,
        json!([{ "package": "com.example.app", "signature_hash": "6hJDclzb7Pi" }])
    );
}

#[tokio::test]
async fn a_check_is_a_list_of_faults_that_is_empty_when_all_is_well() {
    let business = Business::with(DESCRIBED, |config| config.review = Review::by_order()).await;
    business.settle().await;
    for language in ["en_US", "pt_BR", "fr"] {
        business.order("otp", language, TemplateOrder::Approve);
    }
    let (code, check) = business.json(&["check"]).await;
    let fault = json!({
        "account": "shop",
        "template": "otp",
        "language": "de",
        "kind": "NOT_SENDABLE",
        "description": "cannot be sent, its status is pending: wait for Meta's review",
    });
    assert_eq!((code, check), (3, json!({ "app": "shop", "faults": [fault] })));
    business.order("otp", "de", TemplateOrder::Approve);
    let (code, check) = business.json(&["check"]).await;
    assert_eq!((code, check), (0, json!({ "app": "shop", "faults": [] })));
}

#[tokio::test]
async fn a_preview_has_the_texts_as_they_are_and_says_whose_they_are() {
    let business = Business::of(DESCRIBED).await;
    let (code, shown) = business.json(&["preview", "otp", "--language", "en-us"]).await;
    let preview = json!({
        "template": "otp",
        "language": "en_US",
        "body": "*{{1}}* is your verification code. For your security, do not share this code.",
        "footer": "This code expires in 10 minutes.",
        "copy_text": "Copy code",
        "autofill_text": "Autofill",
        "source": "PROVIDER",
        "right_to_left": false,
    });
    assert_eq!((code, shown), (0, json!({ "app": "shop", "previews": [preview] })));
}

#[tokio::test]
async fn a_deletion_is_proposed_and_then_counted() {
    let business = business().await;
    let (code, proposed) = business.json(&["delete", "otp"]).await;
    let languages = json!([{ "account": "shop", "languages": ["en_US", "pt_BR", "fr"] }]);
    assert_eq!(
        (code, proposed),
        (
            3,
            json!({ "app": "shop", "template": "otp", "would_delete": languages })
        )
    );
    let (code, proposed) = business.json(&["delete", "opt"]).await;
    assert_eq!((code, &proposed["would_delete"]), (3, &json!([])));
    let (code, deleted) = business.json(&["delete", "otp", "--yes"]).await;
    assert_eq!(
        (code, deleted),
        (0, json!({ "app": "shop", "template": "otp", "deleted_count": 3 }))
    );
}
