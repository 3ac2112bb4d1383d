//! A real `redis-server` for tests: each has a folder, a socket and a process of its own, and is gone when dropped.
//!
//! It speaks RESP2 itself, in the few lines that takes, since only the store's crate may name a Redis library. What a
//! store does is so seen by somebody else than the library it is done with. Every function here blocks its thread.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use self::monitor::Monitor;
use self::wire::Connection;

pub mod monitor;
mod wire;

/// How often one looks before giving up: 20 s at least, which no server on a busy machine takes.
const LOOKS_MAX: usize = 1000;
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What the operating system takes as the path of a socket, in bytes.
const SOCKET_PATH_MAX: usize = 107;

/// A `redis-server` of the test's own. Dropped, it is killed and its folder removed; so keep none in a `static`, which
/// is never dropped.
#[derive(Debug)]
pub struct RedisServer {
    /// Nothing once it was killed.
    process: Option<Child>,
    socket: PathBuf,
    password: Option<String>,
    /// Last, so that the process is gone before its folder is.
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server as production runs it: an append-only file that is synced every second, no snapshots, nothing
    /// evicted. No TCP port: it is reached through [`address`](Self::address).
    ///
    /// Waits until it answers. Panics with the server's own log when it does not, and with what to install when there
    /// is no such program.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further lines of `redis.conf`, as name and value; they win over those of
    /// [`start`](Self::start).
    ///
    /// A value stands in the file as it is, so quote what has spaces in it; an empty one is written as `""`. With a
    /// `requirepass` (one word), everything here gives that password of its own accord.
    #[track_caller]
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("cs-").tempdir();
        let folder = folder.expect("a folder for redis-server can be made");
        let socket = folder.path().join("redis.sock");
        let length = socket.as_os_str().len();
        assert!(
            length <= SOCKET_PATH_MAX,
            "{} has {length} bytes and a socket's path at most {SOCKET_PATH_MAX}: set TMPDIR to a shorter folder",
            socket.display()
        );
        let written = fs::write(folder.path().join("redis.conf"), configuration(folder.path(), settings));
        written.expect("the configuration of redis-server can be written");
        let mut passwords = settings.iter().filter(|(name, _)| *name == "requirepass");
        let mut server = Self {
            process: None,
            socket,
            password: passwords.next_back().map(|(_, value)| (*value).to_owned()),
            folder,
        };
        server.restart();
        server
    }

    /// Starts a node of a cluster that has every slot: it takes every key, and refuses calls with keys of several slots.
    ///
    /// Redis insists on a port for the bus between nodes, on which here nobody speaks: a free one of the loopback.
    #[track_caller]
    pub fn start_cluster() -> Self {
        let server = Self::start_cluster_without_slots();
        assert_eq!(server.ask_text("CLUSTER ADDSLOTSRANGE 0 16383").text(), "OK");
        let ready = eventually(|| {
            let told = server.ask_text("CLUSTER INFO");
            told.text().contains("cluster_state:ok").then_some(())
        });
        assert!(ready.is_some(), "the cluster does not become ready; {}", server.told());
        server
    }

    /// Starts a node of a cluster that has no slot, and so refuses every key.
    #[track_caller]
    pub fn start_cluster_without_slots() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port().to_string();
        drop(listener);
        Self::start_with(&[
            ("bind", "127.0.0.1"),
            ("cluster-enabled", "yes"),
            ("cluster-port", &port),
        ])
    }

    /// The folder that holds everything the server writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The socket the server listens on.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where a client finds the server: `unix://` and the absolute path of the socket. A password is not in it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The process of the server. Panics between [`kill`](Self::kill) and [`restart`](Self::restart).
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server was not killed").id()
    }

    /// Kills the server by `SIGKILL` and waits until it is gone; its files stay. Does nothing when it is gone already.
    ///
    /// With `appendfsync everysec`, Redis keeps what it answered in its own memory while a sync runs, and loses that
    /// here. Who counts on a write calls [`wait_until_written`](Self::wait_until_written) first.
    #[track_caller]
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("one may kill one's own child");
            process.wait().expect("a killed child ends");
        }
    }

    /// Starts the server on the files that are there, at the same address, and waits until it has loaded them and
    /// answers. A server that still runs is killed first.
    #[track_caller]
    pub fn restart(&mut self) {
        self.kill();
        let log = File::options().create(true).append(true).open(self.log());
        let log = log.expect("the log of redis-server can be written");
        let errors = log.try_clone().expect("a file can have two handles");
        let spawned = Command::new("redis-server")
            .arg(self.folder().join("redis.conf"))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn();
        self.process = match spawned {
            Ok(process) => Some(process),
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "the tests need redis-server: `cargo xtask test` installs it, or: sudo apt-get install redis-server"
            ),
            Err(error) => panic!("redis-server does not start: {error}"),
        };
        self.wait_until_ready();
    }

    /// Asks one command on a connection of its own and gives back the answer, whatever it is. Panics when there is
    /// none.
    #[track_caller]
    pub fn ask(&self, command: &[&[u8]]) -> Reply {
        match self.connect().and_then(|mut connection| connection.ask(command)) {
            Ok(reply) => reply,
            Err(error) => panic!("redis-server does not answer: {error}; {}", self.told()),
        }
    }

    /// Like [`ask`](Self::ask), with a command whose words stand between spaces.
    #[track_caller]
    pub fn ask_text(&self, command: &str) -> Reply {
        let words: Vec<&[u8]> = command.split_whitespace().map(str::as_bytes).collect();
        self.ask(&words)
    }

    /// Every key of the database, sorted.
    #[track_caller]
    pub fn every_key(&self) -> Vec<Vec<u8>> {
        let mut keys = BTreeSet::new();
        let mut cursor = "0".to_owned();
        loop {
            let reply = self.ask_text(&format!("SCAN {cursor} COUNT 1000"));
            let [next, page] = reply.items() else {
                panic!("SCAN answers with a cursor and keys, not with {reply:?}");
            };
            // A key may come twice when the table grows meanwhile.
            keys.extend(page.items().iter().map(|key| key.bytes().to_vec()));
            next.text().clone_into(&mut cursor);
            if cursor == "0" {
                return keys.into_iter().collect();
            }
        }
    }

    /// The bytes of the append-only file, that is of every file in `appendonlydir` by the order of their names;
    /// nothing when the server keeps none.
    ///
    /// A running server is given the time to write what it has answered, so that what is absent was never written.
    #[track_caller]
    pub fn appended(&self) -> Vec<u8> {
        if self.process.is_some() {
            self.wait_until_written();
        }
        let entries = match fs::read_dir(self.folder().join("appendonlydir")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => panic!("the append-only folder cannot be listed: {error}"),
        };
        let paths = entries.map(|entry| entry.expect("the append-only folder can be listed").path());
        let paths: BTreeSet<PathBuf> = paths.collect();
        let read = |path| fs::read(path).expect("an append-only file can be read");
        paths.into_iter().flat_map(read).collect()
    }

    /// Waits until everything that was answered so far has gone to the operating system, where it outlives the
    /// server's process.
    #[track_caller]
    pub fn wait_until_written(&self) {
        let written = eventually(|| {
            let reply = self.ask_text("INFO persistence");
            let mut lines = reply.text().lines();
            // Without an append-only file there is no such line, and nothing to wait for.
            let held = lines.find_map(|line| line.strip_prefix("aof_buffer_length:"));
            held.is_none_or(|held| held == "0").then_some(())
        });
        assert!(written.is_some(), "redis-server does not write; {}", self.told());
    }

    /// Begins to listen to every command the server runs, whoever sends it, until [`Monitor::finish`].
    ///
    /// Commands through this very type are heard, too. Redis shows none that log in (`AUTH`, `HELLO`) or administer
    /// (`CONFIG`).
    #[track_caller]
    pub fn monitor(&self) -> Monitor {
        let connect = || self.connect().expect("redis-server takes a connection");
        Monitor::start(connect(), connect())
    }

    /// A connection that may ask everything.
    fn connect(&self) -> io::Result<Connection> {
        let mut connection = Connection::open(&self.socket)?;
        if let Some(password) = &self.password
            && let Reply::Error(error) = connection.ask(&[b"AUTH", password.as_bytes()])?
        {
            return Err(io::Error::other(error));
        }
        Ok(connection)
    }

    /// Waits until the server has loaded its files and takes commands.
    #[track_caller]
    fn wait_until_ready(&mut self) {
        let ready = eventually(|| {
            let process = self.process.as_mut().expect("the server was just started");
            if let Some(status) = process.try_wait().expect("one may ask after one's own child") {
                panic!("redis-server ended at once, {status}; {}", self.told());
            }
            match self.connect().and_then(|mut connection| connection.ask(&[b"PING"])) {
                Ok(Reply::Simple(word)) if word == "PONG" => Some(()),
                Ok(Reply::Error(error)) if error.starts_with("LOADING") => None,
                Ok(reply) => panic!("redis-server answers PING with {reply:?}; {}", self.told()),
                Err(error) if is_not_yet(error.kind()) => None,
                Err(error) => panic!("redis-server does not answer PING: {error}; {}", self.told()),
            }
        });
        assert!(ready.is_some(), "redis-server does not become ready; {}", self.told());
    }

    /// What the server wrote about itself, for a panic.
    fn told(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        format!("its log:\n{}", String::from_utf8_lossy(&log))
    }

    fn log(&self) -> PathBuf {
        self.folder().join("redis.log")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // A panic here would end the whole program while another panic unwinds.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// What Redis answers, in the shapes of RESP2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A word such as `OK`.
    Simple(String),
    /// A refusal: its name in capitals, then a sentence.
    Error(String),
    /// A number.
    Integer(i64),
    /// A string of any bytes.
    Bulk(Vec<u8>),
    /// Nothing is there.
    Nil,
    /// Several answers.
    Array(Vec<Reply>),
}

