//! Sending through the Cloud API: one call is one attempt. Kept out: when to try again, which the domain decides.

use std::collections::BTreeMap;

use async_trait::async_trait;
use countersign_domain::delivery::{Fault, NextStep, ProviderReport, Rejection};
use countersign_domain::ports::{Accepted, Cause, Message, Messenger, SendError};
use countersign_domain::sender::{AccountId, SenderId};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use reqwest::{Client, Response};
use thiserror::Error;

use crate::answer::{Answer, Refusal};
use crate::catalog::Fields;
use crate::config::{Config, Desk, Route};
use crate::http::{self, Waits};
use crate::mistake::Mistake;
use crate::payload::Payload;

/// The most of an answer to a message that is read. Meta's are below 1 KiB; beyond this it is somebody else's page.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The domain's messenger over WhatsApp's Cloud API, or over a provider that takes the same bodies.
///
/// A connection that could not be established is `Unavailable`: nothing was sent. Whatever is lost after that is
/// `Uncertain`, because Meta has no key that would make a second send harmless.
pub struct CloudApi {
    pub(crate) http: Client,
    pub(crate) header: HeaderName,
    pub(crate) routes: BTreeMap<SenderId, Route>,
    pub(crate) desks: BTreeMap<AccountId, Desk>,
    pub(crate) fields: Fields,
}

impl CloudApi {
    /// A messenger for these senders. Fails with everything that is wrong, or when TLS cannot be set up.
    pub fn new(config: &Config) -> Result<Self, BuildError> {
        let routes = config.routes().map_err(BuildError::Config)?;
        let http = http::client(config.connect_timeout, routes.stays_here);
        Ok(Self {
            http: http.map_err(|error| BuildError::Client(error.into()))?,
            header: routes.header,
            routes: routes.by_sender,
            desks: routes.by_account,
            fields: Fields::default(),
        })
    }

    async fn attempt(&self, route: &Route, message: &Message) -> Result<Accepted, SendError> {
        let body = serde_json::to_vec(&Payload::new(message)).map_err(|error| SendError {
            step: NextStep::Misconfigured(Fault::Request),
            report: None,
            cause: Some(error.into()),
        })?;
        let request = self
            .http
            .post(route.messages.clone())
            .header(&self.header, &route.auth)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .timeout(message.timeout)
            .body(body);
        let response = request.send().await.map_err(not_answered)?;
        let status = response.status().as_u16();
        let waits = Waits::read(response.headers());
        let body = read(response, ANSWER_BYTES_MAX).await.map_err(not_answered)?;
        let answer = Answer {
            status,
            waits,
            body: &body,
        };
        answer.judge(message.code.expose()).map_err(|refusal| {
            let Refusal { step, report } = refusal;
            SendError {
                step,
                report,
                cause: Some(Answered(status).into()),
            }
        })
    }
}

#[async_trait]
impl Messenger for CloudApi {
    async fn send(&self, message: &Message) -> Result<Accepted, SendError> {
        let sent = match self.routes.get(&message.sender) {
            Some(route) => self.attempt(route, message).await,
            None => Err(SendError {
                step: NextStep::Misconfigured(Fault::Account),
                report: None,
                cause: Some(NoSender.into()),
            }),
        };
        match &sent {
            Ok(accepted) => {
                let Message { app, sender, .. } = message;
                tracing::debug!(%app, %sender, held = accepted.held, "message accepted");
            }
            Err(error) => log_failure(message, error),
        }
        sent
    }
}

/// Why a messenger cannot be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The configuration contradicts itself.
    #[error("{} mistakes in the configuration of WhatsApp", .0.len())]
    Config(Vec<Mistake>),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] Cause),
}

/// What the provider answered, for the log at the edge.
#[derive(Debug, Error)]
#[error("the provider answered with HTTP status {0}")]
pub(crate) struct Answered(pub(crate) u16);

#[derive(Debug, Error)]
#[error("no such sender is configured")]
struct NoSender;

/// Reads an answer to its end, or to where it is longer than `bytes_max`; what is longer is empty, and so is not
/// understood later.
pub(crate) async fn read(mut response: Response, bytes_max: usize) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = bytes_max - body.len();
        if chunk.len() > room {
            return Ok(Vec::new());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// There is no answer, or only a part of one.
fn not_answered(error: reqwest::Error) -> SendError {
    let step = if error.is_builder() {
        NextStep::Misconfigured(Fault::Request)
    } else if error.is_connect() {
        NextStep::Unavailable
    } else {
        NextStep::Uncertain
    };
    SendError {
        step,
        report: None,
        // The URL may carry the proof of the app secret.
        cause: Some(error.without_url().into()),
    }
}

fn log_failure(message: &Message, error: &SendError) {
    let Message { app, sender, .. } = message;
    let SendError { step, report, cause } = error;
    let (code, title) = report
        .as_ref()
        .map_or((0, ""), |ProviderReport { code, title, .. }| (*code, title));
    let cause = cause.as_deref().map(chain).unwrap_or_default();
    let is_ours = matches!(
        step,
        NextStep::Misconfigured(_) | NextStep::AnotherLanguage | NextStep::Rejected(Rejection::Country)
    );
    if is_ours {
        tracing::warn!(%app, %sender, ?step, code, title, cause, "message refused: an operator has to act");
    } else {
        tracing::info!(%app, %sender, ?step, code, title, cause, "message not accepted");
    }
}

/// An error with everything underneath it.
pub(crate) fn chain(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
