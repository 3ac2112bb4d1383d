//! Processes that belong to the benchmark: they end with their owner, whatever happens to it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Outcome;

/// A running process. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts a process that reads nothing. Where it writes is up to the caller.
    pub(crate) fn start(name: &str, command: &mut Command) -> Outcome<Self> {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {name} ({}): {error}", command.get_program().display()))?;
        Ok(Self {
            child,
            name: name.to_owned(),
        })
    }

    /// Fails with words when the process has ended.
    pub(crate) fn demand_running(&mut self) -> Outcome<()> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("{} ended with {status}", self.name)),
            Err(error) => Err(format!("cannot ask about {}: {error}", self.name)),
        }
    }

    /// Its processor time so far, user and kernel, over all its threads that still run.
    pub(crate) fn cpu(&self) -> Outcome<Duration> {
        cpu_of(self.child.id()).map_err(|error| format!("cannot read the processor time of {}: {error}", self.name))
    }

    /// The bytes of its memory that are in the machine's.
    pub(crate) fn resident(&self) -> Outcome<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let bytes = text.ok().and_then(|text| resident(&text));
        bytes.ok_or_else(|| format!("cannot read how much memory {} uses", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processor time of this process so far.
pub(crate) fn own_cpu() -> Outcome<Duration> {
    cpu_of(std::process::id()).map_err(|error| format!("cannot read the own processor time: {error}"))
}

/// The time that all processors together were busy since the machine started, whoever used them.
pub(crate) fn machine_cpu() -> Outcome<Duration> {
    let text = fs::read_to_string("/proc/stat").map_err(|error| format!("cannot read /proc/stat: {error}"))?;
    busy(&text).ok_or_else(|| "/proc/stat looks like nothing known".to_owned())
}

/// The busy time in `/proc/stat`: user, nice, system, interrupts and their bottom halves of the line for all
/// processors, in hundredths of a second.
fn busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|it| it.parse().ok()).collect();
    let sum = [0, 1, 2, 5, 6]
        .iter()
        .map(|place| ticks.get(*place))
        .sum::<Option<u64>>()?;
    Some(Duration::from_millis(sum * 10))
}

/// `VmRSS` in a process's `status`, which counts in KiB.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Sums `schedstat` of the threads and not `stat` of the process: nanoseconds instead of ticks of ten milliseconds.
fn cpu_of(pid: u32) -> std::io::Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the list and the look.
        if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
            sum += on_cpu(&text).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// The time on a processor in a thread's `schedstat`: the first of three numbers, in nanoseconds.
fn on_cpu(schedstat: &str) -> Option<Duration> {
    let nanos = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time_on_a_processor() {
        assert_eq!(on_cpu("439295 12 3\n"), Some(Duration::from_nanos(439_295)));
        assert_eq!(on_cpu(""), None);
        assert_eq!(on_cpu("x 1 2"), None);
    }

    #[test]
    fn what_is_resident_is_found_among_the_other_sizes() {
        let status = "VmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident(status), Some(8 * 1024 * 1024));
        assert_eq!(resident("VmHWM:\t 1 kB\n"), None);
    }

    #[test]
    fn what_is_neither_idle_nor_waiting_nor_stolen_is_busy() {
        let stat = "cpu  10 20 30 4000 50 6 7 80 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(busy(stat), Some(Duration::from_millis(730)));
        assert_eq!(busy("cpu  10 20\n"), None);
        assert!(machine_cpu().unwrap() > Duration::ZERO);
    }

    #[test]
    fn a_running_process_has_used_a_processor() {
        assert!(own_cpu().unwrap() > Duration::ZERO);
    }
}
