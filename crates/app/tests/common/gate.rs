//! A door in front of a server, such as the stand-in for Meta: nobody answers at it while it is shut, answers can be
//! held back, and connections cut.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// A door with an address of its own, shut until it is opened.
pub(crate) struct Gate {
    socket: Option<TcpSocket>,
    address: SocketAddr,
    held: watch::Sender<bool>,
    cut: watch::Sender<()>,
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
            cut: watch::Sender::new(()),
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
        tokio::spawn(lead(listener, target, self.held.subscribe(), self.cut.subscribe()));
    }

    /// Holds answers back from now on; what is asked still goes through.
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Cuts every connection there is; new ones are led through as before.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(());
    }

    /// Lets every answer through again.
    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }
}

async fn lead(listener: TcpListener, target: SocketAddr, held: watch::Receiver<bool>, mut cut: watch::Receiver<()>) {
    while let Ok((guest, _)) = listener.accept().await {
        cut.mark_unchanged();
        let (held, mut cut) = (held.clone(), cut.clone());
        tokio::spawn(async move {
            let Ok(host) = TcpStream::connect(target).await else {
                return;
            };
            let (asks, answers) = guest.into_split();
            let (answered, asked) = host.into_split();
            tokio::select! {
                () = carry(asks, asked, None) => {}
                () = carry(answered, answers, Some(held)) => {}
                // An error means that the test is over.
                _ = cut.changed() => {}
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