impl Reply {
    /// The words of a simple or a bulk string. Panics when it is neither, or no UTF-8.
    #[track_caller]
    pub fn text(&self) -> &str {
        match self {
            Self::Simple(text) => text,
            Self::Bulk(bytes) => std::str::from_utf8(bytes).expect("the answer is text"),
            other => panic!("{other:?} is no text"),
        }
    }

    /// The number. Panics when it is none.
    #[track_caller]
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("{other:?} is no integer"),
        }
    }

    /// The bytes of a bulk string. Panics when it is none.
    #[track_caller]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Bulk(bytes) => bytes,
            other => panic!("{other:?} is no bulk string"),
        }
    }

    /// The answers of an array. Panics when it is none.
    #[track_caller]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            other => panic!("{other:?} is no array"),
        }
    }
}

/// The lines of `redis.conf`; of two with one name, Redis takes the later.
fn configuration(folder: &Path, settings: &[(&str, &str)]) -> String {
    let folder = folder.display();
    let lines = format!(
        "port 0\nunixsocket \"{folder}/redis.sock\"\ndir \"{folder}\"\ndaemonize no\nloglevel warning\nsave \"\"\n\
         appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n"
    );
    let further = settings.iter().map(|(name, value)| match *value {
        "" => format!("{name} \"\"\n"),
        value => format!("{name} {value}\n"),
    });
    lines + &further.collect::<String>()
}

/// Whether a server that is about to listen refuses this way.
fn is_not_yet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused)
}

/// Looks until there is something to see, and gives up after [`LOOKS_MAX`] times.
#[track_caller]
fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    // Nothing is ever sent, and so the wait for it is the pause.
    let (_silent, pause) = mpsc::channel::<()>();
    (0..LOOKS_MAX).find_map(|_| {
        let seen = look();
        if seen.is_none() {
            let _ = pause.recv_timeout(LOOK_EVERY);
        }
        seen
    })
}
