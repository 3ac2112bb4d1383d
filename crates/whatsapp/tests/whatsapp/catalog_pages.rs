//! Lists that go over pages, and what can happen on the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_domain::ports::{CatalogError, TemplateCatalog};
use countersign_domain::template::{CatalogEntry, Said, TemplateStatus};
use serde_json::{Value, json};

use crate::catalog::{account, answer, catalog};
use crate::stub::{Answers, Clerk, Request, Stub};

/// Answers by what is asked, and hears how often it was asked before.
struct Book<F>(F, AtomicUsize);

impl<F: Fn(usize, &BTreeMap<String, String>) -> Answers + Send + Sync> Clerk for Book<F> {
    fn answer(&self, request: &Request) -> Answers {
        (self.0)(self.1.fetch_add(1, Ordering::SeqCst), &request.query)
    }
}

async fn stub(book: impl Fn(usize, &BTreeMap<String, String>) -> Answers + Send + Sync + 'static) -> Stub {
    Stub::with(Arc::new(Book(book, AtomicUsize::new(0)))).await
}

async fn list(stub: &Stub) -> Result<Vec<CatalogEntry>, CatalogError> {
    catalog(stub).list(&account()).await
}

fn node(id: u32, status: &str) -> Value {
    json!({
        "id": id.to_string(), "name": format!("otp_{id}"), "language": "en_US", "category": "AUTHENTICATION",
        "status": status,
    })
}

/// A page; `after` is where the next one begins.
fn page(nodes: &[Value], after: Option<&str>) -> Answers {
    let mut body = json!({"data": nodes});
    if let Some(after) = after {
        // The last page has cursors, too.
        body["paging"] = json!({"cursors": {"before": "b", "after": after}, "next": "https://graph.invalid/next"});
    } else {
        body["paging"] = json!({"cursors": {"before": "b", "after": "end"}});
    }
    answer(&body)
}

fn bad_cursor() -> Answers {
    let error = json!({"code": 131_059, "message": "(#131059) Invalid cursor"});
    Answers::With(400, "", json!({ "error": error }).to_string())
}

fn ids(entries: &[CatalogEntry]) -> Vec<&str> {
    entries.iter().map(|it| it.id.as_str()).collect()
}

fn after(query: &BTreeMap<String, String>) -> Option<&str> {
    query.get("after").map(String::as_str)
}

#[tokio::test]
async fn the_cursor_is_followed_while_there_is_a_next_page() {
    let stub = stub(|_, query| match after(query) {
        None => page(&[node(1, "APPROVED")], Some("c1")),
        Some("c1") => page(&[], Some("c2")),
        Some("c2") => page(&[node(2, "APPROVED")], None),
        Some(other) => panic!("{other}"),
    })
    .await;
    assert_eq!(ids(&list(&stub).await.expect("a list")), ["1", "2"]);
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert_eq!(request.path, "/v23.0/102290129340398/message_templates");
        assert_eq!(request.query["limit"], "200");
        assert!(request.query["fields"].starts_with("id,name,language,category,status,components,"));
    }
}

#[tokio::test]
async fn a_cursor_can_also_stand_in_the_address_of_the_next_page() {
    let stub = stub(|_, query| match after(query) {
        None => answer(&json!({
            "data": [node(1, "APPROVED")],
            "paging": {"next": "https://graph.invalid/v23.0/1/message_templates?access_token=x&after=c%2B1"},
        })),
        Some("c+1") => page(&[node(2, "APPROVED")], None),
        Some(other) => panic!("{other}"),
    })
    .await;
    assert_eq!(ids(&list(&stub).await.expect("a list")), ["1", "2"]);
}

#[tokio::test]
async fn a_template_on_two_pages_is_one_as_it_was_told_last() {
    let stub = stub(|_, query| match after(query) {
        None => page(&[node(1, "PENDING"), node(2, "APPROVED")], Some("c1")),
        Some(_) => page(&[node(1, "APPROVED"), node(3, "APPROVED")], None),
    })
    .await;
    let entries = list(&stub).await.expect("a list");
    assert_eq!(ids(&entries), ["1", "2", "3"]);
    assert_eq!(entries[0].status, TemplateStatus::Approved);
}

#[tokio::test]
async fn what_cannot_be_read_does_not_cost_the_rest() {
    let odd = json!({"id": "7", "name": "Not A Name", "language": "en_US"});
    let nodes = [json!(null), odd, json!("text"), node(1, "APPROVED"), json!({"id": {}})];
    let stub = stub(move |_, _| page(&nodes, None)).await;
    assert_eq!(ids(&list(&stub).await.expect("a list")), ["1"]);
}

