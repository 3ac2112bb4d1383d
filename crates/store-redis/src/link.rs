//! The connection: one multiplexed connection that reconnects by itself, a time-out on every call, and a gate that
//! lets nothing through before the server was checked.
//!
//! Nothing is repeated here. A call whose answer is lost fails, and whoever asked decides what that means.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign_domain::ports::StoreError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, Cmd, ErrorKind, FromRedisValue, Pipeline, ProtocolVersion, RedisError, RedisResult};
use redis::{RedisConnectionInfo, Script, ScriptInvocation, TlsCertificates};
use rustls::crypto::CryptoProvider;
use socket2::TcpKeepalive;
use thiserror::Error;

use crate::config::Config;

/// Commands that may wait to be written to the connection; more callers wait for a place, and time out there.
const WAITING_MAX: usize = 1_024;

/// After how much silence the system asks whether the server is still there, how often, and how many times in vain.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// Why a call did not succeed. What the server said is cut before anything that was sent to it.
#[derive(Clone, Debug, Error)]
pub(crate) enum Trouble {
    /// Nothing was asked, because the server was not checked yet or did not pass.
    #[error("the Redis server has not passed its check")]
    Unchecked,
    /// The time was up.
    #[error("Redis did not answer within {0:?}")]
    Late(Duration),
    /// There is no connection, or it broke.
    #[error("the connection to Redis: {0}")]
    Broken(String),
    /// The server refuses who we are or what we ask.
    #[error("Redis refuses: {0}")]
    Forbidden(String),
    /// The server could not do it.
    #[error("Redis answered: {0}")]
    Failed(String),
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Self::Unavailable(trouble.into())
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        let text = without_arguments(&error.to_string());
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Forbidden(text),
            _ if matches!(error.code(), Some("NOPERM" | "NOAUTH" | "WRONGPASS")) => Self::Forbidden(text),
            ErrorKind::Io => Self::Broken(text),
            _ => Self::Failed(text),
        }
    }
}

/// Connects again and again, under settings that never change.
struct Line {
    client: Client,
    settings: ConnectionManagerConfig,
    manager: RwLock<ConnectionManager>,
}

impl Line {
    /// Connects when it is first used. Must be called within a runtime.
    fn new(client: Client, settings: ConnectionManagerConfig) -> RedisResult<Self> {
        let manager = ConnectionManager::new_lazy_with_config(client.clone(), settings.clone())?;
        Ok(Self {
            client,
            settings,
            manager: RwLock::new(manager),
        })
    }

