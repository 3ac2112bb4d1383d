//! The two pages a load balancer reads.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::readiness::Readiness;

/// The body of `/readyz`.
#[derive(Serialize)]
struct Report {
    ready: bool,
    conditions: BTreeMap<&'static str, &'static str>,
}

/// The routes `/healthz` and `/readyz`, to be merged into whatever else the HTTP socket serves.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

async fn healthz() -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], "ok")
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let (ready, conditions) = readiness.report();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        [(CACHE_CONTROL, "no-store")],
        Json(Report { ready, conditions }),
    )
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn asked(readiness: &Readiness, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(readiness.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn healthz_is_ok_however_ready_the_process_is() {
        let readiness = Readiness::new(["store"]);
        let wanted = (StatusCode::OK, "ok".to_owned());
        assert_eq!(asked(&readiness, "/healthz").await, wanted);
        readiness.hold("store");
        assert_eq!(asked(&readiness, "/healthz").await, wanted);
    }

    #[tokio::test]
    async fn readyz_names_each_condition_and_what_is_wrong_with_it() {
        let readiness = Readiness::new(["store", "grpc"]);
        readiness.hold("grpc");
        let (status, body) = asked(&readiness, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let wanted = json!({"ready": false, "conditions": {"grpc": "ok", "store": "starting"}});
        assert_eq!(body.parse::<Value>().unwrap(), wanted);

        readiness.hold("store");
        let (status, body) = asked(&readiness, "/readyz").await;
        assert_eq!(status, StatusCode::OK);
        let wanted = json!({"ready": true, "conditions": {"grpc": "ok", "store": "ok"}});
        assert_eq!(body.parse::<Value>().unwrap(), wanted);

        readiness.fail("grpc", "shutting down");
        let (status, body) = asked(&readiness, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("shutting down"), "{body}");
    }
}
