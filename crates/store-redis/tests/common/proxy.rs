//! A network between a client and its server that does what networks do: it is slow, it cuts, it falls silent.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign_store_redis::config::{Address, Config};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::unix::{OwnedReadHalf as ServerReadHalf, OwnedWriteHalf as ServerWriteHalf};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// How much is read at once; far more than any question of these tests.
const CHUNK: usize = 1 << 16;

/// What becomes of what passes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// It passes.
    Fine,
    /// Answers come that much later.
    Slow(Duration),
    /// Answers come byte by byte.
    Trickling,
    /// After that many further bytes of answers, a connection is cut.
    Cutting(usize),
    /// Nothing passes any more, either way. A connection that was in it stays so for ever, whatever comes after.
    Silent,
    /// Nobody is let in, and whoever is in is thrown out.
    Closed,
}

/// Listens on a port of its own and passes everything on to a server's socket. Gone when dropped.
pub(crate) struct Proxy {
    port: u16,
    weather: watch::Sender<Weather>,
    turns: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy before that socket, in fine weather.
    pub(crate) async fn before(socket: &Path) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (weather, seen) = watch::channel(Weather::Fine);
        let turns = Arc::<AtomicUsize>::default();
        let accepting = tokio::spawn(accept(listener, socket.to_owned(), seen, Arc::clone(&turns)));
        Self {
            port,
            weather,
            turns,
            accepting,
        }
    }

    /// How a client reaches the server through it.
    pub(crate) fn config(&self, timeout: Duration) -> Config {
        let address = Address::parse(&format!("redis://127.0.0.1:{}", self.port)).unwrap();
        Config {
            timeout,
            ..Config::new(address)
        }
    }

    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// How often a client said something after it had been answered (or for the first time): its round trips, when it
    /// asks one thing after the other.
    pub(crate) fn turns(&self) -> usize {
        self.turns.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, weather: watch::Receiver<Weather>, turns: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else {
            return;
        };
        // Those that ended are forgotten here.
        while connections.try_join_next().is_some() {}
        client.set_nodelay(true).unwrap();
        connections.spawn(pass(client, socket.clone(), weather.clone(), Arc::clone(&turns)));
    }
}

async fn pass(client: TcpStream, socket: PathBuf, weather: watch::Receiver<Weather>, turns: Arc<AtomicUsize>) {
    if *weather.borrow() == Weather::Silent {
        return fall_silent(client).await;
    }
    let Ok(server) = UnixStream::connect(socket).await else {
        return;
    };
    let answered = Arc::new(AtomicUsize::new(1));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let questions = pass_questions(client_read, server_write, weather.clone(), turns, Arc::clone(&answered));
    let answers = pass_answers(server_read, client_write, weather.clone(), answered);
    tokio::select! {
        () = questions => {}
        () = answers => {}
        () = thrown_out(weather) => {}
    }
}

async fn thrown_out(mut weather: watch::Receiver<Weather>) {
    if weather.wait_for(|it| *it == Weather::Closed).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Neither reads nor writes nor hangs up, until the other side does: that shows only when its socket is read.
async fn fall_silent(mut client: TcpStream) {
    let mut chunk = vec![0; CHUNK];
    while client.read(&mut chunk).await.is_ok_and(|length| length > 0) {}
}

async fn pass_questions(
    mut client: OwnedReadHalf,
    mut server: ServerWriteHalf,
    weather: watch::Receiver<Weather>,
    turns: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
) {
    let mut chunk = vec![0; CHUNK];
    let mut is_dead = false;
    loop {
        let Ok(length @ 1..) = client.read(&mut chunk).await else {
            return;
        };
        turns.fetch_add(answered.swap(0, Ordering::SeqCst), Ordering::SeqCst);
        is_dead |= *weather.borrow() == Weather::Silent;
        if !is_dead && server.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}

async fn pass_answers(
    mut server: ServerReadHalf,
    mut client: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
    answered: Arc<AtomicUsize>,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let Ok(length @ 1..) = server.read(&mut chunk).await else {
            return;
        };
        answered.store(1, Ordering::SeqCst);
        let now = *weather.borrow_and_update();
        let passed = match now {
            Weather::Fine => client.write_all(&chunk[..length]).await.is_ok(),
            Weather::Slow(delay) => {
                wait(delay).await;
                client.write_all(&chunk[..length]).await.is_ok()
            }
            Weather::Trickling => trickle(&mut client, &chunk[..length]).await,
            Weather::Cutting(left) => {
                let _ = client.write_all(&chunk[..length.min(left)]).await;
                false
            }
            Weather::Silent => std::future::pending().await,
            Weather::Closed => false,
        };
        if !passed {
            return;
        }
    }
}

async fn trickle(client: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> bool {
    for byte in bytes {
        if client.write_all(&[*byte]).await.is_err() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

/// What the network takes.
async fn wait(delay: Duration) {
    let never = pin!(std::future::pending::<()>());
    let _ = timeout(delay, never).await;
}
