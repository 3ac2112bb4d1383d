//! The page that Prometheus reads.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use countersign_domain::use_case::Dispatch;
use tokio::sync::Semaphore;

use crate::metrics::{Current, Metrics};

/// How many may read at a time; each costs the store a question. One Prometheus reads once in several seconds.
const READERS_MAX: usize = 4;
/// What the answer is written in (`OpenMetrics` 1.0, content negotiation).
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where the page's numbers come from.
pub struct Scrape {
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// Who knows how many recipients wait to be looked after.
    pub dispatch: Arc<Dispatch>,
    /// How many watches are open at this instance now. Must not block.
    pub watches_open: Box<dyn Fn() -> usize + Send + Sync>,
}

struct Page {
    scrape: Scrape,
    places: Semaphore,
}

/// The route `/metrics`, to be merged into whatever else the HTTP socket serves.
///
/// An answer takes as long as the store takes to count its backlog, at most the store's own time-out; when the store
/// does not say, that metric is missing and the rest is there. A fifth reader at a time gets `503`.
pub fn metrics_router(scrape: Scrape) -> Router {
    let page = Page {
        scrape,
        places: Semaphore::new(READERS_MAX),
    };
    Router::new().route("/metrics", get(metrics)).with_state(Arc::new(page))
}

async fn metrics(State(page): State<Arc<Page>>) -> Response {
    let Ok(_place) = page.places.try_acquire() else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(CACHE_CONTROL, "no-store")],
            "too many read this page at a time",
        )
            .into_response();
    };
    let current = Current {
        backlog: page.scrape.dispatch.backlog().await.ok(),
        watches_open: (page.scrape.watches_open)(),
    };
    let text = page.scrape.metrics.render(&current);
    ([(CONTENT_TYPE, TEXT), (CACHE_CONTROL, "no-store")], text).into_response()
}
