//! One run of the real binary: what it writes, how it ends, and that it ends at all, even when its test fails.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::timeout;

use countersign_testkit::wait::{PATIENCE, soon};

/// The binary as a user of this machine would run it, who has nothing set but a place for state.
pub(crate) fn countersign(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.env_clear().env("XDG_STATE_HOME", state).env("NO_COLOR", "1");
    command
}

/// A running process. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
    written: watch::Receiver<Written>,
}

/// What a process wrote so far, line by line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written {
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts a process and reads what it writes.
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, written) = watch::channel(Written::default());
        let sender = Arc::new(sender);
        read_lines(child.stdout.take().unwrap(), &sender, |it| &mut it.stdout);
        read_lines(child.stderr.take().unwrap(), &sender, |it| &mut it.stderr);
        Self { child, name, written }
    }

    /// What was written so far.
    pub(crate) fn written(&self) -> Written {
        self.written.borrow().clone()
    }

    /// Waits until `find` sees what it looks for in what was written.
    pub(crate) async fn wait_for<T>(&self, what: &str, find: impl Fn(&Written) -> Option<T>) -> T {
        let mut written = self.written.clone();
        let looking = async {
            loop {
                if let Some(found) = find(&written.borrow_and_update()) {
                    return Some(found);
                }
                if written.changed().await.is_err() {
                    return find(&written.borrow());
                }
            }
        };
        match timeout(PATIENCE, looking).await {
            Ok(Some(found)) => found,
            _ => panic!("{}: {what} did not come: {:#?}", self.name, self.written()),
        }
    }

    /// The process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `TERM`, to this process alone.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -s {signal} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(sent.success(), "{kill}");
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn ended(&mut self) -> Ended {
        let mut written = self.written.clone();
        // Whoever has closed both ends of its output is about to exit.
        let closed = async { while written.changed().await.is_ok() {} };
        soon(format!("the end of {}", self.name), closed).await;
        let code = self.child.wait().unwrap().code();
        let Written { stdout, stderr } = self.written();
        Ended {
            code,
            stdout: stdout.concat(),
            stderr: stderr.concat(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Ended {
    Process::start(command).ended().await
}

/// Reads lines, each with its end, in a thread of their own until the other side closes.
fn read_lines(
    source: impl Read + Send + 'static,
    sender: &Arc<watch::Sender<Written>>,
    side: fn(&mut Written) -> &mut Vec<String>,
) {
    let sender = Arc::clone(sender);
    std::thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            sender.send_modify(|written| side(written).push(text));
            line.clear();
        }
    });
}
