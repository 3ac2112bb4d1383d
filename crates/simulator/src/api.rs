//! What the page and tests ask for: the messages as JSON, their changes as a stream of events, how webhooks fare. Kept
//! out: everything Meta-shaped.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use hyper::header::CACHE_CONTROL;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::controls::Controls;
use crate::magic;
use crate::mischief::Mischief;
use crate::orders::FateView;
use crate::phone::{Message, Status, StatusChange};
use crate::shared::Shared;
use crate::texts::{Direction, text_in};
use crate::wire::digits_of;

/// Query of `GET /api/messages`.
#[derive(Deserialize)]
pub(crate) struct Filter {
    /// Recipient; everyone when left out. A plus that arrives as a space is fine.
    to: Option<String>,
    /// Most messages to list; all when left out.
    limit: Option<usize>,
}

/// `GET /api/messages`: newest first.
pub(crate) async fn messages(State(shared): State<Arc<Shared>>, Query(filter): Query<Filter>) -> Response {
    let messages = match &filter.to {
        None => shared.phone.messages(),
        Some(to) if digits_of(to).is_some() => shared.phone.messages_to(to),
        Some(_) => {
            let problem = json!({ "error": "`to` is not a phone number" });
            return (StatusCode::BAD_REQUEST, Json(problem)).into_response();
        }
    };
    let limit = filter.limit.unwrap_or(usize::MAX);
    let views: Vec<_> = messages.iter().take(limit).map(|message| View::of(message)).collect();
    ([(CACHE_CONTROL, "no-store")], Json(views)).into_response()
}

/// `POST /api/messages/{number}/read`: the page shows the message. It becomes read once it is delivered.
pub(crate) async fn read(State(shared): State<Arc<Shared>>, Path(number): Path<u64>) -> StatusCode {
    if shared.phone.show(number) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// `POST /api/messages/{number}/did-not-request`: the person presses the button under the message.
pub(crate) async fn did_not_request(State(shared): State<Arc<Shared>>, Path(number): Path<u64>) -> StatusCode {
    if Controls::new(shared).press_did_not_request(number) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// `PUT /api/mischief`: makes trouble for everybody from now on.
pub(crate) async fn make_mischief(
    State(shared): State<Arc<Shared>>,
    mischief: Result<Json<Mischief>, JsonRejection>,
) -> Response {
    match mischief {
        Ok(Json(mischief)) => {
            shared.mischief.set(Some(mischief));
            StatusCode::NO_CONTENT.into_response()
        }
        Err(rejection) => {
            let problem = json!({ "error": rejection.body_text() });
            (StatusCode::BAD_REQUEST, Json(problem)).into_response()
        }
    }
}

/// `DELETE /api/mischief`: makes no more trouble.
pub(crate) async fn end_mischief(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.mischief.set(None);
    StatusCode::NO_CONTENT
}

/// `GET /api/magic-numbers`: which phones misbehave by themselves, and whether they do.
pub(crate) async fn magic_numbers(State(shared): State<Arc<Shared>>) -> Response {
    let table = magic::table(shared.config.magic_numbers);
    ([(CACHE_CONTROL, "no-store")], Json(table)).into_response()
}

/// `GET /api/status`: whether webhooks arrive.
pub(crate) async fn status(State(shared): State<Arc<Shared>>) -> Response {
    let webhooks = shared.tally.read();
    // Without the query, where people keep tokens.
    let callback = shared.callback_url().map(|url| {
        let authority = url.authority().map_or("", |authority| authority.as_str());
        format!(
            "http://{}{}",
            authority.rsplit('@').next().unwrap_or_default(),
            url.path()
        )
    });
    let status = json!({
        "callback": callback,
        "handshake": shared.handshake(),
        "webhooks_taken": webhooks.taken,
        "webhooks_given_up": webhooks.given_up,
        "forged_taken": webhooks.forged_taken,
        "forged_refused": webhooks.forged_refused,
        "forged_unanswered": webhooks.forged_unanswered,
        "mischief_done": shared.mischief.done(),
        "messages_accepted": shared.phone.accepted(),
    });
    ([(CACHE_CONTROL, "no-store")], Json(status)).into_response()
}

/// `GET /events`: one `change` per new message and per status, with the whole message; `reload` when the reader was
/// too slow and has to fetch the list again. Starts with `hello`, from which on no change is missed; it names the
/// `instance`, which differs once the simulator was started again and counts messages from 1 again.
pub(crate) async fn events(State(shared): State<Arc<Shared>>) -> Response {
    let Ok(seat) = Arc::clone(&shared.viewers).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many pages are open").into_response();
    };
    let changes = shared.phone.changes();
    // A reader that stops reading fills this, then falls behind the phone's own bounded channel, then has to reload.
    let (events, stream) = mpsc::channel(16);
    tokio::spawn(async move {
        tokio::select! {
            () = forward(changes, &events, &shared.instance) => {}
            () = events.closed() => {}
            () = shared.ended() => {}
        }
        drop(seat);
    });
    let stream = Sse::new(ReceiverStream::new(stream)).keep_alive(KeepAlive::default());
    ([(CACHE_CONTROL, "no-store")], stream).into_response()
}

type Sent = Result<Event, Infallible>;

async fn forward(mut changes: broadcast::Receiver<Arc<Message>>, events: &mpsc::Sender<Sent>, instance: &str) {
    let hello = json!({ "instance": instance }).to_string();
    let mut event = Event::default().event("hello").data(hello);
    while events.send(Ok(event)).await.is_ok() {
        event = match changes.recv().await {
            Ok(message) => change(&message),
            Err(RecvError::Lagged(_)) => Event::default().event("reload").data("{}"),
            Err(RecvError::Closed) => return,
        };
    }
}

fn change(message: &Message) -> Event {
    let data = serde_json::to_string(&View::of(message)).unwrap_or_default();
    Event::default().event("change").data(data)
}

/// A message as JSON shows it, with the words of its language.
#[derive(Serialize)]
struct View<'a> {
    number: u64,
    id: &'a str,
    to: &'a str,
    code: &'a str,
    template: &'a str,
    language: &'a str,
    phone_number_id: &'a str,
    biz_opaque_callback_data: Option<&'a str>,
    status: Status,
    history: &'a [StatusChange],
    #[serde(skip_serializing_if = "Option::is_none")]
    fate: Option<FateView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    did_not_request_at_ms: Option<u64>,
    text: Words,
}

