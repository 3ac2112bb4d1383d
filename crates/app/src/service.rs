//! The service: every adapter wired to the use cases, two sockets, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use countersign_challenge::{CallersWord, ProofOfWork};
use countersign_domain::id::ShardCount;
use countersign_domain::key::Identity;
use countersign_domain::ports::{ChallengeVerifier, Observer};
use countersign_domain::use_case::{Ports, UseCases};
use countersign_grpc::{Callers, Config as GrpcConfig, Server};
use countersign_monitor::{Metrics, Readiness, Scrape};
use countersign_numbering::WorldNumbering;
use countersign_whatsapp::CloudApi;
use countersign_whatsapp::webhook::BusinessAccounts;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarm::Alarm;
use crate::background::{self, Errands};
use crate::config::{ChallengeKind, Settings};
use crate::looks;
use crate::recording::DecisionRecorder;
use crate::stores::{STORE, StoreWatch, Stores};
use crate::system::{SystemClock, SystemRandom};
use crate::telemetry::{EventLog, Observers};
use crate::wake;
use crate::watchman;

/// The condition that says the process takes calls.
const SERVING: &str = "serving";

/// Why the service did not start.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    /// A socket cannot be opened.
    #[error("cannot listen on {address}: {source}; choose another address or end what listens there")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    /// The Redis server does not fit.
    #[error("the Redis server at {address} does not fit:\n  {refusals}")]
    StoreRefused {
        address: String,
        /// One line each.
        refusals: String,
    },
    /// The adapters' own configuration does not hold together.
    #[error("{0}")]
    Misconfigured(String),
}

/// The service, bound and not yet serving.
pub(crate) struct Service {
    grpc: Server,
    grpc_listener: TcpListener,
    http: axum::Router,
    http_listener: TcpListener,
    readiness: Readiness,
    use_cases: UseCases,
    errands: Errands,
    alarm: Arc<Alarm>,
    store_watch: Option<StoreWatch>,
    recorder: Option<Arc<DecisionRecorder>>,
    shards: ShardCount,
    grace: Duration,
}

impl Service {
    /// Opens both sockets first, so that an address that is taken is the first thing one hears, then wires the rest.
    pub(crate) async fn bind(settings: Settings) -> Result<Self, StartError> {
        let grpc_listener = listen(settings.grpc_address).await?;
        let http_listener = listen(settings.http_address).await?;
        let rulebook = Arc::new(settings.rulebook);
        let stores = Stores::open(&settings.store, settings.shards, &rulebook.identity, &rulebook.keys).await?;
        let alarm = Arc::new(Alarm::default());
        let (courier, errands) = background::courier(&alarm);
        let metrics = Arc::new(Metrics::new(&rulebook.apps));
        let provider = Arc::new(CloudApi::new(&settings.whatsapp).map_err(|error| misconfigured(&error))?);
        let recorder = settings.record_to.as_ref().map(DecisionRecorder::open).transpose();
        let recorder = recorder.map_err(StartError::Misconfigured)?.map(Arc::new);
        let mut observers: Vec<Arc<dyn Observer>> = vec![Arc::new(EventLog), Arc::clone(&metrics) as _];
        observers.extend(recorder.iter().map(|it| Arc::clone(it) as _));
        let ports = Ports {
            recipients: stores.recipients,
            limits: stores.limits,
            tallies: stores.tallies,
            guard: stores.guard,
            challenges: challenges(settings.challenge, &rulebook.identity)?,
            feed: stores.feed,
            messenger: Arc::clone(&provider) as _,
            directory: Arc::clone(&provider) as _,
            catalog: provider,
            numbering: Arc::new(WorldNumbering::new()),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            observer: Arc::new(Observers(observers)),
            courier,
        };
        let use_cases = UseCases::new(&rulebook, &ports);
        let callers = Callers::new(settings.callers).map_err(|mistakes| listed(&mistakes))?;
        let config = GrpcConfig {
            drain_timeout: settings.shutdown_grace,
            ..GrpcConfig::default()
        };
        let grpc = Server::new(config, &use_cases, callers, ports.clock)
            .await
            .map_err(|error| misconfigured(&error))?;
        let readiness = Readiness::new([SERVING, STORE]);
        let mut business_accounts = BusinessAccounts::new();
        for (id, account) in &settings.whatsapp.accounts {
            let named = business_accounts
                .entry(account.business_account_id.clone())
                .or_default();
            named.push(id.clone());
        }
        let webhooks = countersign_whatsapp::webhook::router(&settings.webhook, &use_cases, business_accounts)
            .map_err(|mistakes| listed(&mistakes))?;
        let open_watches = grpc.open_watches();
        let metrics = countersign_monitor::metrics_router(Scrape {
            metrics,
            dispatch: Arc::clone(&use_cases.dispatch),
            watches_open: Box::new(move || open_watches.count()),
        });
        let http = countersign_monitor::router(readiness.clone())
            .merge(metrics)
            .merge(webhooks);
        Ok(Self {
            grpc,
            grpc_listener,
            http,
            http_listener,
            readiness,
            use_cases,
            errands,
            alarm,
            store_watch: stores.watched,
            recorder,
            shards: settings.shards,
            grace: settings.shutdown_grace,
        })
    }

