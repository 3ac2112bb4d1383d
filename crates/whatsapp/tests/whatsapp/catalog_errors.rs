//! What each refusal of the Graph comes to, on each call that can hear it.

use std::time::Duration;

use countersign_domain::delivery::ProviderReport;
use countersign_domain::ports::{CatalogError, PreviewOrder, TemplateCatalog};
use countersign_testkit::fixture;
use countersign_whatsapp::CloudApi;
use serde_json::{Value, json};

use crate::catalog::{TOKEN, account, catalog, id, order};
use crate::stub::{Answers, Stub};

/// The variants of [`CatalogError`] that an answer can come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Denied,
    Refused,
    Gone,
    NotOffered,
    Throttled,
    Unavailable,
}

use Kind::{Denied, Gone, NotOffered, Refused, Throttled, Unavailable};

fn kind(error: &CatalogError) -> Kind {
    match error {
        CatalogError::NotHeld => panic!("the account is held"),
        CatalogError::Denied(_) => Denied,
        CatalogError::Refused(_) => Refused,
        CatalogError::Gone => Gone,
        CatalogError::NotOffered => NotOffered,
        CatalogError::Throttled { .. } => Throttled,
        CatalogError::Unavailable(_) => Unavailable,
    }
}

/// What a call about the account, one about a template, and a preview come to.
async fn kinds(catalog: &CloudApi) -> [Kind; 3] {
    let account = account();
    let id = id("594425479261596");
    let order = order(fixture::template(), &["en_US"]);
    let name = &order.template.name;
    let preview = PreviewOrder {
        languages: Vec::new(),
        security_recommendation: true,
        footer_minutes: None,
    };
    let of_account = [
        catalog.list(&account).await.expect_err("list"),
        catalog.create(&account, &order).await.expect_err("create"),
        catalog.upsert(&account, &order).await.expect_err("upsert"),
    ];
    let of_template = [
        catalog.get(&account, &id).await.expect_err("get"),
        catalog.edit(&account, &id, &order).await.expect_err("edit"),
        catalog.delete(&account, name, None).await.expect_err("delete"),
        catalog.delete(&account, name, Some(id)).await.expect_err("delete one"),
    ];
    let of_preview = catalog.preview(&account, &preview).await.expect_err("preview");
    let same = |errors: &[CatalogError]| {
        let kinds: Vec<_> = errors.iter().map(kind).collect();
        assert!(kinds.iter().all(|it| *it == kinds[0]), "{errors:?}");
        kinds[0]
    };
    [same(&of_account), same(&of_template), kind(&of_preview)]
}

#[tokio::test]
async fn every_code_comes_to_its_error_whatever_the_status_is() {
    let table: [(&[u32], [Kind; 3]); 6] = [
        (
            &[0, 3, 10, 102, 104, 190, 200, 299, 368, 131_005, 131_031, 131_042],
            [Denied; 3],
        ),
        (&[4, 17, 341, 613, 80_007, 80_008, 130_429, 133_016], [Throttled; 3]),
        (&[1, 2, 131_000, 131_016, 131_057], [Unavailable; 3]),
        (&[33], [Denied, Gone, NotOffered]),
        (&[100, 12], [Refused, Refused, NotOffered]),
        (
            &[192, 131_008, 131_009, 132_000, 135_000, 200_002, 2_388_019],
            [Refused; 3],
        ),
    ];
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let catalog = catalog(&stub);
    for (codes, expected) in table {
        for code in codes {
            for status in [400, 401] {
                let body = json!({"error": {"message": "no", "code": code}}).to_string();
                stub.answer(Answers::With(status, "", body));
                assert_eq!(kinds(&catalog).await, expected, "{code} with {status}");
            }
        }
    }
}

