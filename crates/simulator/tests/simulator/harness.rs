//! A running simulator, a client for it and a callback that records what it gets. Kept out: any expectation.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use countersign_simulator::{Config, Controls, Pace, Phone, Retries, Simulator};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// When the simulator of these tests lives: 2023-11-14T22:13:20.500Z.
pub(crate) const NOW_MS: u64 = 1_700_000_000_500;
pub(crate) const SENDER: &str = "/v26.0/106540352242922/messages";
pub(crate) const TOKEN: Option<&str> = Some("Bearer simulator-token");
pub(crate) const PHONE: &str = "+5511987654321";

/// The defaults without their waits.
pub(crate) fn config() -> Config {
    Config {
        pace: Pace::instant(),
        retries: Retries {
            attempts_max: 3,
            first_wait: Duration::ZERO,
            wait_max: Duration::ZERO,
        },
        ..Config::new(Arc::new(|| NOW_MS))
    }
}

/// A message the simulator takes.
pub(crate) fn message(code: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PHONE,
        "type": "template",
        "template": {
            "name": "verification_code",
            "language": { "code": "en_US" },
            "components": [
                { "type": "body", "parameters": [{ "type": "text", "text": code }] },
                {
                    "type": "button", "sub_type": "url", "index": "0",
                    "parameters": [{ "type": "text", "text": code }],
                },
            ],
        },
    })
}

