//! Trouble drawn from a seed: the same seed gives the same request the same trouble. Kept out: orders for particular
//! messages, which are scenarios.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fate::{Event, Fate, Step, Telling};
use crate::fault::Fault;
use crate::wire::draw;

/// Trouble for everybody. What is drawn depends on the seed and on the number of the request, counted from when the
/// mischief was set; who sends which request is up to the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mischief {
    /// Where the draws come from.
    pub seed: u64,
    /// How often each kind happens.
    pub per_mille: Odds,
}

/// How often each kind of mischief happens, in thousandths. A request meets at most one of the first five; where they
/// add up to more than 1,000 the last are cut. The others are drawn for each accepted message, apart from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Odds {
    /// Requests refused: by 131000, 131016, 130429 or an HTML page with 502, in equal parts.
    pub refused: u16,
    /// Requests hung up on before acceptance.
    pub hung_up_before: u16,
    /// Requests hung up on after acceptance.
    pub hung_up_after: u16,
    /// Requests accepted and never answered.
    pub silent_after: u16,
    /// Requests accepted and answered by half.
    pub half_answered: u16,
    /// Messages whose webhooks come up to 5 s late, each by its own time, and so in any order.
    pub late: u16,
    /// Messages whose webhooks come twice.
    pub doubled: u16,
    /// Messages of which two neighboring webhooks come in reversed order.
    pub reversed: u16,
    /// Messages of which one webhook, or each, never comes.
    pub missing: u16,
    /// Messages whose webhooks are preceded by forged ones.
    pub forged: u16,
    /// Messages that fail with 131026 after they were accepted.
    pub failed: u16,
}

impl Odds {
    /// Every kind equally often. `per_mille` above 200 leaves no request unharmed.
    pub fn all(per_mille: u16) -> Self {
        Self {
            refused: per_mille,
            hung_up_before: per_mille,
            hung_up_after: per_mille,
            silent_after: per_mille,
            half_answered: per_mille,
            late: per_mille,
            doubled: per_mille,
            reversed: per_mille,
            missing: per_mille,
            forged: per_mille,
            failed: per_mille,
        }
    }
}

/// What was drawn since the mischief was last set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MischiefDone {
    /// Requests that were drawn for.
    pub requests: u64,
    /// Accepted messages that were drawn for.
    pub messages: u64,
    /// Requests refused with 131000.
    pub refused_131000: u64,
    /// Requests refused with 131016.
    pub refused_131016: u64,
    /// Requests refused with 130429.
    pub refused_130429: u64,
    /// Requests answered with an HTML page and 502.
    pub refused_html: u64,
    /// See [`Odds::hung_up_before`].
    pub hung_up_before: u64,
    /// See [`Odds::hung_up_after`]. Counts requests, of which an invalid one is not accepted.
    pub hung_up_after: u64,
    /// See [`Odds::silent_after`]. Counts requests, of which an invalid one is not accepted.
    pub silent_after: u64,
    /// See [`Odds::half_answered`]. Counts requests, of which an invalid one is not accepted.
    pub half_answered: u64,
    /// See [`Odds::late`].
    pub late: u64,
    /// See [`Odds::doubled`].
    pub doubled: u64,
    /// See [`Odds::reversed`].
    pub reversed: u64,
    /// See [`Odds::missing`].
    pub missing: u64,
    /// See [`Odds::forged`].
    pub forged: u64,
    /// See [`Odds::failed`].
    pub failed: u64,
}

/// The latest a late webhook is.
const LATE_MS_MAX: u64 = 5_000;

/// The mischief in force, and what it did.
#[derive(Default)]
pub(crate) struct MischiefBook {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mischief: Option<Mischief>,
    done: MischiefDone,
}

/// The draws of one request.
#[derive(Clone, Copy)]
pub(crate) struct Lot {
    mischief: Mischief,
    request: u64,
}

impl MischiefBook {
    pub(crate) fn set(&self, mischief: Option<Mischief>) {
        let mut state = self.state();
        state.mischief = mischief;
        // What was done stays readable after the end.
        if mischief.is_some() {
            state.done = MischiefDone::default();
        }
    }

    pub(crate) fn done(&self) -> MischiefDone {
        self.state().done
    }

