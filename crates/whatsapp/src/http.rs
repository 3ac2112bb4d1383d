//! The one HTTP client of the service: every call out has a deadline, no redirect is followed, nothing is repeated.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, redirect, retry};

/// How long an unused connection is kept. Short, because a connection that the other side closed while we were
/// writing on it turns a message into one that may have been sent.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// The client every call of this crate goes through. It has no time-out of its own for a whole call: each request
/// brings the one of its message.
///
/// A proxy from `HTTPS_PROXY` is used, because whoever runs the service may have no other way out; it sees a tunnel and
/// nothing inside. `stays_here` switches proxies off: what is meant for this machine must not leave it.
pub(crate) fn client(connect_timeout: Duration, stays_here: bool) -> Result<Client, reqwest::Error> {
    install_crypto();
    #[expect(clippy::disallowed_methods, reason = "the one place where a client is built")]
    let builder = Client::builder()
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_MAX)
        .redirect(redirect::Policy::none())
        // Meta has no idempotency key: when to send again is the domain's decision alone.
        .retry(retry::never())
        .referer(false);
    let builder = if stays_here { builder.no_proxy() } else { builder };
    builder.build()
}

/// Names the implementation of cryptography that TLS uses in this process. Harmless when somebody was faster.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Refused only when another one was installed in between, and then that one is used.
        let _: Result<(), Arc<_>> = rustls::crypto::ring::default_provider().install_default();
    }
}

/// How long the provider asks to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    /// `Retry-After` in seconds. No page of Meta promises it; proxies and other providers send it. The form with a
    /// date is not read: it would need a clock.
    pub(crate) retry_after: Option<Duration>,
    /// The longest `estimated_time_to_regain_access` of `X-Business-Use-Case-Usage`, in minutes (Meta: Graph API rate
    /// limits). It speaks of the account.
    pub(crate) account: Option<Duration>,
}

impl Waits {
    /// Reads the headers of an answer. What is missing or odd asks for nothing.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let retry_after = text("retry-after").and_then(|it| it.trim().parse().ok());
        Self {
            retry_after: retry_after.filter(|seconds| *seconds > 0).map(Duration::from_secs),
            account: text("x-business-use-case-usage").and_then(regain),
        }
    }
}

fn regain(usage: &str) -> Option<Duration> {
    let usage: serde_json::Value = serde_json::from_str(usage).ok()?;
    let accounts = usage.as_object()?.values().filter_map(serde_json::Value::as_array);
    accounts
        .flatten()
        .filter_map(|entry| entry.get("estimated_time_to_regain_access")?.as_u64())
        .max()
        .filter(|minutes| *minutes > 0)
        .map(|minutes| Duration::from_secs(minutes.saturating_mul(60)))
}
