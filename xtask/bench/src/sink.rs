//! What stands for Meta: takes every message at once, or as many a second as a number may send, and remembers its code
//! and reference for whoever asks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::Outcome;
use crate::clock::now;
use crate::throughput::{Arrival, Throughput};

/// Into how many maps what has arrived is spread, so that senders do not wait for each other.
const SHARDS: u64 = 64;

/// A message that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The code a person would read.
    pub(crate) code: String,
    /// What a webhook about it carries back.
    pub(crate) reference: String,
}

enum Slot {
    Awaited(oneshot::Sender<Arrived>),
    Here(Arrived),
}

/// A running sink. Ends when dropped.
pub(crate) struct Sink {
    shelves: Arc<Shelves>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    accepting: AbortHandle,
}

struct Shelves {
    shards: Vec<Mutex<BTreeMap<u64, Slot>>>,
    count: AtomicU64,
    held: watch::Sender<bool>,
    answer_after_ms: AtomicU64,
    /// What each number may send; none when that is as much as it likes.
    throughput: Option<Throughput>,
}

impl Sink {
    /// Starts one on a free port.
    pub(crate) async fn start() -> Outcome<Self> {
        Self::listen(None).await
    }

    /// Starts one that takes so many messages a second of each number, refuses others as Meta does, and remembers when
    /// each came.
    pub(crate) async fn limited(per_second: u32) -> Outcome<Self> {
        Self::listen(Some(Throughput::new(per_second))).await
    }

    async fn listen(throughput: Option<Throughput>) -> Outcome<Self> {
        let fault = |error: std::io::Error| format!("the sink cannot listen: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let shelves = Arc::new(Shelves {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            count: AtomicU64::new(0),
            held: watch::Sender::new(false),
            answer_after_ms: AtomicU64::new(0),
            throughput,
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shelves)));
        Ok(Self {
            shelves,
            address,
            accepting: accepting.abort_handle(),
        })
    }

    /// How many messages were taken so far.
    pub(crate) fn count(&self) -> u64 {
        self.shelves.count.load(Ordering::Relaxed)
    }

    /// Everything that came, refused or not, in its order; nothing for a sink without limits.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        let throughput = self.shelves.throughput.as_ref();
        throughput.map(Throughput::arrivals).unwrap_or_default()
    }

    /// Waits for the message to one number. Ask before it can arrive.
    pub(crate) fn expect(&self, number: u64) -> oneshot::Receiver<Arrived> {
        let (sender, receiver) = oneshot::channel();
        self.shelves.shard(number).insert(number, Slot::Awaited(sender));
        receiver
    }

    /// Takes the message to one number, if it is here.
    pub(crate) fn take(&self, number: u64) -> Option<Arrived> {
        match self.shelves.shard(number).remove(&number) {
            Some(Slot::Here(arrived)) => Some(arrived),
            Some(Slot::Awaited(_)) | None => None,
        }
    }

    /// Forgets every message that nobody took.
    pub(crate) fn forget(&self) {
        for shard in &self.shelves.shards {
            lock(shard).clear();
        }
    }

    /// Lets senders wait for their answers from now on, or no longer.
    pub(crate) fn hold(&self, held: bool) {
        self.shelves.held.send_replace(held);
    }

    /// Takes so long for every answer from now on, in whole milliseconds.
    pub(crate) fn answer_after(&self, wait: Duration) {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.shelves.answer_after_ms.store(wait_ms, Ordering::Relaxed);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shelves {
    fn shard(&self, number: u64) -> MutexGuard<'_, BTreeMap<u64, Slot>> {
        let place = usize::try_from(number % SHARDS).unwrap_or(0);
        lock(&self.shards[place])
    }

    fn keep(&self, number: u64, arrived: Arrived) {
        let mut shard = self.shard(number);
        if let Some(Slot::Awaited(sender)) = shard.remove(&number) {
            drop(shard);
            // Whoever waited may have gone; then nobody wants it.
            let _ = sender.send(arrived);
        } else {
            shard.insert(number, Slot::Here(arrived));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What becomes of a request.
enum Verdict {
    /// A message to these digits was taken.
    Taken(u64),
    /// A message too many for its number.
    TooFast,
    /// No message.
    Unknown,
}

/// Meta's answer to a message beyond the throughput of its number.
const TOO_FAST: &str = r#"{"error":{"message":"(#130429) Rate limit hit","type":"OAuthException","code":130429,"error_data":{"messaging_product":"whatsapp","details":"Cloud API message throughput has been reached."},"fbtrace_id":"Az8or2yhqkZfEZ"}}"#;

/// What is read of a message: Meta's template message with the code in its first component.
#[derive(Deserialize)]
struct Message {
    to: String,
    biz_opaque_callback_data: String,
    template: Template,
}

#[derive(Deserialize)]
struct Template {
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    text: String,
}

/// A phone number as a number.
pub(crate) fn number_of(phone: &str) -> Option<u64> {
    phone.trim_start_matches('+').parse().ok()
}

async fn accept(listener: TcpListener, shelves: Arc<Shelves>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Without it every second answer would wait for an acknowledgement; a socket that refuses is only slower.
        let _ = stream.set_nodelay(true);
        let shelves = Arc::clone(&shelves);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &shelves));
            // A connection that breaks is the sender's to notice.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, shelves: &Shelves) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await;
    let verdict = body.map_or(Verdict::Unknown, |body| {
        judge(head.uri.path(), &body.to_bytes(), shelves)
    });
    if *shelves.held.borrow() {
        // It fails only when the sink is gone.
        let _ = shelves.held.subscribe().wait_for(|held| !held).await;
    }
    let wait_ms = shelves.answer_after_ms.load(Ordering::Relaxed);
    if wait_ms > 0 {
        sleep(Duration::from_millis(wait_ms)).await;
    }
    let (status, body) = match verdict {
        Verdict::Taken(digits) => (
            StatusCode::OK,
            format!(
                "{{\"messaging_product\":\"whatsapp\",\"contacts\":[{{\"input\":\"+{digits}\",\"wa_id\":\"{digits}\"}}],\
                 \"messages\":[{{\"id\":\"wamid.HBgNNTUxMTkxMjM0NTY3OBUCABEYEjRDQzZBMDM5N0YzODAzMjNBMwA=\",\
                 \"message_status\":\"accepted\"}}]}}"
            ),
        ),
        Verdict::TooFast => (StatusCode::BAD_REQUEST, TOO_FAST.to_owned()),
        Verdict::Unknown => (StatusCode::BAD_REQUEST, String::new()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// Keeps a message that there is room for.
fn judge(path: &str, body: &[u8], shelves: &Shelves) -> Verdict {
    let Some((number, arrived)) = read(body) else {
        return Verdict::Unknown;
    };
    let throughput = shelves.throughput.as_ref();
    if throughput.is_some_and(|it| !it.take(path, number, now())) {
        return Verdict::TooFast;
    }
    shelves.keep(number, arrived);
    Verdict::Taken(number)
}

/// A message, and the digits it goes to.
fn read(body: &[u8]) -> Option<(u64, Arrived)> {
    let message: Message = serde_json::from_slice(body).ok()?;
    let number = number_of(&message.to)?;
    let parameter = message
        .template
        .components
        .into_iter()
        .next()?
        .parameters
        .into_iter()
        .next()?;
    let arrived = Arrived {
        code: parameter.text,
        reference: message.biz_opaque_callback_data,
    };
    Some((number, arrived))
}

/// Nothing is done under the lock that could panic, so what a poisoned one holds is whole.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
