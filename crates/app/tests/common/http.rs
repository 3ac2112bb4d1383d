//! A plain HTTP client: one request, one whole answer.

use axum::body::{Body, to_bytes};
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use countersign_testkit::wait::soon;

/// The most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Reads a page.
pub(crate) async fn get(url: &str) -> Reply {
    exchange(Request::get(url).body(Body::empty()).unwrap()).await
}

/// Posts a body with these headers.
pub(crate) async fn post(url: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    let request = headers.iter().fold(Request::post(url), |request, (name, value)| {
        request.header(*name, *value)
    });
    exchange(request.body(body.into()).unwrap()).await
}

async fn exchange(request: Request<Body>) -> Reply {
    let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new()).build_http();
    let asked = format!("the answer to {} {}", request.method(), request.uri());
    soon(asked, async {
        let response = client.request(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX)
            .await
            .unwrap();
        Reply {
            status,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    })
    .await
}