#[tokio::test]
async fn what_comes_with_a_code_can_say_more() {
    let refusal = |error: Value| json!({ "error": error }).to_string();
    let transient = refusal(json!({"code": 999_999, "is_transient": true}));
    let unknown = refusal(json!({"code": 999_999}));
    let no_object = refusal(json!({"code": 100, "error_subcode": 33, "message": "Unsupported get request."}));
    let unreadable = refusal(json!({"code": 2_635, "message": "(#2635) This edge cannot be read any more."}));
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let catalog = catalog(&stub);
    for (status, body, expected) in [
        (400, transient.clone(), [Unavailable; 3]),
        (400, unknown.clone(), [Refused; 3]),
        (404, unknown.clone(), [Refused, Gone, Refused]),
        (500, unknown, [Unavailable; 3]),
        (400, no_object, [Denied, Gone, NotOffered]),
        (400, unreadable, [Refused, Refused, NotOffered]),
        (401, "<html>".to_owned(), [Denied; 3]),
        (403, String::new(), [Denied; 3]),
        (429, "<html>".to_owned(), [Throttled; 3]),
        (302, String::new(), [Unavailable; 3]),
        (400, "<html>".to_owned(), [Unavailable; 3]),
        (404, "<html>".to_owned(), [Unavailable; 3]),
        (500, String::new(), [Unavailable; 3]),
        (502, "<html>".to_owned(), [Unavailable; 3]),
    ] {
        stub.answer(Answers::With(status, "Location: /elsewhere\r\n", body.clone()));
        assert_eq!(kinds(&catalog).await, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn the_headers_say_how_long_to_wait() {
    const USAGE: &str = concat!(
        r#"X-Business-Use-Case-Usage: {"1":[{"type":"whatsapp_business_management","#,
        r#""estimated_time_to_regain_access":3}]}"#,
        "\r\n"
    );
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let catalog = catalog(&stub);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (headers, expected) in [("Retry-After: 17\r\n", seconds(17)), (USAGE, seconds(180)), ("", None)] {
        let body = json!({"error": {"code": 80_008, "message": "too many calls"}}).to_string();
        stub.answer(Answers::With(400, headers, body));
        match catalog.list(&account()).await {
            Err(CatalogError::Throttled { retry_after, report }) => {
                assert_eq!(retry_after, expected);
                assert_eq!(
                    report.map(|it| (it.code, it.title)),
                    Some((80_008, "too many calls".to_owned()))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_report_has_metas_words_for_people_and_its_subcode() {
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let catalog = catalog(&stub);
    let long = "x ".repeat(400);
    let cut = format!("{} (2388023)", "x ".repeat(400).chars().take(490).collect::<String>());
    for (error, expected) in [
        (
            json!({
                "message": "Invalid parameter", "code": 100, "error_subcode": 2_388_023,
                "error_user_title": "Message template language is being deleted",
                "error_user_msg": "New English (US) content can't be added for 4 weeks, call +5511987654321.",
            }),
            ProviderReport::new(
                100,
                "Message template language is being deleted",
                "New English (US) content can't be added for 4 weeks, call +…. (2388023)",
            ),
        ),
        (
            json!({"message": "(#100) Param components[0] is wrong", "code": 100, "error_data": {"details": "why"}}),
            ProviderReport::new(100, "(#100) Param components[0] is wrong", "why"),
        ),
        (
            json!({"message": "no", "code": 100, "error_subcode": 2_388_019}),
            ProviderReport::new(100, "no", "(2388019)"),
        ),
        (
            json!({"code": 100, "error_subcode": 4_294_967_295_u32}),
            ProviderReport::new(100, "invalid parameter", ""),
        ),
        (
            json!({"code": 192, "message": "no", "error_user_msg": long, "error_subcode": "2388023"}),
            ProviderReport::new(192, "no", &cut),
        ),
        (
            json!({"code": 100, "message": format!("bad {TOKEN}"), "error_user_msg": format!("bad {TOKEN}")}),
            ProviderReport::new(100, "bad …", "bad …"),
        ),
    ] {
        stub.answer(Answers::With(400, "", json!({ "error": error }).to_string()));
        match catalog
            .create(&account(), &order(fixture::template(), &["en_US"]))
            .await
        {
            Err(CatalogError::Refused(report)) => assert_eq!(report, expected),
            other => panic!("{error}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_unavailable() {
    let stub = Stub::start(Answers::Closes(String::new())).await;
    let catalog = catalog(&stub);
    let order = order(fixture::template(), &["en_US"]);
    let name = &order.template.name;
    for body in [
        "",
        "{",
        "[]",
        "7",
        "<html>",
        "{}",
        r#"{"success":false}"#,
        r#"{"data":7}"#,
        r#"{"error":"no"}"#,
    ] {
        stub.answer(Answers::With(200, "", body.to_owned()));
        let errors = [
            catalog.list(&account()).await.err(),
            catalog.get(&account(), &id("1")).await.err(),
            catalog.create(&account(), &order).await.err(),
            catalog.upsert(&account(), &order).await.err(),
            catalog.edit(&account(), &id("1"), &order).await.err(),
            catalog.delete(&account(), name, None).await.err(),
        ];
        for error in errors {
            assert!(matches!(error, Some(CatalogError::Unavailable(_))), "{body}: {error:?}");
        }
    }
}
