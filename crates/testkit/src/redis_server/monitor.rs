//! Counts what clients send: every command a server runs, as its `MONITOR` shows them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::wire::Connection;

/// How the markers begin that end a [`Monitor`].
const MARKER: &str = "countersign-monitor-end-";

/// Listens to the commands a server runs; made by [`RedisServer::monitor`](super::RedisServer::monitor).
#[derive(Debug)]
pub struct Monitor {
    listening: Connection,
    marking: Connection,
}

/// One command that a server ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitored {
    /// The command's name in capitals, such as `EVALSHA`.
    pub command: String,
    /// Whether a script ran it, and not a client.
    pub from_script: bool,
    /// The line as Redis shows it: time, database and origin, then every word in quotes.
    pub line: String,
}

impl Monitor {
    /// Listens on the first connection; the second will say when to stop.
    #[track_caller]
    pub(super) fn start(mut listening: Connection, marking: Connection) -> Self {
        let reply = listening.ask(&[b"MONITOR"]).expect("redis-server answers MONITOR");
        assert_eq!(reply.text(), "OK");
        Self { listening, marking }
    }

    /// Every command that was answered since the monitor began, in the order in which they ran.
    #[track_caller]
    pub fn finish(mut self) -> Vec<Monitored> {
        static FINISHED: AtomicU64 = AtomicU64::new(0);
        let marker = format!("{MARKER}{}", FINISHED.fetch_add(1, Ordering::Relaxed));
        let reply = self.marking.ask(&[b"ECHO", marker.as_bytes()]);
        assert_eq!(reply.expect("redis-server answers ECHO").text(), marker);
        let end = format!(" \"ECHO\" \"{marker}\"");
        let mut heard = Vec::new();
        loop {
            let reply = self.listening.read().expect("MONITOR shows what ran");
            let line = reply.text();
            if line.ends_with(&end) {
                return heard;
            }
            // The markers of other monitors are nobody's commands either.
            if !line.contains(MARKER) {
                heard.push(Monitored::parse(line));
            }
        }
    }
}

impl Monitored {
    /// Takes `1700000000.123456 [0 unix:/path] "get" "x"` apart; a script's origin is `[0 lua]`.
    #[track_caller]
    fn parse(line: &str) -> Self {
        let (origin, words) = line.split_once("] \"").expect("MONITOR shows an origin, then words");
        let (command, _) = words.split_once('"').expect("MONITOR shows words in quotes");
        Self {
            command: command.to_uppercase(),
            from_script: origin.ends_with(" lua"),
            line: line.to_owned(),
        }
    }
}