#[tokio::test]
async fn a_bad_cursor_begins_the_list_again() {
    let stub = stub(|asked, query| match (asked, after(query)) {
        (1 | 3, Some("c1")) => bad_cursor(),
        (_, None) => page(&[node(1, "APPROVED")], Some("c1")),
        (_, Some(_)) => page(&[node(2, "APPROVED")], None),
    })
    .await;
    assert_eq!(ids(&list(&stub).await.expect("a list")), ["1", "2"]);
    let cursors: Vec<_> = stub
        .requests()
        .iter()
        .map(|it| it.query.contains_key("after"))
        .collect();
    assert_eq!(cursors, [false, true, false, true, false, true]);
}

#[tokio::test]
async fn a_list_whose_pages_never_stay_is_unavailable() {
    let stub = stub(|_, query| match after(query) {
        None => page(&[node(1, "APPROVED")], Some("c1")),
        Some(_) => bad_cursor(),
    })
    .await;
    let error = list(&stub).await.expect_err("never whole");
    assert!(matches!(error, CatalogError::Unavailable(_)), "{error:?}");
    assert_eq!(stub.requests().len(), 6, "three tries of two pages");
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up_and_not_cut() {
    let stub = stub(|asked, _| page(&[node(1, "APPROVED")], Some(&format!("c{asked}")))).await;
    let error = list(&stub).await.expect_err("no end");
    assert!(matches!(error, CatalogError::Unavailable(_)), "{error:?}");
    assert_eq!(stub.requests().len(), 100);
}

#[tokio::test]
async fn a_list_that_does_not_move_on_is_unavailable() {
    let endless = stub(|_, _| page(&[node(1, "APPROVED")], Some("c1"))).await;
    let nowhere = stub(|_, _| answer(&json!({"data": [], "paging": {"next": "https://graph.invalid/"}}))).await;
    for (stub, calls) in [(endless, 2), (nowhere, 1)] {
        let error = list(&stub).await.expect_err("no end");
        assert!(matches!(error, CatalogError::Unavailable(_)), "{error:?}");
        assert_eq!(stub.requests().len(), calls);
    }
}

#[tokio::test]
async fn a_page_may_have_some_mebibytes_and_no_more() {
    for (mebibytes, is_read) in [(3, true), (5, false)] {
        let mut node = node(1, "APPROVED");
        node["components"] = json!([{"type": "BODY", "text": "x".repeat(mebibytes * 1024 * 1024)}]);
        let stub = stub(move |_, _| page(&[node.clone()], None)).await;
        let list = list(&stub).await;
        assert_eq!(list.is_ok(), is_read, "{mebibytes} MiB");
        assert!(is_read || matches!(list, Err(CatalogError::Unavailable(_))));
    }
}

#[tokio::test]
async fn a_field_that_the_graph_does_not_know_is_not_asked_for_again() {
    let stub = stub(|_, query| {
        let unknown = ["last_updated_time", "quality_score"];
        match unknown.into_iter().find(|it| query["fields"].contains(it)) {
            Some(field) => {
                let message = format!("(#100) Tried accessing nonexisting field ({field}) on node type (WhatsApp…)");
                let error = json!({"code": 100, "message": message});
                Answers::With(400, "", json!({ "error": error }).to_string())
            }
            None => page(&[node(1, "APPROVED")], None),
        }
    })
    .await;
    let catalog = catalog(&stub);
    for calls in [3, 4] {
        let entries = catalog.list(&account()).await.expect("a list");
        assert_eq!(ids(&entries), ["1"]);
        assert_eq!(entries[0].message_life, Said::No);
        assert_eq!(stub.requests().len(), calls);
    }
    let fields = &stub.requests()[3].query["fields"];
    let left = "id,name,language,category,status,components,message_send_ttl_seconds,rejected_reason";
    assert_eq!(fields, left);
}

#[tokio::test]
async fn a_field_that_cannot_be_done_without_is_refused() {
    let stub = stub(|_, _| {
        let error = json!({"code": 100, "message": "(#100) Tried accessing nonexisting field (components)"});
        Answers::With(400, "", json!({ "error": error }).to_string())
    })
    .await;
    let error = list(&stub).await.expect_err("refused");
    assert!(matches!(error, CatalogError::Refused(_)), "{error:?}");
    assert_eq!(stub.requests().len(), 1);
}
