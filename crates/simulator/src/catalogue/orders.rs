//! Templates over HTTP for people and tests: the list with its previews, orders, faults of management calls. Kept out:
//! what an order does (see `life`).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::catalogue::book::{Calls, ManagementCall};
use crate::catalogue::entry::Entry;
use crate::catalogue::life::{OrderRefused, TemplateOrder};
use crate::catalogue::node::{Words, components};
use crate::controls::Controls;
use crate::orders::FaultView;
use crate::shared::Shared;
use crate::texts::text_in;

/// `GET /api/templates`: newest first, each as a phone would show it.
pub(crate) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let readable = shared.catalogue.readable();
    let list = shared.catalogue.all().into_iter();
    let views: Vec<_> = list
        .map(|entry| {
            let mut view = view(&entry);
            view["components"] = components(&entry.content, &entry.language, readable);
            view
        })
        .collect();
    ([(CACHE_CONTROL, "no-store")], Json(views)).into_response()
}

/// `POST /api/templates/{id}`: carries out an order.
pub(crate) async fn order(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    order: Result<Json<TemplateOrder>, JsonRejection>,
) -> Response {
    let Json(order) = match order {
        Ok(order) => order,
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    match Controls::new(shared).order_template(&id, order) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused @ OrderRefused::NotFound) => problem(StatusCode::NOT_FOUND, &refused.to_string()),
        Err(refused @ OrderRefused::Status) => problem(StatusCode::CONFLICT, &refused.to_string()),
    }
}

/// `GET /api/management/calls`: those so far, oldest first.
pub(crate) async fn calls(State(shared): State<Arc<Shared>>) -> Json<Vec<Value>> {
    let calls = shared.management.calls().into_iter();
    let view = |call| {
        let ManagementCall {
            method,
            path,
            query,
            body,
            at_ms,
        } = call;
        json!({ "method": method, "path": path, "query": query, "body": body, "at_ms": at_ms })
    };
    Json(calls.map(view).collect())
}

/// `DELETE /api/management/calls`: forgets them.
pub(crate) async fn forget_calls(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.management.forget_calls();
    StatusCode::NO_CONTENT
}

/// `POST /api/management/faults`: orders one.
pub(crate) async fn add_fault(
    State(shared): State<Arc<Shared>>,
    fault: Result<Json<FaultOrder>, JsonRejection>,
) -> Response {
    match fault {
        Ok(Json(FaultOrder { calls, fault })) => {
            shared.management.fail(calls.into(), fault.into());
            StatusCode::NO_CONTENT.into_response()
        }
        Err(rejection) => problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    }
}

/// `DELETE /api/management/faults`: forgets every one.
pub(crate) async fn clear_faults(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.management.clear_faults();
    StatusCode::NO_CONTENT
}

/// A fault and which calls it is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultOrder {
    calls: CallsView,
    fault: FaultView,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CallsView {
    Next(u32),
    Nth(u32),
    NthChange(u32),
    Every(u32),
}

impl From<CallsView> for Calls {
    fn from(view: CallsView) -> Self {
        match view {
            CallsView::Next(count) => Self::Next(count),
            CallsView::Nth(number) => Self::Nth(number),
            CallsView::NthChange(number) => Self::NthChange(number),
            CallsView::Every(step) => Self::Every(step),
        }
    }
}

fn view(entry: &Entry) -> Value {
    let text = text_in(&entry.language);
    let words = Words::of(&entry.content, &entry.language);
    let (before, after) = text.body.split_once("{code}").unwrap_or_default();
    json!({
        "id": entry.id.to_string(),
        "name": entry.name,
        "language": entry.language,
        "category": entry.category,
        "status": entry.status_word(),
        "quality": entry.quality,
        "rejected_reason": entry.rejected_reason,
        "message_send_ttl_seconds": entry.life.as_ref().map(Duration::as_secs),
        "created_at_ms": entry.created_at_ms,
        "changed_at_ms": entry.changed_at_ms,
        "edited_at_ms": entry.edits.iter().map(|edit| edit.at_ms).collect::<Vec<_>>(),
        "components_sent": entry.sent,
        "button": entry.content.button.kind(),
        "apps": entry.content.button.apps().iter().map(|app| &app.package_name).collect::<Vec<_>>(),
        "preview": {
            "language": text.tag,
            "direction": text.direction,
            "before": before,
            "after": after,
            "security": entry.content.security.then_some(text.security),
            "footer": words.footer,
            "copy": words.button,
            "autofill": words.autofill,
        },
    })
}

fn problem(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({ "error": sentence }))).into_response()
}
