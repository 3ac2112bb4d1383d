//! A door between one instance and the stand-in for Meta: it knows what this very instance sent, can keep an answer
//! back for ever, and can let nothing through.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use countersign_domain::id::VerificationId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use crate::common::clock::wall_millis;
use crate::questions::{Key, Version};
use crate::redis_door::{RedisDoor, Sprung, Trap};

/// How a reference begins in the environment of the tests.
const REFERENCE: &[u8] = b"\"cs1.test.";

/// What the door does at the next message that is accepted.
pub(crate) enum AtAcceptance {
    /// Keeps the answer back, and says whose it was.
    Hold(oneshot::Sender<Sprung>),
    /// Lets the answer through, after this other door was set to let its result get nowhere.
    LoseResult(RedisDoor, oneshot::Sender<Sprung>),
}

/// A message that was seen at a door.
#[derive(Clone)]
pub(crate) struct Sighting {
    /// The verification.
    pub(crate) id: String,
    /// When, in milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
}

/// The door. Cheap to clone; all clones are one door.
#[derive(Clone)]
pub(crate) struct MetaDoor(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    state: Mutex<State>,
    /// How many messages were swallowed.
    swallowed: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    generation: u64,
    swallows: bool,
    next: Option<AtAcceptance>,
    asked: Vec<Sighting>,
    carried: Vec<Sighting>,
}

impl MetaDoor {
    /// A door that leads to `target`.
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self(Arc::new(Inner {
            address: listener.local_addr().unwrap(),
            state: Mutex::default(),
            swallowed: watch::Sender::new(0),
        }));
        tokio::spawn(lead(listener, target, door.clone()));
        door
    }

    /// Where the door is, as a base URL.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// What to do at the next acceptance.
    pub(crate) fn at_acceptance(&self, next: AtAcceptance) {
        self.state().next = Some(next);
    }

    /// Lets everything through that comes from now on.
    pub(crate) fn disarm(&self) {
        let mut state = self.state();
        state.swallows = false;
        state.next = None;
    }

    /// From now on messages get nowhere and are not answered.
    pub(crate) fn swallow(&self) {
        self.state().swallows = true;
    }

    /// Waits until so many messages were swallowed.
    pub(crate) async fn until_swallowed(&self, count: usize) {
        let mut swallowed = self.0.swallowed.subscribe();
        swallowed.wait_for(|it| *it >= count).await.unwrap();
    }

    /// Every message that was let through, whatever came of it.
    pub(crate) fn asked(&self) -> Vec<Sighting> {
        self.state().asked.clone()
    }

    /// What was accepted through this door.
    pub(crate) fn carried(&self) -> Vec<Sighting> {
        self.state().carried.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn is_dead(&self, generation: u64) -> bool {
        self.state().generation != generation
    }

    /// Whether a part of a request gets through; `message` is whose message it turned out to be with this part.
    fn lets_in(&self, message: Option<&VerificationId>, generation: u64) -> bool {
        let mut state = self.state();
        match message {
            Some(_) if state.swallows => self.0.swallowed.send_modify(|it| *it += 1),
            Some(id) => state.asked.push(Sighting::now(id)),
            None => {}
        }
        !state.swallows && state.generation == generation
    }

    /// Notes an acceptance, and says whether its answer gets through.
    fn lets_out(&self, id: &VerificationId, generation: u64) -> bool {
        let mut state = self.state();
        state.carried.push(Sighting::now(id));
        if state.generation != generation {
            return false;
        }
        let key: Key = *id.recipient().as_bytes();
        match state.next.take() {
            None => true,
            Some(AtAcceptance::LoseResult(redis, sprung)) => {
                redis.spring_into(Trap::Result(key), sprung);
                true
            }
            Some(AtAcceptance::Hold(sprung)) => {
                state.generation += 1;
                let at = Sprung {
                    key,
                    version: Version::default(),
                    at_ms: wall_millis(),
                };
                // Fails when nobody waits any more.
                let _ = sprung.send(at);
                false
            }
        }
    }
}

impl Sighting {
    fn now(id: &VerificationId) -> Self {
        Self {
            id: id.to_string(),
            at_ms: wall_millis(),
        }
    }
}

async fn lead(listener: TcpListener, target: SocketAddr, door: MetaDoor) {
    while let Ok((guest, _)) = listener.accept().await {
        let (door, generation) = (door.clone(), door.state().generation);
        tokio::spawn(async move {
            if let Ok(host) = TcpStream::connect(target).await {
                // Whoever hangs up early is done with.
                let _ = carry(guest, host, &door, generation).await;
            }
        });
    }
}

/// Carries one request and its answer after the other; a connection has one at a time.
async fn carry(mut guest: TcpStream, mut host: TcpStream, door: &MetaDoor, generation: u64) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut request = Vec::new();
    loop {
        tokio::select! {
            read = guest.read(&mut asked) => {
                let bytes = &asked[..read?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let known = reference_in(&request).is_some();
                request.extend_from_slice(bytes);
                let message = reference_in(&request).filter(|_| !known);
                if door.lets_in(message.as_ref(), generation) {
                    host.write_all(bytes).await?;
                }
            }
            read = host.read(&mut answered) => {
                let bytes = &answered[..read?];
                if bytes.is_empty() && !door.is_dead(generation) {
                    return Ok(());
                }
                let about = reference_in(&request).filter(|_| bytes.starts_with(b"HTTP/1.1 200"));
                request.clear();
                let passes = about.map_or_else(|| !door.is_dead(generation), |id| door.lets_out(&id, generation));
                if !passes {
                    return wait_for_the_end(&mut guest).await;
                }
                guest.write_all(bytes).await?;
            }
        }
    }
}

/// Neither answers nor hangs up, until the other side does.
async fn wait_for_the_end(guest: &mut TcpStream) -> std::io::Result<()> {
    let mut bytes = [0; 1024];
    while guest.read(&mut bytes).await? > 0 {}
    Ok(())
}

/// The verification a request is about, once all of its reference is there.
fn reference_in(request: &[u8]) -> Option<VerificationId> {
    let start = request.windows(REFERENCE.len()).position(|it| it == REFERENCE)? + REFERENCE.len();
    let end = start + request[start..].iter().position(|it| *it == b'.')?;
    VerificationId::parse(std::str::from_utf8(&request[start..end]).ok()?).ok()
}
