//! The list of templates: fields, filters, pages and cursors; the nodes of one template and of the account.

use countersign_simulator::{Config, Template, TemplateOrder};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{TEMPLATES, UPSERT, bare, codes, many, template};
use crate::harness::{NOW_MS, Running};

/// Every language of Meta's list.
const ALL: [&str; 71] = [
    "af", "sq", "ar", "az", "bn", "bg", "ca", "zh_CN", "zh_HK", "zh_TW", "hr", "cs", "da", "nl", "en", "en_GB",
    "en_US", "et", "fil", "fi", "fr", "ka", "de", "el", "gu", "ha", "he", "hi", "hu", "id", "ga", "it", "ja", "kn",
    "kk", "ko", "ky_KG", "lo", "lv", "lt", "mk", "ml", "ms", "mr", "nb", "fa", "pl", "pt_BR", "pt_PT", "pa", "ro",
    "ru", "rw_RW", "sr", "sk", "sl", "es", "es_AR", "es_ES", "es_MX", "sw", "sv", "ta", "te", "th", "tr", "uk", "ur",
    "uz", "vi", "zu",
];

impl Running {
    async fn list(&self, query: &str) -> Value {
        let (status, answer) = self
            .manage(Method::GET, &format!("{TEMPLATES}?{query}"), &Value::Null)
            .await;
        assert_eq!(status, StatusCode::OK, "{query}: {answer}");
        answer
    }
}

fn languages(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().unwrap();
    data.iter().map(|node| node["language"].as_str().unwrap()).collect()
}

async fn seven() -> Running {
    let simulator = Running::start(bare()).await;
    for language in ["af", "sq", "ar", "az", "bn", "bg"] {
        simulator.created(&template("login", language)).await;
    }
    simulator
}

#[tokio::test]
async fn the_list_has_the_newest_first_and_six_fields_unasked() {
    let simulator = seven().await;
    let list = simulator.list("").await;
    assert_eq!(languages(&list), ["bg", "bn", "az", "ar", "sq", "af", "en_US"]);
    let first = list["data"][0].as_object().unwrap();
    let fields: Vec<_> = first.keys().map(String::as_str).collect();
    assert_eq!(fields, ["category", "components", "id", "language", "name", "status"]);
    assert!(list["paging"]["cursors"]["after"].is_string());
    assert!(list["paging"].get("next").is_none() && list["paging"].get("previous").is_none());
}

#[tokio::test]
async fn cursors_lead_through_every_page_forwards_and_backwards() {
    let simulator = seven().await;
    let mut seen = Vec::new();
    let mut page = simulator.list("limit=3&fields=language&status=APPROVED").await;
    let mut before = String::new();
    for _ in 0..2 {
        seen.extend(languages(&page).into_iter().map(str::to_owned));
        let next = page["paging"]["next"].as_str().expect("there is more");
        let (_, query) = next.split_once('?').unwrap();
        assert!(
            next.contains("/v26.0/102290129340398/message_templates?") && next.starts_with("http://"),
            "{next}"
        );
        assert!(query.contains("limit=3") && query.contains("status=APPROVED"), "{next}");
        page = simulator.list(query).await;
        before = page["paging"]["cursors"]["before"].as_str().unwrap().to_owned();
    }
    seen.extend(languages(&page).into_iter().map(str::to_owned));
    assert_eq!(seen, ["bg", "bn", "az", "ar", "sq", "af", "en_US"]);
    assert!(page["paging"].get("next").is_none());
    let back = simulator
        .list(&format!("limit=2&fields=language&before={before}"))
        .await;
    assert_eq!(languages(&back), ["sq", "af"]);
    assert!(back["paging"]["previous"].is_string());
    let after = back["paging"]["cursors"]["after"].as_str().unwrap();
    let forth = simulator.list(&format!("limit=2&fields=language&after={after}")).await;
    assert_eq!(languages(&forth), ["en_US"]);
}

#[tokio::test]
async fn a_page_has_25_templates_unless_another_limit_is_given() {
    let templates = vec![Template::new("everywhere", ALL)];
    let simulator = Running::start(Config { templates, ..bare() }).await;
    for (query, count) in [("", 25), ("limit=30", 30), ("limit=1000", 71), ("limit=5000", 71)] {
        assert_eq!(languages(&simulator.list(query).await).len(), count, "{query}");
    }
    for limit in ["0", "-1", "ten", ""] {
        let path = format!("{TEMPLATES}?limit={limit}");
        let (status, answer) = simulator.manage(Method::GET, &path, &Value::Null).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{limit}: {answer}");
    }
}

