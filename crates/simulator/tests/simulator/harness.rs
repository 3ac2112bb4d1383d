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
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// When the simulator of these tests lives: 2023-11-14T22:13:20.500Z.
pub(crate) const NOW_MS: u64 = 1_700_000_000_500;
pub(crate) const SENDER: &str = "/v26.0/106540352242922/messages";
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
        self.json()["entry"][0]["changes"][0]["value"]["statuses"][0].clone()
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
