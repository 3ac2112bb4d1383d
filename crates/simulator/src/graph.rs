//! The Graph endpoint that takes messages: who asks, faults on order, acceptance. Kept out: the rules of the message
//! itself, which are in `validate`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};

use crate::controls::Fault;
use crate::journey;
use crate::phone::{Message, Status, StatusChange};
use crate::server::HangUp;
use crate::shared::Shared;
use crate::validate;
use crate::wire::{GraphError, accepted, trace_id, wamid};

/// `POST /{version}/{phone-number-id}/messages`.
pub(crate) async fn send_message(
    State(shared): State<Arc<Shared>>,
    Path((version, phone_number_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let fault = shared.take_fault();
    match &fault {
        Some(Fault::Answer { status, body }) => return raw(*status, body.clone()),
        Some(Fault::Silence) => return silence(&shared).await,
        Some(Fault::HangUp) => return HangUp::response(),
        Some(Fault::AcceptThenSilence | Fault::AcceptThenHangUp) | None => {}
    }
    let answer = match accept(&shared, &version, phone_number_id, &headers, body) {
        Ok(answer) => answer,
        Err(error) => return refusal(&shared, &error),
    };
    match fault {
        Some(Fault::AcceptThenSilence) => silence(&shared).await,
        Some(Fault::AcceptThenHangUp) => HangUp::response(),
        _ => answer,
    }
}

/// Any path that the Graph does not know.
pub(crate) async fn unknown_path(State(shared): State<Arc<Shared>>) -> Response {
    refusal(&shared, &GraphError::new(2_500, "Unknown path components"))
}

fn accept(
    shared: &Arc<Shared>,
    version: &str,
    phone_number_id: String,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, GraphError> {
    if !is_version(version) {
        return Err(GraphError::new(2_500, "Unknown path components"));
    }
    check_token(shared, headers)?;
    if !shared
        .config
        .phone_numbers
        .iter()
        .any(|number| number.id == phone_number_id)
    {
        return Err(unknown_number());
    }
    let body = body.map_err(|rejection| {
        let error = GraphError::new(100, "The request body could not be read.");
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            error.with_http_status(413)
        } else {
            error
        }
    })?;
    let order = validate::read(&body, &shared.config.templates)?;
    let Ok(place) = Arc::clone(&shared.in_flight).try_acquire_owned() else {
        let error = GraphError::new(130_429, "Rate limit hit");
        return Err(error.with_details("Too many messages are on their way through the simulator."));
    };
    let at_ms = shared.now_ms();
    let (message, was_shown) = shared.phone.keep(|number| Message {
        number,
        id: wamid(&order.digits, number, at_ms),
        to: format!("+{}", order.digits),
        code: order.code,
        template: order.template.name.clone(),
        language: order.language,
        phone_number_id,
        reference: order.reference,
        expires_in_minutes: order.template.code_expiration_minutes,
        security_recommendation: order.template.add_security_recommendation,
        history: vec![StatusChange {
            status: Status::Accepted,
            at_ms,
        }],
    });
    tracing::debug!(
        number = message.number,
        template = message.template,
        language = message.language,
        "accepted"
    );
    let answer = Json(accepted(&order.input, &message)).into_response();
    journey::begin(shared, message, was_shown, place);
    Ok(answer)
}

fn check_token(shared: &Shared, headers: &HeaderMap) -> Result<(), GraphError> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, token) = given.and_then(|value| value.split_once(' ')).unwrap_or_default();
    let known = shared.config.tokens.iter().any(|known| known == token.trim());
    if scheme.eq_ignore_ascii_case("bearer") && known {
        Ok(())
    } else {
        Err(GraphError::new(
            190,
            "Invalid OAuth access token - Cannot parse access token",
        ))
    }
}

/// `v`, digits, a dot, digits. Meta answers every well-formed version, old ones with the oldest it still has.
fn is_version(segment: &str) -> bool {
    let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = segment.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    numbers.is_some_and(|(major, minor)| digits(major) && digits(minor))
}

fn unknown_number() -> GraphError {
    GraphError {
        subcode: Some(33),
        kind: "GraphMethodException",
        ..GraphError::new(
            100,
            "Unsupported post request. The object does not exist or the token may not use it.",
        )
    }
}

fn refusal(shared: &Shared, error: &GraphError) -> Response {
    tracing::debug!(code = error.code, http_status = error.http_status, "refused");
    let trace = trace_id(shared.next_request(), shared.now_ms());
    let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, Json(error.body(&trace))).into_response()
}

fn raw(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).ok().filter(|status| status.as_u16() < 600);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// Waits until the caller goes away, which drops this future, or the simulator ends.
async fn silence(shared: &Shared) -> Response {
    shared.ended().await;
    HangUp::response()
}
