//! Records decisions, one JSON object a line, for `countersign replay`. No line holds a phone, an address or a device:
//! only marks, which are keyed digests.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_domain::event::Event;
use countersign_domain::ports::{Clock, Observer};
use countersign_domain::use_case::RecordedEvent;

use crate::recorded_line::Line;
use crate::system::SystemClock;

/// How many lines wait for the disk; what comes beyond them is lost and counted.
const WAITING_MAX: usize = 8_192;
/// How long a line waits at most before it is handed to the system.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// Where decisions are recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordTo {
    /// Standard output, for whatever collects it.
    Stream,
    /// The end of a file.
    File(PathBuf),
}

/// Hears events and hands what is recorded of them to a thread of its own, so that no call waits for a disk.
pub(crate) struct DecisionRecorder {
    /// Nothing once it is finished.
    lines: Mutex<Option<SyncSender<RecordedEvent>>>,
    lost: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl DecisionRecorder {
    /// Opens where decisions go. The error says what is wrong with the place.
    pub(crate) fn open(to: &RecordTo) -> Result<Self, String> {
        let output: Box<dyn Write + Send> = match to {
            RecordTo::Stream => Box::new(io::stdout()),
            RecordTo::File(path) => {
                let file = open_whole(path);
                Box::new(file.map_err(|error| format!("decisions.to: {} cannot be opened: {error}", path.display()))?)
            }
        };
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("decisions".to_owned())
            .spawn(move || write_lines(&receiver, BufWriter::new(output), &counter))
            .map_err(|error| format!("decisions cannot be recorded: {error}"))?;
        Ok(Self {
            lines: Mutex::new(Some(sender)),
            lost,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Records nothing more, and waits until what was recorded is written.
    pub(crate) fn finish(&self) {
        drop(lock(&self.lines).take());
        let writer = lock(&self.writer).take();
        if writer.is_some_and(|it| it.join().is_err()) {
            tracing::error!("the thread that records decisions failed");
        }
    }
}

impl Observer for DecisionRecorder {
    fn record(&self, event: &Event) {
        let Some(recorded) = RecordedEvent::of(event, SystemClock.now()) else {
            return;
        };
        let lines = lock(&self.lines);
        let Some(lines) = lines.as_ref() else { return };
        if lines.try_send(recorded).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Opens a file for appending. A last line that was cut, because the process was killed, is ended, so that it spoils no
/// other.
fn open_whole(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    // A pipe has no length, and a file may be one that can only be written.
    if file.metadata()?.len() > 0 && last_byte(path).is_ok_and(|it| it != b'\n') {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let mut last = [0];
    let mut written = File::open(path)?;
    written.seek(SeekFrom::End(-1))?;
    written.read_exact(&mut last)?;
    Ok(last[0])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_lines(lines: &Receiver<RecordedEvent>, mut output: impl Write, lost: &AtomicU64) {
    let mut is_failing = false;
    loop {
        let written = match lines.recv_timeout(FLUSH_AFTER) {
            Ok(recorded) => write_line(&mut output, &recorded),
            Err(RecvTimeoutError::Timeout) => output.flush(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        tell(written.as_ref().err(), &mut is_failing, lost);
    }
    tell(output.flush().err().as_ref(), &mut is_failing, lost);
}

fn write_line(output: &mut impl Write, recorded: &RecordedEvent) -> io::Result<()> {
    serde_json::to_writer(&mut *output, &Line::of(recorded))?;
    output.write_all(b"\n")
}

/// Says once that lines are lost, and how many once they are not any more.
fn tell(error: Option<&io::Error>, is_failing: &mut bool, lost: &AtomicU64) {
    if let Some(error) = error {
        lost.fetch_add(1, Ordering::Relaxed);
        if !*is_failing {
            tracing::error!(%error, "decisions cannot be recorded");
        }
        *is_failing = true;
        return;
    }
    *is_failing = false;
    let lines = lost.swap(0, Ordering::Relaxed);
    if lines > 0 {
        tracing::warn!(lines, "decisions were not recorded: the record is incomplete");
    }
}
