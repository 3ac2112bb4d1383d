//! The signed webhook intake: handshake, signature, reading, and the use cases that hear of it. A webhook can never
//! approve anything.
//!
//! A post that is signed is answered with 200 even when nothing in it is understood, or Meta would repeat it for days;
//! it is answered with 503 when something in it could not be recorded, so that Meta does repeat it. Applying twice
//! changes nothing. Kept out: the socket and its time-out for headers, which belong to whoever serves this router.

mod apply;
mod handshake;
mod parse;
mod pricing;
mod signature;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use countersign_domain::sender::AccountId;
use countersign_domain::use_case::UseCases;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::mistake::{Mistake, Mistakes};
use crate::secret::Secret;
use apply::Applier;
use signature::{Signature, Verifier};

/// The largest post that is read: 3 MiB. Meta sends up to 3 MB (Meta: webhooks overview).
pub const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// How webhooks prove themselves, and how much of them is taken at once.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Where Meta posts. Default: `/webhooks/whatsapp`.
    pub path: String,
    /// The text that Meta's handshake has to carry, as it was typed into Meta's dashboard.
    pub verify_token: Secret,
    /// The app secrets a signature may be made with: one, or two while the secret is being changed.
    pub app_secrets: Vec<Secret>,
    /// How many posts are read and applied at once, 1 to 1,024; more wait for a place. Each may hold 3 MiB.
    /// Default: 64.
    pub posts_max: usize,
    /// How many recipients of one post have their statuses applied at once, 1 to 256. Default: 16.
    pub recipients_at_once: usize,
    /// How long a post may take to find a place and to arrive, 1 to 60 s. Default: 10 s.
    pub read_timeout: Duration,
    /// How long applying a post may take before Meta is asked to repeat it, 1 to 60 s. Default: 20 s.
    pub apply_timeout: Duration,
}

impl Default for WebhookConfig {
    /// The default numbers. The secrets are missing, so this alone does not pass [`WebhookConfig::check`].
    fn default() -> Self {
        Self {
            path: "/webhooks/whatsapp".to_owned(),
            verify_token: Secret::new(""),
            app_secrets: Vec::new(),
            posts_max: 64,
            recipients_at_once: 16,
            read_timeout: Duration::from_secs(10),
            apply_timeout: Duration::from_secs(20),
        }
    }
}

impl WebhookConfig {
    /// Says everything that is wrong, or nothing. Without a secret there is no intake (R26).
    pub fn check(&self) -> Result<(), Vec<Mistake>> {
        let Self {
            path,
            verify_token,
            app_secrets,
            posts_max,
            recipients_at_once,
            read_timeout,
            apply_timeout,
        } = self;
        let mut mistakes = Mistakes::default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
        if !path.starts_with('/') || !path.bytes().all(plain) {
            mistakes.add(
                "path",
                "must start with '/' and hold only letters, digits, '/', '-', '_' and '.'",
            );
        }
        if verify_token.is_empty() {
            mistakes.add("verify_token", "must not be empty");
        }
        if !(1..=2).contains(&app_secrets.len()) || app_secrets.iter().any(Secret::is_empty) {
            mistakes.add(
                "app_secrets",
                "must be one app secret, or two while it is being changed; none may be empty",
            );
        }
        if !(1..=1024).contains(posts_max) {
            mistakes.add("posts_max", "must be 1 to 1024");
        }
        if !(1..=256).contains(recipients_at_once) {
            mistakes.add("recipients_at_once", "must be 1 to 256");
        }
        let seconds = Duration::from_secs(1)..=Duration::from_secs(60);
        for (field, value) in [("read_timeout", read_timeout), ("apply_timeout", apply_timeout)] {
            if !seconds.contains(value) {
                mistakes.add(field, "must be 1 to 60 s");
            }
        }
        mistakes.unless(Some(()))
    }
}

/// Which accounts of the configuration each business account of Meta's is, by its id as it stands in `entry[].id`.
///
/// What is said about templates of a business account that is not here is ignored. While none is here, it is taken to be
/// about every account.
pub type BusinessAccounts = BTreeMap<String, Vec<AccountId>>;

/// The intake as a router: GET for the handshake and POST for what Meta tells, on the configured path. Fails with everything
/// that is wrong with the configuration.
pub fn router(
    config: &WebhookConfig,
    use_cases: &UseCases,
    business_accounts: BusinessAccounts,
) -> Result<Router, Vec<Mistake>> {
    config.check()?;
    let intake = Intake {
        verify_token: config.verify_token.clone(),
        verifier: Verifier::new(&config.app_secrets),
        applier: Applier::new(use_cases, business_accounts, config.recipients_at_once),
        places: Semaphore::new(config.posts_max),
        read_timeout: config.read_timeout,
        apply_timeout: config.apply_timeout,
    };
    let routes = get(handshake).post(post);
    Ok(Router::new().route(&config.path, routes).with_state(Arc::new(intake)))
}

struct Intake {
    verify_token: Secret,
    verifier: Verifier,
    applier: Applier,
    places: Semaphore,
    read_timeout: Duration,
    apply_timeout: Duration,
}

async fn handshake(State(intake): State<Arc<Intake>>, request: Request) -> Response {
    handshake::answer(request.uri(), &intake.verify_token)
}

/// Every refusal is a bare status: who cannot sign learns nothing.
async fn post(State(intake): State<Arc<Intake>>, request: Request) -> Response {
    match intake.take(request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(status) => status.into_response(),
    }
}

impl Intake {
    async fn take(&self, request: Request) -> Result<(), StatusCode> {
        let (head, body) = request.into_parts();
        let announced = head
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|it| it.to_str().ok()?.parse().ok());
        if announced.is_some_and(|announced: u64| announced > BODY_BYTES_MAX as u64) {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        // A post without a signature that could be right does not get a place, nor is its body read.
        let signature = Signature::read(&head.headers).ok_or(StatusCode::UNAUTHORIZED)?;
        let arrived = timeout(self.read_timeout, self.arrive(body)).await;
        let (_place, body) = arrived.map_err(|_| StatusCode::REQUEST_TIMEOUT)??;
        let body = self.verifier.verify(&signature, body).ok_or(StatusCode::UNAUTHORIZED)?;
        let post = parse::post(&body);
        let applied = timeout(self.apply_timeout, self.applier.apply(post)).await;
        let report = applied.map_err(|_| {
            tracing::warn!("webhook not applied in time; Meta will repeat it");
            StatusCode::SERVICE_UNAVAILABLE
        })?;
        report.log();
        if report.failed > 0 {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        Ok(())
    }
    /// Waits for a place among the posts that are read at once, and reads the body as it came: the signature is over
    /// exactly these bytes.
    async fn arrive(&self, body: Body) -> Result<(SemaphorePermit<'_>, Bytes), StatusCode> {
        // Nobody closes the semaphore.
        let place = self
            .places
            .acquire()
            .await
            .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
        match Limited::new(body, BODY_BYTES_MAX).collect().await {
            Ok(body) => Ok((place, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => Err(StatusCode::BAD_REQUEST),
        }
    }
}
