//! The management endpoints over HTTP: who asks, what the path is about, the answer. Kept out: what a body may say (see
//! `rules`), and what the account allows (see `store`).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use hyper::header::HOST;
use hyper::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use crate::answers::{after_acceptance, before_acceptance, refusal, throttled};
use crate::catalogue::book::ManagementCall;
use crate::catalogue::changes::Changes;
use crate::catalogue::entry::Entry;
use crate::catalogue::node::Fields;
use crate::catalogue::paging::Page;
use crate::catalogue::refusal::{missing, unknown};
use crate::catalogue::{previews, rules};
use crate::graph::{check_token, is_version, read_body, unknown_component};
use crate::shared::Shared;
use crate::wire::GraphError;

/// Most templates archived with one call (Meta: template archival page).
const ARCHIVED_MAX: usize = 100;
/// Parameters that are secrets.
const SECRETS: [&str; 2] = ["access_token", "appsecret_proof"];
/// Minutes until a throttled caller may come again, at most.
const REGAIN_MINUTES: u64 = 60;

/// One request, taken apart.
struct Call {
    method: Method,
    /// The path without its version.
    path: Vec<String>,
    version: String,
    /// Where lists say that they go on.
    address: String,
    query: Vec<(String, String)>,
    body: Result<Value, GraphError>,
}

/// Any request about templates.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let call = Call::new(method, &uri, query, &headers, body);
    if !is_version(&call.version) {
        return refusal(&shared, &unknown_component());
    }
    let fault = shared.management.take(call.recorded(&uri, shared.now_ms()));
    if let Some(answer) = before_acceptance(&shared, fault.as_ref()).await {
        return answer;
    }
    if let Err(error) = check_token(&shared, &headers) {
        return refusal(&shared, &error);
    }
    if shared.config.management_limits.calls && !shared.management.has_room(shared.now_ms()) {
        return throttled(&shared, 80_008, REGAIN_MINUTES);
    }
    // For an advance of the clock that comes between the change and the answer.
    let _busy = shared.time.busy();
    let mut changes = Changes::default();
    let answer = call.carry_out(&shared, &mut changes);
    changes.follow_up(&shared);
    match answer {
        Ok(answer) => after_acceptance(&shared, fault.as_ref(), Json(answer)).await,
        Err(error) => refusal(&shared, &error),
    }
}

impl Call {
    fn new(
        method: Method,
        uri: &Uri,
        query: Vec<(String, String)>,
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
    ) -> Self {
        let mut segments = uri.path().split('/').skip(1).map(str::to_owned);
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or("localhost");
        Self {
            method,
            version: segments.next().unwrap_or_default(),
            path: segments.collect(),
            address: format!("http://{host}{}", uri.path()),
            query: query
                .into_iter()
                .filter(|(name, _)| !SECRETS.contains(&name.as_str()))
                .collect(),
            body: read_body(body),
        }
    }

    fn recorded(&self, uri: &Uri, at_ms: u64) -> ManagementCall {
        ManagementCall {
            method: self.method.to_string(),
            path: uri.path().into(),
            query: self.query.clone(),
            body: self.body.as_ref().ok().cloned().unwrap_or(Value::Null),
            at_ms,
        }
    }

    /// Does what is asked. The first part of a path is the account or a template.
    fn carry_out(self, shared: &Shared, changes: &mut Changes) -> Result<Value, GraphError> {
        let now_ms = shared.now_ms();
        let method = self.method.as_str().to_ascii_lowercase();
        let path: Vec<_> = self.path.iter().map(String::as_str).collect();
        let [object, edge @ ..] = path.as_slice() else {
            return Err(unknown_component());
        };
        if *object == shared.config.business_account_id {
            return match (method.as_str(), edge) {
                ("get", []) => account(shared, self.asked("fields")),
                ("get", ["message_templates"]) => self.list(shared),
                ("get", ["message_template_previews"]) if shared.catalogue.readable().previews => {
                    previews::answer(|name| self.asked(name))
                }
                ("get", ["message_template_previews"]) => Err(previews::unreadable()),
                ("delete", ["message_templates"]) => self.delete(shared, now_ms, changes),
                ("post", ["message_templates"]) => create(shared, &self.body?, now_ms, changes),
                ("post", ["upsert_message_templates"]) => upsert(shared, &self.body?, now_ms, changes),
                ("post", ["message_templates", "archive"]) => archive(shared, &self.body?, true, now_ms, changes),
                ("post", ["message_templates", "unarchive"]) => archive(shared, &self.body?, false, now_ms, changes),
                _ => Err(unknown(&method)),
            };
        }
        let id = object.parse().ok().filter(|id| shared.catalogue.find(*id).is_some());
        let id: u64 = id.ok_or_else(|| unknown(&method))?;
        match (method.as_str(), edge) {
            ("get", []) => {
                let fields = Fields::read(self.asked("fields"))?;
                let entry = shared.catalogue.find(id).ok_or_else(|| unknown(&method))?;
                Ok(fields.of(&entry, shared.catalogue.readable()))
            }
            ("post", []) => {
                let amendment = rules::amendment(&self.body?)?;
                shared.catalogue.edit(id, &amendment, now_ms, changes)?;
                Ok(success())
            }
            ("post", ["unpause"]) => {
                shared.catalogue.unpause(id, now_ms, changes)?;
                Ok(success())
            }
            _ => Err(unknown(&method)),
        }
    }

