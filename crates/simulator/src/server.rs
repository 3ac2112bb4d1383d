//! The socket: bound first, served until told to stop. Kept out: what is served.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use hyper::Uri;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::catalogue::{endpoints, orders as templates};
use crate::check::{InvalidConfig, parse_callback_url};
use crate::config::Config;
use crate::controls::Controls;
use crate::phone::Phone;
use crate::shared::Shared;
use crate::webhook::Handshake;
use crate::{api, graph, orders, page};

/// A simulator that has its socket and waits to be run.
pub struct Simulator {
    listener: TcpListener,
    local_addr: SocketAddr,
    /// The callback of the configuration, greeted at the start; one set later is greeted on demand.
    greeted: Option<Uri>,
    shared: Arc<Shared>,
    ending: watch::Sender<bool>,
}

/// Why there is no simulator.
#[derive(Debug, Error)]
pub enum BindError {
    /// The configuration contradicts itself.
    #[error("the simulator cannot start with this configuration")]
    Config(#[source] InvalidConfig),
    /// The address cannot be had.
    #[error("the simulator cannot listen on {addr}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// How long a connection may wait for its next request. Longer than the 90 s for which common clients keep an idle
/// connection, so that no send meets a connection that is just being closed.
const NEXT_REQUEST_WITHIN: Duration = Duration::from_secs(120);
/// How long open requests may take to finish once the simulator ends.
const FINISH_WITHIN: Duration = Duration::from_secs(1);
/// How long to wait after the system refused a connection, usually for lack of file descriptors.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

impl Simulator {
    /// Checks the configuration and takes the socket; port 0 takes a free one. Nothing is answered before
    /// [`Simulator::run`], but callers may connect from now on.
    pub async fn bind(config: Config, addr: SocketAddr) -> Result<Self, BindError> {
        config.check().map_err(BindError::Config)?;
        let callback_url = match config.callback_url.as_deref().map(parse_callback_url).transpose() {
            Ok(callback_url) => callback_url,
            Err(mistake) => {
                return Err(BindError::Config(InvalidConfig {
                    mistakes: vec![mistake],
                }));
            }
        };
        let refused = |source| BindError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        let (ending, ended) = watch::channel(false);
        let shared = Arc::new(Shared::new(config, callback_url.clone(), ended));
        Ok(Self {
            listener,
            local_addr,
            greeted: callback_url,
            shared,
            ending,
        })
    }

    /// The address that was bound, with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The messages that arrive.
    pub fn phone(&self) -> Phone {
        self.shared.phone.clone()
    }

    /// What can be changed while it runs.
    pub fn controls(&self) -> Controls {
        Controls::new(Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` completes, then stops accepting, lets open requests finish for at most a second, and
    /// drops webhooks that are still to come. Begins with Meta's handshake when the configuration has a callback URL
    /// and a verify token. Dropping the future ends everything at once.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            local_addr: _,
            greeted,
            shared,
            ending,
        } = self;
        if let Some(target) = greeted {
            greet(&shared, target);
        }
        let mut connections = JoinSet::new();
        tokio::select! {
            () = shutdown => {}
            () = accept(&listener, &shared, &mut connections) => {}
        }
        drop(listener);
        ending.send_replace(true);
        let finished = timeout(FINISH_WITHIN, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
        if finished.is_err() {
            connections.shutdown().await;
        }
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Simulator")
            .field("local_addr", &self.local_addr)
            .finish_non_exhaustive()
    }
}

/// A mark on a response that shall not be sent: the connection closes instead.
#[derive(Clone, Copy, Debug, Error)]
#[error("the connection is closed on order")]
pub(crate) struct HangUp;

impl HangUp {
    pub(crate) fn response() -> Response {
        let mut response = ().into_response();
        response.extensions_mut().insert(Self);
        response
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/style.css", get(page::style))
        .route("/script.js", get(page::script))
        .route("/templates.js", get(page::templates_script))
        .route("/events", get(api::events))
        .route("/api/status", get(api::status))
        .route("/api/messages", get(api::messages))
        .route("/api/messages/{number}/read", post(api::read))
        .route("/api/messages/{number}/did-not-request", post(api::did_not_request))
        .route("/api/magic-numbers", get(api::magic_numbers))
        .route(
            "/api/scenarios",
            get(orders::list).post(orders::add).delete(orders::clear),
        )
        .route("/api/scenarios/{number}", delete(orders::remove))
        .route("/api/mischief", put(api::make_mischief).delete(api::end_mischief))
        .route("/api/templates", get(templates::list))
        .route("/api/templates/{id}", post(templates::order))
        .route(
            "/api/management/calls",
            get(templates::calls).delete(templates::forget_calls),
        )
        .route(
            "/api/management/faults",
            post(templates::add_fault).delete(templates::clear_faults),
        )
        .merge(graph_routes())
        .fallback(graph::unknown_path)
        .layer(DefaultBodyLimit::max(shared.config.body_bytes_max))
        .with_state(shared)
}

/// What Meta answers: messages, and the account with its templates.
fn graph_routes() -> Router<Arc<Shared>> {
    let manage = endpoints::serve;
    Router::new()
        .route("/{version}/{id}", get(graph::node).post(manage))
        .route("/{version}/{id}/messages", post(graph::send_message))
        .route(
            "/{version}/{id}/message_templates",
            get(manage).post(manage).delete(manage),
        )
        .route("/{version}/{id}/upsert_message_templates", post(manage))
        .route("/{version}/{id}/message_templates/archive", post(manage))
        .route("/{version}/{id}/message_templates/unarchive", post(manage))
        .route("/{version}/{id}/message_template_previews", get(manage))
        .route("/{version}/{id}/unpause", post(manage))
}

fn greet(shared: &Arc<Shared>, target: Uri) {
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let greeting = async {
            let outcome = shared.courier.shake_hands_patiently(&target, shared.now_ms()).await;
            if shared.callback_url().as_ref() != Some(&target) {
                // It was changed meanwhile: this outcome is about nobody.
                return;
            }
            shared.set_handshake(outcome);
            match outcome {
                Handshake::Verified => tracing::info!("the callback is verified"),
                Handshake::NotTried => {}
                outcome => tracing::warn!(?outcome, "the callback is not verified"),
            }
        };
        tokio::select! {
            () = greeting => {}
            () = shared.ended() => {}
        }
    });
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>, connections: &mut JoinSet<()>) {
    let router = routes(Arc::clone(shared));
    let places = Arc::new(Semaphore::new(shared.config.connections_max));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = serve(stream, router.clone(), Arc::clone(shared));
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection accepted");
                sleep(ACCEPT_AGAIN_AFTER).await;
            }
        }
        // Forget those that are done, so that the set does not grow.
        while connections.try_join_next().is_some() {}
    }
}

/// Serves one connection. axum's own loop cannot close a connection without an answer, which a fault has to do.
async fn serve(stream: TcpStream, router: Router, shared: Arc<Shared>) {
    // Small answers shall not wait for each other.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        let response = service.call(request);
        async move {
            let response: Result<Response, Infallible> = response.await;
            let Ok(response) = response;
            if response.extensions().get::<HangUp>().is_some() {
                Err(HangUp)
            } else {
                Ok(response)
            }
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(NEXT_REQUEST_WITHIN);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // An error is a caller that went away or was hung up on.
        _ = connection.as_mut() => {}
        () = shared.ended() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
