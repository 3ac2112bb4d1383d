//! Time for everything that waits: the wall clock and `tokio::time`, or a clock that stands until a test moves it. Kept
//! out: time-outs of connections, which are about the other side and stay real.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::config::{Clock, Config};

/// A clock that stands still until it is told to go on, so that ten minutes of a message's life take milliseconds.
/// Cheap to clone; all clones are the same clock. Give it to [`Config::with_virtual_clock`].
///
/// Whatever the simulator waits for on its own account follows this clock: the steps of a message, late webhooks, the
/// waits between attempts, slow answers, and the limits. Time-outs of connections stay real.
#[derive(Clone)]
pub struct VirtualClock {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    /// How many pieces of work go on, and do not sleep.
    busy: watch::Sender<usize>,
    /// One advance at a time.
    advancing: tokio::sync::Mutex<()>,
}

struct State {
    now_ms: u64,
    /// Who sleeps, by when to wake and in the order of falling asleep.
    asleep: BTreeMap<Alarm, oneshot::Sender<()>>,
    alarms: u64,
}

/// When to wake, and a number that tells sleepers of the same moment apart.
type Alarm = (u64, u64);

impl VirtualClock {
    /// A clock that stands at `start_ms`, in Unix milliseconds.
    pub fn new(start_ms: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                state: Mutex::new(State {
                    now_ms: start_ms,
                    asleep: BTreeMap::new(),
                    alarms: 0,
                }),
                busy: watch::Sender::new(0),
                advancing: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Unix milliseconds on this clock.
    pub fn now_ms(&self) -> u64 {
        self.state().now_ms
    }

    /// Lets `duration` pass, rounded up to milliseconds. What is due on the way happens one after the other, in the
    /// order of its time, each at its own time. Returns once every webhook that became due was answered, given up, or
    /// waits for an attempt after the new time. A callback that does not answer holds this up for
    /// [`Config::webhook_timeout`] of real time.
    pub async fn advance(&self, duration: Duration) {
        let _turn = self.inner.advancing.lock().await;
        let until_ms = self.now_ms().saturating_add(millis(duration));
        loop {
            self.quiet().await;
            if !self.wake_next(until_ms) {
                break;
            }
        }
        self.state().now_ms = until_ms;
    }

    /// Returns once nothing goes on that an advance would wait for: everything accepted so far has happened as far as
    /// the present time allows.
    pub async fn quiet(&self) {
        // Fails only without a sender, which this handle holds.
        let _ = self.inner.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }

    /// Wakes the first who is due, at its time. Says false when nobody is.
    fn wake_next(&self, until_ms: u64) -> bool {
        let mut state = self.state();
        let Some(first) = state.asleep.first_entry().filter(|first| first.key().0 <= until_ms) else {
            return false;
        };
        let ((due_ms, _), sleeper) = first.remove_entry();
        state.now_ms = due_ms;
        // Counted here, so that no advance goes on before the sleeper has noticed.
        self.count(1);
        let _ = sleeper.send(());
        true
    }

    async fn sleep(&self, duration: Duration) {
        let (wake, woken) = oneshot::channel();
        let alarm = {
            let mut state = self.state();
            let due_ms = state.now_ms.saturating_add(millis(duration));
            if due_ms == state.now_ms {
                return;
            }
            state.alarms += 1;
            let alarm = (due_ms, state.alarms);
            state.asleep.insert(alarm, wake);
            alarm
        };
        let _asleep = Asleep { clock: self, alarm };
        self.count(-1);
        // Fails only when the clock is gone, which this handle keeps.
        let _ = woken.await;
    }

    fn count(&self, change: isize) {
        self.inner
            .busy
            .send_modify(|busy| *busy = busy.saturating_add_signed(change));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VirtualClock")
            .field("now_ms", &self.now_ms())
            .finish_non_exhaustive()
    }
}

/// A sleeper who is not woken but dropped goes on with something else.
struct Asleep<'clock> {
    clock: &'clock VirtualClock,
    alarm: Alarm,
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        if self.clock.state().asleep.remove(&self.alarm).is_some() {
            self.clock.count(1);
        }
    }
}

/// The one clock of a simulator.
#[derive(Clone)]
pub(crate) enum Time {
    Real(Clock),
    Virtual(VirtualClock),
}

impl Time {
    pub(crate) fn of(config: &Config) -> Self {
        match &config.virtual_clock {
            Some(clock) => Self::Virtual(clock.clone()),
            None => Self::Real(Arc::clone(&config.clock)),
        }
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        match self {
            Self::Real(clock) => clock(),
            Self::Virtual(clock) => clock.now_ms(),
        }
    }

    /// Lets `duration` pass. Whoever sleeps has to hold a [`Busy`], or be part of what does.
    pub(crate) async fn sleep(&self, duration: Duration) {
        match self {
            Self::Real(_) => tokio::time::sleep(duration).await,
            Self::Virtual(clock) => clock.sleep(duration).await,
        }
    }

    /// Marks work that goes on until the mark is dropped, for an advance to wait for.
    pub(crate) fn busy(&self) -> Busy {
        match self {
            Self::Real(_) => Busy(None),
            Self::Virtual(clock) => {
                clock.count(1);
                Busy(Some(clock.clone()))
            }
        }
    }

    /// Waits for something from outside that no passing of time brings about. Needs a [`Busy`], as sleeping does.
    pub(crate) async fn wait_for<T>(&self, event: impl Future<Output = T>) -> T {
        let _aside = match self {
            Self::Real(_) => None,
            Self::Virtual(clock) => {
                clock.count(-1);
                Some(Aside(clock))
            }
        };
        event.await
    }
}

/// Work that goes on.
pub(crate) struct Busy(Option<VirtualClock>);

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(clock) = &self.0 {
            clock.count(-1);
        }
    }
}

/// Work that does not count while it waits for the world.
struct Aside<'clock>(&'clock VirtualClock);

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.0.count(1);
    }
}

/// Whole milliseconds, rounded up: nobody wakes early.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
