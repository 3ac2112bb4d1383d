//! A door in front of Redis, at which everything can go wrong that goes wrong on a network.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::interval;

/// How long each byte takes that trickles.
const TRICKLE: Duration = Duration::from_millis(5);

/// How answers come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As they are.
    Through,
    /// Not at all, until the mode changes; what is asked still gets to the server.
    Hold,
    /// Byte by byte.
    Trickle,
    /// In part: each connection ends in the middle of an answer, now sooner and now later.
    Cut,
    /// New connections hear that the server has too many.
    Full,
    /// New connections hear something that is no Redis.
    Garbage,
}

/// The door.
pub(crate) struct Proxy {
    address: String,
    mode: watch::Sender<Mode>,
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    /// A door to the server behind this socket.
    pub(crate) async fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("redis://{}", listener.local_addr().unwrap());
        let (mode, cuts) = (watch::Sender::new(Mode::Through), Arc::default());
        tokio::spawn(lead(listener, socket.to_owned(), mode.subscribe(), Arc::clone(&cuts)));
        Self { address, mode, cuts }
    }

    /// Where the door is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// From now on, answers come through like this. Connections that are refused or cut by the new mode end now.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many connections were cut in the middle of an answer.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

async fn lead(listener: TcpListener, socket: PathBuf, mode: watch::Receiver<Mode>, cuts: Arc<AtomicUsize>) {
    while let Ok((guest, _)) = listener.accept().await {
        let (mode, cuts, socket) = (mode.clone(), Arc::clone(&cuts), socket.clone());
        tokio::spawn(async move {
            // Whoever hangs up early is done with.
            let _ = host(guest, &socket, mode, &cuts).await;
        });
    }
}

async fn host(
    mut guest: TcpStream,
    socket: &Path,
    mut mode: watch::Receiver<Mode>,
    cuts: &AtomicUsize,
) -> std::io::Result<()> {
    let at_first = *mode.borrow();
    match at_first {
        Mode::Full => return guest.write_all(b"-ERR max number of clients reached\r\n").await,
        Mode::Garbage => return guest.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        Mode::Through | Mode::Hold | Mode::Trickle | Mode::Cut => {}
    }
    let server = UnixStream::connect(socket).await?;
    let (mut asks, mut answers) = guest.into_split();
    let (mut answered, mut asked) = server.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut asks, &mut asked).await });
    // How much comes through before the cut: another amount for each connection.
    let mut left = 200 + (cuts.load(Ordering::Relaxed) * 211) % 1_800;
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = tokio::select! {
            read = answered.read(&mut bytes) => read?,
            // A connection that was there before ends, too.
            _ = mode.wait_for(|mode| matches!(mode, Mode::Full | Mode::Garbage)) => 0,
        };
        if read == 0 {
            break;
        }
        let now = *mode
            .wait_for(|mode| *mode != Mode::Hold)
            .await
            .map_err(std::io::Error::other)?;
        match now {
            Mode::Trickle => {
                let mut ticks = interval(TRICKLE);
                for byte in &bytes[..read] {
                    if *mode.borrow() == Mode::Trickle {
                        ticks.tick().await;
                    }
                    answers.write_all(&[*byte]).await?;
                }
            }
            Mode::Cut if read >= left => {
                answers.write_all(&bytes[..left]).await?;
                cuts.fetch_add(1, Ordering::Relaxed);
                break;
            }
            Mode::Cut => {
                left -= read;
                answers.write_all(&bytes[..read]).await?;
            }
            _ => answers.write_all(&bytes[..read]).await?,
        }
    }
    asking.abort();
    Ok(())
}
