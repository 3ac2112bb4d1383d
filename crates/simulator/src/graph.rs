//! The Graph endpoints: the one that takes messages, and the state of a sender number. Who asks, what is in store for
//! the request, acceptance. Kept out: the rules of the message itself (see `validate`), and the making of answers.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

use crate::answers::{after_acceptance, before_acceptance, refusal};
use crate::catalogue::{endpoints, unknown};
use crate::config::PhoneNumber;
use crate::course::Course;
use crate::journey;
use crate::limits::Stopped;
use crate::phone::{Message, Status, StatusChange};
use crate::shared::Shared;
use crate::validate::{self, Order};
use crate::wire::{GraphError, accepted, wamid};

/// `POST /{version}/{phone-number-id}/messages`.
pub(crate) async fn send_message(
    State(shared): State<Arc<Shared>>,
    Path((version, phone_number_id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = read_body(body);
    let digits = body.as_ref().ok().and_then(validate::recipient_of);
    let course = Course::of(&shared, digits.as_deref());
    let fault = course.fault.clone();
    if let Some(answer) = before_acceptance(&shared, fault.as_ref()).await {
        return answer;
    }
    let sender = match check_caller(&shared, &version, &phone_number_id, &headers, "post") {
        Ok(sender) => sender,
        Err(error) => return refusal(&shared, &error),
    };
    // For an advance of the clock that comes between acceptance and the answer.
    let _busy = shared.time.busy();
    let answer = body.and_then(|body| accept(&shared, sender, &body, course));
    match answer {
        Ok(answer) => after_acceptance(&shared, fault.as_ref(), answer).await,
        Err(error) => refusal(&shared, &error),
    }
}

/// `GET /{version}/{id}?fields=…`: a sender number; anything else is the catalogue's.
pub(crate) async fn node(
    State(shared): State<Arc<Shared>>,
    Path((version, id)): Path<(String, String)>,
    uri: Uri,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Response {
    if shared.sender(&id).is_none() {
        let nothing = Ok(Bytes::new());
        return endpoints::serve(State(shared), Method::GET, uri, Query(query), headers, nothing).await;
    }
    let fields = query.iter().find(|(name, _)| name == "fields");
    let fields = fields.map(|(_, fields)| fields.as_str());
    let node =
        check_caller(&shared, &version, &id, &headers, "get").and_then(|number| shared.senders.node(number, fields));
    match node {
        Ok(node) => Json(node).into_response(),
        Err(error) => refusal(&shared, &error),
    }
}

/// Any path that the Graph does not know.
pub(crate) async fn unknown_path(State(shared): State<Arc<Shared>>) -> Response {
    refusal(&shared, &unknown_component())
}

/// The refusal of a path that the Graph does not know.
pub(crate) fn unknown_component() -> GraphError {
    GraphError::new(2_500, "Unknown path components")
}

pub(crate) fn read_body(body: Result<Bytes, BytesRejection>) -> Result<Value, GraphError> {
    let body = body.map_err(|rejection| {
        let error = GraphError::new(100, "The request body could not be read.");
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            error.with_http_status(413)
        } else {
            error
        }
    })?;
    validate::parse(&body)
}

/// Whether the caller may use the number, and which it is.
fn check_caller<'shared>(
    shared: &'shared Shared,
    version: &str,
    phone_number_id: &str,
    headers: &HeaderMap,
    method: &str,
) -> Result<&'shared PhoneNumber, GraphError> {
    if !is_version(version) {
        return Err(unknown_component());
    }
    check_token(shared, headers)?;
    shared.sender(phone_number_id).ok_or_else(|| unknown(method))
}

fn accept(shared: &Arc<Shared>, sender: &PhoneNumber, body: &Value, course: Course) -> Result<Json<Value>, GraphError> {
    let order = validate::read(body, &shared.catalogue)?;
    if let Some(code) = shared.senders.paused_with(&sender.id) {
        return Err(GraphError::documented(code));
    }
    let Ok(place) = Arc::clone(&shared.in_flight).try_acquire_owned() else {
        let error = GraphError::new(130_429, "Rate limit hit");
        return Err(error.with_details("Too many messages are on their way through the simulator."));
    };
    let at_ms = shared.now_ms();
    let limits = shared.config.limits;
    let taken = shared
        .limits
        .take(limits, sender.throughput, &sender.id, &order.digits, at_ms);
    taken.map_err(|stopped| match stopped {
        Stopped::Throughput => GraphError::documented(130_429),
        Stopped::Pair => GraphError::documented(131_056),
    })?;
    let input = order.input.clone();
    let (message, was_shown) = keep(shared, sender, order, course, at_ms);
    tracing::debug!(
        number = message.number,
        template = message.template,
        language = message.language,
        "accepted"
    );
    let held = message.fate.as_ref().is_some_and(|fate| fate.held);
    let answer = Json(accepted(&input, &message, held));
    journey::begin(shared, message, was_shown, place);
    Ok(answer)
}

/// Puts the message on the phone.
fn keep(
    shared: &Shared,
    sender: &PhoneNumber,
    order: Order,
    course: Course,
    at_ms: u64,
) -> (Arc<Message>, tokio::sync::oneshot::Receiver<()>) {
    let fate = course.fate(shared, &order.digits, order.believed_identity.as_deref());
    let mut history = vec![StatusChange::new(Status::Accepted, at_ms)];
    if fate.as_ref().is_some_and(|fate| fate.held) {
        history.push(StatusChange::new(Status::Held, at_ms));
    }
    let lives_until_ms = order.template.life.map(|life| {
        let life_ms = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        at_ms.saturating_add(life_ms)
    });
    shared.phone.keep(|number| Message {
        number,
        id: wamid(&order.digits, number, at_ms),
        to: format!("+{}", order.digits),
        wa_id: shared.people.wa_id_of(&order.digits),
        code: order.code,
        template: order.template.name,
        language: order.language,
        phone_number_id: sender.id.clone(),
        reference: order.reference,
        expires_in_minutes: order.template.minutes,
        security_recommendation: order.template.security,
        copy_label: order.template.label,
        lives_until_ms,
        fate,
        did_not_request_at_ms: None,
        history,
    })
}

/// Whether the caller has a token.
pub(crate) fn check_token(shared: &Shared, headers: &HeaderMap) -> Result<(), GraphError> {
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
pub(crate) fn is_version(segment: &str) -> bool {
    let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = segment.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    numbers.is_some_and(|(major, minor)| digits(major) && digits(minor))
}