#[tokio::test]
async fn every_language_of_metas_list_is_taken() {
    let simulator = Running::start(bare()).await;
    let (status, answer) = simulator.manage(Method::POST, UPSERT, &many("everywhere", &ALL)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["data"].as_array().unwrap().len(), 71);
}

#[tokio::test]
async fn the_list_is_filtered_by_name_status_and_language() {
    let simulator = seven().await;
    let id = simulator.controls.template_in("login", "ar").unwrap().id;
    let order = TemplateOrder::Disable;
    simulator.controls.order_template(&id, order).unwrap();
    let cases = [
        ("name=login", 6),
        ("name=verification", 1),
        ("name=nothing", 0),
        ("status=DISABLED", 1),
        ("status=approved", 6),
        ("language=bg", 1),
        ("name=login&language=en_US", 0),
        ("category=AUTHENTICATION", 7),
    ];
    for (query, count) in cases {
        let list = simulator.list(query).await;
        assert_eq!(languages(&list).len(), count, "{query}");
    }
    assert_eq!(simulator.list("name=nothing").await, json!({ "data": [] }));
}

#[tokio::test]
async fn a_bad_or_stale_cursor_is_answered_with_131059() {
    let simulator = seven().await;
    let page = simulator.list("limit=2").await;
    let after = page["paging"]["cursors"]["after"].as_str().unwrap().to_owned();
    let stale = |cursor: String| {
        let simulator = &simulator;
        async move {
            let path = format!("{TEMPLATES}?after={cursor}");
            let (status, answer) = simulator.manage(Method::GET, &path, &Value::Null).await;
            (status.as_u16(), codes(&answer).0)
        }
    };
    for cursor in ["", "x", "bm90aGluZw", "MDo3"] {
        assert_eq!(stale(cursor.into()).await, (400, 131_059), "{cursor}");
    }
    let gone = page["data"][1]["id"].as_str().unwrap();
    let order = TemplateOrder::Delete;
    simulator.controls.order_template(gone, order).unwrap();
    assert_eq!(stale(after).await, (400, 131_059), "its template is gone");
    let page = simulator.list("limit=2").await;
    simulator.controls.expire_cursors();
    let after = page["paging"]["cursors"]["after"].as_str().unwrap().to_owned();
    assert_eq!(stale(after).await, (400, 131_059), "it was made stale");
}

#[tokio::test]
async fn a_field_nobody_knows_is_refused_in_lists_and_nodes() {
    let simulator = seven().await;
    let id = simulator.controls.templates()[0].id.clone();
    for path in [TEMPLATES, id.as_str(), "102290129340398"] {
        let path = format!("{path}?fields=name,color");
        let (status, answer) = simulator.manage(Method::GET, &path, &Value::Null).await;
        assert_eq!((status.as_u16(), codes(&answer).0), (400, 100), "{path}: {answer}");
        assert!(
            answer["error"]["message"].as_str().unwrap().contains("(color)"),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_node_has_every_field_that_is_asked_for() {
    let simulator = Running::start(bare()).await;
    let id = simulator.created(&template("login", "en_US")).await;
    let fields = "name,language,category,status,message_send_ttl_seconds,quality_score,rejected_reason,\
                  last_updated_time,health_status";
    let (_, node) = simulator
        .manage(Method::GET, &format!("{id}?fields={fields}"), &Value::Null)
        .await;
    let health = json!({
        "can_send_message": "AVAILABLE",
        "entities": [{ "entity_type": "MESSAGE_TEMPLATE", "id": id, "can_send_message": "AVAILABLE" }],
    });
    let expected = json!({
        "id": id, "name": "login", "language": "en_US", "category": "AUTHENTICATION", "status": "APPROVED",
        "message_send_ttl_seconds": 300, "quality_score": { "score": "UNKNOWN" }, "rejected_reason": "NONE",
        "last_updated_time": NOW_MS / 1_000, "health_status": health,
    });
    assert_eq!(node, expected);
    let (_, sender) = simulator
        .manage(Method::GET, "106540352242922?fields=status", &Value::Null)
        .await;
    assert_eq!(sender, json!({ "id": "106540352242922", "status": "CONNECTED" }));
    let (_, account) = simulator
        .manage(Method::GET, "102290129340398?fields=id", &Value::Null)
        .await;
    assert_eq!(account, json!({ "id": "102290129340398" }));
}
