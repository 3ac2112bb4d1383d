//! The server: builds the services, accepts connections, and ends orderly.
//!
//! It speaks plaintext HTTP/2 and is meant for the loopback interface, a private network or a mesh that adds TLS (R23).

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::policy::Mistake;
use countersign_domain::ports::Clock;
use countersign_domain::use_case::UseCases;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::service::Routes;

use crate::admin::{self, Administration};
use crate::config::Config;
use crate::connection::{self, Guests, Host};
use crate::front::Front;
use crate::generated::FILE_DESCRIPTOR_SET;
use crate::health::Health;
use crate::identity::Callers;
use crate::service::Verifications;
use crate::templates::{self, Templates};
use crate::v1::verification_service_server::VerificationServiceServer;
use crate::watch::{OpenWatches, Watches};

/// How long accepting pauses when the system has no more files or memory for connections.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a server cannot be built.
#[derive(Debug, Error)]
pub enum InvalidServer {
    /// The configuration is wrong; every mistake is listed.
    #[error("the configuration of the gRPC server is wrong")]
    Config(Vec<Mistake>),
    /// The committed description of the protos cannot be read: the build is broken.
    #[error("the committed description of the protos cannot be read")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// A gRPC server, ready to be given a socket.
pub struct Server {
    host: Arc<Host>,
    health: Health,
    in_flight: Arc<Semaphore>,
    open_watches: OpenWatches,
}

impl Server {
    /// Builds the verification, the template and the admin service, health and reflection.
    ///
    /// Fails when the configuration is wrong. Nothing is bound and nothing runs yet.
    pub async fn new(
        config: Config,
        use_cases: &UseCases,
        callers: Callers,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, InvalidServer> {
        let mistakes = config.mistakes();
        if !mistakes.is_empty() {
            return Err(InvalidServer::Config(mistakes));
        }
        let in_flight = Arc::new(Semaphore::new(config.calls_in_flight_max));
        let watches = Watches::new(config.watches_max);
        let open_watches = watches.open();
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let verifications = VerificationServiceServer::new(Verifications {
            use_cases: use_cases.clone(),
            in_flight: Arc::clone(&in_flight),
            watches,
        });
        let templates = Templates::new(&use_cases.manage_templates, &in_flight);
        let administration = Administration::new(use_cases, &callers, &in_flight);
        let bytes_max = config.message_bytes_max;
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let v1 = reflection().build_v1().map_err(InvalidServer::Reflection)?;
        let v1alpha = reflection().build_v1alpha().map_err(InvalidServer::Reflection)?;
        let routes = Routes::new(
            verifications
                .max_decoding_message_size(bytes_max)
                .max_encoding_message_size(bytes_max),
        )
        .add_service(templates::server(templates, bytes_max))
        .add_service(admin::server(administration, bytes_max))
        .add_service(health_service.max_decoding_message_size(bytes_max))
        // What reflection answers comes from the build and not from a caller: it needs no limit.
        .add_service(v1.max_decoding_message_size(bytes_max))
        .add_service(v1alpha.max_decoding_message_size(bytes_max))
        .prepare();
        let front = Front {
            routes,
            callers,
            clock,
            request_timeout: config.request_timeout,
            template_timeout: config.template_timeout,
        };
        let guests = Guests::new(&config);
        Ok(Self {
            host: Arc::new(Host { front, config, guests }),
            health: Health::new(reporter).await,
            in_flight,
            open_watches,
        })
    }

    /// The handle that says whether this server wants calls. It does not until [`Health::set_serving`] says so.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// The handle that says how many watches are open.
    pub fn open_watches(&self) -> OpenWatches {
        self.open_watches.clone()
    }

    /// Serves on `listener` until `shutdown` is ready, then ends orderly: no new connections, health says
    /// `NOT_SERVING`, clients are asked to go, and calls may finish within [`Config::drain_timeout`].
    ///
    /// Cannot fail: a connection that cannot be accepted is logged, and accepting goes on. Dropping the future cuts
    /// every connection; calls that were begun are still carried out.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => {
                    if ended.is_err() {
                        tracing::error!("a connection's task panicked");
                    }
                }
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let host = Arc::clone(&self.host);
                        connections.spawn(connection::serve(host, stream, peer, stopped.clone()));
                    }
                    Err(error) if is_the_clients(error.kind()) => {}
                    Err(error) => {
                        tracing::error!(%error, "no connection can be accepted now");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        self.drain(&stop, connections).await;
    }

    async fn drain(self, stop: &watch::Sender<bool>, mut connections: JoinSet<()>) {
        self.health.set_serving(false).await;
        stop.send_replace(true);
        self.health.end_watches().await;
        let config = &self.host.config;
        let finished = async {
            while connections.join_next().await.is_some() {}
            // Calls whose callers went away are carried out to the end too.
            let all = u32::try_from(config.calls_in_flight_max).unwrap_or(u32::MAX);
            let _ = self.in_flight.acquire_many(all).await;
        };
        if timeout(config.drain_timeout, finished).await.is_err() {
            tracing::warn!("calls outlasted the drain; their connections are cut");
        }
        connections.abort_all();
    }
}

/// Whether accepting failed for a reason that only concerns the connection that was to be accepted.
fn is_the_clients(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