/// The sentences around the code.
#[derive(Serialize)]
struct Words {
    language: &'static str,
    direction: Direction,
    before: &'static str,
    after: &'static str,
    security: Option<&'static str>,
    footer: Option<String>,
    copy: String,
}

impl<'a> View<'a> {
    fn of(message: &'a Message) -> Self {
        Self {
            number: message.number,
            id: &message.id,
            to: &message.to,
            code: &message.code,
            template: &message.template,
            language: &message.language,
            phone_number_id: &message.phone_number_id,
            biz_opaque_callback_data: message.reference.as_deref(),
            status: message.status(),
            history: &message.history,
            fate: message.fate.as_deref().map(FateView::from),
            did_not_request_at_ms: message.did_not_request_at_ms,
            text: Words::of(message),
        }
    }
}

impl Words {
    fn of(message: &Message) -> Self {
        let text = text_in(&message.language);
        let (before, after) = text.body.split_once("{code}").unwrap_or(("", ""));
        Self {
            language: text.tag,
            direction: text.direction,
            before,
            after,
            security: message.security_recommendation.then_some(text.security),
            footer: message.expires_in_minutes.map(|minutes| text.footer_for(minutes)),
            copy: message.copy_label.clone().unwrap_or_else(|| text.copy.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use http_body_util::BodyExt as _;
    use tokio::sync::watch;

    #[tokio::test]
    async fn a_reader_that_falls_behind_is_told_to_reload_and_nothing_piles_up() {
        let (_ending, ended) = watch::channel(false);
        let shared = Arc::new(Shared::new(Config::new(Arc::new(|| 0)), None, ended));
        let mut body = events(State(Arc::clone(&shared))).await.into_body();
        // Nothing is read in between: this test's runtime has one thread and does not yield here.
        for _ in 0..1_000 {
            shared
                .phone
                .keep(|number| Message::sample(number, "+5511987654321", "482913", 0));
        }
        let mut kinds = Vec::new();
        while kinds.len() < 3 {
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            let text = String::from_utf8(frame.to_vec()).unwrap();
            kinds.push(text.lines().next().unwrap().to_owned());
        }
        assert_eq!(kinds, ["event: hello", "event: reload", "event: change"]);
    }

    #[tokio::test]
    async fn only_so_many_pages_are_served_at_once() {
        let (_ending, ended) = watch::channel(false);
        let config = Config {
            viewers_max: 1,
            ..Config::new(Arc::new(|| 0))
        };
        let shared = Arc::new(Shared::new(config, None, ended));
        let first = events(State(Arc::clone(&shared))).await;
        assert_eq!(first.status(), StatusCode::OK);
        assert_eq!(
            events(State(Arc::clone(&shared))).await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        drop(first);
        let _seat = shared.viewers.acquire().await.unwrap();
    }
}
