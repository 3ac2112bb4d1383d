//! One connection: its first bytes, its HTTP/2 limits, its age and its end; and how many there may be.
//!
//! The protocol's own server is not used for this: it sends no GOAWAY when a connection with a grace period grows old but cuts it
//! (tonic 0.14.9, `connection_timeout_future`), waits without end for a client's first bytes, and counts no peers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tonic::body::Body;

use crate::config::Config;
use crate::front::Front;

/// What every HTTP/2 client says first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Becomes true when the connection is to end. In the extensions of every request that came by it: answers that go on
/// and on have to end themselves.
#[derive(Clone)]
pub(crate) struct Leaving(pub(crate) watch::Receiver<bool>);

/// What all connections of a server share.
pub(crate) struct Host {
    pub(crate) front: Front,
    pub(crate) config: Config,
    pub(crate) guests: Guests,
}

/// Serves one connection until it ends, grows too old, or the server stops.
pub(crate) async fn serve(host: Arc<Host>, stream: TcpStream, peer: SocketAddr, stop: watch::Receiver<bool>) {
    let Some(_guest) = host.guests.admit(peer.ip()) else {
        tracing::warn!(peer = %peer.ip(), "a connection was refused: too many, in all or from this address");
        return;
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended before it began");
        return;
    }
    let Some(io) = greeted(stream, host.config.handshake_timeout).await else {
        tracing::debug!(peer = %peer.ip(), "a connection did not speak HTTP/2");
        return;
    };
    speak(&host, io, peer, stop).await;
}

async fn speak(
    host: &Arc<Host>,
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let (leave, leaving) = watch::channel(false);
    let service = service_fn({
        let host = Arc::clone(host);
        move |mut request: Request<Incoming>| {
            let host = Arc::clone(&host);
            request.extensions_mut().insert(Leaving(leaving.clone()));
            async move { Ok::<Response<Body>, Infallible>(host.front.answer(peer, request).await) }
        }
    });
    let config = &host.config;
    let mut connection = pin!(protocol(config).serve_connection(TokioIo::new(io), service));
    tokio::select! {
        ended = connection.as_mut() => return note(peer, ended),
        () = sleep(age_max(config.connection_age_max, peer)) => {}
        // An error means the server is gone, which is a stop too.
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
    connection.as_mut().graceful_shutdown();
    leave.send_replace(true);
    if let Ok(ended) = timeout(config.connection_age_grace, connection).await {
        note(peer, ended);
    } else {
        tracing::debug!(peer = %peer.ip(), "a connection was cut: its calls outlasted the grace");
    }
}

fn note(peer: SocketAddr, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.ip(), %error, "a connection failed");
    }
}

/// The limits of HTTP/2 (A17). None is left to a library's default.
fn protocol(config: &Config) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.streams_per_connection_max)
        .max_local_error_reset_streams(config.local_resets_max)
        .max_pending_accept_reset_streams(config.pending_resets_max)
        .max_header_list_size(config.header_list_bytes_max)
        .max_frame_size(config.frame_bytes_max)
        .max_send_buf_size(config.message_bytes_max)
        .adaptive_window(false)
        .initial_stream_window_size(config.stream_window_bytes)
        .initial_connection_window_size(config.connection_window_bytes)
        .keep_alive_interval(config.keep_alive_interval)
        .keep_alive_timeout(config.keep_alive_timeout);
    builder
}

/// The stream once its client said the first words of HTTP/2, with those words to be read again. `None` when it says
/// something else, or nothing for too long: signs of life are asked for only later.
async fn greeted(
    stream: TcpStream,
    patience: Duration,
) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    let (mut reader, writer) = stream.into_split();
    let mut said = [0; PREFACE.len()];
    timeout(patience, reader.read_exact(&mut said)).await.ok()?.ok()?;
    (said == *PREFACE).then(|| tokio::io::join(Cursor::new(said).chain(reader), writer))
}

/// Up to a tenth less than `age`, spread by the client's port: callers that all came when the server started must not
/// all come back in one moment.
fn age_max(age: Duration, peer: SocketAddr) -> Duration {
    age * (100 - u32::from(peer.port() % 11)) / 100
}

/// How many connections there are, in all and from each address.
#[derive(Clone)]
pub(crate) struct Guests(Arc<Mutex<Counts>>);

struct Counts {
    all: usize,
    all_max: usize,
    by_peer: BTreeMap<IpAddr, usize>,
    by_peer_max: usize,
}

impl Guests {
    pub(crate) fn new(config: &Config) -> Self {
        Self(Arc::new(Mutex::new(Counts {
            all: 0,
            all_max: config.connections_max,
            by_peer: BTreeMap::new(),
            by_peer_max: config.connections_per_peer_max,
        })))
    }

    fn admit(&self, peer: IpAddr) -> Option<Guest> {
        // One host is one peer, whichever socket it came through.
        let peer = peer.to_canonical();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from_peer = counts.by_peer.get(&peer).copied().unwrap_or_default();
        if counts.all >= counts.all_max || from_peer >= counts.by_peer_max {
            return None;
        }
        counts.all += 1;
        counts.by_peer.insert(peer, from_peer + 1);
        Some(Guest {
            counts: self.clone(),
            peer,
        })
    }
}

/// One connection that counts until it is dropped.
struct Guest {
    counts: Guests,
    peer: IpAddr,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        match counts.by_peer.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                counts.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_counted_in_all_and_per_peer_until_they_end() {
        let guests = Guests::new(&Config {
            connections_max: 3,
            connections_per_peer_max: 2,
            ..Config::default()
        });
        let [one, mapped, two, three] =
            ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|it| it.parse().unwrap());
        let first = guests.admit(one).unwrap();
        let _second = guests.admit(mapped).unwrap();
        assert!(guests.admit(one).is_none(), "the peer has two");
        let _third = guests.admit(two).unwrap();
        assert!(guests.admit(three).is_none(), "there are three in all");
        drop(first);
        assert!(guests.admit(one).is_some());
    }

    #[test]
    fn connections_grow_old_at_different_times_and_never_too_late() {
        let age = Duration::from_secs(600);
        let ages: Vec<_> = (40_000..40_011)
            .map(|port| age_max(age, SocketAddr::from(([127, 0, 0, 1], port))))
            .collect();
        assert_eq!(ages.iter().max(), Some(&age));
        assert_eq!(ages.iter().min(), Some(&Duration::from_secs(540)));
    }
}