    fn manager(&self) -> ConnectionManager {
        self.manager.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hangs up and begins anew. The library reconnects by itself when a connection breaks; this is for a connection
    /// that is dead without having broken, and for credentials that were refused once, which it never tries again.
    fn renew(&self) {
        let Ok(fresh) = ConnectionManager::new_lazy_with_config(self.client.clone(), self.settings.clone()) else {
            return;
        };
        *self.manager.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

/// The one way to ask the server something.
pub(crate) struct Link {
    line: Line,
    timeout: Duration,
    open: AtomicBool,
    /// Whether the server refused something since somebody last asked.
    doubted: AtomicBool,
    cluster: AtomicBool,
}

impl Link {
    pub(crate) fn new(client: Client, timeout: Duration) -> RedisResult<Self> {
        Ok(Self {
            line: Line::new(client, line_settings(timeout))?,
            timeout,
            open: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
            cluster: AtomicBool::new(false),
        })
    }

    /// Lets calls through, or holds them back.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Whether the server is a node of a cluster, which takes no call whose keys are in several slots.
    pub(crate) fn set_cluster(&self, cluster: bool) {
        self.cluster.store(cluster, Ordering::Release);
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.cluster.load(Ordering::Acquire)
    }

    /// Whether the server refused something since this was last asked: then it may no longer be what it was when it was
    /// checked.
    pub(crate) fn take_doubt(&self) -> bool {
        self.doubted.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn renew(&self) {
        self.line.renew();
    }

    /// Asks one command.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Trouble> {
        self.gate()?;
        self.ask_unchecked(command).await
    }

    /// Asks one command whether the gate is open or not. For the check itself.
    pub(crate) async fn ask_unchecked<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Trouble> {
        let mut manager = self.line.manager();
        self.within_time(command.query_async(&mut manager)).await
    }

    /// Asks several commands in one round trip.
    pub(crate) async fn ask_all<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Trouble> {
        self.gate()?;
        self.ask_all_unchecked(commands).await
    }

    /// Like [`Self::ask_all`], whether the gate is open or not.
    pub(crate) async fn ask_all_unchecked<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, Trouble> {
        let mut manager = self.line.manager();
        self.within_time(commands.query_async(&mut manager)).await
    }

    /// Runs a script by its digest. A server that does not know it (yet, or any more) is given it first.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Trouble> {
        self.gate()?;
        let mut manager = self.line.manager();
        self.within_time(script.invoke_async(&mut manager)).await
    }

    /// Gives the server a script, so that the first call does not have to.
    pub(crate) async fn teach(&self, script: &Script) -> Result<(), Trouble> {
        let mut manager = self.line.manager();
        self.within_time(script.load_async(&mut manager)).await?;
        Ok(())
    }

    /// Lets nobody by before the server was checked.
    pub(crate) fn gate(&self) -> Result<(), Trouble> {
        if self.is_open() {
            Ok(())
        } else {
            Err(Trouble::Unchecked)
        }
    }

    async fn within_time<T>(&self, call: impl Future<Output = RedisResult<T>>) -> Result<T, Trouble> {
        match tokio::time::timeout(self.timeout, call).await {
            Ok(answer) => answer.map_err(|error| {
                let trouble = Trouble::from(error);
                if matches!(trouble, Trouble::Failed(_) | Trouble::Forbidden(_)) {
                    self.doubted.store(true, Ordering::Relaxed);
                }
                trouble
            }),
            Err(_) => Err(Trouble::Late(self.timeout)),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}

/// A client of the configured server. Connects to nothing yet.
pub(crate) fn client(config: &Config) -> RedisResult<Client> {
    if config.address.is_encrypted() {
        install_crypto();
    }
    let from_address = config.address.info();
    let mut settings = RedisConnectionInfo::default()
        .set_db(from_address.redis_settings().db())
        .set_protocol(ProtocolVersion::RESP3);
    if let Some(username) = &config.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &config.password {
        settings = settings.set_password(password.as_str());
    }
    let info = from_address
        .clone()
        .set_redis_settings(settings)
        .set_tcp_settings(tcp_settings());
    match &config.authorities {
        Some(authorities) if config.address.is_encrypted() => {
            let certificates = TlsCertificates {
                client_tls: None,
                root_cert: Some(authorities.clone()),
            };
            Client::build_with_tls(info, certificates)
        }
        _ => Client::open(info),
    }
}

/// Commands go out at once, and a peer that is gone without a word is noticed even by a connection that only listens.
fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_RETRIES);
    TcpSettings::default().set_nodelay(true).set_keepalive(keepalive)
}

/// Names the implementation of cryptography that TLS uses in this process; the library panics when there is none.
/// Harmless when somebody was faster.
fn install_crypto() {
    if CryptoProvider::get_default().is_none() {
        // Refused only when another one was installed in between, and then that one is used.
        let _: Result<(), Arc<_>> = rustls::crypto::ring::default_provider().install_default();
    }
}

/// One attempt to connect per call that needs one: while the server is away, each call fails as soon as it is known
/// that it is away, and the first that comes after it is back gets through.
fn line_settings(timeout: Duration) -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_number_of_retries(0)
        .set_connection_timeout(Some(timeout))
        // Every call has its time-out already.
        .set_response_timeout(None)
        .set_pipeline_buffer_size(WAITING_MAX)
}

/// What the server said, in one line, without the arguments it repeats when it does not know a command.
fn without_arguments(text: &str) -> String {
    let text = text.split(", with args beginning with").next().unwrap_or(text);
    let in_one_line = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(in_one_line).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_cut_from_what_the_server_says() {
        let said = "unknown command 'EVALSHA', with args beginning with: 'a' 'b'";
        assert_eq!(without_arguments(said), "unknown command 'EVALSHA'");
    }
}
