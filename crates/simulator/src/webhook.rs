//! Signed webhooks to the service under test, and the handshake before them. Kept out: when a status is due.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::config::{Config, Retries};
use crate::time::Time;
use crate::wire::{challenge, hex};

/// How the verification handshake with the callback went (Meta: create a webhook endpoint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Handshake {
    /// There is no callback URL or no verify token, or nobody has tried yet.
    NotTried,
    /// The callback gave the challenge back.
    Verified,
    /// The callback answered with another HTTP status than 200.
    Refused(u16),
    /// The callback answered 200 with something else than the challenge.
    WrongAnswer,
    /// Nobody answered in time.
    Unreachable,
}

/// The value of `X-Hub-Signature-256` for `body`: HMAC-SHA-256 over the raw bytes, keyed with the app secret, in
/// lowercase hexadecimal behind `sha256=`.
///
/// # Panics
///
/// Never: HMAC takes keys of every length.
pub fn signature(app_secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()).expect("HMAC takes keys of every length");
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

/// How webhooks fared since the start. One that is told twice counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Webhooks {
    /// Answered with 200.
    #[serde(rename = "webhooks_taken")]
    pub taken: u64,
    /// Never answered with 200, however often they were tried.
    #[serde(rename = "webhooks_given_up")]
    pub given_up: u64,
    /// Forged ones that the callback took, which it must not.
    pub forged_taken: u64,
    /// Forged ones that the callback refused.
    pub forged_refused: u64,
    /// Forged ones that were not answered.
    pub forged_unanswered: u64,
}

/// Counts [`Webhooks`].
#[derive(Default)]
pub(crate) struct Tally(Mutex<Webhooks>);

impl Tally {
    pub(crate) fn note(&self, taken: bool) {
        let mut webhooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *(if taken {
            &mut webhooks.taken
        } else {
            &mut webhooks.given_up
        }) += 1;
    }

    pub(crate) fn note_forged(&self, taken: Option<bool>) {
        let mut webhooks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *(match taken {
            Some(true) => &mut webhooks.forged_taken,
            Some(false) => &mut webhooks.forged_refused,
            None => &mut webhooks.forged_unanswered,
        }) += 1;
    }

    pub(crate) fn read(&self) -> Webhooks {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Posts webhooks.
pub(crate) struct Courier {
    client: Client<HttpConnector, Full<Bytes>>,
    app_secret: String,
    verify_token: Option<String>,
    timeout: Duration,
    retries: Retries,
    /// Attempts that may be in progress at once.
    attempts: Semaphore,
}

/// An answer is read to its end, so that the connection can be used again, but not for ever.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

impl Courier {
    pub(crate) fn new(config: &Config) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            app_secret: config.app_secret.clone(),
            verify_token: config.verify_token.clone(),
            timeout: config.webhook_timeout,
            retries: config.retries,
            attempts: Semaphore::new(config.webhooks_max),
        }
    }

    /// Posts `body` until the answer is 200 or the attempts are used up. `target` is asked before each attempt, for
    /// the callback may move. Says whether the webhook was taken. The caller holds a [`crate::time::Busy`].
    pub(crate) async fn post(&self, time: &Time, target: impl Fn() -> Option<Uri>, body: Vec<u8>) -> bool {
        let body = Bytes::from(body);
        let signature = signature(&self.app_secret, &body);
        let mut waits = self.retries.waits();
        loop {
            let Some(target) = target() else { return false };
            match self.attempt(target, &body, &signature).await {
                Some(StatusCode::OK) => return true,
                Some(status) => tracing::debug!(status = status.as_u16(), "webhook not taken"),
                None => tracing::debug!("webhook not answered"),
            }
            let Some(wait) = waits.next() else { break };
            time.sleep(wait).await;
        }
        tracing::warn!(attempts = self.retries.attempts_max, "webhook given up");
        false
    }

    /// Posts `body` once, signed with a secret that is not the app's. Says whether the callback took it, or `None`
    /// when it did not answer.
    pub(crate) async fn post_forged(&self, target: Uri, body: Vec<u8>) -> Option<bool> {
        let body = Bytes::from(body);
        let signature = signature(&format!("not {}", self.app_secret), &body);
        let status = self.attempt(target, &body, &signature).await?;
        Some(status.is_success())
    }

    /// Does Meta's handshake once.
    pub(crate) async fn shake_hands(&self, target: &Uri, at_ms: u64) -> Handshake {
        let Some(token) = &self.verify_token else {
            return Handshake::NotTried;
        };
        let challenge = challenge(at_ms);
        let joint = if target.query().is_some() { '&' } else { '?' };
        let address = format!(
            "{target}{joint}hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={}",
            percent_encoded(token)
        );
        let Ok(request) = Request::get(address).header(USER_AGENT, AGENT).body(Full::default()) else {
            return Handshake::Unreachable;
        };
        match self.exchange(request).await {
            None => Handshake::Unreachable,
            Some((StatusCode::OK, answer)) if answer == challenge => Handshake::Verified,
            Some((StatusCode::OK, _)) => Handshake::WrongAnswer,
            Some((status, _)) => Handshake::Refused(status.as_u16()),
        }
    }

    /// Does the handshake as often as a webhook would be tried, for the callback may still be starting.
    pub(crate) async fn shake_hands_patiently(&self, target: &Uri, at_ms: u64) -> Handshake {
        for wait in self.retries.waits() {
            match self.shake_hands(target, at_ms).await {
                Handshake::Unreachable => sleep(wait).await,
                outcome => return outcome,
            }
        }
        self.shake_hands(target, at_ms).await
    }

    async fn attempt(&self, target: Uri, body: &Bytes, signature: &str) -> Option<StatusCode> {
        let _permit = self.attempts.acquire().await.ok()?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(target)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header("X-Hub-Signature-256", signature)
            .body(Full::new(body.clone()))
            .ok()?;
        self.exchange(request).await.map(|(status, _)| status)
    }

    /// One request and its whole answer, within the time-out.
    async fn exchange(&self, request: Request<Full<Bytes>>) -> Option<(StatusCode, Bytes)> {
        let exchange = async {
            let response = self.client.request(request).await.ok()?;
            let status = response.status();
            let answer = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            // What counts is the status; an answer that is too long says no more.
            Some((
                status,
                answer.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
            ))
        };
        timeout(self.timeout, exchange).await.ok().flatten()
    }
}

const AGENT: &str = "countersign-simulator";

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&hex(&[byte]).to_uppercase());
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_matches_the_known_vector() {
        let body = br#"{"object":"whatsapp_business_account","entry":[]}"#;
        assert_eq!(
            signature("test_app_secret", body),
            "sha256=dec6a680679a968e7e0319355b23599cbfc54502c0784668e9618baa0c633756"
        );
    }

    #[test]
    fn a_verify_token_survives_the_query() {
        assert_eq!(percent_encoded("a b&c=%é"), "a%20b%26c%3D%25%C3%A9");
    }
}