    /// A lot for the request at hand, while there is mischief.
    pub(crate) fn next_lot(&self) -> Option<Lot> {
        let mut state = self.state();
        let mischief = state.mischief?;
        let request = state.done.requests;
        state.done.requests += 1;
        Some(Lot { mischief, request })
    }

    /// What the request meets, counted.
    pub(crate) fn fault(&self, lot: Lot) -> Option<Fault> {
        let odds = lot.mischief.per_mille;
        let mut state = self.state();
        let done = &mut state.done;
        let mut left = lot.draw("request", 1_000);
        let mut is = |odds: u16| {
            let meant = left < u64::from(odds);
            left = left.saturating_sub(u64::from(odds));
            meant
        };
        let (fault, counter) = if is(odds.refused) {
            match lot.draw("refusal", 4) {
                0 => (Fault::Error { code: 131_000 }, &mut done.refused_131000),
                1 => (Fault::Error { code: 131_016 }, &mut done.refused_131016),
                2 => (Fault::Error { code: 130_429 }, &mut done.refused_130429),
                _ => (Fault::Html { status: 502 }, &mut done.refused_html),
            }
        } else if is(odds.hung_up_before) {
            (Fault::HangUp, &mut done.hung_up_before)
        } else if is(odds.hung_up_after) {
            (Fault::AcceptThenHangUp, &mut done.hung_up_after)
        } else if is(odds.silent_after) {
            (Fault::AcceptThenSilence, &mut done.silent_after)
        } else if is(odds.half_answered) {
            (Fault::AcceptThenHalfAnswer, &mut done.half_answered)
        } else {
            return None;
        };
        *counter += 1;
        Some(fault)
    }

    /// What becomes of the message that would have had this fate, counted.
    pub(crate) fn fate(&self, lot: Lot, mut fate: Fate) -> Fate {
        let odds = lot.mischief.per_mille;
        let mut state = self.state();
        let done = &mut state.done;
        done.messages += 1;
        if lot.hits("failed", odds.failed, &mut done.failed) {
            let after = fate.steps.first().and_then(|first| first.after);
            fate = Fate {
                held: fate.held,
                ..Fate::failed(131_026, after.unwrap_or(Duration::ZERO))
            };
        }
        if lot.hits("doubled", odds.doubled, &mut done.doubled) {
            each(&mut fate, |told| told.times = 2);
        }
        if lot.hits("forged", odds.forged, &mut done.forged) {
            each(&mut fate, |told| told.forged = true);
        }
        if lot.hits("reversed", odds.reversed, &mut done.reversed) {
            let pairs = fate.steps.len().saturating_sub(1).max(1);
            let first = lot.draw("which is reversed", pairs as u64);
            on(&mut fate, first, |step| step.told.reversed = true);
        }
        if lot.hits("late", odds.late, &mut done.late) {
            for place in 0..fate.steps.len() as u64 {
                let late = Duration::from_millis(1 + lot.draw(&format!("late {place}"), LATE_MS_MAX));
                on(&mut fate, place, |step| step.told.late = late);
            }
        }
        if lot.hits("missing", odds.missing, &mut done.missing) {
            match lot.draw("which is missing", fate.steps.len() as u64 + 1) {
                0 => each(&mut fate, |told| told.times = 0),
                place => on(&mut fate, place - 1, |step| step.told.times = 0),
            }
        }
        fate
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lot {
    fn draw(self, what: &str, below: u64) -> u64 {
        draw(self.mischief.seed, self.request, what) % below
    }

    fn hits(self, what: &str, per_mille: u16, counter: &mut u64) -> bool {
        let hit = self.draw(what, 1_000) < u64::from(per_mille);
        *counter += u64::from(hit);
        hit
    }
}

/// Changes how every step is told that can be told at all.
fn each(fate: &mut Fate, change: impl Fn(&mut Telling)) {
    for step in &mut fate.steps {
        if step.event != Event::NewIdentity {
            change(&mut step.told);
        }
    }
}

fn on(fate: &mut Fate, place: u64, change: impl FnOnce(&mut Step)) {
    let step = usize::try_from(place).ok().and_then(|place| fate.steps.get_mut(place));
    if let Some(step) = step {
        change(step);
    }
}
