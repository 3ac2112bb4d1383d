//! The floor of the webhook intake: a bare axum handler that reads a body and answers 200, and nothing else; or one that
//! checks its signature, too. No limits, no parser, no store, no logs.

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::Outcome;
use crate::webhook::{SIGNATURE_HEADER, is_signed};

/// Serves until the process is killed. Says its address on standard output.
pub(crate) async fn serve(checks: bool) -> Outcome<()> {
    let fault = |error: std::io::Error| format!("the floor cannot serve: {error}");
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(fault)?;
    println!("{}", listener.local_addr().map_err(fault)?);
    let handler = if checks { post(checked) } else { post(taken) };
    let router = axum::Router::new()
        .route("/webhooks/whatsapp", handler)
        .layer(DefaultBodyLimit::disable());
    let listener = listener.tap_io(|stream| {
        // A socket that refuses is only slower.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.map_err(fault)
}

async fn taken(_body: Bytes) -> StatusCode {
    StatusCode::OK
}

async fn checked(headers: HeaderMap, body: Bytes) -> StatusCode {
    let said = headers.get(SIGNATURE_HEADER).map(HeaderValue::as_bytes);
    if is_signed(&body, said.unwrap_or_default()) {
        StatusCode::OK
    } else {
        StatusCode::UNAUTHORIZED
    }
}
