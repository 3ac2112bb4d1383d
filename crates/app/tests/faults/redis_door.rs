//! A door between one instance and Redis, that can be set to spring at a write: then nothing passes any more, either
//! way, for as long as that process lives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::oneshot;

use crate::common::clock::wall_millis;
use crate::questions::{Key, Question, Questions, Version};

/// How far the wake-up of a claim may be from the lease, in milliseconds: it was written a moment ago.
const CLAIM_SLACK_MS: u64 = 500;

/// At which write the door springs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trap {
    /// The first record of somebody, which is a start. It gets to Redis.
    Start,
    /// A claim of what is tried again. It gets to Redis.
    Claim,
    /// The next write about this recipient. It gets nowhere.
    Result(Key),
}

/// The write at which a door sprang.
#[derive(Clone, Copy)]
pub(crate) struct Sprung {
    pub(crate) key: Key,
    pub(crate) version: Version,
    pub(crate) at_ms: u64,
}

/// The door. Cheap to clone; all clones are one door.
#[derive(Clone)]
pub(crate) struct RedisDoor(Arc<Inner>);

struct Inner {
    address: String,
    socket: PathBuf,
    lease_ms: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Connections of an earlier generation are dead: nothing passes through them ever again.
    generation: u64,
    trap: Option<(Trap, oneshot::Sender<Sprung>)>,
    /// When the first record of each recipient passed, in milliseconds since the Unix epoch.
    opened: BTreeMap<Key, u64>,
}

impl RedisDoor {
    /// A door to the server behind this socket, for an instance whose claims hold for `lease_ms`.
    pub(crate) async fn to(socket: &Path, lease_ms: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self(Arc::new(Inner {
            address: format!("redis://{}", listener.local_addr().unwrap()),
            socket: socket.to_owned(),
            lease_ms,
            state: Mutex::default(),
        }));
        tokio::spawn(lead(listener, door.clone()));
        door
    }

    /// Where the door is.
    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// When the first record of a recipient passed, in milliseconds since the Unix epoch.
    pub(crate) fn opened_at_ms(&self, key: &Key) -> u64 {
        self.state().opened[key]
    }

    /// Sets a trap; the receiver hears when it springs. An earlier one is taken away.
    pub(crate) fn set(&self, trap: Trap) -> oneshot::Receiver<Sprung> {
        let (sprung, springs) = oneshot::channel();
        self.spring_into(trap, sprung);
        springs
    }

    /// Sets a trap of which somebody is told who waits already.
    pub(crate) fn spring_into(&self, trap: Trap, sprung: oneshot::Sender<Sprung>) {
        self.state().trap = Some((trap, sprung));
    }

    /// Takes the trap away.
    pub(crate) fn disarm(&self) {
        let mut state = self.state();
        state.trap = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn is_dead(&self, generation: u64) -> bool {
        self.state().generation != generation
    }

    /// What of these questions gets to Redis.
    fn examine(&self, questions: &mut Questions, generation: u64) -> Vec<u8> {
        let mut passing = Vec::new();
        while let Some(question) = questions.next() {
            let mut state = self.state();
            if state.generation != generation {
                break;
            }
            let springs = state.springs(&question, self.0.lease_ms);
            let Some((trap, sprung, swap)) = springs else {
                passing.extend(question.raw);
                continue;
            };
            state.generation += 1;
            if !matches!(trap, Trap::Result(_)) {
                passing.extend(question.raw);
            }
            // Fails when nobody waits any more, and then it was a trap that somebody gave up.
            let _ = sprung.send(swap);
        }
        passing
    }
}

impl State {
    /// Takes the trap that springs at this question, if one does.
    fn springs(&mut self, question: &Question, lease_ms: u64) -> Option<(Trap, oneshot::Sender<Sprung>, Sprung)> {
        let swap = question.swap()?;
        let now = wall_millis();
        if swap.is_first {
            self.opened.insert(swap.key, now);
        }
        let ahead = swap.wake_at_ms.map(|at| at.saturating_sub(now));
        // A record that was there before and has to be looked at when a lease is over: whoever wrote it sends now.
        let is_claim = !swap.is_first && ahead.is_some_and(|ahead| ahead.abs_diff(lease_ms) <= CLAIM_SLACK_MS);
        let springs = match self.trap.as_ref()?.0 {
            Trap::Start => swap.is_first,
            Trap::Claim => is_claim,
            Trap::Result(key) => swap.key == key,
        };
        let (trap, sprung) = self.trap.take_if(|_| springs)?;
        let at = Sprung {
            key: swap.key,
            version: swap.version,
            at_ms: now,
        };
        Some((trap, sprung, at))
    }
}

async fn lead(listener: TcpListener, door: RedisDoor) {
    while let Ok((guest, _)) = listener.accept().await {
        let door = door.clone();
        tokio::spawn(async move {
            let generation = door.state().generation;
            // Redis may be away.
            let Ok(server) = UnixStream::connect(&door.0.socket).await else {
                return;
            };
            guest.set_nodelay(true).unwrap();
            let (asks, answers) = guest.into_split();
            let (answered, asked) = server.into_split();
            tokio::select! {
                () = carry_questions(asks, asked, &door, generation) => {}
                () = carry_answers(answered, answers, &door, generation) => {}
            }
        });
    }
}

async fn carry_questions(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    door: &RedisDoor,
    generation: u64,
) {
    let (mut questions, mut bytes) = (Questions::default(), vec![0; 64 * 1024]);
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        questions.push(&bytes[..read]);
        let passing = door.examine(&mut questions, generation);
        // To a dead connection Redis does not answer; it ends with the process.
        if to.write_all(&passing).await.is_err() && !door.is_dead(generation) {
            return;
        }
    }
}

async fn carry_answers(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    door: &RedisDoor,
    generation: u64,
) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if door.is_dead(generation) {
            continue;
        }
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
