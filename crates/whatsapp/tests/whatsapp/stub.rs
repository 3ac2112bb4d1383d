//! A stub of the Cloud API that speaks raw HTTP, so that it can also break off in the middle.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the stub does with the requests that come.
#[derive(Clone, Debug)]
pub(crate) enum Answers {
    /// Answers with this status, these header lines and this body.
    With(u16, &'static str, String),
    /// Answers with these bytes and closes the connection.
    Closes(String),
    /// Answers with these bytes and says no more.
    Stalls(String),
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The query, decoded.
    pub(crate) query: BTreeMap<String, String>,
    /// The header lines, in lower-case.
    pub(crate) head: String,
    /// Null when there was none.
    pub(crate) body: Value,
}

/// Decides on an answer for each request.
pub(crate) trait Clerk: Send + Sync {
    fn answer(&self, request: &Request) -> Answers;
}

/// A server on a port of its own. Stops when it is dropped.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    clerk: Mutex<Arc<dyn Clerk>>,
    received: Mutex<Vec<Request>>,
}

/// The same answer to whatever is asked.
impl Clerk for Answers {
    fn answer(&self, _request: &Request) -> Answers {
        self.clone()
    }
}

impl Stub {
    pub(crate) async fn start(answers: Answers) -> Self {
        Self::with(Arc::new(answers)).await
    }

    pub(crate) async fn with(clerk: Arc<dyn Clerk>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let shared = Arc::new(Shared {
            clerk: Mutex::new(clerk),
            received: Mutex::default(),
        });
        let address = listener.local_addr().expect("bound");
        let mut server = JoinSet::new();
        server.spawn(serve(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _server: server,
        }
    }

    pub(crate) fn answer(&self, answers: Answers) {
        *lock(&self.shared.clerk) = Arc::new(answers);
    }

    /// The bodies of the requests so far.
    pub(crate) fn received(&self) -> Vec<Value> {
        self.requests().into_iter().map(|it| it.body).collect()
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        lock(&self.shared.received).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        connections.spawn(talk(connection, Arc::clone(&shared)));
    }
}

/// Answers requests on one connection, one after the other, until either side has had enough.
async fn talk(mut connection: TcpStream, shared: Arc<Shared>) {
    while let Some(request) = read(&mut connection).await {
        lock(&shared.received).push(request.clone());
        let clerk = Arc::clone(&lock(&shared.clerk));
        let answers = clerk.answer(&request);
        let (text, goes_on) = match answers {
            Answers::With(status, headers, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n");
                (head + &body, true)
            }
            Answers::Closes(text) => (text, false),
            Answers::Stalls(text) => {
                let _ = connection.write_all(text.as_bytes()).await;
                // Ends when the other side closes the connection.
                let _ = connection.read(&mut [0]).await;
                return;
            }
        };
        if connection.write_all(text.as_bytes()).await.is_err() || !goes_on {
            return;
        }
    }
}

async fn read(connection: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0);
    while bytes.len() < end + length {
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = match &bytes[end..] {
        [] => Value::Null,
        body => serde_json::from_slice(body).ok()?,
    };
    let mut first = head.split(' ');
    let (method, target) = (first.next()?, first.next()?);
    let url = Url::parse("http://stub.invalid").ok()?.join(target).ok()?;
    Some(Request {
        method: method.to_owned(),
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        head: head.to_ascii_lowercase(),
        body,
    })
}
