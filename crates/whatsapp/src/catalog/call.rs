//! One call to the Graph, and all pages of a list. Nothing is repeated but the reading of a list.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, Url};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::refusal::{Failure, NotUnderstood, Refusal, judge};
use crate::client::{CloudApi, read};
use crate::config::Desk;
use crate::http::Waits;

/// How long a call may take that only looks; a page of a list is one.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an order may take. Meta makes or changes up to some 70 languages in one.
const ORDER_TIMEOUT: Duration = Duration::from_secs(30);
/// The most of an answer that is read. A template is some 2 KiB, and a page has [`PAGE_LIMIT`] of them.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many templates a page is to have. Meta counts calls, 200 an hour for a new account, and grows slow with size.
const PAGE_LIMIT: &str = "200";
/// The most pages of one list. Meta allows an account 6,000 templates (Meta: template limits).
const PAGES_MAX: usize = 100;
/// How often a list is begun again because its pages moved while it was read.
const RESTARTS_MAX: usize = 2;

/// What is told of every template, always (Meta: templates, fields).
const FIELDS: [&str; 6] = ["id", "name", "language", "category", "status", "components"];
/// What some versions of the Graph may not know; without it less is said.
const OPTIONAL_FIELDS: [&str; 4] = [
    "message_send_ttl_seconds",
    "quality_score",
    "rejected_reason",
    // In Meta's own libraries, and on no page of its documents.
    "last_updated_time",
];

/// The fields that are asked for. One that the Graph does not know is not asked for again by this process: each call
/// counts.
#[derive(Default)]
pub(crate) struct Fields {
    unknown: Mutex<BTreeSet<&'static str>>,
}

impl Fields {
    fn asked(&self) -> Vec<&'static str> {
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let known = OPTIONAL_FIELDS.into_iter().filter(|it| !unknown.contains(it));
        FIELDS.into_iter().chain(known).collect()
    }

    /// Whether a refusal is about one of the fields that were asked for and can be done without. It is forgotten.
    fn forget(&self, asked: &[&str], refusal: &Refusal) -> bool {
        let is_dispensable = |it: &&str| asked.contains(it) && refusal.is_about_field(it);
        let Some(field) = OPTIONAL_FIELDS.into_iter().find(is_dispensable) else {
            return false;
        };
        self.unknown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(field);
        tracing::debug!(field, "the Graph does not know a field of templates");
        true
    }
}

/// Why a list cannot be read to its end.
#[derive(Debug, Error)]
enum ListError {
    #[error("the pages of the list kept moving while it was read")]
    Moved,
    #[error("the list has more than {PAGES_MAX} pages")]
    TooLong,
    #[error("the list says that it goes on and not where")]
    Stuck,
}

impl CloudApi {
    /// Every template of the account, as it is told.
    pub(super) async fn templates(&self, desk: &Desk) -> Result<Vec<Value>, Failure> {
        let mut restarts = 0;
        loop {
            let asked = self.fields.asked();
            let mut url = desk.edge("message_templates");
            url.query_pairs_mut()
                .append_pair("fields", &asked.join(","))
                .append_pair("limit", PAGE_LIMIT);
            match self.pages(desk, &url).await {
                Err(Failure::Refused(refusal)) if self.fields.forget(&asked, &refusal) => {}
                Err(Failure::Refused(refusal)) if refusal.is_bad_cursor() => {
                    if restarts == RESTARTS_MAX {
                        return Err(Failure::Lost(ListError::Moved.into()));
                    }
                    restarts += 1;
                }
                read => return read,
            }
        }
    }

    /// One template, as it is told.
    pub(super) async fn template(&self, desk: &Desk, id: &str) -> Result<Value, Failure> {
        loop {
            let asked = self.fields.asked();
            let mut url = desk.node(id);
            url.query_pairs_mut().append_pair("fields", &asked.join(","));
            match self.look(desk, url).await {
                Err(Failure::Refused(refusal)) if self.fields.forget(&asked, &refusal) => {}
                read => return read,
            }
        }
    }

    /// Every node of every page of a list, in its order.
    pub(super) async fn pages(&self, desk: &Desk, first: &Url) -> Result<Vec<Value>, Failure> {
        let mut nodes = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut url = first.clone();
            if let Some(after) = &cursor {
                url.query_pairs_mut().append_pair("after", after);
            }
            let mut page = self.look(desk, url).await?;
            let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) else {
                return Err(Failure::Lost(NotUnderstood.into()));
            };
            nodes.extend(data);
            let Some(next) = page.pointer("/paging/next").and_then(Value::as_str) else {
                return Ok(nodes);
            };
            let after = page.pointer("/paging/cursors/after").and_then(Value::as_str);
            let after = after.map(str::to_owned).or_else(|| cursor_in(next));
            if after.is_none() || after == cursor {
                return Err(Failure::Lost(ListError::Stuck.into()));
            }
            cursor = after;
        }
        Err(Failure::Lost(ListError::TooLong.into()))
    }

    /// Carries out an order that is written as JSON.
    pub(super) async fn order(&self, desk: &Desk, url: Url, body: &impl Serialize) -> Result<Value, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::Lost(error.into()))?;
        self.call(desk, Method::POST, url, Some(body), ORDER_TIMEOUT).await
    }

    /// Carries out a deletion.
    pub(super) async fn remove(&self, desk: &Desk, url: Url) -> Result<Value, Failure> {
        self.call(desk, Method::DELETE, url, None, ORDER_TIMEOUT).await
    }

    async fn look(&self, desk: &Desk, url: Url) -> Result<Value, Failure> {
        self.call(desk, Method::GET, url, None, LOOK_TIMEOUT).await
    }

    async fn call(
        &self,
        desk: &Desk,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Value, Failure> {
        let request = self
            .http
            .request(method, url)
            .header(&self.header, &desk.auth)
            .header(ACCEPT, "application/json")
            .timeout(timeout);
        let request = match body {
            Some(body) => request.header(CONTENT_TYPE, "application/json").body(body),
            None => request,
        };
        // The URL may carry the proof of the app secret.
        let lost = |error: reqwest::Error| Failure::Lost(error.without_url().into());
        let response = request.send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let waits = Waits::read(response.headers());
        let body = read(response, ANSWER_BYTES_MAX).await.map_err(lost)?;
        judge(status, waits, &body)
    }
}

/// The cursor in the address of the next page. The address itself is not followed: Meta writes the token into it.
fn cursor_in(next: &str) -> Option<String> {
    let next = Url::parse(next).ok()?;
    next.query_pairs()
        .find_map(|(name, value)| (name == "after").then(|| value.into_owned()))
}
