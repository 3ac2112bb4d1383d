//! The answers of the Graph endpoint, whole and broken: errors, pages of proxies, halves, silence. Kept out: when which
//! is given.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};
use tokio_stream::Stream;

use crate::fault::Fault;
use crate::server::HangUp;
use crate::shared::Shared;
use crate::wire::{GraphError, trace_id};

/// What a proxy in between says when it cannot reach who is behind it.
const PROXY_PAGE: &str = "<!doctype html>\n<html><head><title>Bad gateway</title></head>\
                          <body><h1>Bad gateway</h1><p>The server did not answer.</p></body></html>\n";

/// The answer to a request that is not even looked at, or nothing.
pub(crate) async fn before_acceptance(shared: &Shared, fault: Option<&Fault>) -> Option<Response> {
    let answer = match fault? {
        Fault::Answer { status, body } => raw(*status, "application/json", body.clone()),
        Fault::Error { code } => refusal(shared, &GraphError::documented(*code)),
        Fault::Throttle { code, regain } => {
            let minutes = u64::try_from(regain.as_millis().div_ceil(60_000)).unwrap_or(u64::MAX);
            throttled(shared, *code, minutes)
        }
        Fault::Html { status } => raw(*status, "text/html; charset=utf-8", PROXY_PAGE.to_owned()),
        Fault::Empty { status } => status_of(*status).into_response(),
        Fault::Silence => silence(shared).await,
        Fault::HangUp => HangUp::response(),
        Fault::AcceptThenSilence
        | Fault::AcceptThenHangUp
        | Fault::AcceptThenHalfAnswer
        | Fault::AcceptThenError { .. }
        | Fault::AcceptThenAnswerAfter(_)
        | Fault::AcceptedHeld => return None,
    };
    Some(answer)
}

/// What is left of the answer to an accepted message, or to a call that was carried out. The caller holds a [`crate::time::Busy`].
pub(crate) async fn after_acceptance(shared: &Shared, fault: Option<&Fault>, answer: Json<Value>) -> Response {
    match fault {
        Some(Fault::AcceptThenSilence) => shared.time.wait_for(silence(shared)).await,
        Some(Fault::AcceptThenHangUp) => HangUp::response(),
        Some(Fault::AcceptThenHalfAnswer) => half(answer.0.to_string().as_bytes()),
        Some(Fault::AcceptThenError { code }) => refusal(shared, &GraphError::documented(*code)),
        Some(Fault::AcceptThenAnswerAfter(wait)) => {
            shared.time.sleep(*wait).await;
            answer.into_response()
        }
        _ => answer.into_response(),
    }
}

/// An error in Meta's envelope.
pub(crate) fn refusal(shared: &Shared, error: &GraphError) -> Response {
    tracing::debug!(code = error.code, http_status = error.http_status, "refused");
    let trace = trace_id(shared.next_request(), shared.now_ms());
    let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(error.body(&trace))).into_response()
}

/// A throttle's error, with how many minutes to wait.
pub(crate) fn throttled(shared: &Shared, code: u32, minutes: u64) -> Response {
    let mut answer = refusal(shared, &GraphError::documented(code));
    if let Ok(usage) = HeaderValue::try_from(usage(shared, minutes).to_string()) {
        answer.headers_mut().insert("x-business-use-case-usage", usage);
    }
    answer
}

/// `X-Business-Use-Case-Usage` of an account that is at its limit (Meta: rate limits; the last number is minutes).
fn usage(shared: &Shared, minutes: u64) -> Value {
    json!({ (shared.config.business_account_id.as_str()): [{
        "type": "whatsapp_business_management",
        "call_count": 100,
        "total_cputime": 1,
        "total_time": 1,
        "estimated_time_to_regain_access": minutes,
    }] })
}

fn raw(status: u16, kind: &'static str, body: String) -> Response {
    (status_of(status), [(CONTENT_TYPE, kind)], body).into_response()
}

fn status_of(status: u16) -> StatusCode {
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() < 600);
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Promises the whole body, sends half of it and hangs up.
fn half(body: &[u8]) -> Response {
    let whole = HeaderValue::from(body.len());
    let first = Bytes::copy_from_slice(&body[..body.len() / 2]);
    let mut response = Response::new(Body::from_stream(Broken::After(first)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, whole);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Waits until the caller goes away, which drops this future, or the simulator ends.
async fn silence(shared: &Shared) -> Response {
    shared.ended().await;
    HangUp::response()
}

/// A body that breaks off.
enum Broken {
    After(Bytes),
    /// Not ready once, in which time what came before is written to the connection.
    Soon,
    Now,
}

impl Stream for Broken {
    type Item = Result<Bytes, HangUp>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match std::mem::replace(&mut *self, Self::Now) {
            Self::After(first) => {
                *self = Self::Soon;
                Poll::Ready(Some(Ok(first)))
            }
            Self::Soon => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Now => Poll::Ready(Some(Err(HangUp))),
        }
    }
}
