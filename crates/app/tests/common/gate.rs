//! A door in front of the stand-in for Meta: nobody answers at it while it is shut, and answers can be held back.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// A door with an address of its own, shut until it is opened.
pub(crate) struct Gate {
    socket: Option<TcpSocket>,
    address: SocketAddr,
    held: watch::Sender<bool>,
}

impl Gate {
    /// A door at a free port that is nobody else's from now on, and at which connections are refused.
    pub(crate) fn shut() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self {
            address: socket.local_addr().unwrap(),
            socket: Some(socket),
            held: watch::Sender::new(false),
        }
    }

    /// A door that leads to `target` from the start.
    pub(crate) fn open_to(target: SocketAddr) -> Self {
        let mut gate = Self::shut();
        gate.open(target);
        gate
    }

    /// Where the door is, as a base URL.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Opens the door: whoever comes is led to `target`.
    pub(crate) fn open(&mut self, target: SocketAddr) {
        let listener = self.socket.take().unwrap().listen(64).unwrap();
        tokio::spawn(lead(listener, target, self.held.subscribe()));
    }

    /// Holds answers back from now on; what is asked still goes through.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets every answer through again.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }
}

async fn lead(listener: TcpListener, target: SocketAddr, held: watch::Receiver<bool>) {
    while let Ok((guest, _)) = listener.accept().await {
        let held = held.clone();
        tokio::spawn(async move {
            let Ok(host) = TcpStream::connect(target).await else {
                return;
            };
            let (asks, answers) = guest.into_split();
            let (answered, asked) = host.into_split();
            tokio::select! {
                () = carry(asks, asked, None) => {}
                () = carry(answered, answers, Some(held)) => {}
            }
        });
    }
}

/// Carries bytes until either end is gone; those that are held wait.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut held: Option<watch::Receiver<bool>>,
) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if let Some(held) = &mut held
            && held.wait_for(|held| !held).await.is_err()
        {
            return;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
