//! A door in front of Redis that counts: which commands go through, and how often somebody has to wait for an answer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::Script;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::AbortHandle;

use crate::Outcome;

/// The store's scripts, so that a call of one is counted under its name.
const SCRIPTS: [(&str, &str); 5] = [
    ("swap", include_str!("../../../crates/store-redis/src/lua/swap.lua")),
    ("take", include_str!("../../../crates/store-redis/src/lua/take.lua")),
    (
        "give_back",
        include_str!("../../../crates/store-redis/src/lua/give_back.lua"),
    ),
    ("score", include_str!("../../../crates/store-redis/src/lua/score.lua")),
    ("tally", include_str!("../../../crates/store-redis/src/lua/tally.lua")),
];

/// What went through so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Commands by name; scripts of the store under theirs.
    pub(crate) commands: BTreeMap<String, f64>,
    /// Bytes that came after an answer: each is a wait for the network.
    pub(crate) turns: f64,
}

/// A running door. Ends when dropped.
pub(crate) struct Proxy {
    tally: Arc<Mutex<Tally>>,
    socket: PathBuf,
    accepting: AbortHandle,
    _folder: TempDir,
}

impl Proxy {
    /// Opens a door to the Redis at this socket.
    pub(crate) fn start(target: &Path) -> Outcome<Self> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let socket = folder.path().join("proxy.sock");
        let listener = UnixListener::bind(&socket).map_err(|error| format!("the proxy cannot listen: {error}"))?;
        let tally = Arc::new(Mutex::default());
        let accepting = tokio::spawn(accept(listener, target.to_owned(), Arc::clone(&tally)));
        Ok(Self {
            tally,
            socket,
            accepting: accepting.abort_handle(),
            _folder: folder,
        })
    }

    /// Its address, as the service's configuration writes it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// What went through so far.
    pub(crate) fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Tally {
    /// What came since `before`, less what comes anyway in as much time, for each of so many.
    pub(crate) fn each_since(&self, before: &Self, idle: &Self, count: f64) -> Self {
        let each = |after: f64, before: f64, idle: f64| (after - before - idle) / count;
        let of = |tally: &Self, name: &str| tally.commands.get(name).copied().unwrap_or(0.0);
        let commands = self.commands.iter().map(|(name, after)| {
            let value = each(*after, of(before, name), of(idle, name));
            (name.clone(), value)
        });
        Self {
            commands: commands.filter(|(_, value)| *value > 0.05).collect(),
            turns: each(self.turns, before.turns, idle.turns),
        }
    }

    /// The same tally for another span of time.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        Self {
            commands: self
                .commands
                .iter()
                .map(|(name, count)| (name.clone(), count * factor))
                .collect(),
            turns: self.turns * factor,
        }
    }
}

async fn accept(listener: UnixListener, target: PathBuf, tally: Arc<Mutex<Tally>>) {
    while let Ok((guest, _)) = listener.accept().await {
        let (target, tally) = (target.clone(), Arc::clone(&tally));
        tokio::spawn(async move {
            // A connection that breaks is its guest's to notice.
            if let Ok(host) = UnixStream::connect(&target).await {
                let _ = carry(guest, host, &tally).await;
            }
        });
    }
}

async fn carry(mut guest: UnixStream, mut host: UnixStream, tally: &Mutex<Tally>) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let (mut commands, mut guests_turn) = (Commands::default(), false);
    loop {
        tokio::select! {
            read = guest.read(&mut asked) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                commands.feed(&asked[..read]);
                {
                    let mut tally = lock(tally);
                    if !guests_turn {
                        tally.turns += 1.0;
                    }
                    while let Some(name) = commands.next() {
                        *tally.commands.entry(name).or_default() += 1.0;
                    }
                }
                guests_turn = true;
                host.write_all(&asked[..read]).await?;
            }
            read = host.read(&mut answered) => {
                let read = read?;
                if read == 0 {
                    return Ok(());
                }
                guests_turn = false;
                guest.write_all(&answered[..read]).await?;
            }
        }
    }
}

/// Reads commands out of the bytes of a connection: arrays of strings, as every client sends them.
#[derive(Default)]
struct Commands {
    bytes: Vec<u8>,
}

impl Commands {
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The name of the next command that is there as a whole.
    fn next(&mut self) -> Option<String> {
        let mut rest = &self.bytes[..];
        let count = header(&mut rest, b'*')?;
        let mut words = Vec::new();
        for _ in 0..count {
            let length = header(&mut rest, b'$')?;
            let word = rest.get(..length)?;
            rest = rest.get(length + 2..)?;
            if words.len() < 2 {
                words.push(String::from_utf8_lossy(word).to_ascii_lowercase());
            }
        }
        let used = self.bytes.len() - rest.len();
        self.bytes.drain(..used);
        let is_script = words.first().is_some_and(|word| word == "evalsha");
        let script = words.get(1).filter(|_| is_script);
        let name = script.and_then(|hash| SCRIPTS.iter().find(|(_, text)| Script::new(text).get_hash() == hash));
        match name {
            Some((name, _)) => Some((*name).to_owned()),
            None => words.into_iter().next(),
        }
    }
}

/// Reads a line of one mark and a number.
fn header(rest: &mut &[u8], mark: u8) -> Option<usize> {
    let end = rest.windows(2).position(|two| two == b"\r\n")?;
    let line = rest[..end].strip_prefix(&[mark])?;
    let number = std::str::from_utf8(line).ok()?.parse().ok()?;
    *rest = &rest[end + 2..];
    Some(number)
}

fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_in_whatever_pieces_they_come() {
        let swap = Script::new(SCRIPTS[0].1).get_hash().to_owned();
        let text = format!("*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n*3\r\n$7\r\nEVALSHA\r\n$40\r\n{swap}\r\n$1\r\n0\r\n");
        let mut commands = Commands::default();
        let mut names = Vec::new();
        for byte in text.bytes() {
            commands.feed(&[byte]);
            names.extend(commands.next());
        }
        assert_eq!(names, ["get", "swap"]);
        assert!(commands.bytes.is_empty());
    }

    #[test]
    fn what_comes_anyway_is_taken_off() {
        let tally = |get: f64, turns: f64| Tally {
            commands: BTreeMap::from([("get".to_owned(), get)]),
            turns,
        };
        let each = tally(130.0, 260.0).each_since(&tally(20.0, 50.0), &tally(10.0, 10.0), 100.0);
        assert!((each.commands["get"] - 1.0).abs() < 1e-9);
        assert!((each.turns - 2.0).abs() < 1e-9);
        let nothing = tally(20.0, 50.0).each_since(&tally(20.0, 50.0), &tally(0.0, 0.0), 100.0);
        assert!(nothing.commands.is_empty());
    }
}