pub(crate) struct Running {
    pub(crate) phone: Phone,
    pub(crate) controls: Controls,
    addr: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    stop: oneshot::Sender<()>,
    run: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(config: Config) -> Self {
        let simulator = Simulator::bind(config, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        Self {
            phone: simulator.phone(),
            controls: simulator.controls(),
            addr: simulator.local_addr(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            stop,
            run: tokio::spawn(simulator.run(async {
                let _ = stopped.await;
            })),
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        soon(self.run).await.unwrap();
    }

    /// Sends a message as the service would.
    pub(crate) async fn send(&self, body: &Value) -> (StatusCode, Value) {
        self.post(SENDER, Some("Bearer simulator-token"), body.to_string())
            .await
            .expect("an answer")
    }

    /// Sends to `count` people who were not sent to before. Says how many messages were taken, and the codes of the
    /// others.
    pub(crate) async fn flood(&self, count: u64) -> (usize, Vec<u64>) {
        let mut refused = Vec::new();
        let mut taken = 0;
        for person in 0..count {
            let mut body = message("482913");
            body["to"] = format!("+55119{:08}", self.phone.accepted() * 10_000 + person).into();
            match self.send(&body).await {
                (StatusCode::OK, _) => taken += 1,
                (_, answer) => refused.push(answer["error"]["code"].as_u64().unwrap()),
            }
        }
        (taken, refused)
    }

    /// Asks for the state of a sender number.
    pub(crate) async fn node(
        &self,
        id: &str,
        fields: Option<&str>,
        authorization: Option<&str>,
    ) -> (StatusCode, Value) {
        let query = fields.map_or(String::new(), |fields| format!("?fields={fields}"));
        let path = format!("/v26.0/{id}{query}");
        let answer = self.request(Method::GET, &path, authorization, Bytes::new()).await;
        let answer = answer.expect("an answer");
        let status = answer.status();
        let body = soon(answer.into_body().collect()).await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// A send with all of its answer: the body is `None` when it broke off.
    pub(crate) async fn exchange(
        &self,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Option<(StatusCode, HeaderMap, Option<String>)> {
        let response = self.request(Method::POST, path, TOKEN, body.into()).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = soon(response.into_body().collect()).await.ok();
        let text = body.map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
        Some((status, headers, text))
    }

    /// The bytes of an answer up to the end of the connection, as head and body.
    pub(crate) async fn raw_post(&self, path: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
            self.addr,
            TOKEN.unwrap(),
            body.len(),
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A connection that was reset has said what it had to say.
        let _ = soon(stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    /// Any request of the page's, with JSON in and out. The answer is null when it has no body.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.request(method, path, None, body.into()).await.expect("an answer");
        let status = answer.status();
        let body = soon(answer.into_body().collect()).await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// A call about templates with a token and what it is answered. `path` follows the version.
    pub(crate) async fn manage(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        self.try_manage(method, path, body).await.expect("an answer")
    }

    /// The same; `None` when there was no whole answer.
    pub(crate) async fn try_manage(&self, method: Method, path: &str, body: &Value) -> Option<(StatusCode, Value)> {
        let path = format!("/v26.0/{path}");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.request(method, &path, TOKEN, body.into()).await?;
        let status = answer.status();
        let body = soon(answer.into_body().collect()).await.ok()?.to_bytes();
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// `None` when the connection closed before an answer.
    pub(crate) async fn post(
        &self,
        path: &str,
        authorization: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Option<(StatusCode, Value)> {
        let response = self.request(Method::POST, path, authorization, body.into()).await?;
        let status = response.status();
        let body = soon(response.into_body().collect()).await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    pub(crate) async fn get(&self, path: &str) -> hyper::Response<Incoming> {
        self.request(Method::GET, path, None, Bytes::new())
            .await
            .expect("an answer")
    }

    pub(crate) async fn get_text(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        let (parts, body) = self.get(path).await.into_parts();
        let body = soon(body.collect()).await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let (status, _, text) = self.get_text(path).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        authorization: Option<&str>,
        body: Bytes,
    ) -> Option<hyper::Response<Incoming>> {
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.addr));
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let request = request
            .header("Content-Type", "application/json")
            .body(Full::new(body))
            .unwrap();
        soon(self.client.request(request)).await.ok()
    }
}

/// One request that reached the callback.
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    /// The first status in the webhook.
    pub(crate) fn status(&self) -> Value {
        self.value()["statuses"][0].clone()
    }

    /// What the webhook says.
    pub(crate) fn value(&self) -> Value {
        self.json()["entry"][0]["changes"][0]["value"].clone()
    }

    /// Whether it is signed with the app's secret.
    pub(crate) fn is_genuine(&self) -> bool {
        let signature = countersign_simulator::signature("simulator-app-secret", &self.body);
        self.headers["x-hub-signature-256"] == signature.as_str()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A service that takes webhooks.
pub(crate) struct Callback {
    pub(crate) url: String,
    received: mpsc::UnboundedReceiver<Received>,
}

#[derive(Clone)]
struct Script {
    received: mpsc::UnboundedSender<Received>,
    /// Answers in order; 200 with an empty body once they are used up.
    answers: Arc<Mutex<Vec<(u16, String)>>>,
}

impl Callback {
    pub(crate) async fn start(answers: &[(u16, &str)]) -> Self {
        let (sender, received) = mpsc::unbounded_channel();
        let answers = answers
            .iter()
            .rev()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect();
        let script = Script {
            received: sender,
            answers: Arc::new(Mutex::new(answers)),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/webhook", listener.local_addr().unwrap());
        let router = Router::new().fallback(record).with_state(script);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, received }
    }

    /// Every webhook that has come and was not looked at yet.
    pub(crate) fn so_far(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }

    /// The first statuses of those webhooks.
    pub(crate) fn statuses_so_far(&mut self) -> Vec<String> {
        let statuses = self.so_far().into_iter();
        statuses
            .map(|webhook| webhook.status()["status"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn next(&mut self) -> Received {
        soon(self.received.recv()).await.expect("the callback runs")
    }
}

async fn record(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let answer = script.answers.lock().unwrap().pop();
    let answer = match answer {
        // Stands for giving the challenge back.
        Some((status, body)) if body == "<challenge>" => {
            let challenge = query.split('&').find_map(|pair| pair.strip_prefix("hub.challenge="));
            (status, challenge.unwrap_or_default().to_owned())
        }
        other => other.unwrap_or((200, String::new())),
    };
    let body = body.collect().await.unwrap().to_bytes();
    let _ = script.received.send(Received {
        method: parts.method,
        query,
        headers: parts.headers,
        body,
    });
    (StatusCode::from_u16(answer.0).unwrap(), answer.1).into_response()
}

/// Fails a test that would otherwise hang. Nothing waits for this time to pass.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future)
        .await
        .expect("should not take 30 seconds")
}