    /// Where gRPC listens.
    pub(crate) fn grpc_address(&self) -> std::io::Result<SocketAddr> {
        self.grpc_listener.local_addr()
    }

    /// Where webhooks, health and metrics listen.
    pub(crate) fn http_address(&self) -> std::io::Result<SocketAddr> {
        self.http_listener.local_addr()
    }

    /// Serves until `shutdown`, then ends in order: no new calls, running calls and sends finish, the loop stops.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            grpc,
            grpc_listener,
            http,
            http_listener,
            readiness,
            use_cases,
            errands,
            alarm,
            store_watch,
            recorder,
            shards,
            grace,
        } = self;
        let (front, back) = (CancellationToken::new(), CancellationToken::new());
        let (doors, work) = (TaskTracker::new(), TaskTracker::new());
        let health = grpc.health();
        doors.spawn(grpc.serve(grpc_listener, front.clone().cancelled_owned()));
        doors.spawn(crate::http::serve(http_listener, http, front.clone()));
        work.spawn(errands.run(Arc::clone(&use_cases.dispatch), back.clone()));
        let dispatch = Arc::clone(&use_cases.dispatch);
        work.spawn(wake::wake_recipients(dispatch, shards, alarm, back.clone()));
        work.spawn(looks::look_at_senders(Arc::clone(&use_cases.senders), back.clone()));
        work.spawn(looks::look_at_templates(Arc::clone(&use_cases.board), back.clone()));
        let (end_of_watch, watchman) = (CancellationToken::new(), TaskTracker::new());
        watchman.spawn(watchman::keep_watch(Arc::clone(&use_cases.guard), end_of_watch.clone()));
        match store_watch {
            Some(watch) => {
                work.spawn(watch.run(readiness.clone(), back.clone()));
            }
            None => readiness.hold(STORE),
        }
        health.set_serving(true).await;
        readiness.hold(SERVING);
        tracing::info!("serving");

        shutdown.await;
        tracing::info!("stopping: no new calls; calls and sends under way may finish");
        readiness.fail(SERVING, "shutting down");
        front.cancel();
        wait_for(&doors, grace, "calls").await;
        // Only now: a call that was still running may have handed a message over.
        back.cancel();
        wait_for(&work, grace, "sends").await;
        // And the guard hears the last of them.
        end_of_watch.cancel();
        wait_for(&watchman, grace, "what the guard heard").await;
        if let Some(recorder) = recorder {
            recorder.finish();
        }
        tracing::info!("stopped");
    }
}

fn challenges(kind: ChallengeKind, identity: &Identity) -> Result<Arc<dyn ChallengeVerifier>, StartError> {
    match kind {
        ChallengeKind::ProofOfWork(settings) => {
            let proof = ProofOfWork::with_settings(identity, settings).map_err(|mistakes| listed(&mistakes))?;
            Ok(Arc::new(proof))
        }
        ChallengeKind::Caller => Ok(Arc::new(CallersWord)),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

async fn wait_for(tasks: &TaskTracker, grace: Duration, what: &str) {
    tasks.close();
    if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(?grace, "{what} did not finish in time and are cut");
    }
}

fn misconfigured(error: &dyn std::error::Error) -> StartError {
    let causes = std::iter::successors(Some(error), |error| error.source());
    StartError::Misconfigured(causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

fn listed(mistakes: &[impl ToString]) -> StartError {
    StartError::Misconfigured(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