    fn asked(&self, name: &str) -> Option<&str> {
        let pair = self.query.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The templates, newest first. `name` finds every name that contains it, `status` and `language` are met exactly:
    /// assumptions, for Meta does not say.
    fn list(&self, shared: &Shared) -> Result<Value, GraphError> {
        let fields = Fields::read(self.asked("fields"))?;
        let cursors = shared.catalogue.cursors();
        let page = Page::read(|name| self.asked(name), cursors)?;
        let mut list = shared.catalogue.all();
        list.retain(|entry| self.is_asked_for(entry));
        let cut = page.of(&list)?;
        let readable = shared.catalogue.readable();
        let data: Vec<_> = cut.entries.iter().map(|entry| fields.of(entry, readable)).collect();
        let mut answer = json!({ "data": data });
        if let Some(paging) = cut.paging(&self.address, &self.query, cursors) {
            answer["paging"] = paging;
        }
        Ok(answer)
    }

    fn is_asked_for(&self, entry: &Entry) -> bool {
        let is = |name: &str, meets: &dyn Fn(&str) -> bool| self.asked(name).is_none_or(meets);
        is("name", &|name| entry.name.contains(name))
            && is("status", &|status| status.eq_ignore_ascii_case(entry.status_word()))
            && is("language", &|language| language == entry.language)
            && is("category", &|category| category.eq_ignore_ascii_case(&entry.category))
    }

    fn delete(&self, shared: &Shared, now_ms: u64, changes: &mut Changes) -> Result<Value, GraphError> {
        let name = self.asked("name").ok_or_else(|| missing("name"))?;
        // An id that is not a number is that of no template.
        let id = self.asked("hsm_id").map(|id| id.parse().unwrap_or(0));
        shared.catalogue.delete(name, id, now_ms, changes)?;
        Ok(success())
    }
}

fn create(shared: &Shared, body: &Value, now_ms: u64, changes: &mut Changes) -> Result<Value, GraphError> {
    let (draft, language) = rules::creation(body)?;
    let entry = shared.catalogue.create(&draft, &language, now_ms, changes)?;
    Ok(json!({ "id": entry.id.to_string(), "status": entry.status_word(), "category": entry.category }))
}

fn upsert(shared: &Shared, body: &Value, now_ms: u64, changes: &mut Changes) -> Result<Value, GraphError> {
    let (draft, languages) = rules::upsert(body)?;
    let entries = shared.catalogue.upsert(&draft, &languages, now_ms, changes)?;
    let entries = entries
        .iter()
        .map(|entry| json!({ "id": entry.id.to_string(), "status": entry.status_word(), "language": entry.language }));
    Ok(json!({ "data": entries.collect::<Vec<_>>() }))
}

/// Archives, or takes back, what `hsm_ids` lists: what cannot be is listed with its reason.
fn archive(shared: &Shared, body: &Value, away: bool, now_ms: u64, changes: &mut Changes) -> Result<Value, GraphError> {
    let ids = body["hsm_ids"].as_array().ok_or_else(|| missing("hsm_ids"))?;
    if !(1..=ARCHIVED_MAX).contains(&ids.len()) || !ids.iter().all(Value::is_string) {
        return Err(GraphError::new(
            100,
            "Param hsm_ids must be a list of 1 to 100 template ids.",
        ));
    }
    let (mut done, mut failed) = (Vec::new(), Map::new());
    for id in ids.iter().filter_map(Value::as_str) {
        let number = id.parse().unwrap_or(0);
        let outcome = if away {
            shared.catalogue.archive(number, now_ms, changes)
        } else {
            shared.catalogue.unarchive(number, now_ms, changes)
        };
        match outcome {
            Ok(()) => done.push(id),
            Err(reason) => drop(failed.insert(id.to_owned(), reason.into())),
        }
    }
    let word = if away {
        "archived_templates"
    } else {
        "unarchived_templates"
    };
    Ok(json!({ (word): done, "failed_templates": failed }))
}

/// The node of the account, of which nothing but its name is kept.
fn account(shared: &Shared, fields: Option<&str>) -> Result<Value, GraphError> {
    let mut node = json!({ "id": shared.config.business_account_id });
    let names = fields.filter(|fields| !fields.is_empty()).unwrap_or("id,name");
    for name in names.split(',').map(str::trim) {
        match name {
            "id" => {}
            "name" => node["name"] = "Countersign".into(),
            unknown => {
                let message = format!("Tried accessing nonexistent field ({unknown})");
                return Err(GraphError::new(100, &message));
            }
        }
    }
    Ok(node)
}

fn success() -> Value {
    json!({ "success": true })
}
